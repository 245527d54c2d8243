//! What has to outlive the process, as small traits by access pattern.
//!
//! [`ConfigStore`] keeps what operators write and is read whole, once, at each change; [`PriceStore`] keeps what they write of
//! prices, of which nothing is ever changed. [`RecordStore`] keeps the books:
//! entries come in batches from the [ledger](crate::ledger), pages and sums go out to people. The path of a call asks
//! neither: it reads a snapshot and hands its record to the ledger. [`AdjustmentStore`] corrects what calls did cost. [`BudgetStore`] tells what is spent and held, which
//! changes with the books and in the same transactions. [`BalanceStore`] keeps what was learned of balances,
//! [`HealthStore`] what was learned of the fitness of keys, [`UserStore`] who may run the pool, and [`AuditStore`] what
//! they did. [`RetentionStore`] forgets old calls, [`BodyStore`] keeps what calls said, where somebody wants that, and
//! [`AlertStore`] whom to tell of what, and what was told.
//!
//! All traits are usable as `dyn`. [`Store`] is their sum. `testkit::conformance` holds the checks that every
//! implementation passes.

use std::{collections::BTreeMap, fmt, sync::Arc};

use futures::future::BoxFuture;
use tokio::sync::watch;

use crate::{
    caller::{ClientToken, GroupSpec, TokenDigest, TokenGroup, TokenSpec},
    classify::{DecidedBy, Evidence, OwnRule, RuleSpec},
    format::{Format, Loss, LossKind},
    id::{AttemptId, CallId, GroupId, KeyId, RouteId, RuleId, TokenId},
    keys::{Key, KeySpec, PriceFactor, Slice},
    money::NanoUsd,
    provider::{OwnProvider, Provider},
    route::{Route, RouteSpec},
    time::Timestamp,
    usage::{ServiceTerms, Usage, UsageSource},
};

mod adjustments;
mod alerts;
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
mod audit;
mod balances;
mod bodies;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod batch;
mod budgets;
#[cfg(any(test, feature = "testkit"))]
pub(crate) mod calls;
mod choices;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod combination;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod files;
mod fingerprint;
mod histogram;
mod health;
pub mod memory;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod names;
#[cfg(feature = "sqlite")]
pub mod original;
mod parts;
#[cfg(feature = "postgres")]
pub mod postgres;
mod prices;
mod retention;
// A store that keeps no sums makes them of its records.
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
mod rollup;
mod rows;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod stored;
mod users;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod vault;

pub use adjustments::{Adjustment, AdjustmentStore, AttemptAdjustment, CallAdjustment};
pub use alerts::{
    AlertNotes, AlertStore, DeliveryEnd, DeliveryState, MOST_KEPT, NewDelivery, StoredAlertEvent, StoredDelivery,
};
pub use audit::{Audit, Finding, What};
pub use balances::{BalanceSource, BalanceStore, NewBalance, StoredBalance};
pub use bodies::{BodyStore, CallBodies, KeptBody};
pub use budgets::{Booking, BudgetStore, Charge, Hold, HoldAnswer, HoldState, StoredHold};
pub use choices::{RecordedChoice, RecordedHindrance};
pub use health::{HealthStore, KEPT_FOR_MS, MOST_EVENTS, StoredHealthEvent};
pub use histogram::Histogram;
pub use parts::Parts;
pub use prices::PriceStore;
pub use retention::{Extent, Forgotten, RetentionStore};
pub use users::{AuditStore, UserStore};

/// A future as the store's traits return it.
pub type StoreFuture<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Everything an operator wrote.
#[derive(Clone, Default)]
pub struct Configuration {
    /// Upstream keys, by row.
    pub keys: Vec<Key>,
    /// Client tokens, by row.
    pub tokens: Vec<ClientToken>,
    /// Groups of client tokens, by row.
    pub groups: Vec<TokenGroup>,
    /// Routes, by row.
    pub routes: Vec<Route>,
    /// Rules for verdicts, by row.
    pub rules: Vec<OwnRule>,
    /// Providers of operators, by row.
    pub providers: Vec<OwnProvider>,
    /// The settings table.
    pub settings: BTreeMap<String, String>,
}

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The loss of power: each commit is synced to the disk.
    #[default]
    Full,
    /// The end of the process. The last commits before a loss of power can be missing; what is there is whole.
    Normal,
}

