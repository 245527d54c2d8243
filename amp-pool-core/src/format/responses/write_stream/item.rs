//! Items of the output, as far as they have come.

use crate::format::{
    body::Body,
    canonical::{Call, Input, Json, Phase, ThoughtKind},
};

/// An item.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) status: Status,
    /// Whether a part of it was cut.
    pub(super) is_cut: bool,
}

/// What an item is.
#[derive(Debug)]
pub(super) enum Kind {
    Message { phase: Option<Phase>, parts: Vec<Part> },
    Reasoning { kind: ThoughtKind, paragraphs: Vec<String>, is_open: bool, encrypted: Option<String> },
    Call(Call),
}

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
}

/// A part of a message.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) is_refusal: bool,
    pub(super) is_open: bool,
    pub(super) text: String,
    pub(super) annotations: Vec<Json>,
    pub(super) logprobs: Vec<Json>,
    /// Those of them that are of the text that comes next.
    pub(super) fresh_logprobs: Vec<Json>,
}

impl Part {
    pub(super) fn new(is_refusal: bool) -> Self {
        Self {
            is_refusal,
            is_open: true,
            text: String::new(),
            annotations: Vec::new(),
            logprobs: Vec::new(),
            fresh_logprobs: Vec::new(),
        }
    }

    pub(super) fn body(&self) -> Body {
        if self.is_refusal {
            let mut part = Body::of("refusal");
            part.add("refusal", &self.text);
            return part;
        }
        let mut part = Body::of("output_text");
        part.add("text", &self.text);
        part.add("annotations", &self.annotations);
        part.add("logprobs", &self.logprobs);
        part
    }
}

impl Item {
    /// Whether nothing more comes in any of its parts.
    pub(super) fn is_quiet(&self) -> bool {
        match &self.kind {
            Kind::Message { parts, .. } => parts.iter().all(|part| !part.is_open),
            Kind::Reasoning { is_open, .. } => !is_open,
            Kind::Call(_) => true,
        }
    }

    pub(super) fn body(&self) -> Body {
        match &self.kind {
            Kind::Message { phase, parts } => self.message(*phase, parts),
            Kind::Reasoning { kind, paragraphs, encrypted, .. } => {
                self.reasoning(*kind, paragraphs, encrypted.as_ref())
            }
            Kind::Call(call) => self.call(call),
        }
    }

    fn begin(&self, kind: &str) -> Body {
        let mut body = Body::default();
        body.add("id", &self.id);
        body.add("type", kind);
        body.add(
            "status",
            match self.status {
                Status::InProgress => "in_progress",
                Status::Completed => "completed",
                Status::Incomplete => "incomplete",
            },
        );
        body
    }

    fn message(&self, phase: Option<Phase>, parts: &[Part]) -> Body {
        let mut body = self.begin("message");
        body.add("role", "assistant");
        body.add_objects("content", parts.iter().map(Part::body));
        body.add_some(
            "phase",
            phase.map(|phase| match phase {
                Phase::Commentary => "commentary",
                Phase::FinalAnswer => "final_answer",
            }),
        );
        body
    }

    fn reasoning(&self, kind: ThoughtKind, paragraphs: &[String], encrypted: Option<&String>) -> Body {
        let mut body = self.begin("reasoning");
        let texts = |name: &'static str| paragraphs.iter().map(move |text| paragraph(name, text));
        match kind {
            ThoughtKind::Summary => body.add_objects("summary", texts("summary_text")),
            ThoughtKind::Raw => {
                body.add_objects("summary", []);
                body.add_objects("content", texts("reasoning_text"));
            }
        }
        body.add_some("encrypted_content", encrypted);
        body
    }

    fn call(&self, call: &Call) -> Body {
        let (kind, member) = match &call.input {
            Input::Json(_) => ("function_call", "arguments"),
            Input::Text(_) => ("custom_tool_call", "input"),
        };
        let mut body = self.begin(kind);
        body.add("call_id", &call.id);
        body.add("name", &call.name);
        body.add_some("namespace", call.namespace.as_ref());
        body.add(member, call.input.as_str());
        body
    }
}

/// A paragraph of reasoning.
pub(super) fn paragraph(kind: &str, text: &str) -> Body {
    let mut body = Body::of(kind);
    body.add("text", text);
    body
}
