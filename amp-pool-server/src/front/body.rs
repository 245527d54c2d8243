//! The body of an answer: what the pool streams, or a page.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use amp_pool_core::service::PoolBody;
use axum::body::Body as Page;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pin_project! {
    /// The body of an answer. An enum, because a box would cost each frame of a stream one more call.
    #[project = Projected]
    pub(crate) enum FrontBody {
        /// An answer of the pool.
        Pool { #[pin] body: PoolBody },
        /// Anything else.
        Page { #[pin] body: Page },
    }
}

impl FrontBody {
    pub(crate) fn pool(body: PoolBody) -> Self {
        Self::Pool { body }
    }

    pub(crate) fn page(body: Page) -> Self {
        Self::Page { body }
    }
}

impl Body for FrontBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project() {
            Projected::Pool { body } => body.poll_frame(cx),
            Projected::Page { body } => body.poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Pool { body } => body.is_end_stream(),
            Self::Page { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Pool { body } => body.size_hint(),
            Self::Page { body } => body.size_hint(),
        }
    }
}
