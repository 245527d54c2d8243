//! What an upstream's answer means.
//!
//! A [`Verdict`] says whose doing a failure is and how long it may last; what that does to a key is the business of
//! [`keys`](crate::keys). The body is read before the status, because the same status means a limit here, an empty
//! account there, and a passing overload elsewhere. What to look for is data: the rules of the provider first, then
//! the generic ones of `classify/generic.json`.

use std::{fmt, str::FromStr, time::Duration};

use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::time::Timestamp;

mod rule;
mod said;
mod scrub;
mod span;
mod wait;

pub use rule::{Rule, Shape, Until};
pub use scrub::scrub;
pub use wait::retry_after;
pub(crate) use wait::until_reset;

use rule::Heard;
use said::Said;

/// What an upstream's answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is an answer.
    Answer,
    /// The request itself is at fault and would be on every key.
    CallerFault,
    /// The key, or its account, has had enough for now.
    RateLimited {
        /// For how long, if the upstream said so. At most a day.
        wait: Option<Duration>,
    },
    /// The account has no money left, or reached a limit of spending.
    OutOfCredit {
        /// Until the limit is lifted by itself, if the upstream said so. At most 32 days.
        wait: Option<Duration>,
    },
    /// The credential is not, or no longer, accepted.
    BadCredential,
    /// This key does not serve this model.
    ModelUnavailable,
    /// The upstream has more work than it can take. Other keys of it hardly help.
    Overloaded {
        /// For how long, if the upstream said so. At most a day.
        wait: Option<Duration>,
    },
    /// The upstream failed.
    UpstreamFault,
    /// The way to the upstream failed: no connection, a firewall's page, an address or region that is not served. Counts
    /// against upstream and egress, never against the key.
    Network,
}

impl Verdict {
    /// One of each, without waits.
    pub const ALL: [Self; 9] = [
        Self::Answer,
        Self::CallerFault,
        Self::RateLimited { wait: None },
        Self::OutOfCredit { wait: None },
        Self::BadCredential,
        Self::ModelUnavailable,
        Self::Overloaded { wait: None },
        Self::UpstreamFault,
        Self::Network,
    ];

    /// The name in records and rules.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::CallerFault => "caller_fault",
            Self::RateLimited { .. } => "rate_limited",
            Self::OutOfCredit { .. } => "out_of_credit",
            Self::BadCredential => "bad_credential",
            Self::ModelUnavailable => "model_unavailable",
            Self::Overloaded { .. } => "overloaded",
            Self::UpstreamFault => "upstream_fault",
            Self::Network => "network",
        }
    }

    /// Whether the same call may succeed on another key.
    #[must_use]
    pub const fn retries_on_another_key(self) -> bool {
        !matches!(self, Self::Answer | Self::CallerFault)
    }

    /// How long the upstream asked to be left alone.
    #[must_use]
    pub const fn wait(self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait } | Self::OutOfCredit { wait } | Self::Overloaded { wait } => wait,
            _ => None,
        }
    }

    /// The same verdict with another wait, where it has one.
    fn waiting(self, wait: Option<Duration>) -> Self {
        match self {
            Self::RateLimited { .. } => Self::RateLimited { wait },
            Self::OutOfCredit { .. } => Self::OutOfCredit { wait },
            Self::Overloaded { .. } => Self::Overloaded { wait },
            other => other,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVerdict(Box<str>);

impl fmt::Display for UnknownVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no verdict", self.0)
    }
}

impl std::error::Error for UnknownVerdict {}

impl FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == name).ok_or_else(|| UnknownVerdict(name.into()))
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Verdict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

/// What came from an upstream, to be judged.
pub struct Signal<'a> {
    heard: Heard<'a>,
    now: Timestamp,
}

impl<'a> Signal<'a> {
    /// A whole response, or its beginning.
    ///
    /// For a 2xx, give the body only where the endpoint is one of the three formats: another endpoint's object may
    /// rightly have an `error`. A 2xx with an error in its body counts as the status that the body names.
    #[must_use]
    pub fn response(status: StatusCode, headers: &'a HeaderMap, body: &[u8], now: Timestamp) -> Self {
        let said = if status.is_success() { Said::unless_answer(headers, body) } else { Said::read(headers, body) };
        Self { heard: Heard::new(status.as_u16(), Some(headers), said), now }
    }

    /// An error event inside a stream that began with a 200.
    #[must_use]
    pub fn event(kind: Option<&str>, code: Option<&str>, message: &str, now: Timestamp) -> Self {
        Self { heard: Heard::new(200, None, Said::event(kind, code, message)), now }
    }
}

/// Judges what came from an upstream by the rules of its provider, then by the generic ones.
///
/// ```
/// use amp_pool_core::{classify::{Signal, Verdict, classify}, time::Timestamp};
///
/// let now = Timestamp::from_millis(0);
/// let signal = Signal::event(Some("overloaded_error"), None, "Overloaded", now);
/// assert_eq!(classify(&[], &signal), Verdict::Overloaded { wait: None });
/// ```
#[must_use]
pub fn classify(rules: &[Rule], signal: &Signal<'_>) -> Verdict {
    let Signal { heard, now } = signal;
    if heard.is_answer() {
        return Verdict::Answer;
    }
    match rule::first_match(rules, heard) {
        Some(rule) => rule.verdict.waiting(wait::for_rule(rule, heard, *now)),
        None if (400..500).contains(&heard.status) => Verdict::CallerFault,
        None => Verdict::UpstreamFault,
    }
}
