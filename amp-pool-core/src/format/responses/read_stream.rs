//! Responses streams, read.
//!
//! Items by `output_index`, whatever their ids do; hosted items are skipped and leave no gap; of encrypted reasoning only
//! what `output_item.done` says counts, and what a done event has more than the deltas is sent on.

mod block;
mod slot;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;

use self::{
    block::Out,
    slot::{Calling, Message, Slot, Thinking},
    wire::{Item, Line, said, some},
};
use crate::format::{
    Failure,
    canonical::{Event, Finish, FinishReason, Input, Json, Spent, Started, ThoughtKind, end_at_failure},
    sse,
    tokens::OpenAiTokens,
    transcode::{ReadEvents, WayBack},
};

pub(super) use self::wire::Response;

/// The state of a stream.
#[derive(Debug, Default)]
pub(in crate::format) struct Reader {
    has_started: bool,
    is_over: bool,
    /// Items by the upstream's index.
    slots: BTreeMap<u64, Slot>,
    /// The item that was spoken of last, for servers that do not count them.
    last: u64,
    /// The number of the next block.
    next: u32,
    /// Searches the provider bills one by one.
    searches: u64,
}

impl Reader {
    /// A reader at the beginning of an answer.
    pub(in crate::format) fn new(_back: &WayBack) -> Self {
        Self::default()
    }

    /// Begins the answer, if it has not begun.
    pub(super) fn start(&mut self, response: &Response<'_>, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.has_started, true) {
            out.push(Event::Started(Started { id: some(&response.id), model: some(&response.model) }));
        }
    }

    /// Ends the answer well.
    pub(super) fn finish(&mut self, response: &Response<'_>, is_complete: bool, out: &mut Vec<Event>) {
        self.start(response, out);
        // Some servers tell the items only here, others leave them out here.
        if self.slots.is_empty() {
            (0..).zip(response.items()).for_each(|(at, item)| self.item_done(at, &item, out));
        }
        let Self { slots, next, .. } = self;
        slots.values_mut().for_each(|slot| slot.end(is_complete, &mut Out { events: out, next }));
        self.tell_usage(response, out);
        let reason = match response.incomplete() {
            _ if is_complete => FinishReason::End,
            "content_filter" => FinishReason::Refusal { category: None },
            _ => FinishReason::Length,
        };
        let has_calls = self.slots.values().any(Slot::is_call);
        let reason = reason.settled(has_calls, self.slots.values().any(Slot::has_refusal));
        out.push(Event::Finished(Finish::new(reason)));
        self.is_over = true;
    }

    fn tell_usage(&self, response: &Response<'_>, out: &mut Vec<Event>) {
        if let Some(usage) = response.usage.0.and_then(OpenAiTokens::usage) {
            let web_searches = (self.searches > 0).then_some(self.searches);
            out.push(Event::Usage(Spent { usage, web_searches, service_tier: some(&response.service_tier) }));
        }
    }

    /// Ends the answer in an error. The same error may be told twice; the first counts.
    fn fail(&mut self, failure: Failure, line: &Line<'_>, out: &mut Vec<Event>) {
        if let Some(response) = line.response.0.as_ref().filter(|_| self.has_started) {
            self.tell_usage(response, out);
        }
        out.push(Event::Failed(failure));
        self.is_over = true;
    }

    fn item_done(&mut self, at: u64, item: &Item<'_>, out: &mut Vec<Event>) {
        self.searches += u64::from(item.kind() == "web_search_call");
        let Self { slots, next, .. } = self;
        slots.entry(at).or_insert_with(|| Slot::of(item)).finish(item, &mut Out { events: out, next });
    }

    fn lifecycle(&mut self, kind: &str, line: &Line<'_>, event: &sse::Event<'_>, out: &mut Vec<Event>) {
        let nothing = Response::default();
        let response = line.response.0.as_ref().unwrap_or(&nothing);
        match (kind, response.status()) {
            ("response.created", _) if self.has_started => self.fail(second_start(event), line, out),
            ("response.created" | "response.in_progress" | "response.queued", _) => self.start(response, out),
            ("response.completed" | "response.incomplete", "failed" | "cancelled") | ("response.cancelled", _) => {
                self.fail(cancelled(event), line, out);
            }
            ("response.completed", "incomplete") => self.finish(response, false, out),
            ("response.completed", _) => self.finish(response, true, out),
            ("response.incomplete", _) => self.finish(response, false, out),
            _ => {}
        }
    }

    fn item(&mut self, kind: &str, line: &Line<'_>, out: &mut Vec<Event>) {
        let at = line.output_index.0.unwrap_or(self.last);
        self.last = at;
        self.start(&Response::default(), out);
        match (kind, &line.item.0) {
            ("output_item.added", Some(item)) => {
                let Self { slots, next, .. } = self;
                let slot = slots.entry(at).or_insert_with(|| Slot::of(item));
                slot.announce(item, &mut Out { events: out, next });
            }
            ("output_item.done", Some(item)) => self.item_done(at, item, out),
            _ => self.inside(at, kind, line, out),
        }
    }

    /// Takes what is said inside of an item, announced or not.
    fn inside(&mut self, at: u64, kind: &str, line: &Line<'_>, out: &mut Vec<Event>) {
        let Some(fresh) = slot_for(kind) else { return };
        let Self { slots, next, .. } = self;
        let out = &mut Out { events: out, next };
        match slots.entry(at).or_insert(fresh) {
            Slot::Message(message) => say(message, kind, line, out),
            Slot::Thought(thought) => think(thought, kind, line, out),
            Slot::Call(call) if kind.ends_with(".delta") => call.say(said(&line.delta), out),
            Slot::Call(call) if kind.ends_with(".done") => {
                let whole = if kind.starts_with("custom") { &line.input } else { &line.arguments };
                call.say_rest(said(whole), out);
            }
            Slot::Call(_) | Slot::Hosted(_) => {}
        }
    }
}

