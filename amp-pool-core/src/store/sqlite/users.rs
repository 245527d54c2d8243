//! Users as rows of `users`, who they are elsewhere as rows of `user_identities`, who is signed in as rows of `sessions`, and
//! what they did as rows of `audit_log`.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{
    Failure, SqliteStore,
    fields::{Fields, collect, one, single},
};
use crate::{
    id::{AuditId, UserId},
    secret::Secret,
    store::{AuditStore, StoreError, StoreFuture, UserStore},
    time::Timestamp,
    user::{AuditEntry, Deed, DeedEnd, Identity, Role, Session, SessionDigest, User, UserSpec},
};

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, create_time, update_time, last_login, username, role, enabled, password FROM users ", $rest)
    };
}

const ALL: &str = select!("ORDER BY id");
const ONE: &str = select!("WHERE id = ?1");
const OF_IDENTITY: &str =
    select!("WHERE id = (SELECT user_id FROM user_identities WHERE issuer = ?1 AND subject = ?2)");

const INSERT: &str = "
    INSERT INTO users (create_time, update_time, username, role, enabled, password) VALUES (?1, ?1, ?2, ?3, ?4, ?5)";

const UPDATE: &str = "UPDATE users SET update_time = ?2, username = ?3, role = ?4, enabled = ?5 WHERE id = ?1";

const INSERT_IDENTITY: &str = "
    INSERT INTO user_identities (create_time, update_time, user_id, issuer, subject) VALUES (?1, ?1, ?2, ?3, ?4)";

const INSERT_SESSION: &str = "
    INSERT INTO sessions (digest, create_time, update_time, expires_at, user_id) VALUES (?1, ?2, ?3, ?4, ?5)";

const SESSION: &str = "SELECT digest, user_id, create_time, update_time, expires_at FROM sessions
    WHERE digest = ?1 AND expires_at > ?2 AND EXISTS (SELECT 1 FROM users WHERE id = user_id AND enabled)";

const NOTE: &str = "
    INSERT INTO audit_log (create_time, update_time, user_id, actor, address, action, object, detail)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const SETTLE: &str = "
    UPDATE audit_log
    SET update_time = ?2, status = ?3, object = coalesce(?4, object), detail = coalesce(?5, detail)
    WHERE id = ?1 AND status IS NULL";

const NOTES: &str = "
    SELECT id, create_time, user_id, actor, address, action, object, detail, status FROM audit_log
    WHERE id < ?1 AND (?2 IS NULL OR user_id = ?2) ORDER BY id DESC LIMIT ?3";

impl UserStore for SqliteStore {
    fn users(&self) -> StoreFuture<'_, Vec<User>> {
        self.read(|tx| collect(tx, ALL, &[], read))
    }

    fn insert_user(&self, spec: UserSpec, password: Option<Secret>, now: Timestamp) -> StoreFuture<'_, User> {
        self.write(move |tx| insert(tx, &spec, password.as_ref(), now))
    }

    fn insert_first_admin(&self, username: String, password: Secret, now: Timestamp) -> StoreFuture<'_, User> {
        self.write(move |tx| {
            if admins(tx)? > 0 {
                return Err(StoreError::Conflict { what: "an admin".into() }.into());
            }
            insert(tx, &UserSpec::admin(username), Some(&password), now)
        })
    }

    fn update_user(&self, id: UserId, spec: UserSpec, now: Timestamp) -> StoreFuture<'_, User> {
        self.write(move |tx| update(tx, id, &spec, now))
    }

    fn set_password(&self, id: UserId, password: Secret, now: Timestamp) -> StoreFuture<'_, ()> {
        self.write(move |tx| {
            let update = "UPDATE users SET update_time = ?2, password = ?3 WHERE id = ?1";
            one(tx.execute(update, params![id.0, now.as_millis(), password.expose()])?)?;
            end_sessions(tx, id)
        })
    }

    fn user_of(&self, identity: Identity) -> StoreFuture<'_, Option<User>> {
        self.read(move |tx| Ok(collect(tx, OF_IDENTITY, &[&identity.issuer, &identity.subject], read)?.pop()))
    }

    fn insert_identity(&self, user: UserId, identity: Identity, now: Timestamp) -> StoreFuture<'_, ()> {
        self.write(move |tx| {
            let user = get(tx, user)?.id;
            tx.execute(INSERT_IDENTITY, params![now.as_millis(), user.0, identity.issuer, identity.subject])?;
            Ok(())
        })
    }

    fn delete_user(&self, id: UserId) -> StoreFuture<'_, ()> {
        self.write(move |tx| {
            let had_one = admins(tx)? > 0;
            one(tx.execute("DELETE FROM users WHERE id = ?1", [id.0])?)?;
            spare_the_last_admin(tx, had_one)
        })
    }

    fn insert_session(&self, session: Session) -> StoreFuture<'_, ()> {
        self.write(move |tx| begin(tx, &session))
    }

    fn session(&self, digest: SessionDigest, now: Timestamp) -> StoreFuture<'_, Option<(Session, User)>> {
        self.read(move |tx| {
            let found = collect(tx, SESSION, &[&digest.0, &now.as_millis()], read_session)?.pop();
            found.map(|session| Ok((session.clone(), get(tx, session.user)?))).transpose()
        })
    }

    fn touch_session(&self, digest: SessionDigest, now: Timestamp) -> StoreFuture<'_, ()> {
        self.write(move |tx| {
            tx.execute("UPDATE sessions SET update_time = ?2 WHERE digest = ?1", params![digest.0, now.as_millis()])?;
            Ok(())
        })
    }

    fn end_session(&self, digest: SessionDigest) -> StoreFuture<'_, ()> {
        self.write(move |tx| {
            tx.execute("DELETE FROM sessions WHERE digest = ?1", [digest.0])?;
            Ok(())
        })
    }
}

