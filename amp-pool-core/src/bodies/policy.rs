//! Whose bodies are kept.

use serde::Deserialize;

use crate::id::TokenId;

const MOST_BYTES: u32 = 1024 * 1024;
const MOST_DAYS: u32 = 90;

/// Whose bodies are kept, how much of them, and for how long.
///
/// As JSON, the value of the setting `bodies`: `{"of": "all"}` or `{"of": [3, 5], "bytes": 65536, "days": 7}`, where the
/// numbers are client tokens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Policy {
    /// Whose.
    pub(super) of: Whose,
    /// How many bytes of each body at most.
    pub(super) bytes: u32,
    /// For how many days.
    pub(super) days: u32,
}

/// Whose bodies are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub(crate) enum Whose {
    /// Nobody's.
    #[default]
    Nobody,
    /// Everybody's.
    Everybody,
    /// Those of calls with these client tokens.
    Tokens(Vec<TokenId>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Word(Word),
    Tokens(Vec<TokenId>),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    All,
    Nobody,
}

impl From<Written> for Whose {
    fn from(written: Written) -> Self {
        match written {
            Written::Word(Word::All) => Self::Everybody,
            Written::Word(Word::Nobody) => Self::Nobody,
            Written::Tokens(tokens) => Self::Tokens(tokens),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self { of: Whose::Nobody, bytes: 64 * 1024, days: 7 }
    }
}

impl Policy {
    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if !(1..=MOST_BYTES).contains(&self.bytes) {
            return Some("`bytes` is from 1 to 1048576");
        }
        (!(1..=MOST_DAYS).contains(&self.days)).then_some("`days` is from 1 to 90")
    }

    pub(super) fn wants(&self, token: Option<TokenId>) -> bool {
        match &self.of {
            Whose::Nobody => false,
            Whose::Everybody => true,
            Whose::Tokens(tokens) => token.is_some_and(|token| tokens.contains(&token)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_from_its_setting() {
        let check = |text: &str, is_taken: bool| {
            let read = serde_json::from_str::<Policy>(text);
            assert_eq!(read.is_ok_and(|policy| policy.problem().is_none()), is_taken, "{text}");
        };
        check("{}", true);
        check(r#"{"of": "all", "bytes": 1048576, "days": 90}"#, true);
        check(r#"{"of": "nobody"}"#, true);
        check(r#"{"of": [1, 2]}"#, true);
        check(r#"{"of": "everyone"}"#, false);
        check(r#"{"of": "all", "bytes": 0}"#, false);
        check(r#"{"of": "all", "bytes": 1048577}"#, false);
        check(r#"{"of": "all", "days": 91}"#, false);
        check(r#"{"off": "all"}"#, false);
    }
}
