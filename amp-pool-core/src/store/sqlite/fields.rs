//! Values in and out of rows.
//!
//! Rust's counts are unsigned, SQLite's are not; nothing in the books is larger than its largest.

use rusqlite::{Connection, Row, ToSql, types::FromSql};
use serde::{Serialize, de::DeserializeOwned};

use super::Failure;
use crate::{
    money::NanoUsd,
    store::{Histogram, StoreError},
    time::Timestamp,
    usage::Usage,
};

/// A count or duration as it is stored.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A list as it is stored.
pub(super) fn json<T: Serialize + ?Sized>(list: &T) -> Result<String, Failure> {
    serde_json::to_string(list).map_err(|error| StoreError::Invalid(error.to_string()).into())
}

/// A stored list.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(Failure::corrupt)
}

/// Reads the columns of a row from left to right.
///
/// A struct literal evaluates its fields as they are written, so a row is read by naming its columns once in the
/// statement and once, in the same order, here.
pub(super) struct Fields<'r> {
    row: &'r Row<'r>,
    next: usize,
    forgiving: bool,
}

impl<'r> Fields<'r> {
    pub(super) fn of(row: &'r Row<'r>) -> Self {
        Self::after(row, 0)
    }

    /// From the column behind the first `taken`.
    pub(super) fn after(row: &'r Row<'r>, taken: usize) -> Self {
        Self { row, next: taken, forgiving: false }
    }

    /// A count or a histogram that makes no sense is taken for nothing: it spoils its own statistics, never the writing of the
    /// books.
    pub(super) fn forgiving(self) -> Self {
        Self { forgiving: true, ..self }
    }

    fn nonsense<T: Default>(&self, what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Result<T, Failure> {
        if self.forgiving { Ok(T::default()) } else { Err(Failure::corrupt(what)) }
    }

    pub(super) fn take<T: FromSql>(&mut self) -> Result<T, Failure> {
        let at = self.next;
        self.next += 1;
        Ok(self.row.get(at)?)
    }

    pub(super) fn count(&mut self) -> Result<u64, Failure> {
        u64::try_from(self.take::<i64>()?).or_else(|error| self.nonsense(error))
    }

    pub(super) fn maybe_count(&mut self) -> Result<Option<u64>, Failure> {
        self.take::<Option<i64>>()?.map(u64::try_from).transpose().or_else(|error| self.nonsense(error))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, Failure> {
        Ok(Timestamp::from_millis(self.take()?))
    }

    pub(super) fn money(&mut self) -> Result<Option<NanoUsd>, Failure> {
        Ok(self.take::<Option<i64>>()?.map(NanoUsd))
    }

    /// `NULL` is from before there were any.
    pub(super) fn histogram(&mut self) -> Result<Histogram, Failure> {
        let at = self.next;
        self.next += 1;
        let Some(bytes) = self.row.get_ref(at)?.as_blob_or_null().map_err(Failure::corrupt)? else {
            return Ok(Histogram::default());
        };
        Histogram::from_bytes(bytes).map_or_else(|| self.nonsense("these bytes are no histogram"), Ok)
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        from_json(&self.take::<String>()?)
    }

    pub(super) fn maybe_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        self.take::<Option<String>>()?.as_deref().map(from_json).transpose()
    }

    /// The six classes of tokens, in the order every table has them.
    pub(super) fn usage(&mut self) -> Result<Usage, Failure> {
        Ok(Usage {
            uncached_input: self.count()?,
            cache_read: self.count()?,
            cache_write_5m: self.count()?,
            cache_write_1h: self.count()?,
            output: self.count()?,
            reasoning: self.maybe_count()?,
        })
    }
}

/// Visits the rows of a statement one after the other.
pub(super) fn each(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
    mut visit: impl FnMut(&mut Fields<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    while let Some(row) = rows.next()? {
        visit(&mut Fields::of(row))?;
    }
    Ok(())
}

/// All rows of a statement.
pub(super) fn collect<T>(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
    mut read: impl FnMut(&mut Fields<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut found = Vec::new();
    each(connection, sql, values, |row| {
        found.push(read(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// The one row of a statement, or [`StoreError::NotFound`].
pub(super) fn single<T>(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
    read: impl FnMut(&mut Fields<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    collect(connection, sql, values, read)?.pop().ok_or(StoreError::NotFound.into())
}

/// A change that names a row must have met it.
pub(super) fn one(changed: usize) -> Result<(), Failure> {
    if changed == 0 { Err(StoreError::NotFound.into()) } else { Ok(()) }
}
