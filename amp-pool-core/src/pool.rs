//! The whole stack, and the only place where its order is written.

use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, atomic::AtomicBool},
    task::{Context, Poll},
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body::Body;
use tower::Service;

use crate::{
    bodies::Keeper,
    caller::Allowances,
    courier::{Courier, Mailer},
    figures::{Counted, Figures},
    handle::{Handle, Prices, State},
    journal::Journal,
    keys::{Moment, Standings},
    ledger::Ledger,
    price::PriceBook,
    prober::{Prober, Schedule, Tools},
    provider::Presets,
    retention::Retention,
    route::Catalog,
    service::{
        BoxError, Limits, Response,
        admit::{Admit, AdmitLayer},
        attempts::Attempts,
        auth::{Auth, AuthLayer, Callers, Tokens},
        read::{Read, ReadLayer},
        render::{Render, RenderFuture, RenderLayer},
        routing::{Routing, RoutingLayer},
    },
    store::{Store, StoreError, memory::MemoryStore},
    time::{Clock, SystemClock},
    traces::{self, TraceOptions},
    transport::Transport,
    watch::{self, Watch},
};

/// How many entries of the ledger may wait. A call needs two; an entry is about half a kilobyte.
const LEDGER_CAPACITY: usize = 16 * 1024;

/// The layers without [`Render`]: errors stay typed.
pub type TypedStack = Auth<Read<Routing<Admit<Attempts>>>>;

/// A key pool: a tower service from HTTP requests to HTTP answers.
///
/// Cloning it is cheap; all clones share keys, books and settings.
///
/// ```
/// use amp_pool_core::{Pool, caller::TokenSpec, keys::KeySpec, secret::Secret, testkit::{Reply, Script}};
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use tower::{ServiceBuilder, ServiceExt as _};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let pool = Pool::builder().transport(Script::new().on("sk-a", Reply::chat("Hello!"))).build().await?;
/// pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?;
/// let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;
///
/// // Layers of tower go around it as around any service: this one knows the token that its clients do not have.
/// let bearer = http::HeaderValue::try_from(format!("Bearer {}", token.expose()))?;
/// let service = ServiceBuilder::new()
///     .map_request(move |mut request: http::Request<Full<Bytes>>| {
///         request.headers_mut().insert("authorization", bearer.clone());
///         request
///     })
///     .service(pool.clone());
///
/// let request = http::Request::post("/v1/chat/completions").body(Full::from(r#"{"model":"gpt-4o-mini","messages":[]}"#))?;
/// let Ok(answer) = service.oneshot(request).await;
/// assert_eq!(answer.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Pool {
    stack: Render<TypedStack>,
    handle: Handle,
}

impl Pool {
    /// Begins a pool.
    #[must_use]
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    /// Live control of this pool: keys, tokens, routes, books.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<B> Service<http::Request<B>> for Pool
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RenderFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> RenderFuture {
        self.stack.call(request)
    }
}

/// Makes a [`Pool`].
///
/// ```
/// use std::time::Duration;
/// use amp_pool_core::{Pool, pool::PoolBuilder, service::Limits, testkit::Script};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let mut limits = Limits::default();
/// limits.first_byte = Duration::from_secs(30);
/// limits.body = 1 << 20;
/// let builder: PoolBuilder = Pool::builder().transport(Script::new()).limits(limits);
/// let pool = builder.build().await?;
/// pool.handle().close().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct PoolBuilder {
    store: Option<Arc<dyn Store>>,
    transport: Option<Arc<dyn Transport>>,
    callers: Option<Arc<dyn Callers>>,
    prices: Option<PriceBook>,
    clock: Option<Arc<dyn Clock>>,
    limits: Limits,
    balances: Schedule,
    alerts: Option<Duration>,
    mailer: Option<Arc<dyn Mailer>>,
    traces: Option<(TraceOptions, Arc<dyn Transport>)>,
    seal: Option<[u8; 32]>,
    names_keys: bool,
}

