//! Exact decimal numbers, as upstreams write them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::money::Amount;

/// More digits than any balance has; what is longer would not fit the sums below.
const MOST_DIGITS: usize = 24;
/// The first number of more digits.
const MOST: u128 = 10_u128.pow(24);
const LARGEST_EXPONENT: i32 = 24;

/// An exact decimal number: `digits / 10^places`.
///
/// ```
/// use amp_pool_core::balance::Decimal;
///
/// let tenth_of_a_cent: Decimal = "1e-3".parse()?;
/// assert_eq!(tenth_of_a_cent.to_string(), "0.001");
/// assert!("NaN".parse::<Decimal>().is_err());
/// # Ok::<(), amp_pool_core::balance::DecimalError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    digits: i128,
    places: u32,
}

/// A text that is no decimal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecimalError;

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number is written in decimal digits, with a point and an exponent where needed")
    }
}

impl std::error::Error for DecimalError {}

impl Decimal {
    /// One.
    pub const ONE: Self = Self { digits: 1, places: 0 };

    /// Whether it is above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.digits > 0
    }

    /// A JSON number, or a string that holds one.
    #[must_use]
    pub fn of_json(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.to_string().parse().ok(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The amount `self × scale ÷ divisor`, rounded once. `None` when it does not fit, or nothing is divided by.
    #[must_use]
    pub fn amount(self, scale: Self, divisor: Self) -> Option<Amount> {
        let up = 9 + divisor.places;
        let down = self.places + scale.places;
        let over = self.digits.checked_mul(scale.digits)?.checked_mul(power(up.saturating_sub(down))?)?;
        let under = divisor.digits.checked_mul(power(down.saturating_sub(up))?)?;
        i64::try_from(divide(over, under)?).ok().map(Amount)
    }

    /// The number in hundredths, rounded.
    #[must_use]
    pub fn hundredths(self) -> Option<i64> {
        let nanos = self.amount(Self::ONE, Self::ONE)?.0;
        i64::try_from(divide(nanos.into(), 10_000_000)?).ok()
    }

    /// The number without what stands behind its point.
    #[must_use]
    pub fn whole(self) -> Option<i64> {
        i64::try_from(self.digits / power(self.places)?).ok()
    }
}

fn power(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

/// Rounds half away from zero.
fn divide(over: i128, under: i128) -> Option<i128> {
    let (whole, rest) = (over.checked_div(under)?, over.checked_rem(under)?);
    let up = rest.unsigned_abs() * 2 >= under.unsigned_abs();
    let sign = if (over < 0) == (under < 0) { 1 } else { -1 };
    Some(if up && rest != 0 { whole + sign } else { whole })
}

impl From<Amount> for Decimal {
    fn from(amount: Amount) -> Self {
        Self { digits: amount.0.into(), places: 9 }
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or(DecimalError)
    }
}

fn parse(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, plain) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) || exponent.abs() > LARGEST_EXPONENT {
        return None;
    }
    let part = part.trim_end_matches('0');
    let digits = [whole, part].concat();
    let digits = digits.trim_start_matches('0');
    if digits.len() > MOST_DIGITS {
        return None;
    }
    let digits = if digits.is_empty() { 0 } else { digits.parse::<i128>().ok()? };
    shift(if negative { -digits } else { digits }, i32::try_from(part.len()).ok()? - exponent)
}

/// `digits / 10^places`, where `places` may be negative. `None`: written out it would be too long to be read again.
fn shift(digits: i128, places: i32) -> Option<Decimal> {
    match u32::try_from(places) {
        Ok(places) => Some(Decimal { digits, places }),
        Err(_) => {
            let digits = digits.checked_mul(power(places.unsigned_abs())?)?;
            (digits.unsigned_abs() < MOST).then_some(Decimal { digits, places: 0 })
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        let width = usize::try_from(self.places).unwrap_or_default();
        let digits = format!("{:0>1$}", self.digits.unsigned_abs(), width + 1);
        let (whole, part) = digits.split_at(digits.len() - width);
        let point = if part.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{part}")
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(number: &str, scale: &str, divisor: &str, expected: Option<&str>) {
        let read = |text: &str| text.parse::<Decimal>().unwrap();
        let amount = read(number).amount(read(scale), read(divisor));
        assert_eq!(amount, expected.map(|text| text.parse().unwrap()), "{number} × {scale} ÷ {divisor}");
    }

    #[test]
    fn numbers_are_scaled_exactly_and_rounded_once() {
        check("49.58", "1", "1", Some("49.58"));
        check("123456", "0.0001", "1", Some("12.3456"));
        check("-1234", "-0.01", "1", Some("12.34"));
        check("987655", "1", "500000", Some("1.97531"));
        check("1e-7", "1", "1", Some("0.0000001"));
        check("1.5e3", "1", "1", Some("1500"));
        check("0.0000000005", "1", "1", Some("0.000000001"));
        check("-0.0000000005", "1", "1", Some("-0.000000001"));
        check("0.00000000049", "1", "1", Some("0"));
        check("2", "1", "3", Some("0.666666667"));
        check("1", "1", "0", None);
        check("9999999999", "1", "1", None);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", ".", "-", "NaN", "inf", "1e999", "1,000", "0x1", "1e", "--1", "+1", &"9".repeat(60), "1e24"] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError), "{text}");
        }
    }

    #[test]
    fn a_number_is_written_without_loss() {
        for (text, written) in [("0", "0"), ("1.50", "1.5"), ("-0.001", "-0.001"), ("12e2", "1200"), ("1e-3", "0.001")]
        {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), written);
        }
        assert_eq!("57.236".parse::<Decimal>().unwrap().hundredths(), Some(5724));
        assert_eq!("-1.9".parse::<Decimal>().unwrap().whole(), Some(-1));
    }

    proptest! {
        #[test]
        fn no_text_and_no_arithmetic_panics(text in "-?[0-9]{0,30}\\.?[0-9]{0,30}(e-?[0-9]{1,3})?", other in "[0-9.e-]{1,20}") {
            if let (Ok(a), Ok(b)) = (text.parse::<Decimal>(), other.parse::<Decimal>()) {
                let _ = (a.amount(b, a), a.amount(a, b), a.hundredths(), a.whole());
                prop_assert_eq!(a.to_string().parse::<Decimal>().map(|again| again.amount(Decimal::ONE, Decimal::ONE)),
                                Ok(a.amount(Decimal::ONE, Decimal::ONE)));
            }
        }
    }
}
