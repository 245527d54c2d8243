//! How much of one limit is used: so many requests, or tokens, a minute.
//!
//! Three things are known of a limit, in falling order of trust: what an operator wrote, what the upstream's headers tell,
//! and what its refusals teach. Use is counted over the last minute, the oldest slice in proportion: whatever window the
//! upstream has, a minute that never holds more than the limit breaks none of them.
//!
//! Pure: callers pass `now`.

use std::time::{Duration, Instant};

/// What limits are counted over.
pub const WINDOW: Duration = Duration::from_secs(60);

const SLICES: usize = 12;
const SLICE: Duration = Duration::from_secs(WINDOW.as_secs() / SLICES as u64);
const SLICE_MS: u64 = SLICE.as_secs() * 1000;
/// One slice more than the window has: the oldest is partly outside.
const KEPT: usize = SLICES + 1;

/// Use of one limit, and what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Gauge {
    began: Instant,
    slices: [u64; KEPT],
    /// Of all slices: a choice looks at many gauges.
    sum: u64,
    /// The number of the slice that is being filled, counted from `began`.
    current: u64,
    most: u64,
    told: Option<Told>,
    learned: Option<Learned>,
}

/// What an upstream said of a limit.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use amp_pool_core::keys::{Caps, Resource, Room, Told};
///
/// let now = Instant::now();
/// let room = Room::new(now);
/// // The upstream says that nine of ten requests are gone.
/// let told = Told { limit: 10, remaining: 1, reset: now + Duration::from_secs(60) };
/// room.hear(Resource::Requests, told);
/// let level = room.level(0, Caps::default(), now);
/// assert_eq!((level.resource, level.permille), (Resource::Requests, 1000), "with another one it would be full");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// How much it allows in a window. 0: it did not say.
    pub limit: u64,
    /// How much of it is left.
    pub remaining: u64,
    /// When it is whole again.
    pub reset: Instant,
}

/// What refusals taught: nearly so much passes in a minute.
#[derive(Debug, Clone, Copy)]
struct Learned {
    limit: u64,
    /// Answers at the limit since it last changed.
    passed: u64,
}

/// A limit that nobody has met yet is taken for twice of what went through, and at least for this.
const UNMET_AT_LEAST: u64 = 60;

/// A limit is tried a little higher after so many answers at it, so that at most one try in a hundred is for nothing.
const TRY_AFTER: u64 = 100;

impl Gauge {
    pub(crate) fn new(now: Instant) -> Self {
        Self { began: now, slices: [0; KEPT], sum: 0, current: 0, most: 0, told: None, learned: None }
    }

    /// Counts `amount` as used at `now`.
    pub(crate) fn spend(&mut self, amount: u64, now: Instant) {
        self.turn_to(now);
        let slot = self.slot();
        let added = amount.min(u64::MAX - self.sum);
        self.slices[slot] += added;
        self.sum += added;
        if let Some(told) = &mut self.told {
            told.remaining = told.remaining.saturating_sub(amount);
        }
    }

    /// What was counted turned out to be less, or more.
    pub(crate) fn correct(&mut self, counted: u64, really: u64, now: Instant) {
        if really >= counted {
            return self.spend(really - counted, now);
        }
        self.turn_to(now);
        let mut back = counted - really;
        // The count stands in one of the last slices; which one does not matter to the sum.
        for ago in 0..KEPT as u64 {
            let slot = slot_of(self.current.saturating_sub(ago));
            let taken = back.min(self.slices[slot]);
            self.slices[slot] -= taken;
            self.sum -= taken;
            back -= taken;
        }
        if let Some(told) = &mut self.told {
            told.remaining = told.remaining.saturating_add(counted - really).min(told.limit.max(told.remaining));
        }
    }

    /// An upstream told how much is left.
    pub(crate) fn hear(&mut self, told: Told) {
        self.told = Some(told);
    }

