//! The conversation, as Chat writes it. What the model said is written in `assistant`.

use std::borrow::Cow;

use serde::Serialize;

use super::{
    assistant::{Call, Thinking},
    media::{Content, Piece, Pieces, joined},
};
use crate::format::{
    Field, Format, Losses, Reject,
    canonical::{Json, Part, Request, Role, Text, ToolResult, Turn},
    capability::{Dialect, PrefillShape},
    transcode::Translation,
};

/// A message.
#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    pub(super) role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_call_id: Option<&'a str>,
    pub(super) content: Content<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) refusal: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_details: Option<Vec<Json>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<Call<'a>>,
    /// The two ways to say that the answer goes on from here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) prefix: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) partial: bool,
}

impl<'a> Message<'a> {
    pub(super) fn new(role: &'static str, content: Content<'a>) -> Self {
        Self {
            role,
            tool_call_id: None,
            content,
            refusal: Cow::Borrowed(""),
            reasoning_content: None,
            reasoning: None,
            reasoning_details: None,
            tool_calls: Vec::new(),
            prefix: false,
            partial: false,
        }
    }

    pub(super) fn with_thinking(mut self, thinking: Option<Thinking>) -> Self {
        match thinking {
            None => {}
            Some(Thinking::Content(text)) => self.reasoning_content = Some(text),
            Some(Thinking::Reasoning(text)) => self.reasoning = Some(text),
            Some(Thinking::Details(details)) => self.reasoning_details = Some(details),
        }
        self
    }
}

/// Writes all messages.
pub(super) fn write<'a>(
    request: &'a Request,
    translation: &Translation,
    losses: &mut Losses,
) -> Result<Vec<Message<'a>>, Reject> {
    let pieces = Pieces { translation, losses };
    let mut writer = Messages { request, pieces, out: Vec::with_capacity(request.turns.len() + 1) };
    let turns = writer.leading_system()?;
    for turn in turns {
        writer.turn(turn)?;
    }
    writer.prefill()?;
    Ok(writer.out)
}

/// What messages are written with.
pub(super) struct Messages<'a, 'l> {
    pub(super) request: &'a Request,
    pub(super) pieces: Pieces<'l>,
    pub(super) out: Vec<Message<'a>>,
}

