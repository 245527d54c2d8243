//! What is kept of the people who run the pool, and of what they did.

use super::StoreFuture;
use crate::{
    id::{AuditId, UserId},
    secret::Secret,
    time::Timestamp,
    user::{AuditEntry, Deed, DeedEnd, Session, SessionDigest, User, UserSpec},
};

/// Keeps users and their sessions.
///
/// At every commit after the first admin was made there is an admin who can sign in: what would take the last one away is
/// refused with [`StoreError::LastAdmin`](super::StoreError::LastAdmin).
pub trait UserStore: Send + Sync + 'static {
    /// All users, by row.
    fn users(&self) -> StoreFuture<'_, Vec<User>>;

    /// Adds a user. [`StoreError::Conflict`](super::StoreError::Conflict) when the name is taken.
    fn insert_user(&self, spec: UserSpec, password: Option<Secret>, now: Timestamp) -> StoreFuture<'_, User>;

    /// Adds an admin, unless there is one who can sign in: then that is a conflict, too.
    fn insert_first_admin(&self, username: String, password: Secret, now: Timestamp) -> StoreFuture<'_, User>;

    /// Replaces what an admin wrote of a user. Ends the user's sessions when that takes rights away.
    fn update_user(&self, id: UserId, spec: UserSpec, now: Timestamp) -> StoreFuture<'_, User>;

    /// Gives a user another password, and ends all of the user's sessions.
    fn set_password(&self, id: UserId, password: Secret, now: Timestamp) -> StoreFuture<'_, ()>;

    /// Removes a user with all sessions. What was done stays in the audit log.
    fn delete_user(&self, id: UserId) -> StoreFuture<'_, ()>;

    /// Begins a session, which is a login of its user, and forgets those that have expired by now.
    fn insert_session(&self, session: Session) -> StoreFuture<'_, ()>;

    /// The session with its user, if it has not expired and the user is enabled.
    fn session(&self, digest: SessionDigest, now: Timestamp) -> StoreFuture<'_, Option<(Session, User)>>;

    /// Notes that a session was used.
    fn touch_session(&self, digest: SessionDigest, now: Timestamp) -> StoreFuture<'_, ()>;

    /// Ends a session. Ending one that is not there changes nothing.
    fn end_session(&self, digest: SessionDigest) -> StoreFuture<'_, ()>;
}

/// Keeps what people did.
pub trait AuditStore: Send + Sync + 'static {
    /// Writes down what is about to be done.
    fn note(&self, deed: Deed, now: Timestamp) -> StoreFuture<'_, AuditId>;

    /// Adds how it ended, once. What is settled stays as it is.
    fn settle_note(&self, id: AuditId, end: DeedEnd, now: Timestamp) -> StoreFuture<'_, ()>;

    /// At most `limit` lines with a smaller id than `before`, newest first; of one user, if so asked.
    fn notes(&self, user: Option<UserId>, before: Option<AuditId>, limit: u32) -> StoreFuture<'_, Vec<AuditEntry>>;
}
