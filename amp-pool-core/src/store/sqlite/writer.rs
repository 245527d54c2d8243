//! The one thread that writes.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::{Access, Failure, known::Known, open_rows::OpenRows, unavailable};
use crate::store::StoreError;

/// Jobs that wait before whoever brings the next one waits as well.
const QUEUE: usize = 256;

/// What the writer works with.
struct Desk {
    connection: Connection,
    /// What it knows of the books without reading them.
    known: Known,
    open_rows: OpenRows,
}

impl From<Connection> for Desk {
    fn from(connection: Connection) -> Self {
        Self { connection, known: Known::default(), open_rows: OpenRows::default() }
    }
}

/// Takes the desk, or why there is none, and gives it back if it can be used further.
type Job = Box<dyn FnOnce(Result<Desk, Failure>) -> Option<Desk> + Send>;

/// The way to the writing thread. The thread ends when this is dropped and its queue is empty.
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    pub(super) fn start(connection: Connection, access: Access) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("amp-pool-writer".into())
            .spawn(move || serve(connection, &access, queue))
            .map_err(unavailable)?;
        Ok(Self { jobs })
    }

    /// Runs `work` as one transaction: all of it is durable when this is ready, or none of it happened.
    ///
    /// Dropping the future before the job was queued leaves everything as it is; later, the job is done all the same.
    pub(super) async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(|connection| transact(connection, work)).await
    }

    /// As [`transact`](Self::transact), for work that goes by what is known of the books, and leaves behind what is known
    /// after it.
    pub(super) async fn transact_knowing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &mut Known, &mut OpenRows) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.hand_in(|Desk { connection, known, open_rows }| {
            // Kept only if all of it is durable.
            let mut knowing = mem::take(known);
            let value = transact(connection, |tx| work(tx, &mut knowing, open_rows))?;
            *known = knowing;
            Ok(value)
        })
        .await
    }

    /// Runs `work` outside of any transaction.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.hand_in(|desk| {
            // Whatever is done may change what is known.
            desk.known = Known::default();
            work(&mut desk.connection)
        })
        .await
    }

    async fn hand_in<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |desk| {
            let (outcome, desk) = attempt(desk, work);
            // Whoever asked may have gone; the work is done for the books, not for them.
            let _ = answer.send(outcome.map_err(StoreError::from));
            desk
        });
        self.jobs.send(job).await.map_err(|_| unavailable(WriterGone))?;
        result.await.map_err(|_| unavailable(WriterGone))?
    }
}

fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    // Asking for the write lock later, at the first write, would fail at once if someone else had written since.
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&tx)?;
    tx.commit()?;
    Ok(value)
}

fn attempt<T>(
    desk: Result<Desk, Failure>,
    work: impl FnOnce(&mut Desk) -> Result<T, Failure>,
) -> (Result<T, Failure>, Option<Desk>) {
    let mut desk = match desk {
        Ok(desk) => desk,
        Err(failure) => return (Err(failure), None),
    };
    let result = work(&mut desk);
    let spoiled = result.as_ref().is_err_and(Failure::spoils_connection);
    (result, (!spoiled).then_some(desk))
}

fn serve(connection: Connection, access: &Access, mut queue: mpsc::Receiver<Job>) {
    let mut current = Some(connection.into());
    while let Some(job) = queue.blocking_recv() {
        let desk = current.take().map_or_else(|| reopen(access), Ok);
        // A defect in one job must not end the books for all others. It took its desk along.
        current = catch_unwind(AssertUnwindSafe(|| job(desk))).unwrap_or_default();
    }
}

fn reopen(access: &Access) -> Result<Desk, Failure> {
    tracing::warn!("opening the database again after a failed write");
    access.writer().map(Desk::from)
}

/// A job has ended by a defect, without an answer.
#[derive(Debug)]
struct WriterGone;

impl std::fmt::Display for WriterGone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the writing of the books was broken off by a defect")
    }
}

impl std::error::Error for WriterGone {}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;
    use crate::store::sqlite::Durability;

    fn writer(dir: &tempfile::TempDir) -> Writer {
        let access = Access { path: dir.path().join("test.db"), durability: Durability::Full, echo: false };
        access.make_file().unwrap();
        Writer::start(access.writer().unwrap(), access).unwrap()
    }

    /// A temporary table lives as long as its connection.
    async fn mark(writer: &Writer) {
        writer.run(|connection| Ok(connection.execute_batch("CREATE TEMP TABLE mark (x)")?)).await.unwrap();
    }

    async fn is_marked(writer: &Writer) -> bool {
        writer.run(|connection| Ok(connection.prepare("SELECT x FROM temp.mark").is_ok())).await.unwrap()
    }

    async fn fail(writer: &Writer, code: i32) -> StoreError {
        let failing = move |_: &Transaction<'_>| -> Result<(), Failure> {
            Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into())
        };
        writer.transact(failing).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_failed_sync_opens_the_database_again() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir);
        mark(&writer).await;

        assert!(matches!(fail(&writer, ffi::SQLITE_IOERR_FSYNC).await, StoreError::Unavailable(_)));
        assert!(!is_marked(&writer).await);
    }

    #[tokio::test]
    async fn a_full_disk_keeps_the_connection() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir);
        mark(&writer).await;

        assert!(matches!(fail(&writer, ffi::SQLITE_FULL).await, StoreError::Unavailable(_)));
        assert!(is_marked(&writer).await);
    }

    #[tokio::test]
    async fn a_database_that_has_vanished_does_not_come_back_empty() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir);
        std::fs::remove_file(dir.path().join("test.db")).unwrap();
        fail(&writer, ffi::SQLITE_IOERR_FSYNC).await;

        let refused = writer.run(|_| Ok(())).await.unwrap_err();

        assert!(matches!(refused, StoreError::Unavailable(_)));
        assert!(!dir.path().join("test.db").exists());
    }

    #[tokio::test]
    async fn a_job_that_panics_ends_alone() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir);

        let panicked = writer.transact::<()>(|_| panic!("a defect")).await;
        assert!(matches!(panicked, Err(StoreError::Unavailable(_))));

        writer.transact(|_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn a_failed_job_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir);
        let failed = writer
            .transact(|tx| {
                tx.execute_batch("CREATE TABLE t (x)")?;
                Err::<(), _>(StoreError::NotFound.into())
            })
            .await;

        assert!(matches!(failed, Err(StoreError::NotFound)));
        let tables =
            writer.run(|c| Ok(c.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?));
        assert_eq!(tables.await.unwrap(), 0);
    }
}
