//! Texts with `{names}` in them, which a key and the calendar fill in.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::Value;

use crate::{secret::Secret, time::Timestamp};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a probe is run with: where its key leads, the credential, what the operator gave along, the time.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// `{base}`: the address of the upstream, without what stands in place of `/v1`.
    pub base: &'a str,
    /// `{key}`: the credential.
    pub key: &'a Secret,
    /// Further names, each with what the operator gave for it: an admin key, a team.
    pub values: &'a BTreeMap<String, Secret>,
    /// The time now, of which `{today}`, `{tomorrow}`, `{month_start}` and the like are made.
    pub now: Timestamp,
}

/// Names that every place fills in.
const BUILT_IN: [&str; 11] = [
    "base",
    "origin",
    "host",
    "key",
    "today",
    "tomorrow",
    "month_start",
    "days_ago_100",
    "month_start_time",
    "tomorrow_time",
    "month_start_unix",
];

impl Place<'_> {
    /// What stands for `name`, if the place itself knows.
    fn value(&self, name: &str) -> Option<String> {
        let day = |days: i64| self.now.day().plus_millis(days * DAY_MS);
        Some(match name {
            "base" => self.base.to_owned(),
            "origin" => origin(self.base).to_owned(),
            "host" => host(self.base).to_owned(),
            "key" => self.key.expose().to_owned(),
            "today" => date(day(0)),
            "tomorrow" => date(day(1)),
            "days_ago_100" => date(day(-100)),
            "month_start" => date(self.month_start()),
            "month_start_time" => seconds(self.month_start()),
            "tomorrow_time" => seconds(day(1)),
            "month_start_unix" => (self.month_start().as_millis() / 1000).to_string(),
            other => self.values.get(other)?.expose().to_owned(),
        })
    }

    fn month_start(&self) -> Timestamp {
        let text = self.now.to_string();
        let first = text.get(..7).and_then(|month| format!("{month}-01T00:00:00Z").parse().ok());
        first.unwrap_or(self.now)
    }

    /// Every secret that an answer could repeat.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        [self.key].into_iter().chain(self.values.values()).map(Secret::expose).filter(|secret| secret.len() >= 6)
    }
}

/// The host that a URL leads to.
pub(super) fn host(url: &str) -> &str {
    let authority = origin(url).split_once("://").map_or("", |(_, authority)| authority);
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

/// Scheme and authority of a URL.
pub(super) fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(start..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    url.get(..end).unwrap_or(url)
}

fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

fn seconds(at: Timestamp) -> String {
    at.to_string().chars().take(19).chain(['Z']).collect()
}

/// How a value is written where it is put.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// As it is.
    No,
    /// As part of a URL; the parts that make its beginning stay as they are.
    Url,
}

/// Fills in a text. What `taken` from earlier answers goes before what the place knows.
///
/// # Errors
/// The first name that nobody knows.
pub(super) fn expand(
    text: &str,
    place: &Place<'_>,
    taken: &BTreeMap<String, String>,
    escape: Escape,
) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = next(rest) {
        filled.push_str(before);
        let value = taken.get(name).cloned().or_else(|| place.value(name)).ok_or_else(|| name.to_owned())?;
        let whole = escape == Escape::No || matches!(name, "base" | "origin");
        filled.push_str(&if whole { value } else { percent(&value) });
        rest = after;
    }
    Ok(filled + rest)
}

/// Fills in every string of a JSON value.
pub(super) fn expand_json(value: &Value, place: &Place<'_>, taken: &BTreeMap<String, String>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(expand(text, place, taken, Escape::No)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| expand_json(item, place, taken)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, _)| Ok((name.clone(), expand_json(value, place, taken)?));
            Value::Object(members.iter().map(member).collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

/// The names in `text` that no place fills in by itself.
pub(super) fn asked(text: &str) -> BTreeSet<String> {
    let (mut names, mut rest) = (BTreeSet::new(), text);
    while let Some((_, name, after)) = next(rest) {
        if !BUILT_IN.contains(&name) {
            names.insert(name.to_owned());
        }
        rest = after;
    }
    names
}

/// The text before the next name, the name, and the text behind it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find('{').map(|at| from + at) {
        let inside = text.get(at + 1..)?;
        let end = inside.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))?;
        if end > 0 && inside.get(end..)?.starts_with('}') {
            return Some((text.get(..at)?, inside.get(..end)?, inside.get(end + 1..)?));
        }
        from = at + 1;
    }
    None
}

/// Percent-encodes whatever has a meaning in a URL.
pub(super) fn percent(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(written, "%{byte:02X}");
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, escape: Escape, expected: Result<&str, &str>) {
        let key = Secret::new("sk-1/2");
        let values = BTreeMap::from([("team".to_owned(), Secret::new("t 1"))]);
        let now = "2026-11-23T01:02:03Z".parse().unwrap();
        let place = Place { base: "https://relay.example:8443/pool", key: &key, values: &values, now };
        let taken = BTreeMap::from([("unit".to_owned(), "500000".to_owned())]);
        let filled = expand(text, &place, &taken, escape);
        assert_eq!(filled.as_deref().map_err(|name| &**name), expected, "{text}");
    }

    #[test]
    fn names_are_filled_in() {
        check("{base}/x?key={key}&t={team}", Escape::Url, Ok("https://relay.example:8443/pool/x?key=sk-1%2F2&t=t%201"));
        check("{origin}/y", Escape::Url, Ok("https://relay.example:8443/y"));
        check("Bearer {key}", Escape::No, Ok("Bearer sk-1/2"));
        check("{host} {unit}", Escape::No, Ok("relay.example 500000"));
        check(
            "{today} {tomorrow} {days_ago_100} {month_start}",
            Escape::No,
            Ok("2026-11-23 2026-11-24 2026-08-15 2026-11-01"),
        );
        check("{month_start_time} {month_start_unix}", Escape::No, Ok("2026-11-01T00:00:00Z 1793491200"));
        check("{missing}", Escape::No, Err("missing"));
    }

    #[test]
    fn braces_of_other_kinds_stay() {
        for text in ["{", "{}", "{\"a\":1}", "{A}", "a } b {", "{é}"] {
            check(text, Escape::No, Ok(text));
        }
    }

    #[test]
    fn names_that_an_operator_has_to_give_are_told() {
        assert_eq!(
            asked("{base}/{team}?k={admin_key}&d={today}").into_iter().collect::<Vec<_>>(),
            ["admin_key", "team"]
        );
    }

    #[test]
    fn a_relay_that_is_an_address_has_a_host() {
        assert_eq!(host("http://127.0.0.1:8080/v1"), "127.0.0.1");
        assert_eq!(host("https://api.moonshot.cn"), "api.moonshot.cn");
    }
}
