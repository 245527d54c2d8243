//! What the pool must know of a request body, read in one skipping pass.
//!
//! Values stay where they are: nothing is decoded but the few members named here, and the edits of a same-format call
//! come out as [`Splice`]s. The rest of the body is checked for being JSON and left to the upstream.

use std::{borrow::Cow, collections::HashSet, fmt, ops::Range};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer as _,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Beginning, Splice, leap};
use crate::usage::ServiceTerms;

/// The longest model name, in characters.
const MODEL_MAX: usize = 256;

/// Members that limit the output, the one that counts first.
const LIMITS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];

/// Members that change the price.
const TERMS: [&str; 3] = ["service_tier", "speed", "inference_geo"];

/// What a request body says about itself.
///
/// ```
/// use amp_pool_core::format::{self, Chain, Peek, Splice};
/// use bytes::Bytes;
///
/// let body = Bytes::from(r#"{"model":"fast","stream":true,"messages":[]}"#);
/// let seen: Peek<'_> = format::peek(&body)?;
/// assert_eq!((seen.model.as_deref(), seen.stream), (Some("fast"), true));
///
/// // What has to be another is put in; everything else stays as the client wrote it.
/// let edits: Vec<Splice> = seen.model_splice("gpt-4o-mini").into_iter().chain(seen.ask_for_usage()).collect();
/// let sent: Chain = format::splice(&body, edits);
/// assert!(sent.clone().into_bytes().starts_with(br#"{"#));
/// assert!(String::from_utf8_lossy(&sent.into_bytes()).contains(r#""model":"gpt-4o-mini""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peek<'a> {
    /// The model asked for: 1 to 256 characters, none of them a control character.
    pub model: Option<Cow<'a, str>>,
    /// Where the value of `model` stands in the body, quotes included.
    pub model_span: Option<Range<usize>>,
    /// Whether the answer is wanted as a stream.
    pub stream: bool,
    /// The largest output allowed, in tokens.
    pub max_output: Option<u64>,
    /// `stream_options.include_usage`, if it is there and not null.
    pub include_usage: Option<bool>,
    /// Where the value of `stream_options` stands in the body.
    pub stream_options: Option<Range<usize>>,
    /// Where a new first member would be inserted: just after the opening brace.
    pub first_member: usize,
    /// Whether the object has no members.
    pub is_empty: bool,
    /// What it says about the conversation it belongs to.
    pub beginning: Beginning<'a>,
    /// The terms that it asks for. A wrong one is the upstream's to refuse.
    pub terms: ServiceTerms,
    /// The edit that makes `include_usage` true inside `stream_options`.
    usage_edit: Option<Splice>,
}

/// Reads what the pool must know of `body`.
///
/// One pass, linear in the body's length whatever its shape or depth.
///
/// ```
/// use amp_pool_core::format::peek;
///
/// let peek = peek(br#"{"model": "gpt-5", "stream": true, "messages": []}"#)?;
/// assert_eq!(peek.model.as_deref(), Some("gpt-5"));
/// assert_eq!(peek.model_span, Some(10..17));
/// assert!(peek.stream);
/// # Ok::<_, amp_pool_core::format::PeekError>(())
/// ```
///
/// # Errors
/// The body is not one JSON object in UTF-8, a member is there twice, or one of the members above has the wrong type;
/// [`PeekError::field`] names the member. Null counts as absent.
///
/// ```
/// use amp_pool_core::format::peek;
///
/// let err = peek(br#"{"model": "a", "model": "b"}"#).unwrap_err();
/// assert_eq!(err.field(), Some("model"));
/// ```
pub fn peek(body: &[u8]) -> Result<Peek<'_>, PeekError> {
    let text = std::str::from_utf8(body).map_err(|cause| PeekError::not_utf8(cause.valid_up_to()))?;
    members(text).map_err(|cause| PeekError::not_json(body, &cause))?.read(text)
}

