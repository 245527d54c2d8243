//! Money as integers.
//!
//! Costs are nano-dollars; prices are nano-dollars per **million** tokens, because a price of $0.0125 per million is
//! not a whole number of nano-dollars per token. Sums are made in 128 bits and rounded once.

use std::{fmt, iter::Sum, ops::Add, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const NANOS_PER_USD: i64 = 1_000_000_000;

/// An amount in nano-dollars. Written as a decimal string in USD.
///
/// ```
/// use amp_pool_core::money::NanoUsd;
///
/// let cost: NanoUsd = "0.0012345".parse()?;
/// assert_eq!(cost, NanoUsd(1_234_500));
/// assert_eq!(cost.to_string(), "0.001234500");
/// # Ok::<(), amp_pool_core::money::ParseMoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum, or the largest amount there is.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Add for NanoUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_nanos(self.0, f)
    }
}

fn write_nanos(nanos: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if nanos < 0 { "-" } else { "" };
    let unit = NANOS_PER_USD.unsigned_abs();
    write!(f, "{sign}{}.{:09}", nanos.unsigned_abs() / unit, nanos.unsigned_abs() % unit)
}

/// Why a text is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseMoneyError(Box<str>);

impl fmt::Display for ParseMoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an amount with at most nine decimals", self.0)
    }
}

impl std::error::Error for ParseMoneyError {}

impl FromStr for NanoUsd {
    type Err = ParseMoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_nanos(text).map(Self).ok_or_else(|| ParseMoneyError(text.chars().take(40).collect()))
    }
}

fn parse_nanos(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(part) || part.len() > 9 {
        return None;
    }
    let nanos = format!("{part:0<9}").parse::<i64>().ok()?;
    let total = whole.parse::<i64>().ok()?.checked_mul(NANOS_PER_USD)?.checked_add(nanos)?;
    Some(if negative { -total } else { total })
}

impl Serialize for NanoUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NanoUsd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// An amount in billionths of a unit that stands beside it: yuan, points, dollars. Written as a decimal string.
///
/// Kept apart from [`NanoUsd`], so that nothing is added to our costs that was not counted in dollars.
///
/// ```
/// use amp_pool_core::money::Amount;
///
/// let left: Amount = "110.00".parse()?;
/// assert_eq!(left, Amount(110_000_000_000));
/// assert_eq!(left.to_string(), "110.000000000");
/// # Ok::<(), amp_pool_core::money::ParseMoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Amount(pub i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum, unless it does not fit.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, unless it does not fit.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl From<NanoUsd> for Amount {
    /// The same number, of which the unit is the dollar.
    fn from(usd: NanoUsd) -> Self {
        Self(usd.0)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_nanos(self.0, f)
    }
}

impl FromStr for Amount {
    type Err = ParseMoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<NanoUsd>().map(Self::from)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        NanoUsd::deserialize(deserializer).map(Self::from)
    }
}

/// A price in nano-dollars per million tokens: $3 per million is `PerMillion(3_000_000_000)`.
///
/// ```
/// use amp_pool_core::money::PerMillion;
///
/// let price: PerMillion = "0.15".parse()?;
/// assert_eq!(price, PerMillion(150_000_000), "nano-dollars for a million tokens");
/// // Divided only once, when everything is added up.
/// assert_eq!(price.times(2_000_000), 300_000_000_000_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PerMillion(pub i64);

impl PerMillion {
    /// `tokens` at this price, in nano-dollars times a million, exact.
    #[must_use]
    pub fn times(self, tokens: u64) -> i128 {
        i128::from(self.0) * i128::from(tokens)
    }
}

impl FromStr for PerMillion {
    type Err = ParseMoneyError;

    /// Reads USD per million tokens.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<NanoUsd>().map(|usd| Self(usd.0))
    }
}

impl fmt::Display for PerMillion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_nanos(self.0, f)
    }
}

impl Serialize for PerMillion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PerMillion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        NanoUsd::deserialize(deserializer).map(|usd| Self(usd.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(text.parse::<NanoUsd>().ok().map(|usd| usd.0), expected, "{text}");
    }

    #[test]
    fn amounts_are_read_to_the_nano_dollar() {
        check("5", Some(5_000_000_000));
        check("5.00", Some(5_000_000_000));
        check("0.000000001", Some(1));
        check("-0.03", Some(-30_000_000));
        check("9223372036.854775807", Some(i64::MAX));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".", "1.", ".5", "1e3", "1,000", "+1", "0.0000000001", "9223372036.854775808", "NaN"] {
            check(text, None);
        }
    }

    #[test]
    fn writing_and_reading_an_amount_gives_it_back() {
        for nanos in [0, 1, -1, 30_000_000, i64::MAX, -NANOS_PER_USD - 1] {
            check(&NanoUsd(nanos).to_string(), Some(nanos));
        }
    }
}
