//! Rules for verdicts and the health of keys by the admin API.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Launch, Reply, Server, Upstream, chat};
use serde_json::{Value, json};

/// The key `odd` is answered in a way that nobody knows.
async fn upstream() -> Upstream {
    Upstream::start(|ask| {
        let is_odd = ask.headers["authorization"].to_str().unwrap().contains("sk-test-odd");
        match is_odd {
            true => {
                Reply::json(403, &json!({"error": {"message": "Account suspended for 3 days", "type": "relay_error"}}))
            }
            false => Reply::chat(ask.model(), 10, 5),
        }
    })
    .await
}

async fn started(dir: &std::path::Path) -> (Upstream, Server) {
    let (upstream, server) = (upstream().await, Launch::on(dir).start());
    let odd = server.add_key("odd", &upstream).await;
    server.admin().put(&format!("/api/keys/{odd}"), &json!({"priority": 9})).await;
    server.add_key("good", &upstream).await;
    (upstream, server)
}

async fn call(server: &Server) -> u16 {
    server.client().post("/v1/chat/completions", &chat("m", false)).await.status
}

fn suspended() -> Value {
    json!({"name": "suspends", "provider": "custom", "pattern": ["suspended for \\d+ days"], "verdict": "blocked"})
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = server.admin().get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_rule_lives_from_adding_to_removing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let admin = server.admin();
    let added = admin.post("/api/rules", &suspended()).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let rule = added.json();
    assert_eq!((&rule["enabled"], &rule["position"], &rule["status"]), (&json!(true), &json!(0), &json!([])));
    let path = format!("/api/rules/{}", rule["id"]);
    let changed = admin.put(&path, &json!({"position": -1, "provider": null, "wait_seconds": 60})).await.json();
    assert_eq!(
        (&changed["position"], &changed["provider"], &changed["wait_seconds"]),
        (&json!(-1), &Value::Null, &json!(60))
    );
    assert_eq!(changed["pattern"], suspended()["pattern"]);

    let second = json!({"name": "first", "status": [418], "verdict": "rotate", "position": -9});
    admin.post("/api/rules", &second).await;
    let names: Vec<_> =
        get(&server, "/api/rules").await["items"].as_array().unwrap().iter().map(|r| r["name"].clone()).collect();
    assert_eq!(names, ["first", "suspends"], "in the order in which they are asked");
    server.stop();

    let server = Launch::on(dir.path()).start();
    assert_eq!(get(&server, "/api/rules").await["total"], 2);
    assert_eq!(server.admin().delete(&path).await.status, 204);
    assert_eq!(server.admin().delete(&path).await.status, 404);
    assert_eq!(server.admin().put(&path, &json!({})).await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_with_a_rule_is_named_by_its_field() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let admin = server.admin();
    let check = async |change: Value, field: &str| {
        let mut rule = suspended();
        rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        for (path, body) in [("/api/rules", rule.clone()), ("/api/rules/dry-run", json!({"rule": rule}))] {
            let answer = admin.post(path, &body).await;
            assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!(field)), "{path} {change}");
        }
    };
    check(json!({"verdict": "tired"}), "verdict").await;
    check(json!({"verdict": "answer"}), "verdict").await;
    check(json!({"pattern": ["(unclosed"]}), "pattern").await;
    check(json!({"pattern": ["a".repeat(501)]}), "pattern").await;
    check(json!({"pattern": [], "text": []}), "status").await;
    check(json!({"status": ["403"]}), "status").await;
    check(json!({"status": [1]}), "status").await;
    check(json!({"header": "no header"}), "header").await;
    check(json!({"body": "xml"}), "body").await;
    check(json!({"provider": "nobody"}), "provider").await;
    check(json!({"name": ""}), "name").await;
    check(json!({"wait_seconds": -1}), "wait_seconds").await;
    check(json!({"wait_seconds": 1_000_000_000}), "wait_seconds").await;
    check(json!({"until": "tomorrow"}), "until").await;
    check(json!({"colour": "red"}), "colour").await;
    let missing = admin.post("/api/rules", &json!({"name": "x", "status": [1]})).await;
    assert_eq!(missing.json()["error"]["field"], "verdict");
    for (body, field) in [
        (json!({}), "rule"),
        (json!({"rule": suspended(), "cursor": "x"}), "cursor"),
        (json!({"rule": suspended(), "from": "soon"}), "from"),
    ] {
        assert_eq!(admin.post("/api/rules/dry-run", &body).await.json()["error"]["field"], field);
    }
    assert_eq!(admin.post("/api/rules/dry-run", &json!({"replaces": 99})).await.status, 404);
}

