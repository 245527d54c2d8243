//! The books: one row per call, one per attempt.
//!
//! Whatever comes twice is written once: a call is inserted under its own id or not at all, and settled only while it is
//! open. So a batch whose fate was not known can be handed in again.

use std::sync::Arc;

use rusqlite::{OptionalExtension as _, Transaction, params, types::ValueRef};

use super::{
    Failure, SqliteStore,
    blocks::{Name, Noted, Notes},
    budgets::{self, Calls},
    fields::{collect, int, json},
    known::Known,
    open_rows::OpenRows,
    pages,
    repeated::{Repeated, maybe, number},
    running::RunningSums,
    statistics,
};
use crate::{
    id::CallId,
    store::{
        Attempt, Entry, FailurePage, GroupBy, HoldAnswer, Opened, Outcome, Page, Record, RecordFilter, RecordStore,
        StoreFuture, StoredFailure, StoredRecord, Totals, TotalsFilter,
        batch::{Change, changes},
        rows::{self, Row},
        stored,
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
         http_status_code, error_type, error_message, call_id, saved)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
            ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31)
    ON CONFLICT (call_id) DO NOTHING";

// Numbered as above: the same values are bound to both, and behind them the row. What was known at admission stays.
const SETTLE: &str = "
    UPDATE api_request_log
    SET update_time = ?7, key_id = ?8, provider = ?9, upstream_format = ?10, upstream_model = ?11,
        input_tokens = ?12, total_tokens = ?13, uncached_input_tokens = ?14, cache_read_tokens = ?15,
        cache_write_5m_tokens = ?16, cache_write_1h_tokens = ?17, output_tokens = ?18, reasoning_tokens = ?19,
        cost = ?20, latency_ms = ?21, first_byte_ms = ?22, attempts = ?23, estimated = ?24, status = ?25, outcome = ?26,
        http_status_code = ?27, error_type = ?28, error_message = ?29, saved = ?31
    WHERE id = ?32 AND call_id = ?30 AND outcome IS NULL";

const ROW: &str = "SELECT id FROM api_request_log WHERE call_id = ?1";

const INSERT_ATTEMPT: &str = "
    INSERT INTO api_request_attempts
        (request_id, n, attempt_id, create_time, key_id, provider, upstream_format, upstream_model, served, verdict,
         http_status_code, error_message, latency_ms, first_byte_ms,
         uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
         reasoning_tokens, estimated, cost, price_version, saved, chosen_by, candidates, service_terms, price_factor)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
            ?24, ?25, ?26, ?27, ?28)";

const INSERT_CHOICE: &str = "INSERT INTO api_request_choices (call_id, n, choice) VALUES (?1, ?2, ?3)";

const INSERT_EVIDENCE: &str =
    "INSERT INTO api_request_evidence (request_id, n, evidence, decided_by) VALUES (?1, ?2, ?3, ?4)";

const INSERT_LOSS: &str =
    "INSERT INTO api_request_losses (call_id, n, side, kind, field, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

impl RecordStore for SqliteStore {
    fn commit(&self, batch: Arc<[Entry]>) -> StoreFuture<'_, Vec<HoldAnswer>> {
        let search = self.search.clone();
        Box::pin(self.writer.transact_knowing(move |tx, known, open_rows| {
            search.verdict()?;
            commit(tx, &batch, known, open_rows)
        }))
    }

    fn recover(&self, now: Timestamp) -> StoreFuture<'_, u64> {
        self.write(move |tx| recover(tx, now))
    }

    fn list(&self, filter: RecordFilter, page: Page) -> StoreFuture<'_, Vec<StoredRecord>> {
        self.read(move |tx| pages::list(tx, &filter, page))
    }

    fn failures(&self, page: FailurePage) -> StoreFuture<'_, Vec<StoredFailure>> {
        self.read(move |tx| pages::failures(tx, page))
    }

    fn get(&self, call: CallId) -> StoreFuture<'_, Option<StoredRecord>> {
        self.read(move |tx| pages::get(tx, call))
    }

    fn get_many(&self, calls: Vec<CallId>) -> StoreFuture<'_, Vec<StoredRecord>> {
        self.read(move |tx| calls.into_iter().filter_map(|call| pages::get(tx, call).transpose()).collect())
    }

    fn totals(&self, filter: TotalsFilter, by: GroupBy) -> StoreFuture<'_, Vec<Totals>> {
        self.read(move |tx| statistics::totals(tx, &filter, by))
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        // A connection that has read keeps the WAL from being emptied.
        self.search.stop();
        self.readers.close();
        Box::pin(self.writer.run(|connection| {
            connection.execute_batch("PRAGMA optimize")?;
            Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
        }))
    }
}

