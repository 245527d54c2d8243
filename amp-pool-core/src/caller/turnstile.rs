//! Limits of calls: so many a minute, so many tokens a minute, so many at a time.
//!
//! Where the limit of an upstream is guessed, this one is known: looking and entering are one step, so that of calls which
//! come together not one too many gets in.
//!
//! Pure: callers pass `now`.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::keys::{Caps, Gauge, Resource};

/// Counts the calls of whoever shares a limit.
///
/// ```
/// use std::{sync::Arc, time::Instant};
///
/// use amp_pool_core::{
///     caller::{Full, Left, Pass, Turnstile},
///     keys::{Caps, Resource},
/// };
///
/// let now = Instant::now();
/// let turnstile = Arc::new(Turnstile::new(now));
/// let caps = Caps { rpm: Some(1), ..Caps::default() };
/// let mut pass: Pass = turnstile.enter(100, caps, now).map_err(|_| "the first one fits")?;
/// assert_eq!(turnstile.inside(), 1);
///
/// let Err(Full { resource, limit, wait }) = turnstile.enter(100, caps, now) else { return Err("one a minute".into()) };
/// assert_eq!((resource, limit), (Resource::Requests, 1));
/// assert!(wait.is_some());
/// let left: Vec<Left> = turnstile.left(caps, now).collect();
/// assert_eq!(left[0].remaining, 0);
///
/// // What was estimated on the way in becomes what was used.
/// pass.used(120, now);
/// drop(pass);
/// assert_eq!(turnstile.inside(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Turnstile(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    requests: Gauge,
    tokens: Gauge,
    inside: u32,
}

/// A limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// Which one.
    pub resource: Resource,
    /// How much it allows.
    pub limit: u32,
    /// How long until there is room again. `None`: until a call has ended.
    pub wait: Option<Duration>,
}

/// How much is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Which one.
    pub resource: Resource,
    /// How much it allows.
    pub limit: u32,
    /// How much of that is left.
    pub remaining: u64,
    /// How long until all of it is there again.
    pub reset: Duration,
}

