//! Messages requests, written.
//!
//! Writes a settled request: leading system turns into `system`, adjacent turns of one role merged with results first,
//! input as an object, thoughts first and untouched, at most four cache marks, and of sampling, thinking, effort, forcing
//! and prefill what the model takes. Rules 1.1, 2.0.1 to 2.0.7, 2.1, 2.6; traps 31, 32, 34, 35, 37, 38, 39, 41, 45 to 48,
//! 54, 56, 57, 59, 68, 85, 86, 88 to 90, 102.

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
    Err(Reject::body("requests are not translated to Messages yet"))
}
