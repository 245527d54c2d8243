//! Alerts: rules, channels, what is wrong now, what happened, and what was sent.

use super::samples::{ALL, at};
use crate::{
    alert::{
        AlertEvent, AlertKind, AlertRuleSpec, AlertState, ChannelSpec, EventKind, Message, Phase, Severity, Subject,
    },
    id::{AlertRuleId, ChannelId, DeliveryId},
    store::{AlertNotes, DeliveryEnd, DeliveryState, NewDelivery, Page, Store, StoreError},
};

fn rule() -> AlertRuleSpec {
    AlertRuleSpec {
        threshold: Some("2.5".parse().unwrap()),
        only: vec!["key:*".parse().unwrap()],
        channels: vec![ChannelId(3)],
        repeat_seconds: None,
        ..AlertRuleSpec::new("money “A”", AlertKind::BalanceLow)
    }
}

fn channel() -> ChannelSpec {
    let spec = ChannelSpec::new("ops", "telegram").with("chat_id", "-100");
    spec.with_secret("token", "123:secret").with_secret("url", "https://example.com")
}

fn subject(id: &str) -> Subject {
    Subject { id: id.into(), name: format!("“{id}”") }
}

fn state(rule: i64, id: &str) -> AlertState {
    AlertState {
        rule: AlertRuleId(rule),
        subject: subject(id),
        phase: Phase::Firing,
        since: at(1),
        told_at: Some(at(2)),
        detail: "3 USD left".into(),
    }
}

fn event(rule: i64, id: &str) -> AlertEvent {
    AlertEvent {
        rule: AlertRuleId(rule),
        rule_name: "money".into(),
        kind: AlertKind::BalanceLow,
        severity: Severity::Critical,
        event: EventKind::Fired,
        subject: subject(id),
        since: at(1),
        detail: "3 USD left".into(),
        quiet: true,
    }
}

fn delivery(channel: i64, minutes: i64) -> NewDelivery {
    let message = Message::test("ops", at(0));
    NewDelivery { channel: ChannelId(channel), channel_name: "ops".into(), message, next_at: at(minutes) }
}

async fn send(store: &dyn Store, deliveries: Vec<NewDelivery>) -> Vec<DeliveryId> {
    store.note_alerts(AlertNotes { deliveries, ..AlertNotes::default() }, at(0)).await.unwrap()
}

pub(super) async fn an_alert_rule_comes_back_as_it_was_written(store: &dyn Store) {
    let made = store.insert_alert_rule(rule(), at(0)).await.unwrap();
    assert_eq!((made.spec.clone(), made.create_time, made.update_time), (rule(), at(0), at(0)));
    let other = AlertRuleSpec::new("other", AlertKind::StoreTrouble);
    let changed = store.update_alert_rule(made.id, other.clone(), at(1)).await.unwrap();
    assert_eq!((changed.spec, changed.create_time, changed.update_time), (other.clone(), at(0), at(1)));
    assert_eq!(store.alert_rules().await.unwrap()[0].spec, other);

    store.delete_alert_rule(made.id).await.unwrap();
    assert!(store.alert_rules().await.unwrap().is_empty());
    assert!(matches!(store.delete_alert_rule(made.id).await, Err(StoreError::NotFound)));
    assert!(matches!(store.update_alert_rule(made.id, rule(), at(2)).await, Err(StoreError::NotFound)));
}

pub(super) async fn a_channel_comes_back_with_its_secrets(store: &dyn Store) {
    let made = store.insert_alert_channel(channel(), at(0)).await.unwrap();
    let plain = ChannelSpec::new("plain", "slack");
    let other = store.insert_alert_channel(plain.clone(), at(0)).await.unwrap();
    let found = store.alert_channels().await.unwrap();
    assert!(found[0].spec == channel() && found[1].spec == plain);
    assert_eq!((found[0].id, found[1].id), (made.id, other.id));

    let changed = store.update_alert_channel(made.id, plain.clone(), at(1)).await.unwrap();
    assert!(changed.spec == plain && (changed.create_time, changed.update_time) == (at(0), at(1)));
    store.delete_alert_channel(made.id, at(2)).await.unwrap();
    assert_eq!(store.alert_channels().await.unwrap().len(), 1);
    assert!(matches!(store.delete_alert_channel(made.id, at(2)).await, Err(StoreError::NotFound)));
    assert!(matches!(store.update_alert_channel(made.id, plain, at(2)).await.err(), Some(StoreError::NotFound)));
}

