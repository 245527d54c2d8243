//! What an upstream's error is to the client.
//!
//! The status and the code of the client's own format are chosen here, of what the upstream said; how they are written
//! is the work of [`Problem`](crate::format::Problem).

use std::borrow::Cow;

use crate::format::{Failure, Format, Problem};

/// Codes that say that the prompt does not fit.
const OVERFLOW_CODES: [&str; 3] =
    ["context_length_exceeded", "model_max_prompt_tokens_exceeded", "string_above_max_length"];

/// Words that say so.
const OVERFLOW_WORDS: [&str; 6] = [
    "maximum context length",
    "prompt is too long",
    "exceeds the context window",
    "input is longer than",
    "too many tokens",
    "exceed context limit",
];

/// An upstream's error, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Explained {
    /// The status it is, or would be, sent under.
    pub(super) status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
}

impl Explained {
    /// The connection ended before the answer did.
    pub(super) fn cut() -> Self {
        Self::of(502, "upstream", "the upstream closed the connection before its answer was complete")
    }

    /// A second answer began inside the first.
    pub(super) fn spliced() -> Self {
        Self::of(502, "upstream", "the upstream began a second answer inside the first")
    }

    fn of(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, message: message.into() }
    }

    /// The status in the words of `client`: not every format knows all of them.
    pub(super) fn status_for(&self, client: Format) -> u16 {
        match (self.status, client) {
            (status, Format::Messages) => status,
            (529, _) => 503,
            (402, _) => 429,
            (500, _) => 502,
            (status, _) => status,
        }
    }

    /// The words for it.
    pub(super) fn problem<'a>(&'a self, call: &'a str) -> Problem<'a> {
        Problem { status: self.status, kind: self.kind, message: &self.message, field: None, code: self.code, call }
    }
}

/// Explains an error answer.
pub(super) fn read(status: u16, body: &[u8]) -> Explained {
    match Failure::read(body) {
        Some(failure) => explain(Some(status), &failure),
        None => explain(Some(status), &Failure { message: plain(status, body), ..Failure::unread(body) }),
    }
}

/// Explains an error. Without a `status` (inside a stream, or under 200) it goes by what the error calls itself.
pub(super) fn explain(status: Option<u16>, failure: &Failure) -> Explained {
    let message = failure.message.clone();
    if failure.is_ours() {
        return Explained::of(502, "upstream", message);
    }
    if is_overflow(failure) {
        return overflow(message);
    }
    let status = status.filter(|status| *status >= 400).unwrap_or_else(|| status_of(failure));
    match status {
        // The client's own key is good: it must not log out because one of ours is not.
        401 => Explained::of(502, "upstream", "the upstream refused the key of this pool"),
        402 => Explained::of(402, "out_of_budget", message),
        403 => Explained::of(403, "forbidden", message),
        404 => Explained::of(404, "unknown_model", message),
        413 => Explained::of(413, "too_large", message),
        429 => limited(failure),
        408 | 504 => Explained::of(504, "timeout", message),
        498 | 503 | 529 => Explained::of(529, "overloaded", message),
        400..500 => Explained::of(400, "bad_request", message),
        _ => Explained::of(500, "upstream", message),
    }
}

/// Every client compacts on its own words only: Claude Code on the sentence, Codex on the code.
fn overflow(message: String) -> Explained {
    let says_so = message.to_ascii_lowercase().contains("prompt is too long");
    let message = if says_so { message } else { format!("prompt is too long: {message}") };
    Explained { code: Some("context_length_exceeded"), ..Explained::of(400, "bad_request", message) }
}

/// A quota that is used up and a rate that is too high come under the same status.
fn limited(failure: &Failure) -> Explained {
    let message = failure.message.clone();
    if failure.code.as_deref() == Some("insufficient_quota") {
        return Explained::of(402, "out_of_budget", message);
    }
    Explained::of(429, "rate_limited", message)
}

