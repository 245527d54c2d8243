//! The reqwest transport against real sockets on loopback.

#![allow(clippy::unwrap_used)]

mod addresses;
mod bytes;
mod failures;
mod proxies;
mod proxy;
mod upstream;

use std::sync::Arc;

use ::bytes::Bytes;
use amp_pool_core::{
    format::Chain,
    keys::Egress,
    transport::{
        Outgoing, Transport, TransportError, UpstreamBody,
        reqwest::{Options, ReqwestTransport},
    },
};
use http_body_util::BodyExt;

fn transport() -> ReqwestTransport {
    ReqwestTransport::new(Options::default()).unwrap()
}

/// A transport that trusts the certificate of [`upstream::Upstream::tls`].
fn trusting() -> ReqwestTransport {
    let extra_roots = vec![upstream::CERTIFICATE.to_vec()];
    ReqwestTransport::new(Options { extra_roots, ..Options::default() }).unwrap()
}

/// Sends a request and waits for the head.
async fn open(
    transport: &ReqwestTransport,
    request: http::Request<Chain>,
    proxy: Option<&str>,
) -> Result<http::Response<UpstreamBody>, TransportError> {
    let proxy = proxy.map(|proxy| proxy.parse().unwrap());
    transport.send(Outgoing { request, egress: Arc::new(Egress { proxy, ..Egress::default() }) }).await
}

/// Gets a URL, its answer read to the end.
async fn get(transport: &ReqwestTransport, url: &str, proxy: Option<&str>) -> Result<Bytes, TransportError> {
    let answer = open(transport, http::Request::get(url).body(Chain::default()).unwrap(), proxy).await?;
    answer.into_body().collect().await.map(http_body_util::Collected::to_bytes)
}
