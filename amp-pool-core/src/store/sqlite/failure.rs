//! What SQLite's errors mean.

use std::fmt;

use rusqlite::{Error, ErrorCode};

use crate::store::StoreError;

/// Why a job failed. Inside of a job both kinds pass through `?`; what leaves the store is a [`StoreError`].
#[derive(Debug)]
pub(super) enum Failure {
    Sqlite(Error),
    Store(StoreError),
}

impl Failure {
    /// Something stored can not be understood.
    pub(super) fn corrupt(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Store(StoreError::Corrupt(what.into()))
    }

    /// Whether the connection can no longer be trusted: after a failed write or sync nobody knows what reached the disk
    /// until the file is opened anew.
    pub(super) fn spoils_connection(&self) -> bool {
        let code = match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            Self::Store(_) => None,
        };
        matches!(code, Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::DatabaseCorrupt))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
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
            Failure::Sqlite(error) => meaning(error),
            Failure::Store(error) => error,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

fn meaning(error: Error) -> StoreError {
    match &error {
        Error::QueryReturnedNoRows => return StoreError::NotFound,
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => return StoreError::Corrupt(error.into()),
        _ => {}
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Corrupt(error.into()),
        Some(ErrorCode::ConstraintViolation) => refused(&error.to_string()),
        Some(ErrorCode::TooBig) => StoreError::Invalid("a value is too long to be stored".into()),
        _ => StoreError::Unavailable(error.into()),
    }
}

/// SQLite names the column of a violated constraint in its message and nowhere else.
fn refused(message: &str) -> StoreError {
    let names = [
        ("UNIQUE constraint failed: api_keys.fingerprint", "a key with this credential"),
        ("UNIQUE constraint failed: client_tokens.digest", "this client token"),
        ("UNIQUE constraint failed: token_groups.name", "a group of this name"),
        ("UNIQUE constraint failed: routes.model", "a route for this model"),
        ("UNIQUE constraint failed: users.username", "a user of this name"),
        ("UNIQUE constraint failed: user_identities.", "this identity"),
    ];
    match names.iter().find(|(text, _)| message.contains(text)) {
        Some((_, what)) => StoreError::Conflict { what: (*what).to_owned() },
        None => StoreError::Invalid(format!("the database does not take this: {message}")),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn check(code: i32, message: Option<&str>, expected: &str) {
        let error = Error::SqliteFailure(ffi::Error::new(code), message.map(str::to_owned));
        let meant = StoreError::from(Failure::from(error));
        let debug = format!("{meant:?}");
        assert!(debug.starts_with(expected), "{code}: {debug}");
    }

    #[test]
    fn errors_are_told_by_what_can_be_done_about_them() {
        check(ffi::SQLITE_FULL, None, "Unavailable");
        check(ffi::SQLITE_BUSY, None, "Unavailable");
        check(ffi::SQLITE_IOERR_FSYNC, None, "Unavailable");
        check(ffi::SQLITE_READONLY, None, "Unavailable");
        check(ffi::SQLITE_CORRUPT, None, "Corrupt");
        check(ffi::SQLITE_NOTADB, None, "Corrupt");
        check(ffi::SQLITE_CONSTRAINT_CHECK, None, "Invalid");
        check(ffi::SQLITE_CONSTRAINT_UNIQUE, Some("UNIQUE constraint failed: routes.model"), "Conflict");
    }

    #[test]
    fn only_a_failing_disk_spoils_the_connection() {
        let spoils = |code| Failure::from(Error::SqliteFailure(ffi::Error::new(code), None)).spoils_connection();
        assert!(spoils(ffi::SQLITE_IOERR_FSYNC));
        assert!(!spoils(ffi::SQLITE_FULL));
        assert!(!spoils(ffi::SQLITE_BUSY));
    }
}
