//! Reasoning items: paragraphs that come one after the other.

use super::{
    Writer,
    item::{self, Kind},
};
use crate::format::{body::Body, canonical::ThoughtKind};

impl Writer {
    /// Writes more of the paragraph that is open, or begins the next one.
    pub(super) fn think(&mut self, at: usize, text: &str, out: &mut Vec<u8>) {
        let Kind::Reasoning { kind, paragraphs, is_open, .. } = &mut self.items[at].kind else { return };
        let names = Names::of(*kind);
        if !std::mem::replace(is_open, true) {
            paragraphs.push(String::new());
            let index = paragraphs.len() - 1;
            let part = Body::with("part", &item::paragraph(names.part, ""));
            self.inside(names.added, at, (names.index, index), &part, out);
        }
        let Kind::Reasoning { paragraphs, .. } = &mut self.items[at].kind else { return };
        let index = paragraphs.len().saturating_sub(1);
        if let Some(last) = paragraphs.last_mut() {
            last.push_str(text);
        }
        let mut said = Body::default();
        said.add("delta", text);
        self.inside(names.delta, at, (names.index, index), &said, out);
    }

    /// Ends the paragraph that is open, if one is.
    pub(super) fn end_paragraph(&mut self, at: usize, out: &mut Vec<u8>) {
        let Kind::Reasoning { kind, paragraphs, is_open, .. } = &mut self.items[at].kind else { return };
        if !std::mem::take(is_open) {
            return;
        }
        let names = Names::of(*kind);
        let (index, text) = (paragraphs.len().saturating_sub(1), paragraphs.last().cloned().unwrap_or_default());
        let mut said = Body::default();
        said.add("text", &text);
        self.inside(names.done, at, (names.index, index), &said, out);
        let part = Body::with("part", &item::paragraph(names.part, &text));
        self.inside(names.part_done, at, (names.index, index), &part, out);
    }
}

/// What the events of reasoning are called.
#[derive(Debug, Clone, Copy)]
struct Names {
    index: &'static str,
    part: &'static str,
    added: &'static str,
    delta: &'static str,
    done: &'static str,
    part_done: &'static str,
}

impl Names {
    const SUMMARY: Self = Self {
        index: "summary_index",
        part: "summary_text",
        added: "response.reasoning_summary_part.added",
        delta: "response.reasoning_summary_text.delta",
        done: "response.reasoning_summary_text.done",
        part_done: "response.reasoning_summary_part.done",
    };
    const RAW: Self = Self {
        index: "content_index",
        part: "reasoning_text",
        added: "response.content_part.added",
        delta: "response.reasoning_text.delta",
        done: "response.reasoning_text.done",
        part_done: "response.content_part.done",
    };

    fn of(kind: ThoughtKind) -> Self {
        match kind {
            ThoughtKind::Summary => Self::SUMMARY,
            ThoughtKind::Raw => Self::RAW,
        }
    }
}
