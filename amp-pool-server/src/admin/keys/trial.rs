//! `POST /api/keys/{id}/test`: whether a key is good, shown step by step.

use amp_pool_core::{
    classify::Verdict,
    handle::{Handle, KeyTrial},
    id::KeyId,
    transport::Stage,
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::input::{Row, Wish, given},
    Problem,
};
use crate::openapi::Null;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "KeyTrialInput")]
pub(crate) struct TrialInput {
    /// A model that the upstream should list.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<String>")]
    model: Option<Option<String>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeyTrial")]
pub(crate) struct TrialOut {
    ok: bool,
    verdict: &'static str,
    /// What that means, in words.
    explanation: String,
    /// The upstream's own words.
    message: Option<String>,
    http_status_code: Option<u16>,
    latency_ms: u64,
    model: Option<String>,
    /// What the upstream says that it serves.
    models: Vec<String>,
    steps: Vec<StepOut>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeyTrialStep")]
struct StepOut {
    name: &'static str,
    ok: bool,
    ms: Option<u64>,
    message: Option<String>,
}

/// Asks the key's upstream for its models, through the key's own egress. Costs nothing and changes no state of the key.
pub(crate) async fn trial(
    State(handle): State<Handle>,
    Row(id): Row,
    Wish(input): Wish<TrialInput>,
) -> Result<Json<TrialOut>, Problem> {
    let view = handle.key(KeyId(id)).ok_or_else(Problem::not_found)?;
    let Some(trial) = handle.try_key(KeyId(id)).await else {
        let why = view.status.reason.unwrap_or_else(|| "this key cannot be put in service".into());
        return Ok(Json(TrialOut::idle(why)));
    };
    Ok(Json(TrialOut::new(trial, input.model.flatten().filter(|model| !model.is_empty()))))
}

impl TrialOut {
    fn idle(why: String) -> Self {
        let step = StepOut { name: "in service", ok: false, ms: None, message: Some(why.clone()) };
        Self {
            ok: false,
            verdict: Verdict::CallerFault.as_str(),
            explanation: why,
            message: None,
            http_status_code: None,
            latency_ms: 0,
            model: None,
            models: Vec::new(),
            steps: vec![step],
        }
    }

    fn new(trial: KeyTrial, model: Option<String>) -> Self {
        let is_listed = model.as_ref().is_none_or(|model| trial.models.contains(model));
        let good = trial.verdict == Verdict::Answer;
        let explanation = match (&model, good) {
            (Some(model), true) if !is_listed => format!("the key is good, but its upstream does not list `{model}`"),
            _ => explain(&trial).to_owned(),
        };
        Self {
            ok: good && is_listed,
            verdict: trial.verdict.as_str(),
            explanation,
            http_status_code: trial.http_status.map(|status| status.as_u16()),
            latency_ms: trial.latency_ms,
            steps: steps(&trial, model.as_deref().map(|_| is_listed)),
            message: trial.message,
            model,
            models: trial.models,
        }
    }
}

fn steps(trial: &KeyTrial, is_listed: Option<bool>) -> Vec<StepOut> {
    let step = |name, ok, ms| StepOut { name, ok, ms, message: None };
    let reached = trial.http_status.is_some();
    let mut steps = vec![StepOut {
        message: trial.stage.map(|stage| stage_name(stage).to_owned()),
        ..step("connection", reached, trial.head_ms)
    }];
    if reached {
        let taken = !matches!(trial.verdict, Verdict::BadCredential | Verdict::Blocked { .. });
        if trial.has_list {
            steps.push(step("credential", taken, None));
        }
        let listed = trial.verdict == Verdict::Answer;
        steps.push(StepOut { message: trial.message.clone(), ..step("models", listed, Some(trial.latency_ms)) });
    }
    steps.extend(is_listed.map(|ok| step("model", ok, None)));
    steps
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Build => "the address is not allowed, or is none",
        Stage::Connect => "no connection: the name, the network, TLS or the proxy",
        Stage::Head => "the connection broke before an answer came",
        Stage::Body => "the connection broke in the middle of the answer",
    }
}

fn explain(trial: &KeyTrial) -> &'static str {
    if !trial.has_list {
        return "the upstream is there, but has no list of models to ask for, so nothing is known of the credential";
    }
    match trial.verdict {
        Verdict::Answer => "the upstream takes this key",
        Verdict::CallerFault => "the upstream does not take this request",
        Verdict::RateLimited { .. } | Verdict::KeyLimited { .. } => "the key, or its account, has had enough for now",
        Verdict::OutOfCredit { .. } => "the account has no money left, or reached its limit of spending",
        Verdict::BadCredential => "the upstream does not accept this credential",
        Verdict::ModelUnavailable => "this key does not serve what was asked for",
        Verdict::Overloaded { .. } => "the upstream has more work than it can take",
        Verdict::UpstreamFault => "the upstream failed",
        Verdict::Blocked { .. } => "the upstream has shut this key out",
        Verdict::Rotate => "a rule of yours leaves this answer to another key",
        Verdict::Network => "the way to the upstream failed, which says nothing about the key",
    }
}

#[cfg(test)]
pub(in crate::admin) fn read_trial(body: &[u8]) -> Result<(), Problem> {
    crate::admin::input::parse::<TrialInput>(body).map(drop)
}
