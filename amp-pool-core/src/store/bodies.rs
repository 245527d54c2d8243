//! What calls said, where an operator wants it kept.

use super::StoreFuture;
use crate::{id::CallId, time::Timestamp};

/// Keeps bodies apart from the books: nothing is summed of them, and they go before their calls do, or with them.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     id::CallId,
///     store::{BodyStore, CallBodies, KeptBody, memory::MemoryStore},
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let call = CallId::new(now, &[7; 10]);
/// let kept = |text: &str| KeptBody { bytes: text.len() as u64, text: Some(text.into()) };
/// store.put_bodies(vec![CallBodies { call, create_time: now, request: kept("hi"), answer: kept("hello") }]).await?;
/// assert_eq!(store.bodies(call).await?.map(|bodies| bodies.answer.bytes), Some(5));
/// assert_eq!(store.forget_bodies(Timestamp::from_millis(1), 100).await?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait BodyStore: Send + Sync + 'static {
    /// Keeps bodies. Those of a call that has some already are left as they are.
    fn put_bodies(&self, bodies: Vec<CallBodies>) -> StoreFuture<'_, ()>;

    /// The bodies of a call, if they are kept.
    fn bodies(&self, call: CallId) -> StoreFuture<'_, Option<CallBodies>>;

    /// Removes those that came before `before`, at most `most` of them, and says how many.
    fn forget_bodies(&self, before: Timestamp, most: u32) -> StoreFuture<'_, u64>;
}

/// What a call said. Texts are without secrets and cut to a length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallBodies {
    /// The call.
    pub call: CallId,
    /// When it came.
    pub create_time: Timestamp,
    /// What the client sent.
    pub request: KeptBody,
    /// What the client was answered.
    pub answer: KeptBody,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBody {
    /// Its beginning. `None`: it was no text.
    pub text: Option<String>,
    /// How long it was.
    pub bytes: u64,
}
