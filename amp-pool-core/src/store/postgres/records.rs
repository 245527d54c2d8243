//! The books: one row per call, one per attempt.
//!
//! A batch is one transaction of two round trips. The first writes the rows of calls and tells which of them changed; what
//! hangs on those goes with the second, and the commit with it. Whatever comes twice is written once: a call is inserted
//! under its own id or not at all, and settled only while it is open. So a batch whose fate was not known can be handed
//! in again.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use futures::try_join;
use tokio_postgres::{Row as DbRow, types::ToSql};
use uuid::Uuid;

use super::{
    Failure, Inner, PostgresStore,
    budgets::{self, Budgets, Wanted},
    columns::{Cell, Columns, maybe, number},
    fields::{Fields, collect, int, json},
    nodes,
    notes::{self, Notes},
    pages,
    pool::Lent,
    statistics, sums,
};
use crate::{
    id::CallId,
    store::{
        Attempt, Entry, FailurePage, GroupBy, HoldAnswer, Outcome, Page, Record, RecordFilter, RecordStore,
        StoreFuture, StoredFailure, StoredRecord, Totals, TotalsFilter,
        batch::{Change, changes},
        names::Name,
        rows::{self, Row},
        stored,
    },
    time::Timestamp,
};

/// How often a batch is tried again at once when others were in its way.
const COLLISIONS: usize = 5;

macro_rules! insert {
    ($conflict:literal) => {
        concat!(
            "INSERT INTO api_request_log
                (node, create_time, token_id, model, format, endpoint, stream,
                 update_time, key_id, provider, upstream_format, upstream_model,
                 input_tokens, total_tokens, uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens,
                 cache_write_1h_tokens, output_tokens, reasoning_tokens,
                 cost, latency_ms, first_byte_ms, attempts, estimated, status, outcome,
                 http_status_code, error_type, error_message, call_id, saved)
             SELECT $1, * FROM unnest(
                 $2::int8[], $3::int8[], $4::text[], $5::text[], $6::text[], $7::bool[],
                 $8::int8[], $9::int8[], $10::text[], $11::text[], $12::text[],
                 $13::int8[], $14::int8[], $15::int8[], $16::int8[], $17::int8[],
                 $18::int8[], $19::int8[], $20::int8[],
                 $21::int8[], $22::int8[], $23::int8[], $24::int8[], $25::bool[], $26::text[], $27::text[],
                 $28::int8[], $29::text[], $30::text[], $31::uuid[], $32::int8[])
             ON CONFLICT (call_id) ",
            $conflict,
            " RETURNING id, call_id"
        )
    };
}

const OPEN: &str = insert!("DO NOTHING");

// What was known at admission stays.
const SETTLE: &str = insert!(
    "DO UPDATE SET
         update_time = excluded.update_time, key_id = excluded.key_id, provider = excluded.provider,
         upstream_format = excluded.upstream_format, upstream_model = excluded.upstream_model,
         input_tokens = excluded.input_tokens, total_tokens = excluded.total_tokens,
         uncached_input_tokens = excluded.uncached_input_tokens, cache_read_tokens = excluded.cache_read_tokens,
         cache_write_5m_tokens = excluded.cache_write_5m_tokens, cache_write_1h_tokens = excluded.cache_write_1h_tokens,
         output_tokens = excluded.output_tokens, reasoning_tokens = excluded.reasoning_tokens, cost = excluded.cost,
         latency_ms = excluded.latency_ms, first_byte_ms = excluded.first_byte_ms, attempts = excluded.attempts,
         estimated = excluded.estimated, status = excluded.status, outcome = excluded.outcome,
         http_status_code = excluded.http_status_code, error_type = excluded.error_type,
         error_message = excluded.error_message, saved = excluded.saved
     WHERE api_request_log.outcome IS NULL"
);

