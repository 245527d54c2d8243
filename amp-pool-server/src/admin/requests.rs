//! `/api/requests`: the books, call by call.

mod bodies;
mod chain;
mod export;
mod live;
mod search;
mod without;

use amp_pool_core::{
    classify::DecidedBy,
    handle::Handle,
    id::{AttemptId, CallId, KeyId, TokenId},
    money::NanoUsd,
    store::{
        Adjustment, AttemptAdjustment, Outcome, Page, RecordFilter, RecordedChoice, RecordedLoss, StoredAttempt,
        StoredRecord,
    },
    time::Timestamp,
    usage::Usage,
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    List, Problem,
    input::{Name, Params, optional},
};
use crate::openapi::{CallOutcome, CallStatus};

pub(crate) use bodies::bodies;
pub(crate) use export::export;
pub(crate) use live::{Live, live};
use {
    chain::LinkOut,
    without::{Without, many},
};

const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 1000;
const LONGEST_TEXT: usize = 200;
const STATUSES: [&str; 3] = ["success", "error", "open"];

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListParams {
    /// From when on.
    #[schemars(with = "Timestamp")]
    from: Option<String>,
    /// Until when, not included.
    #[schemars(with = "Timestamp")]
    to: Option<String>,
    /// Only of this key.
    #[schemars(with = "i64")]
    key_id: Option<String>,
    /// Only of this client token.
    #[schemars(with = "i64")]
    token_id: Option<String>,
    /// Only of this model.
    model: Option<String>,
    /// Only calls that ended so, or have not ended.
    #[schemars(extend("enum" = ["success", "error", "open"]))]
    status: Option<String>,
    /// Only calls that failed so.
    error_type: Option<String>,
    /// Without these keys, with commas between.
    not_key_id: Option<String>,
    /// Without these client tokens, with commas between.
    not_token_id: Option<String>,
    /// Without these models, with commas between.
    not_model: Option<String>,
    /// Without those that failed so, with commas between.
    not_error_type: Option<String>,
    /// Only where any of its texts contains this, whatever its case.
    text: Option<String>,
    /// How many at most.
    #[schemars(with = "u32")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The same without a page.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FilterParams {
    /// From when on.
    #[schemars(with = "Timestamp")]
    from: Option<String>,
    /// Until when, not included.
    #[schemars(with = "Timestamp")]
    to: Option<String>,
    /// Only of this key.
    #[schemars(with = "i64")]
    key_id: Option<String>,
    /// Only of this client token.
    #[schemars(with = "i64")]
    token_id: Option<String>,
    /// Only of this model.
    model: Option<String>,
    /// Only calls that ended so, or have not ended.
    #[schemars(extend("enum" = ["success", "error", "open"]))]
    status: Option<String>,
    /// Only calls that failed so.
    error_type: Option<String>,
    /// Without these keys, with commas between.
    not_key_id: Option<String>,
    /// Without these client tokens, with commas between.
    not_token_id: Option<String>,
    /// Without these models, with commas between.
    not_model: Option<String>,
    /// Without those that failed so, with commas between.
    not_error_type: Option<String>,
    /// Only where any of its texts contains this, whatever its case.
    text: Option<String>,
}

/// Which rows are asked for.
pub(crate) struct Wish {
    filter: RecordFilter,
    without: Without,
    /// In any of a row's texts; in lower case.
    text: Option<String>,
}

pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<ListParams>,
) -> Result<Json<List<RequestOut>>, Problem> {
    let limit = optional("limit", params.limit.clone())?.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let page = Page { before: optional("cursor", params.cursor.clone())?, limit };
    let found = search::page(&handle, &params.wish()?, page).await?;
    let next = found.next.map(|id| id.to_string());
    let rows = chain::fill(&handle, found.rows).await?;
    Ok(Json(List::page(rows.into_iter().map(RequestOut::from).collect(), next)))
}

impl ListParams {
    fn wish(self) -> Result<Wish, Problem> {
        let Self { from, to, key_id, token_id, model, status, error_type, text, .. } = self;
        let Self { not_key_id, not_token_id, not_model, not_error_type, .. } = self;
        let only = FilterParams { from, to, key_id, token_id, model, status, error_type, text, ..Default::default() };
        FilterParams { not_key_id, not_token_id, not_model, not_error_type, ..only }.wish()
    }
}

