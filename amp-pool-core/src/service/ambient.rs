//! What the machine gives: the moment, and chance.

use std::{cell::RefCell, future::poll_fn, pin::pin, task::Poll, time::Instant};

use futures::FutureExt as _;
use tokio::time::Sleep;

/// The monotonic clock; tests can pause it.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What `coming` gives, if it comes before a timer goes off.
///
/// Much of what is awaited is there already, and then a look at the clock and a timer would be for nothing: it is set when
/// something has to be waited for.
pub(super) async fn before<F: Future + Unpin>(timer: impl FnOnce() -> Sleep, mut coming: F) -> Option<F::Output> {
    let (mut unset, mut timer) = (Some(timer), pin!(None));
    poll_fn(|cx| {
        if let Poll::Ready(come) = coming.poll_unpin(cx) {
            return Poll::Ready(Some(come));
        }
        if let Some(set) = unset.take() {
            timer.set(Some(set()));
        }
        timer.as_mut().as_pin_mut().map_or(Poll::Pending, |timer| timer.poll(cx)).map(|()| None)
    })
    .await
}

/// Ten random bytes for an id. Drawn from the system in blocks: a call would else pay for several system calls.
pub(super) fn random() -> [u8; 10] {
    const BLOCK: usize = 1000;
    thread_local! {
        static DRAWN: RefCell<(usize, [u8; BLOCK])> = const { RefCell::new((BLOCK, [0; BLOCK])) };
    }
    DRAWN.with_borrow_mut(|(used, block)| {
        if *used == BLOCK {
            // Without randomness ids could repeat, and a repeated id loses a record: better to stop here.
            #[allow(clippy::expect_used)]
            getrandom::fill(block).expect("the system gives random bytes");
            *used = 0;
        }
        let mut ten = [0; 10];
        ten.copy_from_slice(&block[*used..*used + 10]);
        *used += 10;
        ten
    })
}
