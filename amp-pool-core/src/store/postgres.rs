//! The store that several processes share: PostgreSQL, or what speaks its protocol and its SQL.
//!
//! The books are written by each node for its own calls, a batch as one transaction of two round trips. What operators
//! write is noticed by all nodes within a second. A node whose process ended is missed after some seconds by the others,
//! which then close the calls it had open; one that starts again under the same name closes them at once. Of a limit of
//! requests, tokens or calls at a time each node may use an equal part.
//!
//! What is used of PostgreSQL, beyond plain SQL and prepared statements:
//!
//! | Feature | For what | Without it |
//! |---|---|---|
//! | `ON CONFLICT`, `RETURNING`, `unnest` of arrays, data types `UUID`, `JSONB`, `BYTEA`, identity columns | everything | does not work |
//! | `READ COMMITTED` and `REPEATABLE READ`, row locks (`FOR KEY SHARE`) | books of several nodes | does not work |
//! | `pg_advisory_xact_lock` | migrations, when several nodes start at once; reports of health | does not start |
//! | a trigger by statement in PL/pgSQL | attempts leave with their call | does not start |
//! | `LISTEN`, `NOTIFY` | changes are in force at once, and what one node learned of keys is known to all | they are looked for every second |
//! | session settings (`synchronous_commit`, timeouts) | safety | does not start |
//!
//! A pooler between has to keep sessions: transaction pooling loses `LISTEN` and session settings. 12 is the oldest
//! version that works. Backups are the database's own business (`pg_dump`, or its archive).

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use tokio::sync::watch;

use super::{
    Durability, StoreError, StoreFuture,
    files::unavailable,
    vault::{MasterKey, Vault, change},
};
use crate::{keys::Slice, secret::Secret, time::Timestamp};

mod adjustments;
mod alerts;
mod audit;
mod balances;
mod bodies;
mod budgets;
mod columns;
mod config;
mod connect;
mod failure;
mod fields;
mod groups;
mod health;
#[cfg(feature = "sqlite")]
pub mod import;
mod keeper;
mod keys;
mod migrate;
mod nodes;
mod notes;
mod pages;
mod pool;
mod prices;
mod records;
mod retention;
mod providers;
mod routes;
mod rekey;
mod rules;
mod statistics;
mod sums;
mod tls;
mod tokens;
mod unfinished;
mod users;

pub use audit::audit;
use connect::Access;
use failure::Failure;
use keeper::Told;
use nodes::Node;
use pool::{Lent, Pool};
pub use rekey::rekey;
use retention::Way;

/// Where the store is, and who uses it.
///
/// ```no_run
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::{path::PathBuf, sync::Arc};
///
/// use amp_pool_core::{
///     Pool,
///     secret::Secret,
///     store::{
///         Durability,
///         postgres::{PostgresOptions, PostgresStore},
///     },
///     time::{Clock as _, SystemClock},
/// };
///
/// let options = PostgresOptions {
///     url: Secret::new("postgres://pool:secret@db.example.com/pool?sslmode=verify-full"),
///     master_key_file: PathBuf::from("/etc/amp-pool/master.key"),
///     node: "first".into(),
///     connections: 8,
///     durability: Durability::Full,
///     echo: false,
/// };
/// let store = PostgresStore::open(options, SystemClock.now()).await?;
/// let seal = store.vault().thought_secret();
/// let pool = Pool::builder().store(Arc::new(store)).seal(seal).build().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://USER:PASSWORD@HOST/DATABASE?sslmode=…`, as PostgreSQL's own clients take it. `sslmode` is `disable`,
    /// `prefer` (when nothing is said), `require`, `verify-ca` or `verify-full`; `sslrootcert` a file of PEM
    /// certificates, or `system` for those that browsers trust.
    pub url: Secret,
    /// The master key's file, the same on every node. Made together with a new database, never for one that holds
    /// sealed secrets.
    pub master_key_file: PathBuf,
    /// The name of this process: the same after a restart, and no other process's. What was left open under this name
    /// is closed when the pool starts.
    pub node: String,
    /// How many connections are open at most, beside the one that listens.
    pub connections: usize,
    /// What a commit survives.
    pub durability: Durability,
    /// Whether statements are logged, without the values bound to them.
    pub echo: bool,
}

