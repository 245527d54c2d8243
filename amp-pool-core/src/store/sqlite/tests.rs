//! What only shows from inside: faults of the disk, and the file as other programs see it.

use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    id::KeyId,
    keys::KeySpec,
    secret::Secret,
    store::{
        ConfigStore as _, Entry, GroupBy, Opened, Page, Record, RecordFilter, RecordStore as _, RetentionStore as _,
        TotalsFilter, calls,
    },
};

const NOW: Timestamp = Timestamp::from_millis(1_000);

/// An empty database with the newest schema.
pub(super) fn database() -> (TempDir, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.db");
    let mut connection = Connection::open(&path).unwrap();
    migrate::bring_up(&mut connection, &path, NOW).unwrap();
    (dir, connection)
}

/// A table for one run of a statement costs more than the rest of it.
pub(super) fn check_that_none_makes_a_table(statements: &[&str]) {
    let (_dir, connection) = database();
    for sql in statements {
        let mut explained = connection.prepare(&format!("EXPLAIN {sql}")).unwrap();
        let values = vec![rusqlite::types::Null; explained.parameter_count()];
        let steps = explained.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(1)).unwrap();
        let steps: Vec<_> = steps.map(Result::unwrap).collect();
        assert!(!steps.iter().any(|step| step.starts_with("OpenEphemeral") || step.starts_with("Sorter")), "{sql}");
    }
}

fn open(dir: &TempDir) -> SqliteStore {
    let (path, master_key_file) = (dir.path().join("test.db"), dir.path().join("master.key"));
    let options = SqliteOptions { path, master_key_file, durability: Durability::Full, echo: false };
    SqliteStore::open(options, NOW).unwrap()
}

#[test]
fn a_statement_is_not_parsed_anew_for_other_values() {
    let (dir, connection) = database();
    drop(connection);
    let access = Access { path: dir.path().join("test.db"), durability: Durability::Full, echo: false };
    let connection = access.writer().unwrap();
    for call in 0..3 {
        // Each finds the statement of the one before it, as the writer does.
        let mut statement = connection.prepare_cached(budgets::OF_CALL).unwrap();
        assert!(!statement.exists([[call; 16].as_slice()]).unwrap());
        assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }
}

/// A call, the `n`th, that was asked of nobody.
fn record(n: u64, model: &str) -> Record {
    calls::settled(Opened { model: model.to_owned(), ..calls::opened(n, NOW) }, Vec::new())
}

fn settled(record: Record) -> Entry {
    Entry::Settled(Box::new(record))
}

/// Lets the file grow by no more than `pages`; 0 lifts the limit.
async fn limit(store: &SqliteStore, pages: i64) {
    let work = move |connection: &mut Connection| {
        let used: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let most = if pages == 0 { i64::from(u32::MAX) - 1 } else { used + pages };
        Ok(connection.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))?)
    };
    store.writer.run(work).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_a_batch_whole_and_takes_it_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let long = "m".repeat(100_000);
    let batch: Arc<[Entry]> = [record(1, "small"), record(2, &long)].map(settled).into();

    limit(&store, 10).await;
    let refused = store.commit(Arc::clone(&batch)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let small = calls::opened(1, NOW).call;
    assert!(store.get(small).await.unwrap().is_none());

    limit(&store, 0).await;
    store.commit(batch).await.unwrap();
    assert!(store.get(small).await.unwrap().is_some());
}

/// Whether so many calls are in the sums, and the sums are those of the log.
async fn check_sums(dir: &TempDir, store: &SqliteStore, requests: u64) {
    let totals = store.totals(TotalsFilter::span(NOW, NOW.plus_millis(1)), GroupBy::Nothing).await.unwrap();
    assert_eq!(totals[0].requests, requests);
    let found = audit(&dir.path().join("test.db")).unwrap();
    assert_eq!(found.discrepancies, 0, "{:?}", found.findings);
}

/// The `n`th call from its beginning to its end, with two attempts.
fn whole(n: u64) -> [Entry; 2] {
    let opened = calls::opened(n, NOW);
    let attempts = vec![calls::attempt(&opened), calls::attempt(&opened)];
    [Entry::Opened(opened.clone()), settled(calls::settled(opened, attempts))]
}

#[tokio::test]
async fn of_many_calls_in_one_batch_each_is_written_once_whatever_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    // Among the first eight some are open, one is settled and some are new; all of the next are there; one of the third is.
    let [third_opened, _] = whole(3);
    let before = [third_opened, whole(9)[0].clone()].into_iter().chain(whole(5)).chain((9..16).flat_map(whole));
    store.commit(before.chain(whole(18)).collect()).await.unwrap();

    let batch: Arc<[Entry]> = (0..27).flat_map(whole).collect();
    for _ in 0..2 {
        store.commit(Arc::clone(&batch)).await.unwrap();
        check_sums(&dir, &store, 27).await;
        let found = audit(&dir.path().join("test.db")).unwrap();
        assert_eq!((found.calls, found.open, found.attempts), (27, 0, 54));
    }
    for n in 0..27 {
        let call = store.get(calls::opened(n, NOW).call).await.unwrap().unwrap();
        let attempts: Vec<_> = call.attempts.iter().map(|attempt| attempt.id.0).collect();
        assert_eq!(attempts, [call.call.0; 2], "attempts stand under their call");
    }
}

