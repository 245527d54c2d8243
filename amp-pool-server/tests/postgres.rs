//! The server on PostgreSQL: how it gets there from one machine, and what the commands beside it do there.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
#[path = "../../amp-pool-core/tests/postgres_server/mod.rs"]
mod postgres_server;

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use common::{Launch, Reply, Server, Upstream};
use postgres_server::PostgresServer;
use rusqlite::Connection;
use serde_json::json;

/// Milliseconds after which an import is killed, from when it began to write, or from its start where one had.
const KILLED_AFTER: [u64; 4] = [0, 60, 200, 350];
/// The same of sealing anew.
const REKEY_KILLED_AFTER: [u64; 3] = [60, 110, 180];

fn command(dir: &Path, url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amp-pool-server"));
    command.env_clear().current_dir(dir).env("DATA_DIR", dir).env("DATABASE_URL", url).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command: its exit code, and what it said.
fn run(dir: &Path, url: &str, arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = command(dir, url, arguments).output().unwrap();
    (status.code().unwrap(), [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat())
}

async fn upstream() -> Upstream {
    Upstream::start(|ask| match ask.is_stream() {
        true => Reply::chat_stream(ask.model(), 4, Duration::from_millis(1), 10, 5),
        false => Reply::chat(ask.model(), 10, 5),
    })
    .await
}

async fn call(server: &Server, stream: bool) {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let body = json!({"model": "gpt-4o-mini", "max_tokens": 50, "stream": stream, "messages": messages});
    let answer = server.client().post("/v1/chat/completions", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Rows that make an import last a while: a change of configuration writes no line of these, so nobody reads them.
fn lengthen(database: &Path) {
    let lines = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 60000)
                 INSERT INTO audit_log (create_time, update_time, actor, address, action, status)
                 SELECT n, n, 'ada', '127.0.0.1', 'a long line of no meaning, so that it takes a while', 200 FROM n";
    Connection::open(database).unwrap().execute_batch(lines).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_moves_from_sqlite_to_postgresql_with_everything_it_has() {
    let (dir, upstream, url) = (tempfile::tempdir().unwrap(), upstream().await, PostgresServer::shared().database());
    let dir = dir.path();
    let file = dir.join("amp_pool.db");
    let server = Launch::on(dir).start();
    server.add_key("a", &upstream).await;
    for stream in [false, true, false] {
        call(&server, stream).await;
    }
    let (code, said) = run(dir, &url, &["import", file.to_str().unwrap()]);
    assert_eq!(code, 4, "while a server uses it: {said}");
    server.stop();
    lengthen(&file);

    let (code, said) = run(dir, &url, &["import", file.to_str().unwrap(), "--dry-run"]);
    assert!(code == 0 && said.contains("rows of api_request_log: 3") && said.contains("dry run"), "{said}");
    let begun = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'unfinished_import'";
    let begun = || PostgresServer::shared().sql(&url, begun);
    for after in KILLED_AFTER {
        let mut running = command(dir, &url, &["import", file.to_str().unwrap()]).spawn().unwrap();
        while begun() != "1" && running.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(after));
        running.kill().unwrap();
        running.wait().unwrap();
        assert_eq!(begun(), "1", "it was killed in the middle");
    }
    let (code, said) = Launch::on(dir).env("DATABASE_URL", &url).fail();
    assert!(code == 4 && said.contains("half a copy"), "{said}");
    // Whoever was killed last is still seen off by the database.
    std::thread::sleep(Duration::from_millis(300));
    let (code, said) = run(dir, &url, &["import", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("that had been broken off is whole"), "{said}");
    assert!(said.contains("rows of api_request_log: 3") && said.contains("calls in statistics: 6"), "{said}");

    let server = Launch::on(dir).env("DATABASE_URL", &url).start();
    call(&server, false).await;
    let overview = server.admin().get("/api/requests?limit=10").await.json();
    assert_eq!(overview["items"].as_array().unwrap().len(), 4, "{overview}");
    let (code, said) = run(dir, &url, &["audit"]);
    assert!(code == 0 && said.contains("4 calls (0 open), 4 attempts"), "{said}");
    server.stop();
    let (code, said) = run(dir, &url, &["import", file.to_str().unwrap()]);
    assert!(code == 4 && said.contains("holds something already"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_sealed_anew_while_no_node_serves() {
    let (dir, upstream, url) = (tempfile::tempdir().unwrap(), upstream().await, PostgresServer::shared().database());
    let dir = dir.path();
    let server = Launch::on(dir).env("DATABASE_URL", &url).start();
    server.add_key("a", &upstream).await;
    let key = |n: usize| json!({"name": format!("key {n}"), "provider": "openai", "enabled": false, "api_key": format!("sk-0123456789-{n}")});
    let keys: Vec<_> = (0..300).map(key).collect();
    assert_eq!(server.admin().post("/api/keys/import", &json!(keys)).await.json()["added"], 300);
    call(&server, false).await;
    let before = std::fs::read(dir.join("master.key")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::copy(dir.join("master.key"), elsewhere.path().join("master.key")).unwrap();
    let (code, said) = run(elsewhere.path(), &url, &["rekey"]);
    assert!(code == 4 && said.contains("1 nodes serve from the database"), "{said}");
    server.stop();

    for after in REKEY_KILLED_AFTER {
        let mut running = command(dir, &url, &["rekey"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(after));
        running.kill().unwrap();
        running.wait().unwrap();
        let server = Launch::on(dir).env("DATABASE_URL", &url).start();
        call(&server, false).await;
        server.stop();
    }
    let (code, said) = run(dir, &url, &["rekey"]);
    assert!(code == 0 && said.contains("301 secrets are sealed anew"), "{said}");
    assert_ne!(std::fs::read(dir.join("master.key")).unwrap(), before);
    assert_eq!(std::fs::read(dir.join("master.key.1")).unwrap(), before);
    let (code, said) = Launch::on(elsewhere.path()).env("DATABASE_URL", &url).fail();
    assert_eq!(code, 5, "the other node has the old key: {said}");
    let server = Launch::on(dir).env("DATABASE_URL", &url).start();
    call(&server, true).await;
    server.stop();
    for arguments in [&["backup", "copy"][..], &["restore", "copy"], &["restore", "copy", "--check"]] {
        let (code, said) = run(dir, &url, arguments);
        assert!(code == 2 && said.contains("pg_dump"), "{arguments:?}: {said}");
    }
}
