//! What was made for each proxy, within bounds.
//!
//! Pure: callers pass the time.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{Hash, Hasher},
    time::{Duration, Instant},
};

use crate::keys::ProxyUrl;

/// One `T` per proxy. What nobody used for a while goes, and beyond the limit what was used least recently.
pub(super) struct Shelf<T> {
    limit: usize,
    idle: Duration,
    rows: HashMap<Address, Row<T>>,
}

struct Row<T> {
    value: T,
    used: Instant,
}

impl<T: Clone> Shelf<T> {
    /// A shelf for `limit` proxies, at least one.
    pub(super) fn new(limit: usize, idle: Duration) -> Self {
        Self { limit: limit.max(1), idle, rows: HashMap::new() }
    }

    /// What there is for `proxy`, made now if there is nothing.
    pub(super) fn get<E>(
        &mut self,
        proxy: &ProxyUrl,
        now: Instant,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if let Some(row) = self.rows.get_mut(proxy.expose()) {
            row.used = now;
            return Ok(row.value.clone());
        }
        let value = make()?;
        self.make_room(now);
        self.rows.insert(Address(proxy.clone()), Row { value: value.clone(), used: now });
        Ok(value)
    }

    fn make_room(&mut self, now: Instant) {
        self.rows.retain(|_, row| now.duration_since(row.used) < self.idle);
        if self.rows.len() >= self.limit
            && let Some(oldest) = self.rows.values().map(|row| row.used).min()
        {
            self.rows.retain(|_, row| row.used > oldest);
        }
    }
}

/// A proxy as a map finds it: by its whole text, which stays in a type that is wiped.
#[derive(PartialEq, Eq)]
struct Address(ProxyUrl);

impl Borrow<str> for Address {
    fn borrow(&self) -> &str {
        self.0.expose()
    }
}

// As `str` does it, which `Borrow` asks for.
impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.expose().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for `proxy` at a second; `true` when it had to be made.
    fn is_made(shelf: &mut Shelf<()>, start: Instant, proxy: &str, second: u64) -> bool {
        let mut made = false;
        let proxy = format!("socks5://{proxy}").parse().unwrap();
        let now = start + Duration::from_secs(second);
        shelf
            .get(&proxy, now, || -> Result<(), ()> {
                made = true;
                Ok(())
            })
            .unwrap();
        made
    }

    #[test]
    fn the_least_recently_used_goes_first_and_the_idle_go_all() {
        let (mut shelf, start) = (Shelf::new(2, Duration::from_secs(60)), Instant::now());
        for (second, proxy, made) in [
            (0, "a", true),
            (1, "b", true),
            (2, "a", false),
            // Full: `b` goes.
            (3, "c", true),
            (4, "a", false),
            (5, "b", true),
            // Only `b` and then `d` are left.
            (64, "d", true),
            (64, "b", false),
            (64, "a", true),
        ] {
            assert_eq!(is_made(&mut shelf, start, proxy, second), made, "{proxy} at {second}");
        }
        assert!(shelf.rows.len() <= 2);
    }

    #[test]
    fn credentials_tell_proxies_apart() {
        let (mut shelf, start) = (Shelf::new(9, Duration::from_secs(60)), Instant::now());
        assert!(is_made(&mut shelf, start, "u:1@h:1080", 0));
        assert!(is_made(&mut shelf, start, "u:2@h:1080", 0));
        assert!(!is_made(&mut shelf, start, "u:1@h:1080", 0));
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let mut shelf = Shelf::<()>::new(1, Duration::from_secs(60));
        assert_eq!(shelf.get(&"http://h".parse().unwrap(), Instant::now(), || Err("bad")), Err("bad"));
        assert!(shelf.rows.is_empty());
    }
}
