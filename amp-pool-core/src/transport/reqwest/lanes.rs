//! The clients of one egress.
//!
//! A client keeps one HTTP/2 connection per host, and a host takes some hundred streams on it; the next request would
//! wait in line behind answers that stream for minutes. So an egress has a row of clients and a request takes the first
//! one with room. Usually that is the first one.

use std::sync::Arc;

use arc_swap::ArcSwap;

/// A client with as many further owners as it has exchanges under way.
pub(super) type Lane<C> = Arc<C>;

/// A row of clients that grows with the load. Reading it takes no lock.
pub(super) struct Lanes<C> {
    lanes: ArcSwap<Vec<Lane<C>>>,
}

impl<C> Lanes<C> {
    /// A row of one.
    pub(super) fn new(first: C) -> Self {
        Self { lanes: ArcSwap::from_pointee(vec![Arc::new(first)]) }
    }

    /// A client with fewer than `limit` exchanges under way: one of the row, or a new one from `make`.
    ///
    /// The exchange counts until the lane is dropped. Requests at the same instant may pass the limit by as many.
    pub(super) fn take<E>(&self, limit: usize, make: impl FnOnce() -> Result<C, E>) -> Result<Lane<C>, E> {
        let free = |lane: &&Lane<C>| Arc::strong_count(lane) <= limit;
        if let Some(lane) = self.lanes.load().iter().find(free) {
            return Ok(Arc::clone(lane));
        }
        let lane = Arc::new(make()?);
        self.lanes.rcu(|lanes| lanes.iter().chain([&lane]).cloned().collect::<Vec<_>>());
        Ok(lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_takes_the_first_client_with_room() {
        let lanes = Lanes::new(0);
        let mut made = 0;
        let mut take = || {
            lanes
                .take(2, || -> Result<i32, ()> {
                    made += 1;
                    Ok(made)
                })
                .unwrap()
        };

        let held: Vec<_> = (0..5).map(|_| take()).collect();
        assert_eq!(held.iter().map(|lane| **lane).collect::<Vec<_>>(), [0, 0, 1, 1, 2]);

        drop(held);
        assert_eq!(*take(), 0);
    }
}
