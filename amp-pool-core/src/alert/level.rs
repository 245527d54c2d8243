//! A number to compare with: an amount, a share, a number of days.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::money::{Amount, ParseMoneyError};

/// An exact number in billionths. Written as a decimal string without idle zeros, read from that or from a JSON number.
///
/// ```
/// use amp_pool_core::alert::Level;
///
/// let level: Level = serde_json::from_str("2.50")?;
/// assert_eq!(serde_json::to_string(&level)?, "\"2.5\"");
/// assert_eq!(Level::whole(80), "80".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(pub i64);

const ONE: i64 = 1_000_000_000;

impl Level {
    /// A whole number.
    #[must_use]
    pub const fn whole(number: i64) -> Self {
        Self(number.saturating_mul(ONE))
    }

    /// How many of a hundred `part` is of `all`; nothing of nothing.
    #[must_use]
    pub fn percent(part: u64, all: u64) -> Self {
        let share = u128::from(part) * 100 * u128::from(ONE.unsigned_abs()) / u128::from(all.max(1));
        Self(i64::try_from(share).unwrap_or(i64::MAX))
    }

    /// A tenth of it.
    #[must_use]
    pub const fn tenth(self) -> Self {
        Self(self.0 / 10)
    }
}

impl From<Amount> for Level {
    fn from(amount: Amount) -> Self {
        Self(amount.0)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Amount(self.0).to_string();
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl FromStr for Level {
    type Err = ParseMoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Amount>().map(Self::from)
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a number, or a decimal number as a string")]
        enum Written {
            Number(serde_json::Number),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        };
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_written_without_idle_zeros() {
        for (text, expected) in
            [("5.00", "5"), ("0", "0"), ("-0.10", "-0.1"), ("100", "100"), ("2.000000001", "2.000000001")]
        {
            assert_eq!(text.parse::<Level>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn a_share_is_exact_and_never_of_nothing() {
        assert_eq!(Level::percent(1, 3).to_string(), "33.333333333");
        assert_eq!(Level::percent(0, 0), Level::whole(0));
        assert_eq!(Level::percent(u64::MAX, 1), Level(i64::MAX));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for json in ["\"many\"", "true", "[1]", "null", "\"1e3\""] {
            assert!(serde_json::from_str::<Level>(json).is_err(), "{json}");
        }
    }
}
