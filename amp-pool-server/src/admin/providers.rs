//! `/api/providers`: the presets that keys can belong to.

use axum::Json;
use serde::Serialize;

use super::List;

#[derive(Serialize)]
pub(crate) struct ProviderOut {
    id: &'static str,
}

pub(crate) async fn list() -> Json<List<ProviderOut>> {
    Json(List::whole(Vec::new()))
}
