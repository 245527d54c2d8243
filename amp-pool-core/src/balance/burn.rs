//! How fast money goes, and how long it lasts.

use crate::{money::Amount, time::Timestamp};

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i128 = 24 * 60 * 60 * 1000;

/// A stretch of time at whose ends a balance was seen to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// When it was first seen.
    pub from: Timestamp,
    /// When it was last seen.
    pub until: Timestamp,
    /// What it was.
    pub amount: Amount,
}

/// What goes in a day, by balances in their order. What was paid in between is not taken for negative spending.
///
/// `None` for less than an hour: too little to tell.
///
/// ```
/// use amp_pool_core::{balance::{Seen, burn_per_day}, money::Amount, time::Timestamp};
///
/// let at = |hours: i64| Timestamp::from_millis(hours * 3_600_000);
/// let seen = |hours, amount| Seen { from: at(hours), until: at(hours), amount: Amount(amount) };
/// assert_eq!(burn_per_day(&[seen(0, 10), seen(6, 4), seen(6, 100), seen(12, 96)]), Some(Amount(20)));
/// assert_eq!(burn_per_day(&[seen(0, 10)]), None);
/// ```
#[must_use]
pub fn burn_per_day(seen: &[Seen]) -> Option<Amount> {
    let falls = seen.windows(2).map(|pair| match pair {
        [before, after] => i128::from(before.amount.0.saturating_sub(after.amount.0).max(0)),
        _ => 0,
    });
    let span = seen.last()?.until.as_millis().saturating_sub(seen.first()?.from.as_millis());
    per_day(falls.sum(), span)
}

/// What goes in a day when `spent` went in `span_ms`. `None` for less than an hour.
#[must_use]
pub fn per_day(spent: i128, span_ms: i64) -> Option<Amount> {
    let daily = spent.checked_mul(DAY_MS)?.checked_div(i128::from(span_ms))?;
    (span_ms >= HOUR_MS).then(|| i64::try_from(daily).ok().map(Amount)).flatten()
}

/// How many days `left` lasts. `None` when nothing goes.
#[must_use]
pub fn days_left(left: Amount, per_day: Amount) -> Option<f64> {
    // An estimate for people: a float holds it well enough.
    #[allow(clippy::cast_precision_loss)]
    (per_day.0 > 0).then(|| (left.0.max(0) as f64 / per_day.0 as f64 * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_told_only_when_something_goes() {
        assert_eq!(days_left(Amount(10), Amount(4)), Some(2.5));
        assert_eq!(days_left(Amount(-10), Amount(4)), Some(0.0));
        assert_eq!(days_left(Amount(10), Amount(0)), None);
    }

    #[test]
    fn an_hour_is_needed_to_tell() {
        assert_eq!(per_day(5, HOUR_MS - 1), None);
        assert_eq!(per_day(5, HOUR_MS), Some(Amount(120)));
        assert_eq!(per_day(0, HOUR_MS), Some(Amount(0)));
        assert_eq!(burn_per_day(&[]), None);
    }
}
