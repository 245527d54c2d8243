//! The OpenAPI document, made of the list of routes.
//!
//! What a handler takes and gives is told by its own types ([`part`]), so that a route without documentation does not
//! compile and a field cannot be forgotten. What types cannot know, who may call it and what it is for, stands in the list.
//! `openapi.json` beside the sources is its snapshot, which clients are generated from.

mod gateway;
mod part;
mod schemas;
mod words;

use serde_json::{Map, Value, json};

use crate::admin::ProblemOut;

pub(crate) use part::{As, Csv, Document, Elsewhere, Events, Operation, Page, Part, Plain, Served, Table, Told};
pub(crate) use schemas::{Null, Schemas};
pub(crate) use words::{
    BalanceSource, BudgetScope, CallOutcome, CallStatus, KeyStateName, LineOutcome, RoleName, StrategyName,
};

/// One route as the document needs it.
pub(crate) struct Path {
    /// As `amp-pool-server routes` prints it.
    pub(crate) access: String,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) told: fn(&mut Schemas) -> Operation,
}

/// The document.
pub(crate) fn document(routes: impl Iterator<Item = Path>) -> Value {
    let mut schemas = Schemas::default();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let operation = operation(&route, &mut schemas);
        put(&mut paths, route.path, route.method, operation);
    }
    for (method, path, mut operation) in gateway::operations() {
        operation["operationId"] = operation_id(method, path).into();
        put(&mut paths, path, method, operation);
    }
    let problem = schemas.written::<ProblemOut>();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "AMP Pool",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT", "identifier": "MIT" },
            "description": ABOUT,
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "securitySchemes": security_schemes(),
            "responses": { "Problem": {
                "description": "What is wrong, and in which field.",
                "content": { "application/json": { "schema": problem } },
            } },
        },
    });
    schemas.finish(&mut document);
    document
}

const ABOUT: &str = "One endpoint of many LLM API keys. Times are RFC 3339 in UTC, money is a decimal string in USD unless a \
    currency stands beside it, and ids are integers for stored things and UUIDv7 for calls. A field that is not known is \
    refused by its name. `x-role` says whom an operation is for: `open` to anybody, `client` with a client token, and \
    `viewer`, `operator` or `admin` at least.";

fn put(paths: &mut Map<String, Value>, path: &str, method: &str, operation: Value) {
    let at = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
    if let Some(operations) = at.as_object_mut() {
        operations.insert(method.to_lowercase(), operation);
    }
}

fn security_schemes() -> Value {
    let header =
        |name: &str, about: &str| json!({ "type": "apiKey", "in": "header", "name": name, "description": about });
    json!({
        "adminToken": { "type": "http", "scheme": "bearer", "description": "The admin token, for automation." },
        "session": {
            "type": "apiKey", "in": "cookie", "name": "amp_session",
            "description": "What a login sets. Everything but GET needs the CSRF token beside it.",
        },
        "csrf": header("x-csrf-token", "The `csrf_token` that `GET /api/auth/me` tells."),
        "clientToken": { "type": "http", "scheme": "bearer", "description": "A client token." },
        "clientKey": header("x-api-key", "A client token, where clients of Anthropic put it."),
        "clientApiKey": header("api-key", "A client token, where clients of Azure put it."),
    })
}

fn operation(route: &Path, schemas: &mut Schemas) -> Value {
    let told = (route.told)(schemas);
    let mut operation = Map::new();
    operation.insert("operationId".into(), operation_id(route.method, route.path).into());
    operation.insert("tags".into(), json!([tag(route.path)]));
    operation.insert("summary".into(), route.summary.into());
    operation.insert("x-role".into(), route.access.clone().into());
    operation.insert("security".into(), security(&route.access, route.method));
    let parameters: Vec<Value> = path_parameters(route.path, &told).chain(told.parameters.clone()).collect();
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some(body) = told.body.clone() {
        operation.insert("requestBody".into(), schemas.needed(body, route.method));
    }
    operation.insert("responses".into(), responses(told, &route.access));
    Value::Object(operation)
}

/// `get_api_keys_id` of `GET /api/keys/{id}`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(['/', '{', '}', '-', '.']).filter(|word| !word.is_empty());
    let words: Vec<String> = std::iter::once(method.to_lowercase()).chain(words.map(str::to_owned)).collect();
    words.join("_")
}

fn tag(path: &str) -> &str {
    path.strip_prefix("/api/").and_then(|below| below.split('/').next()).unwrap_or("server")
}

/// The parts of a path that stand for something.
fn path_parameters<'a>(path: &'a str, told: &'a Operation) -> impl Iterator<Item = Value> + 'a {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let schema = told.place.clone().unwrap_or_else(|| json!({ "type": "string" }));
    names.map(move |name| json!({ "name": name, "in": "path", "required": true, "schema": schema }))
}

fn security(access: &str, method: &str) -> Value {
    match (access, method) {
        ("open", _) => json!([]),
        (_, "GET") => json!([{ "adminToken": [] }, { "session": [] }]),
        _ => json!([{ "adminToken": [] }, { "session": [], "csrf": [] }]),
    }
}

/// The answers, and the problems that parts of the request can have. Whatever else is wrong has the same shape.
fn responses(told: Operation, access: &str) -> Value {
    let mut all: Map<String, Value> =
        told.answers.into_iter().map(|(code, answer)| (code.to_string(), answer)).collect();
    let locked: &[u16] = if access == "open" { &[] } else { &[401, 403] };
    for code in told.problems.iter().chain(locked) {
        all.entry(code.to_string()).or_insert_with(|| json!({ "$ref": PROBLEM }));
    }
    all.insert("default".into(), json!({ "$ref": PROBLEM }));
    Value::Object(all)
}

const PROBLEM: &str = "#/components/responses/Problem";
