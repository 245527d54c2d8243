//! `/api/alerts/rules`: when people are told, and of what.

use amp_pool_core::{
    alert::{AlertKind, AlertRule, AlertRuleSpec, Level, QuietHours, Severity, SplitBy},
    handle::Handle,
    id::{AlertRuleId, ChannelId},
    provider::ModelPattern,
    time::Timestamp,
};
use axum::{Json, extract::State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    admin::{
        List, Problem,
        input::{Input, Params, Row, given},
        page::PageParams,
    },
    openapi::Null,
};

/// Every field may be left out: a new rule then has the default, a known one keeps what it has.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "AlertRuleInput", extend("x-needed" = ["name", "kind"]))]
pub(crate) struct RuleInput {
    #[serde(deserialize_with = "given")]
    name: Option<String>,
    #[serde(deserialize_with = "given")]
    kind: Option<AlertKind>,
    #[serde(deserialize_with = "given")]
    enabled: Option<bool>,
    #[serde(deserialize_with = "given")]
    severity: Option<Severity>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Level>")]
    threshold: Option<Option<Level>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Level>")]
    clear_at: Option<Option<Level>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<u32>")]
    for_seconds: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<u32>")]
    clear_seconds: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<u32>")]
    repeat_seconds: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<QuietHours>")]
    quiet_hours: Option<Option<QuietHours>>,
    #[serde(deserialize_with = "given")]
    only: Option<Vec<ModelPattern>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<String>")]
    currency: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    split_by: Option<SplitBy>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<u16>")]
    window_minutes: Option<Option<u16>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<u32>")]
    least_calls: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    channels: Option<Vec<ChannelId>>,
}

impl RuleInput {
    fn into_new(mut self) -> Result<AlertRuleSpec, Problem> {
        let name = self.name.take().ok_or_else(|| Problem::missing("name"))?;
        let kind = self.kind.take().ok_or_else(|| Problem::missing("kind"))?;
        Ok(self.onto(AlertRuleSpec::new(name, kind)))
    }

    /// What was written, over what was there. Whether it makes a rule is the pool's to say.
    fn onto(self, spec: AlertRuleSpec) -> AlertRuleSpec {
        AlertRuleSpec {
            name: self.name.unwrap_or(spec.name),
            kind: self.kind.unwrap_or(spec.kind),
            enabled: self.enabled.unwrap_or(spec.enabled),
            severity: self.severity.unwrap_or(spec.severity),
            threshold: self.threshold.unwrap_or(spec.threshold),
            clear_at: self.clear_at.unwrap_or(spec.clear_at),
            for_seconds: self.for_seconds.unwrap_or(spec.for_seconds),
            clear_seconds: self.clear_seconds.unwrap_or(spec.clear_seconds),
            repeat_seconds: self.repeat_seconds.unwrap_or(spec.repeat_seconds),
            quiet_hours: self.quiet_hours.unwrap_or(spec.quiet_hours),
            only: self.only.unwrap_or(spec.only),
            currency: self.currency.unwrap_or(spec.currency),
            split_by: self.split_by.unwrap_or(spec.split_by),
            window_minutes: self.window_minutes.unwrap_or(spec.window_minutes),
            least_calls: self.least_calls.unwrap_or(spec.least_calls),
            channels: self.channels.unwrap_or(spec.channels),
        }
    }
}

/// A rule as it was written, and what holds where nothing was.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertRule")]
pub(crate) struct RuleOut {
    id: AlertRuleId,
    create_time: Timestamp,
    update_time: Timestamp,
    #[serde(flatten)]
    spec: AlertRuleSpec,
    effective: Effective,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertRuleEffective")]
struct Effective {
    threshold: Option<Level>,
    clear_at: Option<Level>,
    for_seconds: u32,
    clear_seconds: u32,
    window_minutes: u16,
    least_calls: u32,
}

impl From<AlertRule> for RuleOut {
    fn from(AlertRule { id, create_time, update_time, spec }: AlertRule) -> Self {
        let effective = Effective {
            threshold: spec.threshold(),
            clear_at: spec.clear_at(),
            for_seconds: spec.for_seconds(),
            clear_seconds: spec.clear_seconds(),
            window_minutes: spec.window_minutes(),
            least_calls: spec.least_calls(),
        };
        Self { id, create_time, update_time, spec, effective }
    }
}

pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<RuleOut>>, Problem> {
    let rules = handle.alert_rules().await?.into_iter().map(RuleOut::from).collect();
    Ok(Json(params.page(rules, |rule: &RuleOut| rule.id)?))
}

pub(crate) async fn add(
    State(handle): State<Handle>,
    Input(input): Input<RuleInput>,
) -> Result<(StatusCode, Json<RuleOut>), Problem> {
    let rule = handle.add_alert_rule(input.into_new()?).await?;
    Ok((StatusCode::CREATED, Json(rule.into())))
}

pub(crate) async fn change(
    State(handle): State<Handle>,
    Row(id): Row,
    Input(input): Input<RuleInput>,
) -> Result<Json<RuleOut>, Problem> {
    let known = handle.alert_rules().await?.into_iter().find(|rule| rule.id.0 == id).ok_or_else(Problem::not_found)?;
    Ok(Json(handle.change_alert_rule(known.id, input.onto(known.spec)).await?.into()))
}

pub(crate) async fn remove(State(handle): State<Handle>, Row(id): Row) -> Result<StatusCode, Problem> {
    handle.remove_alert_rule(AlertRuleId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
pub(crate) fn read_new(body: &[u8]) -> Result<(), Problem> {
    let spec = crate::admin::input::parse::<RuleInput>(body)?.into_new()?;
    spec.check().map_err(|error| Problem::field(error.field, error.message))
}
