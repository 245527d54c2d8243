//! A waker for futures that are polled together by one task.
//!
//! A connection and the body that it feeds wake each other with every piece. As long as their task is polling them it has
//! not to be woken for that: it looks at both anyway.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    task::{Wake, Waker},
};

use futures::task::AtomicWaker;

/// The task waits: wake it.
const WAITING: u8 = 0;
/// The task is polling.
const POLLING: u8 = 1;
/// Somebody woke. If the task was waiting it has been told.
const WOKEN: u8 = 2;

/// Wakes a task that waits, and takes note for one that is polling.
#[derive(Default)]
pub(super) struct Gate {
    task: AtomicWaker,
    state: AtomicU8,
}

impl Gate {
    /// The task behind `waker` is going to poll.
    pub(super) fn enter(&self, waker: &Waker) {
        self.task.register(waker);
        self.clear();
    }

    /// Forgets what was noted so far.
    pub(super) fn clear(&self) {
        self.state.store(POLLING, Ordering::SeqCst);
    }

    /// The task is going to wait. False when it has to look again, because somebody woke since the last
    /// [`Gate::clear`].
    pub(super) fn leave(&self) -> bool {
        self.state.compare_exchange(POLLING, WAITING, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl Wake for Gate {
    fn wake(self: std::sync::Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::SeqCst) == WAITING {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicUsize};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_task_is_woken_once_and_only_when_it_waits() {
        let (gate, count) = (Arc::new(Gate::default()), Arc::new(Count::default()));
        let (task, inner) = (Waker::from(count.clone()), Waker::from(gate.clone()));
        let woken = || count.0.load(Ordering::SeqCst);

        gate.enter(&task);
        inner.wake_by_ref();
        assert!(!gate.leave(), "what woke while it polled is looked at");
        gate.clear();
        assert!(gate.leave());
        assert_eq!(woken(), 0);

        inner.wake_by_ref();
        inner.wake_by_ref();
        assert_eq!(woken(), 1);
    }
}
