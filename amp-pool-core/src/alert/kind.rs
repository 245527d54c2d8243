//! What rules can look at.

use serde::{Deserialize, Serialize};

use super::Level;

/// What a rule looks at.
///
/// ```
/// use amp_pool_core::alert::{AlertKind, Side, Unit};
///
/// // What a form needs to know of a kind: which words stand around its threshold.
/// let words = |kind: AlertKind| match (kind.side(), kind.unit()) {
///     (Side::Below, Unit::Days) => "tell when fewer days are left",
///     (Side::Below, Unit::Money | Unit::Percent) => "tell when less is left",
///     (Side::Above, _) => "tell when it is more",
///     _ => "tell when it happens",
/// };
/// assert_eq!(words(AlertKind::DaysLeftLow), "tell when fewer days are left");
/// assert_eq!(words(AlertKind::BudgetUsed), "tell when it is more");
/// assert_eq!((words(AlertKind::KeyDown), AlertKind::KeyDown.usual_threshold()), ("tell when it happens", None));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A key has little money left.
    BalanceLow,
    /// A key's money will soon be gone, at the pace of the last days.
    DaysLeftLow,
    /// A key is out: its credential was refused, its account has no money, its budget is used up.
    KeyDown,
    /// Few of a provider's keys are fit, while others may still answer for them.
    PoolDegraded,
    /// Many calls, or many attempts at a provider or a key, fail.
    ErrorRate,
    /// Much of a budget is spent and held.
    BudgetUsed,
    /// No key is fit for a model that callers can name.
    NoKeyForModel,
    /// The books can not be written.
    StoreTrouble,
}

/// On which side of its threshold something is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Below it, and at it.
    Below,
    /// Above it, and at it.
    Above,
    /// There is no threshold: it is bad or it is not.
    State,
}

/// What the numbers of a kind count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AlertUnit"))]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Money: US dollars, or the currency that the rule names.
    Money,
    /// Days.
    Days,
    /// Of a hundred.
    Percent,
    /// Nothing.
    None,
}

impl AlertKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::BalanceLow,
        Self::DaysLeftLow,
        Self::KeyDown,
        Self::PoolDegraded,
        Self::ErrorRate,
        Self::BudgetUsed,
        Self::NoKeyForModel,
        Self::StoreTrouble,
    ];

    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BalanceLow => "balance_low",
            Self::DaysLeftLow => "days_left_low",
            Self::KeyDown => "key_down",
            Self::PoolDegraded => "pool_degraded",
            Self::ErrorRate => "error_rate",
            Self::BudgetUsed => "budget_used",
            Self::NoKeyForModel => "no_key_for_model",
            Self::StoreTrouble => "store_trouble",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::BalanceLow => "low balance",
            Self::DaysLeftLow => "money runs out soon",
            Self::KeyDown => "key is out",
            Self::PoolDegraded => "few keys are fit",
            Self::ErrorRate => "many errors",
            Self::BudgetUsed => "budget is nearly used",
            Self::NoKeyForModel => "no key for a model",
            Self::StoreTrouble => "storage trouble",
        }
    }

    /// On which side of the threshold it is bad.
    #[must_use]
    pub const fn side(self) -> Side {
        match self {
            Self::BalanceLow | Self::DaysLeftLow | Self::PoolDegraded => Side::Below,
            Self::ErrorRate | Self::BudgetUsed => Side::Above,
            Self::KeyDown | Self::NoKeyForModel | Self::StoreTrouble => Side::State,
        }
    }

    /// What its threshold counts.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::BalanceLow => Unit::Money,
            Self::DaysLeftLow => Unit::Days,
            Self::PoolDegraded | Self::ErrorRate | Self::BudgetUsed => Unit::Percent,
            Self::KeyDown | Self::NoKeyForModel | Self::StoreTrouble => Unit::None,
        }
    }

    /// The threshold of a rule that names none.
    #[must_use]
    pub const fn usual_threshold(self) -> Option<Level> {
        match self {
            Self::BalanceLow => Some(Level::whole(5)),
            Self::DaysLeftLow => Some(Level::whole(3)),
            Self::PoolDegraded => Some(Level::whole(50)),
            Self::ErrorRate => Some(Level::whole(20)),
            Self::BudgetUsed => Some(Level::whole(80)),
            Self::KeyDown | Self::NoKeyForModel | Self::StoreTrouble => None,
        }
    }

    /// For how many seconds it has to last before anybody is told, where a rule does not say. Pauses after a limit are
    /// everyday life; money does not come back by itself.
    #[must_use]
    pub const fn usual_patience(self) -> u32 {
        match self {
            Self::BalanceLow | Self::DaysLeftLow | Self::BudgetUsed => 0,
            Self::StoreTrouble => 15,
            Self::NoKeyForModel | Self::KeyDown => 60,
            Self::ErrorRate => 120,
            Self::PoolDegraded => 300,
        }
    }

    /// Whether each process sees only its own part of it.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self, Self::ErrorRate | Self::StoreTrouble)
    }

    /// Whether it is about money, which is asked for less often than everything else.
    #[must_use]
    pub const fn is_about_balances(self) -> bool {
        matches!(self, Self::BalanceLow | Self::DaysLeftLow)
    }
}

/// How bad something is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AlertSeverity"))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look at it.
    #[default]
    Warning,
    /// Somebody has to look at it now.
    Critical,
}

impl Severity {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_called_the_same_everywhere() {
        for kind in AlertKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(kind.usual_threshold().is_none(), kind.side() == Side::State);
            assert_eq!(kind.unit() == Unit::None, kind.side() == Side::State);
        }
    }
}
