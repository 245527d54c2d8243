//! The keys that may serve one model, and the choice among them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    format::{Format, Policy},
    keys::{Condition, LiveKey, Wheel},
};

/// A place in a plan: a key, and what it is to be asked for.
pub struct Seat {
    /// The key.
    pub key: Arc<LiveKey>,
    /// The model as the upstream knows it. `None`: as the client wrote it, or none at all.
    pub upstream_model: Option<Box<str>>,
    /// The formats in which it can be asked.
    pub formats: Vec<Format>,
    /// Ranks are tried in order: the route's tier first, the key's priority within it.
    pub rank: (u32, i32),
    /// Share within the rank.
    pub weight: u32,
    /// Whether the upstream speaks Responses, and its model takes tools on Chat only while it does not think.
    pub chat_refuses_tools: bool,
    /// Whether its streams break official SDKs and are mended on the way.
    pub repairs_stream: bool,
}

/// What a choice is for.
#[derive(Clone, Copy)]
pub struct Want<'a> {
    /// The format of the call.
    pub format: Format,
    /// Whether seats take part that do not speak it: then the call is translated.
    pub translates: bool,
    /// The model the client named, under which a seat without its own name is judged.
    pub model: &'a str,
    /// Seats that failed in this call. None of them is tried again in it.
    pub tried: &'a [usize],
    /// The moment of choice.
    pub now: Instant,
}

/// The outcome of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Take this seat.
    Seat(usize),
    /// Every seat that is left rests. The first is back after `wait`.
    Resting {
        /// How long the first one still rests.
        wait: Duration,
        /// Why that one rests.
        why: Condition,
    },
    /// No seat is left: all were tried.
    Exhausted,
    /// No seat speaks the format.
    NoFormat,
}

/// The keys that may serve one model.
pub struct Plan {
    seats: Vec<Seat>,
    formats: Vec<Format>,
    translation: Policy,
    wheel: Mutex<Wheel>,
}

impl Plan {
    /// A plan of seats, in any order.
    #[must_use]
    pub fn new(mut seats: Vec<Seat>) -> Self {
        seats.sort_by_key(|seat| seat.rank);
        let mut formats: Vec<_> = seats.iter().flat_map(|seat| seat.formats.iter().copied()).collect();
        formats.sort_unstable();
        formats.dedup();
        let wheel = Mutex::new(Wheel::new(seats.len()));
        Self { seats, formats, translation: Policy::default(), wheel }
    }

    /// The same plan, with its route's word on translations.
    #[must_use]
    pub fn translating(self, translation: Policy) -> Self {
        Self { translation, ..self }
    }

    /// How its calls are translated where they have to be.
    #[must_use]
    pub fn translation(&self) -> &Policy {
        &self.translation
    }

    /// Its seats, by rank.
    #[must_use]
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The formats in which anyone here can be asked.
    #[must_use]
    pub fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// Chooses the seat to try next.
    ///
    /// Only seats whose way to the upstream is in order take part, unless there is no other: a key is not to blame for
    /// its line, and a bad line is better than none.
    #[must_use]
    pub fn choose(&self, want: Want<'_>) -> Choice {
        let speaking = || self.numbered().filter(|(_, seat)| seat.format_for(want.format, want.translates).is_some());
        let left = || speaking().filter(|(at, _)| !want.tried.contains(at));
        let fit = || left().filter(|(_, seat)| seat.hindrance(want).is_none());
        let on_good_line = || fit().filter(|(_, seat)| seat.key.link.condition(want.now).is_none());

        if let Some(seat) = self.turn(want.format, on_good_line).or_else(|| self.turn(want.format, fit)) {
            return Choice::Seat(seat);
        }
        match left().filter_map(|(_, seat)| seat.hindrance(want)).min_by_key(|condition| condition.until) {
            Some(why) => Choice::Resting { wait: why.until.saturating_duration_since(want.now), why },
            None if speaking().next().is_some() => Choice::Exhausted,
            None => Choice::NoFormat,
        }
    }

    /// The next of the best rank among `seats`; in it, those that speak the call's own format go first.
    fn turn<'a, I: Iterator<Item = (usize, &'a Seat)>>(&self, format: Format, seats: impl Fn() -> I) -> Option<usize> {
        let rank = seats().next()?.1.rank;
        let best = || seats().take_while(|(_, seat)| seat.rank == rank);
        let is_native = |seat: &Seat| seat.formats.contains(&format);
        let any_native = best().any(|(_, seat)| is_native(seat));
        let mut wheel = self.wheel.lock().unwrap_or_else(PoisonError::into_inner);
        wheel.turn(best().filter(|(_, seat)| !any_native || is_native(seat)).map(|(at, seat)| (at, seat.weight)))
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &Seat)> {
        self.seats.iter().enumerate()
    }
}

/// What a call is translated to, best first: what keeps reasoning and tools apart most cleanly.
const TRANSLATE_TO: [Format; 3] = [Format::Responses, Format::Messages, Format::Chat];

impl Seat {
    /// The format in which the upstream is spoken to for a call of `format`.
    #[must_use]
    pub fn format_for(&self, format: Format, translates: bool) -> Option<Format> {
        let native = self.formats.contains(&format).then_some(format);
        let other = || TRANSLATE_TO.into_iter().find(|other| self.formats.contains(other));
        native.or_else(|| if translates { other() } else { None })
    }

    fn hindrance(&self, want: Want<'_>) -> Option<Condition> {
        self.key.health.hindrance(self.model(want.model), want.now)
    }

    /// The model the upstream is asked for when the client named `asked`.
    #[must_use]
    pub fn model<'a>(&'a self, asked: &'a str) -> &'a str {
        self.upstream_model.as_deref().unwrap_or(asked)
    }
}
