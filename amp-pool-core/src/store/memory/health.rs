//! The fitness of keys, in memory.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    id::KeyId,
    keys::{HealthEvent, KeptHealth, Report, Subject},
    store::{KEPT_FOR_MS, MOST_EVENTS, Page, StoredHealthEvent},
    time::Timestamp,
};

/// What is kept, by the name of whom it is of.
#[derive(Default)]
pub(super) struct Healths {
    last_id: i64,
    kept: BTreeMap<Arc<str>, Kept>,
}

struct Kept {
    health: KeptHealth,
    /// Oldest first.
    events: Vec<StoredHealthEvent>,
}

impl Healths {
    pub(super) fn put(&mut self, report: &Report, now: Timestamp) {
        let Report { subject, troubles, events } = report;
        let Self { last_id, kept } = self;
        let kept = kept.entry(subject.name.clone()).or_insert_with(|| Kept::new(subject.clone()));
        (kept.health.at, kept.health.troubles) = (now, troubles.clone());
        for event in events {
            kept.put_event(event, last_id);
        }
        let surplus = kept.events.len().saturating_sub(MOST_EVENTS);
        kept.events.drain(..surplus);
    }

    /// All troubles, after what is old is forgotten.
    pub(super) fn troubles(&mut self, now: Timestamp) -> Vec<KeptHealth> {
        let old = now.plus_millis(-KEPT_FOR_MS);
        for kept in self.kept.values_mut() {
            let at = kept.health.at;
            let end = |left: std::time::Duration| at.plus_millis(i64::try_from(left.as_millis()).unwrap_or(i64::MAX));
            kept.health.troubles.retain(|trouble| end(trouble.left) >= old);
            kept.events.retain(|row| row.event.last >= old);
        }
        self.kept.retain(|_, kept| !kept.health.troubles.is_empty() || !kept.events.is_empty());
        let healths = self.kept.values().map(|kept| &kept.health);
        healths.filter(|health| !health.troubles.is_empty()).cloned().collect()
    }

    pub(super) fn events(&self, subjects: &[Arc<str>], page: Page) -> Vec<StoredHealthEvent> {
        let events = subjects.iter().filter_map(|name| self.kept.get(name)).flat_map(|kept| &kept.events);
        let mut found: Vec<_> = events.filter(|row| page.before.is_none_or(|id| row.id < id)).cloned().collect();
        found.sort_by_key(|row| std::cmp::Reverse(row.id));
        found.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
        found
    }

    /// What is kept of a key goes with it.
    pub(super) fn forget(&mut self, key: KeyId) {
        self.kept.retain(|_, kept| kept.health.subject.key != Some(key));
    }
}

impl Kept {
    fn new(subject: Subject) -> Self {
        let health = KeptHealth { subject, at: Timestamp::from_millis(0), troubles: Vec::new() };
        Self { health, events: Vec::new() }
    }

    fn put_event(&mut self, event: &HealthEvent, last_id: &mut i64) {
        let newest = self.events.iter_mut().rev().find(|row| row.event.model == event.model);
        if let Some(newest) = newest.filter(|row| row.event.is_continued_by(event)) {
            return newest.event.go_on(event.clone());
        }
        *last_id += 1;
        let subject = self.health.subject.name.clone();
        self.events.push(StoredHealthEvent { id: *last_id, subject, event: event.clone() });
    }
}
