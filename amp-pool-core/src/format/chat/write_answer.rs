//! Whole Chat answers, written.
//!
//! Text joined by nothing, `null` beside calls, reasoning in `reasoning_content`.

use serde::Serialize;

use super::{
    finish,
    shape::{Annotation, Logprobs, Usage, chars, service_tier},
};
use crate::format::{
    canonical::{Call, Collected, FinishReason, Input, Json, Part, Phase, Text},
    transcode::WayBack,
};

#[derive(Serialize)]
struct Answer<'a> {
    id: String,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<String>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: Option<Logprobs>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum ToolCall<'a> {
    Function { id: &'a str, function: Function<'a> },
    Custom { id: &'a str, custom: Custom<'a> },
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct Custom<'a> {
    name: &'a str,
    input: &'a str,
}

/// Writes the body. The answer has ended well: it has a finish and no failure.
pub(in crate::format) fn write_answer(answer: &Collected, back: &WayBack) -> Vec<u8> {
    let spent = answer.spent.as_ref();
    let body = Answer {
        id: back.ids.answer("chatcmpl-"),
        object: "chat.completion",
        created: back.created.as_millis() / 1_000,
        model: &back.model,
        choices: [choice(answer, back)],
        usage: spent.map(|spent| Usage::of(&spent.usage)),
        service_tier: service_tier(spent),
    };
    // Strings and numbers under fixed names: writing them to memory has no way to fail.
    serde_json::to_vec(&body).unwrap_or_default()
}

fn choice<'a>(answer: &'a Collected, back: &WayBack) -> Choice<'a> {
    let said = Spoken::of(answer, back);
    let has_refusal = !said.refusal.is_empty();
    let reason = answer.finish.as_ref().map_or(&FinishReason::End, |finish| &finish.reason);
    let finish_reason = finish::word(reason, has_refusal);
    let logprobs = said.logprobs.as_ref().map(|all| Logprobs { content: Json::of(all), refusal: () });
    let message = said.message(answer);
    Choice { index: 0, message, logprobs, finish_reason }
}

/// What an answer says, sorted.
#[derive(Default)]
struct Spoken {
    text: String,
    has_text: bool,
    refusal: String,
    thoughts: Vec<String>,
    annotations: Vec<Annotation>,
    logprobs: Option<Vec<Json>>,
}

impl Spoken {
    fn of(answer: &Collected, back: &WayBack) -> Self {
        let mut said = Self::default();
        for block in &answer.blocks {
            match &block.part {
                Part::Text(text) if text.phase == Some(Phase::Commentary) && back.commentary_as_reasoning => {
                    said.thoughts.push(text.text.clone());
                }
                Part::Text(text) => said.say(text),
                Part::Refusal(text) => said.refusal.push_str(text),
                Part::Thought(thought) => said.thoughts.push(thought.text()),
                // Calls are shown from the answer itself. Hosted steps are not the client's, and no others come.
                _ => {}
            }
        }
        said.thoughts.retain(|text| !text.is_empty());
        said
    }

    fn say(&mut self, text: &Text) {
        let start = chars(&self.text);
        self.has_text = true;
        self.text.push_str(&text.text);
        let end = chars(&self.text);
        self.annotations.extend(text.citations.iter().filter_map(|citation| Annotation::of(citation, start, end)));
        if let Some(logprobs) = &text.logprobs {
            let all = serde_json::from_str::<Vec<Json>>(logprobs.get()).unwrap_or_default();
            self.logprobs.get_or_insert_default().extend(all);
        }
    }

    fn message(self, answer: &Collected) -> Message<'_> {
        let tool_calls: Vec<_> = answer.calls().map(tool_call).collect();
        let explanation = answer.finish.as_ref().and_then(|finish| finish.explanation.clone());
        let refusal = Some(self.refusal).filter(|text| !text.is_empty()).or(explanation);
        Message {
            role: "assistant",
            content: (self.has_text || tool_calls.is_empty()).then_some(self.text),
            refusal,
            reasoning_content: Some(self.thoughts.join("\n\n")).filter(|text| !text.is_empty()),
            annotations: self.annotations,
            tool_calls,
        }
    }
}

fn tool_call(call: &Call) -> ToolCall<'_> {
    let (id, name) = (&*call.id, &*call.name);
    match &call.input {
        Input::Json(input) => {
            let arguments = if input.trim_ascii().is_empty() { "{}" } else { input };
            ToolCall::Function { id, function: Function { name, arguments } }
        }
        Input::Text(input) => ToolCall::Custom { id, custom: Custom { name, input } },
    }
}

#[cfg(test)]
mod tests;
