//! What an upstream says when it fails inside an answer that began as a success.
//!
//! Reads every shape in which servers write errors under status 200. How our own errors are written is the work of
//! [`Problem`](super::Problem); what a failure means for a key is decided elsewhere.

use std::{borrow::Cow, collections::HashMap};

use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    Event,
    loose::{Loose, Text},
};

/// An error in the words of the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The type of the error, such as `overloaded_error`.
    pub kind: Option<String>,
    /// The code of the error. Numbers are written as text.
    pub code: Option<String>,
    /// What it says to people. Never empty if the error was not.
    pub message: String,
    /// The JSON it came in.
    pub raw: Bytes,
}

impl Failure {
    /// Reads a whole JSON body, or the data of one event. `None` when it is not an error.
    ///
    /// Known shapes: `{"error": {…}}`, `{"error": "text", "code": …}`, `{"type": "error", …}`, a failed Responses
    /// object, `{"base_resp": {"status_code": …}}`, and an array of one of these.
    ///
    /// ```
    /// use amp_pool_core::format::Failure;
    ///
    /// let failure = Failure::read(br#"{"error":{"code":429,"message":"slow down"}}"#).unwrap();
    /// assert_eq!((failure.code.as_deref(), &*failure.message), (Some("429"), "slow down"));
    /// assert_eq!(Failure::read(br#"{"error":null,"choices":[]}"#), None);
    /// ```
    #[must_use]
    pub fn read(json: &[u8]) -> Option<Self> {
        let said = match json.trim_ascii_start().first()? {
            b'{' => serde_json::from_slice::<Shape<'_>>(json).ok()?.said()?,
            b'[' => serde_json::from_slice::<Vec<Shape<'_>>>(json).ok()?.first()?.said()?,
            _ => return None,
        };
        Some(said.with_raw(json))
    }

    /// Reads an event. One that is named `error` is an error whatever its data look like.
    #[must_use]
    pub fn in_event(event: &Event<'_>) -> Option<Self> {
        Self::read(&event.data).or_else(|| (event.name == Some(b"error")).then(|| Self::unread(&event.data)))
    }

    /// What an error is called that the upstream does not know of: its answer can not be what it meant.
    pub(super) const BROKEN: &str = "bad_gateway";

    /// An answer that is broken in itself.
    pub(super) fn broken(message: impl Into<String>) -> Self {
        Self { kind: Some(Self::BROKEN.into()), message: message.into(), ..Self::unread(b"") }
    }

    /// A call that the upstream told as whole, and whose arguments are no object. It must not be presented as finished to
    /// a client that would read them as one.
    pub(super) fn broken_call(name: &str) -> Self {
        Self::broken(format!("the upstream called `{name}` with arguments that are no JSON object"))
    }

    /// A call without a name can be neither shown nor left out.
    pub(super) fn nameless_call() -> Self {
        Self { message: "the upstream sent a tool call without a name".to_owned(), ..Self::unread(b"") }
    }

    /// Whether it is one that we found in what the upstream took for an answer.
    pub(super) fn is_ours(&self) -> bool {
        self.kind.as_deref() == Some(Self::BROKEN)
    }

    /// An error of no known shape.
    pub(super) fn unread(data: &[u8]) -> Self {
        let message = String::from_utf8_lossy(data).trim().to_owned();
        Self { kind: None, code: None, message, raw: Bytes::copy_from_slice(data) }
    }
}

/// The parts of an error before they are owned.
struct Said<'a> {
    kind: Option<Cow<'a, str>>,
    code: Option<Cow<'a, str>>,
    message: Cow<'a, str>,
}

impl<'a> Said<'a> {
    /// An error without a message says what stands in it. One in which nothing stands is none: job objects have them.
    fn or_else_all_of(mut self, error: &'a str) -> Option<Self> {
        if self.message.is_empty() {
            let members = serde_json::from_str::<HashMap<Text<'_>, Option<IgnoredAny>>>(error).ok()?;
            members.values().find(|value| value.is_some())?;
            self.message = Cow::Borrowed(error);
        }
        Some(self)
    }

    fn with_raw(self, json: &[u8]) -> Failure {
        Failure {
            kind: self.kind.map(Cow::into_owned),
            code: self.code.map(Cow::into_owned),
            message: self.message.into_owned(),
            raw: Bytes::copy_from_slice(json),
        }
    }
}

/// A JSON object that may be an error, or hold one.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Shape<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<Text<'a>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Loose<Text<'a>>,
    #[serde(borrow)]
    response: Loose<Response<'a>>,
    #[serde(borrow)]
    base_resp: Loose<BaseResp<'a>>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct BaseResp<'a> {
    status_code: i64,
    #[serde(borrow, default)]
    status_msg: Loose<Text<'a>>,
}

