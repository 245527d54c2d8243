//! Whole Responses answers, read.
//!
//! The same as a stream that came in one piece; an incomplete answer is one too. Rules 1.3, 2.3, 2.5, 3.3; traps 7, 15,
//! 23, 29, 80.

use crate::format::{Failure, canonical::Event, transcode::WayBack};

/// Reads a body that is no error. The events are legal and end in `Finished`.
///
/// # Errors
/// [`Failure`] when it is no answer of this format.
pub(in crate::format) fn read_answer(body: &[u8], _back: &WayBack) -> Result<Vec<Event>, Failure> {
    Err(Failure::unread(body))
}
