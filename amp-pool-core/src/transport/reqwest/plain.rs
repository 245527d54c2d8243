//! Connections without a proxy and without TLS, driven by whoever waits for their answers.
//!
//! A client that spawns a task for each connection hands every piece of an answer from that task to the caller's: two
//! wakings, often on two processors, for each event of a stream. Here a connection belongs to the exchange that uses it
//! and is polled in that exchange's own task; between two exchanges it rests in a pool, polled by nobody.
//!
//! An exchange is begun anew only when the connection was used before and the request had not begun to be written.

use std::{
    collections::HashMap,
    future::ready,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Uri, header, uri::Authority};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use tower::ServiceExt as _;

use self::{
    idle::Idle,
    line::{Line, Unsent},
};
use super::{
    Options,
    direct::{Within, tcp},
    has_cause,
    resolve::Resolver,
};
use crate::{
    format::Chain,
    transport::{Answer, Stage, TransportError, UpstreamBody, guard::Refused},
};

mod gate;
mod idle;
mod line;

/// Origins whose connections are kept at once.
const ORIGINS: usize = 512;

/// Sends requests to `http` upstreams.
pub(super) struct Client {
    connector: Within<HttpConnector<Resolver>>,
    origins: Mutex<HashMap<Authority, Arc<Origin>>>,
    options: Options,
}

/// An upstream, and the connections to it that rest.
struct Origin {
    uri: Uri,
    host: HeaderValue,
    connector: Within<HttpConnector<Resolver>>,
    idle: Arc<Idle>,
}

/// Where requests to one URL go, made once for all of them.
pub(super) struct Target {
    origin: Arc<Origin>,
    /// The URL as it is written in a request to its own host.
    path: Uri,
}

impl Client {
    /// A client within the limits of `options`.
    pub(super) fn new(options: &Options) -> Self {
        let connector = Within { limit: options.connect_timeout, connector: tcp(options) };
        Self { connector, origins: Mutex::default(), options: options.clone() }
    }

    /// Where requests to `uri` go, whose scheme is `http`.
    pub(super) fn target(&self, uri: &Uri) -> Result<Target, TransportError> {
        let authority = uri.authority().ok_or_else(|| unusable("an upstream's address has a host"))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = path.parse().map_err(|_| unusable("an upstream's path cannot be written in a request"))?;
        Ok(Target { origin: self.origin(authority)?, path })
    }

    fn origin(&self, authority: &Authority) -> Result<Arc<Origin>, TransportError> {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = origins.get(authority) {
            return Ok(Arc::clone(origin));
        }
        if origins.len() >= ORIGINS {
            origins.retain(|_, origin| Arc::strong_count(origin) > 1);
        }
        let origin = Arc::new(Origin::new(authority, self)?);
        origins.insert(authority.clone(), Arc::clone(&origin));
        Ok(origin)
    }
}

impl Origin {
    fn new(authority: &Authority, client: &Client) -> Result<Self, TransportError> {
        let uri = Uri::builder().scheme("http").authority(authority.clone()).path_and_query("/").build();
        let host = match authority.port_u16() {
            None | Some(80) => HeaderValue::from_str(authority.host()),
            Some(_) => HeaderValue::from_str(authority.as_str()),
        };
        Ok(Self {
            uri: uri.map_err(|_| unusable("an upstream's address cannot be used"))?,
            host: host.map_err(|_| unusable("an upstream's host cannot be written in a header"))?,
            connector: client.connector.clone(),
            idle: Arc::new(Idle::new(client.options.idle_per_host, client.options.idle_timeout)),
        })
    }

    /// Sends by a connection that rests if there is one, which nearly always is; else by a new one.
    async fn send(self: Arc<Self>, request: Request<Chain>) -> Answer {
        let Some(mut line) = self.idle.take() else { return Box::pin(self.send_by_new(request)).await };
        match line.send(request).await {
            Ok(answer) => Ok(received(answer, line, &self.idle)),
            Err(failed) => self.send_again(failed).await,
        }
    }

    /// Sends once more what was given back, which is only when nothing of it was written.
    fn send_again(self: Arc<Self>, mut failed: Unsent) -> BoxFuture<'static, Answer> {
        match failed.take_message() {
            Some(request) => Box::pin(self.send(request)),
            None => Box::pin(ready(Err(lost(failed)))),
        }
    }

    async fn send_by_new(&self, request: Request<Chain>) -> Answer {
        let mut line = self.connect().await?;
        match line.send(request).await {
            Ok(answer) => Ok(received(answer, line, &self.idle)),
            Err(failed) => Err(lost(failed)),
        }
    }

    async fn connect(&self) -> Result<Box<Line>, TransportError> {
        let io = self.connector.clone().oneshot(self.uri.clone()).await.map_err(|error| {
            let stage = if has_cause::<Refused>(&*error) { Stage::Build } else { Stage::Connect };
            TransportError::new(stage, error)
        })?;
        Line::open(io, idle::home()).await.map_err(|error| TransportError::new(Stage::Connect, error))
    }
}

impl Target {
    /// Sends one request.
    ///
    /// # Cancel safety
    /// Dropping the future, or later the body before its end, closes the connection.
    pub(super) fn send(&self, mut request: Request<Chain>) -> impl Future<Output = Answer> + use<> {
        let origin = Arc::clone(&self.origin);
        *request.uri_mut() = self.path.clone();
        request.headers_mut().entry(header::HOST).or_insert_with(|| origin.host.clone());
        origin.send(request)
    }
}

fn lost(failed: Unsent) -> TransportError {
    TransportError::new(Stage::Head, failed.into_error())
}

fn unusable(what: &'static str) -> TransportError {
    TransportError::new(Stage::Build, what)
}

fn received(mut answer: http::Response<Incoming>, line: Box<Line>, idle: &Arc<Idle>) -> http::Response<UpstreamBody> {
    answer.extensions_mut().clear();
    answer.map(|body| {
        let mut body = PlainBody { body, line: Some(line), idle: Arc::clone(idle) };
        body.rest_if_over();
        UpstreamBody::new(body)
    })
}

/// The body of an answer: every frame as it came, trailers included. Reading it drives the connection.
struct PlainBody {
    body: Incoming,
    /// Until the answer is over.
    line: Option<Box<Line>>,
    idle: Arc<Idle>,
}

impl PlainBody {
    fn rest_if_over(&mut self) {
        if self.body.is_end_stream() {
            self.rest();
        }
    }

    /// The connection may serve others. One that is not fit for it is closed.
    fn rest(&mut self) {
        if let Some(line) = self.line.take() {
            self.idle.park(line);
        }
    }
}

impl Body for PlainBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        let Self { body, line, .. } = &mut *self;
        let polled = match line {
            Some(line) => line.poll_with(cx, |cx| Pin::new(&mut *body).poll_frame(cx)),
            None => Pin::new(body).poll_frame(cx),
        };
        match &polled {
            Poll::Ready(None) => self.rest(),
            Poll::Ready(Some(_)) => self.rest_if_over(),
            Poll::Pending => {}
        }
        polled.map_err(|error| TransportError::new(Stage::Body, error))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
