//! `/api/providers`: what keys can belong to, presets and those of operators.

use std::{collections::BTreeMap, sync::Arc};

use amp_pool_core::{
    balance::Probe,
    classify::Rule,
    format::Format,
    handle::Handle,
    provider::{Auth, Formats, ModelPattern, OwnProvider, PatternError, Provider},
    time::Timestamp,
};
use axum::{Json, extract::State};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    List, Problem,
    input::{Input, Name, Params, given},
    page::PageParams,
};
use crate::openapi::Null;

/// Every field may be left out: a new provider then has the default, a known one keeps what it has.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-needed" = ["id", "name", "formats"]))]
pub(crate) struct ProviderInput {
    /// What keys name as their `provider`. It cannot be changed.
    #[serde(deserialize_with = "given")]
    id: Option<String>,
    #[serde(deserialize_with = "given")]
    name: Option<String>,
    /// Where it is. `null`: every key says so itself.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<String>")]
    base_url: Option<Option<String>>,
    /// How a credential is carried: by `bearer`, if nothing is said.
    #[serde(deserialize_with = "given")]
    auth: Option<Auth>,
    #[serde(deserialize_with = "given")]
    credential_optional: Option<bool>,
    /// What its keys serve unless they name their own: any model, if nothing is said.
    #[serde(deserialize_with = "given")]
    models: Option<Vec<ModelPattern>>,
    #[serde(deserialize_with = "given")]
    formats: Option<Formats>,
    /// Sent with every request that does not have them.
    #[serde(deserialize_with = "given")]
    headers: Option<BTreeMap<String, String>>,
    /// Whether Chat streams may ask for their usage.
    #[serde(deserialize_with = "given")]
    include_usage_ok: Option<bool>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<bool>")]
    repair_stream: Option<Option<bool>>,
    #[serde(deserialize_with = "given")]
    aliases: Option<Vec<String>>,
    #[serde(deserialize_with = "given")]
    passes: Option<Vec<String>>,
    /// Which betas pass of what clients ask for in `anthropic-beta` and `openai-beta`. `null`: all of them.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Vec<ModelPattern>>")]
    betas: Option<Option<Vec<ModelPattern>>>,
    /// What its errors mean, where that is its own.
    #[serde(deserialize_with = "given")]
    rules: Option<Vec<Rule>>,
    /// The ways to ask it for a balance, the best first.
    #[serde(deserialize_with = "given")]
    balance: Option<Vec<Probe>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Provider")]
pub(crate) struct ProviderOut {
    id: String,
    name: String,
    base_url: Option<String>,
    /// What its keys speak unless they name their own.
    formats: Vec<Format>,
    models: Vec<ModelPattern>,
    credential_optional: bool,
    /// The ways to ask it for a balance, the best first. None: what is left is counted from our own books.
    balance_probes: Vec<ProbeOut>,
    /// What an operator wrote of it. `null`: it is a preset.
    own: Option<OwnOut>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OwnProvider")]
struct OwnOut {
    create_time: Timestamp,
    update_time: Timestamp,
    definition: Provider,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProviderProbe")]
struct ProbeOut {
    id: String,
    kind: &'static str,
    /// The names to give in a key's `balance_values`.
    needs: Vec<String>,
    /// Whether it is tried for a key that names no probe.
    by_default: bool,
}

pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<ProviderOut>>, Problem> {
    let mut own: BTreeMap<_, _> =
        handle.own_providers().into_iter().map(|own| (own.provider.id.clone(), OwnOut::from(own))).collect();
    let providers = handle.providers().into_iter().enumerate();
    let List { items, next_cursor, total } = params.page(providers.collect(), |(place, _)| *place)?;
    let out = |(_, provider): (usize, Arc<Provider>)| ProviderOut::new(&provider, own.remove(&provider.id));
    Ok(Json(List { items: items.into_iter().map(out).collect(), next_cursor, total }))
}

pub(crate) async fn add(
    State(handle): State<Handle>,
    Input(mut input): Input<ProviderInput>,
) -> Result<(StatusCode, Json<ProviderOut>), Problem> {
    let id = input.id.take().ok_or_else(|| Problem::missing("id"))?;
    let name = input.name.take().ok_or_else(|| Problem::missing("name"))?;
    if input.formats.is_none() {
        return Err(Problem::missing("formats"));
    }
    let made = handle.add_provider(input.onto(blank(id, name)?)?).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

pub(crate) async fn change(
    State(handle): State<Handle>,
    Name(id): Name,
    Input(input): Input<ProviderInput>,
) -> Result<Json<ProviderOut>, Problem> {
    let known = handle.own_providers().into_iter().find(|own| own.provider.id == id).ok_or_else(Problem::not_found)?;
    if input.id.as_ref().is_some_and(|written| *written != id) {
        return Err(Problem::field("id", "keys name a provider by its id, so that it cannot be changed"));
    }
    Ok(Json(handle.change_provider(input.onto(known.provider)?).await?.into()))
}

pub(crate) async fn remove(State(handle): State<Handle>, Name(id): Name) -> Result<StatusCode, Problem> {
    handle.remove_provider(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A provider of which only its names are known.
fn blank(id: String, name: String) -> Result<Provider, Problem> {
    let any: ModelPattern = "*".parse().map_err(|error: PatternError| Problem::broken(&error))?;
    Ok(Provider {
        id,
        name,
        base_url: None,
        auth: Auth::Bearer,
        credential_optional: false,
        models: vec![any],
        formats: Formats::default(),
        headers: HeaderMap::new(),
        include_usage_ok: true,
        repair_stream: None,
        google: None,
        aliases: Vec::new(),
        passes: Vec::new(),
        betas: None,
        rules: Vec::new(),
        balance: Vec::new(),
    })
}

impl ProviderInput {
    /// What was written, over what was there. Whether it makes a provider is the pool's to say.
    fn onto(self, known: Provider) -> Result<Provider, Problem> {
        Ok(Provider {
            id: known.id,
            name: self.name.unwrap_or(known.name),
            base_url: self.base_url.map_or(known.base_url, |url| url.filter(|url| !url.is_empty())),
            auth: self.auth.unwrap_or(known.auth),
            credential_optional: self.credential_optional.unwrap_or(known.credential_optional),
            models: self.models.unwrap_or(known.models),
            formats: self.formats.unwrap_or(known.formats),
            headers: self.headers.map_or(Ok(known.headers), |written| read_headers(&written))?,
            include_usage_ok: self.include_usage_ok.unwrap_or(known.include_usage_ok),
            repair_stream: self.repair_stream.unwrap_or(known.repair_stream),
            google: known.google,
            aliases: self.aliases.unwrap_or(known.aliases),
            passes: self.passes.unwrap_or(known.passes),
            betas: self.betas.unwrap_or(known.betas),
            rules: self.rules.unwrap_or(known.rules),
            balance: self.balance.unwrap_or(known.balance),
        })
    }
}

fn read_headers(written: &BTreeMap<String, String>) -> Result<HeaderMap, Problem> {
    let read = |(name, value): (&String, &String)| -> Option<(HeaderName, HeaderValue)> {
        Some((name.parse().ok()?, value.parse().ok()?))
    };
    let headers: Option<HeaderMap> = written.iter().map(read).collect();
    headers.ok_or_else(|| Problem::field("headers", "a name or a value is not legal in a header"))
}

impl ProviderOut {
    fn new(provider: &Provider, own: Option<OwnOut>) -> Self {
        Self {
            id: provider.id.clone(),
            name: provider.name.clone(),
            base_url: provider.base_url.clone(),
            formats: provider.formats().collect(),
            models: provider.models.clone(),
            credential_optional: provider.credential_optional,
            balance_probes: provider.balance.iter().map(ProbeOut::from).collect(),
            own,
        }
    }
}

impl From<OwnProvider> for ProviderOut {
    fn from(own: OwnProvider) -> Self {
        Self::new(&own.provider.clone(), Some(own.into()))
    }
}

impl From<OwnProvider> for OwnOut {
    fn from(OwnProvider { create_time, update_time, provider }: OwnProvider) -> Self {
        Self { create_time, update_time, definition: provider }
    }
}

impl From<&Probe> for ProbeOut {
    fn from(probe: &Probe) -> Self {
        let needs = probe.needs().into_iter().collect();
        Self { id: probe.id.clone(), kind: probe.kind.as_str(), needs, by_default: probe.by_default }
    }
}

#[cfg(test)]
pub(super) fn read_new(body: &[u8]) -> Result<(), Problem> {
    let provider = super::input::parse::<ProviderInput>(body)?.onto(blank("relay".into(), "Relay".into())?)?;
    provider.check().map_err(|error| Problem::field(error.field, error.message))
}
