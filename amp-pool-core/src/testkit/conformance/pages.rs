//! Lists of records.

use super::samples::{ALL, at, evidence, failure, open_entry, opened, record, settle_entry};
use crate::{
    id::{CallId, KeyId, TokenId},
    store::{Entry, FailurePage, FailurePlace, Opened, Page, Record, RecordFilter, Store, StoredFailure, StoredRecord},
};

/// Every third call failed, every seventh is still open, and they were settled out of their order.
async fn fill(store: &dyn Store) {
    let settle = |n: u16| settle_entry(&if n.is_multiple_of(3) { failure(n) } else { record(n) });
    let odd = (1..40).step_by(2);
    let even = (0..40).step_by(2);
    let batch = odd.chain(even).map(|n: u16| if n.is_multiple_of(7) { open_entry(n) } else { settle(n) });
    store.commit(batch.collect::<Vec<Entry>>().into()).await.unwrap();
}

async fn list(store: &dyn Store, filter: RecordFilter, page: Page) -> Vec<StoredRecord> {
    store.list(filter, page).await.unwrap()
}

/// All pages of `limit` rows, one after the other.
async fn walk(store: &dyn Store, filter: &RecordFilter, limit: u32) -> Vec<StoredRecord> {
    let mut rows: Vec<StoredRecord> = Vec::new();
    loop {
        let before = rows.last().map(|row| row.id);
        let page = list(store, filter.clone(), Page { before, limit }).await;
        if page.is_empty() {
            return rows;
        }
        assert!(page.len() <= limit as usize);
        rows.extend(page);
    }
}

pub(super) async fn pages_go_from_the_newest_without_gaps_or_repeats(store: &dyn Store) {
    fill(store).await;
    let all = list(store, RecordFilter::default(), ALL).await;

    assert_eq!(all.len(), 40);
    assert!(all.windows(2).all(|pair| pair[0].id > pair[1].id), "the newest comes first");
    for limit in [1, 7, 40] {
        assert_eq!(walk(store, &RecordFilter::default(), limit).await, all);
    }
}

pub(super) async fn a_page_holds_no_attempts(store: &dyn Store) {
    fill(store).await;

    let page = list(store, RecordFilter::default(), ALL).await;
    assert!(page.iter().all(|row| row.attempts.is_empty()));
    assert!(page.iter().any(|row| row.attempt_count == 2));
}

const FAILURES: FailurePage = FailurePage { from: None, to: None, before: None, limit: 1_000 };

async fn failures(store: &dyn Store, page: FailurePage) -> Vec<StoredFailure> {
    store.failures(page).await.unwrap()
}

pub(super) async fn failures_go_from_the_newest_and_by_pages(store: &dyn Store) {
    let mut twice = record(5);
    twice.attempts[1].evidence = Some(Box::new(evidence(50)));
    store.commit([settle_entry(&record(1)), settle_entry(&failure(2)), open_entry(3)].into()).await.unwrap();
    store.commit([settle_entry(&twice), settle_entry(&record(4))].into()).await.unwrap();

    let found = failures(store, FAILURES).await;
    let shown: Vec<(CallId, u32)> = found.iter().map(|failure| (failure.call, failure.place.n)).collect();
    let call = |n: u16| opened(n).call;
    assert_eq!(shown, [(call(4), 0), (call(5), 1), (call(5), 0), (call(1), 0)]);
    assert_eq!((&found[1].evidence, &found[3].evidence), (&evidence(50), &evidence(1)));
    let whole = store.get(call(5)).await.unwrap().unwrap();
    assert_eq!((&found[1].attempt, &found[2].attempt), (&whole.attempts[1], &whole.attempts[0]));

    let (mut paged, mut before): (Vec<StoredFailure>, Option<FailurePlace>) = (Vec::new(), None);
    loop {
        let page = failures(store, FailurePage { before, limit: 1, ..FAILURES }).await;
        let Some(last) = page.last() else { break };
        before = Some(last.place);
        paged.extend(page);
    }
    assert_eq!(paged, found);
}

