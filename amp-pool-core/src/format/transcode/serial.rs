//! One block at a time, for a format in which blocks must not overlap.
//!
//! The oldest open block goes through; what belongs to others waits. A call whose input is complete gives way as soon as
//! another block has something to say: upstreams that interleave calls rarely say where one ends.
//!
//! Those who read blocks one by one also read a call's input as an object, and run what they can make of it. So a call
//! that is told as whole and is none fails the answer, and so does one that goes on behind its end.

use std::collections::BTreeMap;

use super::answer::Stage;
use crate::format::{
    Failure,
    canonical::{Arguments, BlockKind, Call, Delta, Event, Input},
};

/// The stage. Indexes stay as they are: blocks begin in the order of their indexes before and behind it.
#[derive(Debug, Default)]
pub(super) struct Serial {
    /// The block that goes through.
    open: Option<Open>,
    /// What waits, by block.
    waiting: BTreeMap<u32, Vec<Event>>,
    /// The answer has failed here, and nothing more comes of it.
    has_failed: bool,
}

#[derive(Debug)]
struct Open {
    index: u32,
    call: Option<Called>,
}

/// A call of a function. Free text is never half an object.
#[derive(Debug)]
struct Called {
    name: String,
    /// The input so far.
    input: String,
}

impl Called {
    fn of(kind: &BlockKind) -> Option<Self> {
        match kind {
            BlockKind::Call(Call { name, input: Input::Json(_), .. }) => {
                Some(Self { name: name.clone(), input: String::new() })
            }
            _ => None,
        }
    }

    fn is_whole(&self) -> bool {
        matches!(Arguments::of(&self.input), Arguments::Object(_))
    }
}

impl Stage for Serial {
    fn pass(&mut self, event: Event, out: &mut Vec<Event>) {
        if self.has_failed {
            return;
        }
        let index = match &event {
            Event::BlockStarted { index, .. } | Event::Delta { index, .. } | Event::BlockEnded { index, .. } => *index,
            Event::Finished(_) => {
                self.close_all(out);
                out.extend((!self.has_failed).then_some(event));
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
            Some(open) if open.index > index => self.late(&event, out),
            None if !matches!(event, Event::BlockStarted { .. }) => self.late(&event, out),
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

    /// What still comes of a block that was closed early, as complete: space, or its own end.
    fn late(&mut self, event: &Event, out: &mut Vec<Event>) {
        if matches!(event, Event::Delta { delta: Delta::Input(more), .. } if !more.trim_ascii().is_empty()) {
            self.fail(Failure::broken("the upstream went on with a call that it had ended"), out);
        }
    }

    fn fail(&mut self, failure: Failure, out: &mut Vec<Event>) {
        self.has_failed = true;
        out.push(Event::Failed(failure));
    }

    /// Lets an event of the open block through, or of the one that opens by it.
    fn through(&mut self, event: Event, out: &mut Vec<Event>) {
        match &event {
            _ if self.has_failed => return,
            Event::BlockStarted { index, kind } => self.open = Some(Open { index: *index, call: Called::of(kind) }),
            Event::Delta { delta: Delta::Input(more), .. } => {
                if let Some(Open { call: Some(call), .. }) = &mut self.open {
                    call.input.push_str(more);
                }
            }
            Event::BlockEnded { is_complete: true, .. } => {
                if let Some(call) =
                    self.open.as_ref().and_then(|open| open.call.as_ref()).filter(|call| !call.is_whole())
                {
                    return self.fail(Failure::broken_call(&call.name), out);
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
        let call = self.open.as_ref().and_then(|open| open.call.as_ref());
        call.is_some_and(|call| !call.input.is_empty() && call.is_whole())
    }

    fn close(&mut self, is_complete: bool, out: &mut Vec<Event>) {
        if let Some(Open { index, .. }) = self.open.take() {
            out.push(Event::BlockEnded { index, is_complete });
        }
    }

    /// Nothing more will come. A reader has ended all blocks before; this holds if one has not.
    fn close_all(&mut self, out: &mut Vec<Event>) {
        while !self.has_failed && (self.open.is_some() || !self.waiting.is_empty()) {
            self.close(false, out);
            self.next(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::canonical::{Collected, Finish, FinishReason, Grammar, arbitrary};

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

    #[test]
    fn trap_096_a_broken_call_fails_the_answer_and_is_never_ended() {
        let fails = |came: Vec<Event>| {
            let out = serial(came);
            let is_last = matches!(out.last(), Some(Event::Failed(_)));
            is_last && !out.iter().any(|event| matches!(event, Event::BlockEnded { index: 0, is_complete: true }))
        };
        let finish = || Event::Finished(Finish::new(FinishReason::Calls));
        assert!(fails(vec![call(0), input(0, "{\"command\":\"rm -rf /tm"), end(0), finish()]));
        assert!(fails(vec![call(0), input(0, "[1]"), call(1), input(1, "{}"), end(0), end(1), finish()]));
        // What was cut by the limit says so itself.
        let cut = Event::BlockEnded { index: 0, is_complete: false };
        assert!(!fails(vec![call(0), input(0, "{\"command\":\"rm -rf /tm"), cut, finish()]));
    }

    #[test]
    fn a_call_that_goes_on_behind_its_end_is_not_run_without_what_came_late() {
        let out = serial(vec![call(0), input(0, "{}"), call(1), input(0, "{\"city\":\"x\"}"), end(0), end(1)]);
        assert!(matches!(out.last(), Some(Event::Failed(_))), "{out:?}");

        let out = serial(vec![call(0), input(0, "{}"), call(1), input(0, " "), end(0), end(1)]);
        assert_eq!(out.last(), Some(&end(1)));
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
