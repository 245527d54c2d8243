//! Users: how the first one is made, how they come in and go, what they may do, and what is written down of it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{ADMIN, Client, Launch, PASSWORD, Server, bytes_under, chat, contains};
use http::Method;
use serde_json::{Value, json};

/// A server that nobody runs yet.
fn fresh(dir: &tempfile::TempDir) -> Server {
    Launch::on(dir.path()).without("AMP_POOL_ADMIN_TOKEN").start()
}

/// The secret of the setup link in the log.
fn setup_token(server: &Server) -> Option<String> {
    for _ in 0..100 {
        if let Some((_, rest)) = server.log().split_once("/setup#") {
            return rest.lines().next().map(|line| line.trim().to_owned());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    None
}

fn first(token: &str) -> Value {
    json!({"token": token, "username": "Ada", "password": PASSWORD})
}

async fn login(client: &Client, username: &str, password: &str) -> common::Answer {
    client.post("/api/auth/login", &json!({"username": username, "password": password})).await
}

#[tokio::test]
async fn nothing_works_before_setup_and_one_setup_wins() {
    let dir = tempfile::tempdir().unwrap();
    let server = fresh(&dir);
    let token = setup_token(&server).unwrap();
    let stranger = server.stranger();
    assert_eq!(stranger.get("/api/auth/state").await.json()["setup_needed"], true);
    assert_eq!(server.admin().get("/api/keys").await.status, 401, "no token was given");
    for path in ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/provider/openai/v1/models"] {
        let answer = server.client().post(path, &chat("gpt-5", false)).await;
        assert_eq!(answer.status, 503, "{path}");
    }
    assert_eq!(server.client().get("/v1/models").await.status, 503);
    let wrong = stranger.post("/api/auth/setup", &first(&"0".repeat(64))).await;
    assert_eq!((wrong.status, &wrong.json()["error"]["field"]), (400, &json!("token")));
    let weak = json!({"token": token, "username": "ada", "password": "password123"});
    assert_eq!(stranger.post("/api/auth/setup", &weak).await.json()["error"]["field"], "password");

    let tries = (0..4).map(|_| async { stranger.post("/api/auth/setup", &first(&token)).await });
    let answers = futures::future::join_all(tries).await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1, "{:?}", answers.iter().map(common::Answer::text).collect::<Vec<_>>());

    let ada = server.signed_in(made[0]);
    assert_eq!(made[0].json()["user"], json!({"id": 1, "username": "ada", "role": "admin"}));
    assert_eq!(ada.get("/api/keys").await.status, 200);
    assert_eq!(server.client().get("/v1/models").await.status, 200);
    assert_eq!(stranger.post("/api/auth/setup", &first(&token)).await.status, 400, "the link was used");
    assert_eq!(stranger.get("/api/auth/state").await.json()["setup_needed"], false);
    server.stop();
    let again = fresh(&dir);
    assert_eq!(again.client().get("/v1/models").await.status, 200);
    assert!(!again.log().contains("/setup#"), "{}", again.log());
    assert_eq!(login(&again.stranger(), " ADA ", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn the_settings_can_bring_the_first_admin() {
    let dir = tempfile::tempdir().unwrap();
    let launch = || Launch::on(dir.path()).without("AMP_POOL_ADMIN_TOKEN").env("ADMIN_USERNAME", "Root");
    let server = launch().env("ADMIN_PASSWORD", PASSWORD).start();
    assert_eq!(server.client().get("/v1/models").await.status, 200);
    let root = server.sign_in("root", PASSWORD).await;
    assert_eq!(root.get("/api/auth/me").await.json()["role"], "admin");
    server.stop();
    let server = launch().env("ADMIN_PASSWORD", "another-horse-battery").start();
    assert_eq!(login(&server.stranger(), "root", "another-horse-battery").await.status, 401, "only the first time");
    server.sign_in("root", PASSWORD).await;
}

#[tokio::test]
async fn a_session_needs_its_cookie_and_for_changes_its_token_and_our_own_page() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    server.user("ada", "admin").await;
    let answer = login(&server.stranger(), "ada", PASSWORD).await;
    let cookie = answer.header("set-cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let tls = server.stranger().with("x-forwarded-proto", "https");
    assert!(login(&tls, "ada", PASSWORD).await.header("set-cookie").ends_with("; Secure"));

    let ada = server.signed_in(&answer);
    let pair = cookie.split(';').next().unwrap();
    let bare = server.stranger().with("cookie", pair);
    let token = json!({"name": "ci"});
    assert_eq!(bare.get("/api/tokens").await.status, 200);
    assert_eq!(bare.post("/api/tokens", &token).await.json()["error"]["type"], "csrf");
    assert_eq!(bare.clone().with("x-csrf-token", "x").post("/api/tokens", &token).await.status, 403);
    for (name, value) in [("origin", "http://evil"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let evil = ada.clone().with(name, value);
        assert_eq!(evil.post("/api/tokens", &token).await.status, 403, "{name}: {value}");
        let forged = server.stranger().with(name, value);
        assert_eq!(login(&forged, "ada", PASSWORD).await.status, 403, "{name}: {value}");
    }
    let form = ada.clone().with("content-type", "application/x-www-form-urlencoded");
    assert_eq!(form.send(Method::POST, "/api/tokens", "name=ci").await.status, 415);
    assert_eq!(ada.get("/api/tokens").await.json()["total"], 1, "nothing was made");
    let ours = ada.clone().with("origin", &server.url("")).with("sec-fetch-site", "same-origin");
    assert_eq!(ours.post("/api/tokens", &token).await.status, 201);

    // What is not a session is none, whatever it looks like.
    for id in ["0".repeat(64), String::new(), ADMIN.into(), PASSWORD.into()] {
        assert_eq!(server.stranger().with("cookie", &format!("amp_session={id}")).get("/api/keys").await.status, 401);
    }
    assert_eq!(bare.get("/v1/models").await.status, 401, "a session opens no gateway");
    assert_eq!(ada.post("/api/auth/logout", &json!({})).await.status, 204);
    assert_eq!(ada.get("/api/auth/me").await.status, 401);
}

#[tokio::test]
async fn another_password_ends_all_sessions() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let (one, two) = (server.user("ada", "admin").await, server.sign_in("ada", PASSWORD).await);
    let new = "another-horse-battery";
    let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    let refused = one.post("/api/auth/password", &change("wrong-horse-battery", new)).await;
    assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!("current_password")));
    let refused = one.post("/api/auth/password", &change(PASSWORD, "password123")).await;
    assert_eq!(refused.json()["error"]["field"], "new_password");
    assert_eq!(server.admin().post("/api/auth/password", &change(PASSWORD, new)).await.status, 400);

    let changed = one.post("/api/auth/password", &change(PASSWORD, new)).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    for old in [&one, &two] {
        assert_eq!(old.get("/api/auth/me").await.status, 401);
    }
    assert_eq!(server.signed_in(&changed).get("/api/auth/me").await.status, 200);
    assert_eq!(login(&server.stranger(), "ada", PASSWORD).await.status, 401);
    server.sign_in("ada", new).await;
}

#[tokio::test]
async fn failed_logins_are_slowed_down_by_account_and_tell_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    server.user("ada", "viewer").await;
    let known = login(&server.stranger(), "ada", "wrong-horse-battery").await;
    let unknown = login(&server.stranger(), "grace", "wrong-horse-battery").await;
    assert_eq!((known.status, known.text()), (401, unknown.text()));
    // All at once, and with made-up addresses in front.
    let tries = (0..12).map(|n| {
        let client = server.stranger().with("x-forwarded-for", &format!("10.0.0.{n}"));
        async move { login(&client, "ada", "wrong-horse-battery").await.status }
    });
    let codes = futures::future::join_all(tries).await;
    assert!(codes.iter().filter(|code| **code == 401).count() <= 4, "{codes:?}");
    let slowed = login(&server.stranger(), "ada", PASSWORD).await;
    assert_eq!((slowed.status, &slowed.json()["error"]["type"]), (429, &json!("rate_limited")));
    assert!(slowed.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(server.admin().get("/api/users").await.status, 200, "others go on");
}

#[tokio::test]
async fn users_live_from_adding_to_removing_and_the_last_admin_stays() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let ada = server.user("ada", "admin").await;
    let bob = server.user("bob", "operator").await;
    for (body, field) in [
        (json!({}), "username"),
        (json!({"username": "a b", "password": PASSWORD, "role": "viewer"}), "username"),
        (json!({"username": "c", "role": "viewer"}), "password"),
        (json!({"username": "c", "password": "c", "role": "viewer"}), "password"),
        (json!({"username": "c", "password": PASSWORD}), "role"),
        (json!({"username": "c", "password": PASSWORD, "role": "root"}), "role"),
        (json!({"username": "c", "password": PASSWORD, "role": "viewer", "id": 1}), "id"),
        (json!({"username": "c", "password": PASSWORD, "role": "viewer", "enabled": null}), "enabled"),
    ] {
        let answer = ada.post("/api/users", &body).await;
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!(field)), "{body}");
    }
    let taken = json!({"username": "BOB", "password": PASSWORD, "role": "viewer"});
    assert_eq!(ada.post("/api/users", &taken).await.status, 409);
    let list = ada.get("/api/users").await.json();
    assert_eq!((&list["items"][1]["username"], &list["items"][1]["role"]), (&json!("bob"), &json!("operator")));
    assert!(list["items"][1]["last_login"].is_string() && list["items"][1].get("password").is_none());

    for change in [json!({"role": "operator"}), json!({"enabled": false})] {
        assert_eq!(ada.put("/api/users/1", &change).await.json()["error"]["type"], "last_admin", "{change}");
    }
    assert_eq!(ada.delete("/api/users/1").await.status, 409);
    assert_eq!(bob.get("/api/keys").await.status, 200);
    assert_eq!(ada.put("/api/users/2", &json!({"role": "viewer"})).await.json()["role"], "viewer");
    assert_eq!(bob.get("/api/keys").await.status, 401, "fewer rights end the session");
    let bob = server.sign_in("bob", PASSWORD).await;
    ada.put("/api/users/2", &json!({"password": "another-horse-battery"})).await;
    assert_eq!(bob.get("/api/keys").await.status, 401);
    let bob = server.sign_in("bob", "another-horse-battery").await;
    ada.put("/api/users/2", &json!({"enabled": false})).await;
    assert_eq!(bob.get("/api/keys").await.status, 401);
    assert_eq!(login(&server.stranger(), "bob", "another-horse-battery").await.status, 401);
    assert_eq!(ada.delete("/api/users/2").await.status, 204);
    assert_eq!(ada.delete("/api/users/2").await.status, 404);
}

