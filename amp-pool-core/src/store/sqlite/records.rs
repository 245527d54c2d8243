//! The books: one row per call, one per attempt.
//!
//! Whatever comes twice is written once: a call is inserted under its own id or not at all, and settled only while it is
//! open. So a batch whose fate was not known can be handed in again.

use std::sync::{Arc, LazyLock};

use rusqlite::{OptionalExtension as _, Transaction, params, types::ValueRef};

use super::{
    Failure, SqliteStore,
    blocks::{Name, Noted, Notes},
    budgets::{self, Calls},
    fields::{collect, int, json},
    known::Known,
    open_rows::OpenRows,
    pages,
    repeated::{Repeated, SEVERAL, maybe, number, several},
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

macro_rules! insert_into_log {
    () => {
        "INSERT INTO api_request_log
            (create_time, token_id, model, format, endpoint, stream,
             update_time, key_id, provider, upstream_format, upstream_model,
             input_tokens, total_tokens, uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens,
             cache_write_1h_tokens, output_tokens, reasoning_tokens,
             cost, latency_ms, first_byte_ms, attempts, estimated, status, outcome,
             http_status_code, error_type, error_message, call_id, saved)"
    };
}

const INSERT: &str = concat!(
    insert_into_log!(),
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
              ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31)
      ON CONFLICT (call_id) DO NOTHING"
);

static INSERT_SEVERAL: LazyLock<String> =
    LazyLock::new(|| several(insert_into_log!(), LOG_COLUMNS) + " ON CONFLICT (call_id) DO NOTHING");

const LOG_COLUMNS: usize = 31;

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

macro_rules! insert_into_attempts {
    () => {
        "INSERT INTO api_request_attempts
            (request_id, n, attempt_id, create_time, key_id, provider, upstream_format, upstream_model, served, verdict,
             http_status_code, error_message, latency_ms, first_byte_ms,
             uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
             reasoning_tokens, estimated, cost, price_version, saved, chosen_by, candidates, service_terms, price_factor)"
    };
}

const INSERT_ATTEMPT: &str = concat!(
    insert_into_attempts!(),
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
              ?24, ?25, ?26, ?27, ?28)"
);

static INSERT_ATTEMPTS: LazyLock<String> = LazyLock::new(|| several(insert_into_attempts!(), ATTEMPT_COLUMNS));

const ATTEMPT_COLUMNS: usize = 28;

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
    let mut new = Vec::with_capacity(batch.len());
    for change in changes(batch) {
        match change {
            // As most of them.
            Change { settled: Some(record), opened: Some(_) } => new.push(record),
            Change { settled: Some(record), opened: None } => books.settle(record)?,
            Change { opened: Some(call), .. } => books.admit(call)?,
            Change { opened: None, settled: None } => {}
        }
    }
    new.chunks(SEVERAL).try_for_each(|records| books.settle_new(records))?;
    books.write_attempts()?;
    books.notes.write(tx)?;
    known.sums.add(tx, &books.settled)?;
    budgets::apply(tx, batch, || Calls {
        new: books.admitted.iter().copied().collect(),
        settled: books.settled.iter().map(|row| row.call).collect(),
    })
}

/// The books as one batch writes them.
struct Books<'tx, 'batch> {
    tx: &'tx Transaction<'tx>,
    insert: Repeated<'tx>,
    insert_several: Repeated<'tx>,
    close: Repeated<'tx>,
    notes: Notes<'batch, 'tx>,
    open_rows: &'tx mut OpenRows,
    /// Whose rows it has written that are open.
    admitted: Vec<CallId>,
    /// Calls that it has settled.
    settled: Vec<Row<'batch>>,
    /// Their attempts, which are still to be written.
    attempts: Vec<Tried<'batch>>,
}

/// An attempt, and where it stands.
struct Tried<'batch> {
    row: i64,
    n: usize,
    attempt: &'batch Attempt,
}

