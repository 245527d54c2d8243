//! A key as it is read back: everything but its secrets.

use std::collections::BTreeMap;

use amp_pool_core::{
    balance::{Amount, Decimal, ProbeChoice},
    format::Format,
    handle::KeyView,
    id::KeyId,
    keys::{HealthEvent, KeyStatus, ModelStatus},
    money::NanoUsd,
    prober::Figure,
    provider::ModelPattern,
    store::{StoredHealthEvent, Totals},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::Limits;
use crate::{
    admin::budgets::BudgetOut,
    openapi::{BalanceSource, KeyStateName},
};

/// Stands in for a header's value. Written back, it keeps the value that is stored.
pub(super) const MASK: &str = "…";

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Key")]
pub(crate) struct KeyOut {
    id: KeyId,
    create_time: Timestamp,
    update_time: Timestamp,
    name: String,
    provider: String,
    api_key_hint: String,
    fingerprint: String,
    ua: String,
    proxy_ip: String,
    base_url: Option<String>,
    formats: Option<Vec<Format>>,
    enabled: bool,
    priority: i32,
    weight: u32,
    models: Vec<ModelPattern>,
    models_denied: Vec<ModelPattern>,
    limits: Limits,
    budget: Option<BudgetOut>,
    headers: BTreeMap<String, &'static str>,
    account: Option<String>,
    total_balance: Option<NanoUsd>,
    price_factor: String,
    tags: Vec<String>,
    memo: String,
    balance: Option<Amount>,
    balance_currency: Option<String>,
    balance_usd: Option<Amount>,
    #[schemars(with = "BalanceSource")]
    balance_source: &'static str,
    balance_last_update: Option<Timestamp>,
    balance_probe: ProbeChoice,
    balance_values: BTreeMap<String, &'static str>,
    balance_minimum: Option<Amount>,
    balance_usd_rate: Option<Decimal>,
    status: StatusOut,
    today: TodayOut,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeyStatus")]
struct StatusOut {
    #[schemars(with = "KeyStateName")]
    state: &'static str,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    reason: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeyToday")]
struct TodayOut {
    requests: u64,
    tokens: u64,
    cost: NanoUsd,
}

impl KeyOut {
    pub(super) fn new(view: &KeyView, today: Option<&Totals>, balance: Figure, budget: Option<BudgetOut>) -> Self {
        let key = &*view.key;
        let spec = key.spec.clone();
        Self {
            id: key.id,
            create_time: key.create_time,
            update_time: key.update_time,
            name: spec.name,
            provider: spec.provider,
            api_key_hint: spec.api_key.hint(),
            fingerprint: key.fingerprint.clone(),
            ua: spec.egress.user_agent.and_then(|ua| ua.to_str().map(str::to_owned).ok()).unwrap_or_default(),
            proxy_ip: spec.egress.proxy.map(|proxy| proxy.to_string()).unwrap_or_default(),
            base_url: spec.base_url,
            formats: spec.formats,
            enabled: spec.enabled,
            priority: spec.priority,
            weight: spec.weight,
            models: spec.models,
            models_denied: spec.models_denied,
            limits: spec.limits.into(),
            budget,
            headers: spec.egress.headers.keys().map(|name| (name.to_string(), MASK)).collect(),
            account: spec.account,
            total_balance: spec.total_balance,
            price_factor: spec.price_factor.to_string(),
            tags: spec.tags,
            memo: spec.memo,
            balance: balance.amount,
            balance_currency: balance.currency,
            balance_usd: balance.usd,
            balance_source: balance.source.as_str(),
            balance_last_update: balance.at,
            balance_probe: spec.balance.probe,
            balance_values: spec.balance.values.into_keys().map(|name| (name, MASK)).collect(),
            balance_minimum: spec.balance.minimum,
            balance_usd_rate: spec.balance.usd_rate,
            status: StatusOut::new(&view.status),
            today: TodayOut::new(today),
        }
    }
}

impl StatusOut {
    fn new(status: &KeyStatus) -> Self {
        Self { state: status.state.as_str(), since: status.since, until: status.until, reason: status.reason.clone() }
    }
}

impl TodayOut {
    fn new(totals: Option<&Totals>) -> Self {
        let (requests, tokens, cost) =
            totals.map(|totals| (totals.requests, totals.usage.total(), totals.cost)).unwrap_or_default();
        Self { requests, tokens, cost }
    }
}

/// `GET /api/keys/{id}/health`: the key as a whole, each model that has a state of its own, and what happened before.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeyHealth")]
pub(crate) struct HealthOut {
    key_id: KeyId,
    status: StatusOut,
    models: Vec<ModelOut>,
    history: Vec<EventOut>,
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ModelHealth")]
struct ModelOut {
    model: String,
    #[schemars(with = "KeyStateName")]
    state: &'static str,
    since: Timestamp,
    until: Timestamp,
    reason: String,
}

/// What happened, newest first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HealthEvent")]
struct EventOut {
    /// `key`, or `account`: limits and money are of the account, which several keys may share.
    of: &'static str,
    model: Option<String>,
    #[schemars(with = "KeyStateName")]
    state: &'static str,
    from: Timestamp,
    to: Timestamp,
    until: Option<Timestamp>,
    reason: String,
    times: u32,
}

impl HealthOut {
    pub(super) fn new(key_id: KeyId, status: KeyStatus, history: Vec<StoredHealthEvent>, next: Option<String>) -> Self {
        let (whole, history) = (StatusOut::new(&status), history.into_iter().map(EventOut::from).collect());
        let models = status.models.into_iter().map(ModelOut::from).collect();
        Self { key_id, status: whole, models, history, next_cursor: next }
    }
}

impl From<ModelStatus> for ModelOut {
    fn from(ModelStatus { model, state, since, until, reason }: ModelStatus) -> Self {
        Self { model, state: state.as_str(), since, until, reason }
    }
}

impl From<StoredHealthEvent> for EventOut {
    fn from(StoredHealthEvent { subject, event, .. }: StoredHealthEvent) -> Self {
        let HealthEvent { model, state, at, last, until, reason, times } = event;
        let of = if subject.starts_with("key:") { "key" } else { "account" };
        Self { of, model, state: state.as_str(), from: at, to: last, until, reason, times }
    }
}
