//! `/api/rules`: what operators say about the answers of upstreams, and what that would have changed.

use std::time::Duration;

use amp_pool_core::{
    classify::{OwnRule, Pattern, Rule, RuleSpec, Shape, Until, Verdict},
    handle::{Handle, Rejudged, Trial, TrialResult},
    id::{AttemptId, CallId, KeyId, RuleId},
    store::FailurePlace,
    time::Timestamp,
};
use axum::{Json, extract::State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    List, Problem,
    input::{Input, Params, Row, given, parse},
    page::PageParams,
};
use crate::openapi::Null;

const RESULTS: u32 = 50;
const MOST_RESULTS: u32 = 500;

/// Every field may be left out: a new rule then has the default, a known one keeps what it has.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-needed" = ["name", "verdict"]))]
pub(crate) struct RuleInput {
    #[serde(deserialize_with = "given")]
    name: Option<String>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<String>")]
    provider: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    enabled: Option<bool>,
    #[serde(deserialize_with = "given")]
    position: Option<i32>,
    #[serde(deserialize_with = "given")]
    status: Option<Vec<u16>>,
    #[serde(deserialize_with = "given")]
    code: Option<Vec<String>>,
    #[serde(deserialize_with = "given")]
    text: Option<Vec<String>>,
    #[serde(deserialize_with = "given")]
    pattern: Option<Vec<Pattern>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Shape>")]
    body: Option<Option<Shape>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<String>")]
    header: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    verdict: Option<Verdict>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<u64>")]
    wait_seconds: Option<Option<u64>>,
    #[serde(deserialize_with = "given")]
    fixed_wait: Option<bool>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Until>")]
    until: Option<Option<Until>>,
    #[serde(deserialize_with = "given")]
    utc_offset_hours: Option<i8>,
}

impl RuleInput {
    fn into_new(mut self) -> Result<RuleSpec, Problem> {
        let name = self.name.take().ok_or_else(|| Problem::missing("name"))?;
        let verdict = self.verdict.take().ok_or_else(|| Problem::missing("verdict"))?;
        let rule = Rule::meaning(verdict);
        Ok(self.onto(RuleSpec { name, provider: None, enabled: true, position: 0, rule }))
    }

