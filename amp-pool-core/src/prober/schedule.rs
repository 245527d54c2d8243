//! When to ask again.

use std::time::Duration;

use super::SHORTEST_STOP;
use crate::balance::RefusalKind;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a network failure is waited out at first.
const FIRST_RETRY: Duration = Duration::from_secs(60);
/// Keys of which nothing is known are asked within this time, so that a start does not ask all of them at once.
const SPREAD: Duration = Duration::from_secs(30);
/// The pause of a schedule that nobody set: only used to reckon how long a stop lasts.
const USUAL: Duration = Duration::from_secs(60 * 60);

/// When balances are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// How often each key is asked for; a little more or less, so that keys do not march in step. `None`: on demand only.
    pub every: Option<Duration>,
    /// How many questions may be under way at the same time.
    pub at_once: usize,
    /// How long one request may take.
    pub patience: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { every: None, at_once: 4, patience: Duration::from_secs(20) }
    }
}

impl Schedule {
    /// Every key so often.
    ///
    /// ```
    /// use std::time::Duration;
    /// use amp_pool_core::prober::Schedule;
    ///
    /// assert_eq!(Schedule::every(Duration::from_secs(3600)).at_once, 4);
    /// ```
    #[must_use]
    pub fn every(pause: Duration) -> Self {
        Self { every: Some(pause), ..Self::default() }
    }

    fn pause(&self) -> Duration {
        self.every.unwrap_or(USUAL)
    }

    /// How long a key stays stopped when no further balance comes: two questions may fail.
    pub(super) fn stop(&self) -> Duration {
        (self.pause() * 2).max(SHORTEST_STOP)
    }

    /// The wait after an answer. Money that is gone is looked for more often.
    pub(super) fn after_answer(&self, stopped: bool) -> Duration {
        let pause = if stopped { self.pause().min(super::SOON) } else { self.pause() };
        jitter(pause, chance())
    }

    /// The wait after a refusal, longer with each in a row.
    pub(super) fn after_refusal(&self, kind: RefusalKind, asked: Option<Duration>, failures: u32) -> Duration {
        let doubled = |first: Duration| first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16)));
        let wait = match kind {
            RefusalKind::NotOffered | RefusalKind::NotAllowed | RefusalKind::Incomplete => DAY,
            RefusalKind::Unreachable => doubled(FIRST_RETRY.min(self.pause())).min(self.pause()),
            RefusalKind::RateLimited | RefusalKind::BadKey | RefusalKind::Unreadable => doubled(self.pause()),
        };
        jitter(wait.min(DAY).max(asked.unwrap_or_default()), chance())
    }

    /// The wait for a key's first question in this process. `age` is that of what is known of it.
    pub(super) fn first(&self, age: Option<Duration>) -> Duration {
        let left = age.map(|age| self.pause().saturating_sub(age)).unwrap_or_default();
        left + SPREAD.min(self.pause()).mul_f64(f64::from(chance()) / 256.0)
    }
}

/// Up to a tenth more or less.
fn jitter(wait: Duration, chance: u8) -> Duration {
    wait.mul_f64(0.9 + 0.2 * f64::from(chance) / 255.0)
}

fn chance() -> u8 {
    let mut byte = [0];
    // Without randomness all wait the same: a nuisance, not a failure.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn check(kind: RefusalKind, failures: u32, asked: Option<u64>, expected: u64) {
        let wait = Schedule::every(secs(3600)).after_refusal(kind, asked.map(secs), failures);
        let near = wait >= secs(expected).mul_f64(0.9) && wait <= secs(expected).mul_f64(1.1);
        assert!(near, "{kind:?} after {failures}: {wait:?}, not {expected} s");
    }

    #[test]
    fn failures_are_asked_about_less_and_less() {
        check(RefusalKind::Unreachable, 1, None, 60);
        check(RefusalKind::Unreachable, 3, None, 240);
        check(RefusalKind::Unreachable, 30, None, 3600);
        check(RefusalKind::BadKey, 1, None, 3600);
        check(RefusalKind::BadKey, 3, None, 4 * 3600);
        check(RefusalKind::Unreadable, 30, None, 86_400);
        check(RefusalKind::NotOffered, 1, None, 86_400);
        check(RefusalKind::RateLimited, 1, Some(7200), 7200);
        check(RefusalKind::RateLimited, 1, Some(5), 3600);
    }

    #[test]
    fn keys_do_not_march_in_step() {
        assert_eq!((jitter(secs(100), 0), jitter(secs(100), 255)), (secs(90), secs(110)));
        let schedule = Schedule::every(secs(3600));
        assert!(schedule.first(None) < SPREAD);
        assert!(schedule.first(Some(secs(600))) >= secs(3000));
        assert!(schedule.after_answer(true) <= super::super::SOON.mul_f64(1.1));
    }
}
