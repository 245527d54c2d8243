//! What a batch of entries says, call by call.

use std::collections::HashMap;

use super::{Entry, Opened, Record};

/// What a batch says of one call.
#[derive(Default)]
pub(super) struct Change<'a> {
    pub(super) opened: Option<&'a Opened>,
    pub(super) settled: Option<&'a Record>,
}

/// The calls of a batch in the order they first appear. Of what is said twice, the first holds. What is to be held is not
/// among it.
pub(super) fn changes(batch: &[Entry]) -> Vec<Change<'_>> {
    let mut changes: Vec<Change<'_>> = Vec::with_capacity(batch.len());
    let mut places = HashMap::with_capacity_and_hasher(batch.len(), foldhash::fast::RandomState::default());
    for entry in batch {
        let call = match entry {
            Entry::Opened(opened) => opened.call,
            Entry::Settled(record) => record.opened.call,
            Entry::Held(_) => continue,
        };
        let place = *places.entry(call).or_insert(changes.len());
        if place == changes.len() {
            changes.push(Change::default());
        }
        let change = &mut changes[place];
        match entry {
            Entry::Opened(opened) => change.opened = change.opened.or(Some(opened)),
            Entry::Settled(record) => change.settled = change.settled.or(Some(record)),
            Entry::Held(_) => {}
        }
    }
    changes
}
