//! Messages requests, read.
//!
//! Turns as they stand; results are parts of user turns; thoughts keep their order, their text and their proofs byte for
//! byte. `system` becomes the instructions, `role: system` entries turns. Server tool blocks become hosted parts with a text
//! to read. `max_tokens: 0`, `mcp_servers`, `container`, threads and file ids are refused. Rules 1.1, 2.0.1, 2.0.3, 2.2,
//! 2.5; traps 29, 37, 39, 54, 87, 103, 104.

use crate::format::{Losses, Reject, canonical::Request};

/// Reads a body. Its limits of size have been checked, and that no member is there twice.
///
/// # Errors
/// [`Reject`] when it is no request of this format, or holds what no translation can carry.
pub(in crate::format) fn read_request(_body: &[u8], _losses: &mut Losses) -> Result<Request, Reject> {
    Err(Reject::body("Messages requests are not translated yet"))
}