fn is_overflow(failure: &Failure) -> bool {
    let code = failure.code.as_deref().unwrap_or_default();
    let message = failure.message.to_ascii_lowercase();
    OVERFLOW_CODES.contains(&code) || OVERFLOW_WORDS.iter().any(|words| message.contains(words))
}

/// The status that an error would have come under. Its code says more than its type, which at OpenAI may be `tokens`.
fn status_of(failure: &Failure) -> u16 {
    let code = failure.code.as_deref().unwrap_or_default();
    if let Ok(status @ 400..600) = code.parse() {
        return status;
    }
    let kind = failure.kind.as_deref().unwrap_or_default();
    [code, kind].into_iter().find_map(status_called).unwrap_or(500)
}

fn status_called(name: &str) -> Option<u16> {
    Some(match name {
        "invalid_request_error" | "invalid_prompt" => 400,
        "authentication_error" | "invalid_api_key" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" | "model_not_found" => 404,
        "request_too_large" => 413,
        "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" => 429,
        "timeout_error" => 504,
        "overloaded_error" | "server_is_overloaded" | "slow_down" | "insufficient_system_resource" => 529,
        _ => return None,
    })
}

/// An error that is no JSON says its status, and its text if that is meant to be read.
fn plain(status: u16, body: &[u8]) -> String {
    let text: Cow<'_, str> = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() || text.starts_with('<') || text.len() > 1_000 {
        return format!("the upstream answered with status {status}");
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_what_its_words_code_and_status_say() {
        let check = |status, body: &str, expected: (u16, &str, Option<&str>)| {
            let said = match status {
                0 => explain(None, &Failure::read(body.as_bytes()).unwrap()),
                status => read(status, body.as_bytes()),
            };
            assert_eq!((said.status, said.kind, said.code), expected, "{body}");
        };
        let limited = (429, "rate_limited", None);
        let overflow = (400, "bad_request", Some("context_length_exceeded"));
        check(400, r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#, overflow);
        check(500, r#"{"error":{"message":"This model's maximum context length is 9 tokens"}}"#, overflow);
        check(0, r#"{"error":{"message":"prompt is too long: 9 tokens > 8 maximum"}}"#, overflow);
        check(401, r#"{"error":{"message":"bad key sk-1"}}"#, (502, "upstream", None));
        check(429, r#"{"error":{"message":"m","code":"insufficient_quota"}}"#, (402, "out_of_budget", None));
        check(429, r#"{"error":{"message":"m"}}"#, (429, "rate_limited", None));
        check(498, "", (529, "overloaded", None));
        check(529, r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, (529, "overloaded", None));
        check(0, r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, (529, "overloaded", None));
        check(0, r#"{"error":{"code":429,"message":"m"}}"#, (429, "rate_limited", None));
        check(
            0,
            r#"{"error":{"type":"error","code":"rate_limit_exceeded","message":"m"}}"#,
            (429, "rate_limited", None),
        );
        check(200, r#"{"error":"m"}"#, (500, "upstream", None));
        check(0, r#"{"error":{"type":"tokens","code":"rate_limit_exceeded","message":"m"}}"#, limited);
        let bad_key = r#"{"error":{"type":"invalid_request_error","code":"invalid_api_key","message":"bad key sk-1"}}"#;
        check(0, bad_key, (502, "upstream", None));
        check(422, r#"{"detail":"m"}"#, (400, "bad_request", None));
        check(500, "<html>", (500, "upstream", None));
    }

    #[test]
    fn an_overflow_says_the_words_and_keeps_the_numbers() {
        let said = read(400, br#"{"error":{"message":"maximum context length is 9 tokens"}}"#);

        assert_eq!(said.message, "prompt is too long: maximum context length is 9 tokens");
    }

    #[test]
    fn a_refused_key_of_ours_is_not_told_to_the_client() {
        let said = read(401, br#"{"error":{"message":"Incorrect API key provided: sk-1"}}"#);

        assert!(!said.message.contains("sk-1"));
    }
}
