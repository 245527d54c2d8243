//! What a format must offer, and who offers it.
//!
//! The one place that lists the formats. Each function here stands for three of the same name, one per folder.

use std::time::Duration;

use super::{Translation, WayBack};
use crate::format::{
    Failure, Format, Losses, Problem, Reject,
    canonical::{Collected, Event, Request},
    chat, messages, responses, sse,
};

/// Reads the events of an upstream's stream. Emits what [`Grammar`](crate::format::canonical::Grammar) allows.
pub(in crate::format) trait ReadEvents: Send {
    /// Takes the next event of the stream. What it does not know it skips.
    fn read(&mut self, event: &sse::Event<'_>, out: &mut Vec<Event>);

    /// The connection was closed without an error. Emits the end if the stream may end so, else nothing: an answer
    /// without its last word is an error, and the transcoder says so.
    fn end(&mut self, out: &mut Vec<Event>);
}

/// Writes the events of a client's stream, whole and flushed one by one.
///
/// Takes any sequence that [`Grammar`](crate::format::canonical::Grammar) allows. `Failed` does not come here but as
/// [`fail`](Self::fail), so `write` may skip it. Nothing is called after `Finished` or `fail`.
pub(in crate::format) trait WriteEvents: Send {
    /// Writes what `event` means for the client; perhaps nothing.
    fn write(&mut self, event: &Event, out: &mut Vec<u8>);

    /// Ends the stream in the error shape of the format. Blocks stay open, and no success is told.
    fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>);

    /// Says that we are still there, after `silence` without an event.
    fn keep_alive(&mut self, silence: Duration, out: &mut Vec<u8>);
}

macro_rules! by_format {
    ($format:expr, $module:ident :: $call:ident ( $($argument:expr),* )) => {
        match $format {
            Format::Chat => chat::$module::$call($($argument),*),
            Format::Messages => messages::$module::$call($($argument),*),
            Format::Responses => responses::$module::$call($($argument),*),
        }
    };
}

/// Reads a request body.
pub(super) fn read_request(client: Format, body: &[u8], losses: &mut Losses) -> Result<Request, Reject> {
    by_format!(client, read_request::read_request(body, losses))
}

/// Writes a request body.
pub(super) fn write_request(
    request: &Request,
    translation: &Translation,
    losses: &mut Losses,
    back: &mut WayBack,
) -> Result<Vec<u8>, Reject> {
    by_format!(translation.upstream, write_request::write_request(request, translation, losses, back))
}

/// A reader of streams.
pub(super) fn reader(back: &WayBack) -> Box<dyn ReadEvents> {
    match back.upstream() {
        Format::Chat => Box::new(chat::read_stream::Reader::new(back)),
        Format::Messages => Box::new(messages::read_stream::Reader::new(back)),
        Format::Responses => Box::new(responses::read_stream::Reader::new(back)),
    }
}

/// Reads a whole answer into events.
pub(super) fn read_answer(body: &[u8], back: &WayBack) -> Result<Vec<Event>, Failure> {
    by_format!(back.upstream(), read_answer::read_answer(body, back))
}

/// A writer of streams.
pub(super) fn writer(back: &WayBack) -> Box<dyn WriteEvents> {
    match back.client() {
        Format::Chat => Box::new(chat::write_stream::Writer::new(back)),
        Format::Messages => Box::new(messages::write_stream::Writer::new(back)),
        Format::Responses => Box::new(responses::write_stream::Writer::new(back)),
    }
}

/// Writes a whole answer.
pub(super) fn write_answer(answer: &Collected, back: &WayBack) -> Vec<u8> {
    by_format!(back.client(), write_answer::write_answer(answer, back))
}
