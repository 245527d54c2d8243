//! Events, numbered.

use serde::Serialize;

use super::item::Item;
use crate::format::{canonical::Json, responses::body::Body, transcode::frame};

/// Writes events one after the other.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The number of the next one.
    next: u64,
}

/// A piece of what an item says, which most events of a stream are: written as it stands, and not member by member.
#[derive(Serialize)]
pub(super) struct Piece<'a> {
    pub(super) item_id: &'a str,
    pub(super) output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
    pub(super) delta: &'a str,
    /// Of texts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<&'a [Json]>,
}

#[derive(Serialize)]
struct Numbered<'a> {
    r#type: &'a str,
    sequence_number: u64,
    #[serde(flatten)]
    piece: Piece<'a>,
}

impl Lines {
    /// Writes an event that says a piece.
    pub(super) fn piece(&mut self, kind: &str, piece: Piece<'_>, out: &mut Vec<u8>) {
        frame(out, Some(kind), &Numbered { r#type: kind, sequence_number: self.next, piece });
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
    pub(super) fn write(&mut self, kind: &str, members: Body, out: &mut Vec<u8>) {
        let mut line = Body::of(kind);
        line.add("sequence_number", &self.next);
        line.0.extend(members.0);
        self.next += 1;
        frame(out, Some(kind), &line.json());
    }
}
