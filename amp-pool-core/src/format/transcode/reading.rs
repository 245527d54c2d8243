//! An upstream's answer, read: its bytes in, the events that the client is to know out.

use super::{
    WayBack,
    answer::Answer,
    codec::{self, ReadEvents},
    passes::Passes,
};
use crate::format::{Failure, Scanner, canonical::Event};

/// The reader of one answer. An answer may come in several passes, each of which is an upstream's answer of its own.
pub(super) struct Reading {
    source: Source,
    reader: Box<dyn ReadEvents>,
    passes: Passes,
    answer: Answer,
}

/// How the upstream sends.
enum Source {
    /// Nothing but space has come.
    Unknown,
    /// Events.
    Stream(Scanner),
    /// One JSON text, which is kept until it is whole.
    Whole(Vec<u8>),
}

impl Reading {
    pub(super) fn new(back: &WayBack) -> Self {
        Self {
            source: Source::Unknown,
            reader: codec::reader(back),
            passes: Passes::new(back),
            answer: Answer::new(back),
        }
    }

    /// Whether the pass ended in a pause, so that another is to follow.
    pub(super) fn is_paused(&self) -> bool {
        self.passes.is_paused()
    }

    /// Begins the next pass.
    pub(super) fn resume(&mut self, back: &WayBack) {
        self.source = Source::Unknown;
        self.reader = codec::reader(back);
        self.passes.resume();
    }

    /// Takes a frame, cut anywhere.
    pub(super) fn feed(&mut self, frame: &[u8], out: &mut Vec<Event>) {
        if let Source::Unknown = self.source {
            match frame.trim_ascii_start().first() {
                None => return,
                Some(b'{' | b'[') => self.source = Source::Whole(Vec::new()),
                Some(_) => self.source = Source::Stream(Scanner::new()),
            }
        }
        let mut events = Vec::new();
        match &mut self.source {
            Source::Stream(scanner) => scanner.feed(frame, |event| self.reader.read(&event, &mut events)),
            Source::Whole(body) => body.extend_from_slice(frame),
            Source::Unknown => {}
        }
        self.pass(events, out);
    }

    /// The upstream closed the connection.
    pub(super) fn finish(&mut self, back: &WayBack, out: &mut Vec<Event>) {
        let mut events = Vec::new();
        match std::mem::replace(&mut self.source, Source::Unknown) {
            Source::Stream(mut scanner) => scanner.finish(|event| self.reader.read(&event, &mut events)),
            Source::Whole(body) => events = whole(back, &body),
            Source::Unknown => {}
        }
        self.reader.end(&mut events);
        self.pass(events, out);
    }

    fn pass(&mut self, events: Vec<Event>, out: &mut Vec<Event>) {
        for event in events {
            if let Some(event) = self.passes.pass(event) {
                self.answer.pass(event, out);
            }
        }
    }
}

fn whole(back: &WayBack, body: &[u8]) -> Vec<Event> {
    let read = match Failure::read(body) {
        Some(failure) => Err(failure),
        None => codec::read_answer(body, back),
    };
    read.unwrap_or_else(|failure| vec![Event::Failed(failure)])
}
