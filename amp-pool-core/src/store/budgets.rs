//! What is spent and held.
//!
//! A hold is a row with an owner, its call, and a state; a tally is the sum of such rows, kept beside them. Both change in
//! the transactions that write records, so that no moment shows one without the other.

use super::StoreFuture;
use crate::{
    budget::{Claim, Period, Tally},
    id::CallId,
    money::NanoUsd,
    time::Timestamp,
};

/// Tells what is spent and held. It changes by [`RecordStore::commit`](super::RecordStore::commit) and
/// [`RecordStore::recover`](super::RecordStore::recover) alone.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     budget::{Budget, Claim, Scope, Tally, Window},
///     id::{CallId, TokenId},
///     money::NanoUsd,
///     store::{BudgetStore, Entry, Hold, HoldAnswer, RecordStore as _, memory::MemoryStore},
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let budget = Budget::of(NanoUsd(100), Window::Total);
/// let (period, _) = budget.period(Scope::Token(TokenId(1)), now);
/// let hold = |n: u8| Hold {
///     call: CallId::new(now, &[n; 10]),
///     n: 0,
///     create_time: now,
///     claims: vec![Claim { period, limit: budget.limit }],
///     least: NanoUsd(60),
///     worst: NanoUsd(60),
/// };
/// // Of two that want sixty of a hundred one gets them.
/// let answers = store.commit([Entry::Held(hold(1)), Entry::Held(hold(2))].into()).await?;
/// assert!(matches!(answers[..], [HoldAnswer::Held { amount: NanoUsd(60), .. }, HoldAnswer::Short { .. }]));
/// let tallies: Vec<Tally> = store.tallies(vec![period]).await?;
/// assert_eq!((tallies[0].held, tallies[0].spent), (NanoUsd(60), NanoUsd::ZERO));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait BudgetStore: Send + Sync + 'static {
    /// What is spent and held in each of `periods`, in their order. Nothing, where nothing ever was.
    fn tallies(&self, periods: Vec<Period>) -> StoreFuture<'_, Vec<Tally>>;

    /// What was held for a call and what it became, in the order of `n`, and by period where that is the same.
    fn holds(&self, call: CallId) -> StoreFuture<'_, Vec<StoredHold>>;
}

/// Money to be held for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The call it is for. It owns the hold.
    pub call: CallId,
    /// 0 for the first of a call; more is held where another attempt comes on top of what one did cost.
    pub n: u32,
    /// When it was asked for.
    pub create_time: Timestamp,
    /// The most that the call can cost.
    pub worst: NanoUsd,
    /// What has to be there at least. Less than `worst` where the call can be cut short.
    pub least: NanoUsd,
    /// Every limit that it has to keep. No period is there twice.
    pub claims: Vec<Claim>,
}

impl Hold {
    /// Whether `kept` is what became of it. A charge to a key stands under the first number too, and was never held.
    pub(super) fn is_kept_as(&self, kept: &StoredHold) -> bool {
        self.n == kept.n && self.claims.iter().any(|claim| claim.period == kept.period)
    }
}

/// What came of a [`Hold`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldAnswer {
    /// It is held, under every limit.
    Held {
        /// How much: between `least` and `worst`.
        amount: NanoUsd,
        /// What is left under the tightest limit, beside it.
        left: NanoUsd,
    },
    /// It does not fit, and nothing is held.
    Short {
        /// Which of the claims it breaks.
        at: usize,
        /// What is left under that one.
        left: NanoUsd,
    },
    /// The call has ended already. Nothing is held.
    Ended,
}

