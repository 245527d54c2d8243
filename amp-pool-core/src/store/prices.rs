//! Prices that were written down.

use super::StoreFuture;
use crate::{
    id::PriceId,
    price::{PriceRow, PriceSpec},
    time::Timestamp,
};

/// Keeps prices. A row is never changed and never removed: records name it.
pub trait PriceStore: Send + Sync + 'static {
    /// Every row behind `after`, in the order in which they were written.
    ///
    /// No row with a smaller id is written later than one that was told.
    fn prices(&self, after: Option<PriceId>) -> StoreFuture<'_, Vec<PriceRow>>;

    /// Writes rows as one transaction. Other processes take them up as they take up a change of configuration.
    fn add_prices(&self, specs: Vec<PriceSpec>, now: Timestamp) -> StoreFuture<'_, Vec<PriceRow>>;
}
