//! The newest schema in one stroke, for a database that is just being made.
//!
//! The steps, each of which changes what those before it made, take four times as long as what they come to, and were a
//! third of a first start. What they come to is `migrations/sqlite.sql`, which the first test below makes of them.

use rusqlite::{Connection, TransactionBehavior};

use super::{
    Failure,
    migrate::{self, STEPS},
};
use crate::time::Timestamp;

const SCHEMA: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite.sql"));

/// Makes an empty database what all steps together would make of it. A run that is killed leaves it empty.
pub(super) fn make(connection: &mut Connection, now: Timestamp) -> Result<(), Failure> {
    tracing::info!(version = migrate::newest(STEPS), "making the database");
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(SCHEMA)?;
    STEPS.iter().try_for_each(|step| migrate::note(&tx, step, now))?;
    migrate::mark(&tx, migrate::newest(STEPS))?;
    Ok(tx.commit()?)
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;
    use crate::store::sqlite::fields::{Fields, collect};

    const NOW: Timestamp = Timestamp::from_millis(5);

    /// The statements that make what is there, in their order.
    fn statements(connection: &Connection) -> Vec<String> {
        let made = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid";
        let mut all: Vec<String> = collect(connection, made, &[], text).unwrap();
        for table in names(connection).iter().filter(|table| *table != "schema_migrations") {
            all.extend(rows(connection, table).into_iter().map(|row| format!("INSERT INTO {table} VALUES ({row})")));
        }
        all
    }

    fn text(row: &mut Fields<'_>) -> Result<String, Failure> {
        row.take()
    }

    fn names(connection: &Connection) -> Vec<String> {
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid";
        collect(connection, tables, &[], text).unwrap()
    }

    /// The rows of a table as they are written in SQL.
    fn rows(connection: &Connection, table: &str) -> Vec<String> {
        let columns =
            format!("SELECT group_concat('quote(' || name || ')', ' || '', '' || ') FROM pragma_table_info('{table}')");
        let columns: String = connection.query_row(&columns, [], |row| row.get(0)).unwrap();
        collect(connection, &format!("SELECT {columns} FROM {table}"), &[], text).unwrap()
    }

    fn by_steps() -> (tempfile::TempDir, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        let mut connection = Connection::open(&path).unwrap();
        migrate::run(&mut connection, &path, STEPS, NOW).unwrap();
        (dir, connection)
    }

    #[test]
    fn the_schema_is_what_the_steps_make() {
        let (_dir, stepped) = by_steps();
        let expected: String = statements(&stepped).iter().map(|statement| format!("{statement};\n\n")).collect();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite.sql");
        let head = "-- What all steps of sqlite/ come to: made of them by `make schema`, and never by hand.\n\n";
        if env::var_os("AMP_POOL_UPDATE_SCHEMA").is_some() {
            return fs::write(path, format!("{head}{expected}")).unwrap();
        }
        let written = fs::read_to_string(path).unwrap().replace('\r', "");
        assert_eq!(written.strip_prefix(head), Some(&*expected), "run `make schema`");
    }

    #[test]
    fn a_database_that_was_made_is_one_that_was_migrated() {
        let (_dir, stepped) = by_steps();
        let mut made = Connection::open_in_memory().unwrap();
        make(&mut made, NOW).unwrap();

        let told = |connection: &Connection| {
            let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
            (pragma("application_id"), pragma("user_version"), rows(connection, "schema_migrations"))
        };
        assert_eq!(statements(&made), statements(&stepped));
        assert_eq!(told(&made), told(&stepped));
    }
}
