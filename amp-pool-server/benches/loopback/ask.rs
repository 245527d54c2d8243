//! What is asked.
//!
//! The question carries the script of its answer (how many events, how fast), so the mock needs no state and the load
//! can hold every answer to it, whatever stands between the two and in whatever format it passes the question on.

use bytes::Bytes;
use clap::ValueEnum;
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use serde::{Deserialize, Serialize};

use crate::{Result, stamp};

pub(crate) const PROMPT_TOKENS: u64 = 412;
pub(crate) const WHOLE_TOKENS: usize = 118;
// Affinity binds a conversation to a key; this many spread over all keys and still come back.
const CONVERSATIONS: usize = 500;

/// The wire format of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Format {
    /// OpenAI Chat Completions
    Chat,
    /// Anthropic Messages
    Messages,
}

impl Format {
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        [Self::Chat, Self::Messages].into_iter().find(|format| format.path() == path)
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Messages => "/v1/messages",
        }
    }

    /// The provider preset that speaks it.
    pub(crate) fn provider(self) -> &'static str {
        match self {
            Self::Chat => "openai",
            Self::Messages => "anthropic",
        }
    }

    fn model(self) -> &'static str {
        match self {
            Self::Chat => "gpt-4o-mini",
            Self::Messages => "claude-haiku-4-5",
        }
    }
}

/// One call, up to the conversation it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Ask {
    /// What the client speaks; another format than the script's is for a proxy that translates.
    pub(crate) client: Format,
    pub(crate) script: Script,
}

/// What the upstream answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Script {
    pub(crate) format: Format,
    /// `None`: one JSON document.
    pub(crate) stream: Option<Stream>,
}

/// The script of a streamed answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Stream {
    /// Events with content; a few more open and close the stream.
    pub(crate) events: usize,
    /// Between two events. 0: as fast as they can be flushed.
    pub(crate) pace_ms: u64,
}

impl Ask {
    /// The same without a translation: what a proxy that knows no formats can carry.
    pub(crate) fn untranslated(self) -> Self {
        Self { client: self.script.format, ..self }
    }

    /// The call number `call`, for `host`.
    pub(crate) fn request(self, host: &str, token: &str, call: usize) -> Result<Request<Full<Bytes>>> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))?;
        bearer.set_sensitive(true);
        let head = Request::post(self.client.path()).header(header::HOST, host).header(header::AUTHORIZATION, bearer);
        let head = head.header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT, "*/*");
        Ok(head.header("anthropic-version", "2023-06-01").body(self.body(call).into())?)
    }

    fn body(self, call: usize) -> String {
        let model = self.script.format.model();
        let conversation = call % CONVERSATIONS;
        let rules = "Answer in plain words and say where each fact comes from. ".repeat(20);
        let words = self.script.words();
        let question = format!("Conversation {conversation}{words}: what does the harbour look like this morning?");
        let stream = self.stream();
        match self.client {
            Format::Chat => format!(
                r#"{{"model":"{model}","messages":[{{"role":"system","content":"{rules}"}},{{"role":"user","content":"{question}"}}],"temperature":0.7{stream}}}"#
            ),
            Format::Messages => format!(
                r#"{{"model":"{model}","max_tokens":1024,"system":"{rules}","messages":[{{"role":"user","content":"{question}"}}]{stream}}}"#
            ),
        }
    }

    // Usage is asked for, so that the bytes of a Chat stream are the same through the pool and past it.
    fn stream(self) -> &'static str {
        match (self.script.stream, self.client) {
            (None, _) => "",
            (Some(_), Format::Chat) => r#","stream":true,"stream_options":{"include_usage":true}"#,
            (Some(_), Format::Messages) => r#","stream":true"#,
        }
    }
}

impl Script {
    // As a part of the question.
    fn words(self) -> String {
        let Some(Stream { events, pace_ms }) = self.stream else { return String::new() };
        format!(" ({events} events, {pace_ms} ms apart)")
    }

    /// Reads back what [`Ask::request`] wrote.
    pub(crate) fn read(format: Format, body: &[u8]) -> Result<Self> {
        let wanted: Wanted = serde_json::from_slice(body)?;
        let stream = if wanted.stream { Some(Stream::read(std::str::from_utf8(body)?)?) } else { None };
        Ok(Self { format, stream })
    }

    pub(crate) fn content_type(self) -> &'static str {
        if self.stream.is_some() { "text/event-stream; charset=utf-8" } else { "application/json" }
    }

    /// What the books have to show for it.
    pub(crate) fn tokens(self) -> u64 {
        PROMPT_TOKENS + self.stream.map_or(WHOLE_TOKENS, |stream| stream.events) as u64
    }
}

impl Stream {
    fn read(body: &str) -> Result<Self> {
        let (before, after) = body.split_once(" events, ").ok_or("no script in the question")?;
        let (_, events) = before.rsplit_once('(').ok_or("no number of events in the question")?;
        let (pace_ms, _) = after.split_once(" ms apart)").ok_or("no pace in the question")?;
        Ok(Self { events: events.parse()?, pace_ms: pace_ms.parse()? })
    }

    /// What each of its events ends with: slow ones with a stamp. A burst says nothing about how late an event is.
    pub(crate) fn stamp(self) -> &'static str {
        if self.pace_ms == 0 { "" } else { stamp::MEMBER }
    }
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    stream: bool,
}
