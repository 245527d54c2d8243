//! What every request costs before it leaves: the look into its body, and the edits.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use amp_pool_core::format::{peek, splice};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A chat request of about `size` bytes, as SDKs write them: the model first, many messages, options at the end.
fn request(size: usize) -> Bytes {
    let message = r#"{"role":"user","content":"Please tell me how \"this\" works,\nand why."},"#;
    let messages = message.repeat(size / message.len());
    let messages = messages.trim_end_matches(',');
    format!(r#"{{"model":"gpt-5","messages":[{messages}],"temperature":0.7,"max_tokens":1024,"stream":true}}"#).into()
}

fn benches(criterion: &mut Criterion) {
    for (name, size) in [("1 kB", 1 << 10), ("32 kB", 32 << 10)] {
        let body = request(size);
        let mut group = criterion.benchmark_group(format!("request of {name}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("peek", |bench| bench.iter(|| black_box(peek(&body).unwrap())));
        group.bench_function("peek and splice", |bench| {
            bench.iter(|| {
                let peek = peek(&body).unwrap();
                let edits = peek.model_splice("other").into_iter().chain(peek.ask_for_usage()).collect();
                black_box(splice(&body, edits))
            });
        });
        group.finish();
    }
}

criterion_group!(peeking, benches);
criterion_main!(peeking);
