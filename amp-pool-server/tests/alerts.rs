//! Alerts over the wire: what each service is sent, what people are told and when, and what is never shown.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use common::{ADMIN, Launch, Reply, Server, Upstream, bytes_under, chat, contains};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

/// What a service was sent.
type Heard = Arc<Mutex<Vec<(String, String, Value)>>>;

/// A service that takes everything, in the words of whichever it stands for.
async fn service() -> (Upstream, Heard) {
    let heard = Heard::default();
    let ears = heard.clone();
    let upstream = Upstream::start(move |ask| {
        ears.lock().unwrap().push((ask.path.clone(), ask.query.clone(), ask.body));
        let good = json!({"ok": true, "errcode": 0, "code": if ask.path == "/push" { 200 } else { 0 }});
        Reply::json(if ask.path.contains("gone") { 404 } else { 200 }, &good)
    })
    .await;
    (upstream, heard)
}

/// A mail server: what it was told, line by line.
async fn mail_server() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let ears = heard.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(converse(stream, ears.clone()));
        }
    });
    (port, heard)
}

async fn converse(stream: tokio::net::TcpStream, heard: Arc<Mutex<Vec<String>>>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mail.example.com ESMTP\r\n").await?;
    let mut in_letter = false;
    while let Some(line) = lines.next_line().await? {
        heard.lock().unwrap().push(line.clone());
        let answer: &[u8] = match line.split([' ', ':']).next().unwrap_or_default() {
            _ if in_letter && line != "." => continue,
            "." => b"250 taken\r\n",
            "EHLO" => b"250-mail.example.com\r\n250 AUTH PLAIN LOGIN\r\n",
            "AUTH" => b"235 welcome\r\n",
            "DATA" => b"354 go on\r\n",
            "QUIT" => b"221 bye\r\n",
            "RCPT" if line.contains("nobody@") => b"550 no such user, nor a planted-mail-password\r\n",
            _ => b"250 ok\r\n",
        };
        in_letter = line == "DATA";
        write.write_all(answer).await?;
    }
    Ok(())
}

async fn add(server: &Server, channel: Value) -> i64 {
    let answer = server.admin().post("/api/alerts/channels", &channel).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_i64().unwrap()
}

