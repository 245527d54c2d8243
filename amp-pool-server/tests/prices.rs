//! Prices: written, imported, kept with records, and applied to the past without changing it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::process::{Command, Output};

use common::{Answer, Client, Launch, Reply, Server, Upstream, chat};
use serde_json::{Value, json};

async fn upstream() -> Upstream {
    Upstream::start(|ask| Reply::chat(ask.model(), 1_000_000, 100_000)).await
}

async fn call(server: &Server, model: &str) -> String {
    let answer = server.client().post("/v1/chat/completions", &chat(model, false)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-request-id").to_owned()
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = server.admin().get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

async fn set(server: &Server, model: &str, input: &str, output: &str) -> Value {
    let price = json!({"price": {"input": input, "output": output}, "note": "a test"});
    let answer = server.admin().put(&format!("/api/models/{model}"), &price).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// What costs are shown: of the call as it was booked, as it was adjusted, of its only attempt.
async fn costs(server: &Server, call: &str) -> [Value; 3] {
    let mut row = get(server, &format!("/api/requests/{call}")).await;
    [row["cost"].take(), row["adjusted_cost"].take(), row["attempts_detail"][0]["cost"].take()]
}

async fn sums(server: &Server) -> (Value, Value) {
    let mut sums = get(server, "/api/statistics/overview").await;
    (sums["cost"].take(), sums["unpriced_requests"].take())
}

fn audit(dir: &std::path::Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amp-pool-server"));
    command.env_clear().current_dir(dir).env("DATA_DIR", dir).arg("audit").output().unwrap()
}

#[tokio::test]
async fn another_price_leaves_what_was_booked_and_a_new_rating_writes_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, server) = (upstream().await, Launch::on(dir.path()).start());
    let key = server.add_key("good", &upstream).await;
    let budget = json!({"budget": {"limit": "1000", "window": "month"}});
    assert_eq!(server.admin().put(&format!("/api/keys/{key}"), &budget).await.status, 200);
    let first = call(&server, "mine").await;
    assert_eq!(costs(&server, &first).await, [Value::Null, Value::Null, Value::Null]);
    assert_eq!(sums(&server).await, (json!("0.000000000"), json!(1)));

    let version = set(&server, "mine", "2", "10").await["version"].clone();
    let second = call(&server, "mine").await;
    assert_eq!(costs(&server, &second).await, [json!("3.000000000"), Value::Null, json!("3.000000000")]);
    let detail = get(&server, &format!("/api/requests/{second}")).await;
    assert_eq!(detail["attempts_detail"][0]["price_version"], version);
    assert_eq!(costs(&server, &first).await, [Value::Null, Value::Null, Value::Null], "history stays");

    // A correction that holds since long ago.
    let back = json!({"price": {"input": "1", "output": "10"}, "valid_from": "2020-01-01T00:00:00Z"});
    assert_eq!(server.admin().put("/api/models/mine", &back).await.status, 200);
    let wanted = json!({"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "dry_run": true});
    let planned = server.admin().post("/api/prices/re-rate", &wanted).await.json();
    let expected = json!({"dry_run": true, "calls": 2, "adjusted": 2, "became_known": 1, "still_unknown": 0,
                          "before": "3.000000000", "after": "4.000000000"});
    assert_eq!(planned, expected);
    assert_eq!(sums(&server).await, (json!("3.000000000"), json!(1)), "a dry run changes nothing");

    let wanted = json!({"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "note": "it was cheaper"});
    let done = server.admin().post("/api/prices/re-rate", &wanted).await.json();
    assert_eq!((&done["adjusted"], &done["after"]), (&json!(2), &json!("4.000000000")));
    assert_eq!(costs(&server, &first).await, [Value::Null, json!("2.000000000"), Value::Null]);
    assert_eq!(costs(&server, &second).await, [json!("3.000000000"), json!("2.000000000"), json!("3.000000000")]);
    assert_eq!(sums(&server).await, (json!("4.000000000"), json!(0)));
    let budgets = get(&server, "/api/budgets").await;
    assert_eq!(budgets["items"][0]["spent"], "4.000000000", "{budgets}");
    let again = server.admin().post("/api/prices/re-rate", &wanted).await.json();
    assert_eq!((&again["calls"], &again["adjusted"]), (&json!(2), &json!(0)), "the second time finds nothing to do");

    let found = audit(dir.path());
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stdout));
    server.stop();
    let mut command = Command::new(env!("CARGO_BIN_EXE_amp-pool-server"));
    command.env_clear().current_dir(dir.path()).env("DATA_DIR", dir.path());
    let times = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"];
    let said = command.arg("re-rate").args(times).args(["--model", "mine", "--dry-run"]).output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.starts_with("2 calls, 0 adjusted"), "{said}");
}

#[tokio::test]
async fn a_model_shows_what_it_costs_and_what_it_did_cost() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, server) = (upstream().await, Launch::on(dir.path()).start());
    server.add_key("good", &upstream).await;
    assert_eq!(server.admin().get("/api/models/mine").await.status, 404);
    let price = json!({"price": {"input": 2, "output": "10", "batch": {"input": 1}, "multipliers": {"us": "1.1"},
                       "long_context": [{"above_input_tokens": 1000, "input": 4}]}, "provider": "custom"});
    assert_eq!(server.admin().put("/api/models/mine", &price).await.status, 200);
    set(&server, "mine", "5", "5").await;
    let model = get(&server, "/api/models/mine").await;
    let history = model["history"].as_array().unwrap();
    assert_eq!((history.len(), &history[0]["price"]["input"]), (2, &json!("5.000000000")));
    assert_eq!(history[1]["price"]["long_context"][0]["input"], "4.000000000");
    assert_eq!((&history[1]["provider"], &history[1]["who"]), (&json!("custom"), &json!("admin token")));
    assert_eq!((&history[0]["note"], &history[0]["origin"]), (&json!("a test"), &json!("own")));

    let table = get(&server, "/api/prices").await;
    let rows = table["items"].as_array().unwrap();
    assert!(rows.len() > 130, "{}", rows.len());
    let mine: Vec<_> = rows.iter().filter(|row| row["model"] == "mine").map(|row| &row["provider"]).collect();
    assert_eq!(mine, [&Value::Null, &json!("custom")]);

    let gone = server.admin().delete("/api/models/mine?provider=custom").await;
    assert_eq!(gone.status, 204, "{}", gone.text());
    assert_eq!(server.admin().delete("/api/models/mine?provider=custom").await.status, 404);
    assert_eq!(get(&server, "/api/models/mine").await["history"][0]["price"], Value::Null);
    call(&server, "mine").await;
    assert_eq!(sums(&server).await.0, "5.500000000", "the price for all providers holds");
}

