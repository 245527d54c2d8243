//! Connections, and what is lent out of them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, Row, Statement, types::ToSql};

use super::{Failure, connect::Access};
use crate::store::StoreError;

/// So long a question waits for a connection before it is refused.
const PATIENCE: Duration = Duration::from_secs(10);
/// So long the end of a broken-off transaction may take before its connection is given up.
const ROLLBACK: Duration = Duration::from_secs(2);

/// Connections that wait to be asked, and a bound for how many there are.
pub(super) struct Pool {
    access: Access,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
}

/// One connection, and the statements it knows.
struct Session {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
}

impl Pool {
    pub(super) fn new(access: Access, connections: usize) -> Self {
        Self { access, places: Arc::new(Semaphore::new(connections.max(1))), idle: Mutex::default() }
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// A connection for as long as the answer lives.
    pub(super) async fn lend(self: &Arc<Self>) -> Result<Lent, Failure> {
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| busy())?.map_err(|_| busy())?;
        let session = match self.next_idle() {
            Some(session) => session,
            None => self.open().await?,
        };
        Ok(Lent {
            pool: Arc::clone(self),
            session: Some(session),
            begun: AtomicBool::new(false),
            asking: AtomicUsize::new(0),
            _place: place,
        })
    }

    /// Runs nothing itself: the connection of a transaction.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<Lent, Failure> {
        let lent = self.lend().await?;
        lent.begin().await?;
        Ok(lent)
    }

    /// The connection of a transaction that a crash of the database may undo, even when it was committed.
    pub(super) async fn begin_carelessly(self: &Arc<Self>) -> Result<Lent, Failure> {
        let lent = self.lend().await?;
        lent.begin_with("BEGIN; SET LOCAL synchronous_commit = off").await?;
        Ok(lent)
    }

    /// The connection of a transaction that reads one state of everything.
    pub(super) async fn snapshot(self: &Arc<Self>) -> Result<Lent, Failure> {
        let lent = self.lend().await?;
        lent.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        Ok(lent)
    }

    /// Closes the connections nobody uses.
    pub(super) fn close(&self) {
        self.lock().clear();
    }

    fn next_idle(&self) -> Option<Session> {
        let mut idle = self.lock();
        while let Some(session) = idle.pop() {
            if !session.client.is_closed() {
                return Some(session);
            }
        }
        None
    }

    async fn open(&self) -> Result<Session, Failure> {
        let (client, connection) = self.access.connect().await?;
        // It ends with its client, or with the server; whoever asks then is told.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the database ended");
            }
        });
        client.batch_execute(&self.access.session()).await?;
        Ok(Session { client, statements: Mutex::default() })
    }

    fn take_back(&self, session: Session) {
        if !session.client.is_closed() {
            self.lock().push(session);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn busy() -> Failure {
    StoreError::Unavailable("every connection to the database is in use".into()).into()
}

/// A connection that is lent out.
///
/// Dropped in the middle of a transaction it undoes what was begun; dropped in the middle of a question it is closed,
/// since nobody knows what comes back on it.
pub(super) struct Lent {
    pool: Arc<Pool>,
    /// Gone only in `drop`.
    session: Option<Session>,
    begun: AtomicBool,
    asking: AtomicUsize,
    _place: OwnedSemaphorePermit,
}

impl Lent {
    pub(super) async fn begin(&self) -> Result<(), Failure> {
        self.begin_with("BEGIN").await
    }

    async fn begin_with(&self, how: &str) -> Result<(), Failure> {
        self.begun.store(true, Ordering::Relaxed);
        self.batch(how).await
    }

    /// Makes what was done durable. Ready means it is; an error leaves open whether it is.
    pub(super) async fn commit(&self) -> Result<(), Failure> {
        self.batch("COMMIT").await?;
        self.begun.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Undoes what was done, now and not some time after.
    pub(super) async fn undo(&self) -> Result<(), Failure> {
        self.batch("ROLLBACK").await?;
        self.begun.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Runs statements without values.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Failure> {
        self.ask(sql, async |client| client.batch_execute(sql).await).await
    }

    /// A statement, parsed now or earlier.
    pub(super) async fn statement(&self, sql: &'static str) -> Result<Statement, Failure> {
        let session = self.session()?;
        let known = lock(&session.statements).get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.ask(sql, async |client| client.prepare(sql).await).await?;
        lock(&session.statements).insert(sql, statement.clone());
        Ok(statement)
    }

    /// The rows of a statement that is asked again and again.
    pub(super) async fn query(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
        let statement = self.statement(sql).await?;
        self.run(sql, &statement, values).await
    }

    /// The one row of a statement, or [`StoreError::NotFound`].
    pub(super) async fn one(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Row, Failure> {
        self.query(sql, values).await?.pop().ok_or(StoreError::NotFound.into())
    }

    /// How many rows a statement changed.
    pub(super) async fn execute(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Failure> {
        let statement = self.statement(sql).await?;
        self.ask(sql, async |client| client.execute(&statement, values).await).await
    }

    /// The rows of a parsed statement. It is sent when this is first polled: what is polled together travels together.
    pub(super) async fn run(
        &self,
        sql: &str,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        self.ask(sql, async |client| client.query(statement, values).await).await
    }

    /// The rows of a statement that is made for one question.
    pub(super) async fn query_once(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
        self.ask(sql, async |client| client.query(sql, values).await).await
    }

    async fn ask<T>(
        &self,
        sql: &str,
        question: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Failure> {
        let session = self.session()?;
        if self.pool.access.echo {
            // The statement as it was prepared: bound values may be anything, secrets included.
            tracing::info!(target: "amp_pool_core::sql", "{sql}");
        }
        self.asking.fetch_add(1, Ordering::Relaxed);
        let answer = question(&session.client).await;
        self.asking.fetch_sub(1, Ordering::Relaxed);
        Ok(answer?)
    }

    fn session(&self) -> Result<&Session, Failure> {
        self.session.as_ref().ok_or_else(busy)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        if self.asking.load(Ordering::Relaxed) > 0 {
            return;
        }
        if !self.begun.load(Ordering::Relaxed) {
            return self.pool.take_back(session);
        }
        let (pool, runtime) = (Arc::clone(&self.pool), tokio::runtime::Handle::try_current());
        if let Ok(runtime) = runtime {
            runtime.spawn(async move {
                let undone = tokio::time::timeout(ROLLBACK, session.client.batch_execute("ROLLBACK")).await;
                if matches!(undone, Ok(Ok(()))) {
                    pool.take_back(session);
                }
            });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