pub(super) async fn failures_are_narrowed_by_time(store: &dyn Store) {
    let entries: Vec<Entry> = (0..30).map(|n| settle_entry(&record(n))).collect();
    store.commit(entries.into()).await.unwrap();
    let page = FailurePage { from: Some(at(10)), to: Some(at(20)), ..FAILURES };
    let found = failures(store, page).await;
    let in_time = |failure: &&StoredFailure| (at(10)..at(20)).contains(&failure.attempt.create_time);
    assert_eq!(found.iter().filter(in_time).count(), 10);
    assert!(found.len() < 30);
}

async fn check(store: &dyn Store, filter: RecordFilter, fits: impl Fn(&StoredRecord) -> bool) {
    let mut expected = list(store, RecordFilter::default(), ALL).await;
    expected.retain(fits);
    assert!(!expected.is_empty() && expected.len() < 40, "{filter:?} tells nothing");
    assert_eq!(walk(store, &filter, 4).await, expected, "{filter:?}");
}

pub(super) async fn every_filter_narrows(store: &dyn Store) {
    fill(store).await;
    let any = RecordFilter::default;
    let (from, to) = (Some(at(10)), Some(at(20)));
    let since = |row: &StoredRecord| row.create_time >= at(10);
    let until = |row: &StoredRecord| row.create_time < at(20);

    check(store, RecordFilter { from, ..any() }, since).await;
    check(store, RecordFilter { to, ..any() }, until).await;
    check(store, RecordFilter { from, to, ..any() }, |row| since(row) && until(row)).await;
    check(store, RecordFilter { key: Some(KeyId(2)), ..any() }, |row| row.key == Some(KeyId(2))).await;
    check(store, RecordFilter { token: Some(TokenId(1)), ..any() }, |row| row.token == Some(TokenId(1))).await;
    check(store, RecordFilter { model: Some("model-1".into()), ..any() }, |row| row.model == "model-1").await;
    for status in ["success", "error"] {
        check(store, RecordFilter { status: Some(status.into()), ..any() }, |row| row.status() == status).await;
    }
    let error_type = Some("rate_limited".to_owned());
    check(store, RecordFilter { error_type: error_type.clone(), ..any() }, |row| row.error_type == error_type).await;
    let both = RecordFilter { from, to, token: Some(TokenId(1)), status: Some("success".into()), ..any() };
    check(store, both, |row| since(row) && until(row) && row.token == Some(TokenId(1)) && row.status() == "success")
        .await;

    let nobody = RecordFilter { model: Some("' OR 1=1 --".into()), ..any() };
    assert!(list(store, nobody, ALL).await.is_empty());
}

/// Whatever a store does to find the rare among the many: it finds all of it, and nothing else.
pub(super) async fn the_rare_is_found_among_the_many(store: &dyn Store) {
    const CALLS: u16 = 1_100;
    let rare = |n: u16| Record { opened: Opened { model: "rare".into(), ..opened(n) }, ..failure(n) };
    let settle = |n: u16| settle_entry(&if n.is_multiple_of(270) { rare(n) } else { record(n) });
    let entries: Vec<Entry> = (1..CALLS).map(settle).collect();
    for batch in entries.chunks(100) {
        store.commit(batch.into()).await.unwrap();
    }

    let mut expected = list(store, RecordFilter::default(), Page { before: None, limit: u32::from(CALLS) }).await;
    expected.retain(|row| row.model == "rare");
    assert_eq!(expected.len(), 4);
    let (status, error_type) = (Some("error".to_owned()), Some("rate_limited".to_owned()));
    let (model, token) = (Some("rare".to_owned()), Some(TokenId(1)));
    for filter in [
        RecordFilter { model: model.clone(), ..RecordFilter::default() },
        RecordFilter { status, token, ..RecordFilter::default() },
        RecordFilter { error_type, model, token, ..RecordFilter::default() },
    ] {
        for limit in [1, 3, 9] {
            assert_eq!(walk(store, &filter, limit).await, expected, "{filter:?}");
        }
    }
    let elsewhere = RecordFilter { token: Some(TokenId(2)), model: Some("rare".into()), ..RecordFilter::default() };
    assert!(list(store, elsewhere, ALL).await.is_empty());
}