impl PoolBuilder {
    /// Keeps configuration and books in `store`. Without one they live in memory.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Sends by `transport`. Without one, by reqwest where that feature is on.
    #[must_use]
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Knows callers by `callers` instead of by client tokens.
    #[must_use]
    pub fn callers(mut self, callers: impl Callers) -> Self {
        self.callers = Some(Arc::new(callers));
        self
    }

    /// Prices by `prices` instead of by the built-in book.
    #[must_use]
    pub fn prices(mut self, prices: PriceBook) -> Self {
        self.prices = Some(prices);
        self
    }

    /// Stamps records with the time of `clock`.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Seals reasoning that travels through a client of another format with `secret`, the same on every node and after
    /// every start. Without one a fresh secret is made, and reasoning from before is not shown to the upstream again.
    #[must_use]
    pub fn seal(mut self, secret: [u8; 32]) -> Self {
        self.seal = Some(secret);
        self
    }

    /// Tells each client which key answered: its id, as `x-amp-key`. Without this nobody is told.
    #[must_use]
    pub fn naming_keys(mut self, names_keys: bool) -> Self {
        self.names_keys = names_keys;
        self
    }

    /// How much and how long.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Asks upstreams for balances by this schedule. Without one they are asked on demand only.
    #[must_use]
    pub fn balances(mut self, schedule: Schedule) -> Self {
        self.balances = schedule;
        self
    }

    /// Looks after alerts, as often as `every`. Without this nobody is told anything, whatever rules there are.
    #[must_use]
    pub fn alerts(mut self, every: Duration) -> Self {
        self.alerts = Some(every);
        self
    }

    /// Sends e-mail for alerts by `mailer`. Without one there are no channels of that kind.
    #[must_use]
    pub fn mailer(mut self, mailer: impl Mailer) -> Self {
        self.mailer = Some(Arc::new(mailer));
        self
    }

    /// Sends traces of calls by `transport`: another one than that of calls, because an operator's collector may stand where
    /// no upstream may. Without this nothing is measured for them.
    #[must_use]
    pub fn traces(mut self, options: TraceOptions, transport: impl Transport) -> Self {
        self.traces = Some((options, Arc::new(transport)));
        self
    }

    /// Makes the pool on the current tokio runtime: reads the configuration, resolves the calls that a crash left open,
    /// starts the ledger.
    ///
    /// # Errors
    /// When the store cannot be read, what it holds cannot be put in service, or there is no transport.
    pub async fn build(self) -> Result<Pool, BuildError> {
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let transport = self.transport.map_or_else(default_transport, Ok)?;
        let recovered = store.recover(clock.now()).await.map_err(BuildError::Store)?;
        if recovered > 0 {
            tracing::warn!(calls = recovered, "calls that were running when the last process ended were closed");
        }
        let prices = Prices::of(self.prices.unwrap_or_else(|| PriceBook::builtin().clone()));
        let catalog = Arc::new(ArcSwap::from_pointee(Catalog::new(Vec::new(), Vec::new(), prices.book.clone())));
        let tools = Tools {
            transport: transport.clone(),
            store: store.clone(),
            catalog: catalog.clone(),
            presets: Presets::builtin(),
            clock: clock.clone(),
        };
        let prober = Prober::new(tools, self.balances).await.map_err(BuildError::Store)?;
        let journal = Journal::start(store.clone(), clock.clone());
        let moment = Moment { now: tokio::time::Instant::now().into_std(), wall: clock.now() };
        let kept = store.health(moment.wall).await.map_err(BuildError::Store)?;
        let standings = Standings::going_on(kept, moment, Arc::new(journal.clone()));
        let retention = Retention::new(store.clone(), clock.clone());
        let bodies = Keeper::start(store.clone(), clock.clone());
        let figures = Arc::new(Figures::new(catalog.clone(), clock.clone()));
        let courier = Courier::new(store.clone(), transport.clone(), self.mailer, clock.clone());
        let traces = self.traces.map(|(options, transport)| traces::start(options, transport));
        let books = Counted::new(store.clone(), figures.clone(), traces);
        let state = Arc::new(State {
            ledger: Ledger::start(Arc::new(books), LEDGER_CAPACITY),
            courier: Arc::new(courier),
            figures,
            catalog,
            prober: prober.clone(),
            retention: retention.clone(),
            bodies,
            tokens: Arc::new(Tokens::default()),
            allowances: Allowances::default(),
            site: Arc::default(),
            configuration: ArcSwap::default(),
            standings,
            journal,
            trail: Arc::default(),
            draining: Arc::new(AtomicBool::new(false)),
            providers: ArcSwap::from_pointee(Presets::builtin().clone()),
            changes: tokio::sync::Mutex::new(()),
            store,
            prices: ArcSwap::from_pointee(prices),
            clock,
            transport: transport.clone(),
            listed: Arc::default(),
        });
        let handle = Handle::new(state.clone());
        handle.reload().await.map_err(BuildError::Store)?;
        handle.follow();
        handle.heed();
        prober.start();
        retention.start();
        if let Some(every) = self.alerts {
            watch::start(Watch::new(&handle).await.map_err(BuildError::Store)?, &state, every);
        }
        let callers = self.callers.unwrap_or_else(|| state.tokens.clone());
        let seal = Arc::new(self.seal.map_or_else(fresh_seal, Ok)?);
        let attempts = Attempts::new(transport, self.limits.clone(), state.clock.clone(), seal, state.trail.clone());
        let attempts = attempts.naming_keys(self.names_keys);
        Ok(Pool { stack: stack(&state, callers, self.limits, attempts), handle })
    }
}

