//! Requests that take a processor for long.
//!
//! A large one is taken apart, and maybe translated, in one go of milliseconds. Whatever else that thread has to do would wait
//! for it, and there may be no other: so it goes to another thread before.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::Request;
use http_body::Body;
use tokio::{
    runtime::{Handle, RuntimeFlavor::MultiThread},
    task::block_in_place,
};

/// What is less takes no longer than a hundred small ones. To change threads takes as long as one of those.
const BYTES: u64 = 256 * 1024;

/// Whether a request may be large.
pub(super) fn may_be_heavy(request: &Request<impl Body>) -> bool {
    request.body().size_hint().upper().is_none_or(|bytes| bytes > BYTES)
}

/// An answer that takes long to make. Polled where nothing waits behind it.
pub(super) struct Heavy<T>(pub(super) BoxFuture<'static, T>);

impl<T> Future for Heavy<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let answer = self.0.as_mut();
        match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Ok(MultiThread) => block_in_place(|| answer.poll(cx)),
            _ => answer.poll(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http_body_util::Full;
    use tokio::{runtime::Builder, sync::oneshot};

    use super::*;

    #[test]
    fn only_a_large_body_or_one_of_unknown_length_is_heavy() {
        let of = |bytes: u64| Request::new(Full::new(Bytes::from(vec![0; usize::try_from(bytes).unwrap()])));
        assert_eq!([0, BYTES, BYTES + 1].map(|bytes| may_be_heavy(&of(bytes))), [false, false, true]);
        let unknown = http_body_util::StreamBody::new(futures::stream::empty::<Result<http_body::Frame<Bytes>, ()>>());
        assert!(may_be_heavy(&Request::new(unknown)));
    }

    #[test]
    fn nobody_waits_for_a_heavy_one() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (done, other) = std::sync::mpsc::channel();
        let heavy = async move {
            tokio::spawn(async move { done.send(()) });
            // Without another thread for it the other task would wait behind this one for ever.
            other.recv_timeout(Duration::from_secs(30))
        };
        let heavy = runtime.spawn(Heavy(Box::pin(heavy)));
        runtime.block_on(heavy).unwrap().unwrap();
    }

    #[test]
    fn a_runtime_of_one_thread_does_it_as_always() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let (send, receive) = oneshot::channel();
        send.send(7).unwrap();
        assert_eq!(runtime.block_on(Heavy(Box::pin(receive))), Ok(7));
    }
}
