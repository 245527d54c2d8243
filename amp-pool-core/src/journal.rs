//! Keeps the fitness of keys: what changed is written down soon, in batches, and never by the call that changed it.
//!
//! A change rings a bell; once in a while whatever has rung is asked for a report, and reports become
//! transactions of many.
//! While the store can not write, reports are held and the rest waits where it is, bounded. What changed in the last
//! half second before a process is killed is forgotten; ending in order keeps everything.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use crate::{
    keys::{Bell, Health, Moment, Report},
    store::{HealthStore, StoreError},
    time::Clock,
};

/// How long news waits for company.
const GATHERING: Duration = Duration::from_millis(500);
/// How many reports one transaction takes: the books are written between two of them.
const AT_ONCE: usize = 64;
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// Whoever waits for news to be written waits no longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

enum Message {
    News(Arc<Health>),
    Flush(oneshot::Sender<()>),
}

/// The way into the journal.
#[derive(Clone)]
pub(crate) struct Journal(mpsc::UnboundedSender<Message>);

impl Bell for Journal {
    // Each health is in the queue once at most, so it is as long as there are keys.
    fn ring(&self, health: Arc<Health>) {
        // Without a writer the runtime is going down, and there is nobody to tell.
        let _ = self.0.send(Message::News(health));
    }
}

impl Journal {
    /// Starts the writer on the current runtime. It ends with the last health that rings.
    pub(crate) fn start(store: Arc<dyn HealthStore>, clock: Arc<dyn Clock>) -> Self {
        let (queue, news) = mpsc::unbounded_channel();
        tokio::spawn(write(store, clock, news));
        Self(queue)
    }

    /// Waits until everything that rang before is written, within bounds: the store may not write for long.
    pub(crate) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.0.send(Message::Flush(done)).is_ok() && tokio::time::timeout(PATIENCE, written).await.is_err() {
            tracing::warn!("the health of keys could not be written in time");
        }
    }
}

async fn write(store: Arc<dyn HealthStore>, clock: Arc<dyn Clock>, mut news: mpsc::UnboundedReceiver<Message>) {
    while let Some(first) = news.recv().await {
        let (healths, waiting) = gather(first, &mut news).await;
        let moment = Moment { now: tokio::time::Instant::now().into_std(), wall: clock.now() };
        let reports: Vec<_> = healths.iter().filter_map(|health| health.report(moment)).collect();
        // They must not be held while the store is waited for: with the last of them the writer ends.
        drop(healths);
        if !reports.is_empty() {
            keep(&*store, &*clock, reports).await;
        }
        for waiter in waiting {
            // Whoever waited may be gone.
            let _ = waiter.send(());
        }
    }
}

/// Takes what comes until it is time to write, or somebody waits for it.
async fn gather(
    first: Message,
    news: &mut mpsc::UnboundedReceiver<Message>,
) -> (Vec<Arc<Health>>, Vec<oneshot::Sender<()>>) {
    let (mut healths, mut waiting) = (Vec::new(), Vec::new());
    let until = tokio::time::Instant::now() + GATHERING;
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::News(health) => healths.push(health),
            Message::Flush(waiter) => waiting.push(waiter),
        }
        next = match waiting.is_empty() {
            true => tokio::time::timeout_at(until, news.recv()).await.ok().flatten(),
            false => news.try_recv().ok(),
        };
    }
    (healths, waiting)
}

