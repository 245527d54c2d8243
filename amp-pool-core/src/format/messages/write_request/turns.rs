//! The conversation: system text, turns in turn, a beginning and an end that the model takes.

use serde::Serialize;

use super::{
    blocks::{self, Block},
    thinking::Plan,
};
use crate::format::{
    Field, Losses, Reject,
    canonical::{Part, Request, Role, Turn},
    capability::MidSystem,
    transcode::Translation,
};

/// What the user says when only the model would have spoken.
const GO_ON: &str = "Continue.";

/// What stands before a conversation that the model has begun.
const BEFORE: &str = "(conversation so far)";

#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    pub(super) content: Vec<Block<'a>>,
}

impl Message<'_> {
    pub(super) fn is_user(&self) -> bool {
        self.role == "user"
    }
}

/// Writes the system text and the turns.
pub(super) fn write<'a>(
    request: &'a Request,
    translation: &Translation,
    plan: &Plan,
    losses: &mut Losses,
) -> Result<(Vec<Block<'a>>, Vec<Message<'a>>), Reject> {
    let leading = request.turns.iter().take_while(|turn| is_system(turn)).count();
    let (before, turns) = request.turns.split_at(leading);
    let mut system = Vec::new();
    for text in &request.instructions {
        system.push(blocks::text(text, losses)?);
    }
    for turn in before {
        system.extend(blocks::parts(&turn.parts, translation, losses)?);
    }
    let mut conversation = Conversation::new(translation);
    for turn in turns {
        conversation.turn(turn, translation, losses)?;
    }
    conversation.tell_system(losses)?;
    conversation.begin(losses)?;
    let can_be_prefilled = translation.model_row().is_some_and(|row| row.prefill) && !plan.is_on();
    conversation.end(can_be_prefilled, losses)?;
    Ok((system, conversation.messages))
}

fn is_system(turn: &Turn) -> bool {
    matches!(turn.role, Role::System | Role::Developer)
}

struct Conversation<'a> {
    messages: Vec<Message<'a>>,
    /// Whether the model follows system text that stands between turns.
    follows_system: bool,
    /// Such text on its way to its place: behind the user, before the model.
    waiting: Vec<Block<'a>>,
}

impl<'a> Conversation<'a> {
    fn new(translation: &Translation) -> Self {
        let honours = translation.model_row().is_some_and(|row| row.mid_system == MidSystem::Honoured);
        // Foundry refuses it for every model.
        let follows_system = honours && translation.dialect.provider != "azure";
        Self { messages: Vec::new(), follows_system, waiting: Vec::new() }
    }

    fn turn(&mut self, turn: &'a Turn, translation: &Translation, losses: &mut Losses) -> Result<(), Reject> {
        match turn.role {
            Role::System | Role::Developer if self.follows_system => {
                self.waiting.extend(blocks::parts(&turn.parts, translation, losses)?);
            }
            Role::System | Role::Developer => self.wrapped(turn, losses)?,
            Role::User => {
                if !self.waiting.is_empty() {
                    losses.adjusted(Field::Turns, "system text moved behind the user's turn")?;
                }
                self.push("user", blocks::parts(&turn.parts, translation, losses)?);
            }
            Role::Assistant => {
                self.tell_system(losses)?;
                self.push("assistant", blocks::parts(&turn.parts, translation, losses)?);
            }
        }
        Ok(())
    }

    /// Says system text at its place in the user's name. At the top it would mean something else.
    fn wrapped(&mut self, turn: &'a Turn, losses: &mut Losses) -> Result<(), Reject> {
        losses.adjusted(Field::Turns, "system text between turns is sent as the user's")?;
        let texts = turn.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(Block::text(format!("<system>{}</system>", text.text))),
            _ => None,
        });
        self.push("user", texts.collect());
        Ok(())
    }

    fn tell_system(&mut self, losses: &mut Losses) -> Result<(), Reject> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        if !self.messages.last().is_some_and(Message::is_user) {
            losses.adjusted(Field::Turns, "a turn of the user was put before system text")?;
            self.push("user", vec![Block::text(GO_ON)]);
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.push("system", waiting);
        Ok(())
    }

    /// Adds a turn, or adds to the last one when it is of the same role. Results stand first: behind calls come only
    /// results, and what follows them is added to them.
    fn push(&mut self, role: &'static str, content: Vec<Block<'a>>) {
        match self.messages.last_mut() {
            _ if content.is_empty() => {}
            Some(last) if last.role == role => last.content.extend(content),
            _ => self.messages.push(Message { role, content }),
        }
    }

    fn begin(&mut self, losses: &mut Losses) -> Result<(), Reject> {
        if self.messages.first().is_some_and(Message::is_user) {
            return Ok(());
        }
        self.messages.insert(0, Message { role: "user", content: vec![Block::text(BEFORE)] });
        losses.adjusted(Field::Turns, "a turn of the user was put before the first one")
    }

    /// The last word is the user's, or the beginning of the model's if it takes one.
    fn end(&mut self, can_be_prefilled: bool, losses: &mut Losses) -> Result<(), Reject> {
        let Some(last) = self.messages.last_mut().filter(|last| last.role == "assistant") else { return Ok(()) };
        match last.content.last_mut() {
            Some(Block::Text { text, .. }) if can_be_prefilled => {
                // Space at the end of it is refused.
                *text = text.trim_end().to_owned().into();
                Ok(())
            }
            _ => {
                self.push("user", vec![Block::text(GO_ON)]);
                losses.adjusted(Field::Turns, "a turn of the user was put behind the model's")
            }
        }
    }
}
