//! Records read back.

use rusqlite::{Transaction, types::Value};
use uuid::Uuid;

use super::{
    Failure,
    fields::{Fields, collect},
};
use crate::{
    format::LossKind,
    id::{AttemptId, CallId, KeyId, TokenId},
    store::{Outcome, Page, RecordFilter, RecordedLoss, Side, StoredAttempt, StoredRecord},
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, call_id, create_time, update_time, token_id, key_id, provider, model, upstream_model, format, ",
            "upstream_format, endpoint, stream, outcome, http_status_code, error_type, error_message, ",
            "uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, ",
            "reasoning_tokens, cost, estimated, latency_ms, first_byte_ms, attempts FROM api_request_log ",
            $rest
        )
    };
}

/// Every call that has not ended.
pub(super) const OPEN: &str = select!("WHERE outcome IS NULL");

const BY_CALL: &str = select!("WHERE call_id = ?1");

const ATTEMPTS: &str = "
    SELECT attempt_id, key_id, provider, upstream_format, upstream_model, served, verdict, http_status_code, error_message,
           create_time, latency_ms, first_byte_ms,
           uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
           reasoning_tokens, estimated, cost, price_version
    FROM api_request_attempts WHERE call_id = ?1 ORDER BY n";

const LOSSES: &str = "SELECT side, kind, field, note FROM api_request_losses WHERE call_id = ?1 ORDER BY n";

/// A page, newest first.
pub(super) fn list(tx: &Transaction<'_>, filter: &RecordFilter, page: Page) -> Result<Vec<StoredRecord>, Failure> {
    let Query { sql, values } = query(filter, page);
    let values: Vec<_> = values.iter().map(|value| value as _).collect();
    collect(tx, &sql, &values, read)
}

/// One record with its attempts and losses.
pub(super) fn get(tx: &Transaction<'_>, call: CallId) -> Result<Option<StoredRecord>, Failure> {
    let mut found = collect(tx, BY_CALL, &[&call.as_bytes()], read)?;
    let Some(row) = found.pop() else { return Ok(None) };
    let attempts = collect(tx, ATTEMPTS, &[&call.as_bytes()], read_attempt)?;
    let losses = collect(tx, LOSSES, &[&call.as_bytes()], read_loss)?;
    Ok(Some(StoredRecord { attempts, losses, ..row }))
}

/// A statement and what is bound to it, in order. Its text is made of parts of this program and nothing else.
struct Query {
    sql: String,
    values: Vec<Value>,
}

impl Query {
    fn narrow(&mut self, condition: &'static str, value: Option<impl Into<Value>>) {
        self.push(if value.is_some() { condition } else { "" }, value);
    }

    fn narrow_time(&mut self, from: Option<i64>, to: Option<i64>) {
        match (from, to) {
            (Some(from), Some(to)) => {
                let (from, to) = (first_call(from), first_call(to));
                self.push(BETWEEN, [from.clone(), to.clone(), from, to]);
            }
            (Some(from), None) => self.push(SINCE, [first_call(from)]),
            (None, _) => {}
        }
        self.narrow(" AND +create_time >= ?", from);
        self.narrow(" AND +create_time < ?", to);
    }

    fn push<V: Into<Value>>(&mut self, text: &'static str, values: impl IntoIterator<Item = V>) {
        self.sql.push_str(text);
        self.values.extend(values.into_iter().map(Into::into));
    }
}

/// The least call id of a millisecond: a call's id begins with the time of its admission.
fn first_call(millis: i64) -> Vec<u8> {
    CallId::new(Timestamp::from_millis(millis), &[0; 10]).as_bytes().to_vec()
}

// Row ids grow with time only by and large. So a time is turned into the range of rows that can hold it, which the index
// of call ids answers alone; the pluses keep the planner from walking the rows by id from the oldest.
const SINCE: &str = " AND id >= (SELECT min(+id) FROM api_request_log WHERE call_id >= ?)";
const BETWEEN: &str = "
    AND id >= (SELECT min(+id) FROM api_request_log WHERE call_id >= ? AND call_id < ?)
    AND id <= (SELECT max(+id) FROM api_request_log WHERE call_id >= ? AND call_id < ?)";

fn query(filter: &RecordFilter, page: Page) -> Query {
    let mut query = Query { sql: select!("WHERE true").to_owned(), values: Vec::new() };
    query.narrow(" AND id < ?", page.before);
    query.narrow_time(filter.from.map(Timestamp::as_millis), filter.to.map(Timestamp::as_millis));
    query.narrow(" AND key_id = ?", filter.key.map(|key| key.0));
    query.narrow(" AND token_id = ?", filter.token.map(|token| token.0));
    query.narrow(" AND model = ?", filter.model.clone());
    query.narrow(" AND error_type = ?", filter.error_type.clone());
    match filter.status.as_deref() {
        // Written out, for the index that holds only these.
        Some("error") => query.sql.push_str(" AND status = 'error'"),
        status => query.narrow(" AND status = ?", status.map(str::to_owned)),
    }
    query.push(" ORDER BY id DESC LIMIT ?", [i64::from(page.limit)]);
    query
}

