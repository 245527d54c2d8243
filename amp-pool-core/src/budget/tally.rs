//! What is spent and held, and what more may be.

use super::Period;
use crate::money::NanoUsd;

/// What one budget has spent and holds in one of its windows.
///
/// Sums stop at the largest number there is: an absurd cost fills a budget, it never empties one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// What calls did cost that have ended.
    pub spent: NanoUsd,
    /// What is kept for calls that have not.
    pub held: NanoUsd,
}

impl Tally {
    /// What more may be held under `limit`. Never negative.
    #[must_use]
    pub fn left(&self, limit: NanoUsd) -> NanoUsd {
        let taken = self.spent.saturating_add(self.held);
        NanoUsd(limit.0.saturating_sub(taken.0).max(0))
    }

    /// The tally with `amount` more held.
    #[must_use]
    pub fn holding(self, amount: NanoUsd) -> Self {
        Self { held: self.held.saturating_add(amount), ..self }
    }

    /// The tally after a hold of `amount` has become a cost.
    #[must_use]
    pub fn settling(self, amount: NanoUsd, cost: NanoUsd) -> Self {
        Self { spent: self.spent.saturating_add(cost), held: NanoUsd(self.held.0.saturating_sub(amount.0).max(0)) }
    }
}

/// A limit that a hold has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Whose, and in which window.
    pub period: Period,
    /// The most that may be spent and held in it.
    pub limit: NanoUsd,
}

/// A hold that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short {
    /// Which of the claims it breaks, the first of them.
    pub at: usize,
    /// What was left under that one.
    pub left: NanoUsd,
}

/// How much of `worst` may be held under every limit: all of it, or what is left, if that is no less than `least`.
///
/// ```
/// use amp_pool_core::{budget::{Short, Tally, grant}, money::NanoUsd};
///
/// let spent = |amount| Tally { spent: NanoUsd(amount), held: NanoUsd(0) };
/// let limits = [(spent(10), NanoUsd(100)), (spent(0), NanoUsd(50))];
/// assert_eq!(grant(&limits, NanoUsd(40), NanoUsd(40)), Ok(NanoUsd(40)));
/// assert_eq!(grant(&limits, NanoUsd(10), NanoUsd(60)), Ok(NanoUsd(50)), "as much as there is");
/// assert_eq!(grant(&limits, NanoUsd(60), NanoUsd(60)), Err(Short { at: 1, left: NanoUsd(50) }));
/// ```
///
/// # Errors
/// [`Short`], with the first limit that leaves less than `least`.
pub fn grant(limits: &[(Tally, NanoUsd)], least: NanoUsd, worst: NanoUsd) -> Result<NanoUsd, Short> {
    let mut amount = worst.max(least);
    for (at, (tally, limit)) in limits.iter().enumerate() {
        let left = tally.left(*limit);
        // A budget that is used up lets nothing through, not even what costs nothing: nobody knows that beforehand.
        if left < least || left == NanoUsd::ZERO {
            return Err(Short { at, left });
        }
        amount = amount.min(left);
    }
    Ok(amount)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_granted_fits_under_every_limit(
            tallies in prop::collection::vec((0..1_000_i64, 0..1_000_i64, 0..3_000_i64), 1..4),
            least in 0..500_i64,
            more in 0..500_i64,
        ) {
            let limits: Vec<_> = tallies
                .iter()
                .map(|(spent, held, limit)| (Tally { spent: NanoUsd(*spent), held: NanoUsd(*held) }, NanoUsd(*limit)))
                .collect();
            match grant(&limits, NanoUsd(least), NanoUsd(least + more)) {
                Ok(amount) => {
                    prop_assert!((least..=least + more).contains(&amount.0));
                    for (tally, limit) in &limits {
                        prop_assert!(tally.spent + tally.held + amount <= *limit);
                    }
                }
                Err(Short { at, left }) => {
                    prop_assert_eq!(limits[at].0.left(limits[at].1), left);
                    prop_assert!(left.0 < least || left.0 == 0);
                }
            }
        }
    }

    #[test]
    fn sums_stop_at_the_largest_number() {
        let full = Tally { spent: NanoUsd(i64::MAX), held: NanoUsd(5) };
        assert_eq!(full.settling(NanoUsd(5), NanoUsd(9)), Tally { spent: NanoUsd(i64::MAX), held: NanoUsd(0) });
        assert_eq!(full.left(NanoUsd(i64::MAX)), NanoUsd(0));
    }
}
