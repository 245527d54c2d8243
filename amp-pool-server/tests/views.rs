//! What lists show an operator at a glance: chains of keys, hours, causes, ways out, settings and where they come from.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;

use common::{Launch, Reply, Server, Upstream, chat};
use serde_json::{Value, json};

/// The key `limited` never has room; `/ip` tells who asks.
async fn upstream() -> Upstream {
    Upstream::start(|ask| match ask.headers.get("authorization").and_then(|value| value.to_str().ok()) {
        None => Reply::json(200, &json!({"ip": "203.0.113.7", "path": ask.path})),
        Some(key) if key.contains("limited") => Reply::json(429, &json!({"error": {"message": "slow down"}})),
        Some(_) if ask.model() == "bad" => Reply::json(400, &json!({"error": {"message": "no"}})),
        Some(_) => Reply::chat(ask.model(), 10, 10),
    })
    .await
}

async fn call(server: &Server, model: &str) -> String {
    server.client().post("/v1/chat/completions", &chat(model, false)).await.header("x-request-id").to_owned()
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = server.admin().get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// Two keys, of which the first is asked first and refuses.
async fn house(dir: &tempfile::TempDir) -> (Upstream, Server, i64, i64) {
    let (upstream, server) = (upstream().await, Launch::on(dir.path()).start());
    let limited = server.add_key("limited", &upstream).await;
    server.admin().put(&format!("/api/keys/{limited}"), &json!({"priority": 1})).await;
    let good = server.add_key("good", &upstream).await;
    (upstream, server, limited, good)
}

#[tokio::test]
async fn a_list_tells_the_chain_of_keys_and_leaves_out_what_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let (_upstream, server, limited, good) = house(&dir).await;
    for model in ["m", "other", "bad"] {
        call(&server, model).await;
    }
    let rows = get(&server, "/api/requests?model=m").await;
    let chain = rows["items"][0]["chain"].as_array().unwrap();
    let told: Vec<_> = chain.iter().map(|link| (&link["key_id"], &link["http_status_code"])).collect();
    assert_eq!(told, [(&json!(limited), &json!(429)), (&json!(good), &json!(200))], "{rows}");

    let bad = get(&server, "/api/requests?model=bad").await["items"][0]["error_type"].as_str().unwrap().to_owned();
    for (filter, expected) in [
        ("not_model=m", vec!["bad", "other"]),
        ("not_model=m,bad", vec!["other"]),
        (&*format!("not_key_id={good}"), vec![]),
        ("not_token_id=1", vec![]),
        ("not_token_id=2", vec!["bad", "other", "m"]),
        (&*format!("not_error_type={bad}"), vec!["other", "m"]),
        ("status=success&not_model=other", vec!["m"]),
    ] {
        let list = get(&server, &format!("/api/requests?{filter}")).await;
        let found: Vec<_> =
            list["items"].as_array().unwrap().iter().map(|row| row["model"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{filter}");
    }
    let table = server.admin().get("/api/requests/export?not_model=m,bad").await.text();
    assert_eq!(table.lines().count(), 2, "{table}");
    let wrong = server.admin().get("/api/requests?not_key_id=x").await;
    assert_eq!((wrong.status, &wrong.json()["error"]["field"]), (400, &json!("not_key_id")));
}

#[tokio::test]
async fn what_ails_a_key_is_counted_by_hour_and_by_cause() {
    let dir = tempfile::tempdir().unwrap();
    let (_upstream, server, limited, good) = house(&dir).await;
    call(&server, "m").await;
    // It rests for one model alone, and is asked once for the other.
    let last = call(&server, "bad").await;
    let hours = get(&server, "/api/statistics/keys/hours").await;
    let row = hours["items"].as_array().unwrap().iter().find(|row| row["key_id"] == good).unwrap();
    let sum = |field: &str| -> u64 {
        row["hours"].as_array().unwrap().iter().map(|hour| hour[field].as_u64().unwrap()).sum()
    };
    assert_eq!((sum("requests"), sum("errors")), (2, 1), "{hours}");

    let causes = get(&server, &format!("/api/keys/{limited}/failures")).await;
    let cause = &causes["items"][0];
    assert_eq!((&cause["http_status_code"], &cause["last_call_id"]), (&json!(429), &json!(last)), "{causes}");
    assert_eq!(cause["requests"], 2, "{causes}");
    assert!(cause["last_message"].as_str().unwrap().contains("slow down"), "{causes}");
    assert_eq!(
        get(&server, &format!("/api/keys/{limited}/failures?from=2999-01-01T00:00:00Z")).await["items"],
        json!([])
    );
    assert_eq!(server.admin().get("/api/keys/99/failures").await.status, 404);
}

#[tokio::test]
async fn the_way_of_a_key_tells_its_address_and_carries_no_credential() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, server, limited, good) = house(&dir).await;
    let path = format!("/api/keys/{limited}/egress");
    server.admin().put("/api/config/egress_echo_url", &json!({"value": format!("{}/ip", upstream.url())})).await;
    // With a credential the upstream would have refused this key.
    let told = server.admin().post(&path, &json!({})).await.json();
    assert_eq!((&told["ok"], &told["ip"], &told["message"]), (&json!(true), &json!("203.0.113.7"), &Value::Null));

    server.admin().put(&format!("/api/keys/{good}"), &json!({"proxy_ip": "http://user:hidden@127.0.0.1:9"})).await;
    let told = server.admin().post(&format!("/api/keys/{good}/egress"), &json!({})).await;
    assert_eq!((&told.json()["ok"], told.text().contains("hidden")), (&json!(false), false), "{}", told.text());
    assert!(told.json()["message"].as_str().unwrap().contains("no connection"), "{}", told.text());
    server.admin().put("/api/config/egress_echo_url", &json!({"value": "no url"})).await;
    assert_eq!(server.admin().post(&path, &json!({})).await.status, 400);
    let viewer = server.user("vera", "viewer").await;
    assert_eq!(viewer.post(&path, &json!({})).await.status, 403);
}

#[tokio::test]
async fn settings_say_where_they_come_from_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".env"), "AMP_POOL_DRAIN_SECONDS=7\nRUST_LOG=debug\n").unwrap();
    let launch = Launch::on(&dir.path().join("data")).in_directory(dir.path()).env("RUST_LOG", "info");
    let server = launch.arg("--amp-pool-max-wait-ms=5").start();
    let list = get(&server, "/api/config/server").await;
    let of = |name: &str| list["items"].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap();
    for (name, value, source) in [
        ("AMP_POOL_DRAIN_SECONDS", "7", "file"),
        ("RUST_LOG", "info", "environment"),
        ("AMP_POOL_MAX_WAIT_MS", "5", "flag"),
        ("LOG_FORMAT", "text", "default"),
    ] {
        assert_eq!((&of(name)["value"], &of(name)["source"]), (&json!(value), &json!(source)), "{name}");
    }
    let token = of("AMP_POOL_ADMIN_TOKEN");
    assert_eq!(
        (&token["value"], &token["secret"], &token["source"]),
        (&Value::Null, &json!(true), &json!("environment"))
    );
    assert!(!list.to_string().contains(common::ADMIN));
    let viewer = server.user("vera", "viewer").await;
    assert_eq!(viewer.get("/api/config/server").await.status, 403);
}
