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

use futures::future::BoxFuture;

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
mod config;
mod entry;
mod error;
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
mod records;
mod retention;
// A store that keeps no sums makes them of its records.
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
mod rollup;
mod rows;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod stored;
mod totals;
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
pub use config::{ConfigStore, Configuration, KeyChange, TokenSecret};
pub use entry::{Attempt, Entry, Opened, Outcome, Record, RecordedLoss, Side};
pub use error::StoreError;
pub use health::{HealthStore, KEPT_FOR_MS, MOST_EVENTS, StoredHealthEvent};
pub use histogram::Histogram;
pub use parts::Parts;
pub use prices::PriceStore;
pub use records::{
    FailurePage, FailurePlace, Page, RecordFilter, RecordStore, StoredAttempt, StoredFailure, StoredRecord,
};
pub use retention::{Extent, Forgotten, RetentionStore};
pub use totals::{GroupBy, Totals, TotalsFilter};
pub use users::{AuditStore, UserStore};

/// A future as the store's traits return it.
pub type StoreFuture<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The loss of power: each commit is synced to the disk.
    #[default]
    Full,
    /// The end of the process. The last commits before a loss of power can be missing; what is there is whole.
    Normal,
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
