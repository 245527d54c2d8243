//! Upstream keys as rows of `api_keys`.

use rusqlite::{Transaction, params};

use super::{
    Failure, balances,
    fields::{Fields, collect, from_json, json, one},
    health,
};
use crate::{
    id::KeyId,
    keys::{Caps, Egress, Key, KeySpec, PriceFactor},
    money::NanoUsd,
    store::{
        stored::{SealedKey, header_text, header_value},
        vault::Vault,
    },
    time::Timestamp,
};

const SELECT: &str = "
    SELECT id, create_time, update_time, fingerprint, name, provider, api_key, proxy_ip, ua, headers, balance, base_url,
           formats, enabled, priority, weight, models, models_denied, account, total_balance, price_factor, tags, memo,
           rpm, tpm, concurrency, budget
    FROM api_keys ORDER BY id";

// What is sealed is bound to the row's id, so the row has to be there before what it holds.
const INSERT: &str = "
    INSERT INTO api_keys (create_time, update_time, fingerprint, name, provider, api_key, api_key_hint, enabled, priority,
                          weight, models, models_denied, price_factor, tags, memo)
    VALUES (?1, ?1, ?2, '', '', x'', '', 0, 0, 1, '[]', '[]', 0, '[]', '')";

const UPDATE: &str = "
    UPDATE api_keys
    SET update_time = ?2, fingerprint = ?3, name = ?4, provider = ?5, api_key = ?6, api_key_hint = ?7, proxy_ip = ?8,
        ua = ?9, headers = ?10, base_url = ?11, formats = ?12, enabled = ?13, priority = ?14, weight = ?15, models = ?16,
        models_denied = ?17, account = ?18, total_balance = ?19, price_factor = ?20, tags = ?21, memo = ?22,
        balance = ?23, rpm = ?24, tpm = ?25, concurrency = ?26, budget = ?27
    WHERE id = ?1";

pub(super) fn load(tx: &Transaction<'_>, vault: &Vault) -> Result<Vec<Key>, Failure> {
    collect(tx, SELECT, &[], |row| read(row, vault))
}

pub(super) fn insert(tx: &Transaction<'_>, vault: &Vault, spec: KeySpec, now: Timestamp) -> Result<Key, Failure> {
    let fingerprint = fingerprint(vault, &spec);
    tx.execute(INSERT, params![now.as_millis(), fingerprint])?;
    let key = Key { id: KeyId(tx.last_insert_rowid()), create_time: now, update_time: now, fingerprint, spec };
    write(tx, vault, &key)?;
    Ok(key)
}

pub(super) fn update(
    tx: &Transaction<'_>,
    vault: &Vault,
    id: KeyId,
    spec: KeySpec,
    now: Timestamp,
) -> Result<Key, Failure> {
    let created: i64 = tx.query_row("SELECT create_time FROM api_keys WHERE id = ?1", [id.0], |row| row.get(0))?;
    let create_time = Timestamp::from_millis(created);
    let key = Key { id, create_time, update_time: now, fingerprint: fingerprint(vault, &spec), spec };
    write(tx, vault, &key)?;
    Ok(key)
}

pub(super) fn delete(tx: &Transaction<'_>, id: KeyId) -> Result<(), Failure> {
    one(tx.execute("DELETE FROM api_keys WHERE id = ?1", [id.0])?)?;
    balances::forget(tx, id)?;
    health::forget(tx, id)
}

fn fingerprint(vault: &Vault, spec: &KeySpec) -> String {
    vault.fingerprint(&spec.provider, spec.base_url.as_deref(), spec.api_key.expose())
}

fn write(tx: &Transaction<'_>, vault: &Vault, key: &Key) -> Result<(), Failure> {
    let Key { id, update_time, fingerprint, spec, .. } = key;
    let sealed = SealedKey::seal(vault, *id, spec)?;
    let formats = spec.formats.as_deref().map(json).transpose()?;
    let changed = tx.execute(
        UPDATE,
        params![
            id.0,
            update_time.as_millis(),
            fingerprint,
            spec.name,
            spec.provider,
            sealed.api_key,
            spec.api_key.hint(),
            sealed.proxy_ip,
            spec.egress.user_agent.as_ref().map(header_text).transpose()?,
            sealed.headers,
            spec.base_url,
            formats,
            spec.enabled,
            spec.priority,
            spec.weight,
            json(&spec.models)?,
            json(&spec.models_denied)?,
            spec.account,
            spec.total_balance.map(|usd| usd.0),
            spec.price_factor.millionths(),
            json(&spec.tags)?,
            spec.memo,
            sealed.balance,
            spec.limits.rpm,
            spec.limits.tpm,
            spec.limits.concurrency,
            spec.budget.as_ref().map(json).transpose()?,
        ],
    )?;
    one(changed)
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
        formats: row.take::<Option<String>>()?.as_deref().map(from_json).transpose()?,
        enabled: row.take()?,
        priority: row.take()?,
        weight: row.take()?,
        models: row.json()?,
        models_denied: row.json()?,
        account: row.take()?,
        total_balance: row.take::<Option<i64>>()?.map(NanoUsd),
        balance: opened.balance,
        price_factor: PriceFactor::from_millionths(row.take()?),
        tags: row.json()?,
        memo: row.take()?,
        limits: Caps { rpm: row.take()?, tpm: row.take()?, concurrency: row.take()? },
        budget: row.maybe_json()?,
    };
    Ok(Key { id, create_time, update_time, fingerprint, spec })
}