/// Keeps what operators write.
///
/// A change is durable when its future is ready; dropping the future may or may not have made it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     caller::{TokenDigest, TokenSpec},
///     keys::KeySpec,
///     secret::Secret,
///     store::{ConfigStore, Configuration, TokenSecret, memory::MemoryStore},
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let key = store.insert_key(KeySpec::new("mine", "openai", Secret::new("sk-a")), now).await?;
/// let secret = TokenSecret { digest: TokenDigest::of("amp-1"), hint: "amp-…".into() };
/// store.insert_token(TokenSpec::named("ada"), secret, now).await?;
///
/// // A pool loads everything at once, and again after each change.
/// let all: Configuration = store.load().await?;
/// assert_eq!((all.keys[0].id, all.tokens[0].spec.name.as_str()), (key.id, "ada"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ConfigStore: Send + Sync + 'static {
    /// Everything, as it stands.
    fn load(&self) -> StoreFuture<'_, Configuration>;

    /// Another number whenever what [`load`](Self::load) gives may have changed, by whomever. `None`: nobody but this
    /// store's own user can change it.
    ///
    /// A connection that is lost may hide a change until there is one again.
    fn revisions(&self) -> Option<watch::Receiver<i64>> {
        None
    }

    /// Which part of every limit this process may use, of those that share the store. When it changes, so does the number
    /// of [`revisions`](Self::revisions), or it is said once more.
    fn slice(&self) -> Slice {
        Slice::WHOLE
    }

    /// Adds a key. [`StoreError::Conflict`] when the same credential is there already.
    fn insert_key(&self, spec: KeySpec, now: Timestamp) -> StoreFuture<'_, Key>;
    /// Replaces what an operator wrote of a key.
    fn update_key(&self, id: KeyId, spec: KeySpec, now: Timestamp) -> StoreFuture<'_, Key>;
    /// Removes a key. Its records stay.
    fn delete_key(&self, id: KeyId) -> StoreFuture<'_, ()>;

    /// Adds keys as one transaction, and says for each what became of it; a conflict keeps no other out.
    fn insert_keys(&self, specs: Vec<KeySpec>, now: Timestamp) -> StoreFuture<'_, Vec<Result<Key, StoreError>>> {
        Box::pin(async move {
            let mut made = Vec::with_capacity(specs.len());
            for spec in specs {
                made.push(unless_unavailable(self.insert_key(spec, now).await)?);
            }
            Ok(made)
        })
    }

    /// Replaces what an operator wrote of keys as one transaction, and says for each what became of it.
    fn update_keys(&self, changes: Vec<(KeyId, KeySpec)>, now: Timestamp) -> StoreFuture<'_, Vec<KeyChange>> {
        Box::pin(async move {
            let mut changed = Vec::with_capacity(changes.len());
            for (id, spec) in changes {
                changed.push((id, unless_unavailable(self.update_key(id, spec, now).await.map(drop))?));
            }
            Ok(changed)
        })
    }

    /// Removes keys as one transaction, and says for each what became of it.
    fn delete_keys(&self, ids: Vec<KeyId>) -> StoreFuture<'_, Vec<KeyChange>> {
        Box::pin(async move {
            let mut removed = Vec::with_capacity(ids.len());
            for id in ids {
                removed.push((id, unless_unavailable(self.delete_key(id).await)?));
            }
            Ok(removed)
        })
    }

    /// Adds a client token.
    fn insert_token(&self, spec: TokenSpec, secret: TokenSecret, now: Timestamp) -> StoreFuture<'_, ClientToken>;
    /// Replaces what an operator wrote of a client token.
    fn update_token(&self, id: TokenId, spec: TokenSpec, now: Timestamp) -> StoreFuture<'_, ClientToken>;
    /// Gives a client token another secret; the old one ends at once.
    fn rotate_token(&self, id: TokenId, secret: TokenSecret, now: Timestamp) -> StoreFuture<'_, ClientToken>;
    /// Removes a client token. Its records stay.
    fn delete_token(&self, id: TokenId) -> StoreFuture<'_, ()>;

    /// Adds a group of client tokens. [`StoreError::Conflict`] when one is called the same.
    fn insert_group(&self, spec: GroupSpec, now: Timestamp) -> StoreFuture<'_, TokenGroup>;
    /// Replaces what an operator wrote of a group.
    fn update_group(&self, id: GroupId, spec: GroupSpec, now: Timestamp) -> StoreFuture<'_, TokenGroup>;
    /// Removes a group. [`StoreError::Conflict`] when client tokens belong to it: they would lose a limit unseen.
    fn delete_group(&self, id: GroupId) -> StoreFuture<'_, ()>;

    /// Adds a route. [`StoreError::Conflict`] when the model has one.
    fn insert_route(&self, spec: RouteSpec, now: Timestamp) -> StoreFuture<'_, Route>;
    /// Replaces a route.
    fn update_route(&self, id: RouteId, spec: RouteSpec, now: Timestamp) -> StoreFuture<'_, Route>;
    /// Removes a route.
    fn delete_route(&self, id: RouteId) -> StoreFuture<'_, ()>;

    /// Adds a rule for verdicts.
    fn insert_rule(&self, spec: RuleSpec, now: Timestamp) -> StoreFuture<'_, OwnRule>;
    /// Replaces a rule.
    fn update_rule(&self, id: RuleId, spec: RuleSpec, now: Timestamp) -> StoreFuture<'_, OwnRule>;
    /// Removes a rule.
    fn delete_rule(&self, id: RuleId) -> StoreFuture<'_, ()>;

    /// Adds a provider. [`StoreError::Conflict`] when there is one of its id.
    fn insert_provider(&self, provider: Provider, now: Timestamp) -> StoreFuture<'_, OwnProvider>;
    /// Replaces the provider of that id.
    fn update_provider(&self, provider: Provider, now: Timestamp) -> StoreFuture<'_, OwnProvider>;
    /// Removes the provider of that id. [`StoreError::Conflict`] when keys belong to it.
    fn delete_provider(&self, id: String) -> StoreFuture<'_, ()>;

    /// Writes one setting, or removes it with `None`.
    fn put_setting(&self, name: String, value: Option<String>, now: Timestamp) -> StoreFuture<'_, ()>;
}

