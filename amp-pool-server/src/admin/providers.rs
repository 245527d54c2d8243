//! `/api/providers`: the presets that keys can belong to.

use amp_pool_core::{
    balance::Probe,
    format::Format,
    handle::Handle,
    provider::{ModelPattern, Provider},
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;

use super::List;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Provider")]
pub(crate) struct ProviderOut {
    id: String,
    name: String,
    base_url: Option<String>,
    /// What its keys speak unless they name their own.
    formats: Vec<Format>,
    models: Vec<ModelPattern>,
    credential_optional: bool,
    /// The ways to ask it for a balance, the best first. None: what is left is counted from our own books.
    balance_probes: Vec<ProbeOut>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProviderProbe")]
struct ProbeOut {
    id: String,
    kind: &'static str,
    /// The names to give in a key's `balance_values`.
    needs: Vec<String>,
    /// Whether it is tried for a key that names no probe.
    by_default: bool,
}

pub(crate) async fn list(State(handle): State<Handle>) -> Json<List<ProviderOut>> {
    Json(List::whole(handle.providers().map(|provider| ProviderOut::from(&**provider)).collect()))
}

impl From<&Provider> for ProviderOut {
    fn from(provider: &Provider) -> Self {
        Self {
            id: provider.id.clone(),
            name: provider.name.clone(),
            base_url: provider.base_url.clone(),
            formats: provider.formats().collect(),
            models: provider.models.clone(),
            credential_optional: provider.credential_optional,
            balance_probes: provider.balance.iter().map(ProbeOut::from).collect(),
        }
    }
}

impl From<&Probe> for ProbeOut {
    fn from(probe: &Probe) -> Self {
        let needs = probe.needs().into_iter().collect();
        Self { id: probe.id.clone(), kind: probe.kind.as_str(), needs, by_default: probe.by_default }
    }
}
