//! Regular expressions as data.

use std::{fmt, str::FromStr};

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longer ones are mistakes, or attempts at filling the memory.
const LONGEST: usize = 500;

/// What one may take when it is made ready: searching costs so much for each byte of a text at most.
const SIZE: usize = 1 << 17;

/// A regular expression, without regard to case. Searching takes time linear in the length of the text.
///
/// ```
/// use amp_pool_core::{
///     classify::{Pattern, PatternError, Rule, Signal, Verdict, classify},
///     time::Timestamp,
/// };
/// use http::{HeaderMap, StatusCode};
///
/// let pattern: Pattern = r"suspended for \d+ days".parse()?;
/// let rule = Rule { pattern: vec![pattern], ..Rule::meaning(Verdict::Blocked { wait: None }) };
/// let (headers, body) = (HeaderMap::new(), br#"{"error": {"message": "Suspended for 3 days"}}"#);
/// let signal = Signal::response(StatusCode::FORBIDDEN, &headers, body, Timestamp::from_millis(0));
/// assert_eq!(classify(&[rule], &signal).as_str(), "blocked");
/// let error: PatternError = "(".parse::<Pattern>().err().ok_or("it never ends")?;
/// assert!(error.to_string().starts_with("not a regular expression"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Pattern(Regex);

/// Why a text is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError(String);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a regular expression: {}", self.0)
    }
}

impl std::error::Error for PatternError {}

impl Pattern {
    pub(crate) fn regex(&self) -> &Regex {
        &self.0
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LONGEST {
            return Err(PatternError(format!("it is longer than {LONGEST} bytes")));
        }
        let built = RegexBuilder::new(text).case_insensitive(true).size_limit(SIZE).build();
        built.map(Self).map_err(|error| PatternError(error.to_string()))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.0.as_str()).finish()
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
