//! Responses requests, written.
//!
//! Writes a settled request: items without ids, a thought before what it led to or not at all, explicit `strict`,
//! `store: false` and `reasoning.encrypted_content`, at least 16 tokens. Rules 1.3, 2.0.1, 2.0.3 to 2.0.7, 2.3, 2.5; traps
//! 23, 32, 40, 43 to 46, 49 to 51, 55, 91.

use crate::format::{
    Losses, Reject,
    canonical::Request,
    transcode::{Translation, WayBack},
};

/// Writes the body for this upstream.
///
/// # Errors
/// [`Reject`] when the upstream can not be asked for this, or something is lost on a strict route.
pub(in crate::format) fn write_request(
    _request: &Request,
    _translation: &Translation,
    _losses: &mut Losses,
    _back: &mut WayBack,
) -> Result<Vec<u8>, Reject> {
    Err(Reject::body("requests are not translated to Responses yet"))
}
