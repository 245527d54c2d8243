//! Chat streams, written.
//!
//! One role chunk, calls counted from 0, one finish chunk, usage when asked for, `[DONE]`; an `error` frame and nothing
//! else when it fails.

use std::time::Duration;

use serde::Serialize;

use super::{
    finish,
    shape::{Annotation, Logprobs, Usage, chars, service_tier},
};
use crate::format::{
    Format, Problem,
    canonical::{BlockKind, Call, Delta as Said, Event, Finish, Input, Json, Phase, Spent},
    error_event,
    transcode::{WayBack, WriteEvents, comment, frame},
};

/// The state of a stream.
#[derive(Debug)]
pub(in crate::format) struct Writer {
    id: String,
    created: i64,
    model: String,
    include_usage: bool,
    commentary_as_reasoning: bool,
    /// What each block is to the client, by its index.
    blocks: Vec<Shown>,
    /// How many calls have begun. Their index is not that of their block.
    calls: u32,
    /// Characters of text so far: what citations count in.
    written: u64,
    has_thought: bool,
    has_refusal: bool,
    /// Probabilities of the text that comes next.
    logprobs: Option<Json>,
    annotations: Vec<Annotation>,
    spent: Option<Spent>,
}

/// What a block is to the client.
#[derive(Debug, Clone, Copy)]
enum Shown {
    /// Text that begins behind so many characters.
    Text {
        start: u64,
    },
    Refusal,
    /// Reasoning. A blank line stands between it and what was thought before.
    Thought {
        is_first: bool,
    },
    Function(u32),
    Custom(u32),
    Nothing,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<String>,
    choices: &'a [Choice<'a>],
    /// Only clients that asked for usage see it, and those on every chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Usage>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<Logprobs>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    annotations: &'a [Annotation],
}

#[derive(Serialize, Default)]
struct CallDelta<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<Function<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<Custom<'a>>,
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

#[derive(Serialize)]
struct Custom<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    input: &'a str,
}

impl Writer {
    /// A writer at the beginning of an answer.
    pub(in crate::format) fn new(back: &WayBack) -> Self {
        Self {
            id: back.ids.answer("chatcmpl-"),
            created: back.created.as_millis() / 1_000,
            model: back.model.clone(),
            include_usage: back.include_usage,
            commentary_as_reasoning: back.commentary_as_reasoning,
            blocks: Vec::new(),
            calls: 0,
            written: 0,
            has_thought: false,
            has_refusal: false,
            logprobs: None,
            annotations: Vec::new(),
            spent: None,
        }
    }

    fn start(&mut self, kind: &BlockKind, out: &mut Vec<u8>) {
        let shown = match kind {
            BlockKind::Text { phase: Some(Phase::Commentary) } if self.commentary_as_reasoning => self.thought(),
            BlockKind::Text { .. } => Shown::Text { start: self.written },
            BlockKind::Refusal => Shown::Refusal,
            BlockKind::Thought(_) => self.thought(),
            BlockKind::Call(call) => self.call(call, out),
            BlockKind::Hosted(_) => Shown::Nothing,
        };
        self.blocks.push(shown);
    }

    fn thought(&self) -> Shown {
        Shown::Thought { is_first: !self.has_thought }
    }