/// What became of a key in a change of many.
pub type KeyChange = (KeyId, Result<(), StoreError>);

/// What is wrong with one key is its own; what is wrong with the store ends the change of all.
fn unless_unavailable<T>(result: Result<T, StoreError>) -> Result<Result<T, StoreError>, StoreError> {
    match result {
        Err(error @ (StoreError::Unavailable(_) | StoreError::Corrupt(_))) => Err(error),
        other => Ok(other),
    }
}

/// What a store keeps of a client token's secret.
#[derive(Debug, Clone)]
pub struct TokenSecret {
    /// What it is looked up by.
    pub digest: TokenDigest,
    /// The part that may be shown.
    pub hint: String,
}

/// Keeps the books.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     store::{Attempt, Entry, Opened, Outcome, Page, Record, RecordFilter, RecordStore, memory::MemoryStore},
///     testkit::calls,
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let opened: Opened = calls::opened(1, now);
/// let attempt: Attempt = calls::attempt(&opened);
/// let record: Record = calls::settled(opened.clone(), vec![attempt]);
/// assert_eq!(record.outcome, Outcome::Done);
/// // What belongs together is written together, or not at all.
/// store.commit([Entry::Opened(opened), Entry::Settled(Box::new(record))].into()).await?;
/// assert_eq!(store.list(RecordFilter::default(), Page { before: None, limit: 10 }).await?.len(), 1);
///
/// // A call that was open when its process died is closed when the next one begins.
/// store.commit([Entry::Opened(calls::opened(2, now))].into()).await?;
/// assert_eq!(store.recover(now).await?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait RecordStore: Send + Sync + 'static {
    /// Writes a batch as **one** transaction: rows, attempts, statistics, holds and what they become, or nothing.
    /// Durable when the future is ready. Settling a call that is settled already changes nothing; settling one that was
    /// never opened writes it.
    ///
    /// Gives an answer for each [`Entry::Held`], in their order. A hold that is there already is answered as it was, so a
    /// batch whose fate was not known can be handed in again. The tally of a budget is written once for a batch.
    fn commit(&self, batch: Arc<[Entry]>) -> StoreFuture<'_, Vec<HoldAnswer>>;

    /// Resolves every call that a crash left open, once: it becomes a failed record with the error type `interrupted`,
    /// without a known cost and marked as estimated. Says how many. What was held for it counts as spent, because it may
    /// have been, and its hold is marked as [`HoldState::Recovered`].
    ///
    /// Called before the first call of a process is admitted: it can not tell a call that runs from one that was lost.
    fn recover(&self, now: Timestamp) -> StoreFuture<'_, u64>;

    /// A page of records, newest first.
    fn list(&self, filter: RecordFilter, page: Page) -> StoreFuture<'_, Vec<StoredRecord>>;

    /// A page of the attempts whose answer was no success, newest first: those of which there is [`Evidence`].
    ///
    /// A span of time narrows it by the admission of calls, roughly: a few attempts beside it may be there as well.
    fn failures(&self, page: FailurePage) -> StoreFuture<'_, Vec<StoredFailure>>;

    /// One record with its attempts, choices and losses.
    fn get(&self, call: CallId) -> StoreFuture<'_, Option<StoredRecord>>;

    /// As [`get`](Self::get), of many calls at once, in the order in which they are asked for. Those that are not there are left
    /// out.
    fn get_many(&self, calls: Vec<CallId>) -> StoreFuture<'_, Vec<StoredRecord>> {
        Box::pin(async move {
            let mut found = Vec::with_capacity(calls.len());
            for call in calls {
                found.extend(self.get(call).await?);
            }
            Ok(found)
        })
    }

    /// Sums of settled calls by the hour (UTC) they were admitted in, one row per value of `by`, in the order of those
    /// values: numbers by size, names by their bytes. [`GroupBy::Nothing`] gives one row even when there is nothing to
    /// sum.
    ///
    /// Every hour that begins before `to` and ends after `from` is counted whole; [`GroupBy::Day`] counts days so.
    fn totals(&self, filter: TotalsFilter, by: GroupBy) -> StoreFuture<'_, Vec<Totals>>;

    /// Moves what was written into the main file and syncs. Called once, at the end.
    fn close(&self) -> StoreFuture<'_, ()>;
}

