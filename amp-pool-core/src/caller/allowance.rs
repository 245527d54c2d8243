//! What a caller may ask for and spend, and with whom it shares that.
//!
//! Limits are counted in a turnstile that outlives changes of the configuration; what is spent is known to the store alone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use super::Turnstile;
use crate::{
    budget::{Budget, Claim, Scope},
    keys::Caps,
    time::Timestamp,
};

/// Limits and a budget that one caller has for itself, or many share.
#[derive(Debug, Clone)]
pub struct Allowance {
    /// Whose they are.
    pub scope: Scope,
    /// What may be asked for at most.
    pub limits: Caps,
    /// What may be spent.
    pub budget: Option<Budget>,
    /// Where calls are counted.
    pub turnstile: Arc<Turnstile>,
}

impl Allowance {
    /// Whether there is anything to be kept.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.limits == Caps::default() && self.budget.is_none()
    }

    /// What a hold at `now` has to keep, and when that begins anew.
    #[must_use]
    pub fn claim(&self, now: Timestamp) -> Option<(Claim, Option<Timestamp>)> {
        let budget = self.budget.as_ref()?;
        let (period, until) = budget.period(self.scope, now);
        Some((Claim { period, limit: budget.limit }, until))
    }
}

/// The turnstiles of everybody.
///
/// ```
/// use std::{sync::Arc, time::Instant};
///
/// use amp_pool_core::{
///     budget::{Budget, Claim, Scope, Window},
///     caller::{Allowance, Allowances},
///     id::TokenId,
///     keys::Caps,
///     time::Timestamp,
/// };
///
/// let (all, now) = (Allowances::default(), Instant::now());
/// let (scope, budget) = (Scope::Token(TokenId(1)), Budget::of("25".parse()?, Window::Day));
/// let first: Arc<Allowance> = all.of(scope, Caps::default(), Some(budget.clone()), now);
/// // Who asks again with other limits goes on at the same turnstile.
/// let again = all.of(scope, Caps { rpm: Some(10), ..Caps::default() }, Some(budget), now);
/// assert!(Arc::ptr_eq(&first.turnstile, &again.turnstile));
///
/// let (claim, until): (Claim, _) = first.claim(Timestamp::from_millis(0)).ok_or("it has a budget")?;
/// assert_eq!((claim.limit, claim.period.scope), ("25".parse()?, scope));
/// assert_eq!(until, Some(Timestamp::from_millis(86_400_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Allowances(Mutex<HashMap<Scope, Arc<Turnstile>>>);

impl Allowances {
    /// What `scope` may. Calls that are under way stay counted when its limits change.
    #[must_use]
    pub fn of(&self, scope: Scope, limits: Caps, budget: Option<Budget>, now: Instant) -> Arc<Allowance> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turnstile = known.entry(scope).or_insert_with(|| Arc::new(Turnstile::new(now))).clone();
        Arc::new(Allowance { scope, limits, budget, turnstile })
    }
}
