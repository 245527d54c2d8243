//! A record as spans: one for the call as its client saw it, and one for each attempt under it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::otlp::{claim, text, whole};
use crate::{
    store::{Attempt, Outcome, Record},
    time::Timestamp,
};

const SERVER: u8 = 2;
const CLIENT: u8 = 3;
const ERROR: u8 = 2;
/// A client may write anything as the name of a model.
const LONGEST_NAME: usize = 200;

/// The spans of a record, the call's first.
pub(super) fn of(record: &Record) -> Vec<Value> {
    let (trace, root) = (hex(record.opened.call.as_bytes()), tail(record.opened.call.as_bytes()));
    let operation = operation(record.opened.endpoint);
    let mut spans = vec![call(record, &trace, &root, operation)];
    spans.extend(record.attempts.iter().map(|one| attempt(one, &trace, &root, operation)));
    spans
}

fn call(record: &Record, trace: &str, id: &str, operation: &str) -> Value {
    let opened = &record.opened;
    let model: String = opened.model.chars().take(LONGEST_NAME).collect();
    let usage = record.usage();
    let mut attributes = vec![
        text("gen_ai.operation.name", operation),
        text("gen_ai.request.model", &model),
        claim("gen_ai.request.stream", opened.stream),
        whole("gen_ai.usage.input_tokens", usage.input()),
        whole("gen_ai.usage.output_tokens", usage.output),
        whole("gen_ai.usage.cache_read.input_tokens", usage.cache_read),
        whole("gen_ai.usage.cache_creation.input_tokens", usage.cache_write()),
        whole("http.response.status_code", record.http_status.into()),
        text("amp_pool.call_id", &opened.call.to_string()),
        text("amp_pool.format", opened.format.as_str()),
        text("amp_pool.outcome", record.outcome.as_str()),
    ];
    attributes.extend(record.first_byte_ms.map(|ms| whole("amp_pool.first_byte_ms", ms)));
    attributes.extend(record.cost().map(|cost| text("amp_pool.cost_usd", &cost.to_string())));
    attributes.extend(opened.token.map(|token| text("amp_pool.client_token_id", &token.to_string())));
    let failed = record.outcome != Outcome::Done;
    let kind = record.error_type.as_deref().unwrap_or(record.outcome.as_str());
    attributes.extend(failed.then(|| text("error.type", kind)));
    json!({
        "traceId": trace, "spanId": id, "name": format!("{operation} {model}"), "kind": SERVER,
        "startTimeUnixNano": nanos(opened.create_time, 0), "endTimeUnixNano": nanos(opened.create_time, record.latency_ms),
        "attributes": attributes, "status": status(failed),
    })
}

fn attempt(attempt: &Attempt, trace: &str, root: &str, operation: &str) -> Value {
    let Attempt { id, key, provider, upstream_model, verdict, http_status, usage, .. } = attempt;
    let mut attributes = vec![
        text("gen_ai.operation.name", operation),
        text("gen_ai.provider.name", well_known(provider)),
        text("gen_ai.request.model", upstream_model),
        whole("gen_ai.usage.input_tokens", usage.input()),
        whole("gen_ai.usage.output_tokens", usage.output),
        text("amp_pool.key_id", &key.to_string()),
        text("amp_pool.verdict", verdict),
        claim("amp_pool.served", attempt.served),
    ];
    attributes.extend(http_status.map(|status| whole("http.response.status_code", status.into())));
    let failed = *verdict != "answer";
    attributes.extend(failed.then(|| text("error.type", verdict)));
    json!({
        "traceId": trace, "spanId": tail(id.as_bytes()), "parentSpanId": root,
        "name": format!("{operation} {upstream_model}"), "kind": CLIENT,
        "startTimeUnixNano": nanos(attempt.create_time, 0),
        "endTimeUnixNano": nanos(attempt.create_time, attempt.latency_ms),
        "attributes": attributes, "status": status(failed),
    })
}

fn status(failed: bool) -> Value {
    if failed { json!({"code": ERROR}) } else { json!({}) }
}

fn operation(endpoint: &str) -> &str {
    match endpoint {
        "chat_completions" | "messages" | "responses" => "chat",
        other => other,
    }
}

/// What the conventions call a provider.
fn well_known(provider: &str) -> &str {
    match provider {
        "azure" => "azure.ai.openai",
        "gemini" => "gcp.gemini",
        "mistral" => "mistral_ai",
        "moonshot" => "moonshot_ai",
        "xai" => "x_ai",
        other => other,
    }
}

fn nanos(from: Timestamp, later_ms: u64) -> String {
    let ms = u64::try_from(from.as_millis()).unwrap_or_default().saturating_add(later_ms);
    (u128::from(ms) * 1_000_000).to_string()
}

/// The random half of an id: a span has eight bytes.
fn tail(id: &[u8; 16]) -> String {
    let (_, tail) = id.split_at(8);
    hex(tail)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
