//! JSON that is carried and not looked into.
//!
//! Key order, the spelling of numbers and escapes stay as they came: models and caches see bytes, not values.

use std::fmt;

use memchr::{memchr, memchr2};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::Member;

/// One JSON value as text. Always valid; equal when the bytes are.
///
/// ```
/// use amp_pool_core::format::canonical::Json;
///
/// let json = Json::parse(r#"{"b": 1.0, "a": [ 2 ]}"#)?;
/// assert_eq!(json.get(), r#"{"b": 1.0, "a": [ 2 ]}"#);
/// assert_eq!(json.compact(), r#"{"b":1.0,"a":[2]}"#);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Takes a text that is one JSON value. Space around it is cut off.
    ///
    /// # Errors
    /// The text is not one JSON value.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text).map(Self)
    }

    /// Takes a text that is known to be one JSON value, without space around it.
    pub(in crate::format) fn of_valid(text: &str) -> Self {
        Self(RawValue::from_string(text.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// Writes a value. `null` should it be one that JSON can not hold.
    #[must_use]
    pub fn of(value: &impl Serialize) -> Self {
        Self(serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// The text without the space between its tokens. Order, numbers and escapes stay.
    #[must_use]
    pub fn compact(&self) -> String {
        compact(self.get())
    }

    /// The same value in its [`compact`](Self::compact) text.
    #[must_use]
    pub fn compacted(&self) -> Self {
        Self::parse(&self.compact()).unwrap_or_else(|_| self.clone())
    }

    /// The members of an object, in order. `None` when it is none.
    #[must_use]
    pub fn members(&self) -> Option<Vec<Member>> {
        serde_json::from_str::<Object>(self.get()).ok().map(|object| object.0)
    }

    /// An object of these members, in this order.
    #[must_use]
    pub fn object(members: Vec<Member>) -> Self {
        Self::of(&Object(members))
    }

    /// The value, if it is a string.
    #[must_use]
    pub fn as_text(&self) -> Option<String> {
        serde_json::from_str(self.get()).ok()
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }
}

/// JSON without the space between its tokens.
pub(in crate::format) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while !rest.is_empty() {
        let (tokens, after) = rest.split_at(memchr(b'"', rest.as_bytes()).unwrap_or(rest.len()));
        tokens.split([' ', '\t', '\n', '\r']).for_each(|piece| out.push_str(piece));
        let (string, after) = after.split_at(string_length(after));
        out.push_str(string);
        rest = after;
    }
    out
}

/// How long the string is that begins here, with both its quotes.
fn string_length(text: &str) -> usize {
    let mut at = 1;
    while let Some(found) = text.as_bytes().get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if text.as_bytes().get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

impl From<&RawValue> for Json {
    fn from(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Json {}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

/// Members in their order.
struct Object(Vec<Member>);

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// What the text of a call's arguments is, for a target that needs an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// An object. Text that is empty or only space means the empty one.
    Object(Json),
    /// Anything else. It is never repaired: half a shell command must not run.
    Broken,
}

impl Arguments {
    /// Looks at the arguments of a function call.
    ///
    /// ```
    /// use amp_pool_core::format::canonical::{Arguments, Json};
    ///
    /// assert_eq!(Arguments::of(" "), Arguments::Object(Json::parse("{}")?));
    /// assert_eq!(Arguments::of(r#"{"command": "rm -rf /tm"#), Arguments::Broken);
    /// # Ok::<_, serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::object(text).map_or(Self::Broken, |object| Self::Object(object.into()))
    }

    /// The object that a call's arguments are. `None`: they are none.
    pub(in crate::format) fn object(text: &str) -> Option<&RawValue> {
        let text = if text.trim_ascii().is_empty() { "{}" } else { text };
        serde_json::from_str::<&RawValue>(text).ok().filter(|json| json.get().starts_with('{'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_taken_out_between_tokens_only() {
        let check = |json: &str, expected: &str| assert_eq!(Json::parse(json).unwrap().compact(), expected);
        check(" { } ", "{}");
        check("{\"a b\" :\t\" c \\\" d \" ,\r\n\"n\": -1.50e+2}", r#"{"a b":" c \" d ","n":-1.50e+2}"#);
        check(r#""\\" "#, r#""\\""#);
        check(r#"{"a":"\\", "b":1}"#, r#"{"a":"\\","b":1}"#);
    }

    #[test]
    fn members_keep_their_order_and_spelling() {
        let json = Json::parse(r#"{"b":1.0,"a":{"d":2,"c":[ 1 ]},"b":"\u00e9"}"#).unwrap();
        let members = json.members().unwrap();

        assert_eq!(members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["b", "a", "b"]);
        assert_eq!(Json::object(members), json);
        assert_eq!(Json::parse("[1,\n 2]").unwrap().compacted().get(), "[1,2]");
        assert_eq!(Json::parse("[1]").unwrap().members(), None);
    }

    #[test]
    fn only_objects_are_arguments() {
        let check = |text: &str, object: Option<&str>| {
            let expected = object.map_or(Arguments::Broken, |json| Arguments::Object(Json::parse(json).unwrap()));
            assert_eq!(Arguments::of(text), expected, "{text}");
        };
        check("", Some("{}"));
        check(" {\"b\":1, \"a\":1.0} ", Some("{\"b\":1, \"a\":1.0}"));
        check("[1]", None);
        check("{}{\"city\":\"x\"}", None);
        check("null", None);
        check("{\"a\":", None);
    }

    #[test]
    fn what_is_carried_is_written_as_it_came() {
        let members: Vec<Json> = serde_json::from_str(r#"[{"b":1.0,"a":1e2},"\u00e9"]"#).unwrap();

        assert_eq!(serde_json::to_string(&members).unwrap(), r#"[{"b":1.0,"a":1e2},"\u00e9"]"#);
    }
}
