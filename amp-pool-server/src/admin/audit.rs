//! `/api/audit`: what admins did.

use std::sync::Arc;

use amp_pool_core::{
    id::{AuditId, UserId},
    time::Timestamp,
    user::AuditEntry,
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    List, Problem,
    input::{Params, optional},
};
use crate::access::Gate;

const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 1000;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuditParams {
    /// Only of this user.
    #[schemars(with = "i64")]
    user_id: Option<String>,
    /// How many at most.
    #[schemars(with = "u32")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Deed")]
pub(crate) struct AuditOut {
    id: AuditId,
    create_time: Timestamp,
    /// `null`: not one of the users.
    user_id: Option<UserId>,
    actor: String,
    /// The other end of the connection.
    address: String,
    action: String,
    object: Option<String>,
    /// Which fields were given, and what the harmless ones said.
    detail: Option<Value>,
    /// What was answered. `null`: the server ended in the middle of it.
    http_status_code: Option<u16>,
}

pub(crate) async fn list(
    State(gate): State<Arc<Gate>>,
    Params(params): Params<AuditParams>,
) -> Result<Json<List<AuditOut>>, Problem> {
    let limit = optional("limit", params.limit)?.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let before = optional("cursor", params.cursor)?.map(AuditId);
    let user = optional("user_id", params.user_id)?.map(UserId);
    let mut entries = gate.store.notes(user, before, limit + 1).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = entries.len() > wanted;
    entries.truncate(wanted);
    let next = entries.last().filter(|_| more).map(|entry| entry.id.to_string());
    Ok(Json(List::page(entries.into_iter().map(AuditOut::from).collect(), next)))
}

impl From<AuditEntry> for AuditOut {
    fn from(AuditEntry { id, create_time, deed, status }: AuditEntry) -> Self {
        let detail = deed.detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok());
        let (user_id, http_status_code) = (deed.user, status);
        let (actor, address, action, object) = (deed.actor, deed.address, deed.action, deed.object);
        Self { id, create_time, user_id, actor, address, action, object, detail, http_status_code }
    }
}
