//! How many connections there may be: in all, and from one address.
//!
//! In all, so that descriptors are left for what connections need; from one address, so that whoever opens as many as they can
//! leaves room for others.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{access::network, config::FrontSettings};

/// Room for connections.
pub(super) struct Room {
    all: Arc<Semaphore>,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most_of_one: usize,
    /// Whether this machine is an address like any other.
    counts_loopback: bool,
}

/// A connection's place in the room. Dropping it makes room for another.
pub(super) struct Place {
    _one_of_all: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// One of the places of an address.
struct Share {
    address: IpAddr,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Room {
    pub(super) fn new(settings: &FrontSettings) -> Self {
        let most = settings.connections.unwrap_or_else(half_of_descriptors).min(Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(most)),
            counts: Arc::default(),
            most_of_one: settings.connections_per_address.unwrap_or_else(|| most.div_ceil(2)),
            counts_loopback: settings.connections_per_address.is_some(),
        }
    }

    /// Waits until there is room for one more.
    ///
    /// # Cancel safety
    /// Dropping the future takes no room.
    pub(super) async fn one_more(&self) -> io::Result<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.map_err(io::Error::other)
    }

    /// Whether the next one has to wait.
    pub(super) fn is_full(&self) -> bool {
        self.all.available_permits() == 0
    }

    /// The place of a connection from `address`. `None`: that address has its share already.
    pub(super) fn enter(&self, one_of_all: OwnedSemaphorePermit, address: IpAddr, is_proxy: bool) -> Option<Place> {
        let is_free = is_proxy || (!self.counts_loopback && address.to_canonical().is_loopback());
        let share = if is_free { None } else { Some(self.share(network(address))?) };
        Some(Place { _one_of_all: one_of_all, _share: share })
    }

    fn share(&self, address: IpAddr) -> Option<Share> {
        let mut counts = lock(&self.counts);
        let count = counts.entry(address).or_default();
        if *count >= self.most_of_one {
            return None;
        }
        *count += 1;
        Some(Share { address, counts: Arc::clone(&self.counts) })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        match counts.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.address)),
        }
    }
}

fn lock(counts: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Half of the descriptors the process may have: each connection may need a second one to an upstream.
fn half_of_descriptors() -> usize {
    let most = descriptors().and_then(|most| usize::try_from(most).ok()).unwrap_or(1024);
    (most / 2).max(64)
}

#[cfg(unix)]
fn descriptors() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn descriptors() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(connections: usize, of_one: Option<usize>) -> Room {
        let settings = FrontSettings {
            connections: Some(connections),
            connections_per_address: of_one,
            ..FrontSettings::default()
        };
        Room::new(&settings)
    }

    async fn enter(room: &Room, address: &str) -> Option<Place> {
        let one = room.one_more().await.unwrap();
        room.enter(one, address.parse().unwrap(), false)
    }

    #[tokio::test]
    async fn an_address_has_its_share_and_leaves_the_rest_to_others() {
        let room = room(10, Some(2));
        let (first, second) = (enter(&room, "203.0.113.1").await, enter(&room, "::ffff:203.0.113.1").await);
        assert!(first.is_some() && second.is_some());
        assert!(enter(&room, "203.0.113.1").await.is_none());
        assert!(enter(&room, "203.0.113.2").await.is_some());
        drop(first);
        assert!(enter(&room, "203.0.113.1").await.is_some());
        drop(second);
        assert!(lock(&room.counts).is_empty(), "who has left is forgotten");
    }

    #[tokio::test]
    async fn a_network_of_six_is_one_address() {
        let room = room(10, Some(1));
        let _one = enter(&room, "2001:db8:1:2::1").await.unwrap();
        assert!(enter(&room, "2001:db8:1:2:3::9").await.is_none());
        assert!(enter(&room, "2001:db8:1:3::1").await.is_some());
    }

    #[tokio::test]
    async fn this_machine_and_proxies_have_no_share_unless_one_is_set() {
        let unset = room(4, None);
        let mut places = Vec::new();
        for _ in 0..2 {
            places.push(enter(&unset, "203.0.113.1").await.unwrap());
        }
        assert!(enter(&unset, "203.0.113.1").await.is_none());
        places.push(enter(&unset, "127.0.0.1").await.unwrap());
        let proxy = unset.one_more().await.unwrap();
        assert!(unset.enter(proxy, "203.0.113.1".parse().unwrap(), true).is_some());

        let set = room(4, Some(1));
        let _one = enter(&set, "127.0.0.1").await.unwrap();
        assert!(enter(&set, "127.0.0.1").await.is_none());
    }

    #[tokio::test]
    async fn when_the_room_is_full_the_next_waits() {
        let room = room(1, None);
        let place = enter(&room, "127.0.0.1").await;
        let mut next = std::pin::pin!(room.one_more());
        assert!(futures::poll!(&mut next).is_pending());
        drop(place);
        assert!(futures::poll!(&mut next).is_ready());
    }
}
