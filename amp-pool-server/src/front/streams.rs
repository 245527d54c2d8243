//! Runs the streams of HTTP/2 connections, and knows when all have ended: of a connection, and of all of them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio_util::task::TaskTracker;

/// The streams of one connection.
#[derive(Clone, Default)]
pub(super) struct Streams {
    all: TaskTracker,
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

/// Counts a stream as ended, however it ends.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Streams {
    /// Those of a connection of its own, among `all`.
    pub(super) fn of(all: TaskTracker) -> Self {
        Self { all, ..Self::default() }
    }

    /// How many there have been, if none runs.
    pub(super) fn at_rest(&self) -> Option<usize> {
        let ended = self.ended.load(Ordering::Relaxed);
        (ended == self.begun.load(Ordering::Relaxed)).then_some(ended)
    }
}

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let running = Running(Arc::clone(&self.ended));
        self.all.spawn(async move {
            stream.await;
            drop(running);
        });
    }
}

#[cfg(test)]
mod tests {
    use hyper::rt::Executor as _;

    use super::*;

    #[tokio::test]
    async fn a_connection_knows_when_its_streams_have_ended() {
        let all = TaskTracker::new();
        let (one, other) = (Streams::of(all.clone()), Streams::of(all.clone()));
        assert_eq!(one.at_rest(), Some(0));
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        one.execute(async { drop(ended.await) });
        assert_eq!((one.at_rest(), other.at_rest()), (None, Some(0)));
        end.send(()).unwrap();
        all.close();
        all.wait().await;
        assert_eq!(one.at_rest(), Some(1));
    }
}
