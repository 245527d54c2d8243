//! Many keys at once: import, export, bulk changes; and whether a key is good.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Answer, Client, Launch, PASSWORD, Reply, Server, Upstream, bytes_under, contains};
use http::Method;
use serde_json::{Value, json};

fn start() -> (Server, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Launch::on(dir.path()).start(), dir)
}

async fn import(client: &Client, query: &str, kind: &str, body: impl Into<bytes::Bytes>) -> Answer {
    let client = client.clone().with("content-type", kind);
    client.send(Method::POST, &format!("/api/keys/import{query}"), body).await
}

fn counts(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let report = answer.json();
    json!([report["added"], report["duplicates"], report["invalid"]])
}

#[tokio::test]
async fn a_text_is_imported_with_a_report_for_each_line() {
    let (server, dir) = start();
    let admin = server.admin();
    let text = "# ours\nteam-a sk-planted-000000001\n\nsk-ant-planted-000000002 socks5h://u:hunter-planted@127.0.0.1:9\n\
                sk-planted-000000001\nsk-planted-\u{e9}\nodd line of many words\n";
    let dry = import(&admin, "?provider=openai&tags=new,%20eu&dry_run=true", "text/plain", text).await;
    assert_eq!(counts(&dry), json!([2, 1, 2]));
    assert_eq!(admin.get("/api/keys").await.json()["total"], 0, "a dry run adds nothing");

    let done = import(&admin, "?provider=openai&tags=new,%20eu", "text/plain; charset=utf-8", text).await;
    assert_eq!(counts(&done), json!([2, 1, 2]));
    let lines = done.json()["lines"].clone();
    assert_eq!(lines[0]["name"], "team-a");
    assert_eq!((&lines[0]["line"], &lines[0]["outcome"], &lines[0]["key_id"]), (&json!(2), &json!("added"), &json!(1)));
    assert_eq!((&lines[2]["line"], &lines[2]["same_as_line"]), (&json!(5), &json!(2)));
    assert_eq!((&lines[3]["line"], &lines[3]["field"]), (&json!(6), &json!("api_key")));
    let key = admin.get("/api/keys/2").await.json();
    assert_eq!((&key["provider"], &key["name"]), (&json!("openai"), &json!("openai sk-…0002")));
    assert_eq!((&key["tags"], &key["proxy_ip"]), (&json!(["new", "eu"]), &json!("socks5h://…@127.0.0.1:9")));

    let again = import(&admin, "?provider=openai", "text/plain", text).await;
    assert_eq!(counts(&again), json!([0, 3, 2]));
    assert_eq!(again.json()["lines"][0]["key_id"], 1);
    assert_eq!(admin.get("/api/keys").await.json()["total"], 2);
    let guessed = import(&admin, "", "text/plain", "sk-ant-planted-3\nsk-unknown-planted-4\n").await;
    assert_eq!(guessed.json()["lines"][0]["outcome"], "added");
    assert_eq!(guessed.json()["lines"][1]["field"], "provider");
    for said in [dry.text(), done.text(), again.text(), guessed.text(), server.log()] {
        assert!(!said.contains("planted"), "{said}");
    }
    server.stop();
    assert!(!contains(&bytes_under(dir.path()), "planted"));
}