/// A whole store.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use amp_pool_core::{
///     Pool,
///     store::{Parts, RecordStore, Store, memory::MemoryStore},
///     testkit::{Script, conformance},
/// };
///
/// // Whoever writes a store of his own lets it through the same checks as those of this crate.
/// assert!(conformance::CHECKS.len() > 20);
/// for (name, _) in &conformance::CHECKS[..3] {
///     println!("{name}");
/// }
///
/// // A store can be put together of others: configuration here, books there.
/// let (here, there): (Arc<dyn Store>, Arc<dyn Store>) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
/// let store = Parts { records: there.clone(), ..Parts::of(here) };
/// let pool = Pool::builder().store(Arc::new(store)).transport(Script::new()).build().await?;
/// pool.handle().close().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Store:
    ConfigStore
    + PriceStore
    + RecordStore
    + AdjustmentStore
    + BudgetStore
    + BalanceStore
    + HealthStore
    + RetentionStore
    + BodyStore
    + UserStore
    + AuditStore
    + AlertStore
{
}

impl<T> Store for T where
    T: ConfigStore
        + PriceStore
        + RecordStore
        + AdjustmentStore
        + BudgetStore
        + BalanceStore
        + HealthStore
        + RetentionStore
        + BodyStore
        + UserStore
        + AuditStore
        + AlertStore
{
}

/// One thing the ledger writes.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A call was admitted.
    Opened(Opened),
    /// Money is to be held for a call. It comes after the call was opened, and before it has ended.
    Held(Hold),
    /// A call has ended.
    Settled(Box<Record>),
}

/// What is known of a call when it is admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The call.
    pub call: CallId,
    /// When its head had been read.
    pub create_time: Timestamp,
    /// The client token it came with.
    pub token: Option<TokenId>,
    /// The model the client asked for.
    pub model: String,
    /// The client's format.
    pub format: Format,
    /// What was asked: `chat_completions`, `opaque`, …
    pub endpoint: &'static str,
    /// Whether a stream was asked for.
    pub stream: bool,
}

/// What a call became. Written exactly once for each call that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What was known at admission.
    pub opened: Opened,
    /// How it ended.
    pub outcome: Outcome,
    /// The status the client saw; 499 when it was gone before there was one.
    pub http_status: u16,
    /// A short stable name of what went wrong. Not kept of a call that is [`Outcome::Done`].
    pub error_type: Option<String>,
    /// What went wrong, scrubbed of secrets.
    pub error_message: Option<String>,
    /// Milliseconds from admission to the last byte.
    pub latency_ms: u64,
    /// Milliseconds from admission to the first byte of the answer.
    pub first_byte_ms: Option<u64>,
    /// Every try, in order. The last one with `served` gave the answer.
    pub attempts: Vec<Attempt>,
    /// Choices at which somebody was passed over, or nobody was left. Empty for most calls.
    pub choices: Vec<RecordedChoice>,
    /// What translation could not carry, the request's losses first. Empty for a call that was not translated.
    pub losses: Vec<RecordedLoss>,
    /// What it means for budgets.
    pub booking: Booking,
}

