//! Items that are coming.
//!
//! Each is known by its `output_index`. What a done event has more than the deltas before it is given on.

use std::collections::BTreeMap;

use super::{
    block::{Block, Out},
    wire::{Content, Item, said, some},
};
use crate::format::{
    Failure,
    canonical::{BlockKind, Call, Delta, Event, HostedPart, Input, Json, Phase, Proof, ProofKind, ThoughtKind},
    loose::LooseList,
    responses::annotation,
};

/// An item.
#[derive(Debug)]
pub(super) enum Slot {
    Message(Message),
    Thought(Thinking),
    Call(Box<Calling>),
    /// A step of a tool that the provider runs. It is told when it is whole, once.
    Hosted(Option<HostedPart>),
}

impl Slot {
    pub(super) fn of(item: &Item<'_>) -> Self {
        match item.kind() {
            "message" => Self::Message(Message { phase: item.phase(), parts: BTreeMap::new() }),
            "reasoning" => Self::Thought(Thinking::default()),
            "function_call" => Self::Call(Box::new(Calling::new(Input::Json(String::new())))),
            "custom_tool_call" => Self::Call(Box::new(Calling::new(Input::Text(String::new())))),
            // Nobody on the way back reads more of it than what it was.
            kind => Self::Hosted(Some(HostedPart { kind: kind.to_owned(), text: None, raw: Json::of(&item.kind()) })),
        }
    }

    /// Takes the item as it was announced.
    pub(super) fn announce(&mut self, item: &Item<'_>, out: &mut Out<'_>) {
        if let Self::Call(call) = self {
            call.name(item, out);
        }
    }

    /// Takes the item as it came out. Only here is it whole.
    pub(super) fn finish(&mut self, item: &Item<'_>, out: &mut Out<'_>) {
        let is_complete = item.is_complete();
        match self {
            Self::Message(message) => {
                (0..).zip(item.content()).for_each(|(at, content)| message.part(at, &content, out));
            }
            Self::Thought(thought) => thought.finish(item, out),
            Self::Call(call) => call.finish(item, out),
            Self::Hosted(_) => {}
        }
        self.end(is_complete, out);
    }

    /// Ends what is open.
    pub(super) fn end(&mut self, is_complete: bool, out: &mut Out<'_>) {
        match self {
            Self::Message(message) => message.parts.values_mut().for_each(|part| part.block.end(is_complete, out)),
            Self::Thought(thought) => {
                if let Some(block) = &mut thought.block {
                    block.end(is_complete, out);
                }
            }
            Self::Call(call) => call.end(is_complete, out),
            Self::Hosted(part) => {
                if let Some(part) = part.take() {
                    Block::start(BlockKind::Hosted(part), out).end(true, out);
                }
            }
        }
    }

    /// Whether it is a call of the client's that came whole.
    pub(super) fn is_call(&self) -> bool {
        matches!(self, Self::Call(call) if call.is_complete)
    }

    pub(super) fn has_refusal(&self) -> bool {
        matches!(self, Self::Message(message) if message.parts.values().any(|part| part.is_refusal))
    }
}

/// A message of the model.
#[derive(Debug, Default)]
pub(super) struct Message {
    phase: Option<Phase>,
    parts: BTreeMap<u64, Part>,
}

/// A part of a message.
#[derive(Debug)]
struct Part {
    block: Block,
    is_refusal: bool,
    /// How many annotations were looked at.
    annotations: usize,
    has_logprobs: bool,
}

impl Message {
    fn at(&mut self, at: u64, is_refusal: bool, out: &mut Out<'_>) -> &mut Part {
        let phase = self.phase;
        self.parts.entry(at).or_insert_with(|| {
            let kind = if is_refusal { BlockKind::Refusal } else { BlockKind::Text { phase } };
            Part { block: Block::start(kind, out), is_refusal, annotations: 0, has_logprobs: false }
        })
    }

    /// Takes a part as it was announced or came out.
    pub(super) fn part(&mut self, at: u64, content: &Content<'_>, out: &mut Out<'_>) {
        let part = self.at(at, content.is_refusal(), out);
        if !part.has_logprobs {
            part.tell(&content.logprobs, out);
        }
        part.block.say_rest(content.text(), Delta::Text, out);
        for annotation in content.annotations().iter().skip(part.annotations) {
            part.annotate(annotation, out);
        }
    }

    /// Takes a part that came out, and nothing follows in it.
    pub(super) fn end_part(&mut self, at: u64, content: &Content<'_>, out: &mut Out<'_>) {
        self.part(at, content, out);
        self.at(at, content.is_refusal(), out).block.end(true, out);
    }

    pub(super) fn say(&mut self, at: u64, is_refusal: bool, text: &str, logprobs: &LooseList<'_>, out: &mut Out<'_>) {
        // An empty delta says nothing, also not that a part begins.
        if !text.is_empty() {
            let part = self.at(at, is_refusal, out);
            part.tell(logprobs, out);
            part.block.say(text, Delta::Text, out);
        }
    }

    pub(super) fn say_rest(&mut self, at: u64, is_refusal: bool, whole: &str, out: &mut Out<'_>) {
        if !whole.is_empty() {
            self.at(at, is_refusal, out).block.say_rest(whole, Delta::Text, out);
        }
    }

    pub(super) fn annotate(&mut self, at: u64, annotation: &Json, out: &mut Out<'_>) {
        self.at(at, false, out).annotate(annotation, out);
    }
}

