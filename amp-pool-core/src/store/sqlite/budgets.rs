//! Budgets as rows of `budget_periods` and `budget_holds`.
//!
//! A batch reads each period that it touches once, and writes it once: a token that everybody uses costs a row a commit,
//! not a row a call. And of a call's own holds nothing is read where it can be told from the batch what is there.

use std::collections::HashSet;

use rusqlite::{CachedStatement, OptionalExtension as _, Transaction};

use super::{
    Failure, SqliteStore,
    fields::{Fields, collect},
    repeated::{Repeated, number},
};
use crate::{
    budget::{Claim, Period, Short, Tally, grant},
    id::CallId,
    money::NanoUsd,
    store::{BudgetStore, Entry, Hold, HoldAnswer, HoldState, Record, StoreFuture, StoredHold, rows},
    time::Timestamp,
};

mod periods;

use periods::Periods;
pub(super) use periods::{period, period_of, spend};

const INSERT: &str = "
    INSERT INTO budget_holds (create_time, update_time, call_id, n, period_id, amount, cost, state)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const HELD: &str = "
    SELECT id, period_id, amount FROM budget_holds WHERE call_id = ?1 AND state = 'held' ORDER BY n";

// By its row, one after the other: of several rows at once, or for `RETURNING`, SQLite makes a table each time.
const RESOLVE: &str = "UPDATE budget_holds SET update_time = ?2, cost = ?3, state = ?4 WHERE id = ?1";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT hold.n, scope, scope_id, window, period_start, hold.create_time, hold.update_time, amount, ",
            "cost, state FROM budget_holds AS hold JOIN budget_periods AS period ON period.id = hold.period_id ",
            $rest
        )
    };
}

pub(super) const OF_CALL: &str = select!("WHERE hold.call_id = ?1 ORDER BY n, scope, scope_id, window, period_start");
const OPEN: &str = "SELECT id, period_id, amount FROM budget_holds WHERE state = 'held' ORDER BY id";

const IS_CLOSED: &str = "SELECT outcome IS NOT NULL FROM api_request_log WHERE call_id = ?1";

impl BudgetStore for SqliteStore {
    fn tallies(&self, periods: Vec<Period>) -> StoreFuture<'_, Vec<Tally>> {
        self.read(move |tx| {
            let tally = |period: &Period| Ok(periods::find(tx, period)?.map(|(_, tally)| tally).unwrap_or_default());
            periods.iter().map(tally).collect()
        })
    }

    fn holds(&self, call: CallId) -> StoreFuture<'_, Vec<StoredHold>> {
        self.read(move |tx| {
            let mut holds = of_call(tx, call)?;
            holds.sort_by_key(|hold| (hold.n, hold.period));
            Ok(holds)
        })
    }
}

type Ids = HashSet<CallId, foldhash::fast::RandomState>;

/// What a batch has done with calls, as far as it matters to their holds.
pub(super) struct Calls {
    /// Those that it has taken in and that have not ended: nothing can have been held for them before.
    pub(super) new: Ids,
    /// Those that it has settled.
    pub(super) settled: Ids,
}

/// What a batch says of budgets.
pub(super) fn apply(
    tx: &Transaction<'_>,
    batch: &[Entry],
    calls: impl FnOnce() -> Calls,
) -> Result<Vec<HoldAnswer>, Failure> {
    let touches = |entry: &Entry| match entry {
        Entry::Held(_) => true,
        Entry::Settled(record) => !record.booking.is_empty(),
        Entry::Opened(_) => false,
    };
    if !batch.iter().any(touches) {
        return Ok(Vec::new());
    }
    let (mut budgets, mut answers) = (Budgets::open(tx, calls())?, Vec::new());
    for entry in batch {
        match entry {
            Entry::Held(hold) => answers.push(budgets.hold(hold)?),
            Entry::Settled(record) => budgets.settle(record)?,
            Entry::Opened(_) => {}
        }
    }
    budgets.periods.write()?;
    Ok(answers)
}

/// Resolves every hold that a crash left open.
pub(super) fn recover(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Failure> {
    let open = collect(tx, OPEN, &[], |row| Ok((row.take::<i64>()?, row.take()?, NanoUsd(row.take()?))))?;
    let (mut periods, mut resolve) = (Periods::new(tx), Repeated::new(tx, RESOLVE));
    for (id, period, amount) in open {
        resolve.run([number(id), number(now.as_millis()), number(amount.0), HoldState::Recovered.as_str().into()])?;
        periods.change(period, now, |tally| tally.settling(amount, amount))?;
    }
    periods.write()
}

/// The budgets as one batch changes them. Its statements are looked up once: finding one costs as much as running it.
struct Budgets<'tx> {
    tx: &'tx Transaction<'tx>,
    calls: Calls,
    periods: Periods<'tx>,
    insert: Repeated<'tx>,
    held: CachedStatement<'tx>,
    resolve: Repeated<'tx>,
}

impl<'tx> Budgets<'tx> {
    fn open(tx: &'tx Transaction<'_>, calls: Calls) -> Result<Self, Failure> {
        let (insert, resolve) = (Repeated::new(tx, INSERT), Repeated::new(tx, RESOLVE));
        Ok(Self { tx, calls, periods: Periods::new(tx), insert, held: tx.prepare_cached(HELD)?, resolve })
    }

