//! The admin API: its lock, and the lives of what is behind it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{ADMIN, CLIENT, Launch, bytes_under, contains};
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn every_spelling_of_an_admin_path_is_closed_to_strangers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let paths =
        ["/api", "/api/", "/api/keys", "/api/nothing", "/API/keys", "//api/keys", "/%61pi/keys", "/x/../api/keys"];
    let shown = ["", "Bearer wrong", &format!("Bearer {CLIENT}"), &format!("Basic {ADMIN}"), ADMIN];
    for path in paths {
        for token in shown {
            let answer = server.stranger().with("authorization", token).get(path).await;
            assert_eq!(answer.status, 401, "{path} with `{token}`");
            assert_eq!(answer.json()["error"]["type"], "unauthorized");
        }
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        assert_eq!(server.stranger().send(method, "/api/keys", "").await.status, 401);
    }
    assert_eq!(server.admin().get("/api/keys").await.status, 200);
}

#[tokio::test]
async fn health_and_the_page_are_open_and_the_gateway_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let health = server.stranger().get("/health").await;
    assert_eq!(health.json(), json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}));
    assert_eq!(server.stranger().get("/ready").await.status, 200);
    assert_eq!(server.stranger().get("/").await.status, 200);
    assert_eq!(server.stranger().get("/v1/models").await.status, 401);
    assert_eq!(server.stranger().with("authorization", &format!("Bearer {ADMIN}")).get("/v1/models").await.status, 401);
    assert_eq!(server.client().get("/v1/models").await.status, 200);
    assert_eq!(server.stranger().get("/api/provider/openai/v1/models").await.status, 401);
    assert_eq!(server.client().get("/api/provider/openai/v1/models").await.status, 200);
}

#[tokio::test]
async fn a_key_lives_from_adding_to_removing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let admin = server.admin();
    let written = json!({
        "name": "team A", "provider": "anthropic", "api_key": "sk-ant-0123456789abcdef",
        "proxy_ip": "socks5h://user:hunter22@127.0.0.1:1080", "headers": {"x-org": "org-secret-1"},
        "models": ["claude-*"], "priority": 3, "price_factor": "0.5", "tags": ["eu"], "total_balance": "12.5",
    });
    let added = admin.post("/api/keys", &written).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let key = added.json();
    let path = format!("/api/keys/{}", key["id"]);
    assert_eq!(key["api_key_hint"], "sk-…cdef");
    assert_eq!(key["proxy_ip"], "socks5h://…@127.0.0.1:1080");
    assert_eq!(key["headers"], json!({"x-org": "…"}));
    assert_eq!(key["total_balance"], "12.500000000");
    assert_eq!(key["status"]["state"], "ready");
    assert_eq!(key["today"], json!({"requests": 0, "tokens": 0, "cost": "0.000000000"}));
    assert_eq!(admin.post("/api/keys", &written).await.status, 409);

    // What is written back as it was read keeps the secrets; what is left out keeps its value; null resets.
    let change =
        json!({"name": "team B", "proxy_ip": key["proxy_ip"], "headers": key["headers"], "total_balance": null});
    let changed = admin.put(&path, &change).await.json();
    assert_eq!(changed["name"], "team B");
    assert_eq!(changed["proxy_ip"], key["proxy_ip"]);
    assert_eq!(changed["headers"], key["headers"]);
    assert_eq!(changed["fingerprint"], key["fingerprint"]);
    assert_eq!(changed["priority"], 3);
    assert_eq!(changed["total_balance"], Value::Null);

    let health = admin.get(&format!("{path}/health")).await.json();
    assert_eq!((&health["status"]["state"], &health["models"]), (&json!("ready"), &json!([])));
    assert_eq!(admin.post(&format!("{path}/reset"), &json!({})).await.status, 200);
    assert_eq!(admin.put(&path, &json!({"enabled": false})).await.json()["status"]["state"], "disabled");
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(admin.get(&path).await.status, 404);
}

#[tokio::test]
async fn many_keys_are_filtered_sorted_and_paged() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let admin = server.admin();
    for (n, tag) in ["eu", "us", "eu"].into_iter().enumerate() {
        let key =
            json!({"name": format!("key {n}"), "provider": "openai", "api_key": format!("sk-{n}"), "tags": [tag]});
        assert_eq!(admin.post("/api/keys", &key).await.status, 201);
    }
    let first = admin.get("/api/keys?tag=eu&sort=-name&limit=1").await.json();
    assert_eq!((&first["items"][0]["name"], &first["total"]), (&json!("key 2"), &json!(2)));
    let next = format!("/api/keys?tag=eu&sort=-name&limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
    let second = admin.get(&next).await.json();
    assert_eq!((&second["items"][0]["name"], &second["next_cursor"]), (&json!("key 0"), &Value::Null));
    assert_eq!(admin.get("/api/keys?state=tired").await.json()["error"]["field"], "state");
    assert_eq!(admin.get("/api/keys?colour=red").await.json()["error"]["field"], "colour");
}

