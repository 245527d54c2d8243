//! Events of a stream, as they are written.

use serde::Serialize;

/// Writes one event. Clients of Messages and Responses go by the name, so theirs always have one.
pub(in crate::format) fn frame(out: &mut Vec<u8>, name: Option<&str>, data: &impl Serialize) {
    frame_of(out, name, |out| {
        // Shapes of ours under fixed names: writing them to memory has no way to fail.
        let _never_fails = serde_json::to_writer(out, data);
    });
}

/// Writes one event with the JSON that `write` writes.
pub(in crate::format) fn frame_of(out: &mut Vec<u8>, name: Option<&str>, write: impl FnOnce(&mut Vec<u8>)) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    let from = out.len();
    write(out);
    // JSON that is carried as it came may have line ends between its tokens, which would end the event.
    out[from..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    out.extend_from_slice(b"\n\n");
}

/// Writes a comment, which every reader of streams skips.
pub(in crate::format) fn comment(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b": ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::canonical::Json;

    #[test]
    fn an_event_is_one_line_whatever_it_carries() {
        let mut out = Vec::new();
        frame(&mut out, Some("x"), &Json::parse("{\"a\":\r\n \"b\\n\"}").unwrap());

        assert_eq!(String::from_utf8(out).unwrap(), "event: x\ndata: {\"a\":   \"b\\n\"}\n\n");
    }
}
