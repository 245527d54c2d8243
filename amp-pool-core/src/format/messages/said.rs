//! What a Messages answer says, block by block: the part that streams and whole answers have in common.
//!
//! Blocks are found by the upstream's index and numbered anew. The end of a block is held back until something follows it,
//! because only the reason of the end tells whether the last block was cut.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{finish, hosted, tokens};
use crate::format::{
    canonical::{
        Arguments, BlockKind, Citation, Delta, Event, Finish, FinishReason, Json, Proof, ProofKind, Started,
        ThoughtKind,
    },
    loose::{Loose, LooseList, Text},
};

/// The state of an answer.
#[derive(Debug, Default)]
pub(super) struct Said {
    has_started: bool,
    open: BTreeMap<u64, Open>,
    /// The block that ended last, and whose end has not been told.
    ended: Option<Open>,
    next: u32,
    has_calls: bool,
    told: tokens::Told,
    finish: Option<Finish>,
}

/// A block of which the end has not been told.
#[derive(Debug)]
struct Open {
    index: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    /// With the proof, of which the last one counts.
    Thought(Option<Proof>),
    Call {
        input: String,
        /// The input that the start brought. It counts when no other comes.
        at_start: Option<String>,
    },
    /// Is told at its end, whole.
    Hosted {
        kind: String,
        raw: Json,
        input: String,
    },
}

/// A whole message, or the beginning of one.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    id: Loose<Text<'a>>,
    #[serde(borrow)]
    model: Loose<Text<'a>>,
    #[serde(borrow)]
    content: LooseList<'a>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

/// A content block, whole or at its start.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<Text<'a>>,
    #[serde(borrow)]
    id: Loose<Text<'a>>,
    #[serde(borrow)]
    name: Loose<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Loose<Text<'a>>,
    #[serde(borrow)]
    citations: LooseList<'a>,
    /// What a block says at its start is its first delta.
    #[serde(borrow)]
    text: Loose<Text<'a>>,
    #[serde(borrow)]
    thinking: Loose<Text<'a>>,
    #[serde(borrow)]
    signature: Loose<Text<'a>>,
}

/// What is new in a block. The kind of the block decides what is taken of it, so that a delta which does not fit is nothing.
#[derive(Deserialize, Default)]
#[serde(default)]
struct More<'a> {
    #[serde(borrow)]
    text: Loose<Text<'a>>,
    #[serde(borrow)]
    thinking: Loose<Text<'a>>,
    #[serde(borrow)]
    signature: Loose<Text<'a>>,
    #[serde(borrow)]
    partial_json: Loose<Text<'a>>,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cited<'a> {
    #[serde(borrow)]
    url: Loose<Text<'a>>,
    #[serde(borrow)]
    source: Loose<Text<'a>>,
    #[serde(borrow)]
    title: Loose<Text<'a>>,
    #[serde(borrow)]
    document_title: Loose<Text<'a>>,
    #[serde(borrow)]
    cited_text: Loose<Text<'a>>,
}

impl Said {
    /// Takes a message: all of it, or what is there at the beginning of a stream. Content that is there is whole.
    pub(super) fn message(&mut self, raw: &str, out: &mut Vec<Event>) {
        let message = serde_json::from_str::<Message<'_>>(raw).unwrap_or_default();
        self.has_started = true;
        out.push(Event::Started(Started { id: owned(message.id), model: owned(message.model) }));
        for (index, block) in (0..).zip(message.content.0.unwrap_or_default()) {
            self.start(index, block, out);
            self.stop(index, out);
        }
        self.end(raw);
        self.usage(message.usage, out);
    }

