//! Messages streams, written.
//!
//! Gets blocks one at a time and numbers them itself. A block opens at its first word, so that nothing empty is shown, and
//! a thought without any can be written as `redacted_thinking`; calls open at once. Every block closes in one place. The
//! end is one `message_delta` with all of the usage.

use std::time::Duration;

use serde::Serialize;

use super::{finish, tokens};
use crate::format::{
    Format, Problem,
    canonical::{BlockKind, Call, Delta, Event, Finish, Input, Json, Proof, Spent},
    error_event,
    transcode::{Ids, WayBack, WriteEvents, comment, frame},
};

/// The state of a stream.
#[derive(Debug)]
pub(in crate::format) struct Writer {
    ids: Ids,
    model: String,
    expected_input: u64,
    has_started: bool,
    /// The next block's index, which is our own: upstreams have gaps.
    next: u32,
    open: Option<Open>,
    spent: Option<Spent>,
    /// Bytes the model said, for an estimate.
    said: u64,
}

/// The block that is open for the upstream.
#[derive(Debug)]
struct Open {
    kind: BlockKind,
    /// Whether the client was told of it.
    is_shown: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    id: String,
    r#type: &'static str,
    role: &'static str,
    model: &'a str,
    content: [(); 0],
    stop_reason: Option<()>,
    stop_sequence: Option<()>,
    usage: tokens::Written,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    MessageStart { message: Message<'a> },
    Ping {},
    ContentBlockStart { index: u32, content_block: Block<'a> },
    ContentBlockDelta { index: u32, delta: BlockDelta<'a> },
    ContentBlockStop { index: u32 },
    MessageDelta { delta: finish::Written<'a>, usage: tokens::Written },
    MessageStop {},
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str, signature: &'a str },
    RedactedThinking { data: &'a str },
    ToolUse { id: &'a str, name: &'a str, input: Empty },
}

/// The input of a call before any of it came.
#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
#[serde(tag = "type")]
enum BlockDelta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    Input { partial_json: &'a str },
}

impl Line<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::Ping {} => "ping",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop {} => "message_stop",
        }
    }

    /// Writes the event under its name: SDKs go by it, and skip what has none.
    fn write(&self, out: &mut Vec<u8>) {
        frame(out, Some(self.name()), self);
    }
}

impl Writer {
    /// A writer at the beginning of an answer.
    pub(in crate::format) fn new(back: &WayBack) -> Self {
        Self {
            ids: back.ids,
            model: back.model.clone(),
            expected_input: back.expected_input,
            has_started: false,
            next: 0,
            open: None,
            spent: None,
            said: 0,
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        self.has_started = true;
        let message = Message {
            id: self.ids.answer("msg_"),
            r#type: "message",
            role: "assistant",
            model: &self.model,
            content: [],
            stop_reason: None,
            stop_sequence: None,
            // Meters of clients show this until the truth is known, so it must not be 0.
            usage: tokens::Written::estimate(self.expected_input, 0),
        };
        Line::MessageStart { message }.write(out);
        Line::Ping {}.write(out);
    }

    fn open(&mut self, kind: &BlockKind, out: &mut Vec<u8>) {
        self.close(out);
        let call = match kind {
            BlockKind::Call(call) => Some(call.clone()),
            _ => None,
        };
        self.open = Some(Open { kind: kind.clone(), is_shown: false });
        if let Some(call) = call {
            self.show(Block::ToolUse { id: &call.id, name: &call.name, input: Empty {} }, out);
            self.input_around(&call, "{\"input\":\"", out);
        }
    }

    /// Shows the open block to the client, unless it was shown.
    fn show(&mut self, content_block: Block<'_>, out: &mut Vec<u8>) {
        let Some(open) = self.open.as_mut().filter(|open| !open.is_shown) else { return };
        open.is_shown = true;
        Line::ContentBlockStart { index: self.next, content_block }.write(out);
    }

    fn delta(&self, delta: BlockDelta<'_>, out: &mut Vec<u8>) {
        Line::ContentBlockDelta { index: self.next, delta }.write(out);
    }

    fn extend(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        let Some(kind) = self.open.as_ref().map(|open| open.kind.clone()) else { return };
        match (kind, delta) {
            (BlockKind::Text { .. } | BlockKind::Refusal, Delta::Text(text)) => {
                self.hear(text);
                self.show(Block::Text { text: "" }, out);
                self.delta(BlockDelta::Text { text }, out);
            }
            (BlockKind::Thought(_), Delta::Text(text)) => self.think(text, out),
            (BlockKind::Thought(_), Delta::Paragraph) => self.think("\n\n", out),
            (BlockKind::Thought(_), Delta::Proof(proof)) => self.prove(proof, out),
            (BlockKind::Call(call), Delta::Input(more)) => self.input(&call, more, out),
            // Places of citations and probabilities have no form here that another provider could fill.
            _ => {}
        }
    }

    fn think(&mut self, thinking: &str, out: &mut Vec<u8>) {
        self.hear(thinking);
        self.show(Block::Thinking { thinking: "", signature: "" }, out);
        self.delta(BlockDelta::Thinking { thinking }, out);
    }

    fn prove(&mut self, proof: &Proof, out: &mut Vec<u8>) {
        if self.open.as_ref().is_some_and(|open| open.is_shown) {
            self.delta(BlockDelta::Signature { signature: &proof.data }, out);
        } else {
            self.show(Block::RedactedThinking { data: &proof.data }, out);
        }
    }

    fn input(&mut self, call: &Call, more: &str, out: &mut Vec<u8>) {
        self.hear(more);
        match call.input {
            Input::Json(_) => self.delta(BlockDelta::Input { partial_json: more }, out),
            Input::Text(_) => {
                let quoted = Json::of(&more);
                let escaped = quoted.get().trim_start_matches('"');
                let escaped = escaped.strip_suffix('"').unwrap_or(escaped);
                self.delta(BlockDelta::Input { partial_json: escaped }, out);
            }
        }
    }

    /// Free text stands in an object, of which this is the beginning or the end.
    fn input_around(&self, call: &Call, partial_json: &str, out: &mut Vec<u8>) {
        if matches!(call.input, Input::Text(_)) {
            self.delta(BlockDelta::Input { partial_json }, out);
        }
    }

    /// Closes the open block. The one place that does: a client runs a tool at every end of its block.
    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some_and(|open| open.is_shown) {
            Line::ContentBlockStop { index: self.next }.write(out);
            self.next += 1;
        }
    }

    fn end(&mut self, is_complete: bool, out: &mut Vec<u8>) {
        if let Some(Open { kind: BlockKind::Call(call), .. }) = self.open.as_ref()
            && is_complete
        {
            self.input_around(call, "\"}", out);
        }
        self.close(out);
    }

    fn finish(&mut self, finish: &Finish, out: &mut Vec<u8>) {
        self.close(out);
        let usage = match &self.spent {
            Some(spent) => tokens::Written::of(spent),
            None => tokens::Written::estimate(self.expected_input, self.said),
        };
        Line::MessageDelta { delta: finish::Written::of(finish), usage }.write(out);
        Line::MessageStop {}.write(out);
    }

    fn hear(&mut self, text: &str) {
        self.said = self.said.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
    }
}

impl WriteEvents for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Started(_) => self.start(out),
            Event::BlockStarted { kind, .. } => self.open(kind, out),
            Event::Delta { delta, .. } => self.extend(delta, out),
            Event::BlockEnded { is_complete, .. } => self.end(*is_complete, out),
            Event::Usage(spent) => self.spent = Some(spent.clone()),
            Event::Finished(finish) => self.finish(finish, out),
            Event::Ping => self.keep_alive(Duration::ZERO, out),
            Event::Failed(_) => {}
        }
    }

    fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&error_event(Format::Messages, problem));
    }

    fn keep_alive(&mut self, _silence: Duration, out: &mut Vec<u8>) {
        // Any event before `message_start` makes SDKs raise; a comment does not.
        if self.has_started {
            Line::Ping {}.write(out);
        } else {
            comment(out, "ka");
        }
    }
}
