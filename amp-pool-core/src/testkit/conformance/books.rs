//! Every call is in the books once, whatever happens.

use futures::future::join_all;

use super::samples::{ALL, at, failure, open_entry, opened, plain_key, record, settle_entry};
use crate::{
    id::{CallId, KeyId},
    store::{
        Attempt, Entry, GroupBy, Outcome, Record, RecordFilter, Store, StoredAttempt, StoredRecord, Totals,
        TotalsFilter,
    },
    usage::Usage,
};

async fn commit(store: &dyn Store, batch: impl Into<Vec<Entry>>) {
    store.commit(batch.into().into()).await.unwrap();
}

async fn get(store: &dyn Store, call: CallId) -> StoredRecord {
    store.get(call).await.unwrap().expect("the call is in the books")
}

async fn everything(store: &dyn Store) -> (Vec<StoredRecord>, Vec<Totals>) {
    let sums = store.totals(TotalsFilter::span(at(0), at(60 * 24)), GroupBy::Nothing).await.unwrap();
    (store.list(RecordFilter::default(), ALL).await.unwrap(), sums)
}

fn assert_same(found: &StoredRecord, written: &Record) {
    let opened = &written.opened;
    assert_eq!((found.call, found.create_time, found.token), (opened.call, opened.create_time, opened.token));
    assert_eq!((&found.model, &*found.endpoint, found.stream), (&opened.model, opened.endpoint, opened.stream));
    assert_eq!(found.format, opened.format.as_str());
    assert_eq!((found.outcome, found.http_status), (Some(written.outcome), Some(written.http_status)));
    assert_eq!((&found.error_type, &found.error_message), (&written.error_type, &written.error_message));
    assert_eq!((found.latency_ms, found.first_byte_ms), (Some(written.latency_ms), written.first_byte_ms));
    assert_eq!((found.usage, found.cost, found.estimated), (written.usage(), written.cost(), written.estimated()));
    let shown = written.shown_attempt();
    assert_eq!(found.key, shown.map(|attempt| attempt.key));
    assert_eq!(found.provider.as_deref(), shown.map(|attempt| &*attempt.provider));
    assert_eq!(found.upstream_model.as_deref(), shown.map(|attempt| &*attempt.upstream_model));
    assert_eq!(found.upstream_format.as_deref(), shown.map(|attempt| attempt.upstream_format.as_str()));
    assert_eq!(found.attempt_count as usize, written.attempts.len());
    assert_eq!(found.choices, written.choices);
    assert_eq!(found.losses, written.losses);
    assert_eq!(found.attempts.len(), written.attempts.len());
    found.attempts.iter().zip(&written.attempts).for_each(|(found, written)| assert_same_attempt(found, written));
}

fn assert_same_attempt(found: &StoredAttempt, written: &Attempt) {
    assert_eq!((found.id, found.key, &found.provider), (written.id, written.key, &written.provider));
    assert_eq!(
        (&*found.upstream_format, &found.upstream_model),
        (written.upstream_format.as_str(), &written.upstream_model)
    );
    assert_eq!((found.chosen_by.as_deref(), found.candidates), (written.chosen_by, Some(written.candidates)));
    assert_eq!((found.served, &*found.verdict), (written.served, written.verdict));
    assert_eq!((found.http_status, &found.error_message), (written.http_status, &written.error_message));
    assert_eq!((found.create_time, found.latency_ms), (written.create_time, written.latency_ms));
    assert_eq!((found.first_byte_ms, found.usage), (written.first_byte_ms, written.usage));
    assert_eq!((found.estimated, found.cost), (written.estimated(), written.cost));
    assert_eq!(found.price_version, written.price_version);
    assert_eq!((found.terms.as_str(), found.price_factor), (written.terms.as_str(), Some(written.price_factor)));
}

pub(super) async fn an_unknown_call_has_no_record(store: &dyn Store) {
    assert!(store.get(opened(1).call).await.unwrap().is_none());
}

pub(super) async fn many_calls_are_read_at_once_as_each_alone(store: &dyn Store) {
    commit(store, [open_entry(1), settle_entry(&record(2)), settle_entry(&record(3)), settle_entry(&failure(4))]).await;

    let calls = [3, 9, 1, 4, 2].map(|n| opened(n).call);
    let mut alone = Vec::new();
    for call in calls {
        alone.extend(store.get(call).await.unwrap());
    }
    assert_eq!(alone.len(), 4);
    assert_eq!(store.get_many(calls.into()).await.unwrap(), alone);
    assert!(store.get_many(Vec::new()).await.unwrap().is_empty());
}

pub(super) async fn an_open_call_has_no_outcome(store: &dyn Store) {
    commit(store, [open_entry(1)]).await;

    let found = get(store, opened(1).call).await;
    assert_eq!((found.outcome, found.http_status, found.latency_ms, found.cost), (None, None, None, None));
    assert_eq!((found.model, found.token), (opened(1).model, opened(1).token));
    assert_eq!((found.create_time, found.update_time), (at(1), at(1)));
}

