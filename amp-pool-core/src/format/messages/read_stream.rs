//! Messages streams, read.
//!
//! Blocks by their index, renumbered; a message that is complete at its start is replayed; a second start is an event like
//! the first, which the transcoder refuses. Usage replaces field by field. Rules 1.1, 2.0.8, 2.1, 2.6, 3.1; traps 10, 12,
//! 13, 14, 15, 29, 70, 78, 79, 95, 100.

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
