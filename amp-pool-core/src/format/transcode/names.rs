//! Names of tools that a target can not take.
//!
//! The same name is always changed in the same way, whatever other tools there are: names stand in the cached prefix.

use std::{borrow::Cow, collections::BTreeMap};

use sha2::{Digest, Sha256};

/// Which names were changed, and what they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::format) struct Names {
    /// Sent name to the client's namespace and name.
    known: BTreeMap<String, (Option<String>, String)>,
}

impl Names {
    /// The name that is sent for a tool: itself if it is legal, at most `max` long and in no namespace.
    pub(super) fn sent<'n>(&mut self, namespace: Option<&str>, name: &'n str, max: usize) -> Cow<'n, str> {
        if namespace.is_none() && is_fit(name, max) {
            return Cow::Borrowed(name);
        }
        let full = namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}__{name}"));
        let sent = fitted(full, max);
        self.known.insert(sent.clone(), (namespace.map(String::from), name.to_owned()));
        Cow::Owned(sent)
    }

    /// The client's namespace and name of a tool that the upstream calls `sent`.
    pub(super) fn restored(&self, sent: &str) -> (Option<String>, String) {
        self.known.get(sent).cloned().unwrap_or_else(|| (None, sent.to_owned()))
    }
}

/// Only letters, digits, `_` and `-`, and not longer than `max`. What was changed ends in a hash of what it was.
fn fitted(full: String, max: usize) -> String {
    if is_fit(&full, max) {
        return full;
    }
    let legal: String = full.chars().map(|c| if is_legal(c) { c } else { '_' }).collect();
    let kept = &legal[..legal.len().min(max.saturating_sub(9))];
    format!("{kept}_{}", hex(&Sha256::digest(full.as_bytes())[..4]))
}

fn is_fit(full: &str, max: usize) -> bool {
    !full.is_empty() && full.len() <= max && full.chars().all(is_legal)
}

fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Bytes as lower-case digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_changed_only_when_it_must_be_and_always_comes_back() {
        let check = |namespace: Option<&str>, name: &str, max, expected: &str| {
            let mut names = Names::default();
            let sent = names.sent(namespace, name, max);
            assert_eq!(sent, expected);
            assert!(sent.len() <= max);
            assert_eq!(names.restored(&sent), (namespace.map(String::from), name.to_owned()));
        };
        check(None, "get_weather", 64, "get_weather");
        check(None, "mcp.read/file", 64, "mcp_read_file_21494481");
        check(Some("fs"), "read", 64, "fs__read");
        check(None, "a_name_that_is_too_long", 20, "a_name_that_77812183");
        check(None, "é", 64, "__4a99557e");
    }

    #[test]
    fn names_that_differ_in_one_illegal_character_stay_apart() {
        let mut names = Names::default();

        assert_ne!(names.sent(None, "a.b", 64), names.sent(None, "a:b", 64));
    }

    #[test]
    fn a_name_of_no_tool_is_left_as_it_is() {
        assert_eq!(Names::default().restored("made_up"), (None, "made_up".to_owned()));
    }
}
