//! Bodies, on both ways without a copy.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::lanes::Lane;
use crate::{
    format::Chain,
    transport::{Stage, TransportError},
};

/// The body of a request. Its length is known, so it is sent with `content-length` and never in chunks.
pub(super) fn outgoing(chain: Chain) -> reqwest::Body {
    // One slice needs no box, and none is no body.
    let is_one = chain.slices().nth(1).is_none();
    if is_one { chain.into_bytes().into() } else { reqwest::Body::wrap(chain) }
}

/// The body of an answer: every frame as it came, trailers included.
pub(super) struct Incoming<C> {
    pub(super) body: reqwest::Body,
    // Counts as an exchange under way until the body is dropped.
    pub(super) _lane: Lane<C>,
}

impl<C> Body for Incoming<C> {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        let broken = |err: reqwest::Error| TransportError::new(Stage::Body, err.without_url());
        Pin::new(&mut self.body).poll_frame(cx).map_err(broken)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
