//! Balances as rows of `api_key_balances`.

use tokio_postgres::types::ToSql;

use super::{
    Failure, PostgresStore,
    fields::{Fields, collect, json, text},
    pool::Lent,
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
            "SELECT id, create_time, update_time, key_id, fingerprint, source, reading::text, booked, raw ",
            "FROM api_key_balances ",
            $rest
        )
    };
}

const LATEST: &str =
    select!("WHERE id IN (SELECT max(id) FROM api_key_balances GROUP BY key_id, source) ORDER BY key_id, source");

const RANGE: &str = select!("WHERE key_id = $1 AND update_time >= $2 AND create_time < $3 ORDER BY id");

const NEWEST: &str = select!("WHERE key_id = $1 AND source = $2 ORDER BY id DESC LIMIT 1");

// Two nodes that learn something of one key at the same time would both begin a row.
const ONE_AT_A_TIME: &str = "SELECT id FROM api_keys WHERE id = $1 FOR NO KEY UPDATE";

const INSERT: &str = "
    INSERT INTO api_key_balances
        (create_time, update_time, key_id, fingerprint, source, kind, amount, currency, reading, booked, raw)
    VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, $10)";

const CONTINUE: &str = "
    UPDATE api_key_balances SET update_time = $2, reading = $3::text::jsonb, booked = $4, raw = $5 WHERE id = $1";

impl BalanceStore for PostgresStore {
    fn put_balance(&self, balance: NewBalance, now: Timestamp) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            put(&tx, &balance, now).await?;
            tx.commit().await
        })
    }

    fn latest_balances(&self) -> StoreFuture<'_, Vec<StoredBalance>> {
        self.answer(async { collect(&self.inner.pool.lend().await?.query(LATEST, &[]).await?, read) })
    }

    fn balances(&self, key: KeyId, from: Timestamp, to: Timestamp) -> StoreFuture<'_, Vec<StoredBalance>> {
        self.answer(async move {
            let lent = self.inner.pool.lend().await?;
            collect(&lent.query(RANGE, &[&key.0, &from.as_millis(), &to.as_millis()]).await?, read)
        })
    }
}

async fn put(tx: &Lent, balance: &NewBalance, now: Timestamp) -> Result<(), Failure> {
    tx.query(ONE_AT_A_TIME, &[&balance.key.0]).await?;
    let newest = tx.query(NEWEST, &[&balance.key.0, &balance.source.as_str()]).await?;
    let newest = collect(&newest, read)?.pop();
    if let Some(newest) = newest.as_ref().filter(|newest| newest.is_continued_by(balance)) {
        let (reading, raw) = (json(&balance.reading)?, balance.raw.as_deref().map(text));
        let values: [&(dyn ToSql + Sync); 5] = [&newest.id, &now.as_millis(), &reading, &balance.booked.0, &raw];
        tx.execute(CONTINUE, &values).await?;
        return Ok(());
    }
    insert(tx, balance, now).await?;
    if let Some(newest) = newest {
        tx.execute("UPDATE api_key_balances SET raw = NULL WHERE id = $1", &[&newest.id]).await?;
    }
    thin(tx, balance, now).await
}

async fn insert(tx: &Lent, balance: &NewBalance, now: Timestamp) -> Result<(), Failure> {
    let NewBalance { key, fingerprint, source, reading, booked, raw } = balance;
    let values: [&(dyn ToSql + Sync); 10] = [
        &now.as_millis(),
        &key.0,
        fingerprint,
        &source.as_str(),
        &reading.kind.as_str(),
        &reading.amount.map(|amount| amount.0),
        &reading.currency.as_deref().map(text),
        &json(reading)?,
        &booked.0,
        &raw.as_deref().map(text),
    ];
    tx.execute(INSERT, &values).await.map(drop)
}

async fn thin(tx: &Lent, balance: &NewBalance, now: Timestamp) -> Result<(), Failure> {
    let sql = "SELECT id, update_time FROM api_key_balances WHERE key_id = $1 AND source = $2 ORDER BY id DESC";
    let rows = tx.query(sql, &[&balance.key.0, &balance.source.as_str()]).await?;
    let gone = surplus(&collect(&rows, |row| Ok((row.take()?, row.time()?)))?, now);
    if !gone.is_empty() {
        tx.execute("DELETE FROM api_key_balances WHERE id = ANY($1)", &[&gone]).await?;
    }
    Ok(())
}

/// What is kept of a key goes with it.
pub(super) async fn forget(tx: &Lent, key: KeyId) -> Result<(), Failure> {
    tx.execute("DELETE FROM api_key_balances WHERE key_id = $1", &[&key.0]).await.map(drop)
}

fn read(row: &mut Fields<'_>) -> Result<StoredBalance, Failure> {
    Ok(StoredBalance {
        id: row.take()?,
        create_time: row.time()?,
        update_time: row.time()?,
        balance: NewBalance {
            key: KeyId(row.take()?),
            fingerprint: row.take()?,
            source: source(row.take()?)?,
            reading: row.json()?,
            booked: NanoUsd(row.take()?),
            raw: row.take()?,
        },
    })
}

fn source(name: &str) -> Result<BalanceSource, Failure> {
    let known = [BalanceSource::Reported, BalanceSource::Manual].into_iter().find(|source| source.as_str() == name);
    known.ok_or_else(|| Failure::corrupt(format!("`{name}` is no source of a balance")))
}
