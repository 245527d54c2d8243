//! Users as rows of `users`, who they are elsewhere as rows of `user_identities`, who is signed in as rows of `sessions`, and
//! what they did as rows of `audit_log`.

use tokio_postgres::types::ToSql;

use super::{
    Failure, PostgresStore,
    fields::{Fields, collect, met, text},
    pool::Lent,
};
use crate::{
    id::{AuditId, UserId},
    secret::Secret,
    store::{AuditStore, StoreError, StoreFuture, UserStore},
    time::Timestamp,
    user::{AuditEntry, Deed, DeedEnd, Identity, Role, Session, SessionDigest, User, UserSpec},
};

macro_rules! columns {
    () => {
        "id, create_time, update_time, last_login, username, role, enabled, password"
    };
}

const ALL: &str = concat!("SELECT ", columns!(), " FROM users ORDER BY id");
const ONE: &str = concat!("SELECT ", columns!(), " FROM users WHERE id = $1");
const OF_IDENTITY: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM users WHERE id = (SELECT user_id FROM user_identities WHERE issuer = $1 AND subject = $2)"
);

const INSERT: &str = concat!(
    "INSERT INTO users (create_time, update_time, username, role, enabled, password) VALUES ($1, $1, $2, $3, $4, $5) ",
    "RETURNING ",
    columns!()
);

const UPDATE: &str = concat!(
    "UPDATE users SET update_time = $2, username = $3, role = $4, enabled = $5 WHERE id = $1 RETURNING ",
    columns!()
);

const INSERT_IDENTITY: &str = "
    INSERT INTO user_identities (create_time, update_time, user_id, issuer, subject) VALUES ($1, $1, $2, $3, $4)";

const INSERT_SESSION: &str = "
    INSERT INTO sessions (digest, create_time, update_time, expires_at, user_id) VALUES ($1, $2, $3, $4, $5)";

const SESSION: &str = "
    SELECT digest, user_id, create_time, update_time, expires_at FROM sessions
    WHERE digest = $1 AND expires_at > $2 AND EXISTS (SELECT 1 FROM users WHERE id = user_id AND enabled)";

const NOTE: &str = "
    INSERT INTO audit_log (create_time, update_time, user_id, actor, address, action, object, detail)
    VALUES ($1, $1, $2, $3, $4, $5, $6, $7) RETURNING id";

const SETTLE: &str = "
    UPDATE audit_log
    SET update_time = $2, status = $3, object = coalesce($4, object), detail = coalesce($5, detail)
    WHERE id = $1 AND status IS NULL";

const NOTES: &str = "
    SELECT id, create_time, user_id, actor, address, action, object, detail, status FROM audit_log
    WHERE id < $1 AND ($2::int8 IS NULL OR user_id = $2) ORDER BY id DESC LIMIT $3";

impl UserStore for PostgresStore {
    fn users(&self) -> StoreFuture<'_, Vec<User>> {
        self.answer(async { collect(&self.inner.pool.lend().await?.query(ALL, &[]).await?, read) })
    }

    fn insert_user(&self, spec: UserSpec, password: Option<Secret>, now: Timestamp) -> StoreFuture<'_, User> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let user = insert(&tx, &spec, password.as_ref(), now).await?;
            tx.commit().await?;
            Ok(user)
        })
    }

    fn insert_first_admin(&self, username: String, password: Secret, now: Timestamp) -> StoreFuture<'_, User> {
        self.answer(async move {
            let tx = self.alone_with_users().await?;
            if admins(&tx).await? > 0 {
                return Err(StoreError::Conflict { what: "an admin".into() }.into());
            }
            let user = insert(&tx, &UserSpec::admin(username), Some(&password), now).await?;
            tx.commit().await?;
            Ok(user)
        })
    }

    fn update_user(&self, id: UserId, spec: UserSpec, now: Timestamp) -> StoreFuture<'_, User> {
        self.answer(async move {
            let tx = self.alone_with_users().await?;
            let user = update(&tx, id, &spec, now).await?;
            tx.commit().await?;
            Ok(user)
        })
    }

    fn set_password(&self, id: UserId, password: Secret, now: Timestamp) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let update = "UPDATE users SET update_time = $2, password = $3 WHERE id = $1";
            met(tx.execute(update, &[&id.0, &now.as_millis(), &password.expose()]).await?)?;
            end_sessions(&tx, id).await?;
            tx.commit().await
        })
    }

    fn user_of(&self, identity: Identity) -> StoreFuture<'_, Option<User>> {
        self.answer(async move {
            let lent = self.inner.pool.lend().await?;
            let found = lent.query(OF_IDENTITY, &[&text(&identity.issuer), &text(&identity.subject)]).await?;
            Ok(collect(&found, read)?.pop())
        })
    }

    fn insert_identity(&self, user: UserId, identity: Identity, now: Timestamp) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let user = get(&tx, user).await?.id;
            let (issuer, subject) = (text(&identity.issuer), text(&identity.subject));
            let values: [&(dyn ToSql + Sync); 4] = [&now.as_millis(), &user.0, &issuer, &subject];
            tx.execute(INSERT_IDENTITY, &values).await?;
            tx.commit().await
        })
    }

    fn delete_user(&self, id: UserId) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.alone_with_users().await?;
            let had_one = admins(&tx).await? > 0;
            met(tx.execute("DELETE FROM users WHERE id = $1", &[&id.0]).await?)?;
            spare_the_last_admin(&tx, had_one).await?;
            tx.commit().await
        })
    }

    fn insert_session(&self, session: Session) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            begin(&tx, &session).await?;
            tx.commit().await
        })
    }

    fn session(&self, digest: SessionDigest, now: Timestamp) -> StoreFuture<'_, Option<(Session, User)>> {
        self.answer(async move {
            let tx = self.inner.pool.snapshot().await?;
            let found = tx.query(SESSION, &[&&digest.0[..], &now.as_millis()]).await?;
            let Some(session) = collect(&found, read_session)?.pop() else { return Ok(None) };
            let user = get(&tx, session.user).await?;
            tx.commit().await?;
            Ok(Some((session, user)))
        })
    }

    fn touch_session(&self, digest: SessionDigest, now: Timestamp) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let touch = "UPDATE sessions SET update_time = $2 WHERE digest = $1";
            let lent = self.inner.pool.lend().await?;
            lent.execute(touch, &[&&digest.0[..], &now.as_millis()]).await.map(drop)
        })
    }

    fn end_session(&self, digest: SessionDigest) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let lent = self.inner.pool.lend().await?;
            lent.execute("DELETE FROM sessions WHERE digest = $1", &[&&digest.0[..]]).await.map(drop)
        })
    }
}

