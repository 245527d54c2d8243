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
