//! The log of requests: searched, watched, and taken away as a table.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Launch, Reply, Server, Upstream, chat};
use http::Method;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Value, json};

/// A server with one key, and `calls` calls for models `m0`, `m1`, … in its books.
async fn with_calls(dir: &tempfile::TempDir, calls: usize) -> Server {
    let server = Launch::on(dir.path()).start();
    let upstream = Upstream::start(|ask| match ask.model() {
        "bad" => Reply::json(
            400,
            &json!({"error": {"message": "=cmd|' /C calc'!A0 is no model", "type": "invalid_request_error"}}),
        ),
        model => Reply::chat(model, 10, 5),
    })
    .await;
    server.add_key("a", &upstream).await;
    for n in 0..calls {
        server.client().post("/v1/chat/completions", &chat(&format!("m{n}"), false)).await;
    }
    server
}

fn models(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|row| row["model"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_log_is_searched_for_a_text_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let server = with_calls(&dir, 12).await;
    let admin = server.admin();
    assert_eq!(models(&admin.get("/api/requests?text=M1").await.json()), ["m11", "m10", "m1"]);
    let page = admin.get("/api/requests?text=m1&limit=2").await.json();
    assert_eq!(models(&page), ["m11", "m10"]);
    let path = format!("/api/requests?text=m1&limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    let next = admin.get(&path).await.json();
    assert_eq!((models(&next), &next["next_cursor"]), (vec!["m1".to_owned()], &Value::Null));
    let call = page["items"][0]["call_id"].as_str().unwrap();
    assert_eq!(models(&admin.get(&format!("/api/requests?text={call}")).await.json()), ["m11"]);
    assert_eq!(models(&admin.get("/api/requests?text=%25_%25").await.json()), Vec::<String>::new());
    let long = admin.get(&format!("/api/requests?text={}", "x".repeat(1000))).await;
    assert_eq!((long.status, &long.json()["error"]["field"]), (400, &json!("text")));
}

#[tokio::test]
async fn the_log_is_a_table_in_which_nothing_is_a_formula() {
    let dir = tempfile::tempdir().unwrap();
    let server = with_calls(&dir, 3).await;
    server.client().post("/v1/chat/completions", &chat("bad", false)).await;
    server.client().post("/v1/chat/completions", &chat("=m,\"x\"", false)).await;
    let table = server.admin().get("/api/requests/export").await;
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    let text = table.text();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let head = rows.headers().unwrap().clone();
    let column = |name: &str| head.iter().position(|cell| cell == name).unwrap();
    let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5);
    assert_eq!(&rows[0][column("model")], "'=m,\"x\"");
    for cell in rows.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
    }
    assert_eq!((&rows[4][column("total_tokens")], &rows[4][column("status")]), ("15", "success"));
    let some = server.admin().get("/api/requests/export?model=m1").await.text();
    assert_eq!(some.lines().count(), 2, "{some}");
    assert_eq!(server.admin().get("/api/requests/export?limit=5").await.json()["error"]["field"], "limit");
}

/// The data of the next event.
async fn event(body: &mut Incoming) -> Option<Value> {
    let mut text = String::new();
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(20), body.frame()).await.ok()??.ok()?;
        text += std::str::from_utf8(frame.data_ref()?).unwrap();
        if text.ends_with("\n\n") {
            match text.lines().find_map(|line| line.strip_prefix("data: ").or_else(|| line.strip_prefix("data:"))) {
                Some(data) => return serde_json::from_str(data).ok(),
                None => text.clear(),
            }
        }
    }
}