impl AuditStore for PostgresStore {
    fn note(&self, deed: Deed, now: Timestamp) -> StoreFuture<'_, AuditId> {
        self.answer(async move {
            let (user, object) = (deed.user.map(|id| id.0), deed.object.as_deref().map(text));
            let (actor, address, action) = (text(&deed.actor), text(&deed.address), text(&deed.action));
            let detail = deed.detail.as_deref().map(text);
            let values: [&(dyn ToSql + Sync); 7] =
                [&now.as_millis(), &user, &actor, &address, &action, &object, &detail];
            Ok(AuditId(self.inner.pool.lend().await?.one(NOTE, &values).await?.try_get(0)?))
        })
    }

    fn settle_note(&self, id: AuditId, end: DeedEnd, now: Timestamp) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let (object, detail) = (end.object.as_deref().map(text), end.detail.as_deref().map(text));
            let values: [&(dyn ToSql + Sync); 5] = [&id.0, &now.as_millis(), &i32::from(end.status), &object, &detail];
            self.inner.pool.lend().await?.execute(SETTLE, &values).await.map(drop)
        })
    }

    fn notes(&self, user: Option<UserId>, before: Option<AuditId>, limit: u32) -> StoreFuture<'_, Vec<AuditEntry>> {
        self.answer(async move {
            let (before, user) = (before.map_or(i64::MAX, |id| id.0), user.map(|id| id.0));
            let rows = self.inner.pool.lend().await?.query(NOTES, &[&before, &user, &i64::from(limit)]).await?;
            collect(&rows, read_note)
        })
    }
}

impl PostgresStore {
    /// A transaction that alone changes users: of two that take away one admin each, the second has to see the first.
    async fn alone_with_users(&self) -> Result<Lent, Failure> {
        let tx = self.inner.pool.begin().await?;
        tx.batch("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").await?;
        Ok(tx)
    }
}

async fn insert(tx: &Lent, spec: &UserSpec, password: Option<&Secret>, now: Timestamp) -> Result<User, Failure> {
    let (password, role) = (password.map(Secret::expose), spec.role.as_str());
    let values: [&(dyn ToSql + Sync); 5] = [&now.as_millis(), &text(&spec.username), &role, &spec.enabled, &password];
    read(&mut Fields::of(&tx.one(INSERT, &values).await?))
}

async fn update(tx: &Lent, id: UserId, spec: &UserSpec, now: Timestamp) -> Result<User, Failure> {
    let known = get(tx, id).await?.spec;
    let had_one = admins(tx).await? > 0;
    let (username, role) = (text(&spec.username), spec.role.as_str());
    let values: [&(dyn ToSql + Sync); 5] = [&id.0, &now.as_millis(), &username, &role, &spec.enabled];
    let row = tx.one(UPDATE, &values).await?;
    spare_the_last_admin(tx, had_one).await?;
    if spec.role < known.role || !spec.enabled {
        end_sessions(tx, id).await?;
    }
    read(&mut Fields::of(&row))
}

async fn begin(tx: &Lent, session: &Session) -> Result<(), Failure> {
    let Session { digest, user, create_time, update_time, expires_at } = session;
    let now = create_time.as_millis();
    met(tx.execute("UPDATE users SET last_login = $2 WHERE id = $1", &[&user.0, &now]).await?)?;
    tx.execute("DELETE FROM sessions WHERE expires_at <= $1", &[&now]).await?;
    let values: [&(dyn ToSql + Sync); 5] =
        [&&digest.0[..], &now, &update_time.as_millis(), &expires_at.as_millis(), &user.0];
    tx.execute(INSERT_SESSION, &values).await.map(drop)
}

async fn end_sessions(tx: &Lent, id: UserId) -> Result<(), Failure> {
    tx.execute("DELETE FROM sessions WHERE user_id = $1", &[&id.0]).await.map(drop)
}

/// Looked at when the change has been made: an error takes the change back.
async fn spare_the_last_admin(tx: &Lent, had_one: bool) -> Result<(), Failure> {
    if had_one && admins(tx).await? == 0 { Err(StoreError::LastAdmin.into()) } else { Ok(()) }
}

async fn admins(tx: &Lent) -> Result<i64, Failure> {
    let count = "SELECT count(*) FROM users WHERE enabled AND role = $1";
    Ok(tx.one(count, &[&Role::Admin.as_str()]).await?.try_get(0)?)
}

async fn get(tx: &Lent, id: UserId) -> Result<User, Failure> {
    read(&mut Fields::of(&tx.one(ONE, &[&id.0]).await?))
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
        digest: SessionDigest(row.take::<&[u8]>()?.try_into().map_err(Failure::corrupt)?),
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
        status: row.status()?,
    })
}
