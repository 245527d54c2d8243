//! What is kept of balances: a thin history for each key.
//!
//! Near the present every change is kept, further back one an hour, and then one a day: enough for a curve, and for how
//! fast money goes.

use std::collections::HashSet;

use crate::{balance::Reading, id::KeyId, money::NanoUsd, time::Timestamp};

use super::StoreFuture;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// So long, every change is kept.
const WHOLE: i64 = 2 * DAY_MS;
/// So long, one an hour.
const HOURLY: i64 = 7 * DAY_MS;
/// So long, one a day. What is older goes.
const DAILY: i64 = 400 * DAY_MS;
/// However often somebody asks.
const MOST: usize = 2_000;

/// Keeps what was learned of balances.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     balance::{Kind, Reading},
///     id::KeyId,
///     money::NanoUsd,
///     store::{BalanceSource, BalanceStore, NewBalance, StoredBalance, memory::MemoryStore},
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let blank = Reading::blank("balance", Kind::Balance);
/// let reading = Reading { amount: Some("12.5".parse()?), currency: Some("USD".into()), ..blank };
/// let balance = NewBalance {
///     key: KeyId(1),
///     fingerprint: "f".into(),
///     source: BalanceSource::Reported,
///     booked: NanoUsd::ZERO,
///     raw: None,
///     reading,
/// };
/// // The same said again is the same row, seen later.
/// store.put_balance(balance.clone(), now).await?;
/// store.put_balance(balance, Timestamp::from_millis(60_000)).await?;
/// let history: Vec<StoredBalance> = store.balances(KeyId(1), now, Timestamp::from_millis(120_000)).await?;
/// assert_eq!((history.len(), history[0].update_time), (1, Timestamp::from_millis(60_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait BalanceStore: Send + Sync + 'static {
    /// Keeps a balance. One that a key's upstream reported and that says the same as the one before moves that one's end
    /// instead, and what is no longer worth keeping goes.
    fn put_balance(&self, balance: NewBalance, now: Timestamp) -> StoreFuture<'_, ()>;

    /// The newest of each key and source.
    fn latest_balances(&self) -> StoreFuture<'_, Vec<StoredBalance>>;

    /// What is kept for a key that was true at some time in `from` (inclusive) to `to` (exclusive), oldest first.
    /// `raw` is kept for the newest alone.
    fn balances(&self, key: KeyId, from: Timestamp, to: Timestamp) -> StoreFuture<'_, Vec<StoredBalance>>;
}

/// Who says what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BalanceSource {
    /// The upstream.
    Reported,
    /// An operator.
    Manual,
}

impl BalanceSource {
    /// The name in JSON and in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Manual => "manual",
        }
    }
}

/// A balance to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBalance {
    /// Whose it is.
    pub key: KeyId,
    /// The key's fingerprint then: another credential may lead to another account.
    pub fingerprint: String,
    /// Who says so.
    pub source: BalanceSource,
    /// What was said. A manual one without an amount takes back the one before.
    pub reading: Reading,
    /// What our own books had for the key then.
    pub booked: NanoUsd,
    /// What it was read from, swept of secrets.
    pub raw: Option<String>,
}

/// A balance read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBalance {
    /// Its row.
    pub id: i64,
    /// Since when it is known.
    pub create_time: Timestamp,
    /// Until when it was seen to be the same.
    pub update_time: Timestamp,
    /// What was kept.
    pub balance: NewBalance,
}

impl StoredBalance {
    /// Whether `next` says the same, so that no row of its own is needed. A person who says the same again means now.
    pub(super) fn is_continued_by(&self, next: &NewBalance) -> bool {
        let NewBalance { key, fingerprint, source, reading, .. } = &self.balance;
        (key, fingerprint, source) == (&next.key, &next.fingerprint, &next.source)
            && *source == BalanceSource::Reported
            && reading.repeats(&next.reading)
    }
}

/// Which rows of a key and source are no longer worth keeping. `rows`: id and time, newest first.
pub(super) fn surplus(rows: &[(i64, Timestamp)], now: Timestamp) -> Vec<i64> {
    let mut kept = HashSet::new();
    let mut gone = Vec::new();
    for (place, (id, at)) in rows.iter().enumerate() {
        let is_wanted = place < MOST && slot(*at, now).is_some_and(|slot| slot.is_none_or(|slot| kept.insert(slot)));
        // The newest says what is known now, however old it is.
        if place > 0 && !is_wanted {
            gone.push(*id);
        }
    }
    gone
}

/// Of which hour or day a row is the only one. `Some(None)`: of none, it stays; `None`: it goes.
fn slot(at: Timestamp, now: Timestamp) -> Option<Option<(bool, Timestamp)>> {
    match now.as_millis().saturating_sub(at.as_millis()) {
        age if age < WHOLE => Some(None),
        age if age < HOURLY => Some(Some((true, at.hour()))),
        age if age < DAILY => Some(Some((false, at.day()))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 60 * 60 * 1000;

    #[test]
    fn history_grows_thinner_with_age() {
        let now = Timestamp::from_millis(1_000 * DAY_MS);
        let steps = 500 * 24 * 4;
        let mut rows: Vec<_> = (0..steps).map(|n| (n, now.plus_millis(-n * HOUR_MS / 4))).collect();
        rows.truncate(MOST);
        let gone: HashSet<_> = surplus(&rows, now).into_iter().collect();
        let kept = |from: i64, to: i64| {
            let ages = rows.iter().map(|(id, at)| (id, now.as_millis() - at.as_millis()));
            ages.filter(|(id, age)| (from..to).contains(age) && !gone.contains(id)).count()
        };
        assert_eq!(kept(0, WHOLE), 2 * 24 * 4);
        // The hour in which it changes counts twice.
        assert!((5 * 24..=5 * 24 + 1).contains(&kept(WHOLE, HOURLY)));
        assert!(kept(HOURLY, DAILY) <= 15);
    }

    #[test]
    fn the_newest_stays_however_old_it_is() {
        let now = Timestamp::from_millis(1_000 * DAY_MS);
        let old = Timestamp::from_millis(0);
        assert_eq!(surplus(&[(2, old), (1, old)], now), [1]);
        assert_eq!(surplus(&[], now), [0_i64; 0]);
    }

    #[test]
    fn however_often_somebody_asks_there_is_a_bound() {
        let now = Timestamp::from_millis(1_000 * DAY_MS);
        let rows: Vec<_> = (0..5_000).map(|n| (n, now)).collect();
        assert_eq!(rows.len() - surplus(&rows, now).len(), MOST);
    }
}
