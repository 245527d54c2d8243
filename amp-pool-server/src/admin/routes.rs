//! `/api/routes`: aliases of models and what stands behind them.

use amp_pool_core::{
    format::Policy,
    handle::Handle,
    id::RouteId,
    route::{Route, RouteCandidate, RouteSpec, UnknownStrategy},
    time::Timestamp,
};
use axum::{Json, extract::State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    List, Problem,
    input::{Input, Params, Row, given},
    page::PageParams,
};
use crate::openapi::StrategyName;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-needed" = ["model", "candidates"]))]
pub(crate) struct RouteInput {
    #[serde(deserialize_with = "given")]
    model: Option<String>,
    #[serde(deserialize_with = "given")]
    candidates: Option<Vec<Candidate>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "StrategyName")]
    strategy: Option<String>,
    #[serde(deserialize_with = "given")]
    strict_translation: Option<bool>,
    #[serde(deserialize_with = "given")]
    translation: Option<TranslationInput>,
}

/// Switches of translation besides strictness. One that is not written stays as it was.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "RouteTranslationInput")]
struct TranslationInput {
    #[serde(deserialize_with = "given")]
    web_search: Option<bool>,
    #[serde(deserialize_with = "given")]
    automatic_cache: Option<bool>,
    #[serde(deserialize_with = "given")]
    show_reasoning: Option<bool>,
    #[serde(deserialize_with = "given")]
    commentary_as_reasoning: Option<bool>,
}

impl TranslationInput {
    fn onto(self, policy: &mut Policy) {
        policy.web_search = self.web_search.unwrap_or(policy.web_search);
        policy.automatic_cache = self.automatic_cache.unwrap_or(policy.automatic_cache);
        policy.show_reasoning = self.show_reasoning.unwrap_or(policy.show_reasoning);
        policy.commentary_as_reasoning = self.commentary_as_reasoning.unwrap_or(policy.commentary_as_reasoning);
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RouteCandidate")]
struct Candidate {
    model: String,
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    tier: u32,
    #[serde(default = "one")]
    weight: u32,
}

fn one() -> u32 {
    1
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Route")]
pub(crate) struct RouteOut {
    id: RouteId,
    create_time: Timestamp,
    update_time: Timestamp,
    model: String,
    candidates: Vec<Candidate>,
    #[schemars(with = "StrategyName")]
    strategy: &'static str,
    strict_translation: bool,
    translation: TranslationOut,
}

#[derive(Serialize, JsonSchema)]
#[allow(clippy::struct_excessive_bools)]
#[schemars(rename = "RouteTranslation")]
struct TranslationOut {
    web_search: bool,
    automatic_cache: bool,
    show_reasoning: bool,
    commentary_as_reasoning: bool,
}

pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<RouteOut>>, Problem> {
    let routes = handle.routes().into_iter().map(RouteOut::from).collect();
    Ok(Json(params.page(routes, |route: &RouteOut| route.id)?))
}

pub(crate) async fn add(
    State(handle): State<Handle>,
    Input(input): Input<RouteInput>,
) -> Result<(StatusCode, Json<RouteOut>), Problem> {
    let route = handle.add_route(input.onto(RouteSpec::default())?).await?;
    Ok((StatusCode::CREATED, Json(route.into())))
}

pub(crate) async fn change(
    State(handle): State<Handle>,
    Row(id): Row,
    Input(input): Input<RouteInput>,
) -> Result<Json<RouteOut>, Problem> {
    let id = RouteId(id);
    let known = handle.routes().into_iter().find(|route| route.id == id).ok_or_else(Problem::not_found)?;
    Ok(Json(handle.change_route(id, input.onto(known.spec)?).await?.into()))
}

pub(crate) async fn remove(State(handle): State<Handle>, Row(id): Row) -> Result<StatusCode, Problem> {
    handle.remove_route(RouteId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl RouteInput {
    /// What was written, over what was there. Whether it makes a route is the pool's to say.
    fn onto(self, mut spec: RouteSpec) -> Result<RouteSpec, Problem> {
        if let Some(name) = self.strategy {
            spec.strategy =
                name.parse().map_err(|error: UnknownStrategy| Problem::field("strategy", error.to_string()))?;
        }
        spec.model = self.model.unwrap_or(spec.model);
        spec.candidates = self.candidates.map_or(spec.candidates, |list| list.into_iter().map(Into::into).collect());
        if let Some(switches) = self.translation {
            switches.onto(&mut spec.translation);
        }
        spec.translation.strict = self.strict_translation.unwrap_or(spec.translation.strict);
        Ok(spec)
    }
}

impl From<Candidate> for RouteCandidate {
    fn from(Candidate { model, provider, tier, weight }: Candidate) -> Self {
        Self { model, provider, tier, weight }
    }
}

impl From<RouteCandidate> for Candidate {
    fn from(RouteCandidate { model, provider, tier, weight }: RouteCandidate) -> Self {
        Self { model, provider, tier, weight }
    }
}

impl From<Route> for RouteOut {
    fn from(route: Route) -> Self {
        let Policy { strict, web_search, automatic_cache, show_reasoning, commentary_as_reasoning, .. } =
            route.spec.translation;
        Self {
            id: route.id,
            create_time: route.create_time,
            update_time: route.update_time,
            model: route.spec.model,
            candidates: route.spec.candidates.into_iter().map(Into::into).collect(),
            strategy: route.spec.strategy.as_str(),
            strict_translation: strict,
            translation: TranslationOut { web_search, automatic_cache, show_reasoning, commentary_as_reasoning },
        }
    }
}

#[cfg(test)]
pub(super) fn read_new(body: &[u8]) -> Result<(), Problem> {
    super::input::parse::<RouteInput>(body)?.onto(RouteSpec::default()).map(drop)
}
