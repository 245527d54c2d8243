//! What is kept of the fitness of keys.

use std::{sync::Arc, time::Duration};

use super::samples::{ALL, at, plain_key};
use crate::{
    id::KeyId,
    keys::{HealthEvent, KeptHealth, KeptTrouble, KeyState, Report, Subject},
    store::{KEPT_FOR_MS, MOST_EVENTS, Page, Store, StoredHealthEvent},
    time::Timestamp,
};

fn subject(name: &str) -> Subject {
    Subject { key: Some(KeyId(1)), name: name.into() }
}

fn trouble(model: Option<&str>, left: u64) -> KeptTrouble {
    KeptTrouble {
        model: model.map(Into::into),
        state: KeyState::OutOfCredit,
        since: at(1),
        left: Duration::from_millis(left),
        reason: "out_of_credit: 402 \"quoted\"".into(),
        failures: 3,
        refused: true,
        on_trial: true,
    }
}

fn event(model: Option<&str>, state: KeyState, minute: i64) -> HealthEvent {
    HealthEvent {
        model: model.map(Into::into),
        state,
        at: at(minute),
        last: at(minute),
        until: (state != KeyState::Ready).then(|| at(minute + 5)),
        reason: format!("at {minute}"),
        times: 1,
    }
}

fn report(name: &str, troubles: Vec<KeptTrouble>, events: Vec<HealthEvent>) -> Report {
    Report { subject: subject(name), troubles, events }
}

async fn put(store: &dyn Store, report: Report, now: Timestamp) {
    store.put_health([report].into(), now).await.unwrap();
}

async fn events(store: &dyn Store, names: &[&str]) -> Vec<StoredHealthEvent> {
    store.health_events(names.iter().map(|name| Arc::from(*name)).collect(), ALL).await.unwrap()
}

pub(super) async fn a_trouble_comes_back_as_it_was_kept(store: &dyn Store) {
    // A call need not name a model, and that is another thing than all of them.
    let troubles = vec![trouble(None, 1_500), trouble(Some("gpt-5"), 0), trouble(Some(""), 3)];
    let account = Subject { key: None, name: "account:[\"openai\",null,\"org\"]".into() };
    let both = [
        Report { subject: account.clone(), troubles: troubles.clone(), events: Vec::new() },
        report("key:1:f", vec![KeptTrouble { refused: false, on_trial: false, ..trouble(Some("m"), 7) }], Vec::new()),
    ];
    store.put_health(both.clone().into(), at(2)).await.unwrap();

    let found = store.health(at(3)).await.unwrap();
    let expected = both.map(|report| KeptHealth { subject: report.subject, at: at(2), troubles: report.troubles });
    assert_eq!(found, expected);
}

pub(super) async fn troubles_take_the_place_of_those_before(store: &dyn Store) {
    put(store, report("key:1:f", vec![trouble(None, 9), trouble(Some("a"), 9)], Vec::new()), at(1)).await;
    put(store, report("key:2:f", vec![trouble(None, 9)], Vec::new()), at(1)).await;
    put(store, report("key:1:f", vec![trouble(Some("b"), 9)], Vec::new()), at(2)).await;
    let found = store.health(at(3)).await.unwrap();
    let shown: Vec<_> =
        found.iter().map(|kept| (&*kept.subject.name, kept.at, kept.troubles[0].model.as_deref())).collect();
    assert_eq!(shown, [("key:1:f", at(2), Some("b")), ("key:2:f", at(1), None)]);

    put(store, report("key:1:f", Vec::new(), Vec::new()), at(4)).await;
    assert_eq!(store.health(at(5)).await.unwrap().len(), 1);
}

