//! The books as the admin API shows them: rows, attempts, filters, sums.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Launch, Reply, Server, Upstream, chat};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

/// Answers by the name of the model; the key `limited` never has room.
async fn upstream() -> Upstream {
    Upstream::start(|ask| {
        let limited = ask.headers["authorization"].to_str().unwrap().contains("sk-test-limited");
        match ask.model() {
            _ if limited => Reply::json(429, &json!({"error": {"type": "rate_limit_error", "message": "slow down"}})),
            "bad" => Reply::json(400, &json!({"error": {"type": "invalid_request_error", "message": "no"}})),
            "slow" => Reply::chat_stream("slow", 10, Duration::from_millis(100), 5, 10),
            model => Reply::chat(model, 1_000_000, 1_000),
        }
    })
    .await
}

async fn call(server: &Server, model: &str) -> (u16, String) {
    let answer = server.client().post("/v1/chat/completions", &chat(model, false)).await;
    (answer.status, answer.header("x-request-id").to_owned())
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = server.admin().get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// A Messages call to `server` with a field that Chat has no place for.
async fn message(server: &Server) -> common::Answer {
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "top_k": 3});
    server.client().post("/v1/messages", &body).await
}

#[tokio::test]
async fn what_a_translation_lost_is_shown_with_the_call_and_refused_where_that_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, server) = (upstream().await, Launch::on(dir.path()).start());
    let key = server.add_key("good", &upstream).await;
    server.admin().put(&format!("/api/keys/{key}"), &json!({"formats": ["chat"]})).await;
    let answer = message(&server).await;
    assert_eq!((answer.status, answer.header("x-amp-dropped")), (200, "top_k"), "{}", answer.text());
    let row = get(&server, &format!("/api/requests/{}", answer.header("x-request-id"))).await;
    assert_eq!(row["losses"], json!([{"side": "request", "kind": "dropped", "field": "top_k", "note": ""}]));

    let route = json!({"model": "m", "candidates": [{"model": "m"}], "strict_translation": true});
    let route = server.admin().post("/api/routes", &route).await.json();
    assert_eq!(message(&server).await.status, 400);
    let path = format!("/api/routes/{}", route["id"]);
    let changed = json!({"strict_translation": false, "translation": {"web_search": true}});
    let changed = server.admin().put(&path, &changed).await.json();
    assert_eq!(
        (&changed["strict_translation"], &changed["translation"]["web_search"]),
        (&json!(false), &json!(true)),
        "{changed}"
    );
    assert_eq!(message(&server).await.status, 200);

    let token = server.admin().put("/api/tokens/1", &json!({"strict_translation": true})).await.json();
    assert_eq!(token["strict_translation"], true);
    let refused = message(&server).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("top_k"), "{}", refused.text());
}

/// The models of the rows that a filter leaves, newest first.
async fn check(server: &Server, filter: &str, expected: &[&str]) {
    let list = get(server, &format!("/api/requests?{filter}")).await;
    let found: Vec<_> = list["items"].as_array().unwrap().iter().map(|row| row["model"].as_str().unwrap()).collect();
    assert_eq!(found, expected, "{filter}");
}

#[tokio::test]
async fn a_call_is_shown_with_every_attempt_and_why() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, server) = (upstream().await, Launch::on(dir.path()).start());
    let limited = server.add_key("limited", &upstream).await;
    server.admin().put(&format!("/api/keys/{limited}"), &json!({"priority": 1})).await;
    let good = server.add_key("good", &upstream).await;
    let (status, id) = call(&server, "m").await;
    assert_eq!(status, 200);

    let row = get(&server, &format!("/api/requests/{id}")).await;
    assert_eq!(row, get(&server, &format!("/api/requests/{}", row["id"])).await);
    for (field, expected) in [
        ("call_id", json!(id)),
        ("key_id", json!(good)),
        ("token_id", json!(1)),
        ("provider", json!("custom")),
        ("model", json!("m")),
        ("format", json!("chat")),
        ("endpoint", json!("chat_completions")),
        ("stream", json!(false)),
        ("status", json!("success")),
        ("outcome", json!("done")),
        ("http_status_code", json!(200)),
        ("attempts", json!(2)),
        ("input_tokens", json!(1_000_000)),
        ("output_tokens", json!(1_000)),
        ("total_tokens", json!(1_001_000)),
        ("estimated", json!(false)),
        ("cost", Value::Null),
    ] {
        assert_eq!(row[field], expected, "{field}");
    }
    let [first, second] = row["attempts_detail"].as_array().unwrap().as_slice() else { panic!("{row}") };
    assert_eq!(
        (&first["key_id"], &first["served"], &first["http_status_code"]),
        (&json!(limited), &json!(false), &json!(429))
    );
    assert_eq!(
        (&second["key_id"], &second["served"], &second["http_status_code"]),
        (&json!(good), &json!(true), &json!(200))
    );

    let key = get(&server, &format!("/api/keys/{limited}")).await;
    let health = get(&server, &format!("/api/keys/{limited}/health")).await;
    let rests = key["status"]["state"] == "cooling" || health["models"][0]["state"] == "cooling";
    assert!(rests, "{key} {health}");
    server.admin().post(&format!("/api/keys/{limited}/reset"), &json!({})).await;
    let health = get(&server, &format!("/api/keys/{limited}/health")).await;
    assert_eq!((&health["status"]["state"], &health["models"]), (&json!("ready"), &json!([])));
}

