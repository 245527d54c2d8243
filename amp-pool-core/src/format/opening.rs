//! Whether an answer has begun.
//!
//! A stream that answers 200 may still fail in its first event. While only preamble has come the call can go to another
//! key without anyone noticing; from the first event that means something it cannot. How long to wait, and how much to
//! hold, is the caller's to bound.

use std::borrow::Cow;

use memchr::memchr2;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Event, Failure, Format, Scanner,
    loose::{Loose, Text},
};

/// A JSON body that came instead of a stream is read as a whole up to this many bytes.
const JSON_MAX: usize = 64 << 10;

/// What is known of an answer so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Nothing that means anything has come.
    Hold,
    /// The answer has begun: no way back.
    Begun,
    /// The upstream failed before it said anything.
    Failed(Failure),
}

/// Watches the first frames of an answer that was asked for as a stream.
///
/// ```
/// use amp_pool_core::format::{Format, Opened, Opening};
///
/// let mut opening = Opening::new(Format::Messages);
/// assert_eq!(opening.feed(b"event: ping\ndata: {\"type\":\"ping\"}\n\n"), Opened::Hold);
///
/// let error = br#"data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
/// assert_eq!(opening.feed(error), Opened::Hold);
/// assert!(matches!(opening.feed(b"\n\n"), Opened::Failed(failure) if failure.message == "Overloaded"));
/// ```
#[derive(Debug)]
pub struct Opening {
    format: Format,
    shape: Shape,
    scanner: Scanner,
    opened: Opened,
}

#[derive(Debug)]
enum Shape {
    /// Only white space has come.
    Unknown,
    Events,
    Json(Vec<u8>),
}

impl Opening {
    /// Nothing has come yet.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, shape: Shape::Unknown, scanner: Scanner::new(), opened: Opened::Hold }
    }

    /// Looks at the next frame. Once it is not [`Opened::Hold`], the answer stays the same.
    pub fn feed(&mut self, frame: &[u8]) -> Opened {
        if self.opened == Opened::Hold {
            self.sniff(frame);
            self.look(frame);
        }
        self.opened.clone()
    }

    /// Looks at what is left when the answer ends. [`Opened::Hold`]: it ended without having said anything.
    pub fn finish(&mut self) -> Opened {
        let Self { format, shape, scanner, opened } = self;
        match shape {
            // What is not complete by now is no error that could be read.
            Shape::Json(_) if *opened == Opened::Hold => *opened = Opened::Begun,
            _ => scanner.finish(|event| note(*format, &event, opened)),
        }
        opened.clone()
    }

    /// No line of an event stream begins like JSON does.
    fn sniff(&mut self, frame: &[u8]) {
        if let (Shape::Unknown, Some(first)) = (&self.shape, frame.trim_ascii_start().first()) {
            let is_json = matches!(first, b'{' | b'[');
            self.shape = if is_json { Shape::Json(Vec::new()) } else { Shape::Events };
        }
    }

    fn look(&mut self, frame: &[u8]) {
        let Self { format, shape, scanner, opened } = self;
        match shape {
            Shape::Json(body) => {
                body.extend_from_slice(frame);
                // It can only be complete behind a closing bracket, so most incomplete ones are not parsed.
                if body.len() > JSON_MAX || memchr2(b'}', b']', frame).is_some() {
                    *opened = whole(body);
                }
            }
            Shape::Unknown | Shape::Events => scanner.feed(frame, |event| note(*format, &event, opened)),
        }
    }
}

/// The first event that means something decides; what follows it does not count.
fn note(format: Format, event: &Event<'_>, opened: &mut Opened) {
    if *opened != Opened::Hold {
        return;
    }
    if let Some(failure) = Failure::in_event(event) {
        *opened = Opened::Failed(failure);
    } else if !is_preamble(format, event) {
        *opened = Opened::Begun;
    }
}

