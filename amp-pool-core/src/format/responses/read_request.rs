//! Responses requests, read.
//!
//! Items in their order: reasoning, assistant text and calls that follow one another are one assistant turn; outputs are
//! user turns with one result; developer and system messages stay where they are. Ids of items are not kept. What needs
//! state at the provider is refused with `unsupported_parameter`; the request's parameters are kept for the echo. Rules
//! 1.3, 2.0.3, 2.0.4, 2.4, 2.6; traps 33, 43, 49, 105.

use crate::format::{Losses, Reject, canonical::Request};

/// Reads a body. Its limits of size have been checked, and that no member is there twice.
///
/// # Errors
/// [`Reject`] when it is no request of this format, or holds what no translation can carry.
pub(in crate::format) fn read_request(_body: &[u8], _losses: &mut Losses) -> Result<Request, Reject> {
    Err(Reject::body("Responses requests are not translated yet"))
}