impl FilterParams {
    fn wish(self) -> Result<Wish, Problem> {
        let status = optional::<String>("status", self.status)?;
        if status.as_deref().is_some_and(|status| !STATUSES.contains(&status)) {
            return Err(Problem::field("status", "`status` is one of `success`, `error`, `open`"));
        }
        let text = optional::<String>("text", self.text)?;
        if text.as_ref().is_some_and(|text| text.len() > LONGEST_TEXT) {
            return Err(Problem::field("text", format!("`text` has at most {LONGEST_TEXT} bytes")));
        }
        let filter = RecordFilter {
            from: optional("from", self.from)?,
            to: optional("to", self.to)?,
            key: optional("key_id", self.key_id)?.map(KeyId),
            token: optional("token_id", self.token_id)?.map(TokenId),
            model: optional("model", self.model)?,
            status,
            error_type: optional("error_type", self.error_type)?,
        };
        let without = Without {
            keys: many("not_key_id", self.not_key_id)?.into_iter().map(KeyId).collect(),
            tokens: many("not_token_id", self.not_token_id)?.into_iter().map(TokenId).collect(),
            models: many("not_model", self.not_model)?,
            error_types: many("not_error_type", self.not_error_type)?,
        };
        Ok(Wish { filter, without, text: text.map(|text| text.to_lowercase()) })
    }
}

/// One call with its attempts, by its row or by the id that its client saw.
pub(crate) async fn show(State(handle): State<Handle>, Name(id): Name) -> Result<Json<RequestDetail>, Problem> {
    let call = call_named(&handle, &id).await?;
    let record = handle.record(call.ok_or_else(Problem::not_found)?).await?;
    Ok(Json(record.ok_or_else(Problem::not_found)?.into()))
}

/// A call by its row, or by the id that its client saw.
async fn call_named(handle: &Handle, id: &str) -> Result<Option<CallId>, Problem> {
    match id.parse::<i64>() {
        Ok(row) => call_of_row(handle, row).await,
        Err(_) => Ok(parse_call(id)),
    }
}

async fn call_of_row(handle: &Handle, row: i64) -> Result<Option<CallId>, Problem> {
    let page = Page { before: row.checked_add(1), limit: 1 };
    let found = handle.records(RecordFilter::default(), page).await?;
    Ok(found.into_iter().find(|record| record.id == row).map(|record| record.call))
}

fn parse_call(text: &str) -> Option<CallId> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

/// A call in the books.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Call")]
pub(crate) struct RequestOut {
    id: i64,
    create_time: Timestamp,
    call_id: CallId,
    token_id: Option<TokenId>,
    key_id: Option<KeyId>,
    provider: Option<String>,
    model: String,
    upstream_model: Option<String>,
    format: String,
    upstream_format: Option<String>,
    endpoint: String,
    stream: bool,
    #[serde(flatten)]
    tokens: TokensOut,
    /// What was booked.
    cost: Option<NanoUsd>,
    cache_saved: Option<NanoUsd>,
    /// What it turned out to cost by a later rating; `null`: there was none, or the cost is still not known.
    adjusted_cost: Option<NanoUsd>,
    latency_ms: Option<u64>,
    first_byte_ms: Option<u64>,
    #[schemars(with = "CallStatus")]
    status: &'static str,
    #[schemars(with = "Option<CallOutcome>")]
    outcome: Option<&'static str>,
    http_status_code: Option<u16>,
    error_type: Option<String>,
    error_message: Option<String>,
    attempts: u32,
    /// The keys that were asked, one after the other, where there was more than one.
    chain: Vec<LinkOut>,
    estimated: bool,
}

/// A call with everything that is known of it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallDetail")]
pub(crate) struct RequestDetail {
    #[serde(flatten)]
    request: RequestOut,
    attempts_detail: Vec<AttemptOut>,
    choices: Vec<RecordedChoice>,
    losses: Vec<LossOut>,
    adjustments: Vec<AdjustmentOut>,
}

/// What an attempt turned out to cost. The last one for an attempt holds.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Adjustment")]
struct AdjustmentOut {
    create_time: Timestamp,
    /// Which of the attempts, from 0.
    attempt: u32,
    cost_before: Option<NanoUsd>,
    cost: NanoUsd,
    cache_saved_before: Option<NanoUsd>,
    cache_saved: Option<NanoUsd>,
    price_version: String,
    who: String,
    note: String,
}

impl From<Adjustment> for AdjustmentOut {
    fn from(Adjustment { create_time, attempt, who, note, .. }: Adjustment) -> Self {
        let AttemptAdjustment { n, cost_before, cost, saved_before, saved, price_version } = attempt;
        let (cache_saved_before, cache_saved) = (saved_before, saved);
        Self { create_time, attempt: n, cost_before, cost, cache_saved_before, cache_saved, price_version, who, note }
    }
}

/// What translation could not carry.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Loss")]
struct LossOut {
    side: &'static str,
    kind: &'static str,
    field: String,
    note: String,
}

