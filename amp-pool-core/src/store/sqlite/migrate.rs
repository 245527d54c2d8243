//! From an older database to this program's.
//!
//! The rules are in `migrations/README.md`.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

use super::{Failure, copy::copy_whole, fields::collect};
use crate::{
    store::{StoreError, files::beside, fingerprint::hex},
    time::Timestamp,
};

/// Marks a file as ours: "AMPP".
const APPLICATION: i32 = 0x414D_5050;

/// A numbered change of the schema.
pub(super) struct Step {
    number: u32,
    name: &'static str,
    sql: &'static str,
}

macro_rules! steps {
    ($($number:literal $name:literal)*) => {
        &[$(Step {
            number: $number,
            name: $name,
            sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/", $name, ".sql")),
        }),*]
    };
}

/// All steps, in order, without gaps.
pub(super) const STEPS: &[Step] = steps! {
    1 "0001_first_tables"
    2 "0002_translation"
    3 "0003_balances"
    4 "0004_blocks_of_the_log"
    5 "0005_limits_and_strategies"
    6 "0006_budgets"
    7 "0007_savings_of_caches"
    8 "0008_how_times_spread"
    9 "0009_users"
    10 "0010_choices"
    11 "0011_rules_for_verdicts"
    12 "0012_health_of_keys"
    13 "0013_retention"
    14 "0014_what_decided"
    15 "0015_prices"
    16 "0016_adjustments"
    17 "0017_bodies"
    18 "0018_own_providers"
    19 "0019_alerts"
};

impl Step {
    /// What it does.
    #[cfg(feature = "postgres")]
    pub(super) fn sql(&self) -> &'static str {
        self.sql
    }

    /// Line ends do not count: a checkout may change them.
    fn checksum(&self) -> String {
        hex(&Sha256::digest(self.sql.replace('\r', "")))
    }
}

/// Refuses a database of another program or of a newer version, before anything is written to it.
pub(super) fn refuse_what_is_not_ours(connection: &Connection) -> Result<(), Failure> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found = version(connection)?;
    let known = newest(STEPS);
    if application != APPLICATION && !is_empty(connection)? {
        return Err(
            StoreError::Invalid("the file is a database of another program; it was left untouched".into()).into()
        );
    }
    if found > known { Err(StoreError::Newer { found, known }.into()) } else { Ok(()) }
}

/// Refuses a database that a program of this version has not opened yet.
pub(super) fn refuse_what_is_older(connection: &Connection) -> Result<(), Failure> {
    let (found, known) = (version(connection)?, newest(STEPS));
    if found < known {
        let message =
            format!("the database has version {found} and is brought to {known} by the next start of the server");
        return Err(StoreError::Invalid(message).into());
    }
    Ok(())
}

/// Brings the database to the last of `steps`. What a killed run had finished stays finished.
pub(super) fn run(connection: &mut Connection, path: &Path, steps: &[Step], now: Timestamp) -> Result<(), Failure> {
    let found = version(connection)?;
    let (done, due) = steps.split_at(steps.partition_point(|step| step.number <= found));
    if found > 0 {
        compare(connection, done)?;
    }
    if found > 0 && !due.is_empty() {
        back_up(connection, path, found)?;
    }
    match found {
        0 => unhurried(connection, |connection| due.iter().try_for_each(|step| apply(connection, step, now))),
        _ => due.iter().try_for_each(|step| apply(connection, step, now)),
    }
}

/// Does `work` without a sync after each commit: a database that is just being made holds nothing to lose, and stays whole
/// in any case. The next commit syncs all of it.
fn unhurried(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let done = work(connection);
    connection.pragma_update(None, "synchronous", synchronous)?;
    done
}

fn version(connection: &Connection) -> Result<u32, Failure> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn newest(steps: &[Step]) -> u32 {
    steps.last().map_or(0, |step| step.number)
}

pub(super) fn is_empty(connection: &Connection) -> Result<bool, Failure> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0)
}

/// Refuses a database whose steps were not the ones this program knows under their numbers.
fn compare(connection: &Connection, done: &[Step]) -> Result<(), Failure> {
    let select = "SELECT number, sha256 FROM schema_migrations ORDER BY number";
    let applied = collect(connection, select, &[], |row| Ok((row.take::<u32>()?, row.take::<String>()?)))?;
    let expected: Vec<_> = done.iter().map(|step| (step.number, step.checksum())).collect();
    if applied == expected {
        return Ok(());
    }
    let differs = |at: &usize| applied.get(*at) != expected.get(*at);
    let number = (0..applied.len().max(expected.len())).find(differs).map_or(0, |at| at + 1);
    Err(Failure::corrupt(format!("migration {number} of this database is not the one this program knows")))
}