#[tokio::test]
async fn rows_are_found_by_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, server) = (upstream().await, Launch::on(dir.path()).start());
    let key = server.add_key("good", &upstream).await;
    for (model, status) in [("a", 200), ("bad", 400), ("b", 200)] {
        assert_eq!(call(&server, model).await.0, status, "{model}");
    }
    check(&server, "", &["b", "bad", "a"]).await;
    check(&server, "model=a", &["a"]).await;
    check(&server, "model=%25", &[]).await;
    check(&server, "status=success", &["b", "a"]).await;
    check(&server, "status=error", &["bad"]).await;
    check(&server, "status=open", &[]).await;
    check(&server, &format!("key_id={key}&status=success&limit=1"), &["b"]).await;
    check(&server, "key_id=99", &[]).await;
    check(&server, "token_id=1", &["b", "bad", "a"]).await;
    check(&server, "to=2020-01-01T00:00:00Z", &[]).await;
    let page = get(&server, "/api/requests?limit=2").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    check(&server, &format!("limit=2&cursor={cursor}"), &["a"]).await;
    assert_eq!(get(&server, &format!("/api/requests?cursor={cursor}")).await["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_call_is_open_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, server) = (upstream().await, Launch::on(dir.path()).start());
    server.add_key("good", &upstream).await;
    let mut body = server.client().try_chat(&chat("slow", true)).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    let row = get(&server, "/api/requests?status=open").await["items"][0].clone();
    assert_eq!((&row["model"], &row["outcome"], &row["cost"]), (&json!("slow"), &Value::Null, &Value::Null), "{row}");
    body.collect().await.unwrap();
    check(&server, "status=open", &[]).await;
    check(&server, "status=success", &["slow"]).await;
}

#[tokio::test]
async fn sums_are_split_by_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, server) = (upstream().await, Launch::on(dir.path()).start());
    let key = json!({"name": "priced", "provider": "openai", "api_key": "sk-0123456789abcdef", "base_url": upstream.url(),
                     "models": ["gpt-5", "no-such-model"]});
    assert_eq!(server.admin().post("/api/keys", &key).await.status, 201);
    for model in ["gpt-5", "gpt-5", "no-such-model", "bad"] {
        call(&server, model).await;
    }
    let overview = get(&server, "/api/statistics/overview").await;
    let cost = overview["cost"].as_str().unwrap();
    assert_eq!((&overview["requests"], &overview["unpriced_requests"]), (&json!(3), &json!(1)), "{overview}");
    assert_eq!((&overview["input_tokens"], &overview["output_tokens"]), (&json!(3_000_000), &json!(3_000)));
    // Twice a million input tokens at $1.25 and a thousand output tokens at $10 per million.
    assert_eq!(cost, "2.520000000");
    assert_eq!(overview["keys"]["ready"], 1);

    for (split, field, expected) in [
        ("keys", "key_id", json!([1])),
        ("providers", "provider", json!(["openai"])),
        ("tokens", "token_id", json!([1])),
    ] {
        let table = get(&server, &format!("/api/statistics/{split}")).await;
        let rows = table["items"].as_array().unwrap();
        assert_eq!(json!(rows.iter().map(|row| &row[field]).collect::<Vec<_>>()), expected, "{split}");
        assert_eq!(rows[0]["cost"], cost, "{split}");
    }
    let models = get(&server, "/api/statistics/models").await;
    assert_eq!(models["items"].as_array().unwrap().len(), 2);
    let day = get(&server, "/api/statistics/timeline?granularity=day").await;
    assert_eq!((day["items"].as_array().unwrap().len(), &day["items"][0]["requests"]), (1, &json!(3)));
    let elsewhere = get(&server, "/api/statistics/timeline?granularity=day&time_zone=Asia/Shanghai").await;
    let requests: u64 =
        elsewhere["items"].as_array().unwrap().iter().map(|row| row["requests"].as_u64().unwrap()).sum();
    assert_eq!(requests, 3, "{elsewhere}");
    for (filter, expected) in
        [("model=gpt-5", 2), ("model=gpt-4", 0), ("key_id=1&token_id=1", 3), ("key_id=2", 0), ("provider=openai", 3)]
    {
        let sums = get(&server, &format!("/api/statistics/overview?{filter}")).await;
        assert_eq!(sums["requests"], expected, "{filter}");
    }
    let times = &overview["latency_ms"];
    assert!(times["p50"].as_u64() <= times["p99"].as_u64() && times["p50"].is_u64(), "{overview}");
    let today = get(&server, "/api/keys/1").await["today"].clone();
    assert_eq!(today, json!({"requests": 3, "tokens": 3_003_000, "cost": cost}));
}

