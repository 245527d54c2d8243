//! `/api/groups`: client tokens that share limits and a budget.

use amp_pool_core::{
    budget::{Budget, Scope},
    caller::{GroupSpec, TokenGroup},
    handle::Handle,
    id::GroupId,
    time::Timestamp,
};
use axum::{Json, extract::State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    List, Problem,
    budgets::{self, BudgetOut},
    input::{Input, Params, Row, given},
    keys::{Limits, name},
    page::PageParams,
};
use crate::openapi::Null;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "TokenGroupInput", extend("x-needed" = ["name"]))]
pub(crate) struct GroupInput {
    #[serde(deserialize_with = "given")]
    name: Option<String>,
    #[serde(deserialize_with = "given")]
    limits: Option<Limits>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Budget>")]
    budget: Option<Option<Budget>>,
    #[serde(deserialize_with = "given")]
    memo: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TokenGroup")]
pub(crate) struct GroupOut {
    id: GroupId,
    create_time: Timestamp,
    update_time: Timestamp,
    name: String,
    limits: Limits,
    budget: Option<BudgetOut>,
    memo: String,
}

pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<GroupOut>>, Problem> {
    let List { items, next_cursor, total } = params.page(handle.groups(), |group| group.id)?;
    Ok(Json(List { items: written(&handle, items).await?, next_cursor, total }))
}

pub(crate) async fn add(
    State(handle): State<Handle>,
    Input(mut input): Input<GroupInput>,
) -> Result<(StatusCode, Json<GroupOut>), Problem> {
    let name = input.name.take().ok_or_else(|| Problem::missing("name"))?;
    let spec = GroupSpec { name, limits: Limits::default().caps()?, budget: None, memo: String::new() };
    let made = handle.add_group(input.onto(spec)?).await?;
    Ok((StatusCode::CREATED, Json(one(&handle, made).await?)))
}

pub(crate) async fn show(State(handle): State<Handle>, Row(id): Row) -> Result<Json<GroupOut>, Problem> {
    Ok(Json(one(&handle, find(&handle, id)?).await?))
}

pub(crate) async fn change(
    State(handle): State<Handle>,
    Row(id): Row,
    Input(input): Input<GroupInput>,
) -> Result<Json<GroupOut>, Problem> {
    let known = find(&handle, id)?;
    let changed = handle.change_group(known.id, input.onto(known.spec)?).await?;
    Ok(Json(one(&handle, changed).await?))
}

pub(crate) async fn remove(State(handle): State<Handle>, Row(id): Row) -> Result<StatusCode, Problem> {
    handle.remove_group(GroupId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn find(handle: &Handle, id: i64) -> Result<TokenGroup, Problem> {
    handle.groups().into_iter().find(|group| group.id.0 == id).ok_or_else(Problem::not_found)
}

async fn one(handle: &Handle, group: TokenGroup) -> Result<GroupOut, Problem> {
    written(handle, vec![group]).await?.pop().ok_or_else(Problem::not_found)
}

async fn written(handle: &Handle, groups: Vec<TokenGroup>) -> Result<Vec<GroupOut>, Problem> {
    let budget_of = |group: &TokenGroup| Some((Scope::Group(group.id), group.spec.budget.clone()?));
    let budgets = budgets::beside(handle, &groups, budget_of).await?;
    Ok(groups.into_iter().zip(budgets).map(|(group, budget)| GroupOut::new(group, budget)).collect())
}

impl GroupInput {
    /// What was written, over what was there.
    fn onto(self, mut spec: GroupSpec) -> Result<GroupSpec, Problem> {
        spec.name = name(self.name.unwrap_or(spec.name))?;
        spec.limits = self.limits.map_or(Ok(spec.limits), Limits::caps)?;
        spec.budget = self.budget.unwrap_or(spec.budget);
        spec.memo = self.memo.unwrap_or(spec.memo);
        Ok(spec)
    }
}

impl GroupOut {
    fn new(group: TokenGroup, budget: Option<BudgetOut>) -> Self {
        let TokenGroup { id, create_time, update_time, spec } = group;
        Self { id, create_time, update_time, name: spec.name, limits: spec.limits.into(), budget, memo: spec.memo }
    }
}

#[cfg(test)]
pub(super) fn read_new(body: &[u8]) -> Result<(), Problem> {
    let spec = GroupSpec { name: "g".into(), limits: Limits::default().caps()?, budget: None, memo: String::new() };
    super::input::parse::<GroupInput>(body)?.onto(spec).map(drop)
}
