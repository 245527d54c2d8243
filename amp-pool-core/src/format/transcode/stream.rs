//! The way back of a stream: bytes in, bytes out.

use std::time::Duration;

use super::{
    WayBack,
    answer::Answer,
    codec::{self, ReadEvents, WriteEvents},
    explain::{self, Explained},
};
use crate::format::{Failure, Problem, Scanner, canonical::Event};

/// Translates a stream for a client that wants a stream.
///
/// Frames may be cut anywhere: the bytes that come out are the same. An upstream that answers with one JSON body instead
/// is understood as well. The stream ends exactly once; whatever comes behind the end is not looked at.
pub struct Transcoder {
    source: Source,
    reader: Box<dyn ReadEvents>,
    answer: Answer,
    writer: Box<dyn WriteEvents>,
    back: WayBack,
    place: Place,
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

/// Where the client's stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Inside,
    Over,
}

impl Transcoder {
    /// A transcoder at the beginning of an answer.
    #[must_use]
    pub fn new(back: WayBack) -> Self {
        Self {
            source: Source::Unknown,
            reader: codec::reader(&back),
            answer: Answer::new(&back),
            writer: codec::writer(&back),
            back,
            place: Place::Before,
        }
    }

    /// Whether the client's stream has ended. The upstream may be left then.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.place == Place::Over
    }

    /// Takes a frame of the upstream, and appends to `out` what it means for the client.
    pub fn feed(&mut self, frame: &[u8], out: &mut Vec<u8>) {
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
        self.take(events, out);
    }

    /// The upstream closed the connection. An answer without its last word ends in an error.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let mut events = Vec::new();
        match std::mem::replace(&mut self.source, Source::Unknown) {
            Source::Stream(mut scanner) => scanner.finish(|event| self.reader.read(&event, &mut events)),
            Source::Whole(body) => events = whole(&self.back, &body),
            Source::Unknown => {}
        }
        self.reader.end(&mut events);
        self.take(events, out);
        self.give_up(&Explained::cut(), out);
    }

    /// Ends the stream in an error of ours, if it has not ended.
    pub fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        if !self.is_over() {
            self.place = Place::Over;
            self.writer.fail(problem, out);
        }
    }

    /// Says to the client that we are still there, after `silence` without a byte.
    pub fn keep_alive(&mut self, silence: Duration, out: &mut Vec<u8>) {
        if !self.is_over() {
            self.writer.keep_alive(silence, out);
        }
    }

    fn take(&mut self, events: Vec<Event>, out: &mut Vec<u8>) {
        let mut settled = Vec::new();
        for event in events {
            self.answer.pass(event, &mut settled);
        }
        for event in settled {
            self.write(&event, out);
        }
    }

    /// Writes one event, if it may still come.
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match (event, self.place) {
            (_, Place::Over) => {}
            (Event::Failed(failure), _) => self.give_up(&explain::explain(None, failure), out),
            // A proxy that tried again has spliced another answer into this one.
            (Event::Started(_), Place::Inside) => self.give_up(&Explained::spliced(), out),
            (event, _) => {
                self.writer.write(event, out);
                match event {
                    Event::Started(_) => self.place = Place::Inside,
                    Event::Finished(_) => self.place = Place::Over,
                    _ => {}
                }
            }
        }
    }

    fn give_up(&mut self, said: &Explained, out: &mut Vec<u8>) {
        let call = self.back.ids.call();
        self.fail(&said.problem(&call), out);
    }
}

/// The events of a body, whole or a stream, that came under `status`.
pub(super) fn events(back: &WayBack, status: u16, body: &[u8]) -> Result<Vec<Event>, Explained> {
    if status >= 400 {
        return Err(explain::read(status, body));
    }
    if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return Ok(whole(back, body));
    }
    let (mut scanner, mut reader, mut events) = (Scanner::new(), codec::reader(back), Vec::new());
    scanner.feed(body, |event| reader.read(&event, &mut events));
    scanner.finish(|event| reader.read(&event, &mut events));
    reader.end(&mut events);
    Ok(events)
}

/// The events up to the first end. Refuses what a proxy that tried again has spliced together, as a stream does.
pub(super) fn one_answer(mut events: Vec<Event>) -> Result<Vec<Event>, Explained> {
    let is_end = |event: &Event| matches!(event, Event::Finished(_) | Event::Failed(_));
    let length = events.iter().position(is_end).map_or(events.len(), |end| end + 1);
    events.truncate(length);
    let starts = events.iter().filter(|event| matches!(event, Event::Started(_))).count();
    if starts > 1 { Err(Explained::spliced()) } else { Ok(events) }
}

fn whole(back: &WayBack, body: &[u8]) -> Vec<Event> {
    let read = match Failure::read(body) {
        Some(failure) => Err(failure),
        None => codec::read_answer(body, back),
    };
    read.unwrap_or_else(|failure| vec![Event::Failed(failure)])
}
