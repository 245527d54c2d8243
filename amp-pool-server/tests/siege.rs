//! Many clients that mean no good, while others are served.
//!
//! `AMP_POOL_SIEGE=10` makes it ten times as hard, where the process may have the descriptors.

#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(target_os = "linux")]

mod common;

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use common::{CLIENT, Client, Launch, Reply, Server, Upstream, chat, frames, frames::Flood};
use futures::future::join_all;
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

const MEMORY: &str = "RssAnon:";

/// What a busy machine may do to a call. Whoever waits for a slow client waits for two seconds at least.
const HICCUP: Duration = Duration::from_secs(1);

fn times() -> usize {
    std::env::var("AMP_POOL_SIEGE").map_or(1, |times| times.parse().unwrap())
}

struct Besieged {
    server: Server,
    _upstream: Upstream,
    _dir: tempfile::TempDir,
}

async fn besieged(launch: impl FnOnce(Launch) -> Launch) -> Besieged {
    let dir = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(|ask| Reply::chat(ask.model(), 7, 2)).await;
    let server = launch(Launch::on(dir.path())).start();
    server.add_key("a", &upstream).await;
    Besieged { server, _upstream: upstream, _dir: dir }
}

/// What calls were like.
#[derive(Debug)]
struct Calls {
    p50: Duration,
    p99: Duration,
}

/// Fewer would say nothing.
const FEWEST: u64 = 10;

/// Calls as long as `trouble` lasts, and a few in any case, by one connection and now and then by a new one. Every call has to
/// be answered.
async fn calls_during<T>(server: &Server, trouble: impl Future<Output = T>) -> (T, Calls) {
    let (mut took, known, lasts) = (Vec::new(), server.client(), Cell::new(true));
    let calls = async {
        for n in (0..).take_while(|n| lasts.get() || *n < FEWEST) {
            let fresh = (n % 10 == 9).then(|| server.client());
            took.push(call(fresh.as_ref().unwrap_or(&known)).await);
            sleep(Duration::from_millis(5)).await;
        }
    };
    let trouble = async {
        let result = trouble.await;
        lasts.set(false);
        result
    };
    let (result, ()) = tokio::join!(trouble, calls);
    took.sort();
    let at = |part: usize| took[(took.len() - 1) * part / 100];
    (result, Calls { p50: at(50), p99: at(99) })
}

async fn call(client: &Client) -> Duration {
    let start = Instant::now();
    let answer = timeout(Duration::from_secs(5), client.post("/v1/chat/completions", &chat("m", false))).await;
    assert_eq!(answer.unwrap().status, 200);
    start.elapsed()
}

/// A machine that is shared may be busy for a moment; what is looked for is a client that waits for an attacker.
fn assert_unharmed(what: &str, quiet: &Calls, besieged: &Calls) {
    eprintln!(
        "{what}: p50 {:?}, p99 {:?} when quiet; p50 {:?}, p99 {:?} meanwhile",
        quiet.p50, quiet.p99, besieged.p50, besieged.p99
    );
    assert!(besieged.p99 < quiet.p99 * 2 + HICCUP, "{what}: {quiet:?} -> {besieged:?}");
}

async fn quiet(server: &Server) -> Calls {
    calls_during(server, sleep(Duration::from_secs(1))).await.1
}