fn commit(
    tx: &Transaction<'_>,
    batch: &[Entry],
    known: &mut Known,
    open_rows: &mut OpenRows,
) -> Result<Vec<HoldAnswer>, Failure> {
    known.check(tx)?;
    let mut books = Books::open(tx, Notes::beside(&mut known.noted), open_rows);
    let mut settled = Vec::with_capacity(batch.len());
    for change in changes(batch) {
        match change {
            Change { settled: Some(record), opened } => settled.extend(books.settle(record, opened.is_some())?),
            Change { opened: Some(call), .. } => books.admit(call)?,
            Change { opened: None, settled: None } => {}
        }
    }
    books.notes.write(tx)?;
    known.sums.add(tx, &settled)?;
    budgets::apply(tx, batch, || Calls {
        new: books.admitted.iter().copied().collect(),
        settled: settled.iter().map(|row| row.call).collect(),
    })
}

/// The books as one batch writes them.
struct Books<'tx, 'batch> {
    tx: &'tx Transaction<'tx>,
    insert: Repeated<'tx>,
    settle: Repeated<'tx>,
    insert_attempt: Repeated<'tx>,
    notes: Notes<'batch, 'tx>,
    open_rows: &'tx mut OpenRows,
    /// Whose rows it has written that are open.
    admitted: Vec<CallId>,
}

impl<'tx, 'batch> Books<'tx, 'batch> {
    fn open(tx: &'tx Transaction<'_>, notes: Notes<'batch, 'tx>, open_rows: &'tx mut OpenRows) -> Self {
        Self {
            tx,
            insert: Repeated::new(tx, INSERT),
            settle: Repeated::new(tx, SETTLE),
            insert_attempt: Repeated::new(tx, INSERT_ATTEMPT),
            notes,
            open_rows,
            admitted: Vec::new(),
        }
    }

    /// Writes the row of a call that is not there yet.
    fn admit(&mut self, call: &'batch Opened) -> Result<(), Failure> {
        let row = rows::opened(call);
        if let Some(id) = self.insert(&row)? {
            self.notes.add(id, Name::all(&row));
            self.open_rows.add(row.call, id);
            self.admitted.push(row.call);
        }
        Ok(())
    }

    /// Settles a call that is open or not there. Gives its row, or `None` when it was settled before.
    ///
    /// `is_new`: the call was opened in this very batch, so it is most likely not there yet. Either guess is made good.
    fn settle(&mut self, record: &'batch Record, is_new: bool) -> Result<Option<Row<'batch>>, Failure> {
        let row = rows::settled(record);
        let written = match is_new {
            true => self.insert(&row)?.map_or_else(|| self.close(&row), |id| Ok(Some(id)))?,
            false => self.close(&row)?.map_or_else(|| self.insert(&row), |id| Ok(Some(id)))?,
        };
        let Some(id) = written else { return Ok(None) };
        self.notes.add(id, Name::all(&row));
        for (n, attempt) in record.attempts.iter().enumerate() {
            insert_attempt(&mut self.insert_attempt, id, n, attempt)?;
            insert_evidence(self.tx, id, n, attempt)?;
        }
        insert_choices(self.tx, record)?;
        insert_losses(self.tx, record)?;
        Ok(Some(row))
    }

    /// Inserts a row. Gives its id, or `None` when the call has one.
    fn insert(&mut self, row: &Row<'_>) -> Result<Option<i64>, Failure> {
        let inserted = self.insert.run(values(row))? == 1;
        Ok(inserted.then(|| self.tx.last_insert_rowid()))
    }

    /// Closes the row of an open call. Gives its id, or `None` when no call is open under this name.
    fn close(&mut self, row: &Row<'_>) -> Result<Option<i64>, Failure> {
        if let Some(id) = self.open_rows.take(row.call)
            && close(&mut self.settle, row, id)?
        {
            return Ok(Some(id));
        }
        let found = self.tx.prepare_cached(ROW)?.query_row([row.call.as_bytes()], |found| found.get(0)).optional()?;
        let Some(id) = found else { return Ok(None) };
        Ok(close(&mut self.settle, row, id)?.then_some(id))
    }
}

/// Whether the row `id` was the open one of `row`'s call. It is closed then.
fn close(settle: &mut Repeated<'_>, row: &Row<'_>, id: i64) -> Result<bool, Failure> {
    Ok(settle.run(values(row).into_iter().chain([number(id)]))? == 1)
}

/// What is bound to the statements for rows.
fn values<'a>(row: &'a Row<'_>) -> [ValueRef<'a>; 31] {
    let usage = &row.usage;
    [
        number(row.create_time.as_millis()),
        maybe(row.token.map(|token| token.0)),
        row.model.into(),
        row.format.into(),
        row.endpoint.into(),
        number(row.stream),
        number(row.update_time.as_millis()),
        maybe(row.key.map(|key| key.0)),
        row.provider.into(),
        row.upstream_format.into(),
        row.upstream_model.into(),
        number(int(usage.input())),
        number(int(usage.total())),
        number(int(usage.uncached_input)),
        number(int(usage.cache_read)),
        number(int(usage.cache_write_5m)),
        number(int(usage.cache_write_1h)),
        number(int(usage.output)),
        maybe(usage.reasoning.map(int)),
        maybe(row.cost.map(|usd| usd.0)),
        maybe(row.latency_ms.map(int)),
        maybe(row.first_byte_ms.map(int)),
        number(row.attempt_count),
        number(row.estimated),
        row.status().into(),
        row.outcome.map(Outcome::as_str).into(),
        maybe(row.http_status),
        row.error_type.into(),
        row.error_message.into(),
        row.call.as_bytes()[..].into(),
        maybe(row.saved.map(|usd| usd.0)),
    ]
}

