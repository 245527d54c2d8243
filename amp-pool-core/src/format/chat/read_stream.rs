//! Chat streams, read.
//!
//! Slots of calls by `index`, or by id where servers have none; text, refusal and reasoning open and close blocks as they
//! alternate; empty strings and nulls change nothing. A call begins when its name is complete. The finish is held back to
//! `[DONE]` or a clean end. Rules 1.2, 2.0.8, 2.2, 2.4, 3.2, 5; traps 3, 4, 5, 10, 11, 15, 22, 58, 61, 73, 74, 81, 82, 92, 93.

use crate::format::{
    canonical::Event,
    sse,
    transcode::{ReadEvents, WayBack},
};

/// The state of a stream.
#[derive(Debug)]
pub(in crate::format) struct Reader {}

impl Reader {
    /// A reader at the beginning of an answer.
    pub(in crate::format) fn new(_back: &WayBack) -> Self {
        Self {}
    }
}

impl ReadEvents for Reader {
    fn read(&mut self, _event: &sse::Event<'_>, _out: &mut Vec<Event>) {}

    fn end(&mut self, _out: &mut Vec<Event>) {}
}
