//! One question to an issuer. Nothing is followed, nothing is read for ever, and no secret is told in a complaint.
//!
//! The issuer is the operator's own setting and may stand in a private network; a cloud's metadata is refused all the same.

use std::{error::Error, time::Duration};

use amp_pool_core::{
    format::Chain,
    secret::Secret,
    transport::{Outgoing, Transport as _, UpstreamBody, reqwest::ReqwestTransport},
};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Limited};
use serde::{Deserialize, de::DeserializeOwned};
use url::Url;

use super::Failure;

/// For a whole answer.
const PATIENCE: Duration = Duration::from_secs(10);
const LARGEST: usize = 1024 * 1024;

/// Asks for JSON.
pub(super) fn get(url: &Url) -> Request<Chain> {
    request(Method::GET, url, Bytes::new())
}

/// Asks for what is shown to who holds `token`.
pub(super) fn get_as(url: &Url, token: &Secret) -> Result<Request<Chain>, Failure> {
    let mut asked = get(url);
    asked.headers_mut().insert(header::AUTHORIZATION, credential("Bearer", token.expose())?);
    Ok(asked)
}

/// Sends a form.
pub(super) fn post(url: &Url, form: String) -> Request<Chain> {
    let mut request = request(Method::POST, url, form.into());
    let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, form);
    request
}

/// The value of `Authorization`.
pub(super) fn credential(scheme: &str, value: &str) -> Result<http::HeaderValue, Failure> {
    let header = http::HeaderValue::try_from(format!("{scheme} {value}"));
    let mut header = header.map_err(|_| Failure::broken("a credential can not stand in a header"))?;
    header.set_sensitive(true);
    Ok(header)
}

fn request(method: Method, url: &Url, body: Bytes) -> Request<Chain> {
    let mut request = Request::new(Chain::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = url.as_str().parse().unwrap_or_default();
    request.headers_mut().insert(header::ACCEPT, http::HeaderValue::from_static("application/json"));
    request
}

/// What the issuer answers. `what` names it in complaints.
pub(super) async fn json<T: DeserializeOwned>(
    transport: &ReqwestTransport,
    what: &str,
    request: Request<Chain>,
) -> Result<T, Failure> {
    let answer = tokio::time::timeout(PATIENCE, whole(transport, request)).await;
    let answer = answer.map_err(|_| Failure::broken(format!("{what}: no answer in time")))?;
    let answer = answer.map_err(|why| Failure::broken(format!("{what}: {why}")))?;
    if !answer.status().is_success() {
        return Err(Failure::broken(format!("{what}: {}", complaint(&answer))));
    }
    serde_json::from_slice(answer.body())
        .map_err(|_| Failure::broken(format!("{what}: the answer is not what it should be")))
}

async fn whole(transport: &ReqwestTransport, request: Request<Chain>) -> Result<Response<Bytes>, String> {
    let exchange = transport.send(Outgoing { request, egress: Default::default() }).await;
    let (head, body): (_, UpstreamBody) = exchange.map_err(|error| in_full(&error))?.into_parts();
    let body = Limited::new(body, LARGEST).collect().await.map_err(|error| error.to_string())?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

/// The status, and the issuer's word for it where it is one: what it says beside may hold anything.
fn complaint(answer: &Response<Bytes>) -> String {
    #[derive(Deserialize)]
    struct Said {
        error: String,
    }
    let status = answer.status().as_u16();
    match serde_json::from_slice::<Said>(answer.body()) {
        Ok(Said { error }) if is_a_word(&error) => format!("HTTP {status}, {error}"),
        _ => format!("HTTP {status}"),
    }
}

/// Whether a text is such as `invalid_grant`.
pub(super) fn is_a_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
