//! What is counted at the door.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Connections of clients.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    accepted: AtomicU64,
    ended: AtomicU64,
    over_share: AtomicU64,
    not_accepted: AtomicU64,
}

/// A connection that is open. It has ended when this is dropped.
pub(super) struct Visit(Arc<Visits>);

impl Visits {
    pub(super) fn begin(self: &Arc<Self>) -> Visit {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        Visit(Arc::clone(self))
    }

    /// Its address had as many already as it may have.
    pub(super) fn over_share(&self) {
        self.over_share.fetch_add(1, Ordering::Relaxed);
    }

    /// A try to accept one failed, for want of descriptors.
    pub(super) fn not_accepted(&self) {
        self.not_accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// How many are open.
    pub(crate) fn open(&self) -> u64 {
        // Ended ones first: who ends in between must not make it less than none.
        let ended = self.ended.load(Ordering::Acquire);
        self.accepted.load(Ordering::Acquire).saturating_sub(ended)
    }

    /// How many there have been, by what became of them.
    pub(crate) fn totals(&self) -> [(&'static str, u64); 3] {
        let counts =
            [("accepted", &self.accepted), ("over_share", &self.over_share), ("no_descriptor", &self.not_accepted)];
        counts.map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_and_what_was_is_counted_apart() {
        let visits = Arc::new(Visits::default());
        let (one, other) = (visits.begin(), visits.begin());
        drop(one);
        visits.over_share();
        assert_eq!(visits.open(), 1);
        assert_eq!(visits.totals(), [("accepted", 2), ("over_share", 1), ("no_descriptor", 0)]);
        drop(other);
        assert_eq!(visits.open(), 0);
    }
}
