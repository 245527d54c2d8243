//! Reading the old database. It had no versions: what it has to have is looked for by name, and what later or earlier forms
//! of it called otherwise goes by each of its names.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Row};
use sha2::{Digest as _, Sha256};

use super::{OldCall, Shared, Sums, left_behind};
use crate::{
    budget::Zone,
    money::NanoUsd,
    store::{StoreError, fingerprint::hex},
    time::Timestamp,
};

/// Rows that are taken in together.
const PIECE: u32 = 500;
const KEYS: &str = "api_keys";
const LOG: &str = "api_request_log";
const KEYS_NEED: [&str; 5] = ["id", "create_time", "name", "api_key", "enabled"];
const LOG_NEEDS: [&str; 6] = ["id", "create_time", "key_id", "model", "cost", "status"];

/// A key of the old database.
pub(super) struct OldKey {
    pub(super) id: i64,
    pub(super) create_time: Timestamp,
    pub(super) name: String,
    pub(super) api_key: String,
    pub(super) ua: Option<String>,
    pub(super) proxy: Option<String>,
    pub(super) enabled: bool,
    pub(super) total_balance: Option<NanoUsd>,
    pub(super) memo: Option<String>,
}

/// The old database as it is at one moment.
pub(super) struct Original {
    pub(super) keys: Vec<OldKey>,
    pub(super) log: Arc<Log>,
    pub(super) remarks: Vec<String>,
}

/// Its log.
pub(super) struct Log {
    connection: Shared,
    select: String,
    pub(super) sums: Sums,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

/// Whether the file at `path` looks like the database of the first AMP Pool. One of ours does not.
///
/// # Errors
/// [`StoreError::Unavailable`] when it can not be read, [`StoreError::Invalid`] when it is no database.
pub fn is_original(path: &Path) -> Result<bool, StoreError> {
    let connection = connect(path)?;
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(unreadable)?;
    Ok(application == 0 && missing(&connection).map_err(unreadable)?.is_none())
}

impl Original {
    pub(super) fn open(path: &Path, zone: &Zone) -> Result<Self, StoreError> {
        let connection = connect(path)?;
        connection.execute_batch("BEGIN").map_err(unreadable)?;
        let found: String =
            connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(unreadable)?;
        if found != "ok" {
            return Err(StoreError::Corrupt(found.into()));
        }
        if let Some(what) = missing(&connection).map_err(unreadable)? {
            let message = format!("the file is no database of the first AMP Pool: it has no {what}");
            return Err(StoreError::Invalid(message));
        }
        let keys = keys(&connection, zone)?;
        let remarks = left_behind(&counts(&connection).map_err(unreadable)?);
        let columns = columns(&connection, LOG).map_err(unreadable)?;
        let (sums, span) = sums(&connection, &columns).map_err(unreadable)?;
        let [first, last] = span.map(|local| local.map_or(Ok(Timestamp::default()), |local| moment(&local, zone, 0)));
        let (first, last) = (first?, last?);
        let select = select(&columns);
        let log = Log { connection: Arc::new(Mutex::new(connection)), select, sums, first, last };
        Ok(Self { keys, log: Arc::new(log), remarks })
    }
}

impl Log {
    /// Tells it from other logs, and from itself before something was added.
    pub(super) fn name(&self) -> String {
        let told = format!("{} {} {}", self.sums, self.first, self.last);
        hex(&Sha256::digest(told))
    }

    /// The next rows behind `row`.
    pub(super) fn after(&self, row: i64, zone: &Zone) -> Result<Vec<OldCall>, StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare_cached(&self.select).map_err(unreadable)?;
        let rows = statement.query_map([row, i64::from(PIECE)], call).map_err(unreadable)?;
        rows.map(|row| {
            let (local, call) = row.map_err(unreadable)?;
            Ok(OldCall { create_time: moment(&local, zone, call.id)?, ..call })
        })
        .collect()
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(unreadable)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(unreadable)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(unreadable)?;
    Ok(connection)
}

fn unreadable(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => StoreError::Invalid("the file is no database".into()),
        _ => StoreError::Unavailable(error.into()),
    }
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<HashSet<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

/// A table or column without which nothing can be taken in.
fn missing(connection: &Connection) -> rusqlite::Result<Option<String>> {
    for (table, needed) in [(KEYS, &KEYS_NEED[..]), (LOG, &LOG_NEEDS[..])] {
        let found = columns(connection, table)?;
        if let Some(column) = needed.iter().find(|column| !found.contains(**column)) {
            return Ok(Some(format!("column `{column}` of a table `{table}`")));
        }
    }
    Ok(None)
}

/// What is there and is not taken in.
fn counts(connection: &Connection) -> rusqlite::Result<BTreeMap<&'static str, i64>> {
    let questions = [
        ("settings", "config", "key", "SELECT count(*) FROM config"),
        ("rows of sums, made anew of the log", "api_request_stats", "id", "SELECT count(*) FROM api_request_stats"),
        (
            "calls with what they said",
            LOG,
            "request_body",
            "SELECT count(*) FROM api_request_log WHERE request_body IS NOT NULL OR response_body IS NOT NULL",
        ),
    ];
    let mut counts = BTreeMap::new();
    for (what, table, column, sql) in questions {
        if columns(connection, table)?.contains(column) {
            counts.insert(what, connection.query_row(sql, [], |row| row.get(0))?);
        }
    }
    Ok(counts)
}

