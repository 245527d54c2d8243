//! Fixed headers as a JSON object of names and values.

use std::collections::{BTreeMap, HashMap};

use http::HeaderMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

pub(super) fn serialize<S: Serializer>(headers: &HeaderMap, serializer: S) -> Result<S::Ok, S::Error> {
    let mut lines = BTreeMap::new();
    for (name, value) in headers {
        lines.insert(name.as_str(), value.to_str().map_err(ser::Error::custom)?);
    }
    lines.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let lines = HashMap::<String, String>::deserialize(deserializer)?;
    HeaderMap::try_from(&lines).map_err(de::Error::custom)
}
