//! Sums of settled calls.
//!
//! Sums saturate: an upstream that reports absurd counts spoils its own statistics, never the writing of the books.

use std::collections::BTreeMap;

use super::{GroupBy, Outcome, Totals, rows::Row};
use crate::time::Timestamp;

/// Calls that are summed together. `0` and the empty text stand for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group<'a> {
    pub(super) span: Span,
    /// The start of the hour or day.
    pub(super) start: Timestamp,
    pub(super) key: i64,
    pub(super) token: i64,
    pub(super) model: &'a str,
    pub(super) provider: &'a str,
}

/// How long a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Span {
    Hour,
    Day,
}

impl Span {
    /// The name in the `granularity` column.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The start of the hour or day `at` lies in.
    pub(super) fn start_of(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Hour => at.hour(),
            Self::Day => at.day(),
        }
    }

    /// `at`, or the end of the hour or day that it lies in.
    #[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
    pub(super) fn end_of(self, at: Timestamp) -> Timestamp {
        let start = self.start_of(at);
        if start == at { at } else { start.plus_millis(self.millis()) }
    }

    fn millis(self) -> i64 {
        match self {
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }
}

impl<'a> Group<'a> {
    /// The groups of the hour and of the day that `row` is counted in.
    pub(super) fn both(row: &Row<'a>) -> [Self; 2] {
        [Span::Hour, Span::Day].map(|span| Self::of(row, span))
    }

    fn of(row: &Row<'a>, span: Span) -> Self {
        Self {
            span,
            start: span.start_of(row.create_time),
            key: row.key.map_or(0, |key| key.0),
            token: row.token.map_or(0, |token| token.0),
            model: row.model,
            provider: row.provider.unwrap_or_default(),
        }
    }
}

/// Sums `rows`, each into its hour and its day.
pub(super) fn roll_up<'a>(rows: &[Row<'a>]) -> BTreeMap<Group<'a>, Totals> {
    let mut groups = BTreeMap::<Group<'a>, Totals>::new();
    for row in rows {
        for group in Group::both(row) {
            groups.entry(group).or_default().count(row);
        }
    }
    groups
}

/// A part of a time, and which rows have its sums.
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
pub(super) type Piece = (Span, Timestamp, Timestamp);

/// The fewest rows that cover a time: whole days by the day, what is left at both ends by the hour.
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
pub(super) fn pieces(from: Timestamp, to: Timestamp, by: GroupBy) -> [Option<Piece>; 3] {
    let piece = |span: Span, from, to| (from < to).then_some((span, from, to));
    let (first, end) = (from.hour(), Span::Hour.end_of(to));
    let (first_day, last_day) = (Span::Day.end_of(first), end.day());
    match by {
        GroupBy::Hour => [piece(Span::Hour, first, to), None, None],
        GroupBy::Day => [piece(Span::Day, from.day(), to), None, None],
        _ if first_day < last_day => [
            piece(Span::Hour, first, first_day),
            piece(Span::Day, first_day, last_day),
            piece(Span::Hour, last_day, end),
        ],
        _ => [piece(Span::Hour, first, end), None, None],
    }
}

impl Totals {
    /// Adds one settled call.
    pub(super) fn count(&mut self, row: &Row<'_>) {
        self.requests += 1;
        self.errors += u64::from(row.outcome != Some(Outcome::Done));
        self.usage = self.usage.plus(row.usage);
        self.cost = self.cost + row.cost.unwrap_or_default();
        self.unpriced += u64::from(row.cost.is_none());
        self.count_cache(row);
        self.latency_ms = self.latency_ms.saturating_add(row.latency_ms.unwrap_or(0));
        self.first_byte_ms = self.first_byte_ms.saturating_add(row.first_byte_ms.unwrap_or(0));
        self.first_bytes += u64::from(row.first_byte_ms.is_some());
        row.latency_ms.into_iter().for_each(|latency| self.latency.add(latency));
        row.first_byte_ms.into_iter().for_each(|first_byte| self.first_byte.add(first_byte));
    }

    fn count_cache(&mut self, row: &Row<'_>) {
        if row.usage.cache_read > 0 {
            self.cached += 1;
            self.saved_known += u64::from(row.saved.is_some());
            self.saved = self.saved + row.saved.unwrap_or_default();
        }
    }

    /// Adds the sums of another group; this one keeps its name.
    pub fn merge(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.usage = self.usage.plus(other.usage);
        self.cost = self.cost + other.cost;
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.cached = self.cached.saturating_add(other.cached);
        self.saved_known = self.saved_known.saturating_add(other.saved_known);
        self.saved = self.saved + other.saved;
        self.latency_ms = self.latency_ms.saturating_add(other.latency_ms);
        self.first_byte_ms = self.first_byte_ms.saturating_add(other.first_byte_ms);
        self.first_bytes = self.first_bytes.saturating_add(other.first_bytes);
        self.latency.merge(&other.latency);
        self.first_byte.merge(&other.first_byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: i64, to: i64, by: GroupBy, expected: &[(&str, i64, i64)]) {
        const HOUR: i64 = 3_600_000;
        let at = |tenths: i64| Timestamp::from_millis(tenths * HOUR / 10);
        let pieces = pieces(at(from), at(to), by).into_iter().flatten();
        let found: Vec<_> =
            pieces.map(|(span, from, to)| (span.as_str(), from.as_millis() / HOUR, to.as_millis() / HOUR)).collect();
        assert_eq!(found, expected, "{from} to {to} by {by:?}");
    }

    #[test]
    fn a_time_is_read_by_days_where_it_holds_whole_ones() {
        check(0, 10, GroupBy::Nothing, &[("hour", 0, 1)]);
        check(5, 11, GroupBy::Nothing, &[("hour", 0, 2)]);
        check(0, 240, GroupBy::Key, &[("day", 0, 24)]);
        check(10, 490, GroupBy::Model, &[("hour", 1, 24), ("day", 24, 48), ("hour", 48, 49)]);
        check(235, 245, GroupBy::Token, &[("hour", 23, 25)]);
        check(0, 480, GroupBy::Hour, &[("hour", 0, 48)]);
        check(250, 480, GroupBy::Day, &[("day", 24, 48)]);
        check(5, 5, GroupBy::Nothing, &[("hour", 0, 1)]);
    }
}
