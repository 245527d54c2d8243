//! Amp's paths that ask no model: off, by stubs, or with one key.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Ask, Launch, Reply, Upstream};
use http::Method;
use serde_json::json;

#[tokio::test]
async fn without_the_setting_there_are_none() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    for path in ["/api/internal?getUserInfo", "/api/threads/T-1", "/api/telemetry"] {
        assert_eq!(server.client().get(path).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn stubs_let_a_client_start_that_shows_its_token() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).env("AMP_POOL_AMP_PATHS", "stub").start();
    let info = server.client().post("/api/internal?getUserInfo", &json!({"method": "getUserInfo", "params": {}})).await;
    assert_eq!((info.status, &info.json()["ok"]), (200, &json!(true)));
    assert!(info.json()["result"]["id"].is_string());
    assert_eq!(server.client().send(Method::POST, "/api/telemetry", "{}").await.status, 204);
    assert_eq!(server.client().post("/api/thread-actors", &json!({})).await.status, 501);
    assert_eq!(server.stranger().get("/api/internal?getUserInfo").await.status, 401);
    // What is ours stays ours.
    assert_eq!(server.client().get("/api/users").await.status, 401);
    assert_eq!(server.admin().get("/api/keys").await.status, 200);
}

#[tokio::test]
async fn one_key_carries_what_belongs_to_an_account() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(|ask: Ask| {
        let of = |name: &str| ask.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let told = json!({"path": ask.path, "key": of("x-api-key"), "bearer": of("authorization"),
                          "thread": of("x-amp-thread-id"), "cookie": of("cookie"), "body": ask.body});
        Reply::json(if ask.path.ends_with("missing") { 404 } else { 200 }, &told)
    })
    .await;
    let server = Launch::on(dir.path()).env("AMP_POOL_AMP_PATHS", "key:mine").start();
    let client = server.client().with("x-amp-thread-id", "T-1").with("cookie", "a=b");
    assert_eq!(client.get("/api/threads/T-1").await.status, 503);

    let key = json!({"name": "mine", "provider": "amp", "api_key": "sgamp_0123456789", "base_url": upstream.url()});
    assert_eq!(server.admin().post("/api/keys", &key).await.status, 201);
    let got = client.post("/api/internal?getThread", &json!({"method": "getThread"})).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(
        got.json(),
        json!({"path": "/api/internal", "key": "sgamp_0123456789", "bearer": "Bearer sgamp_0123456789",
               "thread": "T-1", "cookie": null, "body": {"method": "getThread"}})
    );
    assert_eq!(client.get("/api/threads/missing").await.status, 404);
    assert_eq!(client.get("/api/threads/%2e%2e/x").await.status, 400);
    assert_eq!(server.admin().get("/api/requests").await.json()["items"], json!([]));
}
