//! Calls that wait for a key: how many, how long, and who is next.
//!
//! Off by default. Calls that wait for the same keys stand in one queue. The first of it looks for a key; whoever leaves
//! it, with a key, without one in time, or because its client hung up, makes room for the next. In a queue client tokens
//! take turns, so that one with a thousand calls does not keep another's only one waiting.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, oneshot};

use super::ambient;
use crate::{
    format::Format,
    keys::KeyState,
    route::{Choice, Plan},
};

/// How long the first of a queue sleeps at most until it looks again: fitness may come back without a sign to us.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// All queues of a pool.
#[derive(Debug)]
pub(crate) struct Waits {
    longest: Duration,
    most: usize,
    waiting: AtomicUsize,
    queues: Mutex<Queues>,
    /// A call has ended: its key may have room.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Queues {
    last_ticket: u64,
    of: HashMap<Kind, Queue>,
}

/// What calls of one queue have in common: each could take the key of the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    /// The plan, by its address: whoever waits holds it.
    plan: usize,
    format: Format,
    translates: bool,
    tried: Vec<usize>,
}

impl Kind {
    pub(super) fn new(plan: &Plan, format: Format, translates: bool, tried: &[usize]) -> Self {
        Self { plan: std::ptr::from_ref(plan).addr(), format, translates, tried: tried.to_vec() }
    }
}

#[derive(Debug, Default)]
struct Queue {
    /// The ticket of who looks for a key.
    first: Option<u64>,
    /// The others by whose they are. Whose turn is next stands in front.
    others: VecDeque<(Box<str>, VecDeque<Other>)>,
}

#[derive(Debug)]
struct Other {
    ticket: u64,
    /// Tells it that it is the first now.
    told: oneshot::Sender<()>,
}

impl Queue {
    fn join(&mut self, ticket: u64, whose: &str) -> Option<oneshot::Receiver<()>> {
        if self.first.is_none() {
            self.first = Some(ticket);
            return None;
        }
        let (told, turn) = oneshot::channel();
        let other = Other { ticket, told };
        match self.others.iter_mut().find(|(known, _)| **known == *whose) {
            Some((_, line)) => line.push_back(other),
            None => self.others.push_back((whose.into(), VecDeque::from([other]))),
        }
        Some(turn)
    }

    fn leave(&mut self, ticket: u64) {
        if self.first == Some(ticket) {
            return self.advance();
        }
        for (_, line) in &mut self.others {
            line.retain(|other| other.ticket != ticket);
        }
        self.others.retain(|(_, line)| !line.is_empty());
    }

    /// The next token's first call becomes the first of all.
    fn advance(&mut self) {
        self.first = None;
        while let Some((whose, mut line)) = self.others.pop_front() {
            let next = line.pop_front();
            if !line.is_empty() {
                self.others.push_back((whose, line));
            }
            if let Some(Other { ticket, told }) = next
                && told.send(()).is_ok()
            {
                self.first = Some(ticket);
                return;
            }
        }
    }
}

impl Waits {
    /// Up to `most` calls may wait, each up to `longest` after it came.
    pub(crate) fn new(longest: Duration, most: usize) -> Self {
        let (waiting, queues, freed) = <_>::default();
        Self { longest, most, waiting, queues, freed }
    }

    /// Until when a call may wait that came at `started`.
    pub(super) fn until(&self, started: Instant) -> Instant {
        started + self.longest
    }

    /// Whether calls of a kind wait, so that another one has to stand behind them.
    pub(super) fn has(&self, kind: &Kind) -> bool {
        self.waiting.load(Ordering::Acquire) > 0 && self.queues().of.contains_key(kind)
    }