    /// An answer came while the use was what it is.
    pub(crate) fn pass(&mut self, now: Instant) {
        let used = self.used(now);
        self.most = self.most.max(used);
        let Some(learned) = &mut self.learned else { return };
        // Only answers near the limit say anything about it.
        if used * 20 < learned.limit * 19 {
            return;
        }
        learned.passed += 1;
        if learned.passed >= TRY_AFTER {
            *learned = Learned { limit: (learned.limit + learned.limit / 50).saturating_add(1), passed: 0 };
        }
    }

    /// The upstream refused: so much as is used now does not pass.
    ///
    /// One refusal never takes more than a fifth of what was learned before: it may have been a burst, not the minute.
    pub(crate) fn refuse(&mut self, now: Instant) {
        let used = self.used(now).max(1);
        let limit = self.learned.map_or(used, |learned| used.min(learned.limit).max(learned.limit * 4 / 5)).max(1);
        self.learned = Some(Learned { limit, passed: 0 });
    }

    /// What would be used of the limit, in thousandths, if `more` were sent now. `used` is what is used now, `cap` what an
    /// operator allows.
    pub(crate) fn level(&self, used: u64, more: u64, cap: Option<u64>, now: Instant) -> u64 {
        let wanted = used.saturating_add(more);
        let by_limit = |limit: u64| permille(wanted, limit);
        let told = self.told.filter(|told| now < told.reset).map(|told| told.level(more, used));
        // Of nothing, anything is too much.
        let by_cap = |cap: u64| if cap == 0 { u64::MAX } else { by_limit(cap) };
        let known = [cap.map(by_cap), told, self.learned.map(|learned| by_limit(learned.limit))];
        let unmet = || by_limit((2 * self.most).max(UNMET_AT_LEAST));
        known.into_iter().flatten().max().unwrap_or_else(unmet)
    }

    /// Whether anything is known of the limit.
    pub(crate) fn is_known(&self, cap: Option<u64>, now: Instant) -> bool {
        cap.is_some() || self.learned.is_some() || self.told.is_some_and(|told| now < told.reset)
    }

    /// When there will be room for `more` under `limit`. Now, if there is.
    pub(crate) fn room_at(&mut self, more: u64, limit: u64, now: Instant) -> Instant {
        let mut over = self.used(now).saturating_add(more).saturating_sub(limit);
        for ago in (0..KEPT as u64).rev() {
            if over == 0 {
                break;
            }
            let Some(number) = self.current.checked_sub(ago) else { continue };
            over = over.saturating_sub(self.slices[slot_of(number)]);
            if over == 0 {
                let leaves = u32::try_from(number + KEPT as u64).unwrap_or(u32::MAX);
                return (self.began + SLICE * leaves).max(now);
            }
        }
        if over == 0 { now } else { now + WINDOW }
    }

    /// What was used in the last minute.
    pub(crate) fn used(&mut self, now: Instant) -> u64 {
        self.turn_to(now);
        let oldest = self.slices[slot_of(self.current + 1)];
        self.sum - self.gone_of(oldest, now)
    }

    /// The part of the oldest slice that is more than a minute ago.
    fn gone_of(&self, oldest: u64, now: Instant) -> u64 {
        if oldest == 0 {
            return 0;
        }
        let into = self.age(now) % SLICE_MS;
        u64::try_from(u128::from(oldest) * u128::from(into) / u128::from(SLICE_MS)).unwrap_or(oldest)
    }

    fn turn_to(&mut self, now: Instant) {
        let number = self.age(now) / SLICE_MS;
        let passed = number.saturating_sub(self.current).min(KEPT as u64);
        for step in 1..=passed {
            self.sum -= std::mem::take(&mut self.slices[slot_of(self.current + step)]);
        }
        self.current = self.current.max(number);
    }

    /// Milliseconds since the gauge began.
    fn age(&self, now: Instant) -> u64 {
        let age = now.saturating_duration_since(self.began);
        age.as_secs().saturating_mul(1000) + u64::from(age.subsec_millis())
    }

    fn slot(&self) -> usize {
        slot_of(self.current)
    }
}

