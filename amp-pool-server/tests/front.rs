//! The front door under people who do not behave.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use common::{Launch, Server, frames, frames::Flood};
use futures::future::join_all;
use http::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const HEAD: Duration = Duration::from_secs(10);

/// Sends `bytes` and nothing more: what comes back, and how long the connection lives.
async fn say(server: &Server, bytes: &str) -> (String, Duration) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let start = Instant::now();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(HEAD * 2, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "`{bytes}` is kept open");
    (String::from_utf8_lossy(&answer).into_owned(), start.elapsed())
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    // Nothing; the first letter of both protocols' openings; half a head; a whole one and half of the next.
    let heads = [
        "",
        "P",
        "PRI * HTTP/2.0\r\n",
        "GET /health HTTP/1.1\r\nhost: x\r\n",
        "GET /health HTTP/1.1\r\nhost: x\r\n\r\nGET",
    ];
    for (head, (_, lived)) in heads.iter().zip(join_all(heads.iter().map(|head| say(&server, head))).await) {
        assert!(lived > HEAD / 2 && lived < HEAD + Duration::from_secs(1), "`{head}` lived for {lived:?}");
    }
    assert_eq!(server.stranger().get("/health").await.status, 200);
}

#[tokio::test]
async fn a_strangers_body_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    for path in ["/v1/chat/completions", "/api/keys"] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n");
        let (answer, lived) = say(&server, &head).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        assert!(lived < Duration::from_secs(1), "{path} lived for {lived:?}");
    }
}

#[tokio::test]
async fn what_is_no_request_for_us_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    for path in ["/", "/health", "/v1/models", "/api/keys"] {
        assert_eq!(server.admin().send(Method::TRACE, path, "").await.status, 405, "{path}");
    }
    for (request, status) in [
        ("CONNECT example.org:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "405"),
        ("GET /health HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade, close\r\n\r\n", "200"),
        ("GET http://example.org/api/keys HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "401"),
        ("GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "400"),
        ("hello\r\n\r\n", "400"),
    ] {
        let (answer, _) = say(&server, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
    }
}

#[tokio::test]
async fn large_heads_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let many: String = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = |length| format!("x-long: {}\r\n", "a".repeat(length));
    // Whatever the last read brings.
    for headers in [many, long(65_537), long(70_000), long(100_000), long(200_000)] {
        let (answer, _) = say(&server, &format!("GET /health HTTP/1.1\r\nhost: x\r\n{headers}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test]
async fn no_answer_of_the_admin_api_is_kept_by_anybody() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    for client in [server.admin(), server.stranger()] {
        let answer = client.get("/api/keys").await;
        assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-store", "nosniff"));
    }
}

#[tokio::test]
async fn who_talks_about_a_connection_and_does_not_use_it_is_sent_away() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    for (name, frames) in frames::chatter() {
        let flood = Flood::of(server.address, 100_000, frames).await;
        // 11: `ENHANCE_YOUR_CALM`. Whoever goes on sending may see the end of the connection before the word for it.
        assert!(matches!(flood.goodbye, Some(11 | u32::MAX)), "{name}: {flood:?}");
        assert_eq!(server.stranger().over_http2().get("/health").await.status, 200, "{name}: others are served");
    }
    assert!(frames::work(server.address, 300, &frames::ping().repeat(8)).await, "who works may talk");
}
