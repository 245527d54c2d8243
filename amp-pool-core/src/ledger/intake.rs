//! What goes into one transaction: what has queued, in order, but for open rows that may wait.
//!
//! A short call that is settled in the batch in which it is opened is one row, written once. So the row of a call that has
//! just begun stays here for a moment, until there is something else to write of it; of a longer call it is in the books
//! that much later. And where many wait already, a batch waits a little for more of them: what a transaction costs beside
//! its rows (sums, pages, a sync) is paid once for all.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout_at},
};

use super::Message;
use crate::{
    id::CallId,
    store::{Entry, HoldAnswer, Opened},
};

/// Entries that one transaction takes at most, but for open rows that come with them.
const BATCH: usize = 512;

/// How long open rows wait for the end of their calls.
const OPEN_ROWS_WAIT: Duration = Duration::from_millis(20);

/// How often other tasks get their turn before a batch is closed.
const YIELDS: usize = 2;

/// Where so many wait for a batch, more are about to.
const CROWD: usize = 8;

/// What they wait for them. A commit takes about as long.
const CROWD_WAITS: Duration = Duration::from_millis(1);

/// What one transaction writes, and who is to be told.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    pub(super) waiting: Vec<Waiter>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.waiting.is_empty()
    }
}

/// Who wants to know when a batch is written.
pub(super) enum Waiter {
    Written(oneshot::Sender<()>),
    Held(oneshot::Sender<HoldAnswer>),
}

/// The writer's end of the queue.
pub(super) struct Intake {
    queue: mpsc::Receiver<Message>,
    /// What has come, and is in no batch yet.
    come: Vec<Message>,
    young: Young,
}

impl Intake {
    pub(super) fn new(queue: mpsc::Receiver<Message>) -> Self {
        Self { queue, come: Vec::with_capacity(BATCH), young: Young::default() }
    }

    /// The next batch. `None` when nobody can send any more, and everything was in one.
    pub(super) async fn next(&mut self) -> Option<Batch> {
        loop {
            if !self.wait().await {
                let left = Batch { entries: self.young.take_all().collect(), waiting: Vec::new() };
                return (!left.is_empty()).then_some(left);
            }
            self.gather().await;
            let batch = self.sort(Instant::now());
            if !batch.is_empty() {
                return Some(batch);
            }
        }
    }

    /// Waits until something has come, or an open row has waited long enough. False when nobody can send any more.
    async fn wait(&mut self) -> bool {
        let due = self.young.due();
        let more = self.queue.recv_many(&mut self.come, BATCH);
        match due {
            None => more.await > 0,
            Some(due) => timeout_at(due, more).await.map_or(true, |more| more > 0),
        }
    }

    /// Takes along what other tasks are about to queue.
    async fn gather(&mut self) {
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
            self.take_more();
        }
        if self.is_worth_waiting() {
            sleep(CROWD_WAITS).await;
            self.take_more();
        }
    }

    fn take_more(&mut self) {
        while self.come.len() < BATCH
            && let Ok(message) = self.queue.try_recv()
        {
            self.come.push(message);
        }
    }

    /// Whether many wait, and calls are under way that may soon.
    fn is_worth_waiting(&self) -> bool {
        let under_way = self.queue.max_capacity() - self.queue.capacity();
        under_way > 0
            && self.come.len() < BATCH
            && self.come.iter().filter(|message| message.is_urgent()).count() >= CROWD
    }

    fn sort(&mut self, now: Instant) -> Batch {
        let mut batch = Batch { entries: Vec::with_capacity(2 * self.come.len()), waiting: Vec::new() };
        for message in self.come.drain(..) {
            match message {
                Message::Write(Entry::Opened(opened), None) => self.young.add(opened, now),
                Message::Write(entry, waiter) => {
                    if let Entry::Settled(record) = &entry {
                        batch.entries.extend(self.young.take(record.opened.call));
                    }
                    batch.entries.push(entry);
                    batch.waiting.extend(waiter.map(Waiter::Written));
                }
                Message::Hold(hold, waiter) => {
                    batch.entries.extend(self.young.take(hold.call));
                    batch.entries.push(Entry::Held(hold));
                    batch.waiting.push(Waiter::Held(waiter));
                }
                Message::Flush(waiter) => {
                    batch.entries.extend(self.young.take_all());
                    batch.waiting.push(Waiter::Written(waiter));
                }
            }
        }
        batch.entries.extend(self.young.take_old(now));
        batch
    }
}

/// Open rows that wait. They are bounded by what the queue takes: each has the place of its settlement there.
#[derive(Default)]
struct Young {
    rows: HashMap<CallId, Opened, foldhash::fast::RandomState>,
    /// When each came, the oldest first. Some of them are not here any more.
    ages: VecDeque<(Instant, CallId)>,
}

