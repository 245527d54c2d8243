//! From the model a client names to the keys that may serve it.
//!
//! Pure. A [`Route`] is what an operator wrote: an alias and its candidates in tiers. A model without a route goes to
//! every key that serves that name. A [`Catalog`] is the whole configuration as calls read it; a [`Plan`] is what it
//! has to say about one model.

mod affinity;
mod catalog;
mod choice;
#[cfg(feature = "pool")]
mod listed;
mod pick;
mod plan;

pub use affinity::{Conversation, Trail};
pub use catalog::{Catalog, KnownModel};
pub use choice::{By, Choice, Hindrance, PassedOver};
#[cfg(feature = "pool")]
pub(crate) use listed::Listed;
pub use pick::{Strategy, UnknownStrategy};
pub use plan::{Plan, Seat, Want};

use crate::{format::Policy, id::RouteId, time::Timestamp};

/// A route as its operator wrote it.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     format::Policy,
///     route::{Route, RouteCandidate, RouteSpec, Strategy},
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let candidate = |tier, provider: &str, model: &str| RouteCandidate {
///     provider: Some(provider.into()),
///     model: model.into(),
///     tier,
///     weight: 1,
/// };
/// // Clients ask for `smart`. The second tier is asked when nobody of the first is fit.
/// let route: Route = pool.handle().add_route(RouteSpec {
///     model: "smart".into(),
///     strategy: Strategy::LowestLatency,
///     candidates: vec![candidate(0, "anthropic", "claude-sonnet-4-5"), candidate(1, "openai", "gpt-4o")],
///     translation: Policy::default(),
/// }).await?;
/// assert_eq!(pool.handle().routes()[0].id, route.id);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteSpec {
    /// The name clients use.
    pub model: String,
    /// What stands behind it.
    pub candidates: Vec<RouteCandidate>,
    /// How its calls are translated where they have to be.
    pub translation: Policy,
    /// How one is chosen among keys of one rank.
    pub strategy: Strategy,
}

/// One thing that can stand behind a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteCandidate {
    /// The name the upstream knows.
    pub model: String,
    /// Only keys of this provider. `None`: any that serve the model.
    pub provider: Option<String>,
    /// A tier is tried when all before it have nobody left.
    pub tier: u32,
    /// Share within the tier. At least 1.
    pub weight: u32,
}

/// A route as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its row.
    pub id: RouteId,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// What the operator wrote.
    pub spec: RouteSpec,
}
