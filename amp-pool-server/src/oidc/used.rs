//! Which logins were ended already. A code is good once by its issuer's word; this is ours, for as long as a ticket lasts.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::ticket::LASTS;

/// More come in no ten minutes: each has cost its address a try.
const MOST: usize = 100_000;

#[derive(Default)]
pub(super) struct Used(Mutex<HashMap<String, Instant>>);

impl Used {
    /// Whether `state` is new. It is not any more.
    pub(super) fn take(&self, state: &str) -> bool {
        self.take_at(state, Instant::now())
    }

    fn take_at(&self, state: &str, now: Instant) -> bool {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|_, then| now - *then <= Duration::from_secs(LASTS.unsigned_abs()));
        taken.len() < MOST && taken.insert(state.to_owned(), now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_ends_once() {
        let (used, start) = (Used::default(), Instant::now());
        assert!(used.take_at("a", start) && used.take_at("b", start));
        assert!(!used.take_at("a", start + Duration::from_secs(600)));
        used.take_at("c", start + Duration::from_secs(601));
        assert_eq!(used.0.lock().unwrap().len(), 2, "what no ticket can repeat is forgotten");
    }
}
