//! What happened to the fitness of keys, by a handle.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::sync::watch;

use super::{ChangeError, Handle, READ_AGAIN, State, monotonic};
use crate::{
    id::KeyId,
    keys::{Moment, Subject},
    store::{Page, StoredHealthEvent},
};

/// So long what others learn may gather before it is looked at again.
const GATHERING: Duration = Duration::from_millis(250);

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

    /// Goes by what other processes learn of keys, until the pool is gone.
    pub(crate) fn heed(&self) {
        let Some(news) = self.0.store.health_news() else { return };
        tokio::spawn(heed(Arc::downgrade(&self.0), news));
    }
}

async fn heed(state: Weak<State>, mut news: watch::Receiver<i64>) {
    while news.changed().await.is_ok() {
        loop {
            let Some(state) = state.upgrade() else { return };
            let kept = state.store.troubles().await;
            match kept {
                Ok(kept) => {
                    state.standings.heed(kept, Moment { now: monotonic(), wall: state.clock.now() });
                    break;
                }
                Err(error) => tracing::warn!(%error, "what others know of keys can not be read; trying again"),
            }
            drop(state);
            tokio::time::sleep(READ_AGAIN).await;
        }
        tokio::time::sleep(GATHERING).await;
    }
}
