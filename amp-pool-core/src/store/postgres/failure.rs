//! What PostgreSQL's errors mean.

use std::fmt;

use tokio_postgres::{Error, error::SqlState};

use crate::store::StoreError;

/// Why a job failed. Inside of a job both kinds pass through `?`; what leaves the store is a [`StoreError`].
#[derive(Debug)]
pub(super) enum Failure {
    Postgres(Error),
    Store(StoreError),
    /// Other nodes believe this one to be gone and have closed what it had open.
    NodeLost,
}

impl Failure {
    /// Something stored can not be understood.
    pub(super) fn corrupt(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Store(StoreError::Corrupt(what.into()))
    }

    /// Whether two transactions were in each other's way: the same one may pass at once.
    pub(super) fn is_collision(&self) -> bool {
        let Self::Postgres(error) = self else { return false };
        matches!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED))
    }

    /// Whether a lock was not to be had in time.
    pub(super) fn is_kept_out(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Postgres(error) => meaning(error),
            Failure::Store(error) => error,
            Failure::NodeLost => Self::Unavailable("other nodes believe this one to be gone".into()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(error) => f.write_str(&said(error)),
            Self::Store(error) => error.fmt(f),
            Self::NodeLost => f.write_str("other nodes believe this one to be gone"),
        }
    }
}

fn meaning(error: Error) -> StoreError {
    let Some(refusal) = error.as_db_error() else {
        return match error.code() {
            None if is_about_a_value(&error) => StoreError::Corrupt(error.into()),
            _ => StoreError::Unavailable(said(&error).into()),
        };
    };
    let code = refusal.code();
    if *code == SqlState::UNIQUE_VIOLATION {
        return taken(refusal.constraint().unwrap_or_default());
    }
    match code.code().get(..2) {
        // Data that does not fit, and constraints. The detail is left out: it may quote what was to be stored.
        Some("22" | "23") => StoreError::Invalid(format!("the database does not take this: {}", refusal.message())),
        _ => StoreError::Unavailable(said(&error).into()),
    }
}

/// The driver has one type for all errors, and only text for their kinds.
fn is_about_a_value(error: &Error) -> bool {
    error.to_string().starts_with("error deserializing column")
}

/// The message of the server, or else of the driver with its cause.
fn said(error: &Error) -> String {
    if let Some(refusal) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", refusal.message(), refusal.code().code());
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn taken(constraint: &str) -> StoreError {
    let names = [
        ("api_keys_fingerprint", "a key with this credential"),
        ("client_tokens_digest", "this client token"),
        ("routes_model", "a route for this model"),
        ("users_username", "a user of this name"),
        ("user_identities_subject", "this identity"),
        ("user_identities_user", "this identity"),
        ("token_groups_name", "a group of this name"),
    ];
    match names.iter().find(|(name, _)| constraint == *name) {
        Some((_, what)) => StoreError::Conflict { what: (*what).to_owned() },
        None => StoreError::Invalid(format!("the database does not take this twice: {constraint}")),
    }
}
