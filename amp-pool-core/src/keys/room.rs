//! How much more one key can take.
//!
//! A [`Room`] counts what was sent for one model, or for all; a key has one of each kind, and keys of one upstream account
//! share theirs, because they share its limits. Choosing reads rooms and sending fills them, so that the key that would
//! refuse is not asked.
//!
//! Pure: callers pass `now`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::gauge::{Gauge, Told};

/// How many single models have a room of their own. A client chooses model names, so there is a bound.
const MODELS_KEPT: usize = 256;

/// What an operator allows a key. `None`: no more is known than the upstream shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caps {
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute, read and written.
    pub tpm: Option<u32>,
    /// Calls at a time.
    pub concurrency: Option<u32>,
}

impl Caps {
    fn rpm(self) -> Option<u64> {
        self.rpm.map(u64::from)
    }

    fn tpm(self) -> Option<u64> {
        self.tpm.map(u64::from)
    }
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Requests a minute.
    Requests,
    /// Tokens a minute.
    Tokens,
    /// Calls at a time.
    Concurrency,
}

impl Resource {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Concurrency => "concurrency",
        }
    }
}

/// The fullest limit of a room, as it would be with one more call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// How full, in thousandths. Above 1000 the call would be too much.
    pub permille: u64,
    /// Which limit that is.
    pub resource: Resource,
    /// Whether an operator wrote that limit. Such a one is never passed.
    pub is_cap: bool,
}

impl Level {
    /// Whether one more call would be too much.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.permille > 1000
    }

    pub(super) fn fuller(self, other: Self) -> Self {
        if (other.is_full() && other.is_cap, other.permille) > (self.is_full() && self.is_cap, self.permille) {
            other
        } else {
            self
        }
    }
}

/// How much more can be sent, for one model or for all.
///
/// ```
/// use std::time::Instant;
///
/// use amp_pool_core::keys::{Caps, Level, Resource, Room};
///
/// let (room, now) = (Room::new(Instant::now()), Instant::now());
/// let caps = Caps { concurrency: Some(1), ..Caps::default() };
/// let counted = room.try_enter(100, caps, now).ok_or("the first one fits")?;
/// assert!(room.try_enter(100, caps, now).is_none());
/// let level: Level = room.level(0, caps, now);
/// assert_eq!((level.resource, level.permille), (Resource::Concurrency, 2000), "another would be two of one");
///
/// room.leave(counted, None, now);
/// assert_eq!(room.in_flight(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Room(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    requests: Gauge,
    tokens: Gauge,
    in_flight: u32,
    /// The most calls at a time that did not bring a refusal, once one came.
    together: Option<u32>,
    /// Tokens an answer had of late, on average.
    usual_output: u64,
    /// Milliseconds to the first byte of late, on average.
    pace: Option<u64>,
    pace_at: Instant,
}

/// Averages move by a part in so many.
const SMOOTH: u64 = 8;

/// What one learns from has to be more than a call or two.
const ENOUGH_TO_LEARN: u64 = 3;

/// How long a measured pace means anything. A key that was slow is tried again.
const PACE_LASTS: Duration = Duration::from_secs(30);

