//! The tallies of a batch: each is read once, and written once.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::super::{
    Failure,
    fields::{Fields, one, single},
};
use crate::{
    budget::{Period, Scope, Tally, Window},
    money::NanoUsd,
    time::Timestamp,
};

const FIND: &str = "
    SELECT id, spent, held FROM budget_periods
    WHERE scope = ?1 AND scope_id = ?2 AND window = ?3 AND period_start = ?4";

const BEGIN: &str = "
    INSERT INTO budget_periods (create_time, update_time, scope, scope_id, window, period_start, spent, held)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, 0, 0)";

const WRITE: &str = "
    UPDATE budget_periods SET update_time = max(update_time, ?2), spent = ?3, held = ?4
    WHERE id = ?1 AND spent = ?5 AND held = ?6";

/// A period as it is kept, and as a batch leaves it.
#[derive(Clone, Copy)]
struct Kept {
    found: Tally,
    tally: Tally,
    update_time: Timestamp,
}

/// The periods that a batch touches.
pub(super) struct Periods<'tx> {
    tx: &'tx Transaction<'tx>,
    rows: BTreeMap<Period, i64>,
    kept: HashMap<i64, Kept, foldhash::fast::RandomState>,
}

impl<'tx> Periods<'tx> {
    pub(super) fn new(tx: &'tx Transaction<'tx>) -> Self {
        Self { tx, rows: BTreeMap::new(), kept: HashMap::default() }
    }

    /// The row of a period. Begun, when it is not there.
    pub(super) fn row(&mut self, period: &Period, now: Timestamp) -> Result<i64, Failure> {
        if let Some(id) = self.rows.get(period) {
            return Ok(*id);
        }
        let (id, tally) = found_or_begun(self.tx, period, now)?;
        self.rows.insert(*period, id);
        self.kept.insert(id, Kept { found: tally, tally, update_time: now });
        Ok(id)
    }

    /// The tally of a row as the batch has left it so far.
    pub(super) fn tally(&self, id: i64) -> Tally {
        self.kept.get(&id).map(|kept| kept.tally).unwrap_or_default()
    }

    /// Changes the tally of a row, whether the batch has met it before or not.
    pub(super) fn change(&mut self, id: i64, now: Timestamp, by: impl Fn(Tally) -> Tally) -> Result<(), Failure> {
        if !self.kept.contains_key(&id) {
            self.row(&period_of(self.tx, id)?, now)?;
        }
        if let Some(kept) = self.kept.get_mut(&id) {
            kept.tally = by(kept.tally);
            kept.update_time = kept.update_time.max(now);
        }
        Ok(())
    }

    /// Writes what has changed, each row once. What is written names what was read, so a tally that somebody else has
    /// changed fails the batch.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let mut write = self.tx.prepare_cached(WRITE)?;
        for (id, Kept { found, tally, update_time }) in &self.kept {
            if tally == found {
                continue;
            }
            let (now, was, is) = (update_time.as_millis(), found, tally);
            if write.execute(params![id, now, is.spent.0, is.held.0, was.spent.0, was.held.0])? != 1 {
                return Err(Failure::corrupt("a budget was changed by somebody else"));
            }
        }
        Ok(())
    }
}

/// The row of a period, if it has begun.
pub(super) fn find(tx: &Transaction<'_>, period: &Period) -> Result<Option<(i64, Tally)>, Failure> {
    let Period { scope, window, start } = period;
    let values = params![scope.kind(), scope.id(), window.as_str(), start];
    let found =
        tx.prepare_cached(FIND)?.query_row(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    Ok(found.map(|(id, spent, held)| (id, Tally { spent: NanoUsd(spent), held: NanoUsd(held) })))
}

fn found_or_begun(tx: &Transaction<'_>, period: &Period, now: Timestamp) -> Result<(i64, Tally), Failure> {
    if let Some(found) = find(tx, period)? {
        return Ok(found);
    }
    let Period { scope, window, start } = period;
    let values = params![now.as_millis(), scope.kind(), scope.id(), window.as_str(), start];
    tx.prepare_cached(BEGIN)?.execute(values)?;
    Ok((tx.last_insert_rowid(), Tally::default()))
}

/// The period of a row.
pub(in super::super) fn period_of(tx: &Transaction<'_>, id: i64) -> Result<Period, Failure> {
    let of = "SELECT scope, scope_id, window, period_start FROM budget_periods WHERE id = ?1";
    single(tx, of, &[&id], period)
}

/// Adds to what is spent outside of any batch, and gives the period's row.
pub(in super::super) fn spend(
    tx: &Transaction<'_>,
    period: &Period,
    more: NanoUsd,
    now: Timestamp,
) -> Result<i64, Failure> {
    let (id, tally) = found_or_begun(tx, period, now)?;
    let spent = tally.spent.saturating_add(more);
    let values = params![id, now.as_millis(), spent.0, tally.held.0, tally.spent.0, tally.held.0];
    one(tx.prepare_cached(WRITE)?.execute(values)?)?;
    Ok(id)
}

pub(in super::super) fn period(row: &mut Fields<'_>) -> Result<Period, Failure> {
    let (kind, scope_id, window): (String, i64, String) = (row.take()?, row.take()?, row.take()?);
    let scope = Scope::of(&kind, scope_id).ok_or_else(|| Failure::corrupt(format!("a budget of a `{kind}`")))?;
    let window = Window::named(&window).ok_or_else(|| Failure::corrupt(format!("a budget for a `{window}`")))?;
    Ok(Period { scope, window, start: row.take()? })
}
