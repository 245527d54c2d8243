//! What is spent of a key's budget in its present window.
//!
//! A copy of what the store keeps, so that choosing asks nobody. A key whose budget is used up is left out of choice; calls
//! that are under way then go on, and may take it over its limit.
//!
//! Pure: callers pass the time.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::{budget::Period, money::NanoUsd};

/// What is spent of one budget.
///
/// ```
/// use std::time::Instant;
///
/// use amp_pool_core::{
///     budget::{Budget, Scope, Window},
///     id::KeyId,
///     keys::Purse,
///     time::Timestamp,
/// };
///
/// let (purse, now) = (Purse::default(), Instant::now());
/// let budget = Budget::of("5".parse()?, Window::Total);
/// let (period, _) = budget.period(Scope::Key(KeyId(1)), Timestamp::from_millis(0));
/// purse.know(period, "4".parse()?, None);
/// assert!(purse.is_empty(budget.limit, now).is_none());
/// purse.spend(period, "1.5".parse()?, None);
/// assert_eq!(purse.is_empty(budget.limit, now), Some(None), "used up, and for ever");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Purse(Mutex<Option<Spent>>);

#[derive(Debug, Clone, Copy)]
struct Spent {
    period: Period,
    amount: NanoUsd,
    /// When the window ends. `None`: never.
    until: Option<Instant>,
}

impl Purse {
    /// The store says that `amount` is spent in `period`, which ends at `until`.
    ///
    /// What was spent here since may not be in the store yet, so in one window it never becomes less.
    pub fn know(&self, period: Period, amount: NanoUsd, until: Option<Instant>) {
        let mut spent = self.spent();
        let before = spent.filter(|spent| spent.period == period).map_or(NanoUsd::ZERO, |spent| spent.amount);
        *spent = Some(Spent { period, amount: amount.max(before), until });
    }

    /// A call that belongs to `period` did cost `cost`.
    pub fn spend(&self, period: Period, cost: NanoUsd, until: Option<Instant>) {
        let mut spent = self.spent();
        match &mut *spent {
            Some(now) if now.period == period => now.amount = now.amount.saturating_add(cost),
            // A call of an earlier window ended late.
            Some(now) if now.period.window == period.window && now.period.start > period.start => {}
            _ => *spent = Some(Spent { period, amount: cost, until }),
        }
    }

    /// Whether `limit` is used up at `now`; if so, until when, if that is ever to end.
    #[must_use]
    pub fn is_empty(&self, limit: NanoUsd, now: Instant) -> Option<Option<Instant>> {
        let spent = (*self.spent())?;
        let is_over = spent.until.is_some_and(|until| until <= now);
        (!is_over && spent.amount >= limit).then_some(spent.until)
    }

    fn spent(&self) -> MutexGuard<'_, Option<Spent>> {
        // Every change is complete in itself, so a poisoned lock holds nothing half-done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        budget::{Scope, Window},
        id::KeyId,
    };

    fn day(n: i64) -> Period {
        Period { scope: Scope::Key(KeyId(1)), window: Window::Day, start: n * 86_400_000 }
    }

    #[test]
    fn a_purse_is_empty_until_its_window_ends() {
        let (purse, now) = (Purse::default(), Instant::now());
        let end = now + Duration::from_secs(60);
        assert_eq!(purse.is_empty(NanoUsd(10), now), None);
        purse.spend(day(1), NanoUsd(9), Some(end));
        assert_eq!(purse.is_empty(NanoUsd(10), now), None);
        purse.spend(day(1), NanoUsd(1), Some(end));

        assert_eq!(purse.is_empty(NanoUsd(10), now), Some(Some(end)));
        assert_eq!(purse.is_empty(NanoUsd(11), now), None, "more was allowed since");
        assert_eq!(purse.is_empty(NanoUsd(10), end), None);
    }

    #[test]
    fn what_the_store_does_not_know_yet_is_not_forgotten() {
        let (purse, now) = (Purse::default(), Instant::now());
        purse.know(day(1), NanoUsd(5), None);
        purse.spend(day(1), NanoUsd(5), None);
        purse.know(day(1), NanoUsd(6), None);
        assert_eq!(purse.is_empty(NanoUsd(10), now), Some(None));

        purse.know(day(2), NanoUsd(0), None);
        purse.spend(day(1), NanoUsd(50), None);
        assert_eq!(purse.is_empty(NanoUsd(10), now), None, "another day, and a late call of the one before");
    }
}
