//! Stopping: what runs is finished, and nothing new is begun.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use common::{Launch, Reply, Upstream, chat};
use futures::future::join_all;
use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

const STREAMS: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

fn call(answer: &Response<Incoming>) -> String {
    answer.headers()["x-request-id"].to_str().unwrap().to_owned()
}

async fn upstream() -> Upstream {
    Upstream::start(|ask| Reply::chat_stream(ask.model(), 20, PAUSE, 7, 20)).await
}

#[tokio::test]
async fn streams_that_run_at_sigterm_are_finished_and_booked() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = upstream().await;
    let server = Launch::on(dir.path()).start();
    server.add_key("a", &upstream).await;
    let clients = [server.client(), server.client().over_http2()];
    let answers = join_all((0..STREAMS).map(async |n| clients[n % 2].try_chat(&chat("m", true)).await.unwrap())).await;
    let calls: Vec<_> = answers.iter().map(call).collect();

    server.terminate();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err(), "new connections are refused");
    for answer in answers {
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(text.ends_with(b"data: [DONE]\n\n"));
    }
    assert_eq!(server.exit_code(Duration::from_secs(5)), Some(0));

    let server = Launch::on(dir.path()).start();
    for call in calls {
        let row = server.admin().get(&format!("/api/requests/{call}")).await.json();
        assert_eq!((&row["outcome"], &row["output_tokens"]), (&"done".into(), &20.into()), "{row}");
    }
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let (admin, _silent) = (server.admin(), tokio::net::TcpStream::connect(server.address).await.unwrap());
    assert_eq!(admin.get("/ready").await.status, 200);
    server.terminate();
    assert_eq!(server.exit_code(Duration::from_secs(2)), Some(0));
}

#[tokio::test]
async fn the_drain_limit_and_a_second_signal_end_what_takes_too_long() {
    for (limit, signals) in [("1", 1), ("600", 2)] {
        let dir = tempfile::tempdir().unwrap();
        let upstream = Upstream::start(|ask| Reply::chat_stream(ask.model(), 100, PAUSE, 7, 100)).await;
        let server = Launch::on(dir.path()).env("AMP_POOL_DRAIN_SECONDS", limit).start();
        server.add_key("a", &upstream).await;
        let clients = [server.client(), server.client().over_http2()];
        let answers =
            join_all(clients.iter().map(async |client| client.try_chat(&chat("m", true)).await.unwrap())).await;
        let calls: Vec<_> = answers.iter().map(call).collect();

        let start = Instant::now();
        for _ in 0..signals {
            server.terminate();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        for answer in answers {
            assert!(answer.into_body().collect().await.is_err(), "a broken answer does not look whole");
        }
        assert_eq!(server.exit_code(Duration::from_secs(5)), Some(0));
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());

        let server = Launch::on(dir.path()).start();
        for call in calls {
            let row = server.admin().get(&format!("/api/requests/{call}")).await.json();
            assert_eq!(row["outcome"], "hung_up", "{row}");
        }
    }
}