impl Room {
    /// A room in which nothing was sent yet.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new(Counts {
            requests: Gauge::new(now),
            tokens: Gauge::new(now),
            in_flight: 0,
            together: None,
            usual_output: 0,
            pace: None,
            pace_at: now,
        }))
    }

    /// How full it would be with one more call of about `input` tokens.
    #[must_use]
    pub fn level(&self, input: u64, caps: Caps, now: Instant) -> Level {
        self.counts().level(input, caps, now)
    }

    /// Calls that are under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.counts().in_flight
    }

    /// How long the first byte took of late, if anyone asked of late.
    #[must_use]
    pub fn pace(&self, now: Instant) -> Option<Duration> {
        let counts = self.counts();
        let fresh = now.saturating_duration_since(counts.pace_at) < PACE_LASTS;
        counts.pace.filter(|_| fresh).map(Duration::from_millis)
    }

    /// A call of about `input` tokens is sent. Gives the tokens it was counted for.
    pub fn enter(&self, input: u64, now: Instant) -> u64 {
        self.counts().enter(input, now)
    }

    /// A call of about `input` tokens is sent, if it is within `caps`. Choosing has looked at that already, but others chose
    /// at the same time.
    #[must_use]
    pub fn try_enter(&self, input: u64, caps: Caps, now: Instant) -> Option<u64> {
        let mut counts = self.counts();
        // Most keys have no caps, and nothing to look at.
        let is_within = caps == Caps::default() || {
            let level = counts.level(input, caps, now);
            !(level.is_full() && level.is_cap)
        };
        is_within.then(|| counts.enter(input, now))
    }

    /// A call that was counted for `counted` tokens has ended. `used`: what it really took, read and written, if known.
    pub fn leave(&self, counted: u64, used: Option<(u64, u64)>, now: Instant) {
        let mut counts = self.counts();
        counts.in_flight = counts.in_flight.saturating_sub(1);
        let Some((input, output)) = used else { return };
        counts.tokens.correct(counted, input.saturating_add(output), now);
        counts.usual_output = average(counts.usual_output, output);
    }

    /// An answer began to come after `first_byte`.
    pub fn pass(&self, first_byte: Duration, now: Instant) {
        let mut counts = self.counts();
        counts.requests.pass(now);
        counts.tokens.pass(now);
        let took = u64::try_from(first_byte.as_millis()).unwrap_or(u64::MAX);
        let fresh = now.saturating_duration_since(counts.pace_at) < PACE_LASTS;
        counts.pace = Some(counts.pace.filter(|_| fresh).map_or(took, |pace| average(pace, took)));
        counts.pace_at = now;
        counts.raise_together();
    }

    /// Whether a refusal for too many calls at a time is explained by our own calls. There is room again as soon as one of
    /// them ends, and a rest would only waste it.
    #[must_use]
    pub fn is_crowded(&self, resource: Option<Resource>) -> bool {
        resource == Some(Resource::Concurrency) && self.counts().in_flight > 1
    }

    /// The upstream refused for a limit; for `resource`, if it said which.
    pub fn refuse(&self, resource: Option<Resource>, now: Instant) {
        let mut counts = self.counts();
        let is_crowded = resource == Some(Resource::Concurrency) && counts.in_flight > 1;
        match resource {
            // Somebody else uses the account, or a day's worth is spent: a minute of ours says nothing about that.
            _ if counts.requests.used(now) < ENOUGH_TO_LEARN && !is_crowded => {}
            Some(Resource::Requests) => counts.requests.refuse(now),
            Some(Resource::Tokens) => counts.tokens.refuse(now),
            Some(Resource::Concurrency) => counts.together = Some(counts.in_flight.saturating_sub(1).max(1)),
            None => {
                counts.requests.refuse(now);
                counts.tokens.refuse(now);
            }
        }
    }

    /// The upstream told how much is left of `resource`.
    pub fn hear(&self, resource: Resource, told: Told) {
        let mut counts = self.counts();
        match resource {
            Resource::Requests => counts.requests.hear(told),
            Resource::Tokens => counts.tokens.hear(told),
            Resource::Concurrency => {}
        }
    }

    /// When one more call of about `input` tokens is within `caps`, as far as that depends on time alone.
    #[must_use]
    pub fn room_at(&self, input: u64, caps: Caps, now: Instant) -> Instant {
        let mut counts = self.counts();
        let tokens = input.saturating_add(counts.usual_output);
        let requests = caps.rpm().map(|limit| counts.requests.room_at(1, limit, now));
        let tokens = caps.tpm().map(|limit| counts.tokens.room_at(tokens, limit, now));
        requests.into_iter().chain(tokens).max().unwrap_or(now)
    }

    /// Forgets what was learned of limits; what is under way stays counted.
    pub fn reset(&self, now: Instant) {
        let mut counts = self.counts();
        (counts.requests, counts.tokens, counts.together) = (Gauge::new(now), Gauge::new(now), None);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Every change is complete in itself, so a poisoned lock holds nothing half-done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn enter(&mut self, input: u64, now: Instant) -> u64 {
        let tokens = input.saturating_add(self.usual_output);
        self.requests.spend(1, now);
        self.tokens.spend(tokens, now);
        self.in_flight += 1;
        tokens
    }

    fn level(&mut self, input: u64, caps: Caps, now: Instant) -> Level {
        let tokens = input.saturating_add(self.usual_output);
        let (requests_used, tokens_used) = (self.requests.used(now), self.tokens.used(now));
        let requests = Level {
            permille: self.requests.level(requests_used, 1, caps.rpm(), now),
            resource: Resource::Requests,
            is_cap: is_over(requests_used, 1, caps.rpm()),
        };
        let tokens = Level {
            permille: self.token_level(tokens_used, tokens, caps.tpm(), now),
            resource: Resource::Tokens,
            is_cap: is_over(tokens_used, tokens, caps.tpm()),
        };
        requests.fuller(tokens).fuller(self.together_level(caps))
    }

    /// Without a known limit of tokens only requests are compared: how many tokens are many depends on the model.
    fn token_level(&self, used: u64, tokens: u64, cap: Option<u64>, now: Instant) -> u64 {
        match self.tokens.is_known(cap, now) {
            // One call that is larger than the whole limit may still be tried when nothing else was sent.
            true if used == 0 => self.tokens.level(used, tokens, cap, now).min(1000),
            true => self.tokens.level(used, tokens, cap, now),
            false => 0,
        }
    }

    fn together_level(&self, caps: Caps) -> Level {
        let limit = [caps.concurrency, self.together].into_iter().flatten().min();
        let wanted = u64::from(self.in_flight) + 1;
        Level {
            permille: limit.map_or(0, |limit| wanted * 1000 / u64::from(limit.max(1))),
            resource: Resource::Concurrency,
            is_cap: caps.concurrency.is_some_and(|cap| wanted > u64::from(cap)),
        }
    }

    /// A limit of calls at a time that holds is tried one higher now and then.
    fn raise_together(&mut self) {
        if let Some(together) = &mut self.together
            && self.in_flight >= *together
        {
            *together += 1;
        }
    }
}

