//! How our own errors are written in each format. The one place that knows.
//!
//! What the error is has been decided before: this gives it the words and the shape that the client's SDK understands.

use std::borrow::Cow;

use serde::Serialize;

use super::Format;

/// An error that a client is told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem<'a> {
    /// The HTTP status it is, or would be, sent under.
    pub status: u16,
    /// Our stable name of its kind, such as `rate_limited`; see [`Error::name`](crate::Error::name).
    pub kind: &'a str,
    /// What it says to people.
    pub message: &'a str,
    /// The field of the request that is wrong.
    pub field: Option<&'a str>,
    /// A code of the upstream or of the refusal, which goes before the one made of `kind` and `status`.
    pub code: Option<&'a str>,
    /// The id of the call.
    pub call: &'a str,
}

/// Writes `problem` as the body of an HTTP answer.
///
/// ```
/// use amp_pool_core::format::{Format, Problem, error_body};
///
/// let problem = Problem {
///     status: 404,
///     kind: "unknown_model",
///     message: "model `x` is not served",
///     field: Some("model"),
///     code: None,
///     call: "0198",
/// };
/// assert_eq!(
///     error_body(Format::Messages, &problem),
///     br#"{"type":"error","error":{"type":"not_found_error","message":"model `x` is not served"},"request_id":"0198"}"#
/// );
/// assert_eq!(
///     error_body(Format::Chat, &problem),
///     br#"{"error":{"message":"model `x` is not served","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#
/// );
/// ```
#[must_use]
pub fn error_body(format: Format, problem: &Problem<'_>) -> Vec<u8> {
    match format {
        Format::Messages => json(&MessagesError::of(problem)),
        Format::Chat | Format::Responses => json(&OpenAiBody { error: OpenAiError::of(problem) }),
    }
}

/// Writes `problem` as the end of a stream that has begun.
///
/// The bytes are whole events. A stream that broke off inside an event needs a blank line before them.
#[must_use]
pub fn error_event(format: Format, problem: &Problem<'_>) -> Vec<u8> {
    let mut stream = Vec::new();
    match format {
        Format::Messages => write(&mut stream, Some("error"), &MessagesError::of(problem)),
        Format::Chat => write(&mut stream, None, &OpenAiBody { error: OpenAiError::of(problem) }),
        // SDKs raise on the first event and Codex reads only the second.
        Format::Responses => {
            write(&mut stream, Some("error"), &ResponsesError::of(problem));
            write(&mut stream, Some("response.failed"), &ResponseFailed::of(problem));
        }
    }
    stream
}

fn json(shape: &impl Serialize) -> Vec<u8> {
    // Strings and numbers under fixed names: writing them to memory has no way to fail.
    serde_json::to_vec(shape).unwrap_or_default()
}

fn write(stream: &mut Vec<u8>, name: Option<&str>, data: &impl Serialize) {
    if let Some(name) = name {
        stream.extend_from_slice(b"event: ");
        stream.extend_from_slice(name.as_bytes());
        stream.push(b'\n');
    }
    stream.extend_from_slice(b"data: ");
    stream.extend_from_slice(&json(data));
    stream.extend_from_slice(b"\n\n");
}

#[derive(Serialize)]
struct MessagesError<'a> {
    r#type: &'static str,
    error: MessagesInner<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct MessagesInner<'a> {
    r#type: &'static str,
    message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<MessagesDetails<'a>>,
}

#[derive(Serialize)]
struct MessagesDetails<'a> {
    error_code: &'a str,
}

impl<'a> MessagesError<'a> {
    fn of(problem: &Problem<'a>) -> Self {
        let details = problem.code.filter(|code| MESSAGES_CODES.contains(code));
        let details = details.map(|error_code| MessagesDetails { error_code });
        let error = MessagesInner { r#type: messages_type(problem.status), message: named(problem), details };
        Self { r#type: "error", error, request_id: problem.call }
    }
}

/// Codes that SDKs of Messages look for.
const MESSAGES_CODES: [&str; 1] = ["thread_unsupported_request"];

/// The message with the field in it: an error of Messages has no other place to say which one is wrong.
fn named<'a>(problem: &Problem<'a>) -> Cow<'a, str> {
    match problem.field {
        Some(field) if !problem.message.contains(field) => format!("{field}: {}", problem.message).into(),
        _ => problem.message.into(),
    }
}

fn messages_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        408 | 504 => "timeout_error",
        400..500 => "invalid_request_error",
        _ => "api_error",
    }
}

#[derive(Serialize)]
struct OpenAiBody<'a> {
    error: OpenAiError<'a>,
}

/// The inner object of an OpenAI error.
#[derive(Serialize)]
pub(super) struct OpenAiError<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

impl<'a> OpenAiError<'a> {
    pub(super) fn of(problem: &Problem<'a>) -> Self {
        let code = problem.code.or(openai_code(problem));
        let Problem { message, field: param, .. } = *problem;
        Self { message, r#type: openai_type(problem.status, code), param, code }
    }
}

fn openai_type(status: u16, code: Option<&str>) -> &'static str {
    match status {
        _ if code == Some("insufficient_quota") => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        _ => "server_error",
    }
}

fn openai_code(problem: &Problem<'_>) -> Option<&'static str> {
    match (problem.kind, problem.status) {
        ("out_of_budget", _) | (_, 402) => Some("insufficient_quota"),
        ("unknown_model", _) => Some("model_not_found"),
        (_, 401) => Some("invalid_api_key"),
        (_, 429) => Some("rate_limit_exceeded"),
        _ => None,
    }
}

#[derive(Serialize)]
struct ResponsesError<'a> {
    r#type: &'static str,
    sequence_number: u64,
    error: OpenAiError<'a>,
}

