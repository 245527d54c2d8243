//! Single values of a body, replaced in place.
//!
//! The rest of the body stays the same bytes in the same allocation: the result is a chain of slices.

use std::{collections::VecDeque, ops::Range};

use bytes::Bytes;

/// Replaces `range` of a body by `with`. An empty range inserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// What goes.
    pub range: Range<usize>,
    /// What comes.
    pub with: Bytes,
}

impl Splice {
    /// Replaces `range` by `text` as a JSON string.
    #[must_use]
    pub fn string(range: Range<usize>, text: &str) -> Self {
        Self { range, with: serde_json::Value::from(text).to_string().into() }
    }
}

/// A body made of slices. Cloning it copies no bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain(VecDeque<Bytes>);

impl Chain {
    /// The slices, in order. None of them is empty.
    pub fn slices(&self) -> impl Iterator<Item = &Bytes> {
        self.0.iter()
    }

    /// Bytes left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the next slice.
    pub fn pop(&mut self) -> Option<Bytes> {
        self.0.pop_front()
    }

    /// One slice with everything: the slice itself when there is only one, else a copy.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
        if self.0.len() <= 1 {
            self.0.pop_front().unwrap_or_default()
        } else {
            self.0.iter().flatten().copied().collect()
        }
    }

    fn push(&mut self, slice: Bytes) {
        if !slice.is_empty() {
            self.0.push_back(slice);
        }
    }
}

impl From<Bytes> for Chain {
    fn from(body: Bytes) -> Self {
        let mut chain = Self::default();
        chain.push(body);
        chain
    }
}

#[cfg(feature = "pool")]
impl http_body::Body for Chain {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(self.pop().map(|slice| Ok(http_body::Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.len() as u64)
    }
}

/// Applies `edits`, which do not overlap, to a body. Without edits the body is passed on as it is.
#[must_use]
pub fn splice(body: &Bytes, mut edits: Vec<Splice>) -> Chain {
    edits.sort_by_key(|edit| edit.range.start);
    let mut chain = Chain::default();
    let mut done = 0;
    for edit in edits {
        chain.push(body.slice(done..edit.range.start.max(done)));
        done = edit.range.end.max(done);
        chain.push(edit.with);
    }
    chain.push(body.slice(done..));
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(range: Range<usize>, with: &'static str) -> Splice {
        Splice { range, with: Bytes::from_static(with.as_bytes()) }
    }

    #[test]
    fn a_body_without_edits_is_the_same_allocation() {
        let body = Bytes::from_static(b"{\"model\":\"a\"}");
        let chain = splice(&body, Vec::new());

        assert_eq!(chain.slices().map(|slice| slice.as_ptr()).collect::<Vec<_>>(), [body.as_ptr()]);
    }

    #[test]
    fn what_is_not_edited_is_not_copied() {
        let body = Bytes::from_static(b"{\"model\":\"a\",\"n\":1}");
        let chain = splice(&body, vec![edit(1..1, "\"x\":0,"), edit(9..12, "\"bc\"")]);
        let slices: Vec<_> = chain.slices().cloned().collect();

        assert_eq!(slices.last().unwrap().as_ptr(), body[12..].as_ptr());
        assert_eq!(chain.into_bytes(), r#"{"x":0,"model":"bc","n":1}"#);
    }
}