    /// A block begins.
    pub(super) fn start(&mut self, at: u64, raw: &RawValue, out: &mut Vec<Event>) {
        let Ok(block) = serde_json::from_str::<Block<'_>>(raw.get()) else { return };
        self.begin(out);
        self.stop(at, out);
        self.settle(None, out);
        let Some((kind, shown)) = begun(&block, raw) else { return };
        let mut open = Open { index: self.next, kind };
        if let Some(kind) = shown {
            self.next += 1;
            out.push(Event::BlockStarted { index: open.index, kind });
        }
        let more = More { text: block.text, thinking: block.thinking, signature: block.signature, ..More::default() };
        open.take(more, out);
        for citation in block.citations.0.unwrap_or_default() {
            open.take(More { citation: Some(citation), ..More::default() }, out);
        }
        self.open.insert(at, open);
    }

    /// A block goes on.
    pub(super) fn extend(&mut self, at: u64, raw: &RawValue, out: &mut Vec<Event>) {
        let Some(open) = self.open.get_mut(&at) else { return };
        open.take(serde_json::from_str(raw.get()).unwrap_or_default(), out);
    }

    /// A block ends. A second end of it is nothing.
    pub(super) fn stop(&mut self, at: u64, out: &mut Vec<Event>) {
        if let Some(open) = self.open.remove(&at) {
            self.settle(None, out);
            self.ended = Some(open);
        }
    }

    /// Takes a word on the end, if there is one.
    pub(super) fn end(&mut self, raw: &str) {
        let finish = serde_json::from_str::<finish::Told<'_>>(raw).ok().and_then(|told| told.finish());
        self.finish = finish.or(self.finish.take());
    }

    /// Takes what was used, if it is told.
    pub(super) fn usage(&mut self, raw: Option<&RawValue>, out: &mut Vec<Event>) {
        if raw.and_then(|raw| self.told.take(raw)).is_some() && self.has_started {
            out.push(Event::Usage(self.told.spent()));
        }
    }

    /// The last word has come.
    pub(super) fn finished(&mut self, out: &mut Vec<Event>) {
        self.begin(out);
        let finish = self.finish.take().unwrap_or(Finish::new(FinishReason::End));
        self.settle(Some(&finish.reason), out);
        while let Some((_, open)) = self.open.pop_first() {
            // It was never closed, so only what can not go on is whole.
            self.close(open, true, out);
        }
        let reason = finish.reason.settled(self.has_calls, false);
        out.push(Event::Finished(Finish { reason, ..finish }));
    }

    /// Servers that call themselves compatible may forget the beginning.
    fn begin(&mut self, out: &mut Vec<Event>) {
        if !self.has_started {
            self.has_started = true;
            out.push(Event::Started(Started::default()));
        }
    }

    /// Tells the end that was held back. Without a reason something follows, so that the block was not cut.
    fn settle(&mut self, reason: Option<&FinishReason>, out: &mut Vec<Event>) {
        if let Some(open) = self.ended.take() {
            self.close(open, reason.is_some_and(finish::cuts), out);
        }
    }

    fn close(&mut self, mut open: Open, may_be_cut: bool, out: &mut Vec<Event>) {
        let is_complete = !may_be_cut || open.is_surely_whole();
        self.has_calls |= is_complete && matches!(open.kind, Kind::Call { .. });
        if let Kind::Hosted { .. } = open.kind {
            // It was not told of before, so it begins now.
            open.index = self.next;
            self.next += 1;
        }
        let index = open.index;
        open.last_words(is_complete, out);
        out.push(Event::BlockEnded { index, is_complete });
    }
}

/// What a block is, and what is told of it at its start. `None`: nothing that anybody could read.
fn begun(block: &Block<'_>, raw: &RawValue) -> Option<(Kind, Option<BlockKind>)> {
    let kind = &*block.kind.0.as_ref()?.0;
    Some(match kind {
        "text" => (Kind::Text, Some(BlockKind::Text { phase: None })),
        "thinking" => (Kind::Thought(None), Some(BlockKind::Thought(ThoughtKind::Summary))),
        "redacted_thinking" => {
            let data = block.data.0.as_ref()?.0.clone().into_owned();
            let proof = Proof { kind: ProofKind::Redacted, data, issuer: None };
            (Kind::Thought(Some(proof)), Some(BlockKind::Thought(ThoughtKind::Summary)))
        }
        "tool_use" => {
            let name = block.name.0.as_ref().filter(|name| !name.0.is_empty())?;
            let id = block.id.0.as_ref().map_or("", |id| &*id.0);
            let at_start = block.input.map(|input| Json::from(input).compact()).filter(|input| input != "null");
            let call = BlockKind::function(id, &*name.0);
            (Kind::Call { input: String::new(), at_start }, Some(call))
        }
        kind if hosted::is_hosted(kind) => {
            (Kind::Hosted { kind: kind.to_owned(), raw: Json::from(raw), input: String::new() }, None)
        }
        _ => return None,
    })
}

