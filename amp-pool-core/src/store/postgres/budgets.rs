//! Budgets as rows of `budget_periods` and `budget_holds`.
//!
//! A batch locks each period that it touches, always in the same order, decides, and writes each of them once. So a token
//! that everybody uses costs a row a commit and not a row a call, and what two nodes hold at the same time is held one
//! after the other.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures::try_join;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Failure, PostgresStore,
    columns::{Columns, number},
    fields::{Fields, collect, firsts},
    pool::Lent,
};
use crate::{
    budget::{Claim, Period, Scope, Short, Tally, Window, grant},
    id::CallId,
    money::NanoUsd,
    store::{BudgetStore, Entry, Hold, HoldAnswer, HoldState, Record, StoreFuture, StoredHold, rows},
    time::Timestamp,
};

/// Makes the periods that are not there yet.
pub(super) const BEGIN: &str = r#"
    INSERT INTO budget_periods (create_time, update_time, scope, scope_id, "window", period_start, spent, held)
    SELECT $1, $1, named.*, 0, 0 FROM unnest($2::text[], $3::int8[], $4::text[], $5::int8[]) AS named
    ON CONFLICT DO NOTHING"#;

macro_rules! periods {
    ($rest:literal) => {
        concat!(r#"SELECT id, scope, scope_id, "window", period_start, spent, held FROM budget_periods "#, $rest)
    };
}

macro_rules! named {
    () => {
        r#"JOIN unnest($1::text[], $2::int8[], $3::text[], $4::int8[]) AS wanted (scope, scope_id, "window", period_start)
           USING (scope, scope_id, "window", period_start)"#
    };
}

const NAMED: &str = concat!(periods!(""), named!());

/// Locks the periods that are named, and those in which something is held for the calls that are named.
pub(super) const LOCK: &str = concat!(
    periods!("WHERE id IN (SELECT id FROM budget_periods "),
    named!(),
    r#" UNION SELECT period_id FROM budget_holds WHERE call_id = ANY($5))
        ORDER BY scope, scope_id, "window", period_start FOR NO KEY UPDATE"#
);

macro_rules! holds {
    ($rest:literal) => {
        concat!(
            r#"SELECT hold.id, call_id, hold.n, scope, scope_id, "window", period_start, hold.create_time,
                      hold.update_time, amount, cost, state
               FROM budget_holds AS hold JOIN budget_periods AS period ON period.id = hold.period_id "#,
            $rest
        )
    };
}

pub(super) const OF_CALLS: &str = holds!("WHERE call_id = ANY($1) ORDER BY call_id, hold.n, hold.id");

pub(super) const CLOSED: &str = "SELECT call_id FROM api_request_log WHERE call_id = ANY($1) AND outcome IS NOT NULL";

/// The calls for which nodes that are gone hold something.
const LEFT: &str = "
    SELECT DISTINCT call_id FROM budget_holds
    WHERE state = 'held'
      AND (node = ANY($1) OR NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.id = budget_holds.node))";

pub(super) const INSERT: &str = "
    INSERT INTO budget_holds (node, create_time, update_time, call_id, n, period_id, amount, cost, state)
    SELECT $1, * FROM unnest($2::int8[], $3::int8[], $4::uuid[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], $9::text[])";

pub(super) const RESOLVE: &str = "
    UPDATE budget_holds AS hold SET update_time = new.update_time, cost = new.cost, state = new.state
    FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::text[]) AS new (id, update_time, cost, state)
    WHERE hold.id = new.id AND hold.state = 'held'";

pub(super) const WRITE: &str = "
    UPDATE budget_periods AS period
    SET update_time = greatest(period.update_time, new.update_time), spent = new.spent, held = new.held
    FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[]) AS new (id, update_time, spent, held)
    WHERE period.id = new.id";

