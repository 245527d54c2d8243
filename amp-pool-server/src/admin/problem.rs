//! What the admin API answers when it cannot do what it was asked.

use amp_pool_core::{handle::ChangeError, store::StoreError};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// An error of the admin API: `{"error":{"type":…,"message":…,"field":…}}`.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    error: Detail,
}

#[derive(Debug, Serialize)]
struct Detail {
    #[serde(rename = "type")]
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

#[derive(Serialize)]
struct Envelope {
    error: Detail,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, error: Detail { kind, message: message.into(), field: None } }
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

    /// `field` means something that this version does not do.
    pub(crate) fn unsupported(field: &'static str) -> Self {
        Self::field(field, format!("`{field}` is not supported yet"))
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "this needs the admin token as `Authorization: Bearer …`")
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
        unavailable(&error.to_string())
    }
}

/// The cause goes into the log: it may name files, and the caller cannot mend it.
fn unavailable(why: &str) -> Problem {
    tracing::error!("the store cannot serve the admin API: {why}");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the store is not available now; try again later")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Envelope { error: self.error })).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
