//! What a connection is told from outside.
//!
//! A connection is polled a few times in each call and told something once in its life, so what could tell it is polled
//! only when that has woken: until then it costs a look at a flag.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker, ready},
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered, task::AtomicWaker};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often a connection is looked at, to see whether it is of use still.
const LOOK: Duration = Duration::from_secs(60);

/// What it is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The server closes.
    Closing,
    /// It has been there for as long as a first head may take.
    HeadIsLate,
    /// Time has passed. Comes again and again.
    Look,
}

/// Waits for events.
pub(super) struct Outside {
    events: FuturesUnordered<BoxFuture<'static, Event>>,
    bell: Arc<Bell>,
    /// Rings the bell.
    ringer: Waker,
    /// Whom the bell wakes.
    task: Option<Waker>,
}

#[derive(Default)]
struct Bell {
    rang: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::SeqCst);
        self.task.wake();
    }
}

impl Outside {
    /// `head`: how long a first head may take.
    pub(super) fn new(closing: CancellationToken, head: Duration) -> Self {
        // The protocol's own limit starts when the protocol is known; until the first head it is ours.
        let late = sleep(head).map(|()| Event::HeadIsLate).boxed();
        let closing = closing.cancelled_owned().map(|()| Event::Closing).boxed();
        let bell = Arc::new(Bell::default());
        Self {
            events: [late, closing, look()].into_iter().collect(),
            ringer: Waker::from(bell.clone()),
            bell,
            task: None,
        }
    }

    /// The next event. Pending for ever when there is none left.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Event {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let is_new = !self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker()));
        if !is_new && !self.bell.rang.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        self.task = Some(cx.waker().clone());
        self.bell.task.register(cx.waker());
        // Whoever rings from here on is heard at the next look.
        self.bell.rang.store(false, Ordering::SeqCst);
        match ready!(self.events.poll_next_unpin(&mut Context::from_waker(&self.ringer))) {
            Some(event) => {
                if event == Event::Look {
                    self.events.push(look());
                }
                // The others have not been looked at.
                self.bell.rang.store(true, Ordering::SeqCst);
                Poll::Ready(event)
            }
            None => Poll::Pending,
        }
    }
}

fn look() -> BoxFuture<'static, Event> {
    sleep(LOOK).map(|()| Event::Look).boxed()
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const HEAD: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_connection_hears_of_each_event_once() {
        let closing = CancellationToken::new();
        let mut outside = Outside::new(closing.clone(), HEAD);
        assert!(timeout(HEAD / 2, outside.next()).await.is_err());
        assert_eq!(outside.next().await, Event::HeadIsLate);
        assert!(timeout(HEAD, outside.next()).await.is_err());

        let later = async {
            tokio::task::yield_now().await;
            closing.cancel();
        };
        let (event, ()) = tokio::join!(outside.next(), later);
        assert_eq!(event, Event::Closing);
        assert!(timeout(HEAD, outside.next()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_looked_at_again_and_again() {
        let (start, mut outside) = (tokio::time::Instant::now(), Outside::new(CancellationToken::new(), HEAD));
        assert_eq!(outside.next().await, Event::HeadIsLate);
        for n in 1..4 {
            assert_eq!(outside.next().await, Event::Look);
            assert_eq!(start.elapsed().as_secs(), n * LOOK.as_secs());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn both_are_heard_when_they_come_together() {
        let closing = CancellationToken::new();
        let mut outside = Outside::new(closing.clone(), HEAD);
        assert!(timeout(HEAD / 2, outside.next()).await.is_err());
        closing.cancel();
        tokio::time::advance(HEAD).await;
        let mut heard = [outside.next().await, outside.next().await];
        heard.sort_by_key(|event| *event == Event::HeadIsLate);
        assert_eq!(heard, [Event::Closing, Event::HeadIsLate]);
    }
}
