//! From an older database to this program's.
//!
//! The rules are in `migrations/README.md`.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use sha2::{Digest as _, Sha256};

use super::{Failure, copy::copy_whole, fields::collect, whole};
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
    20 "0020_sums_of_sums"
    21 "0021_identities"
    22 "0022_states_of_holds"
    23 "0023_errors_of_the_log"
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

/// Brings the database to the newest version. What a killed run had finished stays finished.
pub(super) fn bring_up(connection: &mut Connection, path: &Path, now: Timestamp) -> Result<(), Failure> {
    match version(connection)? {
        0 => unhurried(connection, |connection| whole::make(connection, now)),
        _ => run(connection, path, STEPS, now),
    }
}

/// Brings the database to the last of `steps`.
pub(super) fn run(connection: &mut Connection, path: &Path, steps: &[Step], now: Timestamp) -> Result<(), Failure> {
    let found = version(connection)?;
    let (done, due) = steps.split_at(steps.partition_point(|step| step.number <= found));
    if found > 0 {
        compare(connection, done)?;
    }
    if found > 0 && !due.is_empty() {
        back_up(connection, path, found)?;
    }
    due.iter().try_for_each(|step| apply(connection, step, now))
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

pub(super) fn newest(steps: &[Step]) -> u32 {
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
    note(&tx, step, now)?;
    mark(&tx, step.number)?;
    Ok(tx.commit()?)
}

/// Writes down that a step was done.
pub(super) fn note(tx: &Transaction<'_>, step: &Step, now: Timestamp) -> Result<(), Failure> {
    tx.prepare_cached("INSERT INTO schema_migrations (number, name, sha256, applied_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![step.number, step.name, step.checksum(), now.as_millis()])?;
    Ok(())
}

/// Marks the file as ours, of this version.
pub(super) fn mark(tx: &Transaction<'_>, version: u32) -> Result<(), Failure> {
    tx.pragma_update(None, "application_id", APPLICATION)?;
    Ok(tx.pragma_update(None, "user_version", version)?)
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
    use crate::store::sqlite::tests::database;

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

    /// What `kill -9` leaves of a database now: what was written to its files, and nothing of who wrote them.
    fn killed(case: &Case) -> tempfile::TempDir {
        case.connection.cache_flush().unwrap();
        let left = tempfile::tempdir().unwrap();
        for name in ["test.db", "test.db-wal"] {
            std::fs::copy(case.dir.path().join(name), left.path().join(name)).unwrap();
        }
        left
    }

    fn schema(connection: &Connection) -> Vec<(String, String)> {
        let select = "SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name";
        collect(connection, select, &[], |row| Ok((row.take()?, row.take()?))).unwrap()
    }

    /// A call of the first schema, with its attempt.
    const CALL: &str = "
        INSERT INTO api_request_log (id, create_time, update_time, call_id, model, key_id, format, endpoint, stream, status,
                                     outcome)
        VALUES (1, 0, 0, x'00112233445566778899aabbccddee01', 'm', 7, 'chat', '', 0, 'success', 'done');
        INSERT INTO api_request_attempts
        VALUES (x'00112233445566778899aabbccddee01', 0, zeroblob(16), 0, 7, '', '', '', 1, 'answer', NULL, NULL, 0, NULL,
                0, 0, 0, 0, 0, NULL, 0, NULL, NULL)";

    /// Brings what is left of a killed run to the newest schema, and looks whether all of it is there.
    fn take_up(left: &tempfile::TempDir, done: usize, expected: &[(String, String)]) {
        let path = left.path().join("test.db");
        let mut connection = Connection::open(&path).unwrap();
        // The machine did not fail, so nothing has to reach the disk.
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        assert_eq!(version(&connection).unwrap() as usize, done, "what was finished stays, what was not is gone");
        run(&mut connection, &path, STEPS, Timestamp::from_millis(6)).unwrap();
        assert_eq!(schema(&connection), expected, "killed in the step after {done}");
        let count = "SELECT (SELECT count(*) FROM api_request_log), (SELECT count(*) FROM api_request_attempts)";
        let found: (i64, i64) = connection.query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let calls = i64::from(done > 0);
        assert_eq!(found, (calls, calls), "killed in the step after {done}");
    }

    #[test]
    fn a_migration_that_was_killed_in_any_step_is_taken_up_again() {
        let (_dir, fresh) = database();
        let expected = schema(&fresh);
        let mut case = Case::new();
        case.connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        for (done, step) in STEPS.iter().enumerate() {
            // The first statement of the step, and then all of it: killed before anything of it counts.
            let plain: Vec<_> = step.sql.lines().filter_map(|line| line.split("--").next()).collect();
            let plain = plain.join("\n");
            for part in [plain.split_inclusive(';').next().unwrap(), step.sql] {
                case.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                case.connection.execute_batch(part).unwrap();
                let left = killed(&case);
                case.connection.execute_batch("ROLLBACK").unwrap();
                take_up(&left, done, &expected);
            }
            case.run(&STEPS[..=done]).unwrap();
            if done == 0 {
                case.connection.execute_batch(CALL).unwrap();
            }
            take_up(&killed(&case), done + 1, &expected);
        }
        assert_eq!(schema(&case.connection), expected);
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
