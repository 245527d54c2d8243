//! Who comes in by the admin paths, and what they may do there: the one lock of the admin API.
//!
//! [`Gate`] says who asks, [`Guard`](guard::Guard) stands before each route and says whether they may; what is behind
//! both never asks again.

mod guard;
mod origin;
mod password;
mod session;
mod setup;
mod throttle;
mod who;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use amp_pool_core::{
    caller::TokenDigest,
    id::{AuditId, UserId},
    secret::Secret,
    store::{Store, StoreError},
    time::{Clock as _, SystemClock},
    user::{Deed, DeedEnd, Session, SessionDigest, User},
};
use http::{HeaderMap, Method, StatusCode, header::AUTHORIZATION};

use crate::{
    ServeError,
    admin::Problem,
    config::{Settings, SettingsError},
};

pub(crate) use guard::{Guard, Jot, Takes};
pub(crate) use password::{Passwords, weakness};
pub(crate) use session::{Cookie, SessionId, random};
pub(crate) use throttle::{Throttle, network};
pub(crate) use who::{Peer, Who};

use setup::SetupLink;

/// What the first admin is called where nobody says otherwise.
const FIRST: &str = "admin";
/// A session that is not used for so long has ended.
const IDLE_MS: i64 = 12 * 60 * 60 * 1000;
/// A session ends after so long in any case.
const LONGEST_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Its use is written down no more often than this.
const TOUCH_MS: i64 = 60 * 1000;

/// Knows who asks.
pub(crate) struct Gate {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Throttle,
    token: Option<TokenDigest>,
    setup: SetupLink,
    is_set_up: AtomicBool,
}

impl Gate {
    /// Makes the first admin where the settings bring one, else the link by which one can be made.
    pub(crate) async fn open(store: Arc<dyn Store>, settings: &Settings) -> Result<Self, ServeError> {
        let passwords = Passwords::new();
        let mut is_fresh = !store.users().await?.iter().any(User::is_active_admin);
        if let (true, Some(password)) = (is_fresh, &settings.admin_password) {
            let hash = passwords.hash(password.clone()).await.map_err(ServeError::other)?;
            let username = settings.admin_username.clone().unwrap_or_else(|| FIRST.into());
            store.insert_first_admin(username, hash, SystemClock.now()).await?;
            is_fresh = false;
        }
        let setup = if is_fresh { SetupLink::new().map_err(ServeError::other)? } else { SetupLink::used() };
        let token = settings.admin_token.as_ref().map(|token| TokenDigest::of(token.expose()));
        let is_set_up = AtomicBool::new(!is_fresh || token.is_some());
        Ok(Self { store, passwords, throttle: Throttle::default(), token, setup, is_set_up })
    }

    /// The secret of the setup link, while there is no admin.
    pub(crate) fn setup_secret(&self) -> Option<Secret> {
        self.setup.secret()
    }

    /// Whether somebody can run this pool. Until then nothing is proxied.
    pub(crate) fn is_set_up(&self) -> bool {
        self.is_set_up.load(Ordering::Acquire)
    }

    /// Who sends a request, if the request says so in a way that counts.
    pub(crate) async fn identify(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: IpAddr,
    ) -> Result<Option<Who>, Problem> {
        if let Some(shown) = bearer(headers) {
            // Digests are compared, so the time it takes says nothing about the token.
            let ours = self.token.is_some_and(|token| token == TokenDigest::of(shown));
            return Ok(ours.then(|| Who::token(peer)));
        }
        let Some(id) = SessionId::shown(headers) else { return Ok(None) };
        let Some((session, user)) = self.session(&id).await? else { return Ok(None) };
        if !method.is_safe() {
            id.check_csrf(headers)?;
        }
        Ok(Some(Who::session(&id, &session, &user, peer)))
    }

