//! A turn of a Messages upstream that paused, put together as it is to be sent back.
//!
//! Steps of Anthropic's own tools may take longer than one answer. The turn then ends in `pause_turn`, and goes on when its
//! content is sent back as it came: every block, also what no other format knows.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::line::{Delta, Line, Message};
use crate::format::{
    Scanner,
    canonical::{Json, Member},
    loose::{Loose, Text},
    sse,
};

/// A request that may have to be sent again with more of its turn.
///
/// ```
/// use amp_pool_core::format::Pausing;
///
/// let asked = br#"{"model":"m","messages":[{"role":"user","content":"look it up"}]}"#;
/// let mut pausing = Pausing::new(asked).ok_or("it is a request")?;
/// pausing.feed(br#"{"content":[{"type":"text","text":"I look"}],"stop_reason":"pause_turn"}"#);
/// let again = pausing.again().ok_or("it has paused")?;
/// let again = String::from_utf8_lossy(&again);
/// assert!(again.contains(r#"{"role":"assistant","content":[{"type":"text","text":"I look"}]}"#));
/// // The next pass comes to an end.
/// pausing.feed(br#"{"content":[{"type":"text","text":"Here it is."}],"stop_reason":"end_turn"}"#);
/// assert!(pausing.again().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pausing {
    request: Vec<Member>,
    source: Source,
    said: Said,
}

/// How the pass that is read is sent.
enum Source {
    Unknown,
    Stream(Scanner),
    Whole(Vec<u8>),
}

/// What was said in a pass.
#[derive(Default)]
struct Said {
    blocks: BTreeMap<u64, Block>,
    is_paused: bool,
}

/// A block as it came, and what came behind its start.
struct Block {
    start: Json,
    text: String,
    thinking: String,
    signature: String,
    input: String,
    citations: Vec<Json>,
}

impl Pausing {
    /// Begins with the body that was sent. `None` when it is no request.
    #[must_use]
    pub fn new(body: &[u8]) -> Option<Self> {
        let request = Json::parse(std::str::from_utf8(body).ok()?).ok()?.members()?;
        Some(Self { request, source: Source::Unknown, said: Said::default() })
    }

    /// Takes a frame of the answer, cut anywhere.
    pub fn feed(&mut self, frame: &[u8]) {
        if let Source::Unknown = self.source {
            match frame.trim_ascii_start().first() {
                None => return,
                Some(b'{') => self.source = Source::Whole(Vec::new()),
                Some(_) => self.source = Source::Stream(Scanner::new()),
            }
        }
        match &mut self.source {
            Source::Stream(scanner) => scanner.feed(frame, |event| self.said.hear(&event)),
            Source::Whole(body) => body.extend_from_slice(frame),
            Source::Unknown => {}
        }
    }

    /// The body that continues the turn, when the pass has ended in a pause. What comes next is another pass.
    pub fn again(&mut self) -> Option<Vec<u8>> {
        match std::mem::replace(&mut self.source, Source::Unknown) {
            Source::Stream(mut scanner) => scanner.finish(|event| self.said.hear(&event)),
            Source::Whole(body) => self.said.message(serde_json::from_slice(&body).unwrap_or_default()),
            Source::Unknown => {}
        }
        let said = std::mem::take(&mut self.said);
        if !said.is_paused || said.blocks.is_empty() {
            return None;
        }
        let content: Vec<Json> = said.blocks.into_values().map(Block::whole).collect();
        let turn = [("role".to_owned(), Json::of(&"assistant")), ("content".to_owned(), Json::of(&content))];
        let (_, messages) = self.request.iter_mut().find(|(name, _)| name == "messages")?;
        let mut turns: Vec<Json> = serde_json::from_str(messages.get()).ok()?;
        turns.push(Json::object(turn.to_vec()));
        *messages = Json::of(&turns);
        Some(Json::object(self.request.clone()).get().as_bytes().to_vec())
    }
}

impl Said {
    fn hear(&mut self, event: &sse::Event<'_>) {
        let line = Line::of(event);
        let index = line.index.count().unwrap_or(0);
        match line.kind(event) {
            b"message_start" => self.message(Message::of(line.message)),
            b"content_block_start" => {
                if let Some(start) = line.content_block {
                    self.blocks.insert(index, Block::new(start));
                }
            }
            b"content_block_delta" => {
                if let Some(block) = self.blocks.get_mut(&index) {
                    block.extend(Delta::of(line.delta));
                }
            }
            b"message_delta" => self.end(&Delta::of(line.delta).stop_reason),
            _ => {}
        }
    }

