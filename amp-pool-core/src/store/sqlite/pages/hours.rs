//! A page of the log by a combination, from the hours whose sums hold it.

use std::ops::Range;

use rusqlite::{OptionalExtension as _, Transaction, types::ToSqlOutput};

use super::{
    super::{Failure, blocks::Name, repeated::number},
    search, span,
};
use crate::{
    id::CallId,
    store::{
        RecordFilter, StoredRecord,
        combination::{Combination, Gathered},
        rollup::Span,
    },
    time::Timestamp,
};

const OLDEST: &str = "SELECT call_id FROM api_request_log ORDER BY call_id LIMIT 1";
const BEFORE: &str = "SELECT create_time FROM api_request_log WHERE id < ?1 ORDER BY id DESC LIMIT 1";

/// A search for what `filter` lets through among `rows`.
pub(super) struct Search<'a> {
    pub(super) tx: &'a Transaction<'a>,
    pub(super) filter: &'a RecordFilter,
    pub(super) names: &'a [Name<'a>],
    pub(super) combination: Combination<'a>,
    pub(super) rows: Range<i64>,
}

impl Search<'_> {
    /// The newest of them.
    pub(super) fn page(&self, limit: u32) -> Result<Vec<StoredRecord>, Failure> {
        let mut found = Gathered::new(limit);
        if self.combination.may_be_open() {
            found.add(search::of_open(self.tx, self.filter, &self.rows, limit)?);
        }
        let (Some(from), Some(to)) = (self.from()?, self.to()?) else { return Ok(found.into_rows()) };
        let mut hours = Hours { search: self, from, to, day: None };
        while let Some(hour) = hours.next()? {
            found.add(self.of_hour(hour, limit)?);
            if let Some(last) = found.last()
                && span(self.tx, None, Some(hour))?.end <= last
            {
                break;
            }
        }
        Ok(found.into_rows())
    }

    /// Those of an hour that have ended.
    fn of_hour(&self, hour: Timestamp, limit: u32) -> Result<Vec<StoredRecord>, Failure> {
        let end = Span::Hour.after(hour);
        let from = Some(self.filter.from.map_or(hour, |from| from.max(hour)));
        let to = Some(self.filter.to.map_or(end, |to| to.min(end)));
        let Range { start, end } = span(self.tx, from, to)?;
        let rows = start.max(self.rows.start)..end.min(self.rows.end);
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let filter = RecordFilter { from, to, ..self.filter.clone() };
        let mut found = search::of_blocks(self.tx, &filter, self.names, &rows, limit)?;
        found.retain(|row| row.outcome.is_some());
        Ok(found)
    }

    /// The hour of the oldest call that may be meant.
    fn from(&self) -> Result<Option<Timestamp>, Failure> {
        let oldest = self.tx.prepare_cached(OLDEST)?.query_row([], |row| row.get::<_, [u8; 16]>(0)).optional()?;
        let oldest = oldest.map(|id| CallId(uuid::Uuid::from_bytes(id)).time());
        Ok(oldest.map(|oldest| self.filter.from.map_or(oldest, |from| from.max(oldest)).hour()))
    }

    /// The end of the hour since when none is meant: all later calls stand behind these rows.
    fn to(&self) -> Result<Option<Timestamp>, Failure> {
        let before = self.tx.prepare_cached(BEFORE)?.query_row([self.rows.end], |row| row.get(0)).optional()?;
        let Some(before) = before.map(Timestamp::from_millis) else { return Ok(None) };
        let (mut to, mut hours) = (Span::Hour.after(before.hour()), 1);
        while self.filter.to.is_none_or(|end| to < end) {
            let later = span(self.tx, Some(to), None)?;
            if later.is_empty() || later.start >= self.rows.end {
                break;
            }
            (to, hours) = (to.plus_millis(hours * HOUR_MS), hours * 2);
        }
        Ok(Some(self.filter.to.map_or(to, |end| end.min(to))))
    }

    /// The newest hour or day from `from` on, and before `before`, that holds the combination.
    fn newest(&self, span: Span, from: Timestamp, before: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let values = rusqlite::params_from_iter(self.combination.values(span, from, before));
        let mut newest = self.tx.prepare_cached(&self.combination.newest())?;
        Ok(newest.query_row(values, |row| row.get(0)).optional()?.map(Timestamp::from_millis))
    }
}

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The hours from `from` on and before `to` that hold a combination, from the newest.
struct Hours<'a> {
    search: &'a Search<'a>,
    from: Timestamp,
    to: Timestamp,
    /// The day whose hours these are.
    day: Option<Timestamp>,
}

