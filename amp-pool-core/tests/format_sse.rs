//! Events are the same wherever the frames of a stream are cut.

mod chunks;

use amp_pool_core::format::{EVENT_MAX, HiddenUsage, Scanner};
use bytes::Bytes;
use chunks::{cut, stream};
use proptest::prelude::*;

type Seen = (Option<Vec<u8>>, Vec<u8>);

fn scan(frames: &[Bytes], limit: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut scanner = Scanner::with_limit(limit);
    for frame in frames {
        scanner.feed(frame, |event| seen.push((event.name.map(<[u8]>::to_vec), event.data.to_vec())));
    }
    scanner.finish(|event| seen.push((event.name.map(<[u8]>::to_vec), event.data.to_vec())));
    seen
}

fn shown(frames: &[Bytes]) -> Vec<u8> {
    let mut hidden = HiddenUsage::new();
    let mut shown = Vec::new();
    for frame in frames {
        shown.extend(hidden.feed(frame.clone()).flatten());
    }
    shown.extend(hidden.finish().into_iter().flatten());
    shown
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_events((stream, cuts) in stream()) {
        prop_assert_eq!(scan(&cut(&stream, &cuts), EVENT_MAX), scan(&[stream], EVENT_MAX));
    }

    #[test]
    fn events_tile_the_frame_they_are_in((stream, cuts) in stream()) {
        let mut scanner = Scanner::new();
        for frame in cut(&stream, &cuts) {
            let mut done = 0;
            scanner.feed(&frame, |event| {
                let start = event.start.unwrap_or(0);
                assert!(done <= start && start <= event.end && event.end <= frame.len());
                done = event.end;
            });
            prop_assert!(scanner.open_from() <= frame.len());
            prop_assert!(!scanner.is_open() || scanner.open_from() < frame.len() || frame.is_empty());
        }
    }

    #[test]
    fn any_cut_shows_the_same_bytes((stream, cuts) in stream()) {
        prop_assert_eq!(shown(&cut(&stream, &cuts)), shown(&[stream]));
    }

    #[test]
    fn what_is_shown_lacks_only_usage_chunks((stream, cuts) in stream()) {
        // A mark counts only at the start of a stream, where another event may stand once the first is gone.
        let stream = Bytes::from([b": start\n\n", &*stream].concat());
        let kept: Vec<Seen> = scan(std::slice::from_ref(&stream), EVENT_MAX)
            .into_iter()
            .filter(|(_, data)| !data.trim_ascii_start().starts_with(br#"{"choices":[],"usage":{"#))
            .collect();
        prop_assert_eq!(scan(&[shown(&cut(&stream, &cuts)).into()], EVENT_MAX), kept);
    }
}