async fn test(server: &Server, channel: i64) -> Value {
    let answer = server.admin().post(&format!("/api/alerts/channels/{channel}/test"), &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < patience, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn launch(dir: &tempfile::TempDir) -> Launch {
    Launch::on(dir.path()).env("AMP_POOL_ALERT_SECONDS", "1")
}

#[tokio::test]
async fn every_service_is_sent_what_it_takes_and_no_secret_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let server = launch(&dir).start();
    let (service, heard) = service().await;
    let url = |path: &str| format!("{}{path}", service.url());
    let (port, mails) = mail_server().await;
    let channels = [
        (
            json!({"kind": "slack", "secrets": {"url": url("/services/T0/planted-slack-1")}}),
            "/services/T0/planted-slack-1",
            "/text",
        ),
        (
            json!({"kind": "discord", "secrets": {"url": url("/api/webhooks/1/planted-discord-2")}}),
            "/api/webhooks/1/planted-discord-2",
            "/content",
        ),
        (
            json!({"kind": "telegram", "settings": {"chat_id": "-1"}, "secrets": {"token": "1:planted-telegram-3", "url": url("")}}),
            "/bot1:planted-telegram-3/sendMessage",
            "/text",
        ),
        (
            json!({"kind": "dingtalk", "secrets": {"url": url("/robot/send?access_token=planted-ding-4"), "secret": "SECplanted-ding-5"}}),
            "/robot/send",
            "/markdown/text",
        ),
        (
            json!({"kind": "feishu", "secrets": {"url": url("/hook/planted-feishu-6"), "secret": "planted-feishu-7"}}),
            "/hook/planted-feishu-6",
            "/content/text",
        ),
        (
            json!({"kind": "wecom", "secrets": {"url": url("/webhook/send?key=planted-wecom-8")}}),
            "/webhook/send",
            "/text/content",
        ),
        (json!({"kind": "bark", "secrets": {"device_key": "planted-bark-9", "url": url("")}}), "/push", "/body"),
        (
            json!({"kind": "ntfy", "secrets": {"topic": "planted-ntfy-a", "token": "planted-ntfy-b", "url": url("")}}),
            "/",
            "/message",
        ),
        (
            json!({"kind": "webhook", "secrets": {"url": url("/planted-hook-c"), "secret": "planted-hook-d"}}),
            "/planted-hook-c",
            "/text",
        ),
    ];
    for (mut channel, path, text_at) in channels {
        channel["name"] = channel["kind"].clone();
        let id = add(&server, channel.clone()).await;
        assert_eq!(test(&server, id).await, json!({"ok": true, "detail": null}), "{channel}");
        let (found, query, body) = heard.lock().unwrap().pop().unwrap();
        assert_eq!(found, path, "{channel}");
        assert!(body.pointer(text_at).unwrap().as_str().unwrap().contains("alerts will reach you here"), "{body}");
        let is_signed = query.contains("&sign=") || body["sign"].is_string();
        assert_eq!(is_signed, ["dingtalk", "feishu"].contains(&channel["kind"].as_str().unwrap()), "{query} {body}");
    }
    let mail = json!({"name": "mail", "kind": "email", "secrets": {"password": "planted-mail-password"},
        "settings": {"host": "127.0.0.1", "port": port.to_string(), "security": "none", "username": "pool",
                     "from": "AMP Pool <pool@example.com>", "to": "ada@example.com, grace@example.com"}});
    let id = add(&server, mail).await;
    assert_eq!(test(&server, id).await, json!({"ok": true, "detail": null}));
    let said = mails.lock().unwrap().join("\n");
    // \0pool\0planted-mail-password, as base64.
    for line in [
        "AUTH PLAIN AHBvb2wAcGxhbnRlZC1tYWlsLXBhc3N3b3Jk",
        "MAIL FROM:<pool@example.com>",
        "RCPT TO:<grace@example.com>",
        "Subject: [TEST] AMP Pool",
        "channel mail: if you can read this",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let to_nobody = json!({"settings": {"to": "nobody@example.com"}});
    assert_eq!(server.admin().put(&format!("/api/alerts/channels/{id}"), &to_nobody).await.status, 200);
    let refused = test(&server, id).await;
    assert_eq!(refused["ok"], false);
    assert!(refused["detail"].as_str().unwrap().contains("no such user"), "{refused}");

    let sent = server.admin().get("/api/alerts/deliveries?limit=3").await.json();
    assert_eq!((sent["items"].as_array().unwrap().len(), sent["next_cursor"].is_string()), (3, true));
    let mut shown = vec![server.log(), sent.to_string(), refused.to_string()];
    for path in ["channels", "deliveries", "events", "rules", "state", "kinds"] {
        shown.push(server.admin().get(&format!("/api/alerts/{path}")).await.text());
    }
    shown.push(server.admin().get("/api/audit?limit=1000").await.text());
    for text in &shown {
        assert!(!text.contains("planted-"), "{text}");
    }
    server.stop();
    assert!(!contains(&bytes_under(dir.path()), "planted-"), "a secret is in the database as it is");
}

#[tokio::test]
async fn what_goes_wrong_is_told_once_and_so_is_its_end_even_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let upstream =
        Upstream::start(|_| Reply::json(402, &json!({"error": {"code": "insufficient_quota", "message": "no money"}})))
            .await;
    let (service, heard) = service().await;
    let server = launch(&dir).start();
    server.add_key("a", &upstream).await;
    let channel = add(&server, json!({"name": "ops", "kind": "webhook", "secrets": {"url": service.url()}})).await;
    let rule = json!({"name": "a key is out", "kind": "key_down", "severity": "critical", "for_seconds": 0, "channels": [channel]});
    let made = server.admin().post("/api/alerts/rules", &rule).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let rule = format!("/api/alerts/rules/{}", made.json()["id"]);
    assert_eq!(
        made.json()["effective"],
        json!({"threshold": null, "clear_at": null, "for_seconds": 0, "clear_seconds": 0, "window_minutes": 5, "least_calls": 20})
    );
    let used = server.admin().delete(&format!("/api/alerts/channels/{channel}")).await;
    assert_eq!(used.status, 409, "{}", used.text());

    assert_ne!(server.client().post("/v1/chat/completions", &chat("gpt-5", false)).await.status, 200);
    until("nobody was told", async || !heard.lock().unwrap().is_empty()).await;
    let state = server.admin().get("/api/alerts/state").await.json();
    assert_eq!((state["total"].clone(), state["items"][0]["subject"].clone()), (json!(1), json!("key:1")));
    server.stop();

    let server = launch(&dir).start();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(heard.lock().unwrap().len(), 1, "who was told knows");
    assert_eq!(server.admin().post("/api/keys/1/reset", &json!({})).await.status, 200);
    until("nobody was told that it is over", async || heard.lock().unwrap().len() == 2).await;
    let told: Vec<_> =
        heard.lock().unwrap().iter().map(|(_, _, body)| (body["event"].clone(), body["title"].clone())).collect();
    assert_eq!(told[0], (json!("fired"), json!("[CRITICAL] key is out: key a (custom)")));
    assert_eq!(told[1], (json!("cleared"), json!("[OK] key is out: key a (custom)")));
    let events = server.admin().get("/api/alerts/events?limit=1").await.json();
    assert_eq!(events["items"][0]["event"], "cleared");
    let next = server
        .admin()
        .get(&format!("/api/alerts/events?cursor={}", events["next_cursor"].as_str().unwrap()))
        .await
        .json();
    assert_eq!((next["items"].as_array().unwrap().len(), next["items"][0]["event"].clone()), (1, json!("fired")));
    assert_eq!(server.admin().delete(&rule).await.status, 204);
    assert_eq!(server.admin().delete(&format!("/api/alerts/channels/{channel}")).await.status, 204);
}

fn limit_files(server: &Server, bytes: &str) {
    let limit = format!("--fsize={bytes}:");
    assert!(Command::new("prlimit").args(["--pid", &server.pid().to_string(), &limit]).status().unwrap().success());
}

#[tokio::test]
async fn a_full_disk_is_told_though_nothing_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(|ask| Reply::chat(ask.model(), 10, 5)).await;
    let (service, heard) = service().await;
    let server = launch(&dir).that_survives_full_files().start();
    server.add_key("a", &upstream).await;
    let channel = add(&server, json!({"name": "ops", "kind": "webhook", "secrets": {"url": service.url()}})).await;
    let rule = json!({"name": "disk", "kind": "store_trouble", "for_seconds": 0, "channels": [channel]});
    assert_eq!(server.admin().post("/api/alerts/rules", &rule).await.status, 201);
    let ask = async || server.client().post("/v1/chat/completions", &chat("gpt-5", false)).await;
    assert_eq!(ask().await.status, 200);

    limit_files(&server, "4096");
    // Its answer can not be booked, and so has no end.
    drop(server.client().try_chat(&chat("gpt-5", false)).await.unwrap());
    until("a full disk is told", async || heard.lock().unwrap().iter().any(|(_, _, body)| body["event"] == "fired"))
        .await;
    limit_files(&server, "unlimited");
    until("its end is told", async || heard.lock().unwrap().iter().any(|(_, _, body)| body["event"] == "cleared"))
        .await;

    assert_eq!(heard.lock().unwrap().len(), 2);
    let noted = async || server.admin().get("/api/alerts/events").await.json()["items"].as_array().unwrap().len();
    until("both are noted in the end", async || noted().await == 2).await;
}

