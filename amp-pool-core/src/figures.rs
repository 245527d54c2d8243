//! How many there were of what, since the process began: for graphs, and for rules of alerts.
//!
//! Counted is where records are written, behind the call: a call itself counts nothing. Names are bounded, and models are
//! those of the catalog alone: what a client wrote is never one of them.

mod counted;
mod names;
mod spread;
mod sums;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;

use crate::{
    alert::Traffic,
    route::Catalog,
    store::{Entry, HoldAnswer, Outcome, Record},
    time::{Clock, Timestamp},
};

pub(crate) use counted::Counted;
use names::Names;
pub use names::OTHER;
pub use spread::{Spread, UPPER_BOUNDS};
pub use sums::{AttemptSum, BookSums, CallSum, Sums};

/// What is counted.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     figures::{Figures, Sums},
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let handle = pool.handle();
/// let figures: &Figures = handle.figures();
/// // Since the pool was built.
/// let sums: Sums = figures.sums();
/// assert!(sums.calls.is_empty());
/// assert_eq!(sums.books.failures, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Figures {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    names: Names,
    sums: Sums,
    traffic: Traffic,
}

impl Figures {
    pub(crate) fn new(catalog: Arc<ArcSwap<Catalog>>, clock: Arc<dyn Clock>) -> Self {
        let state = State { names: Names::new(catalog), sums: Sums::default(), traffic: Traffic::default() };
        Self { clock, state: Mutex::new(state) }
    }

    /// What was counted so far.
    #[must_use]
    pub fn sums(&self) -> Sums {
        self.lock().sums.clone()
    }

    /// Shows the traffic of the last minutes.
    pub(crate) fn with_traffic<T>(&self, look: impl FnOnce(&Traffic) -> T) -> T {
        look(&self.lock().traffic)
    }

    /// A batch was written, in that time.
    fn written(&self, batch: &[Entry], answers: &[HoldAnswer], took: Duration) {
        let now = self.clock.now();
        let mut state = self.lock();
        state.sums.books.written(batch.len(), answers, took);
        for entry in batch {
            if let Entry::Settled(record) = entry {
                state.settled(record, now);
            }
        }
    }

    /// A batch could not be written.
    fn failed(&self) {
        self.lock().sums.books.failures += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn settled(&mut self, record: &Record, now: Timestamp) {
        let model = self.names.model(&record.opened.model);
        self.traffic.call(model, is_failure(record), now);
        self.sums.call(model, record);
        for attempt in &record.attempts {
            let key = self.names.key(attempt.key);
            let failed = !matches!(attempt.verdict, "answer" | "caller_fault" | "unfinished");
            self.traffic.attempt(&attempt.provider, key, failed, now);
            self.sums.attempt(attempt, key);
        }
    }
}

/// What callers brought upon themselves.
const BY_CALLERS: [&str; 11] = [
    "caller_fault",
    "unauthorized",
    "forbidden",
    "bad_request",
    "too_large",
    "slow_body",
    "not_found",
    "unknown_model",
    "format_mismatch",
    "over_limit",
    "out_of_budget",
];

/// Whether a call failed, and not by its caller's doing.
fn is_failure(record: &Record) -> bool {
    match record.outcome {
        Outcome::Cut => true,
        Outcome::Failed => !record.error_type.as_deref().is_some_and(|kind| BY_CALLERS.contains(&kind)),
        Outcome::Done | Outcome::HungUp => false,
    }
}