const INSERT_ATTEMPTS: &str = "
    INSERT INTO api_request_attempts
        (request_id, n, attempt_id, create_time, key_id, provider, upstream_format, upstream_model, served, verdict,
         http_status_code, error_message, latency_ms, first_byte_ms,
         uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
         reasoning_tokens, estimated, cost, price_version, saved, chosen_by, candidates, service_terms, price_factor)
    SELECT * FROM unnest(
         $1::int8[], $2::int8[], $3::uuid[], $4::int8[], $5::int8[], $6::text[], $7::text[], $8::text[], $9::bool[],
         $10::text[], $11::int8[], $12::text[], $13::int8[], $14::int8[],
         $15::int8[], $16::int8[], $17::int8[], $18::int8[], $19::int8[],
         $20::int8[], $21::bool[], $22::int8[], $23::text[], $24::int8[], $25::text[], $26::int8[],
         $27::text[], $28::int8[])";

const INSERT_CHOICES: &str = "
    INSERT INTO api_request_choices (call_id, n, choice)
    SELECT call_id, n, choice::jsonb FROM unnest($1::uuid[], $2::int8[], $3::text[]) AS new (call_id, n, choice)";

const INSERT_EVIDENCE: &str = "
    INSERT INTO api_request_evidence (request_id, n, evidence, decided_by)
    SELECT request_id, n, evidence::jsonb, decided_by::jsonb
    FROM unnest($1::int8[], $2::int8[], $3::text[], $4::text[]) AS new (request_id, n, evidence, decided_by)";

const INSERT_LOSSES: &str = "
    INSERT INTO api_request_losses (call_id, n, side, kind, field, note)
    SELECT * FROM unnest($1::uuid[], $2::int8[], $3::text[], $4::text[], $5::text[], $6::text[])";

impl RecordStore for PostgresStore {
    fn commit(&self, batch: Arc<[Entry]>) -> StoreFuture<'_, Vec<HoldAnswer>> {
        self.answer(async move {
            let mut tries = 0;
            loop {
                let node = self.inner.node.id();
                match commit(&self.inner, node, &batch).await {
                    Err(Failure::NodeLost) => {
                        self.inner.node.enter_again(&self.inner.pool.lend().await?, node).await?;
                    }
                    Err(failure) if failure.is_collision() && tries < COLLISIONS => {}
                    done => return done,
                }
                tries += 1;
            }
        })
    }

    fn recover(&self, now: Timestamp) -> StoreFuture<'_, u64> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let mut gone = self.inner.node.replace(&tx).await?;
            gone.push(self.inner.node.id());
            let closed = close_open_calls(&tx, &gone, now).await?;
            tx.commit().await?;
            Ok(closed)
        })
    }

    fn list(&self, filter: RecordFilter, page: Page) -> StoreFuture<'_, Vec<StoredRecord>> {
        self.answer(async move { pages::list(&self.inner.pool, &filter, page).await })
    }

    fn failures(&self, page: FailurePage) -> StoreFuture<'_, Vec<StoredFailure>> {
        self.answer(async move { pages::failures(&self.inner.pool.lend().await?, page).await })
    }

    fn get(&self, call: CallId) -> StoreFuture<'_, Option<StoredRecord>> {
        self.answer(async move {
            let tx = self.inner.pool.snapshot().await?;
            let found = pages::get(&tx, call).await?;
            tx.commit().await?;
            Ok(found)
        })
    }

    fn get_many(&self, calls: Vec<CallId>) -> StoreFuture<'_, Vec<StoredRecord>> {
        self.answer(async move {
            let tx = self.inner.pool.snapshot().await?;
            let found = pages::get_many(&tx, &calls).await?;
            tx.commit().await?;
            Ok(found)
        })
    }

    fn totals(&self, filter: TotalsFilter, by: GroupBy) -> StoreFuture<'_, Vec<Totals>> {
        self.answer(async move {
            let tx = self.inner.pool.snapshot().await?;
            let found = statistics::totals(&tx, &filter, by).await?;
            tx.commit().await?;
            Ok(found)
        })
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        self.answer(async move {
            self.inner.closed.store(true, Ordering::Release);
            self.inner.node.leave(&self.inner.pool.lend().await?).await?;
            self.inner.pool.close();
            Ok(())
        })
    }
}

