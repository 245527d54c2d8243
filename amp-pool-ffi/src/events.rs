//! The events of a stream: found in its pieces, and kept until the program has taken them.

use amp_pool_core::format::Scanner;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// Empty when it has none.
    pub(crate) name: &'a [u8],
    pub(crate) data: &'a [u8],
}

/// Events of pieces that were cut anywhere.
///
/// Their texts lie behind each other, name and data in turn: a program takes one event, or all that are there at once.
#[derive(Default)]
pub(crate) struct Events {
    scanner: Scanner,
    text: Vec<u8>,
    /// Where each text ends, two an event.
    ends: Vec<usize>,
    /// How many of the ends the program has been given.
    given: usize,
}

impl Events {
    /// Whether there is one that was not given.
    pub(crate) fn is_empty(&self) -> bool {
        self.given >= self.ends.len()
    }

    /// The size in bytes of what is kept.
    pub(crate) fn size(&self) -> usize {
        self.text.len()
    }

    /// Gives the next one.
    pub(crate) fn next(&mut self) -> Option<Event<'_>> {
        let begin = self.begin();
        let &[middle, end] = self.ends.get(self.given..self.given + 2)? else { return None };
        self.given += 2;
        Some(Event { name: self.text.get(begin..middle)?, data: self.text.get(middle..end)? })
    }

    /// Gives all: the texts, and where in them each ends.
    pub(crate) fn rest(&mut self) -> (&[u8], &[usize]) {
        self.forget_given();
        self.given = self.ends.len();
        (&self.text, &self.ends)
    }

    pub(crate) fn feed(&mut self, piece: &[u8]) {
        self.forget_given();
        let Self { scanner, text, ends, .. } = self;
        scanner.feed(piece, |event| keep(text, ends, &event));
    }

    /// Nothing more comes.
    pub(crate) fn finish(&mut self) {
        self.forget_given();
        let Self { scanner, text, ends, .. } = self;
        scanner.finish(|event| keep(text, ends, &event));
    }

    /// Where the text of the next one begins.
    fn begin(&self) -> usize {
        self.given.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
    }

    fn forget_given(&mut self) {
        let begin = self.begin();
        self.text.drain(..begin);
        self.ends.drain(..self.given);
        self.ends.iter_mut().for_each(|end| *end -= begin);
        self.given = 0;
    }
}

fn keep(text: &mut Vec<u8>, ends: &mut Vec<usize>, event: &amp_pool_core::format::Event<'_>) {
    for part in [event.name.unwrap_or_default(), &event.data] {
        text.extend_from_slice(part);
        ends.push(text.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"event: ping\ndata: {}\n\ndata: a\ndata: b\n\ndata: [DONE]";
    const EXPECTED: [(&str, &str); 3] = [("ping", "{}"), ("", "a\nb"), ("", "[DONE]")];

    /// Name and data.
    type Seen = (String, String);

    fn owned(name: &[u8], data: &[u8]) -> Seen {
        (String::from_utf8(name.to_vec()).unwrap(), String::from_utf8(data.to_vec()).unwrap())
    }

    fn one_by_one(events: &mut Events) -> Vec<Seen> {
        std::iter::from_fn(|| events.next().map(|event| owned(event.name, event.data))).collect()
    }

    fn all_at_once(events: &mut Events) -> Vec<Seen> {
        let (text, ends) = events.rest();
        let mut begin = 0;
        let mut seen = Vec::new();
        for pair in ends.chunks(2) {
            seen.push(owned(&text[begin..pair[0]], &text[pair[0]..pair[1]]));
            begin = pair[1];
        }
        seen
    }

    #[test]
    fn events_are_the_same_wherever_the_stream_is_cut_and_however_they_are_taken() {
        let expected = EXPECTED.map(|(name, data)| (name.to_owned(), data.to_owned()));
        let ways: [fn(&mut Events) -> Vec<Seen>; 2] = [one_by_one, all_at_once];
        for (cut, take) in (0..STREAM.len()).flat_map(|cut| ways.map(|take| (cut, take))) {
            let mut events = Events::default();
            events.feed(&STREAM[..cut]);
            let mut seen = take(&mut events);
            events.feed(&STREAM[cut..]);
            seen.extend(take(&mut events));
            events.finish();
            events.finish();
            seen.extend(take(&mut events));
            assert_eq!((seen.as_slice(), events.is_empty()), (expected.as_slice(), true), "cut at {cut}");
        }
    }

    #[test]
    fn what_was_given_is_not_among_the_rest() {
        let mut events = Events::default();
        events.feed(STREAM);
        assert_eq!(events.next(), Some(Event { name: b"ping", data: b"{}" }));
        events.finish();
        assert_eq!(events.rest(), (b"a\nb[DONE]".as_slice(), [0, 3, 3, 9].as_slice()));
        assert_eq!(events.next(), None);
        assert_eq!(events.rest(), ([].as_slice(), [].as_slice()));
    }
}
