//! How bytes leave.
//!
//! A [`Transport`] takes one request and an egress and gives the upstream's answer, its body unread. It neither retries
//! nor follows redirects nor touches a byte. Any tower service over [`Outgoing`] is one by [`from_service`].

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::combinators::UnsyncBoxBody;

use crate::{format::Chain, keys::Egress};

pub mod guard;
pub(crate) mod packed;
#[cfg(feature = "reqwest")]
pub mod reqwest;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request on its way to an upstream.
#[derive(Clone)]
pub struct Outgoing {
    /// The request, complete: URI, headers with the credential, body.
    pub request: http::Request<Chain>,
    /// The way it leaves.
    pub egress: Arc<Egress>,
}

/// The body of an upstream's answer.
pub type UpstreamBody = UnsyncBoxBody<Bytes, TransportError>;

/// The answer to a request, or why there is none.
pub type Answer = Result<http::Response<UpstreamBody>, TransportError>;

/// Sends requests.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     transport::{Answer, Outgoing, Stage, Transport, TransportError},
/// };
/// use futures::{FutureExt as _, future::BoxFuture};
///
/// /// A network that is down.
/// struct Down;
///
/// impl Transport for Down {
///     fn send(&self, outgoing: Outgoing) -> BoxFuture<'static, Answer> {
///         let host = outgoing.request.uri().host().unwrap_or_default().to_owned();
///         async move { Err(TransportError::new(Stage::Connect, format!("no way to {host}"))) }.boxed()
///     }
/// }
///
/// let pool = Pool::builder().transport(Down).build().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and waits for the head of its answer.
    ///
    /// # Cancel safety
    /// Dropping the future, or later the body, closes the exchange.
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'static, Answer>;
}

/// Where on its way an exchange failed. None of these says anything about the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The request could not be written down: a bad URL or proxy address, or an address that is not allowed.
    Build,
    /// No connection: DNS, TCP, TLS or the proxy.
    Connect,
    /// The connection broke, or did not speak HTTP, before the answer's head was complete.
    Head,
    /// The answer's body broke off.
    Body,
}

/// Why an exchange failed.
pub struct TransportError {
    stage: Stage,
    source: BoxError,
}

impl TransportError {
    /// An exchange failed at `stage` because of `source`.
    pub fn new(stage: Stage, source: impl Into<BoxError>) -> Self {
        Self { stage, source: source.into() }
    }

    /// Where it failed.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Build => "the request could not be built",
            Stage::Connect => "no connection to the upstream",
            Stage::Head => "the upstream broke off before its answer began",
            Stage::Body => "the upstream broke off in the middle of its answer",
        })
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportError").field("stage", &self.stage).field("source", &self.source).finish()
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// Makes a transport of a tower service.
///
/// ```
/// use amp_pool_core::{Pool, transport::{Answer, Outgoing, from_service}};
/// use bytes::Bytes;
/// use http_body_util::{BodyExt as _, Full};
///
/// /// Sends nothing anywhere. A real one could sign requests, or leave by something that is no HTTP proxy.
/// async fn send(outgoing: Outgoing) -> Answer {
///     let Outgoing { request, egress: _ } = outgoing;
///     let text = format!("no way to {}", request.uri());
///     let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
///     Ok(http::Response::new(body))
/// }
///
/// let builder = Pool::builder().transport(from_service(tower::service_fn(send)));
/// ```
pub fn from_service<S>(service: S) -> impl Transport
where
    S: tower::Service<Outgoing, Response = http::Response<UpstreamBody>, Error = TransportError>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    FromService(service)
}

struct FromService<S>(S);

impl<S> Transport for FromService<S>
where
    S: tower::Service<Outgoing, Response = http::Response<UpstreamBody>, Error = TransportError>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'static, Answer> {
        Box::pin(tower::ServiceExt::oneshot(self.0.clone(), outgoing))
    }
}