impl Told {
    /// In thousandths. Where the upstream does not say its limit, what is left beside what we used stands for it.
    fn level(self, more: u64, used: u64) -> u64 {
        let limit = if self.limit == 0 { self.remaining.saturating_add(used) } else { self.limit };
        let spent = limit.saturating_sub(self.remaining);
        permille(spent.saturating_add(more), limit)
    }
}

fn slot_of(number: u64) -> usize {
    usize::try_from(number % KEPT as u64).unwrap_or_default()
}

fn permille(part: u64, whole: u64) -> u64 {
    match part.checked_mul(1000) {
        Some(thousandfold) => thousandfold / whole.max(1),
        None => part / (whole / 1000).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(gauge: &mut Gauge, more: u64, cap: Option<u64>, now: Instant) -> u64 {
        let used = gauge.used(now);
        gauge.level(used, more, cap, now)
    }

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn use_leaves_the_count_a_minute_later_bit_by_bit() {
        let start = Instant::now();
        let mut gauge = Gauge::new(start);
        gauge.spend(100, start);

        for (millis, left) in [(0, 100), (59_999, 100), (60_000, 100), (62_500, 50), (64_999, 1), (65_000, 0)] {
            assert_eq!(gauge.used(after(start, millis)), left, "after {millis} ms");
        }
    }

    #[test]
    fn a_refusal_teaches_what_passes_in_a_minute() {
        let start = Instant::now();
        let mut gauge = Gauge::new(start);
        gauge.spend(50, start);
        assert!(!gauge.is_known(None, start));
        gauge.refuse(start);

        assert_eq!(level(&mut gauge, 0, None, start), 1000);
        assert_eq!(level(&mut gauge, 0, None, after(start, 62_500)), 500);
    }

    #[test]
    fn one_refusal_in_a_burst_does_not_take_all_that_was_learned() {
        let start = Instant::now();
        let mut gauge = Gauge::new(start);
        gauge.spend(100, start);
        gauge.refuse(start);
        let later = after(start, 120_000);
        gauge.spend(1, later);
        gauge.refuse(later);

        assert_eq!(level(&mut gauge, 79, None, later), 1000);
    }

    #[test]
    fn a_limit_is_tried_higher_only_after_many_answers_at_it() {
        let start = Instant::now();
        let mut gauge = Gauge::new(start);
        gauge.spend(50, start);
        gauge.refuse(start);

        (1..TRY_AFTER).for_each(|_| gauge.pass(start));
        assert_eq!(level(&mut gauge, 0, None, start), 1000);
        gauge.pass(start);
        assert!(level(&mut gauge, 0, None, start) < 1000);
    }

    #[test]
    fn what_the_upstream_tells_counts_until_its_reset() {
        let start = Instant::now();
        let mut gauge = Gauge::new(start);
        gauge.hear(Told { limit: 100, remaining: 2, reset: after(start, 10_000) });

        gauge.spend(1, start);
        assert_eq!(level(&mut gauge, 1, None, start), 1000);
        assert_eq!(level(&mut gauge, 2, None, start), 1010);
        assert!(level(&mut gauge, 2, None, after(start, 10_000)) < 1000);
    }

    #[test]
    fn what_was_counted_too_high_is_given_back() {
        let start = Instant::now();
        let mut gauge = Gauge::new(start);
        gauge.spend(1000, start);
        gauge.correct(1000, 300, after(start, 7_000));
        assert_eq!(gauge.used(after(start, 7_000)), 300);
        gauge.correct(300, 400, after(start, 8_000));
        assert_eq!(gauge.used(after(start, 8_000)), 400);
    }

    #[test]
    fn room_comes_when_enough_has_left_the_count() {
        let start = Instant::now();
        let mut gauge = Gauge::new(start);
        gauge.spend(6, start);
        gauge.spend(4, after(start, 20_000));
        let now = after(start, 30_000);

        assert_eq!(gauge.room_at(1, 11, now), now);
        assert_eq!(gauge.room_at(1, 10, now), after(start, 65_000));
        assert_eq!(gauge.room_at(8, 10, now), after(start, 85_000));
    }
}