#[tokio::test]
async fn calls_are_watched_as_they_end_and_the_stream_ends_with_the_session() {
    let dir = tempfile::tempdir().unwrap();
    let server = with_calls(&dir, 1).await;
    let ada = server.user("ada", "viewer").await;
    let all = ada.try_open(Method::GET, "/api/requests/live", "").await.unwrap();
    assert_eq!(all.headers()["content-type"], "text/event-stream");
    let some = ada.try_open(Method::GET, "/api/requests/live?model=m2", "").await.unwrap();
    let (mut all, mut some) = (all.into_body(), some.into_body());
    tokio::time::sleep(Duration::from_millis(700)).await;
    for model in ["m1", "m2"] {
        server.client().post("/v1/chat/completions", &chat(model, false)).await;
    }
    let first = event(&mut all).await.unwrap();
    assert_eq!(
        (&first["model"], &first["status"], &first["total_tokens"]),
        (&json!("m1"), &json!("success"), &json!(15))
    );
    assert_eq!(event(&mut all).await.unwrap()["model"], "m2");
    assert_eq!(event(&mut some).await.unwrap()["model"], "m2");
    ada.post("/api/auth/logout", &json!({})).await;
    assert!(event(&mut all).await.is_none());
}

#[tokio::test]
async fn only_so_many_watch_and_none_of_them_holds_the_server_up() {
    let dir = tempfile::tempdir().unwrap();
    let server = with_calls(&dir, 0).await;
    let mut watching = Vec::new();
    for _ in 0..32 {
        watching.push(server.admin().try_open(Method::GET, "/api/requests/live", "").await.unwrap());
    }
    assert_eq!(server.admin().get("/api/requests/live").await.status, 429);
    watching.pop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let again = server.admin().try_open(Method::GET, "/api/requests/live", "").await.unwrap();
    assert_eq!(again.status(), 200);
    assert_eq!(server.stranger().get("/api/requests/live").await.status, 401);
    server.terminate();
    assert_eq!(server.exit_code(Duration::from_secs(25)), Some(0));
    drop(watching);
}

#[tokio::test]
async fn bodies_are_kept_only_where_that_is_wanted_and_shown_only_to_admins() {
    let upstream = Upstream::start(|ask| match ask.is_stream() {
        true => Reply::chat_stream("word", 3, std::time::Duration::ZERO, 1, 1),
        false => Reply::chat(ask.model(), 1, 1),
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    server.add_key("one", &upstream).await;
    let admin = server.admin();
    let call = async |secret: &str, stream: bool| {
        let mut body = chat("m", stream);
        body["messages"][0]["content"] = json!(format!("my api key is {secret}, hello"));
        let answer = server.client().post("/v1/chat/completions", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.header("x-request-id").to_owned()
    };
    let before = call("sk-planted-0123456789", false).await;
    let policy = json!({"value": r#"{"of":"all","bytes":2000}"#});
    assert_eq!(admin.put("/api/config/bodies", &policy).await.status, 200);
    let (whole, stream) = (call("sk-planted-0123456789", false).await, call("sk-test-one-0123456789", true).await);
    let path = |id: &str| format!("/api/requests/{id}/bodies");
    let mut shown = admin.get(&path(&stream)).await;
    // They are written when there is time.
    for _ in 0..100 {
        if shown.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        shown = admin.get(&path(&stream)).await;
    }
    let text = shown.text();
    assert_eq!(shown.status, 200, "{text}");
    assert!(text.contains("hello") && text.contains("data: ") && text.contains("[DONE]"), "{text}");
    let other = admin.get(&path(&whole)).await;
    assert!(other.text().contains("hello") && other.text().contains("choices"), "{}", other.text());
    for text in [text, other.text()] {
        assert!(!text.contains("planted") && !text.contains("sk-test-one") && text.contains("[redacted]"), "{text}");
    }
    assert_eq!(admin.get(&path(&before)).await.status, 404);
    for role in ["operator", "viewer"] {
        assert_eq!(server.user(role, role).await.get(&path(&whole)).await.status, 403, "{role}");
    }
    let audit = admin.get("/api/audit").await.json();
    let looked =
        audit["items"].as_array().unwrap().iter().find(|line| line["action"] == "GET /api/requests/{id}/bodies");
    assert!(looked.is_some(), "{audit}");
}
