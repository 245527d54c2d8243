//! Records read back.

use std::ops::Range;

use rusqlite::{Row, Transaction, params};
use uuid::Uuid;

use super::{
    Failure, adjustments,
    fields::{Fields, collect},
};
use crate::{
    id::{AttemptId, CallId, KeyId, TokenId},
    store::{
        FailurePage, FailurePlace, Page, RecordFilter, RecordedChoice, RecordedLoss, StoredAttempt, StoredFailure,
        StoredRecord, stored,
    },
    time::Timestamp,
};

macro_rules! columns {
    () => {
        "SELECT id, call_id, create_time, update_time, token_id, key_id, provider, model, upstream_model, format, \
         upstream_format, endpoint, stream, outcome, http_status_code, error_type, error_message, \
         uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, \
         reasoning_tokens, cost, saved, estimated, latency_ms, first_byte_ms, attempts FROM "
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!(columns!(), "api_request_log ", $rest)
    };
}

mod hours;
mod search;

/// Every call, in the order of rows.
pub(super) const EVERY: &str = select!("ORDER BY id");

/// Every call that has not ended.
pub(super) const OPEN: &str = select!("WHERE outcome IS NULL");

const BY_CALL: &str = select!("WHERE call_id = ?1");

macro_rules! attempts {
    ($rest:literal) => {
        concat!(
            "SELECT a.attempt_id, a.key_id, a.provider, a.upstream_format, a.upstream_model, a.served, a.verdict, \
             a.http_status_code, a.error_message, a.chosen_by, a.candidates, a.create_time, a.latency_ms, a.first_byte_ms, \
             a.uncached_input_tokens, a.cache_read_tokens, a.cache_write_5m_tokens, a.cache_write_1h_tokens, \
             a.output_tokens, a.reasoning_tokens, a.estimated, a.cost, a.saved, a.price_version, \
             a.service_terms, a.price_factor, e.evidence, e.decided_by",
            $rest
        )
    };
}

const ATTEMPTS: &str = attempts!(
    " FROM api_request_attempts AS a LEFT JOIN api_request_evidence AS e ON e.request_id = a.request_id AND e.n = a.n
    WHERE a.request_id = ?1 ORDER BY a.n"
);

// The order of a cross join is kept: the evidence from the newest, so that nothing is sorted.
const FAILURES: &str = attempts!(
    ", e.request_id, e.n, call.call_id FROM api_request_evidence AS e
    CROSS JOIN api_request_attempts AS a ON a.request_id = e.request_id AND a.n = e.n
    CROSS JOIN api_request_log AS call ON call.id = e.request_id
    WHERE (e.request_id, e.n) < (?1, ?2) AND e.request_id >= ?3 ORDER BY e.request_id DESC, e.n DESC LIMIT ?4"
);

const CHOICES: &str = "SELECT choice FROM api_request_choices WHERE call_id = ?1 ORDER BY n";

const LOSSES: &str = "SELECT side, kind, field, note FROM api_request_losses WHERE call_id = ?1 ORDER BY n";

/// A page, newest first.
pub(super) fn list(tx: &Transaction<'_>, filter: &RecordFilter, page: Page) -> Result<Vec<StoredRecord>, Failure> {
    let rows = span(tx, filter.from, filter.to)?;
    let rows = rows.start..rows.end.min(page.before.unwrap_or(i64::MAX));
    let mut rows = if rows.is_empty() { Vec::new() } else { search::page(tx, filter, &rows, page.limit)? };
    adjustments::fill(tx, &mut rows)?;
    Ok(rows)
}

/// A page of failed attempts, newest first.
pub(super) fn failures(tx: &Transaction<'_>, page: FailurePage) -> Result<Vec<StoredFailure>, Failure> {
    let rows = span(tx, page.from, page.to)?;
    let end = FailurePlace { request: rows.end, n: 0 };
    let before = page.before.map_or(end, |before| before.min(end));
    collect(tx, FAILURES, &[&before.request, &before.n, &rows.start, &page.limit], read_failure)
}

/// One record with its attempts, choices and losses.
pub(super) fn get(tx: &Transaction<'_>, call: CallId) -> Result<Option<StoredRecord>, Failure> {
    let mut found = collect(tx, BY_CALL, &[&call.as_bytes()], read)?;
    adjustments::fill(tx, &mut found)?;
    let Some(row) = found.pop() else { return Ok(None) };
    let attempts = collect(tx, ATTEMPTS, &[&row.id], read_attempt)?;
    let choices = collect(tx, CHOICES, &[&call.as_bytes()], read_choice)?;
    let losses = collect(tx, LOSSES, &[&call.as_bytes()], read_loss)?;
    Ok(Some(StoredRecord { attempts, choices, losses, ..row }))
}

