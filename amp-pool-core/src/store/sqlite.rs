//! The embedded store: one SQLite file.
//!
//! One thread owns the only writing connection, so writers never wait for each other inside SQLite; every job is one
//! transaction. Readers have connections of their own, hold them for one question, and see the books as they were when
//! it began.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    StoreError, StoreFuture,
    files::unavailable,
    vault::{MasterKey, Vault, change},
};
use crate::time::Timestamp;

pub use super::Durability;

mod adjustments;
mod alerts;
mod audit;
mod balances;
mod blocks;
mod bodies;
mod budgets;
mod check;
mod config;
mod connect;
mod copy;
mod failure;
mod fields;
mod groups;
mod health;
mod keys;
mod known;
mod migrate;
mod open_rows;
mod pages;
mod prices;
mod reader;
mod records;
mod rekey;
mod repeated;
mod retention;
mod providers;
mod routes;
mod rules;
mod running;
#[cfg(feature = "postgres")]
pub(super) mod source;
mod statistics;
mod sums;
mod tokens;
mod users;
mod whole;
mod writer;

pub use super::vault::Rekeyed;
pub use audit::audit;
use check::Search;
use connect::Access;
pub use copy::{back_up, check_backup, restore};
use failure::Failure;
use reader::Readers;
pub use rekey::rekey;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use writer::Writer;

/// Where the store is and how careful it is.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file. Made when it is not there; its directory has to be.
    pub path: PathBuf,
    /// The master key's file. Made together with a new database, never for one that holds sealed secrets.
    pub master_key_file: PathBuf,
    /// What a commit survives.
    pub durability: Durability,
    /// Whether statements are logged, without the values bound to them.
    pub echo: bool,
}

/// A store in one SQLite file.
///
/// Dropping it lets the writer finish what has been handed to it.
///
/// ```
/// use std::sync::Arc;
/// use amp_pool_core::{
///     Pool, store::{Durability, sqlite::{SqliteOptions, SqliteStore}}, testkit::Script, time::{Clock as _, SystemClock},
/// };
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let options = SqliteOptions {
///     path: home.join("amp_pool.db"),
///     master_key_file: home.join("master.key"),
///     durability: Durability::Full,
///     echo: false,
/// };
/// let store = SqliteStore::open(options, SystemClock.now())?;
/// // What seals thoughts of models has to outlive the process, as the store does.
/// let seal = store.vault().thought_secret();
/// let pool = Pool::builder().transport(Script::new()).store(Arc::new(store)).seal(seal).build().await?;
/// pool.handle().close().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    vault: Arc<Vault>,
    search: Arc<Search>,
}

impl SqliteStore {
    /// Opens the database, making or migrating it where that is due. Blocks; called once.
    ///
    /// A damaged file is refused. Of a large one the log is looked through in the background; when it turns out to be
    /// damaged, nothing more is written, so that no further call is taken in.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Corrupt`], [`StoreError::Invalid`] for a file of another program: nothing was
    /// changed. [`StoreError::WrongMasterKey`], and [`StoreError::Unavailable`] when the master key of a sealed database
    /// is missing or anything can not be read or written.
    pub fn open(options: SqliteOptions, now: Timestamp) -> Result<Self, StoreError> {
        let SqliteOptions { path, master_key_file, durability, echo } = options;
        if !sqlite_version_ok(rusqlite::version_number()) {
            let version = rusqlite::version();
            return Err(StoreError::Invalid(format!(
                "SQLite {version} can damage a database; 3.51.3 or newer is needed"
            )));
        }
        let access = Access { path, durability, echo };
        access.make_file()?;
        migrate::refuse_what_is_not_ours(&access.reader()?)?;
        let mut connection = access.writer()?;
        let unsearched = check::before_serving(&connection)?;
        migrate::bring_up(&mut connection, &access.path, now)?;
        let vault = Arc::new(unlock(&mut connection, &master_key_file, now)?);
        let search = Arc::new(Search::start(&access, unsearched)?);
        let readers = Readers::new(access.clone());
        let writer = Writer::start(connection, access)?;
        Ok(Self { writer, readers, vault, search })
    }

    /// The vault of this database.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Runs `work` in a transaction of the writer.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let search = self.search.clone();
        Box::pin(self.writer.transact(move |tx| {
            search.verdict()?;
            work(tx)
        }))
    }

    /// Runs `work` on a reading connection.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        Box::pin(self.readers.transact(work))
    }
}

/// Whether this SQLite is free of the defect of 3.7.0 to 3.51.2 that can damage a WAL database when one connection
/// checkpoints while another writes. `version` is written as SQLite does: 3.51.3 is 3051003.
#[must_use]
pub fn sqlite_version_ok(version: i32) -> bool {
    version >= 3_051_003
}

/// Opens the vault. Only a database without one gets a new vault, and only then may a master key be made.
fn unlock(connection: &mut Connection, master_key_file: &Path, now: Timestamp) -> Result<Vault, Failure> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let Some((vault, key_file)) = unlock_existing(&tx, master_key_file)? else {
        let master = MasterKey::load_or_create(master_key_file).map_err(unavailable)?;
        let (vault, wrapped) = Vault::create(&master, 1)?;
        let insert = "INSERT INTO vault (id, create_time, update_time, wrapped_key) VALUES (1, ?1, ?1, ?2)";
        tx.execute(insert, params![now.as_millis(), wrapped])?;
        tx.commit()?;
        return Ok(vault);
    };
    change::finish(&key_file, master_key_file)?;
    Ok(vault)
}

/// Opens the vault, if the database has one, and says by which file: where secrets were being sealed anew when a process
/// ended, the new master key may stand beside the old one.
fn unlock_existing(connection: &Connection, master_key_file: &Path) -> Result<Option<(Vault, PathBuf)>, Failure> {
    let stored = connection
        .query_row("SELECT id, wrapped_key FROM vault ORDER BY id DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?;
    let Some((number, wrapped)) = stored else { return Ok(None) };
    Ok(Some(change::unlock(master_key_file, number, &wrapped)?))
}

#[cfg(test)]
mod tests;
