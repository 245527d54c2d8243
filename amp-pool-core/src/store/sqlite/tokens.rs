//! Client tokens as rows of `client_tokens`. Their secrets are not here: only what they are looked up by.

use rusqlite::{Transaction, params};

use super::{
    Failure,
    fields::{Fields, collect, json, one, single},
};
use crate::{
    caller::{ClientToken, TokenDigest, TokenSpec},
    id::TokenId,
    store::TokenSecret,
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, create_time, update_time, digest, hint, name, enabled, expires_at, models, strict_translation, memo FROM client_tokens ", $rest)
    };
}

const ALL: &str = select!("ORDER BY id");
const ONE: &str = select!("WHERE id = ?1");

const INSERT: &str = "
    INSERT INTO client_tokens (create_time, update_time, digest, hint, name, enabled, expires_at, models, memo,
                               strict_translation)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const UPDATE: &str = "
    UPDATE client_tokens SET update_time = ?2, name = ?3, enabled = ?4, expires_at = ?5, models = ?6, memo = ?7,
                             strict_translation = ?8
    WHERE id = ?1";

const ROTATE: &str = "UPDATE client_tokens SET update_time = ?2, digest = ?3, hint = ?4 WHERE id = ?1";

pub(super) fn load(tx: &Transaction<'_>) -> Result<Vec<ClientToken>, Failure> {
    collect(tx, ALL, &[], read)
}

pub(super) fn insert(
    tx: &Transaction<'_>,
    spec: &TokenSpec,
    secret: &TokenSecret,
    now: Timestamp,
) -> Result<ClientToken, Failure> {
    let TokenSpec { name, enabled, expires_at, models, strict_translation, memo } = spec;
    let (now, expires_at) = (now.as_millis(), expires_at.map(Timestamp::as_millis));
    let TokenSecret { digest, hint } = secret;
    tx.execute(
        INSERT,
        params![now, digest.0, hint, name, enabled, expires_at, json(models)?, memo, strict_translation],
    )?;
    get(tx, TokenId(tx.last_insert_rowid()))
}

pub(super) fn update(
    tx: &Transaction<'_>,
    id: TokenId,
    spec: &TokenSpec,
    now: Timestamp,
) -> Result<ClientToken, Failure> {
    let TokenSpec { name, enabled, expires_at, models, strict_translation, memo } = spec;
    let (now, expires_at) = (now.as_millis(), expires_at.map(Timestamp::as_millis));
    one(tx.execute(UPDATE, params![id.0, now, name, enabled, expires_at, json(models)?, memo, strict_translation])?)?;
    get(tx, id)
}

pub(super) fn rotate(
    tx: &Transaction<'_>,
    id: TokenId,
    secret: &TokenSecret,
    now: Timestamp,
) -> Result<ClientToken, Failure> {
    one(tx.execute(ROTATE, params![id.0, now.as_millis(), secret.digest.0, secret.hint])?)?;
    get(tx, id)
}

pub(super) fn delete(tx: &Transaction<'_>, id: TokenId) -> Result<(), Failure> {
    one(tx.execute("DELETE FROM client_tokens WHERE id = ?1", [id.0])?)
}

fn get(tx: &Transaction<'_>, id: TokenId) -> Result<ClientToken, Failure> {
    single(tx, ONE, &[&id.0], read)
}

fn read(row: &mut Fields<'_>) -> Result<ClientToken, Failure> {
    Ok(ClientToken {
        id: TokenId(row.take()?),
        create_time: row.time()?,
        update_time: row.time()?,
        digest: TokenDigest(row.take()?),
        hint: row.take()?,
        spec: TokenSpec {
            name: row.take()?,
            enabled: row.take()?,
            expires_at: row.take::<Option<i64>>()?.map(Timestamp::from_millis),
            models: row.json()?,
            strict_translation: row.take()?,
            memo: row.take()?,
        },
    })
}
