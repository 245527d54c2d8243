//! Forgetting old calls.

use std::sync::PoisonError;

use futures::future::try_join_all;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Failure, PostgresStore, fields::firsts, pages::first_call, pool::Lent, sums};
use crate::{
    id::CallId,
    store::{Extent, Forgotten, RetentionStore, StoreFuture, names::SHIFT},
    time::Timestamp,
};

impl RetentionStore for PostgresStore {
    fn forget(&self, before: Timestamp, most: u32, now: Timestamp) -> StoreFuture<'_, Forgotten> {
        self.answer(async move {
            let way = *self.inner.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
            // What is lost of it in a crash is forgotten again, so no disk is waited for, nor kept from those who wait for it.
            let tx = self.inner.pool.begin_carelessly().await?;
            let (forgotten, way) = forget(&tx, way, before, most, now).await?;
            tx.commit().await?;
            *self.inner.forgotten.lock().unwrap_or_else(PoisonError::into_inner) = way;
            Ok(forgotten)
        })
    }

    fn sum_up(&self, now: Timestamp) -> StoreFuture<'_, bool> {
        self.answer(async move { sums::sum_up(self.inner.pool.begin().await?, now).await })
    }

    /// Room that was freed is known to the database alone, so it is not told: calls go by their age.
    fn extent(&self) -> StoreFuture<'_, Extent> {
        let way = *self.inner.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        self.answer(async move { extent(&self.inner.pool.lend().await?, way).await })
    }
}

/// How far forgetting has come, until it is through. What was removed stands in indexes until the database cleans up, and
/// each step would go through all of it again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Way {
    /// What was called before this is gone, or runs.
    call: Uuid,
    /// No row stands before this.
    row: i64,
}

/// All nodes look after the same books; one of them at a time is enough.
const ALONE: &str = "SELECT pg_try_advisory_xact_lock(4702958233186)";
// A call's id begins with the time of its admission, so they are in the order of age. A call that runs is passed over.
const OLDEST: &str = "
    SELECT call_id FROM api_request_log WHERE call_id > $3 AND call_id < $1 AND outcome IS NOT NULL
    ORDER BY call_id LIMIT $2";
// In the order in which the writers of all nodes lock them.
const LOCK: &str = r#"
    SELECT id FROM budget_periods
    WHERE id IN (SELECT period_id FROM budget_holds WHERE call_id = ANY($1)
                 UNION SELECT period_id FROM budget_adjustments WHERE call_id = ANY($1))
    ORDER BY scope, scope_id, "window", period_start FOR NO KEY UPDATE"#;
const FOLD: &str = "
    UPDATE budget_periods SET folded = folded + gone.cost
    FROM (SELECT period_id, sum(cost)::int8 AS cost FROM budget_holds
          WHERE call_id = ANY($1) AND state <> 'held' GROUP BY period_id) AS gone
    WHERE gone.period_id = budget_periods.id";
const FOLD_CORRECTIONS: &str = "
    UPDATE budget_periods SET folded = folded + gone.amount
    FROM (SELECT period_id, sum(amount)::int8 AS amount FROM budget_adjustments
          WHERE call_id = ANY($1) GROUP BY period_id) AS gone
    WHERE gone.period_id = budget_periods.id";