/// The members of a body, leapt through where that is possible: nearly all bodies are written plainly.
fn members(text: &str) -> serde_json::Result<Members<'_>> {
    let mut members = Members::default();
    if leap::each_member(text, |name, value| members.take(name.into(), value)).is_some() {
        return Ok(members);
    }
    members = Members::default();
    each_member(text, |name, value| members.take(name, value))?;
    Ok(members)
}

impl Peek<'_> {
    /// The edit that makes a Chat stream report its usage, or `None` when it does so already.
    #[must_use]
    pub fn ask_for_usage(&self) -> Option<Splice> {
        match (self.include_usage, &self.stream_options) {
            (Some(true), _) => None,
            (_, Some(_)) => self.usage_edit.clone(),
            (_, None) if self.is_empty => Some(insert(self.first_member, r#""stream_options":{"include_usage":true}"#)),
            (_, None) => Some(insert(self.first_member, r#""stream_options":{"include_usage":true},"#)),
        }
    }

    /// The edit that makes the body ask for `model`, or `None` when it names that one already, or none at all.
    #[must_use]
    pub fn model_splice(&self, model: &str) -> Option<Splice> {
        let range = self.model_span.clone()?;
        if self.model.as_deref() == Some(model) {
            return None;
        }
        Some(Splice::string(range, model))
    }
}

fn insert(at: usize, with: &'static str) -> Splice {
    replace(at..at, with)
}

fn replace(range: Range<usize>, with: &'static str) -> Splice {
    Splice { range, with: Bytes::from_static(with.as_bytes()) }
}

/// The members that matter, not yet looked into.
#[derive(Default)]
struct Members<'a> {
    model: Option<&'a str>,
    stream: Option<&'a str>,
    limits: [Option<&'a str>; LIMITS.len()],
    stream_options: Option<&'a str>,
    beginning: Beginning<'a>,
    terms: [Option<&'a str>; TERMS.len()],
    seen: Seen<'a>,
    twice: Option<Cow<'a, str>>,
}

impl<'a> Members<'a> {
    fn take(&mut self, name: Cow<'a, str>, value: &'a str) {
        self.beginning.take(&name, value);
        match &*name {
            "model" => self.model = Some(value),
            "stream" => self.stream = Some(value),
            "stream_options" => self.stream_options = Some(value),
            other => {
                if let Some(place) = LIMITS.iter().position(|limit| *limit == other) {
                    self.limits[place] = Some(value);
                } else if let Some(place) = TERMS.iter().position(|term| *term == other) {
                    self.terms[place] = Some(value);
                }
            }
        }
        if let Some(name) = self.seen.again(name) {
            self.twice.get_or_insert(name);
        }
    }

    fn read(self, body: &'a str) -> Result<Peek<'a>, PeekError> {
        if let Some(name) = self.twice {
            return Err(PeekError::of_field(&name, "is there twice"));
        }
        let mut peek = Peek {
            stream: read(self.stream, "stream", "must be true or false")?.unwrap_or(false),
            max_output: read_limits(self.limits)?,
            first_member: body.find('{').map_or(0, |brace| brace + 1),
            is_empty: self.seen.is_empty(),
            beginning: self.beginning,
            terms: read_terms(self.terms),
            ..Peek::default()
        };
        if let Some(Text(model)) = read(self.model, "model", "must be a string")? {
            peek.model = Some(checked(model)?);
            peek.model_span = self.model.map(|value| span(body, value));
        }
        if let Some(options) = self.stream_options {
            peek.stream_options = Some(span(body, options));
            (peek.include_usage, peek.usage_edit) = read_options(body, options)?;
        }
        Ok(peek)
    }
}

fn read<'a, T: Deserialize<'a>>(value: Option<&'a str>, name: &str, must: &str) -> Result<Option<T>, PeekError> {
    value.map_or(Ok(None), |value| serde_json::from_str(value).map_err(|_| PeekError::of_field(name, must)))
}

/// Every limit is checked, the first that is set counts.
fn read_limits(values: [Option<&str>; LIMITS.len()]) -> Result<Option<u64>, PeekError> {
    let mut first = None;
    for (value, name) in values.into_iter().zip(LIMITS) {
        first = first.or(read(value, name, "must be a whole number that is not negative")?);
    }
    Ok(first)
}

fn read_terms(values: [Option<&str>; TERMS.len()]) -> ServiceTerms {
    let texts = values.map(|value| serde_json::from_str::<Text<'_>>(value?).ok());
    let [tier, speed, geo] = texts.each_ref().map(|text| text.as_ref().map(|Text(text)| &**text));
    ServiceTerms::said(tier, speed, geo)
}

fn checked(model: Cow<'_, str>) -> Result<Cow<'_, str>, PeekError> {
    if model.is_empty() {
        Err(PeekError::of_field("model", "must not be empty"))
    } else if model.len() > MODEL_MAX && model.chars().count() > MODEL_MAX {
        Err(PeekError::of_field("model", "must not be longer than 256 characters"))
    } else if model.chars().any(char::is_control) {
        Err(PeekError::of_field("model", "must not contain control characters"))
    } else {
        Ok(model)
    }
}

/// `include_usage`, and the edit that makes it true.
fn read_options(body: &str, options: &str) -> Result<(Option<bool>, Option<Splice>), PeekError> {
    let whole = span(body, options);
    if options == "null" {
        return Ok((None, Some(replace(whole, r#"{"include_usage":true}"#))));
    }
    let (mut asked, mut is_empty) = (None, true);
    each_member(options, |name, value| {
        is_empty = false;
        if name == "include_usage" {
            asked = Some(value);
        }
    })
    .map_err(|_| PeekError::of_field("stream_options", "must be an object"))?;
    let edit = match asked {
        Some(value) => replace(span(body, value), "true"),
        None if is_empty => insert(whole.start + 1, r#""include_usage":true"#),
        None => insert(whole.start + 1, r#""include_usage":true,"#),
    };
    Ok((read(asked, "stream_options.include_usage", "must be true or false")?, Some(edit)))
}

/// Where `value`, which was borrowed from `body`, stands in it.
fn span(body: &str, value: &str) -> Range<usize> {
    let start = value.as_ptr().addr() - body.as_ptr().addr();
    start..start + value.len()
}

/// A string that is borrowed unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Shows every member of the object in `json` to `take`, in order, and skips what is inside the values: these are shown as
/// they are written.
pub(super) fn each_member<'a>(json: &'a str, take: impl FnMut(Cow<'a, str>, &'a str)) -> serde_json::Result<()> {
    struct EachMember<F>(F);

    impl<'de, F: FnMut(Cow<'de, str>, &'de str)> Visitor<'de> for EachMember<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some((Text(name), value)) = map.next_entry::<_, &'de RawValue>()? {
                (self.0)(name, value.get());
            }
            Ok(())
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_map(EachMember(take))?;
    deserializer.end()
}

/// Names that were there. A look through a short list is faster than a hash, and nearly every body is short.
#[derive(Default)]
struct Seen<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Seen<'a> {
    const FEW: usize = 24;

    /// Gives the name back if it was there before.
    fn again(&mut self, name: Cow<'a, str>) -> Option<Cow<'a, str>> {
        if self.few.contains(&name) || self.many.contains(&name) {
            return Some(name);
        }
        if self.few.len() < Self::FEW {
            self.few.reserve_exact(Self::FEW - self.few.len());
            self.few.push(name);
        } else {
            self.many.insert(name);
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.few.is_empty()
    }
}

/// Why a request body was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeekError {
    field: Option<Box<str>>,
    message: Box<str>,
}

impl PeekError {
    /// The member that is wrong, or `None` when the body as a whole is.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    fn of_field(name: &str, problem: &str) -> Self {
        Self { field: Some(name.into()), message: format!("`{name}` {problem}").into() }
    }

    fn not_utf8(byte: usize) -> Self {
        Self { field: None, message: format!("request body is not valid UTF-8 at byte {byte}").into() }
    }

    fn not_json(body: &[u8], cause: &serde_json::Error) -> Self {
        let byte = byte_of(body, cause.line(), cause.column());
        Self { field: None, message: format!("request body is not a JSON object: {cause} (byte {byte})").into() }
    }
}

impl fmt::Display for PeekError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PeekError {}

/// Turns line and column, both counted from one, into an offset.
fn byte_of(body: &[u8], line: usize, column: usize) -> usize {
    let newline = line.checked_sub(2).and_then(|before| memchr::memchr_iter(b'\n', body).nth(before));
    newline.map_or(0, |newline| newline + 1) + column.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::splice;

    #[test]
    fn members_are_found_wherever_they_stand() {
        let check = |body: &str, model: Option<&str>, stream: bool, max_output: Option<u64>| {
            let peek = peek(body.as_bytes()).unwrap();
            assert_eq!((peek.model.as_deref(), peek.stream, peek.max_output), (model, stream, max_output), "{body}");
        };
        check("{}", None, false, None);
        check(r#" { "messages" : [{"model":"no"}] , "model" : "a" } "#, Some("a"), false, None);
        check(r#"{"mod\u0065l":"\u0067pt","stream":true}"#, Some("gpt"), true, None);
        check(r#"{"model":null,"stream":null,"max_tokens":null}"#, None, false, None);
        check(r#"{"max_tokens":0}"#, None, false, Some(0));
        check(r#"{"max_output_tokens":3,"max_tokens":2,"max_completion_tokens":1}"#, None, false, Some(1));
        check(r#"{"max_output_tokens":3,"max_tokens":2,"max_completion_tokens":null}"#, None, false, Some(2));
        check(r#"{"temperature":1e400,"n":-0.0}"#, None, false, None);
    }

    #[test]
    fn a_wrong_member_is_named() {
        let check = |body: &str, field: &str, message: &str| {
            let err = peek(body.as_bytes()).unwrap_err();
            assert_eq!((err.field(), err.to_string()), (Some(field), format!("`{field}` {message}")), "{body}");
        };
        let limit = "must be a whole number that is not negative";
        check(r#"{"a":1,"b":2,"a":3}"#, "a", "is there twice");
        check(r#"{"a":1,"\u0061":3}"#, "a", "is there twice");
        check(r#"{"model":5}"#, "model", "must be a string");
        check(r#"{"model":""}"#, "model", "must not be empty");
        check(r#"{"model":"a\nb"}"#, "model", "must not contain control characters");
        check(&format!(r#"{{"model":"{}"}}"#, "é".repeat(257)), "model", "must not be longer than 256 characters");
        check(r#"{"stream":"true"}"#, "stream", "must be true or false");
        check(r#"{"max_tokens":-1}"#, "max_tokens", limit);
        check(r#"{"max_tokens":1.5}"#, "max_tokens", limit);
        check(r#"{"max_completion_tokens":1,"max_tokens":1e400}"#, "max_tokens", limit);
        check(r#"{"stream_options":[]}"#, "stream_options", "must be an object");
        check(r#"{"stream_options":{"include_usage":1}}"#, "stream_options.include_usage", "must be true or false");
    }

    #[test]
    fn a_broken_body_is_refused_with_the_place() {
        let check = |body: &[u8], message: &str| {
            let err = peek(body).unwrap_err();
            assert_eq!(err.field(), None);
            assert!(err.to_string().contains(message), "{err}");
        };
        check(b"", "EOF while parsing a value at line 1 column 0 (byte 0)");
        check(b"[1]", "expected a JSON object");
        check(b"\"text\"", "expected a JSON object");
        check(b"{\"a\":1,\n\"b\" 2}", "expected `:` at line 2 column 5 (byte 12)");
        check(b"{\"a\":1} x", "trailing characters at line 1 column 9 (byte 8)");
        check(b"{\"a\":\"\xff\"}", "not valid UTF-8 at byte 6");
        check(b"{\"a\":tru}", "expected ident");
        check(b"\xef\xbb\xbf{}", "expected value");
    }

    #[test]
    fn the_longest_model_name_may_have_256_characters() {
        let name = "é".repeat(256);
        let body = format!(r#"{{"model":"{name}"}}"#);

        assert_eq!(peek(body.as_bytes()).unwrap().model.as_deref(), Some(name.as_str()));
    }

    #[test]
    fn depth_and_size_cost_no_more_than_their_bytes() {
        let deep = format!(r#"{{"a":{}{},"model":"m"}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let long = format!(r#"{{"a":"{}","model":"m"}}"#, "x\\n".repeat(3_000_000));
        let wide = (0..100_000).map(|n| format!(r#""k{n}":{n},"#)).collect::<String>();
        let wide = format!(r#"{{{wide}"model":"m"}}"#);

        for body in [deep, long, wide] {
            assert_eq!(peek(body.as_bytes()).unwrap().model.as_deref(), Some("m"));
        }
    }

    #[test]
    fn a_repeated_name_is_found_among_many() {
        let names = (0..1_000).map(|n| format!(r#""k{n}":{n},"#)).collect::<String>();
        let body = format!(r#"{{{names}"k999":0}}"#);

        assert_eq!(peek(body.as_bytes()).unwrap_err().field(), Some("k999"));
    }

    #[test]
    fn usage_is_asked_for_with_the_smallest_edit() {
        let check = |body: &'static str, expected: &str| {
            let edit = peek(body.as_bytes()).unwrap().ask_for_usage();
            let edited = splice(&Bytes::from_static(body.as_bytes()), edit.into_iter().collect()).into_bytes();
            assert_eq!(edited, expected);
            let again = peek(&edited).unwrap();
            assert_eq!((again.include_usage, again.ask_for_usage()), (Some(true), None), "{body}");
        };
        check("{}", r#"{"stream_options":{"include_usage":true}}"#);
        check(r#" { "a":1}"#, r#" {"stream_options":{"include_usage":true}, "a":1}"#);
        check(r#"{"stream_options": null }"#, r#"{"stream_options": {"include_usage":true} }"#);
        check(r#"{"stream_options":{}}"#, r#"{"stream_options":{"include_usage":true}}"#);
        check(r#"{"stream_options":{ "x":1}}"#, r#"{"stream_options":{"include_usage":true, "x":1}}"#);
        check(
            r#"{"stream_options":{"x":{"include_usage":true},"include_usage": false }}"#,
            r#"{"stream_options":{"x":{"include_usage":true},"include_usage": true }}"#,
        );
        check(r#"{"stream_options":{"include_usage":null}}"#, r#"{"stream_options":{"include_usage":true}}"#);
        check(r#"{"stream_options":{"include_usage":true}}"#, r#"{"stream_options":{"include_usage":true}}"#);
    }

    #[test]
    fn the_terms_that_are_asked_for_are_read() {
        let check = |body: &str, expected: &str| assert_eq!(peek(body.as_bytes()).unwrap().terms.to_string(), expected);
        check(r#"{"service_tier":"priority","speed":"fast","inference_geo":"us"}"#, "priority+fast+us");
        check(r#"{"service_tier":"auto","speed":null,"inference_geo":["us"]}"#, "");
        check(r#"{"metadata":{"service_tier":"flex"}}"#, "");
    }

    #[test]
    fn the_model_is_replaced_and_escaped() {
        let check = |body: &'static str, model: &str, expected: &str| {
            let edit = peek(body.as_bytes()).unwrap().model_splice(model);
            let edited = splice(&Bytes::from_static(body.as_bytes()), edit.into_iter().collect()).into_bytes();
            assert_eq!(edited, expected);
        };
        check(r#"{"n":1, "model" : "a" }"#, "b\"c", r#"{"n":1, "model" : "b\"c" }"#);
        check(r#"{"model":"\u0061"}"#, "a", r#"{"model":"\u0061"}"#);
        check(r#"{"model":null}"#, "a", r#"{"model":null}"#);
    }
}
