//! What is asked and what the right answer is, to the byte.
//!
//! The request carries the script of its answer (how many events, how fast), so the mock needs no state and the load
//! can hold every answer to it, whatever stands between the two.

use bytes::Bytes;
use clap::ValueEnum;
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use serde::{Deserialize, Serialize};

use crate::Result;

const WORDS: [&str; 8] = [" The", " harbour", " lies", " still", ";", " two", " boats", " wait."];
const PROMPT_TOKENS: u64 = 412;
const WHOLE_TOKENS: usize = 118;
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
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Ask {
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
    /// The call number `call`, for `host`.
    pub(crate) fn request(self, host: &str, token: &str, call: usize) -> Result<Request<Full<Bytes>>> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))?;
        bearer.set_sensitive(true);
        let head = Request::post(self.format.path()).header(header::HOST, host).header(header::AUTHORIZATION, bearer);
        let head = head.header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT, "*/*");
        Ok(head.header("anthropic-version", "2023-06-01").body(self.body(call).into())?)
    }

    fn body(self, call: usize) -> String {
        let model = self.format.model();
        let conversation = call % CONVERSATIONS;
        let rules = "Answer in plain words and say where each fact comes from. ".repeat(20);
        let question = format!("Conversation {conversation}: what does the harbour look like this morning?");
        let script = self.script();
        match self.format {
            Format::Chat => format!(
                r#"{{"model":"{model}","messages":[{{"role":"system","content":"{rules}"}},{{"role":"user","content":"{question}"}}],"temperature":0.7{script}}}"#
            ),
            Format::Messages => format!(
                r#"{{"model":"{model}","max_tokens":1024,"system":"{rules}","messages":[{{"role":"user","content":"{question}"}}]{script}}}"#
            ),
        }
    }

    // Usage is asked for, so that the bytes of a Chat stream are the same through the pool and past it.
    fn script(self) -> String {
        let Some(Stream { events, pace_ms }) = self.stream else { return String::new() };
        let usage = match self.format {
            Format::Chat => r#","stream_options":{"include_usage":true}"#,
            Format::Messages => "",
        };
        format!(r#","stream":true{usage},"metadata":{{"events":"{events}","pace_ms":"{pace_ms}"}}"#)
    }

    /// Reads back what [`Ask::request`] wrote.
    pub(crate) fn read(format: Format, body: &[u8]) -> Result<Self> {
        let wanted: Wanted = serde_json::from_slice(body)?;
        let stream = match wanted.metadata {
            Some(script) if wanted.stream => {
                Some(Stream { events: script.events.parse()?, pace_ms: script.pace_ms.parse()? })
            }
            _ => None,
        };
        Ok(Self { format, stream })
    }

    pub(crate) fn content_type(self) -> &'static str {
        if self.stream.is_some() { "text/event-stream; charset=utf-8" } else { "application/json" }
    }

    /// The right answer, in the parts in which it is sent.
    pub(crate) fn answer(self) -> Vec<Bytes> {
        let parts = match (self.format, self.stream) {
            (Format::Chat, None) => vec![chat_whole()],
            (Format::Chat, Some(stream)) => chat_stream(stream.events),
            (Format::Messages, None) => vec![messages_whole()],
            (Format::Messages, Some(stream)) => messages_stream(stream.events),
        };
        parts.into_iter().map(Bytes::from).collect()
    }

    /// What the books have to show for it.
    pub(crate) fn tokens(self) -> u64 {
        PROMPT_TOKENS + self.output_tokens() as u64
    }

    fn output_tokens(self) -> usize {
        self.stream.map_or(WHOLE_TOKENS, |stream| stream.events)
    }
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    stream: bool,
    metadata: Option<Script>,
}

#[derive(Deserialize)]
struct Script {
    events: String,
    pace_ms: String,
}

fn words(count: usize) -> impl Iterator<Item = &'static str> {
    WORDS.into_iter().cycle().take(count)
}

fn chat_usage(output: usize) -> String {
    let total = PROMPT_TOKENS + output as u64;
    format!(
        r#"{{"prompt_tokens":{PROMPT_TOKENS},"completion_tokens":{output},"total_tokens":{total},"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#
    )
}

fn chat_whole() -> String {
    let text: String = words(WHOLE_TOKENS).collect();
    let usage = chat_usage(WHOLE_TOKENS);
    format!(
        r#"{{"id":"chatcmpl-CRt5mZ0aQe7uYw2XbK1nVh4sLd9Jp","object":"chat.completion","created":1760400000,"model":"gpt-4o-mini-2024-07-18","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{usage},"service_tier":"default","system_fingerprint":"fp_51db84afab"}}"#
    )
}

fn chat_stream(events: usize) -> Vec<String> {
    let content = words(events).map(|word| chat_choice(&format!(r#"{{"content":"{word}"}}"#), "null"));
    std::iter::once(chat_choice(r#"{"role":"assistant","content":"","refusal":null}"#, "null"))
        .chain(content)
        .chain([chat_choice("{}", r#""stop""#), chat_chunk("[]", &chat_usage(events)), "data: [DONE]\n\n".into()])
        .collect()
}

fn chat_choice(delta: &str, finish: &str) -> String {
    chat_chunk(&format!(r#"[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]"#), "null")
}

fn chat_chunk(choices: &str, usage: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-CRt5mZ0aQe7uYw2XbK1nVh4sLd9Jp\",\"object\":\"chat.completion.chunk\",\"created\":1760400000,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_51db84afab\",\"choices\":{choices},\"usage\":{usage}}}\n\n"
    )
}

fn messages_head(content: &str, stop: &str, output: usize) -> String {
    format!(
        r#"{{"id":"msg_01XzR7pT4vKc9WnB2qLd6HyM","type":"message","role":"assistant","model":"claude-haiku-4-5-20251001","content":{content},"stop_reason":{stop},"stop_sequence":null,"usage":{{"input_tokens":{PROMPT_TOKENS},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0}},"output_tokens":{output},"service_tier":"standard"}}}}"#
    )
}

fn messages_whole() -> String {
    let text: String = words(WHOLE_TOKENS).collect();
    messages_head(&format!(r#"[{{"type":"text","text":"{text}"}}]"#), r#""end_turn""#, WHOLE_TOKENS)
}

fn messages_stream(events: usize) -> Vec<String> {
    let start = format!(r#"{{"type":"message_start","message":{}}}"#, messages_head("[]", "null", 1));
    let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    let content = words(events).map(|word| {
        let delta = format!(r#"{{"type":"text_delta","text":"{word}"}}"#);
        event("content_block_delta", &format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#))
    });
    let end = format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn","stop_sequence":null}},"usage":{{"input_tokens":{PROMPT_TOKENS},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":{events}}}}}"#
    );
    [event("message_start", &start), event("content_block_start", block)]
        .into_iter()
        .chain(content)
        .chain([
            event("content_block_stop", r#"{"type":"content_block_stop","index":0}"#),
            event("message_delta", &end),
            event("message_stop", r#"{"type":"message_stop"}"#),
        ])
        .collect()
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
