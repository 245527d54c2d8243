//! One HTTP/1 connection that is polled by the exchange that uses it.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{Connection, SendRequest, handshake},
    },
};
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tokio::net::TcpStream;

use super::gate::Gate;
use crate::format::Chain;

/// Rounds between a connection and its user before other tasks have their turn.
const ROUNDS: usize = 8;

/// What became of a request.
pub(super) type Sent = Result<Response<Incoming>, Unsent>;

/// Why a request has no answer. Holds it when nothing of it was written.
pub(super) type Unsent = TrySendError<Request<Chain>>;

/// A connection.
pub(super) struct Line {
    sender: SendRequest<Chain>,
    /// Gone when it has ended.
    connection: Option<Connection<TokioIo<TcpStream>, Chain>>,
    gate: Arc<Gate>,
    waker: Waker,
    /// Where it rests.
    pub(super) home: usize,
}

impl Line {
    pub(super) async fn open(io: TokioIo<TcpStream>, home: usize) -> hyper::Result<Box<Self>> {
        let (sender, connection) = handshake(io).await?;
        let gate = Arc::new(Gate::default());
        let waker = Waker::from(Arc::clone(&gate));
        Ok(Box::new(Self { sender, connection: Some(connection), gate, waker, home }))
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) fn send(&mut self, request: Request<Chain>) -> impl Future<Output = Sent> {
        let sent = self.sender.try_send_request(request);
        Sending { sent, line: self }
    }

    /// Polls `wanted`, something that this connection feeds, and the connection, until there is nothing more to do.
    pub(super) fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut wanted: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Self { connection, gate, waker, .. } = self;
        gate.enter(cx.waker());
        let mut inner = Context::from_waker(waker);
        for _ in 0..ROUNDS {
            if let Poll::Ready(come) = wanted(&mut inner) {
                return Poll::Ready(come);
            }
            // What `wanted` woke is the connection, which is next.
            gate.clear();
            let ended = connection.as_mut().is_some_and(|connection| Pin::new(connection).poll(&mut inner).is_ready());
            if ended {
                *connection = None;
            } else if gate.leave() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether another request can be sent after an exchange. Nearly always that is known when the last of it has come.
    pub(super) fn is_free(&mut self) -> bool {
        self.is_ready() || self.is_fit()
    }

    /// Whether another request can be sent, by a look at what has come meanwhile: the end of the connection, above all.
    pub(super) fn is_fit(&mut self) -> bool {
        let _: Poll<()> = self.poll_with(&mut Context::from_waker(Waker::noop()), |_| Poll::Pending);
        self.is_ready()
    }

    fn is_ready(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }
}

pin_project! {
    /// A request on its way. Written out, because an async function would keep the request's room beside that of its sending.
    struct Sending<'a, F> {
        #[pin]
        sent: F,
        line: &'a mut Line,
    }
}

impl<F: Future> Future for Sending<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        this.line.poll_with(cx, |cx| this.sent.as_mut().poll(cx))
    }
}
