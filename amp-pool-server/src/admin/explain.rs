//! `/api/routes/explain`: what would happen to a call now, without making it.

use amp_pool_core::{
    format::{Format, UnknownFormat},
    handle::{Candidate, Excluded, Explanation, Foreseen, Handle, Hindered, Question, Refused},
    id::{KeyId, RouteId, TokenId},
    route::Strategy,
    time::Timestamp,
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Problem, input::Input};
use crate::openapi::StrategyName;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuestionInput {
    model: String,
    #[serde(default)]
    token_id: Option<TokenId>,
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    session: Option<String>,
    #[serde(default)]
    input_tokens: u64,
}

/// Asks the pool, which calls nobody for it.
pub(crate) async fn explain(
    State(handle): State<Handle>,
    Input(input): Input<QuestionInput>,
) -> Result<Json<ExplanationOut>, Problem> {
    let stream = input.stream;
    let question = input.question(&handle)?;
    let explained = handle.explain(&question);
    Ok(Json(ExplanationOut::of(question, stream, explained)))
}

impl QuestionInput {
    fn question(self, handle: &Handle) -> Result<Question, Problem> {
        if self.model.trim().is_empty() {
            return Err(Problem::field("model", "`model` is the name a client would ask for"));
        }
        if let Some(id) = self.token_id.filter(|id| handle.tokens().iter().all(|token| token.id != *id)) {
            return Err(Problem::field("token_id", format!("there is no client token {id}")));
        }
        let format = self.format.as_deref().map_or(Ok(Format::Chat), str::parse);
        let format = format.map_err(|error: UnknownFormat| Problem::field("format", error.to_string()))?;
        Ok(Question {
            token: self.token_id,
            provider: self.provider,
            session: self.session.filter(|session| !session.is_empty()),
            input_tokens: self.input_tokens,
            ..Question::new(self.model, format)
        })
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Explanation")]
pub(crate) struct ExplanationOut {
    model: String,
    format: Format,
    stream: bool,
    token_id: Option<TokenId>,
    route_id: Option<RouteId>,
    #[schemars(with = "Option<StrategyName>")]
    strategy: Option<&'static str>,
    /// `key`, or why nobody would be asked.
    outcome: &'static str,
    choice: Option<ChoiceOut>,
    refusal: Option<RefusalOut>,
    candidates: Vec<CandidateOut>,
    candidates_total: usize,
    excluded: Vec<ExcludedOut>,
    excluded_total: usize,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ForeseenChoice")]
struct ChoiceOut {
    key_id: KeyId,
    by: &'static str,
    upstream_format: Format,
    upstream_model: String,
    translated: bool,
    despite: Option<StateOut>,
}

/// What the client would be told.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Refusal")]
struct RefusalOut {
    http_status_code: u16,
    error_type: &'static str,
    message: String,
    retry_after_ms: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ForeseenCandidate")]
struct CandidateOut {
    key_id: KeyId,
    name: String,
    provider: String,
    tier: u32,
    priority: i32,
    weight: u32,
    upstream_format: Option<Format>,
    upstream_model: String,
    translated: bool,
    home: bool,
    #[serde(flatten)]
    state: StateOut,
    room: RoomOut,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CandidateState")]
struct StateOut {
    state: &'static str,
    until: Option<Timestamp>,
    reason: Option<String>,
}

/// How full its fullest limit would be with the call; above 1000 it would be too much.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Room")]
struct RoomOut {
    permille: u64,
    resource: &'static str,
    over_operators_limit: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Excluded")]
struct ExcludedOut {
    key_id: KeyId,
    name: String,
    why: &'static str,
}

impl ExplanationOut {
    fn of(question: Question, stream: bool, explained: Explanation) -> Self {
        let format = question.format;
        let outcome = explained.choice.as_ref().map_or_else(|refused| refused.outcome, |_| "key");
        let (choice, refusal) = match explained.choice {
            Ok(chosen) => (Some(ChoiceOut::of(chosen, format)), None),
            Err(refused) => (None, Some(RefusalOut::from(refused))),
        };
        Self {
            model: question.model,
            format,
            stream,
            token_id: question.token,
            route_id: explained.route,
            strategy: explained.strategy.map(Strategy::as_str),
            outcome,
            choice,
            refusal,
            candidates: explained.candidates.into_iter().map(|candidate| CandidateOut::of(candidate, format)).collect(),
            candidates_total: explained.candidate_count,
            excluded: explained.excluded.into_iter().map(ExcludedOut::from).collect(),
            excluded_total: explained.excluded_count,
        }
    }
}

impl ChoiceOut {
    fn of(chosen: Foreseen, format: Format) -> Self {
        Self {
            key_id: chosen.key,
            by: chosen.by.as_str(),
            upstream_format: chosen.upstream_format,
            upstream_model: chosen.upstream_model,
            translated: chosen.upstream_format != format,
            despite: chosen.despite.map(StateOut::from),
        }
    }
}

impl From<Refused> for RefusalOut {
    fn from(Refused { status, error, .. }: Refused) -> Self {
        let wait = error.retry_after().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        Self { http_status_code: status, error_type: error.name(), message: error.to_string(), retry_after_ms: wait }
    }
}

impl CandidateOut {
    fn of(candidate: Candidate, format: Format) -> Self {
        let room = candidate.room;
        Self {
            key_id: candidate.key,
            name: candidate.name,
            provider: candidate.provider,
            tier: candidate.tier,
            priority: candidate.priority,
            weight: candidate.weight,
            upstream_format: candidate.upstream_format,
            upstream_model: candidate.upstream_model,
            translated: candidate.upstream_format.is_some_and(|upstream| upstream != format),
            home: candidate.is_home,
            state: candidate.hindrance.map_or(StateOut::READY, StateOut::from),
            room: RoomOut {
                permille: room.permille,
                resource: room.resource.as_str(),
                over_operators_limit: room.is_cap,
            },
        }
    }
}

impl StateOut {
    const READY: Self = Self { state: "ready", until: None, reason: None };
}

impl From<Hindered> for StateOut {
    fn from(Hindered { state, until, reason }: Hindered) -> Self {
        Self { state, until, reason }
    }
}

impl From<Excluded> for ExcludedOut {
    fn from(Excluded { key, name, why }: Excluded) -> Self {
        Self { key_id: key, name, why }
    }
}

#[cfg(test)]
pub(super) fn read(body: &[u8]) -> Result<(), Problem> {
    super::input::parse::<QuestionInput>(body).map(drop)
}
