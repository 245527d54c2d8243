//! A whole answer: its events, collected.

use super::{BlockKind, Call, Delta, Event, Finish, Input, Json, Part, Spent, Started, Text, Thought};
use crate::format::Failure;

/// What an answer has come to.
///
/// Takes any legal sequence of events, and gives one back that says the same.
///
/// ```
/// use amp_pool_core::format::canonical::{BlockKind, Collected, Delta, Event};
///
/// let mut answer = Collected::default();
/// answer.add(Event::BlockStarted { index: 0, kind: BlockKind::Text { phase: None } });
/// for word in ["Hello, ", "world"] {
///     answer.add(Event::Delta { index: 0, delta: Delta::Text(word.into()) });
/// }
/// assert_eq!(answer.text(), "Hello, world");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collected {
    /// How it began.
    pub started: Started,
    /// What it says, in the order in which the blocks began.
    pub blocks: Vec<Block>,
    /// What it used. `None`: it did not say.
    pub spent: Option<Spent>,
    /// How it ended. `None`: not yet, or in a failure.
    pub finish: Option<Finish>,
    /// The error it ended in.
    pub failure: Option<Failure>,
}

/// A block of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it is. Text, a refusal, a thought, a call or a hosted step.
    pub part: Part,
    /// Whether it ended whole. A call that did not is never shown as a finished one.
    pub is_complete: bool,
}

impl Collected {
    /// All of `events`.
    #[must_use]
    pub fn of(events: impl IntoIterator<Item = Event>) -> Self {
        let mut answer = Self::default();
        events.into_iter().for_each(|event| answer.add(event));
        answer
    }

    /// Takes the next event. What breaks the grammar is left out.
    pub fn add(&mut self, event: Event) {
        match event {
            Event::Started(started) => self.started = started,
            Event::BlockStarted { kind, .. } => self.blocks.push(Block { part: begun(kind), is_complete: false }),
            Event::Delta { index, delta } => self.extend(index, delta),
            Event::BlockEnded { index, is_complete } => {
                if let Some(block) = self.block(index) {
                    block.is_complete = is_complete;
                }
            }
            Event::Usage(spent) => self.spent = Some(spent),
            Event::Finished(finish) => self.finish = Some(finish),
            Event::Failed(failure) => self.failure = Some(failure),
            Event::Ping => {}
        }
    }

    /// The text of all text blocks, joined by nothing.
    #[must_use]
    pub fn text(&self) -> String {
        let texts = self.blocks.iter().filter_map(|block| match &block.part {
            Part::Text(text) => Some(text.text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// Its calls that are complete.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.blocks.iter().filter(|block| block.is_complete).filter_map(|block| match &block.part {
            Part::Call(call) => Some(call),
            _ => None,
        })
    }

    /// The events of it, each block in one piece and after the other.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let mut events = vec![Event::Started(self.started.clone())];
        for (index, block) in (0..).zip(&self.blocks) {
            replay(index, block, &mut events);
        }
        events.extend(self.spent.clone().map(Event::Usage));
        events.extend(self.finish.clone().map(Event::Finished));
        events.extend(self.failure.clone().map(Event::Failed));
        events
    }

    fn block(&mut self, index: u32) -> Option<&mut Block> {
        self.blocks.get_mut(usize::try_from(index).ok()?)
    }

    fn extend(&mut self, index: u32, delta: Delta) {
        let Some(block) = self.block(index) else { return };
        match (&mut block.part, delta) {
            (Part::Text(text), Delta::Text(more)) => text.text.push_str(&more),
            (Part::Text(text), Delta::Citation(citation)) => text.citations.push(citation),
            (Part::Text(text), Delta::Logprobs(more)) => text.logprobs = Some(joined(text.logprobs.take(), more)),
            (Part::Refusal(text), Delta::Text(more)) => text.push_str(&more),
            (Part::Thought(thought), delta) => think(thought, delta),
            (Part::Call(call), Delta::Input(more)) => match &mut call.input {
                Input::Json(input) | Input::Text(input) => input.push_str(&more),
            },
            _ => {}
        }
    }
}

