//! `/api/tokens`: client tokens. Their value is shown once, when it is made.

use amp_pool_core::{
    caller::{ClientToken, TokenSpec},
    handle::Handle,
    id::TokenId,
    provider::ModelPattern,
    secret::Secret,
    time::Timestamp,
};
use axum::{Json, extract::State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    List, Problem,
    input::{Input, Row, given},
    keys::{Limits, name},
};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TokenInput {
    #[serde(deserialize_with = "given")]
    name: Option<String>,
    #[serde(deserialize_with = "given")]
    enabled: Option<bool>,
    #[serde(deserialize_with = "given")]
    expires_at: Option<Option<Timestamp>>,
    #[serde(deserialize_with = "given")]
    models: Option<Vec<ModelPattern>>,
    #[serde(deserialize_with = "given")]
    strict_translation: Option<bool>,
    #[serde(deserialize_with = "given")]
    memo: Option<String>,
    // Without effect yet: only their defaults are taken.
    limits: Option<Limits>,
    budget: Option<Value>,
    ip_allow: Option<Vec<String>>,
}

#[derive(Serialize)]
pub(crate) struct TokenOut {
    id: TokenId,
    create_time: Timestamp,
    update_time: Timestamp,
    name: String,
    enabled: bool,
    expires_at: Option<Timestamp>,
    models: Vec<ModelPattern>,
    ip_allow: [String; 0],
    limits: Limits,
    budget: Option<()>,
    strict_translation: bool,
    memo: String,
    token_hint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

pub(crate) async fn list(State(handle): State<Handle>) -> Json<List<TokenOut>> {
    Json(List::whole(handle.tokens().into_iter().map(TokenOut::from).collect()))
}

pub(crate) async fn add(
    State(handle): State<Handle>,
    Input(mut input): Input<TokenInput>,
) -> Result<(StatusCode, Json<TokenOut>), Problem> {
    let name = input.name.take().ok_or_else(|| Problem::field("name", "`name` is missing"))?;
    let made = handle.add_token(input.onto(TokenSpec::named(name))?).await?;
    Ok((StatusCode::CREATED, Json(TokenOut::with_value(made))))
}

pub(crate) async fn show(State(handle): State<Handle>, Row(id): Row) -> Result<Json<TokenOut>, Problem> {
    find(&handle, id).map(|token| Json(token.into()))
}

pub(crate) async fn change(
    State(handle): State<Handle>,
    Row(id): Row,
    Input(input): Input<TokenInput>,
) -> Result<Json<TokenOut>, Problem> {
    let known = find(&handle, id)?;
    Ok(Json(handle.change_token(known.id, input.onto(known.spec)?).await?.into()))
}

pub(crate) async fn rotate(State(handle): State<Handle>, Row(id): Row) -> Result<Json<TokenOut>, Problem> {
    Ok(Json(TokenOut::with_value(handle.rotate_token(TokenId(id)).await?)))
}

pub(crate) async fn remove(State(handle): State<Handle>, Row(id): Row) -> Result<StatusCode, Problem> {
    handle.remove_token(TokenId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn find(handle: &Handle, id: i64) -> Result<ClientToken, Problem> {
    handle.tokens().into_iter().find(|token| token.id.0 == id).ok_or_else(Problem::not_found)
}

impl TokenInput {
    /// What was written, over what was there.
    fn onto(self, mut spec: TokenSpec) -> Result<TokenSpec, Problem> {
        self.refuse_what_has_no_effect()?;
        spec.name = name(self.name.unwrap_or(spec.name))?;
        spec.enabled = self.enabled.unwrap_or(spec.enabled);
        spec.expires_at = self.expires_at.unwrap_or(spec.expires_at);
        spec.models = self.models.unwrap_or(spec.models);
        spec.strict_translation = self.strict_translation.unwrap_or(spec.strict_translation);
        spec.memo = self.memo.unwrap_or(spec.memo);
        Ok(spec)
    }

    /// A limit that is stored and not enforced would be a lie.
    fn refuse_what_has_no_effect(&self) -> Result<(), Problem> {
        let fields = [
            ("limits", self.limits.as_ref().is_some_and(|limits| !limits.is_empty())),
            ("budget", self.budget.is_some()),
            ("ip_allow", self.ip_allow.as_ref().is_some_and(|list| !list.is_empty())),
        ];
        match fields.into_iter().find(|(_, written)| *written) {
            Some((field, _)) => Err(Problem::unsupported(field)),
            None => Ok(()),
        }
    }
}

impl TokenOut {
    fn with_value((token, value): (ClientToken, Secret)) -> Self {
        Self { token: Some(value.expose().to_owned()), ..token.into() }
    }
}

impl From<ClientToken> for TokenOut {
    fn from(token: ClientToken) -> Self {
        Self {
            id: token.id,
            create_time: token.create_time,
            update_time: token.update_time,
            name: token.spec.name,
            enabled: token.spec.enabled,
            expires_at: token.spec.expires_at,
            models: token.spec.models,
            ip_allow: [],
            limits: Limits::default(),
            budget: None,
            strict_translation: token.spec.strict_translation,
            memo: token.spec.memo,
            token_hint: token.hint,
            token: None,
        }
    }
}
