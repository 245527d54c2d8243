//! What the process holds: at rest, and with many streams open.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(target_os = "linux")]

mod common;

use std::time::Duration;

use common::{Launch, Reply, Upstream, chat};
use futures::future::join_all;
use http_body_util::BodyExt as _;

const STREAMS: usize = 1_000;
/// All that is resident, of the build that ships. The code of one that is not optimised is a multiple of that, and the
/// system maps it in large pieces: there, only what the process has made itself counts.
const MEASURE: &str = if cfg!(debug_assertions) { "RssAnon:" } else { "VmRSS:" };
const AT_REST_KB: u64 = if cfg!(debug_assertions) { 10 * 1024 } else { 40 * 1024 };
const STREAMING_KB: u64 = if cfg!(debug_assertions) { 85 * 1024 } else { 120 * 1024 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_open_streams_take_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(|ask| Reply::chat_stream(ask.model(), 10, Duration::from_millis(1500), 7, 10)).await;
    let server = Launch::on(dir.path()).start();
    server.add_key("a", &upstream).await;

    let at_rest = server.memory_kb(MEASURE);
    let client = server.client();
    let body = chat("m", true);
    let streams = join_all((0..STREAMS).map(|_| client.try_chat(&body))).await;
    assert!(streams.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.status() == 200)));
    let mut bodies: Vec<_> = streams.into_iter().map(|answer| answer.unwrap().into_body()).collect();
    join_all(bodies.iter_mut().map(|body| body.frame())).await;
    let streaming = server.memory_kb(MEASURE);

    eprintln!("{MEASURE} {at_rest} kB at rest, {streaming} kB with {STREAMS} streams");
    assert!(at_rest < AT_REST_KB, "{at_rest} kB at rest");
    assert!(streaming < STREAMING_KB, "{streaming} kB with {STREAMS} streams");
}