#[tokio::test]
async fn a_row_that_the_schema_refuses_is_not_left_out_of_many() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    tamper(&store, "CREATE UNIQUE INDEX once ON api_request_log (model)").await;
    assert!(store.commit((0..8).flat_map(whole).collect()).await.is_err());
    assert!(store.get(calls::opened(0, NOW).call).await.unwrap().is_none());
}

/// Writes beside the store's own ways, by the connection that it writes with.
async fn tamper(store: &SqliteStore, sql: &'static str) {
    store.writer.run(|connection| Ok(connection.execute_batch(sql)?)).await.unwrap();
}

#[tokio::test]
async fn what_a_refused_batch_has_summed_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.commit([settled(record(1, "m"))].into()).await.unwrap();

    let long = "m".repeat(100_000);
    let batch: Arc<[Entry]> = [record(2, "m"), record(3, &long)].map(settled).into();
    limit(&store, 10).await;
    assert!(store.commit(Arc::clone(&batch)).await.is_err());
    assert!(store.commit(Arc::clone(&batch)).await.is_err());
    check_sums(&dir, &store, 1).await;

    limit(&store, 0).await;
    store.commit([settled(record(4, "m"))].into()).await.unwrap();
    store.commit(batch).await.unwrap();
    check_sums(&dir, &store, 4).await;
    let of_long = RecordFilter { model: Some(long), ..RecordFilter::default() };
    assert_eq!(store.list(of_long, Page { before: None, limit: 10 }).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_another_connection_has_written_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(&dir), open(&dir));
    for n in 0..3 {
        one.commit([settled(record(2 * n, "m"))].into()).await.unwrap();
        other.commit([settled(record(2 * n + 1, "m"))].into()).await.unwrap();
    }
    check_sums(&dir, &one, 6).await;
}

#[tokio::test]
async fn sums_that_were_changed_by_others_are_read_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.commit([settled(record(1, "m"))].into()).await.unwrap();
    tamper(&store, "UPDATE api_request_stats SET saved = saved + 5; DELETE FROM api_request_log_blocks").await;
    store.commit([settled(record(2, "m"))].into()).await.unwrap();

    let totals = store.totals(TotalsFilter::span(NOW, NOW.plus_millis(1)), GroupBy::Nothing).await.unwrap();
    assert_eq!((totals[0].requests, totals[0].saved.0), (2, 5));
    let of_model = RecordFilter { model: Some("m".into()), ..RecordFilter::default() };
    assert_eq!(store.list(of_model, Page { before: None, limit: 10 }).await.unwrap().len(), 2);
}

#[tokio::test]
async fn sums_that_make_no_sense_never_stop_the_books() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.commit([settled(record(1, "m"))].into()).await.unwrap();
    tamper(&store, "UPDATE api_request_stats SET latency_histogram = x'01ff', errors = -1").await;
    store.commit([settled(record(2, "m"))].into()).await.unwrap();

    let totals = store.totals(TotalsFilter::span(NOW, NOW.plus_millis(1)), GroupBy::Nothing).await.unwrap();
    assert_eq!((totals[0].requests, totals[0].errors, totals[0].latency.count()), (2, 0, 1));
}

#[tokio::test]
async fn absurd_counts_never_stop_the_books() {
    use crate::{money::NanoUsd, store::Attempt, usage::Usage};
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let (output, reasoning, uncached_input, cache_read) = (u64::MAX, Some(u64::MAX), u64::MAX, u64::MAX);
    let usage = Usage { output, reasoning, uncached_input, cache_read, ..Usage::default() };
    for n in 0..3 {
        let mut record = Record { latency_ms: u64::MAX, ..record(n, "m") };
        let (cost, saved) = (Some(NanoUsd(i64::MAX)), Some(NanoUsd(i64::MAX)));
        record.attempts.push(Attempt { usage, cost, saved, ..calls::attempt(&record.opened) });
        store.commit([settled(record)].into()).await.unwrap();
    }

    let totals = store.totals(TotalsFilter::span(NOW, NOW.plus_millis(1)), GroupBy::Nothing).await.unwrap();
    assert_eq!(totals[0].requests, 3);
    assert_eq!((totals[0].cost, totals[0].saved), (NanoUsd(i64::MAX), NanoUsd(i64::MAX)));
    assert_eq!(totals[0].usage.output, i64::MAX.unsigned_abs());
}