fn insert_attempt(statement: &mut Repeated<'_>, row: i64, n: usize, attempt: &Attempt) -> Result<(), Failure> {
    let usage = &attempt.usage;
    statement.run([
        number(row),
        number(i64::try_from(n).unwrap_or(i64::MAX)),
        attempt.id.as_bytes()[..].into(),
        number(attempt.create_time.as_millis()),
        number(attempt.key.0),
        (&*attempt.provider).into(),
        attempt.upstream_format.as_str().into(),
        (&*attempt.upstream_model).into(),
        number(attempt.served),
        attempt.verdict.into(),
        maybe(attempt.http_status),
        attempt.error_message.as_deref().into(),
        number(int(attempt.latency_ms)),
        maybe(attempt.first_byte_ms.map(int)),
        number(int(usage.uncached_input)),
        number(int(usage.cache_read)),
        number(int(usage.cache_write_5m)),
        number(int(usage.cache_write_1h)),
        number(int(usage.output)),
        maybe(usage.reasoning.map(int)),
        number(attempt.estimated()),
        maybe(attempt.cost.map(|usd| usd.0)),
        attempt.price_version.as_deref().into(),
        maybe(attempt.saved.map(|usd| usd.0)),
        attempt.chosen_by.into(),
        number(attempt.candidates),
        stored::terms(attempt.terms).into(),
        number(attempt.price_factor.millionths()),
    ])?;
    Ok(())
}

/// Few calls pass anybody over, so the statement is looked up only for them.
fn insert_choices(tx: &Transaction<'_>, record: &Record) -> Result<(), Failure> {
    for (n, choice) in record.choices.iter().enumerate() {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        let values = params![record.opened.call.as_bytes(), n, json(choice)?];
        tx.prepare_cached(INSERT_CHOICE)?.execute(values)?;
    }
    Ok(())
}

/// Few attempts fail, so the statement is looked up only for them.
fn insert_evidence(tx: &Transaction<'_>, row: i64, n: usize, attempt: &Attempt) -> Result<(), Failure> {
    if let Some(evidence) = &attempt.evidence {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        let by = attempt.decided_by.as_deref().map(json).transpose()?;
        tx.prepare_cached(INSERT_EVIDENCE)?.execute(params![row, n, json(evidence)?, by])?;
    }
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
    let (mut settle, mut noted) = (Repeated::new(tx, SETTLE), Noted::default());
    let mut notes = Notes::beside(&mut noted);
    open.iter_mut().for_each(|row| rows::interrupt(row, now));
    let rows: Vec<_> = open.iter().map(Row::of).collect();
    for (row, StoredRecord { id, .. }) in rows.iter().zip(&open) {
        close(&mut settle, row, *id)?;
        notes.add(*id, Name::all(row));
    }
    notes.write(tx)?;
    RunningSums::default().add(tx, &rows)?;
    budgets::recover(tx, now)?;
    Ok(open.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::tests::check_that_none_makes_a_table;

    #[test]
    fn what_is_run_for_each_call_makes_no_table() {
        check_that_none_makes_a_table(&[INSERT, SETTLE, ROW, INSERT_ATTEMPT]);
    }
}
