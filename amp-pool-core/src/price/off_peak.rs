//! Hours in which other rates hold.

use std::str::FromStr;

use super::Tariff;
use crate::time::Timestamp;

const MINUTE_MS: i64 = 60_000;
const MINUTES_OF_DAY: u16 = 24 * 60;

/// Rates that hold in some hours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffPeak {
    /// The rates.
    pub tariff: Tariff,
    /// The hours.
    pub hours: Vec<Hours>,
}

impl OffPeak {
    /// Whether its rates hold at `at`.
    #[must_use]
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.hours.iter().any(|hours| hours.hold(at))
    }
}

/// A part of the day on some days of the week, in UTC. Written `16:30-00:30`; its end is not part of it, and one that is not
/// after the beginning lies on the next day.
///
/// ```
/// use amp_pool_core::{
///     price::{Hours, OffPeak, Rates, Tariff},
///     time::Timestamp,
/// };
///
/// let night: Hours = "16:30-00:30".parse().map_err(|()| "from an hour to an hour")?;
/// let cheap = Tariff { rates: Rates::plain("0.14".parse()?, "0.55".parse()?), long_context: Vec::new() };
/// let off_peak = OffPeak { hours: vec![night], tariff: cheap };
/// assert!(off_peak.holds_at("2026-06-15T23:00:00Z".parse::<Timestamp>()?));
/// assert!(!off_peak.holds_at("2026-06-15T12:00:00Z".parse::<Timestamp>()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: u16,
    to: u16,
    /// Those on which it begins: a bit each, the lowest for Monday.
    days: u8,
}

impl Hours {
    /// The same hours on some days only: 1 is Monday, 7 is Sunday. `None`: there is no such day, or none at all.
    #[must_use]
    pub fn on(self, iso_weekdays: &[u8]) -> Option<Self> {
        let bit = |day: &u8| (1..=7).contains(day).then(|| 1_u8 << (day - 1));
        let days = iso_weekdays.iter().map(bit).try_fold(0, |days, bit| Some(days | bit?))?;
        (days != 0).then_some(Self { days, ..self })
    }

    fn hold(self, at: Timestamp) -> bool {
        let minutes = at.as_millis().div_euclid(MINUTE_MS);
        let of_day = i64::from(MINUTES_OF_DAY);
        let (day, minute) = (minutes.div_euclid(of_day), minutes.rem_euclid(of_day));
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        // The hours of yesterday may reach into today.
        (self.begins_on(day) && (from..to).contains(&minute))
            || (self.begins_on(day - 1) && (from..to).contains(&(minute + of_day)))
    }

    /// Days are counted from 1970-01-01, a Thursday.
    fn begins_on(self, day: i64) -> bool {
        self.days & (1 << (day + 3).rem_euclid(7)) != 0
    }
}

impl FromStr for Hours {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (from, to) = text.split_once('-').ok_or(())?;
        let (from, to) = (minute(from).ok_or(())?, minute(to).ok_or(())?);
        let to = if to <= from { to + MINUTES_OF_DAY } else { to };
        if from < MINUTES_OF_DAY { Ok(Self { from, to, days: 0x7f }) } else { Err(()) }
    }
}

/// The minute of the day of `HH:MM`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits =
        |part: &str| (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok());
    let (hour, minute): (u16, u16) = (digits(hour)??, digits(minute)??);
    let of_day = hour * 60 + minute;
    (minute < 60 && of_day <= MINUTES_OF_DAY).then_some(of_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(hours: &str, days: &[u8], at: &str, expected: bool) {
        let hours: Hours = hours.parse().unwrap();
        assert_eq!(hours.on(days).unwrap().hold(at.parse().unwrap()), expected, "{at}");
    }

    #[test]
    fn hours_hold_from_their_first_minute_to_before_their_last() {
        let all = [1, 2, 3, 4, 5, 6, 7];
        check("04:00-06:00", &all, "2026-11-28T03:59:59.999Z", false);
        check("04:00-06:00", &all, "2026-11-28T04:00:00Z", true);
        check("04:00-06:00", &all, "2026-11-28T06:00:00Z", false);
        check("10:00-00:00", &all, "2026-11-28T23:59:59Z", true);
        check("10:00-24:00", &all, "2026-11-28T23:59:59Z", true);
        check("10:00-00:00", &all, "2026-11-29T00:00:00Z", false);
        check("00:00-00:00", &all, "2026-11-29T00:00:00Z", true);
        check("16:30-00:30", &all, "1969-12-31T00:29:00Z", true);
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        // The 28th of November 2026 is a Saturday.
        check("22:00-06:00", &[6], "2026-11-28T05:00:00Z", false);
        check("22:00-06:00", &[6], "2026-11-28T22:00:00Z", true);
        check("22:00-06:00", &[6], "2026-11-29T05:59:00Z", true);
        check("22:00-06:00", &[6], "2026-11-29T22:00:00Z", false);
        check("00:00-00:00", &[6, 7], "2026-11-30T00:00:00Z", false);
    }

    #[test]
    fn what_are_no_hours_is_refused() {
        for text in [
            "",
            "10:00",
            "10-11",
            "24:01-01:00",
            "24:00-01:00",
            "10:60-11:00",
            "1:00-2:00",
            "a:bb-cc:dd",
            "+1:00-02:00",
        ] {
            assert!(text.parse::<Hours>().is_err(), "{text}");
        }
        let hours: Hours = "10:00-11:00".parse().unwrap();
        assert_eq!([hours.on(&[0]), hours.on(&[8]), hours.on(&[])], [None; 3]);
    }
}
