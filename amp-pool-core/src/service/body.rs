//! The body of an answer: bytes on their way to the client, watched by a meter, ending in a record.
//!
//! It ends exactly once: with its last frame, at `is_end_stream`, with an error, or by being dropped. Whatever the way,
//! the call's record is written, and the last bytes wait until it is durable: what a client saw finish is in the books.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

pub(super) use self::{
    again::{Again, Pass},
    drain::{Drain, Drains},
    metered::Metered,
    rewrite::{Mended, Rewrite},
};
use super::{BoxError, Limits, memos::Memos};
use crate::{
    bodies::Capture,
    format::{Format, Meter},
    id::CallId,
    transport::{TransportError, UpstreamBody},
};

mod again;
mod drain;
mod metered;
mod rewrite;

/// The body of an answer.
pub struct PoolBody(Kind);

enum Kind {
    /// Ours, complete.
    Whole(Option<Bytes>),
    /// An upstream's, as it comes.
    Metered(Box<Metered>),
    /// Any of them, and somebody listens.
    Heard(Box<Kind>, Box<Capture>),
}

impl PoolBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole((!bytes.is_empty()).then_some(bytes)))
    }

    pub(super) fn metered(metered: Box<Metered>) -> Self {
        Self(Kind::Metered(metered))
    }

    /// Waits for the books if the whole answer is here already; else not at all.
    ///
    /// # Cancel safety
    /// Dropping the future, and the body with it, leaves a record that is complete.
    pub(super) async fn settled(&mut self) {
        if let Kind::Metered(metered) = &mut self.0 {
            metered.settled().await;
        }
    }

    pub(super) fn heard_by(self, capture: Box<Capture>) -> Self {
        Self(Kind::Heard(Box::new(self.0), capture))
    }
}

/// An answer of one's own, for services that stand in the place of the pool's.
///
/// ```
/// use amp_pool_core::service::PoolBody;
///
/// let answer = http::Response::new(PoolBody::from(bytes::Bytes::from("{}")));
/// assert!(answer.status().is_success());
/// ```
impl From<Bytes> for PoolBody {
    fn from(bytes: Bytes) -> Self {
        Self::whole(bytes)
    }
}

impl Body for PoolBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_bytes(cx).map(|next| next.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size()
    }
}

impl Kind {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        match self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Self::Metered(metered) => metered.poll_bytes(cx),
            Self::Heard(said, capture) => {
                let next = ready!(said.poll_bytes(cx));
                if let Some(Ok(bytes)) = &next {
                    capture.hear(bytes);
                }
                Poll::Ready(next)
            }
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Metered(metered) => metered.is_over(),
            Self::Heard(said, _) => said.is_over(),
        }
    }

    fn size(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Metered(metered) => metered.bytes_left().map_or_else(SizeHint::default, SizeHint::with_exact),
            Self::Heard(said, _) => said.size(),
        }
    }
}

/// How an answer's end is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// By its last event.
    Stream,
    /// By its length, or where there is none by the end of the connection.
    Whole {
        /// Bytes that have not come yet.
        left: Option<u64>,
    },
}

/// What an answer is made of.
pub(super) struct Parts {
    pub(super) call: CallId,
    pub(super) format: Format,
    pub(super) shape: Shape,
    pub(super) upstream: UpstreamBody,
    pub(super) meter: Option<Meter>,
    pub(super) rewrite: Rewrite,
    /// What stands beside a translation.
    pub(super) translation: Option<Beside>,
    /// What is needed to read on for a client that has hung up.
    pub(super) drain: Option<Drain>,
    pub(super) limits: Arc<Limits>,
    /// How long the upstream may be silent.
    pub(super) idle: std::time::Duration,
    /// The call ends here, whatever it does.
    pub(super) deadline: Instant,
}

/// What stands beside a translation.
pub(super) struct Beside {
    /// Where is kept what the client can not carry, and for whom.
    pub(super) memos: std::sync::Arc<Memos>,
    pub(super) tenant: String,
    /// Where the turn may pause.
    pub(super) again: Option<Box<Again>>,
}

/// The next bytes of an upstream's answer. Trailers say nothing that our clients could use.
pub(super) fn poll_data(
    upstream: &mut UpstreamBody,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, TransportError>>> {
    loop {
        match ready!(Pin::new(&mut *upstream).poll_frame(cx)).map(|frame| frame.map(Frame::into_data)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            Some(Ok(Ok(data))) if !data.is_empty() => return Poll::Ready(Some(Ok(data))),
            Some(Ok(_)) => {}
        }
    }
}
