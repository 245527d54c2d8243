//! Client tokens as rows of `client_tokens`. Their secrets are not here: only what they are looked up by.

use tokio_postgres::{Row, types::ToSql};

use super::{
    Failure,
    fields::{Fields, collect, json, met, text},
    pool::Lent,
};
use crate::{
    caller::{ClientToken, TokenDigest, TokenSpec},
    id::{GroupId, TokenId},
    keys::Caps,
    store::TokenSecret,
    time::Timestamp,
};

macro_rules! columns {
    () => {
        "id, create_time, update_time, digest, hint, name, enabled, expires_at, models::text, strict_translation, \
         ip_allow::text, rpm, tpm, concurrency, budget::text, group_id, memo"
    };
}

const ALL: &str = concat!("SELECT ", columns!(), " FROM client_tokens ORDER BY id");

// The secret; what its operator wrote comes as the first change.
const INSERT: &str = "
    INSERT INTO client_tokens (create_time, update_time, digest, hint, name, enabled, models, memo)
    VALUES ($1, $1, $2, $3, '', FALSE, '[]', '') RETURNING id";

const UPDATE: &str = concat!(
    "UPDATE client_tokens SET update_time = $2, name = $3, enabled = $4, expires_at = $5, models = $6::text::jsonb, ",
    "strict_translation = $7, ip_allow = $8::text::jsonb, rpm = $9, tpm = $10, concurrency = $11, ",
    "budget = $12::text::jsonb, group_id = $13, memo = $14 WHERE id = $1 RETURNING ",
    columns!()
);

const ROTATE: &str =
    concat!("UPDATE client_tokens SET update_time = $2, digest = $3, hint = $4 WHERE id = $1 RETURNING ", columns!());

// A group that somebody is about to remove is waited for.
const JOIN: &str = "SELECT id FROM token_groups WHERE id = $1 FOR KEY SHARE";

pub(super) async fn load(tx: &Lent) -> Result<Vec<ClientToken>, Failure> {
    collect(&tx.query(ALL, &[]).await?, read)
}

pub(super) async fn insert(
    tx: &Lent,
    spec: &TokenSpec,
    secret: &TokenSecret,
    now: Timestamp,
) -> Result<ClientToken, Failure> {
    let digest = &secret.digest.0[..];
    let row = tx.one(INSERT, &[&now.as_millis(), &digest, &text(&secret.hint)]).await?;
    update(tx, TokenId(row.try_get(0)?), spec, now).await
}

pub(super) async fn update(tx: &Lent, id: TokenId, spec: &TokenSpec, now: Timestamp) -> Result<ClientToken, Failure> {
    let Caps { rpm, tpm, concurrency } = spec.limits;
    let group = spec.group.map(|group| group.0);
    tx.query(JOIN, &[&group]).await?;
    let values: [&(dyn ToSql + Sync); 14] = [
        &id.0,
        &now.as_millis(),
        &text(&spec.name),
        &spec.enabled,
        &spec.expires_at.map(Timestamp::as_millis),
        &json(&spec.models)?,
        &spec.strict_translation,
        &json(&spec.ip_allow)?,
        &rpm.map(i64::from),
        &tpm.map(i64::from),
        &concurrency.map(i64::from),
        &spec.budget.as_ref().map(json).transpose()?,
        &group,
        &text(&spec.memo),
    ];
    token(&tx.one(UPDATE, &values).await?)
}

pub(super) async fn rotate(
    tx: &Lent,
    id: TokenId,
    secret: &TokenSecret,
    now: Timestamp,
) -> Result<ClientToken, Failure> {
    let digest = &secret.digest.0[..];
    token(&tx.one(ROTATE, &[&id.0, &now.as_millis(), &digest, &text(&secret.hint)]).await?)
}

pub(super) async fn delete(tx: &Lent, id: TokenId) -> Result<(), Failure> {
    met(tx.execute("DELETE FROM client_tokens WHERE id = $1", &[&id.0]).await?)
}

fn token(row: &Row) -> Result<ClientToken, Failure> {
    read(&mut Fields::of(row))
}

fn read(row: &mut Fields<'_>) -> Result<ClientToken, Failure> {
    Ok(ClientToken {
        id: TokenId(row.take()?),
        create_time: row.time()?,
        update_time: row.time()?,
        digest: TokenDigest(row.take::<&[u8]>()?.try_into().map_err(Failure::corrupt)?),
        hint: row.take()?,
        spec: TokenSpec {
            name: row.take()?,
            enabled: row.take()?,
            expires_at: row.take::<Option<i64>>()?.map(Timestamp::from_millis),
            models: row.json()?,
            strict_translation: row.take()?,
            ip_allow: row.json()?,
            limits: Caps { rpm: row.maybe_number()?, tpm: row.maybe_number()?, concurrency: row.maybe_number()? },
            budget: row.maybe_json()?,
            group: row.take::<Option<i64>>()?.map(GroupId),
            memo: row.take()?,
        },
    })
}
