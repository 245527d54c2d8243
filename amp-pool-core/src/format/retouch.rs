//! Replaces single events of a stream.
//!
//! Everything else passes as the slices that came; only an event that is not complete yet is held back.

use bytes::Bytes;

use super::{Event, Scanner};

/// The bytes of a stream on their way, event by event.
#[derive(Debug)]
pub(super) struct Retouch {
    scanner: Scanner,
    /// What came of the open event, as it came.
    held: Vec<Bytes>,
    /// What may go. Kept between frames for its allocation only.
    ready: Vec<Bytes>,
    /// The replaced event ended in a `\r`, so a `\n` that comes next was its own.
    newline_is_hidden: bool,
}

impl Retouch {
    /// At the beginning of a stream. An event longer than `longest` is not held, and so never replaced.
    pub(super) fn new(longest: usize) -> Self {
        let scanner = Scanner::with_limit(longest);
        Self { scanner, held: Vec::new(), ready: Vec::new(), newline_is_hidden: false }
    }

    /// Takes a frame and gives what may be shown by now; `replace` gives what stands in an event's place, if anything
    /// does. Slices that are not taken are lost.
    pub(super) fn feed(
        &mut self,
        frame: Bytes,
        replace: impl FnMut(&Event<'_>) -> Option<Bytes>,
    ) -> impl Iterator<Item = Bytes> {
        self.sort(frame, replace);
        self.ready.drain(..)
    }

    /// Gives what is left when the stream ends.
    pub(super) fn finish(&mut self, mut replace: impl FnMut(&Event<'_>) -> Option<Bytes>) -> Option<Bytes> {
        let held = &mut self.held;
        self.scanner.finish(|event| {
            if let Some(new) = replace(&event) {
                held.clear();
                push(held, new);
            }
        });
        match held.len() {
            0 | 1 => held.pop(),
            _ => Some(held.drain(..).flatten().collect()),
        }
    }

    fn sort(&mut self, mut frame: Bytes, mut replace: impl FnMut(&Event<'_>) -> Option<Bytes>) {
        let Self { scanner, held, ready, newline_is_hidden } = self;
        if frame.is_empty() {
            return;
        }
        let mut done = usize::from(std::mem::take(newline_is_hidden) && frame[0] == b'\n');
        scanner.feed(&frame, |event| {
            let new = replace(&event);
            if new.is_some() && event.start.is_none() {
                held.clear();
            }
            ready.append(held);
            if let Some(new) = new {
                push(ready, frame.slice(done..event.start.unwrap_or(done)));
                push(ready, new);
                done = event.end;
                *newline_is_hidden = done == frame.len() && frame.ends_with(b"\r");
            }
        });
        if scanner.open_from() > 0 {
            ready.append(held);
        }
        push(held, frame.split_off(scanner.open_from()));
        push(ready, frame.split_off(done));
    }
}

fn push(slices: &mut Vec<Bytes>, slice: Bytes) {
    if !slice.is_empty() {
        slices.push(slice);
    }
}
