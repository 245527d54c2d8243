//! The members of a JSON object whose values are checked and leapt over.
//!
//! Request bodies are mostly long texts. A parser steps through them a few bytes at a time; here they are searched by the
//! widest instructions there are, which makes a large body several times cheaper. What is shown is valid JSON and exactly
//! what a parser shows. Whatever is wrong or unusual is `None`, and then read by the parser, which says what is wrong.

use memchr::memchr2;

/// How deep values are followed.
const DEEPEST: u32 = 64;

/// Shows every member of the object in `json` to `take`, name and value as they are written, in order. `None`: it is no
/// object, or nothing that is read here, whatever was shown by then.
pub(super) fn each_member<'a>(json: &'a str, mut take: impl FnMut(&'a str, &'a str)) -> Option<()> {
    let mut place = Place { json: json.as_bytes(), at: 0 };
    place.expect(b'{')?;
    let mut is_over = place.eats(b'}');
    while !is_over {
        let name = json.get(place.name()?)?;
        // A name with escapes has to be read to be known.
        if name.contains('\\') {
            return None;
        }
        place.next()?;
        let start = place.at;
        place.value()?;
        take(name, json.get(start..place.at)?);
        is_over = place.eats(b'}');
        if !is_over {
            place.expect(b',')?;
        }
    }
    place.is_at_end().then_some(())
}

/// A place in a text.
struct Place<'a> {
    json: &'a [u8],
    at: usize,
}

/// The lists and objects around a place, the innermost last: an object is a one.
#[derive(Default)]
struct Around {
    objects: u64,
    depth: u32,
}

impl Around {
    fn enter(&mut self, is_object: bool) -> Option<()> {
        self.objects = self.objects << 1 | u64::from(is_object);
        self.depth += 1;
        (self.depth <= DEEPEST).then_some(())
    }

    fn leave(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    fn is_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

impl Place<'_> {
    /// Leaps over a value.
    fn value(&mut self) -> Option<()> {
        let mut around = Around::default();
        loop {
            match self.next()? {
                b'"' => {
                    self.text()?;
                }
                b'{' => {
                    self.at += 1;
                    around.enter(true)?;
                    if !self.eats(b'}') {
                        self.name()?;
                        continue;
                    }
                    around.leave();
                }
                b'[' => {
                    self.at += 1;
                    around.enter(false)?;
                    if !self.eats(b']') {
                        continue;
                    }
                    around.leave();
                }
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => self.number()?,
            }
            if self.ends(&mut around)? {
                return Some(());
            }
        }
    }

    /// Behind a value that is in others: ends those that end here. True when all have.
    fn ends(&mut self, around: &mut Around) -> Option<bool> {
        while around.depth > 0 {
            match (self.next()?, around.is_object()) {
                (b',', is_object) => {
                    self.at += 1;
                    if is_object {
                        self.name()?;
                    }
                    return Some(false);
                }
                (b'}', true) | (b']', false) => {
                    self.at += 1;
                    around.leave();
                }
                _ => return None,
            }
        }
        Some(true)
    }

    /// Leaps over a name and its colon. Gives where the name stands, without its quotes.
    fn name(&mut self) -> Option<std::ops::Range<usize>> {
        if self.next()? != b'"' {
            return None;
        }
        let name = self.text()?;
        self.expect(b':')?;
        Some(name)
    }

    /// Leaps over a text, whose first quote is here. Gives what is between its quotes.
    fn text(&mut self) -> Option<std::ops::Range<usize>> {
        let start = self.at + 1;
        let mut end = start;
        loop {
            end += memchr2(b'"', b'\\', self.json.get(end..)?)?;
            if self.json.get(end) == Some(&b'"') {
                break;
            }
            end += match self.json.get(end + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                b'u' if self.json.get(end + 2..end + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
                _ => return None,
            };
        }
        // Without a way out in the middle, so that many bytes are looked at together.
        let has_controls = self.json.get(start..end)?.iter().fold(false, |found, byte| found | (*byte < b' '));
        self.at = end + 1;
        (!has_controls).then_some(start..end)
    }

    fn number(&mut self) -> Option<()> {
        self.takes(b'-');
        match self.json.get(self.at)? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            let _ = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        Some(())
    }

    /// Digits, at least one.
    fn digits(&mut self) -> Option<()> {
        let rest = self.json.get(self.at..)?;
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let is_here = self.json.get(self.at..)?.starts_with(word);
        self.at += word.len();
        is_here.then_some(())
    }

    /// The next byte that is no white space, and goes there.
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.json.get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    fn is_at_end(&mut self) -> bool {
        self.next().is_none()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.eats(byte).then_some(())
    }

    /// Goes behind `byte`, if it is next but for white space.
    fn eats(&mut self, byte: u8) -> bool {
        self.next() == Some(byte) && self.takes(byte)
    }

    /// Goes behind `byte`, if it is here.
    fn takes(&mut self, byte: u8) -> bool {
        let is_here = self.json.get(self.at) == Some(&byte);
        self.at += usize::from(is_here);
        is_here
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::peek;

    fn leapt(json: &str) -> Option<Vec<(String, String)>> {
        let mut members = Vec::new();
        each_member(json, |name, value| members.push((name.to_owned(), value.to_owned())))?;
        Some(members)
    }

    fn parsed(json: &str) -> Option<Vec<(String, String)>> {
        let mut members = Vec::new();
        peek::each_member(json, |name, value| members.push((name.into_owned(), value.to_owned()))).ok()?;
        Some(members)
    }

    const ODD: &str = r#" { "a" :"x\"\\\u00e9\/\n" ,"b":[ 1,-0.5e+3 ,[ ], {}, {"c":null,"d":[true,false,"]}"]}],
        "é":-0,"e":{"f":{"g":1E9}} , "":"" } "#;

    #[test]
    fn members_are_those_that_a_parser_shows() {
        for json in ["{}", " {\t}\n", ODD, r#"{"a":1e400,"b":0.0,"c":"\ud800"}"#] {
            assert_eq!(leapt(json), parsed(json), "{json}");
            assert!(leapt(json).is_some(), "{json}");
        }
    }

    #[test]
    fn nothing_is_shown_that_a_parser_refuses() {
        let same = |json: &str| {
            if let Some(members) = leapt(json) {
                assert_eq!(Some(members), parsed(json), "{json}");
            }
        };
        let bytes = ODD.as_bytes();
        for at in 0..bytes.len() {
            let with = |middle: &[u8], rest: usize| {
                let changed = [&bytes[..at], middle, &bytes[rest..]].concat();
                let _ = std::str::from_utf8(&changed).map(same);
            };
            with(b"", at + 1);
            with(b"", bytes.len());
            for byte in 0..0x80 {
                with(&[byte], at + 1);
                with(&[byte], at);
            }
        }
    }

    #[test]
    fn what_is_unusual_is_left_to_the_parser() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(65), "]".repeat(65));
        for json in [deep.as_str(), r#"{"\u0061":1}"#, "[1]", "", "{", r#"{"a":01}"#, "{\"a\":\"\t\"}", r#"{"a":1,}"#] {
            assert_eq!(leapt(json), None, "{json}");
        }
        assert!(leapt(&format!(r#"{{"a":{}{}}}"#, "[".repeat(64), "]".repeat(64))).is_some());
    }
}
