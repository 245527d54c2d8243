//! From the model a call names to the keys that may serve it: a lookup in an immutable snapshot.
//!
//! Model lists are answered here, from the same snapshot, and open no record.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderValue, header};
use serde::Serialize;
use tower::{Layer, Service};

use super::{Ask, Call, PoolBody, Response, ResponseFuture, Routed};
use crate::{
    Error,
    caller::Caller,
    format::{Endpoint, Format, Reject, capability::Dialect, count_tokens},
    route::{Catalog, KnownModel, Plan, Seat},
};

/// Makes [`Routing`].
#[derive(Clone)]
pub struct RoutingLayer(Arc<ArcSwap<Catalog>>);

impl RoutingLayer {
    /// A layer that looks into whatever catalog is in force.
    #[must_use]
    pub fn new(catalog: Arc<ArcSwap<Catalog>>) -> Self {
        Self(catalog)
    }
}

impl<S> Layer<S> for RoutingLayer {
    type Service = Routing<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Routing { catalog: self.0.clone(), inner }
    }
}

/// Finds the keys for a call.
#[derive(Clone)]
pub struct Routing<S> {
    catalog: Arc<ArcSwap<Catalog>>,
    inner: S,
}

impl<S> Service<Call> for Routing<S>
where
    S: Service<Routed, Response = Response, Error = Error, Future = ResponseFuture>,
{
    type Response = Response;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> ResponseFuture {
        let catalog = self.catalog.load_full();
        if call.ask.endpoint == Endpoint::Models {
            return Box::pin(std::future::ready(models(&call, &catalog)));
        }
        match route(call, catalog) {
            Ok(routed) if must_count(&routed) => Box::pin(std::future::ready(count(&routed.call))),
            Ok(routed) => self.inner.call(routed),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

fn route(call: Call, catalog: Arc<Catalog>) -> Result<Routed, Error> {
    let plan = plan(&catalog, &call.caller, &call.ask)?;
    Ok(Routed { call, catalog, plan })
}

/// Who may serve a call.
pub(crate) fn plan(catalog: &Catalog, caller: &Caller, ask: &Ask) -> Result<Arc<Plan>, Error> {
    let Ask { endpoint, format, model, .. } = ask;
    if !model.is_empty() && !caller.may_use(model) {
        return Err(Error::forbidden(format!("this client token may not use the model `{model}`")));
    }
    let plan = match &ask.provider {
        _ if *endpoint == Endpoint::Google => catalog.google(model),
        Some(provider) => catalog.plan_at(provider, model),
        None if model.is_empty() => Some(catalog.everyone()),
        None => catalog.plan(model),
    };
    let plan = plan.ok_or_else(|| Error::unknown_model(model))?;
    if plan.seats().is_empty() {
        return Err(Error::no_key("this pool has no enabled key"));
    }
    let is_ours = endpoint.is_translatable() || endpoint.only_counts();
    if !is_ours && !plan.formats().contains(format) {
        return Err(mismatch(model, *format, plan.formats()));
    }
    Ok(plan)
}

/// A call that is not translated and whose format no key of its model speaks.
fn mismatch(model: &str, format: Format, spoken: &[Format]) -> Error {
    let spoken: Vec<_> = spoken.iter().map(|format| format.as_str()).collect();
    Error::format_mismatch(format!(
        "the keys for `{model}` speak the format {}, this call came as {format}, and calls of this kind are not translated",
        spoken.join(" and "),
    ))
}

/// Whether nobody behind the model counts tokens, so that we have to. Whoever speaks Messages is asked; of those who speak
/// Responses few can count, and a call must not depend on which of them it meets.
fn must_count(routed: &Routed) -> bool {
    let (plan, format) = (&routed.plan, routed.call.ask.format);
    let counts = |seat: &Seat| Dialect::find(&seat.key.provider.id).count_tokens;
    let mut speakers = plan.seats().iter().filter(|seat| seat.formats.contains(&format));
    match routed.call.ask.endpoint {
        Endpoint::CountTokens => !plan.formats().contains(&format),
        Endpoint::InputTokens => !plan.formats().contains(&format) || !speakers.all(counts),
        _ => false,
    }
}

/// An estimate of ours. It costs nothing and opens no record.
fn count(call: &Call) -> Result<Response, Error> {
    let counted = count_tokens(call.ask.format, &call.body).map_err(|reject| rejected(&reject))?;
    let mut response = http::Response::new(PoolBody::whole(counted.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// A request that can not be translated, before anything was sent.
pub(super) fn rejected(reject: &Reject) -> Error {
    Error::bad_request(reject.field.clone().unwrap_or_default(), reject.message.clone()).with_code(reject.code)
}

fn models(call: &Call, catalog: &Catalog) -> Result<Response, Error> {
    let mut known = catalog.offered();
    known.retain(|model| call.caller.may_use(&model.id));
    let named = call.head.uri.path().strip_prefix("/v1/models/").map(|id| id.trim_end_matches('/'));
    let body = match named.filter(|id| !id.is_empty()) {
        None => list(call.ask.format, &known),
        Some(id) => {
            let model = known.iter().find(|model| model.id == id).ok_or_else(|| Error::unknown_model(id))?;
            json(&one(call.ask.format, model))
        }
    };
    let mut response = http::Response::new(PoolBody::whole(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

#[derive(Serialize)]
#[serde(untagged)]
enum ModelShape<'a> {
    OpenAi { id: &'a str, object: &'static str, created: u64, owned_by: &'a str },
    Anthropic { r#type: &'static str, id: &'a str, display_name: &'a str, created_at: &'static str },
}

/// When a model was made is not ours to know; both shapes insist on a time.
const NO_TIME: &str = "1970-01-01T00:00:00Z";

fn one(format: Format, model: &KnownModel) -> ModelShape<'_> {
    let KnownModel { id, owned_by } = model;
    match format {
        Format::Messages => ModelShape::Anthropic { r#type: "model", id, display_name: id, created_at: NO_TIME },
        _ => ModelShape::OpenAi { id, object: "model", created: 0, owned_by },
    }
}

fn list(format: Format, models: &[KnownModel]) -> Bytes {
    let data: Vec<_> = models.iter().map(|model| one(format, model)).collect();
    let ends = (models.first().map(|m| &m.id), models.last().map(|m| &m.id));
    json(&match format {
        Format::Messages => {
            serde_json::json!({"data": data, "has_more": false, "first_id": ends.0, "last_id": ends.1})
        }
        _ => serde_json::json!({"object": "list", "data": data}),
    })
}

fn json(value: &impl Serialize) -> Bytes {
    // These shapes have string keys and no maps of ours, so writing them cannot fail.
    serde_json::to_vec(value).unwrap_or_default().into()
}