    fn call(&mut self, call: &Call, out: &mut Vec<u8>) -> Shown {
        let (index, name, id) = (self.calls, Some(&*call.name), Some(&*call.id));
        self.calls += 1;
        let (delta, shown) = match call.input {
            Input::Json(_) => {
                let function = Some(Function { name, arguments: "" });
                (CallDelta { index, id, r#type: Some("function"), function, custom: None }, Shown::Function(index))
            }
            Input::Text(_) => {
                let custom = Some(Custom { name, input: "" });
                (CallDelta { index, id, r#type: Some("custom"), function: None, custom }, Shown::Custom(index))
            }
        };
        self.delta(Delta { tool_calls: Some([delta]), ..Delta::default() }, out);
        shown
    }

    fn extend(&mut self, index: u32, delta: &Said, out: &mut Vec<u8>) {
        let Some(shown) = usize::try_from(index).ok().and_then(|index| self.blocks.get(index)).copied() else { return };
        match (delta, shown) {
            (Said::Text(text), Shown::Text { .. }) => self.text(text, out),
            (Said::Text(text), Shown::Refusal) => self.refuse(text, out),
            (Said::Text(text), Shown::Thought { is_first }) => self.think(index, is_first, text, out),
            (Said::Paragraph, Shown::Thought { .. }) => self.reasoning("\n\n", out),
            (Said::Input(input), Shown::Function(index)) => {
                let function = Some(Function { name: None, arguments: input });
                self.call_delta(CallDelta { index, function, ..CallDelta::default() }, out);
            }
            (Said::Input(input), Shown::Custom(index)) => {
                let custom = Some(Custom { name: None, input });
                self.call_delta(CallDelta { index, custom, ..CallDelta::default() }, out);
            }
            (Said::Citation(citation), Shown::Text { start }) => {
                self.annotations.extend(Annotation::of(citation, start, self.written));
            }
            (Said::Logprobs(content), Shown::Text { .. }) => {
                self.tell_logprobs(out);
                self.logprobs = Some(content.clone());
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        self.written += chars(text);
        let logprobs = self.logprobs.take().map(|content| Logprobs { content, refusal: () });
        let delta = Delta { content: Some(text), ..Delta::default() };
        self.choice(Choice { index: 0, delta, logprobs, finish_reason: None }, out);
    }

    /// Tells probabilities behind which no text came.
    fn tell_logprobs(&mut self, out: &mut Vec<u8>) {
        if let Some(content) = self.logprobs.take() {
            let logprobs = Some(Logprobs { content, refusal: () });
            self.choice(Choice { index: 0, delta: Delta::default(), logprobs, finish_reason: None }, out);
        }
    }

    fn refuse(&mut self, text: &str, out: &mut Vec<u8>) {
        self.has_refusal = true;
        self.delta(Delta { refusal: Some(text), ..Delta::default() }, out);
    }

    fn think(&mut self, index: u32, is_first: bool, text: &str, out: &mut Vec<u8>) {
        if !is_first {
            self.reasoning("\n\n", out);
            if let Some(shown) = usize::try_from(index).ok().and_then(|index| self.blocks.get_mut(index)) {
                *shown = Shown::Thought { is_first: true };
            }
        }
        self.has_thought = true;
        self.reasoning(text, out);
    }

    fn reasoning(&self, text: &str, out: &mut Vec<u8>) {
        self.delta(Delta { reasoning_content: Some(text), ..Delta::default() }, out);
    }

    fn call_delta(&self, delta: CallDelta<'_>, out: &mut Vec<u8>) {
        self.delta(Delta { tool_calls: Some([delta]), ..Delta::default() }, out);
    }

    fn finish(&mut self, finish: &Finish, out: &mut Vec<u8>) {
        // In one piece: the Python helper can not add to a list whose members have no index.
        let annotations = std::mem::take(&mut self.annotations);
        if !annotations.is_empty() {
            self.delta(Delta { annotations: &annotations, ..Delta::default() }, out);
        }
        // The explanation of a refusal is told, but a filter has still stopped the answer.
        let word = finish::word(&finish.reason, self.has_refusal);
        if let Some(explanation) = finish.explanation.as_deref().filter(|_| !self.has_refusal) {
            self.refuse(explanation, out);
        }
        self.choice(Choice { index: 0, delta: Delta::default(), logprobs: None, finish_reason: Some(word) }, out);
        if let Some(spent) = self.spent.as_ref().filter(|_| self.include_usage) {
            self.chunk(&[], Some(Usage::of(&spent.usage)), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn delta(&self, delta: Delta<'_>, out: &mut Vec<u8>) {
        self.choice(Choice { index: 0, delta, logprobs: None, finish_reason: None }, out);
    }

    fn choice(&self, choice: Choice<'_>, out: &mut Vec<u8>) {
        self.chunk(&[choice], None, out);
    }

    fn chunk(&self, choices: &[Choice<'_>], usage: Option<Usage>, out: &mut Vec<u8>) {
        let is_last = choices.iter().all(|choice| choice.finish_reason.is_some());
        let service_tier = service_tier(self.spent.as_ref()).filter(|_| is_last);
        let usage = self.include_usage.then_some(usage);
        let Self { id, created, model, .. } = self;
        let object = "chat.completion.chunk";
        frame(out, None, &Chunk { id, object, created: *created, model, service_tier, choices, usage });
    }
}

impl WriteEvents for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Started(_) => {
                self.delta(Delta { role: Some("assistant"), content: Some(""), ..Delta::default() }, out);
            }
            Event::BlockStarted { kind, .. } => self.start(kind, out),
            Event::Delta { index, delta } => self.extend(*index, delta, out),
            Event::Usage(spent) => self.spent = Some(spent.clone()),
            Event::Finished(finish) => self.finish(finish, out),
            Event::Ping => comment(out, "ka"),
            Event::BlockEnded { .. } => self.tell_logprobs(out),
            Event::Failed(_) => {}
        }
    }

    fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&error_event(Format::Chat, problem));
    }

    fn keep_alive(&mut self, _silence: Duration, out: &mut Vec<u8>) {
        comment(out, "ka");
    }
}

#[cfg(test)]
mod tests;
