//! What is kept of the people who run the pool, and of what they did.

use super::StoreFuture;
use crate::{
    id::{AuditId, UserId},
    secret::Secret,
    time::Timestamp,
    user::{AuditEntry, Deed, DeedEnd, Identity, Session, SessionDigest, User, UserSpec},
};

/// Keeps users and their sessions.
///
/// At every commit after the first admin was made there is an admin who can sign in: what would take the last one away is
/// refused with [`StoreError::LastAdmin`](super::StoreError::LastAdmin).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     secret::Secret,
///     store::{StoreError, UserStore, memory::MemoryStore},
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let hash = || Secret::new("$argon2id$…");
/// let admin = store.insert_first_admin("ada".into(), hash(), now).await?;
/// // Of many who set a pool up at once, one wins.
/// assert!(store.insert_first_admin("eve".into(), hash(), now).await.is_err());
/// // Somebody has to be left who can let others in.
/// assert!(matches!(store.delete_user(admin.id).await, Err(StoreError::LastAdmin)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

    /// The user whom an identity signs in.
    fn user_of(&self, identity: Identity) -> StoreFuture<'_, Option<User>>;

    /// Lets an identity sign a user in. [`StoreError::Conflict`](super::StoreError::Conflict) when it is somebody's already, or
    /// the user has one of the same issuer.
    fn insert_identity(&self, user: UserId, identity: Identity, now: Timestamp) -> StoreFuture<'_, ()>;

    /// Removes a user with all sessions and identities. What was done stays in the audit log.
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
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     store::{AuditStore, memory::MemoryStore},
///     time::Timestamp,
///     user::{AuditEntry, Deed, DeedEnd},
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let deed = Deed { actor: "ada".into(), action: "delete key".into(), object: Some("key:7".into()), ..Deed::default() };
/// // Noted before it is done, so that nothing is done that is not noted.
/// let id = store.note(deed, now).await?;
/// store.settle_note(id, DeedEnd { status: 204, ..DeedEnd::default() }, now).await?;
/// let notes: Vec<AuditEntry> = store.notes(None, None, 10).await?;
/// assert_eq!((notes[0].deed.actor.as_str(), notes[0].status), ("ada", Some(204)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait AuditStore: Send + Sync + 'static {
    /// Writes down what is about to be done.
    fn note(&self, deed: Deed, now: Timestamp) -> StoreFuture<'_, AuditId>;

    /// Adds how it ended, once. What is settled stays as it is.
    fn settle_note(&self, id: AuditId, end: DeedEnd, now: Timestamp) -> StoreFuture<'_, ()>;

    /// At most `limit` lines with a smaller id than `before`, newest first; of one user, if so asked.
    fn notes(&self, user: Option<UserId>, before: Option<AuditId>, limit: u32) -> StoreFuture<'_, Vec<AuditEntry>>;
}
