//! How connections are opened.

use std::{io, path::PathBuf, time::Duration};

use rusqlite::{
    Connection, OpenFlags,
    config::DbConfig,
    trace::{TraceEvent, TraceEventCodes},
};

use super::{Durability, Failure, unavailable};

const BUSY: Duration = Duration::from_secs(5);

/// What is needed to open a connection again.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) path: PathBuf,
    pub(super) durability: Durability,
    pub(super) echo: bool,
}

impl Access {
    /// Makes an empty database file for its owner alone. SQLite gives the files beside it the same mode.
    pub(super) fn make_file(&self) -> Result<(), Failure> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(unavailable(error).into()),
            _ => Ok(()),
        }
    }

    /// The connection that writes. Never makes a file: one that has vanished must not come back empty.
    pub(super) fn writer(&self) -> Result<Connection, Failure> {
        let mut connection = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE | plain())?;
        self.prepare(&mut connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let synchronous = match self.durability {
            Durability::Full => "FULL",
            Durability::Normal => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // 16 MiB between checkpoints: each of them syncs the main file, and the writer waits for it.
        connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        Ok(connection)
    }

    /// A connection that reads.
    pub(super) fn reader(&self) -> Result<Connection, Failure> {
        let mut connection = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY | plain())?;
        self.prepare(&mut connection)?;
        Ok(connection)
    }

    /// What both kinds have in common: patience, and no trust in the file.
    fn prepare(&self, connection: &mut Connection) -> Result<(), Failure> {
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        // Else a statement whose values might have another plan (where there is an index of a part of the rows, for one) is
        // parsed anew for each of them, which costs twenty times as much as running it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "mmap_size", 0)?;
        if self.echo {
            connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(echo))?;
        }
        Ok(())
    }
}

fn plain() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE
}

/// The statement as it was prepared: bound values may be anything, secrets included.
fn echo(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(statement, _) = event {
        tracing::info!(target: "amp_pool_core::sql", "{}", statement.sql());
    }
}

/// Looks for damage in indexes too: slower, for files that come from elsewhere.
pub(super) fn check_thoroughly(connection: &Connection) -> Result<(), Failure> {
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(Failure::corrupt(found)) }
}
