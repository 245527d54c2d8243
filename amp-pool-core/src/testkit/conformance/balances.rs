//! What is kept of balances.

use super::samples::{HOUR, at, plain_key};
use crate::{
    balance::{Kind, Purse, Reading, Window},
    id::KeyId,
    money::{Amount, NanoUsd},
    store::{BalanceSource, NewBalance, Store, StoredBalance},
    time::Timestamp,
};

fn reported(key: KeyId, amount: i64) -> NewBalance {
    let mut reading = Reading::blank("balance", Kind::Balance);
    (reading.amount, reading.currency) = (Some(Amount(amount)), Some("CNY".into()));
    let (fingerprint, source) = ("f".to_owned(), BalanceSource::Reported);
    NewBalance { key, fingerprint, source, reading, booked: NanoUsd(7), raw: Some("raw".into()) }
}

fn full(key: KeyId) -> NewBalance {
    let mut balance = reported(key, -5);
    let reading = &mut balance.reading;
    (reading.total, reading.spent, reading.usable) = (Some(Amount(i64::MAX)), Some(Amount(0)), Some(false));
    reading.purses = vec![Purse {
        name: Some("free".into()),
        amount: None,
        total: Some(Amount(1)),
        currency: None,
        counts: true,
        full_at: Some(at(9)),
    }];
    reading.windows = vec![Window {
        name: "5h".into(),
        left_percent: serde_json::from_str("57.25").unwrap(),
        left: Some(Amount(3)),
        total: None,
        resets: Some(at(8)),
    }];
    reading.complete = false;
    reading.warnings = vec!["a \"quoted\" doubt".into()];
    balance
}

async fn all(store: &dyn Store, key: KeyId) -> Vec<StoredBalance> {
    store.balances(key, Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX)).await.unwrap()
}

pub(super) async fn a_balance_comes_back_as_it_was_kept(store: &dyn Store) {
    store.put_balance(full(KeyId(1)), at(1)).await.unwrap();

    let found = all(store, KeyId(1)).await.pop().unwrap();
    assert_eq!(found.balance, full(KeyId(1)));
    assert_eq!((found.create_time, found.update_time), (at(1), at(1)));
}

pub(super) async fn the_same_balance_again_is_one_that_lasts(store: &dyn Store) {
    for minute in 1..4 {
        let mut again = full(KeyId(1));
        again.reading.windows[0].resets = Some(at(100 + minute));
        (again.booked, again.raw) = (NanoUsd(minute), Some(format!("raw {minute}")));
        store.put_balance(again, at(minute)).await.unwrap();
    }
    let found = all(store, KeyId(1)).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].create_time, found[0].update_time), (at(1), at(3)));
    assert_eq!((found[0].balance.booked, found[0].balance.raw.as_deref()), (NanoUsd(3), Some("raw 3")));
    assert_eq!(found[0].balance.reading.windows[0].resets, Some(at(103)));
}

pub(super) async fn another_balance_is_another_row_and_takes_the_raw_text_over(store: &dyn Store) {
    store.put_balance(reported(KeyId(1), 5), at(1)).await.unwrap();
    store.put_balance(reported(KeyId(1), 4), at(2)).await.unwrap();
    let other_credential = NewBalance { fingerprint: "g".into(), ..reported(KeyId(1), 4) };
    store.put_balance(other_credential, at(3)).await.unwrap();

    let found = all(store, KeyId(1)).await;
    let shown: Vec<_> = found.iter().map(|row| (row.balance.reading.amount, row.balance.raw.is_some())).collect();
    assert_eq!(shown, [(Some(Amount(5)), false), (Some(Amount(4)), false), (Some(Amount(4)), true)]);
}

pub(super) async fn what_a_person_says_again_is_said_again(store: &dyn Store) {
    let manual = NewBalance { source: BalanceSource::Manual, ..reported(KeyId(1), 5) };
    store.put_balance(manual.clone(), at(1)).await.unwrap();
    store.put_balance(manual, at(2)).await.unwrap();

    let times: Vec<_> = all(store, KeyId(1)).await.iter().map(|row| row.create_time).collect();
    assert_eq!(times, [at(1), at(2)]);
}

pub(super) async fn the_latest_of_each_key_and_source_is_found(store: &dyn Store) {
    let manual = |key, amount| NewBalance { source: BalanceSource::Manual, ..reported(key, amount) };
    for (minute, balance) in [reported(KeyId(1), 1), reported(KeyId(2), 2), manual(KeyId(1), 3), reported(KeyId(1), 4)]
        .into_iter()
        .enumerate()
    {
        store.put_balance(balance, at(i64::try_from(minute).unwrap())).await.unwrap();
    }
    let mut found: Vec<_> = store.latest_balances().await.unwrap().into_iter().map(|row| row.balance).collect();
    found.sort_by_key(|balance| (balance.key, balance.source.as_str() == "manual"));
    let amounts: Vec<_> = found.iter().map(|balance| balance.reading.amount.unwrap().0).collect();
    assert_eq!(amounts, [4, 3, 2]);
}

pub(super) async fn a_range_of_balances_is_what_was_true_in_it(store: &dyn Store) {
    for (minute, amount) in [(1, 5), (3, 5), (4, 4), (6, 3)] {
        store.put_balance(reported(KeyId(1), amount), at(minute)).await.unwrap();
    }
    let found = async |from, to| {
        let rows = store.balances(KeyId(1), at(from), at(to)).await.unwrap();
        rows.iter().map(|row| row.balance.reading.amount.unwrap().0).collect::<Vec<_>>()
    };
    assert_eq!(found(2, 4).await, [5]);
    assert_eq!(found(3, 5).await, [5, 4]);
    assert_eq!(found(7, 9).await, [0_i64; 0]);
}

pub(super) async fn old_balances_grow_thin(store: &dyn Store) {
    for minute in 0..120 {
        store.put_balance(reported(KeyId(1), minute), at(minute)).await.unwrap();
    }
    assert_eq!(all(store, KeyId(1)).await.len(), 120);

    let in_five_days = HOUR.plus_millis(5 * 24 * 60 * 60 * 1000);
    store.put_balance(reported(KeyId(1), 1_000), in_five_days).await.unwrap();
    assert_eq!(all(store, KeyId(1)).await.len(), 3, "the last of each of two hours, and the newest");
}

pub(super) async fn the_balances_of_a_deleted_key_go_with_it(store: &dyn Store) {
    let key = store.insert_key(plain_key("sk-1"), at(1)).await.unwrap().id;
    store.put_balance(reported(key, 1), at(1)).await.unwrap();
    store.put_balance(reported(KeyId(key.0 + 1), 1), at(1)).await.unwrap();
    store.delete_key(key).await.unwrap();

    assert_eq!(all(store, key).await, []);
    assert_eq!(store.latest_balances().await.unwrap().len(), 1);
}
