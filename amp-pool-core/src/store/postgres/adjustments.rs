//! Adjustments as rows of `api_request_adjustments`, and what they make of statistics and budgets.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::{
    Failure, PostgresStore,
    budgets::{self, BEGIN, LOCK, name_columns},
    columns::{Columns, maybe, number},
    fields::{Fields, collect},
    pages,
    pool::Lent,
    statistics,
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
    FROM api_request_adjustments WHERE request_id = ANY($1) ORDER BY id";

/// Two nodes that adjust the same call do it one after the other.
const CLAIM: &str = "SELECT id FROM api_request_log WHERE call_id = $1 FOR NO KEY UPDATE";

const INSERT: &str = "
    INSERT INTO api_request_adjustments
        (create_time, update_time, call_cost, call_saved, who, note, request_id, n, cost_before, cost, saved_before, saved,
         price_version)
    SELECT $1, $1, $2, $3, $4, $5, new.* FROM unnest(
        $6::int8[], $7::int8[], $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::text[]) AS new";

const BEFORE: &str = r#"
    SELECT scope, scope_id, "window", period_start, sum(amount)::int8
    FROM budget_adjustments JOIN budget_periods AS period ON period.id = period_id
    WHERE call_id = $1 GROUP BY scope, scope_id, "window", period_start"#;

const SPEND: &str = "
    UPDATE budget_periods SET update_time = greatest(update_time, $2), spent = spent + $3 WHERE id = $1";

const CORRECT: &str = "
    INSERT INTO budget_adjustments (create_time, update_time, call_id, period_id, amount) VALUES ($1, $1, $2, $3, $4)";

impl AdjustmentStore for PostgresStore {
    /// Each call is a transaction of its own, so that nobody waits for many.
    fn adjust(&self, calls: Vec<CallAdjustment>, now: Timestamp) -> StoreFuture<'_, u64> {
        self.answer(async move {
            let mut adjusted = 0;
            for call in &calls {
                let tx = self.inner.pool.begin().await?;
                if adjust(&tx, call, now).await? {
                    tx.commit().await?;
                    adjusted += 1;
                }
            }
            Ok(adjusted)
        })
    }
}

/// Tells `rows` what they turned out to cost.
pub(super) async fn fill(lent: &Lent, rows: &mut [StoredRecord]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let found = collect(&lent.query(OF_REQUESTS, &[&ids]).await?, |row| Ok((row.take::<i64>()?, read(row)?)))?;
    let mut by_row = HashMap::<i64, Vec<Adjustment>>::new();
    for (request, adjustment) in found {
        by_row.entry(request).or_default().push(adjustment);
    }
    for row in rows {
        row.adjustments = by_row.remove(&row.id).unwrap_or_default();
    }
    Ok(())
}

async fn adjust(tx: &Lent, call: &CallAdjustment, now: Timestamp) -> Result<bool, Failure> {
    tx.query(CLAIM, &[&call.call.0]).await?;
    let row = pages::get_row(tx, call.call).await?;
    let Some(row) = row.filter(|row| row.adjustments.len() == call.seen) else { return Ok(false) };
    let mut columns = Columns::default();
    for AttemptAdjustment { n, cost_before, cost, saved_before, saved, price_version } in &call.attempts {
        let nanos = |usd: &Option<NanoUsd>| maybe(usd.map(|usd| usd.0));
        columns.push([
            number(row.id),
            number(*n),
            nanos(cost_before),
            number(cost.0),
            nanos(saved_before),
            nanos(saved),
            (&**price_version).into(),
        ]);
    }
    if columns.is_empty() {
        return Ok(false);
    }
    let (cost, saved) = (call.cost.map(|usd| usd.0), call.saved.map(|usd| usd.0));
    let (who, note) = (super::fields::text(&call.who), super::fields::text(&call.note));
    tx.execute(INSERT, &columns.values(&[&now.as_millis(), &cost, &saved, &who, &note])).await?;
    drop(columns);
    // In the order in which the writers of records lock them: budgets first.
    correct_budgets(tx, call, now).await?;
    statistics::shift(tx, &row, Shift::of(&row, call), now).await?;
    Ok(true)
}

/// Makes budgets come to what the call did cost them.
async fn correct_budgets(tx: &Lent, call: &CallAdjustment, now: Timestamp) -> Result<(), Failure> {
    let named: BTreeSet<Period> = call.charges.iter().map(|charge| charge.period).collect();
    let names = name_columns(&named);
    if !names.is_empty() {
        tx.execute(BEGIN, &names.values(&[&now.as_millis()])).await?;
    }
    let spent = spent(tx, call.call).await?;
    let all: BTreeSet<Period> = named.into_iter().chain(spent.keys().copied()).collect();
    let (columns, nothing) = (name_columns(&all), Vec::<Uuid>::new());
    if columns.is_empty() {
        return Ok(());
    }
    let mut values = columns.values(&[]);
    values.push(&nothing);
    let kept: HashMap<_, _> = collect(&tx.query(LOCK, &values).await?, budgets::read_period)?.into_iter().collect();
    for (period, more) in call.corrections(&spent.into_iter().collect::<Vec<_>>()) {
        let Some(id) = kept.get(&period).map(|kept| kept.id) else { continue };
        tx.execute(SPEND, &[&id, &now.as_millis(), &more.0]).await?;
        tx.execute(CORRECT, &[&now.as_millis(), &call.call.0, &id, &more.0]).await?;
    }
    Ok(())
}

/// What a call has spent of budgets by now. Nobody else changes that: its row is locked.
async fn spent(tx: &Lent, call: CallId) -> Result<BTreeMap<Period, NanoUsd>, Failure> {
    let holds = collect(&tx.query(budgets::OF_CALLS, &[&vec![call.0]]).await?, budgets::read_hold)?;
    let holds = holds.into_iter().map(|(_, hold)| hold.stored).filter(|hold| hold.state == HoldState::Settled);
    let before =
        collect(&tx.query(BEFORE, &[&call.0]).await?, |row| Ok((budgets::period(row)?, NanoUsd(row.take()?))))?;
    let mut spent = BTreeMap::<Period, NanoUsd>::new();
    for (period, amount) in holds.map(|hold| (hold.period, hold.cost)).chain(before) {
        let by_now = spent.entry(period).or_default();
        *by_now = by_now.saturating_add(amount);
    }
    Ok(spent)
}

/// The last word on each adjusted call, behind its row.
pub(super) const LAST: &str = "
    SELECT request_id, create_time, n, cost_before, cost, saved_before, saved, price_version, call_cost, call_saved, who, note
    FROM api_request_adjustments WHERE id IN (SELECT max(id) FROM api_request_adjustments GROUP BY request_id)";

/// Reads a row of [`LAST`].
pub(super) fn read_last(row: &mut Fields<'_>) -> Result<(i64, Adjustment), Failure> {
    Ok((row.take()?, read(row)?))
}

fn read(row: &mut Fields<'_>) -> Result<Adjustment, Failure> {
    Ok(Adjustment {
        create_time: row.time()?,
        attempt: AttemptAdjustment {
            n: row.number()?,
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
