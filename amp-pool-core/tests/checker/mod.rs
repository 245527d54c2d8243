//! Holds a client's stream to the grammar of its format, as the strictest SDKs and agents read it.
//!
//! Knows nothing of the crate but bytes, so the tests inside and outside of it, the golden cases and the fuzz targets all
//! judge by the same rules.

// Each of those uses a part of it.
#![allow(dead_code)]

pub(crate) mod chat;
pub(crate) mod messages;
pub(crate) mod responses;

/// A frame of a stream: the name of the event, if it has one, and its data.
pub(crate) type Frame = (Option<String>, String);

/// What a legal stream came to, in any format.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Whether it ended in an error.
    pub(crate) has_failed: bool,
    /// The text of the answer.
    pub(crate) text: String,
    /// The inputs of the calls that are complete.
    pub(crate) calls: Vec<String>,
}

/// Takes a stream apart. Stricter than a client: we write one way of all the legal ones.
pub(crate) fn frames(stream: &[u8]) -> Result<Vec<Frame>, String> {
    let text = std::str::from_utf8(stream).map_err(|error| error.to_string())?;
    let Some(whole) = text.strip_suffix("\n\n") else {
        return if text.is_empty() { Ok(Vec::new()) } else { Err("the last event is not whole".into()) };
    };
    whole.split("\n\n").filter(|frame| !frame.starts_with(": ")).map(frame).collect()
}

fn frame(text: &str) -> Result<Frame, String> {
    let (name, data) = match text.strip_prefix("event: ").and_then(|rest| rest.split_once('\n')) {
        Some((name, data)) => (Some(name.to_owned()), data),
        None => (None, text),
    };
    let data = data.strip_prefix("data: ").ok_or_else(|| format!("no data: {text}"))?;
    ensure(!data.contains(['\n', '\r']), "data of several lines")?;
    Ok((name, data.to_owned()))
}

/// An error unless it is right.
pub(crate) fn ensure(is_right: bool, what: &str) -> Result<(), String> {
    if is_right { Ok(()) } else { Err(what.to_owned()) }
}
