//! Rules: what to look for in an answer, and what it means.

use std::{sync::LazyLock, time::Duration};

use http::HeaderMap;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Pattern, Verdict, said::Said, wait};
use crate::time::Timestamp;

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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "VerdictRule"))]
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
    /// A regular expression that is found in the first 2,000 characters of the message, without regard to case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pattern: Vec<Pattern>,
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
    /// Whether the wait is `wait_seconds`, whatever the answer says.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fixed_wait: bool,
    /// When the limit is lifted if the message names no date; goes before every other hint of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// The zone of dates in the message.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub utc_offset_hours: i8,
}

/// What a body is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BodyShape"))]
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
///
/// ```
/// use std::time::Duration;
///
/// use amp_pool_core::classify::{Rule, Shape, Signal, Until, Verdict, classify};
/// use http::{HeaderMap, StatusCode};
///
/// // Who has spent a month's credits waits for the next month, and a page for browsers is no word about a key.
/// let spent = Rule {
///     body: Some(Shape::Json),
///     until: Some(Until::NextMonth),
///     ..Rule::meaning(Verdict::OutOfCredit { wait: None })
/// };
/// let page = Rule { body: Some(Shape::Html), ..Rule::meaning(Verdict::UpstreamFault) };
/// let rules = [spent, page];
///
/// let (headers, now) = (HeaderMap::new(), "2026-01-31T00:00:00Z".parse()?);
/// let judge = |body: &[u8]| classify(&rules, &Signal::response(StatusCode::FORBIDDEN, &headers, body, now));
/// assert_eq!(judge(br#"{"error": "used up"}"#).wait(), Some(Duration::from_secs(24 * 60 * 60)));
/// assert_eq!(judge(b"<html>Forbidden</html>"), Verdict::UpstreamFault);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "RuleUntil"))]
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_false(claim: &bool) -> bool {
    !*claim
}

fn lower_case<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Vec::<String>::deserialize(deserializer).map(|words| words.iter().map(|word| word.to_lowercase()).collect())
}

/// What rules look at.
pub(super) struct Heard<'a> {
    pub(super) status: u16,
    pub(super) headers: Headers<'a>,
    pub(super) said: Said,
}

/// The headers of an answer, or what was kept of them.
#[derive(Clone, Copy)]
pub(super) enum Headers<'a> {
    /// There were none: it was an event.
    None,
    Live(&'a HeaderMap),
    Kept {
        names: &'a [String],
        wait: Option<Duration>,
    },
}

impl<'a> Headers<'a> {
    pub(super) fn live(self) -> Option<&'a HeaderMap> {
        if let Self::Live(headers) = self { Some(headers) } else { None }
    }

    pub(super) fn names(self) -> impl Iterator<Item = &'a str> {
        let live = self.live().into_iter().flat_map(HeaderMap::keys).map(http::HeaderName::as_str);
        let kept = if let Self::Kept { names, .. } = self { names } else { &[] };
        live.chain(kept.iter().map(String::as_str))
    }

    fn have(self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::Live(headers) => headers.contains_key(name),
            Self::Kept { names, .. } => names.iter().any(|kept| kept.eq_ignore_ascii_case(name)),
        }
    }
}

impl<'a> Heard<'a> {
    /// An error under a 2xx counts as the status that it names.
    pub(super) fn new(status: u16, headers: Headers<'a>, said: Said) -> Self {
        let success = (200..300).contains(&status);
        let named = said.named_status().filter(|_| success && said.is_error);
        Self { status: named.unwrap_or(status), headers, said }
    }

    pub(super) fn is_answer(&self) -> bool {
        (200..300).contains(&self.status) && !self.said.is_error
    }
}

impl Rule {
    /// A rule without a condition, which has to get one.
    #[must_use]
    pub fn meaning(verdict: Verdict) -> Self {
        Self {
            status: Vec::new(),
            code: Vec::new(),
            text: Vec::new(),
            pattern: Vec::new(),
            body: None,
            header: None,
            verdict,
            wait_seconds: None,
            fixed_wait: false,
            until: None,
            utc_offset_hours: 0,
        }
    }

    pub(super) fn matches(&self, heard: &Heard<'_>) -> bool {
        let Said { codes, text, shape, .. } = &heard.said;
        let has_code = |word: &String| codes.contains(word);
        let says = |phrase: &String| match phrase.strip_prefix('^') {
            Some(beginning) => text.starts_with(beginning),
            None => text.contains(phrase.as_str()),
        };
        (self.status.is_empty() || self.status.contains(&heard.status))
            && (self.code.is_empty() || self.code.iter().any(has_code))
            && (self.text.is_empty() || self.text.iter().any(says))
            && (self.pattern.is_empty() || self.pattern.iter().any(|pattern| pattern.regex().is_match(searched(text))))
            && self.body.is_none_or(|body| body == *shape)
            && self.header.as_ref().is_none_or(|name| heard.headers.have(name))
    }

    pub(super) fn reads_more_than_the_status(&self) -> bool {
        !self.code.is_empty()
            || !self.text.is_empty()
            || !self.pattern.is_empty()
            || self.body.is_some()
            || self.header.is_some()
    }
}

/// The part of a text that patterns are looked for in: what a search costs is bounded, and it is what evidence keeps.
fn searched(text: &str) -> &str {
    let end = text.char_indices().nth(LONGEST_SEARCHED).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

/// How many characters of a message patterns are looked for in.
pub(super) const LONGEST_SEARCHED: usize = 2_000;

/// What a rule that matched says.
pub(super) fn verdict(rule: &Rule, heard: &Heard<'_>, now: Timestamp) -> Verdict {
    rule.verdict.waiting(wait::for_rule(rule, heard, now))
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
