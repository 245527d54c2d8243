//! Who asks, once that is known.

use std::net::IpAddr;

use amp_pool_core::{
    id::UserId,
    secret::Secret,
    time::Timestamp,
    user::{Role, Session, SessionDigest, User},
};
use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{IDLE_MS, SessionId};
use crate::admin::Problem;

/// Who asks. Handlers get it as an argument; the guard has put it there.
#[derive(Clone)]
pub(crate) struct Who {
    /// The user. `None`: who shows the admin token.
    pub(crate) user: Option<UserId>,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) peer: IpAddr,
    pub(crate) session: Option<SignedIn>,
}

/// What a session brings along.
#[derive(Clone)]
pub(crate) struct SignedIn {
    pub(crate) digest: SessionDigest,
    pub(crate) csrf: Secret,
    pub(crate) ends_at: Timestamp,
}

impl Who {
    pub(super) fn token(peer: IpAddr) -> Self {
        Self { user: None, name: "admin token".into(), role: Role::Admin, peer, session: None }
    }

    /// The program whose process this is: whoever could speak for it can do anything already.
    pub(crate) fn host() -> Self {
        let peer = IpAddr::from([127, 0, 0, 1]);
        Self { user: None, name: "host program".into(), role: Role::Admin, peer, session: None }
    }

    /// Who shows nothing and may see what is open to this machine.
    pub(crate) fn nobody(peer: IpAddr) -> Self {
        Self { user: None, name: "nobody".into(), role: Role::Viewer, peer, session: None }
    }

    pub(super) fn session(id: &SessionId, session: &Session, user: &User, peer: IpAddr) -> Self {
        let ends_at = session.expires_at.min(session.update_time.plus_millis(IDLE_MS));
        let signed_in = SignedIn { digest: session.digest, csrf: id.csrf(), ends_at };
        let (name, role) = (user.spec.username.clone(), user.spec.role);
        Self { user: Some(user.id), name, role, peer, session: Some(signed_in) }
    }
}

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthorized)
    }
}

/// The other end of the connection.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().copied().ok_or_else(Problem::unauthorized)
    }
}

/// Plain enough for a log line, an address and a table.
pub(super) fn check_username(name: &str) -> Result<(), &'static str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._@+-".contains(c);
    let whole = !name.is_empty() && name.len() <= 100 && name.chars().all(plain);
    if whole { Ok(()) } else { Err("a username has 1 to 100 letters a to z, digits, or `.`, `_`, `@`, `+`, `-`") }
}
