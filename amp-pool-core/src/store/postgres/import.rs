//! Everything of a SQLite database, copied into a PostgreSQL one.
//!
//! Rows keep their ids, and what is sealed is copied as it is: it opens with the same master key. Tables are copied by the
//! names of their columns, in pieces; a copy that was broken off goes on where it stood, as long as its source is as it was.
//! At the end both databases are asked for the same counts and sums.

mod mark;
mod source;
mod table;
mod totals;

use std::{fmt, path::Path, sync::Arc};

use super::{
    Failure,
    connect::Access,
    fields::firsts,
    migrate,
    pool::{Lent, Pool},
    unfinished,
};
use crate::{
    secret::Secret,
    store::{Durability, StoreError},
    time::Timestamp,
};
use source::Source;
use table::Table;

/// What an import did.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     store::{
///         Durability,
///         postgres::import::{self, Agreed, Imported},
///         sqlite::{SqliteOptions, SqliteStore},
///     },
///     time::{Clock as _, SystemClock},
/// };
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let (path, master_key_file) = (home.join("amp_pool.db"), home.join("master.key"));
/// let options = SqliteOptions {
///     path: path.clone(),
///     master_key_file: master_key_file.clone(),
///     durability: Durability::Full,
///     echo: false,
/// };
/// drop(SqliteStore::open(options, SystemClock.now())?);
///
/// // What an import would come to. A PostgreSQL server is not needed yet.
/// let Imported { resumed, agreed, left_out } = import::look(&path, &master_key_file).await?;
/// assert!(!resumed && left_out.is_empty());
/// assert!(agreed.iter().any(|Agreed { value, .. }| value == "0"), "nobody has called");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// An earlier one had been broken off, and this one went on from there.
    pub resumed: bool,
    /// What was compared at the end: the same in both databases.
    pub agreed: Vec<Agreed>,
    /// Tables of the source that are not ours, and were left out.
    pub left_out: Vec<String>,
}

/// A count or sum that is the same in both databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// What was counted or summed.
    pub what: String,
    /// How much it is: a number, or an amount in USD.
    pub value: String,
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.value)
    }
}

/// The counts and sums of the SQLite database at `from`, after it was looked through: what an import would come to.
///
/// # Errors
/// As of [`import`], as far as they are about `from`.
pub async fn look(from: &Path, master_key_file: &Path) -> Result<Imported, StoreError> {
    let source = Source::open(from, master_key_file).await?;
    Ok(Imported { resumed: false, agreed: totals::told(source.totals()), left_out: source.left_out().to_vec() })
}

/// Copies the SQLite database `from`, which `master_key_file` opens, into the PostgreSQL database at `to`. That one is empty,
/// or holds an earlier part of the same copy. `from` is only read, as it is at the beginning.
///
/// # Errors
/// [`StoreError::Newer`] and [`StoreError::Invalid`] when `from` is of another version or program, has changed since the copy
/// began, or `to` holds something else; nothing was changed then. [`StoreError::WrongMasterKey`] and [`StoreError::Conflict`],
/// when another import runs, likewise. [`StoreError::Corrupt`] when `from` is damaged, or the two do not agree at the end;
/// [`StoreError::Unavailable`] when one can not be read or written.
///
/// # Cancel safety
/// What was copied stays, and nobody serves from it. The next call goes on from there.
pub async fn import(from: &Path, to: &Secret, master_key_file: &Path, now: Timestamp) -> Result<Imported, StoreError> {
    let source = Source::open(from, master_key_file).await?;
    // What is lost with the power is copied again; the last commit waits for the disk.
    let pool = Arc::new(Pool::new(Access::new(to, Durability::Normal, false)?, 3));
    Ok(copy(&source, &pool, now).await?)
}

async fn copy(source: &Source, pool: &Arc<Pool>, now: Timestamp) -> Result<Imported, Failure> {
    let alone = alone(pool).await?;
    let resumed = enter(source, pool, now).await?;
    for table in &Table::all(source, pool).await? {
        table.copy(source, pool).await?;
        table.go_on_after(source, pool).await?;
    }
    let found = totals::of_copy(source.totals(), &pool.lend().await?).await?;
    let agreed = totals::compare(source.totals(), &found)?;
    pool.lend().await?.batch("ANALYZE").await?;
    mark::end(pool).await?;
    alone.commit().await?;
    Ok(Imported { resumed, agreed, left_out: source.left_out().to_vec() })
}

/// Keeps other imports out for as long as it lives.
async fn alone(pool: &Arc<Pool>) -> Result<Lent, Failure> {
    let tx = pool.begin().await?;
    tx.batch("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
    let locked = tx.query_once("SELECT pg_try_advisory_xact_lock(1095585873)", &[]).await?;
    if firsts::<bool>(&locked)? != [true] {
        return Err(StoreError::Conflict { what: "another import into this database".into() }.into());
    }
    Ok(tx)
}

/// Makes the tables of an empty database, or finds those of a copy that was broken off. Says which.
async fn enter(source: &Source, pool: &Arc<Pool>, now: Timestamp) -> Result<bool, Failure> {
    let begun = unfinished::source(&pool.lend().await?).await?;
    if begun.is_none() && is_in_use(pool).await? {
        return Err(mark::in_use());
    }
    if begun.as_deref().is_some_and(|begun| begun != source.name()) {
        let message =
            "the PostgreSQL database is half a copy of another database, or of this one before it changed: empty it";
        return Err(StoreError::Invalid(message.into()).into());
    }
    migrate::run(pool, migrate::STEPS, now).await?;
    if begun.is_none() {
        mark::begin(pool, source.name(), now).await?;
    }
    Ok(begun.is_some())
}

/// Whoever opens a database for the first time makes its vault before anything else.
async fn is_in_use(pool: &Arc<Pool>) -> Result<bool, Failure> {
    let lent = pool.lend().await?;
    let vault =
        "SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'vault'";
    if lent.query_once(vault, &[]).await?.is_empty() {
        return Ok(false);
    }
    Ok(!lent.query_once("SELECT 1 FROM vault LIMIT 1", &[]).await?.is_empty())
}
