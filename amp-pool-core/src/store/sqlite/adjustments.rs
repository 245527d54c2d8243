//! Adjustments as rows of `api_request_adjustments`, and what they make of statistics and budgets.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Transaction, params};

use super::{
    Failure, SqliteStore, budgets,
    fields::{Fields, collect, json},
    pages, statistics,
};
use crate::{
    budget::Period,
    id::CallId,
    money::NanoUsd,
    store::{
        Adjustment, AdjustmentStore, AttemptAdjustment, CallAdjustment, HoldState, StoreFuture, StoredRecord,
        adjustments::Shift,
    },
    time::Timestamp,
};

const OF_REQUESTS: &str = "
    SELECT request_id, create_time, n, cost_before, cost, saved_before, saved, price_version, call_cost, call_saved, who, note
    FROM api_request_adjustments WHERE request_id IN (SELECT value FROM json_each(?1)) ORDER BY id";

const INSERT: &str = "
    INSERT INTO api_request_adjustments
        (create_time, update_time, request_id, n, cost_before, cost, saved_before, saved, price_version, call_cost,
         call_saved, who, note)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

const BEFORE: &str = "SELECT period_id, amount FROM budget_adjustments WHERE call_id = ?1";

const CORRECT: &str = "
    INSERT INTO budget_adjustments (create_time, update_time, call_id, period_id, amount) VALUES (?1, ?1, ?2, ?3, ?4)";

impl AdjustmentStore for SqliteStore {
    fn adjust(&self, calls: Vec<CallAdjustment>, now: Timestamp) -> StoreFuture<'_, u64> {
        self.write(move |tx| {
            let mut adjusted = 0;
            for call in &calls {
                adjusted += u64::from(adjust(tx, call, now)?);
            }
            Ok(adjusted)
        })
    }
}

/// Tells `rows` what they turned out to cost. Nearly always nothing was ever adjusted.
pub(super) fn fill(tx: &Transaction<'_>, rows: &mut [StoredRecord]) -> Result<(), Failure> {
    let any = "SELECT EXISTS (SELECT 1 FROM api_request_adjustments)";
    if !tx.prepare_cached(any)?.query_row([], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    let ids = json(&rows.iter().map(|row| row.id).collect::<Vec<_>>())?;
    let mut by_row = HashMap::<i64, Vec<Adjustment>>::new();
    for (request, adjustment) in collect(tx, OF_REQUESTS, &[&ids], read_last)? {
        by_row.entry(request).or_default().push(adjustment);
    }
    for row in rows {
        row.adjustments = by_row.remove(&row.id).unwrap_or_default();
    }
    Ok(())
}

fn adjust(tx: &Transaction<'_>, call: &CallAdjustment, now: Timestamp) -> Result<bool, Failure> {
    let Some(row) = pages::get(tx, call.call)?.filter(|row| row.adjustments.len() == call.seen) else {
        return Ok(false);
    };
    for attempt in &call.attempts {
        insert(tx, &row, call, attempt, now)?;
    }
    statistics::shift(tx, &row, Shift::of(&row, call), now)?;
    correct_budgets(tx, call, now)?;
    Ok(true)
}

fn insert(
    tx: &Transaction<'_>,
    row: &StoredRecord,
    call: &CallAdjustment,
    attempt: &AttemptAdjustment,
    now: Timestamp,
) -> Result<(), Failure> {
    let nanos = |usd: Option<NanoUsd>| usd.map(|usd| usd.0);
    let AttemptAdjustment { n, cost_before, cost, saved_before, saved, price_version } = attempt;
    let (cost_before, saved_before, saved) = (nanos(*cost_before), nanos(*saved_before), nanos(*saved));
    let (call_cost, call_saved) = (nanos(call.cost), nanos(call.saved));
    tx.prepare_cached(INSERT)?.execute(params![
        now.as_millis(),
        row.id,
        n,
        cost_before,
        cost.0,
        saved_before,
        saved,
        price_version,
        call_cost,
        call_saved,
        call.who,
        call.note
    ])?;
    Ok(())
}

/// Makes budgets come to what the call did cost them.
fn correct_budgets(tx: &Transaction<'_>, call: &CallAdjustment, now: Timestamp) -> Result<(), Failure> {
    let before = collect(tx, BEFORE, &[&call.call.as_bytes()], |row| Ok((row.take::<i64>()?, NanoUsd(row.take()?))))?;
    let mut spent = BTreeMap::<Period, NanoUsd>::new();
    for hold in budgets::of_call(tx, call.call)?.into_iter().filter(|hold| hold.state == HoldState::Settled) {
        let by_now = spent.entry(hold.period).or_default();
        *by_now = by_now.saturating_add(hold.cost);
    }
    let mut adjusted = HashMap::<i64, NanoUsd>::new();
    for (period, amount) in before {
        let sum = adjusted.entry(period).or_default();
        *sum = sum.saturating_add(amount);
    }
    for (id, amount) in adjusted {
        let by_now = spent.entry(budgets::period_of(tx, id)?).or_default();
        *by_now = by_now.saturating_add(amount);
    }
    for (period, more) in call.corrections(&spent.into_iter().collect::<Vec<_>>()) {
        let id = budgets::spend(tx, &period, more, now)?;
        tx.prepare_cached(CORRECT)?.execute(params![now.as_millis(), call.call.as_bytes(), id, more.0])?;
    }
    Ok(())
}

fn read(row: &mut Fields<'_>) -> Result<Adjustment, Failure> {
    Ok(Adjustment {
        create_time: row.time()?,
        attempt: AttemptAdjustment {
            n: row.take()?,
            cost_before: row.money()?,
            cost: NanoUsd(row.take()?),
            saved_before: row.money()?,
            saved: row.money()?,
            price_version: row.take()?,
        },
        call_cost: row.money()?,
        call_saved: row.money()?,
        who: row.take()?,
        note: row.take()?,
    })
}

/// The last word on each adjusted call, behind its row.
pub(super) const LAST: &str = "
    SELECT request_id, create_time, n, cost_before, cost, saved_before, saved, price_version, call_cost, call_saved, who, note
    FROM api_request_adjustments WHERE id IN (SELECT max(id) FROM api_request_adjustments GROUP BY request_id)";

/// Reads a row of [`LAST`] or of [`OF_REQUESTS`].
pub(super) fn read_last(row: &mut Fields<'_>) -> Result<(i64, Adjustment), Failure> {
    Ok((row.take()?, read(row)?))
}

/// The calls that budgets were corrected for and that are not there.
pub(super) const LOST: &str = "
    SELECT call_id FROM budget_adjustments WHERE call_id NOT IN (SELECT call_id FROM api_request_log)";

/// Reads a row of [`LOST`].
pub(super) fn read_lost(row: &mut Fields<'_>) -> Result<CallId, Failure> {
    Ok(CallId(pages::uuid(row)?))
}
