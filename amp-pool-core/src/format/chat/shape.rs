//! What answers of Chat look like: the parts that whole answers and streams share.

use serde::Serialize;

use crate::{
    format::canonical::{Citation, Json, Spent},
    usage,
};

/// `usage`. The prompt includes what came from caches and what went to them.
#[derive(Debug, Serialize)]
pub(super) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Debug, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

impl Usage {
    pub(super) fn of(usage: &usage::Usage) -> Self {
        Self {
            prompt_tokens: usage.input(),
            completion_tokens: usage.output,
            total_tokens: usage.total(),
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cache_read,
                cache_write_tokens: usage.cache_write(),
            },
            completion_tokens_details: usage.reasoning.map(|reasoning_tokens| CompletionDetails { reasoning_tokens }),
        }
    }
}

/// The queue an answer was served from, by OpenAI's name.
pub(super) fn service_tier(spent: Option<&Spent>) -> Option<String> {
    let tier = spent?.service_tier.as_deref()?;
    Some(if tier == "standard" { "default" } else { tier }.to_owned())
}

/// One of `annotations`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Annotation {
    r#type: &'static str,
    url_citation: UrlCitation,
}

#[derive(Debug, Clone, Serialize)]
struct UrlCitation {
    url: String,
    title: String,
    start_index: u64,
    end_index: u64,
}

impl Annotation {
    /// A citation of a text that lies between the characters `start` and `end` of the whole answer. `None` for one
    /// without an address: Chat has no other.
    pub(super) fn of(citation: &Citation, start: u64, end: u64) -> Option<Self> {
        let url = citation.url.clone()?;
        let (from, to) = citation.span.map_or((start, end), |(from, to)| (start + from, (start + to).min(end)));
        let title = citation.title.clone().unwrap_or_default();
        let url_citation = UrlCitation { url, title, start_index: from, end_index: to };
        Some(Self { r#type: "url_citation", url_citation })
    }
}

/// `logprobs` of a choice.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Logprobs {
    pub(super) content: Json,
    pub(super) refusal: (),
}

/// How many characters a text has.
pub(super) fn chars(text: &str) -> u64 {
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX)
}
