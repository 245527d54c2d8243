//! What is kept of an answer that was no success, so that it can be judged once more.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Shape,
    rule::{Headers, Heard, LONGEST_SEARCHED},
    said::Said,
    scrub::scrub_to,
    wait,
};
use crate::time::Timestamp;

const LONGEST_WORD: usize = 100;
const MOST_CODES: usize = 12;
const MOST_HEADERS: usize = 40;

/// What rules look at, of one answer, without the secrets in it.
///
/// Bounded, and complete but for what lies behind the bounds: a rule that is tried on it finds what it would have found
/// when the answer came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The status that counts: that of the answer, or the one that an error under a good status names.
    pub status: u16,
    /// Words made for machines, in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// What is made for people, in lower case, scrubbed of secrets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What the body was.
    #[serde(default)]
    pub body: Shape,
    /// Names of the headers that came, not their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// For how many milliseconds the answer asked to be left alone, unless its text alone did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

impl Evidence {
    pub(super) fn of(heard: &Heard<'_>, now: Timestamp) -> Self {
        let Said { codes, words, shape, .. } = &heard.said;
        let names = heard.headers.names().take(MOST_HEADERS).map(|name| name.chars().take(LONGEST_WORD).collect());
        let told = wait::told(heard, now).map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        Self {
            status: heard.status,
            codes: codes.iter().take(MOST_CODES).map(|code| scrub_to(code, LONGEST_WORD)).collect(),
            text: scrub_to(words, LONGEST_SEARCHED).to_lowercase(),
            body: *shape,
            headers: names.collect(),
            wait_ms: told,
        }
    }

    pub(super) fn heard(&self) -> Heard<'_> {
        let said = Said {
            codes: self.codes.clone(),
            text: self.text.clone(),
            shape: self.body,
            is_error: true,
            ..Said::default()
        };
        let headers = Headers::Kept { names: &self.headers, wait: self.wait_ms.map(Duration::from_millis) };
        Heard { status: self.status, headers, said }
    }
}