impl Hours<'_> {
    fn next(&mut self) -> Result<Option<Timestamp>, Failure> {
        loop {
            if let Some(day) = self.day {
                if let Some(hour) = self.search.newest(Span::Hour, self.from.max(day), self.to)? {
                    self.to = hour;
                    return Ok(Some(hour));
                }
                self.to = day;
            }
            self.day = self.search.newest(Span::Day, self.from.day(), self.to)?;
            let Some(day) = self.day else { return Ok(None) };
            self.to = self.to.min(Span::Day.after(day));
        }
    }
}

/// Hours or days from the newest. Those without sums are named too: to find out costs more than to look into them.
const BUCKETS: &str = "
    WITH RECURSIVE bucket (start) AS (
        SELECT ?3 WHERE ?3 >= ?2
        UNION ALL
        SELECT start - ?4 FROM bucket WHERE start - ?4 >= ?2)";
const HOLDS: &str = "
    SELECT start FROM bucket WHERE EXISTS (
        SELECT 1 FROM api_request_stats WHERE granularity = ?1 AND bucket_start = bucket.start";

impl Combination<'_> {
    /// The newest of them with a row of sums that is of it. They are not gone through further than to that.
    fn newest(&self) -> String {
        let mut sql = BUCKETS.to_owned() + HOLDS;
        let parts =
            [("key_id", self.key.is_some()), ("token_id", self.token.is_some()), ("model", self.model.is_some())];
        for (column, _) in parts.into_iter().filter(|(_, is_asked)| *is_asked) {
            sql.push_str(" AND ");
            sql.push_str(column);
            sql.push_str(" = ?");
        }
        sql + self.ended.condition() + ") LIMIT 1"
    }

    fn values(&self, span: Span, from: Timestamp, before: Timestamp) -> impl Iterator<Item = ToSqlOutput<'_>> {
        let ids = [self.key, self.token].into_iter().flatten().map(number);
        let last = before.plus_millis(-1);
        let (newest, length) = match span {
            Span::Hour => (last.hour(), HOUR_MS),
            Span::Day => (last.day(), DAY_MS),
        };
        let ends = [number(from.as_millis()), number(newest.as_millis()), number(length)];
        let values = [span.as_str().into()].into_iter().chain(ends).chain(ids).chain(self.model.map(Into::into));
        values.map(ToSqlOutput::Borrowed)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::plan, *};
    use crate::{
        id::{KeyId, TokenId},
        store::combination::Ended,
    };

    #[test]
    fn sums_are_asked_by_the_index_of_their_combinations() {
        let check = |filter: &RecordFilter, expected: &str| {
            let combination = Combination::asked(filter).unwrap();
            let values = combination.values(Span::Hour, Timestamp::from_millis(1), Timestamp::from_millis(2));
            let plan = plan(&combination.newest(), rusqlite::params_from_iter(values));
            let index = "INDEX sqlite_autoindex_api_request_stats_1 (granularity=? AND bucket_start";
            let holds = format!("SEARCH api_request_stats EXISTS USING {expected}");
            assert!(plan.ends_with(&holds.replace("INDEX", &format!("{index}=?"))), "{filter:?}: {plan}");
            // Each is made when it is asked for.
            assert!(plan.starts_with("CO-ROUTINE bucket") && !plan.contains("SCAN api"), "{plan}");
        };
        let (key, token, model) = (Some(KeyId(1)), Some(TokenId(2)), Some("m".to_owned()));
        let any = RecordFilter::default;
        check(&RecordFilter { key, model: model.clone(), ..any() }, "COVERING INDEX AND key_id=? AND model=?)");
        check(&RecordFilter { key, token, ..any() }, "COVERING INDEX AND key_id=?)");
        check(&RecordFilter { token, model, ..any() }, "COVERING INDEX)");
        let badly = RecordFilter { key, status: Some("error".into()), ..any() };
        assert_eq!(Combination::asked(&badly).unwrap().ended, Ended::Badly);
        check(&badly, "INDEX AND key_id=?)");
    }
}
