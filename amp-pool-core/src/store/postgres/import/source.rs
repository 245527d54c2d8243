//! The database that is copied.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, types::Value};
use sha2::{Digest as _, Sha256};
use tokio::task;

use super::totals::{self, Total};
use crate::store::{StoreError, fingerprint::hex, sqlite::source};

/// All tables, those first that others refer to.
const TABLES: &str = "
    SELECT name FROM sqlite_schema
    WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'schema_migrations' ORDER BY rowid";

/// One moment of it.
pub(super) struct Source {
    connection: Arc<Mutex<Connection>>,
    tables: Vec<String>,
    left_out: Vec<String>,
    totals: Vec<Total>,
    name: String,
}

impl Source {
    pub(super) async fn open(path: &Path, master_key_file: &Path) -> Result<Self, StoreError> {
        let (path, master_key_file) = (path.to_owned(), master_key_file.to_owned());
        blocking(move || {
            let connection = source::open(&path, &master_key_file)?;
            let tables = words(source::rows(&connection, TABLES, Vec::new())?);
            let (tables, left_out) = tables.into_iter().partition::<Vec<_>, _>(|table| source::is_ours(table));
            let totals = totals::all(&tables, |sql| Ok(words(source::rows(&connection, sql, Vec::new())?)))?;
            let vault = source::rows(&connection, "SELECT wrapped_key FROM vault ORDER BY id", Vec::new())?;
            let name = name(&vault, &totals);
            Ok(Self { connection: Arc::new(Mutex::new(connection)), tables, left_out, totals, name })
        })
        .await
    }

    pub(super) fn tables(&self) -> &[String] {
        &self.tables
    }

    /// Tables that somebody else has put beside ours.
    pub(super) fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Its counts and sums.
    pub(super) fn totals(&self) -> &[Total] {
        &self.totals
    }

    /// Tells it from every other database, and from itself when something was added to it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Every row that `sql` gives, which reads no more than it has to.
    pub(super) async fn rows(&self, sql: String, values: Vec<Value>) -> Result<Vec<Vec<Value>>, StoreError> {
        let connection = self.connection.clone();
        blocking(move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            source::rows(&connection, &sql, values)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(error.into()))?
}

/// Data keys are random, so no two databases have the same; what was copied before has to be what is there now.
fn name(vault: &[Vec<Value>], totals: &[Total]) -> String {
    let mut hash = Sha256::new();
    for value in vault.iter().flatten() {
        if let Value::Blob(bytes) = value {
            hash.update(bytes);
        }
    }
    for total in totals {
        hash.update(total.value.to_be_bytes());
    }
    hex(&hash.finalize())
}

/// The numbers and texts of rows, as text.
fn words(rows: Vec<Vec<Value>>) -> Vec<String> {
    rows.into_iter().flatten().filter_map(word).collect()
}

/// A number or a text, as text.
pub(super) fn word(value: Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Null | Value::Real(_) | Value::Blob(_) => None,
    }
}
