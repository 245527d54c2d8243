//! Chat requests, written.
//!
//! Writes a settled request. Here is decided what of it Chat and this dialect take: `tool` messages with text only and
//! their media behind the last of them, one leading system message, the name of the output limit, how thinking is switched
//! and carried, where `strict` stands. Rules 1.2, 2.0.1, 2.0.3 to 2.0.7, 2.2, 2.4, 5; traps 34, 35, 40, 44 to 46, 51,
//! 54, 55, 59, 60, 61, 91, 99.

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
    Err(Reject::body("requests are not translated to Chat yet"))
}
