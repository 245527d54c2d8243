//! The whole configuration as calls read it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

#[cfg(feature = "pool")]
use super::Listed;
use super::{Plan, Route, RouteCandidate, Seat, Strategy};
use crate::{
    format::{Format, capability::Model},
    keys::LiveKey,
    price::PriceBook,
    provider::ModelPattern,
};

/// How many names the catalog keeps plans for, and how many seats all these may have. Clients choose names, so there is a
/// bound.
const PLANS_KEPT: usize = 4096;
const SEATS_KEPT: usize = 400_000;

/// Keys, routes and prices: immutable, replaced whole by each change. Calls that began under an old one end under it.
pub struct Catalog {
    keys: Vec<Arc<LiveKey>>,
    routes: HashMap<String, Route>,
    prices: Arc<PriceBook>,
    #[cfg(feature = "pool")]
    listed: Arc<Listed>,
    /// Made when a name is first asked for; only names that somebody serves are kept.
    plans: RwLock<HashMap<Box<str>, Arc<Plan>>>,
    everyone: Arc<Plan>,
}

/// A model that callers can name.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     format::Format,
///     handle::Question,
///     id::RouteId,
///     keys::KeySpec,
///     route::{KnownModel, RouteCandidate, RouteSpec},
///     secret::Secret,
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?;
/// let candidates = vec![RouteCandidate { provider: None, model: "gpt-4o-mini".into(), tier: 0, weight: 1 }];
/// let route: RouteId =
///     pool.handle().add_route(RouteSpec { model: "fast".into(), candidates, ..RouteSpec::default() }).await?.id;
///
/// // What a client finds under `/v1/models`.
/// let models = pool.handle().models();
/// assert!(models.contains(&KnownModel { id: "fast".into(), owned_by: "route".into() }));
/// assert!(models.contains(&KnownModel { id: "gpt-4o-mini".into(), owned_by: "openai".into() }));
/// assert_eq!(pool.handle().explain(&Question::new("fast", Format::Chat)).route, Some(route));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownModel {
    /// The name.
    pub id: String,
    /// Who serves it: a provider, or `route`.
    pub owned_by: String,
}

impl Catalog {
    /// A catalog of the keys in service, whether they are enabled or not.
    #[must_use]
    pub fn new(keys: Vec<Arc<LiveKey>>, routes: Vec<Route>, prices: Arc<PriceBook>) -> Self {
        let routes = routes.into_iter().map(|route| (route.spec.model.clone(), route)).collect();
        let everyone = Arc::new(Plan::new(enabled(&keys).map(any_model).collect(), Strategy::default()));
        Self {
            keys,
            routes,
            prices,
            #[cfg(feature = "pool")]
            listed: Arc::default(),
            plans: RwLock::default(),
            everyone,
        }
    }

    /// The same, where `listed` holds what upstreams say that they serve.
    #[cfg(feature = "pool")]
    pub(crate) fn with_lists(self, listed: Arc<Listed>) -> Self {
        Self { listed, ..self }
    }

    /// All keys.
    #[must_use]
    pub fn keys(&self) -> &[Arc<LiveKey>] {
        &self.keys
    }

    /// What tokens cost.
    #[must_use]
    pub fn prices(&self) -> &Arc<PriceBook> {
        &self.prices
    }

    /// Who may serve `model`. `None`: nobody.
    #[must_use]
    pub fn plan(&self, model: &str) -> Option<Arc<Plan>> {
        self.known(model).or_else(|| self.keep(model, self.make_plan(model)))
    }

    /// Who may serve `model` (any, if it is empty) to a client that names a provider by its path, as in the Amp layout: the
    /// keys of that provider, and in the tier behind them whoever else serves the model. A route of the model goes before.
    #[must_use]
    pub fn plan_at(&self, provider: &str, model: &str) -> Option<Arc<Plan>> {
        let is_its = |seat: &Seat| seat.key.provider.is_called(provider);
        if self.routes.contains_key(model) || !self.keys.iter().any(|key| key.provider.is_called(provider)) {
            return if model.is_empty() { Some(self.everyone()) } else { self.plan(model) };
        }
        // No model's name has a line break, so that none is taken for this.
        let name = format!("{provider}\n{model}");
        let seats =
            || if model.is_empty() { enabled(&self.keys).map(any_model).collect() } else { self.by_name(model) };
        let in_tier = |seat: Seat| Seat { rank: rank(u32::from(!is_its(&seat)), seat.key.key.spec.priority), ..seat };
        let make = || Plan::new(seats().into_iter().map(in_tier).collect(), Strategy::default());
        self.known(&name).or_else(|| self.keep(&name, make()))
    }

    /// Who serves `model` in Google's own format.
    #[must_use]
    pub fn google(&self, model: &str) -> Option<Arc<Plan>> {
        let name = format!("google\n\n{model}");
        let seat = |key: &Arc<LiveKey>| {
            let spec = &key.key.spec;
            Seat::new(key.clone(), Some(model.into()), vec![Format::Chat], rank(0, spec.priority), spec.weight)
        };
        let serving = || enabled(&self.keys).filter(|key| key.google(model).is_some()).map(seat).collect();
        self.known(&name).or_else(|| self.keep(&name, Plan::new(serving(), Strategy::default())))
    }

