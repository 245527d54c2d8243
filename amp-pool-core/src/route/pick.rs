//! The strategies: whose turn it is among seats that are equally fit.
//!
//! Small groups are looked at whole; of large ones a sample is drawn by weight and the best of it is taken, which is
//! nearly as even as looking at all and costs the same for ten keys and ten thousand. Whatever the strategy, a key that
//! is nearly full comes after one that is not: at the edge of what all can take, even use is what wastes least.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    affinity::mix,
    plan::{Group, Plan, Seat, Want},
};
use crate::keys::{Left, Level, Measure};

/// How one is chosen among seats that are equally fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// Each in turn, as often as its weight says.
    #[default]
    Weighted,
    /// The one with the fewest calls under way, by weight.
    LeastLoaded,
    /// The first that is fit, so that the others stay unused as long as it takes.
    FillFirst,
    /// The one whose answers begin soonest.
    LowestLatency,
    /// The one with the most money left.
    MostBalance,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Weighted, Self::LeastLoaded, Self::FillFirst, Self::LowestLatency, Self::MostBalance];

    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::LeastLoaded => "least_loaded",
            Self::FillFirst => "fill_first",
            Self::LowestLatency => "lowest_latency",
            Self::MostBalance => "most_balance",
        }
    }
}

/// A name that is no strategy.
///
/// ```
/// use amp_pool_core::route::{Strategy, UnknownStrategy};
///
/// let error: UnknownStrategy = "best".parse::<Strategy>().err().ok_or("it is none")?;
/// assert!(error.to_string().contains("`least_loaded`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownStrategy;

impl fmt::Display for UnknownStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a strategy is `weighted`, `least_loaded`, `fill_first`, `lowest_latency` or `most_balance`")
    }
}

impl std::error::Error for UnknownStrategy {}

impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|strategy| strategy.as_str() == name).ok_or(UnknownStrategy)
    }
}

/// So many seats are looked at; where there are no more, that is all of them.
const SAMPLE: usize = 8;

/// Above this a key is nearly full, in thousandths, and comes after all that are less so by a whole step.
const NEARLY_FULL: u64 = 900;
const STEP: u64 = 20;

impl Plan {
    /// The seat whose turn it is among those of `group` that `may` be taken.
    /// `may` says how full such a one would be.
    pub(super) fn pick(
        &self,
        group: &Group,
        want: Want<'_>,
        mut may: impl FnMut(usize) -> Option<Level>,
    ) -> Option<usize> {
        if let Some(at) = self.due(group, want, &mut may) {
            return Some(at);
        }
        let mut fit = |at: usize| Some((at, may(at)?));
        if self.strategy() == Strategy::FillFirst || group.places.len() <= SAMPLE {
            return self.best(group, want, group.places.iter().copied().filter_map(fit));
        }
        let sampled = group.sample(want.chance).filter_map(&mut fit);
        self.best(group, want, sampled).or_else(|| {
            // Few are fit: they have to be looked for. From anywhere on, so that not always the same are found.
            let from = usize::try_from(want.chance % group.places.len() as u64).unwrap_or_default();
            let around = group.places[from..].iter().chain(&group.places[..from]).copied();
            self.best(group, want, around.filter_map(fit).take(SAMPLE))
        })
    }

    /// The seat whose turn it is, where nothing but turns decides and it is fit: then nobody else need be looked at.
    fn due(&self, group: &Group, want: Want<'_>, may: impl FnOnce(usize) -> Option<Level>) -> Option<usize> {
        if self.strategy() != Strategy::Weighted {
            return None;
        }
        let turn = |at: &usize| group.turns.of(&self.seats()[*at]);
        let at = match group.places.len() <= SAMPLE {
            true => group.places.iter().copied().min_by_key(turn),
            false => group.sample(want.chance).min_by_key(turn),
        }?;
        may(at).filter(|level| fullness(*level) == 0).map(|_| at)
    }

    fn best(&self, group: &Group, want: Want<'_>, among: impl Iterator<Item = (usize, Level)>) -> Option<usize> {
        if self.strategy() == Strategy::MostBalance {
            return self.richest(group, among.collect());
        }
        let mut best: Option<([u64; 3], usize)> = None;
        for (at, level) in among {
            let rank = self.rank(group, at, level, want);
            // Nobody goes before the first that is fit and not nearly full.
            if self.strategy() == Strategy::FillFirst && rank[0] == 0 {
                return Some(at);
            }
            if best.is_none_or(|(least, _)| rank < least) {
                best = Some((rank, at));
            }
        }
        best.map(|(_, at)| at)
    }

