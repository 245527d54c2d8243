//! Members of foreign JSON, taken if they have the right shape and left if not.
//!
//! What servers call compatible differs in small ways. A number that came as a text must not cost us the numbers beside it.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A member that counts as absent when it is null or of another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loose<T>(pub(super) Option<T>);

impl<T> Default for Loose<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        // Without this an array would fill the fields of a struct in their order. To find null by an error costs more than
        // all the rest of a chunk, in which most members are null.
        let is_absent = raw.starts_with('[') || raw == "null";
        Ok(Self(if is_absent { None } else { serde_json::from_str(raw).ok() }))
    }
}

/// A list that counts as absent when it is null or of another type. Its items are not looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct LooseList<'a>(#[serde(borrow, deserialize_with = "list")] pub(super) Option<Vec<&'a RawValue>>);

fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<&'de RawValue>>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    let is_list = raw.get().starts_with('[');
    Ok(if is_list { serde_json::from_str(raw.get()).ok() } else { None })
}

/// A string, borrowed unless it has escapes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn is(&self, text: &str) -> bool {
        self.0 == text
    }
}

/// A count of tokens. A fraction is cut off, and a negative number is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tokens(pub(super) u64);

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let whole = raw.split_once('.').map_or(raw, |(whole, _)| whole);
        if whole.starts_with('-') {
            return Ok(Self(0));
        }
        whole.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl Loose<Tokens> {
    pub(super) fn count(self) -> Option<u64> {
        self.0.map(|tokens| tokens.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_from_any_number_and_from_nothing_else() {
        let check = |json: &str, expected: Option<u64>| {
            let count: Loose<Tokens> = serde_json::from_str(json).unwrap();
            assert_eq!(count.count(), expected, "{json}");
        };
        check("12", Some(12));
        check("12.9", Some(12));
        check("-3", Some(0));
        check("-0.5", Some(0));
        check("null", None);
        check("\"12\"", None);
        check("[12]", None);
        check("{}", None);
        check("1e400", None);
        check("99999999999999999999", None);
    }
}
