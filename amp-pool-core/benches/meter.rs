//! What it costs to count one event of a stream, per format.
#![allow(missing_docs)]

use std::hint::black_box;

use amp_pool_core::format::{Format, Meter};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const EVENTS: usize = 200;

const CHAT: &str = r#"{"id":"chatcmpl-0123456789abcdef0123456789","object":"chat.completion.chunk","created":1790000000,"model":"gpt-5","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":null}"#;
const MESSAGES: &str =
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" a few words"}}"#;
const RESPONSES: &str = r#"{"type":"response.output_text.delta","sequence_number":17,"item_id":"msg_0123456789abcdef0123456789","output_index":0,"content_index":0,"delta":" word","logprobs":[],"obfuscation":"x7Gh2k"}"#;
const USAGE: &str = r#"{"id":"chatcmpl-0123456789abcdef0123456789","choices":[],"usage":{"prompt_tokens":900,"completion_tokens":200,"total_tokens":1100,"prompt_tokens_details":{"cached_tokens":512},"completion_tokens_details":{"reasoning_tokens":64}}}"#;

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("meter of 200 events");
    group.throughput(Throughput::Elements(EVENTS as u64));
    let streams = [
        ("chat", Format::Chat, CHAT),
        ("messages", Format::Messages, MESSAGES),
        ("responses", Format::Responses, RESPONSES),
        ("chat with usage in each", Format::Chat, USAGE),
    ];
    for (name, format, data) in streams {
        let frame = Bytes::from(format!("data: {data}\n\n"));
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let mut meter = Meter::stream(format);
                for _ in 0..EVENTS {
                    meter.feed(black_box(&frame));
                }
                black_box(meter.usage())
            });
        });
    }
    group.finish();
}

criterion_group!(metering, benches);
criterion_main!(metering);
