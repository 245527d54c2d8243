//! What a call is between two layers.

use std::{net::IpAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use http::request::Parts;

use super::{Talk, ambient, layout, recorder::Recorder};
use crate::{
    caller::{Caller, Peer},
    format::{Endpoint, Format, Losses, Reach, Splice},
    id::CallId,
    route::{Catalog, Plan},
    time::{Clock, Timestamp},
    usage::ServiceTerms,
};

/// A request that has just come in.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use amp_pool_core::{
///     Error,
///     caller::Caller,
///     format::{Endpoint, Format},
///     service::{Arrived, Call, Known, Limits, PoolBody, read::ReadLayer},
///     time::SystemClock,
/// };
/// use bytes::Bytes;
/// use futures::FutureExt as _;
/// use http_body_util::Full;
/// use tower::{Layer as _, ServiceExt as _, service_fn};
///
/// let body = Full::new(Bytes::from(r#"{"model":"claude-sonnet-4-5","max_tokens":64,"messages":[]}"#));
/// let arrived = Arrived::new(http::Request::post("/v1/messages").body(body)?, &SystemClock);
/// assert_eq!((arrived.endpoint, arrived.format), (Endpoint::Messages, Format::Messages));
///
/// // Whoever signs people in by other means begins a layer further in.
/// let known = Known { caller: Arc::new(Caller::named("ada")), arrived };
/// let read = ReadLayer::new(Limits::default()).layer(service_fn(|call: Call| {
///     assert_eq!((&*call.ask.model, call.ask.max_output), ("claude-sonnet-4-5", Some(64)));
///     std::future::ready(Ok::<_, Error>(http::Response::new(PoolBody::from(call.body)))).boxed()
/// }));
/// assert_eq!(read.oneshot(known).await.map_err(|error| error.to_string())?.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Arrived<B> {
    /// Its name from here on.
    pub id: CallId,
    /// When it came, on the wall clock.
    pub received: Timestamp,
    /// When it came, on the monotonic clock.
    pub started: Instant,
    /// Where it came from, if its host says.
    pub peer: Option<IpAddr>,
    /// What its path asks for.
    pub endpoint: Endpoint,
    /// The format its caller understands, errors included.
    pub format: Format,
    /// The provider it named by the path of the Amp layout.
    pub provider: Option<Box<str>>,
    /// The request itself, its body unread.
    pub request: http::Request<B>,
}

impl<B> Arrived<B> {
    /// Names a request and finds out in which format its caller speaks.
    #[must_use]
    pub fn new(mut request: http::Request<B>, clock: &dyn Clock) -> Self {
        let received = clock.now();
        let provider = layout::enter(request.uri_mut());
        let endpoint = Endpoint::of(request.method(), request.uri().path());
        let format = endpoint.format().unwrap_or_else(|| by_headers(request.headers()));
        let id = CallId::new(received, &ambient::random());
        let peer = request.extensions().get().map(|Peer(address)| *address);
        Self { id, received, started: ambient::now(), peer, endpoint, format, provider, request }
    }
}

/// Anthropic's clients always say which version of their API they speak; nobody else does.
fn by_headers(headers: &http::HeaderMap) -> Format {
    if headers.contains_key("anthropic-version") { Format::Messages } else { Format::Chat }
}

/// A request whose caller is known.
pub struct Known<B> {
    /// Who makes it.
    pub caller: Arc<Caller>,
    /// The request.
    pub arrived: Arrived<B>,
}

/// A request that has been read. Its body can be sent again for the price of a reference count.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use amp_pool_core::{
///     Error,
///     caller::Caller,
///     service::{
///         Call, Limits, PoolBody,
///         auth::{AuthLayer, Callers},
///         read::ReadLayer,
///         render::RenderLayer,
///     },
///     time::{SystemClock, Timestamp},
/// };
/// use bytes::Bytes;
/// use futures::FutureExt as _;
/// use http_body_util::Full;
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// struct Anybody;
/// impl Callers for Anybody {
///     fn identify(&self, _: &http::HeaderMap, _: Timestamp) -> Result<Arc<Caller>, Error> {
///         Ok(Arc::new(Caller::named("ada")))
///     }
/// }
///
/// // The upper half of the stack, over a service of one's own.
/// let stack = ServiceBuilder::new()
///     .layer(RenderLayer::new(Arc::new(SystemClock)))
///     .layer(AuthLayer::new(Arc::new(Anybody)))
///     .layer(ReadLayer::new(Limits::default()))
///     .service(service_fn(|call: Call| {
///         let answer = match &*call.ask.model {
///             "gpt-4o" => Ok(http::Response::new(PoolBody::from(call.body))),
///             other => Err(Error::unknown_model(other)),
///         };
///         std::future::ready(answer).boxed()
///     }));
/// for (model, status) in [("gpt-4o", 200), ("gpt-none", 404)] {
///     let body = Full::new(Bytes::from(format!(r#"{{"model":"{model}","messages":[]}}"#)));
///     let Ok(answer) = stack.clone().oneshot(http::Request::post("/v1/chat/completions").body(body)?).await;
///     assert_eq!(answer.status(), status);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Call {
    /// Its name.
    pub id: CallId,
    /// When it came, on the wall clock.
    pub received: Timestamp,
    /// When it came, on the monotonic clock.
    pub started: Instant,
    /// Who makes it.
    pub caller: Arc<Caller>,
    /// Method, URI and headers, as the client sent them. Boxed, as what it wants is: a call is handed from layer to layer.
    pub head: Box<Parts>,
    /// The body, as the client sent it.
    pub body: Bytes,
    /// What it wants.
    pub ask: Box<Ask>,
}