#[tokio::test]
async fn a_wrong_price_is_refused_by_its_field() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let check = async |body: Value, field: &str, part: &str| {
        let answer = server.admin().put("/api/models/mine", &body).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["field"]),
            (400, &json!(field)),
            "{body}: {}",
            answer.text()
        );
        assert!(answer.text().contains(part), "{body}: {}", answer.text());
    };
    check(json!({}), "price", "missing").await;
    check(json!({"price": {"input": "1"}}), "price", "output").await;
    check(json!({"price": {"input": "1", "outptu": "2"}}), "price", "outptu").await;
    check(json!({"price": {"input": "-1", "output": "2"}}), "price", "not negative").await;
    check(json!({"price": {"input": "1", "output": "2", "batch": {"inp": 1}}}), "price", "inp").await;
    check(json!({"price": {"input": "1", "output": "2"}, "provider": "nobody"}), "provider", "nobody").await;
    check(json!({"prices": 1}), "prices", "unknown").await;
    let answer = server.admin().post("/api/prices/re-rate", &json!({"from": "2026-01-01T00:00:00Z"})).await;
    assert_eq!(answer.json()["error"]["field"], "to");
}

async fn import(client: &Client, query: &str, list: &Value) -> Answer {
    client
        .clone()
        .with("content-type", "application/json")
        .send(http::Method::POST, &format!("/api/prices/import{query}"), list.to_string())
        .await
}

