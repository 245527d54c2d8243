//! Events, numbered.

use super::item::Item;
use crate::format::{responses::body::Body, transcode::frame};

/// Writes events one after the other.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The number of the next one.
    next: u64,
}

impl Lines {
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
