//! Live control of a pool.
//!
//! A change is written to the store first and is in force when the future is ready. Calls that are under way end under
//! the configuration they began with.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::{
    bodies::{self, Keeper},
    caller::{Allowance, Allowances, ClientToken, TokenDigest, TokenSpec, write_token},
    classify::OwnRulesByProvider,
    courier::Courier,
    figures::Figures,
    id::{CallId, KeyId, RouteId, TokenId},
    journal::Journal,
    keys::{Key, KeySpec, KeyStatus, LiveKey, Standing, Standings},
    ledger::Ledger,
    prober::Prober,
    provider::Presets,
    retention::{self, Retention},
    route::{Catalog, Listed, Route, RouteSpec, Trail},
    secret::Secret,
    service::auth::Tokens,
    store::{
        CallBodies, Configuration, GroupBy, Page, RecordFilter, Store, StoreError, StoredRecord, TokenSecret, Totals,
        TotalsFilter,
    },
    time::{Clock, Timestamp},
    transport::Transport,
};

mod alerts;
mod balances;
mod budgets;
mod bulk;
mod explain;
mod failures;
mod facts;
mod forward;
mod health;
mod models;
mod prices;
mod providers;
mod re_rate;
mod rules;
mod settings;
mod trial;
mod way;

pub use budgets::BudgetView;
pub use explain::{Candidate, Excluded, Explanation, Foreseen, Hindered, Question, Refused};
pub use failures::FailureCause;
pub use models::ModelView;
pub(crate) use prices::Prices;
pub use prices::{PriceChange, PriceChanges, PriceNote};
pub use re_rate::{ReRate, ReRated};
pub use rules::{Rejudged, Trial, TrialResult};
pub use trial::{KeyTrial, ListedModels};
pub use way::WayTrial;

/// What a pool and its handles share.
pub(crate) struct State {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) ledger: Ledger,
    pub(crate) catalog: Arc<ArcSwap<Catalog>>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) allowances: Allowances,
    /// What all callers together may.
    pub(crate) site: Arc<ArcSwapOption<Allowance>>,
    pub(crate) configuration: ArcSwap<Configuration>,
    pub(crate) standings: Standings,
    pub(crate) trail: Arc<Trail>,
    pub(crate) journal: Journal,
    pub(crate) draining: Arc<AtomicBool>,
    pub(crate) prober: Arc<Prober>,
    pub(crate) retention: Arc<Retention>,
    pub(crate) bodies: Arc<Keeper>,
    /// What keys can belong to: presets and providers of operators.
    pub(crate) providers: ArcSwap<Presets>,
    pub(crate) courier: Arc<Courier>,
    pub(crate) figures: Arc<Figures>,
    pub(crate) prices: ArcSwap<Prices>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) transport: Arc<dyn Transport>,
    /// What upstreams said that they serve.
    pub(crate) listed: Arc<Listed>,
    /// One change at a time, so that a later one never loads an earlier state.
    pub(crate) changes: tokio::sync::Mutex<()>,
}

/// Live control of a pool. Cloning it is cheap.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Handle, Pool,
///     handle::{ChangeError, KeyView},
///     id::KeyId,
///     keys::{KeySpec, KeyState},
///     secret::Secret,
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let handle: Handle = pool.handle();
/// let view: KeyView = handle.add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?;
/// assert_eq!(view.status.state, KeyState::Ready);
///
/// // Calls that begin from here on find the key as it is now.
/// let (id, mut spec) = (view.key.id, view.key.spec.clone());
/// spec.enabled = false;
/// assert_eq!(handle.change_key(id, spec).await?.status.state, KeyState::Disabled);
///
/// // What can not be put in service is refused by the name of its field, and nothing has changed.
/// let refused = handle.add_key(KeySpec::new("other", "nobody", Secret::new("sk-b"))).await;
/// assert!(matches!(refused, Err(ChangeError::Invalid { field: "provider", .. })));
/// assert_eq!(handle.keys().len(), 1);
///
/// handle.remove_key(id).await?;
/// assert!(matches!(handle.remove_key(KeyId(id.0)).await, Err(ChangeError::NotFound)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Handle(Arc<State>);

/// A key and its state.
#[derive(Clone)]
pub struct KeyView {
    /// The key as it is stored.
    pub key: Arc<Key>,
    /// Its state now.
    pub status: KeyStatus,
}

