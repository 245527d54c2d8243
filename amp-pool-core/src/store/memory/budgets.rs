//! Budgets in memory.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{
    budget::{Claim, Period, Short, Tally, grant},
    id::CallId,
    money::NanoUsd,
    store::{CallAdjustment, Hold, HoldAnswer, HoldState, Record, StoredHold, rows},
    time::Timestamp,
};

#[derive(Default)]
pub(super) struct Budgets {
    tallies: HashMap<Period, Tally>,
    holds: BTreeMap<(CallId, u32, Period), StoredHold>,
    /// By how much later word changed what a call has spent.
    corrections: HashMap<(CallId, Period), NanoUsd>,
}

impl Budgets {
    pub(super) fn tally(&self, period: &Period) -> Tally {
        self.tallies.get(period).copied().unwrap_or_default()
    }

    pub(super) fn holds(&self, call: CallId) -> Vec<StoredHold> {
        self.holds.iter().filter(|((owner, ..), _)| *owner == call).map(|(_, hold)| hold.clone()).collect()
    }

    /// Holds what is asked for, if every limit allows it.
    pub(super) fn hold(&mut self, hold: &Hold, is_open: bool) -> HoldAnswer {
        let before = self.holds(hold.call).into_iter().find(|kept| hold.is_kept_as(kept));
        if let Some(before) = before {
            return self.answer(hold, before.amount);
        }
        if !is_open {
            return HoldAnswer::Ended;
        }
        let limits: Vec<_> = hold.claims.iter().map(|claim| (self.tally(&claim.period), claim.limit)).collect();
        let amount = match grant(&limits, hold.least, hold.worst) {
            Ok(amount) => amount,
            Err(Short { at, left }) => return HoldAnswer::Short { at, left },
        };
        for Claim { period, .. } in &hold.claims {
            self.put(hold.call, *period, hold.n, amount, hold.create_time);
            let tally = self.tallies.entry(*period).or_default();
            *tally = tally.holding(amount);
        }
        self.answer(hold, amount)
    }

    fn put(&mut self, call: CallId, period: Period, n: u32, amount: NanoUsd, now: Timestamp) {
        let (create_time, update_time, cost, state) = (now, now, NanoUsd::ZERO, HoldState::Held);
        self.holds.insert((call, n, period), StoredHold { n, period, create_time, update_time, amount, cost, state });
    }

    fn answer(&self, hold: &Hold, amount: NanoUsd) -> HoldAnswer {
        let left = hold.claims.iter().map(|claim| self.tally(&claim.period).left(claim.limit)).min();
        HoldAnswer::Held { amount, left: left.unwrap_or_default() }
    }

    /// What the holds of a call become, and what it costs where nothing was held.
    pub(super) fn settle(&mut self, record: &Record) {
        let (call, booking, now) = (record.opened.call, &record.booking, rows::end_of(record));
        let mut paid = HashSet::new();
        for hold in self.holds(call).into_iter().filter(|_| booking.holds) {
            let cost = if paid.insert(hold.period) { booking.charged } else { NanoUsd::ZERO };
            self.resolve((call, hold.n, hold.period), cost, HoldState::after(record.attempts.len()), now);
        }
        for charge in &booking.charges {
            self.put(call, charge.period, 0, NanoUsd::ZERO, now);
            self.resolve((call, 0, charge.period), charge.cost, HoldState::Settled, now);
        }
    }

    /// Lets go of what was held for a call that is forgotten. What it did cost stays spent.
    pub(super) fn forget(&mut self, call: CallId) {
        self.corrections.retain(|(owner, _), _| *owner != call);
        self.holds.retain(|(owner, ..), hold| *owner != call || hold.state == HoldState::Held);
    }

    /// Makes budgets come to what the call did cost them.
    pub(super) fn adjust(&mut self, call: &CallAdjustment) {
        let mut spent = BTreeMap::<Period, NanoUsd>::new();
        let holds = self.holds(call.call).into_iter().filter(|hold| hold.state == HoldState::Settled);
        let corrections = self.corrections.iter().filter(|((of, _), _)| *of == call.call);
        let corrected = corrections.map(|((_, period), amount)| (*period, *amount));
        for (period, amount) in holds.map(|hold| (hold.period, hold.cost)).chain(corrected) {
            let by_now = spent.entry(period).or_default();
            *by_now = by_now.saturating_add(amount);
        }
        for (period, more) in call.corrections(&spent.into_iter().collect::<Vec<_>>()) {
            let sum = self.corrections.entry((call.call, period)).or_default();
            *sum = sum.saturating_add(more);
            let tally = self.tallies.entry(period).or_default();
            *tally = tally.settling(NanoUsd::ZERO, more);
        }
    }

    pub(super) fn recover(&mut self, now: Timestamp) {
        let open: Vec<_> = self.holds.iter().filter(|(_, hold)| hold.state == HoldState::Held).collect();
        for (name, amount) in open.into_iter().map(|(name, hold)| (*name, hold.amount)).collect::<Vec<_>>() {
            self.resolve(name, amount, HoldState::Recovered, now);
        }
    }

    /// Lets a hold leave its state. One that has left it changes nothing.
    fn resolve(&mut self, name: (CallId, u32, Period), cost: NanoUsd, state: HoldState, now: Timestamp) {
        let Some(hold) = self.holds.get_mut(&name).filter(|hold| hold.state == HoldState::Held) else { return };
        (hold.cost, hold.state, hold.update_time) = (cost, state, now);
        let tally = self.tallies.entry(name.2).or_default();
        *tally = tally.settling(hold.amount, cost);
    }
}
