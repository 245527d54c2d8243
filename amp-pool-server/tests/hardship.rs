//! Budgets when things go wrong: `kill -9`, a full disk, one that fails, and books that somebody has doctored.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{
    collections::BTreeSet,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

#[cfg(target_os = "linux")]
use common::disk::{Disk, EIO, ENOSPC, Fault};
use common::{Client, Launch, Reply, Server, Upstream};
use futures::future::join_all;
use http_body_util::BodyExt as _;
use rusqlite::Connection;
use serde_json::{Value, json};

const CLIENTS: usize = 16;

/// Answers for 10 tokens in and 5 out, and counts how often it was asked.
async fn upstream() -> (Upstream, Arc<AtomicU64>) {
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let upstream = Upstream::start(move |ask| {
        count.fetch_add(1, Ordering::Relaxed);
        match ask.is_stream() {
            true => Reply::chat_stream(ask.model(), 4, Duration::from_millis(5), 10, 5),
            false => Reply::chat(ask.model(), 10, 5),
        }
    })
    .await;
    (upstream, asked)
}

/// Gives the client token, its group, the key and the site budgets that are never reached.
async fn with_budgets(server: &Server, upstream: &Upstream) {
    server.add_key("a", upstream).await;
    let admin = server.admin();
    let group = admin.post("/api/groups", &json!({"name": "g", "budget": {"limit": "900", "window": "month"}})).await;
    let group = group.json()["id"].clone();
    let token = admin.get("/api/tokens").await.json()["items"][0]["id"].clone();
    let body = json!({"budget": {"limit": "900", "window": "total"}, "group_id": group});
    assert_eq!(admin.put(&format!("/api/tokens/{token}"), &body).await.status, 200);
    assert_eq!(admin.put("/api/keys/1", &json!({"budget": {"limit": "900", "window": "week"}})).await.status, 200);
    let site = json!({"value": r#"{"limit": "900", "window": "total"}"#});
    assert_eq!(admin.put("/api/config/site_budget", &site).await.status, 200);
}

fn asking(stream: bool) -> Value {
    json!({"model": "gpt-4o-mini", "max_tokens": 50, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}

/// Runs `amp-pool-server audit`: its exit code, and what it said.
fn audit(dir: &Path) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amp-pool-server"));
    let done = command.arg("audit").env_clear().current_dir(dir).env("DATA_DIR", dir).output().unwrap();
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (done.status.code().unwrap(), said)
}

async fn call_until_it_breaks(client: Client, seen: Arc<Mutex<BTreeSet<String>>>, n: usize) {
    for turn in n.. {
        let Ok(answer) = client.try_chat(&asking(turn % 2 == 0)).await else { return };
        assert_eq!(answer.status(), 200);
        let call = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let Ok(_) = answer.into_body().collect().await else { return };
        assert!(seen.lock().unwrap().insert(call), "two calls with one id");
    }
}

/// What every budget holds.
async fn held(server: &Server) -> Vec<Value> {
    let budgets = server.admin().get("/api/budgets").await.json();
    budgets["items"].as_array().unwrap().iter().map(|budget| budget["held"].clone()).collect()
}

/// `AMP_POOL_KILL_ROUNDS` says how often; see `make test-kill`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_under_load_leaves_no_hold_and_books_that_agree() {
    let rounds = std::env::var("AMP_POOL_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let dir = tempfile::tempdir().unwrap();
    let (upstream, _asked) = upstream().await;
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let mut server = Launch::on(dir.path()).start();
    with_budgets(&server, &upstream).await;
    for round in 0..rounds {
        let load = (0..CLIENTS).map(|n| tokio::spawn(call_until_it_breaks(server.client(), seen.clone(), n)));
        let load: Vec<_> = load.collect();
        tokio::time::sleep(Duration::from_millis(150 + 97 * round % 500)).await;
        server.kill();
        for ended in join_all(load).await {
            ended.unwrap();
        }
        server = Launch::on(dir.path()).start();
        assert_eq!(held(&server).await, vec![json!("0.000000000"); 4], "round {round}");
        let (code, said) = audit(dir.path());
        assert_eq!(code, 0, "round {round}: {said}");
    }
    server.stop();

    let seen = seen.lock().unwrap().clone();
    let database = Connection::open(dir.path().join("amp_pool.db")).unwrap();
    let mut states = database.prepare("SELECT lower(hex(call_id)), state FROM budget_holds").unwrap();
    let states = states.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
    let states: Vec<_> = states.map(Result::unwrap).collect();
    let settled: BTreeSet<_> = states.iter().filter(|(_, state)| state == "settled").map(|(call, _)| call).collect();
    let recovered = states.iter().filter(|(_, state)| state == "recovered").count();
    for call in &seen {
        assert!(settled.contains(&call.replace('-', "")), "{call} was seen to finish and is not settled");
    }
    assert!(seen.len() > 100, "too few calls for a proof: {}", seen.len());
    eprintln!(
        "{rounds} rounds, {} calls seen to finish, {recovered} holds recovered, audit: {}",
        seen.len(),
        audit(dir.path()).1.trim()
    );
}

/// Sets how large a file the server may write: nothing more, or anything.
fn limit_files(server: &Server, limit: &str) {
    let pid = server.pid().to_string();
    let done = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}:")]).status().unwrap();
    assert!(done.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_nothing_is_sent_that_can_not_be_booked() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, asked) = upstream().await;
    let server = Launch::on(dir.path()).that_survives_full_files().start();
    with_budgets(&server, &upstream).await;
    let ask = async || server.client().post("/v1/chat/completions", &asking(false)).await;
    assert_eq!(ask().await.status, 200);
    let before = asked.load(Ordering::Relaxed);
    limit_files(&server, "4096");

    // Whoever waits for the books is told after a while, whoever comes later at once.
    let first = ask().await;
    assert_eq!(first.status, 503, "{}", first.text());
    let start = Instant::now();
    for _ in 0..20 {
        let refused = ask().await;
        assert_eq!((refused.status, refused.header("retry-after").is_empty()), (503, false), "{}", refused.text());
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(server.stranger().get("/ready").await.status, 503);
    assert_eq!(asked.load(Ordering::Relaxed), before, "what can not be booked is not sent");

    limit_files(&server, "unlimited");
    ready(&server, 200).await;
    assert_eq!(ask().await.status, 200, "the same process serves again");
    server.stop();
    let (code, said) = audit(dir.path());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("(0 open)"), "{said}");
}

/// The ways in which a disk fails: not at all any more, in the middle of a write, when what was written is to last, and
/// only now and then.
#[cfg(target_os = "linux")]
const FAULTS: [Fault; 5] = [
    Fault { writes: 1, syncs: 0, error: EIO, every: 1 },
    Fault { writes: 2, syncs: 0, error: EIO, every: 1 },
    Fault { writes: 2, syncs: 0, error: ENOSPC, every: 1 },
    Fault { writes: 0, syncs: 1, error: EIO, every: 1 },
    Fault { writes: 2, syncs: 1, error: EIO, every: 3 },
];

/// Calls until `enough` were answered; each answer is one that was served, or an honest refusal. Gives those served.
#[cfg(target_os = "linux")]
async fn call_through(client: Client, enough: impl Fn() -> bool) -> Vec<String> {
    let mut served = Vec::new();
    while !enough() {
        let answer = client.post("/v1/chat/completions", &asking(served.len() % 2 == 0)).await;
        match answer.status {
            200 => served.push(answer.header("x-request-id").to_owned()),
            503 => {
                assert!(!answer.header("retry-after").is_empty(), "{}", answer.text());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
    served
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_is_told_and_every_call_is_booked_once() {
    let (dir, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (disk, (upstream, asked)) = (Disk::new(beside.path()), upstream().await);
    let server = Launch::on(dir.path()).with_disk(&disk).start();
    with_budgets(&server, &upstream).await;
    let mut served = Vec::new();
    for fault in FAULTS {
        let over = Arc::new(AtomicBool::new(false));
        let load = (0..8).map(|_| {
            let (client, over) = (server.client(), over.clone());
            tokio::spawn(call_through(client, move || over.load(Ordering::Relaxed)))
        });
        let load: Vec<_> = load.collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        disk.fail(fault);
        if fault.every == 1 {
            ready(&server, 503).await;
            let before = asked.load(Ordering::Relaxed);
            for _ in 0..20 {
                let refused = server.client().post("/v1/chat/completions", &asking(false)).await;
                assert_eq!(refused.status, 503, "{fault:?}: {}", refused.text());
            }
            assert_eq!(asked.load(Ordering::Relaxed), before, "{fault:?}: what can not be booked is not sent");
        } else {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        disk.heal();
        ready(&server, 200).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        over.store(true, Ordering::Relaxed);
        for ended in join_all(load).await {
            served.extend(ended.unwrap());
        }
        assert_eq!(held(&server).await, vec![json!("0.000000000"); 4], "{fault:?}");
    }
    server.stop();

    let (code, said) = audit(dir.path());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("(0 open)"), "{said}");
    let books = Connection::open(dir.path().join("amp_pool.db")).unwrap();
    let count = |sql: &str| books.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let calls = "SELECT count(*) FROM api_request_log WHERE outcome = 'done' AND lower(hex(call_id)) = ?1";
    for call in &served {
        let found: i64 = books.query_row(calls, [call.replace('-', "")], |row| row.get(0)).unwrap();
        assert_eq!(found, 1, "{call} was served and is not in the books");
    }
    assert!(served.len() > 100, "too few calls for a proof: {}", served.len());
    assert_eq!(
        count("SELECT count(*) FROM api_request_attempts").unsigned_abs(),
        asked.load(Ordering::Relaxed),
        "all that was sent is booked"
    );
    assert_eq!(count("SELECT count(*) FROM budget_holds WHERE state NOT IN ('settled', 'void')"), 0);
}

/// Waits until the server says that it is ready, or that it is not.
async fn ready(server: &Server, status: u16) {
    let patience = Instant::now() + Duration::from_secs(20);
    while server.stranger().get("/ready").await.status != status {
        assert!(Instant::now() < patience, "/ready does not come to {status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One lie of each kind, and the word that the audit must find it by.
const LIES: [(&str, &str); 20] = [
    ("UPDATE api_request_log SET cost = cost + 1 WHERE id = 1", "call "),
    ("UPDATE api_request_log SET output_tokens = output_tokens + 1 WHERE id = 2", "call "),
    ("UPDATE api_request_log SET attempts = 2 WHERE id = 1", "call "),
    ("UPDATE api_request_attempts SET cost = cost - 1 WHERE request_id = 1", "call "),
    ("DELETE FROM api_request_attempts WHERE request_id = 2", "call "),
    ("UPDATE api_request_attempts SET request_id = 999 WHERE request_id = 2", "attempt 999"),
    ("UPDATE api_request_stats SET cost = cost + 1 WHERE granularity = 'day'", "statistics day"),
    ("UPDATE api_request_stats SET requests = requests - 1 WHERE granularity = 'hour'", "statistics hour"),
    ("DELETE FROM api_request_stats WHERE granularity = 'day'", "statistics day"),
    ("UPDATE budget_periods SET spent = spent - 1 WHERE scope = 'token'", "budget of token"),
    ("UPDATE budget_periods SET held = held + 1 WHERE scope = 'site'", "budget of site"),
    ("UPDATE budget_holds SET cost = cost + 1 WHERE id = 1", "hold of call"),
    ("UPDATE budget_holds SET state = 'held', cost = 0 WHERE id = 2", "hold of call"),
    ("DELETE FROM budget_holds WHERE id = 3", "budget of"),
    ("DELETE FROM budget_periods WHERE scope = 'group'", "hold of call"),
    ("UPDATE api_request_adjustments SET call_cost = call_cost + 1 WHERE id = 1", "adjustment "),
    ("UPDATE api_request_adjustments SET cost = cost + 1 WHERE id = 2", "adjustment "),
    ("DELETE FROM api_request_adjustments WHERE id = 3", "statistics day"),
    ("UPDATE budget_adjustments SET amount = amount + 1 WHERE id = 1", "budget of"),
    (
        "UPDATE budget_adjustments SET call_id = x'00000000000000000000000000000000' WHERE id = 2",
        "adjustment of a budget",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_finds_every_lie() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, _asked) = upstream().await;
    let server = Launch::on(dir.path()).start();
    with_budgets(&server, &upstream).await;
    for stream in [false, true, false] {
        assert_eq!(server.client().post("/v1/chat/completions", &asking(stream)).await.status, 200);
    }
    let price = json!({"price": {"input": "7", "output": "9"}, "valid_from": "2020-01-01T00:00:00Z"});
    assert_eq!(server.admin().put("/api/models/gpt-4o-mini", &price).await.status, 200);
    let times = json!({"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"});
    let rated = server.admin().post("/api/prices/re-rate", &times).await;
    assert_eq!(rated.json()["adjusted"], 3, "{}", rated.text());
    let (code, said) = audit(dir.path());
    assert_eq!(code, 0, "while the server runs: {said}");
    server.stop();
    let truth = dir.path().join("amp_pool.db");
    let (code, said) = audit(dir.path());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("3 calls (0 open), 3 attempts,"), "{said}");
    assert!(said.contains("12 holds, 4 budgets: 0 discrepancies"), "{said}");

    for (lie, word) in LIES {
        let doctored = tempfile::tempdir().unwrap();
        let path = doctored.path().join("amp_pool.db");
        std::fs::copy(&truth, &path).unwrap();
        let changed =
            Connection::open(&path).unwrap().execute(lie, []).unwrap_or_else(|error| panic!("{lie}: {error}"));
        assert!(changed > 0, "{lie} changes nothing");
        let (code, said) = audit(doctored.path());
        assert_eq!(code, 1, "{lie}: {said}");
        assert!(said.contains(word), "{lie}: {said}");
    }
}