/// Why a change was not made. Nothing was changed then.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{Pool, caller::TokenSpec, handle::ChangeError, secret::Secret, testkit::Script};
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let secret = || Secret::new("amp-0123456789abcdef0123456789abcdef");
/// pool.handle().add_token_with(TokenSpec::named("ada"), secret()).await?;
/// let again = pool.handle().add_token_with(TokenSpec::named("bob"), secret()).await;
/// assert!(matches!(again, Err(ChangeError::Conflict { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeError {
    /// A field can not have this value.
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// Another one has that place already.
    Conflict {
        /// What is there already.
        what: String,
    },
    /// There is no such thing.
    NotFound,
    /// The store can not write now.
    Unavailable(String),
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { field, message } => write!(f, "`{field}`: {message}"),
            Self::Conflict { what } => write!(f, "{what} is there already"),
            Self::NotFound => f.write_str("there is no such thing"),
            Self::Unavailable(why) => write!(f, "the store can not write now: {why}"),
        }
    }
}

impl std::error::Error for ChangeError {}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Conflict { what } => Self::Conflict { what },
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl Handle {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self(state)
    }

    /// Puts what the store holds in force.
    pub(crate) async fn reload(&self) -> Result<(), StoreError> {
        let configuration = self.0.store.load().await?;
        self.provide(&configuration);
        let mut rules = OwnRulesByProvider::new(configuration.rules.clone());
        let keys: Vec<_> = configuration.keys.iter().filter_map(|key| self.live(key, &mut rules)).collect();
        self.fill_purses(&keys).await?;
        let prices = self.take_up_prices().await?.book.clone();
        let catalog = Catalog::new(keys, configuration.routes.clone(), prices).with_lists(self.0.listed.clone());
        self.allow(&configuration);
        self.0.catalog.store(Arc::new(catalog));
        self.0.retention.set(setting(&configuration, retention::SETTING));
        let secrets = configuration.keys.iter().map(|key| key.spec.api_key.clone());
        self.0.bodies.set(setting(&configuration, bodies::SETTING), secrets);
        self.0.configuration.store(Arc::new(configuration));
        Ok(())
    }

    /// Puts in force what other processes change in the store, until the pool is gone.
    pub(crate) fn follow(&self) {
        let Some(revisions) = self.0.store.revisions() else { return };
        tokio::spawn(follow(Arc::downgrade(&self.0), revisions));
    }

    /// A key that can not be put in service (its provider is gone, say) stays stored, and the log says why.
    fn live(&self, key: &Key, rules: &mut OwnRulesByProvider) -> Option<Arc<LiveKey>> {
        match self.try_live(key) {
            Ok(live) => Some(Arc::new(live.judged_by(rules.of(&key.spec.provider)))),
            Err(error) => {
                tracing::error!(key = %key.id, %error, "a stored key can not be put in service");
                None
            }
        }
    }

    fn try_live(&self, key: &Key) -> Result<LiveKey, crate::keys::LiveKeyError> {
        let standing = self.0.standings.of(key, monotonic());
        Ok(LiveKey::new(Arc::new(key.clone()), &self.0.providers.load(), standing)?.sliced(self.0.store.slice()))
    }

    /// Makes one change and puts it in force.
    async fn change<T>(&self, change: impl Future<Output = Result<T, StoreError>>) -> Result<T, ChangeError> {
        let _one_at_a_time = self.0.changes.lock().await;
        let changed = change.await?;
        self.reload().await?;
        Ok(changed)
    }
}

/// How long after a failure the configuration is read again.
const READ_AGAIN: Duration = Duration::from_secs(1);

async fn follow(state: Weak<State>, mut revisions: watch::Receiver<i64>) {
    while revisions.changed().await.is_ok() {
        loop {
            let Some(handle) = state.upgrade().map(Handle) else { return };
            let one_at_a_time = handle.0.changes.lock().await;
            let Err(error) = handle.reload().await else { break };
            tracing::error!(%error, "a change of the configuration can not be read; trying again");
            drop(one_at_a_time);
            drop(handle);
            tokio::time::sleep(READ_AGAIN).await;
        }
    }
}

