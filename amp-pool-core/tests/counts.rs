//! What a call may cost, in things that can be counted: they are the same on a busy machine and on an idle one.
//!
//! Counted is what is ours, from the request's head to the last byte of the answer, with a store in memory and an
//! upstream by script. HTTP on both sides is hyper's. `amp-pool-server/BENCHES.md` has the figures of the whole.

#![allow(clippy::unwrap_used)]

use amp_pool_core::{
    Pool,
    caller::TokenSpec,
    format::Format,
    keys::KeySpec,
    secret::Secret,
    testkit::{Reply, Script},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

const TOKEN: &str = "amp-counts-token-0123456789";
const PLAIN: &[u8] = br#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}"#;
const STREAM: &[u8] =
    br#"{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hello"}]}"#;

/// Allocations of one JSON call, those of the script (some ten) included.
const MOST_OF_A_CALL: u64 = 72;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn pool(reply: Reply) -> Pool {
    let upstream = (0..10).fold(Script::new().forgetful(), |script, n| script.on(&format!("sk-{n}"), reply.clone()));
    let pool = Pool::builder().transport(upstream).build().await.unwrap();
    pool.handle().add_token_with(TokenSpec::named("counts"), Secret::new(TOKEN)).await.unwrap();
    for n in 0..10 {
        let key = KeySpec::new(format!("{n}"), "openai", Secret::new(format!("sk-{n}")));
        pool.handle().add_key(key).await.unwrap();
    }
    pool
}

/// Makes a call and reads its answer frame by frame, as a server does.
async fn call(pool: &Pool, body: &'static [u8]) -> usize {
    let request = http::Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(body)))
        .unwrap();
    let mut answer = pool.clone().oneshot(request).await.unwrap().into_body();
    let mut frames = 0;
    while let Some(frame) = answer.frame().await {
        frame.unwrap();
        frames += 1;
    }
    frames
}

/// Allocations per call, once everything is there that is made once.
fn allocations(reply: Reply, body: &'static [u8]) -> u64 {
    const CALLS: u64 = 64;
    let runtime = runtime();
    let pool = runtime.block_on(pool(reply));
    let calls = || (0..CALLS).for_each(|_| assert!(runtime.block_on(call(&pool, body)) > 0));
    calls();
    allocation_counter::measure(calls).count_total / CALLS
}

#[test]
fn a_json_call_allocates_little() {
    let count = allocations(Reply::chat("hello"), PLAIN);
    assert!(count <= MOST_OF_A_CALL, "{count} allocations a call");
}

#[test]
fn an_event_that_is_passed_on_allocates_nothing() {
    let of = |events| allocations(Reply::words(Format::Chat, &vec!["word"; events]), STREAM);
    let (short, long) = (of(100), of(1_100));
    // What grows with the length of an answer grows by doubling, which is a few more and not a thousand.
    assert!(long <= short + 20, "{short} allocations for 100 events, {long} for 1,100");
}
