//! The store in PostgreSQL, against a real server.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod postgres_server;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use amp_pool_core::{
    caller::{TokenDigest, TokenSpec},
    keys::KeySpec,
    secret::Secret,
    store::{
        ConfigStore as _, Durability, Entry, Opened, Outcome, Page, Record, RecordFilter, RecordStore as _,
        RetentionStore as _, Store, StoreError, TokenSecret,
        postgres::{self, PostgresOptions, PostgresStore},
    },
    testkit::{calls, conformance},
    time::Timestamp,
};
use postgres_server::PostgresServer;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_millis(1_795_395_600_000);

/// Where a database is, and the master key that opens it.
struct Place {
    url: String,
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { url: PostgresServer::shared().database(), dir: tempfile::tempdir().unwrap() }
    }

    fn options(&self, node: &str) -> PostgresOptions {
        options(&self.url, self.dir.path().join("master.key"), node)
    }

    async fn open(&self, node: &str) -> Result<PostgresStore, StoreError> {
        PostgresStore::open(self.options(node), NOW).await
    }

    fn sql(&self, sql: &str) -> String {
        PostgresServer::shared().sql(&self.url, sql)
    }

    fn dump(&self) -> String {
        PostgresServer::shared().dump(&self.url)
    }
}

fn options(url: &str, master_key_file: PathBuf, node: &str) -> PostgresOptions {
    let (url, node) = (Secret::new(url), node.to_owned());
    PostgresOptions { url, master_key_file, node, connections: 8, durability: Durability::Full, echo: false }
}

fn key(credential: &str) -> KeySpec {
    KeySpec::new("team A", "openai", Secret::new(credential))
}

fn opened(n: u8) -> Opened {
    calls::opened(n.into(), NOW)
}

fn record(n: u8) -> Record {
    calls::settled(opened(n), Vec::new())
}

async fn open_call(store: &PostgresStore, n: u8) {
    store.commit([Entry::Opened(opened(n))].into()).await.unwrap();
}

async fn settle(store: &PostgresStore, record: Record) {
    store.commit([Entry::Settled(Box::new(record))].into()).await.unwrap();
}

