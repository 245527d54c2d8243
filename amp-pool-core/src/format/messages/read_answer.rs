//! Whole Messages answers, read.
//!
//! The same as a stream that came in one piece; what a block says is for `said` to know.

use serde::Deserialize;

use super::said::Said;
use crate::format::{
    Failure,
    canonical::{Event, end_at_failure},
    loose::{Loose, LooseList, Text},
    transcode::WayBack,
};

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Loose<Text<'a>>,
    #[serde(borrow, default)]
    content: LooseList<'a>,
}

/// Reads a body that is no error. The events are legal and end in `Finished`, or in `Failed` where it is broken.
///
/// # Errors
/// [`Failure`] when it is no answer of this format.
pub(in crate::format) fn read_answer(body: &[u8], _back: &WayBack) -> Result<Vec<Event>, Failure> {
    let text = std::str::from_utf8(body).map_err(|_| Failure::unread(body))?;
    let shape: Shape<'_> = serde_json::from_str(text).map_err(|_| Failure::unread(body))?;
    // Servers that call themselves compatible may forget the type, but not the content.
    if shape.content.0.is_none() || shape.kind.0.is_some_and(|kind| !kind.is("message")) {
        return Err(Failure::unread(body));
    }
    let (mut said, mut events) = (Said::default(), Vec::new());
    said.message(text, &mut events);
    said.finished(&mut events);
    end_at_failure(&mut events, 0);
    Ok(events)
}
