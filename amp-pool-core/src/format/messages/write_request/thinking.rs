//! How much the model thinks, in the words that it takes.

use serde::Serialize;

use crate::format::{
    Field, Losses, Reject,
    canonical::{Effort, Json, Part, Request, Role, Thinking, Turn},
    capability::{Model, ThinkingKind, ThinkingSwitch, Thinks},
    transcode::Translation,
};

/// The least budget that is taken.
const LEAST: u64 = 1_024;

/// `thinking`
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Written {
    Adaptive {
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'static str>,
    },
    Enabled {
        budget_tokens: u64,
    },
    Disabled {},
}

/// `output_config`
#[derive(Debug, Serialize)]
pub(super) struct OutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<Format>,
}

/// `output_config.format`
#[derive(Debug, Serialize)]
pub(super) struct Format {
    pub(super) r#type: &'static str,
    pub(super) schema: Json,
}

impl OutputConfig {
    pub(super) fn is_empty(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

/// What is sent about thinking.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) thinking: Option<Written>,
    pub(super) effort: Option<&'static str>,
    is_on_by_itself: bool,
}

impl Plan {
    pub(super) fn of(
        request: &Request,
        translation: &Translation,
        max_tokens: u64,
        losses: &mut Losses,
    ) -> Result<Self, Reject> {
        let by_itself = |row: &Model| matches!(row.thinks, Thinks::ByDefault | Thinks::Always);
        let mut plan = Self { is_on_by_itself: translation.model_row().is_some_and(by_itself), ..Self::default() };
        match (translation.model_row(), request.reasoning.wanted()) {
            (Some(row), Some(Effort::None)) => plan.disable(row, losses)?,
            (Some(row), Some(effort)) => plan.enable(row, effort, max_tokens, request, losses)?,
            (None, Some(effort)) => plan.unknown(translation, effort, max_tokens, losses)?,
            // The effort is the model's to choose; a guess would be the client's money.
            (_, None) if request.reasoning.thinking == Some(Thinking::Adaptive) => {
                plan.thinking = Some(Written::Adaptive { display: display(request) });
            }
            (_, None) => {}
        }
        Ok(plan)
    }

    /// Whether the model will think in this request.
    pub(super) fn is_on(&self) -> bool {
        match self.thinking {
            Some(thinking) => thinking != Written::Disabled {},
            None => self.is_on_by_itself,
        }
    }

    pub(super) fn has_budget(&self) -> bool {
        matches!(self.thinking, Some(Written::Enabled { .. }))
    }

    fn disable(&mut self, row: &Model, losses: &mut Losses) -> Result<(), Reject> {
        if row.thinking.contains(&ThinkingKind::Disabled) {
            self.thinking = Some(Written::Disabled {});
            return Ok(());
        }
        if row.efforts.contains(&Effort::Low) {
            self.effort = Some(Effort::Low.as_str());
            return losses.adjusted(Field::Effort, "the model can not be kept from thinking; effort low");
        }
        Ok(())
    }

    fn enable(
        &mut self,
        row: &Model,
        effort: Effort,
        max_tokens: u64,
        request: &Request,
        losses: &mut Losses,
    ) -> Result<(), Reject> {
        if let Some(nearest) = row.nearest(effort) {
            self.effort = Some(nearest.as_str());
            if nearest != effort {
                losses.adjusted(Field::Effort, format!("sent as {}", nearest.as_str()))?;
            }
        }
        if row.thinking.contains(&ThinkingKind::Adaptive) {
            self.thinking = Some(Written::Adaptive { display: display(request) });
            return Ok(());
        }
        if !row.thinking.contains(&ThinkingKind::Enabled) {
            return losses.dropped(Field::Effort, "the model does not think");
        }
        if lacks_thoughts(&request.turns) {
            self.thinking = Some(Written::Disabled {});
            return losses.adjusted(Field::Thinking, "off, because the history lacks the thoughts of its calls");
        }
        self.budget(effort, row.max_output, max_tokens, losses)
    }

    /// A model of another maker behind this format: most know the switch, and few the effort.
    fn unknown(
        &mut self,
        translation: &Translation,
        effort: Effort,
        max_tokens: u64,
        losses: &mut Losses,
    ) -> Result<(), Reject> {
        match (translation.dialect.thinking_switch, effort) {
            (ThinkingSwitch::None, _) => losses.dropped(Field::Effort, ""),
            (_, Effort::None) => {
                self.thinking = Some(Written::Disabled {});
                Ok(())
            }
            (_, effort) => self.budget(effort, None, max_tokens, losses),
        }
    }

    fn budget(
        &mut self,
        effort: Effort,
        most: Option<u64>,
        max_tokens: u64,
        losses: &mut Losses,
    ) -> Result<(), Reject> {
        if max_tokens <= LEAST {
            return losses.adjusted(Field::Thinking, "off, because the limit of output leaves no room");
        }
        let budget_tokens = budget(effort, most).min(max_tokens - 1);
        self.thinking = Some(Written::Enabled { budget_tokens });
        Ok(())
    }
}

/// Whether the reasoning is shown, where the client has said so.
fn display(request: &Request) -> Option<&'static str> {
    match (request.reasoning.is_hidden, &request.reasoning.summary) {
        (true, _) => Some("omitted"),
        (false, Some(_)) => Some("summarized"),
        (false, None) => None,
    }
}

fn budget(effort: Effort, most: Option<u64>) -> u64 {
    match effort {
        Effort::None | Effort::Minimal => LEAST,
        Effort::Low => 2_048,
        Effort::Medium => 8_192,
        Effort::High => 16_384,
        Effort::Xhigh => 32_768,
        Effort::Max => most.unwrap_or(32_768),
    }
}

/// Whether a call of the rounds that are still going on lacks the signed thought before it, which budget models demand.
fn lacks_thoughts(turns: &[Turn]) -> bool {
    let is_round = |turn: &&Turn| match turn.role {
        Role::Assistant => turn.parts.iter().any(|part| matches!(part, Part::Call(_))),
        _ => turn.parts.iter().all(|part| matches!(part, Part::Result(_))),
    };
    let rounds = turns.iter().rev().take_while(is_round).filter(|turn| turn.role == Role::Assistant);
    let begins_signed = |turn: &Turn| match turn.parts.first() {
        Some(Part::Thought(thought)) => thought.proof.is_some(),
        _ => false,
    };
    rounds.into_iter().any(|turn| !begins_signed(turn))
}
