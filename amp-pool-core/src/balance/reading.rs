//! What a probe has read.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Decimal;
use crate::{money::Amount, time::Timestamp};

/// What an upstream tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BalanceKind"))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Money or points that are left.
    Balance,
    /// What was spent, without a ceiling.
    SpendOnly,
    /// How much is left of windows of a plan.
    PlanWindow,
    /// Nothing about money: what is left is for us to count. It may still say whether the key is accepted.
    Ledger,
}

impl Kind {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::SpendOnly => "spend_only",
            Self::PlanWindow => "plan_window",
            Self::Ledger => "ledger",
        }
    }
}

/// What an upstream has told of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The probe that read it.
    pub probe: String,
    /// What it tells.
    pub kind: Kind,
    /// What is left.
    pub amount: Option<Amount>,
    /// What was paid in or granted.
    pub total: Option<Amount>,
    /// What was spent.
    pub spent: Option<Amount>,
    /// The unit of all three.
    pub currency: Option<String>,
    /// Whether the upstream says that the key may be used.
    pub usable: Option<bool>,
    /// The parts that `amount` is made of, and those that do not count in it.
    pub purses: Vec<Purse>,
    /// Windows of a plan.
    pub windows: Vec<Window>,
    /// Whether everything about money was understood. If not, `amount` may be too small.
    pub complete: bool,
    /// What was not understood.
    pub warnings: Vec<String>,
}

/// A part of an account.
///
/// ```
/// use amp_pool_core::balance::{Kind, Purse, Reading};
///
/// let purse = |currency: &str, amount: &str| {
///     let amount = Some(amount.parse()?);
///     let currency = Some(currency.to_owned());
///     let purse = Purse { name: None, amount, total: None, currency, counts: true, full_at: None };
///     Ok::<_, amp_pool_core::money::ParseMoneyError>(purse)
/// };
/// let mut reading = Reading::blank("balance", Kind::Balance);
/// reading.amount = Some("0".parse()?);
/// reading.currency = Some("CNY".into());
/// reading.purses = vec![purse("CNY", "0")?];
/// assert!(reading.is_down_to("0".parse()?));
/// // While there are dollars to draw on, the key goes on.
/// reading.purses.push(purse("USD", "3")?);
/// assert!(!reading.is_down_to("0".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Purse {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// What is left in it.
    pub amount: Option<Amount>,
    /// What it had or can hold.
    pub total: Option<Amount>,
    /// The unit of both.
    pub currency: Option<String>,
    /// Whether it is part of the whole.
    pub counts: bool,
    /// When it will be full again.
    pub full_at: Option<Timestamp>,
}

/// A window of a plan.
///
/// ```
/// use amp_pool_core::balance::{Kind, Percent, Reading, Window};
///
/// let left_percent = Percent::left("40".parse()?);
/// let resets = Some("2026-01-02T05:00:00Z".parse()?);
/// let mut reading = Reading::blank("plan", Kind::PlanWindow);
/// reading.windows = vec![Window { name: "5h".into(), left_percent, left: None, total: None, resets }];
/// assert!(reading.is_answer());
/// // That a window nobody uses ends later each time it is asked for is no news.
/// let mut later = reading.clone();
/// later.windows[0].resets = Some("2026-01-02T06:00:00Z".parse()?);
/// assert!(later.repeats(&reading));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PlanWindow"))]
pub struct Window {
    /// Its name: `5h`, `week`, `orb`.
    pub name: String,
    /// How much of it is left.
    pub left_percent: Option<Percent>,
    /// How many of its units are left.
    pub left: Option<Amount>,
    /// How many units it has.
    pub total: Option<Amount>,
    /// When it begins anew.
    pub resets: Option<Timestamp>,
}

/// A share in hundredths of a percent, from 0 to 100 %. Written as a number of percent.
///
/// ```
/// use amp_pool_core::balance::Percent;
///
/// let left = Percent::left_of_used("12.5".parse()?).ok_or("a share")?;
/// assert_eq!((left.hundredths(), left.to_string().as_str()), (8750, "87.50%"));
/// assert_eq!(Percent::of("30".parse()?, "120".parse()?), Percent::left("25".parse()?));
/// // An upstream that counts a little too far means the end; one that is far off means something else.
/// assert_eq!(Percent::left("100.4".parse()?).map(Percent::hundredths), Some(10_000));
/// assert_eq!(Percent::left("5000".parse()?), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u16);

impl Percent {
    /// The share in hundredths of a percent.
    #[must_use]
    pub const fn hundredths(self) -> u16 {
        self.0
    }

    /// A share that an upstream wrote. `None` when it is none: a little over its ends is taken for the end.
    #[must_use]
    pub fn left(percent: Decimal) -> Option<Self> {
        let hundredths = percent.hundredths()?;
        let sane = (-10_000..=20_000).contains(&hundredths);
        sane.then(|| u16::try_from(hundredths.clamp(0, 10_000)).ok().map(Self)).flatten()
    }