/// A store in PostgreSQL. Cloning it is cheap.
///
/// Opened and used within one tokio runtime.
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
    revisions: watch::Receiver<i64>,
    health: watch::Receiver<i64>,
}

struct Inner {
    pool: Arc<Pool>,
    vault: Vault,
    node: Node,
    /// Which part of every limit is this node's.
    slice: Mutex<Slice>,
    /// How far forgetting has come.
    forgotten: Mutex<Way>,
    /// Nothing more is said of this node.
    closed: AtomicBool,
}

impl PostgresStore {
    /// Opens the database, making or migrating its tables where that is due.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Corrupt`], [`StoreError::Invalid`] for a schema of another program or an
    /// address that can not be used: nothing was changed. [`StoreError::WrongMasterKey`], and
    /// [`StoreError::Unavailable`] when the master key of a sealed database is missing or the database does not answer.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the database as it was, or a step of the migration further.
    pub async fn open(options: PostgresOptions, now: Timestamp) -> Result<Self, StoreError> {
        let PostgresOptions { url, master_key_file, node, connections, durability, echo } = options;
        let pool = Arc::new(Pool::new(Access::new(&url, durability, echo)?, connections));
        unfinished::refuse(&pool.lend().await?).await?;
        migrate::run(&pool, migrate::STEPS, now).await?;
        let vault = unlock(&pool, &master_key_file, now).await?;
        let lent = pool.lend().await?;
        let node = Node::enter(&lent, node).await?;
        refuse_if_sealed_anew(&lent, &vault).await?;
        let slice = node.slice(&lent).await?;
        drop(lent);
        let inner = Arc::new(Inner {
            pool,
            vault,
            node,
            slice: Mutex::new(slice),
            forgotten: Mutex::default(),
            closed: AtomicBool::new(false),
        });
        let ((tell, revisions), (tell_health, health)) = (watch::channel(0), watch::channel(0));
        keeper::start(&inner, Told { revisions: tell, health: tell_health });
        Ok(Self { inner, revisions, health })
    }

    /// The vault of this database.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.inner.vault
    }

    /// Runs a job whose failure becomes the store's.
    fn answer<'a, T>(&'a self, job: impl Future<Output = Result<T, Failure>> + Send + 'a) -> StoreFuture<'a, T> {
        Box::pin(async move { Ok(job.await?) })
    }
}

/// Opens the vault. Only a database without one gets a new vault, and only then may a master key be made.
async fn unlock(pool: &Arc<Pool>, master_key_file: &std::path::Path, now: Timestamp) -> Result<Vault, Failure> {
    let tx = pool.begin().await?;
    // Of two nodes that start on a new database, one makes the vault and the other has to open it.
    tx.batch("LOCK TABLE vault IN SHARE ROW EXCLUSIVE MODE").await?;
    let Some((number, wrapped)) = stored_vault(&tx).await? else {
        unfinished::refuse(&tx).await?;
        let master = MasterKey::load_or_create(master_key_file).map_err(unavailable)?;
        let (vault, wrapped) = Vault::create(&master, 1)?;
        let insert = "INSERT INTO vault (id, create_time, update_time, wrapped_key) VALUES (1, $1, $1, $2)";
        tx.execute(insert, &[&now.as_millis(), &wrapped]).await?;
        tx.commit().await?;
        return Ok(vault);
    };
    tx.commit().await?;
    let (vault, key_file) = change::unlock(master_key_file, number, &wrapped)?;
    change::finish(&key_file, master_key_file)?;
    Ok(vault)
}

/// Once a node has entered nobody seals anew; before that somebody may have.
async fn refuse_if_sealed_anew(lent: &Lent, vault: &Vault) -> Result<(), Failure> {
    match stored_vault(lent).await? {
        Some((number, _)) if number == vault.number() => Ok(()),
        _ => Err(StoreError::Unavailable("the secrets were sealed anew meanwhile; start again".into()).into()),
    }
}

async fn stored_vault(tx: &Lent) -> Result<Option<(u32, Vec<u8>)>, Failure> {
    let rows = tx.query("SELECT id, wrapped_key FROM vault ORDER BY id DESC LIMIT 1", &[]).await?;
    let found = fields::collect(&rows, |row| Ok((row.take::<i32>()?, row.take()?)))?.pop();
    found.map(|(id, wrapped)| Ok((u32::try_from(id).map_err(Failure::corrupt)?, wrapped))).transpose()
}
