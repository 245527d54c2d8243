//! Chat streams, written.
//!
//! One role chunk, calls counted from 0, one finish chunk, usage when asked for, `[DONE]`; an `error` frame and nothing
//! else when it fails. Rules 1.2, 2.0.8, 2.1, 2.3, 3.4; traps 16 to 20, 28, 29, 30, 62, 76.

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
        out.extend_from_slice(&error_event(Format::Chat, problem));
    }

    fn keep_alive(&mut self, _silence: Duration, _out: &mut Vec<u8>) {}
}
