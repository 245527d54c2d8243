//! Whole Messages answers, read.
//!
//! The same as a stream that came in one piece. Rules 1.1, 2.1, 2.6, 3.1; traps 13, 15, 29, 79, 94.

use crate::format::{Failure, canonical::Event, transcode::WayBack};

/// Reads a body that is no error. The events are legal and end in `Finished`.
///
/// # Errors
/// [`Failure`] when it is no answer of this format.
pub(in crate::format) fn read_answer(body: &[u8], _back: &WayBack) -> Result<Vec<Event>, Failure> {
    Err(Failure::unread(body))
}
