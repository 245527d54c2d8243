//! Responses streams, read.
//!
//! Items by `output_index`, whatever their ids do; hosted items are skipped and leave no gap; of encrypted reasoning only
//! what `output_item.done` says counts, and what a done event has more than the deltas is sent on. Rules 1.3, 2.0.8, 2.3,
//! 2.5, 3.3; traps 7, 8, 10, 11, 15, 20, 23, 25, 26, 27, 29, 80.

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
