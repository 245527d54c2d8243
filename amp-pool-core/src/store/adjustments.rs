//! What calls turned out to cost after they were booked.
//!
//! A record is never changed. That its price was another is said by rows beside it, one for each attempt whose cost or saving
//! is another now; the last one for an attempt holds. Statistics and budgets follow in the same transaction.

use super::{Charge, StoreFuture, StoredRecord};
use crate::{
    budget::{Period, Scope},
    id::{CallId, KeyId},
    money::NanoUsd,
    time::Timestamp,
};

/// Corrects costs.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     money::NanoUsd,
///     store::{
///         Adjustment, AdjustmentStore, AttemptAdjustment, CallAdjustment, Entry, RecordStore as _, memory::MemoryStore,
///     },
///     testkit::calls,
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let opened = calls::opened(1, now);
/// let (call, attempt) = (opened.call, calls::attempt(&opened));
/// let (before, key) = (attempt.cost, attempt.key);
/// let record = calls::settled(opened.clone(), vec![attempt]);
/// store.commit([Entry::Opened(opened), Entry::Settled(Box::new(record))].into()).await?;
///
/// // What the call costs by another price. Its record stays as it was written.
/// let cost = NanoUsd(5);
/// let (cost_before, price_version) = (before, "ours@2".to_owned());
/// let attempts = vec![AttemptAdjustment { n: 0, cost, cost_before, price_version, saved: None, saved_before: None }];
/// let change = CallAdjustment {
///     call,
///     seen: 0,
///     attempts,
///     cost: Some(cost),
///     saved: None,
///     keys: vec![(key, NanoUsd(5))],
///     charges: Vec::new(),
///     who: "ada".into(),
///     note: "contract".into(),
/// };
/// assert_eq!(store.adjust(vec![change], now).await?, 1);
/// let record = store.get(call).await?.ok_or("it is there")?;
/// let adjustments: &[Adjustment] = &record.adjustments;
/// assert_eq!((record.cost, record.cost_now(), adjustments.len()), (before, Some(cost), 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait AdjustmentStore: Send + Sync + 'static {
    /// Writes what `calls` turned out to cost, each call whole or not at all, and says of how many. A call that has been
    /// adjusted since it was [`seen`](CallAdjustment::seen), or is gone, is left as it is.
    ///
    /// Sums of its hour and day change by the difference, and so do budgets that the call is charged to, in the windows in
    /// which it was.
    fn adjust(&self, calls: Vec<CallAdjustment>, now: Timestamp) -> StoreFuture<'_, u64>;
}

/// What a call turned out to cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallAdjustment {
    /// The call.
    pub call: CallId,
    /// How many adjustments it had when its costs were looked at.
    pub seen: usize,
    /// What all its attempts cost together now. `None`: that is not known yet of one of them.
    pub cost: Option<NanoUsd>,
    /// What caches saved in all of them.
    pub saved: Option<NanoUsd>,
    /// The attempts of which that changes.
    pub attempts: Vec<AttemptAdjustment>,
    /// What the attempts on each of its keys cost together now, as far as that is known.
    pub keys: Vec<(KeyId, NanoUsd)>,
    /// The same for keys that have a budget: where the call was not charged to it, because its price was unknown, it is now.
    pub charges: Vec<Charge>,
    /// Who wants it so.
    pub who: String,
    /// Why, in words.
    pub note: String,
}

/// What an attempt turned out to cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptAdjustment {
    /// Which of the call's attempts, from 0.
    pub n: u32,
    /// What stood in the books, adjustments before counted in.
    pub cost_before: Option<NanoUsd>,
    /// What it cost.
    pub cost: NanoUsd,
    /// What a prompt cache had saved by the books.
    pub saved_before: Option<NanoUsd>,
    /// What it saved.
    pub saved: Option<NanoUsd>,
    /// The price that says so.
    pub price_version: String,
}

/// An adjustment as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// When it was made.
    pub create_time: Timestamp,
    /// What an attempt turned out to cost.
    pub attempt: AttemptAdjustment,
    /// What the whole call cost then. `None`: not known yet.
    pub call_cost: Option<NanoUsd>,
    /// What caches saved in the whole call.
    pub call_saved: Option<NanoUsd>,
    /// Who wanted it so.
    pub who: String,
    /// Why, in words.
    pub note: String,
}

