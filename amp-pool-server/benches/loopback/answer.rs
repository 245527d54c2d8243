//! What the upstream answers, written out: the script of a request says what.

use bytes::Bytes;

use crate::{
    ask::{Format, PROMPT_TOKENS, Script, WHOLE_TOKENS},
    stamp,
};

const WORDS: [&str; 8] = [" The", " harbour", " lies", " still", ";", " two", " boats", " wait."];

/// A piece that the upstream sends on its own.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// With a blank where the stamp belongs.
    pub(crate) text: Bytes,
    /// Where the stamp belongs.
    pub(crate) stamp: Option<usize>,
}

impl Part {
    fn new(text: String) -> Self {
        let stamp = text.find(stamp::BLANK);
        Self { text: text.into(), stamp }
    }

    /// The piece as it leaves now.
    pub(crate) fn sent(&self) -> Bytes {
        let Some(at) = self.stamp else { return self.text.clone() };
        let mut text = self.text.to_vec();
        text[at..at + stamp::BLANK.len()].copy_from_slice(stamp::now().as_bytes());
        text.into()
    }
}

impl Script {
    /// The answer in the parts in which it is sent.
    pub(crate) fn parts(self) -> Vec<Part> {
        let parts = match (self.format, self.stream) {
            (Format::Chat, None) => vec![chat_whole()],
            (Format::Chat, Some(stream)) => chat_stream(stream.events, stream.stamp()),
            (Format::Messages, None) => vec![messages_whole()],
            (Format::Messages, Some(stream)) => messages_stream(stream.events, stream.stamp()),
        };
        parts.into_iter().map(Part::new).collect()
    }

    /// How many events the upstream sends. A translation may make one more or less of them.
    pub(crate) fn events(self) -> u64 {
        if self.stream.is_some() { self.parts().len() as u64 } else { 0 }
    }
}

/// The text of each event of an answer that has so many.
pub(crate) fn words(count: usize) -> impl Iterator<Item = &'static str> {
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

// The stamp is where the upstream itself has a member of no meaning, and last, so that all of an event is there with it.
fn chat_stream(events: usize, stamp: &str) -> Vec<String> {
    let content = words(events).map(|word| chat_choice(&format!(r#"{{"content":"{word}"}}"#), "null", stamp));
    let usage = chat_chunk("[]", &chat_usage(events), "");
    std::iter::once(chat_choice(r#"{"role":"assistant","content":"","refusal":null}"#, "null", ""))
        .chain(content)
        .chain([chat_choice("{}", r#""stop""#, ""), usage, "data: [DONE]\n\n".into()])
        .collect()
}

fn chat_choice(delta: &str, finish: &str, stamp: &str) -> String {
    chat_chunk(&format!(r#"[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]"#), "null", stamp)
}

fn chat_chunk(choices: &str, usage: &str, stamp: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-CRt5mZ0aQe7uYw2XbK1nVh4sLd9Jp\",\"object\":\"chat.completion.chunk\",\"created\":1760400000,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_51db84afab\",\"choices\":{choices},\"usage\":{usage}{stamp}}}\n\n"
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

fn messages_stream(events: usize, stamp: &str) -> Vec<String> {
    let start = format!(r#"{{"type":"message_start","message":{}}}"#, messages_head("[]", "null", 1));
    let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    let content = words(events).map(|word| {
        let delta = format!(r#"{{"type":"text_delta","text":"{word}"}}"#);
        event("content_block_delta", &format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}{stamp}}}"#))
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
