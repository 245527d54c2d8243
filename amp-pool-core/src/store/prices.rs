//! Prices that were written down.

use super::StoreFuture;
use crate::{
    id::PriceId,
    price::{PriceRow, PriceSpec},
    time::Timestamp,
};

/// Keeps prices. A row is never changed and never removed: records name it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     price::{Origin, PriceSpec, Sheet},
///     store::{PriceStore, memory::MemoryStore},
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let spec = PriceSpec {
///     provider: None,
///     model: "our-model".into(),
///     aliases: Vec::new(),
///     origin: Origin::Own,
///     sheet: Some(Sheet { input: Some("1".parse()?), output: Some("2".parse()?), ..Sheet::default() }),
///     valid_from: now,
///     source: "contract".into(),
///     who: "ada".into(),
///     note: String::new(),
/// };
/// // Rows are added and never changed. Who knows some asks for those after them.
/// let rows = store.add_prices(vec![spec], now).await?;
/// assert_eq!(store.prices(None).await?.len(), 1);
/// assert!(store.prices(Some(rows[0].id)).await?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait PriceStore: Send + Sync + 'static {
    /// Every row behind `after`, in the order in which they were written.
    ///
    /// No row with a smaller id is written later than one that was told.
    fn prices(&self, after: Option<PriceId>) -> StoreFuture<'_, Vec<PriceRow>>;

    /// Writes rows as one transaction. Other processes take them up as they take up a change of configuration.
    fn add_prices(&self, specs: Vec<PriceSpec>, now: Timestamp) -> StoreFuture<'_, Vec<PriceRow>>;
}