#[tokio::test]
async fn a_token_is_shown_once_and_ends_when_it_is_rotated_or_removed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let admin = server.admin();
    let opens = async |token: &str| {
        let answer = server.stranger().with("authorization", &format!("Bearer {token}")).get("/v1/models").await;
        answer.status == 200
    };
    let made = admin.post("/api/tokens", &json!({"name": "ci"})).await.json();
    let path = format!("/api/tokens/{}", made["id"]);
    let first = made["token"].as_str().unwrap();
    assert!(first.starts_with("amp-") && opens(first).await);
    assert_eq!(admin.get(&path).await.json().get("token"), None);

    let rotated = admin.post(&format!("{path}/rotate"), &json!({})).await.json();
    let second = rotated["token"].as_str().unwrap();
    assert_eq!(rotated["id"], made["id"]);
    assert!(!opens(first).await && opens(second).await);

    assert_eq!(admin.put(&path, &json!({"enabled": false})).await.json()["enabled"], false);
    assert!(!opens(second).await);
    assert_eq!(admin.put(&path, &json!({"enabled": true})).await.status, 200);
    assert!(opens(second).await);
    assert_eq!(admin.delete(&path).await.status, 204);
    assert!(!opens(second).await);
}

#[tokio::test]
async fn a_route_lives_from_adding_to_removing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let admin = server.admin();
    let fast = json!({"model": "fast", "candidates": [{"model": "gpt-5-mini", "provider": "openai"}]});
    let added = admin.post("/api/routes", &fast).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let route = added.json();
    assert_eq!(route["candidates"], json!([{"model": "gpt-5-mini", "provider": "openai", "tier": 0, "weight": 1}]));
    assert_eq!(route["strategy"], "weighted");
    assert_eq!(admin.post("/api/routes", &fast).await.status, 409);

    let path = format!("/api/routes/{}", route["id"]);
    let two = json!({"candidates": [{"model": "gpt-5"}, {"model": "claude-haiku-4-5", "tier": 1}]});
    assert_eq!(admin.put(&path, &two).await.json()["candidates"][1]["tier"], 1);
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(admin.get("/api/routes").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_restart_keeps_everything_and_seeds_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let launch = || Launch::on(dir.path()).env("OPENAI_API_KEY", "sk-env-0123456789abcdef");
    let read = async |server: &common::Server| {
        let mut all = Vec::new();
        for path in ["/api/keys", "/api/tokens", "/api/routes", "/api/config"] {
            all.push(server.admin().get(path).await.json());
        }
        all
    };
    let server = launch().start();
    let candidates = json!([{"model": "gpt-5"}]);
    server.admin().post("/api/routes", &json!({"model": "fast", "candidates": candidates})).await;
    server.admin().post("/api/tokens", &json!({"name": "ci"})).await;
    let before = read(&server).await;
    assert_eq!(before[0]["total"], 1);
    assert_eq!(before[1]["total"], 2);
    server.stop();

    let server = launch().start();
    assert_eq!(read(&server).await, before);
    assert_eq!(server.client().get("/v1/models").await.status, 200);
}

#[tokio::test]
async fn secrets_are_in_no_answer_no_log_and_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).env("RUST_LOG", "trace").env("DB_ECHO", "true").start();
    let admin = server.admin();
    let secrets = ["sk-planted-0123456789", "hunter-planted-22", "org-planted-33", "upstream-planted-44"];
    let key = json!({"name": "a", "provider": "openai", "api_key": secrets[0], "headers": {"x-org": secrets[2]},
                     "proxy_ip": format!("http://user:{}@127.0.0.1:9", secrets[1])});
    let mut said = admin.post("/api/keys", &key).await.text();
    said += &admin.post("/api/keys", &key).await.text();
    said += &admin.put("/api/keys/1", &json!({"api_key": format!("{} ", secrets[3])})).await.text();
    let made = admin.post("/api/tokens", &json!({"name": "ci"})).await.json()["token"].as_str().unwrap().to_owned();
    server
        .client()
        .with("content-type", "application/json")
        .send(Method::POST, "/v1/chat/completions", r#"{"model":"gpt-5","messages":[]}"#)
        .await;
    for path in
        ["/api/keys", "/api/keys/1", "/api/keys/1/health", "/api/tokens", "/api/requests", "/api/config", "/health"]
    {
        said += &admin.get(path).await.text();
    }
    said += &server.log();
    let files = bytes_under(dir.path());
    for secret in secrets.into_iter().chain([made.as_str(), ADMIN, CLIENT]) {
        assert!(!said.contains(secret), "said: {secret}");
        assert!(!contains(&files, secret), "written: {secret}");
    }
}