    async fn session(&self, id: &SessionId) -> Result<Option<(Session, User)>, StoreError> {
        let now = SystemClock.now();
        let found = self.store.session(id.digest(), now).await?;
        let Some((session, user)) = found else { return Ok(None) };
        let idle = now.as_millis() - session.update_time.as_millis();
        if idle > IDLE_MS {
            self.store.end_session(session.digest).await?;
            return Ok(None);
        }
        if idle > TOUCH_MS {
            self.store.touch_session(session.digest, now).await?;
        }
        Ok(Some((session, user)))
    }

    /// Signs `user` in: a session that nobody had before.
    pub(crate) async fn begin(&self, user: &User, peer: IpAddr) -> Result<(SessionId, Who), Problem> {
        let id = SessionId::new().map_err(|error| Problem::broken(&error))?;
        let now = SystemClock.now();
        let session = Session {
            digest: id.digest(),
            user: user.id,
            create_time: now,
            update_time: now,
            expires_at: now.plus_millis(LONGEST_MS),
        };
        self.store.insert_session(session.clone()).await?;
        let who = Who::session(&id, &session, user, peer);
        Ok((id, who))
    }

    /// Makes the first admin of whom the setup link led here.
    pub(crate) async fn set_up(&self, shown: &str, username: String, password: Secret) -> Result<User, Problem> {
        if !self.setup.opens_with(shown) {
            return Err(Problem::field("token", "this setup link is not valid any more, or never was"));
        }
        let hash = self.hash(password).await?;
        let user = self.store.insert_first_admin(username, hash, SystemClock.now()).await?;
        self.is_set_up.store(true, Ordering::Release);
        self.setup.forget();
        Ok(user)
    }

    /// An admin was made by other ways than the link.
    pub(crate) fn note_admin(&self) {
        self.is_set_up.store(true, Ordering::Release);
        self.setup.forget();
    }

