//! How much money an account has left, as choices compare it.
//!
//! Amounts are compared with their like: in one unit as they are, across units in dollars, at the rate that the operator of a
//! key gave. An amount that nobody can give in dollars says nothing beside amounts of other units, and counts as unknown
//! there.

use std::sync::{Arc, Mutex, PoisonError};

use crate::money::Amount;

/// What is left, and in what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// In the unit that is reported.
    pub amount: Amount,
    /// The unit: `USD`, `CNY`, `points`. `None`: it is not told, and is not the same as any other that is not.
    pub unit: Option<Arc<str>>,
    /// In dollars, where that can be told.
    pub usd: Option<Amount>,
}

/// How much money an account has left, if that is known.
///
/// ```
/// use amp_pool_core::{
///     keys::{Funds, Left, Measure},
///     money::Amount,
/// };
///
/// let (some, more) = (Funds::default(), Funds::default());
/// assert!(some.get().is_none(), "nobody knows, which is not 0");
/// let left = |dollars: i64| Left { amount: Amount(dollars), unit: Some("USD".into()), usd: Some(Amount(dollars)) };
/// some.set(Some(left(5)));
/// more.set(Some(left(25)));
///
/// let all: Vec<Left> = [&some, &more].into_iter().filter_map(Funds::get).collect();
/// let measure = Measure::for_all(&all);
/// assert!(measure.of(all.first()) < measure.of(all.last()));
/// ```
#[derive(Debug, Default)]
pub struct Funds(Mutex<Option<Left>>);

impl Funds {
    /// Takes in what was learned.
    pub fn set(&self, left: Option<Left>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }

    /// What is known.
    #[must_use]
    pub fn get(&self) -> Option<Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a few amounts are compared in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// In their own unit, which is that of all.
    Own,
    /// In dollars.
    Dollars,
}

impl Measure {
    /// The measure for `amounts`, of which those that are not known do not count.
    #[must_use]
    pub fn for_all<'a>(amounts: impl IntoIterator<Item = &'a Left>) -> Self {
        let mut units = amounts.into_iter().map(|left| left.unit.as_deref());
        match units.next().flatten() {
            Some(first) if units.all(|unit| unit == Some(first)) => Self::Own,
            _ => Self::Dollars,
        }
    }

    /// How much is left by this measure; 0 where nobody knows, or nothing is.
    #[must_use]
    pub fn of(self, left: Option<&Left>) -> u64 {
        let amount = left.and_then(|left| if self == Self::Own { Some(left.amount) } else { left.usd });
        amount.map_or(0, |Amount(units)| u64::try_from(units).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(amount: i64, unit: &str, usd: Option<i64>) -> Left {
        let unit = Some(unit).filter(|unit| !unit.is_empty()).map(Into::into);
        Left { amount: Amount(amount), unit, usd: usd.map(Amount) }
    }

    fn check(amounts: &[Left], expected: &[u64]) {
        let measure = Measure::for_all(amounts);
        let found: Vec<_> = amounts.iter().map(|left| measure.of(Some(left))).collect();
        assert_eq!(found, expected, "{amounts:?}");
    }

    #[test]
    fn like_is_compared_with_like_and_the_rest_in_dollars() {
        check(&[left(70, "CNY", None), left(80, "CNY", None)], &[70, 80]);
        check(&[left(70, "CNY", Some(10)), left(20, "USD", Some(20))], &[10, 20]);
        check(&[left(70, "CNY", None), left(20, "USD", Some(20))], &[0, 20]);
        check(&[left(70, "points", None), left(80, "CNY", None)], &[0, 0]);
        check(&[left(70, "", None), left(80, "", None)], &[0, 0]);
        check(&[left(-5, "USD", Some(-5)), left(5, "USD", Some(5))], &[0, 5]);
        assert_eq!(Measure::for_all([]).of(None), 0);
    }
}
