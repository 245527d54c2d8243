//! A member of a JSON object, found from its end.
//!
//! A whole answer tells its usage in its last lines, and skipping through all the text before them would cost more than
//! everything else a meter does. What is found is a member of the outermost object, or nothing: behind it exactly one
//! object is closed, and a quote inside of a text has a backslash before it.

use std::sync::LazyLock;

use memchr::memmem::{Finder, FinderRev};
use serde_json::value::RawValue;

use super::plain::Plain;

/// How much may stand behind the member. A longer rest is not looked through: then the answer is read in order.
const REST_MAX: usize = 4 << 10;

/// Where the name is looked for first. Looking forward through the end is faster than looking backward.
const END: usize = 1 << 10;

const NAME: &str = "\"usage\"";
static FORWARD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(NAME));
static BACKWARD: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new(NAME));

/// The value of the last `usage` of the outermost object.
pub(super) fn usage(json: &[u8]) -> Option<&RawValue> {
    let value = last(json)?;
    let mut values = serde_json::Deserializer::from_slice(value).into_iter::<&RawValue>();
    let found = values.next()?.ok()?;
    closes_one(&value[values.byte_offset()..]).then_some(found)
}

/// What stands behind the name and colon of the last `usage` of all.
pub(super) fn last(json: &[u8]) -> Option<&[u8]> {
    let end = json.len().saturating_sub(END);
    let at = FORWARD.find_iter(&json[end..]).last().map(|at| end + at).or_else(|| BACKWARD.rfind(json))?;
    json[at + NAME.len()..].trim_ascii_start().strip_prefix(b":")
}

/// The value of a member of the outermost object that stands among the last lines and is a text without escapes. `name` is
/// looked for with its quotes.
pub(super) fn text<'a>(json: &'a [u8], name: &Finder<'_>) -> Option<&'a str> {
    let end = json.len().saturating_sub(END);
    let at = end + name.find_iter(&json[end..]).last()?;
    let value = json[at + name.needle().len()..].trim_ascii_start().strip_prefix(b":")?;
    let mut plain = Plain::new(value);
    let text = plain.text()?;
    closes_one(plain.rest()).then(|| std::str::from_utf8(text).ok()).flatten()
}

/// Whether `rest` closes one object more than it opens, and ends with that.
pub(super) fn closes_one(rest: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (1_u32, false, false);
    for (at, byte) in rest.iter().enumerate().take(REST_MAX) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return rest[at + 1..].trim_ascii().is_empty();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Option<&str>) {
        assert_eq!(usage(json.as_bytes()).map(RawValue::get), expected, "{json}");
    }

    #[test]
    fn only_a_member_of_the_outermost_object_is_found() {
        check(r#"{"a":[{"b":"}"}],"usage":{"n":1}}"#, Some(r#"{"n":1}"#));
        check(r#"{"usage" : {"n":1} , "a":{"b":["x\"}"]}}  "#, Some(r#"{"n":1}"#));
        check(r#"{"usage":null}"#, Some("null"));
        check(r#"{"a":{"usage":{"n":1}}}"#, None);
        check(r#"{"a":[{"usage":{"n":1}}],"b":1}"#, None);
        check(r#"{"a":"usage"}"#, None);
        check(r#"{"a":"{\"usage\":{\"n\":1}}"}"#, None);
        check(r#"{"a":"usage","b":"\"usage\": 1"}"#, None);
        check(r#"{"usage":{"n":1}"#, None);
        check(r#"{"usage":{"n":1}}}"#, None);
        check(r#"{"usage":"#, None);
        check("", None);
    }

    #[test]
    fn it_is_found_far_from_the_end_and_on_the_border_as_well() {
        for rest in (END - 12..END + 4).chain([2 * END]) {
            check(&format!(r#"{{"usage":1,"a":"{}"}}"#, "x".repeat(rest)), Some("1"));
        }
    }

    #[test]
    fn of_two_the_last_one_counts_and_a_nested_last_one_hides_it() {
        check(r#"{"usage":1,"usage":2}"#, Some("2"));
        check(r#"{"usage":1,"a":{"usage":2}}"#, None);
    }
}
