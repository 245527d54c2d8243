//! Ways to choose a key: the pool's, three plain ones to compare with, and one that knows everything.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use amp_pool_core::{
    format::Format,
    id::KeyId,
    keys::{Key, KeySpec, Lesson, LiveKey, Resource, Standings, Told},
    provider::Presets,
    route::{Choice, Conversation, Plan, Seat, Strategy, Trail, Want},
    secret::Secret,
    time::Timestamp,
};

use super::{
    chance::Chance,
    traffic::Call,
    upstream::{Answer, Seconds},
    world::World,
};

/// Chooses keys and hears how it went.
pub(crate) trait Picker {
    fn name(&self) -> &'static str;
    fn pick(&mut self, world: &mut World, call: &Call, tried: &[usize], now: Seconds) -> Option<usize>;
    fn answered(&mut self, _key: usize, _call: &Call, _answer: &Answer, _now: Seconds) {}
    fn ended(&mut self, _key: usize, _call: &Call, _now: Seconds) {}
}

/// Knows every limit, and takes the emptiest key.
pub(crate) struct Oracle;

impl Picker for Oracle {
    fn name(&self) -> &'static str {
        "oracle"
    }

    fn pick(&mut self, world: &mut World, call: &Call, tried: &[usize], now: Seconds) -> Option<usize> {
        let fullness = world.keys.iter_mut().map(|key| key.fullness(call.tokens(), now)).enumerate();
        let room = fullness.filter(|(at, full)| *full <= 1.0 && !tried.contains(at));
        room.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
    }
}

/// The pool itself: its plan, its rooms, its memory of failures.
pub(crate) struct PoolPicker {
    plan: Plan,
    trail: Trail,
    began: Instant,
    chance: Chance,
    /// What the calls under way were counted for.
    counted: HashMap<(usize, u64), u64>,
}

const MODEL: &str = "gpt-4o";

impl PoolPicker {
    pub(crate) fn new(world: &World) -> Self {
        let (began, standings) = (Instant::now(), Standings::default());
        let seats = (0..world.keys.len()).filter_map(|at| seat(at, &standings, began)).collect();
        Self {
            plan: Plan::new(seats, Strategy::Weighted),
            trail: Trail::default(),
            began,
            chance: Chance::new(1),
            counted: HashMap::new(),
        }
    }

    fn at(&self, seconds: Seconds) -> Instant {
        self.began + Duration::from_secs_f64(seconds)
    }
}

/// The key at a place. Each has a line of its own, so that one that fails does not speak for the others.
fn seat(at: usize, standings: &Standings, now: Instant) -> Option<Seat> {
    let mut spec = KeySpec::new(format!("key {at}"), "openai", Secret::new(format!("sk-{at}")));
    spec.base_url = Some(format!("http://{at}.example"));
    let then = Timestamp::from_millis(0);
    let id = KeyId(i64::try_from(at).ok()?);
    let key = Key { id, create_time: then, update_time: then, fingerprint: at.to_string(), spec };
    let standing = standings.of(&key, now);
    let live = LiveKey::new(Arc::new(key), Presets::builtin(), standing).ok()?;
    Some(Seat::new(Arc::new(live), Some(MODEL.into()), vec![Format::Chat], (0, 0), 1))
}