impl BudgetStore for PostgresStore {
    fn tallies(&self, periods: Vec<Period>) -> StoreFuture<'_, Vec<Tally>> {
        self.answer(async move {
            let names: BTreeSet<_> = periods.iter().copied().collect();
            let columns = name_columns(&names);
            if columns.is_empty() {
                return Ok(Vec::new());
            }
            let found = self.inner.pool.lend().await?.query(NAMED, &columns.values(&[])).await?;
            let kept: HashMap<_, _> = collect(&found, read_period)?.into_iter().collect();
            let tally = |period| kept.get(period).map_or_else(Tally::default, |kept: &Kept| kept.tally);
            Ok(periods.iter().map(tally).collect())
        })
    }

    fn holds(&self, call: CallId) -> StoreFuture<'_, Vec<StoredHold>> {
        self.answer(async move {
            let found = self.inner.pool.lend().await?.query(OF_CALLS, &[&vec![call.0]]).await?;
            let mut holds: Vec<_> = collect(&found, read_hold)?.into_iter().map(|(_, hold)| hold.stored).collect();
            holds.sort_by_key(|hold| (hold.n, hold.period));
            Ok(holds)
        })
    }
}

/// What a batch needs to see of budgets.
pub(super) struct Wanted {
    periods: BTreeSet<Period>,
    /// The calls whose holds matter.
    calls: Vec<Uuid>,
    /// Those of them for which something is to be held.
    holding: Vec<Uuid>,
    now: i64,
}

impl Wanted {
    /// `None`: the batch touches no budget.
    pub(super) fn of(batch: &[Entry]) -> Option<Self> {
        let (mut periods, mut calls, mut holding) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut now = Timestamp::default();
        for entry in batch {
            match entry {
                Entry::Held(hold) => {
                    periods.extend(hold.claims.iter().map(|claim| claim.period));
                    holding.insert(hold.call.0);
                    now = now.max(hold.create_time);
                }
                Entry::Settled(record) if !record.booking.is_empty() => {
                    periods.extend(record.booking.charges.iter().map(|charge| charge.period));
                    calls.insert(record.opened.call.0);
                    now = now.max(rows::end_of(record));
                }
                Entry::Settled(_) | Entry::Opened(_) => {}
            }
        }
        calls.extend(&holding);
        let (calls, holding) = (calls.into_iter().collect::<Vec<_>>(), holding.into_iter().collect());
        (!calls.is_empty()).then(|| Self { periods, calls, holding, now: now.as_millis() })
    }

    /// Asks for all of it, on the way with what was sent before. The periods are locked before the holds are read.
    pub(super) async fn find(&self, tx: &Lent, statements: &Statements) -> Result<Found, Failure> {
        let names = name_columns(&self.periods);
        let (begin, mut lock) = (names.values(&[&self.now]), names.values(&[]));
        let empty = (Vec::<String>::new(), Vec::<i64>::new(), Vec::<String>::new(), Vec::<i64>::new());
        if names.is_empty() {
            lock = vec![&empty.0, &empty.1, &empty.2, &empty.3];
        }
        lock.push(&self.calls);
        let begun = async {
            if !names.is_empty() {
                tx.run(BEGIN, &statements.begin, &begin).await?;
            }
            Ok(())
        };
        let (calls, holding): ([&(dyn tokio_postgres::types::ToSql + Sync); 1], [_; 1]) =
            ([&self.calls], [&self.holding as _]);
        let ((), periods, holds, closed) = try_join!(
            begun,
            tx.run(LOCK, &statements.lock, &lock),
            tx.run(OF_CALLS, &statements.of_calls, &calls),
            tx.run(CLOSED, &statements.closed, &holding),
        )?;
        Found::read(&periods, &holds, &closed)
    }
}

/// The statements about budgets, parsed.
pub(super) struct Statements {
    begin: tokio_postgres::Statement,
    lock: tokio_postgres::Statement,
    of_calls: tokio_postgres::Statement,
    closed: tokio_postgres::Statement,
    insert: tokio_postgres::Statement,
    resolve: tokio_postgres::Statement,
    write: tokio_postgres::Statement,
}

