//! Sums of settled calls.
//!
//! Sums saturate: an upstream that reports absurd counts spoils its own statistics, never the writing of the books.

use std::{borrow::Cow, collections::BTreeMap};

use super::{GroupBy, Outcome, Totals, TotalsFilter, rows::Row};
use crate::time::Timestamp;

/// Calls that are summed together. `0` and the empty text stand for none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Group<'a> {
    pub(super) span: Span,
    /// The start of the hour or day.
    pub(super) start: Timestamp,
    pub(super) key: i64,
    pub(super) token: i64,
    pub(super) model: Cow<'a, str>,
    pub(super) provider: Cow<'a, str>,
}

/// How long a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// The end of the hour or day that begins at `start`.
    #[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
    pub(super) fn after(self, start: Timestamp) -> Timestamp {
        start.plus_millis(self.millis())
    }

    /// Its length.
    pub(super) fn millis(self) -> i64 {
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
            model: row.model.into(),
            provider: row.provider.unwrap_or_default().into(),
        }
    }

    /// The same, for longer than the rows it was made of.
    #[cfg(feature = "sqlite")]
    pub(super) fn into_owned(self) -> Group<'static> {
        let Self { span, start, key, token, model, provider } = self;
        let owned = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        Group { span, start, key, token, model: owned(model), provider: owned(provider) }
    }
}

/// Sums `rows`, each into its hour and its day.
#[cfg(feature = "postgres")]
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

/// What a question is about: a part, and one name of it or each.
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
pub(super) type Asked = (Part, Option<String>);

/// What the rows of an hour or a day are added up by, beside all of them together.
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    All,
    Key,
    Model,
    Provider,
    Token,
}

#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
impl Part {
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "SQLite names them one by one"))]
    pub(super) const EACH: [Self; 5] = [Self::All, Self::Key, Self::Model, Self::Provider, Self::Token];

    /// The name in the `part` column.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Key => "key",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Token => "token",
        }
    }

    /// What sums are split by, as far as it is no time.
    fn of(by: GroupBy) -> Option<Self> {
        match by {
            GroupBy::Nothing | GroupBy::Hour | GroupBy::Day => None,
            GroupBy::Key => Some(Self::Key),
            GroupBy::Model => Some(Self::Model),
            GroupBy::Provider => Some(Self::Provider),
            GroupBy::Token => Some(Self::Token),
        }
    }

    /// Where a question is answered by sums of sums: the part, and whose alone. `None`: it is about a combination.
    pub(super) fn asked(filter: &TotalsFilter, by: GroupBy) -> Option<Asked> {
        let of = |id: Option<i64>| id.map(|id| id.to_string());
        let names = [
            (Self::Key, of(filter.key.map(|key| key.0))),
            (Self::Model, filter.model.clone()),
            (Self::Provider, filter.provider.clone()),
            (Self::Token, of(filter.token.map(|token| token.0))),
        ];
        let mut names = names.into_iter().filter_map(|(part, name)| Some((part, name?)));
        match (names.next(), names.next(), Self::of(by)) {
            (None, _, None) => Some((Self::All, Some(String::new()))),
            (None, _, Some(part)) => Some((part, None)),
            (Some((part, name)), None, split) if split.is_none_or(|split| split == part) => Some((part, Some(name))),
            _ => None,
        }
    }
}

/// The rows of one hour or day, added up by each part and name.
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
#[derive(Default)]
pub(super) struct SumsOfSums(BTreeMap<(Part, String), Totals>);

#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
impl SumsOfSums {
    /// Adds a row: its key and client token, its model and provider, and its sums.
    pub(super) fn add(&mut self, [key, token]: [i64; 2], [model, provider]: [String; 2], sums: &Totals) {
        let names = [
            (Part::All, String::new()),
            (Part::Key, key.to_string()),
            (Part::Model, model),
            (Part::Provider, provider),
            (Part::Token, token.to_string()),
        ];
        for name in names {
            self.0.entry(name).or_default().merge(sums);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Part, &str, &Totals)> {
        self.0.iter().map(|((part, name), sums)| (*part, &**name, sums))
    }
}

/// So long after its end an hour is added up. Nearly every call that began in it has ended by then; those that have not
/// set it back.
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
const SETTLES_IN_MS: i64 = 6 * 3_600_000;

/// The hours that end by this are to be added up.
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
pub(super) fn due(now: Timestamp) -> Timestamp {
    now.plus_millis(-SETTLES_IN_MS).hour()
}

/// A piece, cut where its hours or days are not added up any more. `until` is the end of the hours that are.
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
pub(super) fn cut((span, from, to): Piece, until: Timestamp) -> [Option<Piece>; 2] {
    let at = span.start_of(until).clamp(from, to.max(from));
    [(span, from, at), (span, at, to)].map(|piece| (piece.1 < piece.2).then_some(piece))
}

/// The earliest hour that changes when `rows` are counted.
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
pub(super) fn earliest_hour(rows: &[Row<'_>]) -> Option<Timestamp> {
    rows.iter().map(|row| row.create_time.hour()).min()
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
    fn what_is_asked_of_one_thing_is_answered_by_sums_of_sums() {
        let check = |filter: TotalsFilter, by, expected: Option<(Part, Option<&str>)>| {
            let expected = expected.map(|(part, name)| (part, name.map(str::to_owned)));
            assert_eq!(Part::asked(&filter, by), expected, "{filter:?} by {by:?}");
        };
        let all = TotalsFilter::default;
        check(all(), GroupBy::Nothing, Some((Part::All, Some(""))));
        check(all(), GroupBy::Day, Some((Part::All, Some(""))));
        check(all(), GroupBy::Model, Some((Part::Model, None)));
        let key = TotalsFilter { key: Some(crate::id::KeyId(7)), ..all() };
        check(key.clone(), GroupBy::Hour, Some((Part::Key, Some("7"))));
        check(key.clone(), GroupBy::Key, Some((Part::Key, Some("7"))));
        check(key.clone(), GroupBy::Model, None);
        check(TotalsFilter { model: Some("m".into()), ..key }, GroupBy::Nothing, None);
    }

    #[test]
    fn a_piece_is_cut_where_nothing_is_added_up_any_more() {
        let hour = |n: i64| Timestamp::from_millis(n * 3_600_000);
        let check = |span, (from, to), until, expected: [Option<(i64, i64)>; 2]| {
            let found = cut((span, hour(from), hour(to)), hour(until));
            let found = found
                .map(|piece| piece.map(|(_, from, to)| (from.as_millis() / 3_600_000, to.as_millis() / 3_600_000)));
            assert_eq!(found, expected, "{span:?} {from} to {to} until {until}");
        };
        check(Span::Hour, (10, 20), 15, [Some((10, 15)), Some((15, 20))]);
        check(Span::Hour, (10, 20), 5, [None, Some((10, 20))]);
        check(Span::Hour, (10, 20), 25, [Some((10, 20)), None]);
        check(Span::Day, (0, 72), 47, [Some((0, 24)), Some((24, 72))]);
        check(Span::Day, (48, 72), 47, [None, Some((48, 72))]);
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
