//! Records read back.

use std::{collections::HashMap, hash::Hash, ops::Range, sync::Arc};

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{
    Failure, adjustments,
    fields::{Fields, collect, firsts},
    pool::{Lent, Pool},
};
use crate::{
    id::{AttemptId, CallId, KeyId, TokenId},
    store::{
        FailurePage, FailurePlace, Page, RecordFilter, RecordedChoice, RecordedLoss, StoredAttempt, StoredFailure,
        StoredRecord, combination::Combination, stored,
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

/// The calls that these nodes have left open, and those of which nobody knows whose they are.
pub(super) const OPEN: &str = select!(
    "WHERE outcome IS NULL AND (node = ANY($1) OR NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.id = api_request_log.node)) \
     ORDER BY id FOR UPDATE"
);

/// The rows behind one, in their order.
pub(super) const BEHIND: &str = select!("WHERE id > $1 ORDER BY id LIMIT $2");

const BY_CALL: &str = select!("WHERE call_id = ANY($1)");

macro_rules! attempts {
    ($rest:literal) => {
        concat!(
            "SELECT a.attempt_id, a.key_id, a.provider, a.upstream_format, a.upstream_model, a.served, a.verdict, \
             a.http_status_code, a.error_message, a.chosen_by, a.candidates, a.create_time, a.latency_ms, \
             a.first_byte_ms, a.uncached_input_tokens, a.cache_read_tokens, a.cache_write_5m_tokens, \
             a.cache_write_1h_tokens, a.output_tokens, a.reasoning_tokens, a.estimated, a.cost, a.saved, \
             a.price_version, a.service_terms, a.price_factor, e.evidence::text, e.decided_by::text",
            $rest
        )
    };
}

const ATTEMPTS: &str = attempts!(
    ", a.request_id FROM api_request_attempts AS a
    LEFT JOIN api_request_evidence AS e ON e.request_id = a.request_id AND e.n = a.n
    WHERE a.request_id = ANY($1) ORDER BY a.request_id, a.n"
);

const FAILURES: &str = attempts!(
    ", e.request_id, e.n, call.call_id FROM api_request_evidence AS e
    JOIN api_request_attempts AS a ON a.request_id = e.request_id AND a.n = e.n
    JOIN api_request_log AS call ON call.id = e.request_id
    WHERE (e.request_id, e.n) < ($1, $2) AND e.request_id >= $3 AND call.create_time >= $4 AND call.create_time < $5
    ORDER BY e.request_id DESC, e.n DESC LIMIT $6"
);

const CHOICES: &str =
    "SELECT call_id, choice::text FROM api_request_choices WHERE call_id = ANY($1) ORDER BY call_id, n";

const LOSSES: &str =
    "SELECT call_id, side, kind, field, note FROM api_request_losses WHERE call_id = ANY($1) ORDER BY call_id, n";

/// A page, newest first.
pub(super) async fn list(pool: &Arc<Pool>, filter: &RecordFilter, page: Page) -> Result<Vec<StoredRecord>, Failure> {
    // What is asked in several questions has to be answered from one state of the books.
    let is_one_question = Combination::asked(filter).is_none();
    let lent = if is_one_question { pool.lend().await? } else { pool.snapshot().await? };
    let rows = span(&lent, filter.from, filter.to).await?;
    let rows = rows.start..rows.end.min(page.before.unwrap_or(i64::MAX));
    let mut rows = if rows.is_empty() { Vec::new() } else { search::page(&lent, filter, &rows, page.limit).await? };
    adjustments::fill(&lent, &mut rows).await?;
    if !is_one_question {
        lent.commit().await?;
    }
    Ok(rows)
}

/// A page of failed attempts, newest first.
pub(super) async fn failures(lent: &Lent, page: FailurePage) -> Result<Vec<StoredFailure>, Failure> {
    let rows = span(lent, page.from, page.to).await?;
    let end = FailurePlace { request: rows.end, n: 0 };
    let before = page.before.map_or(end, |before| before.min(end));
    // The rows of a time are known by and large.
    let (from, to) = (page.from.map_or(i64::MIN, Timestamp::as_millis), page.to.map_or(i64::MAX, Timestamp::as_millis));
    let values: [&(dyn ToSql + Sync); 6] =
        [&before.request, &i64::from(before.n), &rows.start, &from, &to, &i64::from(page.limit)];
    collect(&lent.query(FAILURES, &values).await?, read_failure)
}

/// One record with its attempts, choices and losses.
pub(super) async fn get(tx: &Lent, call: CallId) -> Result<Option<StoredRecord>, Failure> {
    Ok(get_many(tx, &[call]).await?.pop())
}

/// The row of one record, with what it turned out to cost and nothing else that hangs on it.
pub(super) async fn get_row(tx: &Lent, call: CallId) -> Result<Option<StoredRecord>, Failure> {
    let mut found = collect(&tx.query(BY_CALL, &[&vec![call.0]]).await?, read)?;
    adjustments::fill(tx, &mut found).await?;
    Ok(found.pop())
}

/// As [`get`], of many.
pub(super) async fn get_many(tx: &Lent, calls: &[CallId]) -> Result<Vec<StoredRecord>, Failure> {
    let calls: Vec<Uuid> = calls.iter().map(|call| call.0).collect();
    let mut found = collect(&tx.query(BY_CALL, &[&calls]).await?, read)?;
    adjustments::fill(tx, &mut found).await?;
    let rows: Vec<i64> = found.iter().map(|row| row.id).collect();
    let mut attempts = grouped(&tx.query(ATTEMPTS, &[&rows]).await?, |row| {
        let attempt = read_attempt(row)?;
        Ok((row.take::<i64>()?, attempt))
    })?;
    let mut choices = grouped(&tx.query(CHOICES, &[&calls]).await?, |row| Ok((row.uuid()?, read_choice(row)?)))?;
    let mut losses = grouped(&tx.query(LOSSES, &[&calls]).await?, |row| Ok((row.uuid()?, read_loss(row)?)))?;
    let mut records: HashMap<Uuid, StoredRecord> = HashMap::with_capacity(found.len());
    for mut row in found {
        row.attempts = attempts.remove(&row.id).unwrap_or_default();
        row.choices = choices.remove(&row.call.0).unwrap_or_default();
        row.losses = losses.remove(&row.call.0).unwrap_or_default();
        records.insert(row.call.0, row);
    }
    Ok(calls.iter().filter_map(|call| records.remove(call)).collect())
}

/// Rows that belong together, each in the order in which they came.
fn grouped<K: Eq + Hash, T>(
    rows: &[tokio_postgres::Row],
    read: impl FnMut(&mut Fields<'_>) -> Result<(K, T), Failure>,
) -> Result<HashMap<K, Vec<T>>, Failure> {
    let mut groups = HashMap::<K, Vec<T>>::new();
    for (key, value) in collect(rows, read)? {
        groups.entry(key).or_default().push(value);
    }
    Ok(groups)
}

/// By how many places a row can stand before or behind where its time would have it: the ledgers of some nodes, full.
const DISORDER: i64 = 100_000;

const FIRST: &str = "SELECT id FROM api_request_log WHERE call_id >= $1 ORDER BY call_id LIMIT 1";
const LAST: &str = "SELECT id FROM api_request_log WHERE call_id < $1 ORDER BY call_id DESC LIMIT 1";
// With the offset calls are found by their ids first: the least row would be looked for from the first row of all.
const BETWEEN: &str = "
    SELECT min(id), max(id)
    FROM (SELECT id FROM api_request_log WHERE call_id >= $1 AND call_id < $2 OFFSET 0) AS calls";

/// So many calls are few.
const FEW: i64 = 30_000;

/// The rows that can hold calls of a time. Row ids grow with time by and large, and calls are found by their ids, which
/// begin with it.
async fn span(lent: &Lent, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<Range<i64>, Failure> {
    let mut rows = 0..i64::MAX;
    if let Some(from) = from {
        let Some(first) = edge(lent, FIRST, from).await? else { return Ok(0..0) };
        rows.start = (first - DISORDER).max(0);
    }
    if let Some(to) = to {
        let Some(last) = edge(lent, LAST, to).await? else { return Ok(0..0) };
        rows.end = last + DISORDER;
    }
    match from.zip(to) {
        Some((from, to)) if rows.end - rows.start <= FEW + 2 * DISORDER => between(lent, from, to).await,
        _ => Ok(rows),
    }
}

/// Exactly those of a short time. Else a page of a day would read all that may stand out of order behind it.
async fn between(lent: &Lent, from: Timestamp, to: Timestamp) -> Result<Range<i64>, Failure> {
    let ends = lent.query(BETWEEN, &[&first_call(from), &first_call(to)]).await?;
    let ends = collect(&ends, |row| Ok(row.take::<Option<i64>>()?.zip(row.take()?)))?.pop().flatten();
    Ok(ends.map_or(0..0, |(first, last): (i64, i64)| first..last + 1))
}

async fn edge(lent: &Lent, sql: &'static str, at: Timestamp) -> Result<Option<i64>, Failure> {
    Ok(firsts(&lent.query(sql, &[&first_call(at)]).await?)?.pop())
}

/// The least call id of a millisecond: a call's id begins with the time of its admission.
pub(super) fn first_call(at: Timestamp) -> Uuid {
    CallId::new(at, &[0; 10]).0
}

pub(super) fn read(row: &mut Fields<'_>) -> Result<StoredRecord, Failure> {
    Ok(StoredRecord {
        id: row.take()?,
        call: CallId(row.uuid()?),
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
        outcome: row.take::<Option<&str>>()?.map(stored::outcome).transpose()?,
        http_status: row.status()?,
        error_type: row.take()?,
        error_message: row.take()?,
        usage: row.usage()?,
        cost: row.money()?,
        saved: row.money()?,
        estimated: row.take()?,
        latency_ms: row.maybe_number()?,
        first_byte_ms: row.maybe_number()?,
        attempt_count: row.number()?,
        attempts: Vec::new(),
        choices: Vec::new(),
        losses: Vec::new(),
        adjustments: Vec::new(),
    })
}

fn read_attempt(row: &mut Fields<'_>) -> Result<StoredAttempt, Failure> {
    Ok(StoredAttempt {
        id: AttemptId(row.uuid()?),
        key: KeyId(row.take()?),
        provider: row.take()?,
        upstream_format: row.take()?,
        upstream_model: row.take()?,
        served: row.take()?,
        verdict: row.take()?,
        http_status: row.status()?,
        error_message: row.take()?,
        chosen_by: row.take()?,
        candidates: row.maybe_number()?,
        create_time: row.time()?,
        latency_ms: row.number()?,
        first_byte_ms: row.maybe_number()?,
        usage: row.usage()?,
        estimated: row.take()?,
        cost: row.money()?,
        saved: row.money()?,
        price_version: row.take()?,
        terms: stored::stored_terms(row.take::<Option<&str>>()?)?,
        price_factor: stored::price_factor(row.take()?)?,
        evidence: row.maybe_json()?,
        decided_by: row.maybe_json()?,
    })
}

fn read_failure(row: &mut Fields<'_>) -> Result<StoredFailure, Failure> {
    let attempt = read_attempt(row)?;
    let place = FailurePlace { request: row.take()?, n: row.number()? };
    let evidence = attempt.evidence.as_deref().cloned();
    let evidence = evidence.ok_or_else(|| Failure::corrupt("a failure without evidence"))?;
    Ok(StoredFailure { place, call: CallId(row.uuid()?), attempt, evidence })
}

fn read_choice(row: &mut Fields<'_>) -> Result<RecordedChoice, Failure> {
    row.json()
}

fn read_loss(row: &mut Fields<'_>) -> Result<RecordedLoss, Failure> {
    Ok(stored::loss(row.take()?, row.take()?, row.take()?, row.take()?)?)
}
