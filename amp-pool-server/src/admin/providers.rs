//! `/api/providers`: the presets that keys can belong to.

use amp_pool_core::{
    format::Format,
    handle::Handle,
    provider::{ModelPattern, Provider},
};
use axum::{Json, extract::State};
use serde::Serialize;

use super::List;

#[derive(Serialize)]
pub(crate) struct ProviderOut {
    id: String,
    name: String,
    base_url: Option<String>,
    /// What its keys speak unless they name their own.
    formats: Vec<Format>,
    models: Vec<ModelPattern>,
    credential_optional: bool,
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
        }
    }
}
