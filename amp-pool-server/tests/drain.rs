//! Stopping: what runs is finished, and nothing new is begun.

mod common;

use std::time::{Duration, Instant};

use common::{Launch, Reply, Upstream, chat};
use http_body_util::BodyExt as _;

const PAUSE: Duration = Duration::from_millis(100);

async fn upstream() -> Upstream {
    Upstream::start(|ask| Reply::chat_stream(ask.model(), 20, PAUSE, 7, 20)).await
}

#[tokio::test]
async fn a_stream_that_runs_at_sigterm_is_finished_and_booked() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = upstream().await;
    let server = Launch::on(dir.path()).start();
    server.add_key("a", &upstream).await;
    let answer = server.client().try_chat(&chat("m", true)).await.unwrap();
    assert_eq!(answer.status(), 200);
    let call = answer.headers()["x-request-id"].to_str().unwrap().to_owned();

    server.terminate();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err(), "new connections are refused");
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(text.ends_with(b"data: [DONE]\n\n"));
    assert_eq!(server.exit_code(Duration::from_secs(5)), Some(0));

    let server = Launch::on(dir.path()).start();
    let row = server.admin().get(&format!("/api/requests/{call}")).await.json();
    assert_eq!((&row["outcome"], &row["output_tokens"]), (&"done".into(), &20.into()), "{row}");
}

#[tokio::test]
async fn the_drain_limit_and_a_second_signal_end_what_takes_too_long() {
    for (limit, signals) in [("1", 1), ("600", 2)] {
        let dir = tempfile::tempdir().unwrap();
        let upstream = Upstream::start(|ask| Reply::chat_stream(ask.model(), 100, PAUSE, 7, 100)).await;
        let server = Launch::on(dir.path()).env("AMP_POOL_DRAIN_SECONDS", limit).start();
        server.add_key("a", &upstream).await;
        let answer = server.client().try_chat(&chat("m", true)).await.unwrap();
        let call = answer.headers()["x-request-id"].to_str().unwrap().to_owned();

        let start = Instant::now();
        for _ in 0..signals {
            server.terminate();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert!(answer.into_body().collect().await.is_err(), "a broken answer does not look whole");
        assert_eq!(server.exit_code(Duration::from_secs(5)), Some(0));
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());

        let server = Launch::on(dir.path()).start();
        let row = server.admin().get(&format!("/api/requests/{call}")).await.json();
        assert_eq!(row["outcome"], "hung_up", "{row}");
    }
}
