//! Many keys at once: one transaction for each thousand, and one change of what is in force.

use super::{ChangeError, Handle};
use crate::{
    id::KeyId,
    keys::{Key, KeySpec},
    store::StoreError,
};

/// Keys in one transaction. Calls wait for the books while it is written, so it is not all at once.
const CHUNK: usize = 1000;

/// Many keys.
impl Handle {
    /// Adds keys, and says for each what became of it, in their order. What can not be added keeps nobody else out.
    ///
    /// # Errors
    /// [`ChangeError::Unavailable`] when the store fails on the way; those before it are added.
    ///
    /// # Cancel safety
    /// Dropping the future may leave some of them added and not in force until the next change.
    pub async fn add_keys(&self, specs: Vec<KeySpec>) -> Result<Vec<Result<KeyId, ChangeError>>, ChangeError> {
        let added = self.in_chunks(specs, |chunk| self.add_chunk(chunk)).await?;
        added.iter().flatten().for_each(|id| self.0.prober.look_again(*id));
        Ok(added)
    }

    async fn add_chunk(&self, specs: Vec<KeySpec>) -> Result<Vec<Result<KeyId, ChangeError>>, StoreError> {
        let checked: Vec<_> = specs.into_iter().map(|spec| self.check_key(&spec).map(|()| spec)).collect();
        let good: Vec<_> = checked.iter().flatten().cloned().collect();
        let mut made = self.0.store.insert_keys(good, self.now()).await?.into_iter();
        let outcome = |spec: Result<KeySpec, ChangeError>| {
            spec.and_then(|_| match made.next() {
                Some(key) => Ok(key.map(|key: Key| key.id)?),
                None => Err(ChangeError::Unavailable("the store did not answer for each key".into())),
            })
        };
        Ok(checked.into_iter().map(outcome).collect())
    }

    /// Whether keys could be added, as [`add_keys`](Self::add_keys) would say it, as far as no store is asked.
    #[must_use]
    pub fn check_keys(&self, specs: &[KeySpec]) -> Vec<Result<(), ChangeError>> {
        specs.iter().map(|spec| self.check_key(spec)).collect()
    }

    /// Replaces what an operator wrote of keys, and says for each what became of it.
    ///
    /// # Errors
    /// As [`add_keys`](Self::add_keys).
    pub async fn change_keys(
        &self,
        changes: Vec<(KeyId, KeySpec)>,
    ) -> Result<Vec<(KeyId, Result<(), ChangeError>)>, ChangeError> {
        let mut results = Vec::with_capacity(changes.len());
        let mut good = Vec::new();
        for (id, spec) in changes {
            match self.check_key(&spec) {
                Ok(()) => good.push((id, spec)),
                Err(error) => results.push((id, Err(error))),
            }
        }
        let changed = self.in_chunks(good, |chunk| async move { self.0.store.update_keys(chunk, self.now()).await });
        for (id, result) in changed.await? {
            self.0.prober.look_again(id);
            results.push((id, result.map_err(ChangeError::from)));
        }
        Ok(results)
    }

    /// Removes keys, and says for each what became of it. Their records stay.
    ///
    /// # Errors
    /// As [`add_keys`](Self::add_keys).
    pub async fn remove_keys(&self, ids: Vec<KeyId>) -> Result<Vec<(KeyId, Result<(), ChangeError>)>, ChangeError> {
        let removed = self.in_chunks(ids, |chunk| async move { self.0.store.delete_keys(chunk).await });
        Ok(removed.await?.into_iter().map(|(id, result)| (id, result.map_err(ChangeError::from))).collect())
    }

    /// Makes changes chunk by chunk and puts them in force at the end, also where a later one failed.
    async fn in_chunks<T, R, F>(&self, all: Vec<T>, change: impl Fn(Vec<T>) -> F) -> Result<Vec<R>, ChangeError>
    where
        F: Future<Output = Result<Vec<R>, StoreError>>,
    {
        let _one_at_a_time = self.0.changes.lock().await;
        let (mut done, mut all) = (Vec::with_capacity(all.len()), all.into_iter().peekable());
        let mut failure = None;
        while all.peek().is_some() && failure.is_none() {
            match change(all.by_ref().take(CHUNK).collect()).await {
                Ok(results) => done.extend(results),
                Err(error) => failure = Some(error),
            }
        }
        self.reload().await?;
        failure.map_or(Ok(done), |error| Err(error.into()))
    }
}