/// The rows that can hold calls of a time. Row ids grow with time only by and large, so the index of call ids is asked.
fn span(tx: &Transaction<'_>, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<Range<i64>, Failure> {
    match (from, to) {
        (None, None) => Ok(0..i64::MAX),
        (Some(from), Some(to)) => between(tx, &first_call(from), &first_call(to)),
        _ => of_edges(tx, from.map(first_call).as_deref(), to.map(first_call).as_deref()),
    }
}

/// Of the calls at either end as many are looked at as a ledger can hold, and then some.
fn of_edges(tx: &Transaction<'_>, first: Option<&[u8]>, end: Option<&[u8]>) -> Result<Range<i64>, Failure> {
    let edge = |sql| tx.prepare_cached(sql)?.query_row(params![first, end], |row| row.get::<_, Option<i64>>(0));
    // Asked for a time without a call both know it, so one is enough to say so.
    let start = if first.is_some() { edge(FIRST)? } else { Some(0) };
    let last = if end.is_some() { edge(LAST)?.map(|last| last + 1) } else { Some(i64::MAX) };
    Ok(start.zip(last).map_or(0..0, |(start, last)| start..last))
}

/// Those of a time with two ends. Few calls are walked through once, to see which of them stand outside of the first and
/// the last: a fourth of what both edges cost.
fn between(tx: &Transaction<'_>, first: &[u8], end: &[u8]) -> Result<Range<i64>, Failure> {
    let ends = tx.prepare_cached(ENDS)?.query_row([first, end], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(one), Some(other)): (Option<i64>, Option<i64>) = ends else { return Ok(0..0) };
    let (low, high) = (one.min(other), one.max(other));
    if high - low > FEW {
        return of_edges(tx, Some(first), Some(end));
    }
    let outside = |row: &Row<'_>| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?));
    let (lower, higher) = tx.prepare_cached(OUTSIDE)?.query_row(params![first, end, low, high], outside)?;
    Ok(low.min(lower.unwrap_or(low))..high.max(higher.unwrap_or(high)) + 1)
}

const FIRST: &str = "
    SELECT min(id) FROM (
        SELECT id FROM api_request_log WHERE call_id >= ifnull(?1, x'') AND call_id < ifnull(?2, x'ff')
        ORDER BY call_id LIMIT 30000)";
const LAST: &str = "
    SELECT max(id) FROM (
        SELECT id FROM api_request_log WHERE call_id >= ifnull(?1, x'') AND call_id < ifnull(?2, x'ff')
        ORDER BY call_id DESC LIMIT 30000)";
const ENDS: &str = "
    SELECT
        (SELECT id FROM api_request_log WHERE call_id >= ?1 AND call_id < ?2 ORDER BY call_id LIMIT 1),
        (SELECT id FROM api_request_log WHERE call_id >= ?1 AND call_id < ?2 ORDER BY call_id DESC LIMIT 1)";
// The plus keeps the index of call ids the one that is walked through.
const OUTSIDE: &str = "
    SELECT min(id), max(id) FROM api_request_log
    WHERE call_id >= ?1 AND call_id < ?2 AND +id NOT BETWEEN ?3 AND ?4";

/// So many rows are few.
const FEW: i64 = 30_000;

/// The least call id of a millisecond: a call's id begins with the time of its admission.
pub(super) fn first_call(at: Timestamp) -> Vec<u8> {
    CallId::new(at, &[0; 10]).as_bytes().to_vec()
}

pub(super) fn read(row: &mut Fields<'_>) -> Result<StoredRecord, Failure> {
    Ok(StoredRecord {
        id: row.take()?,
        call: CallId(uuid(row)?),
        create_time: row.time()?,
        update_time: row.time()?,
        token: row.take::<Option<_>>()?.map(TokenId),
        key: row.take::<Option<_>>()?.map(KeyId),
        provider: row.take()?,
        model: row.take()?,
        upstream_model: row.take()?,
        format: row.take()?,
        upstream_format: row.take()?,
        endpoint: row.take()?,
        stream: row.take()?,
        outcome: row.take::<Option<String>>()?.as_deref().map(stored::outcome).transpose()?,
        http_status: row.take()?,
        error_type: row.take()?,
        error_message: row.take()?,
        usage: row.usage()?,
        cost: row.money()?,
        saved: row.money()?,
        estimated: row.take()?,
        latency_ms: row.maybe_count()?,
        first_byte_ms: row.maybe_count()?,
        attempt_count: row.take()?,
        attempts: Vec::new(),
        choices: Vec::new(),
        losses: Vec::new(),
        adjustments: Vec::new(),
    })
}

fn read_attempt(row: &mut Fields<'_>) -> Result<StoredAttempt, Failure> {
    Ok(StoredAttempt {
        id: AttemptId(uuid(row)?),
        key: KeyId(row.take()?),
        provider: row.take()?,
        upstream_format: row.take()?,
        upstream_model: row.take()?,
        served: row.take()?,
        verdict: row.take()?,
        http_status: row.take()?,
        error_message: row.take()?,
        chosen_by: row.take()?,
        candidates: row.take()?,
        create_time: row.time()?,
        latency_ms: row.count()?,
        first_byte_ms: row.maybe_count()?,
        usage: row.usage()?,
        estimated: row.take()?,
        cost: row.money()?,
        saved: row.money()?,
        price_version: row.take()?,
        terms: stored::stored_terms(row.take::<Option<String>>()?.as_deref())?,
        price_factor: stored::price_factor(row.take()?)?,
        evidence: row.maybe_json()?,
        decided_by: row.maybe_json()?,
    })
}

