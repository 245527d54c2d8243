//! Behind reverse proxies: whose word on where a client comes from is taken, and what depends on it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Launch, PASSWORD, Reply, Server, Upstream, chat};
use serde_json::json;

const PROXIES: &str = "AMP_POOL_TRUSTED_PROXIES";

async fn upstream() -> Upstream {
    Upstream::start(|ask| Reply::chat(ask.model(), 7, 2)).await
}

/// The status of a call with a token that is bound to 203.0.113.0/24, by what `header` says.
async fn bound_call(server: &Server, token: &str, header: (&str, &str)) -> u16 {
    let client = server.stranger().with("x-api-key", token).with(header.0, header.1);
    client.post("/v1/chat/completions", &chat("m", false)).await.status
}

async fn bound_token(server: &Server) -> String {
    let token = json!({"name": "bound", "ip_allow": ["203.0.113.0/24"]});
    server.admin().post("/api/tokens", &token).await.json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_that_is_bound_to_addresses_hears_of_them_from_trusted_proxies_alone() {
    let (dir, upstream) = (tempfile::tempdir().unwrap(), upstream().await);
    let server = Launch::on(dir.path()).start();
    server.add_key("a", &upstream).await;
    let token = bound_token(&server).await;
    assert_eq!(bound_call(&server, &token, ("x-forwarded-for", "203.0.113.9")).await, 403, "nobody is trusted");
    server.stop();

    let server = Launch::on(dir.path()).env(PROXIES, "10.0.0.0/8, 127.0.0.1").start();
    for (said, status) in [
        ("203.0.113.9", 200),
        ("198.51.100.1, 203.0.113.9, 10.1.2.3", 200),
        ("203.0.113.9, 198.51.100.1", 403),
        ("203.0.113.9, unknown", 403),
    ] {
        assert_eq!(bound_call(&server, &token, ("x-forwarded-for", said)).await, status, "{said}");
    }
    let other = ("forwarded", "for=203.0.113.9");
    assert_eq!(bound_call(&server, &token, other).await, 403, "what the proxy does not write, the client may have");
    server.stop();

    let launch = Launch::on(dir.path()).env(PROXIES, "127.0.0.1").env("AMP_POOL_FORWARDED_HEADER", "forwarded");
    let server = launch.start();
    assert_eq!(bound_call(&server, &token, other).await, 200);
    assert_eq!(bound_call(&server, &token, ("x-forwarded-for", "203.0.113.9")).await, 403);
}

#[tokio::test]
async fn the_audit_log_and_the_throttle_go_by_the_clients_address() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).env(PROXIES, "127.0.0.1").start();
    let user = json!({"username": "ada", "password": PASSWORD, "role": "admin"});
    let admin = server.admin().with("x-forwarded-for", "198.51.100.1, 203.0.113.9");
    assert_eq!(admin.post("/api/users", &user).await.status, 201);
    let deed = &server.admin().get("/api/audit").await.json()["items"][0];
    assert_eq!((&deed["action"], &deed["address"]), (&"POST /api/users".into(), &"203.0.113.9".into()), "{deed}");

    let attacker = server.stranger().with("x-forwarded-for", "198.51.100.66");
    let mut statuses = Vec::new();
    for n in 0..25 {
        // An account each, and made-up hops in front: neither makes it somebody else.
        let attacker = attacker.clone().with("x-forwarded-for", &format!("10.9.8.{n}, 198.51.100.66"));
        let login = json!({"username": format!("guess{n}"), "password": "wrong-horse-battery"});
        statuses.push(attacker.post("/api/auth/login", &login).await.status);
    }
    assert!(statuses.ends_with(&[429]), "{statuses:?}");
    let login = json!({"username": "ada", "password": PASSWORD});
    let other = server.stranger().with("x-forwarded-for", "203.0.113.9");
    assert_eq!(other.post("/api/auth/login", &login).await.status, 200, "others are not held up");
    assert_eq!(attacker.post("/api/auth/login", &login).await.status, 429);
}

#[tokio::test]
async fn open_metrics_are_for_this_machine_and_not_for_whom_it_speaks() {
    let dir = tempfile::tempdir().unwrap();
    for proxies in ["", "127.0.0.1"] {
        let server = Launch::on(dir.path()).env(PROXIES, proxies).env("AMP_POOL_OPEN_METRICS", "true").start();
        assert_eq!(server.stranger().get("/metrics").await.status, 200);
        for said in [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1"), ("via", "1.1 proxy")] {
            assert_eq!(server.stranger().with(said.0, said.1).get("/metrics").await.status, 401, "{said:?}");
        }
        server.stop();
    }
}

#[test]
fn what_is_no_network_is_refused_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let (code, said) = Launch::on(dir.path()).env(PROXIES, "proxy.example").fail();
    assert_eq!(code, 2);
    assert!(said.contains("AMP_POOL_TRUSTED_PROXIES: `proxy.example` is no address"), "{said}");
}