#[tokio::test]
async fn an_operator_cannot_send_a_credential_to_another_place() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let operator = server.user("bob", "operator").await;
    let key = json!({"name": "a", "provider": "openai", "api_key": "sk-0123456789abcdef"});
    assert_eq!(operator.post("/api/keys", &key).await.status, 201);
    for (field, change) in [
        ("base_url", json!({"base_url": "http://evil.example/v1"})),
        ("proxy_ip", json!({"proxy_ip": "http://evil.example:1"})),
        ("provider", json!({"provider": "groq"})),
        (
            "balance_probe",
            json!({"balance_probe": {"kind": "balance", "steps": [{"url": "http://evil.example/"}],
                                                   "amount": "/a", "currency": "USD"}}),
        ),
    ] {
        let refused = operator.put("/api/keys/1", &change).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (403, &json!(field)), "{}", refused.text());
    }
    let whole = json!({"name": "b", "provider": "openai", "base_url": null, "proxy_ip": "", "weight": 3});
    assert_eq!(operator.put("/api/keys/1", &whole).await.status, 200, "what stays may be repeated");
    let anew = json!({"base_url": "http://other.example/v1", "api_key": "sk-fedcba9876543210"});
    assert_eq!(operator.put("/api/keys/1", &anew).await.status, 200);
    assert_eq!(server.admin().put("/api/keys/1", &json!({"base_url": null})).await.status, 200);
}

