//! How many calls and attempts there were in the last minutes, and how many of them failed.

use std::collections::{BTreeMap, VecDeque};

use super::{SplitBy, rule::LONGEST_WINDOW};
use crate::time::Timestamp;

const MINUTE_MS: i64 = 60_000;
/// Names of one minute. Who asks for many models makes no more.
const MOST_NAMES: usize = 2_000;

/// So many, and so many of them failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub all: u64,
    /// Those that failed, and not by the caller's doing.
    pub failed: u64,
}

impl Count {
    fn add(&mut self, failed: bool) {
        self.all += 1;
        self.failed += u64::from(failed);
    }

    fn plus(self, other: Self) -> Self {
        Self { all: self.all + other.all, failed: self.failed + other.failed }
    }
}

/// The traffic of the last hour, by the minute.
///
/// ```
/// use amp_pool_core::{
///     alert::{Count, SplitBy, Traffic},
///     time::Timestamp,
/// };
///
/// let (mut traffic, now) = (Traffic::default(), Timestamp::from_millis(0));
/// traffic.attempt("openai", "key:1", true, now);
/// traffic.attempt("openai", "key:1", false, now);
/// traffic.call("gpt-4o", false, now);
/// let counts: Vec<(String, Count)> = traffic.counts(SplitBy::Provider, 5, now);
/// assert_eq!((counts[0].0.as_str(), counts[0].1.all, counts[0].1.failed), ("openai", 2, 1));
/// ```
#[derive(Debug, Default)]
pub struct Traffic {
    newest: Minute,
    past: VecDeque<Minute>,
}

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    pool: Count,
    models: BTreeMap<Box<str>, Count>,
    providers: BTreeMap<Box<str>, Count>,
    keys: BTreeMap<Box<str>, Count>,
}

impl Traffic {
    /// Counts a call that has ended.
    pub fn call(&mut self, model: &str, failed: bool, now: Timestamp) {
        let minute = self.minute(now);
        minute.pool.add(failed);
        add(&mut minute.models, model, failed);
    }

    /// Counts an attempt that has ended.
    pub fn attempt(&mut self, provider: &str, key: &str, failed: bool, now: Timestamp) {
        let minute = self.minute(now);
        add(&mut minute.providers, provider, failed);
        add(&mut minute.keys, key, failed);
    }

    /// What there was in the last `minutes`, the running one included, in the order of the names. The pool as a whole is
    /// always there.
    #[must_use]
    pub fn counts(&self, by: SplitBy, minutes: u16, now: Timestamp) -> Vec<(String, Count)> {
        let oldest = number(now) - i64::from(minutes) + 1;
        let recent = self.past.iter().chain([&self.newest]).filter(|minute| minute.number >= oldest);
        if by == SplitBy::Pool {
            return vec![(String::new(), recent.fold(Count::default(), |sum, minute| sum.plus(minute.pool)))];
        }
        let mut sums = BTreeMap::<&str, Count>::new();
        for (name, count) in recent.flat_map(|minute| minute.split(by)) {
            let sum = sums.entry(name).or_default();
            *sum = sum.plus(*count);
        }
        sums.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }

    /// The minute of `now`, where nothing is older than an hour. A clock that was set back counts on in the newest one.
    fn minute(&mut self, now: Timestamp) -> &mut Minute {
        let now = number(now);
        if self.newest.number < now {
            let newest = Minute { number: now, ..Minute::default() };
            self.past.push_back(std::mem::replace(&mut self.newest, newest));
        }
        while self.past.len() >= usize::from(LONGEST_WINDOW) {
            self.past.pop_front();
        }
        &mut self.newest
    }
}

impl Minute {
    fn split(&self, by: SplitBy) -> impl Iterator<Item = (&str, &Count)> {
        let counts = match by {
            SplitBy::Pool | SplitBy::Model => &self.models,
            SplitBy::Provider => &self.providers,
            SplitBy::Key => &self.keys,
        };
        counts.iter().map(|(name, count)| (&**name, count))
    }
}

fn number(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(MINUTE_MS)
}

fn add(counts: &mut BTreeMap<Box<str>, Count>, name: &str, failed: bool) {
    let has_room = counts.len() < MOST_NAMES;
    match counts.get_mut(name) {
        Some(count) => count.add(failed),
        None if has_room => counts.entry(name.into()).or_default().add(failed),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn only_the_last_minutes_count() {
        let mut traffic = Traffic::default();
        traffic.call("a", true, at(0));
        traffic.call("a", false, at(61));
        traffic.call("b", true, at(119));
        let pool = |minutes, now| traffic.counts(SplitBy::Pool, minutes, at(now))[0].1;

        assert_eq!(pool(2, 119), Count { all: 3, failed: 2 });
        assert_eq!(pool(1, 119), Count { all: 2, failed: 1 });
        assert_eq!(pool(1, 180), Count::default());
        let models = traffic.counts(SplitBy::Model, 2, at(119));
        assert_eq!(models, [("a".into(), Count { all: 2, failed: 1 }), ("b".into(), Count { all: 1, failed: 1 })]);
    }

    #[test]
    fn attempts_are_counted_apart() {
        let mut traffic = Traffic::default();
        traffic.attempt("openai", "1", true, at(0));
        traffic.attempt("openai", "2", false, at(0));
        assert_eq!(traffic.counts(SplitBy::Pool, 5, at(0)), [(String::new(), Count::default())]);
        assert_eq!(traffic.counts(SplitBy::Provider, 5, at(0)), [("openai".into(), Count { all: 2, failed: 1 })]);
        assert_eq!(traffic.counts(SplitBy::Key, 5, at(0)).len(), 2);
    }

    #[test]
    fn memory_is_bounded() {
        let mut traffic = Traffic::default();
        for n in 0..i64::from(LONGEST_WINDOW) * 3 {
            traffic.call("m", false, at(n * 60));
        }
        for n in 0..MOST_NAMES * 2 {
            traffic.call(&n.to_string(), false, at(0));
        }
        assert_eq!(traffic.past.len() + 1, usize::from(LONGEST_WINDOW));
        assert_eq!(traffic.newest.models.len(), MOST_NAMES);
    }
}