pub(super) async fn a_settled_call_comes_back_as_it_was_written(store: &dyn Store) {
    for written in [record(1), failure(2)] {
        let call = written.opened.call;
        commit(store, [Entry::Opened(written.opened.clone())]).await;
        let row = get(store, call).await.id;
        commit(store, [settle_entry(&written)]).await;

        let found = get(store, call).await;
        assert_same(&found, &written);
        assert_eq!(found.id, row, "settling keeps the row");
    }
}

pub(super) async fn a_call_opened_and_settled_in_one_batch_is_one_row(store: &dyn Store) {
    commit(store, [open_entry(1), open_entry(2), settle_entry(&record(1))]).await;

    assert_same(&get(store, record(1).opened.call).await, &record(1));
    assert_eq!(everything(store).await.0.len(), 2);
}

pub(super) async fn a_call_settled_without_being_opened_is_written(store: &dyn Store) {
    commit(store, [settle_entry(&record(1))]).await;

    assert_same(&get(store, record(1).opened.call).await, &record(1));
}

pub(super) async fn a_call_settled_twice_counts_once(store: &dyn Store) {
    let other = Record { outcome: Outcome::Cut, latency_ms: 9, attempts: Vec::new(), ..record(1) };
    commit(store, [open_entry(1), settle_entry(&record(1)), settle_entry(&other)]).await;
    commit(store, [settle_entry(&other)]).await;

    assert_same(&get(store, record(1).opened.call).await, &record(1));
    let (rows, sums) = everything(store).await;
    assert_eq!((rows.len(), sums[0].requests, sums[0].usage), (1, 1, record(1).usage()));
}

pub(super) async fn a_batch_handed_in_again_changes_nothing(store: &dyn Store) {
    let batch = [open_entry(1), settle_entry(&record(1)), open_entry(2), settle_entry(&failure(3))];
    commit(store, batch.clone()).await;
    let before = everything(store).await;
    commit(store, batch).await;

    assert_eq!(everything(store).await, before);
    assert_same(&get(store, record(1).opened.call).await, &record(1));
}

pub(super) async fn a_settled_call_can_not_be_opened_again(store: &dyn Store) {
    commit(store, [settle_entry(&record(1))]).await;
    commit(store, [open_entry(1)]).await;

    assert_same(&get(store, record(1).opened.call).await, &record(1));
}

pub(super) async fn recovery_resolves_each_open_call_once(store: &dyn Store) {
    commit(store, [open_entry(1), open_entry(2), settle_entry(&record(3))]).await;

    assert_eq!(store.recover(at(30)).await.unwrap(), 2);
    assert_eq!(store.recover(at(31)).await.unwrap(), 0);

    let found = get(store, opened(1).call).await;
    assert_eq!((found.outcome, found.http_status, found.update_time), (Some(Outcome::Failed), None, at(30)));
    assert_eq!((found.error_type.as_deref(), found.estimated, found.cost), (Some("interrupted"), true, None));
    assert_same(&get(store, record(3).opened.call).await, &record(3));
    let sums = &everything(store).await.1[0];
    assert_eq!((sums.requests, sums.errors, sums.unpriced), (3, 2, 2));
}

pub(super) async fn a_recovered_call_can_not_be_settled(store: &dyn Store) {
    commit(store, [open_entry(1)]).await;
    store.recover(at(30)).await.unwrap();
    let before = everything(store).await;
    commit(store, [settle_entry(&record(1))]).await;

    assert_eq!(everything(store).await, before);
}

pub(super) async fn the_records_of_a_deleted_key_stay(store: &dyn Store) {
    let key = store.insert_key(plain_key("sk-1"), at(0)).await.unwrap().id;
    let mut written = record(1);
    written.attempts.iter_mut().for_each(|attempt| attempt.key = key);
    commit(store, [settle_entry(&written)]).await;
    store.delete_key(key).await.unwrap();

    assert_same(&get(store, written.opened.call).await, &written);
}

pub(super) async fn many_writers_at_once_lose_nothing(store: &dyn Store) {
    join_all((0..64).map(async |n| {
        commit(store, [open_entry(n)]).await;
        store.put_setting(format!("setting {n}"), Some(String::new()), at(0)).await.unwrap();
        commit(store, [settle_entry(&record(n))]).await;
    }))
    .await;

    let (rows, sums) = everything(store).await;
    let used = (0..64).map(|n| record(n).usage()).map(|usage: Usage| usage.total()).sum::<u64>();
    assert_eq!((rows.len(), sums[0].requests, sums[0].usage.total()), (64, 64, used));
    assert_eq!(store.load().await.unwrap().settings.len(), 64);
}

pub(super) async fn closing_loses_nothing(store: &dyn Store) {
    commit(store, [open_entry(1), settle_entry(&record(2))]).await;
    let before = everything(store).await;
    store.close().await.unwrap();

    assert_eq!(everything(store).await, before);
    assert_eq!(before.0[0].key, Some(KeyId(2)));
}
