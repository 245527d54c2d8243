//! SIGTERM and SIGINT: the first asks for an end, the second for a quick one.

use std::{io, sync::Arc};

use tokio::sync::Semaphore;

/// Two futures: ready at the first signal, and at the second.
pub(crate) fn watch() -> io::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let seen = Arc::new(Semaphore::new(0));
    let counter = Arc::clone(&seen);
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        loop {
            signals.next().await;
            counter.add_permits(1);
        }
    });
    Ok((wait_for(1, Arc::clone(&seen)), wait_for(2, seen)))
}

async fn wait_for(count: u32, seen: Arc<Semaphore>) {
    // The permits go back at once: each waiter counts all signals, not its share of them. The semaphore is never closed.
    drop(seen.acquire_many(count).await);
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[allow(clippy::unnecessary_wraps)]
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
