//! The boundary that no panic passes, and the message that a thread's last failure left.

use std::{
    any::Any,
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::status::{Failure, Outcome};

thread_local! {
    /// The message, and the NUL behind it.
    static LAST: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Runs the body of an exported function. What goes wrong becomes its status, and the message of this thread.
pub(crate) fn guard(work: impl FnOnce() -> Outcome) -> i32 {
    let work = || {
        #[cfg(test)]
        strike::here(strike::At::Entry);
        work()
    };
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        discard(panic);
        Err(Failure::panicked())
    });
    outcome.unwrap_or_else(|failure| {
        remember(&failure.message);
        failure.status
    })
}

/// What was thrown may panic in its own destructor.
fn discard(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}

fn remember(message: &str) {
    // A thread that ends has no message any more, and nobody to read it.
    let _ = LAST.try_with(|last| {
        let mut last = last.borrow_mut();
        last.clear();
        last.extend(message.bytes().filter(|&byte| byte != 0));
        last.push(0);
    });
}

/// The message of this thread's last failure, ending with NUL, and its length without that.
pub(crate) fn last_message() -> (*const u8, usize) {
    let found = LAST.try_with(|last| {
        let last = last.borrow();
        last.len().checked_sub(1).map(|length| (last.as_ptr(), length))
    });
    found.ok().flatten().unwrap_or((c"".as_ptr().cast(), 0))
}

/// Panics on demand, for tests.
#[cfg(test)]
pub(crate) mod strike {
    use std::cell::Cell;

    /// Where a panic is wanted.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) enum At {
        /// Before anything was done.
        Entry,
        /// While a handle is in use.
        Inside,
    }

    thread_local! {
        static WANTED: Cell<Option<At>> = const { Cell::new(None) };
    }

    /// The next function of this thread that comes there panics.
    #[cfg(feature = "server")]
    pub(crate) fn next(at: At) {
        WANTED.set(Some(at));
    }

    /// Whether nobody has come there yet.
    #[cfg(feature = "server")]
    pub(crate) fn is_pending() -> bool {
        WANTED.take().is_some()
    }

    pub(crate) fn here(at: At) {
        if WANTED.get() == Some(at) {
            WANTED.set(None);
            panic!("a panic that a test asked for");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{AMP_POOL_BROKEN, AMP_POOL_PANICKED};

    fn message() -> String {
        let (text, length) = last_message();
        // SAFETY: the thread has not failed since, so the text is as it was given.
        String::from_utf8(unsafe { std::slice::from_raw_parts(text, length) }.to_vec()).unwrap()
    }

    #[test]
    fn a_failure_leaves_its_message_to_its_own_thread() {
        assert_eq!(message(), "");
        assert_eq!(guard(|| Err(Failure::new(AMP_POOL_BROKEN, "the answer\0 broke"))), AMP_POOL_BROKEN);
        assert_eq!(guard(|| Ok(2)), 2);
        assert_eq!(message(), "the answer broke");
        assert_eq!(std::thread::spawn(message).join().unwrap(), "");
    }

    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("again");
        }
    }

    #[test]
    fn a_panic_is_a_status_even_when_what_was_thrown_panics() {
        assert_eq!(guard(|| panic!("{}", 1)), AMP_POOL_PANICKED);
        assert_eq!(guard(|| std::panic::panic_any(Bomb)), AMP_POOL_PANICKED);
        assert!(message().contains("mistake"));
    }
}
