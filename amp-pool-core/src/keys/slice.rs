//! Which part of every limit one of several nodes may use.
//!
//! Nodes count what they let through for themselves. So that all of them together keep a limit, each has a part of it, and
//! the parts of all are never more than the whole. Parts shrink at once when a node comes; they grow only when what was
//! let through under smaller ones no longer counts.
//!
//! Pure: callers pass `now`.

use std::time::Instant;

use super::{Caps, WINDOW};

/// The part of one node: one of `of` equal ones. What can not be divided goes to those in front.
///
/// ```
/// use amp_pool_core::keys::Slice;
///
/// let parts = [0, 1, 2].map(|place| Slice { place, of: 3 }.part(8));
/// assert_eq!(parts, [3, 3, 2]);
/// assert_eq!(Slice::WHOLE.part(8), 8);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Which part, from 0.
    pub place: u32,
    /// How many there are.
    pub of: u32,
}

impl Slice {
    /// That of the only node.
    pub const WHOLE: Self = Self { place: 0, of: 1 };

    /// How much of `limit` it is. Nothing, where there are more nodes than calls to divide.
    #[must_use]
    pub fn part(self, limit: u32) -> u32 {
        // The numbers from `place` on, in steps of `of`, that are below the limit.
        limit.saturating_sub(self.place).div_ceil(self.of.max(1))
    }

    /// What a node may use of `caps`.
    #[must_use]
    pub fn caps(self, caps: Caps) -> Caps {
        let part = |limit: Option<u32>| limit.map(|limit| self.part(limit));
        Caps { rpm: part(caps.rpm), tpm: part(caps.tpm), concurrency: part(caps.concurrency) }
    }
}

/// The slice of a node while others come and go.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use amp_pool_core::keys::{Slice, Slices};
///
/// let (mut slices, start) = (Slices::default(), Instant::now());
/// let at = |seconds| start + Duration::from_secs(seconds);
/// assert_eq!(slices.note(Slice::WHOLE, at(0)), Slice::WHOLE);
/// // Another node comes: half of everything is its own at once.
/// let half = Slice { place: 0, of: 2 };
/// assert_eq!(slices.note(half, at(10)), half);
/// // It goes, and what it let through counts for a minute.
/// assert_eq!(slices.note(Slice::WHOLE, at(20)), half);
/// assert_eq!(slices.note(Slice::WHOLE, at(100)), Slice::WHOLE);
/// ```
#[derive(Debug, Default)]
pub struct Slices {
    /// What was seen in the last minute, and since when.
    seen: Vec<(Instant, Slice)>,
}

impl Slices {
    /// Notes which slice the node has among those that are there `now`, and gives the one it may use.
    pub fn note(&mut self, slice: Slice, now: Instant) -> Slice {
        // One that was replaced a moment ago was in force until then.
        let gone = self.seen.iter().skip(1).take_while(|(since, _)| now.duration_since(*since) >= WINDOW).count();
        self.seen.drain(..gone);
        if self.seen.last().is_none_or(|(_, last)| *last != slice) {
            self.seen.push((now, slice));
        }
        // A part further behind of more parts is the smallest of them all.
        let most = |of: fn(&Slice) -> u32| self.seen.iter().map(|(_, slice)| of(slice)).max().unwrap_or_default();
        Slice { place: most(|slice| slice.place), of: most(|slice| slice.of) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_parts_of_all_are_the_whole(limit in 0_u32..10_000, of in 1_u32..50) {
            let sum: u32 = (0..of).map(|place| Slice { place, of }.part(limit)).sum();
            prop_assert_eq!(sum, limit);
        }

        /// Nodes come and go, and each remembers another history: at no look may they use more than there is.
        #[test]
        fn nodes_that_come_and_go_never_use_more_than_there_is(
            limit in 0_u32..100,
            steps in proptest::collection::vec((any::<bool>(), 0_usize..8, 0_u64..40), 1..60),
        ) {
            let mut now = Instant::now();
            let mut nodes = vec![Slices::default()];
            for (comes, which, seconds) in steps {
                now += Duration::from_secs(seconds);
                match comes {
                    true => nodes.push(Slices::default()),
                    false if nodes.len() > 1 => drop(nodes.remove(which % nodes.len())),
                    false => {}
                }
                let of = u32::try_from(nodes.len()).unwrap();
                let parts = (0..).zip(&mut nodes).map(|(place, node)| node.note(Slice { place, of }, now).part(limit));
                prop_assert!(parts.sum::<u32>() <= limit);
            }
        }
    }

    #[test]
    fn a_part_shrinks_at_once_and_grows_after_a_minute() {
        let (mut slices, start) = (Slices::default(), Instant::now());
        let mut at = |seconds, of| slices.note(Slice { place: 0, of }, start + Duration::from_secs(seconds)).of;

        assert_eq!(at(0, 1), 1);
        assert_eq!(at(10, 2), 2);
        assert_eq!(at(20, 1), 2, "the other may have let calls through until now");
        assert_eq!(at(79, 1), 2);
        assert_eq!(at(80, 1), 1);
    }
}
