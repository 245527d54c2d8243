//! Where in the log a key, a client token or a model is to be found.

use std::{borrow::Cow, collections::BTreeSet};

use super::columns::{Columns, number};
use crate::store::names::{ERROR, Name, SHIFT};

pub(super) const NOTE: &str = "
    INSERT INTO api_request_log_blocks (kind, name, block)
    SELECT * FROM unnest($1::text[], $2::text[], $3::int8[])
    ON CONFLICT DO NOTHING";

/// For rows that came from SQLite, which finds errors of a type by an index.
#[cfg(feature = "sqlite")]
pub(super) const NOTE_ERRORS: &str = "
    INSERT INTO api_request_log_blocks (kind, name, block)
    SELECT DISTINCT 'error_type', error_type, id >> 8 FROM api_request_log WHERE error_type IS NOT NULL
    ON CONFLICT DO NOTHING";

/// A name as it is stored.
pub(super) fn value(name: Name<'_>) -> Cow<'_, str> {
    match name {
        Name::Key(key) => key.0.to_string().into(),
        Name::Token(token) => token.0.to_string().into(),
        Name::Model(name) | Name::ErrorType(name) => super::fields::text(name),
        Name::Error => ERROR.into(),
    }
}

/// What a batch has to note, in an order that is the same for everybody: two who note the same wait, and never in a ring.
#[derive(Default)]
pub(super) struct Notes<'a>(BTreeSet<(&'static str, Cow<'a, str>, i64)>);

impl<'a> Notes<'a> {
    /// The row `id` holds these names.
    pub(super) fn add(&mut self, id: i64, names: impl IntoIterator<Item = Name<'a>>) {
        self.0.extend(names.into_iter().map(|name| (name.kind(), value(name), id >> SHIFT)));
    }

    pub(super) fn columns(&self) -> Columns<'_> {
        let mut columns = Columns::default();
        for (kind, name, block) in &self.0 {
            columns.push([(*kind).into(), (&**name).into(), number(*block)]);
        }
        columns
    }
}
