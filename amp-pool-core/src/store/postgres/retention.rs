//! Forgetting old calls.

use uuid::Uuid;

use super::{Failure, PostgresStore, fields::firsts, pages::first_call, pool::Lent, sums};
use crate::{
    id::CallId,
    store::{Extent, Forgotten, RetentionStore, StoreFuture},
    time::Timestamp,
};

impl RetentionStore for PostgresStore {
    fn forget(&self, before: Timestamp, most: u32, now: Timestamp) -> StoreFuture<'_, Forgotten> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let forgotten = forget(&tx, before, most, now).await?;
            tx.commit().await?;
            Ok(forgotten)
        })
    }

    fn sum_up(&self, now: Timestamp) -> StoreFuture<'_, bool> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let more = sums::sum_up(&tx, now).await?;
            tx.commit().await?;
            Ok(more)
        })
    }

    /// Room that was freed is known to the database alone, so it is not told: calls go by their age.
    fn extent(&self) -> StoreFuture<'_, Extent> {
        self.answer(async { extent(&self.inner.pool.lend().await?).await })
    }
}

/// All nodes look after the same books; one of them at a time is enough.
const ALONE: &str = "SELECT pg_try_advisory_xact_lock(4702958233186)";
// A call's id begins with the time of its admission, so they are in the order of age. A call that runs is passed over.
const OLDEST: &str =
    "SELECT call_id FROM api_request_log WHERE call_id < $1 AND outcome IS NOT NULL ORDER BY call_id LIMIT $2";
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
const REMOVE_BLOCKS: &str = "
    DELETE FROM api_request_log_blocks
    WHERE block < coalesce((SELECT min(id) >> 8 FROM api_request_log), 9223372036854775807)";
const NOTE: &str = "
    INSERT INTO retention AS kept (id, update_time, forgotten_before) VALUES (1, $1, $2)
    ON CONFLICT (id) DO UPDATE SET update_time = $1, forgotten_before = greatest(kept.forgotten_before, $2)";

async fn forget(tx: &Lent, before: Timestamp, most: u32, now: Timestamp) -> Result<Forgotten, Failure> {
    if firsts::<bool>(&tx.query(ALONE, &[]).await?)? != [true] {
        return Ok(Forgotten::default());
    }
    let calls: Vec<Uuid> = firsts(&tx.query(OLDEST, &[&first_call(before), &i64::from(most)]).await?)?;
    if !calls.is_empty() {
        tx.execute(NOTE, &[&now.as_millis(), &before.as_millis()]).await?;
        tx.query(LOCK, &[&calls]).await?;
        for statement in [FOLD, FOLD_CORRECTIONS, REMOVE_CORRECTIONS, REMOVE_HOLDS, REMOVE] {
            tx.execute(statement, &[&calls]).await?;
        }
    }
    let more = calls.len() as u64 >= u64::from(most);
    if !more {
        tx.execute(REMOVE_BLOCKS, &[]).await?;
    }
    Ok(Forgotten { calls: calls.len() as u64, more })
}

async fn extent(lent: &Lent) -> Result<Extent, Failure> {
    let oldest = "SELECT call_id FROM api_request_log WHERE outcome IS NOT NULL ORDER BY call_id LIMIT 1";
    let oldest = firsts::<Uuid>(&lent.query(oldest, &[]).await?)?.pop();
    let horizon = "SELECT forgotten_before FROM retention";
    let horizon = firsts::<i64>(&lent.query(horizon, &[]).await?)?.pop();
    Ok(Extent {
        bytes: None,
        oldest: oldest.map(|id| CallId(id).time()),
        forgotten_before: horizon.map(Timestamp::from_millis),
    })
}