    /// The one with the most money among those that are least full. What is compared is looked at together: amounts of
    /// different units are no numbers to compare.
    fn richest(&self, group: &Group, among: Vec<(usize, Level)>) -> Option<usize> {
        let funds = |at: usize| self.seats()[at].key.account.funds.get();
        let looked_at: Vec<_> = among.into_iter().map(|(at, level)| (at, level, funds(at))).collect();
        let measure = Measure::for_all(looked_at.iter().filter_map(|(_, _, left)| left.as_ref()));
        let rank = |(at, level, left): &(usize, Level, Option<Left>)| {
            [fullness(*level), u64::MAX - measure.of(left.as_ref()), group.turns.of(&self.seats()[*at])]
        };
        looked_at.iter().min_by_key(|seat| rank(seat)).map(|(at, _, _)| *at)
    }

    /// The lowest goes first: how nearly full, then by strategy, then by turn.
    fn rank(&self, group: &Group, at: usize, level: Level, want: Want<'_>) -> [u64; 3] {
        let seat = &self.seats()[at];
        let by_strategy = match self.strategy() {
            // The richest is found by another way.
            Strategy::Weighted | Strategy::MostBalance => 0,
            Strategy::LeastLoaded => seat.load(),
            Strategy::FillFirst => at as u64,
            Strategy::LowestLatency => seat.expected_wait(want),
        };
        [fullness(level), by_strategy, group.turns.of(seat)]
    }
}

fn fullness(level: Level) -> u64 {
    level.permille.saturating_sub(NEARLY_FULL) / STEP
}

impl Group {
    /// Places drawn by weight; some may come twice.
    fn sample(&self, chance: u64) -> impl Iterator<Item = usize> {
        let sum = self.shares.last().copied().unwrap_or(1).max(1);
        (0..SAMPLE as u64).filter_map(move |draw| {
            let ticket = mix(chance.wrapping_add(draw)) % sum;
            self.places.get(self.shares.partition_point(|share| *share <= ticket)).copied()
        })
    }
}

impl Seat {
    /// Calls under way, in thousandths of its weight.
    fn load(&self) -> u64 {
        u64::from(self.key.account.rooms.whole().in_flight()) * 1000 / u64::from(self.weight)
    }

    /// How long a call would wait for its first byte, if those under way are served one by one. 0 where nobody knows: it
    /// is tried, and then one knows.
    fn expected_wait(&self, want: Want<'_>) -> u64 {
        let pace = self.room.pace(want.now).map_or(0, |pace| u64::try_from(pace.as_millis()).unwrap_or(u64::MAX));
        pace.saturating_mul(u64::from(self.room.in_flight()) + 1)
    }
}

/// Whose turn it is, by weight: every seat has a time at which it is due, which moves on by a share each time it is taken.
/// Over a round the shares are exact.
#[derive(Debug)]
pub(super) struct Turns {
    now: AtomicU64,
    /// In a large group a sample may have met only seats that are due late. Those due early keep so many shares of their turn.
    slack: u64,
}

/// A round of a seat with weight 1.
const ROUND: u64 = 1 << 32;

impl Turns {
    /// For a group of so many seats.
    pub(super) fn among(seats: usize) -> Self {
        Self { now: AtomicU64::new(0), slack: if seats > SAMPLE { 4 } else { 0 } }
    }

    /// When a seat is due for the first time: in the middle of its share, so that a heavy one is not taken in a burst.
    pub(super) fn first(weight: u32) -> u64 {
        ROUND / u64::from(weight) / 2
    }

    /// When `seat` is due. One that was away is due now and not long ago: it has no debt to collect.
    fn of(&self, seat: &Seat) -> u64 {
        seat.turn.load(Ordering::Relaxed).max(self.now.load(Ordering::Relaxed))
    }

    /// `seat` is taken. Two calls at once may see one time: the shares stay nearly exact, and nobody waits for a lock.
    pub(super) fn take(&self, seat: &Seat) {
        let share = ROUND / u64::from(seat.weight);
        let due = self.of(seat);
        seat.turn.store(due + share, Ordering::Relaxed);
        self.now.fetch_max(due.saturating_sub(self.slack * share), Ordering::Relaxed);
    }
}
