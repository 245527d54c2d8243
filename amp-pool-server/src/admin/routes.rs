//! `/api/routes`: aliases of models and what stands behind them.

use amp_pool_core::{
    handle::Handle,
    id::RouteId,
    route::{Route, RouteCandidate, RouteSpec},
    time::Timestamp,
};
use axum::{Json, extract::State};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    List, Problem,
    input::{Input, Row, given},
};

/// The one strategy there is.
const WEIGHTED: &str = "weighted";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RouteInput {
    #[serde(deserialize_with = "given")]
    model: Option<String>,
    #[serde(deserialize_with = "given")]
    candidates: Option<Vec<Candidate>>,
    #[serde(deserialize_with = "given")]
    strategy: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

#[derive(Serialize)]
pub(crate) struct RouteOut {
    id: RouteId,
    create_time: Timestamp,
    update_time: Timestamp,
    model: String,
    candidates: Vec<Candidate>,
    strategy: &'static str,
}

pub(crate) async fn list(State(handle): State<Handle>) -> Json<List<RouteOut>> {
    Json(List::whole(handle.routes().into_iter().map(RouteOut::from).collect()))
}

pub(crate) async fn add(
    State(handle): State<Handle>,
    Input(input): Input<RouteInput>,
) -> Result<(StatusCode, Json<RouteOut>), Problem> {
    let route = handle.add_route(input.onto(RouteSpec { model: String::new(), candidates: Vec::new() })?).await?;
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
        if self.strategy.is_some_and(|strategy| strategy != WEIGHTED) {
            return Err(Problem::field("strategy", "only the strategy `weighted` is supported yet"));
        }
        spec.model = self.model.unwrap_or(spec.model);
        spec.candidates = self.candidates.map_or(spec.candidates, |list| list.into_iter().map(Into::into).collect());
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
        Self {
            id: route.id,
            create_time: route.create_time,
            update_time: route.update_time,
            model: route.spec.model,
            candidates: route.spec.candidates.into_iter().map(Into::into).collect(),
            strategy: WEIGHTED,
        }
    }
}