impl Open {
    fn take(&mut self, more: More<'_>, out: &mut Vec<Event>) {
        let index = self.index;
        match &mut self.kind {
            Kind::Text => {
                out.extend(owned(more.text).map(|text| Event::Delta { index, delta: Delta::Text(text) }));
                let citation = more.citation.and_then(cited);
                out.extend(citation.map(|citation| Event::Delta { index, delta: Delta::Citation(citation) }));
            }
            Kind::Thought(proof) => {
                out.extend(owned(more.thinking).map(|text| Event::Delta { index, delta: Delta::Text(text) }));
                if let Some(data) = owned(more.signature) {
                    *proof = Some(Proof { kind: ProofKind::Signature, data, issuer: None });
                }
            }
            Kind::Call { input, .. } => {
                if let Some(more) = owned(more.partial_json) {
                    input.push_str(&more);
                    out.push(Event::Delta { index, delta: Delta::Input(more) });
                }
            }
            Kind::Hosted { input, .. } => input.push_str(&owned(more.partial_json).unwrap_or_default()),
        }
    }

    /// Whether nothing more could have come, whatever the reason of the end.
    fn is_surely_whole(&self) -> bool {
        match &self.kind {
            Kind::Text => false,
            Kind::Thought(proof) => proof.is_some(),
            Kind::Call { input, at_start } => {
                // An empty object at the start is only the place for what comes.
                let input =
                    if input.is_empty() { at_start.as_deref().filter(|input| *input != "{}") } else { Some(&**input) };
                input.is_some_and(|input| matches!(Arguments::of(input), Arguments::Object(_)))
            }
            Kind::Hosted { .. } => true,
        }
    }

    fn last_words(self, is_complete: bool, out: &mut Vec<Event>) {
        let index = self.index;
        match self.kind {
            Kind::Text => {}
            Kind::Thought(proof) => {
                out.extend(proof.map(|proof| Event::Delta { index, delta: Delta::Proof(proof) }));
            }
            Kind::Call { input, at_start } if input.is_empty() && is_complete => {
                let input = at_start.unwrap_or_else(|| "{}".to_owned());
                out.push(Event::Delta { index, delta: Delta::Input(input) });
            }
            Kind::Call { .. } => {}
            Kind::Hosted { kind, raw, input } => {
                let part = hosted::part(&kind, with_input(raw, &input));
                out.push(Event::BlockStarted { index, kind: BlockKind::Hosted(part) });
            }
        }
    }
}

/// The block with the input that came after its start.
fn with_input(raw: Json, input: &str) -> Json {
    let (Ok(input), Some(mut members)) = (Json::parse(input), raw.members()) else { return raw };
    members.iter_mut().filter(|(name, _)| name == "input").for_each(|(_, value)| *value = input.clone());
    Json::object(members)
}

fn cited(raw: &RawValue) -> Option<Citation> {
    let cited = serde_json::from_str::<Cited<'_>>(raw.get()).ok()?;
    let source = owned(cited.source).filter(|source| source.starts_with("http"));
    let citation = Citation {
        url: owned(cited.url).or(source),
        title: owned(cited.title).or(owned(cited.document_title)),
        quote: owned(cited.cited_text),
        span: None,
    };
    (citation != Citation::default()).then_some(citation)
}

fn owned(text: Loose<Text<'_>>) -> Option<String> {
    text.0.map(|text| text.0.into_owned()).filter(|text| !text.is_empty())
}