/// Closes what a node has open whose lease is over. `None`: it has spoken since, or somebody else was faster.
pub(super) async fn take_over(inner: &Inner, node: i64) -> Result<Option<u64>, Failure> {
    let tx = inner.pool.begin().await?;
    if !nodes::remove(&tx, node).await? {
        return Ok(None);
    }
    let now = nodes::now(&tx).await?;
    let closed = close_open_calls(&tx, &[node], now).await?;
    tx.commit().await?;
    Ok(Some(closed))
}

async fn commit(inner: &Inner, node: i64, entries: &[Entry]) -> Result<Vec<HoldAnswer>, Failure> {
    let tx = inner.pool.lend().await?;
    let books = Books::prepare(&tx).await?;
    let (batch, wanted) = (Batch::of(entries), Wanted::of(entries));
    let (written, found) = books.write_calls(node, &batch, wanted.as_ref()).await?;
    let settled = batch.settled.iter().map(|(_, row)| row.call).filter(|call| written.contains_key(&call.0)).collect();
    let (budgets, answers) = Budgets::apply(found, entries, settled)?;
    books.write_the_rest(node, &batch, &written, &budgets).await?;
    Ok(answers)
}

/// A batch, sorted by what is to be done.
struct Batch<'a> {
    opened: Vec<Row<'a>>,
    settled: Vec<(&'a Record, Row<'a>)>,
}

impl<'a> Batch<'a> {
    fn of(entries: &'a [Entry]) -> Self {
        let mut batch = Self { opened: Vec::new(), settled: Vec::new() };
        for change in changes(entries) {
            match change {
                Change { settled: Some(record), .. } => batch.settled.push((record, rows::settled(record))),
                Change { opened: Some(call), .. } => batch.opened.push(rows::opened(call)),
                Change { opened: None, settled: None } => {}
            }
        }
        batch
    }
}

/// The ids of the rows that were written, by call.
type Written = HashMap<Uuid, i64>;

/// The books as one transaction writes them. Its statements are parsed before it begins: what is sent together has to
/// arrive in order.
struct Books<'tx> {
    tx: &'tx Lent,
    is_there: tokio_postgres::Statement,
    open: tokio_postgres::Statement,
    settle: tokio_postgres::Statement,
    attempts: tokio_postgres::Statement,
    choices: tokio_postgres::Statement,
    evidence: tokio_postgres::Statement,
    losses: tokio_postgres::Statement,
    notes: tokio_postgres::Statement,
    statistics: tokio_postgres::Statement,
    set_back: tokio_postgres::Statement,
    budgets: budgets::Statements,
}

impl<'tx> Books<'tx> {
    async fn prepare(tx: &'tx Lent) -> Result<Self, Failure> {
        Ok(Self {
            tx,
            is_there: tx.statement(nodes::IS_THERE).await?,
            open: tx.statement(OPEN).await?,
            settle: tx.statement(SETTLE).await?,
            attempts: tx.statement(INSERT_ATTEMPTS).await?,
            choices: tx.statement(INSERT_CHOICES).await?,
            evidence: tx.statement(INSERT_EVIDENCE).await?,
            losses: tx.statement(INSERT_LOSSES).await?,
            notes: tx.statement(notes::NOTE).await?,
            statistics: tx.statement(statistics::ADD).await?,
            set_back: tx.statement(sums::SET_BACK).await?,
            budgets: budgets::Statements::prepare(tx).await?,
        })
    }

    /// Begins the transaction and writes the rows of calls. Gives those that were written, opened or settled, and what
    /// there is of the budgets that are wanted.
    async fn write_calls(
        &self,
        node: i64,
        batch: &Batch<'_>,
        wanted: Option<&Wanted>,
    ) -> Result<(Written, budgets::Found), Failure> {
        let (mut opened, mut settled) = (Columns::default(), Columns::default());
        batch.opened.iter().for_each(|row| opened.push(log_row(row)));
        batch.settled.iter().for_each(|(_, row)| settled.push(log_row(row)));
        let this_node: [&(dyn ToSql + Sync); 1] = [&node];
        let found = async {
            match wanted {
                Some(wanted) => wanted.find(self.tx, &self.budgets).await,
                None => Ok(budgets::Found::default()),
            }
        };
        let ((), there, opened, settled, found) = try_join!(
            self.tx.begin(),
            self.tx.run(nodes::IS_THERE, &self.is_there, &this_node),
            self.many(OPEN, &self.open, Some(node), &opened),
            self.many(SETTLE, &self.settle, Some(node), &settled),
            found,
        )?;
        if there.is_empty() {
            return Err(Failure::NodeLost);
        }
        let ids = collect(&opened, id_and_call)?.into_iter().chain(collect(&settled, id_and_call)?);
        Ok((ids.map(|(id, call)| (call, id)).collect(), found))
    }