/// The first of `names` that is there, or nothing.
fn either(columns: &HashSet<String>, names: &[&str]) -> String {
    names.iter().find(|name| columns.contains(**name)).map_or("NULL".into(), |name| format!(r#""{name}""#))
}

/// The largest of what stands under `names`: some were written under two of them.
fn tokens(columns: &HashSet<String>, names: &[&str]) -> String {
    let there = names.iter().filter(|name| columns.contains(**name));
    let there: Vec<_> = there.map(|name| format!(r#"coalesce(CAST("{name}" AS INTEGER), 0)"#)).collect();
    format!("max(0, {})", if there.is_empty() { "0".into() } else { there.join(", ") })
}

const INPUT: [&str; 2] = ["input_tokens", "prompt_tokens"];
const CACHE_READ: [&str; 2] = ["cache_read_input_tokens", "cache_read_tokens"];
const CACHE_WRITE: [&str; 2] = ["cache_creation_input_tokens", "cache_write_tokens"];
const OUTPUT: [&str; 2] = ["output_tokens", "completion_tokens"];
/// Dollars were written as binary fractions.
const COST: &str = "CAST(round(cost * 1000000000) AS INTEGER)";

fn select(columns: &HashSet<String>) -> String {
    let either = |names: &[&str]| either(columns, names);
    let tokens = |names: &[&str]| tokens(columns, names);
    let parts = [
        "id".into(),
        "CAST(create_time AS TEXT)".into(),
        "coalesce(key_id, 0)".into(),
        either(&["provider"]),
        "model".into(),
        either(&["res_model", "upstream_model"]),
        tokens(&INPUT),
        tokens(&CACHE_READ),
        tokens(&CACHE_WRITE),
        tokens(&OUTPUT),
        COST.into(),
        format!("max(0, coalesce({}, 0))", either(&["latency_ms"])),
        "coalesce(status, 'unknown')".into(),
        either(&["http_status_code"]),
        either(&["error_type"]),
        either(&["error_message"]),
    ];
    format!("SELECT {} FROM {LOG} WHERE id > ?1 ORDER BY id LIMIT ?2", parts.join(", "))
}

fn call(row: &Row<'_>) -> rusqlite::Result<(String, OldCall)> {
    let status: Option<i64> = row.get(13)?;
    let call = OldCall {
        id: row.get(0)?,
        create_time: Timestamp::default(),
        key: row.get(2)?,
        provider: row.get(3)?,
        model: row.get(4)?,
        upstream_model: row.get(5)?,
        tokens: [count(row, 6)?, count(row, 7)?, count(row, 8)?, count(row, 9)?],
        cost: row.get::<_, Option<i64>>(10)?.map(NanoUsd),
        latency_ms: count(row, 11)?,
        status: row.get(12)?,
        http_status: status.and_then(|status| u16::try_from(status).ok()).filter(|status| (100..600).contains(status)),
        error_type: row.get(14)?,
        error_message: row.get(15)?,
    };
    Ok((row.get(1)?, call))
}

/// A number that can not be less than nothing.
fn count(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or(0))
}

/// The sums of the log, asked of the old database itself, and its first and last moment.
fn sums(connection: &Connection, columns: &HashSet<String>) -> rusqlite::Result<(Sums, [Option<String>; 2])> {
    let sum = |names: &[&str]| format!("coalesce(sum({}), 0)", tokens(columns, names));
    let sql = format!(
        "SELECT count(*), coalesce(sum(coalesce(status, '') <> 'success'), 0), {}, {}, {}, {}, coalesce(sum({COST}), 0),
                coalesce(sum(max(0, coalesce({}, 0))), 0), CAST(min(create_time) AS TEXT), CAST(max(create_time) AS TEXT)
         FROM {LOG}",
        sum(&INPUT),
        sum(&CACHE_READ),
        sum(&CACHE_WRITE),
        sum(&OUTPUT),
        either(columns, &["latency_ms"]),
    );
    connection.query_row(&sql, [], |row| {
        let sums = Sums {
            calls: count(row, 0)?,
            errors: count(row, 1)?,
            input: count(row, 2)?,
            cache_read: count(row, 3)?,
            cache_write: count(row, 4)?,
            output: count(row, 5)?,
            cost: NanoUsd(row.get(6)?),
            latency_ms: count(row, 7)?,
        };
        Ok((sums, [row.get(8)?, row.get(9)?]))
    })
}

fn keys(connection: &Connection, zone: &Zone) -> Result<Vec<OldKey>, StoreError> {
    let columns = columns(connection, KEYS).map_err(unreadable)?;
    let sql = format!(
        "SELECT id, CAST(create_time AS TEXT), name, api_key, {}, {}, enabled,
                CAST(round({} * 1000000000) AS INTEGER), {} FROM {KEYS} ORDER BY id",
        either(&columns, &["ua"]),
        either(&columns, &["proxy", "proxy_ip"]),
        either(&columns, &["total_balance"]),
        either(&columns, &["memo"]),
    );
    let mut statement = connection.prepare(&sql).map_err(unreadable)?;
    let rows = statement.query_map([], |row| {
        let key = OldKey {
            id: row.get(0)?,
            create_time: Timestamp::default(),
            name: row.get(2)?,
            api_key: row.get(3)?,
            ua: row.get(4)?,
            proxy: row.get(5)?,
            enabled: row.get(6)?,
            total_balance: row.get::<_, Option<i64>>(7)?.map(NanoUsd),
            memo: row.get(8)?,
        };
        Ok((row.get::<_, String>(1)?, key))
    });
    let rows = rows.map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    rows.into_iter().map(|(local, key)| Ok(OldKey { create_time: moment(&local, zone, key.id)?, ..key })).collect()
}

fn moment(local: &str, zone: &Zone, row: i64) -> Result<Timestamp, StoreError> {
    let wrong = || StoreError::Corrupt(format!("the time `{local}` of row {row} is none").into());
    zone.moment(local).ok_or_else(wrong)
}
