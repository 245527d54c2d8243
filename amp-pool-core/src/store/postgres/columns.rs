//! Many rows as few values: a batch is bound as one array for each column, so that a statement and a round trip serve
//! all of it.

use std::borrow::Cow;

use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut};
use uuid::Uuid;

use super::fields;

type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// One value of a row.
#[derive(Clone, Copy)]
pub(super) enum Cell<'a> {
    Number(Option<i64>),
    Text(Option<&'a str>),
    Claim(bool),
    Uuid(Uuid),
}

/// A number.
pub(super) fn number<'a>(number: impl Into<i64>) -> Cell<'a> {
    Cell::Number(Some(number.into()))
}

/// A number that may be missing.
pub(super) fn maybe<'a>(number: Option<impl Into<i64>>) -> Cell<'a> {
    Cell::Number(number.map(Into::into))
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Cell<'_> {
    fn from(claim: bool) -> Self {
        Self::Claim(claim)
    }
}

impl From<Uuid> for Cell<'_> {
    fn from(uuid: Uuid) -> Self {
        Self::Uuid(uuid)
    }
}

/// The values of one column.
#[derive(Debug)]
enum Column<'a> {
    Number(Vec<Option<i64>>),
    Text(Vec<Option<Cow<'a, str>>>),
    Claim(Vec<bool>),
    Uuid(Vec<Uuid>),
}

impl<'a> Column<'a> {
    fn beginning_with(cell: Cell<'a>) -> Self {
        match cell {
            Cell::Number(number) => Self::Number(vec![number]),
            Cell::Text(text) => Self::Text(vec![text.map(fields::text)]),
            Cell::Claim(claim) => Self::Claim(vec![claim]),
            Cell::Uuid(uuid) => Self::Uuid(vec![uuid]),
        }
    }

    fn push(&mut self, cell: Cell<'a>) {
        match (self, cell) {
            (Self::Number(values), Cell::Number(number)) => values.push(number),
            (Self::Text(values), Cell::Text(text)) => values.push(text.map(fields::text)),
            (Self::Claim(values), Cell::Claim(claim)) => values.push(claim),
            (Self::Uuid(values), Cell::Uuid(uuid)) => values.push(uuid),
            // The arrays would differ in length, and the statement would be refused as a whole.
            _ => debug_assert!(false, "a column holds values of one type"),
        }
    }

    fn inner(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Number(values) => values,
            Self::Text(values) => values,
            Self::Claim(values) => values,
            Self::Uuid(values) => values,
        }
    }
}

impl ToSql for Column<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Wrong> {
        self.inner().to_sql_checked(ty, out)
    }

    fn accepts(_: &Type) -> bool {
        // The arrays check it themselves when they are written.
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Wrong> {
        self.inner().to_sql_checked(ty, out)
    }
}

/// Rows, turned to columns.
#[derive(Default)]
pub(super) struct Columns<'a>(Vec<Column<'a>>);

impl<'a> Columns<'a> {
    pub(super) fn push<const N: usize>(&mut self, row: [Cell<'a>; N]) {
        if self.0.is_empty() {
            self.0 = row.into_iter().map(Column::beginning_with).collect();
            return;
        }
        for (column, cell) in self.0.iter_mut().zip(row) {
            column.push(cell);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of a statement: `first`, then the columns.
    pub(super) fn values<'s>(&'s self, first: &[&'s (dyn ToSql + Sync)]) -> Vec<&'s (dyn ToSql + Sync)> {
        first.iter().copied().chain(self.0.iter().map(|column| column as &(dyn ToSql + Sync))).collect()
    }
}
