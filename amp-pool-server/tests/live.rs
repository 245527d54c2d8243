//! Fifty keys over real HTTP: what they can give reaches the clients, whatever is the matter with four of them.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{
    collections::{BTreeMap, HashMap},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use common::{Ask, Launch, Reply, Server, Upstream, chat};
use serde_json::{Value, json};

const KEYS: usize = 50;
const SICK: [&str; 4] = ["broke", "dead", "slow", "stranded"];

/// Calls that each key takes at a time; nobody tells it.
const TOGETHER: usize = 2;
const ANSWER: Duration = Duration::from_millis(500);
const LONGER_THAN_ANYBODY_WAITS: Duration = Duration::from_secs(60);

/// When the calls end that each key has under way.
type Busy = Mutex<HashMap<String, Vec<Instant>>>;

fn key_of(ask: &Ask) -> String {
    let shown = ask.headers["authorization"].to_str().unwrap();
    shown.trim_start_matches("Bearer sk-test-").trim_end_matches("-0123456789").to_owned()
}

fn answer(ask: &Ask, busy: &Busy, is_sick: bool) -> Reply {
    let (key, now) = (key_of(ask), Instant::now());
    match key.as_str() {
        "dead" if is_sick => return refusal(401, "invalid_api_key", "Incorrect API key provided"),
        "broke" if is_sick => return refusal(429, "insufficient_quota", "You exceeded your current quota"),
        "slow" if is_sick => return Reply::chat("m", 1, 1).after(LONGER_THAN_ANYBODY_WAITS),
        _ => {}
    }
    let mut busy = busy.lock().unwrap();
    let under_way = busy.entry(key).or_default();
    under_way.retain(|end| now < *end);
    if under_way.len() >= TOGETHER {
        return refusal(429, "rate_limit_exceeded", "Too many concurrent requests");
    }
    under_way.push(now + ANSWER);
    Reply::chat("m", 1, 1).after(ANSWER)
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"type": code, "code": code, "message": message}}))
}

/// An address at which nobody listens yet.
fn nobody() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

async fn add_keys(server: &Server, upstream: &Upstream, proxy: SocketAddr) {
    let others = (SICK.len()..KEYS).map(|n| format!("k{n}"));
    for name in SICK.into_iter().map(str::to_owned).chain(others) {
        let id = server.add_key(&name, upstream).await;
        if name == "stranded" {
            let proxied = json!({"proxy_ip": format!("http://{proxy}")});
            assert_eq!(server.admin().put(&format!("/api/keys/{id}"), &proxied).await.status, 200);
        }
    }
}

/// So many clients, each with one call after another, for a while. The statuses that were not 200.
async fn load(server: &Server, clients: usize, time: Duration) -> Vec<u16> {
    let until = Instant::now() + time;
    let client = async || {
        let mut bad = Vec::new();
        while Instant::now() < until {
            let status = server.client().post("/v1/chat/completions", &chat("m", false)).await.status;
            if status != 200 {
                bad.push(status);
            }
        }
        bad
    };
    futures::future::join_all((0..clients).map(|_| client())).await.concat()
}

/// State and reason of every key that is not ready.
async fn out(server: &Server) -> BTreeMap<String, String> {
    let keys = server.admin().get("/api/keys?limit=100").await.json();
    let told = |key: &Value| {
        let (state, reason) = (key["status"]["state"].as_str()?, key["status"]["reason"].as_str().unwrap_or_default());
        (state != "ready").then(|| (key["name"].as_str().unwrap_or_default().to_owned(), format!("{state} {reason}")))
    };
    keys["items"].as_array().unwrap().iter().filter_map(told).collect()
}

/// A few clients, whose calls are all answered, until the keys that are out are as they are to be.
async fn load_until(server: &Server, is_so: impl Fn(&BTreeMap<String, String>) -> bool) {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let out = out(server).await;
        if is_so(&out) {
            return;
        }
        assert!(Instant::now() < until, "{out:?}");
        assert_eq!(load(server, 8, Duration::from_millis(600)).await, Vec::<u16>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_sick_keys_are_out_each_for_its_reason_and_no_client_sees_any_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (busy, is_sick) = (Arc::new(Busy::default()), Arc::new(AtomicBool::new(true)));
    let script = {
        let (busy, is_sick) = (busy.clone(), is_sick.clone());
        move |ask: Ask| answer(&ask, &busy, is_sick.load(Ordering::Relaxed))
    };
    let upstream = Upstream::start(script.clone()).await;
    let server = Launch::on(dir.path()).env("AMP_POOL_WHOLE_ANSWER_TIMEOUT_MS", "2500").start();
    let proxy = nobody();
    add_keys(&server, &upstream, proxy).await;

    // 46 keys are well and take 92 calls at a time.
    let watching = async {
        let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for _ in 0..16 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            for (name, told) in out(&server).await {
                seen.entry(name).or_default().push(told);
            }
        }
        seen
    };
    let (bad, seen) = tokio::join!(load(&server, 83, Duration::from_secs(8)), watching);
    assert_eq!(bad, Vec::<u16>::new());
    let told = |name: &str, state: &str, reason: &str| {
        let found = &seen[name];
        assert!(found.iter().any(|told| told.starts_with(state) && told.contains(reason)), "{name}: {found:?}");
    };
    for name in SICK {
        assert!(seen.contains_key(name), "{name} is not out: {seen:?}");
    }
    told("dead", "", "bad_credential");
    told("broke", "out_of_credit", "out_of_credit");
    told("slow", "cooling", "did not begin its answer");
    told("stranded", "cooling", "the way to the upstream: network");
    // A healthy key rests only where the pool met its limit.
    for (name, found) in seen.iter().filter(|(name, _)| !SICK.contains(&name.as_str())) {
        assert!(found.iter().all(|told| told.contains("rate_limited")), "{name}: {found:?}");
    }

    // Once refused is no proof: after a pause another call finds out.
    load_until(&server, |out| out.get("dead").is_some_and(|told| told.starts_with("disabled"))).await;

    // The slow one answers again, and somebody listens at the proxy's address.
    is_sick.store(false, Ordering::Relaxed);
    let _proxy = Upstream::start_at(proxy, script).await;
    load_until(&server, |out| !out.contains_key("slow") && !out.contains_key("stranded")).await;
    server.stop();
}
