//! Forgetting single calls, so that years of them fit a disk, and adding up what is left of them.

use super::StoreFuture;
use crate::time::Timestamp;

/// Forgets old calls. Sums, budgets and balances stay, and are kept handy.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     store::{Extent, Forgotten, RetentionStore, memory::MemoryStore},
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(86_400_000));
/// // In small steps, so that nobody waits for long: again as long as there is more.
/// let Forgotten { calls, more } = store.forget(Timestamp::from_millis(0), 1000, now).await?;
/// assert_eq!((calls, more), (0, false));
/// let Extent { oldest, .. } = store.extent().await?;
/// assert_eq!(oldest, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait RetentionStore: Send + Sync + 'static {
    /// Removes settled calls that were admitted before `before`, the oldest first and at most `most` of them, with their
    /// attempts and losses and with what was held for them. What budgets have spent stays spent, and a call that still
    /// runs stays, however old it is.
    ///
    /// One short transaction: whoever has much to forget calls again, and lets others write in between.
    fn forget(&self, before: Timestamp, most: u32, now: Timestamp) -> StoreFuture<'_, Forgotten>;

    /// Adds up sums of some hours that are over, so that questions about long times are answered at once. Says whether
    /// there is more to do. Changes no answer.
    ///
    /// One short transaction, as above. A store that answers quickly without does nothing.
    fn sum_up(&self, now: Timestamp) -> StoreFuture<'_, bool>;

    /// How far the books reach, and how much room they take.
    fn extent(&self) -> StoreFuture<'_, Extent>;
}

/// What one step of forgetting did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Calls that were removed.
    pub calls: u64,
    /// Whether there may be more to remove.
    pub more: bool,
}

/// How far the books reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Bytes in use by the whole store, as far as it knows. Room that removed rows leave for others is not in use.
    pub bytes: Option<u64>,
    /// When the oldest settled call that is left was admitted.
    pub oldest: Option<Timestamp>,
    /// Calls that were admitted before this may have been removed.
    pub forgotten_before: Option<Timestamp>,
}
