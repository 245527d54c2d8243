//! Prices in memory.

use super::MemoryStore;
use crate::{
    id::PriceId,
    price::{PriceRow, PriceSpec},
    store::{PriceStore, StoreFuture},
    time::Timestamp,
};

impl PriceStore for MemoryStore {
    fn prices(&self, after: Option<PriceId>) -> StoreFuture<'_, Vec<PriceRow>> {
        self.run(|state| Ok(state.prices.iter().filter(|row| Some(row.id) > after).cloned().collect()))
    }

    fn add_prices(&self, specs: Vec<PriceSpec>, now: Timestamp) -> StoreFuture<'_, Vec<PriceRow>> {
        self.run(|state| {
            let mut row = |spec| PriceRow { id: PriceId(state.next_id()), create_time: now, spec };
            let rows: Vec<_> = specs.into_iter().map(&mut row).collect();
            state.prices.extend(rows.iter().cloned());
            Ok(rows)
        })
    }
}
