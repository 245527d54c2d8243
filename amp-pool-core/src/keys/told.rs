//! What upstreams tell of their limits: headers of their answers, words of their refusals.

use std::time::Instant;

use http::HeaderMap;

use super::{Resource, Told};
use crate::{classify::until_reset, time::Timestamp};

/// Names of the headers for limit, rest and reset. The first set of which the rest is there counts.
type Names = [&'static str; 3];

const REQUESTS: [Names; 2] = [
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    [
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ],
];

// Anthropic's `tokens` is the tightest of its limits of tokens.
const TOKENS: [Names; 3] = [
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
    ["anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"],
    [
        "anthropic-ratelimit-input-tokens-limit",
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-reset",
    ],
];

/// What the headers of an answer tell of the limits of its key. `wall` is `now` on the wall clock.
///
/// ```
/// use std::time::{Duration, Instant};
/// use amp_pool_core::{keys::{Resource, told}, time::Timestamp};
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("x-ratelimit-limit-requests", "60".parse()?);
/// headers.insert("x-ratelimit-remaining-requests", "12".parse()?);
/// headers.insert("x-ratelimit-reset-requests", "1m30s".parse()?);
///
/// let now = Instant::now();
/// let (resource, told) = told(&headers, now, Timestamp::from_millis(0)).next().unwrap();
/// assert_eq!((resource, told.limit, told.remaining), (Resource::Requests, 60, 12));
/// assert_eq!(told.reset, now + Duration::from_secs(90));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn told(headers: &HeaderMap, now: Instant, wall: Timestamp) -> impl Iterator<Item = (Resource, Told)> + '_ {
    let kinds = [(Resource::Requests, &REQUESTS[..]), (Resource::Tokens, &TOKENS[..])];
    // Most upstreams tell nothing, and looking for fifteen names costs more than looking at all that are there.
    let tells = headers.keys().any(|name| name.as_str().contains("ratelimit"));
    kinds.into_iter().filter(move |_| tells).filter_map(move |(resource, sets)| {
        let told = sets.iter().find_map(|names| read(headers, *names, now, wall))?;
        Some((resource, told))
    })
}

fn read(headers: &HeaderMap, [limit, remaining, reset]: Names, now: Instant, wall: Timestamp) -> Option<Told> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let remaining = text(remaining)?.parse().ok()?;
    let reset = until_reset(text(reset)?, wall)?;
    let limit = text(limit).and_then(|limit| limit.parse().ok()).unwrap_or(0);
    Some(Told { limit, remaining, reset: now + reset })
}

/// Which limit a refusal speaks of, if it says.
///
/// ```
/// use amp_pool_core::keys::{Resource, refused_for};
///
/// let words = "Rate limit reached for gpt-5 on tokens per min (TPM): Limit 30000";
/// assert_eq!(refused_for(words), Some(Resource::Tokens));
/// assert_eq!(refused_for("Slow down."), None);
/// ```
#[must_use]
pub fn refused_for(message: &str) -> Option<Resource> {
    let words = message.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
    if says(&["concurren", "simultaneous", "parallel requests", "connections"]) {
        return Some(Resource::Concurrency);
    }
    if says(&["tokens per", "tpm", "tokens/min", "token rate", "input tokens", "output tokens"]) {
        return Some(Resource::Tokens);
    }
    says(&["requests per", "rpm", "requests/min", "request rate", "number of request"]).then_some(Resource::Requests)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check(lines: &[(&'static str, &str)], expected: &[(Resource, u64, u64, u64)]) {
        let (now, wall) = (Instant::now(), "2026-11-23T12:00:00Z".parse().unwrap());
        let headers: HeaderMap =
            lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let found: Vec<_> = told(&headers, now, wall).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|&(resource, limit, remaining, secs)| {
                (resource, Told { limit, remaining, reset: now + Duration::from_secs(secs) })
            })
            .collect();
        assert_eq!(found, expected, "{lines:?}");
    }

    #[test]
    fn both_vendors_headers_are_read() {
        check(
            &[
                ("anthropic-ratelimit-requests-limit", "50"),
                ("anthropic-ratelimit-requests-remaining", "49"),
                ("anthropic-ratelimit-requests-reset", "2026-11-23T12:00:30Z"),
                ("anthropic-ratelimit-input-tokens-limit", "30000"),
                ("anthropic-ratelimit-input-tokens-remaining", "1000"),
                ("anthropic-ratelimit-input-tokens-reset", "2026-11-23T12:00:58Z"),
            ],
            &[(Resource::Requests, 50, 49, 30), (Resource::Tokens, 30_000, 1_000, 58)],
        );
        check(
            &[("x-ratelimit-remaining-tokens", "7"), ("x-ratelimit-reset-tokens", "6m0s")],
            &[(Resource::Tokens, 0, 7, 360)],
        );
    }

    #[test]
    fn nonsense_is_as_if_it_were_not_there() {
        check(&[("x-ratelimit-remaining-tokens", "-1"), ("x-ratelimit-reset-tokens", "6m0s")], &[]);
        check(&[("x-ratelimit-remaining-tokens", "5"), ("x-ratelimit-reset-tokens", "soon")], &[]);
        check(&[("x-ratelimit-remaining-tokens", "5")], &[]);
    }
}
