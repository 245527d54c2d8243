//! Connections without a proxy, by TLS.
//!
//! They go through the client that reqwest itself stands on. What reqwest puts on top of it for a request (its own URL
//! type, read twice, and layers for redirects and retries that are switched off here) costs more than all that the pool
//! does for a call, and nothing of it is wanted.

use std::{
    error::Error,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Uri};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client as Legacy,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use tower::Service;

use super::{
    Options, has_cause,
    lanes::Lane,
    resolve::{Resolver, Rules},
};
use crate::{
    format::Chain,
    transport::{Answer, Stage, TransportError, UpstreamBody, guard::Refused},
};

type BoxError = Box<dyn Error + Send + Sync>;
type Https = HttpsConnector<HttpConnector<Resolver>>;

/// One client for everything that needs no proxy.
pub(super) type Client = Legacy<Within<Https>, Chain>;

/// A client that connects directly, within the limits of `options`.
pub(super) fn client(options: &Options, mut tls: rustls::ClientConfig) -> Client {
    // The connector writes these itself, and insists on it.
    tls.alpn_protocols.clear();
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_all_versions();
    Legacy::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(options.idle_timeout)
        .pool_max_idle_per_host(options.idle_per_host)
        .http2_max_header_list_size(super::build::HEADER_BYTES)
        .build(Within { limit: options.connect_timeout, connector: https.wrap_connector(tcp(options)) })
}

/// How connections are made that need no proxy.
pub(super) fn tcp(options: &Options) -> HttpConnector<Resolver> {
    let rules = Rules { guard: options.guard(), proxy: None };
    let mut tcp = HttpConnector::new_with_resolver(Resolver::from(rules));
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(super::build::TCP_KEEPALIVE));
    tcp
}

/// Sends one request to `uri`, the judged form of the request's own.
pub(super) async fn send(lane: Lane<Client>, uri: Uri, mut request: Request<Chain>) -> Answer {
    *request.uri_mut() = uri;
    let mut answer = lane.request(request).await.map_err(failed)?;
    answer.extensions_mut().clear();
    Ok(answer.map(|body| UpstreamBody::new(DirectBody { body, _lane: lane })))
}

fn failed(err: hyper_util::client::legacy::Error) -> TransportError {
    let stage = match () {
        () if has_cause::<Refused>(&err) => Stage::Build,
        () if err.is_connect() => Stage::Connect,
        () => Stage::Head,
    };
    TransportError::new(stage, err)
}

/// The body of an answer: every frame as it came, trailers included.
struct DirectBody {
    body: Incoming,
    // Counts as an exchange under way until the body is dropped.
    _lane: Lane<Client>,
}

impl Body for DirectBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        Pin::new(&mut self.body).poll_frame(cx).map_err(|err| TransportError::new(Stage::Body, err))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connector with a limit for the whole of it: name, TCP and TLS together.
#[derive(Clone)]
pub(super) struct Within<C> {
    pub(super) limit: Duration,
    pub(super) connector: C,
}

impl<C> Service<Uri> for Within<C>
where
    C: Service<Uri, Error: Into<BoxError>, Future: Send + 'static>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.limit, self.connector.call(uri));
        Box::pin(async move { connecting.await?.map_err(Into::into) })
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let rules = self.rules();
        Box::pin(async move { Ok(rules.resolve(name.as_str()).await?.into_iter()) })
    }
}
