//! JSON as servers write it when there is nothing special about it: names and texts without escapes, whole numbers.
//!
//! A reader of all of JSON costs several times as much, so small objects that come with every answer are tried here first.
//! Whatever is not plain is `None`, and is then read by the parser.

/// How deep objects are followed.
const DEEPEST: u8 = 3;

/// A place in a text.
pub(super) struct Plain<'a> {
    rest: &'a [u8],
    depth: u8,
}

impl<'a> Plain<'a> {
    pub(super) fn new(json: &'a [u8]) -> Self {
        Self { rest: json, depth: 0 }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads an object; `each` reads the value of a member.
    pub(super) fn object(&mut self, mut each: impl FnMut(&mut Self, &'a [u8]) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let mut is_first = true;
        while !self.take(b'}') {
            if !is_first {
                self.expect(b',')?;
            }
            is_first = false;
            let name = self.text()?;
            self.expect(b':')?;
            each(self, name)?;
        }
        self.depth -= 1;
        Some(())
    }

    /// Reads a whole number that is not negative, or `null`.
    pub(super) fn count(&mut self) -> Option<Option<u64>> {
        if self.null() {
            return Some(None);
        }
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(length);
        // Nineteen digits always fit.
        let is_plain = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && length < 20;
        if !is_plain || matches!(rest.first(), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        self.rest = rest;
        Some(Some(digits.iter().fold(0, |count, digit| count * 10 + u64::from(digit - b'0'))))
    }

    /// Reads a value of no interest.
    pub(super) fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'{' => self.object(|plain, _| plain.skip()),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            _ => self.count().map(drop),
        }
    }

    /// Reads `null`, if it is here.
    pub(super) fn null(&mut self) -> bool {
        self.peek() == Some(b'n') && self.word(b"null").is_some()
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }

    /// Reads a text. Gives what is between its quotes.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let length = self.rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..=0x1f))?;
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest.strip_prefix(b"\"")?;
        Some(text)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }
}
