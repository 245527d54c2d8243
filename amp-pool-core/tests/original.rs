//! A database of the first AMP Pool is taken into every store there is, with the same counts and sums.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod postgres_server;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use amp_pool_core::{
    id::KeyId,
    money::NanoUsd,
    secret::Secret,
    store::{
        Durability, GroupBy, Outcome, Page, RecordFilter, Store, StoreError, TotalsFilter,
        memory::MemoryStore,
        original::{OriginalOptions, Sums, import, is_original, look},
        postgres::{self, PostgresOptions, PostgresStore},
        sqlite::{self, SqliteOptions, SqliteStore},
    },
    time::Timestamp,
};
use postgres_server::PostgresServer;
use rusqlite::Connection;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_millis(1_795_395_600_000);

/// As the first AMP Pool made its tables.
const SCHEMA: &str = "
    CREATE TABLE api_keys (
        name VARCHAR(100) NOT NULL, api_key VARCHAR(256) NOT NULL, ua VARCHAR(256) NOT NULL, proxy VARCHAR(256),
        enabled BOOLEAN NOT NULL, balance DECIMAL(10, 2), total_balance DECIMAL(10, 2), balance_last_update DATETIME,
        error_code VARCHAR(50), memo TEXT, id INTEGER NOT NULL, create_time DATETIME NOT NULL,
        update_time DATETIME NOT NULL, PRIMARY KEY (id));
    CREATE TABLE api_request_log (
        key_id INTEGER, api_key VARCHAR(255), proxy VARCHAR(255), model VARCHAR(100), res_model VARCHAR(100),
        provider VARCHAR(20), prompt_tokens INTEGER, completion_tokens INTEGER, total_tokens INTEGER, input_tokens INTEGER,
        output_tokens INTEGER, cache_creation_input_tokens INTEGER, cache_read_input_tokens INTEGER, cost DECIMAL(10, 6),
        latency_ms INTEGER, status VARCHAR(20) NOT NULL, http_status_code INTEGER, error_type VARCHAR(100),
        error_message TEXT, request_body TEXT, response_body TEXT, id INTEGER NOT NULL, create_time DATETIME NOT NULL,
        update_time DATETIME NOT NULL, PRIMARY KEY (id));
    CREATE TABLE api_request_stats (stat_date DATE NOT NULL, request_count INTEGER, id INTEGER NOT NULL, PRIMARY KEY (id));
    CREATE TABLE config (\"key\" VARCHAR(100) NOT NULL, value TEXT, memo TEXT, id INTEGER NOT NULL, create_time DATETIME NOT NULL,
        update_time DATETIME NOT NULL, PRIMARY KEY (id), UNIQUE (\"key\"));
    INSERT INTO config VALUES ('ua_list', '[]', '', 1, '2025-10-01 08:00:00', '2025-10-01 08:00:00');
    INSERT INTO api_keys VALUES
        ('one', 'sk-original-1', 'agent/1', '127.0.0.1:8080', 1, 3.5, 10, NULL, NULL, 'first', 1,
         '2025-10-01 08:00:00.123456', '2025-10-01 08:00:00.123456'),
        ('two', 'sk-original-2', '', 'socks5://user:pass@127.0.0.1:1080', 0, NULL, NULL, NULL, 'UNAUTHORIZED', NULL, 3,
         '2025-10-01 08:00:00', '2025-10-01 08:00:00'),
        ('again', 'sk-original-1', 'agent/2', NULL, 1, NULL, NULL, NULL, NULL, NULL, 4,
         '2025-10-02 08:00:00', '2025-10-02 08:00:00'),
        ('lost', 'sk-original-5', 'agent/5', 'not a proxy', 1, NULL, NULL, NULL, NULL, NULL, 5,
         '2025-10-02 08:00:00', '2025-10-02 08:00:00');
    INSERT INTO api_request_log VALUES
        (1, 'sk-original-1', NULL, 'gpt-5', 'gpt-5-2025', 'openai', 100, 20, 120, 100, 20, 0, 0, 0.012345, 900, 'success', 200,
         NULL, NULL, '{}', '{}', 1, '2025-10-01 23:59:59.999999', '2025-10-01 23:59:59.999999'),
        (3, 'sk-original-2', NULL, 'claude-sonnet-4', NULL, 'anthropic', 0, 0, 57, 50, 7, 11, 13, 0.1, 1200, 'success', 200,
         NULL, NULL, NULL, NULL, 2, '2025-10-02 00:00:00', '2025-10-02 00:00:00'),
        (0, 'sk-callers-own-0123456789', NULL, 'gpt-5', NULL, 'openai', 1, 1, 2, 1, 1, 0, 0, 0, 5, 'success', 200,
         NULL, NULL, NULL, NULL, 3, '2025-10-02 00:00:01', '2025-10-02 00:00:01'),
        (7, NULL, NULL, 'gpt-5', NULL, 'openai', 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 'error', 0, 'AuthError',
         'refused: sk-original-planted-in-a-text-0123456789', NULL, NULL, 4, '2025-10-02 00:00:02', '2025-10-02 00:00:02'),
        (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0.3, 1, 'unknown', NULL, NULL, NULL, NULL, NULL,
         6, '2025-10-03 12:00:00', '2025-10-03 12:00:00');";

const SUMS: Sums = Sums {
    calls: 5,
    errors: 2,
    input: 151,
    cache_read: 13,
    cache_write: 11,
    output: 28,
    cost: NanoUsd(412_345_000),
    latency_ms: 2_106,
};

fn original(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("pool.db");
    Connection::open(&path).unwrap().execute_batch(SCHEMA).unwrap();
    path
}

fn shanghai() -> OriginalOptions {
    OriginalOptions { zone: "Asia/Shanghai".parse().unwrap(), ..OriginalOptions::default() }
}

fn sqlite_store(dir: &Path) -> SqliteStore {
    let (path, master_key_file) = (dir.join("amp_pool.db"), dir.join("master.key"));
    SqliteStore::open(SqliteOptions { path, master_key_file, durability: Durability::Normal, echo: false }, NOW)
        .unwrap()
}

async fn postgres_store(url: &str, dir: &Path) -> PostgresStore {
    let (url, master_key_file) = (Secret::new(url), dir.join("master.key"));
    let (node, durability) = ("a".into(), Durability::Full);
    let options = PostgresOptions { url, master_key_file, node, connections: 4, durability, echo: false };
    PostgresStore::open(options, NOW).await.unwrap()
}

/// What every store has to hold after an import.
async fn check(store: Arc<dyn Store>, dir: &TempDir) {
    let file = original(dir);
    let before = fs::read(&file).unwrap();
    assert!(is_original(&file).unwrap());
    let foreseen = look(&file, &shanghai()).await.unwrap();
    let done = import(&file, &*store, &shanghai(), NOW).await.unwrap();
    assert_eq!(fs::read(&file).unwrap(), before, "it is only read");

    assert_eq!((foreseen.sums, done.sums, done.keys, done.known_keys), (SUMS, SUMS, 3, 1));
    let remarks = done.remarks.join("; ");
    for remark in
        ["1 settings", "1 calls with what they said", "key `lost`: its proxy can not be used; it was switched off"]
    {
        assert!(remarks.contains(remark), "{remarks}");
    }
    check_keys(&*store).await;
    check_calls(&*store).await;
    let days = store.totals(TotalsFilter::span(Timestamp::from_millis(0), NOW), GroupBy::Day).await.unwrap();
    let days: Vec<_> = days
        .iter()
        .map(|day| (day.group.parse().map(Timestamp::from_millis).unwrap().to_string(), day.requests))
        .collect();
    assert_eq!(
        days,
        [("2025-10-01T00:00:00.000Z".into(), 4), ("2025-10-03T00:00:00.000Z".into(), 1)],
        "Shanghai is 8 hours ahead"
    );

    let again = import(&file, &*store, &shanghai(), NOW).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    let more = "INSERT INTO api_request_log (id, key_id, model, cost, status, create_time, update_time)
                VALUES (9, 1, 'm', 1, 'success', '2026-01-01 00:00:00', '2026-01-01 00:00:00')";
    Connection::open(&file).unwrap().execute_batch(more).unwrap();
    let changed = import(&file, &*store, &shanghai(), NOW).await.unwrap_err();
    assert!(changed.to_string().contains("needs a database without calls"), "{changed}");
    store.close().await.unwrap();
}

async fn check_keys(store: &dyn Store) {
    let keys = store.load().await.unwrap().keys;
    let told = |key: &amp_pool_core::keys::Key| {
        let egress = &key.spec.egress;
        let ua = egress.user_agent.as_ref().map(|ua| ua.to_str().unwrap().to_owned());
        let proxy = egress.proxy.as_ref().map(|proxy| proxy.expose().to_owned());
        (
            key.spec.name.clone(),
            key.spec.provider.clone(),
            key.spec.api_key.expose().to_owned(),
            key.spec.enabled,
            ua,
            proxy,
        )
    };
    let row = |name: &str, secret: &str, enabled, ua: Option<&str>, proxy: Option<&str>| {
        (name.into(), "amp".into(), secret.into(), enabled, ua.map(Into::into), proxy.map(Into::into))
    };
    let expected = [
        row("one", "sk-original-1", true, Some("agent/1"), Some("http://127.0.0.1:8080")),
        row("two", "sk-original-2", false, None, Some("socks5://user:pass@127.0.0.1:1080")),
        row("lost", "sk-original-5", false, Some("agent/5"), None),
    ];
    assert_eq!(keys.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(keys[0].spec.total_balance, Some(NanoUsd(10_000_000_000)));
    assert_eq!(keys[0].create_time.to_string(), "2025-10-01T00:00:00.123Z");
}

async fn check_calls(store: &dyn Store) {
    let keys: Vec<KeyId> = store.load().await.unwrap().keys.iter().map(|key| key.id).collect();
    let mut calls = store.list(RecordFilter::default(), Page { before: None, limit: 100 }).await.unwrap();
    calls.sort_by_key(|call| call.create_time);
    let [first, second, own, refused, unknown] = &calls[..] else { panic!("{calls:?}") };
    let first = store.get(first.call).await.unwrap().unwrap();
    assert_eq!((first.key, first.model.as_str(), first.cost), (Some(keys[0]), "gpt-5", Some(NanoUsd(12_345_000))));
    assert_eq!((first.attempts[0].upstream_model.as_str(), first.usage.output), ("gpt-5-2025", 20));
    assert_eq!(first.create_time.to_string(), "2025-10-01T15:59:59.999Z");
    assert_eq!((second.key, &*second.format, second.usage.input()), (Some(keys[1]), "messages", 50 + 11 + 13));
    assert_eq!(own.key, Some(KeyId(0)), "no key of the pool");
    assert_eq!(
        (refused.key, refused.cost, refused.http_status),
        (Some(KeyId(0)), None, Some(502)),
        "a key that is gone"
    );
    assert!(!refused.error_message.as_deref().unwrap().contains("planted"), "{refused:?}");
    assert_eq!((unknown.outcome, unknown.error_type.as_deref()), (Some(Outcome::Failed), Some("unknown")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_amp_pool_is_taken_into_memory() {
    check(Arc::new(MemoryStore::new()), &tempfile::tempdir().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_amp_pool_is_taken_into_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    check(Arc::new(sqlite_store(dir.path())), &dir).await;
    let audit = sqlite::audit(&dir.path().join("amp_pool.db")).unwrap();
    assert_eq!((audit.calls, audit.discrepancies), (5, 0), "{:?}", audit.findings);
    let bytes = fs::read(dir.path().join("amp_pool.db")).unwrap();
    for secret in ["sk-original-1", "sk-callers-own", "user:pass"] {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is in the file");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_amp_pool_is_taken_into_postgresql() {
    let (dir, url) = (tempfile::tempdir().unwrap(), PostgresServer::shared().database());
    check(Arc::new(postgres_store(&url, dir.path()).await), &dir).await;
    let audit = postgres::audit(&Secret::new(&*url)).await.unwrap();
    assert_eq!((audit.calls, audit.discrepancies), (5, 0), "{:?}", audit.findings);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_broken_off_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = original(&dir);
    let many = "WITH RECURSIVE n (n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM n WHERE n < 20099)
                INSERT INTO api_request_log (id, key_id, model, cost, output_tokens, status, create_time, update_time)
                SELECT n, 1, 'm' || n % 5, 0.000001, 2, 'success', '2025-11-01 00:00:00', '2025-11-01 00:00:00' FROM n";
    Connection::open(&file).unwrap().execute_batch(many).unwrap();
    let store: Arc<dyn Store> = Arc::new(sqlite_store(dir.path()));
    let mut broken = 0;
    let done = loop {
        let (file, store) = (file.clone(), store.clone());
        let running = tokio::spawn(async move { import(&file, &*store, &shanghai(), NOW).await });
        tokio::time::sleep(Duration::from_millis(60 + 200 * broken)).await;
        if !running.is_finished() {
            running.abort();
        }
        match running.await {
            Ok(done) => break done.unwrap(),
            Err(_) => broken += 1,
        }
    };
    assert!(broken > 0 && done.resumed, "it was never broken off");
    assert_eq!((done.sums.calls, done.sums.cost), (20_005, NanoUsd(SUMS.cost.0 + 20_000_000)));
    store.close().await.unwrap();
    let audit = sqlite::audit(&dir.path().join("amp_pool.db")).unwrap();
    assert_eq!((audit.calls, audit.discrepancies), (20_005, 0), "{:?}", audit.findings);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_database_of_it_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (file, store) = (dir.path().join("other.db"), MemoryStore::new());
    let refuses = async |what: &str| {
        let refused = import(&file, &store, &OriginalOptions::default(), NOW).await.unwrap_err().to_string();
        assert!(refused.contains(what), "{refused}");
    };
    fs::write(
        &file,
        "a letter, and not a short one: it is longer than the head of a database, which has a hundred bytes.",
    )
    .unwrap();
    refuses("no database").await;
    fs::remove_file(&file).unwrap();
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE api_keys (id, create_time, name, api_key)").unwrap();
    refuses("no column `enabled` of a table `api_keys`").await;
    assert!(!is_original(&file).unwrap());
    drop(sqlite_store(dir.path()));
    assert!(!is_original(&dir.path().join("amp_pool.db")).unwrap(), "one of ours");

    let file = original(&dir);
    Connection::open(&file)
        .unwrap()
        .execute_batch("UPDATE api_request_log SET create_time = 'soon' WHERE id = 3")
        .unwrap();
    let refused = import(&file, &store, &OriginalOptions::default(), NOW).await.unwrap_err().to_string();
    assert!(refused.contains("`soon`"), "{refused}");
}
