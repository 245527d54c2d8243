//! What the admin API answers when it cannot do what it was asked.

use std::time::Duration;

use amp_pool_core::{handle::ChangeError, store::StoreError, user::Role};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

/// An error of the admin API: `{"error":{"type":…,"message":…,"field":…}}`.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    retry_after: Option<Duration>,
    error: Detail,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ProblemDetail")]
struct Detail {
    #[serde(rename = "type")]
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemOut {
    error: Detail,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, retry_after: None, error: Detail { kind, message: message.into(), field: None } }
    }

    /// The request is wrong as a whole.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// The request is wrong in `field`.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut problem = Self::invalid(message);
        problem.error.field = Some(field.into());
        problem
    }

    /// The request lacks `field`.
    pub(crate) fn missing(field: &'static str) -> Self {
        Self::field(field, format!("`{field}` is missing"))
    }

    pub(crate) fn unauthorized() -> Self {
        let message = "this needs a login, or the admin token as `Authorization: Bearer …`";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// Who asks may not do this.
    pub(crate) fn forbidden(least: Role) -> Self {
        let message = format!("this needs the role `{}`", least.as_str());
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// Who asks may do this, but not with `field` as it is.
    pub(crate) fn not_yours(field: &'static str, message: String) -> Self {
        let mut problem = Self::new(StatusCode::FORBIDDEN, "forbidden", message);
        problem.error.field = Some(field.into());
        problem
    }

    /// Not again before `wait` is over.
    pub(crate) fn too_often(wait: Duration, message: &'static str) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message);
        problem.retry_after = Some(wait);
        problem
    }

    /// Something of ours failed that should not.
    pub(crate) fn broken(error: &dyn std::error::Error) -> Self {
        tracing::error!("the admin API cannot answer: {error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this is not your mistake; the log says more")
    }

    /// The field that is wrong, and how.
    pub(crate) fn into_parts(self) -> (Option<String>, String) {
        (self.error.field, self.error.message)
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Invalid { field, message } => Self::field(field, message),
            ChangeError::Conflict { what } => {
                Self::new(StatusCode::CONFLICT, "conflict", format!("{what} is there already"))
            }
            ChangeError::NotFound => Self::not_found(),
            ChangeError::Unavailable(why) => unavailable(&why),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::not_found(),
            StoreError::Conflict { .. } => Self::new(StatusCode::CONFLICT, "conflict", error.to_string()),
            StoreError::LastAdmin => Self::new(StatusCode::CONFLICT, "last_admin", error.to_string()),
            other => unavailable(&other.to_string()),
        }
    }
}

/// The cause goes into the log: it may name files, and the caller cannot mend it.
fn unavailable(why: &str) -> Problem {
    tracing::error!("the store cannot serve the admin API: {why}");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the store is not available now; try again later")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(ProblemOut { error: self.error })).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, seconds.max(1).into());
        }
        response
    }
}
