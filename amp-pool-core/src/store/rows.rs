//! From an entry of the books to the row it becomes.
//!
//! Every store keeps the same row for the same entry; how it is kept is the store's own.

use super::{Attempt, Opened, Outcome, Record, StoredAttempt, StoredRecord};
use crate::{time::Timestamp, usage::Usage};

/// The row of a call that was admitted. Its `id` is the store's to give.
pub(super) fn opened(call: &Opened) -> StoredRecord {
    StoredRecord {
        id: 0,
        call: call.call,
        create_time: call.create_time,
        update_time: call.create_time,
        token: call.token,
        key: None,
        provider: None,
        model: call.model.clone(),
        upstream_model: None,
        format: call.format.as_str().to_owned(),
        upstream_format: None,
        endpoint: call.endpoint.to_owned(),
        stream: call.stream,
        outcome: None,
        http_status: None,
        error_type: None,
        error_message: None,
        usage: Usage::default(),
        cost: None,
        estimated: false,
        latency_ms: None,
        first_byte_ms: None,
        attempt_count: 0,
        attempts: Vec::new(),
        losses: Vec::new(),
    }
}

/// The row of a call that has ended, without its attempts.
pub(super) fn settled(record: &Record) -> StoredRecord {
    let shown = record.shown_attempt();
    let latency = i64::try_from(record.latency_ms).unwrap_or(i64::MAX);
    StoredRecord {
        update_time: record.opened.create_time.plus_millis(latency),
        key: shown.map(|attempt| attempt.key),
        provider: shown.map(|attempt| attempt.provider.clone()),
        upstream_model: shown.map(|attempt| attempt.upstream_model.clone()),
        upstream_format: shown.map(|attempt| attempt.upstream_format.as_str().to_owned()),
        outcome: Some(record.outcome),
        http_status: Some(record.http_status),
        error_type: record.error_type.clone(),
        error_message: record.error_message.clone(),
        usage: record.usage(),
        cost: record.cost(),
        estimated: record.estimated(),
        latency_ms: Some(record.latency_ms),
        first_byte_ms: record.first_byte_ms,
        attempt_count: u32::try_from(record.attempts.len()).unwrap_or(u32::MAX),
        ..opened(&record.opened)
    }
}

/// One try as it is read back.
pub(super) fn attempt(attempt: &Attempt) -> StoredAttempt {
    StoredAttempt {
        id: attempt.id,
        key: attempt.key,
        provider: attempt.provider.clone(),
        upstream_format: attempt.upstream_format.as_str().to_owned(),
        upstream_model: attempt.upstream_model.clone(),
        served: attempt.served,
        verdict: attempt.verdict.to_owned(),
        http_status: attempt.http_status,
        error_message: attempt.error_message.clone(),
        create_time: attempt.create_time,
        latency_ms: attempt.latency_ms,
        first_byte_ms: attempt.first_byte_ms,
        usage: attempt.usage,
        estimated: attempt.estimated(),
        cost: attempt.cost,
        price_version: attempt.price_version.clone(),
    }
}

/// Resolves the row of a call that a crash left open.
///
/// What it used and cost is not known, and is said to be so: it was not free.
pub(super) fn interrupt(row: &mut StoredRecord, now: Timestamp) {
    row.update_time = now;
    row.outcome = Some(Outcome::Failed);
    row.http_status = None;
    row.error_type = Some("interrupted".to_owned());
    row.error_message = Some("the process ended before the call did".to_owned());
    row.estimated = true;
}

impl StoredRecord {
    /// The original log's `status` column: `open`, `success` or `error`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        self.outcome.map_or("open", Outcome::status)
    }
}
