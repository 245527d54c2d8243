//! Messages: texts and refusals that stand side by side are parts of one.

use super::{
    Place, Writer,
    item::{Item, Kind, Part},
    lines::Piece,
};
use crate::format::{
    body::Body,
    canonical::{Citation, Phase},
    responses::annotation,
};

impl Writer {
    /// Begins a part, of the message that is open if it may be.
    pub(super) fn part(&mut self, phase: Option<Phase>, is_refusal: bool, out: &mut Vec<u8>) -> Place {
        let fits = |item: &Item| matches!(item.kind, Kind::Message { phase: open, .. } if is_refusal || open == phase);
        let at = match self.message.filter(|at| fits(&self.items[*at])) {
            Some(at) => at,
            None => {
                self.item("msg_", Kind::Message { phase, parts: Vec::new() }, out);
                self.items.len() - 1
            }
        };
        self.message = Some(at);
        let part = Part::new(is_refusal);
        let added = Body::with("part", &part.body());
        let Kind::Message { parts, .. } = &mut self.items[at].kind else { return Place::Hidden };
        parts.push(part);
        let index = parts.len() - 1;
        self.inside("response.content_part.added", at, ("content_index", index), &added, out);
        Place::Part(at, index)
    }

    pub(super) fn part_at(&mut self, at: usize, part: usize) -> Option<&mut Part> {
        match &mut self.items.get_mut(at)?.kind {
            Kind::Message { parts, .. } => parts.get_mut(part),
            Kind::Reasoning { .. } | Kind::Call(_) => None,
        }
    }

    pub(super) fn say(&mut self, at: usize, index: usize, text: &str, out: &mut Vec<u8>) {
        let Some(part) = self.part_at(at, index) else { return };
        part.text.push_str(text);
        let (is_refusal, logprobs) = (part.is_refusal, std::mem::take(&mut part.fresh_logprobs));
        let kind = if is_refusal { "response.refusal.delta" } else { "response.output_text.delta" };
        let piece = Piece {
            item_id: &self.items[at].id,
            output_index: at,
            content_index: Some(index),
            delta: text,
            logprobs: (!is_refusal).then_some(&logprobs),
        };
        self.lines.piece(kind, piece, out);
    }

    pub(super) fn cite(&mut self, at: usize, index: usize, citation: &Citation, out: &mut Vec<u8>) {
        let Some(part) = self.part_at(at, index) else { return };
        let length = u64::try_from(part.text.chars().count()).unwrap_or(u64::MAX);
        let Some(annotation) = annotation::write(citation, length) else { return };
        let number = part.annotations.len();
        part.annotations.push(annotation.clone());
        let mut line = self.lines.of_item(&self.items[at], at);
        line.add("content_index", &index);
        line.add("annotation_index", &number);
        line.add("annotation", &annotation);
        self.lines.write("response.output_text.annotation.added", &line, out);
    }

    pub(super) fn end_part(&mut self, at: usize, index: usize, is_complete: bool, out: &mut Vec<u8>) {
        let Some(part) = self.part_at(at, index) else { return };
        part.is_open = false;
        let (whole, mut said) = (Body::with("part", &part.body()), Body::default());
        let kind = if part.is_refusal {
            said.add("refusal", &part.text);
            "response.refusal.done"
        } else {
            said.add("text", &part.text);
            said.add("logprobs", &part.logprobs);
            "response.output_text.done"
        };
        self.inside(kind, at, ("content_index", index), &said, out);
        self.inside("response.content_part.done", at, ("content_index", index), &whole, out);
        if is_complete {
            self.settle(at, out);
        } else {
            self.cut(at, out);
        }
    }

    pub(super) fn has_refusal(&self) -> bool {
        self.items
            .iter()
            .any(|item| matches!(&item.kind, Kind::Message { parts, .. } if parts.iter().any(|part| part.is_refusal)))
    }
}
