//! JSON, read once: where each value stands and what is around it.
//!
//! A body of a request is looked into at every level. To skip through what lies deeper once for each level would cost a
//! multiple of all the rest, and without bound where a client nests without bound. So the places of all values are
//! noted in one pass; values stay where they are until they are asked for, and the path of one is only made for whom it
//! is told.

use std::cell::Cell;

mod object;
mod text;
mod value;

pub(in crate::format) use object::Object;
pub(in crate::format) use value::Value;

/// How deep values may be nested where they are followed into. More than any schema of a provider may be.
pub(in crate::format) const DEEPEST: usize = 200;

/// How many values may be read: what notes their places must not grow to a multiple of what a body may have.
const MOST: usize = 2_000_000;

/// No container: the root is in none.
const NONE: u32 = u32::MAX;

/// One JSON value with all that is in it.
pub(in crate::format) struct Tree<'a> {
    text: &'a str,
    /// In the order in which they begin: a container stands before what is in it.
    nodes: Vec<Node>,
    deepest: usize,
}

/// Why a text was not read.
enum Unread {
    NoJson,
    TooMuch,
}

/// Where a value stands.
struct Node {
    start: u32,
    end: u32,
    /// Its name, between the quotes; nothing for what has none.
    name: (u32, u32),
    /// The container it is in.
    parent: u32,
    /// The first node that begins behind it.
    next: u32,
    /// Whether somebody has taken it out of its object.
    is_taken: Cell<bool>,
}

impl<'a> Tree<'a> {
    /// Reads a text. `None` when it is no JSON, or too much of it.
    pub(in crate::format) fn parse(text: &'a str) -> Option<Self> {
        Self::read(text).ok()
    }

    fn read(text: &'a str) -> Result<Self, Unread> {
        // Places are counted in 32 bits, and each is in the text.
        u32::try_from(text.len()).map_err(|_| Unread::TooMuch)?;
        let nodes = Vec::with_capacity((text.len() / 24 + 8).min(1 << 16));
        let mut parser = Parser { bytes: text.as_bytes(), at: 0, nodes, open: NONE, depth: 0, deepest: 0 };
        match parser.whole() {
            Some(()) => Ok(Self { text, nodes: parser.nodes, deepest: parser.deepest }),
            None if parser.nodes.len() >= MOST => Err(Unread::TooMuch),
            None => Err(Unread::NoJson),
        }
    }

    /// The value itself.
    pub(in crate::format) fn root(&self) -> Value<'_> {
        Value::of(self, 0)
    }

    /// Whether it is nested deeper than functions may follow that call themselves for each level.
    pub(in crate::format) fn is_too_deep(&self) -> bool {
        self.deepest > DEEPEST
    }
}

/// A place in the text, and what has been found before it. Nothing in it calls itself: a text may be nested as deep as it is long.
struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    /// The innermost container that has not ended.
    open: u32,
    depth: usize,
    deepest: usize,
}

impl Parser<'_> {
    fn whole(&mut self) -> Option<()> {
        self.value((0, 0))?;
        while self.open != NONE {
            self.step()?;
        }
        self.peek().is_none().then_some(())
    }

    /// Reads the next member or item of the open container, or its end.
    fn step(&mut self) -> Option<()> {
        let open = self.nodes.get(index(self.open))?;
        let (is_object, is_first) = (self.bytes.get(index(open.start)) == Some(&b'{'), self.open + 1 == self.count());
        match self.peek()? {
            b'}' if is_object => self.close(),
            b']' if !is_object => self.close(),
            b',' if !is_first => {
                self.at += 1;
                self.child(is_object)
            }
            _ if is_first => self.child(is_object),
            _ => None,
        }
    }

    fn child(&mut self, is_object: bool) -> Option<()> {
        if !is_object {
            return self.value((0, 0));
        }
        (self.peek()? == b'"').then_some(())?;
        self.at += 1;
        let name = (self.here(), self.string()?);
        (self.peek()? == b':').then_some(())?;
        self.at += 1;
        self.value(name)
    }

    fn value(&mut self, name: (u32, u32)) -> Option<()> {
        let first = self.peek().filter(|_| self.nodes.len() < MOST)?;
        let (start, next) = (self.here(), self.count() + 1);
        self.nodes.push(Node { start, end: start, name, parent: self.open, next, is_taken: Cell::new(false) });
        match first {
            b'{' | b'[' => {
                self.at += 1;
                self.open = next - 1;
                self.depth += 1;
                self.deepest = self.deepest.max(self.depth);
                return Some(());
            }
            b'"' => {
                self.at += 1;
                self.string()?;
            }
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        let end = self.here();
        self.nodes.last_mut()?.end = end;
        Some(())
    }

    /// Ends the open container.
    fn close(&mut self) -> Option<()> {
        self.at += 1;
        let (end, next) = (self.here(), self.count());
        let open = self.nodes.get_mut(index(self.open))?;
        (open.end, open.next) = (end, next);
        self.open = open.parent;
        self.depth -= 1;
        Some(())
    }

    /// Reads a string to its end, of which the first quote has been read. Gives where the last one stands.
    fn string(&mut self) -> Option<u32> {
        loop {
            self.at += text::plain(self.bytes.get(self.at..)?);
            match self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += text::escape(self.bytes.get(self.at..)?)?,
                _ => return None,
            }
        }
        let end = self.here();
        self.at += 1;
        Some(end)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.bytes.get(self.at..)?.starts_with(word).then_some(())?;
        self.at += word.len();
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        self.at += usize::from(self.bytes.get(self.at) == Some(&b'-'));
        match self.bytes.get(self.at)? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let count = self.bytes.get(self.at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.bytes.get(self.at)? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "no place is behind the text, which is shorter than 4 GB")]
    fn here(&self) -> u32 {
        self.at as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "each node is at least a byte of the text")]
    fn count(&self) -> u32 {
        self.nodes.len() as u32
    }
}