/// One try of a call on one key.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Attempt")]
struct AttemptOut {
    id: AttemptId,
    key_id: KeyId,
    provider: String,
    upstream_format: String,
    upstream_model: String,
    chosen_by: Option<String>,
    candidates: Option<u32>,
    served: bool,
    verdict: String,
    /// The rule that decided the verdict, or that its status did. Null: there was nothing to judge by.
    decided_by: Option<Box<DecidedBy>>,
    http_status_code: Option<u16>,
    error_message: Option<String>,
    create_time: Timestamp,
    latency_ms: u64,
    first_byte_ms: Option<u64>,
    #[serde(flatten)]
    tokens: TokensOut,
    estimated: bool,
    cost: Option<NanoUsd>,
    cache_saved: Option<NanoUsd>,
    price_version: Option<String>,
    /// The terms it was served on, joined by `+`: `batch`, `flex`, `priority`, `fast`, `us`; empty for the usual ones.
    service_terms: &'static str,
    price_factor: Option<String>,
}

/// What was used, as the log has always named it: `input_tokens` is the whole prompt.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TokenCounts")]
pub(super) struct TokensOut {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
    cache_write_5m_tokens: u64,
    cache_write_1h_tokens: u64,
    reasoning_tokens: Option<u64>,
}

impl From<Usage> for TokensOut {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.input(),
            output_tokens: usage.output,
            total_tokens: usage.total(),
            cache_read_tokens: usage.cache_read,
            cache_write_tokens: usage.cache_write(),
            cache_write_5m_tokens: usage.cache_write_5m,
            cache_write_1h_tokens: usage.cache_write_1h,
            reasoning_tokens: usage.reasoning,
        }
    }
}

impl From<StoredRecord> for RequestOut {
    fn from(record: StoredRecord) -> Self {
        let adjusted_cost = record.cost_now().filter(|_| !record.adjustments.is_empty());
        Self {
            id: record.id,
            create_time: record.create_time,
            call_id: record.call,
            token_id: record.token,
            key_id: record.key,
            provider: record.provider,
            model: record.model,
            upstream_model: record.upstream_model,
            format: record.format,
            upstream_format: record.upstream_format,
            endpoint: record.endpoint,
            stream: record.stream,
            tokens: record.usage.into(),
            // Free until it has ended is not the same as free.
            cost: record.cost.filter(|_| record.outcome.is_some()),
            cache_saved: record.saved.filter(|_| record.outcome.is_some()),
            adjusted_cost,
            latency_ms: record.latency_ms,
            first_byte_ms: record.first_byte_ms,
            status: record.outcome.map_or("open", Outcome::status),
            outcome: record.outcome.map(Outcome::as_str),
            http_status_code: record.http_status,
            error_type: record.error_type,
            error_message: record.error_message,
            attempts: record.attempt_count,
            chain: chain::of(&record.attempts),
            estimated: record.estimated,
        }
    }
}

impl From<StoredRecord> for RequestDetail {
    fn from(mut record: StoredRecord) -> Self {
        let attempts = std::mem::take(&mut record.attempts).into_iter().map(AttemptOut::from).collect();
        let losses = std::mem::take(&mut record.losses).into_iter().map(LossOut::from).collect();
        let choices = std::mem::take(&mut record.choices);
        let adjustments = record.adjustments.iter().cloned().map(Into::into).collect();
        Self { request: record.into(), attempts_detail: attempts, choices, losses, adjustments }
    }
}

impl From<RecordedLoss> for LossOut {
    fn from(RecordedLoss { side, kind, field, note }: RecordedLoss) -> Self {
        Self { side: side.as_str(), kind: kind.as_str(), field, note }
    }
}

impl From<StoredAttempt> for AttemptOut {
    fn from(attempt: StoredAttempt) -> Self {
        Self {
            id: attempt.id,
            key_id: attempt.key,
            provider: attempt.provider,
            upstream_format: attempt.upstream_format,
            upstream_model: attempt.upstream_model,
            chosen_by: attempt.chosen_by,
            candidates: attempt.candidates,
            served: attempt.served,
            verdict: attempt.verdict,
            decided_by: attempt.decided_by,
            http_status_code: attempt.http_status,
            error_message: attempt.error_message,
            create_time: attempt.create_time,
            latency_ms: attempt.latency_ms,
            first_byte_ms: attempt.first_byte_ms,
            tokens: attempt.usage.into(),
            estimated: attempt.estimated,
            cost: attempt.cost,
            cache_saved: attempt.saved,
            price_version: attempt.price_version,
            service_terms: attempt.terms.as_str(),
            price_factor: attempt.price_factor.map(|factor| factor.to_string()),
        }
    }
}
