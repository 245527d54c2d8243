//! Points in time, and where they come from.
//!
//! A [`Timestamp`] is wall-clock time for records and calendars. Waiting and cooling are measured on the monotonic clock
//! (`std::time::Instant`), which no operator can turn back.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Milliseconds since 1970-01-01 UTC. Written as RFC 3339.
///
/// ```
/// use amp_pool_core::time::Timestamp;
///
/// let at: Timestamp = "2026-11-23T01:02:03.004Z".parse()?;
/// assert_eq!(at.hour().to_string(), "2026-11-23T01:00:00.000Z");
/// assert_eq!(at.day().to_string(), "2026-11-23T00:00:00.000Z");
/// # Ok::<(), amp_pool_core::time::ParseTimeError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The start of this hour, UTC.
    #[must_use]
    pub const fn hour(self) -> Self {
        Self(self.0 - self.0.rem_euclid(HOUR_MS))
    }

    /// The start of this day, UTC.
    #[must_use]
    pub const fn day(self) -> Self {
        Self(self.0 - self.0.rem_euclid(DAY_MS))
    }

    /// How long after `earlier` it is; nothing when it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This point moved by `millis`.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{at:.3}")
    }
}

/// Why a text is no point in time.
#[derive(Debug)]
pub struct ParseTimeError(jiff::Error);

impl fmt::Display for ParseTimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an RFC 3339 time: {}", self.0)
    }
}

impl std::error::Error for ParseTimeError {}

impl FromStr for Timestamp {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>().map(|at| Self(at.as_millisecond())).map_err(ParseTimeError)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Where wall-clock time comes from. Tests bring their own.
///
/// ```
/// use amp_pool_core::time::{Clock, Timestamp};
///
/// struct Stopped(Timestamp);
///
/// impl Clock for Stopped {
///     fn now(&self) -> Timestamp {
///         self.0
///     }
/// }
///
/// let clock = Stopped("2026-11-23T01:00:00.000Z".parse()?);
/// assert_eq!(clock.now().to_string(), "2026-11-23T01:00:00.000Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[cfg(feature = "pool")]
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[cfg(feature = "pool")]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_belong_to_the_hour_they_are_in() {
        assert_eq!(Timestamp(-1).hour(), Timestamp(-HOUR_MS));
        assert_eq!(Timestamp(-1).day(), Timestamp(-DAY_MS));
    }

    #[test]
    fn a_time_of_another_zone_is_the_same_point() {
        let zoned: Timestamp = "2026-11-23T02:00:00+01:00".parse().unwrap();
        assert_eq!(zoned.to_string(), "2026-11-23T01:00:00.000Z");
    }
}