impl<'tx, 'batch> Books<'tx, 'batch> {
    fn open(tx: &'tx Transaction<'_>, notes: Notes<'batch, 'tx>, open_rows: &'tx mut OpenRows) -> Self {
        Self {
            tx,
            insert: Repeated::new(tx, INSERT),
            insert_several: Repeated::new(tx, &INSERT_SEVERAL),
            close: Repeated::new(tx, SETTLE),
            notes,
            open_rows,
            admitted: Vec::new(),
            settled: Vec::new(),
            attempts: Vec::new(),
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

    /// Settles a call that is most likely open.
    fn settle(&mut self, record: &'batch Record) -> Result<(), Failure> {
        let row = rows::settled(record);
        let id = self.close(&row)?.map_or_else(|| self.insert(&row), |id| Ok(Some(id)))?;
        id.map_or(Ok(()), |id| self.note(record, row, id))
    }

    /// Settles calls that were opened in this very batch, so they are most likely not there yet.
    fn settle_new(&mut self, records: &[&'batch Record]) -> Result<(), Failure> {
        let rows: Vec<_> = records.iter().map(|record| rows::settled(record)).collect();
        let ids = self.insert_all(&rows)?;
        for ((record, row), id) in records.iter().zip(rows).zip(ids) {
            let id = id.map_or_else(|| self.close(&row), |id| Ok(Some(id)))?;
            // One that is there and not open was settled before.
            id.map_or(Ok(()), |id| self.note(record, row, id))?;
        }
        Ok(())
    }

    /// What else there is of a call that has been settled in the row `id`.
    fn note(&mut self, record: &'batch Record, row: Row<'batch>, id: i64) -> Result<(), Failure> {
        self.notes.add(id, Name::all(&row));
        for (n, attempt) in record.attempts.iter().enumerate() {
            self.attempts.push(Tried { row: id, n, attempt });
            insert_evidence(self.tx, id, n, attempt)?;
        }
        insert_choices(self.tx, record)?;
        insert_losses(self.tx, record)?;
        self.settled.push(row);
        Ok(())
    }

    fn write_attempts(&self) -> Result<(), Failure> {
        let (mut one, mut all) = (Repeated::new(self.tx, INSERT_ATTEMPT), Repeated::new(self.tx, &INSERT_ATTEMPTS));
        for several in self.attempts.chunks(SEVERAL) {
            match several.len() {
                SEVERAL => _ = all.run(several.iter().flat_map(attempt_values))?,
                _ => several.iter().try_for_each(|tried| one.run(attempt_values(tried)).map(drop))?,
            }
        }
        Ok(())
    }

    /// Inserts a row. Gives its id, or `None` when the call has one.
    fn insert(&mut self, row: &Row<'_>) -> Result<Option<i64>, Failure> {
        let inserted = self.insert.run(values(row))? == 1;
        Ok(inserted.then(|| self.tx.last_insert_rowid()))
    }

    /// The same for up to [`SEVERAL`] rows.
    fn insert_all(&mut self, rows: &[Row<'_>]) -> Result<Vec<Option<i64>>, Failure> {
        if rows.len() < SEVERAL {
            return rows.iter().map(|row| self.insert(row)).collect();
        }
        let inserted = self.insert_several.run(rows.iter().flat_map(values))?;
        // The last of them, if there are any: their ids follow one another, and on all that were there.
        let last = self.tx.last_insert_rowid();
        let first = match i64::try_from(inserted) {
            Ok(inserted @ 1..) => last - inserted + 1,
            _ => i64::MAX,
        };
        if inserted == SEVERAL {
            return Ok((first..=last).map(Some).collect());
        }
        rows.iter().map(|row| Ok(self.find(row)?.filter(|id| *id >= first))).collect()
    }

    /// Closes the row of an open call. Gives its id, or `None` when no call is open under this name.
    fn close(&mut self, row: &Row<'_>) -> Result<Option<i64>, Failure> {
        if let Some(id) = self.open_rows.take(row.call)
            && close(&mut self.close, row, id)?
        {
            return Ok(Some(id));
        }
        let Some(id) = self.find(row)? else { return Ok(None) };
        Ok(close(&mut self.close, row, id)?.then_some(id))
    }

    fn find(&self, row: &Row<'_>) -> Result<Option<i64>, Failure> {
        Ok(self.tx.prepare_cached(ROW)?.query_row([row.call.as_bytes()], |found| found.get(0)).optional()?)
    }
}

/// Whether the row `id` was the open one of `row`'s call. It is closed then.
fn close(settle: &mut Repeated<'_>, row: &Row<'_>, id: i64) -> Result<bool, Failure> {
    Ok(settle.run(values(row).into_iter().chain([number(id)]))? == 1)
}

/// What is bound to the statements for rows.
fn values<'a>(row: &'a Row<'_>) -> [ValueRef<'a>; LOG_COLUMNS] {
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

fn attempt_values<'a>(&Tried { row, n, attempt }: &Tried<'a>) -> [ValueRef<'a>; ATTEMPT_COLUMNS] {
    let usage = &attempt.usage;
    [
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
    ]
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
        check_that_none_makes_a_table(&[INSERT, &INSERT_SEVERAL, SETTLE, ROW, INSERT_ATTEMPT, &INSERT_ATTEMPTS]);
    }
}
