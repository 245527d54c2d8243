//! Limits of calls at the door: who gets in, and what is left.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;

use crate::{
    Error,
    budget::Scope,
    caller::{Allowance, Full, Left, Pass},
    format::Format,
    keys::Resource,
    service::{ambient, headers},
    time::Timestamp,
};

/// How long a client waits for a call of its own to end.
const A_MOMENT: Duration = Duration::from_secs(1);

/// Goes through the turnstiles of all `allowances`, or of none.
pub(super) fn enter(
    allowances: &[Arc<Allowance>],
    tokens: u64,
    format: Format,
    wall: Timestamp,
) -> Result<Vec<Pass>, Error> {
    let now = ambient::now();
    let mut passes = Vec::with_capacity(allowances.len());
    for allowance in allowances {
        match allowance.turnstile.enter(tokens, allowance.limits, now) {
            Ok(pass) => passes.push(pass),
            Err(full) => {
                passes.into_iter().for_each(|pass| pass.take_back(now));
                return Err(refusal(allowance.scope, full, told(allowances, format, wall)));
            }
        }
    }
    Ok(passes)
}

fn refusal(scope: Scope, Full { resource, limit, wait }: Full, told: Vec<Header>) -> Error {
    let whose = match scope {
        Scope::Token(_) => "this client token",
        Scope::Group(_) => "the group of this client token",
        Scope::Key(_) => "the key",
        Scope::Site => "this server",
    };
    let what = match resource {
        Resource::Requests => "requests a minute",
        Resource::Tokens => "tokens a minute",
        Resource::Concurrency => "calls at a time",
    };
    let error = Error::over_limit(format!("{whose} has reached its limit of {limit} {what}"));
    let error = error.with_retry_after(wait.unwrap_or(A_MOMENT));
    told.into_iter().fold(error, |error, (name, value)| error.with_header(name, value))
}

pub(super) type Header = (&'static str, String);

/// What is left of the limits a minute, as clients of `format` are told: of each kind the tightest.
pub(super) fn told(allowances: &[Arc<Allowance>], format: Format, wall: Timestamp) -> Vec<Header> {
    let now = ambient::now();
    let all = || allowances.iter().flat_map(|allowance| allowance.turnstile.left(allowance.limits, now));
    let tightest = |resource| all().filter(|left| left.resource == resource).min_by_key(|left| left.remaining);
    let left = [Resource::Requests, Resource::Tokens].into_iter().filter_map(tightest);
    left.flat_map(|left| one(left, format, wall)).collect()
}

fn one(left: Left, format: Format, wall: Timestamp) -> [Header; 3] {
    let [limit, remaining, reset] = names(format, left.resource);
    let seconds = left.reset.as_secs() + u64::from(left.reset.subsec_nanos() > 0);
    let end = match format {
        Format::Messages => {
            wall.plus_millis(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000)).to_string()
        }
        Format::Chat | Format::Responses => format!("{seconds}s"),
    };
    [(limit, left.limit.to_string()), (remaining, left.remaining.to_string()), (reset, end)]
}

fn names(format: Format, resource: Resource) -> [&'static str; 3] {
    match (format, resource) {
        (Format::Messages, Resource::Tokens) => [
            "anthropic-ratelimit-tokens-limit",
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ],
        (Format::Messages, _) => [
            "anthropic-ratelimit-requests-limit",
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ],
        (_, Resource::Tokens) => {
            ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]
        }
        (_, _) => ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    }
}

/// Tells the client what is left to it.
pub(super) fn tell(headers: &mut HeaderMap, told: &[Header]) {
    for (name, value) in told {
        headers::set(headers, name, value);
    }
}
