//! Translation between the formats, without I/O.
//!
//! There: the client's body is read into the canonical [`Request`](super::canonical::Request), made fit for the upstream
//! by passes that know neither format, and written. Back: the upstream's events are read, pass through stages that undo
//! what the passes did, and are written. The six directions are never written out, and the formats do not know one
//! another. What can not be carried is told in [`Losses`](super::Losses).
//!
//! Same-format calls never come here: their bytes are passed on.

mod answer;
pub(crate) mod base64;
mod call_ids;
mod codec;
mod count;
mod explain;
mod frame;
mod gather;
mod hosted;
mod inline;
mod media;
mod memory;
mod names;
pub(in crate::format) mod openai;
mod passes;
mod reading;
mod restore;
pub(in crate::format) mod schema;
mod seal;
mod serial;
mod stops;
mod stream;
mod thoughts;
mod tools;
mod translation;
mod turns;
mod unsaid;
mod way_back;
#[cfg(test)]
pub(in crate::format) mod tests;

pub use count::count_tokens;
pub use gather::Gatherer;
pub use memory::{Memo, Memory};
pub use seal::SealKey;
pub use stream::Transcoder;
pub use translation::{Aids, Policy, Sent, Translation};
pub use way_back::{WayBack, Whole};

pub(in crate::format) use codec::{ReadEvents, WriteEvents};
pub(in crate::format) use {
    frame::{comment, frame, frame_of},
    media::{data_url, image_type},
    seal::Ids,
    tools::thinks,
};
