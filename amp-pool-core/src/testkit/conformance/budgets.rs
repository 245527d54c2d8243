//! What is spent and held agrees with the holds behind it, at each commit.

use super::samples::{at, failure, open_entry, opened, record, settle_entry};
use crate::{
    budget::{Claim, Period, Scope, Tally, Window},
    id::{CallId, GroupId, KeyId, TokenId},
    money::NanoUsd,
    store::{Booking, Charge, Entry, Hold, HoldAnswer, HoldState, Record, Store},
};

fn period(scope: Scope) -> Period {
    Period { scope, window: Window::Day, start: at(0).as_millis() }
}

pub(super) fn token() -> Period {
    period(Scope::Token(TokenId(1)))
}

fn group() -> Period {
    period(Scope::Group(GroupId(1)))
}

/// A hold for the `n`th call under these limits.
pub(super) fn hold(n: u16, worst: i64, limits: &[(Period, i64)]) -> Hold {
    let claims = limits.iter().map(|(period, limit)| Claim { period: *period, limit: NanoUsd(*limit) });
    Hold {
        call: opened(n).call,
        n: 0,
        create_time: at(n.into()),
        worst: NanoUsd(worst),
        least: NanoUsd(worst),
        claims: claims.collect(),
    }
}

/// The `n`th call, for which something was held and which did cost `cost`.
pub(super) fn paid(n: u16, cost: i64) -> Record {
    Record { booking: Booking { holds: true, charged: NanoUsd(cost), charges: Vec::new() }, ..record(n) }
}

pub(super) async fn commit(store: &dyn Store, batch: impl Into<Vec<Entry>>) -> Vec<HoldAnswer> {
    store.commit(batch.into().into()).await.unwrap()
}

pub(super) async fn tally(store: &dyn Store, period: Period) -> (i64, i64) {
    let Tally { spent, held } = store.tallies(vec![period]).await.unwrap()[0];
    (spent.0, held.0)
}

async fn states(store: &dyn Store, call: CallId) -> Vec<(u32, i64, i64, HoldState)> {
    let holds = store.holds(call).await.unwrap().into_iter();
    holds.map(|hold| (hold.n, hold.amount.0, hold.cost.0, hold.state)).collect()
}

fn held(amount: i64, left: i64) -> HoldAnswer {
    HoldAnswer::Held { amount: NanoUsd(amount), left: NanoUsd(left) }
}

fn short(at: usize, left: i64) -> HoldAnswer {
    HoldAnswer::Short { at, left: NanoUsd(left) }
}

pub(super) async fn what_was_never_touched_is_zero(store: &dyn Store) {
    assert_eq!(tally(store, token()).await, (0, 0));
    assert!(store.holds(opened(1).call).await.unwrap().is_empty());
}

pub(super) async fn a_hold_becomes_what_the_call_did_cost(store: &dyn Store) {
    let limits = [(token(), 100), (group(), 1_000)];
    assert_eq!(commit(store, [open_entry(1), Entry::Held(hold(1, 60, &limits))]).await, [held(60, 40)]);
    assert_eq!((tally(store, token()).await, tally(store, group()).await), ((0, 60), (0, 60)));
    assert_eq!(states(store, opened(1).call).await, [(0, 60, 0, HoldState::Held); 2]);

    commit(store, [settle_entry(&paid(1, 25))]).await;

    assert_eq!((tally(store, token()).await, tally(store, group()).await), ((25, 0), (25, 0)));
    assert_eq!(states(store, opened(1).call).await, [(0, 60, 25, HoldState::Settled); 2]);
}

pub(super) async fn a_call_that_cost_more_than_was_held_is_booked_in_full(store: &dyn Store) {
    commit(store, [open_entry(1), Entry::Held(hold(1, 60, &[(token(), 100)])), settle_entry(&paid(1, 250))]).await;

    assert_eq!(tally(store, token()).await, (250, 0));
    assert_eq!(commit(store, [Entry::Held(hold(2, 0, &[(token(), 100)]))]).await, [short(0, 0)]);
}

pub(super) async fn a_hold_that_breaks_any_limit_holds_nothing(store: &dyn Store) {
    let limits = [(token(), 100), (group(), 50)];
    assert_eq!(commit(store, [open_entry(1), Entry::Held(hold(1, 60, &limits))]).await, [short(1, 50)]);

    assert_eq!((tally(store, token()).await, tally(store, group()).await), ((0, 0), (0, 0)));
    assert!(store.holds(opened(1).call).await.unwrap().is_empty());
}

pub(super) async fn holds_of_one_batch_see_each_other(store: &dyn Store) {
    let holds = (0..5).map(|n| Entry::Held(hold(n, 40, &[(token(), 100)])));
    let answers = commit(store, holds.collect::<Vec<_>>()).await;

    assert_eq!(answers, [held(40, 60), held(40, 20), short(0, 20), short(0, 20), short(0, 20)]);
    assert_eq!(tally(store, token()).await, (0, 80));
}

pub(super) async fn what_one_call_frees_the_next_of_its_batch_may_hold(store: &dyn Store) {
    commit(store, [open_entry(1), Entry::Held(hold(1, 100, &[(token(), 100)]))]).await;
    let answers = commit(store, [settle_entry(&paid(1, 30)), Entry::Held(hold(2, 70, &[(token(), 100)]))]).await;

    assert_eq!(answers, [held(70, 0)]);
    assert_eq!(tally(store, token()).await, (30, 70));
}

