//! An audit of the books in a database, while they are written or not.
//!
//! Everything is read in one snapshot, piece by piece: what is kept of it are sums.

use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use super::{
    Failure, adjustments, budgets,
    connect::Access,
    fields::{Fields, collect, firsts},
    migrate, pages,
    pool::{Lent, Pool},
    statistics, sums, unfinished,
};
use crate::{
    budget::{Period, Tally},
    id::{CallId, KeyId},
    money::NanoUsd,
    secret::Secret,
    store::{
        Adjustment, Durability, StoreError,
        audit::{Audit, Auditor, Owner, Try},
    },
    time::Timestamp,
};

/// Rows that are asked for together.
const PIECE: i64 = 2_000;

const TRIES: &str = "
    SELECT request_id, key_id, served, uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens,
           cache_write_1h_tokens, output_tokens, reasoning_tokens, estimated, cost,
           (SELECT late.cost FROM api_request_adjustments AS late
            WHERE late.request_id = try.request_id AND late.n = try.n ORDER BY late.id DESC LIMIT 1)
    FROM api_request_attempts AS try WHERE request_id > $1 AND request_id <= $2 ORDER BY request_id, n";

const HOLDS: &str = r#"
    SELECT hold.id, hold.call_id, hold.n, scope, scope_id, "window", period_start, hold.create_time, hold.update_time, amount,
           hold.cost, state, hold.period_id, call.id IS NOT NULL, call.outcome IS NULL, call.attempts,
           CASE WHEN scope = 'key'
                THEN (SELECT sum(try.cost)::int8 FROM api_request_attempts AS try
                      WHERE try.request_id = call.id AND try.key_id = scope_id)
                ELSE call.cost END
    FROM budget_holds AS hold JOIN budget_periods AS period ON period.id = hold.period_id
    LEFT JOIN api_request_log AS call ON call.call_id = hold.call_id
    WHERE (hold.call_id, hold.period_id, hold.n) > ($1, $2, $3)
    ORDER BY hold.call_id, hold.period_id, hold.n LIMIT $4"#;

const HOLDS_OF_NOTHING: &str = "
    SELECT call_id FROM budget_holds WHERE period_id NOT IN (SELECT id FROM budget_periods)";

const CORRECTIONS: &str = r#"
    SELECT scope, scope_id, "window", period_start, sum(amount)::int8
    FROM budget_adjustments JOIN budget_periods AS period ON period.id = period_id
    GROUP BY scope, scope_id, "window", period_start"#;

const CORRECTIONS_OF_NOTHING: &str = "
    SELECT call_id FROM budget_adjustments AS late
    WHERE NOT EXISTS (SELECT 1 FROM api_request_log AS call WHERE call.call_id = late.call_id)";

const PERIODS: &str = r#"SELECT scope, scope_id, "window", period_start, spent, held, folded FROM budget_periods"#;

const HORIZON: &str = "SELECT forgotten_before FROM retention";

/// Recomputes every total of the database at `url` from its attempts. Nothing is written; it may be in use.
///
/// # Errors
/// [`StoreError::Newer`], [`StoreError::Corrupt`], [`StoreError::Invalid`] for a schema of another program or version, half a
/// copy, or an address that can not be used; [`StoreError::Unavailable`] when it can not be read.
pub async fn audit(url: &Secret) -> Result<Audit, StoreError> {
    let pool = Arc::new(Pool::new(Access::new(url, Durability::Full, false)?, 1));
    Ok(read(&pool).await?)
}

