//! Chat streams, read.
//!
//! Slots of calls by `index`, or by id where servers have none; text, refusal and reasoning open and close blocks as they
//! alternate; empty strings and nulls change nothing. A call begins when its name is complete. The finish is held back to
//! `[DONE]` or a clean end.

use memchr::memmem;
use serde_json::value::RawValue;

use self::{
    calls::Calls,
    chunk::{Annotation, CallDelta, Choice, Chunk, ContentPart, Delta as Said, items},
    details::Details,
    think_tag::{Piece, ThinkTag},
};
use super::{finish, meter, shape::chars};
use crate::{
    format::{
        Failure,
        canonical::{BlockKind, Delta, Event, Finish, FinishReason, Json, Spent, Started, ThoughtKind},
        capability::ReasoningField,
        loose::{LooseList, Text},
        sse,
        transcode::{ReadEvents, WayBack},
    },
    usage::Usage,
};

mod calls;
mod chunk;
mod details;
mod think_tag;
#[cfg(test)]
mod tests;

/// The state of a stream.
#[derive(Debug)]
pub(in crate::format) struct Reader {
    /// How the answer begins; taken once it has begun.
    head: Option<Started>,
    is_over: bool,
    /// The number of the next block.
    next: u32,
    /// The text, refusal or thought that is open.
    open: Option<Open>,
    calls: Calls,
    details: Details,
    /// Which member the reasoning is read from. Servers send the same text under two names.
    reasoning: Option<ReasoningField>,
    /// Present where reasoning stands inside the text.
    think_tag: Option<ThinkTag>,
    /// Characters of text so far.
    written: u64,
    has_refusal: bool,
    /// Probabilities of the text of a chunk, until it is told.
    logprobs: Option<Json>,
    finish: Option<FinishReason>,
    usage: Option<Usage>,
    service_tier: Option<String>,
}

/// A block that is open.
#[derive(Debug)]
struct Open {
    index: u32,
    speech: Speech,
    /// Characters of the answer's text before it.
    base: u64,
}

/// What is said in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speech {
    Text,
    Refusal,
    Thought,
}

impl Reader {
    /// A reader at the beginning of an answer.
    pub(in crate::format) fn new(back: &WayBack) -> Self {
        let is_tagged = back.dialect.reasoning_field_in == ReasoningField::ThinkTag;
        Self {
            head: Some(Started::default()),
            is_over: false,
            next: 0,
            open: None,
            calls: Calls::default(),
            details: Details::default(),
            reasoning: None,
            think_tag: is_tagged.then(ThinkTag::default),
            written: 0,
            has_refusal: false,
            logprobs: None,
            finish: None,
            usage: None,
            service_tier: None,
        }
    }

    /// Whether any part of an answer has come.
    pub(super) fn has_begun(&self) -> bool {
        self.head.is_none()
    }

    /// Takes a chunk, or an answer in one piece.
    pub(super) fn chunk(&mut self, json: &[u8], out: &mut Vec<Event>) {
        let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(json) else { return };
        if memmem::find(json, b"\"usage\"").is_some() {
            self.usage = meter::usage(json).or(self.usage);
        }
        self.service_tier = chunk.service_tier.0.or(self.service_tier.take());
        if let Some(head) = &mut self.head {
            let filled = |text: Option<Text<'_>>| Some(text?.0.into_owned()).filter(|text| !text.is_empty());
            head.id = head.id.take().or(filled(chunk.id.0));
            head.model = head.model.take().or(filled(chunk.model.0));
        }
        for choice in chunk.choices.0.unwrap_or_default() {
            // A choice of an odd shape is skipped whole: there is nothing in it that could be shown.
            let choice: Choice<'_> = serde_json::from_str(choice.get()).unwrap_or_default();
            self.choice(choice, json, out);
        }
    }

    /// The upstream has said its last word. Without a reason it means that all is said.
    pub(super) fn done(&mut self, out: &mut Vec<Event>) {
        if self.is_over || !self.has_begun() {
            return;
        }
        self.is_over = true;
        self.flush(out);
        self.close(self.finish != Some(FinishReason::Length), out);
        let Some(ended) = self.calls.end(self.finish.as_ref(), &mut self.next, out) else {
            out.push(Event::Failed(Failure::nameless_call()));
            return;
        };
        self.tell_usage(out);
        let reason = self.finish.take().unwrap_or(FinishReason::End);
        out.push(Event::Finished(Finish::new(reason.settled(ended.has_complete, self.has_refusal))));
    }

