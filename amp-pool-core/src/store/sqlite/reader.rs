//! Connections that read.
//!
//! A long read keeps the WAL from being emptied, so each question is one short transaction, and there are few of them
//! at a time.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Transaction};
use tokio::{sync::Semaphore, task};

use super::{Access, Failure, unavailable};
use crate::store::StoreError;

/// Readers at work at the same time.
const READERS: usize = 2;

/// Connections that wait to be asked.
pub(super) struct Readers {
    pool: Arc<Pool>,
    places: Arc<Semaphore>,
}

struct Pool {
    access: Access,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(access: Access) -> Self {
        let pool = Arc::new(Pool { access, idle: Mutex::default() });
        Self { pool, places: Arc::new(Semaphore::new(READERS)) }
    }

    /// Answers one question from the books as they are when it begins.
    pub(super) async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(unavailable)?;
        let pool = Arc::clone(&self.pool);
        let answered = task::spawn_blocking(move || {
            let result = pool.answer(work);
            drop(place);
            result
        });
        Ok(answered.await.map_err(unavailable)??)
    }

    /// Closes the connections nobody uses.
    pub(super) fn close(&self) {
        self.pool.lock().clear();
    }
}

impl Pool {
    fn answer<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let idle = self.lock().pop();
        let mut connection = idle.map_or_else(|| self.access.reader(), Ok)?;
        let tx = connection.transaction()?;
        let value = work(&tx)?;
        drop(tx);
        // Only a connection that did its work waits for the next question.
        self.lock().push(connection);
        Ok(value)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