/// Something that translation could not carry, as the books keep it.
///
/// ```
/// use amp_pool_core::{
///     format::{Format, Losses},
///     store::{RecordedLoss, Side},
/// };
///
/// let mut losses = Losses::new(Format::Chat);
/// losses.dropped("seed", "the upstream has none")?;
/// let kept = RecordedLoss::of(Side::Request, &losses.all()[0]);
/// assert_eq!((kept.side.as_str(), kept.field.as_str()), ("request", "seed"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedLoss {
    /// Where it was lost.
    pub side: Side,
    /// What became of it.
    pub kind: LossKind,
    /// The member, by the name that the client's format has for it.
    pub field: String,
    /// What was done, or why; may be empty.
    pub note: String,
}

impl RecordedLoss {
    /// `loss`, which happened on `side`.
    #[must_use]
    pub fn of(side: Side, loss: &Loss) -> Self {
        Self { side, kind: loss.kind, field: loss.field.to_string(), note: loss.note.to_string() }
    }
}

/// A direction of translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// From the client to the upstream.
    Request,
    /// Back.
    Answer,
}

impl Side {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Request, Self::Answer];

    /// The name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Answer => "answer",
        }
    }
}

impl Record {
    /// The attempt whose answer reached the client.
    #[must_use]
    pub fn served(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| attempt.served)
    }

    /// The key to show for the call: the one that served it, else the last one tried.
    #[must_use]
    pub fn shown_attempt(&self) -> Option<&Attempt> {
        self.served().or_else(|| self.attempts.last())
    }

    /// What all attempts used together.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.attempts.iter().fold(Usage::default(), |sum, attempt| sum.plus(attempt.usage))
    }

    /// What all attempts cost together. `None` when one of them used tokens without a known price.
    #[must_use]
    pub fn cost(&self) -> Option<NanoUsd> {
        self.attempts.iter().map(|attempt| attempt.cost).sum::<Option<NanoUsd>>()
    }

    /// What prompt caches saved in all attempts together. `None` when that is not known of one of them.
    #[must_use]
    pub fn saved(&self) -> Option<NanoUsd> {
        self.attempts.iter().map(|attempt| attempt.saved).sum::<Option<NanoUsd>>()
    }

    /// Whether any of its numbers were counted by us.
    #[must_use]
    pub fn estimated(&self) -> bool {
        self.attempts.iter().any(Attempt::estimated)
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The client got a whole answer.
    Done,
    /// The client got an error.
    Failed,
    /// The client went away.
    HungUp,
    /// The upstream broke off in the middle of an answer.
    Cut,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::HungUp, Self::Cut];

    /// The name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::HungUp => "hung_up",
            Self::Cut => "cut",
        }
    }

    /// The original log's `status` column.
    #[must_use]
    pub const fn status(self) -> &'static str {
        if matches!(self, Self::Done) { "success" } else { "error" }
    }
}

/// One try of a call on one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its own id.
    pub id: AttemptId,
    /// The key that was tried.
    pub key: KeyId,
    /// The key's provider.
    pub provider: String,
    /// The format the upstream was spoken to in.
    pub upstream_format: Format,
    /// The model the upstream was asked for.
    pub upstream_model: String,
    /// What decided for the key: `home`, `hash` or `strategy`. `None`: the same key was asked once more.
    pub chosen_by: Option<&'static str>,
    /// Among how many candidates.
    pub candidates: u32,
    /// Whether its answer reached the client.
    pub served: bool,
    /// What the upstream's answer meant: `answer`, `rate_limited`, `network`, …
    pub verdict: &'static str,
    /// The upstream's status, if it gave one.
    pub http_status: Option<u16>,
    /// What went wrong, scrubbed of secrets.
    pub error_message: Option<String>,
    /// When it was sent.
    pub create_time: Timestamp,
    /// Milliseconds from sending to its end.
    pub latency_ms: u64,
    /// Milliseconds from sending to its first byte.
    pub first_byte_ms: Option<u64>,
    /// What it used.
    pub usage: Usage,
    /// How far `usage` can be trusted.
    pub usage_source: UsageSource,
    /// On which terms it was served, as far as anybody said.
    pub terms: ServiceTerms,
    /// How many times the price its key paid.
    pub price_factor: PriceFactor,
    /// What it cost. `None`: the price is not known.
    pub cost: Option<NanoUsd>,
    /// What a prompt cache saved. `None`: the price is not known.
    pub saved: Option<NanoUsd>,
    /// The price row that `cost` was made with.
    pub price_version: Option<String>,
    /// What there was to judge by, if the upstream gave an answer and that was no success.
    pub evidence: Option<Box<Evidence>>,
    /// What decided the verdict, where there was something to judge by.
    pub decided_by: Option<Box<DecidedBy>>,
}