/// What stands under `error` when it is an object.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Inner<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<Text<'a>>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Loose<Text<'a>>,
}

impl<'a> Shape<'a> {
    fn said(&self) -> Option<Said<'a>> {
        let inner = self.error.or(self.response.0.as_ref().and_then(|response| response.error));
        inner
            .and_then(|error| self.said_in(error.get()))
            .or_else(|| self.said_by_type())
            .or_else(|| self.base_resp.0.as_ref().and_then(BaseResp::said))
    }

    /// An error is what scripting languages call true; SDKs test it so.
    fn said_in(&self, error: &'a str) -> Option<Said<'a>> {
        if error.starts_with('{') {
            let Inner { kind, code, message } = serde_json::from_str(error).ok()?;
            let said = Said { kind: text(kind), code: word(code), message: text(message).unwrap_or_default() };
            return said.or_else_all_of(error);
        }
        let message = serde_json::from_str::<Text<'a>>(error).map_or(Cow::Borrowed(error), |text| text.0);
        let is_error = !matches!(&*message, "" | "false" | "0");
        is_error.then(|| Said { kind: None, code: word(self.code), message })
    }

    fn said_by_type(&self) -> Option<Said<'a>> {
        let kind = self.kind.0.as_ref().filter(|kind| kind.is("error") || kind.is("response.failed"))?;
        let message = text(self.message.clone()).unwrap_or_else(|| kind.0.clone());
        Some(Said { kind: None, code: word(self.code), message })
    }
}

impl<'a> BaseResp<'a> {
    fn said(&self) -> Option<Said<'a>> {
        let code: Cow<'a, str> = Cow::Owned(self.status_code.to_string());
        let message = text(self.status_msg.clone()).unwrap_or_else(|| code.clone());
        (self.status_code != 0).then_some(Said { kind: None, code: Some(code), message })
    }
}

fn text(text: Loose<Text<'_>>) -> Option<Cow<'_, str>> {
    text.0.map(|text| text.0).filter(|text| !text.is_empty())
}

/// A string or a number, as text.
fn word(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let value = value?.get();
    match value.as_bytes().first()? {
        b'"' => serde_json::from_str::<Text<'_>>(value).ok().map(|text| text.0).filter(|text| !text.is_empty()),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_an_error_is_read() {
        let check = |json: &str, kind: Option<&str>, code: Option<&str>, message: &str| {
            let failure = Failure::read(json.as_bytes()).unwrap();
            assert_eq!((failure.kind.as_deref(), failure.code.as_deref(), &*failure.message), (kind, code, message));
            assert_eq!(failure.raw, json);
        };
        check(r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#, Some("t"), Some("c"), "m");
        check(r#"{"error":{"message":"m","code":429}}"#, None, Some("429"), "m");
        check(r#"{"error":{"code":7}}"#, None, Some("7"), r#"{"code":7}"#);
        check(r#"{"error":"out of \"luck\"","code":"c"}"#, None, Some("c"), "out of \"luck\"");
        check(r#"{"error":true}"#, None, None, "true");
        check(r#"{"type":"error","error":{"type":"t","message":"m"},"request_id":"r"}"#, Some("t"), None, "m");
        check(r#"{"type":"error","code":"c","message":"m","param":null}"#, None, Some("c"), "m");
        check(r#"{"type":"response.failed","response":{"error":{"code":"c","message":"m"}}}"#, None, Some("c"), "m");
        check(r#"{"type":"response.failed","response":{"error":null}}"#, None, None, "response.failed");
        check(r#"{"base_resp":{"status_code":1004,"status_msg":"m"}}"#, None, Some("1004"), "m");
        check(r#" [{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}]"#, None, Some("503"), "m");
    }

    #[test]
    fn what_is_no_error_is_not_read_as_one() {
        for json in [
            "",
            "[DONE]",
            "[]",
            "{}",
            r#"{"error":null}"#,
            r#"{"error":""}"#,
            r#"{"error":false}"#,
            r#"{"error":{}}"#,
            r#"{"error":{"code":null,"message":null,"param":null}}"#,
            r#"{"type":"response.completed","response":{"error":null}}"#,
            r#"{"base_resp":{"status_code":0,"status_msg":""}}"#,
            r#"{"choices":[{"delta":{"content":"{\"error\":1}"}}]}"#,
            r#"{"error":{"message":"cut"#,
        ] {
            assert_eq!(Failure::read(json.as_bytes()), None, "{json}");
        }
    }

    #[test]
    fn an_event_named_error_is_one_whatever_it_holds() {
        let event = |name, data: &'static [u8]| Event { start: None, end: 0, name, data: data.into() };

        assert_eq!(Failure::in_event(&event(Some(b"error"), b" boom ")).unwrap().message, "boom");
        assert_eq!(Failure::in_event(&event(Some(b"message"), b"boom")), None);
    }
}
