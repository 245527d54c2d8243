//! What the admin API refuses, and how it says so.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Launch, Server};
use http::Method;
use serde_json::{Value, json};

async fn started() -> (Server, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Launch::on(dir.path()).start(), dir)
}

/// A key that would be taken.
fn key(changes: &Value) -> Value {
    let mut key = json!({"name": "a", "provider": "openai", "api_key": "sk-0123456789abcdef"});
    key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    key
}

/// The request is refused with 400 for `field`.
async fn check(server: &Server, path: &str, body: &Value, field: &str) {
    let answer = server.admin().post(path, body).await;
    assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text());
    let error = &answer.json()["error"];
    assert_eq!(error["type"], "invalid_request", "{path} {body}");
    assert_eq!(error["field"], field, "{path} {body}: {error}");
    assert!(!error["message"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_field_of_a_key_is_named() {
    let (server, _dir) = started().await;
    for (changes, field) in [
        (json!({"colour": "red"}), "colour"),
        (json!({"id": 7}), "id"),
        (json!({"balance": "1"}), "balance"),
        (json!({"name": null}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"name": "a\u{0}b"}), "name"),
        (json!({"provider": "no-such"}), "provider"),
        (json!({"api_key": ""}), "api_key"),
        (json!({"api_key": "sk-\r\nx-evil: 1"}), "api_key"),
        (json!({"api_key": 7}), "api_key"),
        (json!({"proxy_ip": "ftp://127.0.0.1"}), "proxy_ip"),
        (json!({"proxy_ip": "http://…@127.0.0.1:1"}), "proxy_ip"),
        (json!({"base_url": "file:///etc/passwd"}), "base_url"),
        (json!({"ua": "a\nb"}), "ua"),
        (json!({"enabled": "yes"}), "enabled"),
        (json!({"weight": 0}), "weight"),
        (json!({"weight": -1}), "weight"),
        (json!({"priority": 1.5}), "priority"),
        (json!({"models": "gpt-*"}), "models"),
        (json!({"models": ["a b"]}), "models"),
        (json!({"formats": ["soap"]}), "formats"),
        (json!({"formats": []}), "formats"),
        (json!({"headers": {"host": "evil"}}), "headers"),
        (json!({"headers": {"x-a": "…"}}), "headers"),
        (json!({"headers": {"x a": "b"}}), "headers"),
        (json!({"price_factor": "-1"}), "price_factor"),
        (json!({"total_balance": 5}), "total_balance"),
        (json!({"limits": {"rpm": 0}}), "limits"),
    ] {
        check(&server, "/api/keys", &key(&changes), field).await;
    }
    for field in ["name", "provider", "api_key"] {
        let mut body = key(&json!({}));
        body.as_object_mut().unwrap().remove(field);
        check(&server, "/api/keys", &body, field).await;
    }
    assert_eq!(server.admin().get("/api/keys").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_wrong_field_of_a_token_or_a_route_is_named() {
    let (server, _dir) = started().await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": "ci", "spent": "1"}), "spent"),
        (json!({"name": "ci", "expires_at": "tomorrow"}), "expires_at"),
        (json!({"name": "ci", "budget": {"limit": "5.00", "window": "year"}}), "budget"),
        (json!({"name": "ci", "budget": {"window": "day"}}), "budget"),
        (json!({"name": "ci", "budget": {"limit": "-1"}}), "budget"),
        (json!({"name": "ci", "budget": {"limit": "1", "zone": "Atlantis"}}), "budget"),
        (json!({"name": "ci", "budget": {"limit": "1", "spent": "0"}}), "spent"),
        (json!({"name": "ci", "ip_allow": ["10.0.0.0/40"]}), "ip_allow"),
        (json!({"name": "ci", "group_id": 99}), "group_id"),
        (json!({"name": "ci", "strict_translation": null}), "strict_translation"),
        (json!({"name": "ci", "strict_translation": "yes"}), "strict_translation"),
        (json!({"name": "ci", "limits": {"tpm": 0}}), "limits"),
    ] {
        check(&server, "/api/tokens", &body, field).await;
    }
    let candidate = json!({"model": "gpt-5"});
    for (body, field) in [
        (json!({"candidates": [candidate]}), "model"),
        (json!({"model": "fast"}), "candidates"),
        (json!({"model": "fast", "candidates": []}), "candidates"),
        (json!({"model": "fast", "candidates": [{"model": "gpt-5", "weight": 0}]}), "candidates"),
        (json!({"model": "fast", "candidates": [{"model": "gpt-5", "colour": 1}]}), "colour"),
        (json!({"model": "fast", "candidates": [candidate], "strategy": "cheapest"}), "strategy"),
        (json!({"model": "fast", "candidates": [candidate], "strict_translation": 1}), "strict_translation"),
        (json!({"model": "fast", "candidates": [candidate], "translation": {"strict": true}}), "strict"),
    ] {
        check(&server, "/api/routes", &body, field).await;
    }
}

#[tokio::test]
async fn nulls_and_defaults_are_taken() {
    let (server, _dir) = started().await;
    let limits = json!({"rpm": null, "tpm": null, "concurrency": null});
    let token = json!({"name": "ci", "limits": limits, "budget": null, "ip_allow": [], "strict_translation": false});
    assert_eq!(server.admin().post("/api/tokens", &token).await.status, 201);
    let answer = server.admin().post("/api/keys", &key(&json!({"limits": limits, "base_url": null}))).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[tokio::test]
async fn a_body_that_is_no_plain_json_object_is_refused() {
    let (server, _dir) = started().await;
    let send = async |kind: &str, body: String| {
        server.admin().with("content-type", kind).send(Method::POST, "/api/tokens", body).await.status
    };
    let json = "application/json";
    assert_eq!(send("text/plain", r#"{"name":"ci"}"#.into()).await, 415);
    assert_eq!(send("application/x-www-form-urlencoded", "name=ci".into()).await, 415);
    assert_eq!(send(json, String::new()).await, 400);
    assert_eq!(send(json, "null".into()).await, 400);
    assert_eq!(send(json, r#"{"name":"ci","name":"cd"}"#.into()).await, 400);
    assert_eq!(send(json, "[".repeat(100_000)).await, 400);
    assert_eq!(send(json, r#"{"name":"ci"} x"#.into()).await, 400);
    assert_eq!(send(json, format!(r#"{{"name":"{}"}}"#, "x".repeat(2 << 20))).await, 413);
    assert_eq!(send("application/json; charset=utf-8", r#"{"name":"ci"}"#.into()).await, 201);
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let (server, _dir) = started().await;
    for (path, field) in [
        ("/api/requests?colour=red", "colour"),
        ("/api/requests?from=yesterday", "from"),
        ("/api/requests?key_id=x", "key_id"),
        ("/api/requests?limit=-1", "limit"),
        ("/api/requests?status=fine", "status"),
        ("/api/statistics/overview?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("/api/statistics/timeline?granularity=minute", "granularity"),
        ("/api/statistics/timeline?time_zone=Mars/Base", "time_zone"),
        ("/api/statistics/keys?key_id=all", "key_id"),
        ("/api/statistics/keys?granularity=week", "granularity"),
        ("/api/statistics/timeline?from=1990-01-01T00:00:00Z", "from"),
    ] {
        let answer = server.admin().get(path).await;
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!(field)), "{path}");
    }
    assert_eq!(server.admin().get("/api/requests?model=&status=&limit=5").await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_done_are_told_apart() {
    let (server, _dir) = started().await;
    for path in ["/api/keys/99", "/api/keys/x", "/api/tokens/99", "/api/requests/99", "/api/nothing", "/api/"] {
        let answer = server.admin().get(path).await;
        assert_eq!((answer.status, &answer.json()["error"]["type"]), (404, &json!("not_found")), "{path}");
    }
    assert_eq!(server.admin().get("/api/requests/01890a5d-ac96-774b-bcce-b302099a8057").await.status, 404);
    assert_eq!(server.admin().delete("/api/routes/99").await.status, 404);
    assert_eq!(server.admin().post("/api/keys/99/reset", &json!({})).await.status, 404);
    let answer = server.admin().delete("/api/keys").await;
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (405, &json!("method_not_allowed")));
}