    /// What was written, over what was there. Whether it makes a rule is the pool's to say.
    fn onto(self, spec: RuleSpec) -> RuleSpec {
        let RuleSpec { name, provider, enabled, position, rule } = spec;
        let lower = |words: Vec<String>| words.iter().map(|word| word.to_lowercase()).collect();
        RuleSpec {
            name: self.name.unwrap_or(name),
            provider: self.provider.map_or(provider, |id| id.filter(|id| !id.is_empty())),
            enabled: self.enabled.unwrap_or(enabled),
            position: self.position.unwrap_or(position),
            rule: Rule {
                status: self.status.unwrap_or(rule.status),
                code: self.code.map_or(rule.code, lower),
                text: self.text.map_or(rule.text, lower),
                pattern: self.pattern.unwrap_or(rule.pattern),
                body: self.body.unwrap_or(rule.body),
                header: self.header.unwrap_or(rule.header).map(|name| name.to_lowercase()),
                verdict: self.verdict.unwrap_or(rule.verdict),
                wait_seconds: self.wait_seconds.unwrap_or(rule.wait_seconds),
                fixed_wait: self.fixed_wait.unwrap_or(rule.fixed_wait),
                until: self.until.unwrap_or(rule.until),
                utc_offset_hours: self.utc_offset_hours.unwrap_or(rule.utc_offset_hours),
            },
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Rule")]
pub(crate) struct RuleOut {
    id: RuleId,
    create_time: Timestamp,
    update_time: Timestamp,
    name: String,
    provider: Option<String>,
    enabled: bool,
    position: i32,
    status: Vec<u16>,
    code: Vec<String>,
    text: Vec<String>,
    pattern: Vec<Pattern>,
    body: Option<Shape>,
    header: Option<String>,
    verdict: Verdict,
    wait_seconds: Option<u64>,
    fixed_wait: bool,
    until: Option<Until>,
    utc_offset_hours: i8,
}

impl From<OwnRule> for RuleOut {
    fn from(OwnRule { id, create_time, update_time, spec }: OwnRule) -> Self {
        let RuleSpec { name, provider, enabled, position, rule } = spec;
        let Rule {
            status,
            code,
            text,
            pattern,
            body,
            header,
            verdict,
            wait_seconds,
            fixed_wait,
            until,
            utc_offset_hours,
        } = rule;
        Self {
            id,
            create_time,
            update_time,
            name,
            provider,
            enabled,
            position,
            status,
            code,
            text,
            pattern,
            body,
            header,
            verdict,
            wait_seconds,
            fixed_wait,
            until,
            utc_offset_hours,
        }
    }
}

/// In the order in which they are asked.
pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<RuleOut>>, Problem> {
    let mut rules = handle.rules();
    rules.sort_by_key(|rule| (rule.spec.position, rule.id));
    let rules = rules.into_iter().map(RuleOut::from).collect();
    Ok(Json(params.page(rules, |rule: &RuleOut| (rule.position, rule.id))?))
}

pub(crate) async fn add(
    State(handle): State<Handle>,
    Input(input): Input<RuleInput>,
) -> Result<(StatusCode, Json<RuleOut>), Problem> {
    let rule = handle.add_rule(input.into_new()?).await?;
    Ok((StatusCode::CREATED, Json(rule.into())))
}

pub(crate) async fn change(
    State(handle): State<Handle>,
    Row(id): Row,
    Input(input): Input<RuleInput>,
) -> Result<Json<RuleOut>, Problem> {
    let known = find(&handle, RuleId(id))?;
    Ok(Json(handle.change_rule(known.id, input.onto(known.spec)).await?.into()))
}

pub(crate) async fn remove(State(handle): State<Handle>, Row(id): Row) -> Result<StatusCode, Problem> {
    handle.remove_rule(RuleId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn find(handle: &Handle, id: RuleId) -> Result<OwnRule, Problem> {
    handle.rules().into_iter().find(|rule| rule.id == id).ok_or_else(Problem::not_found)
}

/// What is to be tried: a rule as it would be, a rule that would change, or (without `rule`) one that would go.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RuleTrialInput")]
pub(crate) struct TrialInput {
    /// Read by itself, so that what is wrong in it is named by its own field.
    #[schemars(with = "Option<RuleInput>")]
    rule: Option<Box<RawValue>>,
    replaces: Option<RuleId>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    key_id: Option<KeyId>,
    provider: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RuleTrial")]
pub(crate) struct TrialOut {
    items: Vec<RejudgedOut>,
    next_cursor: Option<String>,
    /// Failures that were looked at for this page.
    looked_at: u64,
    /// Those of which the rule on trial would have decided.
    decided: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Rejudged")]
struct RejudgedOut {
    call_id: CallId,
    attempt_id: AttemptId,
    create_time: Timestamp,
    key_id: KeyId,
    provider: String,
    upstream_model: String,
    http_status_code: Option<u16>,
    error_message: Option<String>,
    old: VerdictOut,
    new: VerdictOut,
    /// Whether the rule on trial would decide.
    by_trial: bool,
    /// The other rule that would; `null` for none but those that are built in.
    rule_id: Option<RuleId>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VerdictAndWait")]
struct VerdictOut {
    verdict: String,
    wait_seconds: Option<f64>,
}

impl VerdictOut {
    fn new(verdict: impl Into<String>, wait: Option<Duration>) -> Self {
        Self { verdict: verdict.into(), wait_seconds: wait.map(|wait| wait.as_secs_f64()) }
    }
}

pub(crate) async fn dry_run(
    State(handle): State<Handle>,
    Input(input): Input<TrialInput>,
) -> Result<Json<TrialOut>, Problem> {
    let trial = input.trial(|id| find(&handle, id))?;
    Ok(Json(handle.try_rule(&trial).await?.into()))
}

impl TrialInput {
    fn trial(self, find: impl Fn(RuleId) -> Result<OwnRule, Problem>) -> Result<Trial, Problem> {
        if self.rule.is_none() && self.replaces.is_none() {
            return Err(Problem::field("rule", "a trial needs a `rule`, or the id of one that would go as `replaces`"));
        }
        let written: Option<RuleInput> = self.rule.map(|json| parse(json.get().as_bytes())).transpose()?;
        let spec = match (written, self.replaces) {
            (Some(written), Some(id)) => Some(written.onto(find(id)?.spec)),
            (Some(written), None) => Some(written.into_new()?),
            (None, _) => None,
        };
        let before = self.cursor.filter(|cursor| !cursor.is_empty()).map(|cursor| read_cursor(&cursor)).transpose()?;
        Ok(Trial {
            spec,
            replaces: self.replaces,
            from: self.from,
            to: self.to,
            key: self.key_id,
            provider: self.provider,
            before,
            limit: self.limit.unwrap_or(RESULTS).clamp(1, MOST_RESULTS),
        })
    }
}

fn read_cursor(cursor: &str) -> Result<FailurePlace, Problem> {
    let read = cursor
        .split_once('.')
        .and_then(|(request, n)| Some(FailurePlace { request: request.parse().ok()?, n: n.parse().ok()? }));
    read.ok_or_else(|| Problem::field("cursor", "`cursor` is the `next_cursor` of a page before"))
}

impl From<TrialResult> for TrialOut {
    fn from(TrialResult { changed, looked_at, decided, next }: TrialResult) -> Self {
        let next_cursor = next.map(|place| format!("{}.{}", place.request, place.n));
        Self { items: changed.into_iter().map(RejudgedOut::from).collect(), next_cursor, looked_at, decided }
    }
}

impl From<Rejudged> for RejudgedOut {
    fn from(rejudged: Rejudged) -> Self {
        let Rejudged { failure, old, old_wait, new, rule, by_trial } = rejudged;
        let attempt = failure.attempt;
        Self {
            call_id: failure.call,
            attempt_id: attempt.id,
            create_time: attempt.create_time,
            key_id: attempt.key,
            provider: attempt.provider,
            upstream_model: attempt.upstream_model,
            http_status_code: attempt.http_status,
            error_message: attempt.error_message,
            old: VerdictOut::new(old, old_wait.flatten()),
            new: VerdictOut::new(new.as_str(), new.wait()),
            by_trial,
            rule_id: rule.filter(|_| !by_trial),
        }
    }
}

#[cfg(test)]
pub(super) fn read_new(body: &[u8]) -> Result<(), Problem> {
    let spec = parse::<RuleInput>(body)?.into_new()?;
    spec.check().map_err(|error| Problem::field(error.field, error.message))
}

#[cfg(test)]
pub(super) fn read_trial(body: &[u8]) -> Result<(), Problem> {
    let spec = RuleSpec {
        name: "r".into(),
        provider: None,
        enabled: true,
        position: 0,
        rule: Rule::meaning(Verdict::CallerFault),
    };
    let start = Timestamp::from_millis(0);
    let known = |id| match id {
        RuleId(1) => Ok(OwnRule { id, create_time: start, update_time: start, spec: spec.clone() }),
        _ => Err(Problem::not_found()),
    };
    let trial = parse::<TrialInput>(body)?.trial(known)?;
    trial.spec.map_or(Ok(()), |spec| spec.check()).map_err(|error| Problem::field(error.field, error.message))
}
