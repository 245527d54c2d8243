//! From an older database to this program's.
//!
//! The rules are in `migrations/README.md`. Several nodes may start at the same time: each step is one transaction that
//! holds a lock, and looks under it whether somebody else was faster.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{
    Failure,
    fields::{collect, firsts},
    pool::{Lent, Pool},
};
use crate::{
    store::{StoreError, fingerprint::hex},
    time::Timestamp,
};

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
            sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres/", $name, ".sql")),
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

/// Whoever holds this migrates. "AMPP", as SQLite files are marked.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1095585872)";

/// Tables that would be ours if there were a history of migrations beside them.
const OURS: &str = "
    SELECT table_name::text FROM information_schema.tables
    WHERE table_schema = current_schema()
      AND table_name IN ('api_keys', 'api_request_log', 'api_request_stats', 'client_tokens', 'config', 'routes', 'vault')
    ORDER BY 1 LIMIT 1";

/// The columns of our history of migrations: other programs have a table of the same name.
const HISTORY: &str = "
    SELECT column_name::text FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = 'schema_migrations' ORDER BY 1";

const ENCODING: &str = "SELECT current_setting('server_encoding')";

impl Step {
    /// Line ends do not count: a checkout may change them.
    fn checksum(&self) -> String {
        hex(&Sha256::digest(self.sql.replace('\r', "")))
    }
}

/// Brings the database to the last of `steps`. What a killed run had finished stays finished; a database of another
/// program, or a newer one, is left untouched.
pub(super) async fn run(pool: &Arc<Pool>, steps: &[Step], now: Timestamp) -> Result<(), Failure> {
    while let Some(step) = look(pool, steps).await? {
        apply(pool, steps, step, now).await?;
    }
    Ok(())
}

/// Refuses a database that a program of this version has not opened yet, and what is not ours.
pub(super) async fn refuse_what_is_older(pool: &Arc<Pool>, steps: &[Step]) -> Result<(), Failure> {
    let Some(step) = look(pool, steps).await? else { return Ok(()) };
    let (found, known) = (step.number - 1, steps.last().map_or(0, |step| step.number));
    let message = format!("the database has version {found} and is brought to {known} by the next start of the server");
    Err(StoreError::Invalid(message).into())
}

/// The next step that is due. Writes nothing.
async fn look<'s>(pool: &Arc<Pool>, steps: &'s [Step]) -> Result<Option<&'s Step>, Failure> {
    let tx = pool.snapshot().await?;
    let step = next(&tx, steps).await?;
    tx.commit().await?;
    Ok(step)
}

async fn next<'s>(tx: &Lent, steps: &'s [Step]) -> Result<Option<&'s Step>, Failure> {
    let applied = applied(tx).await?;
    let known = steps.last().map_or(0, |step| step.number);
    let found = applied.iter().map(|(number, _)| *number).max().unwrap_or(0);
    if found > known {
        return Err(StoreError::Newer { found, known }.into());
    }
    let (done, due) = steps.split_at(steps.partition_point(|step| step.number <= found));
    compare(&applied, done)?;
    Ok(due.first())
}

async fn applied(tx: &Lent) -> Result<Vec<(u32, String)>, Failure> {
    let encoding: String =
        tx.query_once(ENCODING, &[]).await?.first().map_or(Ok(String::new()), |row| row.try_get(0))?;
    if encoding != "UTF8" {
        return Err(StoreError::Invalid(format!("the database has the encoding {encoding}; UTF8 is needed")).into());
    }
    let history = firsts::<String>(&tx.query_once(HISTORY, &[]).await?)?;
    if history.is_empty() {
        return refuse_tables_of_others(tx).await.map(|()| Vec::new());
    }
    if history != ["applied_at", "name", "number", "sha256"] {
        return Err(another("a table `schema_migrations`"));
    }
    let rows = tx.query_once("SELECT number, sha256 FROM schema_migrations ORDER BY number", &[]).await?;
    collect(&rows, |row| {
        let number = u32::try_from(row.take::<i32>()?).map_err(Failure::corrupt)?;
        Ok((number, row.take()?))
    })
}

/// In a schema that others use as well, nobody's table may be taken for ours.
async fn refuse_tables_of_others(tx: &Lent) -> Result<(), Failure> {
    match firsts::<String>(&tx.query_once(OURS, &[]).await?)?.first() {
        Some(table) => Err(another(&format!("a table `{table}`"))),
        None => Ok(()),
    }
}

fn another(what: &str) -> Failure {
    let message = format!("the schema has {what} of another program; it was left untouched");
    StoreError::Invalid(message).into()
}

/// Refuses a database whose steps were not the ones this program knows under their numbers.
fn compare(applied: &[(u32, String)], done: &[Step]) -> Result<(), Failure> {
    let expected: Vec<_> = done.iter().map(|step| (step.number, step.checksum())).collect();
    if applied == expected {
        return Ok(());
    }
    let differs = |at: &usize| applied.get(*at) != expected.get(*at);
    let number = (0..applied.len().max(expected.len())).find(differs).map_or(0, |at| at + 1);
    Err(Failure::corrupt(format!("migration {number} of this database is not the one this program knows")))
}

async fn apply(pool: &Arc<Pool>, steps: &[Step], step: &Step, now: Timestamp) -> Result<(), Failure> {
    let tx = pool.begin().await?;
    // A step on a large table may take longer than anybody waits for a lock else.
    tx.batch("SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0").await?;
    tx.query_once(LOCK, &[]).await?;
    if next(&tx, steps).await?.is_none_or(|next| next.number != step.number) {
        return Ok(());
    }
    tracing::info!(number = step.number, name = step.name, "migrating the database");
    tx.batch(step.sql).await?;
    let number = i32::try_from(step.number).map_err(Failure::corrupt)?;
    let insert = "INSERT INTO schema_migrations (number, name, sha256, applied_at) VALUES ($1, $2, $3, $4)";
    tx.query_once(insert, &[&number, &step.name, &step.checksum(), &now.as_millis()]).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_twin_of_the_same_name() {
        let folder = |engine: &str| {
            let path = format!("{}/migrations/{engine}", env!("CARGO_MANIFEST_DIR"));
            let mut names: Vec<_> = std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name.ends_with(".sql"))
                .collect();
            names.sort();
            names
        };
        let named: Vec<_> = STEPS.iter().map(|step| format!("{}.sql", step.name)).collect();

        assert_eq!(folder("postgres"), named);
        assert_eq!(folder("sqlite"), named);
    }

    #[test]
    fn steps_have_no_gaps_and_bear_their_numbers() {
        for (step, number) in STEPS.iter().zip(1..) {
            assert_eq!(step.number, number);
            assert!(step.name.starts_with(&format!("{number:04}_")), "{}", step.name);
        }
    }
}
