//! What is left of calls that were forgotten: their sums.

use std::collections::BTreeMap;

use crate::{
    id::{KeyId, TokenId},
    store::{StoredRecord, Totals, TotalsFilter, rollup::Span, rows::Row},
    time::Timestamp,
};

/// Calls that are summed together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub(super) hour: Timestamp,
    pub(super) key: Option<KeyId>,
    pub(super) token: Option<TokenId>,
    pub(super) model: String,
    pub(super) provider: Option<String>,
}

#[derive(Default)]
pub(super) struct Sums(BTreeMap<Group, Totals>);

impl Sums {
    pub(super) fn add(&mut self, row: &StoredRecord) {
        self.0.entry(Group::of(row)).or_default().count(&Row::of(row));
    }

    /// Those that `filter` lets through, where sums are kept by `span`.
    pub(super) fn counted(&self, filter: &TotalsFilter, span: Span) -> impl Iterator<Item = (&Group, &Totals)> {
        self.0.iter().filter(move |(group, _)| is_counted(*group, filter, span))
    }
}

impl Group {
    pub(super) fn of(row: &StoredRecord) -> Self {
        Self {
            hour: row.create_time.hour(),
            key: row.key,
            token: row.token,
            model: row.model.clone(),
            provider: row.provider.clone(),
        }
    }
}

/// Of what is counted: when it was, whose, and of what.
pub(super) trait Counted {
    fn time(&self) -> Timestamp;
    fn ids(&self) -> (Option<KeyId>, Option<TokenId>);
    fn names(&self) -> (&str, Option<&str>);
}

impl Counted for Group {
    fn time(&self) -> Timestamp {
        self.hour
    }

    fn ids(&self) -> (Option<KeyId>, Option<TokenId>) {
        (self.key, self.token)
    }

    fn names(&self) -> (&str, Option<&str>) {
        (&self.model, self.provider.as_deref())
    }
}

impl Counted for StoredRecord {
    fn time(&self) -> Timestamp {
        self.create_time
    }

    fn ids(&self) -> (Option<KeyId>, Option<TokenId>) {
        (self.key, self.token)
    }

    fn names(&self) -> (&str, Option<&str>) {
        (&self.model, self.provider.as_deref())
    }
}

/// Whether `filter` lets it through, where sums are kept by `span`.
pub(super) fn is_counted(what: &impl Counted, filter: &TotalsFilter, span: Span) -> bool {
    let start = span.start_of(what.time());
    let ((key, token), (model, provider)) = (what.ids(), what.names());
    span.start_of(filter.from) <= start
        && start < filter.to
        && (filter.key.is_none() || filter.key == key)
        && (filter.token.is_none() || filter.token == token)
        && filter.model.as_ref().is_none_or(|wanted| wanted == model)
        && (filter.provider.is_none() || filter.provider.as_deref() == provider)
}
