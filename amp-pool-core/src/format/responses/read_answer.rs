//! Whole Responses answers, read.
//!
//! The same as a stream of which only the last event came; an incomplete answer is one too.

use super::read_stream::{Reader, Response};
use crate::format::{
    Failure,
    canonical::{Event, end_at_failure},
    transcode::WayBack,
};

/// Reads a body that is no error. The events are legal and end in `Finished`, or in `Failed` where it is broken.
///
/// # Errors
/// [`Failure`] when it is no answer of this format.
pub(in crate::format) fn read_answer(body: &[u8], back: &WayBack) -> Result<Vec<Event>, Failure> {
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let response: Option<Response<'_>> = serde_json::from_slice(body).ok().filter(|_| is_object);
    let Some(response) = response.filter(Response::has_output) else { return Err(Failure::unread(body)) };
    let is_complete = match response.status() {
        "failed" | "cancelled" | "queued" | "in_progress" => {
            let message = format!("the response is {}", response.status());
            return Err(Failure { message, ..Failure::unread(body) });
        }
        status => status != "incomplete",
    };
    let mut events = Vec::new();
    Reader::new(back).finish(&response, is_complete, &mut events);
    end_at_failure(&mut events, 0);
    Ok(events)
}
