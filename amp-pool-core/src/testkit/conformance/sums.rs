//! Sums agree with the records they are made of.

use std::collections::BTreeMap;

use super::samples::{at, attempt, failure, open_entry, record, settle_entry};
use crate::{
    id::{KeyId, TokenId},
    money::NanoUsd,
    store::{Entry, GroupBy, Outcome, Record, Store, Totals, TotalsFilter},
    usage::Usage,
};

const SPLITS: [GroupBy; 7] =
    [GroupBy::Nothing, GroupBy::Key, GroupBy::Model, GroupBy::Provider, GroupBy::Token, GroupBy::Hour, GroupBy::Day];

/// The `n`th of calls that differ in all that sums can be split by, over more than a day.
fn varied(n: u16) -> Record {
    let mut record = if n.is_multiple_of(5) { failure(n) } else { record(n) };
    record.opened.create_time = at(i64::from(n) * 37);
    record.opened.token = record.opened.token.filter(|_| !n.is_multiple_of(4));
    record.outcome = if n.is_multiple_of(5) { record.outcome } else { Outcome::ALL[usize::from(n % 4)] };
    if n % 5 > 2 {
        record.attempts.push(attempt(n, 9 + i64::from(n % 3), n.is_multiple_of(2)));
    }
    if n % 6 == 1 {
        record.attempts.iter_mut().for_each(|attempt| (attempt.cost, attempt.saved) = (None, None));
    }
    if n % 7 == 2 {
        record
            .attempts
            .iter_mut()
            .for_each(|attempt| (attempt.usage.cache_read, attempt.saved) = (0, Some(NanoUsd(0))));
    }
    record
}

/// What sums are ordered by: a number, or a name.
type Place = (Option<i64>, String);

fn place(record: &Record, by: GroupBy) -> Place {
    let number = |number: Option<i64>| (number, number.map(|n| n.to_string()).unwrap_or_default());
    let shown = record.shown_attempt();
    match by {
        GroupBy::Nothing => number(None),
        GroupBy::Key => number(shown.map(|attempt| attempt.key.0)),
        GroupBy::Token => number(record.opened.token.map(|token| token.0)),
        GroupBy::Model => (None, record.opened.model.clone()),
        GroupBy::Provider => (None, shown.map(|attempt| attempt.provider.clone()).unwrap_or_default()),
        GroupBy::Hour => number(Some(record.opened.create_time.hour().as_millis())),
        GroupBy::Day => number(Some(record.opened.create_time.day().as_millis())),
    }
}

/// The sums, made in the plainest way.
fn expected(records: &[Record], by: GroupBy) -> Vec<Totals> {
    let mut groups = BTreeMap::<Place, Vec<&Record>>::new();
    for record in records {
        groups.entry(place(record, by)).or_default().push(record);
    }
    groups.into_iter().map(|((_, group), records)| total(group, &records)).collect()
}

fn total(group: String, records: &[&Record]) -> Totals {
    let count = |fits: fn(&Record) -> bool| records.iter().filter(|record| fits(record)).count() as u64;
    let sum = |part: fn(&Usage) -> u64| records.iter().map(|record| part(&record.usage())).sum();
    let reasoning: Vec<_> = records.iter().filter_map(|record| record.usage().reasoning).collect();
    Totals {
        group,
        requests: records.len() as u64,
        errors: count(|record| record.outcome != Outcome::Done),
        usage: Usage {
            uncached_input: sum(|usage| usage.uncached_input),
            cache_read: sum(|usage| usage.cache_read),
            cache_write_5m: sum(|usage| usage.cache_write_5m),
            cache_write_1h: sum(|usage| usage.cache_write_1h),
            output: sum(|usage| usage.output),
            reasoning: (!reasoning.is_empty()).then(|| reasoning.iter().sum()),
        },
        cost: records.iter().filter_map(|record| record.cost()).sum::<NanoUsd>(),
        unpriced: count(|record| record.cost().is_none()),
        cached: count(|record| record.usage().cache_read > 0),
        saved_known: count(|record| record.usage().cache_read > 0 && record.saved().is_some()),
        saved: records.iter().filter_map(|record| record.saved()).sum::<NanoUsd>(),
        latency_ms: records.iter().map(|record| record.latency_ms).sum(),
        first_byte_ms: records.iter().filter_map(|record| record.first_byte_ms).sum(),
        first_bytes: count(|record| record.first_byte_ms.is_some()),
        latency: records.iter().map(|record| record.latency_ms).collect(),
        first_byte: records.iter().filter_map(|record| record.first_byte_ms).collect(),
    }
}

