//! The way back.

use std::sync::OnceLock;

use amp_pool_core::format::{Failure, Format, Problem, Transcoder, WayBack, Whole};
use bytes::Bytes;
use serde_json::Value;

use super::{
    checker::{self, Told},
    setup, streams,
};

/// How many ways back are made per direction.
const WAYS: usize = 40;

/// An answer of the upstream, whatever it is, becomes a legal answer of the client's format.
pub(crate) fn translated(client: Format, upstream: Format, data: &[u8]) {
    let (pick, answer) = setup::split(data);
    let back = way_back(client, upstream, pick);
    let include_usage = pick.is_multiple_of(2);
    let answer = Bytes::copy_from_slice(answer);
    let written = stream(&back, std::slice::from_ref(&answer));
    let told = told(client, &written, include_usage);
    for cut in streams::cuts(&answer, pick) {
        let other = stream(&back, &cut);
        assert!(other == written, "cut:\n{}\nwhole:\n{}", lossy(&other), lossy(&written));
    }
    same_whole(client, &told, &back.whole(200, &answer));
    refusal(client, &back.error(400, &answer));
    given_up(&back, client, &answer, include_usage);
}

fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn told(client: Format, written: &[u8], include_usage: bool) -> Told {
    let checked = match client {
        Format::Chat => checker::chat::check(written, include_usage),
        Format::Messages => checker::messages::check(written).map(|stream| stream.told),
        Format::Responses => checker::responses::check(written),
    };
    checked.unwrap_or_else(|why| panic!("{why} in\n{}", lossy(written)))
}

fn stream(back: &WayBack, frames: &[Bytes]) -> Vec<u8> {
    let (mut transcoder, mut out) = (Transcoder::new(back.clone()), Vec::new());
    frames.iter().for_each(|frame| transcoder.feed(frame, &mut out));
    transcoder.finish(&mut out);
    assert!(transcoder.is_over());
    let length = out.len();
    transcoder.feed(b"data: {}\n\n", &mut out);
    transcoder.finish(&mut out);
    assert_eq!(out.len(), length, "something behind the end");
    out
}

/// Whole, the answer is what it is as a stream, and an error when that is one.
fn same_whole(client: Format, told: &Told, whole: &Whole) {
    if told.has_failed {
        return refusal(client, whole);
    }
    assert_eq!(whole.status, 200, "{}", lossy(&whole.body));
    let body: Value = serde_json::from_slice(&whole.body).expect("a whole answer is JSON");
    assert!(Failure::read(&whole.body).is_none());
    // A stream tells texts that an odd upstream interleaves as they come.
    assert_eq!(sorted(&text(client, &body)), sorted(&told.text));
}

fn sorted(text: &str) -> Vec<char> {
    let mut chars: Vec<char> = text.chars().collect();
    chars.sort_unstable();
    chars
}

fn refusal(client: Format, whole: &Whole) {
    assert!((400..600).contains(&whole.status), "{}", whole.status);
    let body: Value = serde_json::from_slice(&whole.body).expect("an error is JSON");
    assert!(body["error"]["message"].is_string(), "{body}");
    assert_eq!(body["type"] == "error", client == Format::Messages);
}

/// A stream that we give up in the middle ends in an error and is legal.
fn given_up(back: &WayBack, client: Format, answer: &Bytes, include_usage: bool) {
    let (mut transcoder, mut out) = (Transcoder::new(back.clone()), Vec::new());
    transcoder.feed(&answer.slice(..answer.len() / 2), &mut out);
    if transcoder.is_over() {
        return;
    }
    let problem = Problem { status: 502, kind: "upstream", message: "gone", field: None, code: None, call: "c" };
    transcoder.fail(&problem, &mut out);
    assert!(told(client, &out, include_usage).has_failed);
}

fn text(client: Format, body: &Value) -> String {
    let parts = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let texts = |list: &Value| -> String {
        parts(list).iter().filter_map(|part| part["text"].as_str().map(String::from)).collect()
    };
    match client {
        Format::Chat => body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned(),
        Format::Messages => texts(&body["content"]),
        Format::Responses => parts(&body["output"])
            .iter()
            .filter(|item| item["type"] == "message")
            .map(|item| texts(&item["content"]))
            .collect(),
    }
}

/// The way back of a request that uses what an answer has to undo: changed names, custom tools, stops, a forced shape.
fn way_back(client: Format, upstream: Format, pick: usize) -> WayBack {
    static MADE: OnceLock<Vec<WayBack>> = OnceLock::new();
    let place = |format: Format| Format::ALL.iter().position(|other| *other == format).unwrap_or_default();
    let made = MADE.get_or_init(|| {
        let pairs = Format::ALL.into_iter().flat_map(|client| Format::ALL.map(|upstream| (client, upstream)));
        pairs.flat_map(|(client, upstream)| (0..WAYS).map(move |pick| make(client, upstream, pick))).collect()
    });
    made[(place(client) * 3 + place(upstream)) * WAYS + pick % WAYS].clone()
}

fn make(client: Format, upstream: Format, pick: usize) -> WayBack {
    // The shape goes with models that have to be forced; a choice of dialects is tried with and without it.
    let ask = ask(client, pick);
    let sent = setup::translation(client, upstream, pick).request(ask.to_string().as_bytes());
    let plain = |_| {
        setup::translation(client, upstream, 0).request(b"{\"model\":\"m\",\"max_tokens\":9,\"input\":\"hi\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}")
    };
    sent.or_else(plain).expect("a plain request is taken").back
}

fn ask(client: Format, pick: usize) -> Value {
    let long = "a tool with a very long name that no format takes as it is, so that it has to be cut";
    let schema = serde_json::json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    let say = serde_json::json!([{"role": "user", "content": "hi"}]);
    let mut body = match client {
        Format::Chat => serde_json::json!({
            "model": "asked", "messages": say, "stream": true, "stream_options": {"include_usage": pick.is_multiple_of(2)},
            "tools": [
                {"type": "function", "function": {"name": long, "parameters": schema}},
                {"type": "custom", "custom": {"name": "patch"}},
            ],
        }),
        Format::Messages => serde_json::json!({
            "model": "asked", "max_tokens": 100, "messages": say, "stream": true,
            "tools": [{"name": long, "input_schema": schema}, {"name": "patch", "input_schema": schema}],
        }),
        Format::Responses => serde_json::json!({
            "model": "asked", "input": say, "stream": true, "include": ["reasoning.encrypted_content"],
            "tools": [
                {"type": "function", "name": long, "parameters": schema},
                {"type": "custom", "name": "patch"},
            ],
        }),
    };
    if pick % 5 == 2 && client != Format::Responses {
        body[if client == Format::Chat { "stop" } else { "stop_sequences" }] = serde_json::json!(["\n\n", "STOP"]);
    }
    if pick % 5 == 4 {
        body["tools"] = serde_json::json!([]);
        shape(client, &mut body, &schema);
    }
    body
}

fn shape(client: Format, body: &mut Value, schema: &Value) {
    let named = serde_json::json!({"type": "json_schema", "name": "answer", "schema": schema, "strict": true});
    let (member, value) = match client {
        Format::Chat => ("response_format", serde_json::json!({"type": "json_schema", "json_schema": named})),
        Format::Messages => ("output_config", serde_json::json!({"format": {"type": "json_schema", "schema": schema}})),
        Format::Responses => ("text", serde_json::json!({"format": named})),
    };
    body[member] = value;
}
