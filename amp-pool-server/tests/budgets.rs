//! Budgets and limits by the real server on SQLite: as the admin API shows them, and under load.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use common::{Client, Launch, Reply, Server, Upstream};
use futures::future::join_all;
use serde_json::{Value, json};

/// How many calls an upstream has seen.
type Asked = Arc<AtomicU64>;

/// A server with one key, whose answers cost 10 tokens in and 5 out of `gpt-4o-mini`: $0.0000045. Streams take five
/// seconds.
async fn started() -> (Server, tempfile::TempDir, Asked) {
    let dir = tempfile::tempdir().unwrap();
    let asked = Asked::default();
    let count = asked.clone();
    let upstream = Upstream::start(move |ask| {
        count.fetch_add(1, Ordering::Relaxed);
        match ask.is_stream() {
            true => Reply::chat_stream(ask.model(), 5, Duration::from_secs(1), 10, 5),
            false => Reply::chat(ask.model(), 10, 5),
        }
    })
    .await;
    let server = Launch::on(dir.path()).start();
    server.add_key("a", &upstream).await;
    (server, dir, asked)
}

/// Nano-dollars.
fn nanos(amount: &Value) -> i64 {
    let (whole, part) = amount.as_str().unwrap().split_once('.').unwrap();
    whole.parse::<i64>().unwrap() * 1_000_000_000 + part.parse::<i64>().unwrap()
}

async fn token(admin: &Client) -> Value {
    admin.get("/api/tokens").await.json()["items"][0].clone()
}

