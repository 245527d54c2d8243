//! What came of a choice, and who was passed over on the way to it.
//!
//! A choice is data: whoever makes one may keep why it went as it did. In the common case, where the first seat that is
//! looked at is taken, that costs nothing.

use std::time::Duration;

use crate::keys::{Condition, Level};

/// The outcome of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Take this seat.
    Seat {
        /// Its place in [`Plan::seats`](super::Plan::seats).
        at: usize,
        /// What decided.
        by: By,
    },
    /// Every seat that is left rests. The first is back after `wait`.
    Resting {
        /// How long the first one still rests.
        wait: Duration,
        /// Why that one rests.
        why: Condition,
    },
    /// Every seat that is left has had what its operator allows it. The first has room after `wait`.
    Full {
        /// How long until the first one has room. `None`: until a call of it ends.
        wait: Option<Duration>,
        /// Which limit that is.
        why: Level,
    },
    /// No seat is left: all were tried.
    Exhausted,
    /// No seat speaks the format.
    NoFormat,
}

impl Choice {
    /// The name in JSON: what decided for a seat, or why nobody is taken.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Seat { by, .. } => by.as_str(),
            Self::Resting { .. } => "resting",
            Self::Full { .. } => "full",
            Self::Exhausted => "exhausted",
            Self::NoFormat => "no_format",
        }
    }
}

/// What decided for a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// The conversation was there before.
    Home,
    /// The conversation's hash points there.
    Hash,
    /// The route's strategy.
    Strategy,
}

impl By {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Hash => "hash",
            Self::Strategy => "strategy",
        }
    }
}

/// Why a seat is not taken now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// It failed in this call.
    Tried,
    /// It speaks no format that the call can go out in.
    Format,
    /// The key, its account, or its model rests.
    Rests(Condition),
    /// The way to its upstream is in trouble.
    Line(Condition),
    /// It has had enough for now.
    Full(Level),
}

impl Hindrance {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Tried => "tried",
            Self::Format => "format",
            Self::Rests(condition) => condition.state.as_str(),
            Self::Line(_) => "line",
            Self::Full(_) => "full",
        }
    }

    /// The state that ends by itself, where it is one.
    #[must_use]
    pub const fn condition(&self) -> Option<&Condition> {
        match self {
            Self::Rests(condition) | Self::Line(condition) => Some(condition),
            Self::Tried | Self::Format | Self::Full(_) => None,
        }
    }
}

/// So many are kept with their reasons; the others are only counted.
const KEPT: usize = 8;

/// Seats that a choice looked at and did not take, with the reasons.
///
/// Those that failed in the same call before are not among them: their attempts say why. Of a large group a choice looks
/// at a sample, and at all only where the sample has nobody who is fit.
///
/// ```
/// use std::{sync::Arc, time::Instant};
///
/// use amp_pool_core::{
///     format::Format,
///     id::KeyId,
///     keys::{Key, KeySpec, Lesson, LiveKey, Standing},
///     provider::Presets,
///     route::{By, Choice, Hindrance, PassedOver, Plan, Seat, Strategy, Want},
///     secret::Secret,
///     time::Timestamp,
/// };
///
/// # let wall = Timestamp::from_millis(0);
/// # let now = Instant::now();
/// # let live = |id: i64| {
/// #     let spec = KeySpec::new(format!("key {id}"), "openai", Secret::new("sk-example"));
/// #     let key = Key { id: KeyId(id), create_time: wall, update_time: wall, fingerprint: id.to_string(), spec };
/// #     LiveKey::new(Arc::new(key), Presets::builtin(), Standing::new(now)).map(Arc::new)
/// # };
/// let (first, second) = (live(1)?, live(2)?);
/// let seat = |key: &Arc<LiveKey>, rank| Seat::new(key.clone(), None, vec![Format::Chat], (0, rank), 1);
/// let plan = Plan::new(vec![seat(&first, 1), seat(&second, 2)], Strategy::FillFirst);
/// first.health.learn("gpt-4o", Lesson::RestModel { wait: None, reason: "429".into() }, now);
///
/// // Why the better one was not taken.
/// let mut passed = PassedOver::default();
/// let choice = plan.choose_noting(Want::new(Format::Chat, "gpt-4o", now), &mut passed);
/// assert!(matches!(choice, Choice::Seat { at: 1, by: By::Strategy }));
/// assert!(matches!(passed.first(), [(0, Hindrance::Rests(why))] if why.reason == "429"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassedOver {
    counts: Vec<(&'static str, u32)>,
    first: Vec<(usize, Hindrance)>,
    despite: Option<Hindrance>,
    /// A bit for each seat that was noted: some are looked at more than once.
    noted: Vec<u64>,
}

impl PassedOver {
    /// Whether nobody was passed over, and what was taken is fit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.despite.is_none()
    }

    /// How many were passed over for which reason, by [`Hindrance::as_str`].
    #[must_use]
    pub fn counts(&self) -> &[(&'static str, u32)] {
        &self.counts
    }

    /// The first of them: the place of each in its plan, and its reason.
    #[must_use]
    pub fn first(&self) -> &[(usize, Hindrance)] {
        &self.first
    }

    /// What spoke against the seat that was taken all the same, because nobody was fit.
    #[must_use]
    pub fn despite(&self) -> Option<&Hindrance> {
        self.despite.as_ref()
    }

    /// A seat was looked at and not taken.
    pub(super) fn note(&mut self, at: usize, why: &Hindrance) {
        if matches!(why, Hindrance::Tried | Hindrance::Format) || !self.is_new(at) {
            return;
        }
        self.count(why.as_str(), 1);
        if self.first.len() < KEPT {
            self.first.push((at, why.clone()));
        }
    }

    /// A seat is taken that was passed over before: nobody was better.
    pub(super) fn take_back(&mut self, at: usize, why: Hindrance) {
        self.count(why.as_str(), -1);
        self.first.retain(|(other, _)| *other != at);
        self.despite = Some(why);
    }

    fn is_new(&mut self, at: usize) -> bool {
        let (word, bit) = (at / 64, 1 << (at % 64));
        if self.noted.len() <= word {
            self.noted.resize(word + 1, 0);
        }
        let is_new = self.noted[word] & bit == 0;
        self.noted[word] |= bit;
        is_new
    }

    fn count(&mut self, why: &'static str, change: i32) {
        match self.counts.iter_mut().find(|(known, _)| *known == why) {
            Some((_, count)) => *count = count.saturating_add_signed(change),
            None if change > 0 => self.counts.push((why, 1)),
            None => {}
        }
        self.counts.retain(|(_, count)| *count > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Resource;

    #[test]
    fn each_is_counted_once_and_only_the_first_are_kept() {
        let full = |permille| Hindrance::Full(Level { permille, resource: Resource::Requests, is_cap: false });
        let mut passed = PassedOver::default();
        for at in (0..1000).chain(0..1000) {
            passed.note(at, &full(1001));
            passed.note(at, &Hindrance::Tried);
        }
        assert_eq!(passed.counts(), [("full", 1000)]);
        assert_eq!(passed.first().len(), KEPT);

        passed.take_back(3, full(1001));
        assert_eq!((passed.counts(), passed.first().len()), (&[("full", 999)][..], KEPT - 1));
        assert_eq!(passed.despite(), Some(&full(1001)));
    }
}
