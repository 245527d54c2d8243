//! Providers of operators: keys can belong to them at once, what is wrong with them is named, and none goes while it is used.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::sync::{Arc, Mutex};

use common::{Ask, Launch, Reply, Server, Upstream};
use serde_json::{Value, json};

/// An upstream that answers to everything, and what it was asked.
async fn upstream() -> (Upstream, Arc<Mutex<Vec<Ask>>>) {
    let asks: Arc<Mutex<Vec<Ask>>> = Arc::default();
    let seen = asks.clone();
    let answer = move |ask: Ask| {
        let reply = Reply::chat(ask.model(), 1, 1);
        seen.lock().unwrap().push(ask);
        reply
    };
    (Upstream::start(answer).await, asks)
}

fn relay(base_url: &str) -> Value {
    json!({"id": "relay", "name": "A relay", "base_url": base_url, "auth": "x-api-key", "models": ["relay-*"],
           "formats": {"chat": {"root": "/api/v1"}}, "headers": {"x-relay": "yes"},
           "rules": [{"status": [418], "verdict": "rate_limited", "wait_seconds": 60}]})
}

fn started() -> (Server, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Launch::on(dir.path()).start(), dir)
}

fn key(name: &str) -> Value {
    json!({"name": name, "provider": "relay", "api_key": format!("sk-relay-0123456789-{name}")})
}

#[tokio::test]
async fn a_key_of_an_own_provider_serves_at_once_and_as_the_provider_says() {
    let (server, dir) = started();
    let (upstream, asks) = self::upstream().await;
    let made = server.admin().post("/api/providers", &relay(&upstream.url())).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["own"]["definition"]["auth"], "x-api-key");
    assert_eq!(server.admin().post("/api/keys", &key("a")).await.status, 201);

    let call = json!({"model": "relay-1", "messages": [{"role": "user", "content": "hi"}]});
    let answer = server.client().post("/v1/chat/completions", &call).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let asked = asks.lock().unwrap().pop().unwrap();
    assert_eq!(asked.path, "/api/v1/chat/completions");
    assert_eq!(asked.headers["x-api-key"], "sk-relay-0123456789-a");
    assert_eq!(asked.headers["x-relay"], "yes");

    // It outlives the process, and moves when it is changed.
    server.stop();
    let server = Launch::on(dir.path()).start();
    let (elsewhere, asks_elsewhere) = self::upstream().await;
    let moved = server.admin().put("/api/providers/relay", &json!({"base_url": elsewhere.url()})).await;
    assert_eq!((moved.status, &moved.json()["name"]), (200, &json!("A relay")), "{}", moved.text());
    assert_eq!(server.client().post("/v1/chat/completions", &call).await.status, 200);
    assert_eq!((asks.lock().unwrap().len(), asks_elsewhere.lock().unwrap().len()), (0, 1));
}

#[tokio::test]
async fn a_provider_stays_while_keys_belong_to_it() {
    let (server, _dir) = started();
    let admin = server.admin();
    assert_eq!(admin.post("/api/providers", &relay("https://relay.example")).await.status, 201);
    assert_eq!(admin.post("/api/providers", &relay("https://relay.example")).await.status, 409);
    let id = admin.post("/api/keys", &key("a")).await.json()["id"].as_i64().unwrap();
    let refused = admin.delete("/api/providers/relay").await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    // Without an address the key could not be used any more.
    let refused = admin.put("/api/providers/relay", &json!({"base_url": null})).await;
    assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!("base_url")), "{}", refused.text());
    assert_eq!(admin.delete(&format!("/api/keys/{id}")).await.status, 204);
    assert_eq!(admin.delete("/api/providers/relay").await.status, 204);
    assert_eq!(admin.post("/api/keys", &key("b")).await.json()["error"]["field"], "provider");
    let deeds = admin.get("/api/audit").await.json();
    let of = |action: &str| deeds["items"].as_array().unwrap().iter().filter(|deed| deed["action"] == action).count();
    assert_eq!((of("POST /api/providers"), of("DELETE /api/providers/{id}")), (2, 2));
    let made = deeds["items"].as_array().unwrap().iter().rfind(|deed| deed["action"] == "POST /api/providers").unwrap();
    assert_eq!(made["object"], "relay");
}

#[tokio::test]
async fn what_is_wrong_with_a_provider_is_named() {
    let (server, _dir) = started();
    for (field, value) in [
        ("id", json!("My relay")),
        ("id", json!(null)),
        ("name", json!("")),
        ("base_url", json!("relay.example")),
        ("base_url", json!("http://169.254.169.254/latest")),
        ("base_url", json!("http://metadata.google.internal")),
        ("auth", json!("basic")),
        ("formats", json!({"chat": {"root": "v1"}})),
        ("formats", json!({})),
        ("models", json!([""])),
        ("headers", json!({"authorization": "Bearer x"})),
        ("headers", json!({"a b": "x"})),
        ("rules", json!([{"status": [42], "verdict": "blocked"}])),
        ("rules", json!([{"status": [429], "verdict": "angry"}])),
        ("balance", json!([{"kind": "balance", "steps": []}])),
        ("colour", json!("red")),
    ] {
        let mut provider = relay("https://relay.example");
        provider[field] = value.clone();
        let answer = server.admin().post("/api/providers", &provider).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["field"]),
            (400, &json!(field)),
            "{value}: {}",
            answer.text()
        );
    }
    let mut provider = relay("https://relay.example");
    provider["formats"] = json!({"telex": {"root": "/v1"}});
    assert_eq!(server.admin().post("/api/providers", &provider).await.json()["error"]["field"], "telex");
    for id in ["openai", "custom"] {
        let mut provider = relay("https://relay.example");
        provider["id"] = json!(id);
        assert_eq!(server.admin().post("/api/providers", &provider).await.status, 409, "{id}");
        assert_eq!(server.admin().delete(&format!("/api/providers/{id}")).await.status, 404);
    }
}

#[tokio::test]
async fn who_may_not_see_a_credential_may_not_send_it_elsewhere_by_its_provider() {
    let (server, _dir) = started();
    assert_eq!(server.admin().post("/api/providers", &relay("https://relay.example")).await.status, 201);
    let operator = server.user("olga", "operator").await;
    let answer = operator.put("/api/providers/relay", &json!({"base_url": "https://evil.example"})).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
}
