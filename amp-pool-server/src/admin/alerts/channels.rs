//! `/api/alerts/channels`: where people are told. What is secret comes in and never goes out.

use std::collections::BTreeMap;

use amp_pool_core::{
    alert::{Answered, Channel, ChannelSpec},
    handle::Handle,
    id::ChannelId,
    secret::Secret,
    time::Timestamp,
};
use axum::{Json, extract::State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::{
    List, Problem,
    input::{Input, Params, Row, given},
    page::PageParams,
};

/// Every field may be left out. Of `settings` and `secrets` those that are named change; `null` takes one away.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "AlertChannelInput", extend("x-needed" = ["name", "kind"]))]
pub(crate) struct ChannelInput {
    #[serde(deserialize_with = "given")]
    name: Option<String>,
    #[serde(deserialize_with = "given")]
    kind: Option<String>,
    #[serde(deserialize_with = "given")]
    enabled: Option<bool>,
    settings: BTreeMap<String, Option<String>>,
    secrets: BTreeMap<String, Option<Secret>>,
}

impl ChannelInput {
    fn into_new(mut self) -> Result<ChannelSpec, Problem> {
        let name = self.name.take().ok_or_else(|| Problem::missing("name"))?;
        let kind = self.kind.take().ok_or_else(|| Problem::missing("kind"))?;
        Ok(self.onto(ChannelSpec::new(name, kind)))
    }

    /// What was written, over what was there.
    fn onto(self, spec: ChannelSpec) -> ChannelSpec {
        let Self { name, kind, enabled, settings, secrets } = self;
        ChannelSpec {
            name: name.unwrap_or(spec.name),
            kind: kind.unwrap_or(spec.kind),
            enabled: enabled.unwrap_or(spec.enabled),
            settings: merged(spec.settings, settings),
            secrets: merged(spec.secrets, secrets),
        }
    }

    /// As [`onto`](Self::onto). Where the channel leads to another place then, or by another way, a secret that was not given anew would go
    /// there: whoever may change a channel and not see its secrets could have them sent.
    fn over(self, known: &ChannelSpec) -> Result<ChannelSpec, Problem> {
        let given: Vec<_> = self.secrets.keys().cloned().collect();
        let spec = self.onto(known.clone());
        if place(&spec) == place(known) {
            return Ok(spec);
        }
        let stays = |name: &&String| !given.contains(name) && known.secrets.contains_key(*name);
        match spec.secrets.keys().find(stays) {
            Some(name) => {
                let message = "the channel leads to another place now; what is secret has to be given again";
                Err(Problem::field(format!("secrets.{name}"), message))
            }
            None => Ok(spec),
        }
    }
}

/// Where a channel leads, and how safely.
fn place(spec: &ChannelSpec) -> (&str, [Option<&str>; 2], [Option<&String>; 3]) {
    let settings = ["host", "port", "security"].map(|name| spec.settings.get(name));
    (&spec.kind, ["url", "proxy"].map(|name| spec.secrets.get(name).map(Secret::expose)), settings)
}

fn merged<T>(mut known: BTreeMap<String, T>, written: BTreeMap<String, Option<T>>) -> BTreeMap<String, T> {
    for (name, value) in written {
        match value {
            Some(value) => known.insert(name, value),
            None => known.remove(&name),
        };
    }
    known
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertChannel")]
pub(crate) struct ChannelOut {
    id: ChannelId,
    create_time: Timestamp,
    update_time: Timestamp,
    name: String,
    kind: String,
    enabled: bool,
    settings: BTreeMap<String, String>,
    /// Which are set. What they are is never told.
    secrets: Vec<String>,
    host: Option<String>,
}

impl From<Channel> for ChannelOut {
    fn from(Channel { id, create_time, update_time, spec }: Channel) -> Self {
        let host = spec.host();
        let ChannelSpec { name, kind, enabled, settings, secrets } = spec;
        let secrets = secrets.into_keys().collect();
        Self { id, create_time, update_time, name, kind, enabled, settings, secrets, host }
    }
}

/// What became of a test.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertChannelTest")]
pub(crate) struct TestOut {
    ok: bool,
    /// Why it did not arrive.
    detail: Option<String>,
}

pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<ChannelOut>>, Problem> {
    let channels = handle.channels().await?.into_iter().map(ChannelOut::from).collect();
    Ok(Json(params.page(channels, |channel: &ChannelOut| channel.id)?))
}

pub(crate) async fn add(
    State(handle): State<Handle>,
    Input(input): Input<ChannelInput>,
) -> Result<(StatusCode, Json<ChannelOut>), Problem> {
    let channel = handle.add_channel(checked(input.into_new()?)?).await?;
    Ok((StatusCode::CREATED, Json(channel.into())))
}

pub(crate) async fn change(
    State(handle): State<Handle>,
    Row(id): Row,
    Input(input): Input<ChannelInput>,
) -> Result<Json<ChannelOut>, Problem> {
    let known = handle.channels().await?.into_iter().find(|channel| channel.id.0 == id);
    let known = known.ok_or_else(Problem::not_found)?;
    let spec = checked(input.over(&known.spec)?)?;
    Ok(Json(handle.change_channel(known.id, spec).await?.into()))
}

/// What is wrong is named to the very field.
fn checked(spec: ChannelSpec) -> Result<ChannelSpec, Problem> {
    spec.check().map_err(|error| Problem::field(error.field, error.message))?;
    Ok(spec)
}

pub(crate) async fn remove(State(handle): State<Handle>, Row(id): Row) -> Result<StatusCode, Problem> {
    handle.remove_channel(ChannelId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn test(State(handle): State<Handle>, Row(id): Row) -> Result<Json<TestOut>, Problem> {
    Ok(Json(match handle.test_channel(ChannelId(id)).await? {
        Answered::Sent => TestOut { ok: true, detail: None },
        Answered::Again { why, .. } | Answered::Refused { why } => TestOut { ok: false, detail: Some(why) },
    }))
}

#[cfg(test)]
pub(crate) fn read_new(body: &[u8]) -> Result<(), Problem> {
    checked(crate::admin::input::parse::<ChannelInput>(body)?.into_new()?).map(drop)
}
