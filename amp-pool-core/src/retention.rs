//! Forgetting old calls by a policy, and adding up the sums that are left of them, in steps that nobody has to wait for.
//!
//! An operator says how long single calls are kept, or how much room the books may take, or both. Sums, budgets and
//! balances are kept for ever: they grow with hours and days, not with calls.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use serde::Deserialize;
use tokio::{sync::Notify, time::Instant};

use crate::{
    store::{Extent, Store, StoreError},
    time::{Clock, Timestamp},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How often somebody looks whether there is anything to forget.
const PAUSE: Duration = Duration::from_secs(10 * 60);
/// Calls that one transaction forgets, so that nobody waits long for it.
pub const STEP: u32 = 64;
/// After each step others have the books for so many times as long as it took: with twenty times it was in the way of every
/// hundredth call, and with less the checkpoints that it brings were as well. More than a thousand calls a second are
/// forgotten so.
pub const REST: u32 = 60;
/// Less than this a store uses for itself.
const LEAST_BYTES: u64 = 10_000_000;
/// What has to make room goes by the hour, so that no more is forgotten than has to be.
const SLICE_MS: i64 = 60 * 60 * 1000;

/// How much is kept of single calls.
///
/// As JSON, the value of the setting `retention`: `{"days": 90, "bytes": 10000000000}`, each of which may be left out.
///
/// ```
/// use amp_pool_core::{retention::Policy, store::Extent, time::Timestamp};
///
/// let policy: Policy = serde_json::from_str(r#"{"days": 30, "bytes": 10000000000}"#)?;
/// let oldest: Timestamp = "2026-01-01T00:00:00Z".parse()?;
/// let now: Timestamp = "2026-02-15T12:00:00Z".parse()?;
/// let extent = Extent { oldest: Some(oldest), bytes: Some(2_000_000_000), ..Extent::default() };
/// // There is room, and whole days are too old.
/// assert_eq!(policy.horizon(&extent, now), Some("2026-01-16T00:00:00Z".parse()?));
/// assert_eq!(Policy::default().horizon(&extent, now), None, "all is kept");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// For how many days. `None`: for ever.
    pub days: Option<u32>,
    /// How many bytes the whole store may use. The oldest calls go first; the newest day stays. `None`: any number.
    pub bytes: Option<u64>,
}

/// The setting that holds the policy.
pub(crate) const SETTING: &str = "retention";

impl Policy {
    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if self.days == Some(0) {
            return Some("calls are kept for at least a day");
        }
        self.bytes.is_some_and(|bytes| bytes < LEAST_BYTES).then_some("the books need at least 10000000 bytes")
    }

    /// The time before which calls are to be forgotten now. `None`: all are kept.
    ///
    /// Days are those of UTC and are forgotten whole, hours too, so that what is left adds up to the sums of its hours.
    #[must_use]
    pub fn horizon(&self, extent: &Extent, now: Timestamp) -> Option<Timestamp> {
        let by_age = self.days.map(|days| now.day().plus_millis(-i64::from(days).saturating_mul(DAY_MS)));
        let is_too_large = extent.bytes.zip(self.bytes).is_some_and(|(used, most)| used > most);
        let newest = now.plus_millis(-DAY_MS).hour();
        let slice = extent.oldest.map(|oldest| oldest.hour().plus_millis(SLICE_MS).min(newest));
        let by_room = slice.filter(|_| is_too_large);
        by_age.max(by_room).filter(|before| extent.oldest.is_some_and(|oldest| oldest < *before))
    }
}

/// Forgets by a policy, for as long as it lives.
pub(crate) struct Retention {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    policy: Mutex<Policy>,
    changed: Arc<Notify>,
}

