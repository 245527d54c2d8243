//! Steps through JSON that was checked before.
//!
//! A parser would look at every byte of a text once more at each level. Here texts are leapt over, and nothing is checked:
//! of what is no valid JSON it shows what it can.

use memchr::memchr2;

/// The elements of a list, as they are written. None of what is no list.
pub(super) fn elements(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list.trim_ascii_start().strip_prefix('[');
    std::iter::from_fn(move || {
        let (element, after) = value(rest?.trim_start_matches(between))?;
        rest = Some(after);
        Some(element)
    })
}

/// The members of an object, name and value as they are written. None of what is no object.
pub(super) fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = object.trim_ascii_start().strip_prefix('{');
    std::iter::from_fn(move || {
        let (name, after) = value(rest?.trim_start_matches(between))?;
        let (value, after) = value(after.trim_start_matches(between))?;
        rest = Some(after);
        Some((name, value))
    })
}

fn between(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\r' | ',' | ':')
}

/// The value that `json` begins with, and what is behind it.
fn value(json: &str) -> Option<(&str, &str)> {
    let bytes = json.as_bytes();
    let length = match bytes.first()? {
        b'"' => behind_text(bytes, 1)?,
        b'{' | b'[' => behind_nested(bytes)?,
        _ => bytes.iter().position(|byte| matches!(byte, b',' | b']' | b'}' | ..=b' ')).unwrap_or(bytes.len()),
    };
    json.split_at_checked(length).filter(|(value, _)| !value.is_empty())
}

/// The place behind the text whose first character is at `at`.
fn behind_text(json: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', json.get(at..)?)?;
        if json.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The place behind the list or object that `json` begins with.
fn behind_nested(json: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match json.get(at)? {
            b'"' => at = behind_text(json, at + 1)? - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_members_are_shown_as_they_are_written() {
        let list = |list: &'static str| elements(list).collect::<Vec<_>>();
        assert_eq!(list(r#" [1 , "a,\"]" ,{"b":[2]}, null]"#), ["1", r#""a,\"]""#, r#"{"b":[2]}"#, "null"]);
        assert_eq!(list("[]"), [""; 0]);
        assert_eq!(list("7"), [""; 0]);
        let object = |object: &'static str| members(object).collect::<Vec<_>>();
        assert_eq!(
            object(r#"{"a" : "\\" , "b":{"c":"}"},"d":-1.5e3 }"#),
            [(r#""a""#, r#""\\""#), (r#""b""#, r#"{"c":"}"}"#), (r#""d""#, "-1.5e3")]
        );
        assert_eq!(object(r#"{"a":"cut"#), [("", ""); 0]);
    }
}
