//! What is read of a body without a document, and changed in place.

use amp_pool_core::format::{Splice, peek, splice};
use bytes::Bytes;
use serde_json::{Map, Value};

/// A peek agrees with a full parse, and refuses only what is broken, doubled or of the wrong type.
pub(crate) fn peeked(data: &[u8]) {
    let parsed = serde_json::from_slice::<Map<String, Value>>(data);
    let peek = match peek(data) {
        Ok(peek) => peek,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    // A full parse gives up at a depth that is none of our business; a peek skips.
    let Ok(body) = parsed else { return };
    assert_eq!(peek.is_empty, body.is_empty());
    assert_eq!(peek.model.as_deref(), body.get("model").and_then(Value::as_str));
    assert_eq!(peek.stream, body.get("stream").and_then(Value::as_bool).unwrap_or_default());
    assert_eq!(data[peek.first_member - 1], b'{');
    if let Some(span) = peek.model_span {
        assert_eq!(serde_json::from_slice::<Value>(&data[span]).ok().as_ref(), body.get("model"));
    }
}

/// The edits of a same-format call change what they name and nothing else.
pub(crate) fn spliced(data: &[u8]) {
    any_edits(data);
    let Ok(peek) = peek(data) else { return };
    let Ok(mut expected) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
    let edits: Vec<Splice> = peek.ask_for_usage().into_iter().chain(peek.model_splice("é\"\n")).collect();
    let edited = splice(&Bytes::copy_from_slice(data), edits).into_bytes();
    if expected.get("model").is_some_and(|model| !model.is_null()) {
        expected.insert("model".into(), "é\"\n".into());
    }
    let options = expected.entry("stream_options").or_insert(Value::Null);
    options["include_usage"] = true.into();
    let edited: Map<String, Value> = serde_json::from_slice(&edited).expect("an edited body is JSON");
    assert_eq!(edited, expected);
}

/// Edits anywhere, in any order: what is between them stays.
fn any_edits(data: &[u8]) {
    let places: Vec<usize> = data.iter().take(6).map(|byte| usize::from(*byte) % (data.len() + 1)).collect();
    let mut places = places;
    places.sort_unstable();
    let edit = |pair: &[usize]| Splice { range: pair[0]..pair[1], with: Bytes::from_static(b"<>") };
    let mut edits: Vec<Splice> = places.chunks_exact(2).map(edit).collect();
    edits.reverse();
    let expected = places.chunks_exact(2).rev().fold(data.to_vec(), |mut body, pair| {
        body.splice(pair[0]..pair[1], *b"<>");
        body
    });
    let chain = splice(&Bytes::copy_from_slice(data), edits);
    assert_eq!(chain.len(), expected.len());
    assert!(chain.slices().all(|slice| !slice.is_empty()));
    assert_eq!(chain.into_bytes(), expected);
}
