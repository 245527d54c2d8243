//! Statements that are run for one row after another.

use rusqlite::{
    CachedStatement, Connection,
    types::{ToSqlOutput, ValueRef},
};

use super::Failure;

/// A statement that binds only what differs from the row before.
///
/// Rows of the books are much alike, and SQLite keeps what is bound: handing it the same text again would cost more than
/// comparing it. It is looked up when it is run for the first time, and then no more: that costs as much as binding it.
pub(super) struct Repeated<'c> {
    connection: &'c Connection,
    sql: &'static str,
    statement: Option<CachedStatement<'c>>,
    /// What is bound, as far as it may come again.
    bound: Vec<Bound>,
}

/// A value to compare the next one with.
#[derive(Clone)]
enum Bound {
    /// Not bound yet, or of a kind that does not come twice: bytes are ids.
    Unknown,
    Null,
    Integer(i64),
    Text(Vec<u8>),
}

impl Bound {
    fn is(&self, value: ValueRef<'_>) -> bool {
        match (self, value) {
            (Self::Null, ValueRef::Null) => true,
            (Self::Integer(bound), ValueRef::Integer(value)) => *bound == value,
            (Self::Text(bound), ValueRef::Text(value)) => bound == value,
            _ => false,
        }
    }

    fn set(&mut self, value: ValueRef<'_>) {
        match (&mut *self, value) {
            (Self::Text(bound), ValueRef::Text(text)) => {
                bound.clear();
                bound.extend_from_slice(text);
            }
            (bound, ValueRef::Text(text)) => *bound = Self::Text(text.to_vec()),
            (bound, ValueRef::Integer(number)) => *bound = Self::Integer(number),
            (bound, ValueRef::Null) => *bound = Self::Null,
            (bound, ValueRef::Real(_) | ValueRef::Blob(_)) => *bound = Self::Unknown,
        }
    }
}

impl<'c> Repeated<'c> {
    pub(super) fn new(connection: &'c Connection, sql: &'static str) -> Self {
        Self { connection, sql, statement: None, bound: Vec::new() }
    }

    /// Runs the statement with `row` as its values, in order. Gives how many rows were changed.
    pub(super) fn run<'v>(&mut self, row: impl IntoIterator<Item = ValueRef<'v>>) -> Result<usize, Failure> {
        let Self { connection, sql, statement, bound } = self;
        let statement = match statement {
            Some(statement) => statement,
            missing => {
                let statement = missing.insert(connection.prepare_cached(sql)?);
                bound.resize(statement.parameter_count(), Bound::Unknown);
                statement
            }
        };
        for (at, value) in row.into_iter().enumerate() {
            bind(statement, bound, at, value)?;
        }
        Ok(statement.raw_execute()?)
    }
}

fn bind(
    statement: &mut CachedStatement<'_>,
    bound: &mut [Bound],
    at: usize,
    value: ValueRef<'_>,
) -> Result<(), Failure> {
    let bound = bound.get_mut(at);
    if bound.as_ref().is_some_and(|bound| bound.is(value)) {
        return Ok(());
    }
    statement.raw_bind_parameter(at + 1, ToSqlOutput::Borrowed(value))?;
    if let Some(bound) = bound {
        bound.set(value);
    }
    Ok(())
}

/// A number.
/// So many rows go by one statement where there are so many: to begin and end it, and to find anew the place behind the last
/// row, is a fifth of what writing a row takes.
pub(super) const SEVERAL: usize = 8;

/// A statement that inserts [`SEVERAL`] rows of so many columns. `into` is all of it but for the values.
pub(super) fn several(into: &str, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    format!("{into} VALUES {}", vec![row; SEVERAL].join(", "))
}

pub(super) fn number<'a>(number: impl Into<i64>) -> ValueRef<'a> {
    ValueRef::Integer(number.into())
}

/// A number that may be missing.
pub(super) fn maybe<'a>(number: Option<impl Into<i64>>) -> ValueRef<'a> {
    number.map_or(ValueRef::Null, |number| ValueRef::Integer(number.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_the_same_is_written_all_the_same() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a, b, c)").unwrap();
        let mut insert = Repeated::new(&connection, "INSERT INTO t VALUES (?1, ?2, ?3)");
        let rows = [(1, Some(1), "x"), (1, None, "x"), (2, None, "y"), (2, Some(3), "x")];
        for (a, b, c) in rows {
            assert_eq!(insert.run([number(a), maybe(b), c.into()]).unwrap(), 1);
        }

        let mut select = connection.prepare("SELECT a, b, c FROM t ORDER BY rowid").unwrap();
        let found = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?))).unwrap();
        let found: Vec<(i32, Option<i32>, String)> = found.map(Result::unwrap).collect();
        assert_eq!(found, rows.map(|(a, b, c)| (a, b, c.to_owned())));
    }

    #[test]
    fn a_statement_that_is_prepared_again_begins_anew() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a)").unwrap();
        for _ in 0..2 {
            Repeated::new(&connection, "INSERT INTO t VALUES (?1)").run([number(7)]).unwrap();
        }
        let sum: i64 = connection.query_row("SELECT sum(a) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(sum, 14);
    }
}
