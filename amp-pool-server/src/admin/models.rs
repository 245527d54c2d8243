//! `/api/models`: what callers can ask for, what it costs, and which keys serve it.

use std::collections::{BTreeMap, BTreeSet};

use amp_pool_core::{
    handle::{Handle, ModelView},
    id::KeyId,
    time::Timestamp,
};
use axum::{Json, extract::State};
use futures::{StreamExt as _, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    List, Problem,
    input::{Params, Wish, given},
    page::PageParams,
};

mod price;

pub(super) use price::PriceOut;
pub(crate) use price::{remove, set, show};

/// Upstreams that are asked at the same time.
const AT_ONCE: usize = 8;

/// A model of one provider.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Model")]
pub(crate) struct ModelOut {
    model: String,
    /// `null`: a route of ours.
    provider: Option<String>,
    /// The keys that serve it.
    keys: Vec<KeyId>,
    price: Option<PriceOut>,
    /// When an upstream last listed it. `null`: no upstream was asked, or none lists it.
    listed_at: Option<Timestamp>,
}

pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<ModelOut>>, Problem> {
    let place = |model: &ModelOut| (model.model.clone(), model.provider.clone());
    let mut models = all(&handle);
    models.sort_by_key(place);
    Ok(Json(params.page(models, place)?))
}

fn all(handle: &Handle) -> Vec<ModelOut> {
    let listed = Listed::of(handle);
    let mut models: Vec<_> = handle.model_views().into_iter().map(|view| listed.written(view)).collect();
    let known: BTreeSet<_> = models.iter().map(|model| (model.provider.clone(), model.model.clone())).collect();
    models.extend(listed.others(handle, &known));
    models
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RefreshInput {
    /// Only these keys. Left out: every key that is enabled.
    #[serde(deserialize_with = "given")]
    key_ids: Option<Vec<i64>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Refreshed")]
pub(crate) struct RefreshOut {
    key_id: KeyId,
    ok: bool,
    models: usize,
    message: Option<String>,
}

/// Asks upstreams for their models. A list that cannot be had leaves the one before.
pub(crate) async fn refresh(
    State(handle): State<Handle>,
    Wish(input): Wish<RefreshInput>,
) -> Result<Json<List<RefreshOut>>, Problem> {
    let wanted = |id: KeyId, enabled: bool| input.key_ids.as_ref().map_or(enabled, |ids| ids.contains(&id.0));
    let views = handle.keys().into_iter().filter(|view| wanted(view.key.id, view.key.spec.enabled));
    let ids: Vec<KeyId> = views.map(|view| view.key.id).collect();
    let asked = stream::iter(ids).map(|id| ask(handle.clone(), id)).buffered(AT_ONCE);
    Ok(Json(List::whole(asked.collect().await)))
}

async fn ask(handle: Handle, key_id: KeyId) -> RefreshOut {
    match handle.try_key(key_id).await {
        Some(trial) => {
            RefreshOut { key_id, ok: !trial.models.is_empty(), models: trial.models.len(), message: trial.message }
        }
        None => RefreshOut { key_id, ok: false, models: 0, message: Some("this key cannot be put in service".into()) },
    }
}

/// What upstreams say that they serve, by provider and model.
struct Listed(BTreeMap<(String, String), (Timestamp, Vec<KeyId>)>);

impl Listed {
    fn of(handle: &Handle) -> Self {
        let mut found: BTreeMap<(String, String), (Timestamp, Vec<KeyId>)> = BTreeMap::new();
        for (id, listed) in handle.listed_models() {
            let Some(view) = handle.key(id) else { continue };
            for model in listed.models {
                let (at, keys) =
                    found.entry((view.key.spec.provider.clone(), model)).or_insert((listed.at, Vec::new()));
                *at = (*at).max(listed.at);
                keys.push(id);
            }
        }
        Self(found)
    }

    fn written(&self, view: ModelView) -> ModelOut {
        let place = view.provider.clone().map(|provider| (provider, view.model.clone()));
        let listed_at = place.and_then(|place| self.0.get(&place)).map(|(at, _)| *at);
        ModelOut {
            model: view.model,
            provider: view.provider,
            keys: view.keys,
            price: view.price.map(Into::into),
            listed_at,
        }
    }

    /// What is listed, and not known by name: its keys serve it if they may serve whatever they are asked for.
    fn others(&self, handle: &Handle, known: &BTreeSet<(Option<String>, String)>) -> Vec<ModelOut> {
        let unknown = |(place, _): &(&(String, String), _)| !known.contains(&(Some(place.0.clone()), place.1.clone()));
        let written = |((provider, model), (at, keys)): (&(String, String), &(Timestamp, Vec<KeyId>))| {
            let keys = keys.iter().filter(|id| handle.serves(**id, model)).copied().collect();
            let price = handle.price(provider, model).map(Into::into);
            ModelOut { model: model.clone(), provider: Some(provider.clone()), keys, price, listed_at: Some(*at) }
        };
        self.0.iter().filter(unknown).map(written).collect()
    }
}

#[cfg(test)]
pub(super) use price::read_price;

#[cfg(test)]
pub(super) fn read(body: &[u8]) -> Result<(), Problem> {
    super::input::parse::<RefreshInput>(body).map(drop)
}
