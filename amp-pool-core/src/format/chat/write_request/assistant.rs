//! What the model said, as Chat wants it back: text, calls, and reasoning where it is taken.

use std::borrow::Cow;

use serde::Serialize;

use super::{
    media::Content,
    messages::{Message, Messages},
};
use crate::format::{
    Field, Reject,
    canonical::{self, Effort, Input, Json, Part, ProofKind, Thought, Turn},
    capability::{ReasoningField, ReplayReasoning},
};

/// A call in a message: of a function, or of a custom tool.
#[derive(Debug, Serialize)]
pub(super) struct Call<'a> {
    id: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<Function<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<Custom<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Extra<'a>>,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Debug, Serialize)]
struct Custom<'a> {
    name: &'a str,
    input: &'a str,
}

/// What Gemini wants back with a call.
#[derive(Debug, Serialize)]
struct Extra<'a> {
    google: Google<'a>,
}

#[derive(Debug, Serialize)]
struct Google<'a> {
    thought_signature: &'a str,
}

/// The reasoning of a message, under the name that the upstream knows.
pub(super) enum Thinking {
    Content(String),
    Reasoning(String),
    Details(Vec<Json>),
}

impl<'a> Messages<'a, '_> {
    /// Writes a turn of the model.
    pub(super) fn assistant(&mut self, turn: &'a Turn) -> Result<(), Reject> {
        let mut said = Said::default();
        for part in &turn.parts {
            self.hear(part, &mut said)?;
        }
        let thought = self.thought(&said)?;
        if thought.is_none() && said.is_nothing() {
            return Ok(());
        }
        let is_null = said.text.is_empty() && !said.calls.is_empty() && self.dialect().null_content_ok;
        let (text, thinking) = match thought {
            Some(Carried::InText(text)) => (format!("<think>{text}</think>{}", said.text).into(), None),
            Some(Carried::Member(thinking)) => (said.text, Some(thinking)),
            None => (said.text, None),
        };
        let content = if is_null && text.is_empty() { Content::Null } else { Content::Text(text) };
        let (refusal, tool_calls) = (said.refusal, said.calls);
        let message = Message { refusal, tool_calls, ..Message::new("assistant", content) };
        self.out.push(message.with_thinking(thinking));
        Ok(())
    }

    /// Adds a part. Citations and phases are for readers of the answer; the model is told its words.
    fn hear(&mut self, part: &'a Part, said: &mut Said<'a>) -> Result<(), Reject> {
        match part {
            Part::Text(text) => {
                self.pieces.mark_lost(text.cache.is_some())?;
                add(&mut said.text, &text.text);
            }
            Part::Refusal(text) if self.dialect().custom_tools => add(&mut said.refusal, text),
            Part::Refusal(text) => add(&mut said.text, text),
            Part::Thought(thought) => said.thoughts.push(thought),
            Part::Call(call) => {
                self.pieces.mark_lost(call.cache.is_some())?;
                said.calls.push(written(call));
            }
            Part::Hosted(hosted) => said.step(self.pieces.hosted(hosted)?.unwrap_or_default()),
            Part::Image(_) | Part::Document(_) | Part::Audio(_) | Part::SearchResult(_) | Part::Result(_) => {
                return Err(self.pieces.losses.reject(Field::Turns, "an answer of the model can hold no media here"));
            }
        }
        Ok(())
    }

    /// The reasoning of a turn in the form and under the conditions of this upstream.
    fn thought(&mut self, said: &Said<'_>) -> Result<Option<Carried>, Reject> {
        let has_calls = !said.calls.is_empty();
        let dialect = self.dialect();
        let carries = match dialect.replay_reasoning {
            ReplayReasoning::Never => false,
            ReplayReasoning::ToolTurns | ReplayReasoning::EmptyOk => has_calls,
            ReplayReasoning::Always => true,
        };
        if !carries || dialect.reasoning_field_out == ReasoningField::None {
            let is_lost = !said.thoughts.is_empty();
            let told =
                is_lost.then(|| self.pieces.losses.dropped(Field::Thoughts, "the upstream does not take it here"));
            return told.transpose().map(|_| None);
        }
        // In a thinking loop of tools the member has to be there, with whatever is known.
        let must_be = dialect.replay_reasoning == ReplayReasoning::EmptyOk
            && self.request.reasoning.wanted() != Some(Effort::None);
        if said.thoughts.is_empty() && !must_be {
            return Ok(None);
        }
        Ok(carried(dialect.reasoning_field_out, &said.thoughts))
    }
}