    /// Holds what is asked for, if every limit allows it.
    fn hold(&mut self, hold: &Hold) -> Result<HoldAnswer, Failure> {
        let rows = hold.claims.iter().map(|claim| self.periods.row(&claim.period, hold.create_time));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        if let Some(answer) = self.answer_as_before(hold, &rows)? {
            return Ok(answer);
        }
        let limits = rows.iter().zip(&hold.claims).map(|(row, claim)| (self.periods.tally(*row), claim.limit));
        let amount = match grant(&limits.collect::<Vec<_>>(), hold.least, hold.worst) {
            Ok(amount) => amount,
            Err(Short { at, left }) => return Ok(HoldAnswer::Short { at, left }),
        };
        for row in &rows {
            self.insert(hold.call, hold.n, *row, amount, NanoUsd::ZERO, HoldState::Held, hold.create_time)?;
            self.periods.change(*row, hold.create_time, |tally| tally.holding(amount))?;
        }
        Ok(self.answer(hold, &rows, amount))
    }

    /// What was answered to a hold that comes again, and what is answered where its call has ended. The first of a new
    /// call is neither.
    fn answer_as_before(&mut self, hold: &Hold, rows: &[i64]) -> Result<Option<HoldAnswer>, Failure> {
        if self.calls.new.remove(&hold.call) {
            return Ok(None);
        }
        let before = of_call(self.tx, hold.call)?;
        if let Some(kept) = before.iter().find(|kept| hold.is_kept_as(kept)) {
            return Ok(Some(self.answer(hold, rows, kept.amount)));
        }
        let ended = !self.calls.settled.contains(&hold.call) && self.is_closed(hold.call)?;
        Ok(ended.then_some(HoldAnswer::Ended))
    }

    fn is_closed(&self, call: CallId) -> Result<bool, Failure> {
        let closed = self.tx.prepare_cached(IS_CLOSED)?.query_row([call.as_bytes()], |row| row.get(0)).optional()?;
        Ok(closed.unwrap_or(false))
    }

    fn answer(&self, hold: &Hold, rows: &[i64], amount: NanoUsd) -> HoldAnswer {
        let left = |(row, claim): (&i64, &Claim)| self.periods.tally(*row).left(claim.limit);
        HoldAnswer::Held { amount, left: rows.iter().zip(&hold.claims).map(left).min().unwrap_or_default() }
    }

    /// What the holds of a call become, and what it costs where nothing was held. Of what is said twice, the first holds.
    fn settle(&mut self, record: &Record) -> Result<(), Failure> {
        let (call, booking, now) = (record.opened.call, &record.booking, rows::end_of(record));
        if !self.calls.settled.remove(&call) {
            return Ok(());
        }
        if booking.holds {
            self.resolve(call, booking.charged, HoldState::after(record.attempts.len()), now)?;
        }
        for charge in &booking.charges {
            let row = self.periods.row(&charge.period, now)?;
            self.insert(call, 0, row, NanoUsd::ZERO, charge.cost, HoldState::Settled, now)?;
            self.periods.change(row, now, |tally| tally.settling(NanoUsd::ZERO, charge.cost))?;
        }
        Ok(())
    }

    /// Lets the holds of a call become its cost. Whatever was held in a period pays once: at the first hold.
    fn resolve(&mut self, call: CallId, cost: NanoUsd, state: HoldState, now: Timestamp) -> Result<(), Failure> {
        let held = self.held.query_map([call.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let held: Vec<(i64, i64, i64)> = held.collect::<Result<_, _>>()?;
        for (at, &(id, period, amount)) in held.iter().enumerate() {
            let is_first = held.iter().position(|(_, other, _)| *other == period) == Some(at);
            let cost = if is_first { cost } else { NanoUsd::ZERO };
            self.resolve.run([number(id), number(now.as_millis()), number(cost.0), state.as_str().into()])?;
            self.periods.change(period, now, |tally| tally.settling(NanoUsd(amount), cost))?;
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // The columns of a row.
    fn insert(
        &mut self,
        call: CallId,
        n: u32,
        period: i64,
        amount: NanoUsd,
        cost: NanoUsd,
        state: HoldState,
        now: Timestamp,
    ) -> Result<(), Failure> {
        self.insert.run([
            number(now.as_millis()),
            call.as_bytes()[..].into(),
            number(n),
            number(period),
            number(amount.0),
            number(cost.0),
            state.as_str().into(),
        ])?;
        Ok(())
    }
}

pub(super) fn of_call(tx: &Transaction<'_>, call: CallId) -> Result<Vec<StoredHold>, Failure> {
    collect(tx, OF_CALL, &[call.as_bytes()], read)
}

pub(super) fn read(row: &mut Fields<'_>) -> Result<StoredHold, Failure> {
    let (n, period) = (row.take()?, period(row)?);
    let (create_time, update_time) = (row.time()?, row.time()?);
    let (amount, cost) = (NanoUsd(row.take()?), NanoUsd(row.take()?));
    let state: String = row.take()?;
    let state = HoldState::named(&state).ok_or_else(|| Failure::corrupt(format!("a hold that is `{state}`")))?;
    Ok(StoredHold { n, period, create_time, update_time, amount, cost, state })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::tests::check_that_none_makes_a_table;

    #[test]
    fn what_is_run_for_each_call_makes_no_table() {
        check_that_none_makes_a_table(&[INSERT, HELD, RESOLVE, IS_CLOSED]);
    }
}
