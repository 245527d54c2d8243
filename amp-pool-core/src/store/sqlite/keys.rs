//! Upstream keys as rows of `api_keys`.

use http::{HeaderMap, HeaderName, HeaderValue};
use rusqlite::{Transaction, params};
use zeroize::Zeroizing;

use super::{
    Failure, balances,
    fields::{Fields, collect, from_json, json, one},
};
use crate::{
    balance::BalanceSpec,
    id::KeyId,
    keys::{Caps, Egress, Key, KeySpec, PriceFactor, ProxyUrl},
    money::NanoUsd,
    secret::Secret,
    store::{StoreError, vault::Vault},
    time::Timestamp,
};

const API_KEY: &str = "api_keys.api_key";
const PROXY_IP: &str = "api_keys.proxy_ip";
const HEADERS: &str = "api_keys.headers";
const BALANCE: &str = "api_keys.balance";

const SELECT: &str = "
    SELECT id, create_time, update_time, fingerprint, name, provider, api_key, proxy_ip, ua, headers, base_url, formats,
           enabled, priority, weight, models, models_denied, account, total_balance, balance, price_factor, tags, memo,
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
    balances::forget(tx, id)
}

fn fingerprint(vault: &Vault, spec: &KeySpec) -> String {
    vault.fingerprint(&spec.provider, spec.base_url.as_deref(), spec.api_key.expose())
}

fn write(tx: &Transaction<'_>, vault: &Vault, key: &Key) -> Result<(), Failure> {
    let Key { id, update_time, fingerprint, spec, .. } = key;
    let seal = |column, plain: &str| vault.seal(column, id.0, plain.as_bytes());
    let proxy = spec.egress.proxy.as_ref().map(|proxy| seal(PROXY_IP, proxy.expose())).transpose()?;
    let headers = headers_json(&spec.egress.headers)?.map(|text| seal(HEADERS, &text)).transpose()?;
    let balance = spec.balance.expose().map(|text| seal(BALANCE, &text)).transpose()?;
    let formats = spec.formats.as_deref().map(json).transpose()?;
    let changed = tx.execute(
        UPDATE,
        params![
            id.0,
            update_time.as_millis(),
            fingerprint,
            spec.name,
            spec.provider,
            seal(API_KEY, spec.api_key.expose())?,
            spec.api_key.hint(),
            proxy,
            spec.egress.user_agent.as_ref().map(text).transpose()?,
            headers,
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
            balance,
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
    let open = |column, sealed: Vec<u8>| open(vault, column, id, &sealed);
    Ok(Key {
        id,
        create_time: row.time()?,
        update_time: row.time()?,
        fingerprint: row.take()?,
        spec: KeySpec {
            name: row.take()?,
            provider: row.take()?,
            api_key: open(API_KEY, row.take()?)?,
            egress: Egress {
                proxy: row.take::<Option<_>>()?.map(|sealed| proxy(&open(PROXY_IP, sealed)?)).transpose()?,
                user_agent: row.take::<Option<_>>()?.map(header_value).transpose()?,
                headers: row
                    .take::<Option<_>>()?
                    .map(|sealed| headers(&open(HEADERS, sealed)?))
                    .transpose()?
                    .unwrap_or_default(),
            },
            base_url: row.take()?,
            formats: row.take::<Option<String>>()?.as_deref().map(from_json).transpose()?,
            enabled: row.take()?,
            priority: row.take()?,
            weight: row.take()?,
            models: row.json()?,
            models_denied: row.json()?,
            account: row.take()?,
            total_balance: row.take::<Option<i64>>()?.map(NanoUsd),
            balance: row
                .take::<Option<_>>()?
                .map(|sealed| balance(&open(BALANCE, sealed)?))
                .transpose()?
                .unwrap_or_default(),
            price_factor: PriceFactor::from_millionths(row.take()?),
            tags: row.json()?,
            memo: row.take()?,
            limits: Caps { rpm: row.take()?, tpm: row.take()?, concurrency: row.take()? },
            budget: row.maybe_json()?,
        },
    })
}

fn open(vault: &Vault, column: &str, id: KeyId, sealed: &[u8]) -> Result<Secret, Failure> {
    let plain = vault.open(column, id.0, sealed)?;
    Ok(Secret::new(std::str::from_utf8(&plain).map_err(Failure::corrupt)?))
}

fn proxy(text: &Secret) -> Result<ProxyUrl, Failure> {
    text.expose().parse().map_err(Failure::corrupt)
}

fn balance(text: &Secret) -> Result<BalanceSpec, Failure> {
    BalanceSpec::read(text.expose()).map_err(Failure::corrupt)
}

fn header_value(text: String) -> Result<HeaderValue, Failure> {
    HeaderValue::try_from(text).map_err(Failure::corrupt)
}

fn text(value: &HeaderValue) -> Result<&str, Failure> {
    let text = std::str::from_utf8(value.as_bytes());
    text.map_err(|_| StoreError::Invalid("a header value has to be UTF-8 text".into()).into())
}

/// A list of name and value, `None` when there are none: a name may stand there twice, and the order is the operator's.
fn headers_json(headers: &HeaderMap) -> Result<Option<Zeroizing<String>>, Failure> {
    let pairs = headers.iter().map(|(name, value)| Ok((name.as_str(), text(value)?)));
    let pairs = pairs.collect::<Result<Vec<_>, Failure>>()?;
    if pairs.is_empty() { Ok(None) } else { json(&pairs).map(Zeroizing::new).map(Some) }
}

fn headers(text: &Secret) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    // The cause is not passed on: it could quote a value.
    let pairs: Vec<(String, String)> = serde_json::from_str(text.expose())
        .map_err(|_| Failure::corrupt("the sealed headers of a key are no list of pairs"))?;
    for (name, value) in pairs {
        headers.append(HeaderName::try_from(name).map_err(Failure::corrupt)?, header_value(value)?);
    }
    Ok(headers)
}
