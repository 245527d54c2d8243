//! `rekey`: another master key, the same secrets, whenever the power goes.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use common::{Launch, Server, Upstream};
use serde_json::json;

const KEYS: usize = 300;
/// Milliseconds after which the process is killed. A debug build needs some hundred for all of it.
const KILLED_AFTER: [u64; 8] = [20, 60, 100, 140, 180, 240, 320, 450];

fn rekey(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amp-pool-server"));
    command.env_clear().env("DATA_DIR", dir).arg("rekey").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn filled(dir: &Path) -> Server {
    let server = Launch::on(dir).env("ADMIN_USERNAME", "ada").env("ADMIN_PASSWORD", common::PASSWORD).start();
    let key =
        |n: usize| json!({"name": format!("key {n}"), "provider": "openai", "api_key": format!("sk-0123456789-{n}")});
    let list: Vec<_> = (0..KEYS).map(key).collect();
    let answer = server.admin().post("/api/keys/import", &json!(list)).await;
    assert_eq!(answer.json()["added"], KEYS, "{}", answer.text());
    server
}

/// All credentials, in clear.
async fn credentials(server: &Server) -> Vec<String> {
    let ada = server.sign_in("ada", common::PASSWORD).await;
    let answer = ada.post("/api/keys/export", &json!({"password": common::PASSWORD})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    keys.iter().map(|key| key["api_key"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn killed_at_any_moment_it_loses_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let server = filled(dir.path()).await;
    let expected = credentials(&server).await;
    assert_eq!(expected.len(), KEYS);
    server.stop();
    for after in KILLED_AFTER {
        let mut running = rekey(dir.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(after));
        running.kill().unwrap();
        running.wait().unwrap();
        let server = Launch::on(dir.path()).start();
        assert_eq!(credentials(&server).await, expected, "killed after {after} ms");
        server.stop();
    }
    let old = std::fs::read(dir.path().join("master.key")).unwrap();
    let done = rekey(dir.path()).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && said.starts_with(&format!("{KEYS} secrets")), "{said}");
    assert_ne!(std::fs::read(dir.path().join("master.key")).unwrap(), old);
    assert_eq!(credentials(&Launch::on(dir.path()).start()).await, expected);
}

#[tokio::test]
async fn it_waits_for_no_server_and_leaves_one_alone() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let upstream = Upstream::start(|ask| common::Reply::chat(ask.model(), 1, 1)).await;
    server.add_key("a", &upstream).await;
    let refused = rekey(dir.path()).output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("in use by process"), "{said}");
    let call = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(server.client().post("/v1/chat/completions", &call).await.status, 200);
}