fn index(place: u32) -> usize {
    place as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn is_json(text: &str) -> bool {
        serde_json::from_str::<&RawValue>(text).is_ok()
    }

    #[test]
    fn what_is_json_is_read_and_nothing_else() {
        let all = [
            "null",
            " true ",
            "false",
            "0",
            "-0",
            "12",
            "-1.50e+2",
            "1E9",
            "1.5",
            "\"\"",
            r#""a\"\\\/\b\f\n\r\t\u00e9""#,
            "[]",
            "[1]",
            "[1, [2], {}]",
            "{}",
            r#"{"a":1}"#,
            "{\"a\" :\t[ ] ,\r\n\"b\":{\"c\":null}}",
            r#""\ud83e\udd80""#,
            r#""\ud800""#,
            "\"é漢🦀\"",
            "",
            " ",
            "nul",
            "nulll",
            "truefalse",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "1 2",
            "\"",
            "\"\\",
            "\"\\x\"",
            r#""\u00g0""#,
            r#""\u00"#,
            "\"a\nb\"",
            "\"\u{1}\"",
            "\u{7f}",
            "\"\u{7f}\"",
            "[",
            "]",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1}",
            "{",
            "}",
            "{]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,\"a\":1}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "{1:2}",
            "[]]",
            "{}}",
            "\u{feff}{}",
            "\u{a0}1",
        ];
        for text in all {
            assert_eq!(Tree::parse(text).is_some(), is_json(text), "{text}");
        }
    }

    #[test]
    fn what_is_nested_without_bound_costs_no_more_than_its_bytes() {
        let deep = format!("{}1{}", "[".repeat(300_000), "]".repeat(300_000));
        let objects = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));

        assert!(Tree::parse(&deep).unwrap().is_too_deep());
        assert!(Tree::parse(&objects).unwrap().is_too_deep());
        assert!(Tree::parse(&"[".repeat(300_000)).is_none());
        assert!(!Tree::parse("[[[1]]]").unwrap().is_too_deep());
    }

    #[test]
    fn so_many_values_are_read_and_no_more() {
        let list = |count: usize| format!("[{}1]", "1,".repeat(count - 1));

        assert!(Tree::read(&list(MOST - 1)).is_ok());
        assert!(matches!(Tree::read(&list(MOST)), Err(Unread::TooMuch)));
        assert!(matches!(Tree::read("[1"), Err(Unread::NoJson)));
    }

    proptest! {
        #[test]
        fn a_text_is_json_or_not_as_others_have_it(text in r#"[\[\]{}:,"\\a-fu0-9.eE+\- ntrls\n]{0,24}"#) {
            prop_assert_eq!(Tree::parse(&text).is_some(), is_json(&text));
        }

        #[test]
        fn a_change_of_one_byte_is_seen_as_others_see_it(at in 0..200_usize, by in r#"[\[\]{}:,"\\ 0-9a-z\n]"#) {
            let text = r#"{"model":"m","list":[1,-2.5e3,true,null,{"a b":"c\"d\u00e9"},[],{}],"long":"0123456789012345678901234567890123456789\n"}"#;
            let at = at % text.len();
            let changed = format!("{}{by}{}", &text[..at], &text[at + 1..]);
            prop_assert_eq!(Tree::parse(&changed).is_some(), is_json(&changed));
        }
    }
}
