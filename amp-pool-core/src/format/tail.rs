//! A member of a JSON object, found from its end.
//!
//! A whole answer tells its usage in its last lines, and skipping through all the text before them would cost more than
//! everything else a meter does. What is found is a member of the outermost object, or nothing: behind it exactly one
//! object is closed, and a quote inside of a text has a backslash before it.

use memchr::memmem;
use serde_json::value::RawValue;

/// How much may stand behind the member. A longer rest is not looked through: then the answer is read in order.
const REST_MAX: usize = 4 << 10;

/// The value of the last member of the outermost object whose name, with its quotes, is `quoted`.
pub(super) fn member<'a>(json: &'a [u8], quoted: &str) -> Option<&'a RawValue> {
    let name = memmem::rfind(json, quoted.as_bytes())?;
    let value = json[name + quoted.len()..].trim_ascii_start().strip_prefix(b":")?;
    let mut values = serde_json::Deserializer::from_slice(value).into_iter::<&RawValue>();
    let found = values.next()?.ok()?;
    closes_one(&value[values.byte_offset()..]).then_some(found)
}

/// Whether `rest` closes one object more than it opens, and ends with that.
fn closes_one(rest: &[u8]) -> bool {
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
        assert_eq!(member(json.as_bytes(), "\"usage\"").map(RawValue::get), expected, "{json}");
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
    fn of_two_the_last_one_counts_and_a_nested_last_one_hides_it() {
        check(r#"{"usage":1,"usage":2}"#, Some("2"));
        check(r#"{"usage":1,"a":{"usage":2}}"#, None);
    }
}
