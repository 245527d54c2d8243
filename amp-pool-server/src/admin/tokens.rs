//! `/api/tokens`: client tokens. Their value is shown once, when it is made.

use amp_pool_core::{
    budget::{Budget, Scope},
    caller::{ClientToken, IpNet, TokenSpec},
    handle::Handle,
    id::{GroupId, TokenId},
    provider::ModelPattern,
    secret::Secret,
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
#[schemars(rename = "ClientTokenInput", extend("x-needed" = ["name"]))]
pub(crate) struct TokenInput {
    #[serde(deserialize_with = "given")]
    name: Option<String>,
    #[serde(deserialize_with = "given")]
    enabled: Option<bool>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Timestamp>")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(deserialize_with = "given")]
    models: Option<Vec<ModelPattern>>,
    #[serde(deserialize_with = "given")]
    strict_translation: Option<bool>,
    #[serde(deserialize_with = "given")]
    memo: Option<String>,
    #[serde(deserialize_with = "given")]
    ip_allow: Option<Vec<IpNet>>,
    #[serde(deserialize_with = "given")]
    limits: Option<Limits>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Budget>")]
    budget: Option<Option<Budget>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<GroupId>")]
    group_id: Option<Option<GroupId>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ClientToken")]
pub(crate) struct TokenOut {
    id: TokenId,
    create_time: Timestamp,
    update_time: Timestamp,
    name: String,
    enabled: bool,
    expires_at: Option<Timestamp>,
    models: Vec<ModelPattern>,
    ip_allow: Vec<IpNet>,
    limits: Limits,
    budget: Option<BudgetOut>,
    group_id: Option<GroupId>,
    strict_translation: bool,
    memo: String,
    token_hint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<TokenOut>>, Problem> {
    let List { items, next_cursor, total } = params.page(handle.tokens(), |token| token.id)?;
    Ok(Json(List { items: written(&handle, items).await?, next_cursor, total }))
}

pub(crate) async fn add(
    State(handle): State<Handle>,
    Input(mut input): Input<TokenInput>,
) -> Result<(StatusCode, Json<TokenOut>), Problem> {
    let name = input.name.take().ok_or_else(|| Problem::missing("name"))?;
    let (made, value) = handle.add_token(input.onto(TokenSpec::named(name))?).await?;
    Ok((StatusCode::CREATED, Json(one(&handle, made).await?.with(&value))))
}

pub(crate) async fn show(State(handle): State<Handle>, Row(id): Row) -> Result<Json<TokenOut>, Problem> {
    Ok(Json(one(&handle, find(&handle, id)?).await?))
}

pub(crate) async fn change(
    State(handle): State<Handle>,
    Row(id): Row,
    Input(input): Input<TokenInput>,
) -> Result<Json<TokenOut>, Problem> {
    let known = find(&handle, id)?;
    let changed = handle.change_token(known.id, input.onto(known.spec)?).await?;
    Ok(Json(one(&handle, changed).await?))
}

pub(crate) async fn rotate(State(handle): State<Handle>, Row(id): Row) -> Result<Json<TokenOut>, Problem> {
    let (token, value) = handle.rotate_token(TokenId(id)).await?;
    Ok(Json(one(&handle, token).await?.with(&value)))
}

pub(crate) async fn remove(State(handle): State<Handle>, Row(id): Row) -> Result<StatusCode, Problem> {
    handle.remove_token(TokenId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn find(handle: &Handle, id: i64) -> Result<ClientToken, Problem> {
    handle.tokens().into_iter().find(|token| token.id.0 == id).ok_or_else(Problem::not_found)
}

async fn one(handle: &Handle, token: ClientToken) -> Result<TokenOut, Problem> {
    written(handle, vec![token]).await?.pop().ok_or_else(Problem::not_found)
}

async fn written(handle: &Handle, tokens: Vec<ClientToken>) -> Result<Vec<TokenOut>, Problem> {
    let budget_of = |token: &ClientToken| Some((Scope::Token(token.id), token.spec.budget.clone()?));
    let budgets = budgets::beside(handle, &tokens, budget_of).await?;
    Ok(tokens.into_iter().zip(budgets).map(|(token, budget)| TokenOut::new(token, budget)).collect())
}

impl TokenInput {
    /// What was written, over what was there.
    fn onto(self, mut spec: TokenSpec) -> Result<TokenSpec, Problem> {
        spec.name = name(self.name.unwrap_or(spec.name))?;
        spec.enabled = self.enabled.unwrap_or(spec.enabled);
        spec.expires_at = self.expires_at.unwrap_or(spec.expires_at);
        spec.models = self.models.unwrap_or(spec.models);
        spec.strict_translation = self.strict_translation.unwrap_or(spec.strict_translation);
        spec.ip_allow = self.ip_allow.unwrap_or(spec.ip_allow);
        spec.limits = self.limits.map_or(Ok(spec.limits), Limits::caps)?;
        spec.budget = self.budget.unwrap_or(spec.budget);
        spec.group = self.group_id.unwrap_or(spec.group);
        spec.memo = self.memo.unwrap_or(spec.memo);
        Ok(spec)
    }
}

impl TokenOut {
    fn new(token: ClientToken, budget: Option<BudgetOut>) -> Self {
        let ClientToken { id, create_time, update_time, hint, spec, .. } = token;
        Self {
            id,
            create_time,
            update_time,
            name: spec.name,
            enabled: spec.enabled,
            expires_at: spec.expires_at,
            models: spec.models,
            ip_allow: spec.ip_allow,
            limits: spec.limits.into(),
            budget,
            group_id: spec.group,
            strict_translation: spec.strict_translation,
            memo: spec.memo,
            token_hint: hint,
            token: None,
        }
    }

    /// With its value, which is shown this once.
    fn with(self, value: &Secret) -> Self {
        Self { token: Some(value.expose().to_owned()), ..self }
    }
}

#[cfg(test)]
pub(super) fn read_new(body: &[u8]) -> Result<(), Problem> {
    super::input::parse::<TokenInput>(body)?.onto(TokenSpec::named("")).map(drop)
}
