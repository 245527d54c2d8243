//! Requests that are no calls of a model, passed on with the credential of one key.
//!
//! Some clients keep threads and settings at the vendor whose models they use. Those belong to an account, so that one
//! key has to carry them all. They open no record, and no key is judged by them.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::HeaderMap;

use super::Handle;
use crate::{
    Error,
    caller::Caller,
    format::{Chain, Format},
    id::KeyId,
    keys::LiveKey,
    service::{auth::Callers as _, forwarded_headers},
    transport::{Outgoing, UpstreamBody},
};

/// How long the head of an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Passing on.
impl Handle {
    /// Who makes a request, by the client token that its headers show.
    ///
    /// # Errors
    /// [`Error::is_unauthorized`] when nobody does, [`Error::is_forbidden`] when not from `peer`.
    pub fn caller_of(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<Arc<Caller>, Error> {
        let caller = self.0.tokens.identify(headers, self.now())?;
        if !caller.may_call_from(peer) {
            return Err(Error::forbidden("this client token may not be used from this address"));
        }
        Ok(caller)
    }

    /// Sends a request with the credential, and by the egress, of one key. Its path and query stand behind the key's base
    /// URL as they are; of its headers pass those that say what the body is, and those that the provider takes.
    ///
    /// Nothing is written into the books, and the key learns nothing.
    ///
    /// # Errors
    /// [`Error::is_no_key`] when the key is not in service; [`Error::is_bad_request`] for a path that climbs;
    /// [`Error::is_upstream`] and [`Error::is_timeout`].
    pub async fn pass_on(
        &self,
        key: KeyId,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<UpstreamBody>, Error> {
        let live = self.find(key).filter(|live| live.key.spec.enabled);
        let live = live.ok_or_else(|| Error::no_key("the key that requests are passed on with is not in service"))?;
        let sent = self.0.transport.send(outgoing(&live, request)?);
        let answer = tokio::time::timeout(PATIENCE, sent).await;
        let answer = answer.map_err(|_| Error::timeout("the upstream did not answer in time"))?;
        answer.map_err(|error| Error::upstream("the upstream can not be reached").with_source(error))
    }
}

fn outgoing(live: &LiveKey, request: http::Request<Bytes>) -> Result<Outgoing, Error> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = live.provider.beside(live.key.spec.base_url.as_deref(), path).and_then(|url| url.parse().ok());
    let url = url.ok_or_else(|| Error::bad_request("", "the path does not make a URL at the upstream"))?;
    let manner = Format::ALL.into_iter().find_map(|format| live.manner(format));
    let manner = manner.ok_or_else(|| Error::no_key("the key that requests are passed on with speaks no format"))?;
    let mut request = http::Request::new(Chain::from(body));
    *request.method_mut() = head.method;
    *request.uri_mut() = url;
    *request.headers_mut() = forwarded_headers(&head.headers, &live.provider.passes, &manner.headers);
    Ok(Outgoing { request, egress: live.egress.clone() })
}
