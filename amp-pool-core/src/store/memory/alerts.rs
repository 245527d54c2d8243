//! Alerts, in memory.

use std::collections::BTreeMap;

use super::{MemoryStore, StoreError, found};
use crate::{
    alert::{AlertRule, AlertRuleSpec, AlertState, Channel, ChannelSpec},
    id::{AlertRuleId, ChannelId, DeliveryId},
    store::{
        AlertNotes, AlertStore, DeliveryEnd, DeliveryState, MOST_KEPT, NewDelivery, Page, StoreFuture,
        StoredAlertEvent, StoredDelivery,
    },
    time::Timestamp,
};

#[derive(Default)]
pub(super) struct Alerts {
    last_id: i64,
    rules: BTreeMap<AlertRuleId, AlertRule>,
    channels: BTreeMap<ChannelId, Channel>,
    states: BTreeMap<(AlertRuleId, String), AlertState>,
    events: BTreeMap<i64, StoredAlertEvent>,
    deliveries: BTreeMap<i64, StoredDelivery>,
}

impl AlertStore for MemoryStore {
    fn alert_rules(&self) -> StoreFuture<'_, Vec<AlertRule>> {
        self.run(|state| Ok(state.alerts.rules.values().cloned().collect()))
    }

    fn insert_alert_rule(&self, spec: AlertRuleSpec, now: Timestamp) -> StoreFuture<'_, AlertRule> {
        self.run(|state| {
            let id = AlertRuleId(state.alerts.next_id());
            let rule = AlertRule { id, create_time: now, update_time: now, spec };
            state.alerts.rules.insert(id, rule.clone());
            Ok(rule)
        })
    }

    fn update_alert_rule(&self, id: AlertRuleId, spec: AlertRuleSpec, now: Timestamp) -> StoreFuture<'_, AlertRule> {
        self.run(|state| {
            let rule = state.alerts.rules.get_mut(&id).ok_or(StoreError::NotFound)?;
            (rule.update_time, rule.spec) = (now, spec);
            Ok(rule.clone())
        })
    }

    fn delete_alert_rule(&self, id: AlertRuleId) -> StoreFuture<'_, ()> {
        self.run(|state| {
            found(state.alerts.rules.remove(&id))?;
            state.alerts.states.retain(|(rule, _), _| *rule != id);
            Ok(())
        })
    }

    fn alert_channels(&self) -> StoreFuture<'_, Vec<Channel>> {
        self.run(|state| Ok(state.alerts.channels.values().cloned().collect()))
    }

    fn insert_alert_channel(&self, spec: ChannelSpec, now: Timestamp) -> StoreFuture<'_, Channel> {
        self.run(|state| {
            let id = ChannelId(state.alerts.next_id());
            let channel = Channel { id, create_time: now, update_time: now, spec };
            state.alerts.channels.insert(id, channel.clone());
            Ok(channel)
        })
    }

    fn update_alert_channel(&self, id: ChannelId, spec: ChannelSpec, now: Timestamp) -> StoreFuture<'_, Channel> {
        self.run(|state| {
            let channel = state.alerts.channels.get_mut(&id).ok_or(StoreError::NotFound)?;
            (channel.update_time, channel.spec) = (now, spec);
            Ok(channel.clone())
        })
    }

    fn delete_alert_channel(&self, id: ChannelId, now: Timestamp) -> StoreFuture<'_, ()> {
        self.run(|state| {
            found(state.alerts.channels.remove(&id))?;
            state.alerts.give_up(id, now);
            Ok(())
        })
    }

    fn alert_states(&self) -> StoreFuture<'_, Vec<AlertState>> {
        self.run(|state| Ok(state.alerts.states.values().cloned().collect()))
    }

    fn note_alerts(&self, notes: AlertNotes, now: Timestamp) -> StoreFuture<'_, Vec<DeliveryId>> {
        self.run(|state| Ok(state.alerts.note(notes, now)))
    }

    fn alert_events(&self, rule: Option<AlertRuleId>, page: Page) -> StoreFuture<'_, Vec<StoredAlertEvent>> {
        self.run(move |state| {
            let fits = |stored: &&StoredAlertEvent| rule.is_none_or(|rule| stored.event.rule == rule);
            Ok(newest(&state.alerts.events, page, fits))
        })
    }

    fn alert_deliveries(&self, channel: Option<ChannelId>, page: Page) -> StoreFuture<'_, Vec<StoredDelivery>> {
        self.run(move |state| {
            let fits = |stored: &&StoredDelivery| channel.is_none_or(|channel| stored.channel == channel);
            Ok(newest(&state.alerts.deliveries, page, fits))
        })
    }

    fn due_deliveries(&self, now: Timestamp, limit: u32) -> StoreFuture<'_, Vec<StoredDelivery>> {
        self.run(move |state| {
            let is_due = |stored: &&StoredDelivery| stored.next_at.is_some_and(|next_at| next_at <= now);
            let mut due: Vec<_> = state.alerts.deliveries.values().filter(is_due).cloned().collect();
            due.sort_by_key(|stored| (stored.next_at, stored.id));
            due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok(due)
        })
    }

    fn claim_delivery(&self, id: DeliveryId, tries: u32, next_at: Timestamp, now: Timestamp) -> StoreFuture<'_, bool> {
        self.run(move |state| {
            let Some(stored) = state.alerts.deliveries.get_mut(&id.0) else { return Ok(false) };
            if stored.state != DeliveryState::Pending || stored.tries != tries {
                return Ok(false);
            }
            (stored.tries, stored.next_at, stored.update_time) = (tries + 1, Some(next_at), now);
            Ok(true)
        })
    }

    fn settle_delivery(&self, id: DeliveryId, end: DeliveryEnd, now: Timestamp) -> StoreFuture<'_, ()> {
        self.run(move |state| {
            let stored = state.alerts.deliveries.get_mut(&id.0).ok_or(StoreError::NotFound)?;
            stored.settle(end, now);
            Ok(())
        })
    }
}

