//! What lies between an answer that comes and the program that takes it: a head, some pieces, an end.
//!
//! The one side is a task, the other a thread of the program that may wait. Little is kept: when the program does not take
//! what came, no more is read from upstream.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::Notify;

/// How much may lie here. One piece always may, however large.
const ROOM_BYTES: usize = 256 * 1024;
const ROOM_PIECES: usize = 256;

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Whole,
    /// It broke off, and why.
    Broken(String),
    /// The program wanted no more of it.
    Cancelled,
    /// A mistake of the library.
    Panicked,
}

/// What a look brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    /// Something.
    Some(T),
    /// Nothing, and nothing will come.
    End(End),
    /// Nothing yet.
    Nothing,
}

#[derive(Default)]
pub(crate) struct Mailbox {
    inside: Mutex<Inside>,
    /// Something came.
    arrived: Condvar,
    /// Something was taken.
    taken: Notify,
}

#[derive(Default)]
struct Inside {
    head: Option<Arc<Head>>,
    pieces: VecDeque<Bytes>,
    bytes: usize,
    end: Option<End>,
    /// Whether nobody will put anything here any more.
    is_left: bool,
}

impl Inside {
    fn has_room(&self) -> bool {
        self.pieces.is_empty() || (self.bytes < ROOM_BYTES && self.pieces.len() < ROOM_PIECES)
    }

    fn take(&mut self) -> Option<Bytes> {
        let piece = self.pieces.pop_front()?;
        self.bytes -= piece.len();
        Some(piece)
    }
}

/// For who puts in.
impl Mailbox {
    pub(crate) fn put_head(&self, head: Head) {
        self.lock().head = Some(Arc::new(head));
        self.arrived.notify_all();
    }

    /// Puts a piece in when there is room for it.
    ///
    /// # Cancel safety
    /// Dropping the future loses the piece.
    pub(crate) async fn put(&self, piece: Bytes) {
        loop {
            // Asked for before the look, so that a place that becomes free in between is not missed.
            let taken = self.taken.notified();
            {
                let mut inside = self.lock();
                if inside.end.is_some() {
                    return;
                }
                if inside.has_room() {
                    inside.bytes += piece.len();
                    inside.pieces.push_back(piece);
                    break;
                }
            }
            taken.await;
        }
        self.arrived.notify_all();
    }

    /// Says how it ended. What was said first counts.
    pub(crate) fn end(&self, end: End) {
        let mut inside = self.lock();
        if end == End::Cancelled && inside.end.is_none() {
            inside.pieces.clear();
            inside.bytes = 0;
        }
        inside.end.get_or_insert(end);
        drop(inside);
        self.taken.notify_one();
        self.arrived.notify_all();
    }

    /// Says that nothing of the exchange is left.
    pub(crate) fn leave(&self) {
        self.lock().is_left = true;
        self.arrived.notify_all();
    }
}

/// For who takes out.
impl Mailbox {
    /// The head, when it comes within `timeout`.
    pub(crate) fn head(&self, timeout: Option<Duration>) -> Found<Arc<Head>> {
        self.look(timeout, |inside| inside.head.clone())
    }

    /// The next piece, when one comes within `timeout`.
    pub(crate) fn next(&self, timeout: Option<Duration>) -> Found<Bytes> {
        let found = self.look(timeout, Inside::take);
        if matches!(found, Found::Some(_)) {
            self.taken.notify_one();
        }
        found
    }

    /// Waits until nothing of the exchange is left.
    pub(crate) fn wait_left(&self, timeout: Duration) {
        let wait = self.arrived.wait_timeout_while(self.lock(), timeout, |inside| !inside.is_left);
        drop(wait.unwrap_or_else(PoisonError::into_inner));
    }

    fn look<T>(&self, timeout: Option<Duration>, find: impl Fn(&mut Inside) -> Option<T>) -> Found<T> {
        // A span that no clock can add up is as good as for ever.
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut inside = self.lock();
        loop {
            if let Some(found) = find(&mut inside) {
                return Found::Some(found);
            }
            if let Some(end) = &inside.end {
                return Found::End(end.clone());
            }
            inside = match until {
                None => self.arrived.wait(inside).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Found::Nothing;
                    }
                    self.arrived.wait_timeout(inside, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Nothing in here panics between two steps that belong together.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Poll};

    use super::*;

    const NOW: Option<Duration> = Some(Duration::ZERO);

    fn try_put(mailbox: &Mailbox, piece: impl Into<Bytes>) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        pin!(mailbox.put(piece.into())).poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn pieces_come_in_order_and_then_the_end_again_and_again() {
        let mailbox = Mailbox::default();
        assert_eq!(mailbox.next(NOW), Found::Nothing);
        assert!(try_put(&mailbox, "a") && try_put(&mailbox, "b"));
        mailbox.end(End::Broken("why".into()));
        mailbox.end(End::Whole);
        let took: Vec<_> = (0..4).map(|_| mailbox.next(None)).collect();
        let end = || Found::End(End::Broken("why".into()));
        assert_eq!(took, [Found::Some("a".into()), Found::Some("b".into()), end(), end()]);
    }

    #[test]
    fn what_is_not_taken_holds_back_what_comes() {
        let mailbox = Mailbox::default();
        assert!(try_put(&mailbox, vec![0; 2 * ROOM_BYTES]), "one piece may be of any size");
        assert!(!try_put(&mailbox, "more"));
        assert!(matches!(mailbox.next(NOW), Found::Some(_)));
        let small = (0..).take_while(|_| try_put(&mailbox, "x")).count();
        assert_eq!(small, ROOM_PIECES);
    }

    #[test]
    fn who_waits_is_woken_by_what_comes_and_by_the_end() {
        let mailbox = Arc::new(Mailbox::default());
        let reader = {
            let mailbox = mailbox.clone();
            std::thread::spawn(move || (mailbox.next(None), mailbox.next(None)))
        };
        assert!(try_put(&mailbox, "a"));
        mailbox.end(End::Whole);
        assert_eq!(reader.join().unwrap(), (Found::Some("a".into()), Found::End(End::Whole)));
    }

    #[test]
    fn nothing_comes_after_a_cancel() {
        let mailbox = Mailbox::default();
        assert!(try_put(&mailbox, "a"));
        mailbox.end(End::Cancelled);
        assert!(try_put(&mailbox, "b"), "it is thrown away, and nobody is held back for it");
        assert_eq!(mailbox.next(None), Found::End(End::Cancelled));
    }
}
