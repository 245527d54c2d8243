//! Events, numbered.

use serde::Serialize;

use super::item::Item;
use crate::format::{
    body::Body,
    canonical::Json,
    transcode::{frame, frame_of},
};

/// Writes events one after the other.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The number of the next one.
    next: u64,
}

/// A piece of what an item says, which most events of a stream are: written as it stands, and not member by member.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) item_id: &'a str,
    pub(super) output_index: usize,
    pub(super) content_index: Option<usize>,
    pub(super) delta: &'a str,
    /// Of texts only.
    pub(super) logprobs: Option<&'a [Json]>,
}

#[derive(Serialize)]
struct Numbered<'a> {
    r#type: &'a str,
    sequence_number: u64,
    item_id: &'a str,
    output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<usize>,
    delta: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<&'a [Json]>,
}

impl Lines {
    /// Writes an event that says a piece.
    pub(super) fn piece(&mut self, kind: &str, piece: Piece<'_>, out: &mut Vec<u8>) {
        let Piece { item_id, output_index, content_index, delta, logprobs } = piece;
        let (r#type, sequence_number) = (kind, self.next);
        let line = Numbered { r#type, sequence_number, item_id, output_index, content_index, delta, logprobs };
        frame(out, Some(kind), &line);
        self.next += 1;
    }

    pub(super) fn has_begun(&self) -> bool {
        self.next > 0
    }

    /// The members by which events say of which item they are.
    pub(super) fn of_item(&self, item: &Item, at: usize) -> Body {
        let mut line = Body::default();
        line.add("item_id", &item.id);
        line.add("output_index", &at);
        line
    }

    /// Writes an event of this kind.
    pub(super) fn write(&mut self, kind: &str, members: &Body, out: &mut Vec<u8>) {
        let mut line = Body::of(kind);
        line.add("sequence_number", &self.next);
        line.join(members);
        self.next += 1;
        frame_of(out, Some(kind), |out| line.write_to(out));
    }
}
