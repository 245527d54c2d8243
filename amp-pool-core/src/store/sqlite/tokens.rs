//! Client tokens as rows of `client_tokens`. Their secrets are not here: only what they are looked up by.

use rusqlite::{Transaction, params};

use super::{
    Failure,
    fields::{Fields, collect, json, one, single},
};
use crate::{
    caller::{ClientToken, TokenDigest, TokenSpec},
    id::{GroupId, TokenId},
    keys::Caps,
    store::TokenSecret,
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, create_time, update_time, digest, hint, name, enabled, expires_at, models, strict_translation, ",
            "ip_allow, rpm, tpm, concurrency, budget, group_id, memo FROM client_tokens ",
            $rest
        )
    };
}

const ALL: &str = select!("ORDER BY id");
const ONE: &str = select!("WHERE id = ?1");

// The secret; what its operator wrote comes as the first change.
const INSERT: &str = "
    INSERT INTO client_tokens (create_time, update_time, digest, hint, name, enabled, models, memo)
    VALUES (?1, ?1, ?2, ?3, '', 0, '[]', '')";

const UPDATE: &str = "
    UPDATE client_tokens
    SET update_time = ?2, name = ?3, enabled = ?4, expires_at = ?5, models = ?6, strict_translation = ?7, ip_allow = ?8,
        rpm = ?9, tpm = ?10, concurrency = ?11, budget = ?12, group_id = ?13, memo = ?14
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
    tx.execute(INSERT, params![now.as_millis(), secret.digest.0, secret.hint])?;
    update(tx, TokenId(tx.last_insert_rowid()), spec, now)
}

pub(super) fn update(
    tx: &Transaction<'_>,
    id: TokenId,
    spec: &TokenSpec,
    now: Timestamp,
) -> Result<ClientToken, Failure> {
    let changed = tx.execute(
        UPDATE,
        params![
            id.0,
            now.as_millis(),
            spec.name,
            spec.enabled,
            spec.expires_at.map(Timestamp::as_millis),
            json(&spec.models)?,
            spec.strict_translation,
            json(&spec.ip_allow)?,
            spec.limits.rpm,
            spec.limits.tpm,
            spec.limits.concurrency,
            spec.budget.as_ref().map(json).transpose()?,
            spec.group.map(|group| group.0),
            spec.memo,
        ],
    )?;
    one(changed)?;
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
            ip_allow: row.json()?,
            limits: Caps { rpm: row.take()?, tpm: row.take()?, concurrency: row.take()? },
            budget: row.maybe_json()?,
            group: row.take::<Option<i64>>()?.map(GroupId),
            memo: row.take()?,
        },
    })
}
