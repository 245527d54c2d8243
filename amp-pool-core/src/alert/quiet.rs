//! Hours in which nobody wants to hear anything.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{budget::Zone, time::Timestamp};

/// Hours of each day in which a rule keeps quiet. They may go over midnight.
///
/// ```
/// use amp_pool_core::alert::QuietHours;
///
/// let quiet: QuietHours = serde_json::from_str(r#"{"from": "22:00", "to": "07:30", "zone": "Asia/Shanghai"}"#)?;
/// assert!(quiet.covers("2026-11-28T15:00:00Z".parse()?), "23:00 there");
/// assert!(!quiet.covers("2026-11-27T23:30:00Z".parse()?), "07:30 there");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// When they begin.
    pub from: TimeOfDay,
    /// When they end.
    pub to: TimeOfDay,
    /// Whose clock it is.
    #[serde(default)]
    pub zone: Zone,
}

impl QuietHours {
    /// Whether `now` is one of them. None are from a time to the same time.
    #[must_use]
    pub fn covers(&self, now: Timestamp) -> bool {
        let Some(now) = self.zone.minute_of_day(now) else { return false };
        let (from, to) = (self.from.0, self.to.0);
        if from <= to { (from..to).contains(&now) } else { now >= from || now < to }
    }
}

/// A time of day: minutes since midnight. Written `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

/// A text that is no time of day.
///
/// ```
/// use amp_pool_core::alert::{TimeOfDay, TimeOfDayError};
///
/// let error: TimeOfDayError = "25:00".parse::<TimeOfDay>().err().ok_or("it is none")?;
/// assert!(error.to_string().contains("HH:MM"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDayError;

impl fmt::Display for TimeOfDayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time of day is written `HH:MM`, from `00:00` to `23:59`")
    }
}

impl std::error::Error for TimeOfDayError {}

impl FromStr for TimeOfDay {
    type Err = TimeOfDayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let two = |text: &str| is_plain(text).then(|| text.parse::<u16>().ok()).flatten();
        let (hours, minutes) = text.split_once(':').ok_or(TimeOfDayError)?;
        let (hours, minutes) = (two(hours).ok_or(TimeOfDayError)?, two(minutes).ok_or(TimeOfDayError)?);
        if hours < 24 && minutes < 60 { Ok(Self(hours * 60 + minutes)) } else { Err(TimeOfDayError) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, zone: &str, now: &str, expected: bool) {
        let quiet = QuietHours { from: from.parse().unwrap(), to: to.parse().unwrap(), zone: zone.parse().unwrap() };
        assert_eq!(quiet.covers(now.parse().unwrap()), expected, "{from} to {to} in {zone} at {now}");
    }

    #[test]
    fn quiet_hours_begin_and_end_on_the_minute_of_their_zone() {
        check("09:00", "17:00", "UTC", "2026-11-28T08:59:59.999Z", false);
        check("09:00", "17:00", "UTC", "2026-11-28T09:00:00Z", true);
        check("09:00", "17:00", "UTC", "2026-11-28T17:00:00Z", false);
        check("22:00", "07:00", "UTC", "2026-11-28T23:00:00Z", true);
        check("22:00", "07:00", "UTC", "2026-11-28T06:59:00Z", true);
        check("22:00", "07:00", "UTC", "2026-11-28T07:00:00Z", false);
        check("08:00", "08:00", "UTC", "2026-11-28T08:00:00Z", false);
        // Summer and winter.
        check("22:00", "07:00", "Europe/Berlin", "2026-07-01T20:30:00Z", true);
        check("22:00", "07:00", "Europe/Berlin", "2026-12-01T20:30:00Z", false);
    }

    #[test]
    fn a_time_of_day_has_two_digits_each() {
        for text in ["7:00", "24:00", "12:60", "12", "12:5", "-1:00", "+1:00", "12:00:00"] {
            assert_eq!(text.parse::<TimeOfDay>(), Err(TimeOfDayError), "{text}");
        }
        assert_eq!("07:05".parse::<TimeOfDay>().unwrap().to_string(), "07:05");
    }
}
