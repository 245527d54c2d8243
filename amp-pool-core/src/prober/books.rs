//! What our own books say that each key has spent.
//!
//! The sum over all time is kept and carried on, so that a look at it reads the last days alone.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::Mutex;

use crate::{
    id::KeyId,
    money::NanoUsd,
    store::{GroupBy, Store, StoreError, Totals, TotalsFilter},
    time::Timestamp,
};

const HOUR_MS: i64 = 60 * 60 * 1000;
/// A call is counted in the hour it was admitted in, and no call lasts so long.
const OPEN: i64 = 48 * HOUR_MS;

/// What a key has spent, by our own books.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// What is known to have been spent.
    pub cost: NanoUsd,
    /// Calls of which the price is not known.
    pub unpriced: u64,
}

impl Spent {
    fn add(&mut self, totals: &Totals) {
        self.cost = self.cost + totals.cost;
        self.unpriced = self.unpriced.saturating_add(totals.unpriced);
    }
}

pub(super) struct Books {
    store: Arc<dyn Store>,
    closed: Mutex<Closed>,
}

/// The sums of all hours before `until`, which nothing is added to any more.
#[derive(Default)]
struct Closed {
    until: Timestamp,
    sums: HashMap<KeyId, Spent>,
}

impl Books {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, closed: Mutex::default() }
    }

    /// What each key has spent since the books began.
    pub(super) async fn spent(&self, now: Timestamp) -> Result<HashMap<KeyId, Spent>, StoreError> {
        let mut closed = self.closed.lock().await;
        let end = now.plus_millis(-OPEN).hour();
        if closed.until < end {
            let more = self.store.totals(TotalsFilter::span(closed.until, end), GroupBy::Key).await?;
            add(&mut closed.sums, &more);
            closed.until = end;
        }
        let mut sums = closed.sums.clone();
        let (from, to) = (closed.until, now.hour().plus_millis(HOUR_MS));
        drop(closed);
        add(&mut sums, &self.store.totals(TotalsFilter::span(from, to), GroupBy::Key).await?);
        Ok(sums)
    }

    /// What one key has spent from `from` on, in whole hours.
    pub(super) async fn spent_since(&self, key: KeyId, from: Timestamp, now: Timestamp) -> Result<Spent, StoreError> {
        let to = now.hour().plus_millis(HOUR_MS);
        let of_the_key = TotalsFilter { key: Some(key), ..TotalsFilter::span(from, to) };
        let mut spent = Spent::default();
        self.store.totals(of_the_key, GroupBy::Nothing).await?.iter().for_each(|sums| spent.add(sums));
        Ok(spent)
    }
}

fn add(sums: &mut HashMap<KeyId, Spent>, rows: &[Totals]) {
    for row in rows {
        // The empty group is that of calls which no key took.
        if let Ok(key) = row.group.parse().map(KeyId) {
            sums.entry(key).or_default().add(row);
        }
    }
}