pub(super) async fn a_hold_takes_what_there_is_down_to_its_least(store: &dyn Store) {
    let at_least = |n, least| Hold { least: NanoUsd(least), ..hold(n, 80, &[(token(), 100)]) };
    let holds = [at_least(1, 80), at_least(2, 5), at_least(3, 0)].map(Entry::Held);

    assert_eq!(commit(store, holds).await, [held(80, 20), held(20, 0), short(0, 0)]);
    assert_eq!(tally(store, token()).await, (0, 100));
}

pub(super) async fn a_hold_handed_in_again_is_answered_as_it_was(store: &dyn Store) {
    let batch = [open_entry(1), Entry::Held(hold(1, 60, &[(token(), 100)])), settle_entry(&paid(1, 10))];
    let first = commit(store, batch[..2].to_vec()).await;
    assert_eq!(commit(store, batch[..2].to_vec()).await, first);
    assert_eq!(tally(store, token()).await, (0, 60));

    for _ in 0..2 {
        assert_eq!(commit(store, batch.clone()).await.len(), 1);
        assert_eq!(tally(store, token()).await, (10, 0));
    }
    assert_eq!(states(store, opened(1).call).await, [(0, 60, 10, HoldState::Settled)]);
}

pub(super) async fn a_second_settlement_changes_no_budget(store: &dyn Store) {
    let key = period(Scope::Key(KeyId(2)));
    let mut first = paid(1, 10);
    first.booking.charges = vec![Charge { period: key, cost: NanoUsd(7) }];
    commit(store, [open_entry(1), Entry::Held(hold(1, 60, &[(token(), 100)]))]).await;
    commit(store, [settle_entry(&first), settle_entry(&paid(1, 99))]).await;
    commit(store, [settle_entry(&paid(1, 99)), settle_entry(&first)]).await;

    assert_eq!((tally(store, token()).await, tally(store, key).await), ((10, 0), (7, 0)));
}

pub(super) async fn a_call_that_was_never_sent_is_void(store: &dyn Store) {
    let mut refused = failure(1);
    refused.booking.holds = true;
    commit(store, [open_entry(1), Entry::Held(hold(1, 60, &[(token(), 100)]))]).await;
    commit(store, [settle_entry(&refused)]).await;

    assert_eq!(tally(store, token()).await, (0, 0));
    assert_eq!(states(store, opened(1).call).await, [(0, 60, 0, HoldState::Void)]);
}

pub(super) async fn more_may_be_held_for_a_call_and_its_cost_counts_once(store: &dyn Store) {
    let limits = [(token(), 100)];
    let second = |worst| Entry::Held(Hold { n: 1, ..hold(1, worst, &limits) });
    commit(store, [open_entry(1), Entry::Held(hold(1, 60, &limits))]).await;
    assert_eq!(commit(store, [second(50)]).await, [short(0, 40)]);
    assert_eq!(commit(store, [second(15)]).await, [held(15, 25)]);
    assert_eq!(tally(store, token()).await, (0, 75));

    commit(store, [settle_entry(&paid(1, 70))]).await;

    assert_eq!(tally(store, token()).await, (70, 0));
    let settled = HoldState::Settled;
    assert_eq!(states(store, opened(1).call).await, [(0, 60, 70, settled), (1, 15, 0, settled)]);
}

pub(super) async fn an_ended_call_holds_nothing(store: &dyn Store) {
    commit(store, [open_entry(1), settle_entry(&record(1))]).await;

    assert_eq!(commit(store, [Entry::Held(hold(1, 60, &[(token(), 100)]))]).await, [HoldAnswer::Ended]);
    assert_eq!(tally(store, token()).await, (0, 0));
}

pub(super) async fn recovery_spends_what_was_held_once(store: &dyn Store) {
    let limits = [(token(), 100), (group(), 100)];
    commit(store, [open_entry(1), Entry::Held(hold(1, 60, &limits)), Entry::Held(hold(2, 40, &limits))]).await;
    commit(store, [settle_entry(&paid(2, 5))]).await;

    for minute in [30, 31] {
        store.recover(at(minute)).await.unwrap();
        assert_eq!((tally(store, token()).await, tally(store, group()).await), ((65, 0), (65, 0)));
    }
    assert_eq!(states(store, opened(1).call).await, [(0, 60, 60, HoldState::Recovered); 2]);
    assert_eq!(store.holds(opened(1).call).await.unwrap()[0].update_time, at(30));

    commit(store, [settle_entry(&paid(1, 1))]).await;
    assert_eq!(tally(store, token()).await, (65, 0));
}

pub(super) async fn windows_do_not_share_what_is_spent(store: &dyn Store) {
    let tomorrow = Period { start: at(24 * 60).as_millis(), ..token() };
    commit(store, [open_entry(1), Entry::Held(hold(1, 60, &[(token(), 100)])), settle_entry(&paid(1, 60))]).await;
    let answers = commit(store, [Entry::Held(hold(2, 100, &[(tomorrow, 100)]))]).await;

    assert_eq!(answers, [held(100, 0)]);
    assert_eq!((tally(store, tomorrow).await, tally(store, token()).await), ((0, 100), (60, 0)));
}
