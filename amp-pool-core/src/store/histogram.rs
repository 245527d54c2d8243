//! How durations spread, in a form that can be added up.
//!
//! Averages hide the call that took a minute. Sums of a histogram say for any span and any split what half, nineteen of
//! twenty and ninety-nine of a hundred calls took at most, and are as exact for a year as they are for an hour.

/// How many values fell into which bin.
///
/// A bin is one of eight equal parts of a power of two, so what is read off is within a sixteenth of the true value;
/// below 16 it is exact. Durations are in milliseconds and may be up to 49 days; longer ones count as that.
///
/// ```
/// use amp_pool_core::store::Histogram;
///
/// let mut waits: Histogram = (1..=100).collect();
/// waits.merge(&Histogram::of(5_000));
///
/// assert_eq!(waits.count(), 101);
/// assert_eq!(waits.quantile(0.5), Some(50));
/// assert_eq!(waits.quantile(1.0), Some(4_864));
/// assert_eq!(Histogram::default().quantile(0.5), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Bins that hold something, by rising number.
    bins: Vec<(u8, u64)>,
}

/// Parts of a power of two, as a power of two.
const PARTS: u32 = 3;

/// The bin of a value.
fn bin(value: u64) -> u8 {
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    let exponent = value.checked_ilog2().unwrap_or_default().max(PARTS);
    let part = (value >> (exponent - PARTS)) & ((1 << PARTS) - 1);
    // Values below eight are their own bins; from there on each power of two brings eight more, up to 239.
    let first = if value < 1 << PARTS { 0 } else { (exponent - PARTS + 1) << PARTS };
    u8::try_from(first + part).unwrap_or(u8::MAX)
}

/// The value in the middle of a bin.
fn middle(bin: u8) -> u64 {
    let (power, part) = (u32::from(bin) >> PARTS, u64::from(bin) & ((1 << PARTS) - 1));
    let Some(shift) = power.checked_sub(1) else { return part };
    let (least, width) = (((1 << PARTS) + part) << shift, 1_u64 << shift);
    least + width / 2
}

impl Histogram {
    /// Of one value.
    #[must_use]
    pub fn of(value: u64) -> Self {
        Self { bins: vec![(bin(value), 1)] }
    }

    /// Counts one value.
    pub fn add(&mut self, value: u64) {
        self.put(bin(value), 1);
    }

    /// Adds what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        for (bin, count) in &other.bins {
            self.put(*bin, *count);
        }
    }

    fn put(&mut self, bin: u8, count: u64) {
        match self.bins.binary_search_by_key(&bin, |(bin, _)| *bin) {
            Ok(at) => self.bins[at].1 = self.bins[at].1.saturating_add(count),
            Err(at) => self.bins.insert(at, (bin, count)),
        }
    }

    /// How many values were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bins.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The value that `share` of all values do not exceed: 0.5 gives the median. `None`: nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        // Exact for counts below 2^53, and nobody counts further.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rank = ((self.count() as f64 * share.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0_u64;
        let reached = self.bins.iter().find(|(_, count)| {
            seen = seen.saturating_add(*count);
            seen >= rank
        });
        reached.map(|(bin, _)| middle(*bin))
    }

    /// As stores keep it: for each bin its number and, in groups of seven bits from the lowest, its count.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bins.len() * 2);
        for (bin, count) in &self.bins {
            bytes.push(*bin);
            put_count(&mut bytes, *count);
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. `None`: these bytes are something else.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut bins: Vec<(u8, u64)> = Vec::with_capacity(bytes.len() / 2);
        while let Some((bin, rest)) = bytes.split_first() {
            let (count, rest) = take_count(rest)?;
            if bins.last().is_some_and(|(last, _)| last >= bin) {
                return None;
            }
            bins.push((*bin, count));
            bytes = rest;
        }
        Some(Self { bins })
    }
}

#[cfg(feature = "postgres")]
impl Histogram {
    /// The bins that hold something, by rising number.
    pub(super) fn bins(&self) -> impl Iterator<Item = (u8, u64)> {
        self.bins.iter().copied()
    }

    /// Counts `count` values of a bin.
    pub(super) fn put_bin(&mut self, bin: u8, count: u64) {
        self.put(bin, count);
    }
}

impl FromIterator<u64> for Histogram {
    fn from_iter<I: IntoIterator<Item = u64>>(values: I) -> Self {
        let mut histogram = Self::default();
        values.into_iter().for_each(|value| histogram.add(value));
        histogram
    }
}

fn put_count(bytes: &mut Vec<u8>, mut count: u64) {
    loop {
        let [low, ..] = (count & 0x7f).to_le_bytes();
        count >>= 7;
        bytes.push(if count == 0 { low } else { low | 0x80 });
        if count == 0 {
            return;
        }
    }
}

fn take_count(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut count = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        let part = u64::from(byte & 0x7f);
        let place = u32::try_from(at).ok()? * 7;
        count |= part.checked_shl(place).filter(|shifted| shifted >> place == part)?;
        if byte & 0x80 == 0 {
            return Some((count, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_bin_holds_its_own_middle_and_they_rise() {
        let bins: Vec<u8> = (0..=239).collect();
        for bin_number in &bins {
            assert_eq!(bin(middle(*bin_number)), *bin_number);
        }
        assert!(bins.windows(2).all(|pair| middle(pair[0]) < middle(pair[1])));
        assert_eq!(bin(u64::MAX), 239);
    }

    proptest! {
        #[test]
        fn what_is_read_off_is_within_a_sixteenth(value in 0..u64::from(u32::MAX)) {
            let read = Histogram::of(value).quantile(0.5).unwrap();
            prop_assert!(read.abs_diff(value) * 16 <= value, "{value} is read as {read}");
        }

        #[test]
        fn parts_add_up_to_the_whole(one in prop::collection::vec(0..100_000_u64, 0..50), other in prop::collection::vec(0..100_000_u64, 0..50)) {
            let mut sum: Histogram = one.iter().copied().collect();
            sum.merge(&other.iter().copied().collect());
            prop_assert_eq!(sum, one.into_iter().chain(other).collect());
        }

        #[test]
        fn what_is_kept_is_read_back(values in prop::collection::vec(any::<u64>(), 0..50), times in 0..9_u32) {
            let mut histogram: Histogram = values.into_iter().collect();
            for _ in 0..times { let same = histogram.clone(); (0..200).for_each(|_| histogram.merge(&same)); }
            prop_assert_eq!(Histogram::from_bytes(&histogram.to_bytes()), Some(histogram));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(read) = Histogram::from_bytes(&bytes) {
                prop_assert!(read.quantile(0.99).is_some() == (read.count() > 0));
            }
        }
    }
}
