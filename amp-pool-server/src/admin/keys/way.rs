//! `POST /api/keys/{id}/egress`: from which address the world sees a key's requests come.

use std::net::IpAddr;

use amp_pool_core::{handle::Handle, id::KeyId};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;

use super::{super::input::Row, Problem, find};

/// The setting that names the service to ask. Only admins can write it.
const SETTING: &str = "egress_echo_url";
const USUAL: &str = "https://api.ipify.org/";

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WayTrial")]
pub(crate) struct WayOut {
    ok: bool,
    ip: Option<IpAddr>,
    latency_ms: u64,
    message: Option<String>,
}

/// Asks a service that answers with its caller's address, through the key's own egress and without its credential.
pub(crate) async fn way(State(handle): State<Handle>, Row(id): Row) -> Result<Json<WayOut>, Problem> {
    let view = find(&handle, id)?;
    let setting = handle.settings().remove(SETTING);
    let echo = setting.as_deref().unwrap_or(USUAL).parse();
    let echo = echo.map_err(|_| Problem::invalid(format!("the setting `{SETTING}` is no URL")))?;
    let idle = || view.status.reason.unwrap_or_else(|| "this key cannot be put in service".into());
    Ok(Json(match handle.try_way(KeyId(id), echo).await {
        Some(trial) => {
            WayOut { ok: trial.ip.is_some(), ip: trial.ip, latency_ms: trial.latency_ms, message: trial.message }
        }
        None => WayOut { ok: false, ip: None, latency_ms: 0, message: Some(idle()) },
    }))
}
