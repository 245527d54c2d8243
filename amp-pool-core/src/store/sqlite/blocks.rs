//! Where in the log a key, a client token or a model is to be found.
//!
//! The log is seen in blocks of rows that follow each other by id. A block is noted once for each name that is in it, so
//! a busy name costs next to nothing to note and a rare one is found without reading the rows of others.

use std::collections::BTreeSet;

use rusqlite::{Transaction, types::ValueRef};

use super::{
    Failure,
    repeated::{Repeated, number},
};
use crate::{
    id::{KeyId, TokenId},
    store::{RecordFilter, rows::Row},
};

/// A block has two to the power of this many rows. The schema says the same.
pub(super) const SHIFT: u32 = 8;

const NOTE: &str = "INSERT OR IGNORE INTO api_request_log_blocks (kind, name, block) VALUES (?1, ?2, ?3)";

/// The status that is rare.
const ERROR: &str = "error";

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

    pub(super) fn value(self) -> ValueRef<'a> {
        match self {
            Self::Key(key) => number(key.0),
            Self::Token(token) => number(token.0),
            Self::Model(name) | Self::ErrorType(name) => name.into(),
            Self::Error => ERROR.into(),
        }
    }
}

/// What a batch has to note.
#[derive(Default)]
pub(super) struct Notes<'a>(BTreeSet<(Name<'a>, i64)>);

impl<'a> Notes<'a> {
    /// The row `id` holds these names.
    pub(super) fn add(&mut self, id: i64, names: impl IntoIterator<Item = Name<'a>>) {
        self.0.extend(names.into_iter().map(|name| (name, id >> SHIFT)));
    }

    /// Writes them down, those that are known already too.
    pub(super) fn write(&self, tx: &Transaction<'_>) -> Result<(), Failure> {
        let mut note = Repeated::prepare(tx, NOTE)?;
        for (name, block) in &self.0 {
            note.run([name.kind().into(), name.value(), number(*block)])?;
        }
        Ok(())
    }
}