fn begun(kind: BlockKind) -> Part {
    match kind {
        BlockKind::Text { phase } => Part::Text(Text { phase, ..Text::default() }),
        BlockKind::Refusal => Part::Refusal(String::new()),
        BlockKind::Thought(kind) => Part::Thought(Thought { kind, ..Thought::default() }),
        BlockKind::Call(call) => Part::Call(call),
        BlockKind::Hosted(hosted) => Part::Hosted(hosted),
    }
}

fn think(thought: &mut Thought, delta: Delta) {
    match delta {
        Delta::Text(more) => match thought.paragraphs.last_mut() {
            Some(last) => last.push_str(&more),
            None => thought.paragraphs.push(more),
        },
        Delta::Paragraph => thought.paragraphs.push(String::new()),
        Delta::Proof(proof) => thought.proof = Some(proof),
        Delta::Input(_) | Delta::Citation(_) | Delta::Logprobs(_) => {}
    }
}

/// Two JSON lists as one.
fn joined(before: Option<Json>, more: Json) -> Json {
    let Some(before) = before else { return more };
    let items = [before, more].map(|list| serde_json::from_str::<Vec<Json>>(list.get()).unwrap_or_default());
    Json::of(&items.concat())
}

fn replay(index: u32, block: &Block, events: &mut Vec<Event>) {
    let Some(kind) = kind_of(&block.part) else { return };
    events.push(Event::BlockStarted { index, kind });
    events.extend(deltas(&block.part).into_iter().map(|delta| Event::Delta { index, delta }));
    events.push(Event::BlockEnded { index, is_complete: block.is_complete });
}

fn kind_of(part: &Part) -> Option<BlockKind> {
    Some(match part {
        Part::Text(text) => BlockKind::Text { phase: text.phase },
        Part::Refusal(_) => BlockKind::Refusal,
        Part::Thought(thought) => BlockKind::Thought(thought.kind),
        Part::Call(call) => {
            let input = match call.input {
                Input::Json(_) => Input::Json(String::new()),
                Input::Text(_) => Input::Text(String::new()),
            };
            BlockKind::Call(Call { input, ..call.clone() })
        }
        Part::Hosted(hosted) => BlockKind::Hosted(hosted.clone()),
        Part::Image(_) | Part::Document(_) | Part::Audio(_) | Part::SearchResult(_) | Part::Result(_) => return None,
    })
}

fn deltas(part: &Part) -> Vec<Delta> {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    match part {
        Part::Text(text) => {
            let words = some(&text.text).map(Delta::Text).into_iter();
            let citations = text.citations.iter().cloned().map(Delta::Citation);
            text.logprobs.clone().map(Delta::Logprobs).into_iter().chain(words).chain(citations).collect()
        }
        Part::Refusal(text) => some(text).map(Delta::Text).into_iter().collect(),
        Part::Thought(thought) => thoughts(thought),
        Part::Call(call) => {
            Vec::from_iter((!call.input.as_str().is_empty()).then(|| Delta::Input(call.input.as_str().into())))
        }
        _ => Vec::new(),
    }
}

fn thoughts(thought: &Thought) -> Vec<Delta> {
    let mut deltas = Vec::new();
    for (at, paragraph) in thought.paragraphs.iter().enumerate() {
        if at > 0 {
            deltas.push(Delta::Paragraph);
        }
        deltas.extend((!paragraph.is_empty()).then(|| Delta::Text(paragraph.clone())));
    }
    deltas.extend(thought.proof.clone().map(Delta::Proof));
    deltas
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Grammar, arbitrary};
    use super::*;

    proptest! {
        #[test]
        fn an_answer_replayed_says_the_same_in_legal_order(events in arbitrary::events()) {
            let answer = Collected::of(events);
            let replayed = answer.events();
            let mut grammar = Grammar::new();

            for event in &replayed {
                prop_assert_eq!(grammar.check(event), Ok(()));
            }
            prop_assert!(grammar.has_ended());
            prop_assert_eq!(Collected::of(replayed), answer);
        }
    }
}
