//! Lengths and points of time as people and headers write them.

use std::time::Duration;

use crate::time::Timestamp;

const PHRASES: [&str; 9] = [
    "try again in",
    "retry in",
    "retry after",
    "try again after",
    "reset in",
    "resets in",
    "reset after",
    "available in",
    "please wait",
];

/// The wait that a message in lower case asks for: `try again in 41.724s`, `will reset in 2h 3m`.
pub(super) fn asked_for(text: &str) -> Option<Duration> {
    PHRASES.iter().find_map(|phrase| {
        let at = text.find(phrase)?;
        read(text[at + phrase.len()..].trim_start_matches([' ', ':']))
    })
}

/// A length of time at the beginning of `text`: `6m0s`, `37s`, `2 hours and 3 minutes`. A number needs its unit.
pub(super) fn read(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = None;
    while let Some((part, behind)) = number_and_unit(rest) {
        seconds = Some(seconds.unwrap_or(0.0) + part);
        rest = behind.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
    }
    from_seconds(seconds?)
}

fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let (number, rest) = split_where(text, |c| !c.is_ascii_digit() && c != '.');
    let (unit, rest) = split_where(rest.trim_start_matches(' '), |c| !c.is_ascii_alphabetic());
    Some((number.parse::<f64>().ok()? * seconds_of(unit)?, rest))
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    })
}

/// Seconds, with a fraction if need be. `None` for what is no length of time.
pub(super) fn from_seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// From `now` to `then`; nothing if that has passed.
pub(super) fn between(now: Timestamp, then: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(then.as_millis().saturating_sub(now.as_millis())).unwrap_or(0))
}

/// How long it is to the first date in `text` that lies ahead: `2026-12-01`, `2026-12-01 at 00:00 utc`.
///
/// A date without a zone is in the zone `utc_offset_hours` east of Greenwich.
pub(super) fn to_date(text: &str, now: Timestamp, utc_offset_hours: i8) -> Option<Duration> {
    let starts = text.match_indices("20").filter(|(at, _)| !text[..*at].ends_with(is_part_of_a_word));
    let dates = starts.filter_map(|(at, _)| read_date(&text[at..], utc_offset_hours));
    dates.filter(|then| *then > now).map(|then| between(now, then)).next()
}

// The date of a model's name is none of ours.
fn is_part_of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.@:/".contains(c)
}

fn read_date(text: &str, utc_offset_hours: i8) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = ["t", " at ", " "].iter().find_map(|gap| rest.strip_prefix(gap)).unwrap_or("");
    let (clock, zone) = split_where(rest, |c| !c.is_ascii_digit() && c != ':');
    let (clock, zone) = match clock.len() {
        5 => (format!("{clock}:00"), zone),
        8 => (clock.to_owned(), zone),
        _ => ("00:00:00".to_owned(), ""),
    };
    let utc = zone.starts_with('z') || zone.trim_start().starts_with("utc");
    let hours = if utc { 0 } else { utc_offset_hours };
    let sign = if hours < 0 { '-' } else { '+' };
    format!("{date}T{clock}{sign}{:02}:00", hours.unsigned_abs()).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(read(text), expected.map(Duration::from_millis), "{text}");
    }

    #[test]
    fn lengths_are_read_in_every_spelling() {
        check("12ms", Some(12));
        check("1s", Some(1_000));
        check("6m0s", Some(360_000));
        check("41.724s.", Some(41_724));
        check("2h 3m", Some(7_380_000));
        check("20 seconds", Some(20_000));
        check("3 hours and 20 minutes", Some(12_000_000));
        check("1 day, 2 hours", Some(93_600_000));
        check("5 minutes. 3 requests", Some(300_000));
    }

    #[test]
    fn what_has_no_number_or_no_unit_is_no_length() {
        for text in ["", "soon", "5", "5 apples", "s", "1.2.3s", "-5s", "99999999999999999999999 weeks"] {
            check(text, None);
        }
    }

    fn check_date(text: &str, offset: i8, expected: Option<&str>) {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let expected = expected.map(|then| between(now, then.parse().unwrap()));
        assert_eq!(to_date(text, now, offset), expected, "{text}");
    }

    #[test]
    fn dates_ahead_are_found() {
        check_date("regain access on 2026-12-01 at 00:00 utc.", 0, Some("2026-12-01T00:00:00Z"));
        check_date("until 2026-12-01", 0, Some("2026-12-01T00:00:00Z"));
        check_date("will reset at 2026-11-23 18:30:05", 8, Some("2026-11-23T10:30:05Z"));
        check_date("将在 2026-11-23 18:00:00 重置", 8, Some("2026-11-23T10:00:00Z"));
        check_date("at 2026-11-23t18:30:05z", 8, Some("2026-11-23T18:30:05Z"));
    }

    #[test]
    fn dates_that_passed_and_dates_of_models_are_not() {
        for text in ["since 2026-11-22", "gpt-9-2026-12-01 is limited", "2026-13-01", "20", "2026年十二月一日"] {
            check_date(text, 0, None);
        }
    }
}
