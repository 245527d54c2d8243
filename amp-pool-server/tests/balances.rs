//! Balances by the admin API of the real server, asked of an upstream on loopback.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{Launch, Reply, Server, Upstream, bytes_under, chat, contains};
use serde_json::{Value, json};

const KEY: &str = "sk-test-balances-0123456789";
const ADMIN_KEY: &str = "adm-planted-0123456789";

/// An upstream that tells these balances one after the other, the last again and again, and serves calls.
async fn telling(balances: &'static [&'static str]) -> (Upstream, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let upstream = Upstream::start(move |ask| match ask.path.as_str() {
        "/user/balance" => {
            assert_eq!(ask.headers["user-agent"], "agent/7");
            let turn = counter.fetch_add(1, Ordering::SeqCst).min(balances.len() - 1);
            let info = json!([{"currency": "USD", "total_balance": balances[turn]}]);
            Reply::json(200, &json!({"is_available": true, "balance_infos": info, "echo": KEY}))
        }
        "/mine" => {
            assert_eq!(ask.headers["x-admin"], ADMIN_KEY);
            Reply::json(200, &json!({"wallet": {"cents": 1999, "unit": "cny"}, "echo": ADMIN_KEY}))
        }
        "/v1/chat/completions" => Reply::chat("deepseek-chat", 1_000_000, 0),
        _ => Reply::json(404, &json!({"error": {"message": "not here"}})),
    })
    .await;
    (upstream, asked)
}

