//! What operators write. The rows of each kind are in a file of their own; settings are here.

use std::{collections::BTreeMap, sync::Arc};

use rusqlite::{Transaction, params};

use super::{Failure, SqliteStore, fields::collect, groups, keys, providers, routes, rules, tokens};
use crate::{
    caller::{ClientToken, GroupSpec, TokenGroup, TokenSpec},
    classify::{OwnRule, RuleSpec},
    id::{GroupId, KeyId, RouteId, RuleId, TokenId},
    keys::{Key, KeySpec},
    provider::{OwnProvider, Provider},
    route::{Route, RouteSpec},
    store::{ConfigStore, Configuration, KeyChange, StoreError, StoreFuture, TokenSecret},
    time::Timestamp,
};

const PUT: &str = "
    INSERT INTO config (create_time, update_time, key, value) VALUES (?1, ?1, ?2, ?3)
    ON CONFLICT (key) DO UPDATE SET update_time = excluded.update_time, value = excluded.value";

impl ConfigStore for SqliteStore {
    fn load(&self) -> StoreFuture<'_, Configuration> {
        let vault = Arc::clone(&self.vault);
        self.read(move |tx| {
            let keys = keys::load(tx, &vault)?;
            let (tokens, groups) = (tokens::load(tx)?, groups::load(tx)?);
            let (routes, rules) = (routes::load(tx)?, rules::load(tx)?);
            let (providers, settings) = (providers::load(tx)?, settings(tx)?);
            Ok(Configuration { keys, tokens, groups, routes, rules, providers, settings })
        })
    }

    fn insert_key(&self, spec: KeySpec, now: Timestamp) -> StoreFuture<'_, Key> {
        let vault = Arc::clone(&self.vault);
        self.write(move |tx| keys::insert(tx, &vault, spec, now))
    }

    fn update_key(&self, id: KeyId, spec: KeySpec, now: Timestamp) -> StoreFuture<'_, Key> {
        let vault = Arc::clone(&self.vault);
        self.write(move |tx| keys::update(tx, &vault, id, spec, now))
    }

    fn delete_key(&self, id: KeyId) -> StoreFuture<'_, ()> {
        self.write(move |tx| keys::delete(tx, id))
    }

    fn insert_keys(&self, specs: Vec<KeySpec>, now: Timestamp) -> StoreFuture<'_, Vec<Result<Key, StoreError>>> {
        let vault = Arc::clone(&self.vault);
        self.write(move |tx| {
            let insert = |spec| one_of(tx, || keys::insert(tx, &vault, spec, now));
            specs.into_iter().map(insert).collect()
        })
    }

    fn update_keys(&self, changes: Vec<(KeyId, KeySpec)>, now: Timestamp) -> StoreFuture<'_, Vec<KeyChange>> {
        let vault = Arc::clone(&self.vault);
        self.write(move |tx| {
            let update = |id, spec| one_of(tx, || keys::update(tx, &vault, id, spec, now).map(drop));
            changes.into_iter().map(|(id, spec)| Ok((id, update(id, spec)?))).collect()
        })
    }

    fn delete_keys(&self, ids: Vec<KeyId>) -> StoreFuture<'_, Vec<KeyChange>> {
        self.write(move |tx| ids.into_iter().map(|id| Ok((id, one_of(tx, || keys::delete(tx, id))?))).collect())
    }

    fn insert_token(&self, spec: TokenSpec, secret: TokenSecret, now: Timestamp) -> StoreFuture<'_, ClientToken> {
        self.write(move |tx| tokens::insert(tx, &spec, &secret, now))
    }

    fn update_token(&self, id: TokenId, spec: TokenSpec, now: Timestamp) -> StoreFuture<'_, ClientToken> {
        self.write(move |tx| tokens::update(tx, id, &spec, now))
    }

    fn rotate_token(&self, id: TokenId, secret: TokenSecret, now: Timestamp) -> StoreFuture<'_, ClientToken> {
        self.write(move |tx| tokens::rotate(tx, id, &secret, now))
    }

    fn delete_token(&self, id: TokenId) -> StoreFuture<'_, ()> {
        self.write(move |tx| tokens::delete(tx, id))
    }

    fn insert_group(&self, spec: GroupSpec, now: Timestamp) -> StoreFuture<'_, TokenGroup> {
        self.write(move |tx| groups::insert(tx, &spec, now))
    }

    fn update_group(&self, id: GroupId, spec: GroupSpec, now: Timestamp) -> StoreFuture<'_, TokenGroup> {
        self.write(move |tx| groups::update(tx, id, &spec, now))
    }

    fn delete_group(&self, id: GroupId) -> StoreFuture<'_, ()> {
        self.write(move |tx| groups::delete(tx, id))
    }

    fn insert_route(&self, spec: RouteSpec, now: Timestamp) -> StoreFuture<'_, Route> {
        self.write(move |tx| routes::insert(tx, &spec, now))
    }

    fn update_route(&self, id: RouteId, spec: RouteSpec, now: Timestamp) -> StoreFuture<'_, Route> {
        self.write(move |tx| routes::update(tx, id, &spec, now))
    }

    fn delete_route(&self, id: RouteId) -> StoreFuture<'_, ()> {
        self.write(move |tx| routes::delete(tx, id))
    }

    fn insert_rule(&self, spec: RuleSpec, now: Timestamp) -> StoreFuture<'_, OwnRule> {
        self.write(move |tx| rules::insert(tx, &spec, now))
    }

    fn update_rule(&self, id: RuleId, spec: RuleSpec, now: Timestamp) -> StoreFuture<'_, OwnRule> {
        self.write(move |tx| rules::update(tx, id, &spec, now))
    }

    fn delete_rule(&self, id: RuleId) -> StoreFuture<'_, ()> {
        self.write(move |tx| rules::delete(tx, id))
    }

    fn insert_provider(&self, provider: Provider, now: Timestamp) -> StoreFuture<'_, OwnProvider> {
        self.write(move |tx| providers::insert(tx, &provider, now))
    }

    fn update_provider(&self, provider: Provider, now: Timestamp) -> StoreFuture<'_, OwnProvider> {
        self.write(move |tx| providers::update(tx, &provider, now))
    }

    fn delete_provider(&self, id: String) -> StoreFuture<'_, ()> {
        self.write(move |tx| providers::delete(tx, &id))
    }

    fn put_setting(&self, name: String, value: Option<String>, now: Timestamp) -> StoreFuture<'_, ()> {
        self.write(move |tx| {
            match value {
                Some(value) => tx.execute(PUT, params![now.as_millis(), name, value])?,
                None => tx.execute("DELETE FROM config WHERE key = ?1", [name])?,
            };
            Ok(())
        })
    }
}

/// One change of many in a transaction. Where it fails it is taken back, and the others stay.
fn one_of<T>(
    tx: &Transaction<'_>,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<Result<T, StoreError>, Failure> {
    tx.execute_batch("SAVEPOINT one_of_many")?;
    let result = match work() {
        Err(failure) if failure.spoils_connection() => return Err(failure),
        other => other.map_err(StoreError::from),
    };
    if result.is_err() {
        tx.execute_batch("ROLLBACK TO one_of_many")?;
    }
    tx.execute_batch("RELEASE one_of_many")?;
    match result {
        Err(error @ (StoreError::Unavailable(_) | StoreError::Corrupt(_))) => Err(error.into()),
        other => Ok(other),
    }
}

fn settings(tx: &Transaction<'_>) -> Result<BTreeMap<String, String>, Failure> {
    let pairs = collect(tx, "SELECT key, value FROM config", &[], |row| Ok((row.take()?, row.take()?)))?;
    Ok(pairs.into_iter().collect())
}
