//! The conversation as items. None has an id: nothing is stored that an id could name.

use std::collections::HashSet;

use super::content::{self, Content};
use crate::format::{
    Field, Format, Losses, Reject,
    canonical::{
        Call, HostedPart, Input, Json, Part, Phase, ProofKind, Request, Role, Structured, Text, Thought, ThoughtKind,
        ToolResult, Turn,
    },
    capability::{Dialect, ReplayReasoning},
    responses::body::Body,
    transcode::Translation,
};

/// Writes instructions and conversation.
pub(super) fn write(
    request: &Request,
    translation: &Translation,
    losses: &mut Losses,
    body: &mut Body,
) -> Result<(), Reject> {
    refuse_prefill(request, translation, losses)?;
    let content = Content::new(translation, losses);
    let mut items = Items { content, translation, items: Vec::new(), customs: HashSet::new() };
    // A word in the instructions does not count as asking for JSON, and they can hold no mark.
    let as_message = matches!(request.structured, Some(Structured::Object))
        || (items.content.takes_marks() && request.instructions.iter().any(|text| text.cache.is_some()));
    if as_message {
        let texts: Vec<Part> = request.instructions.iter().cloned().map(Part::Text).collect();
        items.message(developer(translation.dialect), &texts)?;
    } else if !request.instructions.is_empty() {
        items.content.drop_marks(&request.instructions)?;
        let texts: Vec<&str> = request.instructions.iter().map(|text| &*text.text).collect();
        body.add("instructions", &texts.join("\n\n"));
    }
    request.turns.iter().try_for_each(|turn| items.turn(turn))?;
    if matches!(request.structured, Some(Structured::Object)) {
        items.ask_for_json()?;
    }
    body.add("input", &items.items);
    Ok(())
}

/// An answer that was begun by a Messages client would be begun again. Elsewhere a last turn of the model is just that.
fn refuse_prefill(request: &Request, translation: &Translation, losses: &Losses) -> Result<(), Reject> {
    let is_open = request.turns.last().is_some_and(|turn| turn.role == Role::Assistant);
    if is_open && translation.client == Format::Messages {
        return Err(losses.reject(Field::Turns, "the upstream can not go on from the beginning of an answer"));
    }
    Ok(())
}

fn developer(dialect: &Dialect) -> &'static str {
    if dialect.developer_role { "developer" } else { "system" }
}

struct Items<'a> {
    content: Content<'a>,
    translation: &'a Translation,
    items: Vec<Json>,
    /// Ids of calls with free text: their results have a name of their own.
    customs: HashSet<String>,
}

