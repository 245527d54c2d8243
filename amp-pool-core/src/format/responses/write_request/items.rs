//! The conversation as items. None has an id: nothing is stored that an id could name.

use std::collections::HashSet;

use serde::Serialize;

use super::content::{self, Content, Output, Written};
use crate::format::{
    Field, Format, Losses, Reject,
    body::Body,
    canonical::{
        Call, HostedPart, Input, Part, Phase, ProofKind, Request, Role, Structured, Text, Thought, ThoughtKind,
        ToolResult, Turn,
    },
    capability::{Dialect, ReplayReasoning},
    transcode::Translation,
};

/// An item, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item<'a> {
    Message {
        role: &'static str,
        content: Vec<Written<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<&'static str>,
    },
    FunctionCall {
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    CustomToolCall {
        call_id: &'a str,
        name: &'a str,
        input: &'a str,
    },
    FunctionCallOutput {
        call_id: &'a str,
        output: Output<'a>,
    },
    CustomToolCallOutput {
        call_id: &'a str,
        output: Output<'a>,
    },
    Reasoning {
        summary: Vec<Paragraph<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<Vec<Paragraph<'a>>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<&'a str>,
    },
}

/// A paragraph of reasoning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Paragraph<'a> {
    SummaryText { text: &'a str },
    ReasoningText { text: &'a str },
}

/// Writes instructions and conversation.
pub(super) fn write(
    request: &Request,
    translation: &Translation,
    losses: &mut Losses,
    body: &mut Body,
) -> Result<(), Reject> {
    refuse_prefill(request, translation, losses)?;
    let content = Content::new(translation, losses);
    let items = Vec::with_capacity(request.turns.len() + 1);
    let mut items = Items { content, translation, items, customs: HashSet::new() };
    // A word in the instructions does not count as asking for JSON, and they can hold no mark.
    let as_message = matches!(request.structured, Some(Structured::Object))
        || (items.content.takes_marks() && request.instructions.iter().any(|text| text.cache.is_some()));
    if as_message {
        items.developer(&request.instructions)?;
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

struct Items<'a, 'l> {
    content: Content<'l>,
    translation: &'l Translation,
    items: Vec<Item<'a>>,
    /// Ids of calls with free text: their results have a name of their own.
    customs: HashSet<&'a str>,
}

impl<'a> Items<'a, '_> {
    fn turn(&mut self, turn: &'a Turn) -> Result<(), Reject> {
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

    fn message(&mut self, role: &'static str, parts: &'a [Part]) -> Result<(), Reject> {
        let content = self.content.parts(parts)?;
        self.push(role, content, None);
        Ok(())
    }

    /// System text as a message.
    fn developer(&mut self, texts: &'a [Text]) -> Result<(), Reject> {
        let mut content = Vec::with_capacity(texts.len());
        texts.iter().try_for_each(|text| self.content.text(text, &mut content))?;
        self.push(developer(self.translation.dialect), content, None);
        Ok(())
    }

    fn push(&mut self, role: &'static str, content: Vec<Written<'a>>, phase: Option<&'static str>) {
        if !content.is_empty() {
            self.items.push(Item::Message { role, content, phase });
        }
    }

    /// Results stand directly behind their calls. What they can not hold, and what else is said, comes after the last.
    fn user(&mut self, parts: &'a [Part]) -> Result<(), Reject> {
        let mut rest = Vec::new();
        for part in parts {
            match part {
                Part::Result(result) => self.result(result, &mut rest)?,
                part => self.content.part(part, &mut rest)?,
            }
        }
        self.push("user", rest, None);
        Ok(())
    }

    fn result(&mut self, result: &'a ToolResult, rest: &mut Vec<Written<'a>>) -> Result<(), Reject> {
        let output = self.content.output(result, rest)?;
        let call_id = &*result.call;
        self.items.push(match self.customs.contains(call_id) {
            true => Item::CustomToolCallOutput { call_id, output },
            false => Item::FunctionCallOutput { call_id, output },
        });
        Ok(())
    }

    fn assistant(&mut self, parts: &'a [Part]) -> Result<(), Reject> {
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
    fn think_again(&mut self, thought: Option<&Item<'a>>) {
        let dialect = self.translation.dialect;
        match thought {
            _ if !dialect.reasoning_per_call => {}
            // It has just been said.
            Some(thought) if self.items.last() == Some(thought) => {}
            Some(thought) => self.items.push(thought.clone()),
            None if dialect.replay_reasoning == ReplayReasoning::EmptyOk => self.items.push(raw_reasoning([""])),
            None => {}
        }
    }

    /// A thought as this upstream takes it: proved, or as plain text where history must carry it.
    fn thought(&mut self, thought: &'a Thought) -> Result<Option<Item<'a>>, Reject> {
        let paragraphs = &thought.paragraphs;
        match &thought.proof {
            Some(proof) if proof.kind == ProofKind::Encrypted => Ok(Some(reasoning(thought, &proof.data))),
            _ if self.translation.dialect.replay_reasoning != ReplayReasoning::Never && !paragraphs.is_empty() => {
                Ok(Some(raw_reasoning(paragraphs.iter().map(String::as_str))))
            }
            _ => self.without(thought),
        }
    }

    fn without(&mut self, _: &Thought) -> Result<Option<Item<'a>>, Reject> {
        self.content.losses.dropped(Field::Thoughts, "")?;
        Ok(None)
    }

    fn said(&mut self, parts: &'a [Part]) -> Result<(), Reject> {
        let content = self.content.said(parts)?;
        self.push("assistant", content, parts.first().and_then(phase).map(content::phase));
        Ok(())
    }

    fn call(&mut self, call: &'a Call) {
        let (call_id, name) = (&*call.id, &*call.name);
        self.items.push(match &call.input {
            Input::Json(arguments) => {
                let arguments = if arguments.trim_ascii().is_empty() { "{}" } else { arguments };
                Item::FunctionCall { call_id, name, arguments }
            }
            Input::Text(input) => {
                self.customs.insert(call_id);
                Item::CustomToolCall { call_id, name, input }
            }
        });
    }

    fn hosted(&mut self, step: &'a HostedPart) -> Result<(), Reject> {
        let Some(text) = &step.text else { return self.content.losses.dropped(Field::HostedSteps, "") };
        self.content.losses.adjusted(Field::HostedSteps, "told as text")?;
        self.push("assistant", vec![Written::OutputText { text, annotations: Vec::new() }], None);
        Ok(())
    }

    /// The upstream takes `json_object` only when a message speaks of JSON; calls and results do not count.
    fn ask_for_json(&mut self) -> Result<(), Reject> {
        if self.items.iter().any(speaks_of_json) {
            return Ok(());
        }
        self.content.losses.adjusted(Field::Structured, "a message asks for JSON")?;
        let role = developer(self.translation.dialect);
        self.push(role, vec![Written::text("Answer with one JSON object.")], None);
        Ok(())
    }
}

fn speaks_of_json(item: &Item<'_>) -> bool {
    let text = || serde_json::to_string(item).unwrap_or_default();
    matches!(item, Item::Message { .. }) && text().to_ascii_lowercase().contains("json")
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

fn reasoning<'a>(thought: &'a Thought, data: &'a str) -> Item<'a> {
    let is_raw = thought.kind == ThoughtKind::Raw;
    let texts = || thought.paragraphs.iter().map(String::as_str);
    let summary = if is_raw { Vec::new() } else { texts().map(|text| Paragraph::SummaryText { text }).collect() };
    let content = is_raw.then(|| texts().map(|text| Paragraph::ReasoningText { text }).collect());
    Item::Reasoning { summary, content, encrypted_content: Some(data) }
}

fn raw_reasoning<'a>(paragraphs: impl IntoIterator<Item = &'a str>) -> Item<'a> {
    let content = paragraphs.into_iter().map(|text| Paragraph::ReasoningText { text }).collect();
    Item::Reasoning { summary: Vec::new(), content: Some(content), encrypted_content: None }
}
