//! Responses streams, written.
//!
//! `created`, `in_progress`, items with our own ids and indexes, one terminal event. Adjacent texts are parts of one
//! message item. Sequence numbers have no gaps, also when it fails: `error`, then `response.failed`.

mod item;
mod lines;
mod message;
mod reasoning;
mod response;
#[cfg(test)]
mod tests;

use std::time::Duration;

use self::{
    item::{Item, Kind, Status},
    lines::{Lines, Piece},
    response::State,
};
use crate::format::{
    Problem,
    body::Body,
    canonical::{BlockKind, Call, Delta, Event, Finish, FinishReason, Input, Json, Spent},
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
    pub(super) fn response(&self) -> Body {
        self.object(self.end.unwrap_or(State::InProgress))
    }

    fn object(&self, state: State<'_>) -> Body {
        let whole = self.items.iter().filter(|item| item.status != Status::InProgress);
        response::object(&self.back, state, whole.map(Item::body), self.spent.as_ref())
    }

    fn whole(&mut self, kind: &str, state: State<'_>, out: &mut Vec<u8>) {
        let mut line = Body::default();
        line.add_object("response", &self.object(state));
        self.lines.write(kind, &line, out);
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
        self.items.push(Item { id, kind, status: Status::InProgress, is_cut: false });
        self.item_event("response.output_item.added", at, out);
        Place::Item(at)
    }

    fn item_event(&mut self, kind: &str, at: usize, out: &mut Vec<u8>) {
        let mut line = Body::default();
        line.add("output_index", &at);
        line.add_object("item", &self.items[at].body());
        self.lines.write(kind, &line, out);
    }

    /// Writes an event of a part of an item.
    fn inside(&mut self, kind: &str, at: usize, (name, index): (&str, usize), said: &Body, out: &mut Vec<u8>) {
        let mut line = self.lines.of_item(&self.items[at], at);
        line.add(name, &index);
        line.join(said);
        self.lines.write(kind, &line, out);
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
            item.status = if item.is_cut { Status::Incomplete } else { Status::Completed };
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
                    part.logprobs.extend(items.clone());
                    part.fresh_logprobs.extend(items);
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

    /// Ends an item in which the output was cut, once nothing else of it is open.
    fn cut(&mut self, at: usize, out: &mut Vec<u8>) {
        self.message = self.message.filter(|message| *message != at);
        self.items[at].is_cut = true;
        self.settle(at, out);
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
        let item_id = &self.items[at].id;
        let piece = Piece { item_id, output_index: at, content_index: None, delta: more, logprobs: None };
        self.lines.piece(kind, piece, out);
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
        self.lines.write(kind, &line, out);
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
        if let Some(explanation) = finish.explanation.as_ref().filter(|text| !text.is_empty())
            && let Place::Part(at, part) = self.part(None, true, out)
        {
            self.say(at, part, explanation, out);
            self.end_part(at, part, true, out);
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
        self.lines.write("error", &line, out);
        self.whole("response.failed", State::Failed(problem), out);
    }

    fn keep_alive(&mut self, silence: Duration, out: &mut Vec<u8>) {
        comment(out, "ka");
        // Nothing may stand before the event that begins the answer.
        if silence >= LONG_SILENCE && self.lines.has_begun() {
            self.lines.write("keepalive", &Body::default(), out);
        }
    }
}