/// What a call wants.
///
/// ```
/// use amp_pool_core::{
///     format::{Endpoint, Format},
///     service::Ask,
/// };
///
/// let ask = Ask::plain(Endpoint::ChatCompletions, Format::Chat, "gpt-4o");
/// assert!(ask.is_paid() && !ask.stream);
/// // To count tokens costs nothing.
/// assert!(!Ask::plain(Endpoint::CountTokens, Format::Messages, "claude-sonnet-4-5").is_paid());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What its path asks for.
    pub endpoint: Endpoint,
    /// The caller's format.
    pub format: Format,
    /// The provider it names by the path of the Amp layout.
    pub provider: Option<Box<str>>,
    /// The model it names; empty when it names none.
    pub model: Box<str>,
    /// Where the model stands in the body, quotes included.
    pub model_span: Option<std::ops::Range<usize>>,
    /// Whether it asks for a stream.
    pub stream: bool,
    /// The most tokens it wants written.
    pub max_output: Option<u64>,
    /// On a Chat stream whose client did not ask for usage: the change that asks for it.
    pub ask_for_usage: Option<Splice>,
    /// The terms it asks for.
    pub terms: ServiceTerms,
    /// The conversation it belongs to, if it does.
    pub talk: Option<Talk>,
    /// The most that is to be written, where a budget says less than the client.
    pub cap: Option<Box<Cap>>,
}

/// A limit of output that is put into a request.
///
/// ```
/// use amp_pool_core::{
///     format::{Endpoint, Format, Losses, Reach},
///     service::{Ask, Cap},
/// };
///
/// // A layer of one's own lets nobody have more than a hundred tokens written.
/// let body = br#"{"model":"gpt-4o","messages":[],"max_tokens":5000}"#;
/// let mut ask = Ask::plain(Endpoint::ChatCompletions, Format::Chat, "gpt-4o");
/// let reach = Reach::of(Format::Chat, body);
/// if reach.max_output.is_none_or(|most| most > 100) {
///     let mut told = Losses::new(Format::Chat);
///     told.adjusted("max_tokens", "100 is the most here")?;
///     ask.cap = Some(Box::new(Cap { tokens: 100, reach, told }));
/// }
/// let cap = ask.cap.ok_or("5,000 is more")?;
/// assert_eq!(cap.told.adjusted_header().as_deref(), Some("max_tokens (100 is the most here)"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// The most tokens to be written.
    pub tokens: u64,
    /// Where it goes.
    pub reach: Reach,
    /// How the client is told.
    pub told: Losses,
}

impl Ask {
    /// A call of which no more is known.
    #[must_use]
    pub fn plain(endpoint: Endpoint, format: Format, model: &str) -> Self {
        Self {
            endpoint,
            format,
            provider: None,
            model: model.into(),
            model_span: None,
            stream: false,
            max_output: None,
            ask_for_usage: None,
            terms: ServiceTerms::default(),
            talk: None,
            cap: None,
        }
    }

    /// Whether tokens are counted and paid.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        !self.endpoint.only_counts() && self.endpoint != Endpoint::Models
    }
}

