//! Providers of operators as rows of `providers`.

use super::{
    Failure,
    fields::{Fields, collect, json, met},
    pool::Lent,
};
use crate::{
    provider::{OwnProvider, Provider},
    store::StoreError,
    time::Timestamp,
};

const ALL: &str = "SELECT create_time, update_time, definition::text FROM providers ORDER BY id";

const INSERT: &str = "
    INSERT INTO providers (create_time, update_time, provider, definition) VALUES ($1, $1, $2, $3::text::jsonb)
    ON CONFLICT (provider) DO NOTHING
    RETURNING create_time, update_time, definition::text";

const UPDATE: &str = "
    UPDATE providers SET update_time = $1, definition = $3::text::jsonb WHERE provider = $2
    RETURNING create_time, update_time, definition::text";

const USED: &str = "SELECT EXISTS (SELECT FROM api_keys WHERE provider = $1)";

pub(super) async fn load(tx: &Lent) -> Result<Vec<OwnProvider>, Failure> {
    collect(&tx.query(ALL, &[]).await?, read)
}

pub(super) async fn insert(tx: &Lent, provider: &Provider, now: Timestamp) -> Result<OwnProvider, Failure> {
    let taken = || StoreError::Conflict { what: format!("a provider `{}`", provider.id) };
    write(tx, INSERT, provider, now).await?.ok_or_else(|| taken().into())
}

pub(super) async fn update(tx: &Lent, provider: &Provider, now: Timestamp) -> Result<OwnProvider, Failure> {
    write(tx, UPDATE, provider, now).await?.ok_or_else(|| StoreError::NotFound.into())
}

async fn write(
    tx: &Lent,
    sql: &'static str,
    provider: &Provider,
    now: Timestamp,
) -> Result<Option<OwnProvider>, Failure> {
    let rows = tx.query(sql, &[&now.as_millis(), &provider.id, &json(provider)?]).await?;
    Ok(collect(&rows, read)?.pop())
}

pub(super) async fn delete(tx: &Lent, id: &str) -> Result<(), Failure> {
    met(tx.execute("DELETE FROM providers WHERE provider = $1", &[&id]).await?)?;
    match tx.one(USED, &[&id]).await?.try_get(0)? {
        true => Err(StoreError::Conflict { what: "a key of this provider".into() }.into()),
        false => Ok(()),
    }
}

fn read(row: &mut Fields<'_>) -> Result<OwnProvider, Failure> {
    Ok(OwnProvider { create_time: row.time()?, update_time: row.time()?, provider: row.json()? })
}