impl Attempt {
    /// Whether its numbers were counted by us.
    #[must_use]
    pub fn estimated(&self) -> bool {
        self.usage_source == UsageSource::Estimated
    }
}

/// A record read back.
///
/// `attempts`, `choices` and `losses` are filled by [`RecordStore::get`] alone; in pages they are empty and the columns of
/// the row hold. What was booked stays as it was; `adjustments` stand beside it.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     caller::TokenSpec,
///     keys::KeySpec,
///     secret::Secret,
///     store::{GroupBy, Page, RecordFilter, StoredAttempt, StoredRecord, Totals, TotalsFilter},
///     testkit::{Reply, Script},
///     time::{Clock, SystemClock, Timestamp},
/// };
/// # use bytes::Bytes;
/// # use http_body_util::{BodyExt as _, Full};
/// # use tower::ServiceExt as _;
///
/// let upstream = Script::new().on("sk-a", Reply::limited()).on("sk-b", Reply::chat("Hello!"));
/// let pool = Pool::builder().transport(upstream).build().await?;
/// for (priority, key) in [(2, "sk-a"), (1, "sk-b")] {
///     let mut spec = KeySpec::new(key, "openai", Secret::new(key));
///     spec.priority = priority;
///     pool.handle().add_key(spec).await?;
/// }
/// # let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;
/// # let request = http::Request::post("/v1/chat/completions")
/// #     .header("authorization", format!("Bearer {}", token.expose()))
/// #     .body(Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[]}"#)))?;
/// # let Ok(answer) = pool.clone().oneshot(request).await;
/// # answer.into_body().collect().await.map_err(|error| error.to_string())?;
///
/// // After one call: one record, with each try.
/// let records: Vec<StoredRecord> = pool.handle().records(RecordFilter::default(), Page { before: None, limit: 10 }).await?;
/// let record = pool.handle().record(records[0].call).await?.ok_or("it is there")?;
/// let verdicts: Vec<&str> = record.attempts.iter().map(|attempt: &StoredAttempt| attempt.verdict.as_str()).collect();
/// assert_eq!((record.status(), verdicts.len()), ("success", 2));
///
/// // The newest first; what has come meanwhile shifts no page.
/// let all = TotalsFilter::span(Timestamp::from_millis(0), SystemClock.now());
/// let totals: Vec<Totals> = pool.handle().totals(all, GroupBy::Model).await?;
/// assert_eq!((totals.len(), totals[0].requests), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// The row in `api_request_log`.
    pub id: i64,
    /// The call.
    pub call: CallId,
    /// When it was admitted.
    pub create_time: Timestamp,
    /// When what it says became so: the admission of an open call, the end of a settled one, or when it was recovered.
    pub update_time: Timestamp,
    /// The client token.
    pub token: Option<TokenId>,
    /// The key that served it, else the last one tried.
    pub key: Option<KeyId>,
    /// That key's provider.
    pub provider: Option<String>,
    /// The model the client asked for.
    pub model: String,
    /// The model the upstream was asked for.
    pub upstream_model: Option<String>,
    /// The client's format.
    pub format: String,
    /// The upstream's format.
    pub upstream_format: Option<String>,
    /// What was asked.
    pub endpoint: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// How it ended. `None`: it is still running.
    pub outcome: Option<Outcome>,
    /// The status the client saw.
    pub http_status: Option<u16>,
    /// What went wrong.
    pub error_type: Option<String>,
    /// What went wrong, in words.
    pub error_message: Option<String>,
    /// What all attempts used.
    pub usage: Usage,
    /// What all attempts cost.
    pub cost: Option<NanoUsd>,
    /// What prompt caches saved in all attempts.
    pub saved: Option<NanoUsd>,
    /// Whether any number was counted by us.
    pub estimated: bool,
    /// From admission to the last byte.
    pub latency_ms: Option<u64>,
    /// From admission to the first byte.
    pub first_byte_ms: Option<u64>,
    /// How many keys were tried.
    pub attempt_count: u32,
    /// The tries, in order.
    pub attempts: Vec<StoredAttempt>,
    /// Choices at which somebody was passed over, or nobody was left.
    pub choices: Vec<RecordedChoice>,
    /// What translation could not carry.
    pub losses: Vec<RecordedLoss>,
    /// What it turned out to cost later, in the order in which that was written.
    pub adjustments: Vec<Adjustment>,
}

