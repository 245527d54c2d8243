//! The conversation of a Messages request.

use super::parts;
use crate::format::{
    Losses, Reject,
    canonical::{Part, Role, Turn},
    tree::Value,
};

/// Reads the turns as they stand: results are parts of user turns, and system text between turns is a turn.
pub(super) fn read(messages: Value<'_>, losses: &mut Losses) -> Result<Vec<Turn>, Reject> {
    let mut turns = Vec::new();
    for message in messages.objects()? {
        let message = message?;
        let role = match &*message.need_word("role")? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            other => return Err(Reject::field(message.path_of("role"), format!("unknown role `{other}`"))),
        };
        let content = message.need("content")?;
        let parts = match role {
            Role::System => {
                parts::texts(content, "messages[].content[]", losses)?.into_iter().map(Part::Text).collect()
            }
            _ => parts::read(content, losses)?,
        };
        turns.push(Turn::new(role, parts));
        for member in message.rest() {
            losses.dropped(format!("messages[].{}", member.name()), "")?;
        }
    }
    Ok(turns)
}
