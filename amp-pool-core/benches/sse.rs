//! What it costs to find the events of a stream, in frames as servers send them and cut anywhere.
#![allow(missing_docs)]

use std::hint::black_box;

use amp_pool_core::format::{HiddenUsage, Scanner};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const EVENTS: usize = 200;

fn event() -> String {
    let id = "chatcmpl-0123456789abcdef0123456789";
    let delta = r#"{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}"#;
    format!(
        "data: {{\"id\":\"{id}\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"gpt-5\",\
         \"choices\":[{delta}],\"usage\":null}}\n\n"
    )
}

fn frames(stream: &Bytes, size: usize) -> Vec<Bytes> {
    (0..stream.len()).step_by(size).map(|at| stream.slice(at..stream.len().min(at + size))).collect()
}

fn scan(frames: &[Bytes]) -> usize {
    let (mut scanner, mut bytes) = (Scanner::new(), 0);
    for frame in frames {
        scanner.feed(frame, |event| bytes += event.data.len());
    }
    bytes
}

fn hide(frames: &[Bytes]) -> usize {
    let mut hidden = HiddenUsage::new();
    frames.iter().map(|frame| hidden.feed(frame.clone()).map(|slice| slice.len()).sum::<usize>()).sum()
}

fn benches(criterion: &mut Criterion) {
    let stream = Bytes::from(event().repeat(EVENTS));
    let mut group = criterion.benchmark_group("stream of 200 events");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for (name, size) in [("one frame each", event().len()), ("frames of 100 bytes", 100), ("frames of 16 kB", 16 << 10)]
    {
        let frames = frames(&stream, size);
        group.bench_function(format!("scan, {name}"), |bench| bench.iter(|| black_box(scan(&frames))));
        group.bench_function(format!("hide usage, {name}"), |bench| bench.iter(|| black_box(hide(&frames))));
    }
    group.finish();
}

criterion_group!(scanning, benches);
criterion_main!(scanning);
