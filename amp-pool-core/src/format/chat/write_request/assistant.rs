//! What the model said, as Chat wants it back: text, calls, and reasoning where it is taken.

use super::{Body, messages::Messages, tools::typed};
use crate::format::{
    Field, Reject,
    canonical::{Call, Effort, Input, Json, Part, ProofKind, Thought, Turn},
    capability::{ReasoningField, ReplayReasoning},
};

impl Messages<'_> {
    /// Writes a turn of the model.
    pub(super) fn assistant(&mut self, turn: &Turn) -> Result<(), Reject> {
        let mut said = Said::default();
        for part in &turn.parts {
            self.hear(part, &mut said)?;
        }
        let thought = self.thought(&said)?;
        if thought.is_none() && said.is_nothing() {
            return Ok(());
        }
        let mut message = Body::default();
        message.add("role", "assistant");
        let is_null = said.text.is_empty() && !said.calls.is_empty() && self.dialect().null_content_ok;
        let text = match &thought {
            Some(Carried::InText(text)) => format!("<think>{text}</think>{}", said.text),
            _ => said.text,
        };
        let content = if is_null && text.is_empty() { Json::of(&()) } else { Json::of(&text) };
        message.add("content", &content);
        message.add_some("refusal", Some(&said.refusal).filter(|text| !text.is_empty()));
        if let Some(Carried::Member(name, value)) = thought {
            message.add(name, &value);
        }
        if !said.calls.is_empty() {
            message.add("tool_calls", &said.calls);
        }
        self.out.push(message);
        Ok(())
    }

    /// Adds a part. Citations and phases are for readers of the answer; the model is told its words.
    fn hear(&mut self, part: &Part, said: &mut Said) -> Result<(), Reject> {
        match part {
            Part::Text(text) => {
                self.pieces.mark_lost(text.cache.is_some())?;
                said.text.push_str(&text.text);
            }
            Part::Refusal(text) if self.dialect().custom_tools => said.refusal.push_str(text),
            Part::Refusal(text) => said.text.push_str(text),
            Part::Thought(thought) => said.thoughts.push(thought.clone()),
            Part::Call(call) => {
                self.pieces.mark_lost(call.cache.is_some())?;
                said.calls.push(self.call(call));
            }
            Part::Hosted(hosted) => said.step(self.pieces.hosted(hosted)?.unwrap_or_default()),
            Part::Image(_) | Part::Document(_) | Part::Audio(_) | Part::SearchResult(_) | Part::Result(_) => {
                return Err(self.pieces.losses.reject(Field::Turns, "an answer of the model can hold no media here"));
            }
        }
        Ok(())
    }

    /// Arguments go as they came, also when they are broken: the model wrote them.
    fn call(&self, call: &Call) -> Json {
        let mut inner = Body::default();
        inner.add("name", &call.name);
        let kind = match &call.input {
            Input::Json(input) => {
                inner.add("arguments", if input.trim_ascii().is_empty() { "{}" } else { input });
                "function"
            }
            Input::Text(input) => {
                inner.add("input", input);
                "custom"
            }
        };
        let mut outer = Body::default();
        outer.add("id", &call.id);
        outer.0.extend(typed(kind, &inner.json()).members().unwrap_or_default());
        if let Some(proof) = call.proof.as_ref().filter(|proof| proof.kind == ProofKind::CallSignature) {
            outer.add("extra_content", &google(&proof.data));
        }
        outer.json()
    }

    /// The reasoning of a turn in the form and under the conditions of this upstream.
    fn thought(&mut self, said: &Said) -> Result<Option<Carried>, Reject> {
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

/// What the model said in one turn.
#[derive(Default)]
struct Said {
    text: String,
    refusal: String,
    thoughts: Vec<Thought>,
    calls: Vec<Json>,
}

impl Said {
    /// What is left of a turn that was only reasoning, where that is not taken.
    /// Adds a step on lines of its own: an address must not run into the words behind it.
    fn step(&mut self, text: &str) {
        if !text.is_empty() {
            let is_inside = !self.text.is_empty() && !self.text.ends_with('\n');
            self.text.push_str(if is_inside { "\n" } else { "" });
            self.text.push_str(text);
            self.text.push('\n');
        }
    }

    fn is_nothing(&self) -> bool {
        self.text.is_empty() && self.refusal.is_empty() && self.calls.is_empty()
    }
}

/// Where reasoning goes.
enum Carried {
    Member(&'static str, Json),
    InText(String),
}

fn carried(field: ReasoningField, thoughts: &[Thought]) -> Option<Carried> {
    let text = thoughts.iter().map(Thought::text).collect::<Vec<_>>().join("\n\n");
    Some(match field {
        ReasoningField::None => return None,
        ReasoningField::ReasoningContent => Carried::Member("reasoning_content", Json::of(&text)),
        ReasoningField::Reasoning => Carried::Member("reasoning", Json::of(&text)),
        ReasoningField::ReasoningDetails => Carried::Member("reasoning_details", details(thoughts)),
        ReasoningField::ThinkTag => Carried::InText(text),
    })
}

/// The details of the upstream's own, unchanged; what has none is a detail of text.
fn details(thoughts: &[Thought]) -> Json {
    let of = |thought: &Thought| {
        let own = thought.proof.as_ref().filter(|proof| proof.kind == ProofKind::Details);
        own.and_then(|proof| serde_json::from_str::<Vec<Json>>(&proof.data).ok()).unwrap_or_else(|| {
            let mut detail = Body::default();
            detail.add("type", "reasoning.text");
            detail.add("text", &thought.text());
            vec![detail.json()]
        })
    };
    Json::of(&thoughts.iter().flat_map(of).collect::<Vec<_>>())
}

/// `{"google": {"thought_signature": …}}`
fn google(signature: &str) -> Json {
    let (mut inner, mut outer) = (Body::default(), Body::default());
    inner.add("thought_signature", signature);
    outer.add("google", &inner.json());
    outer.json()
}