impl Statements {
    pub(super) async fn prepare(tx: &Lent) -> Result<Self, Failure> {
        Ok(Self {
            begin: tx.statement(BEGIN).await?,
            lock: tx.statement(LOCK).await?,
            of_calls: tx.statement(OF_CALLS).await?,
            closed: tx.statement(CLOSED).await?,
            insert: tx.statement(INSERT).await?,
            resolve: tx.statement(RESOLVE).await?,
            write: tx.statement(WRITE).await?,
        })
    }
}

/// What the database has of budgets.
#[derive(Default)]
pub(super) struct Found {
    periods: BTreeMap<Period, Kept>,
    holds: HashMap<CallId, Vec<KeptHold>>,
    closed: HashSet<CallId>,
}

impl Found {
    fn read(periods: &[Row], holds: &[Row], closed: &[Row]) -> Result<Self, Failure> {
        let mut found = Self { periods: collect(periods, read_period)?.into_iter().collect(), ..Self::default() };
        for (call, hold) in collect(holds, read_hold)? {
            found.holds.entry(call).or_default().push(hold);
        }
        found.closed = collect(closed, |row| Ok(CallId(row.uuid()?)))?.into_iter().collect();
        Ok(found)
    }
}

/// A period as it is kept, and as a batch leaves it.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    pub(super) id: i64,
    found: Tally,
    tally: Tally,
    update_time: Timestamp,
}

/// A hold as a batch leaves it.
pub(super) struct KeptHold {
    /// `None`: it is new.
    id: Option<i64>,
    changed: bool,
    pub(super) stored: StoredHold,
}

/// Budgets as a batch changes them. Decides, and writes nothing.
pub(super) struct Budgets(Found);

impl Budgets {
    /// What a batch says of budgets. `settled`: the calls that it has settled just now.
    pub(super) fn apply(
        found: Found,
        batch: &[Entry],
        mut settled: HashSet<CallId>,
    ) -> Result<(Self, Vec<HoldAnswer>), Failure> {
        let (mut budgets, mut answers) = (Self(found), Vec::new());
        for entry in batch {
            match entry {
                Entry::Held(hold) => answers.push(budgets.hold(hold, settled.contains(&hold.call))?),
                // Of what is said twice, the first holds.
                Entry::Settled(record) if settled.remove(&record.opened.call) => budgets.settle(record)?,
                Entry::Settled(_) | Entry::Opened(_) => {}
            }
        }
        Ok((budgets, answers))
    }

    /// Resolves every hold of these calls that is still held.
    fn recover(found: Found, now: Timestamp) -> Result<Self, Failure> {
        let mut budgets = Self(found);
        for call in budgets.0.holds.keys().copied().collect::<Vec<_>>() {
            budgets.resolve(call, HoldState::Recovered, now, |hold, _| hold.amount)?;
        }
        Ok(budgets)
    }

    /// Holds what is asked for, if every limit allows it.
    fn hold(&mut self, hold: &Hold, ends_here: bool) -> Result<HoldAnswer, Failure> {
        let kept = hold.claims.iter().map(|claim| self.period(&claim.period)).collect::<Result<Vec<_>, _>>()?;
        if let Some(before) = self.holds_of(hold.call).iter().find(|kept| hold.is_kept_as(&kept.stored)) {
            return Ok(self.answer(hold, before.stored.amount));
        }
        if !ends_here && self.0.closed.contains(&hold.call) {
            return Ok(HoldAnswer::Ended);
        }
        let limits: Vec<_> = kept.iter().zip(&hold.claims).map(|(kept, claim)| (kept.tally, claim.limit)).collect();
        let amount = match grant(&limits, hold.least, hold.worst) {
            Ok(amount) => amount,
            Err(Short { at, left }) => return Ok(HoldAnswer::Short { at, left }),
        };
        for claim in &hold.claims {
            self.insert(hold.call, hold.n, claim.period, amount, NanoUsd::ZERO, HoldState::Held, hold.create_time);
            self.change(&claim.period, hold.create_time, |tally| tally.holding(amount));
        }
        Ok(self.answer(hold, amount))
    }

