//! Holds a sequence of events to the grammar of answers.
//!
//! Readers are tested to emit only what passes here, and writers with everything that does.

use std::fmt;

use super::{BlockKind, Delta, Event};

/// Where an answer stands.
///
/// ```
/// use amp_pool_core::format::canonical::{Event, Finish, FinishReason, Grammar, Started};
///
/// let mut grammar = Grammar::new();
/// grammar.check(&Event::Started(Started::default()))?;
/// assert!(!grammar.has_ended());
/// grammar.check(&Event::Finished(Finish::new(FinishReason::End)))?;
/// assert!(grammar.has_ended());
/// let violation = grammar.check(&Event::Ping).unwrap_err();
/// assert_eq!(violation.to_string(), "ping after the end");
/// # Ok::<_, amp_pool_core::format::canonical::Violation>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Grammar {
    has_started: bool,
    has_ended: bool,
    blocks: Vec<Block>,
}

/// What is known of one block.
#[derive(Debug, Clone)]
struct Block {
    shape: Shape,
    is_open: bool,
    has_content: bool,
    has_proof: bool,
}

/// Which deltas fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Refusal,
    Thought,
    Call,
    Hosted,
}

/// How a sequence breaks the grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

fn wrong(what: impl Into<String>) -> Result<(), Violation> {
    Err(Violation(what.into()))
}

impl Grammar {
    /// Before the first event.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the last event has come.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// [`Violation`] when it must not come here. What follows is not worth checking then.
    pub fn check(&mut self, event: &Event) -> Result<(), Violation> {
        self.check_place(event)?;
        match event {
            Event::Started(_) => self.has_started = true,
            Event::BlockStarted { index, kind } => return self.start(*index, kind),
            Event::Delta { index, delta } => return self.extend(*index, delta),
            Event::BlockEnded { index, .. } => self.open(*index)?.is_open = false,
            Event::Finished(_) => return self.finish(),
            Event::Failed(_) => self.has_ended = true,
            Event::Usage(_) | Event::Ping => {}
        }
        Ok(())
    }

    /// Whatever the event is: nothing after the end, nothing before the start but a failure or a ping.
    fn check_place(&self, event: &Event) -> Result<(), Violation> {
        let name = name(event);
        match event {
            _ if self.has_ended => wrong(format!("{name} after the end")),
            Event::Started(_) if self.has_started => wrong("a second start"),
            Event::Started(_) | Event::Failed(_) | Event::Ping => Ok(()),
            _ if !self.has_started => wrong(format!("{name} before the start")),
            _ => Ok(()),
        }
    }

    fn start(&mut self, index: u32, kind: &BlockKind) -> Result<(), Violation> {
        if usize::try_from(index) != Ok(self.blocks.len()) {
            return wrong(format!("block {index} where {} was next", self.blocks.len()));
        }
        let shape = match kind {
            BlockKind::Text { .. } => Shape::Text,
            BlockKind::Refusal => Shape::Refusal,
            BlockKind::Thought(_) => Shape::Thought,
            BlockKind::Hosted(_) => Shape::Hosted,
            BlockKind::Call(call) if call.name.is_empty() => return wrong(format!("call {index} without a name")),
            BlockKind::Call(call) if !call.input.as_str().is_empty() => {
                return wrong(format!("call {index} starts with input"));
            }
            BlockKind::Call(_) => Shape::Call,
        };
        self.blocks.push(Block { shape, is_open: true, has_content: false, has_proof: false });
        Ok(())
    }

    fn extend(&mut self, index: u32, delta: &Delta) -> Result<(), Violation> {
        let block = self.open(index)?;
        if block.has_proof {
            return wrong(format!("a delta behind the proof of block {index}"));
        }
        match (delta, block.shape) {
            (Delta::Text(text) | Delta::Input(text), _) if text.is_empty() => {
                return wrong(format!("an empty delta of block {index}"));
            }
            (Delta::Paragraph, Shape::Thought) if !block.has_content => {
                return wrong(format!("block {index} begins with a new paragraph"));
            }
            (Delta::Text(_), Shape::Text | Shape::Refusal | Shape::Thought)
            | (Delta::Paragraph, Shape::Thought)
            | (Delta::Input(_), Shape::Call)
            | (Delta::Citation(_) | Delta::Logprobs(_), Shape::Text) => block.has_content = true,
            (Delta::Proof(_), Shape::Thought) => block.has_proof = true,
            (delta, shape) => return wrong(format!("{delta:?} in block {index}, which is a {shape:?}")),
        }
        Ok(())
    }

