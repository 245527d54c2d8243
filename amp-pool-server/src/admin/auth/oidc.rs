//! `/api/auth/oidc`: the two visits of a browser that signs in elsewhere.
//!
//! People come here by links, so whatever goes wrong sends them back to our page, which says it in their language.

use std::{net::IpAddr, sync::Arc};

use amp_pool_core::user::{Deed, User};
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{LOCATION, SET_COOKIE},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Problem, with_cookie};
use crate::{
    access::{Cookie, Gate, Peer},
    admin::input::Params,
    oidc::{Failure, Oidc, Person, Returned, admit},
    openapi::{As, Elsewhere},
};

/// What a browser that wants to sign in brings along.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct BeginParams {
    /// The page to show in the end: a path of this server.
    next: Option<String>,
}

/// What the issuer sends it back with. Issuers add what they like.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ReturnParams {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// Sends a browser to the issuer.
pub(crate) async fn begin(
    State(gate): State<Arc<Gate>>,
    State(oidc): State<Option<Arc<Oidc>>>,
    Params(params): Params<BeginParams>,
) -> Result<As<Elsewhere>, Problem> {
    let oidc = oidc.filter(|_| gate.is_set_up()).ok_or_else(Problem::not_found)?;
    let begun = match oidc.begin(params.next.as_deref().unwrap_or_default()).await {
        Ok(begun) => begun,
        Err(failure) => return Ok(As::new(back(&failure))),
    };
    let (address, ticket) = begun;
    let cookie = oidc.cookie(&ticket).map_err(|error| Problem::broken(&error))?;
    Ok(As::new(with(to(address.as_str()), cookie)))
}

/// Takes a browser back from the issuer, and signs in who sits there.
pub(crate) async fn finish(
    State(gate): State<Arc<Gate>>,
    State(oidc): State<Option<Arc<Oidc>>>,
    Peer(peer): Peer,
    headers: HeaderMap,
    Params(params): Params<ReturnParams>,
) -> Result<As<Elsewhere>, Problem> {
    let oidc = oidc.filter(|_| gate.is_set_up()).ok_or_else(Problem::not_found)?;
    let ReturnParams { code, state, error, iss } = params;
    let returned = Returned { code, state, error, iss };
    let answer = match come_in(&gate, &oidc, peer, &headers, returned).await {
        Ok((user, next)) => {
            let (id, _) = gate.begin(&user, peer).await?;
            with_cookie(to(&next), &Cookie::Keep(id), &headers)?
        }
        Err(failure) => back(&failure),
    };
    Ok(As::new(with(answer, oidc.no_cookie())))
}

/// Who came, and which page they wanted.
async fn come_in(
    gate: &Gate,
    oidc: &Oidc,
    peer: IpAddr,
    headers: &HeaderMap,
    returned: Returned,
) -> Result<(User, String), Failure> {
    let ticket = oidc.ticket(headers, &returned)?;
    // Each makes us ask the issuer, and a ticket is made by whoever likes to.
    gate.knock(peer).map_err(|_| Failure::Busy)?;
    let person = oidc.person(&ticket, returned).await?;
    let admitted = admit(&*gate.store, &oidc.settings, &person).await;
    tell(gate, peer, &person, admitted.as_ref()).await;
    let user = admitted?;
    gate.came_in(peer);
    Ok((user, ticket.next))
}

/// Into the audit log: who came, by whose word, and why not.
async fn tell(gate: &Gate, peer: IpAddr, person: &Person, admitted: Result<&User, &Failure>) {
    let identity = &person.identity;
    let mut detail = json!({ "issuer": identity.issuer, "subject": identity.subject, "email": person.email });
    let (user, status) = match admitted {
        Ok(user) => (Some(user), StatusCode::OK),
        Err(failure) => {
            detail["refused"] = failure.to_string().into();
            (None, StatusCode::UNAUTHORIZED)
        }
    };
    let deed = Deed { detail: Some(detail.to_string()), ..Gate::deed("login", user, peer) };
    gate.write_down(deed, status).await;
}

fn to(place: &str) -> Response {
    let place = HeaderValue::try_from(place).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response()
}

fn with(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}

/// To our page, with a word for what went wrong. More is for the log: it is the operator's to mend.
fn back(failure: &Failure) -> Response {
    let word = match failure {
        Failure::Expired => "expired",
        Failure::Busy => "busy",
        Failure::Refused(_) => "refused",
        Failure::Broken(_) => "failed",
    };
    match failure {
        Failure::Broken(why) => tracing::warn!("nobody could sign in by OpenID Connect: {why}"),
        other => tracing::info!("somebody did not sign in by OpenID Connect: {other}"),
    }
    to(&format!("/?sign_in={word}"))
}
