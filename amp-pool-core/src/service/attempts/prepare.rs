//! The request for one key.
//!
//! Where the upstream speaks the caller's format, the client's own bytes leave, but for the named splices. Else the body
//! is translated, and what the answer needs to come back travels beside it.

use http::{HeaderMap, Uri};

use super::Means;
use crate::{
    Error,
    format::{
        Aids, Chain, Endpoint, Format, Losses, Policy, SealKey, Sent, Splice, Translation, WayBack,
        canonical::Issuer,
        capability::{Dialect, chat_limit_name},
        countable, splice,
    },
    keys::Manner,
    provider::Provider,
    route::Seat,
    service::{
        Ask, Cap, Routed,
        headers::{self, Passing},
        routing::rejected,
    },
    transport::Outgoing,
};

/// A request, and its way back.
pub(super) struct Prepared {
    /// Boxed, because it is handed from step to step.
    pub(super) outgoing: Box<Outgoing>,
    pub(super) way: Way,
}

/// How an answer comes back to the client.
pub(super) enum Way {
    /// As it is.
    Native,
    /// As it is, but for what would break the official SDKs.
    Mended,
    /// Translated. What could not be carried is told beside the answer.
    Translated(Box<WayBack>, Losses),
}

fn native(seat: &Seat) -> Way {
    if seat.repairs_stream { Way::Mended } else { Way::Native }
}

impl Way {
    /// Whether the upstream's turn may pause.
    pub(super) fn may_pause(&self) -> bool {
        matches!(self, Self::Translated(back, _) if back.may_pause())
    }
}

impl Means {
    pub(super) fn prepare(&self, routed: &Routed, seat: &Seat, format: Format) -> Result<Prepared, Error> {
        let ask = &routed.call.ask;
        // First of all and nearly always: nothing is translated.
        if format == ask.format {
            let path = routed.call.head.uri.path_and_query().map_or("/", |path| path.as_str());
            let body = native_body(routed, seat);
            return Ok(Prepared { outgoing: outgoing(routed, seat, format, path, body)?, way: native(seat) });
        }
        let tenant = tenant(routed);
        let memory = self.memos.of(&tenant);
        let aids = Aids { always_stream: true, memory: Some(&memory) };
        let translation = self.translation(routed, seat, format, &tenant);
        let sent = translation.request_by(aids, &capped(routed)).map_err(|reject| rejected(&reject))?;
        let Sent { body, path, mut losses, back } = sent;
        if let Some(cap) = &ask.cap {
            losses.join(&cap.told);
        }
        let outgoing = outgoing(routed, seat, format, path, Chain::from(bytes::Bytes::from(body)))?;
        Ok(Prepared { outgoing, way: Way::Translated(Box::new(back), losses) })
    }

    fn translation(&self, routed: &Routed, seat: &Seat, format: Format, tenant: &str) -> Translation {
        let call = &routed.call;
        let key = &seat.key;
        let seal = SealKey::derive(&self.seal[..], tenant);
        let account = key.key.spec.account.clone().unwrap_or_else(|| key.key.fingerprint.clone());
        let issuer = Issuer { format, provider: key.provider.id.clone(), account: seal.tag(&account) };
        Translation {
            client: call.ask.format,
            upstream: format,
            call: call.id,
            created: call.received,
            model: seat.model(&call.ask.model).to_owned(),
            asked_model: call.ask.model.to_string(),
            dialect: Dialect::find(&key.provider.id),
            issuer,
            seal,
            policy: policy(routed),
        }
    }
}

/// The client's own bytes, but for the named splices, and for what can not be counted where tokens are.
fn native_body(routed: &Routed, seat: &Seat) -> Chain {
    let body = splice(&routed.call.body, splices(routed, seat));
    if routed.call.ask.endpoint != Endpoint::CountTokens {
        return body;
    }
    countable(&body.clone().into_bytes()).map_or(body, |counted| Chain::from(bytes::Bytes::from(counted)))
}

/// For whom reasoning is sealed and remembered: nobody brings in, or is given, what was thought for another client token.
pub(super) fn tenant(routed: &Routed) -> String {
    let caller = &routed.call.caller;
    caller.token.map_or_else(|| caller.name.clone(), |token| token.to_string())
}

/// What the route wants; its caller may want it strict as well.
fn policy(routed: &Routed) -> Policy {
    let mut policy = routed.plan.translation().clone();
    policy.strict |= routed.call.caller.strict_translation;
    policy
}

fn outgoing(routed: &Routed, seat: &Seat, format: Format, path: &str, body: Chain) -> Result<Box<Outgoing>, Error> {
    let (key, ask) = (&seat.key, &routed.call.ask);
    let manner = if ask.endpoint == Endpoint::Google { key.google(&ask.model) } else { key.manner(format) };
    let manner = manner.ok_or_else(|| Error::internal("this key does not speak the format"))?;
    let client = &routed.call.head;
    let mut request = http::Request::new(body);
    *request.method_mut() = client.method.clone();
    *request.uri_mut() = destination(manner, seat.model(&ask.model), path)?;
    let is_translated = format != ask.format;
    let complete = |headers: &mut HeaderMap| manner.upstream.complete(headers);
    let Provider { passes, betas, .. } = &*key.provider;
    let passing = Passing { is_translated, own: passes, betas: betas.as_deref() };
    *request.headers_mut() = headers::to_upstream(&client.headers, passing, complete, &manner.headers);
    Ok(Box::new(Outgoing { request, egress: key.egress.clone() }))
}

fn destination(manner: &Manner, model: &str, path: &str) -> Result<Uri, Error> {
    let url = match manner.upstream.branch(model) {
        None if path == manner.path => return Ok(manner.url.clone()),
        None => manner.upstream.url(path),
        Some(_) => manner.upstream.branch_url(model, path),
    };
    let url = url.and_then(|url| url.parse().ok());
    url.ok_or_else(|| Error::bad_request("", "the path does not make a URL at the upstream"))
}

/// The changes to the body: the model where an alias maps it, usage where a Chat stream did not ask for it, and less output
/// where a budget wants that.
fn splices(routed: &Routed, seat: &Seat) -> Vec<Splice> {
    let ask = &routed.call.ask;
    let mut edits = Vec::new();
    if let (Some(span), Some(model)) = (&ask.model_span, &seat.upstream_model)
        && **model != *ask.model
    {
        edits.push(Splice::string(span.clone(), model));
    }
    if seat.key.provider.include_usage_ok {
        edits.extend(ask.ask_for_usage.clone());
    }
    if let Some(Cap { tokens, reach, .. }) = ask.cap.as_deref() {
        edits.extend(reach.cap(*tokens, limit_name(ask.format, &seat.key.provider.id, seat.model(&ask.model))));
    }
    edits
}

/// The body to be translated.
fn capped(routed: &Routed) -> bytes::Bytes {
    let Ask { cap, format, .. } = &*routed.call.ask;
    let edits = cap.as_ref().map(|cap| cap.reach.cap(cap.tokens, limit_name(*format, "openai", "")));
    edits.map_or_else(|| routed.call.body.clone(), |edits| splice(&routed.call.body, edits).into_bytes())
}

/// What the limit of output is called.
fn limit_name(format: Format, provider: &str, model: &str) -> &'static str {
    match format {
        Format::Chat => chat_limit_name(provider, model),
        Format::Messages => "max_tokens",
        Format::Responses => "max_output_tokens",
    }
}