fn is_over(used: u64, more: u64, cap: Option<u64>) -> bool {
    cap.is_some_and(|cap| used.saturating_add(more) > cap && (used > 0 || more <= cap))
}

fn average(before: u64, now: u64) -> u64 {
    if before == 0 { now } else { (before * (SMOOTH - 1)).saturating_add(now) / SMOOTH }
}

/// The rooms of a key, or of the keys of one account: one for all models, and one for each.
///
/// ```
/// use std::{sync::Arc, time::Instant};
///
/// use amp_pool_core::keys::Rooms;
///
/// let rooms = Rooms::new(Instant::now());
/// // A key has one room as a whole, and one for each model that has been asked for.
/// assert!(Arc::ptr_eq(&rooms.model("gpt-4o"), &rooms.model("gpt-4o")));
/// assert!(!Arc::ptr_eq(&rooms.model("gpt-4o"), rooms.whole()));
/// ```
#[derive(Debug)]
pub struct Rooms {
    began: Instant,
    whole: Arc<Room>,
    models: Mutex<HashMap<Box<str>, Arc<Room>>>,
}

impl Rooms {
    /// Rooms in which nothing was sent yet.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { began: now, whole: Arc::new(Room::new(now)), models: Mutex::default() }
    }

    /// That of all models together.
    #[must_use]
    pub fn whole(&self) -> &Arc<Room> {
        &self.whole
    }

    /// That of one model. Where too many were asked for, all others share the one of the whole.
    #[must_use]
    pub fn model(&self, model: &str) -> Arc<Room> {
        let mut models = self.models();
        if let Some(room) = models.get(model) {
            return room.clone();
        }
        if models.len() >= MODELS_KEPT {
            return self.whole.clone();
        }
        models.entry(model.into()).or_insert_with(|| Arc::new(Room::new(self.began))).clone()
    }

    /// Forgets what was learned of limits.
    pub fn reset(&self, now: Instant) {
        self.whole.reset(now);
        self.models().values().for_each(|room| room.reset(now));
    }

    fn models(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Room>>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Caps = Caps { rpm: None, tpm: None, concurrency: None };

    #[test]
    fn a_cap_on_requests_is_never_passed() {
        let (now, caps) = (Instant::now(), Caps { rpm: Some(2), ..FREE });
        let room = Room::new(now);
        room.enter(10, now);
        assert!(!room.level(10, caps, now).is_full());
        room.enter(10, now);

        let level = room.level(10, caps, now);
        assert!(level.is_full() && level.is_cap);
        assert_eq!(level.resource, Resource::Requests);
        assert_eq!(room.room_at(10, caps, now), now + Duration::from_secs(65));
    }

    #[test]
    fn calls_at_a_time_are_given_back() {
        let (now, caps) = (Instant::now(), Caps { concurrency: Some(1), ..FREE });
        let room = Room::new(now);
        let counted = room.enter(10, now);
        assert!(room.level(10, caps, now).is_full());
        room.leave(counted, None, now);
        assert!(!room.level(10, caps, now).is_full());
    }

    #[test]
    fn of_those_who_come_at_once_as_many_get_in_as_may() {
        let (now, caps) = (Instant::now(), Caps { concurrency: Some(3), ..FREE });
        let room = Room::new(now);
        let inside: usize = std::thread::scope(|scope| {
            let come = || (0..1000).filter_map(|_| room.try_enter(10, caps, now)).count();
            let all: Vec<_> = (0..4).map(|_| scope.spawn(come)).collect();
            all.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!((inside, room.in_flight()), (3, 3));
    }

    #[test]
    fn a_crowd_teaches_how_many_pass_and_a_call_alone_does_not() {
        let (now, full) = (Instant::now(), Some(Resource::Concurrency));
        let room = Room::new(now);
        room.enter(10, now);
        assert!(!room.is_crowded(full));
        room.refuse(full, now);
        assert!(!room.level(10, FREE, now).is_full());

        room.enter(10, now);
        assert!(room.is_crowded(full) && !room.is_crowded(None));
        room.refuse(full, now);
        assert!(room.level(10, FREE, now).is_full());
    }

    #[test]
    fn tokens_are_counted_by_guess_and_then_by_truth() {
        let (now, caps) = (Instant::now(), Caps { tpm: Some(1000), ..FREE });
        let room = Room::new(now);
        let counted = room.enter(100, now);
        assert_eq!(counted, 100);
        room.leave(counted, Some((100, 400)), now);

        assert_eq!(room.level(100, caps, now).permille, 1000);
        assert_eq!(room.enter(0, now), 400);
    }

    #[test]
    fn a_call_larger_than_the_limit_may_be_tried_alone() {
        let (now, caps) = (Instant::now(), Caps { tpm: Some(1000), ..FREE });
        let room = Room::new(now);
        assert!(!room.level(5000, caps, now).is_full());
        room.enter(1, now);
        assert!(room.level(5000, caps, now).is_full());
    }

    #[test]
    fn a_client_that_invents_models_does_not_fill_the_memory() {
        let rooms = Rooms::new(Instant::now());
        for n in 0..2 * MODELS_KEPT {
            let _ = rooms.model(&format!("model-{n}"));
        }
        assert_eq!(rooms.models().len(), MODELS_KEPT);
        assert!(Arc::ptr_eq(&rooms.model("one more"), rooms.whole()));
    }
}
