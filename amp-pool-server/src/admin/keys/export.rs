//! `/api/keys/export`: all keys as a list that can be imported again; their secrets only for an admin who gives the
//! password once more.

use std::{collections::BTreeMap, sync::Arc};

use amp_pool_core::{
    balance::{Amount, Decimal, ProbeChoice},
    budget::Budget,
    format::Format,
    handle::Handle,
    keys::Key,
    money::NanoUsd,
    provider::ModelPattern,
    secret::Secret,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::input::{Input, Params},
    Limits, Problem,
    output::MASK,
};
use crate::{
    access::{Gate, Who},
    admin::csv_text,
    openapi::{As, Table},
};

/// A key as an import takes it, with all that was said of it. Without its secrets it is a list to look at: an import asks for
/// `api_key`, and for what stands behind `…`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ExportedKey {
    name: String,
    provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    proxy_ip: String,
    ua: String,
    base_url: Option<String>,
    formats: Option<Vec<Format>>,
    enabled: bool,
    priority: i32,
    weight: u32,
    models: Vec<ModelPattern>,
    models_denied: Vec<ModelPattern>,
    limits: Limits,
    budget: Option<Budget>,
    headers: BTreeMap<String, String>,
    account: Option<String>,
    total_balance: Option<NanoUsd>,
    balance_probe: ProbeChoice,
    balance_values: BTreeMap<String, String>,
    balance_minimum: Option<Amount>,
    balance_usd_rate: Option<Decimal>,
    price_factor: String,
    tags: Vec<String>,
    memo: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Export")]
pub(crate) struct ExportOut {
    keys: Vec<ExportedKey>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExportParams {
    /// How it is written.
    #[schemars(extend("enum" = ["json", "csv"]))]
    format: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportInput {
    password: Secret,
}

/// Without secrets, as JSON or (`?format=csv`) as a table.
pub(crate) async fn export(
    State(handle): State<Handle>,
    Params(params): Params<ExportParams>,
) -> Result<As<Table<ExportOut>>, Problem> {
    let keys = handle.keys().iter().map(|view| ExportedKey::of(&view.key, false)).collect();
    written(&params, keys).map(As::new)
}

/// With secrets.
pub(crate) async fn export_secrets(
    State(handle): State<Handle>,
    State(gate): State<Arc<Gate>>,
    who: Who,
    Params(params): Params<ExportParams>,
    Input(input): Input<ExportInput>,
) -> Result<As<Table<ExportOut>>, Problem> {
    gate.confirm("password", &who, input.password).await?;
    let keys = handle.keys().iter().map(|view| ExportedKey::of(&view.key, true)).collect();
    written(&params, keys).map(As::new)
}

fn written(params: &ExportParams, keys: Vec<ExportedKey>) -> Result<Response, Problem> {
    let (mut response, name) = match params.format.as_deref().unwrap_or("json") {
        "json" => (Json(ExportOut { keys }).into_response(), "attachment; filename=\"keys.json\""),
        "csv" => (csv_text(HEAD, keys.iter().map(ExportedKey::cells))?, "attachment; filename=\"keys.csv\""),
        _ => return Err(Problem::field("format", "`format` is one of `json`, `csv`")),
    };
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}

const HEAD: &[&str] = &[
    "name",
    "provider",
    "api_key",
    "proxy_ip",
    "ua",
    "base_url",
    "enabled",
    "priority",
    "weight",
    "models",
    "account",
    "price_factor",
    "tags",
    "memo",
    "formats",
    "models_denied",
    "total_balance",
    "balance_minimum",
    "balance_usd_rate",
    "limits",
    "budget",
    "headers",
    "balance_probe",
    "balance_values",
];

/// Whatever has parts is JSON in its cell.
fn cell(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl ExportedKey {
    fn of(key: &Key, with_secrets: bool) -> Self {
        let spec = key.spec.clone();
        let proxy =
            spec.egress.proxy.map(|proxy| if with_secrets { proxy.expose().to_owned() } else { proxy.to_string() });
        let shown = |value: &str| if with_secrets { value.to_owned() } else { MASK.to_owned() };
        let header =
            |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), shown(value.to_str().unwrap_or_default()));
        let value = |(name, value): (String, Secret)| (name, shown(value.expose()));
        Self {
            name: spec.name,
            provider: spec.provider,
            api_key: with_secrets.then(|| spec.api_key.expose().to_owned()),
            proxy_ip: proxy.unwrap_or_default(),
            ua: spec.egress.user_agent.and_then(|ua| ua.to_str().map(str::to_owned).ok()).unwrap_or_default(),
            base_url: spec.base_url,
            formats: spec.formats,
            enabled: spec.enabled,
            priority: spec.priority,
            weight: spec.weight,
            models: spec.models,
            models_denied: spec.models_denied,
            limits: spec.limits.into(),
            budget: spec.budget,
            headers: spec.egress.headers.iter().map(header).collect(),
            account: spec.account,
            total_balance: spec.total_balance,
            balance_probe: spec.balance.probe,
            balance_values: spec.balance.values.into_iter().map(value).collect(),
            balance_minimum: spec.balance.minimum,
            balance_usd_rate: spec.balance.usd_rate,
            price_factor: spec.price_factor.to_string(),
            tags: spec.tags,
            memo: spec.memo,
        }
    }

    fn cells(&self) -> Vec<String> {
        let names = |patterns: &[ModelPattern]| patterns.iter().map(ModelPattern::as_str).collect::<Vec<_>>().join(";");
        let formats = self.formats.iter().flatten().map(|format| format.as_str()).collect::<Vec<_>>().join(";");
        vec![
            self.name.clone(),
            self.provider.clone(),
            self.api_key.clone().unwrap_or_default(),
            self.proxy_ip.clone(),
            self.ua.clone(),
            self.base_url.clone().unwrap_or_default(),
            self.enabled.to_string(),
            self.priority.to_string(),
            self.weight.to_string(),
            names(&self.models),
            self.account.clone().unwrap_or_default(),
            self.price_factor.clone(),
            self.tags.join(";"),
            self.memo.clone(),
            formats,
            names(&self.models_denied),
            self.total_balance.map(|amount| amount.to_string()).unwrap_or_default(),
            self.balance_minimum.map(|amount| amount.to_string()).unwrap_or_default(),
            self.balance_usd_rate.map(|rate| rate.to_string()).unwrap_or_default(),
            cell(&self.limits),
            self.budget.as_ref().map(cell).unwrap_or_default(),
            cell(&self.headers),
            cell(&self.balance_probe),
            cell(&self.balance_values),
        ]
    }
}

#[cfg(test)]
pub(in crate::admin) fn read_export(body: &[u8]) -> Result<(), Problem> {
    crate::admin::input::parse::<ExportInput>(body).map(drop)
}
