//! What is known of keys and of what they share, for as long as the process runs.
//!
//! A configuration is made anew with each change; this outlives it. A key's fitness belongs to its credential, limits and
//! money to its account, and a line (upstream and proxy) to all keys that take it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Instant,
};

use super::{Health, Key, Line, Purse, Rooms};
use crate::id::KeyId;

/// What is known of a key and what it shares with others.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Fitness of the key itself.
    pub health: Arc<Health>,
    /// Its account.
    pub account: Account,
    /// Fitness of the way to its upstream.
    pub link: Arc<Line>,
    /// What is spent of its budget.
    pub purse: Arc<Purse>,
}

impl Standing {
    /// That of a key of which nothing is known and which shares nothing.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            health: Arc::default(),
            account: Account::new(now),
            link: Arc::new(Line::new(now)),
            purse: Arc::default(),
        }
    }
}

/// What is known of an upstream account: the keys of one account share its limits and its money.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its fitness: limits reached, money gone.
    pub health: Arc<Health>,
    /// How much more it takes.
    pub rooms: Arc<Rooms>,
    /// How much money it has left, in nano-dollars; 0 where that is not known.
    pub money: Arc<AtomicU64>,
}

impl Account {
    fn new(now: Instant) -> Self {
        Self { health: Arc::default(), rooms: Arc::new(Rooms::new(now)), money: Arc::default() }
    }
}

/// What is known of all keys.
#[derive(Debug, Default)]
pub struct Standings(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<(KeyId, String), Arc<Health>>,
    accounts: HashMap<Upstream<Owner>, Account>,
    lines: HashMap<Upstream<Option<Box<str>>>, Arc<Line>>,
    purses: HashMap<KeyId, Arc<Purse>>,
}

/// Something at a provider, and at its own base URL if it has one.
type Upstream<T> = (String, Option<String>, T);

/// Whose an account is: that of a name, or that of one credential alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Owner {
    Named(String),
    Key(KeyId, String),
}

impl Standings {
    /// That of `key`.
    #[must_use]
    pub fn of(&self, key: &Key, now: Instant) -> Standing {
        let spec = &key.spec;
        let own = || (key.id, key.fingerprint.clone());
        let owner = spec.account.clone().map_or_else(|| Owner::Key(key.id, key.fingerprint.clone()), Owner::Named);
        let proxy = spec.egress.proxy.as_ref().map(|proxy| proxy.expose().into());
        let at = |what| (spec.provider.clone(), spec.base_url.clone(), what);
        let line = (spec.provider.clone(), spec.base_url.clone(), proxy);
        let mut known = self.known();
        Standing {
            health: known.keys.entry(own()).or_default().clone(),
            account: known.accounts.entry(at(owner)).or_insert_with(|| Account::new(now)).clone(),
            link: known.lines.entry(line).or_insert_with(|| Arc::new(Line::new(now))).clone(),
            purse: known.purses.entry(key.id).or_default().clone(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keys::KeySpec, secret::Secret, time::Timestamp};

    fn key(id: i64, account: Option<&str>) -> Key {
        let now = Timestamp::from_millis(0);
        let spec = KeySpec { account: account.map(str::to_owned), ..KeySpec::new("k", "openai", Secret::new("sk")) };
        Key { id: KeyId(id), create_time: now, update_time: now, fingerprint: "f".into(), spec }
    }

    #[test]
    fn keys_of_one_account_share_limits_and_keys_of_one_line_its_trouble() {
        let (standings, now) = (Standings::default(), Instant::now());
        let [a, b, alone] = [key(1, Some("org")), key(2, Some("org")), key(3, None)].map(|k| standings.of(&k, now));

        assert!(Arc::ptr_eq(&a.account.rooms, &b.account.rooms));
        assert!(!Arc::ptr_eq(&a.account.rooms, &alone.account.rooms));
        assert!(!Arc::ptr_eq(&a.health, &b.health));
        assert!(Arc::ptr_eq(&a.link, &alone.link));
        assert!(Arc::ptr_eq(&standings.of(&key(1, Some("org")), now).health, &a.health));
    }
}