#[tokio::test]
async fn what_would_happen_is_told_and_afterwards_why_it_did() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, server) = (upstream().await, Launch::on(dir.path()).start());
    let limited = server.add_key("limited", &upstream).await;
    server.admin().put(&format!("/api/keys/{limited}"), &json!({"priority": 1})).await;
    let good = server.add_key("good", &upstream).await;
    let off = server.add_key("off", &upstream).await;
    server.admin().put(&format!("/api/keys/{off}"), &json!({"enabled": false})).await;
    let explain = async |question: Value| server.admin().post("/api/routes/explain", &question).await;
    let question = json!({"model": "m", "token_id": 1, "format": "responses", "stream": true, "session": "s-1"});
    let before = explain(question.clone()).await.json();
    assert_eq!(before["outcome"], "key", "{before}");
    assert_eq!((&before["choice"]["key_id"], &before["choice"]["translated"]), (&json!(limited), &json!(true)));
    assert_eq!(before["excluded"], json!([{"key_id": off, "name": "off", "why": "disabled"}]));

    let (status, id) = call(&server, "m").await;
    assert_eq!(status, 200);
    let after = explain(question).await.json();
    assert_eq!(after["choice"]["key_id"], good);
    let [first, second] = after["candidates"].as_array().unwrap().as_slice() else { panic!("{after}") };
    assert_eq!(
        (&first["key_id"], &first["state"], &second["state"]),
        (&json!(limited), &json!("cooling"), &json!("ready"))
    );
    assert!(first["until"].is_string() && first["reason"].as_str().unwrap().starts_with("rate_limited"), "{first}");

    let row = get(&server, &format!("/api/requests/{id}")).await;
    let by = |n: usize| (&row["attempts_detail"][n]["chosen_by"], &row["attempts_detail"][n]["candidates"]);
    assert_eq!((by(0), by(1)), ((&json!("strategy"), &json!(2)), (&json!("strategy"), &json!(2))));
    let decided = &row["attempts_detail"][0]["decided_by"];
    assert_eq!(
        (&decided["source"], &decided["rule"]["verdict"]),
        (&json!("generic"), &json!("rate_limited")),
        "{decided}"
    );
    assert_eq!(row["attempts_detail"][1]["decided_by"], Value::Null, "an answer needs no judge");
    let (_, id) = call(&server, "m").await;
    let row = get(&server, &format!("/api/requests/{id}")).await;
    let choice = &row["choices"][0];
    assert_eq!((&choice["passed_over"], &choice["first"][0]["key_id"]), (&json!({"cooling": 1}), &json!(limited)));

    for (bad, field) in [
        (json!({"model": ""}), "model"),
        (json!({"model": "m", "format": "soap"}), "format"),
        (json!({"model": "m", "token_id": 99}), "token_id"),
        (json!({"model": "m", "whatever": 1}), "whatever"),
    ] {
        let refused = explain(bad).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!(field)));
    }
    server.admin().put("/api/tokens/1", &json!({"models": ["other"]})).await;
    let refused = explain(json!({"model": "m", "token_id": 1})).await.json();
    assert_eq!((&refused["outcome"], &refused["refusal"]["http_status_code"]), (&json!("forbidden"), &json!(403)));
}
