//! Responses streams, written.
//!
//! `created`, `in_progress`, items with our own ids and indexes, one terminal event. Adjacent texts are parts of one
//! message item. Sequence numbers have no gaps, also when it fails: `error`, then `response.failed`. Rules 1.3, 2.0.6, 2.0.8,
//! 2.4, 2.6, 3.4; traps 15, 21, 23, 24, 25, 26, 43, 62, 64.

mod item;
mod lines;
mod response;
#[cfg(test)]
mod tests;

use std::time::Duration;

use self::{
    item::{Item, Kind, Part, Status},
    lines::Lines,
    response::State,
};
use super::{annotation, body::Body};
use crate::format::{
    Problem,
    canonical::{
        BlockKind, Call, Citation, Delta, Event, Finish, FinishReason, Input, Json, Phase, Spent, ThoughtKind,
    },
    problem::OpenAiError,
    transcode::{WayBack, WriteEvents, comment},
};

/// From here a comment is not enough: some clients count only events as life.
const LONG_SILENCE: Duration = Duration::from_secs(60);

/// The state of a stream.
#[derive(Debug)]
pub(in crate::format) struct Writer {
    back: WayBack,
    lines: Lines,
    items: Vec<Item>,
    /// Where the blocks went, by their index.
    places: Vec<Place>,
    /// The message that the next text joins.
    message: Option<usize>,
    spent: Option<Spent>,
    /// How it ended.
    end: Option<State<'static>>,
}

/// Where a block went.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// A part of a message.
    Part(usize, usize),
    /// An item of its own.
    Item(usize),
    /// Nowhere: it is not shown.
    Hidden,
}

impl Writer {
    /// A writer at the beginning of an answer.
    pub(in crate::format) fn new(back: &WayBack) -> Self {
        Self {
            back: back.clone(),
            lines: Lines::default(),
            items: Vec::new(),
            places: Vec::new(),
            message: None,
            spent: None,
            end: None,
        }
    }

    /// The answer as it stands.
    pub(super) fn response(&self) -> Json {
        self.object(self.end.unwrap_or(State::InProgress))
    }

    fn object(&self, state: State<'_>) -> Json {
        let whole = self.items.iter().filter(|item| item.status != Status::InProgress);
        response::object(&self.back, state, &whole.map(Item::json).collect::<Vec<_>>(), self.spent.as_ref())
    }

    fn whole(&mut self, kind: &str, state: State<'_>, out: &mut Vec<u8>) {
        let mut line = Body::default();
        line.add("response", &self.object(state));
        self.lines.write(kind, line, out);
    }

    fn start(&mut self, kind: &BlockKind, out: &mut Vec<u8>) {
        let place = match kind {
            BlockKind::Text { phase } => self.part(*phase, false, out),
            BlockKind::Refusal => self.part(None, true, out),
            BlockKind::Thought(kind) => {
                let kind = Kind::Reasoning { kind: *kind, paragraphs: Vec::new(), is_open: false, encrypted: None };
                self.item("rs_", kind, out)
            }
            BlockKind::Call(call) => {
                let prefix = if matches!(call.input, Input::Json(_)) { "fc_" } else { "ctc_" };
                self.item(prefix, Kind::Call(call.clone()), out)
            }
            BlockKind::Hosted(_) => Place::Hidden,
        };
        self.places.push(place);
    }

    /// Begins an item behind whatever was said.
    fn item(&mut self, prefix: &str, kind: Kind, out: &mut Vec<u8>) -> Place {
        self.leave_message(out);
        let at = self.items.len();
        let id = self.back.ids.item(prefix, u32::try_from(at).unwrap_or(u32::MAX));
        self.items.push(Item { id, kind, status: Status::InProgress });
        self.item_event("response.output_item.added", at, out);
        Place::Item(at)
    }

    fn item_event(&mut self, kind: &str, at: usize, out: &mut Vec<u8>) {
        let mut line = Body::default();
        line.add("output_index", &at);
        line.add("item", &self.items[at].json());
        self.lines.write(kind, line, out);
    }

    /// Begins a part, of the message that is open if it may be.
    fn part(&mut self, phase: Option<Phase>, is_refusal: bool, out: &mut Vec<u8>) -> Place {
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
        let json = part.json();
        let Kind::Message { parts, .. } = &mut self.items[at].kind else { return Place::Hidden };
        parts.push(part);
        let index = parts.len() - 1;
        self.inside("response.content_part.added", at, ("content_index", index), ("part", &json), out);
        Place::Part(at, index)
    }

    /// Writes an event of a part of an item.
    fn inside(
        &mut self,
        kind: &str,
        at: usize,
        (name, index): (&str, usize),
        (said, what): (&str, &Json),
        out: &mut Vec<u8>,
    ) {
        let mut line = self.lines.of_item(&self.items[at], at);
        line.add(name, &index);
        line.add(said, what);
        self.lines.write(kind, line, out);
    }

    /// The message takes no more parts; it ends when those it has are over.
    fn leave_message(&mut self, out: &mut Vec<u8>) {
        if let Some(at) = self.message.take() {
            self.settle(at, out);
        }
    }