impl StoredRecord {
    /// What the call cost, adjustments counted in.
    #[must_use]
    pub fn cost_now(&self) -> Option<NanoUsd> {
        self.adjustments.last().map_or(self.cost, |last| last.call_cost)
    }

    /// What prompt caches saved in it, adjustments counted in.
    #[must_use]
    pub fn saved_now(&self) -> Option<NanoUsd> {
        self.adjustments.last().map_or(self.saved, |last| last.call_saved)
    }

    /// The last word on its attempt `n`, if that was adjusted.
    #[must_use]
    pub fn adjustment(&self, n: u32) -> Option<&AttemptAdjustment> {
        self.adjustments.iter().rev().map(|adjustment| &adjustment.attempt).find(|attempt| attempt.n == n)
    }
}

impl CallAdjustment {
    /// By how much what is spent changes, of each budget that the call has `spent` of.
    pub(super) fn corrections(&self, spent: &[(Period, NanoUsd)]) -> Vec<(Period, NanoUsd)> {
        let is_spent = |period: &Period| spent.iter().any(|(known, _)| known == period);
        let new = self.charges.iter().filter(|charge| !is_spent(&charge.period));
        let new = new.map(|charge| (charge.period, Some(charge.cost), NanoUsd::ZERO));
        let known = spent.iter().map(|(period, by_now)| (*period, self.cost_for(period.scope), *by_now));
        let differing =
            known.chain(new).filter_map(|(period, is, was)| Some((period, NanoUsd(is?.0.saturating_sub(was.0)))));
        differing.filter(|(_, more)| *more != NanoUsd::ZERO).collect()
    }

    /// What the call costs the budget of `scope`. `None`: not known.
    fn cost_for(&self, scope: Scope) -> Option<NanoUsd> {
        match scope {
            Scope::Key(key) => self.keys.iter().find(|(known, _)| *known == key).map(|(_, cost)| *cost),
            Scope::Token(_) | Scope::Group(_) | Scope::Site => self.cost,
        }
    }
}

/// What statistics change by when a call's cost or saving does.
// A store in memory makes its sums of the rows.
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) cost: i64,
    pub(super) unpriced: i64,
    pub(super) saved: i64,
    pub(super) saved_known: i64,
}

#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
impl Shift {
    /// From `row` as it stands to what `call` says.
    pub(super) fn of(row: &StoredRecord, call: &CallAdjustment) -> Self {
        let nanos = |usd: Option<NanoUsd>| usd.unwrap_or_default().0;
        let unknown = |usd: Option<NanoUsd>| i64::from(usd.is_none());
        let (cost, saved) = (row.cost_now(), row.saved_now());
        // What was saved is counted only of calls that read from a cache.
        let counts = i64::from(row.usage.cache_read > 0);
        Self {
            cost: nanos(call.cost).saturating_sub(nanos(cost)),
            unpriced: unknown(call.cost) - unknown(cost),
            saved: counts * nanos(call.saved).saturating_sub(nanos(saved)),
            saved_known: counts * (unknown(saved) - unknown(call.saved)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{budget::Window, id::TokenId};

    #[test]
    fn every_budget_comes_to_what_the_call_cost_it() {
        let period = |scope| Period { scope, window: Window::Day, start: 0 };
        let (token, key, other) =
            (period(Scope::Token(TokenId(1))), period(Scope::Key(KeyId(1))), period(Scope::Key(KeyId(2))));
        let call = CallAdjustment {
            call: CallId::new(Timestamp::from_millis(0), &[0; 10]),
            seen: 0,
            cost: Some(NanoUsd(10)),
            saved: None,
            attempts: Vec::new(),
            keys: vec![(KeyId(1), NanoUsd(4)), (KeyId(2), NanoUsd(6))],
            charges: vec![Charge { period: key, cost: NanoUsd(4) }, Charge { period: other, cost: NanoUsd(6) }],
            who: String::new(),
            note: String::new(),
        };
        let spent = [(token, NanoUsd(12)), (key, NanoUsd(4))];
        assert_eq!(call.corrections(&spent), [(token, NanoUsd(-2)), (other, NanoUsd(6))]);

        let unknown = CallAdjustment { cost: None, ..call };
        assert_eq!(unknown.corrections(&spent), [(other, NanoUsd(6))]);
    }
}
