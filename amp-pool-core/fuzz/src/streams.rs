//! Streams that are looked at and passed on.

use amp_pool_core::{
    format::{EVENT_MAX, Ending, Failure, Format, HiddenUsage, Meter, Opened, Opening, Pausing, Repair, Scanner},
    usage::{Usage, UsageSource},
};
use bytes::Bytes;
use serde_json::Value;

/// Cuts of `stream` for every input: whole, byte by byte, and in three pieces that `pick` chooses.
pub(crate) fn cuts(stream: &Bytes, pick: usize) -> [Vec<Bytes>; 2] {
    let bytes = (0..stream.len()).map(|at| stream.slice(at..=at)).collect();
    let (first, second) =
        (pick.wrapping_mul(7_919) % (stream.len() + 1), pick.wrapping_mul(104_729) % (stream.len() + 1));
    let (first, second) = (first.min(second), first.max(second));
    let pieces = vec![stream.slice(..first), stream.slice(first..second), Bytes::new(), stream.slice(second..)];
    [bytes, pieces]
}

type Seen = (Option<Vec<u8>>, Vec<u8>);

/// Events are the same wherever the stream is cut, and tile the frame they are in.
pub(crate) fn scanned(data: &[u8]) {
    let (pick, stream) = super::setup::split(data);
    let stream = Bytes::copy_from_slice(stream);
    let whole = [stream.clone()];
    for cut in cuts(&stream, pick) {
        assert_eq!(scan(&cut, EVENT_MAX), scan(&whole, EVENT_MAX));
        assert_eq!(scan(&cut, 40), scan(&whole, 40));
        assert_eq!(shown(&cut), shown(&whole));
    }
}

fn scan(frames: &[Bytes], limit: usize) -> Vec<Seen> {
    let (mut scanner, mut seen) = (Scanner::with_limit(limit), Vec::new());
    for frame in frames {
        let mut done = 0;
        scanner.feed(frame, |event| {
            let start = event.start.unwrap_or(0);
            assert!(done <= start && start <= event.end && event.end <= frame.len());
            done = event.end;
            seen.push((event.name.map(<[u8]>::to_vec), event.data.to_vec()));
        });
        assert!(scanner.open_from() <= frame.len());
    }
    scanner.finish(|event| seen.push((event.name.map(<[u8]>::to_vec), event.data.to_vec())));
    seen
}

fn shown(frames: &[Bytes]) -> Vec<u8> {
    let (mut hidden, mut shown) = (HiddenUsage::new(), Vec::new());
    frames.iter().for_each(|frame| shown.extend(hidden.feed(frame.clone()).flatten()));
    shown.extend(hidden.finish().into_iter().flatten());
    shown
}

/// A stream is mended alike wherever it is cut, keeps its events, and is in order then.
pub(crate) fn repaired(data: &[u8]) {
    let (pick, stream) = super::setup::split(data);
    let stream = Bytes::copy_from_slice(stream);
    for format in Format::ALL {
        let mended = mend(format, std::slice::from_ref(&stream));
        for cut in cuts(&stream, pick) {
            assert_eq!(mend(format, &cut), mended);
        }
        let count = |stream: &Bytes| scan(std::slice::from_ref(stream), EVENT_MAX).len();
        assert_eq!(count(&mended), count(&stream));
        assert_eq!(mend(format, std::slice::from_ref(&mended)), mended);
    }
}

fn mend(format: Format, frames: &[Bytes]) -> Bytes {
    let (mut repair, mut mended) = (Repair::new(format), Vec::new());
    frames.iter().for_each(|frame| mended.extend(repair.feed(frame.clone()).flatten()));
    mended.extend(repair.finish().into_iter().flatten());
    mended.into()
}

/// A turn that paused goes on with one turn more, wherever its answer was cut.
pub(crate) fn paused(data: &[u8]) {
    let (pick, stream) = super::setup::split(data);
    let stream = Bytes::copy_from_slice(stream);
    let again = go_on(std::slice::from_ref(&stream));
    for cut in cuts(&stream, pick) {
        assert_eq!(go_on(&cut), again);
    }
    if let Some(body) = again {
        let body: Value = serde_json::from_slice(&body).expect("a body is JSON");
        let turns = body["messages"].as_array().expect("a list of turns");
        assert!(turns.len() == 2 && turns[1]["role"] == "assistant");
        assert!(turns[1]["content"].as_array().is_some_and(|content| !content.is_empty()));
    }
}

fn go_on(frames: &[Bytes]) -> Option<Vec<u8>> {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":9}"#;
    let mut pausing = Pausing::new(body)?;
    frames.iter().for_each(|frame| pausing.feed(frame));
    pausing.again()
}

/// A meter takes any bytes, and counts the same wherever they are cut.
pub(crate) fn metered(data: &[u8]) {
    let (pick, stream) = super::setup::split(data);
    let stream = Bytes::copy_from_slice(stream);
    let whole = [stream.clone()];
    for format in Format::ALL {
        for cut in cuts(&stream, pick) {
            assert_eq!(measure(Meter::stream(format), &cut), measure(Meter::stream(format), &whole));
            assert_eq!(measure(Meter::whole(format), &cut), measure(Meter::whole(format), &whole));
            assert_eq!(opened(format, &cut), opened(format, &whole));
        }
    }
}

type Measured = (Usage, UsageSource, Ending, Option<Failure>);

fn measure(mut meter: Meter, frames: &[Bytes]) -> Measured {
    meter.expect_input(100);
    for frame in frames {
        meter.feed(frame);
        assert!(meter.terminal_at().is_none_or(|at| at <= frame.len()));
    }
    meter.finish();
    (meter.usage(), meter.source(), meter.ending(), meter.failure().cloned())
}

fn opened(format: Format, frames: &[Bytes]) -> Opened {
    let mut opening = Opening::new(format);
    for frame in frames {
        opening.feed(frame);
    }
    opening.finish()
}