pub(super) async fn states_take_the_place_of_those_before(store: &dyn Store) {
    let made = store.insert_alert_rule(rule(), at(0)).await.unwrap().id.0;
    let kept = vec![state(made, "key:2"), state(made, "key:1"), state(made + 1, "key:1")];
    store.note_alerts(AlertNotes { kept, ..AlertNotes::default() }, at(0)).await.unwrap();
    assert_eq!(store.alert_states().await.unwrap()[0], state(made, "key:1"));

    let settled = AlertState { phase: Phase::Settled, told_at: None, since: at(5), ..state(made, "key:1") };
    let gone = vec![(AlertRuleId(made), "key:2".to_owned())];
    let notes = AlertNotes { kept: vec![settled.clone()], gone, ..AlertNotes::default() };
    store.note_alerts(notes, at(3)).await.unwrap();
    assert_eq!(store.alert_states().await.unwrap(), [settled, state(made + 1, "key:1")]);

    store.delete_alert_rule(AlertRuleId(made)).await.unwrap();
    assert_eq!(store.alert_states().await.unwrap(), [state(made + 1, "key:1")]);
}

pub(super) async fn what_happened_is_read_from_the_newest(store: &dyn Store) {
    let events = (0..5).map(|n| event(n % 2, &n.to_string())).collect();
    store.note_alerts(AlertNotes { events, ..AlertNotes::default() }, at(7)).await.unwrap();

    let first = store.alert_events(None, Page { before: None, limit: 2 }).await.unwrap();
    assert_eq!((&first[0].event, first[0].create_time), (&event(0, "4"), at(7)));
    let rest = store.alert_events(None, Page { before: Some(first[1].id), limit: 10 }).await.unwrap();
    assert_eq!(rest.len(), 3);
    let of_one = store.alert_events(Some(AlertRuleId(1)), ALL).await.unwrap();
    assert_eq!(of_one.iter().map(|stored| &*stored.event.subject.id).collect::<Vec<_>>(), ["3", "1"]);
}

pub(super) async fn a_delivery_is_tried_by_one_at_a_time(store: &dyn Store) {
    let ids = send(store, vec![delivery(1, 0), delivery(2, 5)]).await;
    let due = store.due_deliveries(at(0), 10).await.unwrap();
    assert_eq!((due.len(), due[0].id, due[0].tries), (1, ids[0], 0));
    assert_eq!((due[0].message.clone(), due[0].state), (Message::test("ops", at(0)), DeliveryState::Pending));

    let tries = (0..4).map(|_| store.claim_delivery(ids[0], 0, at(1), at(0)));
    let claimed = futures::future::join_all(tries).await;
    assert_eq!(claimed.into_iter().filter(|claimed| *claimed.as_ref().unwrap()).count(), 1);
    assert!(store.due_deliveries(at(0), 10).await.unwrap().is_empty());
    // Whoever had it in hand is gone.
    let again = store.due_deliveries(at(1), 10).await.unwrap();
    assert_eq!((again[0].id, again[0].tries), (ids[0], 1));
}

pub(super) async fn what_became_of_a_delivery_is_kept(store: &dyn Store) {
    let ids = send(store, vec![delivery(1, 0), delivery(2, 0), delivery(1, 0)]).await;
    let failed = DeliveryEnd { state: DeliveryState::Pending, next_at: Some(at(9)), detail: Some("HTTP 500".into()) };
    store.settle_delivery(ids[0], failed, at(1)).await.unwrap();
    let sent = DeliveryEnd { state: DeliveryState::Sent, next_at: None, detail: None };
    store.settle_delivery(ids[1], sent.clone(), at(2)).await.unwrap();
    assert!(!store.claim_delivery(ids[1], 0, at(9), at(2)).await.unwrap(), "it has arrived");

    let all = store.alert_deliveries(None, ALL).await.unwrap();
    assert_eq!(all.iter().map(|stored| stored.id).collect::<Vec<_>>(), [ids[2], ids[1], ids[0]]);
    assert_eq!((all[2].next_at, all[2].detail.as_deref(), all[2].update_time), (Some(at(9)), Some("HTTP 500"), at(1)));
    assert_eq!((all[1].state, all[1].next_at), (DeliveryState::Sent, None));
    let of_one = store.alert_deliveries(Some(ChannelId(1)), Page { before: Some(ids[2].0), limit: 10 }).await.unwrap();
    assert_eq!(of_one.len(), 1);
    assert!(matches!(store.settle_delivery(DeliveryId(999), sent, at(3)).await, Err(StoreError::NotFound)));
}

pub(super) async fn what_is_to_be_sent_by_a_channel_that_goes_is_given_up(store: &dyn Store) {
    let made = store.insert_alert_channel(channel(), at(0)).await.unwrap().id;
    let other = NewDelivery { channel: ChannelId(made.0 + 1), ..delivery(0, 0) };
    send(store, vec![NewDelivery { channel: made, ..delivery(0, 0) }, other]).await;

    store.delete_alert_channel(made, at(1)).await.unwrap();

    let due = store.due_deliveries(at(9), 10).await.unwrap();
    assert_eq!(due.iter().map(|stored| stored.channel).collect::<Vec<_>>(), [ChannelId(made.0 + 1)]);
    let kept = store.alert_deliveries(Some(made), ALL).await.unwrap();
    assert_eq!((kept[0].state, kept[0].next_at), (DeliveryState::Failed, None));
}
