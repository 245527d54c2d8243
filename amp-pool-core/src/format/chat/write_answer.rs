//! Whole Chat answers, written.
//!
//! Text joined by nothing, `null` beside calls, reasoning in `reasoning_content`. Rules 1.2, 2.0.8, 2.1, 2.3, 3.4; traps
//! 15, 28, 29, 76, 94.

use crate::format::{canonical::Collected, transcode::WayBack};

/// Writes the body. The answer has ended well: it has a finish and no failure.
pub(in crate::format) fn write_answer(_answer: &Collected, _back: &WayBack) -> Vec<u8> {
    Vec::new()
}
