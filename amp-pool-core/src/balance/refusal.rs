//! Why an upstream told no balance.

use std::{fmt, time::Duration};

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::{
    classify::{Rule, Signal, Verdict, classify, retry_after, scrub},
    time::Timestamp,
};

/// What it means that there is no reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The credential that was shown is not accepted.
    BadKey,
    /// This credential may not ask for a balance.
    NotAllowed,
    /// The upstream wants to be asked later.
    RateLimited,
    /// The upstream does not, or no longer, offer it.
    NotOffered,
    /// The upstream cannot be reached, or failed.
    Unreachable,
    /// There is an answer that makes no sense.
    Unreadable,
    /// The probe needs values that the operator has not given.
    Incomplete,
}

impl RefusalKind {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadKey => "bad_key",
            Self::NotAllowed => "not_allowed",
            Self::RateLimited => "rate_limited",
            Self::NotOffered => "not_offered",
            Self::Unreachable => "unreachable",
            Self::Unreadable => "unreadable",
            Self::Incomplete => "incomplete",
        }
    }

    /// Whether another probe of the same key may do better.
    #[must_use]
    pub const fn leaves_hope(self) -> bool {
        matches!(self, Self::NotAllowed | Self::NotOffered | Self::Unreadable | Self::Incomplete)
    }
}

/// Why an upstream told no balance.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use amp_pool_core::{
///     balance::{Place, Probe, Refusal, RefusalKind, Run},
///     secret::Secret,
///     time::Timestamp,
/// };
/// use http::{HeaderMap, StatusCode};
///
/// let probe: Probe = serde_json::from_str(
///     r#"{"kind": "balance", "steps": [{"url": "{base}/balance"}], "amount": "/left", "currency": "USD"}"#,
/// )?;
/// let (key, values) = (Secret::new("sk-1"), BTreeMap::new());
/// let place = Place { base: "https://relay.example", key: &key, values: &values, now: Timestamp::from_millis(0) };
/// let mut run = Run::new(&probe, place, &[]);
/// run.ask()?;
/// let refusal: Refusal = run.hear(StatusCode::NOT_FOUND, &HeaderMap::new(), b"no such page").unwrap_err();
/// assert_eq!(refusal.kind, RefusalKind::NotOffered);
/// // Another probe of the same key may do better, which it can not with a credential that is refused.
/// assert!(refusal.kind.leaves_hope() && !RefusalKind::BadKey.leaves_hope());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it means.
    pub kind: RefusalKind,
    /// What happened, in words, without secrets.
    pub message: String,
    /// How long the upstream asked to be left alone.
    pub wait: Option<Duration>,
    /// What it answered, cut and swept of secrets.
    pub raw: Option<String>,
}

impl Refusal {
    /// A refusal of that kind. The message is scrubbed of what looks like a secret.
    #[must_use]
    pub fn new(kind: RefusalKind, message: impl AsRef<str>) -> Self {
        Self { kind, message: scrub(message.as_ref()), wait: None, raw: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// An answer, to be judged.
pub(super) struct Heard<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) now: Timestamp,
}

impl Heard<'_> {
    /// What an answer that is no success means.
    pub(super) fn refused(&self, rules: &[Rule]) -> Option<Refusal> {
        if self.status.is_success() { None } else { Some(self.judge(self.status, rules)) }
    }

    /// What a success means whose body says otherwise.
    pub(super) fn refused_inside(&self, rules: &[Rule]) -> Refusal {
        let inner = named_status(self.body).unwrap_or(StatusCode::BAD_REQUEST);
        self.judge(inner, rules)
    }

    fn judge(&self, status: StatusCode, rules: &[Rule]) -> Refusal {
        let verdict = classify(rules, &Signal::response(status, self.headers, self.body, self.now));
        let wait = verdict.wait().or_else(|| retry_after(self.headers, self.body, self.now));
        let words = String::from_utf8_lossy(self.body.get(..4096).unwrap_or(self.body));
        let refusal = Refusal::new(kind(status, verdict), format!("{} {words}", self.status.as_u16()));
        Refusal { wait, ..refusal }
    }

    /// Whether the body is a page for a browser.
    pub(super) fn is_page(&self) -> bool {
        self.body.trim_ascii_start().starts_with(b"<")
    }
}

fn kind(status: StatusCode, verdict: Verdict) -> RefusalKind {
    match (verdict, status.as_u16()) {
        (Verdict::BadCredential | Verdict::Blocked { .. }, _) | (_, 401) => RefusalKind::BadKey,
        (Verdict::RateLimited { .. } | Verdict::KeyLimited { .. }, _) | (_, 429) => RefusalKind::RateLimited,
        // Relays without a console answer so, and vendors that have closed theirs.
        (_, 300..=399 | 404 | 405 | 410 | 501) => RefusalKind::NotOffered,
        (Verdict::Network | Verdict::Overloaded { .. } | Verdict::UpstreamFault | Verdict::Rotate, _) | (_, 500..) => {
            RefusalKind::Unreachable
        }
        (Verdict::Answer, _) => RefusalKind::Unreadable,
        (Verdict::OutOfCredit { .. } | Verdict::ModelUnavailable, _) | (_, 403) => RefusalKind::NotAllowed,
        (Verdict::CallerFault, _) => RefusalKind::NotOffered,
    }
}

/// A status that a 200 hides in its body: `{"code":"404"}`.
fn named_status(body: &[u8]) -> Option<StatusCode> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let places = ["/code", "/error/code", "/status", "/error/status"];
    let numbers = places.iter().filter_map(|place| value.pointer(place)).filter_map(|code| match code {
        Value::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    numbers.filter(|code| (400..600).contains(code)).find_map(|code| StatusCode::from_u16(code).ok())
}