async fn outcome(store: &PostgresStore, n: u8) -> Option<Outcome> {
    store.get(opened(n).call).await.unwrap().unwrap().outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_in_postgresql_conforms() {
    let server = PostgresServer::shared();
    let template = Place::new();
    drop(template.open("template").await.unwrap());
    template.sql("DELETE FROM vault; DELETE FROM nodes");
    let name = template.sql("SELECT current_database()");
    let make = async || {
        let url = server.copy_of(&name);
        let master_key = tempfile::tempdir().unwrap().keep().join("master.key");
        Arc::new(PostgresStore::open(options(&url, master_key, "a"), NOW).await.unwrap()) as Arc<dyn Store>
    };
    conformance::all(make).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_there_after_the_database_is_opened_again() {
    let place = Place::new();
    place.open("a").await.unwrap().insert_key(key("sk-1"), NOW).await.unwrap();
    let store = place.open("a").await.unwrap();

    assert!(store.load().await.unwrap().keys[0].spec.api_key == Secret::new("sk-1"));
    let again = store.insert_key(key("sk-1"), NOW).await;
    assert!(matches!(again.err(), Some(StoreError::Conflict { .. })), "fingerprints are the same in every process");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_database() {
    let place = Place::new();
    let store = place.open("a").await.unwrap();
    let mut spec = key("sk-planted-credential");
    spec.egress.proxy = Some("http://user:planted-proxy-password@127.0.0.1:1".parse().unwrap());
    spec.egress.headers.insert("x-auth", "planted-header-value".parse().unwrap());
    spec.balance.values.insert("admin_key".into(), Secret::new("sk-planted-admin-key"));
    store.insert_key(spec, NOW).await.unwrap();
    let secret = TokenSecret { digest: TokenDigest::of("amp-planted-client-token"), hint: "amp-…".into() };
    store.insert_token(TokenSpec::named("ci"), secret, NOW).await.unwrap();

    let dump = place.dump();
    assert!(dump.contains("team A"));
    let hex: String = b"planted".iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!dump.contains("planted") && !dump.contains(&hex));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_does_not_open_a_database() {
    let place = Place::new();
    place.open("a").await.unwrap();
    let file = place.dir.path().join("master.key");
    std::fs::write(&file, "00".repeat(32)).unwrap();
    assert!(matches!(place.open("a").await.err(), Some(StoreError::WrongMasterKey)));

    std::fs::remove_file(&file).unwrap();
    let refused = place.open("a").await.err().unwrap();
    assert!(refused.to_string().contains("master.key"), "{refused}");
    assert!(!file.exists(), "a sealed database gets no second master key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_database_is_left_untouched() {
    let place = Place::new();
    drop(place.open("a").await.unwrap());
    place.sql("INSERT INTO schema_migrations VALUES (1000, 'later', '', 0)");
    let before = place.dump();

    let refused = place.open("a").await.err();

    assert!(matches!(refused, Some(StoreError::Newer { found: 1000, .. })), "{refused:?}");
    assert_eq!(place.dump(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_another_program_is_left_untouched() {
    for table in ["CREATE TABLE config (x int)", "CREATE TABLE schema_migrations (version text)"] {
        let place = Place::new();
        place.sql(table);
        let before = place.dump();

        let refused = place.open("a").await.err();

        assert!(matches!(refused, Some(StoreError::Invalid(_))), "{table}: {refused:?}");
        assert_eq!(place.dump(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_others_beside_ours_stay_as_they_are() {
    let place = Place::new();
    place.sql("CREATE TABLE theirs (x int); INSERT INTO theirs VALUES (7)");
    let store = place.open("a").await.unwrap();
    settle(&store, record(1)).await;

    assert_eq!(place.sql("SELECT x FROM theirs"), "7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_changed_later_is_refused() {
    let place = Place::new();
    drop(place.open("a").await.unwrap());
    place.sql("UPDATE schema_migrations SET sha256 = 'another' WHERE number = 2");

    let refused = place.open("a").await.err().unwrap();

    assert!(matches!(refused, StoreError::Corrupt(_)) && refused.to_string().contains("migration 2"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_nodes_that_start_at_once_make_one_database() {
    let place = Place::new();
    let names = ["a", "b", "c", "d"];
    let opened = futures::future::join_all(names.map(|name| place.open(name))).await;

    let failed: Vec<_> = opened.iter().filter_map(|store| store.as_ref().err()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(place.sql("SELECT count(*) FROM vault"), "1");
}

/// Kills the session that migrates as soon as it has changed anything in the step after `done`.
fn kill_in_the_step_after(done: usize) -> String {
    format!(
        "CREATE FUNCTION kill_here() RETURNS event_trigger LANGUAGE plpgsql AS $$
         DECLARE done bigint := 0;
         BEGIN
             IF to_regclass('schema_migrations') IS NOT NULL THEN SELECT count(*) INTO done FROM schema_migrations; END IF;
             IF done = {done} THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
         END $$;
         CREATE EVENT TRIGGER kill_here ON ddl_command_end EXECUTE FUNCTION kill_here();"
    )
}

/// Whether a step has nothing to do here.
fn is_empty(step: &str) -> bool {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres").join(step).with_extension("sql");
    std::fs::read_to_string(file).unwrap().lines().all(|line| line.trim().is_empty() || line.starts_with("--"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_killed_in_any_step_is_taken_up_again() {
    let whole = Place::new();
    drop(whole.open("a").await.unwrap());
    let steps = "SELECT number, name, sha256 FROM schema_migrations ORDER BY number";
    let all = whole.sql(steps);
    for (done, step) in all.lines().enumerate() {
        let place = Place::new();
        place.sql(&kill_in_the_step_after(done));
        let killed = place.open("a").await.err();
        if is_empty(step.split('|').nth(1).unwrap()) {
            assert!(killed.is_none(), "nothing was changed in {step}, but {killed:?}");
            continue;
        }
        assert!(matches!(killed, Some(StoreError::Unavailable(_))), "{killed:?}");
        place.sql("DROP EVENT TRIGGER kill_here; DROP FUNCTION kill_here");
        if done > 0 {
            assert_eq!(place.sql(steps).lines().count(), done, "what was finished stays, what was not is gone");
        }

        drop(place.open("a").await.unwrap());

        assert_eq!(place.sql(steps), all);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_noticed_by_the_other_nodes() {
    let place = Place::new();
    let (a, b) = (place.open("a").await.unwrap(), place.open("b").await.unwrap());
    let mut revisions = b.revisions().unwrap();
    let mut noticed = async || {
        let change = tokio::time::timeout(Duration::from_secs(5), revisions.wait_for(|_| true));
        drop(change.await.unwrap().unwrap());
        let start = std::time::Instant::now();
        tokio::time::timeout(Duration::from_secs(10), revisions.changed()).await.unwrap().unwrap();
        start.elapsed()
    };
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    b.revisions().unwrap().borrow_and_update();

    let write = async |name: &str| a.put_setting(name.into(), Some("1".into()), NOW).await.unwrap();
    let (took, ()) = tokio::join!(noticed(), write("x"));
    eprintln!("noticed after {took:?}");

    // Everything of the other node breaks off; it comes back by itself, and hears what happened meanwhile.
    place.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
    let write = async |name: &str| while a.put_setting(name.into(), Some("1".into()), NOW).await.is_err() {};
    let (took, ()) = tokio::join!(noticed(), write("y"));
    assert!(took < Duration::from_secs(4), "noticed after {took:?}");
    assert_eq!(b.load().await.unwrap().settings.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_again_closes_its_own_calls_and_no_others() {
    let place = Place::new();
    let (a, b) = (place.open("a").await.unwrap(), place.open("b").await.unwrap());
    open_call(&a, 1).await;
    open_call(&b, 2).await;
    drop(a);

    let a = place.open("a").await.unwrap();
    assert_eq!(a.recover(NOW.plus_millis(9)).await.unwrap(), 1);

    assert_eq!((outcome(&b, 1).await, outcome(&b, 2).await), (Some(Outcome::Failed), None));
    settle(&b, record(2)).await;
    assert_eq!(outcome(&a, 2).await, Some(Outcome::Done));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_gone_is_missed_and_its_calls_are_closed() {
    let place = Place::new();
    let (a, b) = (place.open("a").await.unwrap(), place.open("b").await.unwrap());
    open_call(&a, 1).await;
    open_call(&b, 2).await;
    drop(a);
    place.sql("UPDATE nodes SET expires_at = 0 WHERE name = 'a'");

    let closed = async {
        while outcome(&b, 1).await.is_none() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), closed).await.unwrap();

    assert_eq!((outcome(&b, 1).await, outcome(&b, 2).await), (Some(Outcome::Failed), None));
    assert_eq!(place.sql("SELECT name FROM nodes"), "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_others_believe_gone_goes_on_under_another_number() {
    let place = Place::new();
    let a = place.open("a").await.unwrap();
    open_call(&a, 1).await;
    place.sql("DELETE FROM nodes");

    open_call(&a, 2).await;

    assert_eq!(place.sql("SELECT count(*) FROM nodes"), "1");
    let b = place.open("b").await.unwrap();
    assert_eq!(b.recover(NOW).await.unwrap(), 1, "only what bears the old number is lost");
    assert_eq!((outcome(&b, 1).await, outcome(&b, 2).await), (Some(Outcome::Failed), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgresql_can_not_hold_never_stops_the_books() {
    let place = Place::new();
    let store = place.open("a").await.unwrap();
    let mut odd = record(1);
    odd.opened.model = "a\0b".into();
    (odd.error_type, odd.error_message) = (Some("\0".into()), Some("\0\0".into()));
    odd.latency_ms = u64::MAX;
    settle(&store, odd).await;

    let filter = RecordFilter { model: Some("a\0b".into()), ..RecordFilter::default() };
    let found = store.list(filter, Page { before: None, limit: 9 }).await.unwrap();
    assert_eq!(found[0].model, "a\u{fffd}b");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_takes_its_attempts_along() {
    let place = Place::new();
    let store = place.open("a").await.unwrap();
    settle(&store, record(1)).await;
    place.sql(
        "INSERT INTO api_request_attempts SELECT 0, gen_random_uuid(), 0, 1, '', '', '', TRUE, '', NULL, NULL, 0, NULL,
               0, 0, 0, 0, 0, NULL, FALSE, NULL, NULL, id, NULL, NULL, NULL FROM api_request_log",
    );
    assert_eq!(place.sql("DELETE FROM api_request_log; SELECT count(*) FROM api_request_attempts"), "0");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_not_available() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("postgres://user:hunter2@/d?host={}", dir.path().display());
    let refused = PostgresStore::open(options(&url, dir.path().join("master.key"), "a"), NOW).await.err().unwrap();

    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(!refused.to_string().contains("hunter2"), "{refused}");
}

/// The `n`th call, of one of five hours, long ago.
fn old_call(n: u64) -> Entry {
    let hours = i64::try_from(n % 5).unwrap();
    let opened = calls::opened(n, NOW.plus_millis(hours * 3_600_000));
    let attempts = vec![calls::attempt(&opened)];
    Entry::Settled(Box::new(calls::settled(opened, attempts)))
}

const LATER: Timestamp = NOW.plus_millis(10 * 86_400_000);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_are_added_up_while_calls_of_their_hours_are_written_and_none_is_missed() {
    let place = Place::new();
    let (a, b) = (place.open("a").await.unwrap(), place.open("b").await.unwrap());
    let over = AtomicBool::new(false);
    let write = async |store: &PostgresStore, calls: std::ops::Range<u64>| {
        for n in calls {
            store.commit([old_call(n)].into()).await.unwrap();
        }
    };
    let writing = async {
        tokio::join!(write(&a, 0..100), write(&b, 100..200));
        over.store(true, Ordering::Release);
    };
    let adding = async {
        while !over.load(Ordering::Acquire) {
            a.sum_up(LATER).await.unwrap();
        }
        while a.sum_up(LATER).await.unwrap() {}
    };
    tokio::join!(writing, adding);

    let audit = postgres::audit(&Secret::new(&*place.url)).await.unwrap();
    assert!(audit.agrees() && audit.calls == 200, "{:?}", audit.findings);
    let all = "SELECT sum(requests) FROM api_request_sums WHERE part = 'all' AND granularity = 'hour'";
    assert_eq!(place.sql(all), "200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_writer_stands_still_nobody_waits_for_who_adds_up() {
    let place = Place::new();
    let store = place.open("a").await.unwrap();
    store.commit([old_call(1)].into()).await.unwrap();
    let stands = "BEGIN; LOCK TABLE api_request_sums_until IN ROW EXCLUSIVE MODE; SELECT pg_sleep(600)";
    let url = place.url.clone();
    let writer = std::thread::spawn(move || PostgresServer::shared().sql(&url, stands));
    let holds = "SELECT count(*) FROM pg_locks WHERE relation = 'api_request_sums_until'::regclass AND mode = 'RowExclusiveLock'";
    while place.sql(holds) == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(store.sum_up(LATER).await.unwrap(), "it is to be tried again");
    assert_eq!(place.sql("SELECT until FROM api_request_sums_until"), "0");
    store.commit([old_call(2)].into()).await.unwrap();

    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid() AND datname = current_database()";
    assert_eq!(place.sql(end), "1");
    assert!(writer.join().is_err(), "it was ended");
    while store.sum_up(LATER).await.unwrap() {}
    assert_eq!(place.sql("SELECT until > 0 FROM api_request_sums_until"), "t");
}
