//! Upstream keys as rows of `api_keys`.

use tokio_postgres::types::ToSql;

use super::{
    Failure, balances,
    fields::{Fields, collect, from_json, json, met, text},
    health,
    pool::Lent,
};
use crate::{
    id::KeyId,
    keys::{Caps, Egress, Key, KeySpec, PriceFactor},
    store::{
        stored::{SealedKey, header_text, header_value},
        vault::Vault,
    },
    time::Timestamp,
};

const SELECT: &str = "
    SELECT id, create_time, update_time, fingerprint, name, provider, api_key, proxy_ip, ua, headers, balance, base_url,
           formats::text, enabled, priority, weight, models::text, models_denied::text, account, total_balance,
           price_factor, tags::text, memo, rpm, tpm, concurrency, budget::text
    FROM api_keys ORDER BY id";

// What is sealed is bound to the row's id, so the id has to be there before the row.
const NEXT_ID: &str = "SELECT nextval(pg_get_serial_sequence('api_keys', 'id'))";

// Numbered as below: the same values are bound to both.
const INSERT: &str = "
    INSERT INTO api_keys
        (id, create_time, update_time, fingerprint, name, provider, api_key, api_key_hint, proxy_ip, ua, headers, base_url,
         formats, enabled, priority, weight, models, models_denied, account, total_balance, price_factor, tags, memo,
         balance, rpm, tpm, concurrency, budget)
    OVERRIDING SYSTEM VALUE
    VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::jsonb, $13, $14, $15, $16::text::jsonb,
            $17::text::jsonb, $18, $19, $20, $21::text::jsonb, $22, $23, $24, $25, $26,
            $27::text::jsonb)
    RETURNING create_time";

const UPDATE: &str = "
    UPDATE api_keys
    SET update_time = $2, fingerprint = $3, name = $4, provider = $5, api_key = $6, api_key_hint = $7, proxy_ip = $8,
        ua = $9, headers = $10, base_url = $11, formats = $12::text::jsonb, enabled = $13, priority = $14, weight = $15,
        models = $16::text::jsonb, models_denied = $17::text::jsonb, account = $18, total_balance = $19,
        price_factor = $20, tags = $21::text::jsonb, memo = $22, balance = $23, rpm = $24, tpm = $25, concurrency = $26,
        budget = $27::text::jsonb
    WHERE id = $1
    RETURNING create_time";

pub(super) async fn load(tx: &Lent, vault: &Vault) -> Result<Vec<Key>, Failure> {
    collect(&tx.query(SELECT, &[]).await?, |row| read(row, vault))
}

pub(super) async fn insert(tx: &Lent, vault: &Vault, spec: KeySpec, now: Timestamp) -> Result<Key, Failure> {
    let id = KeyId(tx.one(NEXT_ID, &[]).await?.try_get(0)?);
    write(tx, vault, INSERT, id, spec, now).await
}

pub(super) async fn update(tx: &Lent, vault: &Vault, id: KeyId, spec: KeySpec, now: Timestamp) -> Result<Key, Failure> {
    write(tx, vault, UPDATE, id, spec, now).await
}

pub(super) async fn delete(tx: &Lent, id: KeyId) -> Result<(), Failure> {
    met(tx.execute("DELETE FROM api_keys WHERE id = $1", &[&id.0]).await?)?;
    balances::forget(tx, id).await?;
    health::forget(tx, id).await
}

async fn write(
    tx: &Lent,
    vault: &Vault,
    statement: &'static str,
    id: KeyId,
    spec: KeySpec,
    now: Timestamp,
) -> Result<Key, Failure> {
    let fingerprint = vault.fingerprint(&spec.provider, spec.base_url.as_deref(), spec.api_key.expose());
    let hint = spec.api_key.hint();
    let sealed = SealedKey::seal(vault, id, &spec)?;
    let user_agent = spec.egress.user_agent.as_ref().map(header_text).transpose()?;
    let formats = spec.formats.as_deref().map(json).transpose()?;
    let values: [&(dyn ToSql + Sync); 27] = [
        &id.0,
        &now.as_millis(),
        &fingerprint,
        &text(&spec.name),
        &text(&spec.provider),
        &sealed.api_key,
        &text(&hint),
        &sealed.proxy_ip,
        &user_agent,
        &sealed.headers,
        &spec.base_url.as_deref().map(text),
        &formats,
        &spec.enabled,
        &i64::from(spec.priority),
        &i64::from(spec.weight),
        &json(&spec.models)?,
        &json(&spec.models_denied)?,
        &spec.account.as_deref().map(text),
        &spec.total_balance.map(|usd| usd.0),
        &i64::from(spec.price_factor.millionths()),
        &json(&spec.tags)?,
        &text(&spec.memo),
        &sealed.balance,
        &spec.limits.rpm.map(i64::from),
        &spec.limits.tpm.map(i64::from),
        &spec.limits.concurrency.map(i64::from),
        &spec.budget.as_ref().map(json).transpose()?,
    ];
    let created: i64 = tx.one(statement, &values).await?.try_get(0)?;
    Ok(Key { id, create_time: Timestamp::from_millis(created), update_time: now, fingerprint, spec })
}

fn read(row: &mut Fields<'_>, vault: &Vault) -> Result<Key, Failure> {
    let id = KeyId(row.take()?);
    let (create_time, update_time, fingerprint) = (row.time()?, row.time()?, row.take()?);
    let (name, provider) = (row.take()?, row.take()?);
    let (api_key, proxy_ip) = (row.take()?, row.take()?);
    let user_agent = row.take::<Option<_>>()?.map(header_value).transpose()?;
    let sealed = SealedKey { api_key, proxy_ip, headers: row.take()?, balance: row.take()? };
    let opened = sealed.open(vault, id)?;
    let spec = KeySpec {
        name,
        provider,
        api_key: opened.api_key,
        egress: Egress { proxy: opened.proxy, user_agent, headers: opened.headers },
        base_url: row.take()?,
        formats: row.take::<Option<&str>>()?.map(from_json).transpose()?,
        enabled: row.take()?,
        priority: row.number()?,
        weight: row.number()?,
        models: row.json()?,
        models_denied: row.json()?,
        account: row.take()?,
        total_balance: row.money()?,
        balance: opened.balance,
        price_factor: PriceFactor::from_millionths(row.number()?),
        tags: row.json()?,
        memo: row.take()?,
        limits: Caps { rpm: row.maybe_number()?, tpm: row.maybe_number()?, concurrency: row.maybe_number()? },
        budget: row.maybe_json()?,
    };
    Ok(Key { id, create_time, update_time, fingerprint, spec })
}
