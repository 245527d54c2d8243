//! People who run the pool: who they are, what they may do, and how long they stay signed in.
//!
//! How a password is hashed and a session is carried is the host's business; what is kept of both is here.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use crate::{
    id::{AuditId, UserId},
    secret::Secret,
    time::Timestamp,
};

/// What somebody may do. Each may do what those before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Looks at everything but users and secrets, and changes nothing.
    Viewer,
    /// Runs the pool. Sees no users and no secrets.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The name in JSON and in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// The text names no role.
///
/// ```
/// use amp_pool_core::user::{Role, UnknownRole};
///
/// let error: UnknownRole = "root".parse::<Role>().err().ok_or("it is none")?;
/// assert!(error.to_string().contains("`viewer`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownRole;

impl fmt::Display for UnknownRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a role is one of `viewer`, `operator`, `admin`")
    }
}

impl std::error::Error for UnknownRole {}

impl FromStr for Role {
    type Err = UnknownRole;

    /// ```
    /// use amp_pool_core::user::Role;
    ///
    /// assert_eq!("operator".parse(), Ok(Role::Operator));
    /// assert!("root".parse::<Role>().is_err());
    /// assert!(Role::Viewer < Role::Admin);
    /// ```
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// A user as an admin wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSpec {
    /// What the user signs in with. Two users never have the same.
    pub username: String,
    /// What the user may do.
    pub role: Role,
    /// A user who is off can not sign in.
    pub enabled: bool,
}

impl UserSpec {
    /// An admin who can sign in.
    #[must_use]
    pub fn admin(username: impl Into<String>) -> Self {
        Self { username: username.into(), role: Role::Admin, enabled: true }
    }

    /// Whether this is an admin who can sign in.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.enabled && self.role == Role::Admin
    }
}

/// A user as it is stored.
///
/// ```
/// use amp_pool_core::{
///     id::UserId,
///     time::Timestamp,
///     user::{Role, Session, SessionDigest, User, UserSpec},
/// };
///
/// let now = Timestamp::from_millis(0);
/// let spec = UserSpec { role: Role::Operator, ..UserSpec::admin("ada") };
/// let user = User { id: UserId(1), create_time: now, update_time: now, spec, password: None, last_login: None };
/// assert!(!user.is_active_admin());
///
/// // A session is known by its digest; who reads the database can not go on with it.
/// let digest = SessionDigest::of("the cookie's value");
/// let expires_at = Timestamp::from_millis(3_600_000);
/// let session = Session { digest, user: user.id, create_time: now, update_time: now, expires_at };
/// assert_eq!(session.digest, SessionDigest::of("the cookie's value"));
/// ```
#[derive(Clone)]
pub struct User {
    /// Its row.
    pub id: UserId,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// When the user last signed in.
    pub last_login: Option<Timestamp>,
    /// What an admin wrote.
    pub spec: UserSpec,
    /// The password's hash, as text that says how it was made. `None`: signs in by other means only.
    pub password: Option<Secret>,
}

impl User {
    /// Whether this is an admin who can sign in.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.spec.is_active_admin()
    }
}

/// Who somebody is to an issuer of OpenID Connect.
///
/// ```
/// use std::collections::HashMap;
///
/// use amp_pool_core::{id::UserId, user::Identity};
///
/// // Two issuers may call different people the same, so that only both together name somebody.
/// let of = |issuer: &str| Identity { issuer: issuer.into(), subject: "1001".into() };
/// let users = HashMap::from([(of("https://login.example.com"), UserId(1))]);
/// assert_eq!(users.get(&of("https://login.example.com")), Some(&UserId(1)));
/// assert_eq!(users.get(&of("https://login.example.org")), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The issuer, as its tokens name it.
    pub issuer: String,
    /// What it calls the user, and never another one.
    pub subject: String,
}

/// SHA-256 of a session's id. The id itself is nowhere but with its user.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionDigest(pub [u8; 32]);

impl SessionDigest {
    /// The digest of a session id as a browser shows it.
    #[must_use]
    pub fn of(id: &str) -> Self {
        Self(Sha256::digest(id.as_bytes()).into())
    }
}

impl fmt::Debug for SessionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionDigest({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// Somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What it is looked up by.
    pub digest: SessionDigest,
    /// Who.
    pub user: UserId,
    /// Since when.
    pub create_time: Timestamp,
    /// When it was last used.
    pub update_time: Timestamp,
    /// When it ends in any case.
    pub expires_at: Timestamp,
}

/// What somebody is about to do, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deed {
    /// The user, if it was one.
    pub user: Option<UserId>,
    /// What people call who did it.
    pub actor: String,
    /// The address it was asked from.
    pub address: String,
    /// What was asked: `PUT /api/keys/{id}`, `login`, …
    pub action: String,
    /// What it was done to, as far as that is known.
    pub object: Option<String>,
    /// More about it, as JSON. Never a secret.
    pub detail: Option<String>,
}

/// How a deed ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeedEnd {
    /// What it was done to, where only the deed could tell.
    pub object: Option<String>,
    /// More about it, as JSON, where only the deed could tell. Never a secret.
    pub detail: Option<String>,
    /// The status that was answered.
    pub status: u16,
}

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its row.
    pub id: AuditId,
    /// When it was asked.
    pub create_time: Timestamp,
    /// What was asked, by whom.
    pub deed: Deed,
    /// The status that was answered. `None`: it was never answered; the process ended in the middle of it.
    pub status: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_known_by_its_name_alone() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("Admin".parse::<Role>(), Err(UnknownRole));
    }
}