#[tokio::test]
async fn what_was_done_is_written_down_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let ada = server.user("ada", "admin").await;
    login(&server.stranger(), "ada", "wrong-horse-battery").await;
    login(&server.stranger(), "oops-my-password", "ada").await;
    let key = json!({"name": "team A", "provider": "openai", "api_key": "sk-planted-0123456789"});
    assert_eq!(ada.post("/api/keys", &key).await.status, 201);
    ada.put("/api/keys/1", &json!({"enabled": false, "api_key": "sk-planted-9876543210"})).await;
    ada.put("/api/keys/7", &json!({"enabled": false})).await;
    ada.delete("/api/keys/1").await;
    ada.get("/api/keys").await;

    let audit = ada.get("/api/audit").await;
    let list = audit.json();
    let found: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}", text("actor"), text("action"), text("object"), line["http_status_code"])
        })
        .collect();
    assert_eq!(
        found,
        [
            "admin token POST /api/users 1 201",
            "ada login - 200",
            "ada login - 401",
            "somebody login - 401",
            "ada POST /api/keys 1 201",
            "ada PUT /api/keys/{id} 1 200",
            "ada PUT /api/keys/{id} 7 404",
            "ada DELETE /api/keys/{id} 1 204",
        ]
    );
    let change = &list["items"][2];
    assert_eq!(change["detail"], json!({"fields": ["api_key", "enabled"], "enabled": false}));
    assert_eq!((&change["address"], &change["user_id"]), (&json!("127.0.0.1"), &json!(1)));
    for secret in ["planted", "oops", PASSWORD, ADMIN] {
        assert!(!audit.text().contains(secret), "{secret}");
    }
    let page = ada.get("/api/audit?limit=2").await.json();
    let next = ada.get(&format!("/api/audit?limit=2&cursor={}", page["next_cursor"].as_str().unwrap())).await.json();
    assert_eq!(next["items"][0]["action"], "PUT /api/keys/{id}");
    assert_eq!(ada.get("/api/audit?user_id=x").await.json()["error"]["field"], "user_id");
    server.stop();
    assert!(!contains(&bytes_under(dir.path()), PASSWORD));
}
