//! Whole Chat answers, read.
//!
//! The same as a stream that came in one piece.

use super::read_stream::Reader;
use crate::format::{Failure, canonical::Event, transcode::WayBack};

/// Reads a body that is no error. The events are legal and end in `Finished`.
///
/// # Errors
/// [`Failure`] when it is no answer of this format.
pub(in crate::format) fn read_answer(body: &[u8], back: &WayBack) -> Result<Vec<Event>, Failure> {
    let (mut reader, mut events) = (Reader::new(back), Vec::new());
    reader.chunk(body, &mut events);
    if !reader.has_begun() {
        return Err(Failure::unread(body));
    }
    reader.done(&mut events);
    Ok(events)
}
