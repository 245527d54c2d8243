//! Where records go: one queue, one writer.
//!
//! A call takes a [`Slot`] when it is admitted: its open row is queued, and a place for its settlement is reserved. From
//! then on settling can neither block nor fail, not even in a `Drop`. The writer takes what has queued (`intake`), commits
//! it as one transaction, tells who waits, and goes again.
//!
//! A store that cannot write shows as refused admissions. What was taken in stays in the queue, in order, until it is
//! written.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

mod intake;

use tokio::sync::{mpsc, oneshot};

use self::intake::{Batch, Intake, Waiter};
use crate::store::{Entry, Hold, HoldAnswer, Opened, Record, RecordStore};

const FIRST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(2);

/// The way into the books.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use amp_pool_core::{
///     ledger::{Durable, Ledger, Slot},
///     store::{Page, RecordFilter, RecordStore as _, memory::MemoryStore},
///     testkit::calls,
///     time::Timestamp,
/// };
///
/// let store = Arc::new(MemoryStore::new());
/// let ledger = Ledger::start(store.clone(), 1024);
/// let opened = calls::opened(1, Timestamp::from_millis(0));
/// // The call is in the books from here on, and there is a place for how it ends.
/// let slot: Slot = ledger.open(opened.clone())?;
/// let attempts = vec![calls::attempt(&opened)];
/// let durable: Durable = slot.settle_durably(Box::new(calls::settled(opened, attempts)));
/// durable.await.map_err(|_| "it could not be written")?;
/// assert_eq!(store.list(RecordFilter::default(), Page { before: None, limit: 10 }).await?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Ledger {
    queue: mpsc::Sender<Message>,
    writing: Arc<AtomicBool>,
}

enum Message {
    Write(Entry, Option<oneshot::Sender<()>>),
    Hold(Hold, oneshot::Sender<HoldAnswer>),
    Flush(oneshot::Sender<()>),
}

impl Message {
    /// Whether somebody waits for it.
    fn is_urgent(&self) -> bool {
        !matches!(self, Self::Write(_, None))
    }
}

/// The ledger cannot take another call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ledger can not take another call now")
    }
}

impl std::error::Error for Busy {}

impl Ledger {
    /// Starts the writer on the current runtime. `capacity` is how many entries may wait; a call needs two.
    #[must_use]
    pub fn start(store: Arc<dyn RecordStore>, capacity: usize) -> Self {
        let (ledger, writer) = Self::apart(store, capacity);
        tokio::spawn(writer);
        ledger
    }

    /// As [`start`](Self::start), with the writer for somebody else to run. It ends when nobody has the ledger or a slot.
    pub(crate) fn apart(
        store: Arc<dyn RecordStore>,
        capacity: usize,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, entries) = mpsc::channel(capacity.max(2));
        let writing = Arc::new(AtomicBool::new(true));
        let writer = write(store, entries, writing.clone());
        (Self { queue, writing }, writer)
    }

    /// Takes a call in: queues its open row and reserves the place of its settlement.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full or the store does not write. Nothing was taken in then.
    pub fn open(&self, opened: Opened) -> Result<Slot, Busy> {
        if !self.is_writing() {
            return Err(Busy);
        }
        let settlement = self.queue.clone().try_reserve_owned().map_err(|_| Busy)?;
        self.queue.try_send(Message::Write(Entry::Opened(opened), None)).map_err(|_| Busy)?;
        Ok(Slot(settlement))
    }

    /// Asks for money to be held for a call that was opened; the future is ready when it durably is, or can not be.
    ///
    /// # Errors
    /// [`Busy`] when the queue is full or the store does not write. Nothing is held then.
    ///
    /// # Cancel safety
    /// Dropping the future may leave the money held, until the call is settled.
    pub fn hold(&self, hold: Hold) -> Result<Holding, Busy> {
        if !self.is_writing() {
            return Err(Busy);
        }
        let (answer, held) = oneshot::channel();
        self.queue.try_send(Message::Hold(hold, answer)).map_err(|_| Busy)?;
        Ok(Holding(held))
    }

    /// Whether the last transaction was written.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.writing.load(Ordering::Acquire)
    }

    /// How many places of the queue are taken: by what waits to be written, and for what will.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Waits until everything queued before is written.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            // The writer only ends when every sender is gone, and this is one.
            let _ = written.await;
        }
    }
}

