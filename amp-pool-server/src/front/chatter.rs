//! Sends away who talks about an HTTP/2 connection instead of using it.
//!
//! Each ping and each change of settings has to be answered, and a reset, a priority or a window that nobody waits for has to be
//! looked at. What reads the protocol has limits for streams and none for these, so they are counted where the bytes come in:
//! by the heads of frames, whose length says where the next one is. HTTP/1 costs a look at its first byte.

mod frames;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use frames::Frames;
pub(super) use frames::PREFACE;

pin_project! {
    /// A connection whose other side may talk as much as it works.
    pub(super) struct Chatter<IO> {
        #[pin]
        io: IO,
        frames: Frames,
        // How much of [`ENOUGH`] was read, once it is enough.
        said: Option<usize>,
    }
}

/// The head of a request that never ends. Whoever reads the protocol answers it with `ENHANCE_YOUR_CALM` in good form and
/// closes: only they know where a frame of ours ends that is being written.
const ENOUGH: [u8; 9 * PIECES] = {
    let mut bytes = [0; 9 * PIECES];
    let mut piece = 0;
    while piece < PIECES {
        bytes[9 * piece + 3] = if piece == 0 { HEADERS } else { CONTINUATION };
        // The largest number, so that it is no stream from before.
        let mut at = 9 * piece + 5;
        while at < 9 * piece + 9 {
            bytes[at] = if at == 9 * piece + 5 { 0x7f } else { 0xff };
            at += 1;
        }
        piece += 1;
    }
    bytes
};
/// More than a head of the largest size takes.
const PIECES: usize = 64;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

impl<IO> Chatter<IO> {
    pub(super) fn new(io: IO) -> Self {
        Self { io, frames: Frames::default(), said: None }
    }
}

impl<IO: AsyncRead> AsyncRead for Chatter<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        if let Some(said) = this.said {
            let left = ENOUGH.get(*said..).unwrap_or_default();
            let piece = left.get(..buffer.remaining()).unwrap_or(left);
            buffer.put_slice(piece);
            *said += piece.len();
            return Poll::Ready(Ok(()));
        }
        if this.frames.are_none() {
            return this.io.poll_read(cx, buffer);
        }
        let before = buffer.filled().len();
        ready!(this.io.poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        if let Some(end) = this.frames.read(read) {
            tracing::debug!("a client of HTTP/2 talks and does not work; closing its connection");
            buffer.set_filled(before + end);
            *this.said = Some(0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite> AsyncWrite for Chatter<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        let written = ready!(this.io.poll_write(cx, bytes))?;
        this.frames.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let written = ready!(this.io.poll_write_vectored(cx, slices))?;
        this.frames.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_shutdown(cx)
    }
}
