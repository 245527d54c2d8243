//! Names of models with a wildcard.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A model name in which `*` stands for any run of characters: `claude-*`, `*/*`, `gpt-5`.
///
/// ```
/// use amp_pool_core::provider::ModelPattern;
///
/// let pattern: ModelPattern = "claude-*-latest".parse()?;
/// assert!(pattern.matches("claude-sonnet-latest"));
/// assert!(!pattern.matches("claude-sonnet"));
/// # Ok::<(), amp_pool_core::provider::PatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelPattern(Box<str>);

/// Why a text is no model pattern.
///
/// ```
/// use amp_pool_core::provider::{ModelPattern, PatternError};
///
/// let error: PatternError = "gpt 4".parse::<ModelPattern>().err().ok_or("no name has a space")?;
/// assert!(error.to_string().contains("visible characters"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatternError;

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a model pattern has 1 to 200 visible characters, `*` for any run of them")
    }
}

impl std::error::Error for PatternError {}

impl ModelPattern {
    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern is one plain name.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether the pattern takes every name, or every name with a `/`.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0.bytes().all(|byte| matches!(byte, b'*' | b'/'))
    }

    /// Whether `model` fits. Linear in the length of both for patterns with one star, and never backtracks further than
    /// the last star.
    #[must_use]
    pub fn matches(&self, model: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return *self.0 == *model };
        let Some(mut left) = model.strip_prefix(head) else { return false };
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*') {
            let Some(at) = left.find(part) else { return false };
            left = &left[at + part.len()..];
        }
        left.ends_with(tail)
    }
}

impl FromStr for ModelPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let visible = text.chars().all(|c| !c.is_control() && !c.is_whitespace());
        (visible && (1..=200).contains(&text.len())).then(|| Self(text.into())).ok_or(PatternError)
    }
}

impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ModelPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ModelPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, model: &str, expected: bool) {
        assert_eq!(pattern.parse::<ModelPattern>().unwrap().matches(model), expected, "{pattern} ~ {model}");
    }

    #[test]
    fn a_star_stands_for_any_run() {
        check("*", "", true);
        check("gpt-*", "gpt-5", true);
        check("gpt-*", "chatgpt-5", false);
        check("*-mini", "gpt-5-mini", true);
        check("*/*", "openai/gpt-5", true);
        check("*/*", "gpt-5", false);
        check("a*b*c", "abc", true);
        check("a*b*c", "ac", false);
        check("ab*ba", "aba", false);
        check("gpt-5", "gpt-5", true);
        check("gpt-5", "gpt-5-mini", false);
    }
}
