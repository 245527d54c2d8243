//! The way to an upstream: provider, base URL and proxy, shared by all keys that take it.
//!
//! Its trouble is told apart from theirs in two ways. A failure of the network or of the upstream counts here and never
//! against a key. And when many keys of it fail alike while none is answered, it is to blame, not they: an upstream that
//! refuses every credential for ten seconds must not empty the pool.
//!
//! Pure: callers pass `now`.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Condition, Health};
use crate::id::KeyId;

/// The way to an upstream.
#[derive(Debug)]
pub struct Line {
    /// Its fitness.
    pub health: Health,
    recent: Mutex<Recent>,
}

/// How keys fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Complaint {
    /// The credential was refused.
    Credential,
    /// A limit was reached.
    Limit,
    /// The money is gone.
    Money,
}

#[derive(Debug)]
struct Recent {
    complaints: Vec<(Instant, KeyId, Complaint)>,
    /// What may be tried again, in thousandths of a try.
    retries: u64,
    filled: Instant,
}

/// So many keys that fail alike, within this time and without an answer in between, are not to blame.
const TOO_MANY: usize = 3;
const ALIKE_WITHIN: Duration = Duration::from_secs(10);

/// Each first try pays for a fifth of another one, and so many a second are free.
const RETRY: u64 = 1000;
const PAID_BY_A_FIRST: u64 = RETRY / 5;
const FREE_A_SECOND: u64 = 10 * RETRY;
/// What can be saved up: so many free seconds.
const SAVED: u64 = 10 * FREE_A_SECOND;

impl Line {
    /// A line of which nothing is known.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let recent = Recent { complaints: Vec::new(), retries: FREE_A_SECOND, filled: now };
        Self { health: Health::default(), recent: Mutex::new(recent) }
    }

    /// What is the matter with it at `now`, if anything is.
    #[must_use]
    pub fn condition(&self, now: Instant) -> Option<Condition> {
        self.health.condition(now)
    }

    /// A call is sent for the first time.
    pub fn first_try(&self) {
        let mut recent = self.recent();
        recent.retries = (recent.retries + PAID_BY_A_FIRST).min(SAVED);
    }

    /// Whether a call that failed by the line's own fault may be tried on it once more.
    #[must_use]
    pub fn may_retry(&self, now: Instant) -> bool {
        let mut recent = self.recent();
        let idle = now.saturating_duration_since(recent.filled).as_millis();
        let free = u64::try_from(idle).unwrap_or(u64::MAX).saturating_mul(FREE_A_SECOND / 1000);
        recent.retries = recent.retries.saturating_add(free).min(SAVED);
        recent.filled = now;
        let left = recent.retries.checked_sub(RETRY);
        recent.retries = left.unwrap_or(recent.retries);
        left.is_some()
    }

    /// A key was answered: whoever fails beside it does so alone.
    pub fn answered(&self) {
        let mut recent = self.recent();
        if !recent.complaints.is_empty() {
            recent.complaints.clear();
        }
    }

    /// A key failed. Whether so many do alike that not the key is to blame.
    #[must_use]
    pub fn is_to_blame(&self, key: KeyId, complaint: Complaint, now: Instant) -> bool {
        let mut recent = self.recent();
        let young = |at: Instant| now.saturating_duration_since(at) < ALIKE_WITHIN;
        recent.complaints.retain(|(at, whose, _)| young(*at) && *whose != key);
        recent.complaints.push((now, key, complaint));
        recent.complaints.iter().filter(|(_, _, what)| *what == complaint).count() >= TOO_MANY
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_keys_that_fail_alike_are_not_to_blame() {
        let now = Instant::now();
        let line = Line::new(now);
        let fails = |key, at| line.is_to_blame(KeyId(key), Complaint::Credential, at);

        assert_eq!([fails(1, now), fails(1, now), fails(2, now), fails(3, now)], [false, false, false, true]);
        assert!(!line.is_to_blame(KeyId(4), Complaint::Money, now), "another kind of failure");
        assert!(!fails(5, now + ALIKE_WITHIN), "too long ago");
    }

    #[test]
    fn a_key_that_fails_beside_one_that_is_answered_fails_alone() {
        let now = Instant::now();
        let line = Line::new(now);
        for key in 1..10 {
            assert!(!line.is_to_blame(KeyId(key), Complaint::Limit, now));
            line.answered();
        }
    }

    #[test]
    fn retries_are_a_fifth_of_the_traffic_and_a_few() {
        let now = Instant::now();
        let line = Line::new(now);
        (0..100).for_each(|_| line.first_try());
        let granted = (0..100).filter(|_| line.may_retry(now)).count();
        assert_eq!(granted, 10 + 20);
        assert!((0..100).filter(|_| line.may_retry(now + Duration::from_secs(1))).count() == 10);
    }
}
