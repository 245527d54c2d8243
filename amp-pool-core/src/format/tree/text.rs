//! Strings, and what stands in them for something else.

use std::borrow::Cow;

use memchr::memchr;

/// Eight bytes in one number.
const WIDE: usize = 8;

/// How many bytes stand for themselves from the beginning of `bytes` on: what is behind them is a quote, a backslash, a
/// control character, or the end.
pub(super) fn plain(bytes: &[u8]) -> usize {
    let (chunks, rest) = bytes.as_chunks::<WIDE>();
    for (count, chunk) in chunks.iter().enumerate() {
        let specials = specials(u64::from_le_bytes(*chunk));
        if specials != 0 {
            return count * WIDE + specials.trailing_zeros() as usize / 8;
        }
    }
    chunks.len() * WIDE + rest.iter().take_while(|byte| !is_special(**byte)).count()
}

fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// The high bits of the bytes that are special. Of those above the lowest some may be wrong: what is taken from one byte
/// borrows from the next.
fn specials(bytes: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let below = |bytes: u64, least: u8| bytes.wrapping_sub(ONES * u64::from(least)) & !bytes;
    let is = |byte: u8| below(bytes ^ (ONES * u64::from(byte)), 1);
    (below(bytes, b' ') | is(b'"') | is(b'\\')) & (ONES << 7)
}

/// The length of the escape at the beginning of `bytes`. `None` when there is no such escape.
pub(super) fn escape(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => bytes.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

/// What the inside of a string says. `None` when half of a pair stands alone, which is no character.
pub(super) fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    let Some(first) = memchr(b'\\', text.as_bytes()) else { return Some(Cow::Borrowed(text)) };
    let mut said = String::with_capacity(text.len());
    let (mut rest, mut at) = (text, first);
    loop {
        said.push_str(rest.get(..at)?);
        let (character, length) = character(rest.get(at..)?)?;
        said.push(character);
        rest = rest.get(at + length..)?;
        match memchr(b'\\', rest.as_bytes()) {
            Some(next) => at = next,
            None => break,
        }
    }
    said.push_str(rest);
    Some(Cow::Owned(said))
}

/// The character that the escape at the beginning stands for, and how long that is.
fn character(escape: &str) -> Option<(char, usize)> {
    let character = match escape.as_bytes().get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return unicode(escape),
        other => char::from(*other),
    };
    Some((character, 2))
}

fn unicode(escape: &str) -> Option<(char, usize)> {
    let unit = |at: usize| u32::from_str_radix(escape.get(at..at + 4)?, 16).ok();
    let first = unit(2)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, 6));
    }
    escape.get(6..)?.strip_prefix("\\u")?;
    let second = unit(8)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + second)?, 12))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_byte_that_is_special_is_found_wherever_it_is() {
        for special in ["\"", "\\", "\n", "\u{1f}"] {
            for at in 0..100 {
                let text = format!("{}{special}{}", "é".repeat(at), "x\"".repeat(40));
                assert_eq!(plain(text.as_bytes()), at * 2, "{special:?} at {at}");
            }
        }
        assert_eq!(plain("x".repeat(99).as_bytes()), 99);
        assert_eq!(plain(b" \x7f"), 2);
    }

    #[test]
    fn half_of_a_pair_is_no_character() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(unescaped(text).as_deref(), expected, "{text}");
        check("a", Some("a"));
        check(r"\ud83e\udd80!", Some("🦀!"));
        check(r"\u00E9\u00e9", Some("éé"));
        check(r"\ud83e", None);
        check(r"\ud83ea", None);
        check(r"\ud83e\n", None);
        check(r"\ud83e\u0041", None);
        check(r"\udd80", None);
        check(r"\u0000", Some("\0"));
    }

    proptest! {
        #[test]
        fn a_string_says_what_others_read_of_it(text in r#"([a-zé漢🦀/ ]|\\[nrtbf"\\/]|\\u00e[0-9]|\\ud83e|\\udd80){0,40}"#) {
            let expected: Option<String> = serde_json::from_str(&format!("\"{text}\"")).ok();
            prop_assert_eq!(unescaped(&text).map(Cow::into_owned), expected);
        }

        #[test]
        fn what_is_written_is_read_again(said: String) {
            let written = serde_json::to_string(&said).unwrap();
            let inside = &written[1..written.len() - 1];
            prop_assert_eq!(unescaped(inside), Some(Cow::Borrowed(said.as_str())));
        }
    }
}
