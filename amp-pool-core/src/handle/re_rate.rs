//! Rating calls again, by the prices as they are known now.

use super::{ChangeError, Handle};
use crate::{
    budget::Scope,
    id::{CallId, KeyId},
    keys::PriceFactor,
    money::NanoUsd,
    price::{Billing, PriceBook},
    store::{AttemptAdjustment, CallAdjustment, Charge, Page, RecordFilter, StoreError, StoredAttempt, StoredRecord},
    time::Timestamp,
};

/// Calls that are looked at together.
const STEP: u32 = 250;
/// How often a step is tried that others are in the way of.
const TRIES: u32 = 5;

/// Which calls are rated again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReRate {
    /// Admitted not before.
    pub from: Timestamp,
    /// Admitted before.
    pub to: Timestamp,
    /// For this model, as clients wrote it. `None`: for all.
    pub model: Option<String>,
    /// Only say what would change.
    pub dry_run: bool,
    /// Who wants it so.
    pub who: String,
    /// Why, in words.
    pub note: String,
}

/// What rating calls again did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReRated {
    /// Calls that were looked at.
    pub calls: u64,
    /// Those whose cost or saving is another now.
    pub adjusted: u64,
    /// Those among them whose cost was not known before.
    pub became_known: u64,
    /// Those of all whose cost is still not known.
    pub still_unknown: u64,
    /// What the adjusted ones cost by the books, as far as that was known.
    pub before: NanoUsd,
    /// What they cost.
    pub after: NanoUsd,
}

impl Handle {
    /// Rates calls that have ended again: each attempt by the price that held when it was sent, as the prices are written
    /// now, and with the factor that its key had. Where that gives another cost, an adjustment is written beside the record,
    /// which stays as it is; statistics and budgets follow, in the hours and windows in which the call was.
    ///
    /// What has no price still keeps the cost that it has. Done again, it changes nothing.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] when `to` is not after `from`, [`ChangeError::Unavailable`]: what was adjusted by then stays so.
    ///
    /// # Cancel safety
    /// Dropping the future leaves each call adjusted or as it was.
    pub async fn re_rate(&self, wanted: ReRate) -> Result<ReRated, ChangeError> {
        if wanted.from >= wanted.to {
            return Err(ChangeError::Invalid { field: "to", message: "`to` has to be after `from`".into() });
        }
        self.flush().await;
        let ReRate { from, to, model, .. } = wanted.clone();
        let filter = RecordFilter { from: Some(from), to: Some(to), model, ..RecordFilter::default() };
        let (mut before, mut done) = (None, ReRated::default());
        loop {
            let rows = self.0.store.list(filter.clone(), Page { before, limit: STEP }).await?;
            let Some(last) = rows.last() else { break };
            before = Some(last.id);
            self.re_rate_some(rows.iter().filter(|row| row.outcome.is_some()).map(|row| row.call), &wanted, &mut done)
                .await?;
        }
        if !wanted.dry_run && done.adjusted > 0 {
            // What keys have spent is another now.
            let _one_at_a_time = self.0.changes.lock().await;
            self.reload().await?;
        }
        Ok(done)
    }

    async fn re_rate_some(
        &self,
        calls: impl Iterator<Item = CallId>,
        wanted: &ReRate,
        done: &mut ReRated,
    ) -> Result<(), ChangeError> {
        let book = self.0.prices.load().book.clone();
        let mut adjustments = Vec::new();
        for record in &self.0.store.get_many(calls.collect()).await? {
            let adjustment = self.rated_again(record, &book, wanted);
            done.count(record, adjustment.as_ref());
            adjustments.extend(adjustment);
        }
        if !wanted.dry_run && !adjustments.is_empty() {
            self.adjust(adjustments).await?;
        }
        Ok(())
    }

