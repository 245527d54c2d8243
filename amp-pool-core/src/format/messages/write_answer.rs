//! Whole Messages answers, written.
//!
//! Blocks in their order, input as an object with its keys in order. A call that was cut is left out, and one that is
//! broken but not cut fails the answer: half a command must not run, and nothing is mended.

use serde::Serialize;

use super::{finish, tokens};
use crate::format::{
    Failure,
    canonical::{Arguments, Block, Call, Collected, Finish, FinishReason, Input, Json, Part, Thought},
    transcode::WayBack,
};

#[derive(Serialize)]
struct Message<'a> {
    id: String,
    r#type: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Written<'a>>,
    #[serde(flatten)]
    end: finish::Written<'a>,
    usage: tokens::Written,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Written<'a> {
    Text { text: &'a str },
    Thinking { thinking: String, signature: &'a str },
    RedactedThinking { data: &'a str },
    ToolUse { id: &'a str, name: &'a str, input: Json },
}

/// Writes the body. The answer has ended well: it has a finish and no failure.
///
/// # Errors
/// [`Failure`] when a call is whole and yet has no object as its input.
pub(in crate::format) fn write_answer(answer: &Collected, back: &WayBack) -> Result<Vec<u8>, Failure> {
    if let Some(call) = answer.calls().find(|call| input(call).is_none()) {
        return Err(Failure::broken_call(&call.name));
    }
    let unknown = Finish::new(FinishReason::End);
    let message = Message {
        id: back.ids.answer("msg_"),
        r#type: "message",
        role: "assistant",
        model: &back.model,
        content: answer.blocks.iter().filter_map(written).collect(),
        end: finish::Written::of(answer.finish.as_ref().unwrap_or(&unknown)),
        usage: usage(answer, back),
    };
    // Strings and numbers under fixed names: writing them to memory has no way to fail.
    Ok(serde_json::to_vec(&message).unwrap_or_default())
}

fn written(block: &Block) -> Option<Written<'_>> {
    match &block.part {
        Part::Text(text) => some(&text.text),
        Part::Refusal(text) => some(text),
        Part::Thought(thought) => thinking(thought),
        Part::Call(call) if block.is_complete => {
            Some(Written::ToolUse { id: &call.id, name: &call.name, input: input(call)? })
        }
        _ => None,
    }
}

fn some(text: &str) -> Option<Written<'_>> {
    (!text.is_empty()).then_some(Written::Text { text })
}

fn thinking(thought: &Thought) -> Option<Written<'_>> {
    let signature = thought.proof.as_ref().map_or("", |proof| &proof.data);
    let text = thought.text();
    match (text.is_empty(), &thought.proof) {
        (false, _) => Some(Written::Thinking { thinking: text, signature }),
        (true, Some(_)) => Some(Written::RedactedThinking { data: signature }),
        (true, None) => None,
    }
}

fn input(call: &Call) -> Option<Json> {
    match &call.input {
        Input::Json(input) => match Arguments::of(input) {
            Arguments::Object(input) => Some(input),
            Arguments::Broken => None,
        },
        Input::Text(text) => Some(Json::object(vec![("input".into(), Json::of(text))])),
    }
}

fn usage(answer: &Collected, back: &WayBack) -> tokens::Written {
    if let Some(spent) = &answer.spent {
        return tokens::Written::of(spent);
    }
    let length = |block: &Block| match &block.part {
        Part::Text(text) => text.text.len(),
        Part::Refusal(text) => text.len(),
        Part::Thought(thought) => thought.paragraphs.iter().map(String::len).sum(),
        Part::Call(call) => call.input.as_str().len(),
        _ => 0,
    };
    let said: usize = answer.blocks.iter().map(length).sum();
    tokens::Written::estimate(back.expected_input, u64::try_from(said).unwrap_or(u64::MAX))
}