/// A setting that is JSON. One that can not be read is as if it was not there.
fn setting<T: DeserializeOwned + Default>(configuration: &Configuration, name: &str) -> T {
    configuration.settings.get(name).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Keys.
impl Handle {
    /// All keys, by row.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyView> {
        let catalog = self.0.catalog.load();
        let live: HashMap<_, _> = catalog.keys().iter().map(|live| (live.key.id, live)).collect();
        let view = |key: &Key| live.get(&key.id).map_or_else(|| self.view_idle(key), |live| self.view(live));
        self.0.configuration.load().keys.iter().map(view).collect()
    }

    /// One key.
    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<KeyView> {
        let configuration = self.0.configuration.load();
        let key = configuration.keys.iter().find(|key| key.id == id)?;
        Some(self.find(id).map_or_else(|| self.view_idle(key), |live| self.view(&live)))
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] naming the field, or [`ChangeError::Conflict`] when the same credential is there.
    pub async fn add_key(&self, spec: KeySpec) -> Result<KeyView, ChangeError> {
        self.check_key(&spec)?;
        let key = self.change(self.0.store.insert_key(spec, self.now())).await?;
        self.0.prober.look_again(key.id);
        self.key(key.id).ok_or(ChangeError::NotFound)
    }

    /// Replaces what an operator wrote of a key. Its health is kept while its credential is the same.
    ///
    /// # Errors
    /// As [`add_key`](Self::add_key), and [`ChangeError::NotFound`].
    pub async fn change_key(&self, id: KeyId, spec: KeySpec) -> Result<KeyView, ChangeError> {
        self.check_key(&spec)?;
        self.change(self.0.store.update_key(id, spec, self.now())).await?;
        self.0.prober.look_again(id);
        self.key(id).ok_or(ChangeError::NotFound)
    }

    /// Removes a key. Its records stay.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`].
    pub async fn remove_key(&self, id: KeyId) -> Result<(), ChangeError> {
        self.change(self.0.store.delete_key(id)).await
    }

    /// Ends every pause of a key.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`].
    pub fn reset_key(&self, id: KeyId) -> Result<KeyView, ChangeError> {
        let live = self.find(id).ok_or(ChangeError::NotFound)?;
        let now = monotonic();
        live.health.reset(now);
        live.account.health.reset(now);
        live.account.rooms.reset(now);
        live.link.health.reset(now);
        Ok(self.view(&live))
    }

    fn check_key(&self, spec: &KeySpec) -> Result<(), ChangeError> {
        let invalid = |field, message: String| Err(ChangeError::Invalid { field, message });
        if spec.name.trim().is_empty() {
            return invalid("name", "a key needs a name".into());
        }
        if spec.weight == 0 {
            return invalid("weight", "a weight is at least 1".into());
        }
        self.check_balance(spec)?;
        budgets::check_key(spec.budget.as_ref())?;
        let now = self.now();
        let key =
            Key { id: KeyId(0), create_time: now, update_time: now, fingerprint: String::new(), spec: spec.clone() };
        match LiveKey::new(Arc::new(key), &self.0.providers.load(), Standing::new(monotonic())) {
            Ok(_) => Ok(()),
            Err(error) => invalid(error.field(), error.to_string()),
        }
    }

    fn find(&self, id: KeyId) -> Option<Arc<LiveKey>> {
        self.0.catalog.load().keys().iter().find(|live| live.key.id == id).cloned()
    }

    /// A key that is stored but can not be put in service: its operator must be able to see it, and why.
    fn view_idle(&self, key: &Key) -> KeyView {
        let why = self.try_live(key).err().map(|error| error.to_string()).unwrap_or_default();
        KeyView { key: Arc::new(key.clone()), status: KeyStatus::disabled(why) }
    }

    fn view(&self, live: &LiveKey) -> KeyView {
        KeyView { key: live.key.clone(), status: live.status(monotonic(), self.now()) }
    }
}

/// Client tokens.
impl Handle {
    /// All client tokens, by row.
    #[must_use]
    pub fn tokens(&self) -> Vec<ClientToken> {
        self.0.configuration.load().tokens.clone()
    }

    /// Makes a client token. Its secret is shown here and never again.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] naming the field.
    pub async fn add_token(&self, spec: TokenSpec) -> Result<(ClientToken, Secret), ChangeError> {
        let secret = new_secret()?;
        let token = self.add_token_with(spec, secret.clone()).await?;
        Ok((token, secret))
    }

    /// Makes a client token of a secret that is known already.
    ///
    /// # Errors
    /// As [`add_token`](Self::add_token), and [`ChangeError::Conflict`] when another token has that secret.
    pub async fn add_token_with(&self, spec: TokenSpec, secret: Secret) -> Result<ClientToken, ChangeError> {
        self.check_token(&spec)?;
        self.change(self.0.store.insert_token(spec, kept_of(&secret), self.now())).await
    }

    /// Replaces what an operator wrote of a client token.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`], [`ChangeError::NotFound`].
    pub async fn change_token(&self, id: TokenId, spec: TokenSpec) -> Result<ClientToken, ChangeError> {
        self.check_token(&spec)?;
        self.change(self.0.store.update_token(id, spec, self.now())).await
    }

