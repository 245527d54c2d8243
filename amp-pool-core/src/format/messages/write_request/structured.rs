//! The shape of the answer: by the provider's guarantee, by a tool that is forced, or by asking.

mod clean;

pub(super) use self::clean::clean;
use super::{
    Body,
    blocks::Block,
    thinking::{Format, Plan},
    tools::{Choice, Written},
};
use crate::format::{
    Field, Losses, Reject,
    canonical::{Json, Request, Structured},
    capability::ForcedChoice,
    transcode::{Translation, WayBack},
};

/// The tool that stands for the shape.
const TOOL: &str = "json_response";

const ASK: &str = "Answer with a single JSON object and nothing else.";

/// How the shape is asked for.
pub(super) enum Shape {
    Free,
    /// In words: there is no schema for any object.
    Asked,
    Guaranteed(Json),
    /// By a forced tool, whose input is the answer.
    Tool(Json),
}

impl Shape {
    pub(super) fn of(
        request: &Request,
        translation: &Translation,
        plan: &Plan,
        losses: &mut Losses,
    ) -> Result<Self, Reject> {
        let (words, schema) = match &request.structured {
            None => return Ok(Self::Free),
            Some(Structured::Object) => {
                losses.adjusted(Field::Structured, "asked for in words")?;
                return Ok(Self::Asked);
            }
            Some(Structured::Schema { name, description, schema, .. }) => ([name, description], schema),
        };
        let named = ["name", "description"].into_iter().zip(words).filter(|(_, word)| word.is_some());
        let said: Vec<&str> = named.map(|(what, _)| what).collect();
        if !said.is_empty() {
            losses.dropped(Field::Structured, said.join(" and "))?;
        }
        let is_guaranteed = translation.model_row().map_or(translation.dialect.json_schema_ok, |row| row.structured);
        if !is_guaranteed {
            return forced(request, translation, plan, losses).map(|()| Self::Tool(schema.clone()));
        }
        let cleaned = clean(schema);
        if cleaned != *schema {
            losses
                .adjusted(Field::Structured, "objects closed, and keywords that are not taken moved to descriptions")?;
        }
        Ok(Self::Guaranteed(cleaned))
    }

    pub(super) fn apply(self, body: &mut Body<'_>, back: &mut WayBack) {
        match self {
            Self::Free => {}
            Self::Asked => body.system.push(Block::text(ASK)),
            Self::Guaranteed(schema) => body.output_config.format = Some(Format { r#type: "json_schema", schema }),
            Self::Tool(schema) => {
                body.tools.push(Written::shape(TOOL, schema));
                body.tool_choice = Some(Choice::shape(TOOL));
                back.text_tool = Some(TOOL.to_owned());
            }
        }
    }
}

/// Whether a tool can be forced to stand for the shape.
fn forced(request: &Request, translation: &Translation, plan: &Plan, losses: &mut Losses) -> Result<(), Reject> {
    let rule = translation.model_row().map_or(translation.dialect.forced_choice, |row| row.forced_choice);
    let can_force = match rule {
        ForcedChoice::Yes => true,
        ForcedChoice::NotThinking => !plan.is_on(),
        ForcedChoice::NotWithBudget => !plan.has_budget(),
        ForcedChoice::No => false,
    };
    if !can_force || !request.tools.is_empty() {
        return Err(losses.reject(Field::Structured, "the model takes no schema together with thinking or tools"));
    }
    losses.adjusted(Field::Structured, "asked for by a forced tool")
}
