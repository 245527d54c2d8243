//! One block of a Messages answer: what it is, what comes of its deltas, and its last words.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::format::{
    Failure,
    canonical::{Arguments, BlockKind, Citation, Delta, Event, Json, Proof, ProofKind, ThoughtKind},
    loose::{Loose, LooseList, Text},
    messages::{hosted, line},
};

/// A block of which the end has not been told.
#[derive(Debug)]
pub(super) struct Open {
    /// Its number, which is given at its end if it is told only then.
    pub(super) index: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// With what it cites: a citation is of the whole text, and may come before it.
    Text(Vec<Citation>),
    /// With the proof, of which the last one counts.
    Thought(Option<Proof>),
    Call {
        input: String,
        /// The input that the start brought. It counts when no other comes.
        at_start: Option<String>,
    },
    /// Is told at its end, whole.
    Hosted { kind: String, raw: Json, input: String },
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

/// What a block is, and what is told of it at its start. `None`: nothing that anybody could read.
fn begun(block: &Block<'_>, raw: &RawValue) -> Option<(Kind, Option<BlockKind>)> {
    Some(match block.kind() {
        "text" => (Kind::Text(Vec::new()), Some(BlockKind::Text { phase: None })),
        "thinking" => (Kind::Thought(None), Some(BlockKind::Thought(ThoughtKind::Summary))),
        "redacted_thinking" => {
            let data = block.data.0.as_ref()?.0.clone().into_owned();
            let proof = Proof { kind: ProofKind::Redacted, data, issuer: None };
            (Kind::Thought(Some(proof)), Some(BlockKind::Thought(ThoughtKind::Summary)))
        }
        "tool_use" => {
            let name = block.name.0.as_ref()?;
            let id = block.id.0.as_ref().map_or("", |id| &*id.0);
            let at_start = block.input.map(|input| Json::from(input).compact()).filter(|input| input != "null");
            let call = BlockKind::function(id, &*name.0);
            (Kind::Call { input: String::new(), at_start }, Some(call))
        }
        // What is hosted, and what is new: a part that only Messages knows.
        kind if !kind.is_empty() => {
            (Kind::Hosted { kind: kind.to_owned(), raw: Json::from(raw), input: String::new() }, None)
        }
        _ => return None,
    })
}

impl Block<'_> {
    fn kind(&self) -> &str {
        self.kind.0.as_ref().map_or("", |kind| &kind.0)
    }

    fn is_nameless_call(&self) -> bool {
        self.kind() == "tool_use" && self.name.0.as_ref().is_none_or(|name| name.0.is_empty())
    }
}

impl Open {
    /// Begins a block, and tells its start and its first words. `None`: nothing that anybody could read.
    pub(super) fn begin(index: u32, raw: &RawValue, out: &mut Vec<Event>) -> Option<Self> {
        let block = serde_json::from_str::<Block<'_>>(raw.get()).ok()?;
        if block.is_nameless_call() {
            // The answer would end as if it had not called for anything.
            out.push(Event::Failed(Failure::nameless_call()));
            return None;
        }
        let (kind, told) = begun(&block, raw)?;
        let mut open = Self { index, kind };
        out.extend(told.map(|kind| Event::BlockStarted { index, kind }));
        let more = line::Delta {
            text: block.text,
            thinking: block.thinking,
            signature: block.signature,
            ..line::Delta::default()
        };
        open.take(more, out);
        for citation in block.citations.0.unwrap_or_default() {
            open.take(line::Delta { citation: Some(citation), ..line::Delta::default() }, out);
        }
        Some(open)
    }

    pub(super) fn extend(&mut self, raw: &RawValue, out: &mut Vec<Event>) {
        self.take(line::Delta::of(Some(raw)), out);
    }

    /// Whether its start has been told.
    pub(super) fn is_told(&self) -> bool {
        !matches!(self.kind, Kind::Hosted { .. })
    }

    pub(super) fn is_call(&self) -> bool {
        matches!(self.kind, Kind::Call { .. })
    }

    fn take(&mut self, more: line::Delta<'_>, out: &mut Vec<Event>) {
        let index = self.index;
        match &mut self.kind {
            Kind::Text(citations) => {
                out.extend(owned(more.text).map(|text| Event::Delta { index, delta: Delta::Text(text) }));
                citations.extend(more.citation.and_then(cited));
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
    pub(super) fn is_surely_whole(&self) -> bool {
        match &self.kind {
            Kind::Text(_) => false,
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

    /// Tells what was held back for the end.
    pub(super) fn last_words(self, is_complete: bool, out: &mut Vec<Event>) {
        let index = self.index;
        match self.kind {
            Kind::Text(citations) => {
                out.extend(citations.into_iter().map(|cited| Event::Delta { index, delta: Delta::Citation(cited) }));
            }
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

/// A text that says something.
pub(super) fn owned(text: Loose<Text<'_>>) -> Option<String> {
    text.0.map(|text| text.0.into_owned()).filter(|text| !text.is_empty())
}