pub(super) async fn sums_agree_with_the_records_for_every_split(store: &dyn Store) {
    let records: Vec<Record> = (0..120).map(varied).collect();
    for batch in records.chunks(7) {
        let entries = batch.iter().map(settle_entry).collect::<Vec<Entry>>();
        store.commit(entries.into()).await.unwrap();
    }

    for by in SPLITS {
        let found = store.totals(TotalsFilter::span(at(0), at(120 * 37)), by).await.unwrap();
        assert_eq!(found, expected(&records, by), "{by:?}");
    }
}

pub(super) async fn nothing_sums_to_one_row_of_zeros(store: &dyn Store) {
    for by in SPLITS {
        let found = store.totals(TotalsFilter::span(at(0), at(60)), by).await.unwrap();
        let zeros = if by == GroupBy::Nothing { vec![Totals::default()] } else { Vec::new() };
        assert_eq!(found, zeros, "{by:?}");
    }
}

pub(super) async fn open_calls_are_not_counted(store: &dyn Store) {
    store.commit([open_entry(1), settle_entry(&record(2))].into()).await.unwrap();

    let found = store.totals(TotalsFilter::span(at(0), at(60)), GroupBy::Nothing).await.unwrap();
    assert_eq!(found, expected(&[record(2)], GroupBy::Nothing));
}

pub(super) async fn hours_and_days_that_touch_the_range_are_counted_whole(store: &dyn Store) {
    // Minutes 30, 90 and 150 of three hours, and one of the next day, which begins after 23 hours.
    let mut records = [record(30), record(90), record(150), record(0)];
    records[3].opened.create_time = at(24 * 60);
    store.commit(records.iter().map(settle_entry).collect::<Vec<Entry>>().into()).await.unwrap();
    let check = async |from, to, by, expected| {
        let found = store.totals(TotalsFilter::span(at(from), at(to)), by).await.unwrap();
        assert_eq!(found.iter().map(|sum| sum.requests).sum::<u64>(), expected, "{from} to {to} by {by:?}");
    };

    check(0, 60, GroupBy::Nothing, 1).await;
    check(59, 61, GroupBy::Hour, 2).await;
    check(60, 120, GroupBy::Key, 1).await;
    check(45, 120, GroupBy::Model, 2).await;
    check(59, 61, GroupBy::Day, 3).await;
    check(59, 23 * 60, GroupBy::Day, 3).await;
    check(59, 23 * 60 + 1, GroupBy::Day, 4).await;
}

/// Every split, of all calls and of those of one thing each.
async fn answers(store: &dyn Store) -> Vec<Vec<Totals>> {
    let all = TotalsFilter::span(at(-60), at(120 * 37));
    let filters = [
        TotalsFilter { key: Some(KeyId(10)), ..all.clone() },
        TotalsFilter { token: Some(TokenId(4)), ..all.clone() },
        TotalsFilter { model: Some("model-1".into()), ..all.clone() },
        TotalsFilter { provider: Some("anthropic".into()), ..all.clone() },
        TotalsFilter { provider: Some("anthropic".into()), key: Some(KeyId(10)), ..all.clone() },
        TotalsFilter { from: at(95), to: at(120 * 20), ..all.clone() },
        all,
    ];
    let mut answers = Vec::new();
    for filter in filters {
        for by in SPLITS {
            answers.push(store.totals(filter.clone(), by).await.unwrap());
        }
    }
    answers
}

async fn add_up(store: &dyn Store) {
    while store.sum_up(at(100 * 24 * 60)).await.unwrap() {}
}

pub(super) async fn adding_up_changes_no_answer(store: &dyn Store) {
    let records: Vec<Record> = (0..120).map(varied).collect();
    let (first, late): (Vec<_>, Vec<_>) = records.iter().enumerate().partition(|(n, _)| n % 3 > 0);
    for (n, part) in [first, late].into_iter().enumerate() {
        // The second time into hours and days that are added up already.
        store
            .commit(part.into_iter().map(|(_, record)| settle_entry(record)).collect::<Vec<Entry>>().into())
            .await
            .unwrap();
        let before = answers(store).await;
        add_up(store).await;
        assert_eq!(answers(store).await, before, "turn {n}");
    }
    for by in SPLITS {
        let found = store.totals(TotalsFilter::span(at(0), at(120 * 37)), by).await.unwrap();
        assert_eq!(found, expected(&records, by), "{by:?}");
    }
}