    /// Stands in a queue until it is this call's turn to look for a key. `None`: too many wait, or it came to `until`.
    ///
    /// Dropping the future, or the turn, leaves the queue.
    pub(super) async fn turn(&self, kind: Kind, whose: &str, until: Instant) -> Option<Turn<'_>> {
        let (turn, mine) = self.join(kind, whose)?;
        if let Some(mine) = mine {
            tokio::time::timeout_at(until.into(), mine).await.ok()?.ok()?;
        }
        Some(turn)
    }

    fn join(&self, kind: Kind, whose: &str) -> Option<(Turn<'_>, Option<oneshot::Receiver<()>>)> {
        let mut queues = self.queues();
        if self.waiting.load(Ordering::Acquire) >= self.most {
            return None;
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        queues.last_ticket += 1;
        let ticket = queues.last_ticket;
        let mine = queues.of.entry(kind.clone()).or_default().join(ticket, whose);
        Some((Turn { waits: self, kind, ticket }, mine))
    }

    /// Sleeps until it makes sense to look for a key again after `choice`. `false`: not before `until`.
    pub(super) async fn pause(&self, choice: &Choice, until: Instant) -> bool {
        let now = ambient::now();
        let Some(wait) = worth_waiting(choice).filter(|wait| now + *wait <= until && now < until) else { return false };
        let wait = if wait.is_zero() { LOOK_AGAIN } else { wait.min(LOOK_AGAIN) };
        // Whichever comes first; either means to look again.
        let _ = tokio::time::timeout_at((now + wait).min(until).into(), self.freed.notified()).await;
        true
    }

    /// Whether somebody may be ready in time for a call that came at `started`.
    pub(super) fn is_worth(&self, choice: &Choice, started: Instant) -> bool {
        let (now, until) = (ambient::now(), self.until(started));
        now < until && worth_waiting(choice).is_some_and(|wait| now + wait <= until)
    }

    /// A call has left its key.
    pub(super) fn freed(&self) {
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.freed.notify_waiters();
        }
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        // Every change is complete in itself, so a poisoned lock holds nothing half-done.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long until somebody is ready. Zero: until something happens that has no time.
fn worth_waiting(choice: &Choice) -> Option<Duration> {
    match choice {
        // A trial is under way and may bring news at any moment.
        Choice::Resting { why, .. } if why.state == KeyState::Probing => Some(Duration::ZERO),
        Choice::Resting { wait, .. } => Some(*wait),
        Choice::Full { wait, .. } => Some(wait.unwrap_or_default()),
        Choice::Seat { .. } | Choice::Exhausted | Choice::NoFormat => None,
    }
}

/// The right to look for a key. It ends when it is dropped, and the next call has it.
pub(super) struct Turn<'a> {
    waits: &'a Waits,
    kind: Kind,
    ticket: u64,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queues = self.waits.queues();
        if let Some(queue) = queues.of.get_mut(&self.kind) {
            queue.leave(self.ticket);
            if queue.first.is_none() {
                queues.of.remove(&self.kind);
            }
        }
        self.waits.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind() -> Kind {
        Kind { plan: 0, format: Format::Chat, translates: true, tried: Vec::new() }
    }

    /// The order in which calls get their turn: each is named by its token and a number.
    fn order(calls: &[&'static str]) -> Vec<&'static str> {
        let waits = Waits::new(Duration::from_secs(1), 100);
        let mut standing: Vec<_> = calls.iter().map(|whose| (*whose, waits.join(kind(), whose).unwrap())).collect();
        let mut served = Vec::new();
        while !standing.is_empty() {
            let at =
                standing.iter_mut().position(|(_, (_, mine))| mine.as_mut().is_none_or(|mine| mine.try_recv().is_ok()));
            served.push(standing.remove(at.unwrap()).0);
        }
        assert_eq!(waits.waiting.load(Ordering::Acquire), 0);
        assert!(waits.queues().of.is_empty());
        served
    }

    #[test]
    fn tokens_take_turns_whoever_came_with_more() {
        assert_eq!(order(&["a", "a", "a", "a", "b", "b", "c"]), ["a", "a", "b", "c", "a", "b", "a"]);
    }

    #[test]
    fn whoever_leaves_the_middle_of_a_queue_keeps_nobody() {
        let waits = Waits::new(Duration::from_secs(1), 100);
        let first = waits.join(kind(), "a").unwrap();
        let gone = waits.join(kind(), "b").unwrap();
        let mut next = waits.join(kind(), "c").unwrap();
        drop(gone);
        drop(first);
        assert!(next.1.as_mut().unwrap().try_recv().is_ok());
    }

    #[test]
    fn a_call_whose_turn_came_as_its_client_left_passes_it_on() {
        let waits = Waits::new(Duration::from_secs(1), 100);
        let first = waits.join(kind(), "a").unwrap();
        let told = waits.join(kind(), "b").unwrap();
        let mut next = waits.join(kind(), "c").unwrap();
        drop(first);
        drop(told);
        assert!(next.1.as_mut().unwrap().try_recv().is_ok());
    }

    #[test]
    fn no_more_wait_than_are_allowed() {
        let waits = Waits::new(Duration::from_secs(1), 1);
        let first = waits.join(kind(), "a");
        assert!(first.is_some() && waits.join(kind(), "a").is_none());
        drop(first);
        assert!(waits.join(kind(), "a").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_does_not_come_in_time_is_none() {
        let waits = Waits::new(Duration::from_secs(1), 9);
        let until = waits.until(ambient::now());
        let first = waits.turn(kind(), "a", until).await;
        assert!(first.is_some() && waits.turn(kind(), "b", until).await.is_none());
        assert!(waits.queues().of[&kind()].others.is_empty());
    }
}
