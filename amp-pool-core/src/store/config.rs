//! What operators write.

use std::collections::BTreeMap;

use tokio::sync::watch;

use super::{StoreError, StoreFuture};
use crate::{
    caller::{ClientToken, GroupSpec, TokenDigest, TokenGroup, TokenSpec},
    classify::{OwnRule, RuleSpec},
    id::{GroupId, KeyId, RouteId, RuleId, TokenId},
    keys::{Key, KeySpec, Slice},
    provider::{OwnProvider, Provider},
    route::{Route, RouteSpec},
    time::Timestamp,
};

/// Everything an operator wrote.
#[derive(Clone, Default)]
pub struct Configuration {
    /// Upstream keys, by row.
    pub keys: Vec<Key>,
    /// Client tokens, by row.
    pub tokens: Vec<ClientToken>,
    /// Groups of client tokens, by row.
    pub groups: Vec<TokenGroup>,
    /// Routes, by row.
    pub routes: Vec<Route>,
    /// Rules for verdicts, by row.
    pub rules: Vec<OwnRule>,
    /// Providers of operators, by row.
    pub providers: Vec<OwnProvider>,
    /// The settings table.
    pub settings: BTreeMap<String, String>,
}

/// Keeps what operators write.
///
/// A change is durable when its future is ready; dropping the future may or may not have made it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     caller::{TokenDigest, TokenSpec},
///     keys::KeySpec,
///     secret::Secret,
///     store::{ConfigStore, Configuration, TokenSecret, memory::MemoryStore},
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let key = store.insert_key(KeySpec::new("mine", "openai", Secret::new("sk-a")), now).await?;
/// let secret = TokenSecret { digest: TokenDigest::of("amp-1"), hint: "amp-…".into() };
/// store.insert_token(TokenSpec::named("ada"), secret, now).await?;
///
/// // A pool loads everything at once, and again after each change.
/// let all: Configuration = store.load().await?;
/// assert_eq!((all.keys[0].id, all.tokens[0].spec.name.as_str()), (key.id, "ada"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ConfigStore: Send + Sync + 'static {
    /// Everything, as it stands.
    fn load(&self) -> StoreFuture<'_, Configuration>;

    /// Another number whenever what [`load`](Self::load) gives may have changed, by whomever. `None`: nobody but this
    /// store's own user can change it.
    ///
    /// A connection that is lost may hide a change until there is one again.
    fn revisions(&self) -> Option<watch::Receiver<i64>> {
        None
    }

    /// Which part of every limit this process may use, of those that share the store. When it changes, so does the number
    /// of [`revisions`](Self::revisions), or it is said once more.
    fn slice(&self) -> Slice {
        Slice::WHOLE
    }

    /// Adds a key. [`StoreError::Conflict`] when the same credential is there already.
    fn insert_key(&self, spec: KeySpec, now: Timestamp) -> StoreFuture<'_, Key>;
    /// Replaces what an operator wrote of a key.
    fn update_key(&self, id: KeyId, spec: KeySpec, now: Timestamp) -> StoreFuture<'_, Key>;
    /// Removes a key. Its records stay.
    fn delete_key(&self, id: KeyId) -> StoreFuture<'_, ()>;

    /// Adds keys as one transaction, and says for each what became of it; a conflict keeps no other out.
    fn insert_keys(&self, specs: Vec<KeySpec>, now: Timestamp) -> StoreFuture<'_, Vec<Result<Key, StoreError>>> {
        Box::pin(async move {
            let mut made = Vec::with_capacity(specs.len());
            for spec in specs {
                made.push(unless_unavailable(self.insert_key(spec, now).await)?);
            }
            Ok(made)
        })
    }

    /// Replaces what an operator wrote of keys as one transaction, and says for each what became of it.
    fn update_keys(&self, changes: Vec<(KeyId, KeySpec)>, now: Timestamp) -> StoreFuture<'_, Vec<KeyChange>> {
        Box::pin(async move {
            let mut changed = Vec::with_capacity(changes.len());
            for (id, spec) in changes {
                changed.push((id, unless_unavailable(self.update_key(id, spec, now).await.map(drop))?));
            }
            Ok(changed)
        })
    }

    /// Removes keys as one transaction, and says for each what became of it.
    fn delete_keys(&self, ids: Vec<KeyId>) -> StoreFuture<'_, Vec<KeyChange>> {
        Box::pin(async move {
            let mut removed = Vec::with_capacity(ids.len());
            for id in ids {
                removed.push((id, unless_unavailable(self.delete_key(id).await)?));
            }
            Ok(removed)
        })
    }

    /// Adds a client token.
    fn insert_token(&self, spec: TokenSpec, secret: TokenSecret, now: Timestamp) -> StoreFuture<'_, ClientToken>;
    /// Replaces what an operator wrote of a client token.
    fn update_token(&self, id: TokenId, spec: TokenSpec, now: Timestamp) -> StoreFuture<'_, ClientToken>;
    /// Gives a client token another secret; the old one ends at once.
    fn rotate_token(&self, id: TokenId, secret: TokenSecret, now: Timestamp) -> StoreFuture<'_, ClientToken>;
    /// Removes a client token. Its records stay.
    fn delete_token(&self, id: TokenId) -> StoreFuture<'_, ()>;

    /// Adds a group of client tokens. [`StoreError::Conflict`] when one is called the same.
    fn insert_group(&self, spec: GroupSpec, now: Timestamp) -> StoreFuture<'_, TokenGroup>;
    /// Replaces what an operator wrote of a group.
    fn update_group(&self, id: GroupId, spec: GroupSpec, now: Timestamp) -> StoreFuture<'_, TokenGroup>;
    /// Removes a group. [`StoreError::Conflict`] when client tokens belong to it: they would lose a limit unseen.
    fn delete_group(&self, id: GroupId) -> StoreFuture<'_, ()>;

    /// Adds a route. [`StoreError::Conflict`] when the model has one.
    fn insert_route(&self, spec: RouteSpec, now: Timestamp) -> StoreFuture<'_, Route>;
    /// Replaces a route.
    fn update_route(&self, id: RouteId, spec: RouteSpec, now: Timestamp) -> StoreFuture<'_, Route>;
    /// Removes a route.
    fn delete_route(&self, id: RouteId) -> StoreFuture<'_, ()>;

    /// Adds a rule for verdicts.
    fn insert_rule(&self, spec: RuleSpec, now: Timestamp) -> StoreFuture<'_, OwnRule>;
    /// Replaces a rule.
    fn update_rule(&self, id: RuleId, spec: RuleSpec, now: Timestamp) -> StoreFuture<'_, OwnRule>;
    /// Removes a rule.
    fn delete_rule(&self, id: RuleId) -> StoreFuture<'_, ()>;

    /// Adds a provider. [`StoreError::Conflict`] when there is one of its id.
    fn insert_provider(&self, provider: Provider, now: Timestamp) -> StoreFuture<'_, OwnProvider>;
    /// Replaces the provider of that id.
    fn update_provider(&self, provider: Provider, now: Timestamp) -> StoreFuture<'_, OwnProvider>;
    /// Removes the provider of that id. [`StoreError::Conflict`] when keys belong to it.
    fn delete_provider(&self, id: String) -> StoreFuture<'_, ()>;

    /// Writes one setting, or removes it with `None`.
    fn put_setting(&self, name: String, value: Option<String>, now: Timestamp) -> StoreFuture<'_, ()>;
}

/// What became of a key in a change of many.
pub type KeyChange = (KeyId, Result<(), StoreError>);

/// What is wrong with one key is its own; what is wrong with the store ends the change of all.
fn unless_unavailable<T>(result: Result<T, StoreError>) -> Result<Result<T, StoreError>, StoreError> {
    match result {
        Err(error @ (StoreError::Unavailable(_) | StoreError::Corrupt(_))) => Err(error),
        other => Ok(other),
    }
}

/// What a store keeps of a client token's secret.
#[derive(Debug, Clone)]
pub struct TokenSecret {
    /// What it is looked up by.
    pub digest: TokenDigest,
    /// The part that may be shown.
    pub hint: String,
}
