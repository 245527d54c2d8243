//! Events of a Messages stream as they come, as far as anybody looks into them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::format::{
    loose::{Loose, LooseList, Text, Tokens},
    sse,
};

/// An event. What it brings is read by whoever wants it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<Text<'a>>,
    pub(super) index: Loose<Tokens>,
    #[serde(borrow)]
    pub(super) message: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) delta: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
}

/// A whole message, or the beginning of one.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) id: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) model: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) content: LooseList<'a>,
    #[serde(borrow)]
    pub(super) stop_reason: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
}

/// What is new in a block, or of the message. The kind of the block decides what is taken of it, so that a delta which does
/// not fit is nothing.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub(super) text: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) thinking: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) signature: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) partial_json: Loose<Text<'a>>,
    #[serde(borrow)]
    pub(super) citation: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) stop_reason: Loose<Text<'a>>,
}

impl<'a> Line<'a> {
    /// What an event holds; nothing, if it is no JSON.
    pub(super) fn of(event: &'a sse::Event<'_>) -> Self {
        serde_json::from_slice(&event.data).unwrap_or_default()
    }

    /// What kind of event it is: by the `type` inside, because servers forget the name outside.
    pub(super) fn kind<'k>(&'k self, event: &'k sse::Event<'_>) -> &'k [u8] {
        let kind = self.kind.0.as_ref().map(|kind| kind.0.as_bytes());
        kind.or(event.name).unwrap_or_default()
    }
}

impl<'a> Message<'a> {
    pub(super) fn of(raw: Option<&'a RawValue>) -> Self {
        object(raw).unwrap_or_default()
    }
}

impl<'a> Delta<'a> {
    pub(super) fn of(raw: Option<&'a RawValue>) -> Self {
        object(raw).unwrap_or_default()
    }
}

/// What is read of an object. A list would fill the members in their order.
fn object<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    let raw = raw?.get();
    raw.starts_with('{').then(|| serde_json::from_str(raw).ok())?
}
