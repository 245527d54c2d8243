//! The books: one row per call, one per attempt.
//!
//! Whatever comes twice is written once: a call is inserted under its own id or not at all, and settled only while it is
//! open. So a batch whose fate was not known can be handed in again.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{CachedStatement, Statement, Transaction, params};

use super::{
    Failure, SqliteStore,
    fields::{collect, int},
    pages, statistics,
};
use crate::{
    id::CallId,
    store::{
        Attempt, Entry, GroupBy, Opened, Outcome, Page, Record, RecordFilter, RecordStore, StoreFuture, StoredRecord,
        Totals, rows,
    },
    time::Timestamp,
};

const INSERT: &str = "
    INSERT INTO api_request_log
        (create_time, token_id, model, format, endpoint, stream,
         update_time, key_id, provider, upstream_format, upstream_model,
         input_tokens, total_tokens, uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens,
         cache_write_1h_tokens, output_tokens, reasoning_tokens,
         cost, latency_ms, first_byte_ms, attempts, estimated, status, outcome,
         http_status_code, error_type, error_message, call_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
            ?24, ?25, ?26, ?27, ?28, ?29, ?30)
    ON CONFLICT (call_id) DO NOTHING";

// Numbered as above: the same values are bound to both. What was known at admission stays.
const SETTLE: &str = "
    UPDATE api_request_log
    SET update_time = ?7, key_id = ?8, provider = ?9, upstream_format = ?10, upstream_model = ?11,
        input_tokens = ?12, total_tokens = ?13, uncached_input_tokens = ?14, cache_read_tokens = ?15,
        cache_write_5m_tokens = ?16, cache_write_1h_tokens = ?17, output_tokens = ?18, reasoning_tokens = ?19,
        cost = ?20, latency_ms = ?21, first_byte_ms = ?22, attempts = ?23, estimated = ?24, status = ?25, outcome = ?26,
        http_status_code = ?27, error_type = ?28, error_message = ?29
    WHERE call_id = ?30 AND outcome IS NULL";

const INSERT_ATTEMPT: &str = "
    INSERT INTO api_request_attempts
        (call_id, n, attempt_id, create_time, key_id, provider, upstream_format, upstream_model, served, verdict,
         http_status_code, error_message, latency_ms, first_byte_ms,
         uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
         reasoning_tokens, estimated, cost, price_version)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)";

const INSERT_LOSS: &str =
    "INSERT INTO api_request_losses (call_id, n, side, kind, field, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

impl RecordStore for SqliteStore {
    fn commit(&self, batch: Arc<[Entry]>) -> StoreFuture<'_, ()> {
        self.write(move |tx| commit(tx, &batch))
    }

    fn recover(&self, now: Timestamp) -> StoreFuture<'_, u64> {
        self.write(move |tx| recover(tx, now))
    }

    fn list(&self, filter: RecordFilter, page: Page) -> StoreFuture<'_, Vec<StoredRecord>> {
        self.read(move |tx| pages::list(tx, &filter, page))
    }

    fn get(&self, call: CallId) -> StoreFuture<'_, Option<StoredRecord>> {
        self.read(move |tx| pages::get(tx, call))
    }

    fn totals(&self, from: Timestamp, to: Timestamp, by: GroupBy) -> StoreFuture<'_, Vec<Totals>> {
        self.read(move |tx| statistics::totals(tx, from, to, by))
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        // A connection that has read keeps the WAL from being emptied.
        self.readers.close();
        Box::pin(self.writer.run(|connection| {
            connection.execute_batch("PRAGMA optimize")?;
            Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
        }))
    }
}

/// What a batch says of one call.
#[derive(Default)]
struct Change<'a> {
    opened: Option<&'a Opened>,
    settled: Option<&'a Record>,
}

fn commit(tx: &Transaction<'_>, batch: &[Entry]) -> Result<(), Failure> {
    let mut books = Books::open(tx)?;
    let mut settled = Vec::with_capacity(batch.len());
    for change in changes(batch) {
        match change {
            Change { settled: Some(record), opened } => settled.extend(books.settle(record, opened.is_some())?),
            Change { opened: Some(call), .. } => drop(write(&mut books.insert, &rows::opened(call))?),
            Change { opened: None, settled: None } => {}
        }
    }
    statistics::add(tx, &settled)
}

/// The statements of one batch, looked up once: finding one costs as much as binding it.
struct Books<'tx> {
    tx: &'tx Transaction<'tx>,
    insert: CachedStatement<'tx>,
    settle: CachedStatement<'tx>,
    insert_attempt: CachedStatement<'tx>,
}

impl<'tx> Books<'tx> {
    fn open(tx: &'tx Transaction<'_>) -> Result<Self, Failure> {
        Ok(Self {
            tx,
            insert: tx.prepare_cached(INSERT)?,
            settle: tx.prepare_cached(SETTLE)?,
            insert_attempt: tx.prepare_cached(INSERT_ATTEMPT)?,
        })
    }

