//! Whole Responses answers, written.
//!
//! The object of which the terminal event repeats the whole: items, usage with both details, the request's parameters,
//! and every member that SDKs insist on.

use super::write_stream::Writer;
use crate::format::{
    canonical::Collected,
    transcode::{WayBack, WriteEvents},
};

/// Writes the body. The answer has ended well: it has a finish and no failure.
pub(in crate::format) fn write_answer(answer: &Collected, back: &WayBack) -> Vec<u8> {
    let (mut writer, mut stream) = (Writer::new(back), Vec::new());
    answer.events().iter().for_each(|event| writer.write(event, &mut stream));
    writer.response().into_bytes()
}
