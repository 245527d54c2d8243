//! Events in the frames of a server-sent event stream.
//!
//! Frames are cut anywhere, also inside a line end or a character. An event that lies in one frame is borrowed from it;
//! only one that is split over frames is carried. What an event means is for others to say.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// The longest event that is read, in bytes. A longer one is skipped.
pub const EVENT_MAX: usize = 4 << 20;

/// The carry is kept for the next split event unless it has grown beyond this.
const CARRY_KEPT: usize = 64 << 10;

/// One event of a stream. Comments, `id` and `retry` are not shown.
///
/// ```
/// use amp_pool_core::format::{Event, Scanner};
///
/// let mut texts = Vec::new();
/// let frame = b"event: ping\ndata: {}\n\nevent: text\ndata: Hello\ndata: Ada\n\n";
/// Scanner::new().feed(frame, |Event { name, data, .. }| {
///     if name == Some(b"text") {
///         texts.push(String::from_utf8_lossy(&data).into_owned());
///     }
/// });
/// assert_eq!(texts, ["Hello\nAda"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Where it begins in the frame that was fed last. `None` when it began in an earlier frame.
    pub start: Option<usize>,
    /// Where it ends in the frame that was fed last, its blank line included.
    pub end: usize,
    /// The value of `event:`.
    pub name: Option<&'a [u8]>,
    /// The values of `data:`, joined by newlines.
    pub data: Cow<'a, [u8]>,
}

/// Finds events. Whatever the frames' boundaries, the events are the same.
///
/// ```
/// use amp_pool_core::format::Scanner;
///
/// let mut scanner = Scanner::new();
/// let mut seen = Vec::new();
/// for frame in ["event: ping\nda", "ta: {}\n\ndata: [DONE]\n\n"] {
///     scanner.feed(frame.as_bytes(), |event| seen.push((event.start, event.data.into_owned())));
/// }
/// assert_eq!(seen, [(None, b"{}".to_vec()), (Some(8), b"[DONE]".to_vec())]);
/// ```
#[derive(Debug, Clone)]
pub struct Scanner {
    limit: usize,
    /// What earlier frames brought of the open event, as long as it is within the limit.
    carry: Vec<u8>,
    /// How much that was, within the limit or not.
    carried: usize,
    /// Whether nothing came since the last line end.
    at_line_start: bool,
    /// Whether the last byte was a `\r`, so that a `\n` would belong to it.
    after_cr: bool,
    /// Whether a byte order mark may still come.
    at_stream_start: bool,
    open_from: usize,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// A scanner at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(EVENT_MAX)
    }

    /// A scanner that skips events longer than `limit` bytes.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            carry: Vec::new(),
            carried: 0,
            at_line_start: true,
            after_cr: false,
            at_stream_start: true,
            open_from: 0,
        }
    }

    /// Shows the events that end in `frame` to `each`, in order.
    pub fn feed(&mut self, frame: &[u8], mut each: impl FnMut(Event<'_>)) {
        let mut at = self.rest_of_line_end(frame);
        let mut start = if self.is_open() { 0 } else { at };
        while let Some(end) = self.next_blank_line(frame, at) {
            self.close(frame, start, end, &mut each);
            (start, at) = (end, end);
        }
        self.keep(&frame[start..]);
        self.open_from = if self.carried > self.limit { frame.len() } else { start };
    }

    /// Ends the stream. An event that lacks its blank line is shown as well; its offsets say nothing.
    pub fn finish(&mut self, mut each: impl FnMut(Event<'_>)) {
        if self.is_open() {
            self.close(&[], 0, 0, &mut each);
        }
        self.at_line_start = true;
        self.after_cr = false;
    }

    /// Whether an event has begun that has not ended yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.carried > 0
    }

    /// Where in the frame that was fed last the open event begins: 0 if it began before, the frame's length if no event
    /// is open, or if it is longer than the limit and will not be shown.
    #[must_use]
    pub fn open_from(&self) -> usize {
        self.open_from
    }

    /// Steps over the `\n` of a `\r\n` that was cut in two.
    fn rest_of_line_end(&mut self, frame: &[u8]) -> usize {
        let rest = self.after_cr && frame.first() == Some(&b'\n');
        self.after_cr &= frame.is_empty();
        usize::from(rest)
    }

    /// Goes on from `at` to just past the next blank line.
    fn next_blank_line(&mut self, frame: &[u8], mut at: usize) -> Option<usize> {
        while let Some(rest) = frame.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(line) = memchr2(b'\n', b'\r', rest) else {
                self.at_line_start = false;
                break;
            };
            let is_blank = line == 0 && self.at_line_start;
            self.at_line_start = true;
            at = self.past_line_end(frame, at + line);
            if is_blank {
                return Some(at);
            }
        }
        None
    }

    fn past_line_end(&mut self, frame: &[u8], at: usize) -> usize {
        match (frame[at], frame.get(at + 1)) {
            (b'\r', Some(b'\n')) => at + 2,
            (end, next) => {
                self.after_cr = end == b'\r' && next.is_none();
                at + 1
            }
        }
    }

    /// Ends the open event with `frame[start..end]`, the whole of it if nothing was carried.
    fn close(&mut self, frame: &[u8], start: usize, end: usize, each: &mut impl FnMut(Event<'_>)) {
        let is_first = std::mem::take(&mut self.at_stream_start);
        // The last `\n` of a `\r\n` that is cut in two comes when the event is over, so it never counts.
        let bytes = &frame[start..end];
        let bytes = if bytes.ends_with(b"\r\n") { &bytes[..bytes.len() - 1] } else { bytes };
        if !self.is_open() {
            if bytes.len() <= self.limit {
                show(bytes, is_first, Some(start), end, each);
            }
            return;
        }
        self.keep(bytes);
        if self.carried <= self.limit {
            show(&self.carry, is_first, None, end, each);
        }
        self.carried = 0;
        self.carry.clear();
        self.carry.shrink_to(CARRY_KEPT);
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.carried += bytes.len();
        if self.carried <= self.limit {
            self.carry.extend_from_slice(bytes);
        } else {
            self.carry = Vec::new();
        }
    }
}

