//! What rows of the log are found by.
//!
//! The log is seen in blocks of rows that follow each other by id. A block is noted once for each name that is in it, so
//! a busy name costs next to nothing to note and a rare one is found without reading the rows of others.

use super::{RecordFilter, rows::Row};
use crate::id::{KeyId, TokenId};

/// A block has two to the power of this many rows. The schema says the same.
pub(super) const SHIFT: u32 = 8;

/// The status that is rare.
pub(super) const ERROR: &str = "error";

/// The status of calls that have not ended.
pub(super) const OPEN: &str = "open";

/// What rows are looked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name<'a> {
    Key(KeyId),
    Token(TokenId),
    Model(&'a str),
    /// Any error.
    Error,
    ErrorType(&'a str),
}

impl<'a> Name<'a> {
    /// What `row` is found by.
    pub(super) fn all(row: &Row<'a>) -> impl Iterator<Item = Self> {
        let names = [
            row.error_type.map(Self::ErrorType),
            (row.status() == ERROR).then_some(Self::Error),
            row.key.map(Self::Key),
            row.token.map(Self::Token),
            Some(Self::Model(row.model)),
        ];
        names.into_iter().flatten()
    }

    /// What `filter` asks for; what is likely to be rare comes first.
    pub(super) fn asked(filter: &'a RecordFilter) -> impl Iterator<Item = Self> {
        let names = [
            filter.error_type.as_deref().map(Self::ErrorType),
            (filter.status.as_deref() == Some(ERROR)).then_some(Self::Error),
            filter.key.map(Self::Key),
            filter.token.map(Self::Token),
            filter.model.as_deref().map(Self::Model),
        ];
        names.into_iter().flatten()
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Token(_) => "token",
            Self::Model(_) => "model",
            Self::Error => "status",
            Self::ErrorType(_) => "error_type",
        }
    }
}
