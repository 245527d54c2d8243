//! A limit for clients that stop reading.
//!
//! Without one, a client that keeps its connection and takes nothing holds an upstream's stream, a key's place and our
//! buffers for as long as it likes: a body that is not asked for bytes cannot watch its own limits.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

pin_project! {
    /// A stream whose writes fail when the other side takes nothing for `limit`.
    pub(super) struct StallLimit<IO> {
        #[pin]
        io: IO,
        limit: Duration,
        stalled: bool,
        // Boxed, and made at the first stall: most connections never have one.
        timer: Option<Pin<Box<Sleep>>>,
    }
}

impl<IO> StallLimit<IO> {
    pub(super) fn new(io: IO, limit: Duration) -> Self {
        Self { io, limit, stalled: false, timer: None }
    }

    /// Passes on what `poll` says, unless it has been waiting for too long.
    fn watch<T>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut IO>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let this = self.project();
        let polled = poll(this.io, cx);
        if polled.is_ready() {
            *this.stalled = false;
            return polled;
        }
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(*this.limit)));
        if !std::mem::replace(this.stalled, true) {
            timer.as_mut().reset(Instant::now() + *this.limit);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<IO: AsyncRead> AsyncRead for StallLimit<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_read(cx, buffer)
    }
}

impl<IO: AsyncWrite> AsyncWrite for StallLimit<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.watch(cx, |io, cx| io.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.watch(cx, |io, cx| io.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch(cx, AsyncWrite::poll_shutdown)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_reader_that_stops_ends_the_writer() {
        let (io, _silent) = duplex(8);
        let error = StallLimit::new(io, LIMIT).write_all(&[0; 9]).await.unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_slow_reader_may_take_longer_than_the_limit_in_all() {
        let (io, mut slow) = duplex(1);
        let mut limited = StallLimit::new(io, LIMIT);
        let reader = async {
            for _ in 0..6 {
                sleep(LIMIT / 2).await;
                slow.read_u8().await.unwrap();
            }
        };

        assert!(tokio::join!(limited.write_all(&[0; 6]), reader).0.is_ok());
    }
}
