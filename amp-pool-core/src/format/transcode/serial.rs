//! One block at a time, for a format in which blocks must not overlap.
//!
//! The oldest open block goes through; what belongs to others waits. A call whose input is complete gives way as soon as
//! another block has something to say: upstreams that interleave calls rarely say where one ends.

use std::collections::BTreeMap;

use super::answer::Stage;
use crate::format::canonical::{Arguments, BlockKind, Delta, Event};

/// The stage. Indexes stay as they are: blocks begin in the order of their indexes before and behind it.
#[derive(Debug, Default)]
pub(super) struct Serial {
    /// The block that goes through.
    open: Option<Open>,
    /// What waits, by block.
    waiting: BTreeMap<u32, Vec<Event>>,
}

#[derive(Debug)]
struct Open {
    index: u32,
    /// The input so far, of a call only.
    input: Option<String>,
}

impl Stage for Serial {
    fn pass(&mut self, event: Event, out: &mut Vec<Event>) {
        let index = match &event {
            Event::BlockStarted { index, .. } | Event::Delta { index, .. } | Event::BlockEnded { index, .. } => *index,
            Event::Finished(_) => {
                self.close_all(out);
                out.push(event);
                return;
            }
            _ => {
                out.push(event);
                return;
            }
        };
        self.route(index, event, out);
    }
}

impl Serial {
    fn route(&mut self, index: u32, event: Event, out: &mut Vec<Event>) {
        match &self.open {
            Some(open) if open.index == index => self.through(event, out),
            // It was closed early, as complete; only space or its own end can still come.
            Some(open) if open.index > index => {}
            None if !matches!(event, Event::BlockStarted { .. }) => {}
            Some(_) => {
                self.waiting.entry(index).or_default().push(event);
                if self.gives_way() {
                    self.close(true, out);
                    self.next(out);
                }
            }
            None => self.through(event, out),
        }
    }

    /// Lets an event of the open block through, or of the one that opens by it.
    fn through(&mut self, event: Event, out: &mut Vec<Event>) {
        match &event {
            Event::BlockStarted { index, kind } => {
                let input = matches!(kind, BlockKind::Call(_)).then(String::new);
                self.open = Some(Open { index: *index, input });
            }
            Event::Delta { delta: Delta::Input(more), .. } => {
                if let Some(Open { input: Some(input), .. }) = &mut self.open {
                    input.push_str(more);
                }
            }
            _ => {}
        }
        let ends = matches!(event, Event::BlockEnded { .. });
        out.push(event);
        if ends {
            self.open = None;
            self.next(out);
        }
    }

    /// Lets out what waits for the next block; and for those behind it, as long as they are complete.
    fn next(&mut self, out: &mut Vec<Event>) {
        while let Some((_, events)) = self.waiting.pop_first() {
            for event in events {
                self.through(event, out);
            }
            match self.open {
                Some(_) if !self.waiting.is_empty() && self.gives_way() => self.close(true, out),
                Some(_) => return,
                None => {}
            }
        }
    }

    /// Whether the open block is a call that has all its input.
    fn gives_way(&self) -> bool {
        let input = self.open.as_ref().and_then(|open| open.input.as_deref()).filter(|input| !input.is_empty());
        input.is_some_and(|input| matches!(Arguments::of(input), Arguments::Object(_)))
    }

    fn close(&mut self, is_complete: bool, out: &mut Vec<Event>) {
        if let Some(Open { index, .. }) = self.open.take() {
            out.push(Event::BlockEnded { index, is_complete });
        }
    }

    /// Nothing more will come. A reader has ended all blocks before; this holds if one has not.
    fn close_all(&mut self, out: &mut Vec<Event>) {
        while self.open.is_some() || !self.waiting.is_empty() {
            self.close(false, out);
            self.next(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::canonical::{Collected, Grammar, arbitrary};

    fn serial(events: Vec<Event>) -> Vec<Event> {
        let (mut stage, mut out) = (Serial::default(), Vec::new());
        events.into_iter().for_each(|event| stage.pass(event, &mut out));
        out
    }

    fn call(index: u32) -> Event {
        Event::BlockStarted { index, kind: BlockKind::function(format!("call_{index}"), "f") }
    }

    fn input(index: u32, text: &str) -> Event {
        Event::Delta { index, delta: Delta::Input(text.into()) }
    }

    fn end(index: u32) -> Event {
        Event::BlockEnded { index, is_complete: true }
    }

    #[test]
    fn interleaved_calls_come_out_one_after_the_other() {
        let came = vec![call(0), call(1), input(1, "{}"), input(0, "{\"a\""), input(0, ":1}"), end(0), end(1)];
        let expected = vec![call(0), input(0, "{\"a\""), input(0, ":1}"), end(0), call(1), input(1, "{}"), end(1)];

        assert_eq!(serial(came), expected);
    }

    #[test]
    fn a_call_with_all_its_input_gives_way_at_once() {
        let came = vec![call(0), input(0, "{}"), call(1), input(1, "{}")];
        assert_eq!(serial(came), [call(0), input(0, "{}"), end(0), call(1), input(1, "{}")]);
    }

    proptest! {
        #[test]
        fn blocks_never_overlap_and_nothing_is_lost(events in arbitrary::events()) {
            let out = serial(events.clone());
            let (mut grammar, mut open) = (Grammar::new(), 0);
            for event in &out {
                prop_assert_eq!(grammar.check(event), Ok(()));
                open += i32::from(matches!(event, Event::BlockStarted { .. }));
                open -= i32::from(matches!(event, Event::BlockEnded { .. }));
                prop_assert!((0..=1).contains(&open));
            }
            let told = |events: Vec<Event>| Collected::of(events).blocks.into_iter().map(|block| block.part);
            prop_assert!(told(out).eq(told(events)));
        }
    }
}
