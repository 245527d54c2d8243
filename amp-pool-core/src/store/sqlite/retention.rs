//! Forgetting old calls.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::{Failure, SqliteStore, pages::first_call, sums};
use crate::{
    id::CallId,
    store::{Extent, Forgotten, RetentionStore, StoreFuture},
    time::Timestamp,
};

impl RetentionStore for SqliteStore {
    fn forget(&self, before: Timestamp, most: u32, now: Timestamp) -> StoreFuture<'_, Forgotten> {
        self.write(move |tx| forget(tx, before, most, now))
    }

    fn sum_up(&self, now: Timestamp) -> StoreFuture<'_, bool> {
        self.write(move |tx| sums::sum_up(tx, now))
    }

    fn extent(&self) -> StoreFuture<'_, Extent> {
        self.read(|tx| extent(tx))
    }
}

// A call's id begins with the time of its admission, so they are in the order of age. A call that runs is passed over.
const OLDEST: &str =
    "SELECT call_id FROM api_request_log WHERE call_id < ?1 AND outcome IS NOT NULL ORDER BY call_id LIMIT ?2";
// Attempts and losses go by a trigger.
const REMOVE: &str = "DELETE FROM api_request_log WHERE call_id <= ?1 AND outcome IS NOT NULL";
const FOLD: &str = "
    UPDATE budget_periods SET folded = folded + gone.cost
    FROM (SELECT period_id, sum(cost) AS cost FROM budget_holds
          WHERE call_id <= ?1 AND state <> 'held' GROUP BY period_id) AS gone
    WHERE gone.period_id = budget_periods.id";
const FOLD_CORRECTIONS: &str = "
    UPDATE budget_periods SET folded = folded + gone.amount
    FROM (SELECT period_id, sum(amount) AS amount FROM budget_adjustments WHERE call_id <= ?1 GROUP BY period_id) AS gone
    WHERE gone.period_id = budget_periods.id";
const REMOVE_CORRECTIONS: &str = "DELETE FROM budget_adjustments WHERE call_id <= ?1";
const REMOVE_HOLDS: &str = "DELETE FROM budget_holds WHERE call_id <= ?1 AND state <> 'held'";
const NOTE: &str = "
    INSERT INTO retention (id, update_time, forgotten_before) VALUES (1, ?1, ?2)
    ON CONFLICT (id) DO UPDATE SET update_time = ?1, forgotten_before = max(forgotten_before, ?2)";

fn forget(tx: &Transaction<'_>, before: Timestamp, most: u32, now: Timestamp) -> Result<Forgotten, Failure> {
    let mut statement = tx.prepare_cached(OLDEST)?;
    let found = statement.query_map(params![first_call(before), most], |row| row.get::<_, Vec<u8>>(0))?;
    let found = found.collect::<Result<Vec<_>, _>>()?;
    let before_first = first_block(tx)?;
    if let Some(last) = found.last() {
        tx.prepare_cached(NOTE)?.execute(params![now.as_millis(), before.as_millis()])?;
        for statement in [FOLD, FOLD_CORRECTIONS, REMOVE_CORRECTIONS, REMOVE_HOLDS, REMOVE] {
            tx.prepare_cached(statement)?.execute([last])?;
        }
    }
    let more = found.len() as u64 >= u64::from(most);
    let first = first_block(tx)?;
    // Not at once at the end: of years there are millions, and everybody would wait.
    if !more || first >> FEW_BLOCKS > before_first >> FEW_BLOCKS {
        forget_blocks(tx, first)?;
    }
    Ok(Forgotten { calls: found.len() as u64, more })
}

// Behind the last block of a name: else all of its blocks would be walked through to find the next name.
const NEXT_NAME: &str = "
    SELECT kind, name FROM api_request_log_blocks WHERE (kind, name, block) > (?1, ?2, 0x7fffffffffffffff)
    ORDER BY kind, name LIMIT 1";
// Of a name not too many at once: what is left goes the next time.
const REMOVE_BLOCKS: &str = "
    DELETE FROM api_request_log_blocks
    WHERE kind = ?1 AND name = ?2
        AND block < min(?3, 64 + (SELECT min(block) FROM api_request_log_blocks WHERE kind = ?1 AND name = ?2))";

/// So many blocks go together, as a power of two.
const FEW_BLOCKS: u32 = 4;

/// The first block that has rows.
fn first_block(tx: &Transaction<'_>) -> Result<i64, Failure> {
    let first: Option<i64> =
        tx.prepare_cached("SELECT min(id) >> 8 FROM api_request_log")?.query_row([], |row| row.get(0))?;
    Ok(first.unwrap_or(i64::MAX))
}

/// Removes the notes on blocks before `first`, a name at a time: notes are in the order of their names.
fn forget_blocks(tx: &Transaction<'_>, first: i64) -> Result<(), Failure> {
    let mut next = tx.prepare_cached(NEXT_NAME)?;
    let mut remove = tx.prepare_cached(REMOVE_BLOCKS)?;
    let mut at = (String::new(), rusqlite::types::Value::Null);
    while let Some(found) = next.query_row(params![at.0, at.1], |row| Ok((row.get(0)?, row.get(1)?))).optional()? {
        at = found;
        remove.execute(params![at.0, at.1, first])?;
    }
    Ok(())
}

pub(super) fn extent(connection: &Connection) -> Result<Extent, Failure> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
    let oldest = "SELECT call_id FROM api_request_log WHERE outcome IS NOT NULL ORDER BY call_id LIMIT 1";
    let oldest = connection.query_row(oldest, [], |row| row.get::<_, [u8; 16]>(0)).optional()?;
    let horizon = "SELECT forgotten_before FROM retention";
    let horizon = connection.query_row(horizon, [], |row| row.get::<_, i64>(0)).optional()?;
    Ok(Extent {
        bytes: u64::try_from(pages.saturating_mul(pragma("page_size")?)).ok(),
        oldest: oldest.map(|id| CallId(uuid::Uuid::from_bytes(id)).time()),
        forgotten_before: horizon.map(Timestamp::from_millis),
    })
}
