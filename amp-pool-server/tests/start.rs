//! Starting: what stops it, what it says about it, and what it leaves alone.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{fs, path::Path};

use common::{Launch, bytes_under};
use serde_json::json;

/// Refuses to start with this code, in one line that has these words.
#[track_caller]
fn check(launch: Launch, code: i32, words: &[&str]) {
    let (found, said) = launch.env("RUST_LOG", "error").fail();
    assert_eq!(found, code, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` in: {said}");
    }
}

#[test]
fn a_wrong_setting_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let on = || Launch::on(&dir.path().join("data"));
    check(on().env("PORT", "http"), 2, &["--port"]);
    check(on().env("DATABASE_URL", "mysql://u:hidden@h/db"), 2, &["DATABASE_URL", "sqlite://", "postgres://"]);
    check(on().env("AMP_POOL_ON_DISCONNECT", "drain"), 2, &["AMP_POOL_ON_DISCONNECT"]);
    check(on().env("AMP_POOL_ADMIN_TOKEN", "short"), 2, &["AMP_POOL_ADMIN_TOKEN", "32"]);
    check(on().env("AMP_POOL_CLIENT_TOKEN", "short"), 2, &["AMP_POOL_CLIENT_TOKEN", "16"]);
    check(on().env("ADMIN_PASSWORD", "changeme-1234"), 2, &["ADMIN_PASSWORD"]);
    check(on().env("ADMIN_USERNAME", "a b").env("ADMIN_PASSWORD", "correct horse"), 2, &["ADMIN_USERNAME"]);
    check(on().arg("--no-such-flag"), 2, &["--no-such-flag"]);
    assert!(!dir.path().join("data").exists(), "nothing is made before the settings are right");
}

#[test]
fn an_unknown_setting_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).env("AMP_POOL_DURABILTY", "full").start();
    assert!(server.log().contains("AMP_POOL_DURABILTY"), "{}", server.log());
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    check(Launch::on(&file), 3, &["data directory", file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a directory");
}

#[test]
fn a_second_process_is_refused_with_the_first_ones_id() {
    let dir = tempfile::tempdir().unwrap();
    let first = Launch::on(dir.path()).start();
    check(Launch::on(dir.path()), 4, &["in use by process", &first.pid().to_string()]);
    first.stop();
    Launch::on(dir.path()).start().stop();
}

#[test]
fn an_address_that_is_taken_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    check(Launch::on(dir.path()).env("PORT", &port), 6, &["cannot listen", &port]);
}

#[tokio::test]
async fn a_sealed_database_opens_only_with_its_master_key() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let key = json!({"name": "a", "provider": "openai", "api_key": "sk-0123456789abcdef"});
    assert_eq!(server.admin().post("/api/keys", &key).await.status, 201);
    server.stop();

    let master = dir.path().join("master.key");
    let right = fs::read(&master).unwrap();
    fs::remove_file(&master).unwrap();
    check(Launch::on(dir.path()), 5, &["master key"]);
    assert!(!master.exists(), "a missing master key is not made anew");
    fs::write(&master, format!("{}\n", "ab".repeat(32))).unwrap();
    check(Launch::on(dir.path()), 5, &["master key"]);
    fs::write(&master, "not a key").unwrap();
    check(Launch::on(dir.path()), 5, &["master key"]);

    fs::write(&master, right).unwrap();
    let server = Launch::on(dir.path()).start();
    assert_eq!(server.admin().get("/api/keys").await.json()["total"], 1);
}

#[test]
fn a_newer_database_is_left_untouched() {
    let dir = tempfile::tempdir().unwrap();
    Launch::on(dir.path()).start().stop();
    let file = dir.path().join("amp_pool.db");
    set_user_version(&file, 9_999);
    let before = fs::read(&file).unwrap();
    check(Launch::on(dir.path()), 4, &["9999", "untouched"]);
    assert!(fs::read(&file).unwrap() == before);
}

/// `PRAGMA user_version` of a database nobody has open: four bytes at offset 60 of its header.
fn set_user_version(file: &Path, version: u32) {
    let mut bytes = fs::read(file).unwrap();
    bytes[60..64].copy_from_slice(&version.to_be_bytes());
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_first_start_makes_private_files_only_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("made/data");
    let server = Launch::on(&data).without("AMP_POOL_ADMIN_TOKEN").with_loose_umask().start();
    for entry in fs::read_dir(&data).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!bytes_under(&data).is_empty());
    server.stop();
}

#[test]
fn the_healthcheck_tells_by_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let port = server.address.port().to_string();
    let ask = || Launch::on(dir.path()).arg("healthcheck").env("PORT", &port).fail().0;
    assert_eq!(ask(), 0);
    server.stop();
    assert_eq!(ask(), 1);
}

#[test]
fn json_logs_are_one_object_per_line() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).env("LOG_FORMAT", "json").start();
    for line in server.log().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["level"].is_string(), "{line}");
    }
}

#[test]
fn a_dotenv_file_counts_in_its_own_directory_and_the_environment_wins() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("below");
    fs::create_dir(&below).unwrap();
    fs::write(dir.path().join(".env"), "AMP_POOL_ON_DISCONNECT=drain:1h\n").unwrap();
    let on = || Launch::on(&dir.path().join("data"));
    check(on().in_directory(dir.path()), 2, &["AMP_POOL_ON_DISCONNECT"]);
    on().in_directory(dir.path()).env("AMP_POOL_ON_DISCONNECT", "drain:30").start().stop();
    on().in_directory(&below).start().stop();
}

#[test]
fn a_bad_dotenv_file_is_named_and_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".env"), "sk-secret 'unclosed\n").unwrap();
    let (code, said) = Launch::on(dir.path()).in_directory(dir.path()).fail();
    assert_eq!(code, 2);
    assert!(said.contains(".env") && !said.contains("sk-secret"), "{said}");
}

#[test]
fn help_shows_no_values_of_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let mut help = std::process::Command::new(env!("CARGO_BIN_EXE_amp-pool-server"));
    help.arg("--help").current_dir(dir.path()).env("OPENAI_API_KEY", "sk-secret").env("DATA_DIR", "/hidden/place");
    let said = String::from_utf8(help.output().unwrap().stdout).unwrap();
    assert!(said.contains("OPENAI_API_KEY") && said.contains("AMP_POOL_DRAIN_SECONDS"), "{said}");
    assert!(!said.contains("sk-secret") && !said.contains("/hidden/place"), "{said}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_that_dies_leaves_no_image_of_its_memory() {
    use std::os::unix::process::ExitStatusExt as _;
    let dir = tempfile::tempdir().unwrap();
    let mut server = Launch::on(&dir.path().join("data")).that_may_dump_core().in_directory(dir.path()).start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");

    server.signal("-ABRT");
    let status = server.status();
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false));
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["data"]);
}
