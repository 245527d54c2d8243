//! The connections to one upstream that rest.
//!
//! They rest in as many places as there are processors, and a thread looks into its own first: a connection that was made
//! by this thread wakes it without asking another, where each thread has a runtime of its own.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::line::Line;

/// How often connections are looked at that rest.
const LOOK: Duration = Duration::from_secs(5);

/// Connections that rest.
pub(super) struct Idle {
    places: Box<[Mutex<Vec<Resting>>]>,
    limit: usize,
    timeout: Duration,
    count: AtomicUsize,
    is_watched: AtomicBool,
}

struct Resting {
    line: Box<Line>,
    since: Instant,
}

/// The place of this thread, counted through all threads.
pub(super) fn home() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static HOME: Cell<Option<usize>> = const { Cell::new(None) });
    HOME.get().unwrap_or_else(|| {
        let home = NEXT.fetch_add(1, Ordering::Relaxed);
        HOME.set(Some(home));
        home
    })
}

impl Idle {
    /// Keeps up to `limit` connections for up to `timeout`.
    pub(super) fn new(limit: usize, timeout: Duration) -> Self {
        let places = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let places = (0..places).map(|_| Mutex::default()).collect();
        Self { places, limit, timeout, count: AtomicUsize::new(0), is_watched: AtomicBool::new(false) }
    }

    /// The connection that rested last, of this thread's if there is one.
    pub(super) fn take(&self) -> Option<Box<Line>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let here = home();
        (here..here + self.places.len()).find_map(|place| self.take_from(place))
    }

    fn take_from(&self, place: usize) -> Option<Box<Line>> {
        loop {
            // Dropped at the end of the statement: closing a connection takes its time.
            let Resting { line, since } = self.place(place).pop()?;
            self.count.fetch_sub(1, Ordering::Relaxed);
            // Whether it has ended meanwhile is seen before anything is written, and then the next one is asked for.
            if since.elapsed() < self.timeout {
                return Some(line);
            }
        }
    }

    /// Lets a connection rest, if it is fit for another exchange and there is room; else it is closed.
    pub(super) fn park(self: &Arc<Self>, mut line: Box<Line>) {
        if self.count.load(Ordering::Relaxed) >= self.limit || !line.is_free() {
            return;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let place = line.home;
        self.place(place).push(Resting { line, since: Instant::now() });
        self.watch();
    }

    fn place(&self, place: usize) -> MutexGuard<'_, Vec<Resting>> {
        // There is at least one place.
        self.places[place % self.places.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody polls what rests, so somebody has to look at it from time to time.
    fn watch(self: &Arc<Self>) {
        if self.is_watched.load(Ordering::Relaxed) || self.is_watched.swap(true, Ordering::SeqCst) {
            return;
        }
        // A body may be dropped anywhere. Outside of a runtime the next one will watch.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(watch(Arc::downgrade(self), self.timeout.min(LOOK)))),
            Err(_) => self.is_watched.store(false, Ordering::SeqCst),
        }
    }

    /// Closes what has rested for too long, and what was closed by the other side. True when nothing is left.
    fn sweep(&self) -> bool {
        for place in &self.places {
            let mut resting = place.lock().unwrap_or_else(PoisonError::into_inner);
            let before = resting.len();
            resting.retain_mut(|Resting { line, since }| since.elapsed() < self.timeout && line.is_fit());
            self.count.fetch_sub(before - resting.len(), Ordering::Relaxed);
        }
        self.count.load(Ordering::Relaxed) == 0
    }
}

async fn watch(idle: Weak<Idle>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(idle) = idle.upgrade() else { return };
        if idle.sweep() {
            idle.is_watched.store(false, Ordering::SeqCst);
            // One that came in between is seen here, or sees that nobody watches.
            if idle.count.load(Ordering::SeqCst) == 0 || idle.is_watched.swap(true, Ordering::SeqCst) {
                return;
            }
        }
    }
}