    /// Writes what hangs on the rows of calls, and ends the transaction.
    async fn write_the_rest(
        &self,
        node: i64,
        batch: &Batch<'_>,
        written: &Written,
        budgets: &Budgets,
    ) -> Result<(), Failure> {
        let mut notes = Notes::default();
        for row in batch.opened.iter().chain(batch.settled.iter().map(|(_, row)| row)) {
            if let Some(id) = written.get(&row.call.0) {
                notes.add(*id, Name::all(row));
            }
        }
        let (mut attempts, mut losses, mut settled) = (Columns::default(), Columns::default(), Vec::new());
        let (mut choices, mut evidence) = (Vec::new(), Vec::new());
        for (record, row) in &batch.settled {
            let Some(id) = written.get(&row.call.0) else { continue };
            add_attempts(&mut attempts, *id, record);
            add_losses(&mut losses, record);
            choices.extend(choices_of(record)?);
            evidence.extend(evidence_of(*id, record)?);
            settled.push(*row);
        }
        let groups = statistics::Groups::of(&settled);
        let hour = groups.hour();
        let from_hour: [&(dyn ToSql + Sync); 1] = [&hour];
        let (sums, notes, choices) = (groups.columns(), notes.columns(), choice_columns(&choices));
        let evidence = evidence_columns(&evidence);
        try_join!(
            self.many(INSERT_ATTEMPTS, &self.attempts, None, &attempts),
            self.many(INSERT_CHOICES, &self.choices, None, &choices),
            self.many(INSERT_EVIDENCE, &self.evidence, None, &evidence),
            self.many(INSERT_LOSSES, &self.losses, None, &losses),
            self.many(notes::NOTE, &self.notes, None, &notes),
            budgets.write(self.tx, &self.budgets, Some(node)),
            // Last, because other nodes wait for these rows.
            self.many(statistics::ADD, &self.statistics, Some(groups.now()), &sums),
            // Behind them: whoever adds up what they come to has been waited for, or waits.
            self.tx.run(sums::SET_BACK, &self.set_back, &from_hour),
            self.tx.commit(),
        )?;
        Ok(())
    }

    /// Runs a statement for all rows at once, unless there are none.
    async fn many(
        &self,
        sql: &str,
        statement: &tokio_postgres::Statement,
        first: Option<i64>,
        columns: &Columns<'_>,
    ) -> Result<Vec<DbRow>, Failure> {
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        match &first {
            Some(first) => self.tx.run(sql, statement, &columns.values(&[first])).await,
            None => self.tx.run(sql, statement, &columns.values(&[])).await,
        }
    }
}

fn id_and_call(row: &mut Fields<'_>) -> Result<(i64, Uuid), Failure> {
    Ok((row.take()?, row.uuid()?))
}

/// The values of a row of the log, in the order of the statements.
fn log_row<'a>(row: &Row<'a>) -> [Cell<'a>; 31] {
    let usage = &row.usage;
    [
        number(row.create_time.as_millis()),
        maybe(row.token.map(|token| token.0)),
        row.model.into(),
        row.format.into(),
        row.endpoint.into(),
        row.stream.into(),
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
        row.estimated.into(),
        row.status().into(),
        row.outcome.map(Outcome::as_str).into(),
        maybe(row.http_status),
        row.error_type.into(),
        row.error_message.into(),
        row.call.0.into(),
        maybe(row.saved.map(|usd| usd.0)),
    ]
}

