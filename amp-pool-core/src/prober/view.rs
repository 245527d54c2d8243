//! Three figures side by side: what the upstream reports, what follows from our own books, what a person said.

use std::{collections::HashMap, sync::Arc};

use tokio::time::Instant;

use super::{Prober, Spent, Trouble, USD, in_dollars, is_out_of_credit};
use crate::{
    balance::{Amount, Kind, Probe, Seen, burn_per_day, days_left, per_day},
    id::KeyId,
    keys::{Key, LiveKey},
    money::NanoUsd,
    store::{BalanceSource, NewBalance, StoreError, StoredBalance},
    time::Timestamp,
};

/// Over how much time it is reckoned how fast money goes.
const WINDOW_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Everything that is known of a key's balance. What nobody knows is `None`.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     keys::KeySpec,
///     prober::{BalanceView, Figure, FigureSource, ManualBalance},
///     secret::Secret,
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let key = pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?.key.id;
/// // Nobody knows, which is not 0.
/// let Figure { source, amount, .. } = pool.handle().balance(key).await?.figure;
/// assert_eq!((source, amount), (FigureSource::None, None));
///
/// let view: BalanceView = pool.handle().say_balance(key, Some(("25".parse()?, "USD".into()))).await?;
/// let said: ManualBalance = view.manual.ok_or("somebody said so")?;
/// assert_eq!((view.figure.source, said.currency.as_str()), (FigureSource::Manual, "USD"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct BalanceView {
    /// Whose it is.
    pub key: KeyId,
    /// The figure to go by: the reported one, else a person's, else the computed one.
    pub figure: Figure,
    /// What the upstream said last. It stays when later questions fail.
    pub reported: Option<Arc<StoredBalance>>,
    /// What was paid in, minus what our books have.
    pub computed: Option<Computed>,
    /// What a person said, and what is left of it.
    pub manual: Option<ManualBalance>,
    /// Why the last question had no answer, if it had none.
    pub trouble: Option<Trouble>,
    /// When the upstream is asked again. `None`: only on demand.
    pub next_at: Option<Timestamp>,
    /// The reported balance at which the key stops. `None`: it never does.
    pub minimum: Option<Amount>,
    /// Whether it has stopped the key.
    pub stopped: bool,
    /// Values that probes of the provider could use and that were not given.
    pub missing: Vec<String>,
    /// How fast it goes.
    pub burn: Burn,
}

/// Which of the three figures one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FigureSource {
    /// The upstream told it.
    Reported,
    /// What was paid in minus what our books have.
    Computed,
    /// A person told it.
    Manual,
    /// Nobody knows.
    #[default]
    None,
}

impl FigureSource {
    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Computed => "computed",
            Self::Manual => "manual",
            Self::None => "none",
        }
    }
}

/// What is left, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figure {
    /// What is left.
    pub amount: Option<Amount>,
    /// In which unit.
    pub currency: Option<String>,
    /// What that is in USD: as it is, or by the rate that the operator gave.
    pub usd: Option<Amount>,
    /// Who says so.
    pub source: FigureSource,
    /// When that was known.
    pub at: Option<Timestamp>,
}

/// What was paid in, minus what our own books have. In USD.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     keys::KeySpec,
///     prober::{Burn, Computed},
///     secret::Secret,
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let mut spec = KeySpec::new("mine", "openai", Secret::new("sk-a"));
/// spec.total_balance = Some("25".parse()?);
/// let key = pool.handle().add_key(spec).await?.key.id;
/// let view = pool.handle().balance(key).await?;
/// let Computed { left, booked, .. } = view.computed.ok_or("it is known what was paid in")?;
/// assert_eq!((left, booked), ("25".parse()?, "0".parse()?));
/// // Who spends nothing does not run out.
/// let Burn { days_left, .. } = view.burn;
/// assert_eq!(days_left, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Computed {
    /// What is left.
    pub left: Amount,
    /// What was paid in.
    pub total: NanoUsd,
    /// What the books have.
    pub booked: NanoUsd,
    /// Calls without a known price: with any, less is left than that.
    pub unpriced: u64,
    /// When this was reckoned.
    pub at: Timestamp,
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualBalance {
    /// What there was.
    pub amount: Amount,
    /// In which unit.
    pub currency: String,
    /// When.
    pub at: Timestamp,
    /// What our books leave of it. `None` where they count in another unit.
    pub left: Option<Amount>,
}