    fn open(&mut self, index: u32) -> Result<&mut Block, Violation> {
        let block = usize::try_from(index).ok().and_then(|index| self.blocks.get_mut(index));
        match block {
            Some(block) if block.is_open => Ok(block),
            Some(_) => Err(Violation(format!("block {index} has ended"))),
            None => Err(Violation(format!("block {index} has not begun"))),
        }
    }

    fn finish(&mut self) -> Result<(), Violation> {
        self.has_ended = true;
        match self.blocks.iter().position(|block| block.is_open) {
            Some(index) => wrong(format!("finished while block {index} is open")),
            None => Ok(()),
        }
    }
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Started(_) => "start",
        Event::BlockStarted { .. } => "block start",
        Event::Delta { .. } => "delta",
        Event::BlockEnded { .. } => "block end",
        Event::Usage(_) => "usage",
        Event::Finished(_) => "finish",
        Event::Failed(_) => "failure",
        Event::Ping => "ping",
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Finish, FinishReason, Proof, ProofKind, Started, ThoughtKind};
    use super::*;

    fn text(index: u32, text: &str) -> Event {
        Event::Delta { index, delta: Delta::Text(text.into()) }
    }

    fn end(index: u32) -> Event {
        Event::BlockEnded { index, is_complete: true }
    }

    fn begin(index: u32, kind: BlockKind) -> Event {
        Event::BlockStarted { index, kind }
    }

    /// Checks what the last event is told, after all others passed.
    fn check(events: &[Event], expected: Result<(), &str>) {
        let mut grammar = Grammar::new();
        let (last, before) = events.split_last().unwrap();
        for event in before {
            grammar.check(event).unwrap();
        }
        let said = grammar.check(last).map_err(|violation| violation.to_string());
        assert_eq!(said, expected.map_err(String::from));
    }

    #[test]
    fn an_answer_follows_the_grammar_or_is_told_where_it_does_not() {
        let start = Event::Started(Started::default());
        let finish = Event::Finished(Finish::new(FinishReason::End));
        let words = || begin(0, BlockKind::Text { phase: None });
        let call = |index| begin(index, BlockKind::function("c", "f"));
        let thought = || begin(0, BlockKind::Thought(ThoughtKind::Raw));
        let proof = Proof { kind: ProofKind::Text, data: "p".into(), issuer: None };
        let proof = Event::Delta { index: 0, delta: Delta::Proof(proof) };
        let start = || start.clone();

        check(&[start(), words(), text(0, "a"), end(0), finish.clone()], Ok(()));
        check(&[start(), call(0), call(1), end(1), end(0), finish.clone()], Ok(()));
        check(&[start(), thought(), proof.clone(), end(0)], Ok(()));
        check(&[Event::Ping, start(), Event::Ping], Ok(()));
        check(&[words()], Err("block start before the start"));
        check(&[start(), start()], Err("a second start"));
        check(&[start(), call(1)], Err("block 1 where 0 was next"));
        check(&[start(), words(), words()], Err("block 0 where 1 was next"));
        check(&[start(), text(0, "a")], Err("block 0 has not begun"));
        check(&[start(), words(), end(0), end(0)], Err("block 0 has ended"));
        check(&[start(), words(), text(0, "")], Err("an empty delta of block 0"));
        check(&[start(), call(0), text(0, "a")], Err("Text(\"a\") in block 0, which is a Call"));
        check(&[start(), thought(), proof, text(0, "a")], Err("a delta behind the proof of block 0"));
        check(&[start(), begin(0, BlockKind::function("c", ""))], Err("call 0 without a name"));
        check(&[start(), words(), finish.clone()], Err("finished while block 0 is open"));
        check(&[start(), finish.clone(), finish], Err("finish after the end"));
    }
}
