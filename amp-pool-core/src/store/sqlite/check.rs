//! The search for damage at a start.
//!
//! SQLite answers questions from a damaged file as if nothing were wrong, so it is looked through before anything is served
//! from it. That takes some seconds for each gigabyte, of which nearly all is the log. Of a large file the log is therefore
//! looked through while calls are served already; where damage is found, nothing more is written.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rusqlite::{Connection, InterruptHandle};

use super::{Access, Failure, fields::collect, unavailable};
use crate::store::StoreError;

/// A file of so many bytes is looked through in some milliseconds, as a whole.
const SMALL: i64 = 4 << 20;

/// What grows with every call. Nothing that decides whether a call is served stands there.
const LOG: [&str; 11] = [
    "api_request_log",
    "api_request_adjustments",
    "api_request_attempts",
    "api_request_bodies",
    "api_request_choices",
    "api_request_evidence",
    "api_request_log_blocks",
    "api_request_losses",
    "api_request_stats",
    "api_request_sums",
    "budget_holds",
];

/// Looks through a file, or through what has to be known good before anything is served. Gives what is left to be looked
/// through.
pub(super) fn before_serving(connection: &Connection) -> Result<&'static [&'static str], Failure> {
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    if pages.saturating_mul(page) <= SMALL {
        quick_check(connection, "PRAGMA quick_check(1)")?;
        return Ok(&[]);
    }
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let tables = collect(connection, tables, &[], |row| {
        let name: String = row.take()?;
        Ok(name)
    })?;
    tables
        .iter()
        .filter(|table| !LOG.contains(&table.as_str()))
        .try_for_each(|table| check_table(connection, table))?;
    Ok(&LOG)
}

fn check_table(connection: &Connection, table: &str) -> Result<(), Failure> {
    quick_check(connection, &format!("PRAGMA quick_check('{}')", table.replace('\'', "''")))
}

fn quick_check(connection: &Connection, pragma: &str) -> Result<(), Failure> {
    let found: String = connection.query_row(pragma, [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(Failure::corrupt(found)) }
}

/// A search that goes on beside the calls. Dropping it ends it.
pub(super) struct Search {
    handle: Mutex<Option<InterruptHandle>>,
    found: Arc<AtomicBool>,
}

impl Search {
    /// Looks through `tables`.
    pub(super) fn start(access: &Access, tables: &'static [&'static str]) -> Result<Self, StoreError> {
        let found = Arc::new(AtomicBool::new(false));
        if tables.is_empty() {
            return Ok(Self { handle: Mutex::default(), found });
        }
        let connection = access.reader()?;
        let handle = Mutex::new(Some(connection.get_interrupt_handle()));
        let damaged = found.clone();
        thread::Builder::new()
            .name("amp-pool-check".into())
            .spawn(move || search(&connection, tables, &damaged))
            .map_err(unavailable)?;
        Ok(Self { handle, found })
    }

    /// Refuses to go on where damage was found.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        if self.found.load(Ordering::Acquire) { Err(Failure::corrupt("the log is damaged")) } else { Ok(()) }
    }

    /// Ends it, if it is not over.
    pub(super) fn stop(&self) {
        if let Some(handle) = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take() {
            handle.interrupt();
        }
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.stop();
    }
}

fn search(connection: &Connection, tables: &[&str], damaged: &AtomicBool) {
    // Each in a read of its own: a long one would keep the WAL from being emptied.
    let Some(failure) = tables.iter().find_map(|table| check_table(connection, table).err()) else { return };
    match StoreError::from(failure) {
        error @ StoreError::Corrupt(_) => {
            damaged.store(true, Ordering::Release);
            tracing::error!(%error, "nothing more is written; `amp-pool-server restore FILE` puts a backup in its place");
        }
        // Interrupted, because the store is closed; or the file can not be read, which the calls will find as well.
        error => tracing::debug!(%error, "the search for damage has ended early"),
    }
}