    /// Ends the item, if nothing more can come in it.
    fn settle(&mut self, at: usize, out: &mut Vec<u8>) {
        let item = &mut self.items[at];
        if item.is_quiet() && item.status == Status::InProgress && self.message != Some(at) {
            item.status = Status::Completed;
            self.item_event("response.output_item.done", at, out);
        }
    }

    fn extend(&mut self, place: Place, delta: &Delta, out: &mut Vec<u8>) {
        match (place, delta) {
            (Place::Part(at, part), Delta::Text(text)) => self.say(at, part, text, out),
            (Place::Part(at, part), Delta::Citation(citation)) => self.cite(at, part, citation, out),
            (Place::Part(at, part), Delta::Logprobs(list)) => {
                let items: Vec<Json> = serde_json::from_str(list.get()).unwrap_or_default();
                if let Some(part) = self.part_at(at, part) {
                    part.logprobs.extend(items);
                }
            }
            (Place::Item(at), Delta::Text(text)) => self.think(at, text, out),
            (Place::Item(at), Delta::Paragraph) => self.end_paragraph(at, out),
            (Place::Item(at), Delta::Proof(proof)) => {
                if let Kind::Reasoning { encrypted, .. } = &mut self.items[at].kind
                    && self.back.include_encrypted
                {
                    *encrypted = Some(proof.data.clone());
                }
            }
            (Place::Item(at), Delta::Input(more)) => self.call_more(at, more, out),
            _ => {}
        }
    }

    fn part_at(&mut self, at: usize, part: usize) -> Option<&mut Part> {
        match &mut self.items.get_mut(at)?.kind {
            Kind::Message { parts, .. } => parts.get_mut(part),
            Kind::Reasoning { .. } | Kind::Call(_) => None,
        }
    }

    fn say(&mut self, at: usize, index: usize, text: &str, out: &mut Vec<u8>) {
        let Some(part) = self.part_at(at, index) else { return };
        part.text.push_str(text);
        let is_refusal = part.is_refusal;
        let mut line = self.lines.of_item(&self.items[at], at);
        line.add("content_index", &index);
        line.add("delta", text);
        if is_refusal {
            self.lines.write("response.refusal.delta", line, out);
        } else {
            line.add("logprobs", &[(); 0]);
            self.lines.write("response.output_text.delta", line, out);
        }
    }

    fn cite(&mut self, at: usize, index: usize, citation: &Citation, out: &mut Vec<u8>) {
        let Some(part) = self.part_at(at, index) else { return };
        let length = u64::try_from(part.text.chars().count()).unwrap_or(u64::MAX);
        let Some(annotation) = annotation::write(citation, length) else { return };
        let number = part.annotations.len();
        part.annotations.push(annotation.clone());
        let mut line = self.lines.of_item(&self.items[at], at);
        line.add("content_index", &index);
        line.add("annotation_index", &number);
        line.add("annotation", &annotation);
        self.lines.write("response.output_text.annotation.added", line, out);
    }

    fn end_part(&mut self, at: usize, index: usize, is_complete: bool, out: &mut Vec<u8>) {
        let Some(part) = self.part_at(at, index) else { return };
        part.is_open = false;
        let (json, text, logprobs) = (part.json(), part.text.clone(), Json::of(&part.logprobs));
        let mut line = self.lines.of_item(&self.items[at], at);
        line.add("content_index", &index);
        if matches!(self.part_at(at, index), Some(part) if part.is_refusal) {
            line.add("refusal", &text);
            self.lines.write("response.refusal.done", line, out);
        } else {
            line.add("text", &text);
            line.add("logprobs", &logprobs);
            self.lines.write("response.output_text.done", line, out);
        }
        self.inside("response.content_part.done", at, ("content_index", index), ("part", &json), out);
        if is_complete {
            self.settle(at, out);
        } else {
            self.cut(at, out);
        }
    }

    /// Ends an item in which the output was cut.
    fn cut(&mut self, at: usize, out: &mut Vec<u8>) {
        self.message = self.message.filter(|message| *message != at);
        self.items[at].status = Status::Incomplete;
        self.item_event("response.output_item.done", at, out);
    }

    fn call_more(&mut self, at: usize, more: &str, out: &mut Vec<u8>) {
        let Kind::Call(call) = &mut self.items[at].kind else { return };
        let kind = match &mut call.input {
            Input::Json(input) => {
                input.push_str(more);
                "response.function_call_arguments.delta"
            }
            Input::Text(input) => {
                input.push_str(more);
                "response.custom_tool_call_input.delta"
            }
        };
        let mut line = self.lines.of_item(&self.items[at], at);
        line.add("delta", more);
        self.lines.write(kind, line, out);
    }

    /// Ends a call. One that was cut is not said to have its arguments.
    fn end_call(&mut self, at: usize, is_complete: bool, out: &mut Vec<u8>) {
        let Kind::Call(call) = &mut self.items[at].kind else { return };
        if !is_complete {
            return self.cut(at, out);
        }
        let (kind, member, whole) = done(call);
        let mut line = self.lines.of_item(&self.items[at], at);
        line.add(member, &whole);
        self.lines.write(kind, line, out);
        self.settle(at, out);
    }