async fn read(pool: &Arc<Pool>) -> Result<Audit, Failure> {
    migrate::refuse_what_is_older(pool, migrate::STEPS).await?;
    unfinished::refuse(&pool.lend().await?).await?;
    // One snapshot: the books as they are at this moment.
    let tx = pool.snapshot().await?;
    tx.batch("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
    let horizon = firsts(&tx.query(HORIZON, &[]).await?)?.pop().map(Timestamp::from_millis);
    let mut auditor = Auditor::since(horizon);
    calls(&tx, &mut auditor).await?;
    statistics(&tx, &mut auditor).await?;
    sums::audit(&tx, &mut auditor).await?;
    holds(&tx, &mut auditor).await?;
    for call in firsts(&tx.query(HOLDS_OF_NOTHING, &[]).await?)? {
        auditor.hold_of_nothing(CallId(call));
    }
    for (period, amount) in collect(&tx.query(CORRECTIONS, &[]).await?, correction)? {
        auditor.correction(period, amount);
    }
    for call in firsts(&tx.query(CORRECTIONS_OF_NOTHING, &[]).await?)? {
        auditor.correction_of_nothing(CallId(call));
    }
    for (period, tally, folded) in collect(&tx.query(PERIODS, &[]).await?, budget)? {
        auditor.budget(period, tally, folded);
    }
    tx.commit().await?;
    Ok(auditor.finish())
}

/// Calls and attempts side by side, both in the order of the calls' rows.
async fn calls(tx: &Lent, auditor: &mut Auditor) -> Result<(), Failure> {
    let late = collect(&tx.query(adjustments::LAST, &[]).await?, adjustments::read_last)?;
    let late: HashMap<i64, Adjustment> = late.into_iter().collect();
    let mut after = i64::MIN;
    loop {
        let mut rows = collect(&tx.query(pages::BEHIND, &[&after, &PIECE]).await?, pages::read)?;
        // Behind the last call there may be attempts without one.
        let until = rows.last().map_or(i64::MAX, |row| row.id);
        let mut tries = collect(&tx.query(TRIES, &[&after, &until]).await?, attempt)?.into_iter().peekable();
        for row in &mut rows {
            row.adjustments.extend(late.get(&row.id).cloned());
            while let Some((lost, _)) = tries.next_if(|(of, _)| *of < row.id) {
                auditor.orphan(lost);
            }
            let own: Vec<_> =
                std::iter::from_fn(|| tries.next_if(|(of, _)| *of == row.id)).map(|(_, attempt)| attempt).collect();
            auditor.call(row, &own);
        }
        tries.for_each(|(lost, _)| auditor.orphan(lost));
        if until == i64::MAX {
            return Ok(());
        }
        after = until;
    }
}

async fn statistics(tx: &Lent, auditor: &mut Auditor) -> Result<(), Failure> {
    let mut after = i64::MIN;
    loop {
        let rows = collect(&tx.query(statistics::BEHIND, &[&after, &PIECE]).await?, statistics::read_named)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for statistics::Named { span, start, ids, names, sums, .. } in rows {
            auditor.statistics(&span, start, ids, names, &sums);
        }
    }
}

async fn holds(tx: &Lent, auditor: &mut Auditor) -> Result<(), Failure> {
    let (mut call, mut period, mut n) = (Uuid::nil(), i64::MIN, i64::MIN);
    loop {
        let found = tx.query(HOLDS, &[&call, &period, &n, &PIECE]).await?;
        let Some(last) = collect(&found, |row| hold(row, auditor))?.pop() else { return Ok(()) };
        (call, period, n) = last;
    }
}

/// Shows a hold, and gives its place in the order of all.
fn hold(row: &mut Fields<'_>, auditor: &mut Auditor) -> Result<(Uuid, i64, i64), Failure> {
    let (call, hold) = budgets::read_hold(row)?;
    let period: i64 = row.take()?;
    let (is_there, is_open): (bool, bool) = (row.take()?, row.take()?);
    let attempts = row.maybe_number::<u32>()?.unwrap_or(0);
    let owner = Owner { is_open, cost: row.money()?, attempts };
    auditor.hold(call, &hold.stored, is_there.then_some(&owner));
    Ok((call.0, period, i64::from(hold.stored.n)))
}

fn attempt(row: &mut Fields<'_>) -> Result<(i64, Try), Failure> {
    let (request, key, served) = (row.take()?, KeyId(row.take()?), row.take()?);
    let usage = row.usage()?;
    Ok((request, Try { key, served, usage, estimated: row.take()?, cost: row.money()?, adjusted: row.money()? }))
}

fn correction(row: &mut Fields<'_>) -> Result<(Period, NanoUsd), Failure> {
    Ok((budgets::period(row)?, NanoUsd(row.take()?)))
}

fn budget(row: &mut Fields<'_>) -> Result<(Period, Tally, NanoUsd), Failure> {
    let period = budgets::period(row)?;
    let tally = Tally { spent: NanoUsd(row.take()?), held: NanoUsd(row.take()?) };
    Ok((period, tally, NanoUsd(row.take()?)))
}
