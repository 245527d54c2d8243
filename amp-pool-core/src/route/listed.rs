//! What upstreams say that they serve. A key that takes any name has no list of its own, and clients want one to choose from.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use crate::{
    id::KeyId,
    keys::{KeySpec, LiveKey},
    time::Timestamp,
};

/// The last list of each key, as long as the process runs.
#[derive(Default)]
pub(crate) struct Listed(RwLock<HashMap<KeyId, List>>);

struct List {
    /// Whose list it is: a key that was moved to another upstream has none.
    provider: String,
    base_url: Option<String>,
    models: Vec<String>,
    at: Timestamp,
}

impl List {
    fn is_of(&self, spec: &KeySpec) -> bool {
        self.provider == spec.provider && self.base_url == spec.base_url
    }
}

impl Listed {
    /// Takes the list of a key's upstream in the place of the one before.
    pub(crate) fn put(&self, key: &LiveKey, models: Vec<String>, at: Timestamp) {
        let KeySpec { provider, base_url, .. } = key.key.spec.clone();
        let mut lists = self.0.write().unwrap_or_else(PoisonError::into_inner);
        lists.insert(key.key.id, List { provider, base_url, models, at });
    }

    /// Forgets the lists of all other keys.
    pub(crate) fn keep(&self, is_there: impl Fn(KeyId) -> bool) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|id, _| is_there(*id));
    }

    /// What the upstream of `key` listed, and when.
    pub(crate) fn of(&self, key: &LiveKey) -> Option<(Vec<String>, Timestamp)> {
        let lists = self.read();
        let list = lists.get(&key.key.id).filter(|list| list.is_of(&key.key.spec))?;
        Some((list.models.clone(), list.at))
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<KeyId, List>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}