    fn fail(&mut self, failure: Failure, out: &mut Vec<Event>) {
        self.is_over = true;
        if self.has_begun() {
            self.tell_usage(out);
        }
        out.push(Event::Failed(failure));
    }

    fn tell_usage(&mut self, out: &mut Vec<Event>) {
        let service_tier = self.service_tier.take();
        out.extend(self.usage.map(|usage| Event::Usage(Spent { usage, service_tier, ..Spent::default() })));
    }

    fn choice(&mut self, choice: Choice<'_>, json: &[u8], out: &mut Vec<Event>) {
        if self.is_over || choice.index.0.is_some_and(|index| index > 0) {
            return;
        }
        out.extend(self.head.take().map(Event::Started));
        let logprobs = choice.logprobs.0.and_then(|logprobs| logprobs.content.0);
        self.logprobs = logprobs.filter(|all| !all.is_empty()).map(list);
        if let Some(said) = choice.delta.0.or(choice.message.0) {
            self.hear(said, out);
        }
        self.tell_logprobs(out);
        match choice.finish_reason.0.filter(|word| !word.is_empty()).map(|word| finish::Said::of(&word)) {
            Some(finish::Said::Reason(FinishReason::End)) => {
                self.finish =
                    Some(choice.stop_reason.0.map_or(FinishReason::End, |stop| FinishReason::Stop(Some(stop))));
            }
            Some(finish::Said::Reason(reason)) => self.finish = Some(reason),
            Some(finish::Said::Broken(word)) => self.fail(finish::broken(word, json), out),
            None => {}
        }
    }

    fn hear(&mut self, said: Said<'_>, out: &mut Vec<Event>) {
        let details: Vec<Json> = said.reasoning_details.0.into_iter().flatten().map(Json::from).collect();
        self.think(said.reasoning_content.0, said.reasoning.0, &details, out);
        if let Some(content) = said.content {
            self.content(content, out);
        }
        if let Some(refusal) = said.refusal.0 {
            self.say(Speech::Refusal, refusal, out);
        }
        for annotation in items::<Annotation>(&said.annotations) {
            if let Some(Open { index, base, speech: Speech::Text }) = self.open {
                let citation = annotation.citation(base).map(Delta::Citation);
                out.extend(citation.map(|delta| Event::Delta { index, delta }));
            }
        }
        for call in items::<CallDelta>(&said.tool_calls) {
            self.call(call, out);
        }
        if let Some(function) = said.function_call.0 {
            self.call(CallDelta::legacy(function), out);
        }
    }

    /// The same reasoning may come under several names: the first one that says something is kept to.
    fn think(&mut self, content: Option<String>, reasoning: Option<String>, details: &[Json], out: &mut Vec<Event>) {
        let detailed: String = details.iter().map(details::text).collect();
        let places = [
            (ReasoningField::ReasoningContent, content.unwrap_or_default()),
            (ReasoningField::Reasoning, reasoning.unwrap_or_default()),
            (ReasoningField::ReasoningDetails, detailed),
        ];
        for (field, text) in places {
            if !text.is_empty() && *self.reasoning.get_or_insert(field) == field {
                self.say(Speech::Thought, text, out);
            }
        }
        if !details.is_empty() {
            // Reasoning that can not be read is a thought as well.
            self.open(Speech::Thought, out);
            details.iter().for_each(|piece| self.details.add(piece));
        }
    }

