//! The books, and what is read of them.

use std::sync::Arc;

use super::{
    Adjustment, Entry, GroupBy, HoldAnswer, Outcome, RecordedChoice, RecordedLoss, StoreFuture, Totals, TotalsFilter,
};
use crate::{
    classify::{DecidedBy, Evidence},
    id::{AttemptId, CallId, KeyId, TokenId},
    keys::PriceFactor,
    money::NanoUsd,
    time::Timestamp,
    usage::{ServiceTerms, Usage},
};

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
    /// have been, and its hold is marked as [`HoldState::Recovered`](super::HoldState::Recovered).
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
