//! What a row of the old database is in ours.

use std::collections::HashMap;

use http::HeaderValue;
use sha2::{Digest as _, Sha256};

use super::{OldCall, OldKey};
use crate::{
    classify::scrub,
    format::Format,
    id::{AttemptId, CallId, KeyId},
    keys::{KeySpec, PriceFactor, ProxyUrl},
    secret::Secret,
    store::{Attempt, Booking, Opened, Outcome, Record},
    usage::{ServiceTerms, Usage, UsageSource},
};

/// A call whose key the pool does not have: it came with one of its own, or its key was removed.
const NO_KEY: KeyId = KeyId(0);
/// The client was told of an error, and nobody noted by which status.
const FAILED: u16 = 502;

/// A key as its operator would write it today. One whose proxy can not be used is switched off: its traffic must not leave
/// by another way.
pub(super) fn key(old: &OldKey, provider: &str, remarks: &mut Vec<String>) -> KeySpec {
    let mut spec = KeySpec::new(&*old.name, provider, Secret::new(&*old.api_key));
    spec.enabled = old.enabled;
    spec.total_balance = old.total_balance;
    spec.memo = old.memo.clone().unwrap_or_default();
    if let Some(ua) = given(&old.ua) {
        match HeaderValue::from_str(ua) {
            Ok(ua) => spec.egress.user_agent = Some(ua),
            Err(_) => remarks.push(format!("key `{}`: its User-Agent can not be sent and was left out", old.name)),
        }
    }
    if let Some(proxy) = given(&old.proxy) {
        let with_scheme = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
        match with_scheme.parse::<ProxyUrl>() {
            Ok(proxy) => spec.egress.proxy = Some(proxy),
            Err(_) => {
                spec.enabled = false;
                remarks.push(format!("key `{}`: its proxy can not be used; it was switched off", old.name));
            }
        }
    }
    spec
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// A call as the ledger would have written it.
pub(super) fn record(old: OldCall, provider: &str, keys: &HashMap<i64, KeyId>) -> Record {
    let format = if old.provider.as_deref() == Some("anthropic") { Format::Messages } else { Format::Chat };
    let endpoint = if format == Format::Messages { "messages" } else { "chat_completions" };
    let is_done = old.status == "success";
    let [uncached_input, cache_read, cache_write_5m, output] = old.tokens;
    let usage = Usage { uncached_input, cache_read, cache_write_5m, cache_write_1h: 0, output, reasoning: None };
    let id = hash(&old);
    let model = old.model.unwrap_or_default();
    let error_message = old.error_message.map(|message| scrub(&message));
    let attempt = Attempt {
        id: AttemptId::new(old.create_time, &id),
        key: keys.get(&old.key).copied().unwrap_or(NO_KEY),
        provider: provider.to_owned(),
        upstream_format: format,
        upstream_model: old.upstream_model.unwrap_or_else(|| model.clone()),
        chosen_by: None,
        candidates: 1,
        served: is_done,
        verdict: if is_done { "answer" } else { "upstream_fault" },
        http_status: old.http_status,
        error_message: error_message.clone(),
        create_time: old.create_time,
        latency_ms: old.latency_ms,
        first_byte_ms: None,
        usage,
        usage_source: UsageSource::Final,
        terms: ServiceTerms::default(),
        price_factor: PriceFactor::ONE,
        cost: old.cost,
        saved: None,
        price_version: None,
        evidence: None,
        decided_by: None,
    };
    Record {
        opened: Opened {
            call: CallId::new(old.create_time, &id),
            create_time: old.create_time,
            token: None,
            model,
            format,
            endpoint,
            stream: false,
        },
        outcome: if is_done { Outcome::Done } else { Outcome::Failed },
        http_status: old.http_status.unwrap_or(if is_done { 200 } else { FAILED }),
        error_type: old.error_type.or_else(|| (!is_done).then_some(old.status)),
        error_message,
        latency_ms: old.latency_ms,
        first_byte_ms: None,
        attempts: vec![attempt],
        choices: Vec::new(),
        losses: Vec::new(),
        booking: Booking::default(),
    }
}

/// The same for the same call, however often it is read.
fn hash(old: &OldCall) -> [u8; 10] {
    let hash = Sha256::new().chain_update("call of the first AMP Pool").chain_update(old.id.to_be_bytes()).finalize();
    let mut id = [0; 10];
    id.iter_mut().zip(hash).for_each(|(byte, hashed)| *byte = hashed);
    id
}
