//! Content blocks.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::marks::Mark;
use crate::format::{
    Field, Losses, Reject,
    canonical::{
        Arguments, Call, Document, HostedPart, Image, Input, Part, Proof, ProofKind, SearchResult, Source, Text,
        Thought, ToolResult,
    },
    transcode::{Translation, image_type},
};

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    Image {
        source: Place<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    Document {
        source: Place<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Cited>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    SearchResult {
        title: &'a str,
        source: &'a str,
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Cited>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    Thinking {
        thinking: Cow<'a, str>,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Argument<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
    ToolResult {
        tool_use_id: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Mark>,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct Cited {
    enabled: bool,
}

/// A `source`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Place<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Url { url: &'a str },
    Text { media_type: &'static str, data: &'a str },
    Content { content: Vec<Block<'a>> },
}

impl<'a> Block<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text { text: text.into(), cache_control: None }
    }

    /// Where a mark for caching may stand.
    pub(super) fn mark(&mut self) -> Option<&mut Option<Mark>> {
        match self {
            Self::Text { cache_control, .. }
            | Self::Image { cache_control, .. }
            | Self::Document { cache_control, .. }
            | Self::SearchResult { cache_control, .. }
            | Self::ToolUse { cache_control, .. }
            | Self::ToolResult { cache_control, .. } => Some(cache_control),
            Self::Thinking { .. } | Self::RedactedThinking { .. } => None,
        }
    }
}

/// Writes text with its mark.
pub(super) fn text<'a>(text: &'a Text, losses: &mut Losses) -> Result<Block<'a>, Reject> {
    if !text.citations.is_empty() {
        losses.dropped("annotations", "citations of earlier answers")?;
    }
    if text.phase.is_some() {
        losses.dropped("phase", "")?;
    }
    Ok(Block::Text { text: Cow::Borrowed(&text.text), cache_control: Mark::of(text.cache) })
}

/// Writes a part. `None`: nothing is left of it, and that has been told.
pub(super) fn part<'a>(
    part: &'a Part,
    translation: &Translation,
    losses: &mut Losses,
) -> Result<Option<Block<'a>>, Reject> {
    Ok(Some(match part {
        Part::Text(said) => text(said, losses)?,
        Part::Refusal(said) => Block::text(said),
        Part::Image(said) => image(said, translation, losses)?,
        Part::Document(said) => document(said, translation, losses)?,
        Part::Audio(_) => return Err(losses.reject(Field::Audio, "the upstream does not hear")),
        Part::SearchResult(said) => search_result(said, losses)?,
        Part::Thought(said) => return thought(said, translation, losses),
        Part::Call(said) => call(said, losses)?,
        Part::Result(said) => result(said, translation, losses)?,
        Part::Hosted(said) => return hosted(said, losses),
    }))
}

pub(super) fn parts<'a>(
    all: &'a [Part],
    translation: &Translation,
    losses: &mut Losses,
) -> Result<Vec<Block<'a>>, Reject> {
    let mut blocks = Vec::with_capacity(all.len());
    for one in all {
        blocks.extend(part(one, translation, losses)?);
    }
    Ok(blocks)
}

fn image<'a>(image: &'a Image, translation: &Translation, losses: &mut Losses) -> Result<Block<'a>, Reject> {
    if image.detail.as_deref().is_some_and(|detail| detail != "auto") {
        losses.dropped(Field::Detail, "")?;
    }
    let source = match &image.source {
        Source::Base64 { media_type, data } => {
            Place::Base64 { media_type: shown_type(media_type, data, losses)?, data }
        }
        Source::Url(url) if translation.dialect.image_url_ok => Place::Url { url },
        Source::Url(_) => return Err(losses.reject(Field::Images, "the upstream takes no images by address")),
        _ => return Err(losses.reject(Field::Images, "files of an account can not be translated")),
    };
    Ok(Block::Image { source, cache_control: Mark::of(image.cache) })
}

/// The type of an image. One that its bytes belie is refused by the provider, so the bytes decide.
fn shown_type<'a>(said: &'a str, data: &str, losses: &mut Losses) -> Result<&'a str, Reject> {
    match image_type(data) {
        Some(known) if known != said => {
            losses.adjusted(Field::Images, "named by what its bytes are")?;
            Ok(known)
        }
        _ if matches!(said, "image/jpeg" | "image/png" | "image/gif" | "image/webp") => Ok(said),
        _ => Err(losses.reject(Field::Images, format!("the upstream takes no `{said}`"))),
    }
}

