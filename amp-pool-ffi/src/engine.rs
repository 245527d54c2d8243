//! The threads of the library: one runtime for all pools, from the first handle to the last.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak, mpsc},
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};

use crate::status::Failure;

/// The runtime. Dropping the last one ends its threads.
pub(crate) struct Engine(Option<Runtime>);

/// How long work that can not be cancelled may keep the last handle from being freed.
const FAREWELL: Duration = Duration::from_secs(5);

static RUNNING: Mutex<Weak<Engine>> = Mutex::new(Weak::new());

impl Engine {
    /// The one that runs, or a new one.
    pub(crate) fn get() -> Result<Arc<Self>, Failure> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = running.upgrade() {
            return Ok(engine);
        }
        let runtime = Builder::new_multi_thread().enable_all().thread_name("amp-pool").build();
        let engine = Arc::new(Self(Some(runtime.map_err(|error| cannot_start(&error))?)));
        *running = Arc::downgrade(&engine);
        Ok(engine)
    }

    pub(crate) fn spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, Failure>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        Ok(self.0.as_ref().ok_or_else(Failure::panicked)?.spawn(future))
    }

    /// Waits for `future` on the caller's thread, at most so long; it goes on if it is not ready then.
    ///
    /// Works on any thread, also on one of a runtime that the program has itself.
    pub(crate) fn wait<F>(&self, future: F, timeout: Option<Duration>) -> Result<Option<F::Output>, Failure>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let (answer, ready) = mpsc::sync_channel(1);
        self.spawn(async move {
            // Whoever waited may have gone.
            let _ = answer.send(future.await);
        })?;
        let received = match timeout {
            Some(timeout) => ready.recv_timeout(timeout),
            None => ready.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(output) => Ok(Some(output)),
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(Failure::panicked()),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(runtime) = self.0.take() else { return };
        // On a thread of its own: a runtime must not be ended from within another one, which the program may have.
        let end = thread::Builder::new().name("amp-pool-end".into()).spawn(|| runtime.shutdown_timeout(FAREWELL));
        if let Ok(end) = end {
            // It ends in time, or panics; there is nothing to do about the latter.
            let _ = end.join();
        }
    }
}

fn cannot_start(error: &std::io::Error) -> Failure {
    Failure::unavailable(format!("the library's threads can not be started: {error}"))
}

/// A span of time as programs give it. `None`: for ever.
pub(crate) fn patience(timeout_ms: u32) -> Option<Duration> {
    (timeout_ms != crate::AMP_POOL_FOREVER).then(|| Duration::from_millis(timeout_ms.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_runtime_serves_all_and_can_be_waited_for_and_ended_within_another() {
        let host = Runtime::new().unwrap();
        host.block_on(async {
            let (first, second) = (Engine::get().unwrap(), Engine::get().unwrap());
            assert!(Arc::ptr_eq(&first, &second));
            assert_eq!(first.wait(async { 7 }, None), Ok(Some(7)));
            assert_eq!(first.wait(std::future::pending::<()>(), Some(Duration::from_millis(5))), Ok(None));
            assert_eq!(first.wait(async { panic!("a mistake") }, None), Err::<Option<()>, _>(Failure::panicked()));
            drop((first, second));
        });
    }
}