fn read_choice(row: &mut Fields<'_>) -> Result<RecordedChoice, Failure> {
    row.json()
}

fn read_failure(row: &mut Fields<'_>) -> Result<StoredFailure, Failure> {
    let attempt = read_attempt(row)?;
    let place = FailurePlace { request: row.take()?, n: row.take()? };
    let evidence = attempt.evidence.as_deref().cloned();
    let evidence = evidence.ok_or_else(|| Failure::corrupt("a failure without evidence"))?;
    Ok(StoredFailure { place, call: CallId(uuid(row)?), attempt, evidence })
}

fn read_loss(row: &mut Fields<'_>) -> Result<RecordedLoss, Failure> {
    let (side, kind) = (row.take::<String>()?, row.take::<String>()?);
    Ok(stored::loss(&side, &kind, row.take()?, row.take()?)?)
}

pub(super) fn uuid(row: &mut Fields<'_>) -> Result<Uuid, Failure> {
    Ok(Uuid::from_bytes(row.take()?))
}

#[cfg(test)]
pub(super) mod tests {
    use rusqlite::{params_from_iter, types::Value};

    use super::*;
    use crate::store::sqlite::tests::database;

    pub(super) fn plan(sql: &str, values: impl rusqlite::Params) -> String {
        let (_dir, connection) = database();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan = statement.query_map(values, |row| row.get::<_, String>(3)).unwrap();
        plan.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
    }

    #[test]
    fn the_rows_of_a_time_are_found_by_the_ids_of_calls() {
        let check = |sql: &str, values: &dyn Fn() -> Vec<Value>| {
            let plan = plan(sql, params_from_iter(values()));
            assert!(plan.contains("USING COVERING INDEX sqlite_autoindex_api_request_log_1"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN api"), "{plan}");
            assert!(!plan.contains("INTEGER PRIMARY KEY"), "{plan}");
        };
        let ends = || [1, 2].map(|at| Value::from(first_call(Timestamp::from_millis(at)))).to_vec();
        for sql in [FIRST, LAST, ENDS] {
            check(sql, &ends);
        }
        check(OUTSIDE, &|| [ends(), vec![1.into(), 2.into()]].concat());
    }

    #[test]
    fn the_rows_of_a_time_hold_those_that_stand_out_of_its_order() {
        let (_dir, mut connection) = database();
        let insert =
            "INSERT INTO api_request_log (id, call_id, create_time, update_time, model, format, endpoint, stream)
                      VALUES (?1, ?2, 0, 0, '', '', '', 0)";
        let calls = [(10, 5), (20, 7), (30, 4), (40, 6), (50, 9_000), (60, 8), (70, 8_000)];
        for (at, id) in calls {
            connection.execute(insert, params![id, first_call(Timestamp::from_millis(at))]).unwrap();
        }
        let far = FEW + 100_000;
        connection.execute(insert, params![far, first_call(Timestamp::from_millis(80))]).unwrap();
        let tx = connection.transaction().unwrap();
        let check = |from: Option<i64>, to: Option<i64>, expected: Range<i64>| {
            let [first, end] = [from, to].map(|at| at.map(Timestamp::from_millis));
            assert_eq!(span(&tx, first, end).unwrap(), expected, "{from:?} {to:?}");
        };
        check(Some(10), Some(41), 4..8);
        check(Some(20), Some(31), 4..8);
        check(Some(20), Some(30), 7..8);
        check(Some(30), Some(61), 4..9_001);
        check(Some(11), Some(20), 0..0);
        check(Some(80), Some(80), 0..0);
        check(Some(81), Some(99), 0..0);
        // More than a few, by the number of rows between the first and the last.
        check(Some(20), Some(81), 4..far + 1);
        check(Some(20), None, 4..i64::MAX);
        check(None, Some(41), 0..8);
        check(Some(81), None, 0..0);
        check(None, None, 0..i64::MAX);
    }

    #[test]
    fn failures_are_read_from_the_newest_and_nothing_is_sorted() {
        let plan = plan(FAILURES, [1, 2, 3, 4]);
        assert!(plan.starts_with("SEARCH e USING PRIMARY KEY"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{plan}");
    }

    #[test]
    fn open_calls_are_found_without_reading_the_others() {
        let (_dir, connection) = database();
        let plan: String = connection.query_row(&format!("EXPLAIN QUERY PLAN {OPEN}"), [], |row| row.get(3)).unwrap();
        assert!(plan.contains("USING INDEX api_request_log_open"), "{plan}");
    }
}
