//! The three wire formats, as bytes.
//!
//! Reads of a body what the pool must know (`peek`), changes single values in place (`splice`), finds events in a stream
//! (`sse`), tells whether an answer has begun (`opening`), counts what was used (`meter`) and knows how errors look, both
//! the upstream's (`failure`) and our own (`problem`). Same-format traffic is passed on as it came, and no document
//! is built of it.
//!
//! Translation has its own rooms: the `canonical` model, a reader and a writer per format, the seam between them
//! (`transcode`), what models and providers take (`capability`), and what is lost (`loss`). What only one format knows
//! stands in its folder. `TRANSLATION.md` says which file holds which rule.

use std::{fmt, str::FromStr};

use http::Method;
use serde::{Deserialize, Serialize};

/// A wire format of language-model APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// OpenAI Chat Completions.
    Chat,
    /// Anthropic Messages.
    Messages,
    /// OpenAI Responses.
    Responses,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Messages, Self::Responses];

    /// The name in settings, records and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Messages => "messages",
            Self::Responses => "responses",
        }
    }

    /// The path on which calls of this format come and go.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Messages => "/v1/messages",
            Self::Responses => "/v1/responses",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no format.
///
/// ```
/// use amp_pool_core::format::{Format, UnknownFormat};
///
/// let error: UnknownFormat = "gemini".parse::<Format>().err().ok_or("it is none")?;
/// assert!(error.to_string().contains("`gemini`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFormat(Box<str>);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not one of `chat`, `messages`, `responses`", self.0)
    }
}

impl std::error::Error for UnknownFormat {}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.as_str() == name).ok_or_else(|| UnknownFormat(name.into()))
    }
}

/// What a path under `/v1` asks for.
///
/// ```
/// use amp_pool_core::format::{Endpoint, Format};
/// use http::Method;
///
/// let endpoint = Endpoint::of(&Method::POST, "/v1/messages");
/// assert_eq!((endpoint, endpoint.format()), (Endpoint::Messages, Some(Format::Messages)));
/// assert!(endpoint.is_translatable() && endpoint.needs_model());
/// // What is not known is passed on as it is.
/// assert_eq!(Endpoint::of(&Method::POST, "/v1/embeddings"), Endpoint::Opaque);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /v1/chat/completions`
    ChatCompletions,
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`: an answer that costs nothing.
    CountTokens,
    /// `POST /v1/responses`
    Responses,
    /// `POST /v1/responses/input_tokens`: an answer that costs nothing.
    InputTokens,
    /// `POST /v1/models/{model}:generateContent` and the like: Google's own format, passed on as it is. Clients of the Amp
    /// layout come by it.
    Google,
    /// `GET /v1/models` and `GET /v1/models/{id}`: answered by the pool itself.
    Models,
    /// Everything else under `/v1`, passed on as opaque bytes.
    Opaque,
}

impl Endpoint {
    /// The endpoint of a request.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Self {
        match (method, path.trim_end_matches('/')) {
            (&Method::POST, "/v1/chat/completions") => Self::ChatCompletions,
            (&Method::POST, "/v1/messages") => Self::Messages,
            (&Method::POST, "/v1/messages/count_tokens") => Self::CountTokens,
            (&Method::POST, "/v1/responses") => Self::Responses,
            (&Method::POST, "/v1/responses/input_tokens") => Self::InputTokens,
            (&Method::POST, path) if google_model(path).is_some() => Self::Google,
            (&Method::GET, path) if path == "/v1/models" || path.starts_with("/v1/models/") => Self::Models,
            _ => Self::Opaque,
        }
    }

    /// Where calls of `format` come in.
    #[must_use]
    pub fn of_format(format: Format) -> Self {
        match format {
            Format::Chat => Self::ChatCompletions,
            Format::Messages => Self::Messages,
            Format::Responses => Self::Responses,
        }
    }

    /// The format an upstream must speak to serve it. `None` for what the caller's headers decide.
    #[must_use]
    pub fn format(self) -> Option<Format> {
        match self {
            // Errors of ours look like OpenAI's there.
            Self::ChatCompletions | Self::Google => Some(Format::Chat),
            Self::Messages | Self::CountTokens => Some(Format::Messages),
            Self::Responses | Self::InputTokens => Some(Format::Responses),
            Self::Models | Self::Opaque => None,
        }
    }

    /// Whether a call without `model` can not be served.
    #[must_use]
    pub fn needs_model(self) -> bool {
        self.is_translatable() || self.only_counts()
    }

    /// Whether it counts the tokens of a request that is not served: it costs nothing, and where no upstream counts the
    /// pool estimates.
    #[must_use]
    pub fn only_counts(self) -> bool {
        matches!(self, Self::CountTokens | Self::InputTokens)
    }

    /// Whether a call can be served by an upstream that speaks another format.
    #[must_use]
    pub fn is_translatable(self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Messages | Self::Responses)
    }

    /// The name in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Messages => "messages",
            Self::CountTokens => "count_tokens",
            Self::Responses => "responses",
            Self::InputTokens => "input_tokens",
            Self::Google => "google",
            Self::Models => "models",
            Self::Opaque => "opaque",
        }
    }
}

/// The model that a path of Google's format names, and what is asked of it.
///
/// ```
/// use amp_pool_core::format::google_model;
///
/// let path = "/v1/models/gemini-3-pro:streamGenerateContent";
/// assert_eq!(google_model(path), Some(("gemini-3-pro", "streamGenerateContent")));
/// assert_eq!(google_model("/v1/models/gemini-3-pro"), None);
/// ```
#[must_use]
pub fn google_model(path: &str) -> Option<(&str, &str)> {
    let (model, verb) = path.strip_prefix("/v1/models/")?.rsplit_once(':')?;
    (!model.is_empty() && verb.bytes().all(|byte| byte.is_ascii_alphabetic())).then_some((model, verb))
}

pub mod canonical;
pub mod capability;

mod beginning;
mod body;
mod chat;
#[cfg(test)]
#[path = "../tests/checker/mod.rs"]
mod checker;
mod failure;
mod glance;
mod google;
mod hidden_usage;
mod leap;
mod loose;
mod loss;
mod messages;
mod meter;
mod opening;
mod peek;
mod plain;
mod problem;
mod reach;
mod reasoning;
mod repair;
mod responses;
mod retouch;
mod splice;
mod sse;
mod tail;
mod tokens;
mod transcode;
mod tree;
mod walk;

#[cfg(doc)]
#[doc = include_str!("format/LOSSES.md")]
pub mod losses {}

pub use beginning::Beginning;
pub use failure::Failure;
pub use hidden_usage::HiddenUsage;
pub use loss::{Field, Loss, LossKind, Losses, Place, Reject};
pub use messages::{countable::countable, paused::Pausing};
pub use meter::{Ending, Meter};
pub use opening::{Opened, Opening};
pub use peek::{Peek, PeekError, peek};
pub use problem::{Problem, error_body, error_event};
pub use reach::Reach;
pub use reasoning::{refuses_reasoning, thinks_with_tools, without_reasoning};
pub use repair::Repair;
pub use splice::{Chain, Splice, splice};
pub use sse::{EVENT_MAX, Event, Scanner};
pub(crate) use transcode::base64;
pub use transcode::{
    Aids, Gatherer, Memo, Memory, Policy, SealKey, Sent, Transcoder, Translation, WayBack, Whole, count_tokens,
};