#[tokio::test]
async fn the_audit_compares_what_is_added_up() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store.commit([record(1, "a"), record(2, "b")].map(settled).into()).await.unwrap();
    while store.sum_up(NOW.plus_millis(3 * 24 * 60 * 60 * 1000)).await.unwrap() {}
    let check = |lie: &str, expected: u64| {
        let path = dir.path().join("test.db");
        let other = Connection::open(&path).unwrap();
        other.execute_batch(lie).unwrap();
        let found = audit(&path).unwrap();
        assert_eq!(found.discrepancies, expected, "{lie}: {:?}", found.findings);
    };
    check("", 0);
    // An hour and a day, each as a whole, by key, provider and token, and by two models.
    check("UPDATE api_request_sums SET requests = requests", 0);
    check("UPDATE api_request_sums SET cost = cost + 1 WHERE part = 'model' AND name = 'a'", 2);
    check("DELETE FROM api_request_sums WHERE part = 'all' AND granularity = 'day'", 3);
    check(
        "INSERT INTO api_request_sums SELECT part, 'x', granularity, bucket_start, requests, errors, \
           uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, \
           reasoning_tokens, cost, unpriced, latency_ms, first_byte_ms, first_bytes, cached, saved_known, saved, \
           latency_histogram, first_byte_histogram FROM api_request_sums WHERE part = 'key'",
        4,
    );
    check("UPDATE api_request_sums_until SET until = 0", 0);
}

#[test]
fn cost_can_be_read_as_decimal_text() {
    let (_dir, connection) = database();
    let check = |nanos: Option<i64>, expected: Option<&str>| {
        connection.execute("DELETE FROM api_request_log", []).unwrap();
        let insert =
            "INSERT INTO api_request_log (create_time, update_time, call_id, model, format, endpoint, stream, cost)
                      VALUES (0, 0, zeroblob(16), '', '', '', 0, ?1)";
        connection.execute(insert, [nanos]).unwrap();
        let read =
            connection.query_row("SELECT cost_usd FROM api_request_log_usd", [], |row| row.get::<_, Option<String>>(0));
        assert_eq!(read.unwrap().as_deref(), expected, "{nanos:?}");
    };

    check(None, None);
    check(Some(0), Some("0.000000000"));
    check(Some(1_234_500), Some("0.001234500"));
    check(Some(-30_000_000), Some("-0.030000000"));
    check(Some(i64::MAX), Some("9223372036.854775807"));
    check(Some(i64::MIN), Some("-9223372036.854775808"));
}

#[test]
fn calls_of_an_older_schema_are_found_as_before_and_leave_with_their_attempts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.db");
    let mut connection = Connection::open(&path).unwrap();
    migrate::run(&mut connection, &path, &migrate::STEPS[..1], NOW).unwrap();
    let write = "
        INSERT INTO api_request_log (id, create_time, update_time, call_id, model, key_id, format, endpoint, stream, status,
                                     outcome, error_type)
        VALUES (1, 0, 0, x'00112233445566778899aabbccddee01', 'm', 7, 'chat', '', 0, 'success', 'done', NULL),
               (900, 0, 0, x'00112233445566778899aabbccddee02', 'm', 8, 'chat', '', 0, 'error', 'failed', 'upstream');
        INSERT INTO api_request_attempts
        VALUES (x'00112233445566778899aabbccddee01', 0, zeroblob(16), 0, 7, '', '', '', 1, 'answer', NULL, NULL, 0, NULL,
                0, 0, 0, 0, 0, NULL, 0, NULL, NULL)";
    connection.execute_batch(write).unwrap();
    migrate::run(&mut connection, &path, migrate::STEPS, NOW).unwrap();

    let tx = connection.transaction().unwrap();
    let find = |filter: RecordFilter| {
        let found = pages::list(&tx, &filter, Page { before: None, limit: 9 }).unwrap();
        found.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(find(RecordFilter { key: Some(KeyId(7)), ..RecordFilter::default() }), [1]);
    assert_eq!(find(RecordFilter { model: Some("m".into()), ..RecordFilter::default() }), [900, 1]);
    assert_eq!(find(RecordFilter { status: Some("error".into()), ..RecordFilter::default() }), [900]);
    assert_eq!(find(RecordFilter { error_type: Some("upstream".into()), ..RecordFilter::default() }), [900]);
    let call = pages::list(&tx, &RecordFilter::default(), Page { before: Some(2), limit: 9 }).unwrap()[0].call;
    assert_eq!(pages::get(&tx, call).unwrap().unwrap().attempts.len(), 1);

    tx.execute("DELETE FROM api_request_log WHERE id = 1", []).unwrap();
    let left: i64 = tx.query_row("SELECT count(*) FROM api_request_attempts", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_secret_moved_to_another_row_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for secret in ["sk-1", "sk-2"] {
        store.insert_key(KeySpec::new(secret, "openai", Secret::new(secret)), NOW).await.unwrap();
    }
    let swap = "UPDATE api_keys SET api_key = (SELECT api_key FROM api_keys WHERE id = 2) WHERE id = 1";
    store.write(move |tx| Ok(tx.execute(swap, [])?)).await.unwrap();

    assert!(matches!(store.load().await, Err(StoreError::Corrupt(_))));
}

#[test]
fn a_sqlite_with_the_wal_defect_is_refused() {
    assert!(!sqlite_version_ok(3_050_002));
    assert!(!sqlite_version_ok(3_051_002));
    assert!(sqlite_version_ok(3_051_003));
    assert!(sqlite_version_ok(rusqlite::version_number()));
}