    /// A message: all of it, or what is there at the beginning of a stream.
    fn message(&mut self, message: Message<'_>) {
        self.blocks.extend((0..).zip(message.content.0.unwrap_or_default().into_iter().map(Block::new)));
        self.end(&message.stop_reason);
    }

    fn end(&mut self, reason: &Loose<Text<'_>>) {
        if let Some(reason) = &reason.0 {
            self.is_paused = reason.0 == "pause_turn";
        }
    }
}

impl Block {
    fn new(start: &RawValue) -> Self {
        let (text, thinking, signature, input) = Default::default();
        Self { start: Json::from(start), text, thinking, signature, input, citations: Vec::new() }
    }

    fn extend(&mut self, delta: Delta<'_>) {
        let more = [
            (&mut self.text, delta.text),
            (&mut self.thinking, delta.thinking),
            (&mut self.signature, delta.signature),
            (&mut self.input, delta.partial_json),
        ];
        for (so_far, more) in more {
            so_far.push_str(more.0.as_ref().map_or("", |more| &more.0));
        }
        self.citations.extend(delta.citation.map(Json::from));
    }

    /// The block with all that came behind its start.
    fn whole(self) -> Json {
        let Some(mut members) = self.start.members() else { return self.start };
        for (name, more) in [("text", &self.text), ("thinking", &self.thinking), ("signature", &self.signature)] {
            if !more.is_empty() {
                let start = members.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_text());
                put(&mut members, name, Json::of(&(start.unwrap_or_default() + more)));
            }
        }
        if let Ok(input) = Json::parse(&self.input) {
            put(&mut members, "input", input);
        }
        if !self.citations.is_empty() {
            put(&mut members, "citations", Json::of(&self.citations));
        }
        Json::object(members)
    }
}

fn put(members: &mut Vec<Member>, name: &str, value: Json) {
    match members.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => *old = value,
        None => members.push((name.to_owned(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":9}"#;

    const STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"content":[],"stop_reason":null}}

data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s=="}}

data: {"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}}

data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"query\":"}}

data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"x\"}"}}

data: {"type":"content_block_start","index":2,"content_block":{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"encrypted_content":"e"}]}}

data: {"type":"content_block_start","index":3,"content_block":{"type":"text","text":""}}

data: {"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"so "}}

data: {"type":"content_block_delta","index":3,"delta":{"type":"citations_delta","citation":{"encrypted_index":"i"}}}

data: {"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"far"}}

data: {"type":"message_delta","delta":{"stop_reason":"pause_turn"}}

data: {"type":"message_stop"}

"#;

    const SAID: &str = r#"[{"type":"thinking","thinking":"hm","signature":"s=="},{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"x"}},{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"encrypted_content":"e"}]},{"type":"text","text":"so far","citations":[{"encrypted_index":"i"}]}]"#;

    fn expected() -> String {
        let turn = format!(r#"{{"role":"assistant","content":{SAID}}}"#);
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}},{turn}],"max_tokens":9}}"#)
    }

    #[test]
    fn trap_095_a_turn_that_paused_goes_back_as_it_came_wherever_it_is_cut() {
        for at in 0..=STREAM.len() {
            let mut pausing = Pausing::new(REQUEST.as_bytes()).unwrap();
            pausing.feed(&STREAM.as_bytes()[..at]);
            pausing.feed(&STREAM.as_bytes()[at..]);
            let again = pausing.again().map(|body| String::from_utf8(body).unwrap());
            assert_eq!(again.as_deref(), Some(expected().as_str()), "cut at {at}");
        }
    }

    #[test]
    fn a_whole_answer_that_paused_goes_back_too_and_the_next_pause_is_added() {
        let answer = format!(r#"{{"content":{SAID},"stop_reason":"pause_turn"}}"#);
        let mut pausing = Pausing::new(REQUEST.as_bytes()).unwrap();
        pausing.feed(answer.as_bytes());
        assert_eq!(pausing.again(), Some(expected().into_bytes()));

        pausing.feed(br#"{"content":[{"type":"text","text":"more"}],"stop_reason":"pause_turn"}"#);
        let twice = String::from_utf8(pausing.again().unwrap()).unwrap();
        assert!(twice.contains(r#"]},{"role":"assistant","content":[{"type":"text","text":"more"}]}]"#), "{twice}");
    }

    #[test]
    fn what_did_not_pause_is_not_sent_back() {
        let mut pausing = Pausing::new(REQUEST.as_bytes()).unwrap();
        pausing.feed(br#"{"content":[{"type":"text","text":"x"}],"stop_reason":"end_turn"}"#);
        assert_eq!(pausing.again(), None);
        assert_eq!(pausing.again(), None);
        assert!(Pausing::new(b"[]").is_none());
    }
}
