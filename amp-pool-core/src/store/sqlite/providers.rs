//! Providers of operators as rows of `providers`.

use rusqlite::{Transaction, params};

use super::{
    Failure,
    fields::{Fields, collect, json, one, single},
};
use crate::{
    provider::{OwnProvider, Provider},
    store::StoreError,
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT create_time, update_time, definition FROM providers ", $rest)
    };
}

const ALL: &str = select!("ORDER BY id");
const ONE: &str = select!("WHERE provider = ?1");

pub(super) fn load(tx: &Transaction<'_>) -> Result<Vec<OwnProvider>, Failure> {
    collect(tx, ALL, &[], read)
}

pub(super) fn insert(tx: &Transaction<'_>, provider: &Provider, now: Timestamp) -> Result<OwnProvider, Failure> {
    let insert = "INSERT INTO providers (create_time, update_time, provider, definition) VALUES (?1, ?1, ?2, ?3)
         ON CONFLICT (provider) DO NOTHING";
    if tx.execute(insert, params![now.as_millis(), provider.id, json(provider)?])? == 0 {
        return Err(StoreError::Conflict { what: format!("a provider `{}`", provider.id) }.into());
    }
    get(tx, &provider.id)
}

pub(super) fn update(tx: &Transaction<'_>, provider: &Provider, now: Timestamp) -> Result<OwnProvider, Failure> {
    let update = "UPDATE providers SET update_time = ?1, definition = ?3 WHERE provider = ?2";
    one(tx.execute(update, params![now.as_millis(), provider.id, json(provider)?])?)?;
    get(tx, &provider.id)
}

pub(super) fn delete(tx: &Transaction<'_>, id: &str) -> Result<(), Failure> {
    let keys = "SELECT count(*) FROM api_keys WHERE provider = ?1";
    if tx.query_row(keys, [id], |row| row.get::<_, i64>(0))? > 0 {
        return Err(StoreError::Conflict { what: "a key of this provider".into() }.into());
    }
    one(tx.execute("DELETE FROM providers WHERE provider = ?1", [id])?)
}

fn get(tx: &Transaction<'_>, id: &str) -> Result<OwnProvider, Failure> {
    single(tx, ONE, &[&id], read)
}

fn read(row: &mut Fields<'_>) -> Result<OwnProvider, Failure> {
    Ok(OwnProvider { create_time: row.time()?, update_time: row.time()?, provider: row.json()? })
}
