//! Events of a stream, as they are written.

use serde::Serialize;

/// Writes one event. Clients of Messages and Responses go by the name, so theirs always have one.
pub(in crate::format) fn frame(out: &mut Vec<u8>, name: Option<&str>, data: &impl Serialize) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    // Shapes of ours under fixed names: writing them to memory has no way to fail.
    out.extend_from_slice(&serde_json::to_vec(data).unwrap_or_default());
    out.extend_from_slice(b"\n\n");
}

/// Writes a comment, which every reader of streams skips.
pub(in crate::format) fn comment(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b": ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\n\n");
}