    /// What is left where an upstream wrote what was used.
    #[must_use]
    pub fn left_of_used(percent: Decimal) -> Option<Self> {
        let hundredths = percent.hundredths()?;
        let sane = (0..=100_000).contains(&hundredths);
        sane.then(|| u16::try_from((10_000 - hundredths).clamp(0, 10_000)).ok().map(Self)).flatten()
    }

    /// What is left of a total.
    #[must_use]
    pub fn of(left: Amount, total: Amount) -> Option<Self> {
        let share = i128::from(left.0).checked_mul(10_000)?.checked_div(i128::from(total.0))?;
        (total.0 > 0).then(|| u16::try_from(share.clamp(0, 10_000)).ok().map(Self)).flatten()
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, part) => write!(f, "{whole}.{part:02}%"),
        }
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 100 {
            0 => serializer.serialize_u16(self.0 / 100),
            _ => serializer.serialize_f64(f64::from(self.0) / 100.0),
        }
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let percent = number.to_string().parse().ok().and_then(Self::left);
        percent.ok_or_else(|| serde::de::Error::custom("a share is a number from 0 to 100"))
    }
}

impl Reading {
    /// A reading that says nothing yet.
    #[must_use]
    pub fn blank(probe: impl Into<String>, kind: Kind) -> Self {
        Self {
            probe: probe.into(),
            kind,
            amount: None,
            total: None,
            spent: None,
            currency: None,
            usable: None,
            purses: Vec::new(),
            windows: Vec::new(),
            complete: true,
            warnings: Vec::new(),
        }
    }

    /// Whether it answers what its kind asks.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        match self.kind {
            Kind::Balance => self.amount.is_some(),
            Kind::SpendOnly => self.spent.is_some(),
            Kind::PlanWindow => !self.windows.is_empty(),
            Kind::Ledger => self.usable.is_some(),
        }
    }

    /// Whether it says anything at all.
    #[must_use]
    pub fn says_something(&self) -> bool {
        self.amount.is_some() || self.spent.is_some() || !self.windows.is_empty() || self.usable.is_some()
    }

    /// Whether an account that may go down to `minimum` has to stop. Only a balance that was understood as a whole can
    /// say so, and only where no other currency is left to draw on.
    #[must_use]
    pub fn is_down_to(&self, minimum: Amount) -> bool {
        let Some(amount) = self.amount.filter(|_| self.kind == Kind::Balance && self.complete) else { return false };
        let elsewhere = |purse: &Purse| purse.currency != self.currency && purse.amount > Some(Amount::ZERO);
        self.usable == Some(false) || (amount <= minimum && !self.purses.iter().any(elsewhere))
    }

    /// Whether it tells the same as another one, but for when windows end.
    #[must_use]
    pub fn repeats(&self, other: &Self) -> bool {
        self.timeless() == other.timeless()
    }

    fn timeless(&self) -> Self {
        let mut copy = self.clone();
        copy.windows.iter_mut().for_each(|window| window.resets = None);
        copy.purses.iter_mut().for_each(|purse| purse.full_at = None);
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(amount: &str) -> Reading {
        Reading {
            amount: Some(amount.parse().unwrap()),
            currency: Some("CNY".into()),
            ..Reading::blank("p", Kind::Balance)
        }
    }

    #[test]
    fn only_a_whole_balance_stops() {
        let zero = Amount::ZERO;
        assert!(balance("0").is_down_to(zero));
        assert!(balance("-3").is_down_to(zero));
        assert!(!balance("0.01").is_down_to(zero));
        assert!(balance("0.01").is_down_to("1".parse().unwrap()));
        assert!(Reading { usable: Some(false), ..balance("5") }.is_down_to(zero));
        assert!(!Reading { complete: false, ..balance("0") }.is_down_to(zero));
        assert!(!Reading { kind: Kind::SpendOnly, ..balance("0") }.is_down_to(zero));
        assert!(!Reading { amount: None, usable: Some(false), ..balance("0") }.is_down_to(zero));
    }

    #[test]
    fn money_in_another_currency_keeps_a_key_going() {
        let usd = Purse {
            name: None,
            amount: Some("5".parse().unwrap()),
            total: None,
            currency: Some("USD".into()),
            counts: false,
            full_at: None,
        };
        assert!(!Reading { purses: vec![usd], ..balance("0") }.is_down_to(Amount::ZERO));
    }

    #[test]
    fn a_share_is_kept_within_its_ends() {
        let left = |text: &str| Percent::left(text.parse().unwrap()).map(|percent| percent.to_string());
        let used = |text: &str| Percent::left_of_used(text.parse().unwrap()).map(|percent| percent.to_string());
        assert_eq!(left("57"), Some("57%".into()));
        assert_eq!(left("57.25"), Some("57.25%".into()));
        assert_eq!(left("100.4"), Some("100%".into()));
        assert_eq!(left("5000"), None);
        assert_eq!(used("12"), Some("88%".into()));
        assert_eq!(used("112"), Some("0%".into()));
        assert_eq!(used("-12"), None);
        assert_eq!(Percent::of(Amount(1), Amount(0)), None);
    }
}
