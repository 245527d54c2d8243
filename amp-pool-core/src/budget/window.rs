//! Calendar windows: since when a budget counts, and until when.

use std::{fmt, str::FromStr};

use jiff::{ToSpan as _, Zoned, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::time::Timestamp;

/// How long a budget lasts until it begins anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BudgetWindow"))]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// From the first of a month to its last.
    Month,
    /// For ever.
    #[default]
    Total,
}

/// A window of the calendar: from its start to its end, which is the start of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it began.
    pub start: Timestamp,
    /// When the next one begins. `None`: never.
    pub end: Option<Timestamp>,
}

impl Window {
    /// The name in JSON and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
        }
    }

    /// The window that is called so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Day, Self::Week, Self::Month, Self::Total].into_iter().find(|window| window.as_str() == name)
    }

    /// The window of `zone`'s calendar that `now` lies in. A day in which clocks are changed is shorter or longer.
    ///
    /// ```
    /// use amp_pool_core::{budget::Window, time::Timestamp};
    ///
    /// let now: Timestamp = "2026-03-29T12:00:00Z".parse()?;
    /// let day = Window::Day.at(now, &"Europe/Berlin".parse()?);
    /// assert_eq!(day.start.to_string(), "2026-03-28T23:00:00.000Z");
    /// assert_eq!(day.end.ok_or("a day ends")?.to_string(), "2026-03-29T22:00:00.000Z", "23 hours");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn at(self, now: Timestamp, zone: &Zone) -> Span {
        self.in_calendar(now, zone).unwrap_or(Span { start: Timestamp::from_millis(0), end: None })
    }

    /// `None` for [`Window::Total`], and outside of the years that calendars have.
    fn in_calendar(self, now: Timestamp, Zone(zone): &Zone) -> Option<Span> {
        let today = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?.to_zoned(zone.clone()).date();
        let (first, next) = match self {
            Self::Day => (today, today.tomorrow().ok()?),
            Self::Week => {
                let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
                (monday, monday.checked_add(7.days()).ok()?)
            }
            Self::Month => (today.first_of_month(), today.first_of_month().checked_add(1.month()).ok()?),
            Self::Total => return None,
        };
        let start_of = |day: jiff::civil::Date| day.to_zoned(zone.clone()).ok().map(|midnight| point(&midnight));
        Some(Span { start: start_of(first)?, end: Some(start_of(next)?) })
    }
}

fn point(at: &Zoned) -> Timestamp {
    Timestamp::from_millis(at.timestamp().as_millisecond())
}

/// A time zone by its name in the IANA database. UTC, where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    /// When its clocks show `local`, such as `2025-10-01 12:00:00.5`. Of a time that came twice, the first; one that was left
    /// out counts as the one behind.
    #[cfg(feature = "sqlite")]
    pub(crate) fn moment(&self, local: &str) -> Option<Timestamp> {
        let local: jiff::civil::DateTime = local.parse().ok()?;
        local.to_zoned(self.0.clone()).ok().map(|at| point(&at))
    }

    /// How many minutes its clocks have gone since midnight. `None` outside of the years that calendars have.
    pub(crate) fn minute_of_day(&self, now: Timestamp) -> Option<u16> {
        let now = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?.to_zoned(self.0.clone()).time();
        u16::try_from(i32::from(now.hour()) * 60 + i32::from(now.minute())).ok()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

/// A text that is no time zone.
///
/// ```
/// use amp_pool_core::budget::{Zone, ZoneError};
///
/// let error: ZoneError = "Mars/Base".parse::<Zone>().err().ok_or("it is none")?;
/// assert!(error.to_string().contains("`Mars/Base`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneError(Box<str>);

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no time zone such as `UTC` or `Asia/Shanghai`", self.0)
    }
}

impl std::error::Error for ZoneError {}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == "UTC" {
            return Ok(Self::default());
        }
        TimeZone::get(name).map(Self).map_err(|_| ZoneError(name.chars().take(40).collect()))
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(window: Window, zone: &str, now: &str, start: &str, end: &str) {
        let span = window.at(now.parse().unwrap(), &zone.parse().unwrap());
        assert_eq!((span.start.to_string(), span.end.unwrap().to_string()), (start.into(), end.into()), "{now} {zone}");
    }

    #[test]
    fn a_window_begins_at_a_midnight_of_its_zone() {
        let at = |day| format!("{day}T00:00:00.000Z");
        check(Window::Day, "UTC", "2026-11-28T03:00:00Z", &at("2026-11-28"), &at("2026-11-29"));
        check(Window::Week, "UTC", "2026-11-28T03:00:00Z", &at("2026-11-23"), &at("2026-11-30"));
        check(Window::Week, "UTC", "2026-11-23T00:00:00Z", &at("2026-11-23"), &at("2026-11-30"));
        check(Window::Month, "UTC", "2028-02-29T23:59:59Z", &at("2028-02-01"), &at("2028-03-01"));
        let shanghai = |day| format!("{day}T16:00:00.000Z");
        check(Window::Day, "Asia/Shanghai", "2026-11-28T16:00:00Z", &shanghai("2026-11-28"), &shanghai("2026-11-29"));
        check(Window::Day, "Asia/Shanghai", "2026-11-28T15:59:59Z", &shanghai("2026-11-27"), &shanghai("2026-11-28"));
        // An autumn day of 25 hours.
        check(
            Window::Day,
            "America/New_York",
            "2026-11-01T12:00:00Z",
            "2026-11-01T04:00:00.000Z",
            "2026-11-02T05:00:00.000Z",
        );
    }

    #[test]
    fn the_total_has_no_end() {
        let span = Window::Total.at(Timestamp::from_millis(5), &Zone::default());
        assert_eq!(span, Span { start: Timestamp::from_millis(0), end: None });
    }

    proptest! {
        #[test]
        fn every_moment_lies_in_one_window(
            millis in 0..4_000_000_000_000_i64,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Africa/Cairo"]),
            window in prop::sample::select(vec![Window::Day, Window::Week, Window::Month]),
        ) {
            let (now, zone) = (Timestamp::from_millis(millis), zone.parse().unwrap());
            let span = window.at(now, &zone);
            let end = span.end.unwrap();
            prop_assert!(span.start <= now && now < end);
            prop_assert_eq!(window.at(span.start, &zone), span);
            prop_assert_eq!(window.at(end.plus_millis(-1), &zone), span);
            prop_assert_eq!(window.at(end, &zone).start, end);
        }
    }
}