#[tokio::test]
async fn a_channel_that_leads_elsewhere_needs_its_secrets_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = launch(&dir).start();
    let (service, heard) = service().await;
    let id = add(&server, json!({"name": "n", "kind": "ntfy", "secrets": {"topic": "t-topic", "token": "tk_secret", "url": "https://ntfy.example.com"}})).await;
    let path = format!("/api/alerts/channels/{id}");
    let operator = server.user("olga", "operator").await;

    let moved = operator.put(&path, &json!({"secrets": {"url": service.url()}})).await;
    assert_eq!(
        (moved.status, moved.json()["error"]["field"].clone()),
        (400, json!("secrets.token")),
        "{}",
        moved.text()
    );
    assert_eq!(operator.put(&path, &json!({"name": "phone", "enabled": false})).await.status, 200);
    let shown = operator.get("/api/alerts/channels").await.json();
    assert_eq!(shown["items"][0]["secrets"], json!(["token", "topic", "url"]));
    assert_eq!(shown["items"][0]["host"], "ntfy.example.com");

    let whole = json!({"secrets": {"url": service.url(), "token": null, "topic": "mine"}});
    let moved = operator.put(&path, &whole).await;
    assert_eq!((moved.status, moved.json()["secrets"].clone()), (200, json!(["topic", "url"])), "{}", moved.text());
    test(&server, id).await;
    assert_eq!(heard.lock().unwrap()[0].2["topic"], "mine");
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_field() {
    let dir = tempfile::tempdir().unwrap();
    let server = launch(&dir).env("AMP_POOL_BLOCK_PRIVATE_UPSTREAMS", "true").start();
    let check = async |path: &str, body: Value, field: &str| {
        let answer = server.admin().post(path, &body).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["field"].clone()),
            (400, json!(field)),
            "{body}: {}",
            answer.text()
        );
    };
    let (rules, channels) = ("/api/alerts/rules", "/api/alerts/channels");
    check(rules, json!({"kind": "key_down"}), "name").await;
    check(rules, json!({"name": "r"}), "kind").await;
    check(rules, json!({"name": "r", "kind": "weather"}), "kind").await;
    check(rules, json!({"name": "r", "kind": "key_down", "threshold": "1"}), "threshold").await;
    check(rules, json!({"name": "r", "kind": "balance_low", "threshold": "much"}), "threshold").await;
    check(
        rules,
        json!({"name": "r", "kind": "balance_low", "quiet_hours": {"from": "25:00", "to": "07:00"}}),
        "quiet_hours",
    )
    .await;
    check(
        rules,
        json!({"name": "r", "kind": "balance_low", "quiet_hours": {"from": "22:00", "to": "07:00", "zone": "Mars"}}),
        "quiet_hours",
    )
    .await;
    check(rules, json!({"name": "r", "kind": "key_down", "channels": [7]}), "channels").await;
    check(rules, json!({"name": "r", "kind": "key_down", "colour": "red"}), "colour").await;
    check(channels, json!({"name": "c", "kind": "pigeon"}), "kind").await;
    check(channels, json!({"name": "c", "kind": "slack"}), "secrets.url").await;
    check(channels, json!({"name": "c", "kind": "slack", "secrets": {"url": "file:///etc/passwd"}}), "secrets.url")
        .await;
    check(
        channels,
        json!({"name": "c", "kind": "webhook", "secrets": {"url": "https://h/"}, "settings": {"template": "{{"}}),
        "settings.template",
    )
    .await;
    assert_eq!(server.admin().get("/api/alerts/events?limit=x").await.json()["error"]["field"], "limit");

    // Neither this machine nor a cloud's metadata is told anything.
    for url in ["http://127.0.0.1:1/", "http://169.254.169.254/latest/"] {
        let id = add(&server, json!({"name": "c", "kind": "webhook", "secrets": {"url": url}})).await;
        let refused = test(&server, id).await;
        assert_eq!(refused["ok"], false, "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains("could not be built"), "{refused}");
    }
    let mail = json!({"name": "m", "kind": "email", "settings": {"host": "127.0.0.1", "port": "1", "security": "none", "from": "a@b.c", "to": "a@b.c"}});
    let id = add(&server, mail).await;
    let refused = test(&server, id).await;
    assert!(refused["detail"].as_str().unwrap().contains("private addresses"), "{refused}");
    assert!(!server.log().contains(ADMIN));
}
