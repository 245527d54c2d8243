//! A glance at the members of a JSON text, wherever they are nested.
//!
//! One pass over the strings that decides whether an event is worth parsing, and counts what the model said in the
//! events that are not. It never fails: of broken JSON it shows what it can.

use memchr::{memchr, memchr2};

/// The value of a member, as far as a glance shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A string, still escaped, without its quotes.
    Text(&'a [u8]),
    Null,
    /// An object, an array, a number or a truth value.
    Other,
}

/// Shows every member to `each`, in the order in which they stand, with its name still escaped.
pub(super) fn each_member<'a>(json: &'a [u8], mut each: impl FnMut(&'a [u8], Value<'a>)) {
    let mut rest = json;
    while let Some(quote) = memchr(b'"', rest) {
        let (name, after) = string(&rest[quote + 1..]);
        let Some(value) = after.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start) else {
            rest = after;
            continue;
        };
        rest = match value.first() {
            Some(b'"') => {
                let (text, after) = string(&value[1..]);
                each(name, Value::Text(text));
                after
            }
            first => {
                each(name, if first == Some(&b'n') { Value::Null } else { Value::Other });
                value
            }
        };
    }
}

/// Splits behind the string whose opening quote was just read. The rest begins after the closing one.
fn string(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return (&text[..at], &text[at + 1..]);
        }
        at += 2;
    }
    (text, b"")
}

/// Characters in an escaped string.
pub(super) fn chars(text: &[u8]) -> u64 {
    let mut count = text.iter().filter(|byte| !is_continuation(**byte)).count();
    let mut rest = text;
    while let Some(at) = memchr(b'\\', rest) {
        let length = if rest.get(at + 1) == Some(&b'u') { 6 } else { 2 };
        count -= length.min(rest.len() - at) - 1;
        rest = rest.get(at + length..).unwrap_or_default();
    }
    count as u64
}

/// Whether `byte` goes on with a character of UTF-8 that has begun.
fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// What a model said, in characters.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Speech {
    plain: u64,
    /// Servers that know several names for reasoning repeat it under each, so only the longest counts.
    reasoning: [u64; 3],
}

impl Speech {
    /// Listens to one member. Those that carry no words of the model do not count.
    pub(super) fn hear(&mut self, name: &[u8], text: &[u8]) {
        let count = match name {
            b"content" | b"arguments" | b"refusal" | b"partial_json" => &mut self.plain,
            b"text" | b"thinking" => &mut self.reasoning[0],
            b"reasoning_content" => &mut self.reasoning[1],
            b"reasoning" => &mut self.reasoning[2],
            _ => return,
        };
        *count += chars(text);
    }

    /// Characters heard.
    pub(super) fn chars(&self) -> u64 {
        self.plain + self.reasoning.into_iter().max().unwrap_or_default()
    }
}

/// What is said in a whole answer, in characters.
pub(super) fn said(json: &[u8]) -> u64 {
    let mut speech = Speech::default();
    each_member(json, |name, value| {
        if let Value::Text(text) = value {
            speech.hear(name, text);
        }
    });
    speech.chars()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_shown_at_every_depth() {
        let check = |json: &str, expected: &[(&str, Value<'_>)]| {
            let mut seen = Vec::new();
            each_member(json.as_bytes(), |name, value| seen.push((std::str::from_utf8(name).unwrap(), value)));
            assert_eq!(seen, expected, "{json}");
        };
        check("", &[]);
        check("[\"a\", \"b\"]", &[]);
        check(r#"{"a":"b","c" : "d:\"e\""}"#, &[("a", Value::Text(b"b")), ("c", Value::Text(br#"d:\"e\""#))]);
        check(
            r#"{"a":{"b":[{"c":null}]},"d":1}"#,
            &[("a", Value::Other), ("b", Value::Other), ("c", Value::Null), ("d", Value::Other)],
        );
        check(r#"{"a":"{\"b\":1}"}"#, &[("a", Value::Text(br#"{\"b\":1}"#))]);
        check(r#"{"a":"cut\"#, &[("a", Value::Text(b"cut\\"))]);
        check(r#"{"a":"#, &[("a", Value::Other)]);
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        let check = |text: &str, expected: u64| assert_eq!(chars(text.as_bytes()), expected, "{text}");
        check("", 0);
        check("abc", 3);
        check("é漢🦀", 3);
        check(r"a\nb", 3);
        check(r"\\\\n", 3);
        check(r"\u00e9\u00E9", 2);
        check(r"\u00", 1);
        check(r"a\", 2);
    }

    #[test]
    fn reasoning_that_is_told_twice_counts_once() {
        let json = br#"{"content":"abc","reasoning":"four","reasoning_details":[{"text":"four"}],"name":"not said"}"#;

        assert_eq!(said(json), 7);
    }
}