/// Arguments go as they came, also when they are broken: the model wrote them.
fn written(call: &canonical::Call) -> Call<'_> {
    let name = &call.name;
    let (r#type, function, custom) = match &call.input {
        Input::Json(input) => {
            let arguments = if input.trim_ascii().is_empty() { "{}" } else { input };
            ("function", Some(Function { name, arguments }), None)
        }
        Input::Text(input) => ("custom", None, Some(Custom { name, input })),
    };
    let proof = call.proof.as_ref().filter(|proof| proof.kind == ProofKind::CallSignature);
    let extra_content = proof.map(|proof| Extra { google: Google { thought_signature: &proof.data } });
    Call { id: &call.id, r#type, function, custom, extra_content }
}

/// Adds to a text, which is borrowed as long as it is one.
fn add<'a>(text: &mut Cow<'a, str>, more: &'a str) {
    if text.is_empty() {
        *text = Cow::Borrowed(more);
    } else {
        text.to_mut().push_str(more);
    }
}

/// What the model said in one turn.
#[derive(Default)]
struct Said<'a> {
    text: Cow<'a, str>,
    refusal: Cow<'a, str>,
    thoughts: Vec<&'a Thought>,
    calls: Vec<Call<'a>>,
}

impl Said<'_> {
    /// Adds a step on lines of its own: an address must not run into the words behind it.
    fn step(&mut self, text: &str) {
        if !text.is_empty() {
            let said = self.text.to_mut();
            let is_inside = !said.is_empty() && !said.ends_with('\n');
            said.push_str(if is_inside { "\n" } else { "" });
            said.push_str(text);
            said.push('\n');
        }
    }

    /// What is left of a turn that was only reasoning, where that is not taken.
    fn is_nothing(&self) -> bool {
        self.text.is_empty() && self.refusal.is_empty() && self.calls.is_empty()
    }
}

/// Where reasoning goes.
enum Carried {
    Member(Thinking),
    InText(String),
}

fn carried(field: ReasoningField, thoughts: &[&Thought]) -> Option<Carried> {
    let text = || thoughts.iter().map(|thought| thought.text()).collect::<Vec<_>>().join("\n\n");
    Some(match field {
        ReasoningField::None => return None,
        ReasoningField::ReasoningContent => Carried::Member(Thinking::Content(text())),
        ReasoningField::Reasoning => Carried::Member(Thinking::Reasoning(text())),
        ReasoningField::ReasoningDetails => Carried::Member(Thinking::Details(details(thoughts))),
        ReasoningField::ThinkTag => Carried::InText(text()),
    })
}

/// The details of the upstream's own, unchanged; what has none is a detail of text.
fn details(thoughts: &[&Thought]) -> Vec<Json> {
    #[derive(Serialize)]
    struct Detail {
        r#type: &'static str,
        text: String,
    }

    let of = |thought: &&Thought| {
        let own = thought.proof.as_ref().filter(|proof| proof.kind == ProofKind::Details);
        own.and_then(|proof| serde_json::from_str::<Vec<Json>>(&proof.data).ok())
            .unwrap_or_else(|| vec![Json::of(&Detail { r#type: "reasoning.text", text: thought.text() })])
    };
    thoughts.iter().flat_map(of).collect()
}
