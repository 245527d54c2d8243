//! `GET /api/requests/{id}/bodies`: what a call said, for admins, and the audit log tells who looked.

use amp_pool_core::{
    handle::Handle,
    id::CallId,
    store::{CallBodies, KeptBody},
    time::Timestamp,
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Name, Problem, call_named};

/// What a call said.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Bodies")]
pub(crate) struct BodiesOut {
    call_id: CallId,
    create_time: Timestamp,
    request: BodyOut,
    answer: BodyOut,
}

/// A body as far as it is kept.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Body")]
struct BodyOut {
    /// Its beginning, without secrets. `null`: it was no text.
    text: Option<String>,
    /// How long it was.
    bytes: u64,
}

impl From<KeptBody> for BodyOut {
    fn from(KeptBody { text, bytes }: KeptBody) -> Self {
        Self { text, bytes }
    }
}

/// The bodies of a call, if the setting `bodies` had them kept.
pub(crate) async fn bodies(State(handle): State<Handle>, Name(id): Name) -> Result<Json<BodiesOut>, Problem> {
    let call = call_named(&handle, &id).await?.ok_or_else(Problem::not_found)?;
    let kept = handle.bodies(call).await?.ok_or_else(Problem::not_found)?;
    let CallBodies { call, create_time, request, answer } = kept;
    Ok(Json(BodiesOut { call_id: call, create_time, request: request.into(), answer: answer.into() }))
}
