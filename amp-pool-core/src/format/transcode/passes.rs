//! Several answers as one: a turn that paused, and what came when it was sent back.
//!
//! Blocks are counted on, usage is summed, and only the first beginning and the last end are told.

use super::WayBack;
use crate::format::canonical::{Event, FinishReason, Spent};

/// How often a turn is continued. One that pauses still is ended as it stands.
const PASSES_MAX: u32 = 10;

/// Joins passes.
#[derive(Debug, Default)]
pub(super) struct Passes {
    /// How many more may follow this one.
    left: u32,
    is_resumed: bool,
    is_paused: bool,
    /// Blocks of the passes before.
    base: u32,
    /// Blocks so far.
    next: u32,
    /// What the passes before used.
    before: Option<Spent>,
    /// What this one used, as far as it told.
    spent: Option<Spent>,
}

impl Passes {
    pub(super) fn new(back: &WayBack) -> Self {
        Self { left: if back.may_pause { PASSES_MAX } else { 0 }, ..Self::default() }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Begins the next pass.
    pub(super) fn resume(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.before = sum(self.before.take(), self.spent.take());
        (self.is_resumed, self.is_paused, self.base) = (true, false, self.next);
    }

    /// The event as it stands in the joined answer. `None`: it is not told.
    pub(super) fn pass(&mut self, mut event: Event) -> Option<Event> {
        match &mut event {
            Event::Started(_) if self.is_resumed => return None,
            Event::BlockStarted { index, .. } | Event::Delta { index, .. } | Event::BlockEnded { index, .. } => {
                *index = index.saturating_add(self.base);
                self.next = self.next.max(index.saturating_add(1));
            }
            Event::Usage(spent) => {
                self.spent = Some(spent.clone());
                return sum(self.before.clone(), self.spent.clone()).map(Event::Usage);
            }
            Event::Finished(finish) if finish.reason == FinishReason::Paused && self.left > 0 => {
                self.is_paused = true;
                return None;
            }
            _ => {}
        }
        Some(event)
    }
}

fn sum(before: Option<Spent>, now: Option<Spent>) -> Option<Spent> {
    let (before, now) = match (before, now) {
        (Some(before), Some(now)) => (before, now),
        (before, now) => return before.or(now),
    };
    let web_searches = match (before.web_searches, now.web_searches) {
        (Some(before), Some(now)) => Some(before.saturating_add(now)),
        (before, now) => before.or(now),
    };
    let service_tier = now.service_tier.or(before.service_tier);
    Some(Spent { usage: before.usage.plus(now.usage), web_searches, service_tier })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        format::{
            Format,
            canonical::{BlockKind, Collected, Delta, Finish, Grammar, Started},
            transcode::tests::way_back,
        },
        usage::Usage,
    };

    fn pass(text: &str, output: u64, reason: FinishReason) -> Vec<Event> {
        let spent = |output| {
            Event::Usage(Spent {
                usage: Usage { output, ..Usage::default() },
                web_searches: Some(1),
                service_tier: None,
            })
        };
        vec![
            Event::Started(Started::default()),
            spent(1),
            Event::BlockStarted { index: 0, kind: BlockKind::Text { phase: None } },
            Event::Delta { index: 0, delta: Delta::Text(text.into()) },
            Event::BlockEnded { index: 0, is_complete: true },
            spent(output),
            Event::Finished(Finish::new(reason)),
        ]
    }

    #[test]
    fn a_turn_that_paused_is_one_answer_with_the_sum_of_its_usage() {
        let back = WayBack { may_pause: true, ..way_back(Format::Chat, Format::Messages) };
        let mut passes = Passes::new(&back);
        let mut events: Vec<_> =
            pass("a", 3, FinishReason::Paused).into_iter().filter_map(|event| passes.pass(event)).collect();
        assert!(passes.is_paused());
        passes.resume();
        events.extend(pass("b", 4, FinishReason::End).into_iter().filter_map(|event| passes.pass(event)));

        let mut grammar = Grammar::default();
        events.iter().for_each(|event| grammar.check(event).unwrap());
        let answer = Collected::of(events);
        assert_eq!((answer.text(), answer.finish), ("ab".to_owned(), Some(Finish::new(FinishReason::End))));
        let spent = answer.spent.unwrap();
        assert_eq!((spent.usage.output, spent.web_searches), (7, Some(2)));
    }

    #[test]
    fn a_turn_that_pauses_for_ever_is_ended() {
        let back = WayBack { may_pause: true, ..way_back(Format::Chat, Format::Messages) };
        let mut passes = Passes::new(&back);
        let mut count = 0;
        while pass("a", 1, FinishReason::Paused).into_iter().filter_map(|event| passes.pass(event)).count() > 0
            && passes.is_paused()
        {
            passes.resume();
            count += 1;
        }
        assert_eq!(count, PASSES_MAX);
    }

    #[test]
    fn a_pause_that_can_not_be_continued_is_an_end() {
        let mut passes = Passes::new(&way_back(Format::Chat, Format::Messages));
        let events: Vec<_> =
            pass("a", 1, FinishReason::Paused).into_iter().filter_map(|event| passes.pass(event)).collect();
        assert!(!passes.is_paused() && matches!(events.last(), Some(Event::Finished(_))));
    }
}