/// Reads the fields of one event. An event with neither name nor data is not shown.
fn show(bytes: &[u8], is_first: bool, start: Option<usize>, end: usize, each: &mut impl FnMut(Event<'_>)) {
    let bytes = if is_first { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
    let (mut name, mut data) = (None, None);
    for line in lines(bytes) {
        match field(line) {
            (b"event", value) => name = Some(value),
            (b"data", value) => data = Some(joined(data, value)),
            _ => {}
        }
    }
    if name.is_some() || data.is_some() {
        each(Event { start, end, name, data: data.unwrap_or_default() });
    }
}

/// Splits at every `\n` and `\r`. The empty line inside a `\r\n` has no field, so it does no harm.
fn lines(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let end = memchr2(b'\n', b'\r', rest).or((!rest.is_empty()).then_some(rest.len()))?;
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line)
    })
}

fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = memchr(b':', line).unwrap_or(line.len());
    let value = line.get(colon + 1..).unwrap_or_default();
    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
}

fn joined<'a>(before: Option<Cow<'a, [u8]>>, value: &'a [u8]) -> Cow<'a, [u8]> {
    let Some(mut data) = before else { return Cow::Borrowed(value) };
    let all = data.to_mut();
    all.push(b'\n');
    all.extend_from_slice(value);
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = (Option<String>, String);

    fn scan<'a>(frames: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Vec<Seen> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut seen = Vec::new();
        let mut scanner = Scanner::with_limit(limit);
        for frame in frames {
            scanner.feed(frame, |event| seen.push((event.name.map(text), text(&event.data))));
        }
        scanner.finish(|event| seen.push((event.name.map(text), text(&event.data))));
        seen
    }

    /// Checks the events of a stream in one frame, in two frames cut at every byte, and byte by byte.
    fn check(stream: &str, expected: &[(Option<&str>, &str)]) {
        let stream = stream.as_bytes();
        let expected: Vec<Seen> =
            expected.iter().map(|(name, data)| (name.map(String::from), (*data).into())).collect();
        for cut in 0..=stream.len() {
            let (left, right) = stream.split_at(cut);
            assert_eq!(scan([left, right], EVENT_MAX), expected, "cut at {cut}");
        }
        assert_eq!(scan(stream.chunks(1), EVENT_MAX), expected, "byte by byte");
    }

    #[test]
    fn events_are_found_in_every_spelling() {
        check("", &[]);
        check("data: a\n\ndata: b\n\n", &[(None, "a"), (None, "b")]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &[(None, "a"), (None, "b")]);
        check("data: a\r\rdata: b\r\r", &[(None, "a"), (None, "b")]);
        check("data: a\r\n\ndata: b\n\r\n", &[(None, "a"), (None, "b")]);
        check("event: x\ndata:a\n\n", &[(Some("x"), "a")]);
        check("data:  a \nid: 7\nretry: 1\ndatum: no\n\n", &[(None, " a ")]);
        check("data: {\ndata\ndata: é}\n\n", &[(None, "{\n\né}")]);
        check("\u{feff}data: a\n\n\u{feff}data: b\n\n", &[(None, "a")]);
        check("\n\n: ka\n\n:\n\ndata: a\n: b\n\n\n\n", &[(None, "a")]);
        check("event: error\n\n", &[(Some("error"), "")]);
    }

    #[test]
    fn the_last_event_needs_no_blank_line() {
        check("data: a\n\ndata: [DONE]", &[(None, "a"), (None, "[DONE]")]);
        check("data: [DONE]\n", &[(None, "[DONE]")]);
        check("data: [DONE]\r", &[(None, "[DONE]")]);
    }

    #[test]
    fn a_line_end_that_is_cut_in_two_counts_as_one_that_is_not() {
        let stream = b"data: abc\r\n\r\n";
        for limit in 0..=stream.len() {
            let whole = scan([&stream[..]], limit);
            for at in 0..stream.len() {
                assert_eq!(scan([&stream[..at], &stream[at..]], limit), whole, "cut at {at}, limit {limit}");
            }
        }
    }

    #[test]
    fn an_event_beyond_the_limit_is_skipped_and_the_next_one_found() {
        let stream = format!("data: {}\n\ndata: b\n\n", "a".repeat(40));
        for size in 1..stream.len() {
            assert_eq!(scan(stream.as_bytes().chunks(size), 32), [(None, "b".to_owned())], "frames of {size}");
        }
    }

    #[test]
    fn an_event_inside_a_frame_is_borrowed_and_placed() {
        let mut scanner = Scanner::new();
        let mut places = Vec::new();
        scanner.feed(b"data: a\n\ndata: b\n\nda", |event| {
            assert!(matches!(event.data, Cow::Borrowed(_)));
            places.push((event.start, event.end));
        });

        assert_eq!(places, [(Some(0), 9), (Some(9), 18)]);
        assert_eq!((scanner.is_open(), scanner.open_from()), (true, 18));
    }

    #[test]
    fn a_split_event_ends_where_its_blank_line_does() {
        let mut scanner = Scanner::new();
        scanner.feed(b"data: a\r\n\r", |event| assert_eq!((event.start, event.end), (Some(0), 10)));
        assert_eq!((scanner.is_open(), scanner.open_from()), (false, 10));

        scanner.feed(b"\ndata", |event| panic!("{event:?} is not complete"));
        assert_eq!((scanner.is_open(), scanner.open_from()), (true, 1));

        let mut places = Vec::new();
        scanner.feed(b": b\n\n", |event| places.push((event.start, event.end)));
        assert_eq!(places, [(None, 5)]);
    }
}
