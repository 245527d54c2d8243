//! Calls that wait for a key when all rest or are full.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;

use std::time::Duration;

use amp_pool_core::{
    Pool,
    caller::TokenSpec,
    keys::{Caps, KeySpec},
    secret::Secret,
    service::Limits,
    testkit::{Reply, Script},
};
use bench::{Bench, read};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::json;
use tokio::time::Instant;
use tower::ServiceExt as _;

fn key(name: &str) -> KeySpec {
    KeySpec::new(name, "openai", Secret::new(name))
}

/// One call at a time.
fn narrow(name: &str) -> KeySpec {
    KeySpec { limits: Caps { concurrency: Some(1), ..Caps::default() }, ..key(name) }
}

async fn patient(upstream: &Script, keys: impl IntoIterator<Item = KeySpec>, wait: Duration) -> Bench {
    let mut limits = Limits::default();
    limits.wait = wait;
    Bench::of_keys(upstream, keys, limits).await
}

async fn called(pool: &Pool, token: &str) -> u16 {
    let body = Full::new(Bytes::from(json!({"model": "gpt-4o-mini", "messages": []}).to_string()));
    let request = http::Request::post("/v1/chat/completions").header("authorization", format!("Bearer {token}"));
    read(pool.clone().oneshot(request.body(body).unwrap()).await.unwrap()).await.status
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_the_first_key_that_is_back_in_time() {
    let upstream = Script::new().on("a", Reply::limited().retry_after_secs(3)).on("a", Reply::chat("hello"));
    let bench = patient(&upstream, [key("a")], Duration::from_secs(5)).await;
    // The first call has tried the only key, and does not wait for it.
    assert_eq!(bench.chat().await.status, 429);
    let began = Instant::now();
    assert_eq!(bench.chat().await.status, 200);

    assert_eq!(began.elapsed().as_secs(), 3);
    let record = bench.records().await.remove(0);
    assert_eq!((&*record.choices[0].outcome, record.choices[0].waited_ms), ("resting", Some(3000)));
}

#[tokio::test(start_paused = true)]
async fn a_call_does_not_wait_for_who_comes_too_late() {
    let upstream = Script::new().on("a", Reply::limited().retry_after_secs(30));
    let bench = patient(&upstream, [key("a")], Duration::from_secs(5)).await;
    bench.chat().await;
    let began = Instant::now();
    let refused = bench.chat().await;

    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &http::HeaderValue::from_static("30")));
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_failed_on_one_key_waits_for_the_other() {
    let upstream = Script::new()
        .on("a", Reply::limited().retry_after_secs(60))
        .on("b", Reply::limited().retry_after_secs(2))
        .on("b", Reply::chat("hello"));
    let bench = patient(&upstream, [KeySpec { priority: 1, ..key("a") }, key("b")], Duration::from_secs(5)).await;
    let first = KeySpec { priority: 2, ..key("c") };
    assert_eq!(bench.chat().await.status, 429);
    bench.handle().add_key(first).await.unwrap();
    let _ = upstream.clone().on("c", Reply::limited().retry_after_secs(60));

    assert_eq!(bench.chat().await.status, 200);
    assert_eq!(bench.asked(), ["a", "b", "c", "b"]);
}

#[tokio::test(start_paused = true)]
async fn client_tokens_take_turns() {
    let upstream = Script::new().on("a", Reply::chat("hello").after(Duration::from_secs(1)));
    let bench = patient(&upstream, [narrow("a")], Duration::from_secs(60)).await;
    bench.handle().add_token_with(TokenSpec::named("quiet"), Secret::new("amp-quiet-0123456789")).await.unwrap();
    let noisy: Vec<_> = (0..20)
        .map(|_| {
            let pool = bench.pool.clone();
            tokio::spawn(async move { called(&pool, bench::TOKEN).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let began = Instant::now();
    assert_eq!(called(&bench.pool, "amp-quiet-0123456789").await, 200);

    // One is under way, and two of the other token may come before it.
    assert!(began.elapsed() <= Duration::from_secs(4), "{:?}", began.elapsed());
    for call in noisy {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(bench.asked().len(), 21);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_leaves_the_queue_to_the_others() {
    let upstream = Script::new().on("a", Reply::chat("hello").after(Duration::from_secs(1)));
    let bench = patient(&upstream, [narrow("a")], Duration::from_secs(60)).await;
    let calls: Vec<_> = (0..6)
        .map(|_| {
            let pool = bench.pool.clone();
            tokio::spawn(async move { called(&pool, bench::TOKEN).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    // The first is at the upstream, the second looks for a key.
    calls[1].abort();
    calls[3].abort();
    let mut done = 0;
    for call in calls {
        done += u32::from(call.await.is_ok_and(|status| status == 200));
    }
    assert_eq!((done, bench.asked().len()), (4, 4));
    let records = bench.records().await;
    assert_eq!(records.iter().filter(|record| record.error_type.as_deref() == Some("client_gone")).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_wait_than_may() {
    let upstream = Script::new().on("a", Reply::chat("hello").after(Duration::from_secs(1)));
    let mut limits = Limits::default();
    (limits.wait, limits.waiting) = (Duration::from_secs(60), 2);
    let bench = Bench::of_keys(&upstream, [narrow("a")], limits).await;
    let calls = (0..10).map(|_| called(&bench.pool, bench::TOKEN));
    let statuses = futures::future::join_all(calls).await;

    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 3);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 7);
}

#[tokio::test(start_paused = true)]
async fn without_the_setting_nobody_waits() {
    let upstream = Script::new().on("a", Reply::limited().retry_after_secs(1));
    let bench = Bench::of_keys(&upstream, [key("a")], Limits::default()).await;
    bench.chat().await;
    let began = Instant::now();
    assert_eq!(bench.chat().await.status, 429);
    assert!(began.elapsed() < Duration::from_millis(100));
}