async fn add(server: &Server, upstream: &Upstream, changes: &Value) -> String {
    let mut key =
        json!({"name": "a", "provider": "deepseek", "api_key": KEY, "base_url": upstream.url(), "ua": "agent/7"});
    key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let answer = server.admin().post("/api/keys", &key).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    format!("/api/keys/{}", answer.json()["id"])
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = server.admin().get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

fn on_demand(dir: &tempfile::TempDir) -> Server {
    Launch::on(dir.path()).env("AMP_POOL_BALANCE_REFRESH_SECONDS", "0").start()
}

#[tokio::test]
async fn a_balance_is_unknown_until_it_is_asked_for_and_then_stands_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let server = on_demand(&dir);
    let (upstream, asked) = telling(&["12.50", "12.00"]).await;
    let path = add(&server, &upstream, &json!({})).await;

    let unknown = get(&server, &format!("{path}/balance")).await;
    assert_eq!((&unknown["balance"], &unknown["balance_source"]), (&Value::Null, &json!("none")));
    for field in
        ["balance_currency", "balance_last_update", "reported", "computed", "manual", "days_left", "last_error"]
    {
        assert_eq!(unknown[field], Value::Null, "{field}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);

    let known = get(&server, &format!("{path}/balance?refresh=true")).await;
    assert_eq!((&known["balance"], &known["balance_currency"]), (&json!("12.500000000"), &json!("USD")));
    assert_eq!((&known["balance_source"], &known["reported"]["usable"]), (&json!("reported"), &json!(true)));
    assert!(known["reported"]["raw"].as_str().unwrap().contains("[redacted]"));
    assert!(known["age_seconds"].as_i64().unwrap() < 60);

    let again = server.admin().post(&format!("{path}/balance/refresh"), &json!({})).await.json();
    assert_eq!(again["balance"], "12.000000000");
    let shown = get(&server, "/api/keys").await["items"][0].clone();
    assert_eq!((&shown["balance"], &shown["balance_source"]), (&json!("12.000000000"), &json!("reported")));
    assert_eq!(shown["balance_last_update"], again["balance_last_update"]);

    let history = get(&server, &format!("{path}/balance/history")).await;
    let amounts: Vec<_> = history["items"].as_array().unwrap().iter().map(|row| row["amount"].clone()).collect();
    assert_eq!(amounts, ["12.500000000", "12.000000000"]);
}

#[tokio::test]
async fn the_schedule_asks_by_itself_and_a_restart_remembers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).env("AMP_POOL_BALANCE_REFRESH_SECONDS", "1").start();
    let (upstream, _) = telling(&["7"]).await;
    let path = add(&server, &upstream, &json!({})).await;
    let mut balance = Value::Null;
    for _ in 0..200 {
        balance = get(&server, &format!("{path}/balance")).await;
        if balance["balance"] == "7.000000000" && balance["next_refresh"].is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(balance["balance"], "7.000000000");
    server.stop();

    let server = on_demand(&dir);
    let remembered = get(&server, &format!("{path}/balance")).await;
    assert_eq!((&remembered["balance"], &remembered["next_refresh"]), (&json!("7.000000000"), &Value::Null));
}

#[tokio::test]
async fn what_was_paid_in_and_what_a_person_said_stand_beside_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let server = on_demand(&dir);
    let (upstream, _) = telling(&["1"]).await;
    let path = add(&server, &upstream, &json!({"total_balance": "5"})).await;
    let balance = format!("{path}/balance");
    assert_eq!(get(&server, &path).await["balance_source"], "computed");

    let said = server.admin().put(&balance, &json!({"amount": "20", "currency": "USD"})).await.json();
    assert_eq!((&said["balance"], &said["balance_source"]), (&json!("20.000000000"), &json!("manual")));
    let answer = server.client().post("/v1/chat/completions", &chat("deepseek-chat", false)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let after = get(&server, &balance).await;
    let booked: f64 = after["computed"]["booked"].as_str().unwrap().parse().unwrap();
    let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    assert!(booked > 0.0);
    assert!((number(&after["computed"]["amount"]) - (5.0 - booked)).abs() < 1e-9);
    assert!((number(&after["manual"]["left"]) - (20.0 - booked)).abs() < 1e-9);
    assert_eq!(after["balance"], after["manual"]["left"]);

    let taken_back = server.admin().put(&balance, &json!({"amount": null})).await.json();
    assert_eq!((&taken_back["manual"], &taken_back["balance_source"]), (&Value::Null, &json!("computed")));
    let reported = get(&server, &format!("{balance}?refresh=true")).await;
    assert_eq!((&reported["balance"], &reported["balance_source"]), (&json!("1.000000000"), &json!("reported")));
}

#[tokio::test]
async fn a_key_stops_at_its_minimum_and_goes_on_above_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = on_demand(&dir);
    let (upstream, _) = telling(&["4.5", "6"]).await;
    let path = add(&server, &upstream, &json!({"balance_minimum": "5"})).await;
    let refresh = async || server.admin().post(&format!("{path}/balance/refresh"), &json!({})).await.json();

    assert_eq!(refresh().await["stopped"], true);
    let status = get(&server, &path).await["status"].clone();
    assert_eq!(status["state"], "out_of_credit");
    assert_eq!(status["reason"], "its balance is 4.5 USD, the minimum 5");
    assert_eq!(server.client().post("/v1/chat/completions", &chat("deepseek-chat", false)).await.status, 503);

    assert_eq!(refresh().await["stopped"], false);
    assert_eq!(get(&server, &path).await["status"]["state"], "ready");
}

#[tokio::test]
async fn an_operators_own_probe_is_kept_and_its_values_are_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let server = on_demand(&dir);
    let (upstream, _) = telling(&["1"]).await;
    let probe = json!({"id": "own", "kind": "balance", "currency": {"at": "/wallet/unit"},
                       "steps": [{"url": "{base}/mine", "headers": {"x-admin": "{admin_key}"}}],
                       "amount": {"at": "/wallet/cents", "scale": "0.01"}});
    let own = json!({"provider": "custom", "models": ["*"], "balance_probe": probe, "balance_usd_rate": "0.14",
                     "balance_values": {"admin_key": ADMIN_KEY}});
    let path = add(&server, &upstream, &own).await;
    let shown = get(&server, &path).await;
    assert_eq!(shown["balance_probe"]["steps"], probe["steps"]);
    assert_eq!(shown["balance_values"], json!({"admin_key": "…"}));

    let written_back =
        json!({"name": "b", "balance_probe": shown["balance_probe"], "balance_values": shown["balance_values"]});
    assert_eq!(server.admin().put(&path, &written_back).await.status, 200);
    let balance = get(&server, &format!("{path}/balance?refresh=true")).await;
    assert_eq!((&balance["balance"], &balance["balance_currency"]), (&json!("19.990000000"), &json!("CNY")));
    assert_eq!(balance["balance_usd"], "2.798600000");

    let said = [balance.to_string(), get(&server, &path).await.to_string(), server.log()].concat();
    for secret in [KEY, ADMIN_KEY] {
        assert!(!said.contains(secret));
        assert!(!contains(&bytes_under(dir.path()), secret), "{secret} is in a file");
    }
    let reset = server.admin().put(&path, &json!({"balance_probe": null, "balance_values": {}})).await.json();
    assert_eq!((&reset["balance_probe"], &reset["balance_values"]), (&Value::Null, &json!({})));
}

