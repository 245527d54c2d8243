//! What calls said, where an operator wants it kept.

use super::StoreFuture;
use crate::{id::CallId, time::Timestamp};

/// Keeps bodies apart from the books: nothing is summed of them, and they go before their calls do, or with them.
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
