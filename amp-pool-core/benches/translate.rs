//! What it costs to translate, in all six directions: an event of a stream, and a request of 32 kB.
//!
//! The bounds are 3 µs an event and 300 µs a request. Allocations are counted beside the time, and the bytes of them.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use amp_pool_core::{
    format::{Format, Sent, Transcoder, Translation},
    testkit,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};

const EVENTS: usize = 200;
/// How large the body of a request is, in bytes.
const BODY: usize = 32 << 10;

fn pairs() -> impl Iterator<Item = (Format, Format)> {
    let all = Format::ALL.into_iter().flat_map(|client| Format::ALL.map(|upstream| (client, upstream)));
    all.filter(|(client, upstream)| client != upstream)
}

fn translation(client: Format, upstream: Format) -> Translation {
    let (provider, model) = match upstream {
        Format::Chat => ("openai", "gpt-4.1"),
        Format::Messages => ("anthropic", "claude-sonnet-4-5"),
        Format::Responses => ("openai", "gpt-5.1"),
    };
    testkit::translation(client, upstream, provider, model)
}

/// The session of an agent: a few tools, and as many rounds of calls and results as fit into the size.
fn body(client: Format, size: usize) -> Vec<u8> {
    let most = (1..).map(|rounds| session(client, rounds).to_string()).find(|body| body.len() >= size);
    most.unwrap().into_bytes()
}

fn session(client: Format, rounds: usize) -> Value {
    let mut turns = vec![json!({"role": "user", "content": "Look at the files and say what they hold."})];
    (0..rounds).for_each(|round| turns.extend(exchange(client, round)));
    turns.push(json!({"role": "user", "content": "Go on."}));
    let tools: Vec<Value> = (0..8).map(|number| tool(client, number)).collect();
    match client {
        Format::Chat => json!({"model": "m", "stream": true, "messages": turns, "tools": tools}),
        Format::Messages => {
            json!({"model": "m", "stream": true, "max_tokens": 4096, "messages": turns, "tools": tools})
        }
        Format::Responses => json!({"model": "m", "stream": true, "store": false, "input": turns, "tools": tools}),
    }
}

fn exchange(client: Format, round: usize) -> Vec<Value> {
    let (id, path) = (format!("call_{round:04}"), format!("src/module_{round}/file.rs"));
    let result = "pub fn answer() -> u32 { 42 } // \"as it was\"\n".repeat(12);
    let input = json!({"path": path, "lines": [1, 200]});
    match client {
        Format::Chat => {
            let call =
                json!({"id": id, "type": "function", "function": {"name": "tool_1", "arguments": input.to_string()}});
            vec![
                json!({"role": "assistant", "content": "Let me look.", "tool_calls": [call]}),
                json!({"role": "tool", "tool_call_id": id, "content": result}),
            ]
        }
        Format::Messages => {
            let call = json!({"type": "tool_use", "id": id, "name": "tool_1", "input": input});
            let result = json!({"type": "tool_result", "tool_use_id": id, "content": result});
            vec![
                json!({"role": "assistant", "content": [{"type": "text", "text": "Let me look."}, call]}),
                json!({"role": "user", "content": [result]}),
            ]
        }
        Format::Responses => vec![
            json!({"role": "assistant", "content": "Let me look."}),
            json!({"type": "function_call", "call_id": id, "name": "tool_1", "arguments": input.to_string()}),
            json!({"type": "function_call_output", "call_id": id, "output": result}),
        ],
    }
}

fn tool(client: Format, number: usize) -> Value {
    let name = format!("tool_{number}");
    let schema = json!({
        "type": "object", "required": ["path"], "additionalProperties": false,
        "properties": {"path": {"type": "string"}, "lines": {"type": "array", "items": {"type": "integer"}}},
    });
    match client {
        Format::Chat => {
            json!({"type": "function", "function": {"name": name, "description": "Does it.", "parameters": schema}})
        }
        Format::Messages => json!({"name": name, "description": "Does it.", "input_schema": schema}),
        Format::Responses => json!({"type": "function", "name": name, "description": "Does it.", "parameters": schema}),
    }
}

