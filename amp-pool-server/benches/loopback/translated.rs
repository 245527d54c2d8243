//! Whether a Chat stream says what a Messages stream said: read for its content, because the bytes are the pool's own.

use serde::Deserialize;

use crate::{
    Result,
    answer::words,
    ask::{PROMPT_TOKENS, Script},
};

/// Compares `body` with what `script` has the upstream say: each delta's text in an event of its own, in order.
pub(crate) fn check(script: Script, body: &str) -> Result<()> {
    let events = script.stream.map_or(0, |stream| stream.events);
    let chunks = chunks(body)?;
    let first = chunks.first().ok_or("a stream without events")?;
    let texts: Vec<_> = chunks.iter().filter_map(Chunk::text).collect();
    let finishes: Vec<_> = chunks.iter().filter_map(Chunk::finish).collect();
    let usages: Vec<_> = chunks.iter().filter_map(|chunk| chunk.usage.as_ref()).collect();
    hold("role", &first.role(), &Some("assistant"))?;
    hold("texts", &texts, &words(events).collect())?;
    hold("finish reasons", &finishes, &vec!["stop"])?;
    hold("usages", &usages, &vec![&Usage::of(events as u64)])?;
    let is_whole = |chunk: &Chunk| chunk.object == "chat.completion.chunk" && chunk.id == first.id;
    hold("events of one answer", &chunks.iter().all(is_whole), &true)
}

fn chunks(body: &str) -> Result<Vec<Chunk>> {
    let body = body.strip_suffix("data: [DONE]\n\n").ok_or("a stream that does not end with [DONE]")?;
    body.split_terminator("\n\n").map(chunk).collect()
}

fn chunk(event: &str) -> Result<Chunk> {
    let json = event.strip_prefix("data: ").ok_or_else(|| format!("an event without data: {event}"))?;
    serde_json::from_str(json).map_err(|error| format!("{error} in {json}").into())
}

fn hold<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, right: &T) -> Result<()> {
    if seen == right { Ok(()) } else { Err(format!("{what} of a translated stream: {seen:?}, not {right:?}").into()) }
}

#[derive(Deserialize)]
struct Chunk {
    id: String,
    object: String,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    role: Option<String>,
    content: Option<String>,
}

#[derive(PartialEq, Debug, Deserialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl Chunk {
    fn role(&self) -> Option<&str> {
        self.choices.first()?.delta.role.as_deref()
    }

    fn text(&self) -> Option<&str> {
        self.choices.first()?.delta.content.as_deref().filter(|text| !text.is_empty())
    }

    fn finish(&self) -> Option<&str> {
        self.choices.first()?.finish_reason.as_deref()
    }
}

impl Usage {
    fn of(output: u64) -> Self {
        Self { prompt_tokens: PROMPT_TOKENS, completion_tokens: output, total_tokens: PROMPT_TOKENS + output }
    }
}
