//! What may be spent: budgets, their windows, and the arithmetic of holding and settling.
//!
//! A budget allows so much money in a calendar window. Before a call is sent, the most that it can cost is held; when it
//! has ended, what it did cost is spent and the rest is free again. Stores keep [`Tally`]s and the holds behind them; what
//! may be held is decided here, and nowhere else.
//!
//! Pure: callers pass the time.

mod tally;
mod window;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    id::{GroupId, KeyId, TokenId},
    money::{NanoUsd, PerMillion},
    time::Timestamp,
};

pub use tally::{Claim, Short, Tally, grant};
pub use window::{Span, Window, Zone, ZoneError};

/// Whose money it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// That of a client token.
    Token(TokenId),
    /// That of a group of client tokens.
    Group(GroupId),
    /// That of a key.
    Key(KeyId),
    /// That of everything.
    Site,
}

impl Scope {
    /// The name of its kind in JSON and in tables.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Group(_) => "group",
            Self::Key(_) => "key",
            Self::Site => "site",
        }
    }

    /// Its row; 0 for the site.
    #[must_use]
    pub const fn id(self) -> i64 {
        match self {
            Self::Token(id) => id.0,
            Self::Group(id) => id.0,
            Self::Key(id) => id.0,
            Self::Site => 0,
        }
    }

    /// The scope of a kind and a row, as tables name it.
    #[must_use]
    pub fn of(kind: &str, id: i64) -> Option<Self> {
        match kind {
            "token" => Some(Self::Token(TokenId(id))),
            "group" => Some(Self::Group(GroupId(id))),
            "key" => Some(Self::Key(KeyId(id))),
            "site" => Some(Self::Site),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site => f.write_str("site"),
            other => write!(f, "{} {}", other.kind(), other.id()),
        }
    }
}

/// A scope in one of its windows: what a [`Tally`] is kept for.
///
/// ```
/// use amp_pool_core::{
///     budget::{Budget, Period, Scope, Span, Window, Zone},
///     id::TokenId,
/// };
///
/// let budget = Budget::of("5".parse()?, Window::Month);
/// let (period, ends) = budget.period(Scope::Token(TokenId(7)), "2026-02-10T12:00:00Z".parse()?);
/// let Period { scope, window, start } = period;
/// assert_eq!((scope.to_string().as_str(), window.as_str()), ("token 7", "month"));
/// assert_eq!(ends, Some("2026-03-01T00:00:00Z".parse()?));
/// // Calls of one window belong to one period, and the next window is another one.
/// let Span { start: february, .. } = Window::Month.at("2026-02-28T23:59:59Z".parse()?, &Zone::default());
/// assert_eq!(start, february.as_millis());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period {
    /// Whose money it is.
    pub scope: Scope,
    /// How long it lasts.
    pub window: Window,
    /// When it began, in milliseconds since 1970-01-01 UTC; 0 for [`Window::Total`].
    pub start: i64,
}

/// A budget as its operator wrote it.
///
/// ```
/// use amp_pool_core::budget::{Budget, Window};
///
/// let budget: Budget = serde_json::from_str(r#"{"limit": "5.00", "window": "day"}"#)?;
/// assert_eq!((budget.limit.to_string().as_str(), budget.window), ("5.000000000", Window::Day));
/// assert!(serde_json::from_str::<Budget>(r#"{"limit": "5.00", "window": "year"}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The most that may be spent and held in one window.
    pub limit: NanoUsd,
    /// How long a window lasts.
    #[serde(default)]
    pub window: Window,
    /// Whose midnight windows begin at.
    #[serde(default)]
    pub zone: Zone,
    /// Whether what is spent can never be more than the limit: an output that does not fit is cut short, and a call whose
    /// cost has no bound is refused.
    #[serde(default)]
    pub hard: bool,
    /// The most tokens that a call may write which sets no limit of its own. `None`: a limit that fits most answers.
    #[serde(default)]
    pub max_output: Option<u32>,
    /// What becomes of calls whose price nobody knows.
    #[serde(default)]
    pub unpriced: Unpriced,
}

impl Budget {
    /// So much in each `window`, by UTC, and everything else as usual.
    #[must_use]
    pub fn of(limit: NanoUsd, window: Window) -> Self {
        Self { limit, window, zone: Zone::default(), hard: false, max_output: None, unpriced: Unpriced::default() }
    }

    /// The window that `now` lies in, for `scope`, and when the next one begins.
    #[must_use]
    pub fn period(&self, scope: Scope, now: Timestamp) -> (Period, Option<Timestamp>) {
        let Span { start, end } = self.window.at(now, &self.zone);
        (Period { scope, window: self.window, start: start.as_millis() }, end)
    }
}

/// What becomes of a call whose price nobody knows, where there is a budget.
///
/// ```
/// use amp_pool_core::budget::{Budget, Ceiling, Unpriced, Window};
///
/// let mut budget = Budget::of("5".parse()?, Window::Day);
/// assert_eq!(budget.unpriced, Unpriced::Refuse);
/// // A model of one's own that is in no price list counts as if it cost so much.
/// budget.unpriced = Unpriced::Ceiling(Ceiling { input: "3".parse()?, output: "15".parse()? });
/// let written = serde_json::to_value(&budget)?;
/// assert_eq!(serde_json::from_value::<Budget>(written)?, budget);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unpriced {
    /// It is refused.
    #[default]
    Refuse,
    /// It is let through and counts nothing. Its record says that its cost is not known.
    Flag,
    /// It counts as if it had this price.
    Ceiling(Ceiling),
}

/// A price for what has none, in USD per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PriceCeiling"))]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// What is read.
    pub input: PerMillion,
    /// What is written.
    pub output: PerMillion,
}