impl Items<'_> {
    fn push(&mut self, item: Body) {
        self.items.push(item.json());
    }

    fn turn(&mut self, turn: &Turn) -> Result<(), Reject> {
        match turn.role {
            // Messages has one word for both; whoever speaks it wrote the application.
            Role::System if self.translation.client == Format::Messages => {
                self.message(developer(self.translation.dialect), &turn.parts)
            }
            Role::System => self.message("system", &turn.parts),
            Role::Developer => self.message(developer(self.translation.dialect), &turn.parts),
            Role::User => self.user(&turn.parts),
            Role::Assistant => self.assistant(&turn.parts),
        }
    }

    fn message(&mut self, role: &str, parts: &[Part]) -> Result<(), Reject> {
        let content = self.content.parts(parts)?;
        if !content.is_empty() {
            let mut item = Body::of("message");
            item.add("role", role);
            item.add("content", &content);
            self.push(item);
        }
        Ok(())
    }

    /// Results stand directly behind their calls. What they can not hold, and what else is said, comes after the last.
    fn user(&mut self, parts: &[Part]) -> Result<(), Reject> {
        let mut rest = Vec::new();
        for part in parts {
            match part {
                Part::Result(result) => self.result(result, &mut rest)?,
                part => rest.push(part.clone()),
            }
        }
        self.message("user", &rest)
    }

    fn result(&mut self, result: &ToolResult, rest: &mut Vec<Part>) -> Result<(), Reject> {
        let output = self.content.output(result, rest)?;
        let is_custom = self.customs.contains(&result.call);
        let mut item = Body::of(if is_custom { "custom_tool_call_output" } else { "function_call_output" });
        item.add("call_id", &result.call);
        item.add("output", &output);
        self.push(item);
        Ok(())
    }

    fn assistant(&mut self, parts: &[Part]) -> Result<(), Reject> {
        let mut thought = None;
        let mut rest = parts;
        while let Some((part, behind)) = rest.split_first() {
            match part {
                Part::Thought(part) => {
                    // It belongs before what it led to; without that it is refused.
                    let leads = behind.iter().any(|part| !matches!(part, Part::Thought(_) | Part::Hosted(_)));
                    thought = if leads { self.thought(part)? } else { self.without(part)? };
                    self.items.extend(thought.clone());
                    rest = behind;
                }
                Part::Call(call) => {
                    self.think_again(thought.as_ref());
                    self.call(call);
                    rest = behind;
                }
                Part::Hosted(step) => {
                    self.hosted(step)?;
                    rest = behind;
                }
                first => {
                    let count = rest.iter().take_while(|part| goes_with(first, part)).count().max(1);
                    let (said, behind) = rest.split_at(count);
                    self.said(said)?;
                    rest = behind;
                }
            }
        }
        Ok(())
    }

    /// Where each call needs its own reasoning, that of the turn is said again; or that there was none.
    fn think_again(&mut self, thought: Option<&Json>) {
        let dialect = self.translation.dialect;
        match thought {
            _ if !dialect.reasoning_per_call => {}
            // It has just been said.
            Some(thought) if self.items.last() == Some(thought) => {}
            Some(thought) => self.items.push(thought.clone()),
            None if dialect.replay_reasoning == ReplayReasoning::EmptyOk => self.items.push(raw_reasoning(&[""])),
            None => {}
        }
    }

    /// A thought as this upstream takes it: proved, or as plain text where history must carry it.
    fn thought(&mut self, thought: &Thought) -> Result<Option<Json>, Reject> {
        let paragraphs: Vec<&str> = thought.paragraphs.iter().map(String::as_str).collect();
        match &thought.proof {
            Some(proof) if proof.kind == ProofKind::Encrypted => Ok(Some(reasoning(thought, &proof.data))),
            _ if self.translation.dialect.replay_reasoning != ReplayReasoning::Never && !paragraphs.is_empty() => {
                Ok(Some(raw_reasoning(&paragraphs)))
            }
            _ => self.without(thought),
        }
    }

    fn without(&mut self, _: &Thought) -> Result<Option<Json>, Reject> {
        self.content.losses.dropped(Field::Thoughts, "")?;
        Ok(None)
    }

    fn said(&mut self, parts: &[Part]) -> Result<(), Reject> {
        let content = self.content.said(parts)?;
        if content.is_empty() {
            return Ok(());
        }
        let mut item = Body::of("message");
        item.add("role", "assistant");
        item.add("content", &content);
        item.add_some("phase", parts.first().and_then(phase).map(content::phase));
        self.push(item);
        Ok(())
    }

    fn call(&mut self, call: &Call) {
        let (kind, member, input) = match &call.input {
            Input::Json(arguments) if arguments.trim_ascii().is_empty() => ("function_call", "arguments", "{}"),
            Input::Json(arguments) => ("function_call", "arguments", arguments.as_str()),
            Input::Text(input) => ("custom_tool_call", "input", input.as_str()),
        };
        if member == "input" {
            self.customs.insert(call.id.clone());
        }
        let mut item = Body::of(kind);
        item.add("call_id", &call.id);
        item.add("name", &call.name);
        item.add(member, input);
        self.push(item);
    }

    fn hosted(&mut self, step: &HostedPart) -> Result<(), Reject> {
        let Some(text) = &step.text else { return self.content.losses.dropped(Field::HostedSteps, "") };
        self.content.losses.adjusted(Field::HostedSteps, "told as text")?;
        self.said(&[Text::new(text).into()])
    }

    /// The upstream takes `json_object` only when a message speaks of JSON; calls and results do not count.
    fn ask_for_json(&mut self) -> Result<(), Reject> {
        if self.items.iter().any(|item| is_message(item) && item.get().to_ascii_lowercase().contains("json")) {
            return Ok(());
        }
        self.content.losses.adjusted(Field::Structured, "a message asks for JSON")?;
        let role = developer(self.translation.dialect);
        self.message(role, &[Text::new("Answer with one JSON object.").into()])
    }
}

fn is_message(item: &Json) -> bool {
    item.members()
        .is_some_and(|members| members.iter().any(|(name, kind)| name == "type" && kind.get() == "\"message\""))
}

/// Whether two parts of what the model says are in one message.
fn goes_with(first: &Part, part: &Part) -> bool {
    matches!(part, Part::Text(_) | Part::Refusal(_)) && phase(first) == phase(part)
}

fn phase(part: &Part) -> Option<Phase> {
    match part {
        Part::Text(text) => text.phase,
        _ => None,
    }
}

fn reasoning(thought: &Thought, data: &str) -> Json {
    let is_raw = thought.kind == ThoughtKind::Raw;
    let paragraphs: Vec<&str> = thought.paragraphs.iter().map(String::as_str).collect();
    let mut item = Body::of("reasoning");
    item.add("summary", &content::paragraphs("summary_text", if is_raw { &[] } else { &paragraphs }));
    if is_raw {
        item.add("content", &content::paragraphs("reasoning_text", &paragraphs));
    }
    item.add("encrypted_content", data);
    item.json()
}

fn raw_reasoning(paragraphs: &[&str]) -> Json {
    let mut item = Body::of("reasoning");
    item.add("summary", &content::paragraphs("summary_text", &[]));
    item.add("content", &content::paragraphs("reasoning_text", paragraphs));
    item.json()
}