pub(super) async fn history_goes_from_the_newest_and_by_pages(store: &dyn Store) {
    let states = [KeyState::Cooling, KeyState::Ready, KeyState::Disabled];
    for (minute, state) in states.into_iter().enumerate() {
        let minute = i64::try_from(minute).unwrap();
        put(store, report("key:1:f", Vec::new(), vec![event(None, state, minute)]), at(minute)).await;
        put(store, report("own:1:f", Vec::new(), vec![event(Some("m"), state, minute)]), at(minute)).await;
        put(store, report("key:2:f", Vec::new(), vec![event(None, state, minute)]), at(minute)).await;
    }
    let found = events(store, &["key:1:f", "own:1:f"]).await;
    let shown: Vec<_> = found.iter().map(|row| (&*row.subject, row.event.clone())).collect();
    let expected: Vec<_> = (0..3)
        .rev()
        .flat_map(|n| {
            let state = states[usize::try_from(n).unwrap()];
            [("own:1:f", event(Some("m"), state, n)), ("key:1:f", event(None, state, n))]
        })
        .collect();
    assert_eq!(shown, expected);

    let names = || vec!["key:1:f".into(), "own:1:f".into()];
    let (mut paged, mut before) = (Vec::new(), None);
    loop {
        let page = store.health_events(names(), Page { before, limit: 4 }).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        paged.extend(page);
    }
    assert_eq!(paged, found);
}

pub(super) async fn the_same_again_is_one_that_goes_on(store: &dyn Store) {
    for minute in 0..3 {
        put(store, report("key:1:f", Vec::new(), vec![event(Some("m"), KeyState::Cooling, minute)]), at(minute)).await;
    }
    put(store, report("key:1:f", Vec::new(), vec![event(None, KeyState::Cooling, 3)]), at(3)).await;
    put(store, report("key:1:f", Vec::new(), vec![event(Some(""), KeyState::Cooling, 3)]), at(3)).await;
    put(store, report("key:1:f", Vec::new(), vec![event(Some("m"), KeyState::Cooling, 60)]), at(60)).await;

    let found = events(store, &["key:1:f"]).await;
    let shown: Vec<_> = found.iter().map(|row| (row.event.model.as_deref(), row.event.times)).collect();
    assert_eq!(shown, [(Some("m"), 1), (Some(""), 1), (None, 1), (Some("m"), 3)]);
    let HealthEvent { at: began, last, until, reason, .. } = &found[3].event;
    assert_eq!((*began, *last, *until, &**reason), (at(0), at(2), Some(at(7)), "at 2"));
}

pub(super) async fn history_is_bounded_by_count_and_by_age(store: &dyn Store) {
    let many = i64::try_from(MOST_EVENTS).unwrap() + 20;
    for minute in 0..many {
        let state = if minute % 2 == 0 { KeyState::Cooling } else { KeyState::Ready };
        put(store, report("key:1:f", Vec::new(), vec![event(None, state, minute)]), at(minute)).await;
    }
    put(store, report("key:2:f", vec![trouble(None, 60_000)], vec![event(None, KeyState::Cooling, 0)]), at(0)).await;
    let page = Page { before: None, limit: u32::MAX };
    let found = store.health_events(vec!["key:1:f".into()], page).await.unwrap();
    assert_eq!((found.len(), found[0].event.at), (MOST_EVENTS, at(many - 1)));

    assert_eq!(store.health(at(10)).await.unwrap().len(), 1);
    let later = at(many).plus_millis(KEPT_FOR_MS);
    assert_eq!(store.health(later).await.unwrap(), []);
    assert_eq!(events(store, &["key:1:f", "key:2:f"]).await, []);
}

pub(super) async fn the_health_of_a_deleted_key_goes_with_it(store: &dyn Store) {
    let key = store.insert_key(plain_key("sk-1"), at(1)).await.unwrap().id;
    let of = |key: Option<KeyId>, name: &str| Report {
        subject: Subject { key, name: name.into() },
        troubles: vec![trouble(None, 9)],
        events: vec![event(None, KeyState::OutOfCredit, 1)],
    };
    let reports = [of(Some(key), "key"), of(None, "account"), of(Some(KeyId(key.0 + 1)), "other")];
    store.put_health(reports.into(), at(1)).await.unwrap();
    store.delete_key(key).await.unwrap();

    let left: Vec<_> = store.health(at(2)).await.unwrap().into_iter().map(|kept| kept.subject.name).collect();
    assert_eq!(left.iter().map(|name| &**name).collect::<Vec<_>>(), ["account", "other"]);
    assert_eq!(events(store, &["key", "account", "other"]).await.len(), 2);
}
