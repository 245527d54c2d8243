//! From an entry of the books to the row it becomes.
//!
//! Every store keeps the same row for the same entry; how it is kept is the store's own.

use super::{Attempt, Opened, Outcome, Record, StoredAttempt, StoredRecord};
use crate::{
    id::{CallId, KeyId, TokenId},
    money::NanoUsd,
    time::Timestamp,
    usage::{ServiceTerms, Usage},
};

/// A row of the log on its way into the books, its texts still where they came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) call: CallId,
    pub(super) create_time: Timestamp,
    pub(super) update_time: Timestamp,
    pub(super) token: Option<TokenId>,
    pub(super) key: Option<KeyId>,
    pub(super) provider: Option<&'a str>,
    pub(super) model: &'a str,
    pub(super) upstream_model: Option<&'a str>,
    pub(super) format: &'a str,
    pub(super) upstream_format: Option<&'a str>,
    pub(super) endpoint: &'a str,
    pub(super) stream: bool,
    pub(super) outcome: Option<Outcome>,
    pub(super) http_status: Option<u16>,
    pub(super) error_type: Option<&'a str>,
    pub(super) error_message: Option<&'a str>,
    pub(super) usage: Usage,
    pub(super) cost: Option<NanoUsd>,
    pub(super) saved: Option<NanoUsd>,
    pub(super) estimated: bool,
    pub(super) latency_ms: Option<u64>,
    pub(super) first_byte_ms: Option<u64>,
    pub(super) attempt_count: u32,
}

/// The row of a call that was admitted.
pub(super) fn opened(call: &Opened) -> Row<'_> {
    Row {
        call: call.call,
        create_time: call.create_time,
        update_time: call.create_time,
        token: call.token,
        key: None,
        provider: None,
        model: &call.model,
        upstream_model: None,
        format: call.format.as_str(),
        upstream_format: None,
        endpoint: call.endpoint,
        stream: call.stream,
        outcome: None,
        http_status: None,
        error_type: None,
        error_message: None,
        usage: Usage::default(),
        cost: None,
        saved: None,
        estimated: false,
        latency_ms: None,
        first_byte_ms: None,
        attempt_count: 0,
    }
}

/// When a call ended.
pub(super) fn end_of(record: &Record) -> Timestamp {
    record.opened.create_time.plus_millis(i64::try_from(record.latency_ms).unwrap_or(i64::MAX))
}

/// The row of a call that has ended.
pub(super) fn settled(record: &Record) -> Row<'_> {
    let shown = record.shown_attempt();
    Row {
        update_time: end_of(record),
        key: shown.map(|attempt| attempt.key),
        provider: shown.map(|attempt| &*attempt.provider),
        upstream_model: shown.map(|attempt| &*attempt.upstream_model),
        upstream_format: shown.map(|attempt| attempt.upstream_format.as_str()),
        outcome: Some(record.outcome),
        http_status: Some(record.http_status),
        // Sums tell how many calls failed: whoever looks for an error looks among those.
        error_type: record.error_type.as_deref().filter(|_| record.outcome != Outcome::Done),
        error_message: record.error_message.as_deref(),
        usage: record.usage(),
        cost: record.cost(),
        saved: record.saved(),
        estimated: record.estimated(),
        latency_ms: Some(record.latency_ms),
        first_byte_ms: record.first_byte_ms,
        attempt_count: u32::try_from(record.attempts.len()).unwrap_or(u32::MAX),
        ..opened(&record.opened)
    }
}