/// How fast money goes, over the last seven days.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Burn {
    /// In a day, by our own books, in USD.
    pub booked_per_day: Option<Amount>,
    /// In a day, by what the upstream reports, in its own unit.
    pub reported_per_day: Option<Amount>,
    /// How many days the figure to go by lasts.
    pub days_left: Option<f64>,
}

impl Prober {
    /// The figure to go by of each of `keys`.
    pub(crate) async fn figures(
        &self,
        keys: &[(Arc<Key>, Option<Arc<LiveKey>>)],
    ) -> Result<HashMap<KeyId, Figure>, StoreError> {
        let now = self.clock.now();
        let spent = self.books.spent(now).await?;
        let figure = |(key, live): &(Arc<Key>, Option<Arc<LiveKey>>)| {
            let spent = spent.get(&key.id).copied().unwrap_or_default();
            let reported = live.as_ref().and_then(|live| self.board.reported(live));
            let manual = self.manual(key.id, spent);
            (key.id, figure(key, reported.as_deref(), manual.as_ref(), computed(key, spent, now)))
        };
        Ok(keys.iter().map(figure).collect())
    }

    /// Everything that is known of a key's balance. `live` is `None` for a key that is not in service.
    pub(crate) async fn view(&self, key: &Key, live: Option<&Arc<LiveKey>>) -> Result<BalanceView, StoreError> {
        let now = self.clock.now();
        let spent = self.books.spent(now).await?.get(&key.id).copied().unwrap_or_default();
        let reported = live.and_then(|live| self.board.reported(live));
        let (manual, computed) = (self.manual(key.id, spent), computed(key, spent, now));
        let figure = figure(key, reported.as_deref(), manual.as_ref(), computed);
        let by_probe =
            || live.zip(reported.as_ref()).and_then(|(live, known)| self.minimum(live, &known.balance.reading));
        Ok(BalanceView {
            key: key.id,
            burn: self.burn(key, reported.as_deref(), &figure, now).await?,
            figure,
            computed,
            manual,
            trouble: live.and_then(|live| self.board.last_trouble(live)),
            next_at: live.filter(|live| live.key.spec.enabled).and_then(|live| self.next_at(live, now)),
            minimum: key.spec.balance.minimum.or_else(by_probe),
            stopped: live.is_some_and(|live| self.board.is_stopped(live) && is_out_of_credit(live, Instant::now())),
            missing: live.map(|live| missing(live)).unwrap_or_default(),
            reported,
        })
    }

    /// Keeps what a person says there is, or takes it back with `None`.
    pub(crate) async fn say(&self, key: &Key, said: Option<(Amount, String)>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let booked = self.books.spent(now).await?.get(&key.id).copied().unwrap_or_default().cost;
        let mut reading = crate::balance::Reading::blank("manual", Kind::Balance);
        (reading.amount, reading.currency) = said.unzip();
        let (fingerprint, source) = (key.fingerprint.clone(), BalanceSource::Manual);
        let balance = NewBalance { key: key.id, fingerprint, source, reading, booked, raw: None };
        self.store.put_balance(balance.clone(), now).await?;
        self.board.set_manual(StoredBalance { id: 0, create_time: now, update_time: now, balance });
        Ok(())
    }