/// The first frame of an upstream's stream, and one of those that say a word each.
fn frames(upstream: Format) -> (Vec<u8>, Vec<u8>) {
    let chunk = |delta: Value| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": null});
        json!({
            "id": "chatcmpl-0123456789abcdef0123456789", "object": "chat.completion.chunk", "created": 1_790_000_000,
            "model": "gpt-5", "system_fingerprint": "fp_0123456789", "choices": [choice], "usage": null,
        })
    };
    let (first, event) = match upstream {
        Format::Chat => (vec![chunk(json!({"role": "assistant", "content": ""}))], chunk(json!({"content": " word"}))),
        Format::Messages => {
            let message =
                json!({"id": "msg_1", "model": "m", "content": [], "usage": {"input_tokens": 9, "output_tokens": 1}});
            let begin =
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
            let delta = json!({"type": "text_delta", "text": " a few words"});
            (
                vec![json!({"type": "message_start", "message": message}), begin],
                json!({"type": "content_block_delta", "index": 0, "delta": delta}),
            )
        }
        Format::Responses => {
            let response = json!({"id": "resp_1", "status": "in_progress", "model": "m", "output": []});
            let id = "msg_0123456789abcdef0123456789";
            let item =
                json!({"type": "message", "id": id, "role": "assistant", "content": [], "status": "in_progress"});
            let part = json!({"type": "output_text", "text": "", "annotations": []});
            let first = vec![
                json!({"type": "response.created", "response": response}),
                json!({"type": "response.output_item.added", "output_index": 0, "item": item}),
                json!({"type": "response.content_part.added", "output_index": 0, "content_index": 0, "item_id": id, "part": part}),
            ];
            let delta = json!({
                "type": "response.output_text.delta", "sequence_number": 17, "item_id": id, "output_index": 0,
                "content_index": 0, "delta": " word", "logprobs": [], "obfuscation": "x7Gh2k",
            });
            (first, delta)
        }
    };
    (sse(&first), sse(&[event]))
}

fn sse(events: &[Value]) -> Vec<u8> {
    let frame = |event: &Value| match event["type"].as_str() {
        Some(name) => format!("event: {name}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    };
    events.iter().map(frame).collect::<String>().into_bytes()
}

/// Streams as many words. Gives the bytes that the client got.
fn stream(transcoder: &mut Transcoder, event: &[u8], out: &mut Vec<u8>) -> usize {
    let mut bytes = 0;
    for _ in 0..EVENTS {
        out.clear();
        transcoder.feed(black_box(event), out);
        bytes += out.len();
    }
    bytes
}

fn begun(sent: &Sent, first: &[u8]) -> Transcoder {
    let mut transcoder = Transcoder::new(sent.back.clone());
    transcoder.feed(first, &mut Vec::new());
    transcoder
}

fn streams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stream of 200 events");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for (client, upstream) in pairs() {
        let sent = translation(client, upstream).request(&body(client, 1)).unwrap();
        let (first, event) = frames(upstream);
        let mut out = Vec::with_capacity(64 << 10);
        let mut transcoder = begun(&sent, &first);
        let bytes = stream(&mut transcoder, &event, &mut out);
        let counted = allocation_counter::measure(|| {
            stream(&mut transcoder, &event, &mut out);
        });
        println!(
            "{client} over {upstream}: {:.1} allocations of {} bytes an event, {} bytes in, {} out",
            counted.count_total as f64 / EVENTS as f64,
            counted.bytes_total / EVENTS as u64,
            event.len(),
            bytes / EVENTS,
        );
        group.bench_function(format!("{client} over {upstream}"), |bench| {
            // A fresh one each time: what it keeps of the answer must not grow with the measurement.
            bench.iter_batched(
                || begun(&sent, &first),
                |mut transcoder| stream(&mut transcoder, &event, &mut out),
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request of 32 kB");
    for (client, upstream) in pairs() {
        let (translation, body) = (translation(client, upstream), body(client, BODY));
        let mut length = 0;
        let counted = allocation_counter::measure(|| length = translation.request(&body).unwrap().body.len());
        println!(
            "{client} over {upstream}: {} allocations of {} bytes, {} bytes in, {length} out",
            counted.count_total,
            counted.bytes_total,
            body.len(),
        );
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("{client} over {upstream}"), |bench| {
            bench.iter(|| translation.request(black_box(&body)).unwrap().body.len());
        });
    }
    group.finish();
}

criterion_group!(translating, streams, requests);
criterion_main!(translating);
