//! Budgets as rows of `budget_periods` and `budget_holds`.
//!
//! A batch reads each period that it touches once, and writes it once: a token that everybody uses costs a row a commit,
//! not a row a call. What is written names what was read, so a tally that somebody else has changed fails the batch.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{
    Failure, SqliteStore,
    fields::{Fields, collect, one, single},
};
use crate::{
    budget::{Claim, Period, Scope, Short, Tally, Window, grant},
    id::CallId,
    money::NanoUsd,
    store::{BudgetStore, Entry, Hold, HoldAnswer, HoldState, Record, StoreFuture, StoredHold, rows},
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

const INSERT: &str = "
    INSERT INTO budget_holds (create_time, update_time, call_id, n, period_id, amount, cost, state)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const RESOLVE: &str = "
    UPDATE budget_holds SET update_time = ?2, cost = ?3, state = ?4 WHERE id = ?1 AND state = 'held'";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT hold.id, hold.n, scope, scope_id, window, period_start, hold.create_time, hold.update_time, amount, ",
            "cost, state FROM budget_holds AS hold JOIN budget_periods AS period ON period.id = hold.period_id ",
            $rest
        )
    };
}

pub(super) const OF_CALL: &str = select!("WHERE hold.call_id = ?1 ORDER BY n, scope, scope_id, window, period_start");
const OPEN: &str = select!("WHERE state = 'held' ORDER BY hold.id");

const IS_CLOSED: &str = "SELECT outcome IS NOT NULL FROM api_request_log WHERE call_id = ?1";

impl BudgetStore for SqliteStore {
    fn tallies(&self, periods: Vec<Period>) -> StoreFuture<'_, Vec<Tally>> {
        self.read(move |tx| {
            let tally = |period: &Period| Ok(find(tx, period)?.map_or_else(Tally::default, |kept| kept.tally));
            periods.iter().map(tally).collect()
        })
    }

    fn holds(&self, call: CallId) -> StoreFuture<'_, Vec<StoredHold>> {
        self.read(move |tx| {
            let mut holds: Vec<_> = of_call(tx, call)?.into_iter().map(|(_, hold)| hold).collect();
            holds.sort_by_key(|hold| (hold.n, hold.period));
            Ok(holds)
        })
    }
}

/// What a batch says of budgets. `settled`: the calls that it has settled just now.
pub(super) fn apply(
    tx: &Transaction<'_>,
    batch: &[Entry],
    settled: impl Fn() -> HashSet<CallId>,
) -> Result<Vec<HoldAnswer>, Failure> {
    let touches = |entry: &Entry| match entry {
        Entry::Held(_) => true,
        Entry::Settled(record) => !record.booking.is_empty(),
        Entry::Opened(_) => false,
    };
    if !batch.iter().any(touches) {
        return Ok(Vec::new());
    }
    let (mut settled, mut answers) = (settled(), Vec::new());
    let mut budgets = Budgets { tx, periods: BTreeMap::new() };
    for entry in batch {
        match entry {
            Entry::Held(hold) => answers.push(budgets.hold(hold, settled.contains(&hold.call))?),
            // Of what is said twice, the first holds.
            Entry::Settled(record) if settled.remove(&record.opened.call) => budgets.settle(record)?,
            Entry::Settled(_) | Entry::Opened(_) => {}
        }
    }
    budgets.write()?;
    Ok(answers)
}

/// Resolves every hold that a crash left open.
pub(super) fn recover(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Failure> {
    let open = collect(tx, OPEN, &[], read)?;
    let mut budgets = Budgets { tx, periods: BTreeMap::new() };
    for (id, hold) in open {
        budgets.resolve(id, &hold, hold.amount, HoldState::Recovered, now)?;
    }
    budgets.write()
}

/// A period as it is kept, and as a batch leaves it.
#[derive(Clone, Copy)]
struct Kept {
    id: i64,
    found: Tally,
    tally: Tally,
    update_time: Timestamp,
}

struct Budgets<'tx> {
    tx: &'tx Transaction<'tx>,
    periods: BTreeMap<Period, Kept>,
}