#[tokio::test]
async fn a_list_is_taken_by_its_differences() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, server) = (upstream().await, Launch::on(dir.path()).start());
    server.add_key("good", &upstream).await;
    let list = json!({
        "gpt-5": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-05},
        "gpt-99": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2e-06, "output_cost_per_token": 1e-05},
        "broken": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": "a lot"},
    });
    let admin = server.admin();
    let planned = import(&admin, "?dry_run=true", &list).await.json();
    assert_eq!(planned["changed"][0]["model"], "gpt-5", "{planned}");
    assert_eq!(
        (&planned["changed"][0]["before"]["input"], &planned["changed"][0]["after"]["input"]),
        (&json!("1.250000000"), &json!("1.000000000"))
    );
    assert_eq!((&planned["added"][0]["model"], planned["wrong"].as_array().unwrap().len()), (&json!("gpt-99"), 1));
    call(&server, "gpt-5").await;
    assert_eq!(sums(&server).await.0, "2.250000000", "a dry run changes nothing");

    let done = import(&admin, "?note=november", &list).await.json();
    assert_eq!((&done["dry_run"], done["changed"].as_array().unwrap().len()), (&json!(false), 1));
    call(&server, "gpt-5").await;
    assert_eq!(sums(&server).await.0, "4.250000000");
    set(&server, "gpt-5", "0", "0").await;
    call(&server, "gpt-5").await;
    assert_eq!(sums(&server).await.0, "4.250000000", "the operator's own price goes before the list");
    let again = import(&admin, "", &list).await.json();
    assert_eq!((&again["unchanged"], &again["changed"], &again["added"]), (&json!(2), &json!([]), &json!([])));
    let own: Value = serde_json::from_str(include_str!("../../amp-pool-core/src/price/prices.json")).unwrap();
    let back = import(&admin, "?dry_run=true", &own).await.json();
    assert_eq!(
        (back["changed"].as_array().unwrap().len(), &back["wrong"]),
        (1, &json!([])),
        "only gpt-5 differs from the seed"
    );
    for (wrong, field) in [(json!([]), "file"), (json!({"_meta": {}}), "file")] {
        assert_eq!(import(&admin, "", &wrong).await.json()["error"]["field"], field);
    }
}

#[tokio::test]
async fn a_tier_that_the_answer_names_is_the_one_that_is_paid() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(|ask| {
        let tier = if ask.model() == "gpt-5" { "flex" } else { "default" };
        let usage = json!({"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000});
        let choices = json!([{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]);
        Reply::json(
            200,
            &json!({"id": "x", "object": "chat.completion", "choices": choices, "usage": usage, "service_tier": tier}),
        )
    })
    .await;
    let server = Launch::on(dir.path()).start();
    server.add_key("good", &upstream).await;
    let cost = async |model: &str, tier: &str| {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}], "service_tier": tier});
        let answer = server.client().post("/v1/chat/completions", &body).await;
        let row = get(&server, &format!("/api/requests/{}", answer.header("x-request-id"))).await;
        (row["cost"].clone(), row["attempts_detail"][0]["service_terms"].clone())
    };
    assert_eq!(cost("gpt-5", "auto").await, (json!("0.625000000"), json!("flex")));
    assert_eq!(cost("gpt-5-mini", "priority").await, (json!("0.250000000"), json!("")));
}

#[tokio::test]
async fn statistics_are_tables_for_spreadsheets() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, server) = (upstream().await, Launch::on(dir.path()).start());
    server.add_key("=cmd()", &upstream).await;
    set(&server, "mine", "2", "10").await;
    call(&server, "mine").await;
    for table in ["keys", "models", "providers", "tokens", "timeline"] {
        let answer = server.admin().get(&format!("/api/statistics/{table}?format=csv")).await;
        let text = answer.text();
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/csv; charset=utf-8"), "{text}");
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let costs = rows.headers().unwrap().iter().position(|name| name == "cost").unwrap();
        let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
        assert!(rows.iter().any(|row| &row[costs] == "3.000000000"), "{table}: {text}");
        assert!(table != "keys" || text.contains(",'=cmd(),custom,"), "{text}");
    }
    let accepted = server.admin().with("accept", "text/csv").get("/api/statistics/models").await;
    assert!(accepted.text().starts_with("model,requests,errors,"), "{}", accepted.text());
    let wrong = server.admin().get("/api/statistics/models?format=xls").await;
    assert_eq!((wrong.status, &wrong.json()["error"]["field"]), (400, &json!("format")));
}
