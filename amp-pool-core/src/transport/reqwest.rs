//! The transport over reqwest, and over hyper where reqwest adds nothing: for connections without a proxy.
//!
//! It adds nothing and follows nothing: no redirect, no proxy of the environment, no retry, no decompression, no cookie.
//! Headers are the caller's work; only what the connection needs is written here (`host` when it is missing,
//! `content-length`, a proxy's credentials) and, behind a proxy, `accept: */*` when there is no `accept`, which reqwest
//! insists on and which means the same. A URL is sent in its canonical form: dot segments resolved, characters that may not stand in a
//! URL escaped; escapes and query stay as they are.
//!
//! Plain `http` without a proxy has connections of its own that are polled by the exchange that uses them (`plain`).
//! Every distinct proxy has clients of its own, made when they are first used; TLS roots are read once for all.

use std::{
    error::Error,
    future::ready,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, StatusCode, Uri, Version, header::CONTENT_LENGTH, uri::Scheme};
use reqwest::Client;
use url::{Host, Url};

use self::{
    body::Incoming,
    build::Recipe,
    known::Known,
    lanes::{Lane, Lanes},
    shelf::Shelf,
};
use super::{
    Answer, Outgoing, Stage, Transport, TransportError, UpstreamBody,
    guard::{Guard, Refused},
};
use crate::{format::Chain, keys::ProxyUrl};

mod body;
mod build;
mod direct;
mod known;
mod lanes;
mod plain;
mod resolve;
mod shelf;

/// Proxies whose clients are kept at once.
const PROXIES: usize = 1_000;
/// How long the clients of a proxy are kept unused.
const PROXY_IDLE: Duration = Duration::from_secs(600);

/// How connections are made and kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// For a whole connection: name, TCP, proxy and TLS together.
    pub connect_timeout: Duration,
    /// Idle connections kept per host and client.
    pub idle_per_host: usize,
    /// How long a connection is kept idle.
    pub idle_timeout: Duration,
    /// Exchanges on one client, and so on one HTTP/2 connection, before another one is opened. At least 1.
    pub streams_per_connection: usize,
    /// Refuse upstreams on loopback and private networks. Metadata services are refused always, and a proxy may stand
    /// on a private network in any case.
    pub block_private: bool,
    /// Certificates in DER that are trusted as roots beside Mozilla's.
    pub extra_roots: Vec<Vec<u8>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            idle_per_host: 128,
            idle_timeout: Duration::from_secs(90),
            streams_per_connection: 100,
            block_private: false,
            extra_roots: Vec::new(),
        }
    }
}

impl Options {
    fn guard(&self) -> Guard {
        Guard { block_private: self.block_private }
    }
}

/// Sends requests with reqwest. Clones share their connections.
///
/// A request through a proxy fails when the proxy does; it never goes directly. Failures of the way there are
/// [`Stage::Connect`], a proxy that asks for other credentials among them. Only for a plain `http` upstream behind an
/// `http` proxy can an answer of the proxy (502, 504) not be told from one of the upstream.
///
/// ```
/// use amp_pool_core::transport::reqwest::{Options, ReqwestTransport};
///
/// let transport = ReqwestTransport::new(Options { block_private: true, ..Options::default() })?;
/// # Ok::<(), amp_pool_core::transport::TransportError>(())
/// ```
#[derive(Clone)]
pub struct ReqwestTransport(Arc<Clients>);

struct Clients {
    recipe: Recipe,
    known: Known,
    plain: plain::Client,
    direct: Lanes<direct::Client>,
    proxied: Mutex<Shelf<Arc<Lanes<Client>>>>,
}

impl ReqwestTransport {
    /// A transport without connections.
    ///
    /// # Errors
    /// [`Stage::Build`] when an extra root is no certificate.
    pub fn new(options: Options) -> Result<Self, TransportError> {
        let recipe = Recipe::new(options)?;
        let plain = plain::Client::new(recipe.options());
        let direct = Lanes::new(recipe.direct());
        let proxied = Mutex::new(Shelf::new(PROXIES, PROXY_IDLE));
        Ok(Self(Arc::new(Clients { recipe, known: Known::default(), plain, direct, proxied })))
    }
}

impl Transport for ReqwestTransport {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'static, Answer> {
        self.0.send(outgoing).unwrap_or_else(|error| Box::pin(ready(Err(error))))
    }
}

