//! Where in the log a key, a client token or a model is to be found.

use std::collections::BTreeSet;

use rusqlite::{Transaction, types::ValueRef};

use super::{
    Failure,
    repeated::{Repeated, number},
};
use crate::store::names::ERROR;

pub(super) use crate::store::names::{Name, SHIFT};

const NOTE: &str = "INSERT OR IGNORE INTO api_request_log_blocks (kind, name, block) VALUES (?1, ?2, ?3)";

/// A name as it is stored.
pub(super) fn value(name: Name<'_>) -> ValueRef<'_> {
    match name {
        Name::Key(key) => number(key.0),
        Name::Token(token) => number(token.0),
        Name::Model(name) | Name::ErrorType(name) => name.into(),
        Name::Error => ERROR.into(),
    }
}

/// What a batch has to note.
#[derive(Default)]
pub(super) struct Notes<'a>(BTreeSet<(Name<'a>, i64)>);

impl<'a> Notes<'a> {
    /// The row `id` holds these names. Types of errors are found by an index of rows.
    pub(super) fn add(&mut self, id: i64, names: impl IntoIterator<Item = Name<'a>>) {
        let noted = names.into_iter().filter(|name| !matches!(name, Name::ErrorType(_)));
        self.0.extend(noted.map(|name| (name, id >> SHIFT)));
    }

    /// Writes them down, those that are known already too.
    pub(super) fn write(&self, tx: &Transaction<'_>) -> Result<(), Failure> {
        let mut note = Repeated::prepare(tx, NOTE)?;
        for (name, block) in &self.0 {
            note.run([name.kind().into(), value(*name), number(*block)])?;
        }
        Ok(())
    }
}
