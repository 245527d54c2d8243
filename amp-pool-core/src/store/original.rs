//! The database of the first AMP Pool, which was written in Python: its keys and its log, taken into a store of ours.
//!
//! Calls get ids that are made of what they are, so that one that was taken in before is not taken in twice: an import that
//! was broken off is simply made again. Keys that are there already, with the same credential, stay as they are. Credentials
//! that the old log repeats in clear are left behind, and so are what calls said, settings, and sums, which are made anew.

mod call;
mod read;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::Path,
    sync::{Arc, Mutex},
};

use crate::{
    budget::Zone,
    id::{AuditId, KeyId},
    keys::KeySpec,
    money::NanoUsd,
    time::Timestamp,
    user::{AuditEntry, Deed, DeedEnd},
};

use super::{Entry, GroupBy, Page, RecordFilter, Store, StoreError, Totals, TotalsFilter};
use read::{Log, OldKey, Original};

pub use read::is_original;

/// What an import is called in the audit log.
const ACTION: &str = "import";
/// Lines of the audit log that are looked through for an earlier one.
const LINES: u32 = 1_000;

/// What the old database does not say.
///
/// ```no_run
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     budget::Zone,
///     store::{
///         memory::MemoryStore,
///         original::{self, OriginalImported, OriginalOptions},
///     },
///     time::{Clock as _, SystemClock},
/// };
///
/// let options = OriginalOptions { provider: "amp".into(), zone: "Asia/Shanghai".parse::<Zone>()? };
/// // First a look, which writes nothing.
/// let found: OriginalImported = original::look("/srv/old/pool.db".as_ref(), &options).await?;
/// println!("{} keys, {} calls", found.keys, found.sums.calls);
/// original::import("/srv/old/pool.db".as_ref(), &MemoryStore::new(), &options, SystemClock.now()).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct OriginalOptions {
    /// Whose keys they are.
    pub provider: String,
    /// Where its clock stood: it wrote down local times.
    pub zone: Zone,
}

impl Default for OriginalOptions {
    /// Keys of Amp, and a clock that went by UTC.
    fn default() -> Self {
        Self { provider: "amp".into(), zone: Zone::default() }
    }
}

/// The counts and sums of a log.
///
/// ```
/// use amp_pool_core::store::original::Sums;
///
/// // What an operator compares with the pages of the old pool.
/// let sums = Sums { calls: 1_200, errors: 3, cost: "41.5".parse()?, ..Sums::default() };
/// assert!(sums.to_string().starts_with("1200 calls (3 failed), tokens: 0 in"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Calls.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// Input tokens that no cache held.
    pub input: u64,
    /// Input tokens read from a cache.
    pub cache_read: u64,
    /// Input tokens written to a cache.
    pub cache_write: u64,
    /// Output tokens.
    pub output: u64,
    /// What they cost.
    pub cost: NanoUsd,
    /// Their latencies, in milliseconds.
    pub latency_ms: u64,
}

impl Sums {
    fn of(totals: &Totals) -> Self {
        Self {
            calls: totals.requests,
            errors: totals.errors,
            input: totals.usage.uncached_input,
            cache_read: totals.usage.cache_read,
            cache_write: totals.usage.cache_write_5m,
            output: totals.usage.output,
            cost: totals.cost,
            latency_ms: totals.latency_ms,
        }
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, errors, input, cache_read, cache_write, output, cost, latency_ms } = self;
        write!(
            f,
            "{calls} calls ({errors} failed), tokens: {input} in, {cache_read} read from caches, {cache_write} written to \
             caches, {output} out; {cost} USD, {latency_ms} ms"
        )
    }
}

/// What an import did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OriginalImported {
    /// An earlier one had been broken off.
    pub resumed: bool,
    /// Keys that were added.
    pub keys: u64,
    /// Keys that were there already.
    pub known_keys: u64,
    /// The same in both databases.
    pub sums: Sums,
    /// What somebody should look at, a sentence each.
    pub remarks: Vec<String>,
}

/// What an import would take in.
///
/// # Errors
/// As of [`import`], as far as they are about `file`.
pub async fn look(file: &Path, options: &OriginalOptions) -> Result<OriginalImported, StoreError> {
    let original = open(file, options).await?;
    let keys = original.keys.len() as u64;
    Ok(OriginalImported { keys, sums: original.log.sums, remarks: original.remarks, ..OriginalImported::default() })
}

/// Takes the keys and the log of `file` into `store`, which has no calls of its own, and compares counts and sums.
///
/// # Errors
/// [`StoreError::Invalid`] when `file` is no such database or has no such columns, or `store` has calls that are not of it;
/// [`StoreError::Conflict`] when it was taken in already; nothing was changed then. [`StoreError::Corrupt`] when a row can
/// not be understood, or sums differ at the end. [`StoreError::Unavailable`] when either can not be read or written.
///
/// # Cancel safety
/// What was taken in stays. The next call goes on.
pub async fn import(
    file: &Path,
    store: &dyn Store,
    options: &OriginalOptions,
    now: Timestamp,
) -> Result<OriginalImported, StoreError> {
    let original = open(file, options).await?;
    let begun = begin(&original, store, now).await?;
    let mut done = OriginalImported { resumed: begun.resumed, ..OriginalImported::default() };
    done.remarks.clone_from(&original.remarks);
    let keys = take_keys(&original, store, &options.provider, &mut done).await?;
    take_calls(&original, store, options, &keys).await?;
    done.sums = compare(&original, store).await?;
    let end = DeedEnd { object: None, detail: None, status: 200 };
    store.settle_note(begun.note, end, now).await?;
    Ok(done)
}

