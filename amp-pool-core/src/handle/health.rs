//! What happened to the fitness of keys, by a handle.

use super::{ChangeError, Handle};
use crate::{
    id::KeyId,
    keys::Subject,
    store::{Page, StoredHealthEvent},
};

/// Health.
impl Handle {
    /// A page of what happened to a key and to its account, newest first. Of each 200 events are kept, for 30 days at most.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`], [`ChangeError::Unavailable`].
    pub async fn health_history(&self, id: KeyId, page: Page) -> Result<Vec<StoredHealthEvent>, ChangeError> {
        let (key, _) = self.key_and_live(id)?;
        // What has just happened is to be seen.
        self.0.journal.flush().await;
        let subjects = [Subject::key(&key), Subject::account(&key)].map(|subject| subject.name);
        Ok(self.0.store.health_events(subjects.into(), page).await?)
    }
}