    fn end_block(&mut self, place: Place, is_complete: bool, out: &mut Vec<u8>) {
        match place {
            Place::Part(at, part) => self.end_part(at, part, is_complete, out),
            Place::Item(at) if matches!(self.items[at].kind, Kind::Call(_)) => self.end_call(at, is_complete, out),
            Place::Item(at) => {
                self.end_paragraph(at, out);
                if is_complete { self.settle(at, out) } else { self.cut(at, out) }
            }
            Place::Hidden => {}
        }
    }

    fn finish(&mut self, finish: &Finish, out: &mut Vec<u8>) {
        let is_refused_in_words = self.has_refusal();
        if let Some(explanation) = finish.explanation.as_ref().filter(|text| !text.is_empty()) {
            if let Place::Part(at, part) = self.part(None, true, out) {
                self.say(at, part, explanation, out);
                self.end_part(at, part, true, out);
            }
        }
        self.leave_message(out);
        let (kind, state) = match &finish.reason {
            FinishReason::Length | FinishReason::ContextFull => {
                ("response.incomplete", State::Incomplete("max_output_tokens"))
            }
            // A refusal in words of its own is an answer; one without is what a filter did.
            FinishReason::Refusal { .. } if !is_refused_in_words => {
                ("response.incomplete", State::Incomplete("content_filter"))
            }
            _ => ("response.completed", State::Completed),
        };
        self.end = Some(state);
        self.whole(kind, state, out);
    }

    fn has_refusal(&self) -> bool {
        self.items
            .iter()
            .any(|item| matches!(&item.kind, Kind::Message { parts, .. } if parts.iter().any(|part| part.is_refusal)))
    }

    fn think(&mut self, at: usize, text: &str, out: &mut Vec<u8>) {
        let Kind::Reasoning { kind, paragraphs, is_open, .. } = &mut self.items[at].kind else { return };
        let names = Names::of(*kind);
        if !std::mem::replace(is_open, true) {
            paragraphs.push(String::new());
            let index = paragraphs.len() - 1;
            let part = item::paragraph(names.part, "");
            self.inside(names.added, at, (names.index, index), ("part", &part), out);
        }
        let Kind::Reasoning { paragraphs, .. } = &mut self.items[at].kind else { return };
        let index = paragraphs.len().saturating_sub(1);
        if let Some(last) = paragraphs.last_mut() {
            last.push_str(text);
        }
        self.inside(names.delta, at, (names.index, index), ("delta", &Json::of(&text)), out);
    }

    fn end_paragraph(&mut self, at: usize, out: &mut Vec<u8>) {
        let Kind::Reasoning { kind, paragraphs, is_open, .. } = &mut self.items[at].kind else { return };
        if !std::mem::take(is_open) {
            return;
        }
        let names = Names::of(*kind);
        let (index, text) = (paragraphs.len().saturating_sub(1), paragraphs.last().cloned().unwrap_or_default());
        self.inside(names.done, at, (names.index, index), ("text", &Json::of(&text)), out);
        let part = item::paragraph(names.part, &text);
        self.inside(names.part_done, at, (names.index, index), ("part", &part), out);
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

/// What says that the input of a call is whole. A function is called with an object, if only the empty one.
fn done(call: &mut Call) -> (&'static str, &'static str, String) {
    match &mut call.input {
        Input::Json(input) => {
            if input.trim_ascii().is_empty() {
                "{}".clone_into(input);
            }
            ("response.function_call_arguments.done", "arguments", input.clone())
        }
        Input::Text(input) => ("response.custom_tool_call_input.done", "input", input.clone()),
    }
}

impl WriteEvents for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        let place = |index: &u32| usize::try_from(*index).ok().and_then(|index| self.places.get(index).copied());
        match event {
            Event::Started(_) => {
                self.whole("response.created", State::InProgress, out);
                self.whole("response.in_progress", State::InProgress, out);
            }
            Event::BlockStarted { kind, .. } => self.start(kind, out),
            Event::Delta { index, delta } => {
                if let Some(place) = place(index) {
                    self.extend(place, delta, out);
                }
            }
            Event::BlockEnded { index, is_complete } => {
                if let Some(place) = place(index) {
                    self.end_block(place, *is_complete, out);
                }
            }
            Event::Usage(spent) => self.spent = Some(spent.clone()),
            Event::Finished(finish) => self.finish(finish, out),
            Event::Failed(_) | Event::Ping => {}
        }
    }

    fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        // What was used by an answer that failed is nothing the client should reckon with.
        self.spent = None;
        let mut line = Body::default();
        line.add("error", &OpenAiError::of(problem));
        self.lines.write("error", line, out);
        self.whole("response.failed", State::Failed(problem), out);
    }

    fn keep_alive(&mut self, silence: Duration, out: &mut Vec<u8>) {
        comment(out, "ka");
        // Nothing may stand before the event that begins the answer.
        if silence >= LONG_SILENCE && self.lines.has_begun() {
            self.lines.write("keepalive", Body::default(), out);
        }
    }
}