fn apply(connection: &mut Connection, step: &Step, now: Timestamp) -> Result<(), Failure> {
    tracing::info!(number = step.number, name = step.name, "migrating the database");
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(step.sql)?;
    tx.execute(
        "INSERT INTO schema_migrations (number, name, sha256, applied_at) VALUES (?1, ?2, ?3, ?4)",
        params![step.number, step.name, step.checksum(), now.as_millis()],
    )?;
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", step.number)?;
    Ok(tx.commit()?)
}

/// Copies the database to `FILE.bak-vN`, for its owner alone. The copy has that name only when it is whole.
fn back_up(connection: &Connection, path: &Path, version: u32) -> Result<(), Failure> {
    let copy = beside(path, &format!(".bak-v{version}"));
    copy_whole(connection, &copy)?;
    tracing::info!(copy = %copy.display(), "copied the database before migrating it");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Step = Step {
        number: 1,
        name: "first",
        sql: "CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT, sha256 TEXT, applied_at INTEGER);
              CREATE TABLE t (x); INSERT INTO t VALUES (1);",
    };
    const SECOND: Step = Step { number: 2, name: "second", sql: "UPDATE t SET x = x + 1; ALTER TABLE t ADD COLUMN y;" };
    const HALF: Step = Step { number: 2, name: "second", sql: "UPDATE t SET x = x + 1; SELECT no_such_function();" };

    struct Case {
        dir: tempfile::TempDir,
        connection: Connection,
    }

    impl Case {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let connection = Connection::open(dir.path().join("test.db")).unwrap();
            Self { dir, connection }
        }

        fn run(&mut self, steps: &[Step]) -> Result<(), Failure> {
            run(&mut self.connection, &self.dir.path().join("test.db"), steps, Timestamp::from_millis(5))
        }

        fn x(&self) -> i64 {
            self.connection.query_row("SELECT x FROM t", [], |row| row.get(0)).unwrap()
        }
    }

    #[test]
    fn steps_have_no_gaps_and_bear_their_numbers() {
        for (step, number) in STEPS.iter().zip(1..) {
            assert_eq!(step.number, number);
            assert!(step.name.starts_with(&format!("{number:04}_")), "{}", step.name);
        }
    }

    #[test]
    fn each_step_is_applied_once() {
        let mut case = Case::new();
        case.run(&[FIRST]).unwrap();
        case.run(&[FIRST, SECOND]).unwrap();
        case.run(&[FIRST, SECOND]).unwrap();

        assert_eq!(case.x(), 2);
        assert_eq!(version(&case.connection).unwrap(), 2);
    }

    #[test]
    fn a_step_that_broke_off_is_as_if_it_never_began() {
        let mut case = Case::new();
        case.run(&[FIRST, HALF]).unwrap_err();
        assert_eq!((case.x(), version(&case.connection).unwrap()), (1, 1));

        case.run(&[FIRST, SECOND]).unwrap();
        assert_eq!((case.x(), version(&case.connection).unwrap()), (2, 2));
    }

    #[test]
    fn a_step_that_was_changed_after_it_was_applied_is_noticed() {
        let mut case = Case::new();
        case.run(&[FIRST, SECOND]).unwrap();

        let refused = case.run(&[FIRST, HALF]).unwrap_err().to_string();

        assert!(refused.contains("migration 2"), "{refused}");
    }

    #[test]
    fn line_ends_change_no_checksum() {
        let unix = Step { number: 1, name: "", sql: "a\nb" };
        let windows = Step { number: 1, name: "", sql: "a\r\nb" };
        assert_eq!(unix.checksum(), windows.checksum());
    }

    #[test]
    fn a_used_database_is_copied_before_it_is_changed() {
        let mut case = Case::new();
        case.run(&[FIRST]).unwrap();
        assert!(!case.dir.path().join("test.db.bak-v0").exists(), "there was nothing to lose");
        case.run(&[FIRST, SECOND]).unwrap();

        let copy = Connection::open(case.dir.path().join("test.db.bak-v1")).unwrap();
        assert_eq!(copy.query_row("SELECT x FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
        assert_eq!(version(&copy).unwrap(), 1);
    }

    #[test]
    fn a_copy_that_broke_off_is_made_again() {
        let mut case = Case::new();
        case.run(&[FIRST]).unwrap();
        std::fs::write(case.dir.path().join("test.db.bak-v1.part"), "half a copy").unwrap();
        case.run(&[FIRST, SECOND]).unwrap();

        let copy = Connection::open(case.dir.path().join("test.db.bak-v1")).unwrap();
        assert_eq!(version(&copy).unwrap(), 1);
        assert!(!case.dir.path().join("test.db.bak-v1.part").exists());
    }
}
