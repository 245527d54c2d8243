//! The whole stack over an in-memory transport: time and allocations of a call and of a streamed event.
//!
//! What is measured is everything that is ours: six layers, choice, meter, ledger with a store in memory. HTTP, sockets
//! and SQLite are not in it; `make bench` has those.

use amp_pool_core::{
    Pool,
    caller::TokenSpec,
    format::Format,
    keys::KeySpec,
    secret::Secret,
    testkit::{Reply, Script},
};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

const TOKEN: &str = "amp-bench-token-0123456789";
const EVENTS: usize = 200;
const PLAIN: &[u8] = br#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}"#;
const STREAM: &[u8] = br#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;

async fn pool(reply: Reply) -> Result<Pool, Box<dyn std::error::Error>> {
    let upstream = (0..10).fold(Script::new().forgetful(), |script, n| script.on(&format!("sk-{n}"), reply.clone()));
    let pool = Pool::builder().transport(upstream).build().await?;
    pool.handle().add_token_with(TokenSpec::named("bench"), Secret::new(TOKEN)).await?;
    for n in 0..10 {
        pool.handle().add_key(KeySpec::new(format!("{n}"), "openai", Secret::new(format!("sk-{n}")))).await?;
    }
    Ok(pool)
}

/// One call, read to its end. Says how many bytes came.
async fn call(pool: &Pool, body: &'static [u8]) -> usize {
    let request = http::Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(body)));
    let Ok(request) = request else { return 0 };
    let Ok(response) = pool.clone().oneshot(request).await;
    response.into_body().collect().await.map_or(0, |body| body.to_bytes().len())
}

fn allocations(runtime: &Runtime, name: &str, pool: &Pool, body: &'static [u8]) -> u64 {
    const CALLS: u64 = 100;
    runtime.block_on(call(pool, body));
    let counted = allocation_counter::measure(|| {
        for _ in 0..CALLS {
            runtime.block_on(call(pool, body));
        }
    });
    let (count, bytes) = (counted.count_total / CALLS, counted.bytes_total / CALLS);
    println!("{name}: {count} allocations, {bytes} bytes per call");
    count
}

fn benches(criterion: &mut Criterion) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let words = vec!["word"; EVENTS];
    let whole = runtime.block_on(pool(Reply::chat("hello")));
    let streamed = runtime.block_on(pool(Reply::words(Format::Chat, &words)));
    let (Ok(whole), Ok(streamed)) = (whole, streamed) else { return };

    allocations(&runtime, "a plain call", &whole, PLAIN);
    let count = allocations(&runtime, "a stream of 200 events", &streamed, STREAM);
    println!("which is {:.2} allocations per event", count as f64 / EVENTS as f64);

    let mut group = criterion.benchmark_group("stack");
    group.bench_function("plain call", |b| b.iter(|| runtime.block_on(call(&whole, PLAIN))));
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("stream of 200 events", |b| b.iter(|| runtime.block_on(call(&streamed, STREAM))));
    group.finish();
}

criterion_group!(stack, benches);
criterion_main!(stack);