impl AuditStore for SqliteStore {
    fn note(&self, deed: Deed, now: Timestamp) -> StoreFuture<'_, AuditId> {
        self.write(move |tx| {
            let Deed { user, actor, address, action, object, detail } = deed;
            let user = user.map(|id| id.0);
            tx.execute(NOTE, params![now.as_millis(), user, actor, address, action, object, detail])?;
            Ok(AuditId(tx.last_insert_rowid()))
        })
    }

    fn settle_note(&self, id: AuditId, end: DeedEnd, now: Timestamp) -> StoreFuture<'_, ()> {
        self.write(move |tx| {
            let DeedEnd { object, detail, status } = end;
            tx.execute(SETTLE, params![id.0, now.as_millis(), status, object, detail])?;
            Ok(())
        })
    }

    fn notes(&self, user: Option<UserId>, before: Option<AuditId>, limit: u32) -> StoreFuture<'_, Vec<AuditEntry>> {
        self.read(move |tx| {
            let before = before.map_or(i64::MAX, |id| id.0);
            collect(tx, NOTES, &[&before, &user.map(|id| id.0), &limit], read_note)
        })
    }
}

fn insert(tx: &Transaction<'_>, spec: &UserSpec, password: Option<&Secret>, now: Timestamp) -> Result<User, Failure> {
    let UserSpec { username, role, enabled } = spec;
    let password = password.map(Secret::expose);
    tx.execute(INSERT, params![now.as_millis(), username, role.as_str(), enabled, password])?;
    get(tx, UserId(tx.last_insert_rowid()))
}

fn update(tx: &Transaction<'_>, id: UserId, spec: &UserSpec, now: Timestamp) -> Result<User, Failure> {
    let known = get(tx, id)?.spec;
    let had_one = admins(tx)? > 0;
    let UserSpec { username, role, enabled } = spec;
    one(tx.execute(UPDATE, params![id.0, now.as_millis(), username, role.as_str(), enabled])?)?;
    spare_the_last_admin(tx, had_one)?;
    if *role < known.role || !enabled {
        end_sessions(tx, id)?;
    }
    get(tx, id)
}

fn begin(tx: &Transaction<'_>, session: &Session) -> Result<(), Failure> {
    let Session { digest, user, create_time, update_time, expires_at } = session;
    let now = create_time.as_millis();
    one(tx.execute("UPDATE users SET last_login = ?2 WHERE id = ?1", [user.0, now])?)?;
    tx.execute("DELETE FROM sessions WHERE expires_at <= ?1", [now])?;
    tx.execute(INSERT_SESSION, params![digest.0, now, update_time.as_millis(), expires_at.as_millis(), user.0])?;
    Ok(())
}

fn end_sessions(tx: &Transaction<'_>, id: UserId) -> Result<(), Failure> {
    tx.execute("DELETE FROM sessions WHERE user_id = ?1", [id.0])?;
    Ok(())
}

/// Looked at when the change has been made: an error takes the change back.
fn spare_the_last_admin(tx: &Transaction<'_>, had_one: bool) -> Result<(), Failure> {
    if had_one && admins(tx)? == 0 { Err(StoreError::LastAdmin.into()) } else { Ok(()) }
}

fn admins(tx: &Transaction<'_>) -> Result<i64, Failure> {
    let count = "SELECT count(*) FROM users WHERE enabled AND role = ?1";
    Ok(tx.query_row(count, [Role::Admin.as_str()], |row| row.get(0)).optional()?.unwrap_or_default())
}

fn get(tx: &Transaction<'_>, id: UserId) -> Result<User, Failure> {
    single(tx, ONE, &[&id.0], read)
}

fn read(row: &mut Fields<'_>) -> Result<User, Failure> {
    Ok(User {
        id: UserId(row.take()?),
        create_time: row.time()?,
        update_time: row.time()?,
        last_login: row.take::<Option<i64>>()?.map(Timestamp::from_millis),
        spec: UserSpec {
            username: row.take()?,
            role: row.take::<String>()?.parse().map_err(Failure::corrupt)?,
            enabled: row.take()?,
        },
        password: row.take::<Option<String>>()?.map(Secret::new),
    })
}

fn read_session(row: &mut Fields<'_>) -> Result<Session, Failure> {
    Ok(Session {
        digest: SessionDigest(row.take()?),
        user: UserId(row.take()?),
        create_time: row.time()?,
        update_time: row.time()?,
        expires_at: row.time()?,
    })
}

fn read_note(row: &mut Fields<'_>) -> Result<AuditEntry, Failure> {
    Ok(AuditEntry {
        id: AuditId(row.take()?),
        create_time: row.time()?,
        deed: Deed {
            user: row.take::<Option<i64>>()?.map(UserId),
            actor: row.take()?,
            address: row.take()?,
            action: row.take()?,
            object: row.take()?,
            detail: row.take()?,
        },
        status: row.take()?,
    })
}
