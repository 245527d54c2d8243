//! How something spreads.

use std::time::Duration;

/// The upper bounds of the buckets, in milliseconds; one more bucket has no bound.
pub const UPPER_BOUNDS: [u64; 15] =
    [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000];

/// How many took how long.
///
/// ```
/// use std::time::Duration;
///
/// use amp_pool_core::figures::Spread;
///
/// let mut spread = Spread::default();
/// spread.add(Duration::from_millis(120));
/// spread.add(Duration::from_secs(2));
/// assert_eq!((spread.count, spread.sum_us), (2, 2_120_000));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many are in each bucket; those in no bucket are above all bounds.
    pub buckets: [u64; UPPER_BOUNDS.len()],
    /// All of them.
    pub count: u64,
    /// Together, in microseconds.
    pub sum_us: u64,
}

impl Spread {
    /// Counts one.
    pub fn add(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = UPPER_BOUNDS.iter().zip(&mut self.buckets).find(|(bound, _)| us <= **bound * 1000);
        if let Some((_, bucket)) = bucket {
            *bucket += 1;
        }
        self.count += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut spread = Spread::default();
        for ms in [0, 1, 2, 300_000, 300_001] {
            spread.add(Duration::from_millis(ms));
        }
        assert_eq!((spread.buckets[0], spread.buckets[1], spread.buckets[14]), (2, 1, 1));
        assert_eq!((spread.count, spread.sum_us), (5, 600_004_000));
    }
}