impl Budgets<'_> {
    /// Holds what is asked for, if every limit allows it.
    fn hold(&mut self, hold: &Hold, ends_here: bool) -> Result<HoldAnswer, Failure> {
        let kept = hold.claims.iter().map(|claim| self.period(&claim.period, hold.create_time));
        let kept = kept.collect::<Result<Vec<_>, _>>()?;
        if let Some(amount) = self.held_before(hold)? {
            return Ok(self.answer(hold, amount));
        }
        if !ends_here && self.is_closed(hold.call)? {
            return Ok(HoldAnswer::Ended);
        }
        let limits: Vec<_> = kept.iter().zip(&hold.claims).map(|(kept, claim)| (kept.tally, claim.limit)).collect();
        let amount = match grant(&limits, hold.least, hold.worst) {
            Ok(amount) => amount,
            Err(Short { at, left }) => return Ok(HoldAnswer::Short { at, left }),
        };
        for (kept, claim) in kept.iter().zip(&hold.claims) {
            self.insert(hold.call, hold.n, kept.id, amount, NanoUsd::ZERO, HoldState::Held, hold.create_time)?;
            self.change(&claim.period, hold.create_time, |tally| tally.holding(amount));
        }
        Ok(self.answer(hold, amount))
    }

    /// What is held already, when a hold comes again.
    fn held_before(&self, hold: &Hold) -> Result<Option<NanoUsd>, Failure> {
        let before = of_call(self.tx, hold.call)?;
        Ok(before.iter().find(|(_, kept)| hold.is_kept_as(kept)).map(|(_, kept)| kept.amount))
    }

    fn is_closed(&self, call: CallId) -> Result<bool, Failure> {
        let closed = self.tx.prepare_cached(IS_CLOSED)?.query_row([call.as_bytes()], |row| row.get(0)).optional()?;
        Ok(closed.unwrap_or(false))
    }

    fn answer(&self, hold: &Hold, amount: NanoUsd) -> HoldAnswer {
        let left = |claim: &Claim| self.periods.get(&claim.period).map(|kept| kept.tally.left(claim.limit));
        HoldAnswer::Held { amount, left: hold.claims.iter().filter_map(left).min().unwrap_or_default() }
    }

    /// What the holds of a call become, and what it costs where nothing was held.
    fn settle(&mut self, record: &Record) -> Result<(), Failure> {
        let (call, booking, now) = (record.opened.call, &record.booking, rows::end_of(record));
        let mut paid = HashSet::new();
        let holds = if booking.holds { of_call(self.tx, call)? } else { Vec::new() };
        for (id, hold) in holds.iter().filter(|(_, hold)| hold.state == HoldState::Held) {
            let cost = if paid.insert(hold.period) { booking.charged } else { NanoUsd::ZERO };
            self.resolve(*id, hold, cost, HoldState::after(record.attempts.len()), now)?;
        }
        for charge in &booking.charges {
            let id = self.period(&charge.period, now)?.id;
            self.insert(call, 0, id, NanoUsd::ZERO, charge.cost, HoldState::Settled, now)?;
            self.change(&charge.period, now, |tally| tally.settling(NanoUsd::ZERO, charge.cost));
        }
        Ok(())
    }

    /// Lets a hold leave its state. One that has left it changes nothing.
    fn resolve(
        &mut self,
        id: i64,
        hold: &StoredHold,
        cost: NanoUsd,
        state: HoldState,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let values = params![id, now.as_millis(), cost.0, state.as_str()];
        if self.tx.prepare_cached(RESOLVE)?.execute(values)? == 1 {
            self.period(&hold.period, now)?;
            self.change(&hold.period, now, |tally| tally.settling(hold.amount, cost));
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // The columns of a row.
    fn insert(
        &self,
        call: CallId,
        n: u32,
        period: i64,
        amount: NanoUsd,
        cost: NanoUsd,
        state: HoldState,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let values = params![now.as_millis(), call.as_bytes(), n, period, amount.0, cost.0, state.as_str()];
        self.tx.prepare_cached(INSERT)?.execute(values)?;
        Ok(())
    }

    /// The period as the batch has left it so far. Begun, when it is not there.
    fn period(&mut self, period: &Period, now: Timestamp) -> Result<Kept, Failure> {
        if let Some(kept) = self.periods.get(period) {
            return Ok(*kept);
        }
        let kept = match find(self.tx, period)? {
            Some(kept) => kept,
            None => begin(self.tx, period, now)?,
        };
        self.periods.insert(*period, kept);
        Ok(kept)
    }

    fn change(&mut self, period: &Period, now: Timestamp, change: impl Fn(Tally) -> Tally) {
        if let Some(kept) = self.periods.get_mut(period) {
            kept.tally = change(kept.tally);
            kept.update_time = kept.update_time.max(now);
        }
    }

    /// Writes what has changed, each period once.
    fn write(&self) -> Result<(), Failure> {
        let mut write = self.tx.prepare_cached(WRITE)?;
        for Kept { id, found, tally, update_time } in self.periods.values().filter(|kept| kept.tally != kept.found) {
            let (now, was, is) = (update_time.as_millis(), found, tally);
            if write.execute(params![id, now, is.spent.0, is.held.0, was.spent.0, was.held.0])? != 1 {
                return Err(Failure::corrupt("a budget was changed by somebody else"));
            }
        }
        Ok(())
    }
}

fn find(tx: &Transaction<'_>, Period { scope, window, start }: &Period) -> Result<Option<Kept>, Failure> {
    let values = params![scope.kind(), scope.id(), window.as_str(), start];
    let found =
        tx.prepare_cached(FIND)?.query_row(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    Ok(found.map(|(id, spent, held)| {
        let tally = Tally { spent: NanoUsd(spent), held: NanoUsd(held) };
        Kept { id, found: tally, tally, update_time: Timestamp::default() }
    }))
}

fn begin(tx: &Transaction<'_>, Period { scope, window, start }: &Period, now: Timestamp) -> Result<Kept, Failure> {
    let values = params![now.as_millis(), scope.kind(), scope.id(), window.as_str(), start];
    tx.prepare_cached(BEGIN)?.execute(values)?;
    let tally = Tally::default();
    Ok(Kept { id: tx.last_insert_rowid(), found: tally, tally, update_time: now })
}

/// The period of a row.
pub(super) fn period_of(tx: &Transaction<'_>, id: i64) -> Result<Period, Failure> {
    let of = "SELECT scope, scope_id, window, period_start FROM budget_periods WHERE id = ?1";
    single(tx, of, &[&id], period)
}

/// Adds to what is spent outside of any batch, and gives the period's row.
pub(super) fn spend(tx: &Transaction<'_>, period: &Period, more: NanoUsd, now: Timestamp) -> Result<i64, Failure> {
    let Kept { id, tally, .. } = match find(tx, period)? {
        Some(kept) => kept,
        None => begin(tx, period, now)?,
    };
    let spent = tally.spent.saturating_add(more);
    let values = params![id, now.as_millis(), spent.0, tally.held.0, tally.spent.0, tally.held.0];
    one(tx.prepare_cached(WRITE)?.execute(values)?)?;
    Ok(id)
}

pub(super) fn of_call(tx: &Transaction<'_>, call: CallId) -> Result<Vec<(i64, StoredHold)>, Failure> {
    collect(tx, OF_CALL, &[call.as_bytes()], read)
}

pub(super) fn read(row: &mut Fields<'_>) -> Result<(i64, StoredHold), Failure> {
    let (id, n) = (row.take()?, row.take()?);
    let period = period(row)?;
    let (create_time, update_time) = (row.time()?, row.time()?);
    let (amount, cost) = (NanoUsd(row.take()?), NanoUsd(row.take()?));
    let state: String = row.take()?;
    let state = HoldState::named(&state).ok_or_else(|| Failure::corrupt(format!("a hold that is `{state}`")))?;
    Ok((id, StoredHold { n, period, create_time, update_time, amount, cost, state }))
}

pub(super) fn period(row: &mut Fields<'_>) -> Result<Period, Failure> {
    let (kind, scope_id, window): (String, i64, String) = (row.take()?, row.take()?, row.take()?);
    let scope = Scope::of(&kind, scope_id).ok_or_else(|| Failure::corrupt(format!("a budget of a `{kind}`")))?;
    let window = Window::named(&window).ok_or_else(|| Failure::corrupt(format!("a budget for a `{window}`")))?;
    Ok(Period { scope, window, start: row.take()? })
}
