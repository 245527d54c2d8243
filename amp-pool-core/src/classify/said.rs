//! What an upstream says besides its status, in whichever shape it says it.

use http::{HeaderMap, header::CONTENT_TYPE};
use memchr::memmem;
use serde_json::Value;

use super::rule::Shape;

/// An error is short. What is longer is not read.
const LONGEST_ERROR: usize = 64 * 1024;

/// A wait that a body tells in a field of its own.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    /// As Google's `RetryInfo.retryDelay`: a number with its unit.
    Length(String),
    /// Seconds, or seconds or milliseconds since 1970, as a number or as text.
    Number(String),
    /// Milliseconds.
    Millis(f64),
}

/// The words of an error body.
#[derive(Default)]
pub(super) struct Said {
    /// Words made for machines, in lower case, the most specific first.
    pub(super) codes: Vec<String>,
    /// Everything made for people, as it came.
    pub(super) words: String,
    /// The same in lower case.
    pub(super) text: String,
    /// How long to wait, where a field of the body says so.
    pub(super) wait: Option<Told>,
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
            None => Self::default().saying(String::from_utf8_lossy(body).into_owned()),
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
        Self { codes, shape: Shape::Json, is_error: true, ..Self::default() }.saying(message.to_owned())
    }

    /// The status among the codes, if there is one.
    pub(super) fn named_status(&self) -> Option<u16> {
        self.codes.iter().filter_map(|code| code.parse().ok()).find(|status| (400..600).contains(status))
    }

    fn of(value: &Value) -> Self {
        // Gemini puts its error into an array.
        let value = value.get(0).unwrap_or(value);
        let error = &value["error"];
        let said = Self {
            codes: codes(value, error),
            wait: told_wait(value, error),
            shape: Shape::Json,
            is_error: is_error(value, error),
            ..Self::default()
        };
        said.saying(texts(value, error).join(" "))
    }

    fn saying(self, words: String) -> Self {
        Self { text: words.to_lowercase(), words, ..self }
    }
}

/// Names of the fields that tell a wait. Relays and gateways put them into the error, beside it, or among its details.
const LENGTHS: [&str; 2] = ["retryDelay", "retry_delay"];
const NUMBERS: [&str; 6] =
    ["retry_after", "retryAfter", "retry_after_seconds", "resets_in_seconds", "resets_at", "reset_at"];
const MILLIS: [&str; 2] = ["retry_after_ms", "retryAfterMs"];

fn told_wait(value: &Value, error: &Value) -> Option<Told> {
    let places = || details(error).chain([error, &error["metadata"], &error["details"], value]);
    let of = |names: &'static [&'static str]| {
        places().flat_map(move |place| names.iter().map(move |name| &place[*name])).find(|found| !found.is_null())
    };
    let length = of(&LENGTHS).and_then(Value::as_str).map(|text| Told::Length(text.to_owned()));
    let millis = || of(&MILLIS).and_then(Value::as_f64).map(Told::Millis);
    length.or_else(millis).or_else(|| of(&NUMBERS).and_then(word).map(Told::Number))
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