impl Picker for PoolPicker {
    fn name(&self) -> &'static str {
        "the pool"
    }

    fn pick(&mut self, _: &mut World, call: &Call, tried: &[usize], now: Seconds) -> Option<usize> {
        let now = self.at(now);
        let conversation = Conversation(call.conversation);
        let want = Want {
            tried,
            input: call.prompt as u64,
            conversation: Some(conversation),
            home: self.trail.find(conversation, now),
            chance: self.chance.bits(),
            ..Want::new(Format::Chat, MODEL, now)
        };
        let Choice::Seat { at, .. } = self.plan.choose(want) else { return None };
        let seat = &self.plan.seats()[at];
        seat.key.health.try_out(MODEL, now);
        seat.key.account.health.try_out(MODEL, now);
        seat.key.link.health.try_out("", now);
        let counted = seat.room.enter(call.prompt as u64, now);
        self.counted.insert((at, call.conversation), counted);
        Some(at)
    }

    fn answered(&mut self, key: usize, call: &Call, answer: &Answer, now: Seconds) {
        let sent = self.at(now);
        let seat = &self.plan.seats()[key];
        let reason = String::new();
        match answer {
            Answer::Served { told } => {
                for health in [&*seat.key.health, &*seat.key.account.health, &seat.key.link.health] {
                    health.learn(MODEL, Lesson::Fit { sent }, sent);
                }
                seat.key.link.answered(sent);
                seat.room.pass(Duration::from_millis(600), sent);
                if let Some(told) = told {
                    seat.room.hear(Resource::Requests, heard(told.requests, sent));
                    seat.room.hear(Resource::Tokens, heard(told.tokens, sent));
                }
                self.trail.leave(Conversation(call.conversation), seat.key.key.id, sent);
                return;
            }
            Answer::Limited { wait, tokens } => {
                let resource = if *tokens { Resource::Tokens } else { Resource::Requests };
                seat.room.refuse(Some(resource), sent);
                let wait = wait.map(Duration::from_secs_f64);
                seat.key.account.health.learn(MODEL, Lesson::RestModel { wait, reason }, sent);
            }
            Answer::Refused => seat.key.health.learn(MODEL, Lesson::Refused { reason }, sent),
            Answer::Broken => seat.key.link.health.learn("", Lesson::Rest { wait: None, reason }, sent),
        }
        let counted = self.counted.remove(&(key, call.conversation)).unwrap_or(0);
        seat.room.leave(counted, Some((0, 0)), sent);
    }

    fn ended(&mut self, key: usize, call: &Call, now: Seconds) {
        let counted = self.counted.remove(&(key, call.conversation)).unwrap_or(0);
        let used = (call.prompt as u64, call.output as u64);
        self.plan.seats()[key].room.leave(counted, Some(used), self.at(now));
    }
}

fn heard([limit, left, whole]: [f64; 3], now: Instant) -> Told {
    Told { limit: limit as u64, remaining: left as u64, reset: now + Duration::from_secs_f64(whole) }
}

/// Tries of a plain choice before it gives up, as gateways have them.
const PLAIN_TRIES: usize = 3;

/// One after another.
pub(crate) struct RoundRobin {
    next: usize,
    keys: usize,
}

impl RoundRobin {
    pub(crate) fn new(world: &World) -> Self {
        Self { next: 0, keys: world.keys.len() }
    }
}

impl Picker for RoundRobin {
    fn name(&self) -> &'static str {
        "round robin"
    }

    fn pick(&mut self, _: &mut World, _: &Call, tried: &[usize], _: Seconds) -> Option<usize> {
        self.next = (self.next + 1) % self.keys;
        (tried.len() < PLAIN_TRIES).then_some(self.next)
    }
}

/// Any.
pub(crate) struct Random {
    keys: usize,
    chance: Chance,
}

impl Random {
    pub(crate) fn new(world: &World) -> Self {
        Self { keys: world.keys.len(), chance: Chance::new(1) }
    }
}

impl Picker for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn pick(&mut self, _: &mut World, _: &Call, tried: &[usize], _: Seconds) -> Option<usize> {
        let any = (self.chance.unit() * self.keys as f64) as usize;
        (tried.len() < PLAIN_TRIES).then_some(any)
    }
}

/// The one with the fewest calls under way.
pub(crate) struct LeastUsed {
    under_way: Vec<u32>,
}

impl LeastUsed {
    pub(crate) fn new(world: &World) -> Self {
        Self { under_way: vec![0; world.keys.len()] }
    }
}

impl Picker for LeastUsed {
    fn name(&self) -> &'static str {
        "least used"
    }

    fn pick(&mut self, _: &mut World, _: &Call, tried: &[usize], _: Seconds) -> Option<usize> {
        let untried = self.under_way.iter().enumerate().filter(|(at, _)| !tried.contains(at));
        let least = untried.min_by_key(|(_, calls)| **calls).map(|(at, _)| at);
        least.filter(|_| tried.len() < PLAIN_TRIES)
    }

    fn answered(&mut self, key: usize, _: &Call, answer: &Answer, _: Seconds) {
        self.under_way[key] += u32::from(matches!(answer, Answer::Served { .. }));
    }

    fn ended(&mut self, key: usize, _: &Call, _: Seconds) {
        self.under_way[key] -= 1;
    }
}
