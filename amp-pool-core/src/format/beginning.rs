//! What tells one conversation from another: the name its client gives it, or the words it begins with.
//!
//! Only the first messages are looked at, however long the conversation is: what stays the same from turn to turn is what
//! an upstream's prompt cache holds.

use std::borrow::Cow;

use serde::Deserialize;

use super::{
    peek::each_member,
    walk::{elements, members},
};

/// What a request says about the conversation it belongs to.
///
/// ```
/// let body = br#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes?"}]}"#;
/// let beginning = amp_pool_core::format::peek(body)?.beginning;
/// assert_eq!(beginning.words, [r#"{"role":"user","content":"hi"}"#]);
/// assert!(beginning.goes_on);
/// # Ok::<_, amp_pool_core::format::PeekError>(())
/// ```
///
/// Clients that name their conversation are taken at their word:
///
/// ```
/// use amp_pool_core::format::{Beginning, peek};
///
/// let body = br#"{"input":"hi","prompt_cache_key":"thread 7","previous_response_id":"resp_1"}"#;
/// let Beginning { name, previous, .. } = peek(body)?.beginning;
/// assert_eq!((name.as_deref(), previous.as_deref()), (Some("thread 7"), Some("resp_1")));
/// # Ok::<_, amp_pool_core::format::PeekError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beginning<'a> {
    /// `prompt_cache_key`, or a `metadata.user_id` that names a session.
    pub name: Option<Cow<'a, str>>,
    /// `previous_response_id`: the answer that the upstream is to go on from.
    pub previous: Option<Cow<'a, str>>,
    /// System text and messages up to the first of a user, as they are written.
    pub words: Vec<&'a str>,
    /// Whether there is more behind that: somebody has answered before.
    pub goes_on: bool,
}

/// How many messages may stand before the first of a user.
const LOOKED_AT: usize = 8;

impl<'a> Beginning<'a> {
    /// Looks at one member of a request body.
    pub(super) fn take(&mut self, name: &str, value: &'a str) {
        match name {
            "system" | "instructions" => self.words.push(value),
            "messages" | "input" => self.take_turns(value),
            "prompt_cache_key" => self.name = text(value),
            "metadata" if self.name.is_none() => self.name = session_of(value),
            "previous_response_id" => self.previous = text(value),
            _ => {}
        }
    }

    fn take_turns(&mut self, turns: &'a str) {
        let mut turns = elements(turns);
        for turn in turns.by_ref().take(LOOKED_AT) {
            self.words.push(turn);
            if is_of_user(turn) {
                self.goes_on = turns.next().is_some();
                return;
            }
        }
    }
}

fn text(value: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Option<Text<'_>>>(value).ok().flatten().map(|text| text.0).filter(|text| !text.is_empty())
}

/// Only a user id that says it is one of a session is one of a conversation.
fn session_of(metadata: &str) -> Option<Cow<'_, str>> {
    let mut found = None;
    let _ = each_member(metadata, |name, value| {
        if matches!(&*name, "user_id" | "session_id" | "conversation_id") {
            found = text(value).filter(|id| name != "user_id" || id.contains("session"));
        }
    });
    found
}

fn is_of_user(turn: &str) -> bool {
    members(turn).any(|member| member == (r#""role""#, r#""user""#))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Beginning<'_> {
        crate::format::peek(body.as_bytes()).unwrap().beginning
    }

    #[test]
    fn a_conversation_begins_with_its_system_text_and_the_first_of_its_user() {
        let check = |body: &str, words: &[&str], goes_on: bool| {
            let beginning = read(body);
            assert_eq!((&*beginning.words, beginning.goes_on), (words, goes_on), "{body}");
        };
        let (system, user, more) =
            (r#"{"role":"system","content":"s"}"#, r#"{"role":"user","content":"u"}"#, r#"{"role":"assistant"}"#);
        check(&format!(r#"{{"messages":[{system},{user}]}}"#), &[system, user], false);
        check(&format!(r#"{{"messages":[{system},{user},{more},{user}]}}"#), &[system, user], true);
        check(&format!(r#"{{"system":"s","messages":[{user},{more}]}}"#), &["\"s\"", user], true);
        check(&format!(r#"{{"instructions":"s","input":[{user}]}}"#), &["\"s\"", user], false);
        check(r#"{"input":"text"}"#, &[], false);
        check(r#"{"messages":7}"#, &[], false);
    }

    #[test]
    fn names_are_taken_where_they_name_a_conversation() {
        let name = |body: &str| read(body).name.map(Cow::into_owned);
        assert_eq!(name(r#"{"prompt_cache_key":"k"}"#).as_deref(), Some("k"));
        assert_eq!(name(r#"{"metadata":{"user_id":"user_1_session_2"}}"#).as_deref(), Some("user_1_session_2"));
        assert_eq!(name(r#"{"metadata":{"user_id":"u"}}"#), None);
        assert_eq!(name(r#"{"prompt_cache_key":null,"metadata":null}"#), None);
        assert_eq!(read(r#"{"previous_response_id":"resp_1"}"#).previous.as_deref(), Some("resp_1"));
    }
}
