//! `GET /api/keys/{id}/failures`: why a key's answers were no success, by cause.

use amp_pool_core::{
    handle::{FailureCause, Handle},
    id::{CallId, KeyId},
    time::{Clock as _, SystemClock, Timestamp},
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        List,
        input::{Params, Row, optional},
    },
    DAY_MS, Problem,
};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailureParams {
    /// From when on.
    #[schemars(with = "Timestamp")]
    from: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FailureCause")]
pub(crate) struct FailureOut {
    verdict: String,
    http_status_code: Option<u16>,
    requests: u64,
    last_time: Timestamp,
    last_call_id: CallId,
    last_message: Option<String>,
}

/// Those of the last day, unless told otherwise; the most frequent cause first.
pub(crate) async fn failures(
    State(handle): State<Handle>,
    Row(id): Row,
    Params(FailureParams { from }): Params<FailureParams>,
) -> Result<Json<List<FailureOut>>, Problem> {
    let from = optional("from", from)?.unwrap_or_else(|| SystemClock.now().plus_millis(-DAY_MS));
    let causes = handle.failure_causes(KeyId(id), from).await?;
    Ok(Json(List::whole(causes.into_iter().map(FailureOut::from).collect())))
}

impl From<FailureCause> for FailureOut {
    fn from(cause: FailureCause) -> Self {
        Self {
            verdict: cause.verdict,
            http_status_code: cause.http_status,
            requests: cause.count,
            last_time: cause.last,
            last_call_id: cause.call,
            last_message: cause.message,
        }
    }
}
