//! A database that is copied into one of another kind: read whole, as it was at one moment, and never written.

use std::path::Path;

use rusqlite::{Connection, types::Value};

use super::{connect::check_thoroughly, copy::existing, migrate, unlock_existing};
use crate::store::StoreError;

/// A database of ours, whole and of this version, whose secrets `master_key_file` opens. What it is asked from now on is
/// answered from one moment, whoever else writes to it.
pub(in crate::store) fn open(path: &Path, master_key_file: &Path) -> Result<Connection, StoreError> {
    let connection = existing(path)?.reader()?;
    migrate::refuse_what_is_not_ours(&connection)?;
    if migrate::is_empty(&connection)? {
        return Err(StoreError::Invalid("the file holds nothing".into()));
    }
    migrate::refuse_what_is_older(&connection)?;
    check_thoroughly(&connection)?;
    let unlocked = unlock_existing(&connection, master_key_file)?;
    let (_, key_file) = unlocked.ok_or_else(|| StoreError::Invalid("the database holds no secrets".into()))?;
    if key_file != master_key_file {
        let message = "its secrets were being sealed anew when that ended: let the server start on it once";
        return Err(StoreError::Invalid(message.into()));
    }
    connection.execute_batch("BEGIN").map_err(super::Failure::from)?;
    Ok(connection)
}

/// Whether a migration has made it.
pub(in crate::store) fn is_ours(table: &str) -> bool {
    let made = |step: &migrate::Step| step.sql().lines().any(|line| line == format!("CREATE TABLE {table} ("));
    migrate::STEPS.iter().any(made)
}

/// Every row that `sql` gives.
pub(in crate::store) fn rows(
    connection: &Connection,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<Vec<Value>>, StoreError> {
    Ok(read(connection, sql, values).map_err(super::Failure::from)?)
}

fn read(connection: &Connection, sql: &str, values: Vec<Value>) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut statement = connection.prepare_cached(sql)?;
    let width = statement.column_count();
    let rows =
        statement.query_map(rusqlite::params_from_iter(values), |row| (0..width).map(|at| row.get(at)).collect())?;
    rows.collect()
}
