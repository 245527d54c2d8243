//! `/metrics`: who may see it, what it counts, and what it never says.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Launch, Reply, Upstream, chat};

#[tokio::test]
async fn what_a_client_made_up_is_no_label_and_nobody_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let upstream = Upstream::start(|ask| Reply::chat(ask.model(), 10, 5)).await;
    server.add_key("planted-name", &upstream).await;
    for n in 0..50 {
        let model = format!("planted-model-{n}");
        assert_eq!(server.client().post("/v1/chat/completions", &chat(&model, false)).await.status, 200);
    }
    assert_eq!(server.client().post("/v1/chat/completions", &chat("gpt-4o-mini", false)).await.status, 200);

    let shown = server.admin().get("/metrics").await;
    let text = shown.text();
    assert_eq!(shown.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "amp_pool_calls_total{model=\"other\",outcome=\"done\"} 5",
        "amp_pool_keys{provider=\"custom\",state=\"ready\"} 1\n",
        "amp_pool_key_attempts_total{key=\"1\",answered=\"true\"} 51\n",
        "amp_pool_attempts_total{provider=\"custom\",verdict=\"answer\"} 51\n",
        "amp_pool_ledger_failures_total 0\n",
        "amp_pool_ready 1\n",
        "amp_pool_connections_total{outcome=\"over_share\"} 0\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("amp_pool_open_connections 0\n"), "this one is open: {text}");
    for secret in ["planted", "127.0.0.1", "sk-test", common::ADMIN, common::CLIENT] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn whoever_is_not_signed_in_sees_it_only_where_that_was_set() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    for (client, path) in
        [(server.stranger(), "/metrics"), (server.client(), "/metrics"), (server.stranger(), "//metrics")]
    {
        assert_eq!(client.get(path).await.status, 401, "{path}");
    }
    let viewer = server.user("vera", "viewer").await;
    assert_eq!(viewer.get("/metrics").await.status, 200);
    assert_eq!(server.admin().post("/metrics", &serde_json::json!({})).await.status, 405);
    server.stop();

    let server = Launch::on(dir.path()).env("AMP_POOL_OPEN_METRICS", "true").start();
    assert_eq!(server.stranger().get("/metrics").await.status, 200);
    assert_eq!(server.stranger().get("/api/keys").await.status, 401, "nothing else is open");
}