impl Part {
    fn annotate(&mut self, annotation: &Json, out: &mut Out<'_>) {
        self.annotations += 1;
        if let Some(citation) = annotation::read(annotation.get()).filter(|_| !self.is_refusal) {
            self.block.send(Delta::Citation(citation), out);
        }
    }

    fn tell(&mut self, logprobs: &LooseList<'_>, out: &mut Out<'_>) {
        if let Some(logprobs) = logprobs.0.as_ref().filter(|list| !list.is_empty() && !self.is_refusal) {
            self.has_logprobs = true;
            self.block.send(Delta::Logprobs(Json::of(logprobs)), out);
        }
    }
}

/// Reasoning: the summary, or the reasoning itself, whichever is told first.
#[derive(Debug, Default)]
pub(super) struct Thinking {
    block: Option<Block>,
    kind: ThoughtKind,
    /// The paragraph that is coming, by the upstream's count.
    at: u64,
}

impl Thinking {
    /// The block, when text of this kind may be added to its paragraph `at`.
    fn paragraph(&mut self, kind: ThoughtKind, at: u64, out: &mut Out<'_>) -> Option<&mut Block> {
        if self.block.is_none() {
            (self.kind, self.at) = (kind, at);
            self.block = Some(Block::start(BlockKind::Thought(kind), out));
        }
        let block = self.block.as_mut().filter(|_| self.kind == kind && at >= self.at)?;
        if at > self.at {
            self.at = at;
            block.begin_text();
            block.send(Delta::Paragraph, out);
        }
        Some(block)
    }

    pub(super) fn say(&mut self, kind: ThoughtKind, at: u64, text: &str, out: &mut Out<'_>) {
        if !text.is_empty()
            && let Some(block) = self.paragraph(kind, at, out)
        {
            block.say(text, Delta::Text, out);
        }
    }

    pub(super) fn say_rest(&mut self, kind: ThoughtKind, at: u64, whole: &str, out: &mut Out<'_>) {
        if !whole.is_empty()
            && let Some(block) = self.paragraph(kind, at, out)
        {
            block.say_rest(whole, Delta::Text, out);
        }
    }

    fn finish(&mut self, item: &Item<'_>, out: &mut Out<'_>) {
        for (kind, parts) in [(ThoughtKind::Summary, item.summary()), (ThoughtKind::Raw, item.content())] {
            (0..).zip(&parts).for_each(|(at, part)| self.say_rest(kind, at, part.text(), out));
        }
        // What was told before is shorter, and no proof.
        if let Some(data) = some(&item.encrypted_content) {
            let block = self.block.get_or_insert_with(|| Block::start(BlockKind::Thought(ThoughtKind::Summary), out));
            block.send(Delta::Proof(Proof { kind: ProofKind::Encrypted, data, issuer: None }), out);
        }
    }
}

/// A call of a client's tool.
#[derive(Debug)]
pub(super) struct Calling {
    /// As it will begin: its input is empty.
    call: Call,
    block: Option<Block>,
    /// Input that came before the name.
    early: String,
    is_complete: bool,
}

impl Calling {
    pub(super) fn new(input: Input) -> Self {
        let call = Call { id: String::new(), name: String::new(), namespace: None, input, proof: None, cache: None };
        Self { call, block: None, early: String::new(), is_complete: false }
    }

    /// Takes its names. It begins when they are known; one that has begun keeps them.
    fn name(&mut self, item: &Item<'_>, out: &mut Out<'_>) {
        if self.block.is_none() {
            for (name, told) in [(&mut self.call.id, &item.call_id), (&mut self.call.name, &item.name)] {
                if let Some(told) = some(told) {
                    *name = told;
                }
            }
            self.call.namespace = some(&item.namespace).or(self.call.namespace.take());
            if item.kind() == "custom_tool_call" {
                self.call.input = Input::Text(String::new());
            }
            if !self.call.id.is_empty() {
                self.begin(out);
            }
        }
    }

    fn begin(&mut self, out: &mut Out<'_>) {
        if self.block.is_none() && !self.call.name.is_empty() {
            let mut block = Block::start(BlockKind::Call(self.call.clone()), out);
            block.say(&std::mem::take(&mut self.early), Delta::Input, out);
            self.block = Some(block);
        }
    }

    pub(super) fn say(&mut self, input: &str, out: &mut Out<'_>) {
        match &mut self.block {
            Some(block) => block.say(input, Delta::Input, out),
            None => self.early.push_str(input),
        }
    }

    pub(super) fn say_rest(&mut self, whole: &str, out: &mut Out<'_>) {
        match &mut self.block {
            Some(block) => block.say_rest(whole, Delta::Input, out),
            None if whole.len() > self.early.len() => whole.clone_into(&mut self.early),
            None => {}
        }
    }

    fn finish(&mut self, item: &Item<'_>, out: &mut Out<'_>) {
        self.name(item, out);
        let is_text = matches!(self.call.input, Input::Text(_));
        self.say_rest(said(if is_text { &item.input } else { &item.arguments }), out);
    }

    /// Ends it. A function that got no arguments got the empty object, unless it was cut.
    fn end(&mut self, is_complete: bool, out: &mut Out<'_>) {
        self.begin(out);
        if self.block.is_none() && is_complete {
            // The answer would end as if it had not called for anything.
            out.events.push(Event::Failed(Failure::nameless_call()));
        }
        let Some(block) = self.block.as_mut().filter(|block| block.is_open()) else { return };
        self.is_complete = is_complete;
        if is_complete && block.is_silent() && matches!(self.call.input, Input::Json(_)) {
            block.say("{}", Delta::Input, out);
        }
        block.end(is_complete, out);
    }
}