async fn change(admin: &Client, change: &Value) -> Value {
    let id = token(admin).await["id"].as_i64().unwrap();
    let answer = admin.put(&format!("/api/tokens/{id}"), change).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn asking(stream: bool) -> Value {
    json!({"model": "gpt-4o-mini", "max_tokens": 100, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
}

#[tokio::test]
async fn what_a_token_may_comes_back_with_what_is_used_of_it() {
    let (server, _dir, _upstream) = started().await;
    let admin = server.admin();
    let group = json!({"name": "team", "limits": {"rpm": 100}, "budget": {"limit": "7", "window": "month"}});
    let group = admin.post("/api/groups", &group).await;
    assert_eq!(group.status, 201, "{}", group.text());
    let group = group.json()["id"].clone();
    let budget = json!({"limit": "5.00", "window": "day", "zone": "Asia/Shanghai", "hard": true});
    let body = json!({"limits": {"rpm": 60, "tpm": null, "concurrency": 4}, "ip_allow": ["127.0.0.0/8"],
                      "budget": budget, "group_id": group});
    let changed = change(&admin, &body).await;
    assert_eq!((&changed["limits"]["rpm"], &changed["ip_allow"]), (&json!(60), &json!(["127.0.0.0/8"])));

    let answer = server.client().post("/v1/chat/completions", &asking(false)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), "59");

    let budget = &token(&admin).await["budget"];
    assert_eq!(
        (&budget["limit"], &budget["window"], &budget["zone"]),
        (&json!("5.000000000"), &json!("day"), &json!("Asia/Shanghai"))
    );
    assert_eq!((&budget["spent"], &budget["held"]), (&json!("0.000004500"), &json!("0.000000000")));
    assert_eq!(budget["remaining"], "4.999995500");
    assert!(budget["resets_at"].as_str().unwrap().ends_with("T16:00:00.000Z"), "midnight in Shanghai");
    let all = admin.get("/api/budgets").await.json();
    let scopes: Vec<_> = all["items"].as_array().unwrap().iter().map(|item| (&item["scope"], &item["spent"])).collect();
    assert_eq!(scopes, [(&json!("group"), &json!("0.000004500")), (&json!("token"), &json!("0.000004500"))]);
    assert_eq!(admin.delete("/api/groups/1").await.status, 409, "a token belongs to it");

    let id = token(&admin).await["id"].as_i64().unwrap();
    let rotated = admin.post(&format!("/api/tokens/{id}/rotate"), &json!({})).await.json();
    assert_eq!(rotated["budget"]["spent"], "0.000004500");
    assert_eq!(server.client().post("/v1/chat/completions", &asking(false)).await.status, 401);
    change(&admin, &json!({"budget": null, "group_id": null})).await;
    assert_eq!(token(&admin).await["budget"], Value::Null);
}

#[tokio::test]
async fn a_token_that_is_switched_off_or_out_of_date_or_elsewhere_opens_nothing_at_once() {
    let (server, _dir, _upstream) = started().await;
    let admin = server.admin();
    let ask = async || server.client().post("/v1/chat/completions", &asking(false)).await.status;
    assert_eq!(ask().await, 200);
    change(&admin, &json!({"enabled": false})).await;
    assert_eq!(ask().await, 401);
    change(&admin, &json!({"enabled": true, "expires_at": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(ask().await, 401);
    change(&admin, &json!({"expires_at": null, "ip_allow": ["192.0.2.0/24"]})).await;
    assert_eq!(ask().await, 403);
    change(&admin, &json!({"ip_allow": ["192.0.2.0/24", "127.0.0.1"]})).await;
    assert_eq!(ask().await, 200);
    change(&admin, &json!({"models": ["claude-*"]})).await;
    assert_eq!(ask().await, 403);
}

#[tokio::test]
async fn the_site_and_a_key_have_budgets_too() {
    let (server, _dir, _upstream) = started().await;
    let admin = server.admin();
    let wrong = admin.put("/api/config/site_budget", &json!({"value": "{\"limit\": 5}"})).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    let site = json!({"value": r#"{"limit": "0.000001", "window": "month"}"#});
    assert_eq!(admin.put("/api/config/site_budget", &site).await.status, 200);
    let refused = server.client().post("/v1/chat/completions", &asking(false)).await;
    assert_eq!((refused.status, &refused.json()["error"]["type"]), (429, &json!("insufficient_quota")));
    admin.put("/api/config/site_budget", &json!({"value": null})).await;

    let key = admin.put("/api/keys/1", &json!({"budget": {"limit": "0.000004", "window": "week"}})).await;
    assert_eq!(key.status, 200, "{}", key.text());
    assert_eq!(server.client().post("/v1/chat/completions", &asking(false)).await.status, 200);
    let key = admin.get("/api/keys/1").await.json();
    assert_eq!((&key["status"]["state"], &key["budget"]["spent"]), (&json!("out_of_budget"), &json!("0.000004500")));
    assert_eq!(server.client().post("/v1/chat/completions", &asking(false)).await.status, 503);
}

/// Watches the only token's budget until it is told to stop. Gives how often it looked.
async fn sample(admin: Client, stop: Arc<AtomicBool>) -> u64 {
    let mut samples = 0;
    while !stop.load(Ordering::Relaxed) {
        let budget = token(&admin).await["budget"].clone();
        let (spent, held, limit) = (nanos(&budget["spent"]), nanos(&budget["held"]), nanos(&budget["limit"]));
        assert!(spent + held <= limit, "{budget}");
        samples += 1;
    }
    samples
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_calls_at_once_never_pass_a_budget_for_twenty_five() {
    let (server, _dir, asked) = started().await;
    let admin = server.admin();
    // What one call can cost is what the first refusal says.
    change(&admin, &json!({"budget": {"limit": "0.000001", "window": "total"}})).await;
    let refused = server.client().post("/v1/chat/completions", &asking(true)).await.json();
    let message = refused["error"]["message"].as_str().unwrap();
    let worst = message.split("it may cost ").nth(1).unwrap().split(' ').next().unwrap();
    let (whole, part) = worst.split_once('.').unwrap();
    let limit = 25 * nanos(&json!(format!("{whole}.{part:0<9}")));
    let limit = format!("{}.{:09}", limit / 1_000_000_000, limit % 1_000_000_000);
    change(&admin, &json!({"budget": {"limit": limit, "window": "total"}})).await;

    let stop = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn(sample(server.admin(), Arc::clone(&stop)));
    let calls = (0..300).map(|_| async { server.client().post("/v1/chat/completions", &asking(true)).await.status });
    let statuses = join_all(calls).await;
    stop.store(true, Ordering::Relaxed);
    let samples = watcher.await.unwrap();

    let served = statuses.iter().filter(|status| **status == 200).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!(served + refused, 300, "{statuses:?}");
    // What ends early leaves room for more.
    assert!((25..100).contains(&served), "{served} served, {refused} refused");
    assert_eq!(asked.load(Ordering::Relaxed), served as u64, "what was refused was not sent");
    let budget = &token(&admin).await["budget"];
    assert_eq!((nanos(&budget["held"]), nanos(&budget["spent"])), (0, 4_500 * i64::try_from(served).unwrap()));
    eprintln!("{served} served, {refused} refused, {samples} samples, none above the limit");
    server.stop();
}