async fn open(file: &Path, options: &OriginalOptions) -> Result<Original, StoreError> {
    let (file, zone) = (file.to_owned(), options.zone.clone());
    blocking(move || Original::open(&file, &zone)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(error.into()))?
}

/// An import that has been written down.
struct Begun {
    note: AuditId,
    resumed: bool,
}

/// Writes down what is about to be done, unless that was written down before.
async fn begin(original: &Original, store: &dyn Store, now: Timestamp) -> Result<Begun, StoreError> {
    let name = original.log.name();
    let lines = store.notes(None, None, LINES).await?;
    let of_it = |line: &&AuditEntry| line.deed.action == ACTION && line.deed.object.as_deref() == Some(&*name);
    match lines.iter().find(of_it) {
        Some(AuditEntry { status: Some(_), .. }) => {
            Err(StoreError::Conflict { what: "what this database holds".into() })
        }
        Some(AuditEntry { id, status: None, .. }) => Ok(Begun { note: *id, resumed: true }),
        None => {
            let any = store.list(RecordFilter::default(), Page { before: None, limit: 1 }).await?;
            if !any.is_empty() {
                let message = "there are calls in the books already, of others or of this database before it changed; \
                               an import needs a database without calls";
                return Err(StoreError::Invalid(message.into()));
            }
            let deed = Deed {
                user: None,
                actor: "command line".into(),
                address: String::new(),
                action: ACTION.into(),
                object: Some(name),
                detail: None,
            };
            Ok(Begun { note: store.note(deed, now).await?, resumed: false })
        }
    }
}

/// Adds the keys that are not there. Gives which row each has now, by its old one.
async fn take_keys(
    original: &Original,
    store: &dyn Store,
    provider: &str,
    done: &mut OriginalImported,
) -> Result<HashMap<i64, KeyId>, StoreError> {
    let mut rows = HashMap::new();
    let mut known: Vec<_> = store.load().await?.keys;
    for old in &original.keys {
        let spec = call::key(old, provider, &mut done.remarks);
        let is_same = |spec: &KeySpec, other: &KeySpec| {
            spec.provider == other.provider && spec.base_url == other.base_url && spec.api_key == other.api_key
        };
        if let Some(key) = known.iter().find(|key| is_same(&key.spec, &spec)) {
            done.known_keys += 1;
            rows.insert(old.id, key.id);
            continue;
        }
        let key = store.insert_key(spec, old.create_time).await?;
        done.keys += 1;
        rows.insert(old.id, key.id);
        known.push(key);
    }
    Ok(rows)
}

async fn take_calls(
    original: &Original,
    store: &dyn Store,
    options: &OriginalOptions,
    keys: &HashMap<i64, KeyId>,
) -> Result<(), StoreError> {
    let mut after = i64::MIN;
    loop {
        let (log, zone) = (original.log.clone(), options.zone.clone());
        let calls = blocking(move || log.after(after, &zone)).await?;
        let Some(last) = calls.last() else { return Ok(()) };
        after = last.id;
        let record = |old| Entry::Settled(Box::new(call::record(old, &options.provider, keys)));
        store.commit(calls.into_iter().map(record).collect::<Vec<_>>().into()).await?;
        tracing::info!(row = after, "taken in");
    }
}

/// Whether the books came to what the old log does.
async fn compare(original: &Original, store: &dyn Store) -> Result<Sums, StoreError> {
    let Log { sums, first, last, .. } = &*original.log;
    let day = 24 * 60 * 60 * 1_000;
    let span = TotalsFilter::span(first.day(), last.plus_millis(day));
    let totals = store.totals(span, GroupBy::Nothing).await?;
    let found = totals.first().map(Sums::of).unwrap_or_default();
    if found == *sums {
        return Ok(found);
    }
    Err(StoreError::Corrupt(format!("the old log has {sums}; the books have {found}").into()))
}

/// Counts what is left behind, by a name for people.
fn left_behind(counts: &BTreeMap<&str, i64>) -> Vec<String> {
    let told = counts.iter().filter(|(_, count)| **count > 0);
    told.map(|(what, count)| format!("left behind: {count} {what}")).collect()
}

type Shared = Arc<Mutex<rusqlite::Connection>>;

/// A call of the old log.
struct OldCall {
    id: i64,
    create_time: Timestamp,
    key: i64,
    provider: Option<String>,
    model: Option<String>,
    upstream_model: Option<String>,
    tokens: [u64; 4],
    cost: Option<NanoUsd>,
    latency_ms: u64,
    status: String,
    http_status: Option<u16>,
    error_type: Option<String>,
    error_message: Option<String>,
}
