//! Balances as rows of `api_key_balances`.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{
    Failure, SqliteStore,
    fields::{Fields, collect, from_json, json},
};
use crate::{
    id::KeyId,
    money::NanoUsd,
    store::{BalanceSource, BalanceStore, NewBalance, StoreFuture, StoredBalance, balances::surplus},
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, create_time, update_time, key_id, fingerprint, source, reading, booked, raw ",
            "FROM api_key_balances ",
            $rest
        )
    };
}

const INSERT: &str = "
    INSERT INTO api_key_balances
        (create_time, update_time, key_id, fingerprint, source, kind, amount, currency, reading, booked, raw)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const CONTINUE: &str =
    "UPDATE api_key_balances SET update_time = ?2, reading = ?3, booked = ?4, raw = ?5 WHERE id = ?1";

impl BalanceStore for SqliteStore {
    fn put_balance(&self, balance: NewBalance, now: Timestamp) -> StoreFuture<'_, ()> {
        self.write(move |tx| put(tx, &balance, now))
    }

    fn latest_balances(&self) -> StoreFuture<'_, Vec<StoredBalance>> {
        self.read(|tx| {
            let sql = select!(
                "WHERE id IN (SELECT max(id) FROM api_key_balances GROUP BY key_id, source) ORDER BY key_id, source"
            );
            collect(tx, sql, &[], read)
        })
    }

    fn balances(&self, key: KeyId, from: Timestamp, to: Timestamp) -> StoreFuture<'_, Vec<StoredBalance>> {
        self.read(move |tx| {
            let sql = select!("WHERE key_id = ?1 AND update_time >= ?2 AND create_time < ?3 ORDER BY id");
            collect(tx, sql, &[&key.0, &from.as_millis(), &to.as_millis()], read)
        })
    }
}

fn put(tx: &Transaction<'_>, balance: &NewBalance, now: Timestamp) -> Result<(), Failure> {
    let newest = newest(tx, balance.key, balance.source)?;
    match newest {
        Some(newest) if newest.is_continued_by(balance) => {
            let reading = json(&balance.reading)?;
            tx.execute(CONTINUE, params![newest.id, now.as_millis(), reading, balance.booked.0, balance.raw])?;
        }
        newest => {
            insert(tx, balance, now)?;
            if let Some(newest) = newest {
                tx.execute("UPDATE api_key_balances SET raw = NULL WHERE id = ?1", [newest.id])?;
            }
            thin(tx, balance, now)?;
        }
    }
    Ok(())
}

fn newest(tx: &Transaction<'_>, key: KeyId, source: BalanceSource) -> Result<Option<StoredBalance>, Failure> {
    let sql = select!("WHERE key_id = ?1 AND source = ?2 ORDER BY id DESC LIMIT 1");
    let mut statement = tx.prepare_cached(sql)?;
    let found =
        statement.query_row(params![key.0, source.as_str()], |row| Ok(read(&mut Fields::of(row)))).optional()?;
    found.transpose()
}

fn insert(tx: &Transaction<'_>, balance: &NewBalance, now: Timestamp) -> Result<(), Failure> {
    let NewBalance { key, fingerprint, source, reading, booked, raw } = balance;
    let values = params![
        now.as_millis(),
        key.0,
        fingerprint,
        source.as_str(),
        reading.kind.as_str(),
        reading.amount.map(|amount| amount.0),
        reading.currency,
        json(reading)?,
        booked.0,
        raw,
    ];
    tx.execute(INSERT, values)?;
    Ok(())
}

fn thin(tx: &Transaction<'_>, balance: &NewBalance, now: Timestamp) -> Result<(), Failure> {
    let sql = "SELECT id, update_time FROM api_key_balances WHERE key_id = ?1 AND source = ?2 ORDER BY id DESC";
    let rows = collect(tx, sql, &[&balance.key.0, &balance.source.as_str()], |row| Ok((row.take()?, row.time()?)))?;
    for id in surplus(&rows, now) {
        tx.execute("DELETE FROM api_key_balances WHERE id = ?1", [id])?;
    }
    Ok(())
}

/// What is kept of a key goes with it.
pub(super) fn forget(tx: &Transaction<'_>, key: KeyId) -> Result<(), Failure> {
    tx.execute("DELETE FROM api_key_balances WHERE key_id = ?1", [key.0])?;
    Ok(())
}

fn read(row: &mut Fields<'_>) -> Result<StoredBalance, Failure> {
    Ok(StoredBalance {
        id: row.take()?,
        create_time: row.time()?,
        update_time: row.time()?,
        balance: NewBalance {
            key: KeyId(row.take()?),
            fingerprint: row.take()?,
            source: source(&row.take::<String>()?)?,
            reading: from_json(&row.take::<String>()?)?,
            booked: NanoUsd(row.take()?),
            raw: row.take()?,
        },
    })
}

fn source(name: &str) -> Result<BalanceSource, Failure> {
    let known = [BalanceSource::Reported, BalanceSource::Manual].into_iter().find(|source| source.as_str() == name);
    known.ok_or_else(|| Failure::corrupt(format!("`{name}` is no source of a balance")))
}