impl Clients {
    /// What can be done before anything is waited for is done before there is a future: it would keep room for it to its end.
    fn send(&self, Outgoing { mut request, egress }: Outgoing) -> Result<BoxFuture<'static, Answer>, TransportError> {
        complete(&mut request);
        let known = self.known.destination(request.uri(), |uri| self.destination(uri))?;
        Ok(match &egress.proxy {
            None if known.uri.scheme() == Some(&Scheme::HTTP) && *request.method() != Method::CONNECT => {
                Box::pin(known.plain(|uri| self.plain.target(uri))?.send(request))
            }
            None => Box::pin(direct::send(self.direct()?, known.uri.clone(), request)),
            Some(proxy) => {
                let is_forwarded = known.url.scheme() == "http" && proxy.expose().starts_with("http");
                Box::pin(send_through(self.proxied(proxy)?, is_forwarded, written(request, known.url.clone())))
            }
        })
    }

    /// The URL of a request. It is judged in this form, in which an address has only one way to be written.
    fn destination(&self, uri: &Uri) -> Result<Url, TransportError> {
        let refused = |err: Refused| TransportError::new(Stage::Build, err);
        let wrong = |what: &'static str| TransportError::new(Stage::Build, what);

        let url = Url::parse(&uri.to_string()).map_err(|err| TransportError::new(Stage::Build, err))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("an upstream is reached by http or https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("an upstream's address holds no credentials"));
        }
        let guard = self.recipe.options().guard();
        match url.host() {
            Some(Host::Domain(name)) => guard.name(name).map_err(refused)?,
            Some(Host::Ipv4(address)) => guard.address(address.into()).map_err(refused)?,
            Some(Host::Ipv6(address)) => guard.address(address.into()).map_err(refused)?,
            None => return Err(wrong("an upstream's address has a host")),
        }
        Ok(url)
    }

    /// A client without a proxy, with room for one more exchange.
    fn direct(&self) -> Result<Lane<direct::Client>, TransportError> {
        self.direct.take(self.room(), || Ok(self.recipe.direct()))
    }

    /// The same behind `proxy`.
    fn proxied(&self, proxy: &ProxyUrl) -> Result<Lane<Client>, TransportError> {
        self.lanes(proxy)?.take(self.room(), || self.recipe.client(proxy))
    }

    fn room(&self) -> usize {
        self.recipe.options().streams_per_connection.max(1)
    }

    fn lanes(&self, proxy: &ProxyUrl) -> Result<Arc<Lanes<Client>>, TransportError> {
        let make = || self.recipe.client(proxy).map(|client| Arc::new(Lanes::new(client)));
        self.proxied.lock().unwrap_or_else(PoisonError::into_inner).get(proxy, Instant::now(), make)
    }
}

/// Sends by a proxy. `is_forwarded`: it makes the request itself, and does not only carry the connection.
async fn send_through(lane: Lane<Client>, is_forwarded: bool, request: reqwest::Request) -> Answer {
    let answer = lane.execute(request).await.map_err(failed)?;
    if is_forwarded && answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Err(TransportError::new(Stage::Connect, "the proxy asks for other credentials"));
    }
    Ok(received(answer, lane))
}

/// Adds to the head what the body makes needful. The version is left to the connection: what a client spoke to us is not what we
/// speak to the upstream, and nothing that was noted beside its request is for that.
fn complete(request: &mut Request<Chain>) {
    *request.version_mut() = Version::HTTP_11;
    request.extensions_mut().clear();
    if request.body().is_empty() && matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH) {
        // hyper leaves it out over HTTP/1.1, and servers answer with 411.
        request.headers_mut().entry(CONTENT_LENGTH).or_insert(const { HeaderValue::from_static("0") });
    }
}

/// The request as reqwest wants it.
fn written(request: Request<Chain>, url: Url) -> reqwest::Request {
    let (head, body) = request.into_parts();
    let mut request = reqwest::Request::new(head.method, url);
    *request.headers_mut() = head.headers;
    *request.body_mut() = Some(body::outgoing(body));
    *request.version_mut() = head.version;
    request
}

/// The answer as the pool wants it, without what the client noted for itself.
fn received(answer: reqwest::Response, lane: Lane<Client>) -> http::Response<UpstreamBody> {
    let mut answer = http::Response::<reqwest::Body>::from(answer).map(|body| Incoming { body, _lane: lane });
    answer.extensions_mut().clear();
    answer.map(UpstreamBody::new)
}

/// An exchange that ended before the answer's head. The URL may hold what is nobody's business.
fn failed(err: reqwest::Error) -> TransportError {
    let stage = match () {
        () if err.is_builder() || has_cause::<Refused>(&err) => Stage::Build,
        () if err.is_connect() => Stage::Connect,
        () => Stage::Head,
    };
    TransportError::new(stage, err.without_url())
}

fn has_cause<E: Error + 'static>(err: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(err), |err| (*err).source()).any(<dyn Error>::is::<E>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_resolver_refuses_was_never_allowed() {
        let recipe = Recipe::new(Options { block_private: true, ..Options::default() }).unwrap();
        let proxy = "socks5://127.0.0.1:9".parse().unwrap();
        let behind = recipe.client(&proxy).unwrap().get("http://localhost/").send().await.unwrap_err();
        assert_eq!(failed(behind).stage(), Stage::Build);

        let transport = ReqwestTransport::new(recipe.options().clone()).unwrap();
        let request = http::Request::get("http://localhost/").body(Chain::default()).unwrap();
        let direct = transport.send(Outgoing { request, egress: Arc::default() }).await.unwrap_err();
        assert_eq!(direct.stage(), Stage::Build);
    }
}
