//! Users, their sessions and what they did, in memory.

use std::collections::{BTreeMap, HashMap};

use super::{MemoryStore, State, StoreError, found, free};
use crate::{
    id::{AuditId, UserId},
    secret::Secret,
    store::{AuditStore, StoreFuture, UserStore},
    time::Timestamp,
    user::{AuditEntry, Deed, DeedEnd, Identity, Session, SessionDigest, User, UserSpec},
};

#[derive(Default)]
pub(super) struct People {
    users: BTreeMap<UserId, User>,
    identities: HashMap<Identity, UserId>,
    sessions: HashMap<SessionDigest, Session>,
    deeds: Vec<AuditEntry>,
}

impl UserStore for MemoryStore {
    fn users(&self) -> StoreFuture<'_, Vec<User>> {
        self.run(|state| Ok(state.people.users.values().cloned().collect()))
    }

    fn insert_user(&self, spec: UserSpec, password: Option<Secret>, now: Timestamp) -> StoreFuture<'_, User> {
        self.run(|state| state.add_user(spec, password, now))
    }

    fn insert_first_admin(&self, username: String, password: Secret, now: Timestamp) -> StoreFuture<'_, User> {
        self.run(|state| {
            free(state.people.users.values().any(User::is_active_admin), "an admin")?;
            state.add_user(UserSpec::admin(username), Some(password), now)
        })
    }

    fn update_user(&self, id: UserId, spec: UserSpec, now: Timestamp) -> StoreFuture<'_, User> {
        self.run(|state| {
            let known = state.people.users.get(&id).ok_or(StoreError::NotFound)?.clone();
            state.people.name_is_free(&spec.username, id)?;
            if spec.role < known.spec.role || !spec.enabled {
                state.people.spare_the_last_admin(id, &spec)?;
                state.people.end_sessions(id);
            }
            let user = User { update_time: now, spec, ..known };
            state.people.users.insert(id, user.clone());
            Ok(user)
        })
    }

    fn set_password(&self, id: UserId, password: Secret, now: Timestamp) -> StoreFuture<'_, ()> {
        self.run(|state| {
            let user = state.people.users.get_mut(&id).ok_or(StoreError::NotFound)?;
            (user.password, user.update_time) = (Some(password), now);
            state.people.end_sessions(id);
            Ok(())
        })
    }

    fn user_of(&self, identity: Identity) -> StoreFuture<'_, Option<User>> {
        self.run(|state| {
            let id = state.people.identities.get(&identity);
            Ok(id.and_then(|id| state.people.users.get(id)).cloned())
        })
    }

    fn insert_identity(&self, user: UserId, identity: Identity, _: Timestamp) -> StoreFuture<'_, ()> {
        self.run(|state| {
            let People { users, identities, .. } = &mut state.people;
            found(users.get(&user))?;
            let is_taken = |(known, of): (&Identity, &UserId)| {
                *known == identity || (*of == user && known.issuer == identity.issuer)
            };
            free(identities.iter().any(is_taken), "this identity")?;
            identities.insert(identity, user);
            Ok(())
        })
    }

    fn delete_user(&self, id: UserId) -> StoreFuture<'_, ()> {
        self.run(|state| {
            let known = state.people.users.get(&id).ok_or(StoreError::NotFound)?.spec.clone();
            state.people.spare_the_last_admin(id, &UserSpec { enabled: false, ..known })?;
            state.people.end_sessions(id);
            state.people.identities.retain(|_, user| *user != id);
            found(state.people.users.remove(&id))
        })
    }

    fn insert_session(&self, session: Session) -> StoreFuture<'_, ()> {
        self.run(|state| {
            let now = session.create_time;
            let user = state.people.users.get_mut(&session.user).ok_or(StoreError::NotFound)?;
            user.last_login = Some(now);
            state.people.sessions.retain(|_, other| other.expires_at > now);
            state.people.sessions.insert(session.digest, session);
            Ok(())
        })
    }

    fn session(&self, digest: SessionDigest, now: Timestamp) -> StoreFuture<'_, Option<(Session, User)>> {
        self.run(|state| {
            let session = state.people.sessions.get(&digest).filter(|session| now < session.expires_at);
            let user = session.and_then(|session| state.people.users.get(&session.user));
            Ok(session.cloned().zip(user.filter(|user| user.spec.enabled).cloned()))
        })
    }

    fn touch_session(&self, digest: SessionDigest, now: Timestamp) -> StoreFuture<'_, ()> {
        self.run(|state| {
            if let Some(session) = state.people.sessions.get_mut(&digest) {
                session.update_time = now;
            }
            Ok(())
        })
    }

    fn end_session(&self, digest: SessionDigest) -> StoreFuture<'_, ()> {
        self.run(|state| {
            state.people.sessions.remove(&digest);
            Ok(())
        })
    }
}

impl AuditStore for MemoryStore {
    fn note(&self, deed: Deed, now: Timestamp) -> StoreFuture<'_, AuditId> {
        self.run(|state| {
            let id = AuditId(state.next_id());
            state.people.deeds.push(AuditEntry { id, create_time: now, deed, status: None });
            Ok(id)
        })
    }

    fn settle_note(&self, id: AuditId, end: DeedEnd, _: Timestamp) -> StoreFuture<'_, ()> {
        self.run(|state| {
            if let Some(entry) = state.people.deeds.iter_mut().find(|entry| entry.id == id && entry.status.is_none()) {
                entry.status = Some(end.status);
                entry.deed.object = end.object.or(entry.deed.object.take());
                entry.deed.detail = end.detail.or(entry.deed.detail.take());
            }
            Ok(())
        })
    }

    fn notes(&self, user: Option<UserId>, before: Option<AuditId>, limit: u32) -> StoreFuture<'_, Vec<AuditEntry>> {
        self.run(|state| {
            let fits = |entry: &&AuditEntry| {
                before.is_none_or(|id| entry.id < id) && (user.is_none() || entry.deed.user == user)
            };
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            Ok(state.people.deeds.iter().rev().filter(fits).take(limit).cloned().collect())
        })
    }
}

impl State {
    fn add_user(&mut self, spec: UserSpec, password: Option<Secret>, now: Timestamp) -> Result<User, StoreError> {
        let id = UserId(self.next_id());
        self.people.name_is_free(&spec.username, id)?;
        let user = User { id, create_time: now, update_time: now, last_login: None, spec, password };
        self.people.users.insert(id, user.clone());
        Ok(user)
    }
}

impl People {
    fn name_is_free(&self, name: &str, id: UserId) -> Result<(), StoreError> {
        let taken = self.users.values().any(|other| other.id != id && other.spec.username == name);
        free(taken, "a user of this name")
    }

    /// Whether there is an admin who can sign in when user `id` becomes `spec`.
    fn spare_the_last_admin(&self, id: UserId, spec: &UserSpec) -> Result<(), StoreError> {
        let others = self.users.values().any(|user| user.id != id && user.is_active_admin());
        let was = self.users.get(&id).is_some_and(User::is_active_admin);
        if was && !others && !spec.is_active_admin() { Err(StoreError::LastAdmin) } else { Ok(()) }
    }

    fn end_sessions(&mut self, id: UserId) {
        self.sessions.retain(|_, session| session.user != id);
    }
}
