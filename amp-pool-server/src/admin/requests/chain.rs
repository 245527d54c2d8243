//! The keys that a call went through, for lists: rows alone know only the last of them.

use amp_pool_core::{
    handle::Handle,
    id::KeyId,
    store::{StoreError, StoredAttempt, StoredRecord},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use schemars::JsonSchema;
use serde::Serialize;

/// Calls whose attempts are read at a time.
const SIDE_BY_SIDE: usize = 8;

/// One key that was asked.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Link")]
pub(super) struct LinkOut {
    key_id: KeyId,
    verdict: String,
    http_status_code: Option<u16>,
    latency_ms: u64,
}

/// What a list shows of a call's attempts. Of a single one the row says everything.
pub(super) fn of(attempts: &[StoredAttempt]) -> Vec<LinkOut> {
    let asked = if attempts.len() > 1 { attempts } else { &[] };
    asked.iter().map(LinkOut::from).collect()
}

/// `rows` with the attempts of those that had more than one.
pub(super) async fn fill(handle: &Handle, rows: Vec<StoredRecord>) -> Result<Vec<StoredRecord>, StoreError> {
    stream::iter(rows).map(|row| filled(handle, row)).buffered(SIDE_BY_SIDE).try_collect().await
}

/// The same for one.
pub(super) async fn filled(handle: &Handle, row: StoredRecord) -> Result<StoredRecord, StoreError> {
    if row.attempt_count < 2 || !row.attempts.is_empty() {
        return Ok(row);
    }
    Ok(handle.record(row.call).await?.unwrap_or(row))
}

impl From<&StoredAttempt> for LinkOut {
    fn from(attempt: &StoredAttempt) -> Self {
        Self {
            key_id: attempt.key,
            verdict: attempt.verdict.clone(),
            http_status_code: attempt.http_status,
            latency_ms: attempt.latency_ms,
        }
    }
}
