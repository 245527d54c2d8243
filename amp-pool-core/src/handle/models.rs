//! What callers can ask for.

use super::Handle;
use crate::{
    id::KeyId,
    keys::LiveKey,
    price::Price,
    route::{KnownModel, Plan},
};

/// A model of one provider, or a route of ours.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{Pool, handle::ModelView, keys::KeySpec, secret::Secret, testkit::Script};
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let mut spec = KeySpec::new("mine", "openai", Secret::new("sk-a"));
/// spec.models = vec!["gpt-4o-mini".parse()?];
/// let key = pool.handle().add_key(spec).await?.key.id;
///
/// let views: Vec<ModelView> = pool.handle().model_views();
/// let view = views.iter().find(|view| view.model == "gpt-4o-mini").ok_or("it is served")?;
/// assert_eq!(view.keys, [key]);
/// assert!(view.price.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelView {
    /// The name that callers use.
    pub model: String,
    /// Who serves it. `None`: a route.
    pub provider: Option<String>,
    /// The enabled keys that serve it.
    pub keys: Vec<KeyId>,
    /// What it costs there, if that is known.
    pub price: Option<Price>,
}

/// Models.
impl Handle {
    /// Every model that callers find in the list of models: routes, those known by name, and what upstreams list.
    #[must_use]
    pub fn models(&self) -> Vec<KnownModel> {
        self.0.catalog.load().offered()
    }

    /// Every model that is known by name, for each provider that serves it, with the price there and the keys.
    #[must_use]
    pub fn model_views(&self) -> Vec<ModelView> {
        let catalog = self.0.catalog.load();
        let enabled: Vec<_> = catalog.keys().iter().filter(|live| live.key.spec.enabled).collect();
        let mut views = Vec::new();
        for KnownModel { id, owned_by } in catalog.models() {
            if owned_by == "route" {
                let keys = catalog.plan(&id).map(|plan| keys_of(&plan)).unwrap_or_default();
                views.push(ModelView { model: id, provider: None, keys, price: None });
                continue;
            }
            let mut providers: Vec<&str> =
                enabled.iter().filter(|live| live.knows(&id)).map(|live| &*live.provider.id).collect();
            providers.sort_unstable();
            providers.dedup();
            for provider in providers {
                let serves = |live: &&&std::sync::Arc<LiveKey>| live.provider.id == provider && serves(live, &id);
                let keys = enabled.iter().filter(serves).map(|live| live.key.id).collect();
                let price = self.price(provider, &id);
                views.push(ModelView { model: id.clone(), provider: Some(provider.to_owned()), keys, price });
            }
        }
        views
    }

    /// Whether an enabled key may be asked for `model`.
    #[must_use]
    pub fn serves(&self, id: KeyId, model: &str) -> bool {
        self.find(id).is_some_and(|live| live.key.spec.enabled && serves(&live, model))
    }

    /// What `model` costs at `provider`, if that is known.
    #[must_use]
    pub fn price(&self, provider: &str, model: &str) -> Option<Price> {
        self.0.catalog.load().prices().find_at(provider, model, self.now()).cloned()
    }
}

/// Each key once.
fn keys_of(plan: &Plan) -> Vec<KeyId> {
    let mut keys: Vec<_> = plan.seats().iter().map(|seat| seat.key.key.id).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn serves(live: &LiveKey, model: &str) -> bool {
    live.formats_for(model).next().is_some()
}
