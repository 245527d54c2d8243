//! `kill -9` under load: what a client saw finish is in the books, once, and the sums agree with the rows.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use common::{Client, Launch, Reply, Server, Upstream};
use futures::future::join_all;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

const ROUNDS: u64 = 10;
const CLIENTS: u64 = 16;
const READY_WITHIN: Duration = Duration::from_secs(3);

/// The calls whose end a client saw, with the tokens each was told.
type Seen = Arc<Mutex<BTreeMap<String, (u64, u64)>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_saw_finish_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(|ask| reply(ask.model(), ask.is_stream())).await;
    let seen = Seen::default();
    let mut server = Launch::on(dir.path()).start();
    server.add_key("a", &upstream).await;
    let mut slowest = Duration::ZERO;
    for round in 0..ROUNDS {
        let clients = load(&server, round, &seen);
        tokio::time::sleep(Duration::from_millis(300 + random() % 700)).await;
        server.kill();
        join_all(clients).await;
        let (again, took) = restart(dir.path()).await;
        slowest = slowest.max(took);
        server = again;
    }

    let seen = seen.lock().unwrap().clone();
    eprintln!("{ROUNDS} rounds, {} calls seen to finish, slowest restart {slowest:?}", seen.len());
    assert!(seen.len() > 100, "too few calls for a proof: {}", seen.len());
    assert!(slowest < READY_WITHIN, "ready after {slowest:?}");
    let rows = every_row(&server).await;
    check_rows(&rows, &seen);
    check_sums(&server, &rows).await;
}

/// Tokens are part of the model's name, so that each row can be held against what its call must have used.
fn reply(model: &str, stream: bool) -> Reply {
    let mut numbers = model.split('-').skip(1).map(|number| number.parse().unwrap());
    let (input, output) = (numbers.next().unwrap(), numbers.next().unwrap());
    if stream {
        Reply::chat_stream(model, 4, Duration::from_millis(5), input, output)
    } else {
        Reply::chat(model, input, output)
    }
}

fn load(server: &Server, round: u64, seen: &Seen) -> Vec<JoinHandle<()>> {
    let calls = Arc::new(AtomicU64::new(round * 1_000_000));
    let client = |_| tokio::spawn(call_until_it_breaks(server.client(), Arc::clone(&calls), Arc::clone(seen)));
    (0..CLIENTS).map(client).collect()
}

async fn call_until_it_breaks(client: Client, calls: Arc<AtomicU64>, seen: Seen) {
    loop {
        let number = calls.fetch_add(1, Ordering::Relaxed);
        let (input, output) = (1 + number % 97, 1 + number % 89);
        let Some(call) = one_call(&client, number, input, output).await else { return };
        let before = seen.lock().unwrap().insert(call, (input, output));
        assert_eq!(before, None, "two calls with one id");
    }
}

/// The id of the call, if its answer came whole.
async fn one_call(client: &Client, number: u64, input: u64, output: u64) -> Option<String> {
    let stream = number.is_multiple_of(2);
    let messages = json!([{"role": "user", "content": "hi"}]);
    let body = json!({"model": format!("m-{input}-{output}"), "stream": stream, "messages": messages});
    let answer = client.try_chat(&body).await.ok()?;
    assert_eq!(answer.status(), 200);
    let call = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let text = answer.into_body().collect().await.ok()?.to_bytes();
    assert!(!stream || text.ends_with(b"data: [DONE]\n\n"), "a stream that ended cleanly is whole");
    Some(call)
}

async fn restart(dir: &Path) -> (Server, Duration) {
    let start = Instant::now();
    let server = Launch::on(dir).start();
    assert_eq!(server.stranger().get("/ready").await.status, 200);
    (server, start.elapsed())
}

/// All rows, page by page.
async fn every_row(server: &Server) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut path = "/api/requests?limit=500".to_owned();
    loop {
        let page = server.admin().get(&path).await.json();
        rows.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return rows };
        path = format!("/api/requests?limit=500&cursor={cursor}");
    }
}

fn check_rows(rows: &[Value], seen: &BTreeMap<String, (u64, u64)>) {
    let by_call: BTreeMap<&str, &Value> = rows.iter().map(|row| (row["call_id"].as_str().unwrap(), row)).collect();
    assert_eq!(by_call.len(), rows.len(), "a call has one row");
    for (call, (input, output)) in seen {
        let row = by_call.get(call.as_str()).unwrap_or_else(|| panic!("{call} is lost"));
        assert_eq!((&row["outcome"], &row["status"]), (&json!("done"), &json!("success")), "{row}");
        assert_eq!((&row["input_tokens"], &row["output_tokens"]), (&json!(input), &json!(output)), "{row}");
        assert_eq!(row["estimated"], false, "{row}");
    }
    assert!(rows.iter().all(|row| row["status"] != "open"), "nothing is open after a restart");
}

async fn check_sums(server: &Server, rows: &[Value]) {
    let sum = |field: &str| rows.iter().map(|row| row[field].as_u64().unwrap()).sum::<u64>();
    let errors = rows.iter().filter(|row| row["status"] == "error").count();
    // From long ago: a test that runs over midnight is right as well.
    let path = |what: &str| format!("/api/statistics/{what}?from=2020-01-01T00:00:00Z");
    let overview = server.admin().get(&path("overview")).await.json();
    for (field, expected) in [
        ("requests", rows.len() as u64),
        ("errors", errors as u64),
        ("input_tokens", sum("input_tokens")),
        ("output_tokens", sum("output_tokens")),
    ] {
        assert_eq!(overview[field], json!(expected), "{field}");
    }
    for split in ["keys", "models", "providers", "tokens"] {
        let table = server.admin().get(&path(split)).await.json();
        let requests: u64 =
            table["items"].as_array().unwrap().iter().map(|row| row["requests"].as_u64().unwrap()).sum();
        assert_eq!(requests, rows.len() as u64, "{split}");
    }
}

fn random() -> u64 {
    u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos()) / 1_000
}
