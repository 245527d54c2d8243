//! What a key's upstream refused it for, by cause.

use super::{ChangeError, Handle};
use crate::{
    id::{CallId, KeyId},
    store::FailurePage,
    time::Timestamp,
};

/// Failures that are read at once, and at most: those of all keys stand side by side in the books.
const READ_AT_ONCE: u32 = 1_000;
const MOST_LOOKED_AT: usize = 10_000;

/// Answers of one key that were no success, and of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureCause {
    /// What they meant to the pool.
    pub verdict: String,
    /// The upstream's status.
    pub http_status: Option<u16>,
    /// How many there were.
    pub count: u64,
    /// When the last of them was asked for.
    pub last: Timestamp,
    /// The call that met with the last of them.
    pub call: CallId,
    /// What the upstream said with the last of them.
    pub message: Option<String>,
}

/// Failures.
impl Handle {
    /// Why answers of a key were no success since `from`, the most frequent cause first. The newest 10,000 failures of the
    /// pool are looked at; where nothing answered at all is no matter of the key, and not among them.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`], [`ChangeError::Unavailable`].
    pub async fn failure_causes(&self, id: KeyId, from: Timestamp) -> Result<Vec<FailureCause>, ChangeError> {
        self.key_and_live(id)?;
        let (mut causes, mut before, mut read) = (Vec::new(), None, 0);
        while read < MOST_LOOKED_AT {
            let page = FailurePage { from: Some(from), to: None, before, limit: READ_AT_ONCE };
            let failures = self.0.store.failures(page).await?;
            read += failures.len();
            before = failures.last().map(|failure| failure.place);
            let is_last = failures.len() < READ_AT_ONCE as usize;
            for failure in failures.into_iter().filter(|failure| failure.attempt.key == id) {
                count(&mut causes, failure.call, failure.attempt);
            }
            if is_last {
                break;
            }
        }
        causes.sort_by_key(|cause| std::cmp::Reverse((cause.count, cause.last)));
        Ok(causes)
    }
}

/// The newest come first, so that the first of a kind is its last.
fn count(causes: &mut Vec<FailureCause>, call: CallId, attempt: crate::store::StoredAttempt) {
    let is_like =
        |cause: &&mut FailureCause| cause.verdict == attempt.verdict && cause.http_status == attempt.http_status;
    match causes.iter_mut().find(is_like) {
        Some(cause) => cause.count += 1,
        None => causes.push(FailureCause {
            verdict: attempt.verdict,
            http_status: attempt.http_status,
            count: 1,
            last: attempt.create_time,
            call,
            message: attempt.error_message,
        }),
    }
}