#[tokio::test]
async fn a_rule_is_tried_on_the_books_and_then_holds() {
    let dir = tempfile::tempdir().unwrap();
    let (_upstream, server) = started(dir.path()).await;
    assert_eq!(call(&server).await, 200);
    let tried = server.admin().post("/api/rules/dry-run", &json!({"rule": suspended(), "limit": 1})).await.json();
    let found = &tried["items"][0];
    assert_eq!((&tried["looked_at"], &tried["decided"]), (&json!(1), &json!(1)), "{tried}");
    assert_eq!((&found["old"]["verdict"], &found["new"]["verdict"]), (&json!("model_unavailable"), &json!("blocked")));
    assert_eq!((&found["by_trial"], &found["http_status_code"]), (&json!(true), &json!(403)));
    let other = json!({"rule": suspended(), "provider": "openai"});
    assert_eq!(server.admin().post("/api/rules/dry-run", &other).await.json()["looked_at"], 0);

    let key = found["key_id"].clone();
    server.admin().post("/api/rules", &suspended()).await;
    server.admin().post(&format!("/api/keys/{key}/reset"), &json!({})).await;
    assert_eq!(call(&server).await, 200);
    let shown = get(&server, &format!("/api/keys/{key}")).await;
    assert_eq!(shown["status"]["state"], "disabled", "{shown}");
}

#[tokio::test]
async fn health_and_its_history_are_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (_upstream, server) = started(dir.path()).await;
    assert_eq!(call(&server).await, 200);
    let keys = get(&server, "/api/keys?state=cooling").await;
    let path = format!("/api/keys/{}/health", keys["items"][0]["id"]);
    let before = get(&server, &path).await;
    let event = &before["history"][0];
    assert_eq!(
        (&event["of"], &event["model"], &event["state"]),
        (&json!("key"), &json!("m"), &json!("cooling")),
        "{before}"
    );
    assert!(event["reason"].as_str().unwrap().contains("suspended for 3 days"), "{event}");
    server.stop();

    let server = Launch::on(dir.path()).start();
    let after = get(&server, &path).await;
    assert_eq!(after["models"][0]["state"], "cooling");
    assert_eq!(after["history"], before["history"]);
    let reset = server.admin().post(&path.replace("health", "reset"), &json!({})).await.json();
    assert_eq!(reset["status"]["state"], "ready");
    let page = get(&server, &format!("{path}?limit=1")).await;
    assert_eq!(page["history"][0]["reason"], "reset by an operator");
    let next = format!("{path}?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(get(&server, &next).await["history"][0]["state"], "cooling");
}

#[tokio::test]
async fn no_secret_is_kept_of_what_rules_look_at() {
    let dir = tempfile::tempdir().unwrap();
    let planted = "sk-planted-0123456789abcdef";
    let upstream = Upstream::start(move |_| {
        Reply::json(401, &json!({"error": {"message": format!("Incorrect API key provided: {planted}"), "code": "x"}}))
    })
    .await;
    let server = Launch::on(dir.path()).start();
    let key = server.add_key("a", &upstream).await;
    call(&server).await;
    let health = server.admin().get(&format!("/api/keys/{key}/health")).await.text();
    let rule = json!({"rule": {"name": "x", "status": [401], "verdict": "rotate"}});
    let tried = server.admin().post("/api/rules/dry-run", &rule).await.text();
    server.stop();
    assert!(tried.contains("Incorrect API key"), "{tried}");
    assert!(!health.contains(planted) && !tried.contains(planted));
    assert!(!common::contains(&common::bytes_under(dir.path()), planted));
}
