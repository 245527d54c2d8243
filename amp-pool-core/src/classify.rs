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

mod evidence;
mod judgement;
mod own;
mod pattern;
mod rule;
mod said;
mod scrub;
mod span;
mod wait;

pub use evidence::Evidence;
pub use judgement::{DecidedBy, Judgement};
pub use own::{MOST_RULES, OwnRule, OwnRules, OwnRulesByProvider, RuleError, RuleSpec};
pub use pattern::{Pattern, PatternError};
pub use rule::{Rule, Shape, Until};
#[cfg(feature = "pool")]
pub(crate) use scrub::redacted;
pub use scrub::scrub;
pub use wait::retry_after;
pub(crate) use wait::until_reset;

use rule::{Headers, Heard};
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
    /// The key, or its account, has had enough for now, of whatever model. By rules of operators only.
    KeyLimited {
        /// For how long, if the upstream said so. At most a day.
        wait: Option<Duration>,
    },
    /// The upstream has shut the key out, and needs not say so twice. By rules of operators only.
    Blocked {
        /// Until when, if that is known. At most 32 days.
        wait: Option<Duration>,
    },
    /// Another key may do better, and nothing is to be remembered. By rules of operators only.
    Rotate,
    /// The way to the upstream failed: no connection, a firewall's page, an address or region that is not served. Counts
    /// against upstream and egress, never against the key.
    Network,
}

impl Verdict {
    /// One of each, without waits.
    pub const ALL: [Self; 12] = [
        Self::Answer,
        Self::CallerFault,
        Self::RateLimited { wait: None },
        Self::OutOfCredit { wait: None },
        Self::BadCredential,
        Self::ModelUnavailable,
        Self::Overloaded { wait: None },
        Self::UpstreamFault,
        Self::Network,
        Self::KeyLimited { wait: None },
        Self::Blocked { wait: None },
        Self::Rotate,
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
            Self::KeyLimited { .. } => "key_limited",
            Self::Blocked { .. } => "blocked",
            Self::Rotate => "rotate",
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
            Self::RateLimited { wait }
            | Self::OutOfCredit { wait }
            | Self::Overloaded { wait }
            | Self::KeyLimited { wait }
            | Self::Blocked { wait } => wait,
            _ => None,
        }
    }

    /// The same verdict with another wait, where it has one.
    fn waiting(self, wait: Option<Duration>) -> Self {
        match self {
            Self::RateLimited { .. } => Self::RateLimited { wait },
            Self::OutOfCredit { .. } => Self::OutOfCredit { wait },
            Self::Overloaded { .. } => Self::Overloaded { wait },
            Self::KeyLimited { .. } => Self::KeyLimited { wait },
            Self::Blocked { .. } => Self::Blocked { wait },
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
///
/// ```
/// use amp_pool_core::classify::{UnknownVerdict, Verdict};
///
/// let error: UnknownVerdict = "bad luck".parse::<Verdict>().err().ok_or("it is none")?;
/// assert!(error.to_string().contains("`bad luck`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
        Self { heard: Heard::new(status.as_u16(), Headers::Live(headers), said), now }
    }

    /// An error event inside a stream that began with a 200.
    #[must_use]
    pub fn event(kind: Option<&str>, code: Option<&str>, message: &str, now: Timestamp) -> Self {
        Self { heard: Heard::new(200, Headers::None, Said::event(kind, code, message)), now }
    }

    /// What was kept of an answer that came at `then`.
    #[must_use]
    pub fn kept(evidence: &'a Evidence, then: Timestamp) -> Self {
        Self { heard: evidence.heard(), now: then }
    }

    /// What is to be kept of it, so that it can be judged once more. `None`: it is an answer.
    #[must_use]
    pub fn evidence(&self) -> Option<Evidence> {
        (!self.heard.is_answer()).then(|| Evidence::of(&self.heard, self.now))
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
    judge(rules, signal).verdict
}

/// The same, with what decided.
#[must_use]
pub fn judge(rules: &[Rule], signal: &Signal<'_>) -> Judgement {
    let Signal { heard, now } = signal;
    if heard.is_answer() {
        return Judgement { verdict: Verdict::Answer, by: None };
    }
    let (verdict, by) = match rule::first_match(rules, heard) {
        Some(rule) => (rule::verdict(rule, heard, *now), DecidedBy::built_in(rule, rules)),
        None if (400..500).contains(&heard.status) => (Verdict::CallerFault, DecidedBy::Status),
        None => (Verdict::UpstreamFault, DecidedBy::Status),
    };
    Judgement { verdict, by: Some(by) }
}