impl<'a> ResponsesError<'a> {
    fn of(problem: &Problem<'a>) -> Self {
        Self { r#type: "error", sequence_number: 0, error: OpenAiError::of(problem) }
    }
}

#[derive(Serialize)]
struct ResponseFailed<'a> {
    r#type: &'static str,
    sequence_number: u64,
    response: FailedResponse<'a>,
}

#[derive(Serialize)]
struct FailedResponse<'a> {
    id: String,
    object: &'static str,
    status: &'static str,
    error: FailedError<'a>,
    incomplete_details: Option<()>,
    output: [(); 0],
    usage: Option<()>,
}

#[derive(Serialize)]
struct FailedError<'a> {
    code: &'a str,
    message: &'a str,
}

impl<'a> ResponseFailed<'a> {
    fn of(problem: &Problem<'a>) -> Self {
        let response = FailedResponse {
            id: format!("resp_{}", problem.call),
            object: "response",
            status: "failed",
            error: FailedError { code: failed_code(problem), message: problem.message },
            incomplete_details: None,
            output: [],
            usage: None,
        };
        Self { r#type: "response.failed", sequence_number: 1, response }
    }
}

/// The published schema closes the list of codes; a wrong request is `invalid_prompt`, and what is ours a server error.
pub(super) fn failed_code<'a>(problem: &Problem<'a>) -> &'a str {
    match problem.code.or(openai_code(problem)) {
        Some(code) => code,
        None if (400..500).contains(&problem.status) => "invalid_prompt",
        None => "server_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Failure, Scanner};

    fn problem(status: u16, kind: &'static str) -> Problem<'static> {
        Problem { status, kind, message: "said \"so\"\nand so", field: None, code: None, call: "c1" }
    }

    #[test]
    fn types_and_codes_follow_the_status() {
        let check = |status, kind, messages: &str, openai: (&str, Option<&str>)| {
            let problem = problem(status, kind);
            let failure = Failure::read(&error_body(Format::Messages, &problem)).unwrap();
            assert_eq!((failure.kind.as_deref(), &*failure.message), (Some(messages), problem.message));
            for format in [Format::Chat, Format::Responses] {
                let failure = Failure::read(&error_body(format, &problem)).unwrap();
                assert_eq!((failure.kind.as_deref(), failure.code.as_deref()), (Some(openai.0), openai.1), "{status}");
            }
        };
        let bad = "invalid_request_error";
        check(400, "bad_request", bad, (bad, None));
        check(401, "unauthorized", "authentication_error", (bad, Some("invalid_api_key")));
        check(402, "out_of_budget", "billing_error", ("insufficient_quota", Some("insufficient_quota")));
        check(403, "forbidden", "permission_error", ("permission_error", None));
        check(404, "unknown_model", "not_found_error", (bad, Some("model_not_found")));
        check(404, "not_found", "not_found_error", (bad, None));
        check(413, "too_large", "request_too_large", (bad, None));
        check(422, "bad_request", bad, (bad, None));
        check(429, "rate_limited", "rate_limit_error", ("rate_limit_error", Some("rate_limit_exceeded")));
        check(429, "out_of_budget", "rate_limit_error", ("insufficient_quota", Some("insufficient_quota")));
        check(500, "internal", "api_error", ("server_error", None));
        check(502, "upstream", "api_error", ("server_error", None));
        check(503, "no_key", "overloaded_error", ("server_error", None));
        check(504, "timeout", "timeout_error", ("server_error", None));
        check(529, "overloaded", "overloaded_error", ("server_error", None));
    }

    #[test]
    fn a_code_of_the_upstream_goes_first() {
        let problem = Problem { code: Some("context_length_exceeded"), ..problem(400, "bad_request") };
        let failure = Failure::read(&error_body(Format::Chat, &problem)).unwrap();

        assert_eq!(failure.code.as_deref(), Some("context_length_exceeded"));
    }

    #[test]
    fn messages_name_the_field_in_words_and_a_code_in_the_details() {
        let refused = Problem { field: Some("thread"), code: Some("thread_unsupported_request"), ..problem(400, "x") };
        let body: serde_json::Value = serde_json::from_slice(&error_body(Format::Messages, &refused)).unwrap();
        assert_eq!(body["error"]["message"], "thread: said \"so\"\nand so");
        assert_eq!(body["error"]["details"]["error_code"], "thread_unsupported_request");

        let named = Problem { message: "`thread` is wrong", ..refused };
        let body: serde_json::Value = serde_json::from_slice(&error_body(Format::Messages, &named)).unwrap();
        assert_eq!(body["error"]["message"], "`thread` is wrong");
    }

    #[test]
    fn a_stream_ends_with_the_events_its_clients_look_for() {
        let check = |format, expected: &[(Option<&str>, Option<&str>)]| {
            let mut seen = Vec::new();
            Scanner::new().feed(&error_event(format, &problem(429, "rate_limited")), |event| {
                let failure = Failure::read(&event.data).unwrap();
                assert_eq!(failure.message, "said \"so\"\nand so");
                seen.push((event.name.map(|name| String::from_utf8(name.to_vec()).unwrap()), failure.code));
            });
            let seen: Vec<_> = seen.iter().map(|(name, code)| (name.as_deref(), code.as_deref())).collect();
            assert_eq!(seen, expected);
        };
        let code = Some("rate_limit_exceeded");
        check(Format::Messages, &[(Some("error"), None)]);
        check(Format::Chat, &[(None, code)]);
        check(Format::Responses, &[(Some("error"), code), (Some("response.failed"), code)]);
    }
}