/// An attempt read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttempt {
    /// Its id.
    pub id: AttemptId,
    /// The key that was tried.
    pub key: KeyId,
    /// The key's provider.
    pub provider: String,
    /// The upstream's format.
    pub upstream_format: String,
    /// The model the upstream was asked for.
    pub upstream_model: String,
    /// What decided for the key. `None`: the same key was asked once more, or nobody noted it.
    pub chosen_by: Option<String>,
    /// Among how many candidates.
    pub candidates: Option<u32>,
    /// Whether its answer reached the client.
    pub served: bool,
    /// What the answer meant.
    pub verdict: String,
    /// The upstream's status.
    pub http_status: Option<u16>,
    /// What went wrong.
    pub error_message: Option<String>,
    /// When it was sent.
    pub create_time: Timestamp,
    /// From sending to its end.
    pub latency_ms: u64,
    /// From sending to its first byte.
    pub first_byte_ms: Option<u64>,
    /// What it used.
    pub usage: Usage,
    /// Whether its numbers were counted by us.
    pub estimated: bool,
    /// On which terms it was served, as far as they change its price.
    pub terms: ServiceTerms,
    /// How many times the price its key paid. `None`: nobody noted it.
    pub price_factor: Option<PriceFactor>,
    /// What it cost.
    pub cost: Option<NanoUsd>,
    /// What a prompt cache saved.
    pub saved: Option<NanoUsd>,
    /// The price row.
    pub price_version: Option<String>,
    /// What there was to judge by, if the upstream gave an answer and that was no success.
    pub evidence: Option<Box<Evidence>>,
    /// What decided the verdict. `None`: there was nothing to judge by, or nobody noted it.
    pub decided_by: Option<Box<DecidedBy>>,
}

/// An attempt whose answer was no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFailure {
    /// Where it stands in the books.
    pub place: FailurePlace,
    /// The call it was a try of.
    pub call: CallId,
    /// The attempt.
    pub attempt: StoredAttempt,
    /// What there was to judge by.
    pub evidence: Evidence,
}

/// Where an attempt stands in the books. Later ones are larger, by and large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailurePlace {
    /// The row of its call.
    pub request: i64,
    /// Which of the call's attempts it is, from 0.
    pub n: u32,
}

/// Which page of failures.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     classify::Signal,
///     store::{Attempt, Entry, FailurePage, FailurePlace, RecordStore as _, StoredFailure, memory::MemoryStore},
///     testkit::calls,
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// for n in 1..=3 {
///     let opened = calls::opened(n, now);
///     let body = format!(r#"{{"error": {{"message": "slow down, {n}"}}}}"#);
///     let headers = http::HeaderMap::new();
///     let signal = Signal::response(http::StatusCode::TOO_MANY_REQUESTS, &headers, body.as_bytes(), now);
///     let (verdict, evidence) = ("rate_limited", signal.evidence().map(Box::new));
///     let attempt = Attempt { served: false, verdict, evidence, http_status: Some(429), ..calls::attempt(&opened) };
///     let record = calls::settled(opened.clone(), vec![attempt]);
///     store.commit([Entry::Opened(opened), Entry::Settled(Box::new(record))].into()).await?;
/// }
/// // The newest two, and then those that are older.
/// let page = FailurePage { from: None, to: None, before: None, limit: 2 };
/// let newest: Vec<StoredFailure> = store.failures(page).await?;
/// assert_eq!(newest[0].evidence.text, "slow down, 3");
/// let before: Option<FailurePlace> = newest.last().map(|failure| failure.place);
/// let older = store.failures(FailurePage { before, ..page }).await?;
/// assert_eq!((older.len(), older[0].evidence.text.as_str()), (1, "slow down, 1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailurePage {
    /// Not before, roughly.
    pub from: Option<Timestamp>,
    /// Before, roughly.
    pub to: Option<Timestamp>,
    /// Only those at smaller places.
    pub before: Option<FailurePlace>,
    /// At most this many.
    pub limit: u32,
}

