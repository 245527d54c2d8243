//! Stands before each route: asks for the role, and writes down what is about to be changed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use amp_pool_core::user::{Deed, DeedEnd, Role};
use axum::{
    body::Body,
    extract::{Query, Request},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, value::RawValue};

use super::{Gate, Who};
use crate::{
    admin::Problem,
    openapi::{Operation, Schemas},
};

/// Members whose values may stand in the audit log: they are never secret.
const TOLD: [&str; 16] = [
    "name",
    "username",
    "role",
    "enabled",
    "provider",
    "model",
    "priority",
    "weight",
    "tags",
    "expires_at",
    "strategy",
    "action",
    "ids",
    "format",
    "kind",
    "severity",
];
/// A value that is longer tells less.
const LONGEST_VALUE: usize = 300;
/// Answers to what was made are small.
const LARGEST_ANSWER: u64 = 1024 * 1024;

/// What stands before one route.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) gate: Arc<Gate>,
    pub(crate) least: Role,
    /// `PUT /api/keys/{id}`
    pub(crate) action: String,
    /// Where in the path the object's id is.
    pub(crate) object_at: Option<usize>,
    /// Whether it is written down: it changes something, or shows what few should see.
    pub(crate) is_noted: bool,
    pub(crate) takes: Takes,
}

/// Whether a handler reads parameters of the query. Its types know, but to ask those of all handlers at the start would
/// take longer than the rest of it: each is asked when somebody first sends it a query.
#[derive(Clone)]
pub(crate) struct Takes {
    told: fn(&mut Schemas) -> Operation,
    parameters: Arc<OnceLock<bool>>,
}

impl Takes {
    /// As `told`, the handler's own description, says.
    pub(crate) fn of(told: fn(&mut Schemas) -> Operation) -> Self {
        Self { told, parameters: Arc::default() }
    }

    fn parameters(&self) -> bool {
        *self.parameters.get_or_init(|| !(self.told)(&mut Schemas::default()).parameters.is_empty())
    }
}

impl Guard {
    /// Lets a request through to its handler, or not.
    pub(crate) async fn pass(self, mut request: Request, next: Next) -> Response {
        let Some(who) = request.extensions().get::<Who>().cloned() else {
            return Problem::unauthorized().into_response();
        };
        if who.role < self.least {
            return Problem::forbidden(self.least).into_response();
        }
        if let Some(name) = parameter(request.uri()).filter(|_| !self.takes.parameters()) {
            let message = format!("there is no parameter `{name}`");
            return Problem::field(name, message).into_response();
        }
        if !self.is_noted {
            return next.run(request).await;
        }
        // A change that cannot be written down is not made.
        let id = match self.gate.note(self.deed(&who, request.uri().path())).await {
            Ok(id) => id,
            Err(error) => return Problem::from(error).into_response(),
        };
        let jot = Jot::default();
        request.extensions_mut().insert(jot.clone());
        let (object, response) = made(next.run(request).await).await;
        let end = DeedEnd { object, detail: jot.detail(), status: response.status().as_u16() };
        self.gate.settle(id, end).await;
        response
    }

    fn deed(&self, who: &Who, path: &str) -> Deed {
        Deed {
            user: who.user,
            actor: who.name.clone(),
            address: who.peer.to_string(),
            action: self.action.clone(),
            object: self.object_at.and_then(|at| path.split('/').nth(at)).map(str::to_owned),
            detail: None,
        }
    }
}

/// The first parameter of a query.
fn parameter(uri: &http::Uri) -> Option<String> {
    let query = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    query.0.into_iter().next().map(|(name, _)| name)
}

/// What a handler tells about what it does, for the audit log.
#[derive(Clone, Default)]
pub(crate) struct Jot(Arc<Mutex<Map<String, Value>>>);

impl Jot {
    /// Notes which members a body had, and what the harmless ones said.
    pub(crate) fn body(&self, body: &[u8]) {
        let Ok(members) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(body) else { return };
        let told = |(name, value): (&String, &&RawValue)| {
            let short = TOLD.contains(&name.as_str()) && value.get().len() <= LONGEST_VALUE;
            short.then(|| Some((name.clone(), serde_json::from_str::<Value>(value.get()).ok()?))).flatten()
        };
        let values: Vec<_> = members.iter().filter_map(told).collect();
        for (name, value) in values {
            self.tell(&name, value);
        }
        self.tell("fields", members.into_keys().take(50).collect::<Vec<_>>());
    }

    /// Notes one thing. It is never a secret.
    pub(crate) fn tell(&self, name: &str, value: impl Into<Value>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value.into());
    }

    fn detail(&self) -> Option<String> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!told.is_empty()).then(|| Value::Object(told.clone()).to_string())
    }
}

/// The id of what was made, as the answer tells it.
async fn made(response: Response) -> (Option<String>, Response) {
    let small = response.body().size_hint().exact().is_some_and(|size| size <= LARGEST_ANSWER);
    if response.status() != StatusCode::CREATED || !small {
        return (None, response);
    }
    let (head, body) = response.into_parts();
    let Ok(collected) = body.collect().await else { return (None, Problem::invalid("").into_response()) };
    let bytes = collected.to_bytes();
    let id = serde_json::from_slice::<Made>(&bytes).ok().and_then(|made| made.id).map(|id| match id {
        Value::String(name) => name,
        number => number.to_string(),
    });
    (id, Response::from_parts(head, Body::from(bytes)))
}

#[derive(serde::Deserialize)]
struct Made {
    id: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &str) {
        let jot = Jot::default();
        jot.body(body.as_bytes());
        assert_eq!(jot.detail().unwrap_or_default(), expected, "{body}");
    }

    #[test]
    fn names_are_told_and_values_only_of_what_is_never_secret() {
        check(
            r#"{"name":"a","api_key":"sk-secret","enabled":false}"#,
            r#"{"enabled":false,"fields":["api_key","enabled","name"],"name":"a"}"#,
        );
        check(&format!(r#"{{"name":"{}"}}"#, "x".repeat(400)), r#"{"fields":["name"]}"#);
        check("[1]", "");
        check("{", "");
    }
}