/// What a record means for budgets.
///
/// ```
/// use amp_pool_core::{
///     budget::{Budget, Scope, Window},
///     id::KeyId,
///     money::NanoUsd,
///     store::{Booking, Charge},
///     time::Timestamp,
/// };
///
/// let budget = Budget::of(NanoUsd(1_000), Window::Day);
/// let (period, _) = budget.period(Scope::Key(KeyId(1)), Timestamp::from_millis(0));
/// let mut booking = Booking::default();
/// assert!(booking.is_empty());
/// // Two attempts on one key cost its budget once, together.
/// booking.add(period, NanoUsd(30));
/// booking.add(period, NanoUsd(12));
/// assert_eq!(booking.charges, [Charge { period, cost: NanoUsd(42) }]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Booking {
    /// Whether anything was asked to be held for the call.
    pub holds: bool,
    /// What its holds become: its cost, or what stands for it where that is not known.
    pub charged: NanoUsd,
    /// What it costs budgets in which nothing was held, those of keys. No period is there twice.
    pub charges: Vec<Charge>,
}

impl Booking {
    /// Adds what an attempt did cost a budget in which nothing was held.
    pub fn add(&mut self, period: Period, cost: NanoUsd) {
        match self.charges.iter_mut().find(|charge| charge.period == period) {
            Some(charge) => charge.cost = charge.cost.saturating_add(cost),
            None => self.charges.push(Charge { period, cost }),
        }
    }

    /// Whether the record touches any budget.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.holds && self.charges.is_empty()
    }
}

/// What a call costs a budget in which nothing was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Whose, and in which window.
    pub period: Period,
    /// How much.
    pub cost: NanoUsd,
}

/// Where a hold is in its life. It leaves [`Held`](Self::Held) once and goes nowhere from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldState {
    /// The call runs.
    Held,
    /// The call has ended, and its cost is spent.
    Settled,
    /// The call was never sent.
    Void,
    /// A crash came between; all that was held counts as spent.
    Recovered,
}

impl HoldState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Held, Self::Settled, Self::Void, Self::Recovered];

    /// The name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Settled => "settled",
            Self::Void => "void",
            Self::Recovered => "recovered",
        }
    }

    /// The state that is called so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// What a hold becomes when its call ends after `attempts` tries.
    pub(super) fn after(attempts: usize) -> Self {
        if attempts == 0 { Self::Void } else { Self::Settled }
    }
}

/// A hold, or a charge, as it is stored.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     budget::{Budget, Claim, Scope, Window},
///     id::TokenId,
///     money::NanoUsd,
///     store::{
///         Booking, BudgetStore as _, Entry, Hold, HoldState, Record, RecordStore as _, StoredHold,
///         memory::MemoryStore,
///     },
///     testkit::calls,
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let budget = Budget::of(NanoUsd(100), Window::Total);
/// let (period, _) = budget.period(Scope::Token(TokenId(1)), now);
/// let opened = calls::opened(1, now);
/// let claims = vec![Claim { period, limit: budget.limit }];
/// let hold = Hold { call: opened.call, n: 0, create_time: now, claims, least: NanoUsd(60), worst: NanoUsd(60) };
/// store.commit([Entry::Opened(opened.clone()), Entry::Held(hold)].into()).await?;
/// let held: Vec<StoredHold> = store.holds(opened.call).await?;
/// assert_eq!((held[0].state, held[0].amount, held[0].cost), (HoldState::Held, NanoUsd(60), NanoUsd::ZERO));
///
/// // The call ends and did cost less.
/// let booking = Booking { holds: true, charged: NanoUsd(25), charges: Vec::new() };
/// let attempts = vec![calls::attempt(&opened)];
/// let record = Record { booking, ..calls::settled(opened.clone(), attempts) };
/// store.commit([Entry::Settled(Box::new(record))].into()).await?;
/// let settled = store.holds(opened.call).await?;
/// assert_eq!((settled[0].state, settled[0].cost), (HoldState::Settled, NanoUsd(25)));
/// assert_eq!(store.tallies(vec![period]).await?[0].held, NanoUsd::ZERO);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHold {
    /// Which hold of the call.
    pub n: u32,
    /// Whose money, and in which window.
    pub period: Period,
    /// When it was asked for.
    pub create_time: Timestamp,
    /// When its state changed last.
    pub update_time: Timestamp,
    /// How much was held.
    pub amount: NanoUsd,
    /// What it became; 0 while it is held. Where a call has more than one hold in a period, its first has all of it.
    pub cost: NanoUsd,
    /// Where it is in its life.
    pub state: HoldState,
}
