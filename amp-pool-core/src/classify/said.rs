//! What an upstream says besides its status, in whichever shape it says it.

use http::{HeaderMap, header::CONTENT_TYPE};
use memchr::memmem;
use serde_json::Value;

use super::rule::Shape;

/// An error is short. What is longer is not read.
const LONGEST_ERROR: usize = 64 * 1024;

/// The words of an error body.
#[derive(Default)]
pub(super) struct Said {
    /// Words made for machines, in lower case, the most specific first.
    pub(super) codes: Vec<String>,
    /// Everything made for people, in lower case.
    pub(super) text: String,
    /// `RetryInfo.retryDelay`, as Google writes waits.
    pub(super) retry_delay: Option<String>,
    pub(super) shape: Shape,
    /// Whether the body itself says that it is an error.
    pub(super) is_error: bool,
}

impl Said {
    /// Reads the body of an error.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let body = body.get(..LONGEST_ERROR).unwrap_or(body).trim_ascii();
        if is_html(headers, body) {
            // The words of a page are not the provider's.
            return Self { shape: Shape::Html, is_error: true, ..Self::default() };
        }
        match parse(body) {
            Some(value) => Self::of(&value),
            None => Self { text: String::from_utf8_lossy(body).to_lowercase(), ..Self::default() },
        }
    }

    /// Reads the body of a success, which is an answer as a rule and is then not looked into.
    pub(super) fn unless_answer(headers: &HeaderMap, body: &[u8]) -> Self {
        let hints = [&b"\"error\""[..], b"\"base_resp\"", b"\"success\""];
        let suspect = body.len() <= LONGEST_ERROR && hints.iter().any(|hint| memmem::find(body, hint).is_some());
        if suspect || is_html(headers, body.trim_ascii()) { Self::read(headers, body) } else { Self::default() }
    }

    /// An error event, its parts already taken out of it.
    pub(super) fn event(kind: Option<&str>, code: Option<&str>, message: &str) -> Self {
        let codes = [code, kind].into_iter().flatten().map(str::to_lowercase).collect();
        Self { codes, text: message.to_lowercase(), shape: Shape::Json, is_error: true, retry_delay: None }
    }

    /// The status among the codes, if there is one.
    pub(super) fn named_status(&self) -> Option<u16> {
        self.codes.iter().filter_map(|code| code.parse().ok()).find(|status| (400..600).contains(status))
    }

    fn of(value: &Value) -> Self {
        // Gemini puts its error into an array.
        let value = value.get(0).unwrap_or(value);
        let error = &value["error"];
        Self {
            codes: codes(value, error),
            text: texts(value, error).join(" ").to_lowercase(),
            retry_delay: details(error).find_map(|detail| detail["retryDelay"].as_str()).map(str::to_owned),
            shape: Shape::Json,
            is_error: is_error(value, error),
        }
    }
}

fn is_html(headers: &HeaderMap, body: &[u8]) -> bool {
    let declared = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    // Some gateways declare every body as HTML.
    body.starts_with(b"<") || (declared && !body.starts_with(b"{"))
}

/// JSON, also behind a status as in `429 {"error":…}`.
fn parse(body: &[u8]) -> Option<Value> {
    let from = body.iter().position(|byte| !byte.is_ascii_digit() && *byte != b' ').unwrap_or(0);
    let value: Value = serde_json::from_slice(&body[from..]).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}

fn codes(value: &Value, error: &Value) -> Vec<String> {
    let inner =
        [&value["base_resp"]["status_code"], &error["details"]["error_code"], &error["metadata"]["limit_source"]];
    let reasons = details(error).map(|detail| &detail["reason"]);
    let outer = [&error["code"], &value["code"], &value["error_code"], &value["reason"]];
    let kinds = [&error["type"], &error["status"], &value["type"]];
    inner.into_iter().chain(reasons).chain(outer).chain(kinds).filter_map(word).collect()
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(word) => Some(word.to_lowercase()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn texts<'a>(value: &'a Value, error: &'a Value) -> Vec<&'a str> {
    let messages = [
        error,
        &error["message"],
        &value["message"],
        &value["base_resp"]["status_msg"],
        &value["msg"],
        &value["detail"],
        &value["detail"][0]["msg"],
        &error["metadata"]["raw"],
    ];
    let quotas = details(error).flat_map(|detail| detail["violations"].as_array().into_iter().flatten());
    messages.into_iter().chain(quotas.map(|quota| &quota["quotaId"])).filter_map(Value::as_str).collect()
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error["details"].as_array().into_iter().flatten()
}

fn is_error(value: &Value, error: &Value) -> bool {
    let complains = match error {
        Value::String(text) => !text.is_empty(),
        Value::Object(_) => ["message", "code", "type"].iter().any(|part| !error[*part].is_null()),
        _ => false,
    };
    complains
        || value["success"] == Value::Bool(false)
        || value["base_resp"]["status_code"].as_i64().is_some_and(|code| code != 0)
}