    /// Gives a client token a new secret, shown here and never again. The old one ends at once.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`].
    pub async fn rotate_token(&self, id: TokenId) -> Result<(ClientToken, Secret), ChangeError> {
        let secret = new_secret()?;
        let token = self.change(self.0.store.rotate_token(id, kept_of(&secret), self.now())).await?;
        Ok((token, secret))
    }

    /// Removes a client token. Its records stay.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`].
    pub async fn remove_token(&self, id: TokenId) -> Result<(), ChangeError> {
        self.change(self.0.store.delete_token(id)).await
    }
}

/// The monotonic clock; tests can pause it.
fn monotonic() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

fn new_secret() -> Result<Secret, ChangeError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| ChangeError::Unavailable(error.to_string()))?;
    Ok(write_token(&random))
}

fn kept_of(secret: &Secret) -> TokenSecret {
    TokenSecret { digest: TokenDigest::of(secret.expose()), hint: secret.hint() }
}

/// Routes and providers.
impl Handle {
    /// All routes, by row.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        self.0.configuration.load().routes.clone()
    }

    /// Adds a route.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`], or [`ChangeError::Conflict`] when the model has one.
    pub async fn add_route(&self, spec: RouteSpec) -> Result<Route, ChangeError> {
        self.check_route(&spec)?;
        self.change(self.0.store.insert_route(spec, self.now())).await
    }

    /// Replaces a route.
    ///
    /// # Errors
    /// As [`add_route`](Self::add_route), and [`ChangeError::NotFound`].
    pub async fn change_route(&self, id: RouteId, spec: RouteSpec) -> Result<Route, ChangeError> {
        self.check_route(&spec)?;
        self.change(self.0.store.update_route(id, spec, self.now())).await
    }

    /// Removes a route.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`].
    pub async fn remove_route(&self, id: RouteId) -> Result<(), ChangeError> {
        self.change(self.0.store.delete_route(id)).await
    }

    fn check_route(&self, spec: &RouteSpec) -> Result<(), ChangeError> {
        let invalid = |field, message: String| Err(ChangeError::Invalid { field, message });
        if spec.model.trim().is_empty() {
            return invalid("model", "a route needs the name clients use".into());
        }
        if spec.candidates.is_empty() {
            return invalid("candidates", "a route needs at least one candidate".into());
        }
        for candidate in &spec.candidates {
            if candidate.model.trim().is_empty() || candidate.weight == 0 {
                return invalid("candidates", "a candidate needs a model and a weight of at least 1".into());
            }
            if let Some(id) = candidate.provider.as_deref().filter(|id| self.provider(id).is_none()) {
                return invalid("candidates", format!("there is no provider `{id}`"));
            }
        }
        Ok(())
    }
}

/// Books.
impl Handle {
    /// A page of records, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn records(&self, filter: RecordFilter, page: Page) -> Result<Vec<StoredRecord>, StoreError> {
        self.0.store.list(filter, page).await
    }

    /// One record with its attempts.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record(&self, call: CallId) -> Result<Option<StoredRecord>, StoreError> {
        self.0.store.get(call).await
    }

    /// What a call said, where the setting `bodies` had it kept: without secrets, and cut to a length.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn bodies(&self, call: CallId) -> Result<Option<CallBodies>, StoreError> {
        self.0.store.bodies(call).await
    }

    /// Sums of the calls that `filter` lets through, in whole hours, a row per value of `by`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn totals(&self, filter: TotalsFilter, by: GroupBy) -> Result<Vec<Totals>, StoreError> {
        self.0.store.totals(filter, by).await
    }

    /// Waits until everything that has ended so far is in the books.
    pub async fn flush(&self) {
        self.0.ledger.flush().await;
    }
}

/// Coming and going.
impl Handle {
    /// Whether calls are taken: the books are written and nobody shuts down.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.ledger.is_writing() && !self.0.draining.load(Ordering::Acquire)
    }

    /// Refuses new calls from here on. Calls under way go on.
    pub fn start_draining(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// Writes everything that has ended, then closes the store. Call it when no call is under way.
    pub async fn close(&self) {
        self.start_draining();
        self.0.ledger.flush().await;
        self.0.journal.flush().await;
        self.0.bodies.flush().await;
        if let Err(error) = self.0.store.close().await {
            tracing::error!(%error, "the store was not closed in order; nothing written is lost");
        }
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}
