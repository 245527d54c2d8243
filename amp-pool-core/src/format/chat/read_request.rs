//! Chat requests, read.
//!
//! Gives every message a turn of its own, in the client's order: a `tool` (or legacy `function`) message becomes a user
//! turn with one result; tool calls, `reasoning_content` and refusals become parts of the assistant's turn, the thought
//! first, then text, then calls. `system` and `developer` messages stay where they are. `n` above 1, audio output and
//! file ids are refused; what only Chat has goes to `extra`. Rules 1.2, 2.0.3, 2.0.4, 2.1, 2.3; traps 36, 39, 41, 43.

use crate::format::{Losses, Reject, canonical::Request};

/// Reads a body. Its limits of size have been checked, and that no member is there twice.
///
/// # Errors
/// [`Reject`] when it is no request of this format, or holds what no translation can carry.
pub(in crate::format) fn read_request(_body: &[u8], _losses: &mut Losses) -> Result<Request, Reject> {
    Err(Reject::body("Chat requests are not translated yet"))
}