    /// Settles a call that is open or not there. Gives its row, or `None` when it was settled before.
    ///
    /// `is_new`: the call was opened in this very batch, so it is most likely not there yet. Either guess is made good.
    fn settle(&mut self, record: &Record, is_new: bool) -> Result<Option<StoredRecord>, Failure> {
        let row = rows::settled(record);
        let Self { insert, settle, .. } = self;
        let (likely, other) = if is_new { (insert, settle) } else { (settle, insert) };
        if !write(likely, &row)? && !write(other, &row)? {
            return Ok(None);
        }
        for (n, attempt) in record.attempts.iter().enumerate() {
            insert_attempt(&mut self.insert_attempt, row.call, n, attempt)?;
        }
        insert_losses(self.tx, record)?;
        Ok(Some(row))
    }
}

/// The calls of a batch in the order they first appear. Of what is said twice, the first holds.
fn changes(batch: &[Entry]) -> Vec<Change<'_>> {
    let mut changes: Vec<Change<'_>> = Vec::with_capacity(batch.len());
    let mut places = HashMap::with_capacity(batch.len());
    for entry in batch {
        let call = match entry {
            Entry::Opened(opened) => opened.call,
            Entry::Settled(record) => record.opened.call,
        };
        let place = *places.entry(call).or_insert(changes.len());
        if place == changes.len() {
            changes.push(Change::default());
        }
        let change = &mut changes[place];
        match entry {
            Entry::Opened(opened) => change.opened = change.opened.or(Some(opened)),
            Entry::Settled(record) => change.settled = change.settled.or(Some(record)),
        }
    }
    changes
}

/// Whether `statement`, one of the two for rows, met its case and wrote the row.
fn write(statement: &mut Statement<'_>, row: &StoredRecord) -> Result<bool, Failure> {
    let usage = &row.usage;
    let changed = statement.execute(params![
        row.create_time.as_millis(),
        row.token.map(|token| token.0),
        row.model,
        row.format,
        row.endpoint,
        row.stream,
        row.update_time.as_millis(),
        row.key.map(|key| key.0),
        row.provider,
        row.upstream_format,
        row.upstream_model,
        int(usage.input()),
        int(usage.total()),
        int(usage.uncached_input),
        int(usage.cache_read),
        int(usage.cache_write_5m),
        int(usage.cache_write_1h),
        int(usage.output),
        usage.reasoning.map(int),
        row.cost.map(|usd| usd.0),
        row.latency_ms.map(int),
        row.first_byte_ms.map(int),
        row.attempt_count,
        row.estimated,
        row.status(),
        row.outcome.map(Outcome::as_str),
        row.http_status,
        row.error_type,
        row.error_message,
        row.call.as_bytes(),
    ])?;
    Ok(changed == 1)
}

fn insert_attempt(statement: &mut Statement<'_>, call: CallId, n: usize, attempt: &Attempt) -> Result<(), Failure> {
    let usage = &attempt.usage;
    statement.execute(params![
        call.as_bytes(),
        i64::try_from(n).unwrap_or(i64::MAX),
        attempt.id.as_bytes(),
        attempt.create_time.as_millis(),
        attempt.key.0,
        attempt.provider,
        attempt.upstream_format.as_str(),
        attempt.upstream_model,
        attempt.served,
        attempt.verdict,
        attempt.http_status,
        attempt.error_message,
        int(attempt.latency_ms),
        attempt.first_byte_ms.map(int),
        int(usage.uncached_input),
        int(usage.cache_read),
        int(usage.cache_write_5m),
        int(usage.cache_write_1h),
        int(usage.output),
        usage.reasoning.map(int),
        attempt.estimated(),
        attempt.cost.map(|usd| usd.0),
        attempt.price_version,
    ])?;
    Ok(())
}

/// Few calls lose anything, so the statement is looked up only for them.
fn insert_losses(tx: &Transaction<'_>, record: &Record) -> Result<(), Failure> {
    for (n, loss) in record.losses.iter().enumerate() {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        let call = record.opened.call.as_bytes();
        let values = params![call, n, loss.side.as_str(), loss.kind.as_str(), loss.field, loss.note];
        tx.prepare_cached(INSERT_LOSS)?.execute(values)?;
    }
    Ok(())
}

/// Resolves what is open, and counts it.
fn recover(tx: &Transaction<'_>, now: Timestamp) -> Result<u64, Failure> {
    let mut open = collect(tx, pages::OPEN, &[], pages::read)?;
    let mut settle = tx.prepare_cached(SETTLE)?;
    for row in &mut open {
        rows::interrupt(row, now);
        write(&mut settle, row)?;
    }
    statistics::add(tx, &open)?;
    Ok(open.len() as u64)
}