/// A value that is complete decides, whatever stands behind it: it may or may not have come in the same frame.
fn whole(body: &[u8]) -> Opened {
    let read = &body[..body.len().min(JSON_MAX)];
    match serde_json::Deserializer::from_slice(read).into_iter::<&RawValue>().next() {
        Some(Ok(value)) => Failure::read(value.get().as_bytes()).map_or(Opened::Begun, Opened::Failed),
        _ if body.len() > JSON_MAX => Opened::Begun,
        _ => Opened::Hold,
    }
}

/// Whether nothing of the answer itself is in `event`. What is not known belongs to the answer.
fn is_preamble(format: Format, event: &Event<'_>) -> bool {
    match format {
        Format::Chat => serde_json::from_slice(&event.data).is_ok_and(|chunk: Chunk<'_>| chunk.is_preamble()),
        Format::Messages => typed(event, |kind, line| match kind {
            "ping" => true,
            "message_start" => line.message.0.is_none_or(|message| message.content.is_none_or(is_blank)),
            _ => false,
        }),
        Format::Responses => typed(event, |kind, _| {
            matches!(kind, "response.created" | "response.in_progress" | "response.queued" | "keepalive")
        }),
    }
}

/// Asks about the `type` in the data, or the event's name if some server left that out.
fn typed(event: &Event<'_>, is_preamble: impl FnOnce(&str, Line<'_>) -> bool) -> bool {
    let Ok(mut line) = serde_json::from_slice::<Line<'_>>(&event.data) else { return false };
    let name = || event.name.map(String::from_utf8_lossy);
    line.kind.0.take().map(|kind| kind.0).or_else(name).is_some_and(|kind: Cow<'_, str>| is_preamble(&kind, line))
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Loose<Text<'a>>,
    #[serde(borrow, default)]
    message: Loose<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<std::collections::HashMap<Cow<'a, str>, &'a RawValue>>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

impl Chunk<'_> {
    fn is_preamble(&self) -> bool {
        if self.choices.is_empty() { self.usage.is_none() } else { self.choices.iter().all(Choice::is_preamble) }
    }
}

impl Choice<'_> {
    fn is_preamble(&self) -> bool {
        let says_nothing = |(name, value): (&Cow<'_, str>, &&RawValue)| name == "role" || is_blank(value);
        self.finish_reason.is_none_or(is_blank)
            && self.text.is_none_or(is_blank)
            && self.delta.as_ref().is_none_or(|delta| delta.iter().all(says_nothing))
    }
}

fn is_blank(value: &RawValue) -> bool {
    matches!(value.get(), "null" | "\"\"" | "[]" | "{}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a stream whole, cut in two at every byte, and ends it.
    fn check(format: Format, stream: &str, expected: &str) {
        let name = |opened| match opened {
            Opened::Hold => "hold".to_owned(),
            Opened::Begun => "begun".to_owned(),
            Opened::Failed(failure) => failure.message,
        };
        for cut in 0..=stream.len() {
            let mut opening = Opening::new(format);
            opening.feed(&stream.as_bytes()[..cut]);
            opening.feed(&stream.as_bytes()[cut..]);
            assert_eq!(name(opening.finish()), expected, "cut at {cut}: {stream}");
        }
    }

    #[test]
    fn a_chat_stream_begins_with_the_first_thing_said() {
        let begin = concat!(
            ": OPENROUTER PROCESSING\n\n",
            r#"data: {"choices":[],"prompt_filter_results":[{}]}"#,
            "\n\n",
            r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}]}"#,
            "\n\n",
        );
        let check = |next: &str, expected: &str| check(Format::Chat, &format!("{begin}data: {next}\n\n"), expected);
        check(r#"{"choices":[{"delta":{"role":"assistant","tool_calls":[]},"text":""}],"usage":null}"#, "hold");
        check(r#"{"choices":[{"delta":null}]}"#, "hold");
        check(r#"{"choices":[{"delta":{"role":"assistant"},"finish_reason":""}]}"#, "hold");
        check(r#"{"choices":[{"delta":{"content":"a"}}]}"#, "begun");
        check(r#"{"choices":[{"delta":{"reasoning":"a"}}]}"#, "begun");
        check(r#"{"choices":[{"text":"a"}]}"#, "begun");
        check(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#, "begun");
        check(r#"{"choices":[],"usage":{"prompt_tokens":1}}"#, "begun");
        check(r#"{"something":"else"}"#, "begun");
        check("not json", "begun");
        check("[DONE]", "begun");
        check(r#"{"error":{"message":"overloaded"}}"#, "overloaded");
        check(r#"{"choices":[{"delta":{"content":""}}],"error":{"code":502,"message":"gone"}}"#, "gone");
        check(r#"{"base_resp":{"status_code":1002,"status_msg":"limit"}}"#, "limit");
    }

    #[test]
    fn a_messages_stream_begins_with_its_first_block() {
        let begin = concat!(
            "event: message_start\n",
            r#"data: {"type":"message_start","message":{"content":[],"usage":{"input_tokens":1}}}"#,
            "\n\nevent: ping\ndata: {}\n\n",
        );
        let check = |next: &str, expected: &str| check(Format::Messages, &format!("{begin}{next}\n\n"), expected);
        check(r#"data: {"type":"ping"}"#, "hold");
        check(r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#, "begun");
        check(r#"data: {"type":"message_start","message":{"content":[{"type":"tool_use"}]}}"#, "begun");
        check(r#"data: {"type":"message_stop"}"#, "begun");
        check(r#"data: {"type":"new_event"}"#, "begun");
        check(r#"data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, "Overloaded");
        check("event: error\ndata: broken", "broken");
    }

    #[test]
    fn a_responses_stream_begins_with_its_first_item() {
        let begin = concat!(
            r#"data: {"type":"response.created","response":{"error":null}}"#,
            "\n\n",
            r#"data: {"type":"response.in_progress"}"#,
            "\n\n",
        );
        let check =
            |next: &str, expected: &str| check(Format::Responses, &format!("{begin}data: {next}\n\n"), expected);
        check(r#"{"type":"keepalive"}"#, "hold");
        check(r#"{"type":"response.output_item.added"}"#, "begun");
        check(r#"{"type":"response.completed"}"#, "begun");
        check(r#"{"type":"error","error":{"message":"no"}}"#, "no");
        check(r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"no"}}}"#, "no");
    }

    #[test]
    fn a_body_that_is_no_stream_is_read_as_a_whole() {
        check(Format::Chat, "\n {\"error\":\n\n{\"message\":\"no\"}}\n", "no");
        check(Format::Chat, r#"[{"error":{"message":"no"}}]"#, "no");
        check(Format::Chat, r#"{"choices":[{"message":{"content":"a"}}]}"#, "begun");
        check(Format::Chat, r#"{"error":{"message":"#, "begun");
        check(Format::Chat, "", "hold");
    }

    #[test]
    fn what_stands_behind_an_error_changes_nothing_wherever_it_is_cut() {
        let body = br#"{"error": "no"}}"#;
        for at in 0..=body.len() {
            let mut opening = Opening::new(Format::Chat);
            opening.feed(&body[..at]);
            opening.feed(&body[at..]);
            assert!(matches!(opening.finish(), Opened::Failed(_)), "cut at {at}");
        }
    }

    #[test]
    fn a_long_json_body_is_not_held() {
        let mut opening = Opening::new(Format::Chat);
        let long = format!("{{\"a\":\"{}", "a".repeat(JSON_MAX));

        assert_eq!(opening.feed(long.as_bytes()), Opened::Begun);
    }

    #[test]
    fn the_first_event_that_means_something_decides() {
        let stream = "data: {\"type\":\"message_stop\"}\n\nevent: error\ndata: late\n\n";
        check(Format::Messages, stream, "begun");
    }
}
