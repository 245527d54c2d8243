//! Streams: cut anywhere, held to the client's grammar, and read again.

use amp_pool_core::format::{Format, Transcoder, WayBack};
use serde_json::Value;

use super::{
    checker::{chat, messages, responses},
    compare::same_text,
    settings::Settings,
};

/// Translates `answer` whole and in pieces, and holds what comes out to `expected` and to the grammar.
pub(super) fn check(back: &WayBack, ask: &str, answer: &[u8], expected: &str) -> Result<(), String> {
    let out = translated(back, &[answer]);
    same_text(expected, &String::from_utf8_lossy(&out))?;
    let bytes: Vec<&[u8]> = answer.chunks(1).collect();
    assert!(translated(back, &bytes) == out, "byte by byte it is another stream");
    for at in cuts(answer) {
        let (left, right) = answer.split_at(at);
        assert!(translated(back, &[left, right]) == out, "cut at {at} it is another stream");
    }
    read_again(back.client(), &out, has_failed(back.client(), ask, &out)?)
}

/// Where to cut in two: everywhere in an optimised build. Without optimisation that takes minutes, so there it is around
/// the ends of lines, and at every seventh byte of the rest.
fn cuts(answer: &[u8]) -> Vec<usize> {
    let is_chosen = |at: &usize| {
        let around = &answer[at.saturating_sub(2)..answer.len().min(at + 2)];
        !cfg!(debug_assertions) || at.is_multiple_of(7) || around.iter().any(|byte| matches!(byte, b'\n' | b'\r'))
    };
    (1..answer.len()).filter(is_chosen).collect()
}

/// Whether the pool's own reader of the format takes the answer for what it is: an answer or a failure.
pub(super) fn read_again(client: Format, out: &[u8], has_failed: bool) -> Result<(), String> {
    let other = if client == Format::Messages { Format::Chat } else { Format::Messages };
    let settings = Settings::default();
    let sent = settings.translation(other, client).request(settings.ask(other).as_bytes());
    let status = sent.map_err(|reject| reject.message)?.back.whole(200, out).status;
    if (status >= 400) == has_failed { Ok(()) } else { Err(format!("read again it came under {status}")) }
}

fn translated(back: &WayBack, pieces: &[&[u8]]) -> Vec<u8> {
    let (mut transcoder, mut out) = (Transcoder::new(back.clone()), Vec::new());
    pieces.iter().for_each(|piece| transcoder.feed(piece, &mut out));
    transcoder.finish(&mut out);
    assert!(transcoder.is_over(), "the stream has no end");
    out
}

/// Holds a stream to the grammar of `client`, and says whether it ended in an error.
fn has_failed(client: Format, ask: &str, out: &[u8]) -> Result<bool, String> {
    match client {
        Format::Chat => chat::check(out, wants_usage(ask)).map(|told| told.has_failed),
        Format::Messages => messages::check(out).map(|stream| stream.told.has_failed),
        Format::Responses => responses::check(out).map(|told| told.has_failed),
    }
}

fn wants_usage(ask: &str) -> bool {
    serde_json::from_str::<Value>(ask).is_ok_and(|ask| ask["stream_options"]["include_usage"] == true)
}
