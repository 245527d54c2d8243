//! What of a stream's JSON is looked at. Members of a wrong type count as absent.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::format::{
    canonical::{Json, Phase},
    loose::{Loose, LooseList, Text},
    tokens::OpenAiTokens,
};

/// An event.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Line<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Loose<Text<'a>>,
    pub(super) output_index: Loose<u64>,
    pub(super) content_index: Loose<u64>,
    pub(super) summary_index: Loose<u64>,
    #[serde(borrow)]
    pub(super) delta: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) text: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) refusal: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) input: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) logprobs: LooseList<'a>,
    #[serde(borrow)]
    pub(super) annotation: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) item: Loose<Item<'a>>,
    #[serde(borrow)]
    pub(super) part: Loose<Content<'a>>,
    #[serde(borrow)]
    pub(super) response: Loose<Response<'a>>,
}

/// An item of the output.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) status: Loose<Text<'a>>,
    #[serde(borrow)]
    phase: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) call_id: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) namespace: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) input: Loose<Text<'a>>,
    #[serde(borrow)]
    content: LooseList<'a>,
    #[serde(borrow)]
    summary: LooseList<'a>,
    #[serde(borrow)]
    pub(super) encrypted_content: Loose<Text<'a>>,
}

impl<'a> Item<'a> {
    /// An item in a list. One that is no object is an item of no kind.
    pub(super) fn of(raw: &'a RawValue) -> Self {
        object(raw)
    }

    pub(super) fn kind(&self) -> &str {
        said(&self.kind)
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        match said(&self.phase) {
            "commentary" => Some(Phase::Commentary),
            "final_answer" => Some(Phase::FinalAnswer),
            _ => None,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        said(&self.status) != "incomplete"
    }

    /// The parts of a message, or of raw reasoning.
    pub(super) fn content(&self) -> Vec<Content<'a>> {
        contents(&self.content)
    }

    /// The parts of a summary.
    pub(super) fn summary(&self) -> Vec<Content<'a>> {
        contents(&self.summary)
    }
}

fn contents<'a>(list: &LooseList<'a>) -> Vec<Content<'a>> {
    list.0.iter().flatten().map(|raw| object(raw)).collect()
}

/// Reads an object. A list would fill the members in their order, and is none.
fn object<'a, T: Deserialize<'a> + Default>(raw: &'a RawValue) -> T {
    let object = raw.get().starts_with('{').then(|| serde_json::from_str(raw.get()).ok());
    object.flatten().unwrap_or_default()
}

/// A part of an item.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Loose<Text<'a>>,
    #[serde(borrow)]
    text: Loose<Text<'a>>,
    #[serde(borrow)]
    refusal: Loose<Text<'a>>,
    #[serde(borrow)]
    annotations: LooseList<'a>,
    #[serde(borrow)]
    pub(super) logprobs: LooseList<'a>,
}

impl Content<'_> {
    pub(super) fn is_refusal(&self) -> bool {
        said(&self.kind) == "refusal"
    }

    /// What it says, as text or as refusal.
    pub(super) fn text(&self) -> &str {
        if self.is_refusal() { said(&self.refusal) } else { said(&self.text) }
    }

    pub(super) fn annotations(&self) -> Vec<Json> {
        self.annotations.0.iter().flatten().map(|raw| Json::from(*raw)).collect()
    }
}

/// The answer as a whole.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::format::responses) struct Response<'a> {
    #[serde(borrow)]
    pub(super) id: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) model: Loose<Text<'a>>,
    #[serde(borrow)]
    status: Loose<Text<'a>>,
    #[serde(borrow)]
    output: LooseList<'a>,
    #[serde(borrow)]
    incomplete_details: Loose<Incomplete<'a>>,
    pub(super) usage: Loose<OpenAiTokens>,
    #[serde(borrow)]
    pub(super) service_tier: Loose<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Incomplete<'a> {
    #[serde(borrow)]
    reason: Loose<Text<'a>>,
}

impl<'a> Response<'a> {
    /// Whether it has a list of items, which is what makes it an answer.
    pub(in crate::format::responses) fn has_output(&self) -> bool {
        self.output.0.is_some()
    }

    pub(in crate::format::responses) fn status(&self) -> &str {
        said(&self.status)
    }

    /// Why it is incomplete; empty if it does not say.
    pub(super) fn incomplete(&self) -> &str {
        self.incomplete_details.0.as_ref().map_or("", |details| said(&details.reason))
    }

    pub(super) fn items(&self) -> Vec<Item<'a>> {
        self.output.0.iter().flatten().map(|raw| Item::of(raw)).collect()
    }
}

/// A string; empty if there is none.
pub(super) fn said<'s>(text: &'s Loose<Text<'_>>) -> &'s str {
    text.0.as_ref().map_or("", |text| &text.0)
}

/// A string that says something.
pub(super) fn some(text: &Loose<Text<'_>>) -> Option<String> {
    let text = said(text);
    (!text.is_empty()).then(|| text.to_owned())
}