fn document<'a>(document: &'a Document, translation: &Translation, losses: &mut Losses) -> Result<Block<'a>, Reject> {
    let is_pdf_ok = translation.dialect.pdf_ok;
    let source = match &document.source {
        Source::Base64 { media_type, data } if media_type == "application/pdf" && is_pdf_ok => {
            Place::Base64 { media_type, data }
        }
        Source::Url(url) if is_pdf_ok => Place::Url { url },
        Source::Text(data) => Place::Text { media_type: "text/plain", data },
        Source::Parts(all) => Place::Content { content: parts(all, translation, losses)? },
        Source::Base64 { .. } | Source::Url(_) => {
            return Err(losses.reject(Field::Documents, "the upstream takes no documents of this kind"));
        }
        Source::File(_) => return Err(losses.reject(Field::Documents, "files of an account can not be translated")),
    };
    Ok(Block::Document {
        source,
        title: document.title.as_deref(),
        context: document.context.as_deref(),
        citations: document.citations.then_some(Cited { enabled: true }),
        cache_control: Mark::of(document.cache),
    })
}

fn search_result<'a>(found: &'a SearchResult, losses: &mut Losses) -> Result<Block<'a>, Reject> {
    Ok(Block::SearchResult {
        title: &found.title,
        source: &found.source,
        content: found.content.iter().map(|said| text(said, losses)).collect::<Result<_, _>>()?,
        citations: found.citations.then_some(Cited { enabled: true }),
        cache_control: Mark::of(found.cache),
    })
}

/// A thought with a proof is the upstream's own and goes home byte for byte, also without text.
fn thought<'a>(
    thought: &'a Thought,
    translation: &Translation,
    losses: &mut Losses,
) -> Result<Option<Block<'a>>, Reject> {
    match &thought.proof {
        Some(Proof { kind: ProofKind::Redacted, data, .. }) => Ok(Some(Block::RedactedThinking { data })),
        Some(Proof { kind: ProofKind::Signature, data, .. }) => {
            Ok(Some(Block::Thinking { thinking: thought.words(), signature: data }))
        }
        // Claude refuses a thought that it has not signed, whoever is in between.
        _ if translation.dialect.checks_signatures || translation.model_row().is_some() => {
            losses.dropped(Field::Thoughts, "not signed by this upstream")?;
            Ok(None)
        }
        _ => Ok(Some(Block::Thinking { thinking: thought.words(), signature: "" })),
    }
}

/// What a tool is called with: an object as the model wrote it, or one of ours around what is none.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Argument<'a> {
    Object(&'a RawValue),
    Text { input: &'a str },
    Broken { _raw: &'a str },
}

fn call<'a>(call: &'a Call, losses: &mut Losses) -> Result<Block<'a>, Reject> {
    let input = match &call.input {
        Input::Text(input) => Argument::Text { input },
        Input::Json(text) => match Arguments::object(text) {
            Some(input) => Argument::Object(input),
            None => {
                // Refused, it would be refused again with every turn to come.
                losses.adjusted(Field::Calls, "arguments that are no JSON object are sent as `_raw`")?;
                Argument::Broken { _raw: text }
            }
        },
    };
    Ok(Block::ToolUse { id: &call.id, name: &call.name, input, cache_control: Mark::of(call.cache) })
}

fn result<'a>(result: &'a ToolResult, translation: &Translation, losses: &mut Losses) -> Result<Block<'a>, Reject> {
    Ok(Block::ToolResult {
        tool_use_id: &result.call,
        content: parts(&result.content, translation, losses)?,
        is_error: result.is_error,
        cache_control: Mark::of(result.cache),
    })
}

fn hosted<'a>(hosted: &'a HostedPart, losses: &mut Losses) -> Result<Option<Block<'a>>, Reject> {
    match &hosted.text {
        Some(text) if !text.trim().is_empty() => {
            losses.adjusted(Field::HostedSteps, "sent as text")?;
            Ok(Some(Block::text(text)))
        }
        _ => {
            losses.dropped(Field::HostedSteps, hosted.kind.clone())?;
            Ok(None)
        }
    }
}
