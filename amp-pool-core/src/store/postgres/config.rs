//! What operators write. The rows of each kind are in a file of their own; settings are here.

use std::{collections::BTreeMap, sync::PoisonError};

use tokio::sync::watch;

use super::{
    Failure, PostgresStore, fields::collect, groups, keeper::CHANNEL, keys, pool::Lent, providers, routes, rules,
    tokens,
};
use crate::{
    caller::{ClientToken, GroupSpec, TokenGroup, TokenSpec},
    classify::{OwnRule, RuleSpec},
    id::{GroupId, KeyId, RouteId, RuleId, TokenId},
    keys::{Key, KeySpec, Slice},
    provider::{OwnProvider, Provider},
    route::{Route, RouteSpec},
    store::{ConfigStore, Configuration, StoreError, StoreFuture, TokenSecret},
    time::Timestamp,
};

const PUT: &str = "
    INSERT INTO config (create_time, update_time, key, value) VALUES ($1, $1, $2, $3)
    ON CONFLICT (key) DO UPDATE SET update_time = excluded.update_time, value = excluded.value";

const REMOVE: &str = "DELETE FROM config WHERE key = $1";

impl ConfigStore for PostgresStore {
    fn load(&self) -> StoreFuture<'_, Configuration> {
        self.answer(async {
            let tx = self.inner.pool.snapshot().await?;
            let keys = keys::load(&tx, &self.inner.vault).await?;
            let (tokens, groups) = (tokens::load(&tx).await?, groups::load(&tx).await?);
            let (routes, rules) = (routes::load(&tx).await?, rules::load(&tx).await?);
            let (providers, settings) = (providers::load(&tx).await?, settings(&tx).await?);
            tx.commit().await?;
            Ok(Configuration { keys, tokens, groups, routes, rules, providers, settings })
        })
    }

    fn revisions(&self) -> Option<watch::Receiver<i64>> {
        Some(self.revisions.clone())
    }

    fn slice(&self) -> Slice {
        *self.inner.slice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert_key(&self, spec: KeySpec, now: Timestamp) -> StoreFuture<'_, Key> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let key = keys::insert(&tx, &self.inner.vault, spec, now).await?;
            changed(tx, key).await
        })
    }

    fn update_key(&self, id: KeyId, spec: KeySpec, now: Timestamp) -> StoreFuture<'_, Key> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let key = keys::update(&tx, &self.inner.vault, id, spec, now).await?;
            changed(tx, key).await
        })
    }

    fn delete_key(&self, id: KeyId) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            keys::delete(&tx, id).await?;
            changed(tx, ()).await
        })
    }

    fn insert_token(&self, spec: TokenSpec, secret: TokenSecret, now: Timestamp) -> StoreFuture<'_, ClientToken> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let token = tokens::insert(&tx, &spec, &secret, now).await?;
            changed(tx, token).await
        })
    }

    fn update_token(&self, id: TokenId, spec: TokenSpec, now: Timestamp) -> StoreFuture<'_, ClientToken> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let token = tokens::update(&tx, id, &spec, now).await?;
            changed(tx, token).await
        })
    }

    fn rotate_token(&self, id: TokenId, secret: TokenSecret, now: Timestamp) -> StoreFuture<'_, ClientToken> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let token = tokens::rotate(&tx, id, &secret, now).await?;
            changed(tx, token).await
        })
    }

    fn delete_token(&self, id: TokenId) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            tokens::delete(&tx, id).await?;
            changed(tx, ()).await
        })
    }

    fn insert_group(&self, spec: GroupSpec, now: Timestamp) -> StoreFuture<'_, TokenGroup> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let group = groups::insert(&tx, &spec, now).await?;
            changed(tx, group).await
        })
    }

    fn update_group(&self, id: GroupId, spec: GroupSpec, now: Timestamp) -> StoreFuture<'_, TokenGroup> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let group = groups::update(&tx, id, &spec, now).await?;
            changed(tx, group).await
        })
    }

    fn delete_group(&self, id: GroupId) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            groups::delete(&tx, id).await?;
            changed(tx, ()).await
        })
    }

    fn insert_route(&self, spec: RouteSpec, now: Timestamp) -> StoreFuture<'_, Route> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let route = routes::insert(&tx, &spec, now).await?;
            changed(tx, route).await
        })
    }

    fn update_route(&self, id: RouteId, spec: RouteSpec, now: Timestamp) -> StoreFuture<'_, Route> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let route = routes::update(&tx, id, &spec, now).await?;
            changed(tx, route).await
        })
    }

    fn delete_route(&self, id: RouteId) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            routes::delete(&tx, id).await?;
            changed(tx, ()).await
        })
    }

    fn insert_rule(&self, spec: RuleSpec, now: Timestamp) -> StoreFuture<'_, OwnRule> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let rule = rules::insert(&tx, &spec, now).await?;
            changed(tx, rule).await
        })
    }

    fn update_rule(&self, id: RuleId, spec: RuleSpec, now: Timestamp) -> StoreFuture<'_, OwnRule> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let rule = rules::update(&tx, id, &spec, now).await?;
            changed(tx, rule).await
        })
    }

    fn delete_rule(&self, id: RuleId) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            rules::delete(&tx, id).await?;
            changed(tx, ()).await
        })
    }

    fn insert_provider(&self, provider: Provider, now: Timestamp) -> StoreFuture<'_, OwnProvider> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let made = providers::insert(&tx, &provider, now).await?;
            changed(tx, made).await
        })
    }

    fn update_provider(&self, provider: Provider, now: Timestamp) -> StoreFuture<'_, OwnProvider> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let known = providers::update(&tx, &provider, now).await?;
            changed(tx, known).await
        })
    }

    fn delete_provider(&self, id: String) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            providers::delete(&tx, &id).await?;
            changed(tx, ()).await
        })
    }

    fn put_setting(&self, name: String, value: Option<String>, now: Timestamp) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let zero = |text: &str| text.contains('\0');
            if zero(&name) || value.as_deref().is_some_and(zero) {
                return Err(StoreError::Invalid("a setting can not hold a zero byte".into()).into());
            }
            let tx = self.inner.pool.begin().await?;
            match value {
                Some(value) => tx.execute(PUT, &[&now.as_millis(), &name, &value]).await?,
                None => tx.execute(REMOVE, &[&name]).await?,
            };
            changed(tx, ()).await
        })
    }
}

/// Ends a change: counts it, so that every node sees it, and makes it durable.
pub(super) async fn changed<T>(tx: Lent, value: T) -> Result<T, Failure> {
    tx.execute("UPDATE config_revision SET revision = revision + 1", &[]).await?;
    announce(&tx).await?;
    tx.commit().await?;
    Ok(value)
}

/// Wakes the other nodes when the transaction ends. A database that can not is asked no more than once whether it can.
pub(super) async fn announce(tx: &Lent) -> Result<(), Failure> {
    let can = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_proc WHERE proname = 'pg_notify')";
    if tx.one(can, &[]).await?.try_get::<_, bool>(0)? {
        tx.query("SELECT pg_notify($1, '')", &[&CHANNEL]).await?;
    }
    Ok(())
}

async fn settings(tx: &Lent) -> Result<BTreeMap<String, String>, Failure> {
    let rows = tx.query("SELECT key, value FROM config", &[]).await?;
    Ok(collect(&rows, |row| Ok((row.take()?, row.take()?)))?.into_iter().collect())
}