/// Which records to list. Every field narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Of this key.
    pub key: Option<KeyId>,
    /// Of this client token.
    pub token: Option<TokenId>,
    /// For this model, as the client wrote it.
    pub model: Option<String>,
    /// `success` or `error`.
    pub status: Option<String>,
    /// Of this error type.
    pub error_type: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only rows with a smaller id.
    pub before: Option<i64>,
    /// At most this many.
    pub limit: u32,
}

/// Which calls to sum. Every field narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TotalsFilter {
    /// Not before the hour, or the day, that this lies in.
    pub from: Timestamp,
    /// Before.
    pub to: Timestamp,
    /// Of the key that served them, else the last one tried.
    pub key: Option<KeyId>,
    /// Of this client token.
    pub token: Option<TokenId>,
    /// For this model, as clients wrote it.
    pub model: Option<String>,
    /// Of that key's provider.
    pub provider: Option<String>,
}

impl TotalsFilter {
    /// All calls from `from` to `to`.
    #[must_use]
    pub fn span(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to, ..Self::default() }
    }
}

/// What sums are split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// One sum.
    Nothing,
    /// Per key.
    Key,
    /// Per model.
    Model,
    /// Per provider.
    Provider,
    /// Per client token.
    Token,
    /// Per hour.
    Hour,
    /// Per day.
    Day,
}

/// One row of sums.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// The value of what was split by: a row id, a name, or the start of the hour or day in milliseconds. Empty for
    /// none.
    pub group: String,
    /// Settled calls.
    pub requests: u64,
    /// Those that did not end as `done`.
    pub errors: u64,
    /// What they used.
    pub usage: Usage,
    /// What they cost, as far as prices are known.
    pub cost: NanoUsd,
    /// Calls without a known price.
    pub unpriced: u64,
    /// Calls that read from a prompt cache.
    pub cached: u64,
    /// Those among them of which is known what that saved.
    pub saved_known: u64,
    /// What it saved, as far as that is known.
    pub saved: NanoUsd,
    /// Sum of latencies.
    pub latency_ms: u64,
    /// Sum of times to the first byte, and of how many calls.
    pub first_byte_ms: u64,
    /// Calls that have a first byte.
    pub first_bytes: u64,
    /// How latencies spread, in milliseconds. Holds fewer calls than `requests` where older sums have none.
    pub latency: Histogram,
    /// How times to the first byte spread, in milliseconds.
    pub first_byte: Histogram,
}

/// Why a store could not do what it was asked, by meaning.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     id::KeyId,
///     store::{ConfigStore as _, StoreError, memory::MemoryStore},
/// };
///
/// match MemoryStore::new().delete_key(KeyId(7)).await {
///     Err(StoreError::NotFound) => {}
///     other => return Err(format!("there is no such key: {other:?}").into()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum StoreError {
    /// It can not be written or read now; the same call may pass later.
    Unavailable(Source),
    /// There is no such row.
    NotFound,
    /// Another row has that place already.
    Conflict {
        /// What is there already.
        what: String,
    },
    /// It would leave nobody who may do everything.
    LastAdmin,
    /// What was to be stored can not be.
    Invalid(String),
    /// What is stored can not be understood. Nothing was changed.
    Corrupt(Source),
    /// The database was written by a newer version. Nothing was changed.
    Newer {
        /// Its version.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// The master key does not open this database.
    WrongMasterKey,
    /// Another process holds it.
    Locked(String),
}

type Source = Box<dyn std::error::Error + Send + Sync>;

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) => write!(f, "the store is not available: {cause}"),
            Self::NotFound => f.write_str("there is no such row"),
            Self::Conflict { what } => write!(f, "{what} is there already"),
            Self::LastAdmin => f.write_str("the last admin has to stay an admin who can sign in"),
            Self::Invalid(why) => f.write_str(why),
            Self::Corrupt(cause) => write!(f, "what is stored cannot be understood: {cause}"),
            Self::Newer { found, known } => {
                write!(f, "the database has version {found}, this program knows up to {known}; it was left untouched")
            }
            Self::WrongMasterKey => f.write_str("the master key does not open this database"),
            Self::Locked(by) => write!(f, "the data directory is in use by {by}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(cause) | Self::Corrupt(cause) => Some(&**cause),
            _ => None,
        }
    }
}
