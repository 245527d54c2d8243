//! What is kept of the fitness of keys: what troubles each now, and a bounded history.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    keys::{HealthEvent, KeptHealth, Report},
    time::Timestamp,
};

use super::{Page, StoreFuture};

/// How many events are kept of one key or account.
pub const MOST_EVENTS: usize = 200;
/// For how long anything is kept that nobody has added to since.
pub const KEPT_FOR_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Keeps the fitness of keys and accounts over the end of the process.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use amp_pool_core::{
///     keys::{Bell, Health, KeptHealth, Key, KeySpec, Lesson, Moment, Report, Standings, Subject},
///     id::KeyId,
///     secret::Secret,
///     store::{HealthStore, memory::MemoryStore},
///     time::Timestamp,
/// };
///
/// /// Tells nobody: a pool's own tells what writes it down.
/// struct Quiet;
/// impl Bell for Quiet {
///     fn ring(&self, _: Arc<Health>) {}
/// }
///
/// let (store, wall) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let moment = Moment { now: std::time::Instant::now(), wall };
/// let spec = KeySpec::new("mine", "openai", Secret::new("sk-a"));
/// let key = Key { id: KeyId(1), create_time: wall, update_time: wall, fingerprint: "f".into(), spec };
/// let standing = Standings::going_on(Vec::new(), moment, Arc::new(Quiet)).of(&key, moment.now);
/// let wait = Some(std::time::Duration::from_secs(60));
/// standing.health.learn("gpt-4o", Lesson::Rest { wait, reason: "429".into() }, moment.now);
///
/// // What changed is written down, and after a restart the pause goes on where it was.
/// let report: Report = standing.health.report(moment).ok_or("it has changed")?;
/// store.put_health([report].into(), wall).await?;
/// let kept: Vec<KeptHealth> = store.health(wall).await?;
/// assert_eq!(kept[0].subject.key, Subject::key(&key).key);
/// let again = Standings::going_on(kept, moment, Arc::new(Quiet)).of(&key, moment.now);
/// assert!(again.health.condition(moment.now).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait HealthStore: Send + Sync + 'static {
    /// Keeps reports that were made at `now`, all or none of them. The troubles of a report take the place of those that
    /// were kept of its subject, its events go behind the history; one that only goes on as the newest of its model did
    /// moves that one's end. Of each subject the newest [`MOST_EVENTS`] are kept.
    fn put_health(&self, reports: Arc<[Report]>, now: Timestamp) -> StoreFuture<'_, ()>;

    /// Everything that is kept of troubles, by name. What is older than [`KEPT_FOR_MS`] is forgotten first.
    fn health(&self, now: Timestamp) -> StoreFuture<'_, Vec<KeptHealth>>;

    /// Another number whenever what is kept of troubles may have changed, by whichever process. `None`: there is only this
    /// one.
    fn health_news(&self) -> Option<watch::Receiver<i64>> {
        None
    }

    /// As [`health`](Self::health), and nothing is forgotten: for who asks often. What processes learn is a hint to the
    /// others, no more.
    fn troubles(&self) -> StoreFuture<'_, Vec<KeptHealth>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// A page of the history of any of `subjects`, newest first.
    fn health_events(&self, subjects: Vec<Arc<str>>, page: Page) -> StoreFuture<'_, Vec<StoredHealthEvent>>;
}

/// An event read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHealthEvent {
    /// Its row.
    pub id: i64,
    /// The name of whom it is of.
    pub subject: Arc<str>,
    /// What happened.
    pub event: HealthEvent,
}