impl ReadEvents for Reader {
    fn read(&mut self, event: &sse::Event<'_>, out: &mut Vec<Event>) {
        if self.is_over {
            return;
        }
        let from = out.len();
        let line: Line<'_> = serde_json::from_slice(&event.data).unwrap_or_default();
        let name = event.name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
        let kind = some(&line.kind).unwrap_or_else(|| name.to_owned());
        // Deltas are most of a stream, and never errors.
        let failure = (!kind.ends_with(".delta")).then(|| Failure::in_event(event)).flatten();
        match (failure, kind.strip_prefix("response.")) {
            (Some(failure), _) => self.fail(failure, &line, out),
            (None, Some(inner)) if inner.contains('.') => self.item(inner, &line, out),
            (None, Some(_)) => self.lifecycle(&kind, &line, event, out),
            (None, None) => {}
        }
        self.is_over |= end_at_failure(out, from);
    }

    fn end(&mut self, _out: &mut Vec<Event>) {
        // Only a terminal event ends an answer.
    }
}

/// What an item must be in which `kind` comes. `None`: nobody needs to know of it.
fn slot_for(kind: &str) -> Option<Slot> {
    let (family, _) = kind.split_once('.')?;
    match family {
        "content_part" | "output_text" | "refusal" => Some(Slot::Message(Message::default())),
        "reasoning_text" | "reasoning_summary_text" => Some(Slot::Thought(Thinking::default())),
        "function_call_arguments" => Some(Slot::Call(Box::new(Calling::new(Input::Json(String::new()))))),
        "custom_tool_call_input" => Some(Slot::Call(Box::new(Calling::new(Input::Text(String::new()))))),
        _ => None,
    }
}

fn say(message: &mut Message, kind: &str, line: &Line<'_>, out: &mut Out<'_>) {
    let at = line.content_index.0.unwrap_or(0);
    match (kind, &line.part.0) {
        ("content_part.added", Some(part)) => message.part(at, part, out),
        ("content_part.done", Some(part)) => message.end_part(at, part, out),
        ("output_text.delta", _) => message.say(at, false, said(&line.delta), &line.logprobs, out),
        ("refusal.delta", _) => message.say(at, true, said(&line.delta), &line.logprobs, out),
        ("output_text.done", _) => message.say_rest(at, false, said(&line.text), out),
        ("refusal.done", _) => message.say_rest(at, true, said(&line.refusal), out),
        ("output_text.annotation.added", _) => {
            if let Some(annotation) = line.annotation {
                message.annotate(at, &Json::from(annotation), out);
            }
        }
        _ => {}
    }
}

fn think(thought: &mut Thinking, kind: &str, line: &Line<'_>, out: &mut Out<'_>) {
    let (summary, raw) = (line.summary_index.0.unwrap_or(0), line.content_index.0.unwrap_or(0));
    match kind {
        "reasoning_summary_text.delta" => thought.say(ThoughtKind::Summary, summary, said(&line.delta), out),
        "reasoning_summary_text.done" => thought.say_rest(ThoughtKind::Summary, summary, said(&line.text), out),
        "reasoning_text.delta" => thought.say(ThoughtKind::Raw, raw, said(&line.delta), out),
        "reasoning_text.done" => thought.say_rest(ThoughtKind::Raw, raw, said(&line.text), out),
        _ => {}
    }
}

fn second_start(event: &sse::Event<'_>) -> Failure {
    Failure { message: "a second response began inside the first".to_owned(), ..Failure::unread(&event.data) }
}

fn cancelled(event: &sse::Event<'_>) -> Failure {
    Failure { message: "the response was cancelled".to_owned(), ..Failure::unread(&event.data) }
}
