//! What a Messages answer says, block by block: the part that streams and whole answers have in common.
//!
//! Blocks are found by the upstream's index and numbered anew. The end of a block is held back until something follows it,
//! because only the reason of the end tells whether the last block was cut.

mod block;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use self::block::{Open, owned};
use super::{finish, line::Message, tokens};
use crate::format::canonical::{Event, Finish, FinishReason, Started};

/// The state of an answer.
#[derive(Debug, Default)]
pub(super) struct Said {
    has_started: bool,
    open: BTreeMap<u64, Open>,
    /// The block that ended last, and whose end has not been told.
    ended: Option<Open>,
    next: u32,
    has_calls: bool,
    account: tokens::Account,
    finish: Option<Finish>,
}

impl Said {
    /// Takes a message: all of it, or what is there at the beginning of a stream. Content that is there is whole.
    pub(super) fn message(&mut self, raw: &str, out: &mut Vec<Event>) {
        let message = serde_json::from_str::<Message<'_>>(raw).unwrap_or_default();
        self.has_started = true;
        out.push(Event::Started(Started { id: owned(message.id), model: owned(message.model) }));
        for (index, block) in (0..).zip(message.content.0.unwrap_or_default()) {
            self.start(index, block, out);
            self.stop(index, out);
        }
        self.end(raw);
        self.usage(message.usage, out);
    }

    /// A block begins.
    pub(super) fn start(&mut self, at: u64, raw: &RawValue, out: &mut Vec<Event>) {
        self.begin(out);
        self.stop(at, out);
        self.settle(None, out);
        let Some(open) = Open::begin(self.next, raw, out) else { return };
        if open.is_told() {
            self.next += 1;
        }
        self.open.insert(at, open);
    }

    /// A block goes on.
    pub(super) fn extend(&mut self, at: u64, raw: &RawValue, out: &mut Vec<Event>) {
        if let Some(open) = self.open.get_mut(&at) {
            open.extend(raw, out);
        }
    }

    /// A block ends. A second end of it is nothing.
    pub(super) fn stop(&mut self, at: u64, out: &mut Vec<Event>) {
        if let Some(open) = self.open.remove(&at) {
            self.settle(None, out);
            self.ended = Some(open);
        }
    }

    /// Takes a word on the end, if there is one.
    pub(super) fn end(&mut self, raw: &str) {
        let finish = serde_json::from_str::<finish::Told<'_>>(raw).ok().and_then(|told| told.finish());
        self.finish = finish.or(self.finish.take());
    }

    /// Takes what was used, if it is told.
    pub(super) fn usage(&mut self, raw: Option<&RawValue>, out: &mut Vec<Event>) {
        let spent = raw.and_then(|raw| self.account.take(raw));
        out.extend(spent.filter(|_| self.has_started).map(Event::Usage));
    }

    /// The last word has come.
    pub(super) fn finished(&mut self, out: &mut Vec<Event>) {
        self.begin(out);
        let finish = self.finish.take().unwrap_or(Finish::new(FinishReason::End));
        self.settle(Some(&finish.reason), out);
        while let Some((_, open)) = self.open.pop_first() {
            // It was never closed, so only what can not go on is whole.
            self.close(open, true, out);
        }
        let reason = finish.reason.settled(self.has_calls, false);
        out.push(Event::Finished(Finish { reason, ..finish }));
    }

    /// Servers that call themselves compatible may forget the beginning.
    fn begin(&mut self, out: &mut Vec<Event>) {
        if !self.has_started {
            self.has_started = true;
            out.push(Event::Started(Started::default()));
        }
    }

    /// Tells the end that was held back. Without a reason something follows, so that the block was not cut.
    fn settle(&mut self, reason: Option<&FinishReason>, out: &mut Vec<Event>) {
        if let Some(open) = self.ended.take() {
            self.close(open, reason.is_some_and(FinishReason::cuts), out);
        }
    }

    fn close(&mut self, mut open: Open, may_be_cut: bool, out: &mut Vec<Event>) {
        let is_complete = !may_be_cut || open.is_surely_whole();
        self.has_calls |= is_complete && open.is_call();
        if !open.is_told() {
            open.index = self.next;
            self.next += 1;
        }
        let index = open.index;
        open.last_words(is_complete, out);
        out.push(Event::BlockEnded { index, is_complete });
    }
}