/// A call, and the keys that may serve it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use amp_pool_core::{
///     Error,
///     caller::Caller,
///     id::KeyId,
///     keys::{Key, KeySpec, LiveKey, Standing},
///     price::PriceBook,
///     provider::Presets,
///     route::Catalog,
///     secret::Secret,
///     service::{
///         Limits, PoolBody, Routed,
///         auth::{AuthLayer, Callers},
///         read::ReadLayer,
///         render::RenderLayer,
///         routing::{Routing, RoutingLayer},
///     },
///     time::{SystemClock, Timestamp},
/// };
/// use arc_swap::ArcSwap;
/// use bytes::Bytes;
/// use futures::FutureExt as _;
/// use http_body_util::{BodyExt as _, Full};
/// use tower::{Layer as _, ServiceBuilder, ServiceExt as _, service_fn};
///
/// struct Anybody;
/// impl Callers for Anybody {
///     fn identify(&self, _: &http::HeaderMap, _: Timestamp) -> Result<Arc<Caller>, Error> {
///         Ok(Arc::new(Caller::named("ada")))
///     }
/// }
///
/// let now = Timestamp::from_millis(0);
/// let spec = KeySpec::new("mine", "openai", Secret::new("sk-a"));
/// let key = Key { id: KeyId(1), create_time: now, update_time: now, fingerprint: "1".into(), spec };
/// let live = LiveKey::new(Arc::new(key), Presets::builtin(), Standing::new(std::time::Instant::now()))?;
/// let catalog = Catalog::new(vec![Arc::new(live)], Vec::new(), Arc::new(PriceBook::builtin().clone()));
/// let catalog = Arc::new(ArcSwap::from_pointee(catalog));
///
/// // A service that tells who would serve a call, and serves none.
/// let routing: Routing<_> = RoutingLayer::new(catalog).layer(service_fn(|routed: Routed| {
///     let keys = routed.plan.seats().iter().map(|seat| seat.key.key.spec.name.as_str());
///     let told = format!("{}: {}", routed.call.ask.model, keys.collect::<Vec<_>>().join(", "));
///     std::future::ready(Ok::<_, Error>(http::Response::new(PoolBody::from(Bytes::from(told))))).boxed()
/// }));
/// let stack = ServiceBuilder::new()
///     .layer(RenderLayer::new(Arc::new(SystemClock)))
///     .layer(AuthLayer::new(Arc::new(Anybody)))
///     .layer(ReadLayer::new(Limits::default()))
///     .service(routing);
/// let body = Full::from(r#"{"model":"gpt-4o-mini","messages":[]}"#);
/// let Ok(answer) = stack.oneshot(http::Request::post("/v1/chat/completions").body(body)?).await;
/// let told = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
/// assert_eq!(&told[..], b"gpt-4o-mini: mine");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Routed {
    /// The call.
    pub call: Call,
    /// The configuration it is served under, to its end.
    pub catalog: Arc<Catalog>,
    /// The keys that may serve it.
    pub plan: Arc<Plan>,
}

/// A call that is in the books.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::{Arc, atomic::AtomicBool};
///
/// use amp_pool_core::{
///     Error,
///     caller::Caller,
///     id::KeyId,
///     keys::{Key, KeySpec, LiveKey, Standing},
///     ledger::Ledger,
///     price::PriceBook,
///     provider::Presets,
///     route::Catalog,
///     secret::Secret,
///     service::{
///         Admitted, Limits, PoolBody,
///         admit::{Admit, AdmitLayer},
///         auth::{Auth, AuthLayer, Callers},
///         read::{Read, ReadLayer},
///         render::{Render, RenderFuture, RenderLayer},
///         routing::{Routing, RoutingLayer},
///     },
///     store::memory::MemoryStore,
///     time::{Clock, SystemClock, Timestamp},
/// };
/// use arc_swap::{ArcSwap, ArcSwapOption};
/// use futures::FutureExt as _;
/// use http_body_util::Full;
/// use tower::{Service as _, ServiceBuilder, service_fn};
///
/// struct Anybody;
/// impl Callers for Anybody {
///     fn identify(&self, _: &http::HeaderMap, _: Timestamp) -> Result<Arc<Caller>, Error> {
///         Ok(Arc::new(Caller::named("ada")))
///     }
/// }
///
/// let now = Timestamp::from_millis(0);
/// let spec = KeySpec::new("mine", "openai", Secret::new("sk-a"));
/// let key = Key { id: KeyId(1), create_time: now, update_time: now, fingerprint: "1".into(), spec };
/// let live = LiveKey::new(Arc::new(key), Presets::builtin(), Standing::new(std::time::Instant::now()))?;
/// let catalog = Catalog::new(vec![Arc::new(live)], Vec::new(), Arc::new(PriceBook::builtin().clone()));
/// let catalog = Arc::new(ArcSwap::from_pointee(catalog));
///
/// // The stack over an upstream of one's own, which here says what it was told.
/// let clock = || -> Arc<dyn Clock> { Arc::new(SystemClock) };
/// let ledger = Ledger::start(Arc::new(MemoryStore::new()), 1024);
/// let mut stack: Render<Auth<Read<Routing<Admit<_>>>>> = ServiceBuilder::new()
///     .layer(RenderLayer::new(clock()))
///     .layer(AuthLayer::new(Arc::new(Anybody)))
///     .layer(ReadLayer::new(Limits::default()))
///     .layer(RoutingLayer::new(catalog))
///     .layer(AdmitLayer::new(ledger, clock(), Arc::new(AtomicBool::new(false)), Arc::new(ArcSwapOption::empty())))
///     .service(service_fn(|admitted: Admitted| {
///         let body = PoolBody::from(admitted.routed.call.body);
///         std::future::ready(Ok::<_, Error>(http::Response::new(body))).boxed()
///     }));
///
/// let body = Full::from(r#"{"model":"gpt-4o-mini","messages":[]}"#);
/// let answer: RenderFuture = stack.call(http::Request::post("/v1/chat/completions").body(body)?);
/// let Ok(answer) = answer.await;
/// // Whatever the outcome, it is an answer that names its call.
/// assert_eq!(answer.status(), 200);
/// assert!(answer.headers().contains_key("x-request-id"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Admitted {
    /// The call.
    pub routed: Routed,
    pub(crate) recorder: Box<Recorder>,
    /// Places in the plan of keys that it may not be sent to.
    pub(crate) barred: Vec<usize>,
}
