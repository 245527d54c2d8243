//! Blocks, as they are given on.

use crate::format::canonical::{BlockKind, Delta, Event};

/// Where events go, and the number of the next block.
pub(super) struct Out<'a> {
    pub(super) events: &'a mut Vec<Event>,
    pub(super) next: &'a mut u32,
}

/// A block that has begun.
#[derive(Debug)]
pub(super) struct Block {
    index: u32,
    /// What was sent of the text that is coming.
    sent: String,
    is_open: bool,
}

impl Block {
    pub(super) fn start(kind: BlockKind, out: &mut Out<'_>) -> Self {
        let index = *out.next;
        *out.next += 1;
        out.events.push(Event::BlockStarted { index, kind });
        Self { index, sent: String::new(), is_open: true }
    }

    /// Sends what is new. Nothing is sent behind the end.
    pub(super) fn send(&mut self, delta: Delta, out: &mut Out<'_>) {
        if self.is_open {
            out.events.push(Event::Delta { index: self.index, delta });
        }
    }

    /// Sends more text in the shape that `delta` gives it.
    pub(super) fn say(&mut self, text: &str, delta: fn(String) -> Delta, out: &mut Out<'_>) {
        if !text.is_empty() {
            self.sent.push_str(text);
            self.send(delta(text.to_owned()), out);
        }
    }

    /// Sends what `whole` has more than was sent. What was sent can not be taken back.
    pub(super) fn say_rest(&mut self, whole: &str, delta: fn(String) -> Delta, out: &mut Out<'_>) {
        if let Some(rest) = whole.strip_prefix(&self.sent) {
            let rest = rest.to_owned();
            self.say(&rest, delta, out);
        }
    }

    /// Whether nothing was sent of the text that is coming.
    pub(super) fn is_silent(&self) -> bool {
        self.sent.is_empty()
    }

    /// Whether it has not ended.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// From here another text is coming.
    pub(super) fn begin_text(&mut self) {
        self.sent.clear();
    }

    /// Ends it, once.
    pub(super) fn end(&mut self, is_complete: bool, out: &mut Out<'_>) {
        if std::mem::take(&mut self.is_open) {
            out.events.push(Event::BlockEnded { index: self.index, is_complete });
        }
    }
}
