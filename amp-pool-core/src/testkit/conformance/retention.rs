//! What is forgotten is gone, and all that was made of it stays.

use super::{
    budgets::{commit, hold, paid, tally, token},
    samples::{ALL, at, open_entry, opened, record, settle_entry},
};
use crate::store::{Entry, GroupBy, RecordFilter, Store, Totals, TotalsFilter};

async fn sums(store: &dyn Store, by: GroupBy) -> Vec<Totals> {
    store.totals(TotalsFilter::span(at(0), at(24 * 60)), by).await.unwrap()
}

/// The calls that are left, by the minute they were admitted in, newest first.
async fn left(store: &dyn Store) -> Vec<i64> {
    let rows = store.list(RecordFilter::default(), ALL).await.unwrap();
    rows.iter().map(|row| (row.create_time.as_millis() - at(0).as_millis()) / 60_000).collect()
}

pub(super) async fn the_oldest_calls_are_forgotten_first_and_no_newer_ones(store: &dyn Store) {
    // Not in the order of their age.
    for n in [4, 1, 3, 0, 2] {
        commit(store, [settle_entry(&record(n))]).await;
    }

    let first = store.forget(at(3), 2, at(60)).await.unwrap();
    assert_eq!((first.calls, first.more, left(store).await), (2, true, vec![2, 3, 4]));
    let second = store.forget(at(3), 2, at(60)).await.unwrap();
    assert_eq!((second.calls, second.more), (1, false));
    let third = store.forget(at(3), 2, at(60)).await.unwrap();
    assert_eq!((third.calls, third.more), (0, false));
    let mut rest = left(store).await;
    rest.sort_unstable();
    assert_eq!(rest, [3, 4]);
    assert!(store.get(opened(0).call).await.unwrap().is_none());
    assert!(!store.get(opened(3).call).await.unwrap().unwrap().attempts.is_empty());
}

pub(super) async fn sums_outlive_the_calls_they_are_made_of(store: &dyn Store) {
    for n in 0..9 {
        commit(store, [settle_entry(&record(n))]).await;
    }
    let splits = [GroupBy::Nothing, GroupBy::Key, GroupBy::Model, GroupBy::Token, GroupBy::Hour, GroupBy::Day];
    let mut before = Vec::new();
    for by in splits {
        before.push(sums(store, by).await);
    }

    store.forget(at(6), 100, at(60)).await.unwrap();

    for (by, before) in splits.into_iter().zip(before) {
        assert_eq!(sums(store, by).await, before, "{by:?}");
    }
    let one_model = TotalsFilter { model: Some("model-1".into()), ..TotalsFilter::span(at(0), at(60)) };
    assert_eq!(store.totals(one_model, GroupBy::Nothing).await.unwrap()[0].requests, 3);
}

pub(super) async fn a_call_that_runs_is_not_forgotten(store: &dyn Store) {
    commit(store, [open_entry(1), settle_entry(&record(2))]).await;

    assert_eq!(store.forget(at(60), 100, at(60)).await.unwrap().calls, 1);
    assert_eq!(left(store).await, [1]);
    commit(store, [settle_entry(&record(1))]).await;
    assert_eq!(sums(store, GroupBy::Nothing).await[0].requests, 2);
}

pub(super) async fn what_a_budget_has_spent_stays_spent(store: &dyn Store) {
    let held = [(token(), 1_000)];
    commit(store, [open_entry(1), Entry::Held(hold(1, 300, &held)), open_entry(2), Entry::Held(hold(2, 400, &held))])
        .await;
    commit(store, [settle_entry(&paid(1, 120))]).await;
    assert_eq!(tally(store, token()).await, (120, 400));

    store.forget(at(60), 100, at(60)).await.unwrap();

    assert_eq!(tally(store, token()).await, (120, 400));
    assert!(store.holds(opened(1).call).await.unwrap().is_empty());
    commit(store, [settle_entry(&paid(2, 50))]).await;
    assert_eq!(tally(store, token()).await, (170, 0));
}

pub(super) async fn the_books_say_how_far_they_reach(store: &dyn Store) {
    let empty = store.extent().await.unwrap();
    assert_eq!((empty.oldest, empty.forgotten_before), (None, None));
    for n in 0..4 {
        commit(store, [settle_entry(&record(n))]).await;
    }
    assert_eq!(store.extent().await.unwrap().oldest, Some(at(0)));

    store.forget(at(2), 100, at(60)).await.unwrap();
    store.forget(at(1), 100, at(60)).await.unwrap();

    let extent = store.extent().await.unwrap();
    assert_eq!((extent.oldest, extent.forgotten_before), (Some(at(2)), Some(at(2))));
}