    /// The user whose name and password these are. Takes as long for a name that is not there.
    pub(crate) async fn check_login(&self, username: &str, password: Secret, peer: IpAddr) -> Result<User, Problem> {
        let names = [throttle::account(username), throttle::address(peer)];
        self.throttle.begin(&names, Instant::now()).map_err(too_often)?;
        let users = self.store.users().await?;
        let user = users.into_iter().find(|user| user.spec.username == username && user.spec.enabled);
        let hash = user.as_ref().and_then(|user| user.password.clone());
        if !self.verify(password, hash).await? {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "the username or the password is wrong",
            ));
        }
        self.throttle.forgive(&names);
        user.ok_or_else(Problem::unauthorized)
    }

    /// Begins a try to come in by other means, which counts as failed until it [came in](Self::came_in).
    pub(crate) fn knock(&self, peer: IpAddr) -> Result<(), Problem> {
        self.throttle.begin(&[throttle::address(peer)], Instant::now()).map_err(too_often)
    }

    /// That try was a good one.
    pub(crate) fn came_in(&self, peer: IpAddr) {
        self.throttle.forgive(&[throttle::address(peer)]);
    }

    /// Whether the user who asks knows the password: before what must not be done from a browser that was left open.
    pub(crate) async fn confirm(&self, field: &'static str, who: &Who, password: Secret) -> Result<(), Problem> {
        let Some(id) = who.user else {
            return Err(Problem::field(field, "the admin token has no password; sign in as a user"));
        };
        let names = [throttle::account(&who.name), throttle::address(who.peer)];
        self.throttle.begin(&names, Instant::now()).map_err(too_often)?;
        let users = self.store.users().await?;
        let user = users.into_iter().find(|user| user.id == id);
        if user.as_ref().is_some_and(|user| user.password.is_none()) {
            return Err(Problem::field(field, "this user signs in without a password; an admin can give one"));
        }
        let hash = user.and_then(|user| user.password);
        if !self.verify(password, hash).await? {
            return Err(Problem::field(field, "the password is wrong"));
        }
        self.throttle.forgive(&names);
        Ok(())
    }

    async fn verify(&self, password: Secret, hash: Option<Secret>) -> Result<bool, Problem> {
        self.passwords.verify(password, hash).await.map_err(|_| too_often(Duration::from_secs(2)))
    }

    /// The hash of a password that is to be kept.
    pub(crate) async fn hash(&self, password: Secret) -> Result<Secret, Problem> {
        self.passwords.hash(password).await.map_err(|_| too_often(Duration::from_secs(2)))
    }

    /// Whether a session still is one.
    pub(crate) async fn is_signed_in(&self, session: SessionDigest) -> bool {
        self.store.session(session, SystemClock.now()).await.is_ok_and(|found| found.is_some())
    }

    /// Ends a session.
    pub(crate) async fn end(&self, session: SessionDigest) -> Result<(), StoreError> {
        self.store.end_session(session).await
    }

    /// Writes down what is about to be done.
    pub(crate) async fn note(&self, deed: Deed) -> Result<AuditId, StoreError> {
        self.store.note(deed, SystemClock.now()).await
    }

    /// Adds how it ended. That it was begun is in the log already, so a failure here is not the caller's.
    pub(crate) async fn settle(&self, id: AuditId, end: DeedEnd) {
        if let Err(error) = self.store.settle_note(id, end, SystemClock.now()).await {
            tracing::error!("the audit log does not say how line {id} ended: {error}");
        }
    }

    /// Writes down something that was done without being signed in.
    pub(crate) async fn tell(&self, action: &str, user: Option<&User>, peer: IpAddr, status: StatusCode) {
        self.write_down(Self::deed(action, user, peer), status).await;
    }

    /// Something that is done without being signed in.
    pub(crate) fn deed(action: &str, user: Option<&User>, peer: IpAddr) -> Deed {
        // A name that nobody has may be a password in the wrong field.
        let actor = user.map_or_else(|| "somebody".into(), |user| user.spec.username.clone());
        let user = user.map(|user| user.id);
        Deed { user, actor, address: peer.to_string(), action: action.into(), ..Deed::default() }
    }

    /// Writes down a deed that is done.
    pub(crate) async fn write_down(&self, deed: Deed, status: StatusCode) {
        match self.note(deed).await {
            Ok(id) => self.settle(id, DeedEnd { status: status.as_u16(), ..DeedEnd::default() }).await,
            Err(error) => tracing::error!("the audit log does not take a line: {error}"),
        }
    }

    /// A known user of this name, for the audit log.
    pub(crate) async fn find_user(&self, username: &str) -> Option<User> {
        self.store.users().await.ok()?.into_iter().find(|user| user.spec.username == username)
    }

    /// A known user.
    pub(crate) async fn user(&self, id: UserId) -> Result<User, Problem> {
        self.store.users().await?.into_iter().find(|user| user.id == id).ok_or_else(Problem::not_found)
    }
}

fn too_often(wait: Duration) -> Problem {
    Problem::too_often(wait, "too many logins at once, or too many that failed; wait a little")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The name and password of the first admin, as the settings give them.
pub(crate) fn check_first_admin(username: Option<&str>, password: Option<&Secret>) -> Result<(), SettingsError> {
    if let Some(name) = username {
        who::check_username(name).map_err(|why| SettingsError::new("ADMIN_USERNAME", why))?;
    }
    match password.and_then(|password| weakness(password.expose(), username.unwrap_or(FIRST))) {
        Some(why) => Err(SettingsError::new("ADMIN_PASSWORD", why)),
        None => Ok(()),
    }
}

/// A username as it is kept, from the field `field` of a request.
pub(crate) fn username(field: &'static str, text: &str) -> Result<String, Problem> {
    let name = text.trim().to_lowercase();
    who::check_username(&name).map_err(|why| Problem::field(field, why))?;
    Ok(name)
}

/// Refuses requests that another site makes a browser send.
pub(crate) fn check_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if method.is_safe() || bearer(headers).is_some() || origin::is_ours(headers) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "this request comes from the page of another site"))
}
