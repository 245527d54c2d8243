//! The conversation of a Messages request.

use super::{object, parts};
use crate::format::{
    Losses, Reject,
    canonical::{Json, Part, Role, Turn},
};

/// Reads the turns as they stand: results are parts of user turns, and system text between turns is a turn.
pub(super) fn read(messages: &Json, losses: &mut Losses) -> Result<Vec<Turn>, Reject> {
    let mut turns = Vec::new();
    for (_, mut message) in object::objects(messages, "messages")? {
        let path = message.path("content");
        let role = match &*message.need_text("role")? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            other => return Err(Reject::field(message.path("role"), format!("unknown role `{other}`"))),
        };
        let content = message.need("content")?;
        let parts = match role {
            Role::System => parts::texts(&content, &path)?.into_iter().map(Part::Text).collect(),
            _ => parts::read(&content, &path, losses)?,
        };
        turns.push(Turn::new(role, parts));
        for (name, _) in message.rest() {
            losses.dropped(format!("messages[].{name}"), "")?;
        }
    }
    Ok(turns)
}
