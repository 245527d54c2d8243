//! SIGTERM and SIGINT: the first asks for an end, the second for a quick one. SIGHUP asks for files to be read again.

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

/// SIGHUP, which ends the process as long as nobody has this.
#[cfg(unix)]
pub(crate) struct HangUps(tokio::signal::unix::Signal);

#[cfg(unix)]
impl HangUps {
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).map(Self)
    }

    /// Does `this` at each, from the first since it was made.
    pub(crate) fn each(mut self, this: impl Fn() + Send + 'static) {
        tokio::spawn(async move {
            while self.0.recv().await.is_some() {
                this();
            }
        });
    }
}

#[cfg(not(unix))]
pub(crate) struct HangUps;

#[cfg(not(unix))]
impl HangUps {
    #[allow(clippy::unnecessary_wraps)]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) fn each(self, _: impl Fn() + Send + 'static) {}
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
