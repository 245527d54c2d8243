//! What an answer means, and what decided that.

use serde::{Deserialize, Serialize};

use super::{Rule, Verdict};
use crate::id::RuleId;

/// What an answer means, and why.
///
/// ```
/// use amp_pool_core::{
///     classify::{Evidence, Judgement, Signal, Verdict},
///     provider::Presets,
///     time::Timestamp,
/// };
///
/// let now = Timestamp::from_millis(0);
/// let body = br#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#;
/// let headers = http::HeaderMap::new();
/// let signal = Signal::response(http::StatusCode::TOO_MANY_REQUESTS, &headers, body, now);
/// let openai = Presets::builtin().get("openai").ok_or("it is there")?;
/// let Judgement { verdict, by } = openai.judge(&signal);
/// assert!(matches!(verdict, Verdict::OutOfCredit { .. }) && by.is_some());
///
/// // What it was judged by can be kept, and judged again by other rules.
/// let kept: Evidence = signal.evidence().ok_or("a failure leaves some")?;
/// assert_eq!(openai.judge(&Signal::kept(&kept, now)).verdict, verdict);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What it means.
    pub verdict: Verdict,
    /// What decided. `None`: it is an answer, which nobody has to judge.
    pub by: Option<DecidedBy>,
}

/// What decided how a failure was judged, as it stood then: rules change, and the books outlive them.
///
/// ```
/// use amp_pool_core::{classify::{Signal, judge}, time::Timestamp};
///
/// let signal = Signal::event(Some("overloaded_error"), None, "Overloaded", Timestamp::from_millis(0));
/// let by = serde_json::to_value(judge(&[], &signal).by)?;
/// assert_eq!((&by["source"], &by["rule"]["verdict"]), (&"generic".into(), &"overloaded".into()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum DecidedBy {
    /// A rule of an operator.
    Operator {
        /// Its row.
        rule_id: RuleId,
        /// What people called it.
        name: String,
    },
    /// A rule of the key's provider.
    Provider {
        /// The rule.
        rule: Rule,
    },
    /// A rule that holds for every provider.
    Generic {
        /// The rule.
        rule: Rule,
    },
    /// No rule: the class of the status.
    Status,
}

impl DecidedBy {
    /// A rule that was found among those of a provider, or is one of all.
    pub(super) fn built_in(rule: &Rule, of_provider: &[Rule]) -> Self {
        let is_of_provider = of_provider.iter().any(|own| std::ptr::eq(own, rule));
        let rule = rule.clone();
        if is_of_provider { Self::Provider { rule } } else { Self::Generic { rule } }
    }
}
