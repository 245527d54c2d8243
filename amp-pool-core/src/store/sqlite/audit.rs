//! An audit of the books in a database file, while they are written or not.

use std::{collections::HashMap, path::Path};

use rusqlite::{Connection, Row, Rows, Transaction};

use super::{
    Access, Durability, Failure, adjustments, budgets,
    fields::{Fields, collect, each},
    migrate, pages, retention, statistics, sums,
};
use crate::{
    budget::{Period, Tally},
    id::{CallId, KeyId},
    money::NanoUsd,
    store::{
        StoreError,
        audit::{Audit, Auditor, Owner, Try},
    },
};

const TRIES: &str = "
    SELECT request_id, key_id, served, uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens,
           cache_write_1h_tokens, output_tokens, reasoning_tokens, estimated, cost,
           (SELECT late.cost FROM api_request_adjustments AS late
            WHERE late.request_id = try.request_id AND late.n = try.n ORDER BY late.id DESC LIMIT 1)
    FROM api_request_attempts AS try ORDER BY request_id, n";

const CORRECTIONS: &str = "
    SELECT scope, scope_id, window, period_start, amount
    FROM budget_adjustments JOIN budget_periods AS period ON period.id = period_id";

const HOLDS: &str = "
    SELECT hold.n, scope, scope_id, window, period_start, hold.create_time, hold.update_time, amount, hold.cost,
           state, hold.call_id, call.id IS NOT NULL, call.outcome IS NULL, call.attempts,
           CASE WHEN scope = 'key'
                THEN (SELECT sum(try.cost) FROM api_request_attempts AS try
                      WHERE try.request_id = call.id AND try.key_id = scope_id)
                ELSE call.cost END
    FROM budget_holds AS hold JOIN budget_periods AS period ON period.id = hold.period_id
    LEFT JOIN api_request_log AS call ON call.call_id = hold.call_id
    ORDER BY hold.call_id, hold.period_id, hold.n";

const HOLDS_OF_NOTHING: &str = "
    SELECT call_id FROM budget_holds WHERE period_id NOT IN (SELECT id FROM budget_periods)";

const PERIODS: &str = "SELECT scope, scope_id, window, period_start, spent, held, folded FROM budget_periods";

/// Recomputes every total of the database at `path` from its attempts. Nothing is written; it may be in use.
///
/// Blocks for as long as reading all of it takes.
///
/// # Errors
/// [`StoreError::Newer`], [`StoreError::Corrupt`], [`StoreError::Invalid`] for a file of another program or version,
/// [`StoreError::Unavailable`] when it can not be read.
pub fn audit(path: &Path) -> Result<Audit, StoreError> {
    Ok(read(path)?)
}

fn read(path: &Path) -> Result<Audit, Failure> {
    let access = Access { path: path.to_owned(), durability: Durability::Full, echo: false };
    let mut connection = access.reader()?;
    migrate::refuse_what_is_not_ours(&connection)?;
    migrate::refuse_what_is_older(&connection)?;
    // One transaction: the books as they are at this moment.
    let tx = connection.transaction()?;
    let mut auditor = Auditor::since(retention::extent(&tx)?.forgotten_before);
    calls(&tx, &mut auditor)?;
    statistics::each_row(&tx, |span, start, ids, names, sums| auditor.statistics(span, start, ids, names, sums))?;
    sums::audit(&tx, &mut auditor)?;
    each(&tx, HOLDS, &[], |row| hold(row, &mut auditor))?;
    for call in collect(&tx, HOLDS_OF_NOTHING, &[], pages::uuid)? {
        auditor.hold_of_nothing(CallId(call));
    }
    for (period, amount) in collect(&tx, CORRECTIONS, &[], |row| Ok((budgets::period(row)?, NanoUsd(row.take()?))))? {
        auditor.correction(period, amount);
    }
    for call in collect(&tx, adjustments::LOST, &[], adjustments::read_lost)? {
        auditor.correction_of_nothing(call);
    }
    for (period, tally, folded) in collect(&tx, PERIODS, &[], budget)? {
        auditor.budget(period, tally, folded);
    }
    Ok(auditor.finish())
}

/// Calls and attempts side by side, both in the order of the calls' rows.
fn calls(tx: &Transaction<'_>, auditor: &mut Auditor) -> Result<(), Failure> {
    let connection: &Connection = tx;
    let mut statement = connection.prepare(TRIES)?;
    let mut tries = Tries { rows: statement.query([])?, next: None };
    tries.step()?;
    let late: HashMap<_, _> = collect(tx, adjustments::LAST, &[], adjustments::read_last)?.into_iter().collect();
    each(tx, pages::EVERY, &[], |row| {
        let mut row = pages::read(row)?;
        row.adjustments.extend(late.get(&row.id).cloned());
        tries.before(row.id, auditor)?;
        let own = tries.of(row.id)?;
        auditor.call(&row, &own);
        Ok(())
    })?;
    tries.before(i64::MAX, auditor)
}

struct Tries<'s> {
    rows: Rows<'s>,
    next: Option<(i64, Try)>,
}

impl Tries<'_> {
    fn step(&mut self) -> Result<(), Failure> {
        self.next = self.rows.next()?.map(attempt).transpose()?;
        Ok(())
    }

    /// Attempts whose call does not come any more.
    fn before(&mut self, row: i64, auditor: &mut Auditor) -> Result<(), Failure> {
        while let Some((lost, _)) = self.next.take_if(|(of, _)| *of < row) {
            auditor.orphan(lost);
            self.step()?;
        }
        Ok(())
    }

    fn of(&mut self, row: i64) -> Result<Vec<Try>, Failure> {
        let mut own = Vec::new();
        while let Some((_, attempt)) = self.next.take_if(|(of, _)| *of == row) {
            own.push(attempt);
            self.step()?;
        }
        Ok(own)
    }
}

fn attempt(row: &Row<'_>) -> Result<(i64, Try), Failure> {
    let mut row = Fields::of(row);
    let request = row.take()?;
    let (key, served) = (KeyId(row.take()?), row.take()?);
    let usage = row.usage()?;
    Ok((request, Try { key, served, usage, estimated: row.take()?, cost: row.money()?, adjusted: row.money()? }))
}

fn hold(row: &mut Fields<'_>, auditor: &mut Auditor) -> Result<(), Failure> {
    let hold = budgets::read(row)?;
    let call = CallId(pages::uuid(row)?);
    let is_there: bool = row.take()?;
    let is_open = row.take()?;
    let attempts = row.take::<Option<u32>>()?.unwrap_or(0);
    let owner = Owner { is_open, cost: row.money()?, attempts };
    auditor.hold(call, &hold, is_there.then_some(&owner));
    Ok(())
}

fn budget(row: &mut Fields<'_>) -> Result<(Period, Tally, NanoUsd), Failure> {
    let period = budgets::period(row)?;
    let tally = Tally { spent: NanoUsd(row.take()?), held: NanoUsd(row.take()?) };
    Ok((period, tally, NanoUsd(row.take()?)))
}