#[tokio::test]
async fn an_upstream_that_refuses_is_told_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let server = on_demand(&dir);
    let (upstream, _) = telling(&["1"]).await;
    let check = async |changes: Value, kind: &str| {
        let path = add(&server, &upstream, &changes).await;
        let answer = get(&server, &format!("{path}/balance?refresh=true")).await;
        assert_eq!(answer["last_error"]["kind"], kind, "{answer}");
        assert_eq!(answer["balance"], Value::Null);
    };
    check(json!({"provider": "moonshot"}), "not_offered").await;
    check(json!({"provider": "openai"}), "incomplete").await;
    check(json!({"provider": "groq"}), "not_offered").await;
    check(json!({"balance_probe": "off"}), "not_offered").await;
    check(json!({"api_key": "sk-other-0123456789", "base_url": "http://127.0.0.1:9"}), "unreachable").await;
    assert_eq!(server.admin().get("/api/keys/99/balance").await.status, 404);
    assert_eq!(server.stranger().get("/api/keys/1/balance?refresh=true").await.status, 401);
}

#[tokio::test]
async fn the_ways_to_ask_are_listed_with_what_they_need() {
    let dir = tempfile::tempdir().unwrap();
    let server = on_demand(&dir);
    let providers = get(&server, "/api/providers").await["items"].clone();
    let probes = |id: &str| {
        let provider = providers.as_array().unwrap().iter().find(|provider| provider["id"] == id).unwrap();
        provider["balance_probes"].clone()
    };
    assert_eq!(
        probes("openai"),
        json!([{"id": "costs", "kind": "spend_only", "needs": ["admin_key"], "by_default": true}])
    );
    assert_eq!(probes("mistral"), json!([]));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_field() {
    let dir = tempfile::tempdir().unwrap();
    let server = on_demand(&dir);
    let (upstream, _) = telling(&["1"]).await;
    let path = add(&server, &upstream, &json!({})).await;
    let check = async |path: &str, body: Value, field: &str| {
        let answer = server.admin().put(path, &body).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["field"]),
            (400, &json!(field)),
            "{body}: {}",
            answer.text()
        );
    };
    let balance = format!("{path}/balance");
    check(&balance, json!({}), "amount").await;
    check(&balance, json!({"amount": 5}), "amount").await;
    check(&balance, json!({"amount": "5", "currency": "U$D"}), "currency").await;
    check(&balance, json!({"amount": "5", "unit": "USD"}), "unit").await;
    check(&path, json!({"balance_probe": "guess"}), "balance_probe").await;
    check(
        &path,
        json!({"balance_probe": {"kind": "balance", "steps": [{"url": "x"}], "amount": "/a"}}),
        "balance_probe",
    )
    .await;
    check(&path, json!({"balance_values": {"a": "…"}}), "balance_values").await;
    check(&path, json!({"balance_minimum": 5}), "balance_minimum").await;
    check(&path, json!({"balance_usd_rate": "-1"}), "balance_usd_rate").await;
    assert_eq!(server.admin().get(&format!("{balance}?refresh=maybe")).await.status, 400);
    assert_eq!(
        server
            .admin()
            .get(&format!("{balance}/history?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z"))
            .await
            .status,
        400
    );
}