/// Sends `start`, then a byte each quarter of a second, or less often where there are more of them: what comes back in the end, and when.
async fn drip(server: &Server, start: &str) -> (String, Duration) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let begun = Instant::now();
    stream.write_all(start.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let dripping = async {
        while writer.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(250 * times() as u64)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        // Whoever is written to after the end may get a reset.
        _ = reader.read_to_end(&mut answer) => {}
        () = dripping => {}
    }
    (String::from_utf8_lossy(&answer).into_owned(), begun.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_and_bodies_are_sent_away_in_time() {
    let Besieged { server, _upstream, _dir } = besieged(|launch| {
        let launch = launch.env("AMP_POOL_HEAD_TIMEOUT_MS", "2000").env("AMP_POOL_BODY_GAP_TIMEOUT_MS", "2000");
        let launch = launch.env("AMP_POOL_MAX_CONNECTIONS", &(1_000 * times() + 200).to_string());
        launch.env("AMP_POOL_MIN_BODY_RATE", "1000")
    })
    .await;
    let (quiet, before) = (quiet(&server).await, server.memory_kb(MEMORY));
    let head = "GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ".to_owned();
    let body = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {CLIENT}\r\n\
         content-type: application/json\r\ncontent-length: 100000\r\n\r\n"
    );
    let starts = [head, body].into_iter().cycle().take(1000 * times()).collect::<Vec<_>>();
    let siege = async {
        let look = async {
            sleep(Duration::from_millis(1500)).await;
            server.memory_kb(MEMORY)
        };
        // Half a second for a thousand, so that what is counted for each is not the way into the kernel's queue.
        let each = starts.iter().enumerate().map(async |(n, start)| {
            sleep(Duration::from_micros(500 * n as u64)).await;
            drip(&server, start).await
        });
        tokio::join!(join_all(each), look)
    };
    let ((answers, meanwhile), calls) = calls_during(&server, siege).await;

    assert_unharmed("1,000 slow clients", &quiet, &calls);
    for (start, (answer, lived)) in starts.iter().zip(answers) {
        assert!(lived > Duration::from_secs(1) && lived < Duration::from_secs(10), "{start} {lived:?}");
        assert!(start.starts_with("GET") || answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    let each = meanwhile.saturating_sub(before) / starts.len() as u64;
    eprintln!("{each} kB for a slow client");
    assert!(each < 64, "{each} kB each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_cost_little_and_take_nobodys_place() {
    let most = 1_000 * times();
    let Besieged { server, _upstream, _dir } = besieged(|launch| {
        let launch = launch.env("AMP_POOL_MAX_CONNECTIONS", &(most + 100).to_string());
        launch.env("AMP_POOL_HEAD_TIMEOUT_MS", "120000")
    })
    .await;
    let (quiet, before) = (quiet(&server).await, server.memory_kb(MEMORY));
    let mut idle = Vec::with_capacity(most);
    for _ in 0..most {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        idle.push(stream);
    }
    let each = server.memory_kb(MEMORY).saturating_sub(before) / most as u64;
    let ((), calls) = calls_during(&server, sleep(Duration::from_secs(1))).await;

    eprintln!("{each} kB for an idle connection");
    assert_unharmed("idle connections", &quiet, &calls);
    assert!(each < 48, "{each} kB each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_descriptors_it_waits_for_better_times_without_spinning() {
    let Besieged { server, _upstream, _dir } =
        besieged(|launch| launch.with_descriptors(90).env("AMP_POOL_MAX_CONNECTIONS", "1000")).await;
    // By connections that are there already, to the upstream too.
    let known = server.client();
    call(&known).await;
    let streams = join_all((0..120).map(|_| TcpStream::connect(server.address))).await;
    server.until_logged("cannot accept a connection").await;
    let (before, start) = (server.cpu_ms(), Instant::now());
    for _ in 0..20 {
        call(&known).await;
        sleep(Duration::from_millis(100)).await;
    }
    let (cpu, time) = (server.cpu_ms() - before, start.elapsed().as_millis());
    eprintln!("{cpu} ms of {time} ms without descriptors");
    assert!(u128::from(cpu) < time / 2, "{cpu} ms of {time} ms");
    assert_eq!(server.log().matches("cannot accept a connection").count(), 1, "told once a minute");

    drop(streams);
    let again = timeout(Duration::from_secs(5), server.stranger().get("/health")).await;
    assert_eq!(again.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_http2_end_the_connection() {
    let Besieged { server, _upstream, _dir } = besieged(|launch| launch).await;
    let (quiet, before) = (quiet(&server).await, server.memory_kb(MEMORY));
    let count = 50_000 * u32::try_from(times()).unwrap();
    for (name, frames) in frames::floods(CLIENT) {
        let cpu = server.cpu_ms();
        let flood = timeout(Duration::from_secs(20), Flood::of(server.address, count, frames));
        let (flood, calls) =
            calls_during(&server, async { (flood.await, sleep(Duration::from_millis(400)).await).0 }).await;
        let flood = flood.unwrap_or_else(|_| panic!("{name} does not end"));
        eprintln!("{name}: {flood:?}, {} ms of CPU", server.cpu_ms() - cpu);
        assert!(flood.goodbye.is_some(), "{name}: {flood:?}");
        assert_unharmed(name, &quiet, &calls);
    }
    let grown = server.memory_kb(MEMORY).saturating_sub(before);
    eprintln!("{grown} kB more after all floods");
    assert!(grown < 64 * 1024, "{grown} kB");
    assert_eq!(server.stranger().over_http2().get("/health").await.status, 200);
}

#[tokio::test]
async fn who_rests_makes_room_for_who_comes_and_what_runs_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(|ask| Reply::chat_stream(ask.model(), 30, Duration::from_millis(100), 7, 30)).await;
    let launch = Launch::on(dir.path()).env("AMP_POOL_MAX_CONNECTIONS", "20");
    let server = launch.env("AMP_POOL_HEAD_TIMEOUT_MS", "120000").start();
    server.add_key("a", &upstream).await;
    let running = join_all((0..2).map(async |n| {
        let client = if n == 0 { server.client() } else { server.client().over_http2() };
        client.try_chat(&chat("m", true)).await.unwrap()
    }));
    let running = running.await;
    let mut resting = Vec::new();
    for n in 0..30 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        if n % 2 == 0 {
            stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        }
        resting.push(stream);
    }
    let start = Instant::now();
    let served = timeout(Duration::from_secs(10), server.stranger().get("/health")).await;
    assert_eq!(served.unwrap().status, 200);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    server.until_logged("those that rest are closed").await;
    for answer in running {
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(text.ends_with(b"data: [DONE]\n\n"), "{text:?}");
    }
}

#[tokio::test]
async fn an_address_gets_no_more_connections_than_its_share() {
    let Besieged { server, _upstream, _dir } =
        besieged(|launch| launch.env("AMP_POOL_MAX_CONNECTIONS_PER_ADDRESS", "3")).await;
    // `add_key` may have left a connection; it ends with its client, soon.
    sleep(Duration::from_millis(300)).await;
    let mut streams = join_all((0..3).map(|_| TcpStream::connect(server.address))).await;
    sleep(Duration::from_millis(300)).await;
    let mut over = TcpStream::connect(server.address).await.unwrap();
    let closed = timeout(Duration::from_secs(2), over.read(&mut [0; 1])).await.unwrap();
    assert!(closed.is_err() || closed.is_ok_and(|read| read == 0));
    server.until_logged("its address has as many as it may").await;

    streams.pop();
    sleep(Duration::from_millis(300)).await;
    let told = server.admin().get("/metrics").await.text();
    assert!(told.contains("amp_pool_connections_total{outcome=\"over_share\"} 1\n"), "{told}");
}