fn add_attempts<'a>(columns: &mut Columns<'a>, row: i64, record: &'a Record) {
    for (n, attempt) in (0_i64..).zip(&record.attempts) {
        columns.push(attempt_row(row, n, attempt));
    }
}

fn attempt_row(row: i64, n: i64, attempt: &Attempt) -> [Cell<'_>; 28] {
    let usage = &attempt.usage;
    [
        number(row),
        number(n),
        attempt.id.0.into(),
        number(attempt.create_time.as_millis()),
        number(attempt.key.0),
        (&*attempt.provider).into(),
        attempt.upstream_format.as_str().into(),
        (&*attempt.upstream_model).into(),
        attempt.served.into(),
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
        attempt.estimated().into(),
        maybe(attempt.cost.map(|usd| usd.0)),
        attempt.price_version.as_deref().into(),
        maybe(attempt.saved.map(|usd| usd.0)),
        attempt.chosen_by.into(),
        number(attempt.candidates),
        stored::terms(attempt.terms).into(),
        number(attempt.price_factor.millionths()),
    ]
}

/// A choice on its way: its call, its place, and its JSON.
type Choice = (Uuid, i64, String);

fn choices_of(record: &Record) -> Result<Vec<Choice>, Failure> {
    let call = record.opened.call.0;
    (0..).zip(&record.choices).map(|(n, choice)| Ok((call, n, json(choice)?))).collect()
}

fn choice_columns(choices: &[Choice]) -> Columns<'_> {
    let mut columns = Columns::default();
    choices.iter().for_each(|(call, n, choice)| columns.push([(*call).into(), number(*n), (&**choice).into()]));
    columns
}

/// What an attempt was judged by, on its way: its row, its place, and the JSON of what there was and of what decided.
type Heard = (i64, i64, String, Option<String>);

fn evidence_of(row: i64, record: &Record) -> Result<Vec<Heard>, Failure> {
    let heard = (0..).zip(&record.attempts).filter_map(|(n, attempt)| Some((n, attempt, attempt.evidence.as_deref()?)));
    heard
        .map(|(n, attempt, evidence)| {
            Ok((row, n, json(evidence)?, attempt.decided_by.as_deref().map(json).transpose()?))
        })
        .collect()
}

fn evidence_columns(evidence: &[Heard]) -> Columns<'_> {
    let mut columns = Columns::default();
    for (row, n, json, by) in evidence {
        columns.push([number(*row), number(*n), (&**json).into(), by.as_deref().into()]);
    }
    columns
}

fn add_losses<'a>(columns: &mut Columns<'a>, record: &'a Record) {
    for (n, loss) in (0_i64..).zip(&record.losses) {
        let (side, kind) = (loss.side.as_str(), loss.kind.as_str());
        let call = record.opened.call.0;
        columns.push([call.into(), number(n), side.into(), kind.into(), (&*loss.field).into(), (&*loss.note).into()]);
    }
}

/// Closes the calls that `gone` have left open, and those whose node nobody knows. Counts them.
async fn close_open_calls(tx: &Lent, gone: &[i64], now: Timestamp) -> Result<u64, Failure> {
    let mut open = collect(&tx.query(pages::OPEN, &[&gone]).await?, pages::read)?;
    open.iter_mut().for_each(|row| rows::interrupt(row, now));
    let rows: Vec<_> = open.iter().map(Row::of).collect();
    let (mut calls, mut notes) = (Columns::default(), Notes::default());
    for (row, StoredRecord { id, .. }) in rows.iter().zip(&open) {
        calls.push(log_row(row));
        notes.add(*id, Name::all(row));
    }
    budgets::recover(tx, gone, now).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let nobody: Option<i64> = None;
    tx.query(SETTLE, &calls.values(&[&nobody])).await?;
    tx.query(notes::NOTE, &notes.columns().values(&[])).await?;
    let groups = statistics::Groups::of(&rows);
    tx.query(statistics::ADD, &groups.columns().values(&[&groups.now()])).await?;
    tx.query(sums::SET_BACK, &[&groups.hour()]).await?;
    Ok(open.len() as u64)
}