#[tokio::test]
async fn tables_and_lists_are_imported_and_what_is_exported_is_one() {
    let (server, _dir) = start();
    let ada = server.user("ada", "admin").await;
    let table = "name,provider,api_key,tags,priority,enabled,models\r\n\
                 \"=a,b\",openai,sk-0000000001,eu;fast,3,no,gpt-5;gpt-4o*\r\n,groq,gsk_000000002,,x,,\r\n";
    assert_eq!(counts(&import(&ada, "", "text/csv", table).await), json!([1, 0, 1]));
    let list = json!({"keys": [{"name": "b", "provider": "xai", "api_key": "xai-0000000003"}, "gsk_0000000004",
                               {"name": "c", "provider": "xai", "api_key": "xai-5", "colour": "red"}]});
    assert_eq!(counts(&import(&ada, "", "application/json", list.to_string()).await), json!([2, 0, 1]));
    for (kind, body, field) in [("text/csv", "colour\nred\n", json!("head")), ("application/json", "7", json!("keys"))]
    {
        assert_eq!(import(&ada, "", kind, body).await.json()["error"]["field"], field, "{kind}");
    }
    assert_eq!(import(&ada, "", "application/xml", "<a/>").await.status, 415);

    let whole = json!({"formats": ["responses"], "models_denied": ["o*"], "limits": {"rpm": 5, "tpm": null, "concurrency": null},
        "budget": {"limit": "5.000000000", "window": "week", "zone": "UTC", "hard": false, "max_output": null, "unpriced": "refuse"},
        "headers": {"x-team": "planted, red"}, "total_balance": "20.000000000", "balance_minimum": "1.500000000",
        "balance_usd_rate": "0.14", "balance_probe": "off", "balance_values": {"admin_key": "planted \"7\""}});
    let id = ada.get("/api/keys?text=%3Da").await.json()["items"][0]["id"].clone();
    let said = ada.put(&format!("/api/keys/{id}"), &whole).await;
    assert_eq!(said.status, 200, "{}", said.text());
    let plain = ada.get("/api/keys/export").await;
    assert_eq!(plain.json()["keys"].as_array().unwrap().len(), 3);
    assert!(!plain.text().contains("planted"), "{}", plain.text());
    assert!(
        !plain.text().contains("0000000001") && !ada.get("/api/keys/export?format=csv").await.text().contains("sk-00")
    );
    let refused = ada.post("/api/keys/export", &json!({"password": "wrong-horse-battery"})).await;
    assert_eq!(refused.json()["error"]["field"], "password");
    assert_eq!(server.admin().post("/api/keys/export", &json!({"password": PASSWORD})).await.status, 400);
    let operator = server.user("bob", "operator").await;
    assert_eq!(operator.post("/api/keys/export", &json!({"password": PASSWORD})).await.status, 403);

    for format in ["json", "csv"] {
        let path = format!("/api/keys/export?format={format}");
        let exported = ada.post(&path, &json!({"password": PASSWORD})).await;
        assert!(exported.header("content-disposition").contains("keys."), "{}", exported.text());
        assert_eq!(format == "csv", exported.text().contains("\"'=a,b\""), "a spreadsheet runs nothing");
        let ids: Vec<_> = ada.get("/api/keys").await.json()["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["id"].clone())
            .collect();
        assert_eq!(ada.post("/api/keys/bulk", &json!({"action": "delete", "ids": ids})).await.json()["done"], 3);
        let kind = if format == "csv" { "text/csv" } else { "application/json" };
        let back: Value = if format == "csv" { json!(exported.text()) } else { exported.json() };
        let body = back.as_str().map_or_else(|| back.to_string(), str::to_owned);
        // An export has `limits` and `balance_probe` as a key has them.
        assert_eq!(counts(&import(&ada, "", kind, body).await), json!([3, 0, 0]), "{format}");
        let exported = ada.post("/api/keys/export", &json!({"password": PASSWORD})).await.json();
        let keys = exported["keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["name"] == "=a,b").unwrap();
        for (field, value) in whole.as_object().unwrap() {
            assert_eq!(key[field], *value, "{field} in {format}");
        }
    }
    let key = ada.get("/api/keys?text=%3Da").await.json()["items"][0].clone();
    assert_eq!((&key["name"], &key["tags"], &key["enabled"]), (&json!("=a,b"), &json!(["eu", "fast"]), &json!(false)));
    assert_eq!(key["models"], json!(["gpt-5", "gpt-4o*"]));
    let audit = ada.get("/api/audit?limit=1000").await.text();
    assert!(audit.contains("POST /api/keys/export") && !audit.contains(PASSWORD), "{audit}");
}

#[tokio::test]
async fn thousands_of_lines_are_one_import_and_a_hundred_thousand_the_most() {
    let (server, _dir) = start();
    let text = |count: usize| (0..count).map(|n| format!("sk-{n:016}\n")).collect::<String>();
    let most = import(&server.admin(), "?provider=openai", "text/plain", text(100_001)).await;
    assert_eq!(most.status, 400, "one line too many");
    let report = import(&server.admin(), "?provider=openai", "text/plain", text(5_000) + "sk-0000000000000007\n").await;
    assert_eq!(counts(&report), json!([5_000, 1, 0]));
    assert_eq!(report.json()["lines"][5_000]["same_as_line"], 8);
    assert_eq!(server.admin().get("/api/keys?limit=1").await.json()["total"], 5_000);
}

#[tokio::test]
async fn many_keys_are_changed_by_one_request() {
    let (server, _dir) = start();
    let admin = server.admin();
    import(&admin, "?provider=openai", "text/plain", "sk-1\nsk-2\nsk-3\n").await;
    let bulk = async |body: Value| admin.post("/api/keys/bulk", &body).await;
    let tagged = bulk(json!({"action": "tag", "ids": [1, 2, 2, 99], "tags": ["eu"]})).await.json();
    assert_eq!((&tagged["done"], &tagged["failed"][0]["id"]), (&json!(2), &json!(99)));
    bulk(json!({"action": "untag", "ids": [2], "tags": ["eu"]})).await;
    assert_eq!(bulk(json!({"action": "disable", "ids": [1, 3]})).await.json()["done"], 2);
    assert_eq!(bulk(json!({"action": "enable", "ids": [3]})).await.json()["done"], 1);
    assert_eq!(bulk(json!({"action": "reset", "ids": [3]})).await.json()["done"], 1);
    let keys = admin.get("/api/keys").await.json()["items"].clone();
    assert_eq!((&keys[0]["tags"], &keys[1]["tags"]), (&json!(["eu"]), &json!([])));
    assert_eq!((&keys[0]["enabled"], &keys[2]["enabled"]), (&json!(false), &json!(true)));
    assert_eq!(bulk(json!({"action": "delete", "ids": [1, 3]})).await.json()["done"], 2);
    assert_eq!(admin.get("/api/keys").await.json()["total"], 1);
    for (body, field) in [
        (json!({"action": "burn", "ids": [2]}), "action"),
        (json!({"action": "enable", "ids": []}), "ids"),
        (json!({"action": "enable", "ids": ["2"]}), "ids"),
        (json!({"action": "tag", "ids": [2]}), "tags"),
        (json!({"action": "enable", "ids": [2], "tags": ["a"]}), "tags"),
    ] {
        let refused = bulk(body.clone()).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!(field)), "{body}");
    }
}

