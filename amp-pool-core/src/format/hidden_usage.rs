//! Takes the usage chunk out of a Chat stream whose client did not ask for it.
//!
//! The pool always asks, because it must know. Everything else of the stream passes as the slices that came; only an
//! event that is not complete yet is held back.

use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{Event, retouch::Retouch};

/// An event longer than this is no usage chunk and is not held.
const HELD_MAX: usize = 64 << 10;

/// Removes the extra usage chunk: the one without choices and with numbers.
///
/// ```
/// use amp_pool_core::format::HiddenUsage;
/// use bytes::Bytes;
///
/// let mut hidden = HiddenUsage::new();
/// let frame = "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\ndata: [DONE]\n\n";
/// let shown: Vec<Bytes> = hidden.feed(Bytes::from_static(frame.as_bytes())).collect();
/// assert_eq!(shown, ["data: [DONE]\n\n"]);
/// ```
#[derive(Debug)]
pub struct HiddenUsage(Retouch);

impl Default for HiddenUsage {
    fn default() -> Self {
        Self::new()
    }
}

impl HiddenUsage {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self(Retouch::new(HELD_MAX))
    }

    /// Takes a frame and gives what may be shown by now. Slices that are not taken are lost.
    pub fn feed(&mut self, frame: Bytes) -> impl Iterator<Item = Bytes> {
        self.0.feed(frame, hidden)
    }

    /// Gives what is left when the stream ends.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.0.finish(hidden)
    }
}

/// Nothing in place of the usage chunk, and every other event as it is.
fn hidden(event: &Event<'_>) -> Option<Bytes> {
    is_usage_chunk(event).then(Bytes::new)
}

fn is_usage_chunk(event: &Event<'_>) -> bool {
    #[derive(Deserialize)]
    struct Chunk<'a> {
        choices: Vec<IgnoredAny>,
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }

    memchr::memmem::find(&event.data, b"\"usage\"").is_some()
        && serde_json::from_slice(&event.data)
            .is_ok_and(|chunk: Chunk<'_>| chunk.choices.is_empty() && chunk.usage.is_some() && chunk.error.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<'a>(frames: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut hidden = HiddenUsage::new();
        let mut shown = Vec::new();
        for frame in frames {
            shown.extend(hidden.feed(Bytes::copy_from_slice(frame)).flatten());
        }
        shown.extend(hidden.finish().into_iter().flatten());
        String::from_utf8(shown).unwrap()
    }

    /// Checks what is shown of a stream in one frame, in two cut at every byte, and byte by byte.
    fn check(stream: &str, expected: &str) {
        for cut in 0..=stream.len() {
            let (left, right) = stream.as_bytes().split_at(cut);
            assert_eq!(shown([left, right]), expected, "cut at {cut}");
        }
        assert_eq!(shown(stream.as_bytes().chunks(1)), expected, "byte by byte");
    }

    const USAGE: &str = r#"data: {"id":"x","choices":[],"usage":{"prompt_tokens":1}}"#;
    const TEXT: &str = r#"data: {"choices":[{"delta":{"content":"é"}}],"usage":null}"#;

    #[test]
    fn the_usage_chunk_goes_and_nothing_else() {
        check(&format!("{TEXT}\n\n{USAGE}\n\ndata: [DONE]\n\n"), &format!("{TEXT}\n\ndata: [DONE]\n\n"));
        check(&format!("{TEXT}\r\n\r\n{USAGE}\r\n\r\n: ka\r\n\r\n"), &format!("{TEXT}\r\n\r\n: ka\r\n\r\n"));
        check(&format!("{USAGE}\r\r{TEXT}\r\r"), &format!("{TEXT}\r\r"));
        check(&format!(": ka\n\n{TEXT}\n\n{USAGE}"), &format!(": ka\n\n{TEXT}\n\n"));
    }

    #[test]
    fn what_only_looks_like_it_stays() {
        for data in [
            r#"{"choices":[],"usage":null,"prompt_filter_results":[]}"#,
            r#"{"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":1},"error":{"message":"no"}}"#,
            r#"{"usage":{"prompt_tokens":1}}"#,
            "\"usage\"",
        ] {
            let stream = format!("data: {data}\n\ndata: [DONE]");
            check(&stream, &stream);
        }
        check("", "");
        check("\n\n\r: a", "\n\n\r: a");
    }

    #[test]
    fn a_complete_event_is_never_held() {
        let mut hidden = HiddenUsage::new();
        let frame = Bytes::from(format!("{TEXT}\n\nda"));
        let shown: Vec<_> = hidden.feed(frame.clone()).collect();

        assert_eq!(shown, [frame.slice(..frame.len() - 2)]);
        assert_eq!(shown[0].as_ptr(), frame.as_ptr());
    }

    #[test]
    fn an_endless_event_is_not_held_for_ever() {
        let mut hidden = HiddenUsage::new();
        let half = Bytes::from("d".repeat(HELD_MAX / 2 + 1));

        assert_eq!(hidden.feed(half.clone()).count(), 0);
        assert_eq!(hidden.feed(half).count(), 2);
    }
}