impl Turnstile {
    /// One that nobody has gone through.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new(Counts { requests: Gauge::new(now), tokens: Gauge::new(now), inside: 0 }))
    }

    /// Lets a call of about `tokens` in, if `caps` have room for it. It has left when the pass is dropped.
    ///
    /// A call that is larger than the whole limit of tokens gets in when nothing else did in the last minute.
    ///
    /// # Errors
    /// [`Full`], with the limit that has no room. Nothing is counted then.
    pub fn enter(self: &Arc<Self>, tokens: u64, caps: Caps, now: Instant) -> Result<Pass, Full> {
        let mut counts = self.counts();
        if let Some(limit) = caps.concurrency.filter(|limit| counts.inside >= *limit) {
            return Err(Full { resource: Resource::Concurrency, limit, wait: None });
        }
        room(&mut counts.requests, Resource::Requests, 1, caps.rpm, now)?;
        room(&mut counts.tokens, Resource::Tokens, tokens, caps.tpm, now)?;
        counts.requests.spend(1, now);
        counts.tokens.spend(tokens, now);
        counts.inside += 1;
        drop(counts);
        Ok(Pass { turnstile: self.clone(), counted: tokens })
    }

    /// What is left of each limit a minute that there is.
    pub fn left(&self, caps: Caps, now: Instant) -> impl Iterator<Item = Left> {
        let mut counts = self.counts();
        let requests = caps.rpm.map(|limit| left(&mut counts.requests, Resource::Requests, limit, now));
        let tokens = caps.tpm.map(|limit| left(&mut counts.tokens, Resource::Tokens, limit, now));
        requests.into_iter().chain(tokens)
    }

    /// How many calls are under way.
    #[must_use]
    pub fn inside(&self) -> u32 {
        self.counts().inside
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Every change is complete in itself, so a poisoned lock holds nothing half-done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn room(gauge: &mut Gauge, resource: Resource, more: u64, cap: Option<u32>, now: Instant) -> Result<(), Full> {
    let Some(limit) = cap else { return Ok(()) };
    let used = gauge.used(now);
    if used.saturating_add(more) <= limit.into() || (used == 0 && resource == Resource::Tokens) {
        return Ok(());
    }
    let until = gauge.room_at(more.min(limit.into()), limit.into(), now);
    Err(Full { resource, limit, wait: Some(until.saturating_duration_since(now)) })
}

fn left(gauge: &mut Gauge, resource: Resource, limit: u32, now: Instant) -> Left {
    let remaining = u64::from(limit).saturating_sub(gauge.used(now));
    let reset = gauge.room_at(limit.into(), limit.into(), now).saturating_duration_since(now);
    Left { resource, limit, remaining, reset }
}

/// The place of one call behind a turnstile, until it is dropped.
#[derive(Debug)]
pub struct Pass {
    turnstile: Arc<Turnstile>,
    counted: u64,
}

impl Pass {
    /// Leaves as if the call had never come.
    pub fn take_back(self, now: Instant) {
        let mut counts = self.turnstile.counts();
        counts.requests.correct(1, 0, now);
        counts.tokens.correct(self.counted, 0, now);
    }

    /// What the call really took, read and written.
    pub fn used(&mut self, tokens: u64, now: Instant) {
        self.turnstile.counts().tokens.correct(std::mem::replace(&mut self.counted, tokens), tokens, now);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut counts = self.turnstile.counts();
        counts.inside = counts.inside.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(rpm: Option<u32>, tpm: Option<u32>, concurrency: Option<u32>) -> Caps {
        Caps { rpm, tpm, concurrency }
    }

    fn turnstile() -> (Arc<Turnstile>, Instant) {
        let now = Instant::now();
        (Arc::new(Turnstile::new(now)), now)
    }

    #[test]
    fn a_minute_holds_no_more_calls_than_allowed() {
        let (turnstile, now) = turnstile();
        let caps = caps(Some(3), None, None);
        for _ in 0..3 {
            turnstile.enter(1, caps, now).unwrap();
        }
        let full = turnstile.enter(1, caps, now + Duration::from_secs(30)).unwrap_err();

        assert_eq!((full.resource, full.limit), (Resource::Requests, 3));
        let wait = full.wait.unwrap();
        assert!((Duration::from_secs(30)..=Duration::from_secs(35)).contains(&wait), "{wait:?}");
        turnstile.enter(1, caps, now + Duration::from_secs(30) + wait).unwrap();
    }

    #[test]
    fn a_place_is_free_when_its_call_has_ended() {
        let (turnstile, now) = turnstile();
        let caps = caps(None, None, Some(1));
        let pass = turnstile.enter(1, caps, now).unwrap();
        assert_eq!(turnstile.enter(1, caps, now).unwrap_err().wait, None);

        drop(pass);
        turnstile.enter(1, caps, now).unwrap();
    }

    #[test]
    fn tokens_are_counted_as_they_turned_out() {
        let (turnstile, now) = turnstile();
        let caps = caps(None, Some(100), None);
        let mut pass = turnstile.enter(500, caps, now).expect("a call larger than the limit gets in alone");
        assert!(turnstile.enter(1, caps, now).is_err());
        pass.used(40, now);

        turnstile.enter(60, caps, now).unwrap();
        assert_eq!(turnstile.enter(1, caps, now).unwrap_err().resource, Resource::Tokens);
    }

    #[test]
    fn a_call_that_is_taken_back_was_never_there() {
        let (turnstile, now) = turnstile();
        let caps = caps(Some(1), Some(10), Some(1));
        turnstile.enter(10, caps, now).unwrap().take_back(now);

        assert_eq!(turnstile.inside(), 0);
        let left: Vec<_> = turnstile.left(caps, now).map(|left| left.remaining).collect();
        assert_eq!(left, [1, 10]);
    }

    #[test]
    fn of_many_who_come_together_not_one_too_many_gets_in() {
        let (turnstile, now) = turnstile();
        let caps = caps(Some(25), None, Some(25));
        let passes: Vec<_> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..20).filter_map(|_| turnstile.enter(1, caps, now).ok()).collect::<Vec<_>>()))
                .collect();
            tries.into_iter().flat_map(|tried| tried.join().unwrap()).collect()
        });

        assert_eq!((passes.len(), turnstile.inside()), (25, 25));
        drop(passes);
        assert_eq!(turnstile.inside(), 0);
    }
}