    /// What is kept for a key.
    pub(crate) async fn history(
        &self,
        key: KeyId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<StoredBalance>, StoreError> {
        self.store.balances(key, from, to).await
    }

    fn manual(&self, key: KeyId, spent: Spent) -> Option<ManualBalance> {
        let stored = self.board.manual(key)?;
        let NewBalance { reading, booked, .. } = &stored.balance;
        let (amount, currency) = (reading.amount?, reading.currency.clone()?);
        let since = Amount::from(spent.cost).minus((*booked).into());
        let left = since.filter(|_| currency == USD).and_then(|since| amount.minus(since));
        Some(ManualBalance { amount, currency, at: stored.create_time, left })
    }

    fn next_at(&self, live: &LiveKey, now: Timestamp) -> Option<Timestamp> {
        let due = self.board.due(live)?;
        self.schedule.every.filter(|_| !self.scheduled(live).is_empty())?;
        let wait = due.saturating_duration_since(Instant::now()).as_millis();
        Some(now.plus_millis(i64::try_from(wait).ok()?))
    }

    async fn burn(
        &self,
        key: &Key,
        reported: Option<&StoredBalance>,
        figure: &Figure,
        now: Timestamp,
    ) -> Result<Burn, StoreError> {
        let from = now.plus_millis(-WINDOW_MS);
        let spent = self.books.spent_since(key.id, from, now).await?;
        let known_for = now.as_millis().saturating_sub(key.create_time.as_millis().max(from.as_millis()));
        let booked_per_day = per_day(spent.cost.0.into(), known_for);
        let history = self.store.balances(key.id, from, now.plus_millis(1)).await?;
        let seen: Vec<_> = history.iter().filter_map(|row| seen(row, reported?, from)).collect();
        let reported_per_day = burn_per_day(&seen);
        let lasts = |left: Option<Amount>, per_day: Option<Amount>| days_left(left?, per_day?);
        let by_report = lasts(figure.amount.filter(|_| figure.source == FigureSource::Reported), reported_per_day);
        let days_left = by_report.or_else(|| lasts(figure.usd, booked_per_day));
        Ok(Burn { booked_per_day, reported_per_day, days_left })
    }
}

/// A row of the history that can be compared with what is reported now.
fn seen(row: &StoredBalance, now: &StoredBalance, from: Timestamp) -> Option<Seen> {
    let (then, reading) = (&row.balance, &row.balance.reading);
    let same = then.source == BalanceSource::Reported
        && then.fingerprint == now.balance.fingerprint
        && reading.currency == now.balance.reading.currency
        && reading.kind == Kind::Balance;
    let amount = reading.amount.filter(|_| same)?;
    Some(Seen { from: row.create_time.max(from), until: row.update_time, amount })
}

fn computed(key: &Key, spent: Spent, now: Timestamp) -> Option<Computed> {
    let total = key.spec.total_balance?;
    let left = Amount::from(total).minus(spent.cost.into())?;
    Some(Computed { left, total, booked: spent.cost, unpriced: spent.unpriced, at: now })
}

fn figure(
    key: &Key,
    reported: Option<&StoredBalance>,
    manual: Option<&ManualBalance>,
    computed: Option<Computed>,
) -> Figure {
    let by_upstream = || {
        let known = reported.filter(|known| known.balance.reading.kind == Kind::Balance)?;
        let reading = &known.balance.reading;
        Some((reading.amount?, reading.currency.clone(), FigureSource::Reported, known.update_time))
    };
    let by_person = || {
        let ManualBalance { amount, currency, at, left } = manual?;
        Some((left.unwrap_or(*amount), Some(currency.clone()), FigureSource::Manual, *at))
    };
    let by_books = || computed.map(|c| (c.left, Some(USD.to_owned()), FigureSource::Computed, c.at));
    let Some((amount, currency, source, at)) = by_upstream().or_else(by_person).or_else(by_books) else {
        return Figure::default();
    };
    let usd = in_dollars(key, amount, currency.as_deref());
    Figure { amount: Some(amount), currency, usd, source, at: Some(at) }
}

fn missing(live: &LiveKey) -> Vec<String> {
    let by_default = live.provider.balance.iter().filter(|probe| probe.by_default);
    let mut names: Vec<_> = by_default.flat_map(Probe::needs).collect();
    names.retain(|name| !live.key.spec.balance.values.contains_key(name));
    names.sort();
    names.dedup();
    names
}
