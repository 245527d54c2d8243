//! How often a login may fail: a few times at once, then ever more slowly. Counted by account and by address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Failures of an account that cost nothing.
const FREE: u32 = 5;
/// Failures of an address that cost nothing: several people may share one.
const FREE_OF_ADDRESS: u32 = 20;
const LONGEST: Duration = Duration::from_secs(300);
/// After so long without a try everything is forgotten.
const MEMORY: Duration = Duration::from_secs(900);
/// Names that are remembered. An attacker makes up as many as they like.
const MOST: usize = 10_000;

/// Counts failed logins.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<Name, Count>>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Name {
    Account(String),
    Address(IpAddr),
}

#[derive(Clone, Copy)]
struct Count {
    failures: u32,
    last: Instant,
}

pub(super) fn account(username: &str) -> Name {
    Name::Account(username.to_owned())
}

pub(super) fn address(peer: IpAddr) -> Name {
    Name::Address(network(peer))
}

/// One network of IPv6 counts as one: whoever has an address of it has all of them.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() >> 64 << 64).into(),
        four => four,
    }
}

impl Throttle {
    /// Begins a try: counted as failed until it is forgiven, so that many at once are no way around. `Err`: how long to
    /// wait; nothing is counted then.
    pub(super) fn begin(&self, names: &[Name], now: Instant) -> Result<(), Duration> {
        let mut counts = self.lock();
        let wait = names.iter().filter_map(|name| counts.get(name)?.wait(name, now)).max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        if counts.len() + names.len() > MOST {
            make_room(&mut counts, now);
        }
        for name in names {
            let count = counts.entry(name.clone()).or_insert(Count { failures: 0, last: now });
            let forgotten = now - count.last >= MEMORY;
            *count = Count { failures: if forgotten { 1 } else { count.failures.saturating_add(1) }, last: now };
        }
        Ok(())
    }

    /// The try was a good one.
    pub(super) fn forgive(&self, names: &[Name]) {
        let mut counts = self.lock();
        for name in names {
            match (name, counts.get_mut(name)) {
                // Who has the password has shown that the account is theirs; its address may be shared with an attacker.
                (Name::Account(_), _) => drop(counts.remove(name)),
                (Name::Address(_), Some(count)) => count.failures = count.failures.saturating_sub(1),
                (Name::Address(_), None) => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn wait(self, name: &Name, now: Instant) -> Option<Duration> {
        let free = if matches!(name, Name::Account(_)) { FREE } else { FREE_OF_ADDRESS };
        let over = self.failures.checked_sub(free)?;
        let pause = Duration::from_secs(1 << over.min(9)).min(LONGEST);
        pause.checked_sub(now - self.last).filter(|wait| !wait.is_zero())
    }
}

/// What has been forgotten goes, else the half that was tried longest ago.
fn make_room(counts: &mut HashMap<Name, Count>, now: Instant) {
    counts.retain(|_, count| now - count.last < MEMORY);
    if counts.len() > MOST / 2 {
        let mut times: Vec<Instant> = counts.values().map(|count| count.last).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        counts.retain(|_, count| count.last > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(throttle: &Throttle, name: &Name, now: Instant) -> Result<(), u64> {
        throttle.begin(std::slice::from_ref(name), now).map_err(|wait| wait.as_secs())
    }

    #[test]
    fn failures_slow_an_account_down_until_a_good_one() {
        let (throttle, ada, start) = (Throttle::default(), account("ada"), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..FREE {
            assert_eq!(fail(&throttle, &ada, start), Ok(()));
        }
        assert_eq!(fail(&throttle, &ada, start), Err(1));
        assert_eq!(fail(&throttle, &account("grace"), start), Ok(()));
        assert_eq!(fail(&throttle, &ada, after(1)), Ok(()));
        assert_eq!(fail(&throttle, &ada, after(1)), Err(2));
        assert_eq!(fail(&throttle, &ada, after(3)), Ok(()));
        throttle.forgive(std::slice::from_ref(&ada));
        assert_eq!(fail(&throttle, &ada, after(3)), Ok(()));
    }

    #[test]
    fn a_pause_has_an_end() {
        let (throttle, ada, mut now) = (Throttle::default(), account("ada"), Instant::now());
        for _ in 0..40 {
            let wait = fail(&throttle, &ada, now).err().unwrap_or_default();
            assert!(wait <= LONGEST.as_secs());
            now += Duration::from_secs(wait);
        }
        now += MEMORY;
        assert_eq!(fail(&throttle, &ada, now), Ok(()));
        assert_eq!(fail(&throttle, &ada, now), Ok(()), "everything is forgotten");
    }

    #[test]
    fn neighbours_in_a_network_share_a_name_and_mapped_addresses_are_what_they_map() {
        let of = |text: &str| address(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::1"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("127.0.0.1"), of("127.0.0.2"));
        assert_eq!(of("::ffff:127.0.0.1"), of("127.0.0.1"));
    }

    #[test]
    fn made_up_names_take_no_more_than_their_room() {
        let throttle = Throttle::default();
        for n in 0..3 * MOST {
            let _ = fail(&throttle, &account(&n.to_string()), Instant::now());
        }
        assert!(throttle.lock().len() <= MOST);
    }
}
