//! The way to an upstream: provider, base URL and proxy, shared by all keys that take it.
//!
//! Its trouble is told apart from theirs in two ways. A failure of the network or of the upstream counts here and never
//! against a key. And when many keys of it fail alike while none is answered, it is to blame, not they: an upstream that
//! refuses every credential for ten seconds must not empty the pool.
//!
//! Pure: callers pass `now`.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Condition, Health, Lesson};
use crate::id::KeyId;

/// The way to an upstream. Every call of its keys comes by, so what each call does here takes no lock.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use amp_pool_core::keys::{Lesson, Line};
///
/// // What keys with the same upstream and the same egress share.
/// let (line, now) = (Line::new(Instant::now()), Instant::now());
/// assert!(line.condition(now).is_none());
/// line.rest(Some(Duration::from_secs(5)), "connection refused".into(), now);
/// assert!(line.condition(now).is_some());
/// // A key behind it that is answered proves that the way is there again.
/// line.health.learn("", Lesson::Fit { sent: now + Duration::from_millis(1) }, now + Duration::from_millis(2));
/// assert!(line.condition(now + Duration::from_millis(2)).is_none());
/// ```
#[derive(Debug)]
pub struct Line {
    /// Its fitness.
    pub health: Health,
    began: Instant,
    /// When a key was last answered, in milliseconds since it began, and one more; 0: never.
    answered: AtomicU64,
    /// Since when it has not been in trouble, counted in the same way; 0: it is. A new one is given credit.
    well_since: AtomicU64,
    /// What may be tried again, in thousandths of a try.
    retries: AtomicU64,
    /// Until when free retries were given, in milliseconds since it began.
    filled: AtomicU64,
    /// Whether there are complaints.
    complained: AtomicBool,
    complaints: Mutex<Vec<(Instant, KeyId, Complaint)>>,
}

/// How keys fail.
///
/// ```
/// use std::time::Instant;
///
/// use amp_pool_core::{
///     id::KeyId,
///     keys::{Complaint, Line},
/// };
///
/// let now = Instant::now();
/// let line = Line::new(now);
/// assert!(!line.is_to_blame(KeyId(1), Complaint::Credential, now), "one key may be wrong");
/// assert!(!line.is_to_blame(KeyId(2), Complaint::Money, now), "and another without money");
/// assert!(!line.is_to_blame(KeyId(3), Complaint::Credential, now));
/// // An upstream that refuses three credentials within seconds has a trouble of its own.
/// assert!(line.is_to_blame(KeyId(4), Complaint::Credential, now));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Complaint {
    /// The credential was refused.
    Credential,
    /// A limit was reached.
    Limit,
    /// The money is gone.
    Money,
}

/// So many keys that fail alike, within this time and without an answer in between, are not to blame.
const TOO_MANY: usize = 3;
const ALIKE_WITHIN: Duration = Duration::from_secs(10);

/// Each first try pays for a fifth of another one, and so many a second are free.
const RETRY: u64 = 1000;
const PAID_BY_A_FIRST: u64 = RETRY / 5;
const FREE_A_SECOND: u64 = 5 * RETRY;
/// What can be saved up: so many free seconds.
const SAVED: u64 = 10 * FREE_A_SECOND;
/// What a line begins with.
const AT_FIRST: u64 = 10 * RETRY;