#[tokio::test]
async fn a_key_is_tried_by_a_request_that_costs_nothing() {
    let (server, _dir) = start();
    let admin = server.admin();
    let upstream = Upstream::start(|ask| match ask.headers["authorization"].to_str().unwrap() {
        "Bearer sk-test-good-0123456789" if ask.path == "/v1/models" => {
            Reply::json(200, &json!({"data": [{"id": "gpt-5"}, {"id": "<script>"}, {"id": "gpt-4o"}]}))
        }
        "Bearer sk-test-none-0123456789" => Reply::json(404, &json!({})),
        _ => Reply::json(401, &json!({"error": {"code": "invalid_api_key", "message": "no: sk-test-bad-0123456789"}})),
    })
    .await;
    let (good, bad) = (server.add_key("good", &upstream).await, server.add_key("bad", &upstream).await);
    let none = server.add_key("none", &upstream).await;
    let test = async |id: i64, body: Value| admin.post(&format!("/api/keys/{id}/test"), &body).await.json();

    let found = test(good, json!({})).await;
    assert_eq!(
        (&found["ok"], &found["verdict"], &found["models"]),
        (&json!(true), &json!("answer"), &json!(["gpt-4o", "gpt-5"]))
    );
    assert!(found["steps"].as_array().unwrap().iter().all(|step| step["ok"] == true), "{found}");
    assert_eq!(test(good, json!({"model": "gpt-5"})).await["ok"], true);
    let bare = admin.send(http::Method::POST, &format!("/api/keys/{good}/test"), "").await;
    assert_eq!((bare.status, &bare.json()["ok"]), (200, &json!(true)), "nothing has to be said");
    let form = admin.clone().with("content-type", "text/plain");
    assert_eq!(form.send(http::Method::POST, &format!("/api/keys/{good}/test"), "{}").await.status, 415);
    let missing = test(good, json!({"model": "o9"})).await;
    assert_eq!((&missing["ok"], &missing["verdict"]), (&json!(false), &json!("answer")));
    let refused = test(bad, json!({})).await;
    assert_eq!(
        (&refused["ok"], &refused["verdict"], &refused["http_status_code"]),
        (&json!(false), &json!("bad_credential"), &json!(401))
    );
    assert!(!refused.to_string().contains("sk-test-bad-0123456789"), "{refused}");
    let listless = test(none, json!({})).await;
    assert!(listless["explanation"].as_str().unwrap().contains("no list of models"), "{listless}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    admin.put(&format!("/api/keys/{none}"), &json!({"base_url": format!("http://{closed}")})).await;
    let gone = test(none, json!({})).await;
    assert_eq!((&gone["verdict"], &gone["steps"][0]["ok"]), (&json!("network"), &json!(false)), "{gone}");
    assert_eq!(admin.post("/api/keys/99/test", &json!({})).await.status, 404);
    // It is no call, and no state of the key.
    assert_eq!(admin.get("/api/requests").await.json()["items"], json!([]));
    assert_eq!(admin.get(&format!("/api/keys/{bad}")).await.json()["status"]["state"], "ready");

    admin.put(&format!("/api/keys/{good}"), &json!({"api_key": "sk-test-gone-0123456789"})).await;
    assert_eq!(test(good, json!({})).await["ok"], false);
    let models = admin.get("/api/models").await.json();
    let row = models["items"].as_array().unwrap().iter().find(|row| row["model"] == "gpt-5").cloned().unwrap();
    assert_eq!((&row["provider"], &row["keys"]), (&json!("custom"), &json!([good])));
    assert!(row["listed_at"].is_string(), "the list that could not be had leaves the one before");
    let asked = admin.post("/api/models/refresh", &json!({"key_ids": [good]})).await.json();
    assert_eq!((&asked["items"][0]["ok"], &asked["total"]), (&json!(false), &json!(1)));
}

#[test]
fn a_file_is_imported_while_no_server_runs() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.csv");
    std::fs::write(&file, "name,provider,api_key\na,openai,sk-1\nb,nobody,sk-2\n").unwrap();
    let data = dir.path().join("data");
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_amp-pool-server"));
        command.env_clear().env("DATA_DIR", &data).current_dir(dir.path()).args(arguments);
        let output = command.output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, said, _) = run(&["import", file.to_str().unwrap(), "--dry-run"]);
    assert_eq!((code, said.lines().next().unwrap()), (0, "1 added, 0 duplicates, 1 invalid"));
    let (code, said, _) = run(&["import", file.to_str().unwrap()]);
    assert!(code == 0 && said.contains("line 3: "), "{said}");
    assert!(run(&["import", file.to_str().unwrap()]).1.starts_with("0 added, 1 duplicates, 1 invalid"));
    let (code, _, said) = run(&["import", "no-such-file"]);
    assert!(code == 2 && said.contains("FILE"), "{said}");
    let server = Launch::on(&data).start();
    assert_eq!(run(&["import", file.to_str().unwrap()]).0, 4, "a server runs");
    drop(server);
}