const REMOVE_CORRECTIONS: &str = "DELETE FROM budget_adjustments WHERE call_id = ANY($1)";
const REMOVE_HOLDS: &str = "DELETE FROM budget_holds WHERE call_id = ANY($1) AND state <> 'held'";
// Attempts, losses and choices go by a trigger.
const REMOVE: &str = "DELETE FROM api_request_log WHERE call_id = ANY($1)";
const FIRST_ROW: &str = "SELECT min(id) FROM api_request_log WHERE id >= $1";
// From one name to the next. Of each not too many at once: what is left goes the next time.
const REMOVE_BLOCKS: &str = "
    WITH RECURSIVE names (kind, name) AS (
        (SELECT kind, name FROM api_request_log_blocks ORDER BY kind, name LIMIT 1)
        UNION ALL
        SELECT next.kind, next.name FROM names CROSS JOIN LATERAL (
            SELECT kind, name FROM api_request_log_blocks AS later
            WHERE (later.kind, later.name) > (names.kind, names.name) ORDER BY kind, name LIMIT 1) AS next)
    DELETE FROM api_request_log_blocks AS noted USING names CROSS JOIN LATERAL (
        SELECT block FROM api_request_log_blocks AS old
        WHERE old.kind = names.kind AND old.name = names.name AND old.block < $1 ORDER BY block LIMIT 64) AS gone
    WHERE noted.kind = names.kind AND noted.name = names.name AND noted.block = gone.block";
/// So many blocks go together, as a power of two.
const FEW_BLOCKS: u32 = 4;
const NOTE: &str = "
    INSERT INTO retention AS kept (id, update_time, forgotten_before) VALUES (1, $1, $2)
    ON CONFLICT (id) DO UPDATE SET update_time = $1, forgotten_before = greatest(kept.forgotten_before, $2)";

/// One step, and how far it came.
async fn forget(
    tx: &Lent,
    way: Way,
    before: Timestamp,
    most: u32,
    now: Timestamp,
) -> Result<(Forgotten, Way), Failure> {
    if firsts::<bool>(&tx.query(ALONE, &[]).await?)? != [true] {
        return Ok((Forgotten::default(), way));
    }
    let oldest = tx.query(OLDEST, &[&first_call(before), &i64::from(most), &way.call]).await?;
    let calls: Vec<Uuid> = firsts(&oldest)?;
    if !calls.is_empty() {
        tx.execute(NOTE, &[&now.as_millis(), &before.as_millis()]).await?;
        remove(tx, &calls).await?;
    }
    let more = calls.len() as u64 >= u64::from(most);
    let row = firsts::<Option<i64>>(&tx.query(FIRST_ROW, &[&way.row]).await?)?.pop().flatten();
    // Not at once at the end: of years there are millions.
    let first = row.map_or(i64::MAX, |row| row >> SHIFT);
    if !more || first >> FEW_BLOCKS > (way.row >> SHIFT) >> FEW_BLOCKS {
        tx.execute(REMOVE_BLOCKS, &[&first]).await?;
    }
    let come = Way { call: calls.last().copied().unwrap_or(way.call), row: row.unwrap_or(way.row) };
    let forgotten = Forgotten { calls: calls.len() as u64, more };
    Ok((forgotten, if more { come } else { Way::default() }))
}

/// Removes calls and what hangs on them. What is sent together travels together.
async fn remove(tx: &Lent, calls: &[Uuid]) -> Result<(), Failure> {
    let values: [&(dyn ToSql + Sync); 1] = [&calls];
    let mut parsed = Vec::new();
    for sql in [LOCK, FOLD, FOLD_CORRECTIONS, REMOVE_CORRECTIONS, REMOVE_HOLDS, REMOVE] {
        parsed.push((sql, tx.statement(sql).await?));
    }
    try_join_all(parsed.iter().map(|(sql, statement)| tx.run(sql, statement, &values))).await?;
    Ok(())
}

async fn extent(lent: &Lent, way: Way) -> Result<Extent, Failure> {
    let oldest =
        "SELECT call_id FROM api_request_log WHERE call_id > $1 AND outcome IS NOT NULL ORDER BY call_id LIMIT 1";
    let oldest = firsts::<Uuid>(&lent.query(oldest, &[&way.call]).await?)?.pop();
    let horizon = "SELECT forgotten_before FROM retention";
    let horizon = firsts::<i64>(&lent.query(horizon, &[]).await?)?.pop();
    Ok(Extent {
        bytes: None,
        oldest: oldest.map(|id| CallId(id).time()),
        forgotten_before: horizon.map(Timestamp::from_millis),
    })
}