pub(super) fn read(row: &mut Fields<'_>) -> Result<StoredRecord, Failure> {
    Ok(StoredRecord {
        id: row.take()?,
        call: CallId(uuid(row)?),
        create_time: row.time()?,
        update_time: row.time()?,
        token: row.take::<Option<_>>()?.map(TokenId),
        key: row.take::<Option<_>>()?.map(KeyId),
        provider: row.take()?,
        model: row.take()?,
        upstream_model: row.take()?,
        format: row.take()?,
        upstream_format: row.take()?,
        endpoint: row.take()?,
        stream: row.take()?,
        outcome: row.take::<Option<String>>()?.as_deref().map(outcome).transpose()?,
        http_status: row.take()?,
        error_type: row.take()?,
        error_message: row.take()?,
        usage: row.usage()?,
        cost: row.money()?,
        estimated: row.take()?,
        latency_ms: row.maybe_count()?,
        first_byte_ms: row.maybe_count()?,
        attempt_count: row.take()?,
        attempts: Vec::new(),
        losses: Vec::new(),
    })
}

fn read_attempt(row: &mut Fields<'_>) -> Result<StoredAttempt, Failure> {
    Ok(StoredAttempt {
        id: AttemptId(uuid(row)?),
        key: KeyId(row.take()?),
        provider: row.take()?,
        upstream_format: row.take()?,
        upstream_model: row.take()?,
        served: row.take()?,
        verdict: row.take()?,
        http_status: row.take()?,
        error_message: row.take()?,
        create_time: row.time()?,
        latency_ms: row.count()?,
        first_byte_ms: row.maybe_count()?,
        usage: row.usage()?,
        estimated: row.take()?,
        cost: row.money()?,
        price_version: row.take()?,
    })
}

fn read_loss(row: &mut Fields<'_>) -> Result<RecordedLoss, Failure> {
    let (side, kind) = (row.take::<String>()?, row.take::<String>()?);
    let (side, kind) = (
        Side::ALL.into_iter().find(|known| known.as_str() == side),
        LossKind::ALL.into_iter().find(|known| known.as_str() == kind),
    );
    let (Some(side), Some(kind)) = (side, kind) else { return Err(Failure::corrupt("a loss of no known kind")) };
    Ok(RecordedLoss { side, kind, field: row.take()?, note: row.take()? })
}

fn uuid(row: &mut Fields<'_>) -> Result<Uuid, Failure> {
    Ok(Uuid::from_bytes(row.take()?))
}

fn outcome(name: &str) -> Result<Outcome, Failure> {
    let known = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == name);
    known.ok_or_else(|| Failure::corrupt(format!("`{name}` is no outcome of a call")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::tests::database;

    fn check(filter: &RecordFilter, expected: &str) {
        let (_dir, mut connection) = database();
        let tx = connection.transaction().unwrap();
        let Query { sql, values } = query(filter, Page { before: Some(9), limit: 5 });
        let mut statement = tx.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan = statement.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        let plan = plan.collect::<Result<Vec<_>, _>>().unwrap().join("; ");
        assert!(plan.contains(expected), "{filter:?}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
    }

    #[test]
    fn every_page_comes_from_an_index_in_its_order() {
        let filter = RecordFilter::default;
        let at = Some(Timestamp::from_millis(1));
        check(&filter(), "USING INTEGER PRIMARY KEY (rowid<?)");
        check(&RecordFilter { from: at, to: at, ..filter() }, "USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)");
        check(
            &RecordFilter { from: at, to: at, ..filter() },
            "USING COVERING INDEX sqlite_autoindex_api_request_log_1",
        );
        check(&RecordFilter { from: at, ..filter() }, "USING COVERING INDEX sqlite_autoindex_api_request_log_1");
        check(&RecordFilter { key: Some(KeyId(1)), ..filter() }, "USING INDEX api_request_log_key");
        check(&RecordFilter { token: Some(TokenId(1)), ..filter() }, "USING INDEX api_request_log_token");
        check(&RecordFilter { model: Some("m".into()), ..filter() }, "USING INDEX api_request_log_model");
        check(&RecordFilter { status: Some("error".into()), ..filter() }, "USING INDEX api_request_log_errors");
        check(&RecordFilter { error_type: Some("e".into()), ..filter() }, "USING INDEX api_request_log_error_type");
    }

    #[test]
    fn open_calls_are_found_without_reading_the_others() {
        let (_dir, connection) = database();
        let plan: String = connection.query_row(&format!("EXPLAIN QUERY PLAN {OPEN}"), [], |row| row.get(3)).unwrap();
        assert!(plan.contains("USING INDEX api_request_log_open"), "{plan}");
    }
}
