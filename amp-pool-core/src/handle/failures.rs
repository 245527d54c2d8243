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
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     caller::TokenSpec,
///     handle::FailureCause,
///     keys::KeySpec,
///     secret::Secret,
///     testkit::{Reply, Script},
///     time::Timestamp,
/// };
/// # use bytes::Bytes;
/// # use http_body_util::{BodyExt as _, Full};
/// # use tower::ServiceExt as _;
///
/// let upstream = Script::new().on("sk-a", Reply::error(401, "invalid_request_error", "invalid_api_key", "wrong key"));
/// let pool = Pool::builder().transport(upstream).build().await?;
/// let key = pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?.key.id;
/// # let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;
/// # let request = http::Request::post("/v1/chat/completions")
/// #     .header("authorization", format!("Bearer {}", token.expose()))
/// #     .body(Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[]}"#)))?;
/// # let Ok(answer) = pool.clone().oneshot(request).await;
/// # answer.into_body().collect().await.map_err(|error| error.to_string())?;
///
/// // After a call:
/// let causes: Vec<FailureCause> = pool.handle().failure_causes(key, Timestamp::from_millis(0)).await?;
/// let FailureCause { verdict, http_status, count, .. } = &causes[0];
/// assert_eq!((verdict.as_str(), *http_status, *count), ("bad_credential", Some(401), 1));
/// // The last call that met with it can be looked at.
/// assert!(pool.handle().record(causes[0].call).await?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