impl Young {
    fn add(&mut self, opened: Opened, now: Instant) {
        self.ages.push_back((now, opened.call));
        self.rows.insert(opened.call, opened);
    }

    fn take(&mut self, call: CallId) -> Option<Entry> {
        self.rows.remove(&call).map(Entry::Opened)
    }

    fn take_all(&mut self) -> impl Iterator<Item = Entry> {
        let Self { rows, ages } = self;
        ages.drain(..).filter_map(|(_, call)| rows.remove(&call).map(Entry::Opened))
    }

    /// When the oldest has waited long enough.
    fn due(&mut self) -> Option<Instant> {
        while let Some((since, call)) = self.ages.front() {
            if self.rows.contains_key(call) {
                return Some(*since + OPEN_ROWS_WAIT);
            }
            self.ages.pop_front();
        }
        None
    }

    fn take_old(&mut self, now: Instant) -> impl Iterator<Item = Entry> {
        std::iter::from_fn(move || {
            self.due().filter(|due| *due <= now)?;
            let (_, call) = self.ages.pop_front()?;
            self.take(call)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ledger::Slot, store::calls, time::Timestamp};

    fn opened(n: u8) -> Opened {
        calls::opened(n.into(), Timestamp::default())
    }

    /// A queue in which calls are opened and settled as the ledger does it.
    struct Queue(mpsc::Sender<Message>);

    impl Queue {
        fn new() -> (Self, Intake) {
            let (sender, queue) = mpsc::channel(64);
            (Self(sender), Intake::new(queue))
        }

        fn open(&self, n: u8) -> Slot {
            let slot = Slot(self.0.clone().try_reserve_owned().unwrap());
            self.0.try_send(Message::Write(Entry::Opened(opened(n)), None)).unwrap();
            slot
        }

        fn settle(slot: Slot, n: u8) {
            drop(slot.settle_durably(Box::new(calls::settled(opened(n), Vec::new()))));
        }
    }

    /// What a batch says, in a letter and the number of the call each.
    fn shown(batch: &Batch) -> String {
        let number = |call: CallId| call.as_bytes()[15];
        let one = |entry: &Entry| match entry {
            Entry::Opened(opened) => format!("o{}", number(opened.call)),
            Entry::Settled(record) => format!("s{}", number(record.opened.call)),
            Entry::Held(hold) => format!("h{}", number(hold.call)),
        };
        batch.entries.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_call_is_opened_and_settled_in_one_batch_and_a_longer_one_is_not_forgotten() {
        let (queue, mut intake) = Queue::new();
        let (short, _long) = (queue.open(1), queue.open(2));
        let start = Instant::now();
        let later = async {
            sleep(OPEN_ROWS_WAIT / 4).await;
            Queue::settle(short, 1);
        };
        let (batch, ()) = tokio::join!(intake.next(), later);
        assert_eq!(shown(&batch.unwrap()), "o1 s1");
        assert!(start.elapsed() < OPEN_ROWS_WAIT / 2, "nobody who waits is put off");
        assert_eq!(shown(&intake.next().await.unwrap()), "o2");
        assert!(start.elapsed() >= OPEN_ROWS_WAIT && start.elapsed() < 2 * OPEN_ROWS_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn everything_that_came_before_a_flush_is_written_with_it() {
        let (queue, mut intake) = Queue::new();
        let _slots = (queue.open(1), queue.open(2));
        queue.0.try_send(Message::Flush(oneshot::channel().0)).unwrap();
        let batch = intake.next().await.unwrap();
        assert_eq!((shown(&batch).as_str(), batch.waiting.len()), ("o1 o2", 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_at_the_end_is_written() {
        let (queue, mut intake) = Queue::new();
        drop(queue.open(1));
        drop(queue);
        assert_eq!(shown(&intake.next().await.unwrap()), "o1");
        assert!(intake.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_waits_for_more_and_one_alone_does_not() {
        let (queue, mut intake) = Queue::new();
        let (last, settled) = (queue.open(0), u8::try_from(CROWD).unwrap());
        (1..=settled).for_each(|n| Queue::settle(queue.open(n), n));
        let late = async {
            sleep(CROWD_WAITS / 2).await;
            Queue::settle(last, 0);
        };
        let (batch, ()) = tokio::join!(intake.next(), late);
        assert_eq!(batch.unwrap().waiting.len(), CROWD + 1);

        Queue::settle(queue.open(1), 1);
        let start = Instant::now();
        assert_eq!(intake.next().await.unwrap().waiting.len(), 1);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