    fn content(&mut self, content: &RawValue, out: &mut Vec<Event>) {
        if let Ok(text) = serde_json::from_str::<String>(content.get()) {
            return self.text(text, out);
        }
        let parts: LooseList<'_> = serde_json::from_str(content.get()).unwrap_or_default();
        for part in items::<ContentPart<'_>>(&parts) {
            self.say(Speech::Thought, part.thought(), out);
            self.text(part.text.0.unwrap_or_default(), out);
            self.say(Speech::Refusal, part.refusal.0.unwrap_or_default(), out);
        }
    }

    fn text(&mut self, text: String, out: &mut Vec<Event>) {
        match &mut self.think_tag {
            Some(tag) => {
                let pieces = tag.push(&text);
                pieces.into_iter().for_each(|piece| self.piece(piece, out));
            }
            None => self.say(Speech::Text, text, out),
        }
    }

    /// Lets go what was held back because it could have been a tag.
    fn flush(&mut self, out: &mut Vec<Event>) {
        if let Some(piece) = self.think_tag.as_mut().map(ThinkTag::rest) {
            self.piece(piece, out);
        }
    }

    fn piece(&mut self, piece: Piece, out: &mut Vec<Event>) {
        match piece {
            Piece::Thought(text) => self.say(Speech::Thought, text, out),
            Piece::Text(text) => self.say(Speech::Text, text, out),
        }
    }

    fn say(&mut self, speech: Speech, text: String, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        let index = self.open(speech, out);
        match speech {
            Speech::Text => {
                self.tell_logprobs(out);
                self.written += chars(&text);
            }
            Speech::Refusal => self.has_refusal = true,
            Speech::Thought => {}
        }
        out.push(Event::Delta { index, delta: Delta::Text(text) });
    }

    fn call(&mut self, delta: CallDelta, out: &mut Vec<Event>) {
        if self.calls.is_new(&delta) {
            self.flush(out);
            self.close(true, out);
        }
        self.calls.add(delta, &mut self.next, out);
    }

    /// Tells the probabilities of the chunk, if a text is open that they can be of.
    fn tell_logprobs(&mut self, out: &mut Vec<Event>) {
        if let Some(Open { index, speech: Speech::Text, .. }) = self.open {
            let logprobs = self.logprobs.take().map(Delta::Logprobs);
            out.extend(logprobs.map(|delta| Event::Delta { index, delta }));
        }
    }

    /// The number of the open block for `speech`, which begins if another one is open.
    fn open(&mut self, speech: Speech, out: &mut Vec<Event>) -> u32 {
        if let Some(open) = self.open.as_ref().filter(|open| open.speech == speech) {
            return open.index;
        }
        self.close(true, out);
        let index = self.next;
        self.next += 1;
        self.open = Some(Open { index, speech, base: self.written });
        let kind = match speech {
            Speech::Text => BlockKind::Text { phase: None },
            Speech::Refusal => BlockKind::Refusal,
            // Every client of Chat shows it; one of Responses would hide what is called raw.
            Speech::Thought => BlockKind::Thought(ThoughtKind::Summary),
        };
        out.push(Event::BlockStarted { index, kind });
        index
    }

    /// Ends the open block, a thought with its proof.
    fn close(&mut self, is_complete: bool, out: &mut Vec<Event>) {
        let Some(Open { index, speech, .. }) = self.open.take() else { return };
        if speech == Speech::Thought {
            let proof = self.details.take().map(Delta::Proof);
            out.extend(proof.map(|delta| Event::Delta { index, delta }));
        }
        out.push(Event::BlockEnded { index, is_complete });
    }
}

fn list(items: Vec<&RawValue>) -> Json {
    Json::of(&items.into_iter().map(Json::from).collect::<Vec<_>>())
}

impl ReadEvents for Reader {
    fn read(&mut self, event: &sse::Event<'_>, out: &mut Vec<Event>) {
        if self.is_over {
            return;
        }
        if event.data.trim_ascii() == b"[DONE]" {
            return self.done(out);
        }
        let may_be_error =
            memmem::find(&event.data, b"\"error\"").or_else(|| memmem::find(&event.data, b"\"base_resp\""));
        let failure = Failure::in_event(event).filter(|_| may_be_error.is_some() || event.name == Some(b"error"));
        if let Some(failure) = failure {
            // An error may bring the usage with it.
            self.usage = meter::usage(&event.data).or(self.usage);
            return self.fail(failure, out);
        }
        self.chunk(&event.data, out);
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        if self.finish.is_some() {
            self.done(out);
        }
    }
}
