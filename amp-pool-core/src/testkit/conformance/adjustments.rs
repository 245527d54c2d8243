//! What calls turned out to cost: records stay, sums and budgets follow.

use super::{
    budgets::{commit, hold, paid, tally, token},
    samples::{at, open_entry, opened, record, settle_entry},
};
use crate::{
    budget::{Period, Scope, Window},
    id::KeyId,
    money::NanoUsd,
    store::{
        Attempt, AttemptAdjustment, CallAdjustment, Charge, Entry, GroupBy, Record, Store, StoredRecord, Totals,
        TotalsFilter,
    },
};

/// The first attempt of `record` costs `cost`, and the whole call as much as that makes it.
fn adjustment(record: &Record, seen: usize, before: Option<i64>, cost: i64) -> CallAdjustment {
    let attempt = &record.attempts[0];
    let others = |of: fn(&Attempt) -> Option<NanoUsd>| record.attempts[1..].iter().map(of).sum::<Option<NanoUsd>>();
    CallAdjustment {
        call: record.opened.call,
        seen,
        cost: others(|attempt| attempt.cost).map(|rest| rest + NanoUsd(cost)),
        saved: others(|attempt| attempt.saved).map(|rest| rest + NanoUsd(7)),
        attempts: vec![AttemptAdjustment {
            n: 0,
            cost_before: before.map(NanoUsd),
            cost: NanoUsd(cost),
            saved_before: attempt.saved,
            saved: Some(NanoUsd(7)),
            price_version: "row:9".into(),
        }],
        keys: vec![(attempt.key, NanoUsd(cost))],
        charges: Vec::new(),
        who: "somebody".into(),
        note: "because".into(),
    }
}

async fn get(store: &dyn Store, n: u16) -> StoredRecord {
    store.get(opened(n).call).await.unwrap().unwrap()
}

async fn sum(store: &dyn Store, by: GroupBy) -> Totals {
    let rows = store.totals(TotalsFilter::span(at(0), at(24 * 60)), by).await.unwrap();
    rows.into_iter().next().unwrap()
}

/// The `n`th call, whose price nobody knew.
fn unknown(n: u16) -> Record {
    let mut unknown = record(n);
    unknown.attempts.iter_mut().for_each(|attempt| (attempt.cost, attempt.saved) = (None, None));
    unknown.attempts.truncate(1);
    unknown
}

pub(super) async fn an_adjustment_stands_beside_its_record(store: &dyn Store) {
    let written = record(1);
    commit(store, [settle_entry(&written), settle_entry(&record(2))]).await;
    let (before, other) = (get(store, 1).await, get(store, 2).await);
    assert_eq!((before.cost_now(), before.adjustments.len()), (written.cost(), 0));
    let wanted = adjustment(&written, 0, written.attempts[0].cost.map(|cost| cost.0), 5);

    assert_eq!(store.adjust(vec![wanted.clone()], at(90)).await.unwrap(), 1);

    let after = get(store, 1).await;
    assert_eq!((after.cost, &after.attempts), (before.cost, &before.attempts), "the record is as it was");
    let [adjusted] = &after.adjustments[..] else { panic!("one adjustment") };
    assert_eq!((adjusted.create_time, &adjusted.attempt), (at(90), &wanted.attempts[0]));
    assert_eq!((&*adjusted.who, &*adjusted.note), ("somebody", "because"));
    assert_eq!((after.cost_now(), after.saved_now()), (wanted.cost, wanted.saved));
    assert_eq!(get(store, 2).await, other);
    let listed = store.list(crate::store::RecordFilter::default(), super::samples::ALL).await.unwrap();
    let listed = listed.iter().find(|row| row.call == after.call).unwrap();
    assert_eq!((listed.cost_now(), listed.cost), (wanted.cost, before.cost));
}

pub(super) async fn sums_follow_an_adjustment(store: &dyn Store) {
    let (known, unknown) = (record(1), unknown(2));
    commit(store, [settle_entry(&known), settle_entry(&unknown)]).await;
    let before = sum(store, GroupBy::Nothing).await;
    assert_eq!(before.unpriced, 1);
    let first = known.attempts[0].cost.unwrap().0;
    let calls = vec![adjustment(&known, 0, Some(first), 5), adjustment(&unknown, 0, None, 40)];

    assert_eq!(store.adjust(calls.clone(), at(90)).await.unwrap(), 2);

    for by in [GroupBy::Nothing, GroupBy::Hour, GroupBy::Day] {
        let after = sum(store, by).await;
        assert_eq!(after.cost.0, before.cost.0 + 5 - first + 40, "{by:?}");
        assert_eq!((after.unpriced, after.requests, after.usage), (0, before.requests, before.usage));
        let saved = calls.iter().map(|call| call.saved.unwrap()).sum::<NanoUsd>();
        assert_eq!((after.saved_known, after.saved), (before.cached, saved), "{by:?}");
    }
    store.forget(at(60), 10, at(60)).await.unwrap();
    assert_eq!(sum(store, GroupBy::Nothing).await.cost.0, before.cost.0 + 5 - first + 40);
}

pub(super) async fn budgets_follow_an_adjustment(store: &dyn Store) {
    let key = Period { scope: Scope::Key(KeyId(1)), window: Window::Day, start: at(0).as_millis() };
    let record = paid(1, 25);
    commit(store, [open_entry(1), Entry::Held(hold(1, 60, &[(token(), 100)])), settle_entry(&record)]).await;
    assert_eq!((tally(store, token()).await, tally(store, key).await), ((25, 0), (0, 0)));
    let mut wanted = adjustment(&record, 0, None, 9);
    (wanted.cost, wanted.charges) = (Some(NanoUsd(11)), vec![Charge { period: key, cost: NanoUsd(9) }]);

    store.adjust(vec![wanted.clone()], at(90)).await.unwrap();
    assert_eq!((tally(store, token()).await, tally(store, key).await), ((11, 0), (9, 0)));

    (wanted.seen, wanted.cost) = (1, Some(NanoUsd(31)));
    wanted.keys = vec![(KeyId(1), NanoUsd(3))];
    wanted.charges = vec![Charge { period: key, cost: NanoUsd(3) }];
    store.adjust(vec![wanted], at(91)).await.unwrap();
    assert_eq!((tally(store, token()).await, tally(store, key).await), ((31, 0), (3, 0)));
    assert_eq!(get(store, 1).await.adjustments.len(), 2);

    store.forget(at(60), 10, at(60)).await.unwrap();
    assert_eq!((tally(store, token()).await, tally(store, key).await), ((31, 0), (3, 0)), "what is spent stays spent");
}

pub(super) async fn a_call_that_was_adjusted_meanwhile_is_left_as_it_is(store: &dyn Store) {
    let written = record(1);
    commit(store, [settle_entry(&written)]).await;
    let wanted = adjustment(&written, 0, None, 5);
    assert_eq!(store.adjust(vec![wanted.clone(), adjustment(&record(2), 0, None, 5)], at(90)).await.unwrap(), 1);
    let before = sum(store, GroupBy::Nothing).await;

    assert_eq!(store.adjust(vec![wanted], at(91)).await.unwrap(), 0);

    assert_eq!((sum(store, GroupBy::Nothing).await, get(store, 1).await.adjustments.len()), (before, 1));
}
