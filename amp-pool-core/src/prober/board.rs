//! What is known of balances now, and when each is asked for again.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    balance::Refusal,
    id::KeyId,
    keys::LiveKey,
    store::{BalanceSource, StoredBalance},
    time::Timestamp,
};

/// A question that is under way counts as planned for so long: nobody else is to ask meanwhile.
const LEASE: Duration = Duration::from_secs(5 * 60);

/// Why the last question had no answer.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     balance::RefusalKind,
///     keys::KeySpec,
///     prober::Trouble,
///     secret::Secret,
///     testkit::{Reply, Script},
/// };
///
/// let upstream = Script::new().on("sk-a", Reply::error(401, "authentication_error", "invalid", "no such key"));
/// let pool = Pool::builder().transport(upstream).build().await?;
/// let key = pool.handle().add_key(KeySpec::new("mine", "deepseek", Secret::new("sk-a"))).await?.key.id;
/// let view = pool.handle().refresh_balance(key).await?;
/// let Trouble { refusal, .. } = view.trouble.ok_or("it was refused")?;
/// assert_eq!(refusal.kind, RefusalKind::BadKey);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What it means.
    pub refusal: Refusal,
    /// When it was.
    pub at: Timestamp,
}

#[derive(Default)]
struct Entry {
    /// Whose it is: another credential begins anew.
    fingerprint: String,
    reported: Option<Arc<StoredBalance>>,
    trouble: Option<Trouble>,
    failures: u32,
    asked: Option<Instant>,
    due: Option<Instant>,
    /// Its balance has stopped the key.
    stopped: bool,
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Known {
    entries: HashMap<KeyId, Entry>,
    manual: HashMap<KeyId, Arc<StoredBalance>>,
}

/// What is known of balances now.
pub(super) struct Board(Mutex<Known>);

impl Board {
    pub(super) fn new(latest: Vec<StoredBalance>) -> Self {
        let mut known = Known::default();
        for stored in latest {
            let (key, stored) = (stored.balance.key, Arc::new(stored));
            if stored.balance.source == BalanceSource::Manual {
                known.manual.insert(key, stored);
                continue;
            }
            let fingerprint = stored.balance.fingerprint.clone();
            known.entries.insert(key, Entry { fingerprint, reported: Some(stored), ..Entry::default() });
        }
        Self(Mutex::new(known))
    }

    /// Forgets keys that are gone.
    pub(super) fn keep(&self, keys: &HashSet<KeyId>) {
        let mut known = self.lock();
        known.entries.retain(|key, _| keys.contains(key));
        known.manual.retain(|key, _| keys.contains(key));
    }

    pub(super) fn look_again(&self, key: KeyId) {
        if let Some(entry) = self.lock().entries.get_mut(&key) {
            (entry.due, entry.failures) = (Some(Instant::now()), 0);
        }
    }

    pub(super) fn turn(&self, live: &LiveKey) -> Arc<tokio::sync::Mutex<()>> {
        self.with(live, |entry| entry.turn.clone())
    }

    /// Whether a question that was asked after `then` has ended.
    pub(super) fn asked_since(&self, live: &LiveKey, then: Instant) -> bool {
        self.with(live, |entry| entry.asked.is_some_and(|asked| asked > then))
    }

    pub(super) fn reported(&self, live: &LiveKey) -> Option<Arc<StoredBalance>> {
        self.with(live, |entry| entry.reported.clone())
    }

    pub(super) fn last_trouble(&self, live: &LiveKey) -> Option<Trouble> {
        self.with(live, |entry| entry.trouble.clone())
    }

    pub(super) fn is_stopped(&self, live: &LiveKey) -> bool {
        self.with(live, |entry| entry.stopped)
    }

    pub(super) fn due(&self, live: &LiveKey) -> Option<Instant> {
        self.with(live, |entry| entry.due)
    }

    pub(super) fn manual(&self, key: KeyId) -> Option<Arc<StoredBalance>> {
        self.lock().manual.get(&key).cloned()
    }

    pub(super) fn set_manual(&self, stored: StoredBalance) {
        self.lock().manual.insert(stored.balance.key, Arc::new(stored));
    }

    /// Takes an answer in and gives the one before.
    pub(super) fn report(&self, live: &LiveKey, mut stored: StoredBalance) -> Option<Arc<StoredBalance>> {
        self.with(live, |entry| {
            if let Some(before) = &entry.reported
                && before.balance.reading.repeats(&stored.balance.reading)
            {
                stored.create_time = before.create_time;
            }
            (entry.trouble, entry.failures, entry.asked) = (None, 0, Some(Instant::now()));
            entry.reported.replace(Arc::new(stored))
        })
    }

    /// Takes a refusal in and says how many there were in a row. The last answer stays.
    pub(super) fn trouble(&self, live: &LiveKey, trouble: Trouble) -> u32 {
        self.with(live, |entry| {
            entry.failures = entry.failures.saturating_add(1);
            (entry.trouble, entry.asked) = (Some(trouble), Some(Instant::now()));
            entry.failures
        })
    }

    /// Says what it was before.
    pub(super) fn set_stopped(&self, live: &LiveKey, stopped: bool) -> bool {
        self.with(live, |entry| std::mem::replace(&mut entry.stopped, stopped))
    }

    pub(super) fn plan(&self, live: &LiveKey, wait: Duration) {
        self.with(live, |entry| entry.due = Some(Instant::now() + wait));
    }

    /// How old the last answer is.
    pub(super) fn age(&self, live: &LiveKey, now: Timestamp) -> Option<Duration> {
        let at = self.reported(live)?.update_time;
        Some(Duration::from_millis(u64::try_from(now.as_millis().saturating_sub(at.as_millis())).unwrap_or_default()))
    }

    /// Whether a key is to be asked for now; if so it is planned for later at once. A key that was never planned is
    /// planned for `first`. With `soon`, it is due that long after the last question at the latest.
    pub(super) fn is_due(
        &self,
        live: &LiveKey,
        now: Instant,
        first: impl FnOnce() -> Duration,
        soon: Option<Duration>,
    ) -> bool {
        if self.due(live).is_none() {
            self.plan(live, first());
        }
        self.with(live, |entry| {
            let sooner = soon.map(|soon| entry.asked.unwrap_or(now) + soon);
            let due = entry.due.into_iter().chain(sooner).min().is_some_and(|due| due <= now);
            if due {
                entry.due = Some(now + LEASE);
            }
            due
        })
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.lock().entries.values().filter_map(|entry| entry.due).min()
    }

    fn with<T>(&self, live: &LiveKey, work: impl FnOnce(&mut Entry) -> T) -> T {
        let mut known = self.lock();
        let entry = known.entries.entry(live.key.id).or_default();
        if entry.fingerprint != live.key.fingerprint {
            *entry = Entry { fingerprint: live.key.fingerprint.clone(), ..Entry::default() };
        }
        work(entry)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Every change is complete in itself, so a poisoned lock holds nothing half-done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
