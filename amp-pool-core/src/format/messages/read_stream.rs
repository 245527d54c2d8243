//! Messages streams, read.
//!
//! Which event is what, and where the stream ends. Events go by the `type` inside, because servers forget the name outside.
//! A message that is complete at its start is replayed; a second start is an event like the first, which the transcoder
//! refuses. A stream ends with `message_stop` or an error; nothing else is an end, and nothing behind it is read.

use serde_json::value::RawValue;

use super::{line::Line, said::Said};
use crate::format::{
    Failure,
    canonical::{Event, end_at_failure},
    sse,
    transcode::{ReadEvents, WayBack},
};

/// The state of a stream.
#[derive(Debug)]
pub(in crate::format) struct Reader {
    said: Said,
    is_over: bool,
}

impl ReadEvents for Reader {
    fn read(&mut self, event: &sse::Event<'_>, out: &mut Vec<Event>) {
        if self.is_over {
            return;
        }
        let (line, from) = (Line::of(event), out.len());
        if self.is_known(line.kind(event), &line, out) {
            self.is_over |= end_at_failure(out, from);
            return;
        }
        // Servers write errors in many shapes; what is none of them is something new, which may be skipped.
        if let Some(failure) = Failure::in_event(event) {
            self.is_over = true;
            out.push(Event::Failed(failure));
        }
    }

    /// Only `message_stop` is an end: a stream that breaks off before it is an error.
    fn end(&mut self, _out: &mut Vec<Event>) {}
}

impl Reader {
    /// A reader at the beginning of a stream.
    pub(in crate::format) fn new(_back: &WayBack) -> Self {
        Self { said: Said::default(), is_over: false }
    }

    fn is_known(&mut self, kind: &[u8], line: &Line<'_>, out: &mut Vec<Event>) -> bool {
        let index = line.index.count().unwrap_or(0);
        match (kind, line) {
            (b"message_start", Line { message: Some(message), .. }) => self.said.message(message.get(), out),
            (b"content_block_start", Line { content_block: Some(block), .. }) => self.said.start(index, block, out),
            (b"content_block_delta", Line { delta: Some(delta), .. }) => self.said.extend(index, delta, out),
            (b"content_block_stop", _) => self.said.stop(index, out),
            (b"message_delta", line) => {
                self.said.end(line.delta.map_or("", RawValue::get));
                self.said.usage(line.usage, out);
            }
            (b"message_stop", _) => {
                self.is_over = true;
                self.said.finished(out);
            }
            (b"ping", _) => out.push(Event::Ping),
            _ => return false,
        }
        true
    }
}