fn stack(state: &State, callers: Arc<dyn Callers>, limits: Limits, attempts: Attempts) -> Render<TypedStack> {
    let clock = || state.clock.clone();
    tower::ServiceBuilder::new()
        // Outermost: whatever fails below is answered in the caller's own error format.
        .layer(RenderLayer::new(clock()))
        // Head only: a stranger must not make us read a body.
        .layer(AuthLayer::new(callers))
        // From here the body is one `Bytes` and can be sent again for free.
        .layer(ReadLayer::new(limits))
        // Before admission: the keys must be known, and an unknown model is a 404 that opens no record.
        .layer(RoutingLayer::new(state.catalog.clone()))
        // From here on exactly one record will exist.
        .layer(
            AdmitLayer::new(state.ledger.clone(), clock(), state.draining.clone(), state.site.clone())
                .heard_by(state.bodies.clone()),
        )
        // One scope owns all tries of a call.
        .service(attempts)
}

fn fresh_seal() -> Result<[u8; 32], BuildError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map(|()| secret).map_err(|error| BuildError::Random(std::io::Error::other(error)))
}

#[cfg(feature = "reqwest")]
fn default_transport() -> Result<Arc<dyn Transport>, BuildError> {
    use crate::transport::reqwest::{Options, ReqwestTransport};
    let transport = ReqwestTransport::new(Options::default()).map_err(BuildError::Transport)?;
    Ok(Arc::new(transport))
}

#[cfg(not(feature = "reqwest"))]
fn default_transport() -> Result<Arc<dyn Transport>, BuildError> {
    Err(BuildError::NoTransport)
}

/// Why a pool could not be made.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{Pool, pool::BuildError, testkit::Script};
///
/// match Pool::builder().transport(Script::new()).build().await {
///     Ok(pool) => pool.handle().close().await,
///     Err(BuildError::Store(error)) => println!("the books can not be opened: {error}"),
///     Err(error) => println!("{error}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The store could not be read.
    Store(StoreError),
    /// The transport could not be made.
    #[cfg(feature = "reqwest")]
    Transport(crate::transport::TransportError),
    /// The system gave no random bytes.
    Random(std::io::Error),
    /// None was given, and the feature `reqwest` is off.
    NoTransport,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "{error}"),
            #[cfg(feature = "reqwest")]
            Self::Transport(error) => write!(f, "{error}"),
            Self::Random(error) => write!(f, "no random bytes: {error}"),
            Self::NoTransport => f.write_str("the pool has no transport"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            #[cfg(feature = "reqwest")]
            Self::Transport(error) => Some(error),
            Self::Random(error) => Some(error),
            Self::NoTransport => None,
        }
    }
}
