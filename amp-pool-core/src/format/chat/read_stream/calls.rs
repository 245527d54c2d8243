//! The calls of an answer, put together from their deltas.
//!
//! OpenAI numbers calls from 0. Others number all of them 0, begin at 1, leave numbers out, repeat the name, or send it in
//! pieces. A call is one slot whatever they do, and begins when its name is complete: at the first byte of input, at the
//! next call, or at the end.

use super::chunk::CallDelta;
use crate::format::canonical::{Arguments, BlockKind, Call, Delta, Event, FinishReason, Input, Proof, ProofKind};

/// The calls so far, in the order in which they appeared.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Slot>);

/// One call.
#[derive(Debug, Default)]
struct Slot {
    /// The server's number for it.
    number: Option<u64>,
    id: String,
    name: String,
    input: String,
    is_custom: bool,
    proof: Option<Proof>,
    /// The block it is, once it has begun.
    block: Option<u32>,
}

/// What a delta of any kind of call says.
struct Said {
    number: Option<u64>,
    id: String,
    name: String,
    input: String,
    is_custom: bool,
    proof: Option<Proof>,
}

impl Said {
    fn of(mut delta: CallDelta) -> Self {
        let proof = delta.signature().map(|data| Proof { kind: ProofKind::CallSignature, data, issuer: None });
        let (number, id) = (delta.index.0, delta.id.0.unwrap_or_default());
        let (name, input, is_custom) = match (delta.function.0, delta.custom.0) {
            (None, Some(custom)) => (custom.name.0, custom.input.0.unwrap_or_default(), true),
            (Some(function), _) => {
                let input = function.arguments();
                (function.name.0, input, false)
            }
            (None, None) => (None, String::new(), false),
        };
        Self { number, id, name: name.unwrap_or_default(), input, is_custom, proof }
    }
}

impl Calls {
    /// Takes a delta. `next` is the number of the next block, and counts on when one begins.
    pub(super) fn add(&mut self, delta: CallDelta, next: &mut u32, out: &mut Vec<Event>) {
        let said = Said::of(delta);
        let at = match self.find(&said) {
            Some(at) => at,
            None => {
                // The name of a call is complete when the next one comes.
                self.begin_all(next, out);
                self.0.push(Slot { number: said.number, is_custom: said.is_custom, ..Slot::default() });
                self.0.len() - 1
            }
        };
        self.0[at].hear(said, next, out);
    }

    /// Whether a delta would begin a new call.
    pub(super) fn is_new(&self, delta: &CallDelta) -> bool {
        let id = delta.id.0.as_deref().unwrap_or_default();
        let last = self.0.last();
        last.is_none_or(|last| {
            (!id.is_empty() && last.id != id) || delta.index.0.is_some_and(|n| last.number != Some(n))
        })
    }

    /// Ends all calls of an answer that finished so. `None` when a call never got a name.
    pub(super) fn end(&mut self, finish: Option<&FinishReason>, next: &mut u32, out: &mut Vec<Event>) -> Option<Ended> {
        self.0.retain(|slot| !slot.is_nothing());
        self.begin_all(next, out);
        let mut ended = Ended::default();
        for slot in &self.0 {
            let is_complete = slot.end(finish, out)?;
            ended.has_complete |= is_complete;
        }
        self.0.clear();
        Some(ended)
    }

    /// The call that a delta belongs to.
    fn find(&self, said: &Said) -> Option<usize> {
        let known = match said.number {
            Some(_) => self.0.iter().rposition(|slot| slot.number == said.number),
            None if !said.id.is_empty() => self.0.iter().rposition(|slot| slot.id == said.id),
            None => self.0.len().checked_sub(1),
        };
        // A server that leaves the number out may still send the id later than the name.
        let known = known.or_else(|| self.0.iter().rposition(|slot| said.number.is_none() && slot.waits_for_id(said)));
        known.filter(|&at| !self.0[at].is_another(said))
    }

    fn begin_all(&mut self, next: &mut u32, out: &mut Vec<Event>) {
        self.0.iter_mut().for_each(|slot| slot.begin(next, out));
    }
}

/// How calls ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    /// Whether there is one the client can answer.
    pub(super) has_complete: bool,
}

impl Slot {
    /// Whether a delta under this number is of another call: it brings its own id and name, or it has no id but begins
    /// again when all was said.
    fn is_another(&self, said: &Said) -> bool {
        let has_other_id = !said.id.is_empty() && !self.id.is_empty() && said.id != self.id;
        let begins_again = said.id.is_empty() && !said.input.is_empty() && self.is_whole();
        !said.name.is_empty() && (has_other_id || begins_again)
    }

    fn waits_for_id(&self, said: &Said) -> bool {
        self.id.is_empty() && said.name.is_empty()
    }

    fn is_whole(&self) -> bool {
        !self.input.is_empty() && !self.is_custom && matches!(Arguments::of(&self.input), Arguments::Object(_))
    }

    /// A slot that only ever had a number, as some servers leave behind.
    fn is_nothing(&self) -> bool {
        self.block.is_none() && self.name.is_empty() && self.input.is_empty()
    }

    fn hear(&mut self, said: Said, next: &mut u32, out: &mut Vec<Event>) {
        if self.id.is_empty() {
            self.id = said.id;
        }
        if self.block.is_none() {
            self.proof = said.proof.or(self.proof.take());
            self.is_custom |= said.is_custom;
            // A name that is repeated in full is no second piece of it.
            if self.input.is_empty() && said.name != self.name {
                self.name.push_str(&said.name);
            }
        }
        if said.input.is_empty() {
            return;
        }
        self.input.push_str(&said.input);
        match self.block {
            Some(index) => out.push(Event::Delta { index, delta: Delta::Input(said.input) }),
            None => self.begin(next, out),
        }
    }

    /// Begins the block, if the call has a name. What came of the input comes with it.
    fn begin(&mut self, next: &mut u32, out: &mut Vec<Event>) {
        if self.block.is_some() || self.name.is_empty() {
            return;
        }
        let index = *next;
        *next += 1;
        self.block = Some(index);
        let input = if self.is_custom { Input::Text(String::new()) } else { Input::Json(String::new()) };
        let (id, name, proof) = (self.id.clone(), self.name.clone(), self.proof.take());
        let kind = BlockKind::Call(Call { id, name, namespace: None, input, proof, cache: None });
        out.push(Event::BlockStarted { index, kind });
        if !self.input.is_empty() {
            out.push(Event::Delta { index, delta: Delta::Input(self.input.clone()) });
        }
    }

    fn end(&self, finish: Option<&FinishReason>, out: &mut Vec<Event>) -> Option<bool> {
        let index = self.block?;
        let is_complete = match finish {
            Some(FinishReason::Length) => self.is_whole(),
            Some(_) => true,
            // Nobody said that the call is whole, so its input has to.
            None => self.is_whole() || self.is_custom || self.input.is_empty(),
        };
        if is_complete && self.input.is_empty() && !self.is_custom {
            out.push(Event::Delta { index, delta: Delta::Input("{}".into()) });
        }
        out.push(Event::BlockEnded { index, is_complete });
        Some(is_complete)
    }
}
