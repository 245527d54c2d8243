//! Pages of the log by random filters, beside a look at every row.
//!
//! Calls stand out of the order of their time, some never end, some things meet often, some now and then, and some never;
//! at the end old calls are forgotten, of which sums still tell.

use amp_pool_core::{
    id::{KeyId, TokenId},
    store::{Attempt, Entry, Outcome, Page, Record, RecordFilter, Store, StoredRecord},
    testkit::calls,
    time::Timestamp,
};

use super::chance::Chance;

/// 2026-11-23, 01:00 UTC.
const START: Timestamp = Timestamp::from_millis(1_795_395_600_000);
const CALLS: u64 = 9_000;
/// So that they take twenty days.
const STEP_MS: u64 = 192_000;
const HOUR_MS: u64 = 3_600_000;
const BATCH: usize = 300;
const FILTERS: u64 = 120;
const ERRORS: [&str; 2] = ["rate_limited", "overloaded"];

impl Chance {
    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn id(&mut self, end: u64) -> i64 {
        1 + i64::try_from(self.below(end)).unwrap()
    }

    fn maybe<T>(&mut self, of_three: u64, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) < of_three).then(|| value(self))
    }
}

fn time(millis: u64) -> Timestamp {
    START.plus_millis(i64::try_from(millis).unwrap())
}

/// Each token asks for models of its own, and each model has its keys; one in three hundred goes astray.
fn call(n: u64, chance: &mut Chance) -> Entry {
    let at = time(n * STEP_MS + chance.below(20 * HOUR_MS));
    let token = chance.below(5);
    let model = if chance.one_in(300) { chance.below(6) } else { token % 3 * 2 + chance.below(2) };
    let key = if chance.one_in(300) { chance.below(4) } else { model % 2 * 2 + chance.below(2) };
    let mut opened = calls::opened(n, at);
    opened.token = (!chance.one_in(50)).then(|| TokenId(1 + i64::try_from(token).unwrap()));
    opened.model = format!("m{model}");
    if chance.one_in(100) {
        return Entry::Opened(opened);
    }
    let attempt = Attempt { key: KeyId(1 + i64::try_from(key).unwrap()), ..calls::attempt(&opened) };
    let attempts = if chance.one_in(40) { Vec::new() } else { vec![attempt] };
    let record = calls::settled(opened, attempts);
    Entry::Settled(Box::new(if chance.one_in(60) { failed(record, chance) } else { record }))
}

fn failed(record: Record, chance: &mut Chance) -> Record {
    let kind = ERRORS[usize::from(chance.one_in(9))];
    Record { outcome: Outcome::Failed, http_status: 429, error_type: Some(kind.into()), ..record }
}

fn filter(chance: &mut Chance) -> RecordFilter {
    const STATUSES: [&str; 4] = ["success", "error", "error", "open"];
    let moment = |chance: &mut Chance| time(chance.below(CALLS * STEP_MS));
    RecordFilter {
        from: chance.maybe(1, moment),
        to: chance.maybe(1, moment),
        // One of each is nowhere.
        key: chance.maybe(2, |chance| KeyId(chance.id(5))),
        token: chance.maybe(2, |chance| TokenId(chance.id(6))),
        model: chance.maybe(2, |chance| format!("m{}", chance.below(7))),
        status: chance.maybe(1, |chance| STATUSES[usize::try_from(chance.below(4)).unwrap()].to_owned()),
        error_type: chance
            .maybe(1, |chance| ERRORS[usize::from(chance.one_in(2))].to_owned())
            .filter(|_| chance.one_in(2)),
    }
}

fn fits(row: &StoredRecord, filter: &RecordFilter) -> bool {
    filter.from.is_none_or(|from| row.create_time >= from)
        && filter.to.is_none_or(|to| row.create_time < to)
        && filter.key.is_none_or(|key| row.key == Some(key))
        && filter.token.is_none_or(|token| row.token == Some(token))
        && filter.model.as_ref().is_none_or(|model| row.model == *model)
        && filter.status.as_ref().is_none_or(|status| row.status() == status)
        && (filter.error_type.is_none() || row.error_type == filter.error_type)
}

async fn list(store: &dyn Store, filter: &RecordFilter, before: Option<i64>, limit: u32) -> Vec<StoredRecord> {
    store.list(filter.clone(), Page { before, limit }).await.unwrap()
}

/// Random filters, and the first pages of each. Gives how many rows they found.
async fn check(store: &dyn Store, seed: u64) -> usize {
    let all = list(store, &RecordFilter::default(), None, u32::MAX).await;
    let (mut chance, mut found) = (Chance(seed), 0);
    for _ in 0..FILTERS {
        let (filter, limit) = (filter(&mut chance), [1, 3, 10, 40][usize::try_from(chance.below(4)).unwrap()]);
        let expected: Vec<_> = all.iter().filter(|row| fits(row, &filter)).collect();
        let mut rows = Vec::new();
        // Some begin in the middle.
        let mut before = chance.maybe(1, |chance| all[usize::try_from(chance.below(all.len() as u64)).unwrap()].id);
        let expected: Vec<_> = expected.into_iter().filter(|row| before.is_none_or(|id| row.id < id)).collect();
        for _ in 0..4 {
            let page = list(store, &filter, before, limit).await;
            let is_last = page.len() < limit as usize;
            before = page.last().map(|row| row.id);
            rows.extend(page);
            if is_last {
                assert_eq!(rows.len(), expected.len(), "seed {seed}: {filter:?} by {limit}");
                break;
            }
        }
        assert!(rows.iter().eq(expected.iter().take(rows.len()).copied()), "seed {seed}: {filter:?} by {limit}");
        found += rows.len();
    }
    found
}

/// Fills an empty store and asks it.
pub(crate) async fn are_those_of_a_plain_look(store: &dyn Store) {
    let mut chance = Chance(7);
    let calls: Vec<_> = (0..CALLS).map(|n| call(n, &mut chance)).collect();
    for batch in calls.chunks(BATCH) {
        store.commit(batch.into()).await.unwrap();
    }
    assert!(check(store, 11).await > 500);
    let (before, now) = (time(CALLS / 5 * STEP_MS), time(CALLS * STEP_MS));
    while store.forget(before, 500, now).await.unwrap().more {}
    assert!(check(store, 13).await > 500);
    store.recover(now).await.unwrap();
    assert!(check(store, 17).await > 500);
}