/// The reserved place of one call's settlement.
pub struct Slot(mpsc::OwnedPermit<Message>);

impl Slot {
    /// Queues the settlement. Never blocks and never fails; may be called in a `Drop`.
    pub fn settle(self, record: Box<Record>) {
        self.0.send(Message::Write(Entry::Settled(record), None));
    }

    /// Queues the settlement; the future is ready when it is durable.
    pub fn settle_durably(self, record: Box<Record>) -> Durable {
        let (done, written) = oneshot::channel();
        self.0.send(Message::Write(Entry::Settled(record), Some(done)));
        Durable(written)
    }
}

/// Ready when money is durably held for a call, or can not be.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use amp_pool_core::{
///     budget::{Budget, Claim, Scope, Window},
///     id::{CallId, TokenId},
///     ledger::{Busy, Holding, Ledger, NotWritten},
///     money::NanoUsd,
///     store::{Hold, HoldAnswer, memory::MemoryStore},
///     time::Timestamp,
/// };
///
/// let now = Timestamp::from_millis(0);
/// let ledger = Ledger::start(Arc::new(MemoryStore::new()), 1024);
/// let (period, _) = Budget::of(NanoUsd(100), Window::Total).period(Scope::Token(TokenId(1)), now);
/// let claims = vec![Claim { period, limit: NanoUsd(100) }];
/// let (call, least, worst) = (CallId::new(now, &[7; 10]), NanoUsd(101), NanoUsd(101));
/// let holding: Result<Holding, Busy> = ledger.hold(Hold { call, n: 0, create_time: now, claims, least, worst });
/// let answer: Result<HoldAnswer, NotWritten> = holding.map_err(|_| "the ledger has no place")?.await;
/// assert!(matches!(answer, Ok(HoldAnswer::Short { left: NanoUsd(100), .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Holding(oneshot::Receiver<HoldAnswer>);

impl Future for Holding {
    type Output = Result<HoldAnswer, NotWritten>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| NotWritten)
    }
}

/// Ready when a settlement is on disk. `Err` when the writer ended before: the runtime is going down.
pub struct Durable(oneshot::Receiver<()>);

/// The writer ended before a settlement was on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotWritten;

impl Future for Durable {
    type Output = Result<(), NotWritten>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| NotWritten)
    }
}

async fn write(store: Arc<dyn RecordStore>, queue: mpsc::Receiver<Message>, writing: Arc<AtomicBool>) {
    let mut intake = Intake::new(queue);
    while let Some(Batch { entries, waiting }) = intake.next().await {
        let answers = if entries.is_empty() { Vec::new() } else { commit(&*store, entries.into(), &writing).await };
        let mut answers = answers.into_iter();
        for waiter in waiting {
            // Whoever waited may be gone; the books do not mind.
            match waiter {
                Waiter::Written(waiter) => drop(waiter.send(())),
                Waiter::Held(waiter) => drop(answers.next().map(|answer| waiter.send(answer))),
            }
        }
    }
}

/// Writes a batch, however long that takes: an entry that was taken in is never dropped. Gives the answers to its holds.
async fn commit(store: &dyn RecordStore, batch: Arc<[Entry]>, writing: &AtomicBool) -> Vec<HoldAnswer> {
    let mut wait = FIRST_RETRY;
    let answers = loop {
        match store.commit(batch.clone()).await {
            Ok(answers) => break answers,
            Err(error) => tracing::error!(%error, entries = batch.len(), "the books can not be written; trying again"),
        }
        writing.store(false, Ordering::Release);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_RETRY);
    };
    if !writing.swap(true, Ordering::AcqRel) {
        tracing::info!(entries = batch.len(), "the books are written again");
    }
    answers
}
