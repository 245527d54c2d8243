//! Random streams, and frames of them cut anywhere.

use bytes::Bytes;
use proptest::prelude::*;

/// Pieces of which streams are made: whole events, parts of them, and all kinds of line ends.
const PIECES: &[&str] = &[
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\n\n",
    "\u{feff}",
    ": comment",
    "data:",
    "data: ",
    "event: error",
    "event: message_stop",
    "é漢\0",
    "[DONE]",
    "data: [DONE]\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3}}\r\n\r\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"\\u00e9\\n漢\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"error\":{\"code\":7}}\n\n",
    "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"cache_creation_input_tokens\":2}}}\n\n",
    "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"some words\"}}\r\r",
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":4}}\n\n",
    "data: {\"type\":\"message_stop\"}\n\n",
    "data: {\"type\":\"response.output_text.delta\",\"delta\":\"some words\"}\n\n",
    "data: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n",
    "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"message\":\"no\"},\"usage\":null}}\n\n",
];

/// A stream and the places where it is cut.
pub(crate) fn stream() -> impl Strategy<Value = (Bytes, Vec<prop::sample::Index>)> {
    let stream = prop::collection::vec(prop::sample::select(PIECES), 0..24).prop_map(|pieces| pieces.concat().into());
    (stream, any::<Vec<prop::sample::Index>>())
}

/// Cuts `stream` into frames. Some are empty.
pub(crate) fn cut(stream: &Bytes, cuts: &[prop::sample::Index]) -> Vec<Bytes> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    places.extend([0, stream.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| stream.slice(pair[0]..pair[1])).collect()
}