    fn answer(&self, hold: &Hold, amount: NanoUsd) -> HoldAnswer {
        let left = |claim: &Claim| self.0.periods.get(&claim.period).map(|kept| kept.tally.left(claim.limit));
        HoldAnswer::Held { amount, left: hold.claims.iter().filter_map(left).min().unwrap_or_default() }
    }

    /// What the holds of a call become, and what it costs where nothing was held.
    fn settle(&mut self, record: &Record) -> Result<(), Failure> {
        let (call, booking, now) = (record.opened.call, &record.booking, rows::end_of(record));
        if booking.holds {
            let state = HoldState::after(record.attempts.len());
            let cost = |_: &StoredHold, first| if first { booking.charged } else { NanoUsd::ZERO };
            self.resolve(call, state, now, cost)?;
        }
        for charge in &booking.charges {
            self.period(&charge.period)?;
            self.insert(call, 0, charge.period, NanoUsd::ZERO, charge.cost, HoldState::Settled, now);
            self.change(&charge.period, now, |tally| tally.settling(NanoUsd::ZERO, charge.cost));
        }
        Ok(())
    }

    /// Lets the holds of a call leave their state. `cost`: of a hold, and whether it is the first in its period.
    fn resolve(
        &mut self,
        call: CallId,
        state: HoldState,
        now: Timestamp,
        cost: impl Fn(&StoredHold, bool) -> NanoUsd,
    ) -> Result<(), Failure> {
        let (mut holds, mut paid) = (self.0.holds.remove(&call).unwrap_or_default(), HashSet::new());
        for kept in holds.iter_mut().filter(|kept| kept.stored.state == HoldState::Held) {
            let hold = &mut kept.stored;
            self.period(&hold.period)?;
            hold.cost = cost(hold, paid.insert(hold.period));
            (hold.state, hold.update_time) = (state, now);
            let (amount, cost) = (hold.amount, hold.cost);
            self.change(&hold.period, now, |tally| tally.settling(amount, cost));
            kept.changed = true;
        }
        self.0.holds.insert(call, holds);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // The columns of a row.
    fn insert(
        &mut self,
        call: CallId,
        n: u32,
        period: Period,
        amount: NanoUsd,
        cost: NanoUsd,
        state: HoldState,
        now: Timestamp,
    ) {
        let stored = StoredHold { n, period, create_time: now, update_time: now, amount, cost, state };
        self.0.holds.entry(call).or_default().push(KeptHold { id: None, changed: false, stored });
    }

    fn holds_of(&self, call: CallId) -> &[KeptHold] {
        self.0.holds.get(&call).map_or(&[], Vec::as_slice)
    }

    fn period(&self, period: &Period) -> Result<Kept, Failure> {
        self.0.periods.get(period).copied().ok_or_else(|| Failure::corrupt("a period of a budget is not there"))
    }

    fn change(&mut self, period: &Period, now: Timestamp, change: impl Fn(Tally) -> Tally) {
        if let Some(kept) = self.0.periods.get_mut(period) {
            kept.tally = change(kept.tally);
            kept.update_time = kept.update_time.max(now);
        }
    }

    fn new_holds(&self) -> Columns<'_> {
        let mut columns = Columns::default();
        for (call, holds) in &self.0.holds {
            for KeptHold { stored, .. } in holds.iter().filter(|kept| kept.id.is_none()) {
                let period = self.0.periods.get(&stored.period).map_or(0, |kept| kept.id);
                columns.push([
                    number(stored.create_time.as_millis()),
                    number(stored.update_time.as_millis()),
                    call.0.into(),
                    number(stored.n),
                    number(period),
                    number(stored.amount.0),
                    number(stored.cost.0),
                    stored.state.as_str().into(),
                ]);
            }
        }
        columns
    }