impl<'a> Messages<'a, '_> {
    pub(super) fn dialect(&self) -> &'static Dialect {
        self.pieces.translation.dialect
    }

    /// Writes the system text before the conversation, in one message where only one is taken, and gives the turns that
    /// are left.
    fn leading_system(&mut self) -> Result<&'a [Turn], Reject> {
        let turns = self.request.turns.as_slice();
        if !self.dialect().single_system {
            self.system(Role::System, self.request.instructions.iter())?;
            return Ok(turns);
        }
        let is_system = |turn: &&Turn| matches!(turn.role, Role::System | Role::Developer);
        let (leading, rest) = turns.split_at(turns.iter().take_while(is_system).count());
        self.system(Role::System, self.request.instructions.iter().chain(leading.iter().flat_map(texts)))?;
        Ok(rest)
    }

    /// One system message: texts by a blank line, or parts where one of them is marked.
    fn system(&mut self, role: Role, texts: impl Iterator<Item = &'a Text>) -> Result<(), Reject> {
        let mut pieces = Vec::new();
        for text in texts {
            pieces.push(self.pieces.marked(&text.text, text.cache)?);
        }
        if pieces.is_empty() {
            return Ok(());
        }
        if pieces.len() > 1 && !pieces.iter().any(Piece::is_marked) {
            pieces = vec![Piece::text(joined(&pieces, "\n\n"))];
        }
        let role = self.system_role(role)?;
        self.message(role, pieces);
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

    fn message(&mut self, role: &'static str, pieces: Vec<Piece<'a>>) {
        self.out.push(Message::new(role, Content::of(pieces, self.pieces.translation)));
    }

    fn turn(&mut self, turn: &'a Turn) -> Result<(), Reject> {
        match turn.role {
            Role::System | Role::Developer if self.dialect().single_system => self.late_system(turn),
            Role::System | Role::Developer => self.system(turn.role, texts(turn)),
            Role::User => self.user(turn),
            Role::Assistant => self.assistant(turn),
        }
    }

    /// A system turn inside the conversation keeps its place: at the top it would mean something else, and break the
    /// cached prefix.
    fn late_system(&mut self, turn: &Turn) -> Result<(), Reject> {
        self.pieces.losses.adjusted(Field::Turns, "sent in its place as the user, in `<system>`")?;
        let words: Vec<&str> = texts(turn).map(|text| text.text.as_str()).collect();
        let said = format!("<system>{}</system>", words.join("\n\n"));
        self.out.push(Message::new("user", Content::Text(said.into())));
        Ok(())
    }

    /// Results first, then the media in them, then what the user says.
    fn user(&mut self, turn: &'a Turn) -> Result<(), Reject> {
        let (mut media, mut said) = (Vec::new(), Vec::new());
        for part in &turn.parts {
            match part {
                Part::Result(result) => self.result(result, &mut media)?,
                part => self.pieces.add(part, &mut said)?,
            }
        }
        for pieces in [media, said] {
            if !pieces.is_empty() {
                self.message("user", pieces);
            }
        }
        Ok(())
    }

    /// A `tool` message. What it can not hold goes to `media`, behind the last of them.
    fn result(&mut self, result: &'a ToolResult, media: &mut Vec<Piece<'a>>) -> Result<(), Reject> {
        let mut pieces = Vec::with_capacity(result.content.len());
        for part in &result.content {
            self.pieces.add(part, &mut pieces)?;
        }
        self.pieces.mark_lost(pieces.iter().any(Piece::is_marked) || result.cache.is_some())?;
        let content = if self.dialect().tool_media && pieces.iter().any(Piece::is_media) {
            self.failed_list(result, &mut pieces)?;
            Content::of(pieces, self.pieces.translation)
        } else {
            let moved: Vec<Piece<'a>> = pieces.extract_if(.., |piece| piece.is_media()).collect();
            let text = self.text_of(result, pieces, !moved.is_empty())?;
            self.move_media(result, moved, media)?;
            Content::Text(text)
        };
        self.out.push(Message { tool_call_id: Some(&result.call), ..Message::new("tool", content) });
        Ok(())
    }

    fn text_of(
        &mut self,
        result: &ToolResult,
        mut texts: Vec<Piece<'a>>,
        has_media: bool,
    ) -> Result<Cow<'a, str>, Reject> {
        let text = match texts.as_mut_slice() {
            [Piece::Text { text, .. }] => std::mem::take(text),
            texts => joined(texts, "\n").into(),
        };
        let text = if text.is_empty() && has_media { "(see attached image)".into() } else { text };
        self.failed(result, text)
    }

    /// There is no member that says that a tool failed.
    fn failed(&mut self, result: &ToolResult, text: Cow<'a, str>) -> Result<Cow<'a, str>, Reject> {
        if !result.is_error || text.starts_with("Error: ") {
            return Ok(text);
        }
        self.pieces.losses.adjusted(Field::Results, "a failure is told as text")?;
        Ok(format!("Error: {text}").into())
    }

    fn failed_list(&mut self, result: &ToolResult, pieces: &mut Vec<Piece<'a>>) -> Result<(), Reject> {
        let prefix = self.failed(result, Cow::Borrowed(""))?;
        if !prefix.is_empty() {
            pieces.insert(0, Piece::text(prefix));
        }
        Ok(())
    }

    fn move_media(
        &mut self,
        result: &ToolResult,
        moved: Vec<Piece<'a>>,
        media: &mut Vec<Piece<'a>>,
    ) -> Result<(), Reject> {
        if moved.is_empty() {
            return Ok(());
        }
        self.pieces.losses.adjusted(Field::Results, "media are sent in a user message behind the results")?;
        media.push(Piece::text(format!("From the result of tool call {}:", result.call)));
        media.extend(moved);
        Ok(())
    }

    /// The last turn may be the beginning of the answer, if the upstream can go on from it. Only Messages means that by
    /// it; elsewhere it is just the last thing that was said.
    fn prefill(&mut self) -> Result<(), Reject> {
        let is_prefill = self.pieces.translation.client == Format::Messages
            && self.request.turns.last().is_some_and(|turn| turn.role == Role::Assistant);
        let last = self.out.last_mut().filter(|_| is_prefill);
        match (self.pieces.translation.dialect.prefill_shape, last) {
            (PrefillShape::None, _) if is_prefill => {
                return Err(self.pieces.losses.reject(Field::Turns, "this upstream can not go on from a begun answer"));
            }
            (PrefillShape::Prefix, Some(last)) => last.prefix = true,
            (PrefillShape::Partial, Some(last)) => last.partial = true,
            _ => {}
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
