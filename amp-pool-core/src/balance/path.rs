//! Where a value stands in a JSON document.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

/// A JSON pointer (RFC 6901) in which `*` stands for every element: `/data/*/amount`. The empty one is the document.
///
/// ```
/// use amp_pool_core::balance::Path;
///
/// let path: Path = "/rows/*/left".parse()?;
/// let document = serde_json::json!({"rows": [{"left": 1}, {"left": 2}]});
/// assert_eq!(path.find(&document), [&serde_json::json!(1), &serde_json::json!(2)]);
/// # Ok::<(), amp_pool_core::balance::PathError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Box<str>);

/// A text that is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathError;

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path is empty or begins with `/`, `*` standing for every element: `/data/*/amount`")
    }
}

impl std::error::Error for PathError {}

impl Path {
    /// The values at this path, in the order of the document.
    #[must_use]
    pub fn find<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let steps = self.0.split('/').skip(1);
        steps.fold(vec![document], |found, step| found.into_iter().flat_map(|value| children(value, step)).collect())
    }

    /// The first value at this path.
    #[must_use]
    pub fn first<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.find(document).first().copied()
    }

    /// Whether it asks for every element of a list that is there, be it empty: then nothing found is a sum of zero.
    #[must_use]
    pub fn has_list(&self, document: &Value) -> bool {
        let Some((before, _)) = self.0.split_once("/*") else { return false };
        document.pointer(before).is_some_and(Value::is_array)
    }
}

fn children<'a>(value: &'a Value, step: &str) -> Vec<&'a Value> {
    match value {
        Value::Array(items) if step == "*" => items.iter().collect(),
        Value::Object(members) if step == "*" => members.values().collect(),
        // One step of a pointer: its escapes are read there.
        other => other.pointer(&["/", step].concat()).into_iter().collect(),
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        (text.is_empty() || text.starts_with('/')).then(|| Self(text.into())).ok_or(PathError)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(path: &str, expected: &[Value]) {
        let document = json!({"a": [{"b": 1}, {"b": 2}, {}], "c/d": {"x": 3}, "e": []});
        let found = path.parse::<Path>().unwrap().find(&document).into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn a_star_stands_for_every_element() {
        check("/a/*/b", &[json!(1), json!(2)]);
        check("/a/1/b", &[json!(2)]);
        check("/c~1d/*", &[json!(3)]);
        check("/e/*", &[]);
        check("/missing/*/b", &[]);
    }

    #[test]
    fn an_empty_list_is_told_from_a_missing_one() {
        let path: Path = "/e/*/b".parse().unwrap();
        assert!(path.has_list(&json!({"e": []})));
        assert!(!path.has_list(&json!({"f": []})));
    }

    #[test]
    fn a_path_begins_with_a_slash() {
        assert_eq!("data".parse::<Path>(), Err(PathError));
    }
}