impl Alerts {
    fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    fn note(&mut self, notes: AlertNotes, now: Timestamp) -> Vec<DeliveryId> {
        let AlertNotes { events, kept, gone, deliveries } = notes;
        for event in events {
            let id = self.next_id();
            self.events.insert(id, StoredAlertEvent { id, create_time: now, event });
        }
        for place in gone {
            self.states.remove(&place);
        }
        for state in kept {
            self.states.insert((state.rule, state.subject.id.clone()), state);
        }
        let ids = deliveries.into_iter().map(|delivery| self.put_delivery(delivery, now)).collect();
        self.forget();
        ids
    }

    fn put_delivery(&mut self, delivery: NewDelivery, now: Timestamp) -> DeliveryId {
        let NewDelivery { channel, channel_name, message, next_at } = delivery;
        let id = DeliveryId(self.next_id());
        let stored = StoredDelivery {
            id,
            create_time: now,
            update_time: now,
            channel,
            channel_name,
            message,
            state: DeliveryState::Pending,
            tries: 0,
            next_at: Some(next_at),
            detail: None,
        };
        self.deliveries.insert(id.0, stored);
        id
    }

    fn forget(&mut self) {
        while self.events.len() > MOST_KEPT {
            self.events.pop_first();
        }
        let surplus = self.deliveries.len().saturating_sub(MOST_KEPT);
        let ended = self.deliveries.values().filter(|stored| stored.state != DeliveryState::Pending);
        let old: Vec<_> = ended.take(surplus).map(|stored| stored.id.0).collect();
        old.iter().for_each(|id| drop(self.deliveries.remove(id)));
    }

    fn give_up(&mut self, channel: ChannelId, now: Timestamp) {
        let is_open =
            |stored: &&mut StoredDelivery| stored.channel == channel && stored.state == DeliveryState::Pending;
        for stored in self.deliveries.values_mut().filter(is_open) {
            let detail = Some("the channel was removed".into());
            stored.settle(DeliveryEnd { state: DeliveryState::Failed, next_at: None, detail }, now);
        }
    }
}

impl StoredDelivery {
    fn settle(&mut self, end: DeliveryEnd, now: Timestamp) {
        let DeliveryEnd { state, next_at, detail } = end;
        (self.state, self.next_at, self.detail, self.update_time) = (state, next_at, detail, now);
    }
}

fn newest<T: Clone>(rows: &BTreeMap<i64, T>, page: Page, fits: impl Fn(&&T) -> bool) -> Vec<T> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let before = rows.range(..page.before.unwrap_or(i64::MAX)).rev().map(|(_, row)| row);
    before.filter(|row| fits(row)).take(limit).cloned().collect()
}