impl Line {
    /// A line of which nothing is known.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            health: Health::default(),
            began: now,
            answered: AtomicU64::new(0),
            well_since: AtomicU64::new(1),
            retries: AtomicU64::new(AT_FIRST),
            filled: AtomicU64::new(0),
            complained: AtomicBool::new(false),
            complaints: Mutex::default(),
        }
    }

    /// What is the matter with it at `now`, if anything is.
    #[must_use]
    pub fn condition(&self, now: Instant) -> Option<Condition> {
        self.health.condition(now)
    }

    /// A call is sent for the first time.
    pub fn first_try(&self) {
        // Two calls at once may save a fifth too much: nobody has to wait for that.
        if self.retries.load(Ordering::Relaxed) < SAVED {
            self.retries.fetch_add(PAID_BY_A_FIRST, Ordering::Relaxed);
        }
    }

    /// Whether a call that failed by the line's own fault may be tried on it once more.
    #[must_use]
    pub fn may_retry(&self, now: Instant) -> bool {
        let millis = self.millis(now);
        let idle = millis.saturating_sub(self.filled.fetch_max(millis, Ordering::AcqRel));
        let free = idle.saturating_mul(FREE_A_SECOND / 1000);
        let filled = |saved: u64| saved.saturating_add(free).min(SAVED);
        let spend = |saved: u64| Some(filled(saved).checked_sub(RETRY).unwrap_or(filled(saved)));
        let before = self.retries.fetch_update(Ordering::AcqRel, Ordering::Acquire, spend).unwrap_or_default();
        filled(before) >= RETRY
    }

    /// A key was answered: whoever fails beside it does so alone.
    pub fn answered(&self, now: Instant) {
        let moment = self.millis(now) + 1;
        self.answered.store(moment, Ordering::Release);
        if self.well_since.load(Ordering::Acquire) == 0 {
            self.well_since.store(moment, Ordering::Release);
        }
        if self.complained.load(Ordering::Acquire) {
            self.complaints().clear();
            self.complained.store(false, Ordering::Release);
        }
    }

    /// It rests for its own fault.
    pub fn rest(&self, wait: Option<Duration>, reason: String, now: Instant) {
        self.well_since.store(0, Ordering::Release);
        self.health.learn("", Lesson::Rest { wait, reason }, now);
    }

    /// Whether it was well through a silence that began at `began`: not in trouble at any time, and answered in the later
    /// half. Whoever was silent then was so alone.
    #[must_use]
    pub fn was_well(&self, began: Instant, now: Instant) -> bool {
        let since = self.well_since.load(Ordering::Acquire);
        let half = began + now.saturating_duration_since(began) / 2;
        (1..=self.millis(began) + 1).contains(&since) && self.answered.load(Ordering::Acquire) > self.millis(half)
    }

    /// A key failed. Whether so many do alike that not the key is to blame.
    #[must_use]
    pub fn is_to_blame(&self, key: KeyId, complaint: Complaint, now: Instant) -> bool {
        let mut complaints = self.complaints();
        self.complained.store(true, Ordering::Release);
        let young = |at: Instant| now.saturating_duration_since(at) < ALIKE_WITHIN;
        complaints.retain(|(at, whose, _)| young(*at) && *whose != key);
        complaints.push((now, key, complaint));
        complaints.iter().filter(|(_, _, what)| *what == complaint).count() >= TOO_MANY
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX - 1)
    }

    fn complaints(&self) -> MutexGuard<'_, Vec<(Instant, KeyId, Complaint)>> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner)
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
            line.answered(now);
        }
    }

    #[test]
    fn a_line_is_well_through_a_silence_if_it_was_so_all_the_time() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let line = Line::new(start);
        assert!(!line.was_well(at(0), at(10)), "nobody was answered");
        line.answered(at(1));
        line.answered(at(8));
        assert!(line.was_well(at(2), at(10)));
        assert!(!line.was_well(at(8), at(20)), "nobody was answered of late");

        line.rest(None, "broken".into(), at(11));
        line.answered(at(19));
        assert!(!line.was_well(at(10), at(20)), "it was in trouble");
    }

    #[test]
    fn retries_are_a_fifth_of_the_traffic_and_a_few() {
        let now = Instant::now();
        let line = Line::new(now);
        let granted = |calls: u64, at| (0..calls).filter(|_| line.may_retry(at)).count();
        assert_eq!(granted(100, now), 10, "what it begins with");
        (0..40).for_each(|_| line.first_try());
        assert_eq!(granted(100, now), 8, "a fifth");
        assert_eq!(granted(100, now + Duration::from_secs(3)), 15, "five a second");
        (0..1000).for_each(|_| line.first_try());
        assert_eq!(granted(100, now + Duration::from_secs(3)), 50, "no more is saved");
    }
}
