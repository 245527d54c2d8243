//! How long an upstream asks to be left alone.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    Verdict,
    rule::{Headers, Heard, Rule, Until},
    said::{Said, Told},
    span,
};
use crate::time::Timestamp;

const HOUR_MS: i64 = 3_600_000;
const DAY: Duration = Duration::from_secs(86_400);
const MONTH: Duration = Duration::from_secs(32 * 86_400);

/// The wait that an answer asks for, at most a day.
///
/// Looked for in this order: `retry-after-ms`; `retry-after` in seconds, as a date or as a time since 1970; a field of the
/// body that says so, as Google's `retryDelay`; the reset of a limit of which nothing remains; the message. What cannot be read is as if it were not there.
///
/// ```
/// use std::time::Duration;
/// use amp_pool_core::{classify::retry_after, time::Timestamp};
///
/// let body = br#"{"error":{"message":"Rate limit reached. Please try again in 1.5s."}}"#;
/// let wait = retry_after(&http::HeaderMap::new(), body, Timestamp::from_millis(0));
/// assert_eq!(wait, Some(Duration::from_millis(1_500)));
/// ```
#[must_use]
pub fn retry_after(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<Duration> {
    let heard = Heard::new(0, Headers::Live(headers), Said::read(headers, body));
    asked(&heard, now, 0).map(|wait| wait.min(DAY))
}

/// The wait that belongs to a rule's verdict.
pub(super) fn for_rule(rule: &Rule, heard: &Heard<'_>, now: Timestamp) -> Option<Duration> {
    let date = || date_in_text(heard, now, rule.utc_offset_hours);
    let fixed = || rule.wait_seconds.map(Duration::from_secs);
    if rule.fixed_wait {
        return fixed().map(|wait| wait.min(MONTH));
    }
    match (rule.verdict, rule.until) {
        (_, Some(until)) => date().or_else(|| Some(span::between(now, next(until, now)?))).map(|wait| wait.min(MONTH)),
        // Headers of an answer about money speak of the limits of requests.
        (Verdict::OutOfCredit { .. }, None) => date().or_else(fixed).map(|wait| wait.min(MONTH)),
        _ => asked(heard, now, rule.utc_offset_hours).or_else(fixed).map(|wait| wait.min(longest(rule.verdict))),
    }
}

/// A key that was shut out may be so for longer than one that was asked to slow down.
fn longest(verdict: Verdict) -> Duration {
    if matches!(verdict, Verdict::Blocked { .. }) { MONTH } else { DAY }
}

/// The wait that an answer asks for, however long.
pub(super) fn asked(heard: &Heard<'_>, now: Timestamp, utc_offset_hours: i8) -> Option<Duration> {
    told(heard, now)
        .or_else(|| span::asked_for(&heard.said.text))
        .or_else(|| date_in_text(heard, now, utc_offset_hours))
}

fn date_in_text(heard: &Heard<'_>, now: Timestamp, utc_offset_hours: i8) -> Option<Duration> {
    span::to_date(&heard.said.text, now, utc_offset_hours)
}

/// The wait that something else than the message asks for.
pub(super) fn told(heard: &Heard<'_>, now: Timestamp) -> Option<Duration> {
    let Heard { headers, said, .. } = heard;
    if let Headers::Kept { wait, .. } = headers {
        return *wait;
    }
    let live = headers.live();
    live.and_then(|headers| in_headers(headers, now))
        .or_else(|| said.wait.as_ref().and_then(|told| in_field(told, now)))
        .or_else(|| live.and_then(|headers| exhausted(headers, now)))
}

fn in_field(told: &Told, now: Timestamp) -> Option<Duration> {
    match told {
        Told::Length(text) => span::read(text),
        Told::Number(text) => until_reset(text.trim(), now),
        Told::Millis(millis) => span::from_seconds(millis / 1e3),
    }
}

fn in_headers(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let millis = text(headers, "retry-after-ms").and_then(|value| span::from_seconds(value.parse::<f64>().ok()? / 1e3));
    millis.or_else(|| {
        let value = text(headers, "retry-after")?;
        match value.parse::<f64>() {
            // Some relays put the time of the reset here.
            Ok(_) => until_reset(value, now),
            Err(_) => date(value).map(|then| span::between(now, then)).or_else(|| span::read(value)),
        }
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The three spellings of HTTP, the two old ones included, and RFC 3339.
fn date(value: &str) -> Option<Timestamp> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let modern = parser.parse_timestamp(value).ok();
    let old = || ["%d-%b-%y %H:%M:%S GMT", "%b %e %H:%M:%S %Y"].iter().find_map(|format| old_date(value, format));
    let then = modern.or_else(old).map(|then| Timestamp::from_millis(then.as_millisecond()));
    then.or_else(|| value.parse().ok())
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`: the day of the week says nothing new.
fn old_date(value: &str, format: &str) -> Option<jiff::Timestamp> {
    let (_, rest) = value.split_once(' ')?;
    let then = jiff::civil::DateTime::strptime(format, rest.trim_start()).ok()?;
    then.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The longest reset among the limits of which nothing remains.
fn exhausted(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let resets = headers.iter().filter_map(|(name, value)| reset_of(name, value));
    resets.filter_map(|reset| until_reset(text(headers, &reset)?, now)).max()
}

/// The name of the header with the reset, beside one that says that nothing remains.
fn reset_of(name: &HeaderName, value: &HeaderValue) -> Option<String> {
    let name = name.as_str();
    let is = |part: &str, spent: &str| name.contains("ratelimit") && name.contains(part) && value == spent;
    if is("remaining", "0") {
        Some(name.replace("remaining", "reset"))
    } else {
        is("status", "rejected").then(|| name.replace("status", "reset"))
    }
}

/// A reset as vendors write it: a length, seconds, seconds or milliseconds since 1970, or RFC 3339.
pub(crate) fn until_reset(value: &str, now: Timestamp) -> Option<Duration> {
    let Ok(number) = value.parse::<f64>() else {
        return span::read(value).or_else(|| Some(span::between(now, value.parse().ok()?)));
    };
    let since_1970 = span::from_seconds(if number >= 1e12 { number / 1e3 } else { number })?;
    if number < 1e9 {
        return Some(since_1970);
    }
    let then = Timestamp::from_millis(i64::try_from(since_1970.as_millis()).ok()?);
    Some(span::between(now, then))
}

fn next(until: Until, now: Timestamp) -> Option<Timestamp> {
    match until {
        Until::NextMonth => next_month(now),
        Until::PacificMidnight => Some(now.plus_millis(-8 * HOUR_MS).day().plus_millis((24 + 8) * HOUR_MS)),
    }
}

fn next_month(now: Timestamp) -> Option<Timestamp> {
    let written = now.to_string();
    let year: u32 = written.get(..4)?.parse().ok()?;
    let month: u32 = written.get(5..7)?.parse().ok()?;
    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    format!("{year:04}-{month:02}-01T00:00:00Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn check(lines: &[(&'static str, &str)], body: &str, expected: Option<f64>) {
        let named = |&(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
        let headers: HeaderMap = lines.iter().map(named).collect();
        let wait = retry_after(&headers, body.as_bytes(), NOW.parse().unwrap());
        assert_eq!(wait, expected.map(Duration::from_secs_f64), "{lines:?} {body}");
    }

    #[test]
    fn retry_after_is_read_in_all_spellings() {
        check(&[("retry-after", "30")], "", Some(30.0));
        check(&[("retry-after", " 30 ")], "", Some(30.0));
        check(&[("retry-after", "0")], "", Some(0.0));
        check(&[("retry-after", "2.5")], "", Some(2.5));
        check(&[("retry-after", "20s")], "", Some(20.0));
        check(&[("retry-after", "Mon, 23 Nov 2026 12:00:45 GMT")], "", Some(45.0));
        check(&[("retry-after", "Mon, 23 Nov 2026 11:00:00 GMT")], "", Some(0.0));
        check(&[("retry-after", "Fri, 23 Nov 2026 12:00:45 GMT")], "", Some(45.0));
        check(&[("retry-after", "Monday, 23-Nov-26 12:00:45 GMT")], "", Some(45.0));
        check(&[("retry-after", "Mon Nov 23 12:00:45 2026")], "", Some(45.0));
        check(&[("retry-after", "2026-11-23T12:00:45Z")], "", Some(45.0));
        check(&[("retry-after", "6m0s")], "", Some(360.0));
        check(&[("retry-after", "1795435245")], "", Some(45.0));
        check(&[("retry-after", "1795435245000")], "", Some(45.0));
        check(&[("retry-after-ms", "250")], "", Some(0.25));
        check(&[("retry-after-ms", "250"), ("retry-after", "30")], "", Some(0.25));
    }

    #[test]
    fn garbage_is_as_if_it_were_not_there() {
        for value in ["", "-1", "NaN", "inf", "soon", "1e400", "Mon, 99 Nov 2026 12:00:45 GMT", "12:00"] {
            check(&[("retry-after", value)], "", None);
        }
        check(&[("retry-after-ms", "x"), ("retry-after", "30")], "", Some(30.0));
        check(&[("retry-after", "x")], r#"{"error":"retry after 3s"}"#, Some(3.0));
    }

    #[test]
    fn no_wait_is_longer_than_a_day() {
        check(&[("retry-after", "999999999")], "", Some(86_400.0));
        check(&[], "resets in 4 days", Some(86_400.0));
    }

    #[test]
    fn the_reset_of_the_limit_that_is_spent_counts() {
        let spent = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "6m0s"),
            ("x-ratelimit-remaining-tokens", "149"),
            ("x-ratelimit-reset-tokens", "9h"),
        ];
        check(&spent, "", Some(360.0));
        check(&[("x-ratelimit-remaining-requests", "1"), ("x-ratelimit-reset-requests", "6m0s")], "", None);
        let anthropic = [
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-23T12:01:30Z"),
        ];
        check(&anthropic, "", Some(90.0));
        let subscription =
            [("anthropic-ratelimit-unified-status", "rejected"), ("anthropic-ratelimit-unified-reset", "1795435260")];
        check(&subscription, "", Some(60.0));
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795435205000")], "", Some(5.0));
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "17")], "", Some(17.0));
        check(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")], "", Some(30.0));
        check(&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "7.66s")], "", Some(7.66));
    }

    #[test]
    fn a_field_of_the_body_may_say_it() {
        check(&[], r#"{"error":{"message":"slow down","retry_after":20}}"#, Some(20.0));
        check(&[], r#"{"message":"slow down","retry_after":"1.5"}"#, Some(1.5));
        check(&[], r#"{"error":{"metadata":{"retry_after_seconds":9}}}"#, Some(9.0));
        check(&[], r#"{"error":{"details":{"retryAfterMs":1500}}}"#, Some(1.5));
        check(
            &[],
            r#"{"error":{"type":"usage_limit_reached","resets_in_seconds":77,"resets_at":1795435260}}"#,
            Some(77.0),
        );
        check(&[], r#"{"error":{"type":"usage_limit_reached","resets_at":1795435260}}"#, Some(60.0));
        check(&[], r#"{"error":{"resets_at":"2026-11-23T12:01:00Z"}}"#, Some(60.0));
        check(&[], r#"{"error":{"details":[{"retryDelay":"0.5s"}]}}"#, Some(0.5));
        check(&[("retry-after", "3")], r#"{"retry_after":20}"#, Some(3.0));
        check(&[], r#"{"retry_after":-4,"message":"try again in 2s"}"#, Some(2.0));
        check(&[], r#"{"retry_after":true}"#, None);
    }

    #[test]
    fn the_body_is_asked_after_the_headers() {
        let google = r#"{"error":{"message":"Please retry in 9s.","details":[{"@type":"x"},{"retryDelay":"37s"}]}}"#;
        check(&[], google, Some(37.0));
        check(&[("retry-after", "3")], google, Some(3.0));
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "17")], google, Some(37.0));
        check(&[], r#"{"error":{"message":"Please try again in 41.724s."}}"#, Some(41.724));
        check(&[], r#"{"message":"Your quota will reset in 2h 3m"}"#, Some(7_380.0));
        check(&[], "Rate limit is exceeded. Try again in 20 seconds.", Some(20.0));
        check(&[], r#"{"error":"Usage limit reached until 2026-11-23 12:10 UTC"}"#, Some(600.0));
        check(&[], r#"{"error":"try again later"}"#, None);
    }

    #[test]
    fn calendars_turn_where_they_should() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let check = |until, now: &str, expected: &str| assert_eq!(next(until, at(now)), Some(at(expected)), "{now}");
        check(Until::NextMonth, NOW, "2026-12-01T00:00:00Z");
        check(Until::NextMonth, "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z");
        check(Until::PacificMidnight, "2026-11-23T07:59:59Z", "2026-11-23T08:00:00Z");
        check(Until::PacificMidnight, "2026-11-23T08:00:00Z", "2026-11-24T08:00:00Z");
    }

    proptest! {
        #[test]
        fn no_text_asks_for_more_than_a_day(text in "(try again in|20|\\PC|[0-9]{1,4}|[-:smhd. ]){0,12}") {
            let wait = retry_after(&HeaderMap::new(), text.as_bytes(), NOW.parse().unwrap());
            prop_assert!(wait <= Some(DAY), "{:?}", wait);
        }
    }
}