    fn known(&self, name: &str) -> Option<Arc<Plan>> {
        self.plans.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Every key, for calls that name no model.
    #[must_use]
    pub fn everyone(&self) -> Arc<Plan> {
        self.everyone.clone()
    }

    fn make_plan(&self, model: &str) -> Plan {
        match self.routes.get(model) {
            Some(Route { spec, .. }) => {
                let seats = spec.candidates.iter().flat_map(|candidate| self.behind(candidate)).collect();
                Plan::new(seats, spec.strategy).translating(spec.translation.clone())
            }
            None => Plan::new(self.by_name(model), Strategy::default()),
        }
    }

    /// Keeps a plan that was made for `name`, unless nobody has a seat in it.
    fn keep(&self, name: &str, plan: Plan) -> Option<Arc<Plan>> {
        if plan.seats().is_empty() {
            return None;
        }
        let plan = Arc::new(plan);
        let mut plans = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        let seats: usize = plans.values().map(|plan| plan.seats().len()).sum();
        if plans.len() >= PLANS_KEPT || seats >= SEATS_KEPT {
            plans.clear();
        }
        // Whoever came first wins, so that all calls share one wheel.
        Some(plans.entry(name.into()).or_insert(plan).clone())
    }

    /// `provider/model` picks a provider, where keys of that provider serve the model. Else every key that serves the
    /// name as it is: some vendors' own names have a slash.
    fn by_name(&self, model: &str) -> Vec<Seat> {
        let picked = model.split_once('/').map(|(provider, rest)| self.serving(rest, Some(provider), 0, 1));
        picked.filter(|seats| !seats.is_empty()).unwrap_or_else(|| self.serving(model, None, 0, 1))
    }

    fn behind(&self, candidate: &RouteCandidate) -> Vec<Seat> {
        self.serving(&candidate.model, candidate.provider.as_deref(), candidate.tier, candidate.weight)
    }

    fn serving(&self, model: &str, provider: Option<&str>, tier: u32, weight: u32) -> Vec<Seat> {
        enabled(&self.keys)
            .filter(|key| provider.is_none_or(|id| key.provider.id == id))
            .map(|key| (key, key.formats_for(model).collect::<Vec<_>>()))
            .filter(|(_, formats)| !formats.is_empty())
            .map(|(key, formats)| {
                let weight = weight.saturating_mul(key.key.spec.weight);
                let chat_refuses_tools = refuses_tools(model) && formats.contains(&Format::Responses);
                let rank = rank(tier, key.key.spec.priority);
                Seat { chat_refuses_tools, ..Seat::new(key.clone(), Some(model.into()), formats, rank, weight) }
            })
            .collect()
    }

    /// Every model that callers can name: routes, names that keys were given, and priced models that a key serves.
    #[must_use]
    pub fn models(&self) -> Vec<KnownModel> {
        let mut found = BTreeMap::new();
        for key in enabled(&self.keys) {
            let exact = key.key.spec.models.iter().filter(|pattern| pattern.is_exact()).map(ModelPattern::as_str);
            for id in exact.chain(self.prices.ids()) {
                if key.knows(id) {
                    found.entry(id.to_owned()).or_insert_with(|| key.provider.id.clone());
                }
            }
        }
        found.extend(self.routes.keys().map(|id| (id.clone(), "route".to_owned())));
        found.into_iter().map(|(id, owned_by)| KnownModel { id, owned_by }).collect()
    }

    /// The same for clients to choose from: with what upstreams list of which a key takes any name. Those names are not ours
    /// and may be many, so that nothing is counted by them.
    #[cfg(feature = "pool")]
    pub(crate) fn offered(&self) -> Vec<KnownModel> {
        let mut found: BTreeMap<_, _> = self.models().into_iter().map(|model| (model.id, model.owned_by)).collect();
        for key in enabled(&self.keys) {
            for id in self.listed.of(key).map(|(models, _)| models).unwrap_or_default() {
                if key.formats_for(&id).next().is_some() {
                    found.entry(id).or_insert_with(|| key.provider.id.clone());
                }
            }
        }
        found.into_iter().map(|(id, owned_by)| KnownModel { id, owned_by }).collect()
    }
}

fn enabled(keys: &[Arc<LiveKey>]) -> impl Iterator<Item = &Arc<LiveKey>> {
    keys.iter().filter(|key| key.key.spec.enabled)
}

fn any_model(key: &Arc<LiveKey>) -> Seat {
    let formats = crate::format::Format::ALL.into_iter().filter(|format| key.upstream(*format).is_some()).collect();
    let spec = &key.key.spec;
    Seat::new(key.clone(), None, formats, rank(0, spec.priority), spec.weight)
}

/// Whether Chat takes tools for the model only while it does not think.
fn refuses_tools(model: &str) -> bool {
    Model::find(model).is_some_and(|row| !row.chat_tools_while_thinking)
}

/// Tiers in order, and within a tier the higher priority first.
fn rank(tier: u32, priority: i32) -> (u32, i32) {
    (tier, priority.saturating_neg())
}
