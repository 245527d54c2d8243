//! Rules: what to look for in an answer, and what it means.

use std::sync::LazyLock;

use http::HeaderMap;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Verdict, said::Said};

/// What an answer looks like and what it then means. Every condition that is given must hold; of a list, one entry.
///
/// ```
/// use amp_pool_core::classify::Rule;
///
/// let rule: Rule = serde_json::from_str(r#"{"status": [403], "text": ["out of credits"], "verdict": "out_of_credit"}"#)?;
/// assert_eq!(rule.verdict.as_str(), "out_of_credit");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The status; 200 for an error inside a stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// A word made for machines, wherever the answer has it: inner code, `code`, `type`, `status`. In lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "lower_case")]
    pub code: Vec<String>,
    /// A phrase of the message, or of the name of an exceeded quota. In lower case. With `^` in front: how the message
    /// begins, so that a client cannot smuggle it in by a text that the upstream quotes.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "lower_case")]
    pub text: Vec<String>,
    /// What the body is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Shape>,
    /// A header that must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What it means.
    pub verdict: Verdict,
    /// The wait if the answer names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u64>,
    /// When the limit is lifted if the message names no date; goes before every other hint of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// The zone of dates in the message.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub utc_offset_hours: i8,
}

/// What a body is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// JSON.
    Json,
    /// A page for people.
    Html,
    /// Plain text, nothing, or not readable.
    #[default]
    Other,
}

/// A point in the calendar at which a limit is lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// The first of the next month, UTC.
    NextMonth,
    /// Midnight in California: 08:00 UTC, all the year. An hour late in summer rather than an hour early in winter.
    PacificMidnight,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(hours: &i8) -> bool {
    *hours == 0
}

fn lower_case<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Vec::<String>::deserialize(deserializer).map(|words| words.iter().map(|word| word.to_lowercase()).collect())
}

/// What rules look at.
pub(super) struct Heard<'a> {
    pub(super) status: u16,
    pub(super) headers: Option<&'a HeaderMap>,
    pub(super) said: Said,
}

impl<'a> Heard<'a> {
    /// An error under a 2xx counts as the status that it names.
    pub(super) fn new(status: u16, headers: Option<&'a HeaderMap>, said: Said) -> Self {
        let success = (200..300).contains(&status);
        let named = said.named_status().filter(|_| success && said.is_error);
        Self { status: named.unwrap_or(status), headers, said }
    }

    pub(super) fn is_answer(&self) -> bool {
        (200..300).contains(&self.status) && !self.said.is_error
    }
}

impl Rule {
    fn matches(&self, heard: &Heard<'_>) -> bool {
        let Said { codes, text, shape, .. } = &heard.said;
        let has_code = |word: &String| codes.contains(word);
        let says = |phrase: &String| match phrase.strip_prefix('^') {
            Some(beginning) => text.starts_with(beginning),
            None => text.contains(phrase.as_str()),
        };
        (self.status.is_empty() || self.status.contains(&heard.status))
            && (self.code.is_empty() || self.code.iter().any(has_code))
            && (self.text.is_empty() || self.text.iter().any(says))
            && self.body.is_none_or(|body| body == *shape)
            && self.header.as_ref().is_none_or(|name| heard.headers.is_some_and(|headers| headers.contains_key(name)))
    }

    fn reads_more_than_the_status(&self) -> bool {
        !self.code.is_empty() || !self.text.is_empty() || self.body.is_some() || self.header.is_some()
    }
}

/// The rule that decides: the body before the status, the provider's before the generic ones, in the order written.
pub(super) fn first_match<'r>(rules: &'r [Rule], heard: &Heard<'_>) -> Option<&'r Rule> {
    let all = || rules.iter().chain(generic());
    let by = |body: bool| all().find(|rule| rule.reads_more_than_the_status() == body && rule.matches(heard));
    by(true).or_else(|| by(false))
}

/// What holds for every provider.
pub(super) fn generic() -> &'static [Rule] {
    // A test holds the file to be readable; without it every failure would be judged by the class of its status.
    static RULES: LazyLock<Vec<Rule>> =
        LazyLock::new(|| serde_json::from_str(include_str!("generic.json")).unwrap_or_default());
    &RULES
}
