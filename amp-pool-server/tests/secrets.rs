//! What is secret is planted in every place that takes it, and then looked for in everything that comes out, however it
//! may be written there.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use common::{ADMIN, CLIENT, Launch, PASSWORD, Reply, Server, Upstream, bytes_under, chat};
use http::Method;
use http_body_util::BodyExt as _;
use memchr::memmem;
use serde_json::{Value, json};

/// None of them looks like a credential, and each has characters that are written otherwise elsewhere.
const KEY: &str = "planted/key+with=signs~a";
const SECOND_KEY: &str = "planted/other+key=later~b";
const IMPORTED_KEY: &str = "planted/imported+key~c";
const PROXY: &str = "planted-proxy+pass~d";
const HEADER: &str = "planted/header+value~e";
const BALANCE: &str = "planted/balance+value~f";
const HOOK: &str = "planted-hook-path~g";
const HOOK_SECRET: &str = "planted/hook+secret~h";
const MAIL: &str = "planted/mail+password~i";
const COLLECTOR: &str = "planted/collector+token~j";

/// A secret as it might be found.
fn disguises(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = secret.as_bytes();
    let each = |write: fn(u8) -> String| bytes.iter().map(|byte| write(*byte)).collect::<String>();
    let percent = each(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    let mut found = vec![
        ("plain", secret.to_owned()),
        ("hex", each(|byte| format!("{byte:02x}"))),
        ("HEX", each(|byte| format!("{byte:02X}"))),
        ("percent", percent.clone()),
        ("percent, small", percent.to_lowercase()),
        ("JSON", serde_json::to_string(secret).unwrap().trim_matches('"').replace('/', "\\/")),
        ("escaped", each(|byte| format!("\\u{byte:04x}"))),
        ("bytes", bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")),
        ("reversed", secret.chars().rev().collect()),
        ("two lines", format!("{}\n{}", &secret[..secret.len() / 2], &secret[secret.len() / 2..])),
        ("capitals", secret.to_uppercase()),
    ];
    found.retain(|(name, text)| *name == "plain" || text != secret);
    let mut found: Vec<_> = found.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    found.push(("UTF-16", secret.encode_utf16().flat_map(u16::to_le_bytes).collect()));
    for (name, engine) in [("base64", STANDARD), ("base64 of addresses", URL_SAFE)] {
        // Wherever it stands in what was encoded: the letters that depend on what is beside it are left out.
        for shift in 0..3 {
            let encoded = engine.encode([&vec![b'x'; shift], bytes].concat());
            let whole = (shift + bytes.len()) / 3 * 4;
            found.push((name, encoded.as_bytes()[if shift == 0 { 0 } else { 4 }..whole].to_vec()));
        }
    }
    found
}

/// Looks for `secrets` in what came out.
struct Sweep {
    secrets: Vec<(String, &'static str, Vec<u8>)>,
    found: Vec<String>,
    bytes: usize,
}

impl Sweep {
    fn new(secrets: &BTreeMap<&str, String>) -> Self {
        let all = |(name, secret): (&&str, &String)| {
            disguises(secret).into_iter().map(move |(how, text)| ((*name).to_owned(), how, text)).collect::<Vec<_>>()
        };
        Self { secrets: secrets.iter().flat_map(all).collect(), found: Vec::new(), bytes: 0 }
    }

    fn look(&mut self, place: &str, bytes: &[u8]) {
        self.bytes += bytes.len();
        for (name, how, text) in &self.secrets {
            if let Some(at) = memmem::find(bytes, text) {
                let around =
                    String::from_utf8_lossy(&bytes[at.saturating_sub(60)..bytes.len().min(at + 60)]).into_owned();
                self.found.push(format!("{name} ({how}) in {place}: {around:?}"));
            }
        }
    }

    fn answer(&mut self, place: &str, answer: &common::Answer) {
        self.look(place, format!("{:?}", answer.headers).as_bytes());
        self.look(place, &answer.body);
    }
}

#[test]
fn the_sweep_finds_what_it_looks_for() {
    for (how, text) in disguises(KEY) {
        let mut sweep = Sweep::new(&[("key", KEY.to_owned())].into());
        sweep.look("here", &[b"before ", &text[..], b" after"].concat());
        assert!(!sweep.found.is_empty(), "{how}");
    }
    let mut sweep = Sweep::new(&[("password", "planted-proxy+pass".to_owned())].into());
    sweep.look("here", STANDARD.encode("user:planted-proxy+pass").as_bytes());
    assert!(!sweep.found.is_empty());
}

/// A careless upstream: it says what it was sent, in every kind of error.
fn tattle(ask: &common::Ask) -> Reply {
    let shown: Vec<String> = ask.headers.values().map(|value| value.to_str().unwrap_or_default().to_owned()).collect();
    let key =
        ask.headers.get("authorization").map_or("", |value| value.to_str().unwrap()).trim_start_matches("Bearer ");
    let percent = key.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D");
    let message = format!("who is {key}? {percent}? {}", shown.join(" "));
    let error = json!({"error": {"message": message, "type": "invalid_request_error", "code": key, "param": message}});
    match ask.model().split('-').next_back().and_then(|status| status.parse().ok()) {
        Some(200) if ask.is_stream() => Reply::failing_stream(ask.model(), &error),
        Some(200) => Reply::json(200, &error),
        Some(status) => Reply::json(status, &error),
        None if ask.path.contains("/hook") => Reply::json(500, &json!({"no": ask.path, "said": message})),
        None if ask.path.ends_with("/models") || ask.path.contains("billing") => Reply::json(403, &error),
        None => Reply::chat(ask.model(), 7, 2),
    }
}

fn routes() -> Vec<(String, String)> {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_amp-pool-server")).arg("routes").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    words.map(|words| (words[1].clone(), words[2].clone())).collect()
}

/// Puts secrets wherever there is a place for them. What makes one is answered with it once, and not looked at.
async fn plant(server: &Server, upstream: &Upstream, sweep: &mut Sweep) {
    let admin = server.admin();
    let key = json!({"name": "a", "provider": "custom", "api_key": KEY, "base_url": upstream.url(), "models": ["*"],
                     "formats": ["chat", "messages"], "headers": {"x-org": HEADER},
                     "balance_values": {"access_token": BALANCE, "user_id": "7"}});
    let answers = [
        ("POST /api/keys", admin.post("/api/keys", &key).await, 201),
        ("the same again", admin.post("/api/keys", &key).await, 409),
        ("PUT /api/keys/1", admin.put("/api/keys/1", &json!({"memo": "x"})).await, 200),
        (
            "a key behind a proxy",
            admin
                .post(
                    "/api/keys",
                    &json!({"name": "b", "provider": "openai", "api_key": SECOND_KEY, "models": ["behind"],
                            "proxy_ip": format!("http://planted:{PROXY}@127.0.0.1:9")}),
                )
                .await,
            201,
        ),
        ("PUT wrong", admin.put("/api/keys/2", &json!({"api_key": format!("{SECOND_KEY} x")})).await, 400),
        ("PUT unknown", admin.put("/api/keys/2", &json!({"api_kye": SECOND_KEY})).await, 400),
        (
            "import",
            admin
                .clone()
                .with("content-type", "text/plain")
                .send(Method::POST, "/api/keys/import?provider=openai", format!("{IMPORTED_KEY}\n{IMPORTED_KEY}\n"))
                .await,
            200,
        ),
        (
            "a channel",
            admin
                .post(
                    "/api/alerts/channels",
                    &json!({"name": "hook", "kind": "webhook",
                            "secrets": {"url": format!("{}/hook/{HOOK}", upstream.url()), "secret": HOOK_SECRET}}),
                )
                .await,
            201,
        ),
        (
            "a mail channel",
            admin
                .post(
                    "/api/alerts/channels",
                    &json!({"name": "mail", "kind": "email", "secrets": {"password": MAIL},
                            "settings": {"host": "127.0.0.1", "port": "9", "security": "none", "from": "a@example.com",
                                         "to": "b@example.com", "username": "u"}}),
                )
                .await,
            201,
        ),
    ];
    for (place, answer, status) in &answers {
        assert!(answer.status == *status || *status == 409, "{place}: {} {}", answer.status, answer.text());
        sweep.answer(place, answer);
    }
}

/// An answer as far as it comes: some are broken off.
async fn heard(server: &Server, path: &str, body: &Value) -> common::Answer {
    let client = server.client().with("content-type", "application/json");
    let (head, mut body) = client.try_open(Method::POST, path, body.to_string()).await.unwrap().into_parts();
    let mut said = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        said.extend_from_slice(frame.data_ref().map(|data| &**data).unwrap_or_default());
    }
    common::Answer { status: head.status.as_u16(), headers: head.headers, body: said.into() }
}

/// Calls that fail in every way, by every format.
async fn fail(server: &Server, sweep: &mut Sweep) {
    for status in [200, 400, 401, 403, 404, 413, 422, 429, 500, 529] {
        for stream in [false, true] {
            let body = chat(&format!("m-{status}"), stream);
            for path in ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"] {
                let mut body = body.clone();
                body["max_tokens"] = json!(9);
                sweep.answer(&format!("{path} {status}"), &heard(server, path, &body).await);
                // A key that was refused is of no use for the next.
                server.admin().post("/api/keys/1/reset", &json!({})).await;
            }
        }
    }
    sweep.answer("behind a proxy", &server.client().post("/v1/chat/completions", &chat("behind", false)).await);
    let wrong = server.stranger().with("authorization", &format!("Bearer {KEY}"));
    sweep.answer("a key as a token", &wrong.post("/v1/chat/completions", &chat("m", false)).await);
    sweep.answer("a key as an admin token", &wrong.get("/api/keys").await);
}

/// Asks for everything that can be asked for without giving a password.
async fn ask_all(server: &Server, sweep: &mut Sweep) {
    let admin = server.admin();
    let calls = admin.get("/api/requests?limit=3").await.json();
    let calls: Vec<&str> =
        calls["items"].as_array().unwrap().iter().map(|row| row["call_id"].as_str().unwrap()).collect();
    let without = ["/api/requests/live", "/v1/{*path}", "/api/provider/{*path}", "/api/auth/me"];
    let mut places: Vec<String> = Vec::new();
    for (method, path) in routes().into_iter().filter(|(_, path)| !without.contains(&path.as_str())) {
        match (method.as_str(), path.as_str()) {
            ("GET", path) if path.starts_with("/api/requests/{id}") => {
                places.extend(calls.iter().map(|call| path.replace("{id}", call)));
            }
            ("GET", path) => {
                places.extend((1..=3).map(|id| path.replace("{id}", &id.to_string())));
                if path.contains("export") || path.contains("statistics") {
                    places.push(format!("{path}?format=csv"));
                }
            }
            _ => {}
        }
    }
    places.sort();
    places.dedup();
    assert!(places.len() > 40, "{places:?}");
    for place in &places {
        sweep.answer(place, &admin.get(place).await);
    }
    for path in [
        "/api/keys/1/test",
        "/api/keys/2/test",
        "/api/keys/1/balance/refresh",
        "/api/keys/2/egress",
        "/api/models/refresh",
        "/api/alerts/channels/1/test",
        "/api/alerts/channels/2/test",
    ] {
        sweep.answer(path, &admin.post(path, &json!({})).await);
    }
    for path in
        ["/api/keys/1/health", "/api/keys/1/balance", "/api/keys/1/failures", "/api/alerts/deliveries", "/api/audit"]
    {
        sweep.answer(path, &admin.get(path).await);
    }
}

async fn live(server: &Server) -> hyper::body::Incoming {
    server.admin().try_open(Method::GET, "/api/requests/live", "").await.unwrap().into_body()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_comes_out_in_any_disguise() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let traces = Arc::new(Mutex::new(Vec::new()));
    let told = traces.clone();
    let upstream = Upstream::start(move |ask| {
        if ask.path == "/v1/traces" {
            // Its own token is for the collector to see.
            assert_eq!(ask.headers["x-token"], COLLECTOR);
            told.lock().unwrap().extend(ask.body.to_string().into_bytes());
            return Reply::json(200, &json!({}));
        }
        tattle(&ask)
    })
    .await;
    let collector = format!("x-token={}", COLLECTOR.replace('/', "%2F"));
    let launch = || {
        let launch = Launch::on(&data).env("RUST_LOG", "trace").env("DB_ECHO", "true").env("RUST_BACKTRACE", "1");
        let launch = launch.env("OTEL_EXPORTER_OTLP_ENDPOINT", &upstream.url());
        launch.env("OTEL_EXPORTER_OTLP_HEADERS", &collector)
    };
    let server = launch().start();
    let admin = server.admin();
    let made: Value = admin.post("/api/tokens", &json!({"name": "ci"})).await.json();
    let id = made["id"].as_i64().unwrap();
    let rotated: Value = admin.post(&format!("/api/tokens/{id}/rotate"), &json!({})).await.json();
    let user = json!({"username": "ada", "password": PASSWORD, "role": "admin"});
    assert_eq!(admin.post("/api/users", &user).await.status, 201);
    let login = json!({"username": "ada", "password": PASSWORD});
    let signed_in = server.stranger().post("/api/auth/login", &login).await;
    let session = signed_in.header("set-cookie").split(['=', ';']).nth(1).unwrap().to_owned();
    assert_eq!(session.len(), 64);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let secrets: BTreeMap<&str, String> = [
        ("a key", KEY.into()),
        ("a key behind a proxy", SECOND_KEY.into()),
        ("an imported key", IMPORTED_KEY.into()),
        ("a proxy's password", PROXY.into()),
        ("a header", HEADER.into()),
        ("a value for balances", BALANCE.into()),
        ("a channel's address", HOOK.into()),
        ("a channel's secret", HOOK_SECRET.into()),
        ("a mailbox's password", MAIL.into()),
        ("a collector's token", COLLECTOR.into()),
        ("a user's password", PASSWORD.into()),
        ("the admin token", ADMIN.into()),
        ("the first client token", CLIENT.into()),
        ("a client token", text(&made["token"])),
        ("a rotated client token", text(&rotated["token"])),
        ("a session", session),
        ("a session's token", text(&signed_in.json()["csrf_token"])),
    ]
    .into();
    let mut sweep = Sweep::new(&secrets);
    let live = live(&server).await;
    plant(&server, &upstream, &mut sweep).await;
    fail(&server, &mut sweep).await;
    let by_session = server.signed_in(&signed_in);
    sweep.answer("/api/keys by a session", &by_session.get("/api/keys").await);
    let wrong = json!({"username": "ada", "password": KEY, "nobody": PASSWORD});
    sweep.answer("a login that is none", &server.stranger().post("/api/auth/login", &wrong).await);
    ask_all(&server, &mut sweep).await;
    let told = tokio::time::timeout(Duration::from_millis(200), live.collect()).await;
    assert!(told.is_err(), "the live log has no end");

    let backup = dir.path().join("backup.db");
    let (code, said) = launch().arg("backup").arg(backup.to_str().unwrap()).fail();
    assert_eq!(code, 0, "{said}");
    sweep.look("what `backup` says", said.as_bytes());
    sweep.look("the backup", &std::fs::read(&backup).unwrap());
    sweep.look("files while it runs, the journal with them", &files(&data));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = std::mem::take(&mut *traces.lock().unwrap());
    assert!(!told.is_empty(), "nothing was traced");
    sweep.look("the traces", &told);
    server.terminate();
    tokio::time::sleep(Duration::from_millis(500)).await;
    sweep.look("the log", server.log().as_bytes());
    drop(server);
    sweep.look("files afterwards", &files(&data));
    eprintln!("{} secrets in {} disguises, {} bytes", secrets.len(), disguises(KEY).len(), sweep.bytes);
    assert!(sweep.found.is_empty(), "{} found:\n{}", sweep.found.len(), sweep.found.join("\n"));
}

fn files(dir: &Path) -> Vec<u8> {
    assert!(dir.join("amp_pool.db").is_file());
    bytes_under(dir)
}
