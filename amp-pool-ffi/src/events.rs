//! The events of a stream, one after the other.

use std::collections::VecDeque;

use amp_pool_core::format::Scanner;

/// One event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Empty when it has none.
    pub(crate) name: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

/// Events of pieces that were cut anywhere.
#[derive(Default)]
pub(crate) struct Events {
    scanner: Scanner,
    ready: VecDeque<Event>,
    /// The one that the program was given last.
    pub(crate) current: Event,
}

impl Events {
    /// Goes on to the next event of what came. Whether there is one.
    pub(crate) fn advance(&mut self) -> bool {
        let next = self.ready.pop_front();
        let is_there = next.is_some();
        self.current = next.unwrap_or_default();
        is_there
    }

    pub(crate) fn feed(&mut self, piece: &[u8]) {
        let Self { scanner, ready, .. } = self;
        scanner.feed(piece, |event| ready.push_back(kept(&event)));
    }

    /// Nothing more comes.
    pub(crate) fn finish(&mut self) {
        let Self { scanner, ready, .. } = self;
        scanner.finish(|event| ready.push_back(kept(&event)));
    }
}

fn kept(event: &amp_pool_core::format::Event<'_>) -> Event {
    Event { name: event.name.unwrap_or_default().to_vec(), data: event.data.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_wherever_the_stream_is_cut() {
        let stream = b"event: ping\ndata: {}\n\ndata: a\ndata: b\n\ndata: [DONE]";
        let event = |name: &str, data: &str| Event { name: name.into(), data: data.into() };
        let expected = [event("ping", "{}"), event("", "a\nb"), event("", "[DONE]")];
        for cut in 0..stream.len() {
            let mut events = Events::default();
            events.feed(&stream[..cut]);
            events.feed(&stream[cut..]);
            events.finish();
            let mut seen = Vec::new();
            while events.advance() {
                seen.push(std::mem::take(&mut events.current));
            }
            assert_eq!(seen, expected, "cut at {cut}");
        }
    }
}
