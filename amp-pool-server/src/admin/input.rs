//! What comes in: JSON bodies, query parameters, row ids. Whatever is wrong is named by its field.

use std::{fmt::Display, str::FromStr, time::Duration};

use amp_pool_core::time::Timestamp;
use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Query},
};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header::CONTENT_TYPE, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{json, value::RawValue};

use super::Problem;
use crate::{
    access::Jot,
    openapi::{Operation, Part, Schemas},
};

const LARGEST_BODY: usize = 1024 * 1024;
const LARGEST_UPLOAD: usize = 64 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(30);

/// A JSON body.
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let (head, body) = request.into_parts();
        let body = read(body, LARGEST_BODY).await?;
        taken(&head, &body).map(Self)
    }
}

/// Reads a body, and tells the audit log of it.
fn taken<T: DeserializeOwned>(head: &Parts, body: &[u8]) -> Result<T, Problem> {
    if let Some(jot) = head.extensions.get::<Jot>() {
        jot.body(body);
    }
    parse(body)
}

impl<T: JsonSchema> Part for Input<T> {
    fn tell(schemas: &mut Schemas, operation: &mut Operation) {
        operation.takes_body(&json!({ "application/json": { "schema": schemas.read::<T>() } }));
    }
}

/// A JSON body that says nothing else than what is usual when it is left out.
pub(crate) struct Wish<T>(pub(crate) T);

impl<T: DeserializeOwned + Default, S: Sync> FromRequest<S> for Wish<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let body = read(body, LARGEST_BODY).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        require_json(&head.headers)?;
        taken(&head, &body).map(Self)
    }
}

impl<T: JsonSchema> Part for Wish<T> {
    fn tell(schemas: &mut Schemas, operation: &mut Operation) {
        operation.may_take_body(&json!({ "application/json": { "schema": schemas.read::<T>() } }));
    }
}

/// A body of any kind, larger than others may be.
pub(crate) struct Upload {
    /// Its `Content-Type`, without parameters, in lower case.
    pub(crate) kind: String,
    pub(crate) body: Bytes,
    pub(crate) jot: Jot,
}

impl<S: Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let jot = head.extensions.get::<Jot>().cloned().unwrap_or_default();
        Ok(Self { kind, body: read(body, LARGEST_UPLOAD).await?, jot })
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = "the body has to be JSON, with `Content-Type: application/json`";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message))
}

async fn read(body: Body, largest: usize) -> Result<Bytes, Problem> {
    let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not arrive in time");
    let collected = tokio::time::timeout(PATIENCE, Limited::new(body, largest).collect()).await.map_err(late)?;
    match collected {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("the body is larger than {largest} bytes");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message))
        }
        Err(_) => Err(Problem::invalid("the body broke off")),
    }
}

/// Reads JSON; what is wrong with it is named by its field.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| explain::<T>(body, &error))
}

/// What is wrong, and in which field, as far as that can be told.
fn explain<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> Problem {
    let message = message(error);
    let named = message.strip_prefix("unknown field `").or_else(|| message.strip_prefix("duplicate field `"));
    let named = named.and_then(|rest| rest.split('`').next()).map(str::to_owned);
    let field = named.or_else(|| wrong_alone::<T>(body, &message)).or_else(|| field_at(body, error));
    match field {
        Some(field) => Problem::field(field, message),
        None => Problem::invalid(message),
    }
}

/// What is wrong, without the place.
fn message(error: &serde_json::Error) -> String {
    error.to_string().split(" at line ").next().unwrap_or_default().to_owned()
}

/// The field that is wrong in the same way when it stands alone. Of what a field's own type finds wrong, the place is told
/// only roughly.
fn wrong_alone<T: DeserializeOwned>(body: &[u8], complaint: &str) -> Option<String> {
    let Members(members) = serde_json::from_slice(body).ok()?;
    let is_wrong = |name: &String, value: &RawValue| {
        let alone = format!("{{{}:{}}}", serde_json::to_string(name).unwrap_or_default(), value.get());
        serde_json::from_str::<T>(&alone).is_err_and(|error| message(&error) == complaint)
    };
    members.into_iter().find(|(name, value)| is_wrong(name, value)).map(|(name, _)| name)
}

/// The field of the outermost object whose value holds the place of the error.
fn field_at(body: &[u8], error: &serde_json::Error) -> Option<String> {
    let line_start = body.split(|byte| *byte == b'\n').take(error.line() - 1).map(|line| line.len() + 1).sum::<usize>();
    let place = line_start + error.column();
    let start_of = |value: &RawValue| value.get().as_ptr().addr() - body.as_ptr().addr();
    let Members(members) = serde_json::from_slice(body).ok()?;
    let inside = |value: &RawValue| (start_of(value)..=start_of(value) + value.get().len()).contains(&place);
    members.into_iter().find(|(_, value)| inside(value)).map(|(name, _)| name)
}

#[derive(Deserialize)]
struct Members<'a>(#[serde(borrow)] std::collections::BTreeMap<String, &'a RawValue>);

/// For a field that may be left out, and whose `null` is a value of `T` or an error.
///
/// Serde's own `Option` takes `null` for "not there", which would turn a reset into no change.
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Query parameters. `T` takes them as texts; [`optional`] reads each.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(params) = Query::try_from_uri(&parts.uri).map_err(|error| {
            let text = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            explain_param(&text)
        })?;
        Ok(Self(params))
    }
}

impl<T: JsonSchema> Part for Params<T> {
    fn tell(schemas: &mut Schemas, operation: &mut Operation) {
        operation.takes_parameters(schemas.parameters::<T>());
    }
}

fn explain_param(text: &str) -> Problem {
    let name = text.split_once("field `").and_then(|(_, rest)| rest.split('`').next());
    match name {
        Some(name) => Problem::field(name, format!("there is no parameter `{name}`, or it is there twice")),
        None => Problem::invalid("the query cannot be read"),
    }
}

/// Reads one parameter. An empty one counts as not given.
pub(crate) fn optional<T>(field: &'static str, text: Option<String>) -> Result<Option<T>, Problem>
where
    T: FromStr,
    T::Err: Display,
{
    let given = text.filter(|text| !text.is_empty());
    given.map(|text| text.parse().map_err(|error| Problem::field(field, format!("`{field}`: {error}")))).transpose()
}

/// A span of time that has to run forwards.
pub(crate) fn check_span(from: Timestamp, to: Timestamp) -> Result<(), Problem> {
    if from < to { Ok(()) } else { Err(Problem::field("to", "`to` has to be after `from`")) }
}

/// A name in the path.
pub(crate) struct Name(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = Path::<String>::from_request_parts(parts, state).await;
        found.map(|Path(text)| Self(text)).map_err(|_| Problem::not_found())
    }
}

impl Part for Name {
    fn tell(_: &mut Schemas, operation: &mut Operation) {
        operation.is_about(json!({ "type": "string" }));
    }
}

/// A row id in the path. What is no number names nothing.
pub(crate) struct Row(pub(crate) i64);

impl<S: Send + Sync> FromRequestParts<S> for Row {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Name(text) = Name::from_request_parts(parts, state).await?;
        text.parse().map(Self).map_err(|_| Problem::not_found())
    }
}

impl Part for Row {
    fn tell(_: &mut Schemas, operation: &mut Operation) {
        operation.is_about(json!({ "type": "integer", "format": "int64" }));
    }
}