/// Writes reports, however long that takes. What the store will never take must not keep the others out.
async fn keep(store: &dyn HealthStore, clock: &dyn Clock, reports: Vec<Report>) {
    let reported = clock.now();
    for some in reports.chunks(AT_ONCE) {
        let (some, mut wait) = (Arc::<[Report]>::from(some), FIRST_RETRY);
        while let Err(error) = store.put_health(some.clone(), reported).await {
            tracing::warn!(%error, keys = some.len(), "the health of keys can not be written");
            if !matches!(error, StoreError::Unavailable(_)) {
                break;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_RETRY);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        time::Instant,
    };

    use super::*;
    use crate::{
        id::KeyId,
        keys::{KeptHealth, Key, KeySpec, Lesson, Standings},
        secret::Secret,
        store::{Page, StoreFuture, StoredHealthEvent},
        time::Timestamp,
    };

    /// A store that fails as often as it is told to, and remembers what it took.
    #[derive(Default)]
    struct Shelf {
        failures: AtomicUsize,
        refusals: AtomicUsize,
        batches: Mutex<Vec<Arc<[Report]>>>,
    }

    impl HealthStore for Shelf {
        fn put_health(&self, reports: Arc<[Report]>, _: Timestamp) -> StoreFuture<'_, ()> {
            let counts_down = |count: &AtomicUsize| {
                count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
            };
            if counts_down(&self.refusals) {
                return Box::pin(std::future::ready(Err(StoreError::Invalid("never".into()))));
            }
            let fails = counts_down(&self.failures);
            let kept = if fails { Err(StoreError::Unavailable("full".into())) } else { Ok(()) };
            if !fails {
                self.batches.lock().unwrap().push(reports);
            }
            Box::pin(std::future::ready(kept))
        }

        fn health(&self, _: Timestamp) -> StoreFuture<'_, Vec<KeptHealth>> {
            Box::pin(std::future::ready(Ok(Vec::new())))
        }

        fn health_events(&self, _: Vec<Arc<str>>, _: Page) -> StoreFuture<'_, Vec<StoredHealthEvent>> {
            Box::pin(std::future::ready(Ok(Vec::new())))
        }
    }

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }
    }

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// The accounts of so many keys, watched by a journal over `shelf`.
    fn healths(shelf: &Arc<Shelf>, keys: i64) -> (Journal, Vec<Arc<Health>>) {
        let journal = Journal::start(shelf.clone(), Arc::new(Still));
        let moment = Moment { now: now(), wall: Timestamp::from_millis(0) };
        let standings = Standings::going_on(Vec::new(), moment, Arc::new(journal.clone()));
        let key = |id| {
            let (at, spec) = (Timestamp::from_millis(0), KeySpec::new("k", "openai", Secret::new("sk")));
            Key { id: KeyId(id), create_time: at, update_time: at, fingerprint: "f".into(), spec }
        };
        let healths = (0..keys).map(|id| standings.of(&key(id), moment.now).health).collect();
        (journal, healths)
    }

    fn rest(health: &Health) {
        health.learn("m", Lesson::RestModel { wait: Some(Duration::from_secs(900)), reason: "limited".into() }, now());
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_together_is_written_together() {
        let shelf = Arc::<Shelf>::default();
        let (_journal, healths) = healths(&shelf, 3);
        for _ in 0..5 {
            healths.iter().for_each(|health| rest(health));
        }
        tokio::time::sleep(2 * GATHERING).await;
        let batches = shelf.batches.lock().unwrap();
        assert_eq!(batches.iter().map(|batch| batch.len()).collect::<Vec<_>>(), [3]);
        assert!(batches[0].iter().all(|report| report.events[0].times == 5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_can_not_write_gets_everything_later() {
        let shelf = Arc::<Shelf>::default();
        shelf.failures.store(5, Ordering::SeqCst);
        let (journal, healths) = healths(&shelf, 2);
        rest(&healths[0]);
        tokio::time::sleep(2 * GATHERING).await;
        rest(&healths[1]);
        assert!(shelf.batches.lock().unwrap().is_empty());

        tokio::time::sleep(Duration::from_secs(60)).await;
        journal.flush().await;
        let batches = shelf.batches.lock().unwrap();
        let written: HashSet<_> = batches.iter().flat_map(|batch| batch.iter()).map(|r| r.subject.clone()).collect();
        assert_eq!(written.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_is_many_transactions_and_what_the_store_never_takes_holds_nobody_up() {
        let shelf = Arc::<Shelf>::default();
        let (journal, healths) = healths(&shelf, 200);
        shelf.refusals.store(1, Ordering::SeqCst);
        healths.iter().for_each(|health| rest(health));
        journal.flush().await;
        let sizes: Vec<_> = shelf.batches.lock().unwrap().iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [AT_ONCE, AT_ONCE, 200 - 3 * AT_ONCE], "the first was refused for good");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_does_not_wait_for_company() {
        let shelf = Arc::<Shelf>::default();
        let (journal, healths) = healths(&shelf, 1);
        rest(&healths[0]);
        let before = now();
        journal.flush().await;
        assert_eq!((shelf.batches.lock().unwrap().len(), now() - before), (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn the_writer_ends_with_the_last_that_could_ring() {
        let shelf = Arc::<Shelf>::default();
        let (journal, healths) = healths(&shelf, 1);
        rest(&healths[0]);
        drop((journal, healths));
        tokio::time::sleep(2 * GATHERING).await;
        assert_eq!((shelf.batches.lock().unwrap().len(), Arc::strong_count(&shelf)), (1, 1));
    }
}
