//! Every store keeps what it is given; the one on disk also across the end of a process.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use amp_pool_core::{
    caller::TokenSpec,
    keys::KeySpec,
    secret::Secret,
    store::{
        ConfigStore as _, RecordStore as _, Store, StoreError, TokenSecret,
        memory::MemoryStore,
        sqlite::{Durability, SqliteOptions, SqliteStore},
    },
    testkit::conformance,
    time::Timestamp,
};
use rusqlite::Connection;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_millis(1_795_395_600_000);

fn options(dir: &Path) -> SqliteOptions {
    let (path, master_key_file) = (dir.join("amp_pool.db"), dir.join("master.key"));
    SqliteOptions { path, master_key_file, durability: Durability::Full, echo: false }
}

fn open(dir: &TempDir) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(options(dir.path()), NOW)
}

fn key(credential: &str) -> KeySpec {
    KeySpec::new("team A", "openai", Secret::new(credential))
}

/// A database that holds one key, closed.
async fn sealed() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).unwrap();
    store.insert_key(key("sk-1"), NOW).await.unwrap();
    store.close().await.unwrap();
    dir
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn the_store_in_memory_conforms() {
    conformance::all(async || Arc::new(MemoryStore::new()) as Arc<dyn Store>).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_in_sqlite_conforms() {
    for durability in [Durability::Full, Durability::Normal] {
        let dirs = tempfile::tempdir().unwrap();
        let make = async || {
            let dir = tempfile::tempdir_in(dirs.path()).unwrap().keep();
            Arc::new(SqliteStore::open(SqliteOptions { durability, ..options(&dir) }, NOW).unwrap()) as Arc<dyn Store>
        };
        conformance::all(make).await;
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_the_database_is_opened_again() {
    let dir = sealed().await;
    let store = open(&dir).unwrap();

    let found = store.load().await.unwrap();
    assert!(found.keys[0].spec.api_key == Secret::new("sk-1"));
    let again = store.insert_key(key("sk-1"), NOW).await;
    assert!(matches!(again.err(), Some(StoreError::Conflict { .. })), "fingerprints are the same in every process");
}

#[tokio::test]
async fn no_secret_is_in_any_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).unwrap();
    let mut spec = key("sk-planted-credential");
    spec.egress.proxy = Some("http://user:planted-proxy-password@127.0.0.1:1".parse().unwrap());
    spec.egress.headers.insert("x-auth", "planted-header-value".parse().unwrap());
    spec.balance.values.insert("admin_key".into(), Secret::new("sk-planted-admin-key"));
    let made = store.insert_key(spec.clone(), NOW).await.unwrap();
    store.update_key(made.id, spec, NOW).await.unwrap();
    let token = "amp-planted-client-token";
    let secret = TokenSecret { digest: amp_pool_core::caller::TokenDigest::of(token), hint: "amp-…".into() };
    store.insert_token(TokenSpec::named("ci"), secret, NOW).await.unwrap();

    let searched = assert_absent(dir.path(), "planted");
    assert!(searched.contains(&"amp_pool.db-wal".to_owned()), "{searched:?}");
    store.close().await.unwrap();
    assert_absent(dir.path(), "planted");
    assert!(fs::read(dir.path().join("amp_pool.db")).unwrap().windows(6).any(|part| part == b"team A"));
}

/// Searches every file but the master key's, and names them.
fn assert_absent(dir: &Path, planted: &str) -> Vec<String> {
    let names = files(dir).into_iter().map(|path| {
        let found = fs::read(&path).unwrap().windows(planted.len()).any(|part| part == planted.as_bytes());
        assert!(!found, "`{planted}` is in {}", path.display());
        path.file_name().unwrap().to_string_lossy().into_owned()
    });
    names.collect()
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let _store = open(&dir).unwrap();

    let found = files(dir.path());
    assert!(found.len() >= 3, "{found:?}");
    for path in found {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
}

#[tokio::test]
async fn another_master_key_does_not_open_a_database() {
    let dir = sealed().await;
    fs::write(dir.path().join("master.key"), "00".repeat(32)).unwrap();

    assert!(matches!(open(&dir).err(), Some(StoreError::WrongMasterKey)));
}

#[tokio::test]
async fn a_sealed_database_without_its_master_key_is_refused_and_no_key_is_made() {
    let dir = sealed().await;
    fs::remove_file(dir.path().join("master.key")).unwrap();

    let refused = open(&dir).err().unwrap();

    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    assert!(refused.to_string().contains("master.key"), "{refused}");
    assert!(!dir.path().join("master.key").exists());
}

#[tokio::test]
async fn a_master_key_that_was_there_first_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{}\n", "ab".repeat(32));
    fs::write(dir.path().join("master.key"), &text).unwrap();

    drop(open(&dir).unwrap());

    assert_eq!(fs::read_to_string(dir.path().join("master.key")).unwrap(), text);
}

/// Changes a closed database behind the store's back.
fn doctor(dir: &TempDir, sql: &str) -> Vec<u8> {
    let path = dir.path().join("amp_pool.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    fs::read(path).unwrap()
}

#[tokio::test]
async fn a_newer_database_is_left_untouched() {
    let dir = sealed().await;
    let before = doctor(&dir, "PRAGMA user_version = 1000");

    let refused = open(&dir).err();

    assert!(matches!(refused, Some(StoreError::Newer { found: 1000, .. })), "{refused:?}");
    assert_eq!(fs::read(dir.path().join("amp_pool.db")).unwrap(), before);
}

#[test]
fn a_database_of_another_program_is_left_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let before = doctor(&dir, "CREATE TABLE api_keys (id INTEGER PRIMARY KEY, api_key TEXT)");

    let refused = open(&dir).err();

    assert!(matches!(refused, Some(StoreError::Invalid(_))), "{refused:?}");
    assert_eq!(fs::read(dir.path().join("amp_pool.db")).unwrap(), before);
    assert!(!dir.path().join("master.key").exists());
}

#[test]
fn a_file_that_is_no_database_is_left_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let text = "these are my notes\n".repeat(100);
    fs::write(dir.path().join("amp_pool.db"), &text).unwrap();

    assert!(matches!(open(&dir).err(), Some(StoreError::Corrupt(_))));
    assert_eq!(fs::read_to_string(dir.path().join("amp_pool.db")).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let dir = sealed().await;
    // A table that nobody asks while the store is opened, so that only a search for damage can find it.
    damage(&dir, "routes");

    assert!(matches!(open(&dir).err(), Some(StoreError::Corrupt(_))));
}

/// Overwrites the first bytes of the page in which a table begins.
fn damage(dir: &tempfile::TempDir, table: &str) {
    let path = dir.path().join("amp_pool.db");
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: u32 = Connection::open(&path).unwrap().query_row(root, [table], |row| row.get(0)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[(page as usize - 1) * 4096..][..8].fill(0x55);
    fs::write(&path, bytes).unwrap();
}

/// So much that the log is looked through when calls are served already.
const MUCH: &str = "
    WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3000)
    INSERT INTO api_request_choices (call_id, n, choice) SELECT randomblob(16), 0, hex(zeroblob(1000)) FROM n";

#[tokio::test]
async fn damage_of_a_large_file_is_found_before_or_beside_the_calls() {
    let dir = sealed().await;
    doctor(&dir, MUCH);
    damage(&dir, "api_request_choices");
    let store = open(&dir).unwrap();
    let refused = async {
        while store.commit([].into()).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        store.commit([].into()).await.err()
    };
    let refused = tokio::time::timeout(std::time::Duration::from_secs(20), refused).await.unwrap();
    assert!(matches!(refused, Some(StoreError::Corrupt(_))), "{refused:?}");
    drop(store);

    let dir = sealed().await;
    doctor(&dir, MUCH);
    damage(&dir, "routes");
    assert!(matches!(open(&dir).err(), Some(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn a_migration_that_was_changed_later_is_refused() {
    let dir = sealed().await;
    doctor(&dir, "UPDATE schema_migrations SET sha256 = 'another'");

    assert!(matches!(open(&dir).err(), Some(StoreError::Corrupt(_))));
}

#[test]
fn a_first_start_that_was_killed_is_taken_up_again() {
    let dir = tempfile::tempdir().unwrap();
    // Killed after the file was made, and again in the middle of the first migration.
    fs::write(dir.path().join("amp_pool.db"), "").unwrap();
    let path = dir.path().join("amp_pool.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; CREATE TABLE api_keys (x)").unwrap();
    connection.cache_flush().unwrap();
    let killed = tempfile::tempdir().unwrap();
    for path in files(dir.path()) {
        fs::copy(&path, killed.path().join(path.file_name().unwrap())).unwrap();
    }

    open(&killed).unwrap();
}

#[tokio::test]
async fn a_vanished_directory_is_not_available() {
    let dir = tempfile::tempdir().unwrap();
    let refused = SqliteStore::open(options(&dir.path().join("nowhere")), NOW).err();
    assert!(matches!(refused, Some(StoreError::Unavailable(_))), "{refused:?}");
}