    fn resolved_holds(&self) -> Columns<'_> {
        let mut columns = Columns::default();
        for KeptHold { id, stored, .. } in self.0.holds.values().flatten().filter(|kept| kept.changed) {
            let Some(id) = *id else { continue };
            let time = stored.update_time.as_millis();
            columns.push([number(id), number(time), number(stored.cost.0), stored.state.as_str().into()]);
        }
        columns
    }

    fn changed_periods(&self) -> Columns<'_> {
        let mut columns = Columns::default();
        for Kept { id, tally, update_time, .. } in self.0.periods.values().filter(|kept| kept.tally != kept.found) {
            columns.push([number(*id), number(update_time.as_millis()), number(tally.spent.0), number(tally.held.0)]);
        }
        columns
    }

    /// Writes what has changed, each period once.
    pub(super) async fn write(&self, tx: &Lent, statements: &Statements, node: Option<i64>) -> Result<(), Failure> {
        let (new, resolved, periods) = (self.new_holds(), self.resolved_holds(), self.changed_periods());
        let run = async |sql, statement, columns: &Columns<'_>, first: Option<&Option<i64>>| {
            if !columns.is_empty() {
                let first: Vec<_> =
                    first.into_iter().map(|node| node as &(dyn tokio_postgres::types::ToSql + Sync)).collect();
                tx.run(sql, statement, &columns.values(&first)).await?;
            }
            Ok::<_, Failure>(())
        };
        try_join!(
            run(INSERT, &statements.insert, &new, Some(&node)),
            run(RESOLVE, &statements.resolve, &resolved, None),
            run(WRITE, &statements.write, &periods, None),
        )?;
        Ok(())
    }
}

/// Resolves every hold that `gone` have left open.
pub(super) async fn recover(tx: &Lent, gone: &[i64], now: Timestamp) -> Result<(), Failure> {
    let calls = firsts(&tx.query(LEFT, &[&gone]).await?)?;
    if calls.is_empty() {
        return Ok(());
    }
    let statements = Statements::prepare(tx).await?;
    let wanted = Wanted { periods: BTreeSet::new(), calls, holding: Vec::new(), now: now.as_millis() };
    let found = wanted.find(tx, &statements).await?;
    Budgets::recover(found, now)?.write(tx, &statements, None).await
}

pub(super) fn name_columns(periods: &BTreeSet<Period>) -> Columns<'static> {
    let mut columns = Columns::default();
    for Period { scope, window, start } in periods {
        columns.push([scope.kind().into(), number(scope.id()), window.as_str().into(), number(*start)]);
    }
    columns
}

pub(super) fn read_period(row: &mut Fields<'_>) -> Result<(Period, Kept), Failure> {
    let id = row.take()?;
    let period = period(row)?;
    let tally = Tally { spent: NanoUsd(row.take()?), held: NanoUsd(row.take()?) };
    Ok((period, Kept { id, found: tally, tally, update_time: Timestamp::default() }))
}

pub(super) fn read_hold(row: &mut Fields<'_>) -> Result<(CallId, KeptHold), Failure> {
    let (id, call, n) = (row.take()?, CallId(row.uuid()?), row.number()?);
    let period = period(row)?;
    let (create_time, update_time) = (row.time()?, row.time()?);
    let (amount, cost) = (NanoUsd(row.take()?), NanoUsd(row.take()?));
    let state: &str = row.take()?;
    let state = HoldState::named(state).ok_or_else(|| Failure::corrupt(format!("a hold that is `{state}`")))?;
    let stored = StoredHold { n, period, create_time, update_time, amount, cost, state };
    Ok((call, KeptHold { id: Some(id), changed: false, stored }))
}

pub(super) fn period(row: &mut Fields<'_>) -> Result<Period, Failure> {
    let (kind, scope_id, window): (&str, i64, &str) = (row.take()?, row.take()?, row.take()?);
    let scope = Scope::of(kind, scope_id).ok_or_else(|| Failure::corrupt(format!("a budget of a `{kind}`")))?;
    let window = Window::named(window).ok_or_else(|| Failure::corrupt(format!("a budget for a `{window}`")))?;
    Ok(Period { scope, window, start: row.take()? })
}
