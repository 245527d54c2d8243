//! `/api/config`: the settings table.

use std::sync::Arc;

use amp_pool_core::handle::Handle;
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    List, Problem,
    input::{Input, Name, Params, given},
    page::PageParams,
};
use crate::{config::Origin, openapi::Null};

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Setting")]
pub(crate) struct SettingOut {
    key: String,
    value: Option<String>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SettingInput {
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<String>")]
    value: Option<Option<String>>,
}

pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<SettingOut>>, Problem> {
    let settings = handle.settings().into_iter();
    let settings = settings.map(|(key, value)| SettingOut { key, value: Some(value) }).collect();
    Ok(Json(params.page(settings, |setting: &SettingOut| setting.key.clone())?))
}

/// What the server was started with, and where each of it came from.
pub(crate) async fn server(State(origins): State<Arc<[Origin]>>) -> Json<List<Origin>> {
    Json(List::whole(origins.to_vec()))
}

pub(crate) async fn put(
    State(handle): State<Handle>,
    Name(key): Name,
    Input(input): Input<SettingInput>,
) -> Result<Json<SettingOut>, Problem> {
    let value = input.value.ok_or_else(|| Problem::missing("value"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !key.chars().all(plain) || key.len() > 100 {
        return Err(Problem::field(
            "key",
            "a setting's name has 1 to 100 letters, digits, dots, dashes or underscores",
        ));
    }
    handle.put_setting(key.clone(), value.clone()).await?;
    Ok(Json(SettingOut { key, value }))
}

#[cfg(test)]
pub(super) fn read(body: &[u8]) -> Result<(), Problem> {
    super::input::parse::<SettingInput>(body).map(drop)
}