impl Retention {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { store, clock, policy: Mutex::default(), changed: Arc::default() })
    }

    /// Begins to look after the store, on the current runtime.
    pub(crate) fn start(self: &Arc<Self>) {
        tokio::spawn(watch(Arc::downgrade(self), self.changed.clone()));
    }

    pub(crate) fn set(&self, policy: Policy) {
        let mut current = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != policy {
            *current = policy;
            self.changed.notify_one();
        }
    }

    fn policy(&self) -> Policy {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One step. Says whether there is more to do.
    async fn step(&self) -> Result<bool, StoreError> {
        let (policy, now) = (self.policy(), self.clock.now());
        let more = self.store.sum_up(now).await?;
        if policy == Policy::default() {
            return Ok(more);
        }
        let Some(before) = policy.horizon(&self.store.extent().await?, now) else { return Ok(more) };
        let forgotten = self.store.forget(before, STEP, now).await?;
        Ok(more || forgotten.calls > 0)
    }
}

/// Ends when nobody holds the retention any more.
async fn watch(retention: Weak<Retention>, changed: Arc<Notify>) {
    loop {
        let Some(alive) = retention.upgrade() else { return };
        let began = Instant::now();
        let pause = match alive.step().await {
            Ok(true) => began.elapsed() * REST,
            Ok(false) => PAUSE,
            Err(error) => {
                tracing::warn!(%error, "old calls could not be forgotten or summed up; trying again later");
                PAUSE
            }
        };
        drop(alive);
        let _ = tokio::time::timeout(pause, changed.notified()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::store::{
        Entry, GroupBy, Page, RecordFilter, RecordStore as _, TotalsFilter, calls, memory::MemoryStore,
    };

    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    fn call(n: u64, create_time: Timestamp) -> Entry {
        Entry::Settled(Box::new(calls::settled(calls::opened(n, create_time), Vec::new())))
    }

    async fn counts(store: &MemoryStore) -> (usize, u64) {
        let all = Page { before: None, limit: 10_000 };
        let listed = store.list(RecordFilter::default(), all).await.unwrap().len();
        let sums = store.totals(TotalsFilter::span(at(0), at(10_000)), GroupBy::Nothing).await.unwrap();
        (listed, sums[0].requests)
    }

    #[tokio::test(start_paused = true)]
    async fn old_calls_go_step_by_step_and_their_sums_stay() {
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(Hand(at(240).as_millis().into())));
        let calls: Vec<_> = (0..700).map(|n| call(n, at(if n < 600 { 1 } else { 239 }))).collect();
        store.commit(calls.into()).await.unwrap();
        let retention = Retention::new(store.clone(), clock.clone());
        retention.start();
        tokio::time::sleep(PAUSE * 2).await;
        assert_eq!(counts(&store).await, (700, 700), "without a policy all is kept");

        retention.set(Policy { days: Some(3), bytes: None });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(counts(&store).await, (100, 700));

        clock.0.store(at(400).as_millis(), Ordering::Relaxed);
        tokio::time::sleep(PAUSE * 2).await;
        assert_eq!(counts(&store).await, (0, 700));
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * 60 * 60 * 1000)
    }

    #[track_caller]
    fn check(policy: Policy, oldest: Option<i64>, bytes: u64, expected: Option<i64>) {
        let extent = Extent { oldest: oldest.map(at), bytes: Some(bytes), forgotten_before: None };
        assert_eq!(policy.horizon(&extent, at(1_000)), expected.map(at), "{policy:?} {extent:?}");
    }

    #[test]
    fn whole_days_are_forgotten_by_age_and_whole_hours_by_room() {
        let (days, bytes) = (Some(10), Some(100));
        check(Policy::default(), Some(0), 1_000, None);
        // Hour 1,000 is the sixteenth of its day.
        check(Policy { days, ..Policy::default() }, Some(0), 1_000, Some(744));
        check(Policy { days, ..Policy::default() }, Some(744), 1_000, None);
        check(Policy { days, ..Policy::default() }, None, 1_000, None);
        check(Policy { bytes, ..Policy::default() }, Some(900), 101, Some(901));
        check(Policy { bytes, ..Policy::default() }, Some(900), 100, None);
        check(Policy { bytes, ..Policy::default() }, Some(976), 101, None);
        check(Policy { days, bytes }, Some(0), 101, Some(744));
    }
}
