//! What is known at this moment, for rules of alerts to look at.

use std::{collections::HashMap, sync::Arc, time::Instant};

use super::{Handle, monotonic};
use crate::{
    alert::{BudgetFact, KeyFact, Level, ModelFact, StoreFact},
    budget::{Budget, Scope},
    id::KeyId,
    keys::{Key, KeyState, LiveKey},
    prober::Figure,
    route::{Catalog, RouteCandidate},
    store::StoreError,
};

/// Keys that serve the same models.
type Class<'a> = Vec<&'a Arc<LiveKey>>;

impl Handle {
    /// The keys that are switched on, without their balances.
    #[must_use]
    pub fn key_facts(&self) -> Vec<KeyFact> {
        let now = monotonic();
        let (configuration, catalog) = (self.0.configuration.load(), self.0.catalog.load());
        let live: HashMap<_, _> = catalog.keys().iter().map(|live| (live.key.id, live)).collect();
        let enabled = configuration.keys.iter().filter(|key| key.spec.enabled);
        enabled.map(|key| self.key_fact(key, live.get(&key.id).copied(), now)).collect()
    }

    fn key_fact(&self, key: &Key, live: Option<&Arc<LiveKey>>, now: Instant) -> KeyFact {
        let (state, reason) = match live {
            Some(live) => live.whole(now).map_or((KeyState::Ready, None), |is| (is.state, Some(is.reason))),
            None => (KeyState::Disabled, self.view_idle(key).status.reason),
        };
        let (name, provider) = (key.spec.name.clone(), key.spec.provider.clone());
        KeyFact { id: key.id, name, provider, state, reason, balance: None, usd: None, days_left: None }
    }

    /// Adds what is left of each key, and for how many days if `with_days`.
    pub(crate) async fn add_balances(&self, keys: &mut [KeyFact], with_days: bool) -> Result<(), StoreError> {
        let figures = self.balances().await?;
        for fact in keys {
            let Some(Figure { amount: Some(amount), currency, usd, .. }) = figures.get(&fact.id) else { continue };
            fact.balance = currency.clone().map(|currency| (Level::from(*amount), currency));
            fact.usd = usd.map(Level::from);
            if with_days {
                fact.days_left = self.days_left(fact.id).await?;
            }
        }
        Ok(())
    }

    async fn days_left(&self, id: KeyId) -> Result<Option<Level>, StoreError> {
        let Ok((key, live)) = self.key_and_live(id) else { return Ok(None) };
        let days = self.0.prober.view(&key, live.as_ref()).await?.burn.days_left;
        // Two decimals, as it was reckoned; as a text it is exact.
        Ok(days.and_then(|days| format!("{days:.2}").parse().ok()))
    }

    /// Every budget there is, and what is used of it.
    pub(crate) async fn budget_facts(&self) -> Result<Vec<BudgetFact>, StoreError> {
        let (names, budgets): (Vec<_>, Vec<_>) = self.all_budgets().into_iter().unzip();
        let views = self.budgets(budgets).await?;
        let fact = |(view, name): (super::BudgetView, String)| BudgetFact {
            scope: view.scope,
            name,
            limit: view.budget.limit,
            used: view.tally.spent.saturating_add(view.tally.held),
        };
        Ok(views.into_iter().zip(names).map(fact).collect())
    }

    fn all_budgets(&self) -> Vec<(String, (Scope, Budget))> {
        let configuration = self.0.configuration.load();
        let named = |kind, name: &str, scope, budget: &Option<Budget>| {
            Some((format!("{kind} {name}"), (scope, budget.clone()?)))
        };
        let tokens = configuration.tokens.iter().filter(|token| token.spec.enabled);
        let tokens = tokens.filter_map(|it| named("token", &it.spec.name, Scope::Token(it.id), &it.spec.budget));
        let groups = configuration.groups.iter();
        let groups = groups.filter_map(|it| named("group", &it.spec.name, Scope::Group(it.id), &it.spec.budget));
        let keys = configuration.keys.iter().filter(|key| key.spec.enabled);
        let keys = keys.filter_map(|it| named("key", &it.spec.name, Scope::Key(it.id), &it.spec.budget));
        let site = self.site_budget().map(|budget| ("the site".to_owned(), (Scope::Site, budget)));
        tokens.chain(groups).chain(keys).chain(site).collect()
    }

    /// Every model that callers can name, and whether a key is fit for it. What several keys serve alike is looked at once.
    pub(crate) fn model_facts(&self, models: &[Box<str>]) -> Vec<ModelFact> {
        let (catalog, configuration, now) = (self.0.catalog.load(), self.0.configuration.load(), monotonic());
        let classes = classes(&catalog);
        let routes: HashMap<_, _> = configuration.routes.iter().map(|route| (&*route.spec.model, route)).collect();
        let fact = |model: &str| {
            let itself = [RouteCandidate { model: model.to_owned(), provider: None, tier: 0, weight: 1 }];
            let candidates = routes.get(model).map_or(&itself[..], |route| &route.spec.candidates);
            let found = candidates.iter().map(|candidate| fit_keys(&classes, candidate, now));
            let (keys, is_served) = found.fold((0, false), |(n, fit), (more, one)| (n + more, fit || one));
            ModelFact { model: model.to_owned(), keys, is_served }
        };
        models.iter().map(|model| fact(model)).collect()
    }

    /// Whether the last transaction of the books was written.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.0.ledger.is_writing()
    }

    /// How many places of the ledger's queue are taken.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.0.ledger.queued() as u64
    }

    /// The names that callers can use, as the catalog has them.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.0.catalog.load_full()
    }

    /// How the books are.
    pub(crate) fn store_fact(&self) -> StoreFact {
        StoreFact { is_writing: self.is_writing(), trouble: None }
    }
}

fn classes(catalog: &Catalog) -> Vec<Class<'_>> {
    let mut classes = HashMap::<_, Class<'_>>::new();
    for live in catalog.keys().iter().filter(|live| live.key.spec.enabled) {
        let spec = &live.key.spec;
        let serving = (&live.provider.id, &spec.base_url, &spec.formats, &spec.models, &spec.models_denied);
        classes.entry(serving).or_default().push(live);
    }
    classes.into_values().collect()
}

/// How many keys serve a candidate, and whether one of them is fit.
fn fit_keys(classes: &[Class<'_>], candidate: &RouteCandidate, now: Instant) -> (usize, bool) {
    let is_asked = |key: &LiveKey| {
        let its = candidate.provider.as_deref().is_none_or(|id| key.provider.is_called(id));
        its && key.formats_for(&candidate.model).next().is_some()
    };
    let serving = classes.iter().filter(|class| class.first().is_some_and(|key| is_asked(key)));
    let is_fit = |class: &Class<'_>| class.iter().any(|key| key.hindrance(&candidate.model, now).is_none());
    serving.fold((0, false), |(n, fit), class| (n + class.len(), fit || is_fit(class)))
}
