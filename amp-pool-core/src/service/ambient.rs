//! What the machine gives: the moment, and chance.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use futures::future::poll_immediate;
use tokio::time::{error::Elapsed, timeout, timeout_at};

/// The monotonic clock; tests can pause it.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What `coming` gives, if it comes within `limit`.
///
/// Much of what is awaited is there already, and then a look at the clock and a timer would be for nothing.
pub(super) async fn within<F: Future + Unpin>(limit: Duration, mut coming: F) -> Result<F::Output, Elapsed> {
    if let Some(come) = poll_immediate(&mut coming).await {
        return Ok(come);
    }
    timeout(limit, coming).await
}

/// As [`within`], by a time that is asked for only when something has to be waited for.
pub(super) async fn by<F: Future + Unpin>(
    until: impl FnOnce() -> tokio::time::Instant,
    mut coming: F,
) -> Result<F::Output, Elapsed> {
    if let Some(come) = poll_immediate(&mut coming).await {
        return Ok(come);
    }
    timeout_at(until(), coming).await
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
