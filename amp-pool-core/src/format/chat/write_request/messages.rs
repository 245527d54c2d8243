//! The conversation, as Chat writes it. What the model said is written in `assistant`.

use super::{
    Body,
    media::{Piece, Pieces, content},
};
use crate::format::{
    Field, Format, Losses, Reject,
    canonical::{Json, Part, Request, Role, Text, ToolResult, Turn},
    capability::{Dialect, PrefillShape},
    transcode::Translation,
};

/// Writes all messages.
pub(super) fn write(request: &Request, translation: &Translation, losses: &mut Losses) -> Result<Vec<Json>, Reject> {
    let pieces = Pieces { translation, losses };
    let mut writer = Messages { request, pieces, out: Vec::new() };
    let turns = writer.leading_system()?;
    for turn in turns {
        writer.turn(turn)?;
    }
    writer.prefill()?;
    Ok(writer.out.into_iter().map(Body::json).collect())
}

/// What messages are written with.
pub(super) struct Messages<'a> {
    pub(super) request: &'a Request,
    pub(super) pieces: Pieces<'a>,
    pub(super) out: Vec<Body>,
}

impl<'a> Messages<'a> {
    pub(super) fn dialect(&self) -> &'static Dialect {
        self.pieces.translation.dialect
    }

    /// Writes the system text before the conversation, in one message where only one is taken, and gives the turns that
    /// are left.
    fn leading_system(&mut self) -> Result<&'a [Turn], Reject> {
        let instructions: Vec<&Text> = self.request.instructions.iter().collect();
        let turns = self.request.turns.as_slice();
        if !self.dialect().single_system {
            self.system(Role::System, &instructions)?;
            return Ok(turns);
        }
        let is_system = |turn: &&Turn| matches!(turn.role, Role::System | Role::Developer);
        let (leading, rest) = turns.split_at(turns.iter().take_while(is_system).count());
        let texts: Vec<&Text> = instructions.into_iter().chain(leading.iter().flat_map(texts)).collect();
        self.system(Role::System, &texts)?;
        Ok(rest)
    }

    /// One system message: texts by a blank line, or parts where one of them is marked.
    fn system(&mut self, role: Role, texts: &[&Text]) -> Result<(), Reject> {
        let mut pieces = Vec::new();
        for text in texts {
            let mark = self.pieces.mark(text.cache)?;
            pieces.push(Piece::Text(text.text.clone(), mark));
        }
        let has_mark = pieces.iter().any(|piece| matches!(piece, Piece::Text(_, Some(_))));
        if !has_mark && !pieces.is_empty() {
            let joined: Vec<&str> = texts.iter().map(|text| text.text.as_str()).collect();
            pieces = vec![Piece::Text(joined.join("\n\n"), None)];
        }
        if pieces.is_empty() {
            return Ok(());
        }
        let role = self.system_role(role)?;
        self.message(role, &content(&pieces, self.pieces.translation));
        Ok(())
    }

    fn system_role(&mut self, role: Role) -> Result<&'static str, Reject> {
        if self.pieces.translation.model_row().is_some_and(|row| !row.system) {
            self.pieces.losses.adjusted(Field::System, "sent as the user, the model takes no other")?;
            return Ok("user");
        }
        let is_developer = role == Role::Developer && self.dialect().developer_role;
        Ok(if is_developer { "developer" } else { "system" })
    }

    fn message(&mut self, role: &str, content: &Json) {
        let mut message = Body::default();
        message.add("role", role);
        message.add("content", content);
        self.out.push(message);
    }

    fn turn(&mut self, turn: &Turn) -> Result<(), Reject> {
        match turn.role {
            Role::System | Role::Developer if self.dialect().single_system => self.late_system(turn),
            Role::System | Role::Developer => self.system(turn.role, &texts(turn).collect::<Vec<_>>()),
            Role::User => self.user(turn),
            Role::Assistant => self.assistant(turn),
        }
    }

    /// A system turn inside the conversation keeps its place: at the top it would mean something else, and break the
    /// cached prefix.
    fn late_system(&mut self, turn: &Turn) -> Result<(), Reject> {
        self.pieces.losses.adjusted(Field::Turns, "sent in its place as the user, in `<system>`")?;
        let joined: Vec<&str> = texts(turn).map(|text| text.text.as_str()).collect();
        self.message("user", &Json::of(&format!("<system>{}</system>", joined.join("\n\n"))));
        Ok(())
    }

    /// Results first, then the media in them, then what the user says.
    fn user(&mut self, turn: &Turn) -> Result<(), Reject> {
        let (mut media, mut said) = (Vec::new(), Vec::new());
        for part in &turn.parts {
            match part {
                Part::Result(result) => self.result(result, &mut media)?,
                part => self.pieces.add(part, &mut said)?,
            }
        }
        for pieces in [media, said] {
            if !pieces.is_empty() {
                self.message("user", &content(&pieces, self.pieces.translation));
            }
        }
        Ok(())
    }

    /// A `tool` message. What it can not hold goes to `media`, behind the last of them.
    fn result(&mut self, result: &ToolResult, media: &mut Vec<Piece>) -> Result<(), Reject> {
        let mut pieces = Vec::new();
        for part in &result.content {
            self.pieces.add(part, &mut pieces)?;
        }
        let is_marked = pieces.iter().any(|piece| matches!(piece, Piece::Text(_, Some(_))));
        self.pieces.mark_lost(is_marked || result.cache.is_some())?;
        let is_media = |piece: &Piece| matches!(piece, Piece::Media(_));
        let content = if self.dialect().tool_media && pieces.iter().any(is_media) {
            self.failed_list(result, &mut pieces)?;
            content(&pieces, self.pieces.translation)
        } else {
            let moved: Vec<Piece> = pieces.iter().filter(|piece| is_media(piece)).cloned().collect();
            let text = self.text_of(result, &pieces, !moved.is_empty())?;
            self.move_media(result, moved, media)?;
            Json::of(&text)
        };
        let mut message = Body::default();
        message.add("role", "tool");
        message.add("tool_call_id", &result.call);
        message.add("content", &content);
        self.out.push(message);
        Ok(())
    }

    fn text_of(&mut self, result: &ToolResult, pieces: &[Piece], has_media: bool) -> Result<String, Reject> {
        let texts = pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text, _) => Some(text.as_str()),
            Piece::Media(_) => None,
        });
        let text = texts.collect::<Vec<_>>().join("\n");
        let text = if text.is_empty() && has_media { "(see attached image)".to_owned() } else { text };
        self.failed(result, text)
    }

    /// There is no member that says that a tool failed.
    fn failed(&mut self, result: &ToolResult, text: String) -> Result<String, Reject> {
        if !result.is_error || text.starts_with("Error: ") {
            return Ok(text);
        }
        self.pieces.losses.adjusted(Field::Results, "a failure is told as text")?;
        Ok(format!("Error: {text}"))
    }

    fn failed_list(&mut self, result: &ToolResult, pieces: &mut Vec<Piece>) -> Result<(), Reject> {
        let prefix = self.failed(result, String::new())?;
        if !prefix.is_empty() {
            pieces.insert(0, Piece::Text(prefix, None));
        }
        Ok(())
    }

    fn move_media(&mut self, result: &ToolResult, moved: Vec<Piece>, media: &mut Vec<Piece>) -> Result<(), Reject> {
        if moved.is_empty() {
            return Ok(());
        }
        self.pieces.losses.adjusted(Field::Results, "media are sent in a user message behind the results")?;
        media.push(Piece::Text(format!("From the result of tool call {}:", result.call), None));
        media.extend(moved);
        Ok(())
    }

    /// The last turn may be the beginning of the answer, if the upstream can go on from it. Only Messages means that by
    /// it; elsewhere it is just the last thing that was said.
    fn prefill(&mut self) -> Result<(), Reject> {
        let is_prefill = self.pieces.translation.client == Format::Messages
            && self.request.turns.last().is_some_and(|turn| turn.role == Role::Assistant);
        let name = match self.dialect().prefill_shape {
            _ if !is_prefill => return Ok(()),
            PrefillShape::Prefix => "prefix",
            PrefillShape::Partial => "partial",
            PrefillShape::None => {
                return Err(self.pieces.losses.reject(Field::Turns, "this upstream can not go on from a begun answer"));
            }
        };
        if let Some(last) = self.out.last_mut() {
            last.add(name, &true);
        }
        Ok(())
    }
}

impl Pieces<'_> {
    /// Reports a mark at what can hold none.
    pub(super) fn mark_lost(&mut self, is_marked: bool) -> Result<(), Reject> {
        if is_marked { self.losses.dropped(Field::CacheMarks, "not at calls, results and answers") } else { Ok(()) }
    }
}

fn texts(turn: &Turn) -> impl Iterator<Item = &Text> {
    turn.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text),
        _ => None,
    })
}
