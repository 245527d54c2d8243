//! The shapes of chunks, as servers write them.
//!
//! Every member is loose: one that is null or of another type counts as absent and does not cost us those beside it.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::format::{
    canonical::{Citation, Json},
    loose::{Loose, LooseList, Text},
};

/// The items of a list that have the right shape.
pub(super) fn items<'a, T: Deserialize<'a>>(list: &LooseList<'a>) -> impl Iterator<Item = T> {
    list.0.iter().flatten().filter_map(|item| serde_json::from_str::<Loose<T>>(item.get()).ok()?.0)
}

/// A chunk, or a whole answer.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub(super) id: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) model: Loose<Text<'a>>,
    pub(super) service_tier: Loose<String>,
    #[serde(borrow)]
    pub(super) choices: LooseList<'a>,
}

/// One of `choices`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Choice<'a> {
    pub(super) index: Loose<u64>,
    #[serde(borrow)]
    pub(super) delta: Loose<Delta<'a>>,
    /// Instead of `delta`, in a whole answer.
    #[serde(borrow)]
    pub(super) message: Loose<Delta<'a>>,
    pub(super) finish_reason: Loose<String>,
    /// vLLM: the stop sequence that came. A number is a token of the model's own.
    pub(super) stop_reason: Loose<String>,
    #[serde(borrow)]
    pub(super) logprobs: Loose<Logprobs<'a>>,
}

/// What is new, or all of a message.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Delta<'a> {
    /// A text; with Mistral also a list of parts.
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    pub(super) refusal: Loose<String>,
    pub(super) reasoning_content: Loose<String>,
    pub(super) reasoning: Loose<String>,
    #[serde(borrow)]
    pub(super) reasoning_details: LooseList<'a>,
    #[serde(borrow)]
    pub(super) tool_calls: LooseList<'a>,
    /// The form that calls had before there could be several.
    pub(super) function_call: Loose<Function>,
    #[serde(borrow)]
    pub(super) annotations: LooseList<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Logprobs<'a> {
    #[serde(borrow)]
    pub(super) content: LooseList<'a>,
}

/// One of `tool_calls`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct CallDelta {
    pub(super) index: Loose<u64>,
    pub(super) id: Loose<String>,
    pub(super) function: Loose<Function>,
    pub(super) custom: Loose<Custom>,
    extra_content: Loose<ExtraContent>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Function {
    pub(super) name: Loose<String>,
    /// A text; an object with some local servers.
    arguments: Option<Json>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Custom {
    pub(super) name: Loose<String>,
    pub(super) input: Loose<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ExtraContent {
    google: Loose<Google>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Google {
    thought_signature: Loose<String>,
}

impl CallDelta {
    /// A call in the form from before there could be several.
    pub(super) fn legacy(function: Function) -> Self {
        Self { index: Loose(Some(0)), function: Loose(Some(function)), ..Self::default() }
    }

    /// What Gemini wants back with the call.
    pub(super) fn signature(&mut self) -> Option<String> {
        self.extra_content.0.take()?.google.0?.thought_signature.0.filter(|signature| !signature.is_empty())
    }
}

impl Function {
    /// The arguments as text, exactly as they came.
    pub(super) fn arguments(&self) -> String {
        let Some(arguments) = &self.arguments else { return String::new() };
        arguments
            .as_text()
            .unwrap_or_else(|| if arguments.is_object() { arguments.get().into() } else { String::new() })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Annotation {
    url_citation: Loose<UrlCitation>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct UrlCitation {
    url: Loose<String>,
    title: Loose<String>,
    start_index: Loose<u64>,
    end_index: Loose<u64>,
}

impl Annotation {
    /// The citation, for a block that begins behind `base` characters of the answer's text.
    pub(super) fn citation(self, base: u64) -> Option<Citation> {
        let UrlCitation { url, title, start_index, end_index } = self.url_citation.0?;
        let span = start_index
            .0
            .zip(end_index.0)
            .and_then(|(from, to)| Some((from.checked_sub(base)?, to.checked_sub(base)?)));
        Some(Citation { url: Some(url.0?), title: title.0.filter(|title| !title.is_empty()), quote: None, span })
    }
}

/// A part of content that is a list.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ContentPart<'a> {
    pub(super) text: Loose<String>,
    pub(super) refusal: Loose<String>,
    /// Mistral: parts again.
    #[serde(borrow)]
    thinking: LooseList<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct TextPart {
    text: Loose<String>,
}

impl ContentPart<'_> {
    /// The reasoning in it.
    pub(super) fn thought(&self) -> String {
        items::<TextPart>(&self.thinking).filter_map(|part| part.text.0).collect()
    }
}