impl<'a> Row<'a> {
    /// A row that was read, to be written again or summed: with the cost that it has now.
    #[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
    pub(super) fn of(row: &'a StoredRecord) -> Self {
        Self {
            call: row.call,
            create_time: row.create_time,
            update_time: row.update_time,
            token: row.token,
            key: row.key,
            provider: row.provider.as_deref(),
            model: &row.model,
            upstream_model: row.upstream_model.as_deref(),
            format: &row.format,
            upstream_format: row.upstream_format.as_deref(),
            endpoint: &row.endpoint,
            stream: row.stream,
            outcome: row.outcome,
            http_status: row.http_status,
            error_type: row.error_type.as_deref(),
            error_message: row.error_message.as_deref(),
            usage: row.usage,
            cost: row.cost_now(),
            saved: row.saved_now(),
            estimated: row.estimated,
            latency_ms: row.latency_ms,
            first_byte_ms: row.first_byte_ms,
            attempt_count: row.attempt_count,
        }
    }

    /// The row as it is read back. Its `id` is the store's to give.
    pub(super) fn kept(self, attempts: Vec<StoredAttempt>) -> StoredRecord {
        StoredRecord {
            id: 0,
            call: self.call,
            create_time: self.create_time,
            update_time: self.update_time,
            token: self.token,
            key: self.key,
            provider: self.provider.map(str::to_owned),
            model: self.model.to_owned(),
            upstream_model: self.upstream_model.map(str::to_owned),
            format: self.format.to_owned(),
            upstream_format: self.upstream_format.map(str::to_owned),
            endpoint: self.endpoint.to_owned(),
            stream: self.stream,
            outcome: self.outcome,
            http_status: self.http_status,
            error_type: self.error_type.map(str::to_owned),
            error_message: self.error_message.map(str::to_owned),
            usage: self.usage,
            cost: self.cost,
            saved: self.saved,
            estimated: self.estimated,
            latency_ms: self.latency_ms,
            first_byte_ms: self.first_byte_ms,
            attempt_count: self.attempt_count,
            attempts,
            choices: Vec::new(),
            losses: Vec::new(),
            adjustments: Vec::new(),
        }
    }

    /// The original log's `status` column.
    #[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
    pub(super) fn status(&self) -> &'static str {
        status(self.outcome)
    }
}

/// Terms as they are read back: what is usual is not written.
fn told(terms: ServiceTerms) -> ServiceTerms {
    terms.to_string().parse().unwrap_or_default()
}

/// One try as it is read back.
pub(super) fn attempt(attempt: &Attempt) -> StoredAttempt {
    StoredAttempt {
        id: attempt.id,
        key: attempt.key,
        provider: attempt.provider.clone(),
        upstream_format: attempt.upstream_format.as_str().to_owned(),
        upstream_model: attempt.upstream_model.clone(),
        chosen_by: attempt.chosen_by.map(str::to_owned),
        candidates: Some(attempt.candidates),
        served: attempt.served,
        verdict: attempt.verdict.to_owned(),
        http_status: attempt.http_status,
        error_message: attempt.error_message.clone(),
        create_time: attempt.create_time,
        latency_ms: attempt.latency_ms,
        first_byte_ms: attempt.first_byte_ms,
        usage: attempt.usage,
        estimated: attempt.estimated(),
        terms: told(attempt.terms),
        price_factor: Some(attempt.price_factor),
        cost: attempt.cost,
        saved: attempt.saved,
        price_version: attempt.price_version.clone(),
        evidence: attempt.evidence.clone(),
        decided_by: attempt.decided_by.clone(),
    }
}

/// The error type of a call that a crash broke off.
pub(super) const INTERRUPTED: &str = "interrupted";

/// Resolves the row of a call that a crash left open.
///
/// What it used and cost is not known, and is said to be so: it was not free.
pub(super) fn interrupt(row: &mut StoredRecord, now: Timestamp) {
    row.update_time = now;
    row.outcome = Some(Outcome::Failed);
    row.http_status = None;
    row.error_type = Some(INTERRUPTED.to_owned());
    row.error_message = Some("the process ended before the call did".to_owned());
    row.estimated = true;
}

impl StoredRecord {
    /// The original log's `status` column: `open`, `success` or `error`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        status(self.outcome)
    }
}

fn status(outcome: Option<Outcome>) -> &'static str {
    outcome.map_or("open", Outcome::status)
}
