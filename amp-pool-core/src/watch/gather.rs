//! What rules have to know, and no more than that.

use std::sync::Arc;

use crate::{
    alert::{AlertKind, AlertRule, Facts, SplitBy},
    handle::Handle,
    route::Catalog,
    store::StoreError,
};

/// Gathers facts.
#[derive(Default)]
pub(super) struct Gatherer {
    /// The models of a catalog: to tell them takes a while where there are many keys.
    models: Option<(Arc<Catalog>, Vec<Box<str>>)>,
}

impl Gatherer {
    /// What `rules` have to know. What the store does not tell is left out, and makes a trouble of the store.
    pub(super) async fn gather(&mut self, handle: &Handle, rules: &[AlertRule], with_balances: bool) -> Facts {
        let needs = |kind: AlertKind| rules.iter().any(|rule| rule.spec.kind == kind);
        let mut facts = Facts { store: Some(handle.store_fact()), ..Facts::default() };
        let names_keys = rules.iter().any(|rule| rule.spec.split_by == SplitBy::Key);
        let about_balances = rules.iter().any(|rule| rule.spec.kind.is_about_balances());
        if needs(AlertKind::KeyDown) || needs(AlertKind::PoolDegraded) || names_keys || about_balances {
            facts.keys = Some(handle.key_facts());
        }
        if let Some(keys) = facts.keys.as_mut().filter(|_| with_balances && about_balances) {
            let found = handle.add_balances(keys, needs(AlertKind::DaysLeftLow)).await;
            facts.has_balances = found.is_ok();
            facts.blame(found);
        }
        if needs(AlertKind::BudgetUsed) {
            let found = handle.budget_facts().await;
            facts.budgets = facts.blame(found);
        }
        if needs(AlertKind::NoKeyForModel) {
            facts.models = Some(handle.model_facts(self.models(handle)));
        }
        facts
    }

    fn models(&mut self, handle: &Handle) -> &[Box<str>] {
        let catalog = handle.catalog();
        if !self.models.as_ref().is_some_and(|(of, _)| Arc::ptr_eq(of, &catalog)) {
            let models = catalog.models().into_iter().map(|model| model.id.into()).collect();
            self.models = Some((catalog, models));
        }
        self.models.as_ref().map(|(_, models)| &**models).unwrap_or_default()
    }
}

impl Facts {
    /// What was found, or nothing, and the store is blamed for it.
    fn blame<T>(&mut self, found: Result<T, StoreError>) -> Option<T> {
        let error = match found {
            Ok(found) => return Some(found),
            Err(error) => error.to_string(),
        };
        if let Some(store) = &mut self.store {
            store.trouble.get_or_insert(error);
        }
        None
    }
}