    /// On a database that several write, one of two who want the same rows may have to come again.
    async fn adjust(&self, adjustments: Vec<CallAdjustment>) -> Result<(), StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.0.store.adjust(adjustments.clone(), self.now()).await {
                Err(StoreError::Unavailable(error)) if tries < TRIES => {
                    tracing::warn!(%error, "calls could not be adjusted; trying again");
                    tokio::time::sleep(std::time::Duration::from_millis(100) * tries).await;
                }
                other => return other.map(drop),
            }
        }
    }

    /// What a call turns out to cost. `None`: what the books say.
    fn rated_again(&self, record: &StoredRecord, book: &PriceBook, wanted: &ReRate) -> Option<CallAdjustment> {
        let rated = (0..).zip(&record.attempts).map(|(n, attempt)| self.rate(record, n, attempt, book));
        let rated: Vec<Rated> = rated.collect();
        let attempts: Vec<_> = rated.iter().filter_map(|rated| rated.adjustment.clone()).collect();
        if attempts.is_empty() {
            return None;
        }
        let keys = costs_of_keys(record, &rated);
        Some(CallAdjustment {
            call: record.call,
            seen: record.adjustments.len(),
            cost: rated.iter().map(|rated| rated.cost).sum(),
            saved: rated.iter().map(|rated| rated.saved).sum(),
            attempts,
            charges: keys.iter().filter_map(|(key, cost)| self.charge(record, *key, *cost)).collect(),
            keys,
            who: wanted.who.clone(),
            note: wanted.note.clone(),
        })
    }

    /// What a call costs the budget that its key has now.
    fn charge(&self, record: &StoredRecord, key: KeyId, cost: NanoUsd) -> Option<Charge> {
        let configuration = self.0.configuration.load();
        let budget = configuration.keys.iter().find(|known| known.id == key)?.spec.budget.as_ref()?;
        let (period, _) = budget.period(Scope::Key(key), record.create_time);
        (cost > NanoUsd::ZERO).then_some(Charge { period, cost })
    }

    fn rate(&self, record: &StoredRecord, n: u32, attempt: &StoredAttempt, book: &PriceBook) -> Rated {
        let (cost, saved) = match record.adjustment(n) {
            Some(adjusted) => (Some(adjusted.cost), adjusted.saved),
            None => (attempt.cost, attempt.saved),
        };
        let as_it_was = Rated { cost, saved, adjustment: None };
        let Some(price) = book.find_at(&attempt.provider, &attempt.upstream_model, attempt.create_time) else {
            return as_it_was;
        };
        let factor = attempt.price_factor.unwrap_or_else(|| self.factor(attempt.key));
        let billing = Billing { factor, terms: attempt.terms, at: Some(attempt.create_time) };
        let Ok(now) = price.cost(&attempt.usage, billing) else { return as_it_was };
        let saved_now = price.saved(&attempt.usage, billing).ok();
        if cost == Some(now) && saved == saved_now {
            return as_it_was;
        }
        let adjustment = AttemptAdjustment {
            n,
            cost_before: cost,
            cost: now,
            saved_before: saved,
            saved: saved_now,
            price_version: price.version.clone(),
        };
        Rated { cost: Some(now), saved: saved_now, adjustment: Some(adjustment) }
    }

    /// The factor of a key now, where nobody noted that of then.
    fn factor(&self, key: KeyId) -> PriceFactor {
        let configuration = self.0.configuration.load();
        let known = configuration.keys.iter().find(|known| known.id == key);
        known.map_or(PriceFactor::ONE, |known| known.spec.price_factor)
    }
}

/// An attempt as it is rated now.
struct Rated {
    cost: Option<NanoUsd>,
    saved: Option<NanoUsd>,
    /// `None`: as it was before.
    adjustment: Option<AttemptAdjustment>,
}

/// What the attempts on each key cost together. A key of whose attempts one is not known is left out.
fn costs_of_keys(record: &StoredRecord, rated: &[Rated]) -> Vec<(KeyId, NanoUsd)> {
    let mut keys: Vec<KeyId> = record.attempts.iter().map(|attempt| attempt.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let cost = |key: &KeyId| {
        let own = record.attempts.iter().zip(rated).filter(|(attempt, _)| attempt.key == *key);
        own.map(|(_, rated)| rated.cost).sum::<Option<NanoUsd>>()
    };
    keys.into_iter().filter_map(|key| Some((key, cost(&key)?))).collect()
}

impl ReRated {
    fn count(&mut self, record: &StoredRecord, adjustment: Option<&CallAdjustment>) {
        self.calls += 1;
        let cost = adjustment.map_or(record.cost_now(), |adjustment| adjustment.cost);
        self.still_unknown += u64::from(cost.is_none());
        if adjustment.is_some() {
            self.adjusted += 1;
            self.became_known += u64::from(record.cost_now().is_none() && cost.is_some());
            self.before = self.before + record.cost_now().unwrap_or_default();
            self.after = self.after + cost.unwrap_or_default();
        }
    }
}
