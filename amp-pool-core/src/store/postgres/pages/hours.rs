//! A page of the log by a combination, from the hours whose sums hold it.

use std::ops::Range;

use uuid::Uuid;

use super::{
    super::{
        Failure,
        fields::{collect, firsts},
        pool::Lent,
    },
    first_call, read,
    search::{Query, number, query_open, text},
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
const BEFORE: &str = "SELECT create_time FROM api_request_log WHERE id < $1 ORDER BY id DESC LIMIT 1";
// As far as a row can stand before or behind where its time would have it: as many calls as a ledger can hold, and some.
const FIRST: &str = "
    SELECT min(id) FROM (SELECT id FROM api_request_log WHERE call_id >= $1 ORDER BY call_id LIMIT 30000) AS later";
const LAST: &str = "
    SELECT max(id) FROM (SELECT id FROM api_request_log WHERE call_id < $1 ORDER BY call_id DESC LIMIT 30000) AS earlier";

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Days and hours that are asked for at once: few at first, because most pages are soon full.
const FIRST_DAYS: usize = 2;
const MOST_DAYS: usize = 32;
const FIRST_HOURS: usize = 2;
const MOST_HOURS: usize = 64;

/// A search for what `filter` lets through among `rows`.
pub(super) struct Search<'a> {
    pub(super) lent: &'a Lent,
    pub(super) filter: &'a RecordFilter,
    pub(super) combination: Combination<'a>,
    pub(super) rows: Range<i64>,
}

impl Search<'_> {
    /// The newest of them.
    pub(super) async fn page(&self, limit: u32) -> Result<Vec<StoredRecord>, Failure> {
        let mut found = Gathered::new(limit);
        if self.combination.may_be_open() {
            found.add(query_open(self.filter, &self.rows, limit).run(self.lent).await?);
        }
        let (Some(from), Some(to)) = (self.from().await?, self.to().await?) else { return Ok(found.into_rows()) };
        let (days, mut first, mut few_hours) = (self.days(from, to).await?, 0, FIRST_HOURS);
        let mut few_days = FIRST_DAYS;
        while let Some(some) = days.get(first..).filter(|days| !days.is_empty()) {
            let some = some.get(..few_days).unwrap_or(some);
            (first, few_days) = (first + some.len(), MOST_DAYS.min(few_days * 2));
            let mut hours = &*self.hours(some, from, to).await?;
            while !hours.is_empty() {
                let (now, later) = hours.split_at(few_hours.min(hours.len()));
                (hours, few_hours) = (later, MOST_HOURS.min(few_hours * 2));
                found.add(self.of_hours(now, limit).await?);
                if self.is_full(&found, now).await? {
                    return Ok(found.into_rows());
                }
            }
        }
        Ok(found.into_rows())
    }

    /// Whether nothing that is older than these hours belongs to the page.
    async fn is_full(&self, found: &Gathered, hours: &[i64]) -> Result<bool, Failure> {
        let Some((last, hour)) = found.last().zip(hours.last()) else { return Ok(false) };
        let earlier = self.edge(LAST, Timestamp::from_millis(*hour)).await?;
        Ok(earlier.is_none_or(|earlier| earlier < last))
    }

    async fn edge(&self, sql: &'static str, at: Timestamp) -> Result<Option<i64>, Failure> {
        Ok(firsts::<Option<i64>>(&self.lent.query(sql, &[&first_call(at)]).await?)?.pop().flatten())
    }

    /// The hour of the oldest call that may be meant.
    async fn from(&self) -> Result<Option<Timestamp>, Failure> {
        let oldest = firsts::<Uuid>(&self.lent.query(OLDEST, &[]).await?)?.pop().map(|id| CallId(id).time());
        Ok(oldest.map(|oldest| self.filter.from.map_or(oldest, |from| from.max(oldest)).hour()))
    }

    /// The end of the hour since when none is meant: all later calls stand behind these rows.
    async fn to(&self) -> Result<Option<Timestamp>, Failure> {
        let before = firsts::<i64>(&self.lent.query(BEFORE, &[&self.rows.end]).await?)?.pop();
        let Some(before) = before.map(Timestamp::from_millis) else { return Ok(None) };
        let (mut to, mut hours) = (Span::Hour.after(before.hour()), 1);
        while self.filter.to.is_none_or(|end| to < end) {
            if self.edge(FIRST, to).await?.is_none_or(|later| later >= self.rows.end) {
                break;
            }
            (to, hours) = (to.plus_millis(hours * HOUR_MS), hours * 2);
        }
        Ok(Some(self.filter.to.map_or(to, |end| end.min(to))))
    }

    /// The days that hold the combination, from the newest.
    async fn days(&self, from: Timestamp, to: Timestamp) -> Result<Vec<i64>, Failure> {
        let mut query = Query::new("SELECT bucket");
        let ends = [from.day().as_millis(), to.as_millis() - 1, DAY_MS].map(number);
        query.push(" FROM generate_series(?::int8, ?::int8, ?::int8) AS bucket", ends);
        self.held_in(&mut query, Span::Day);
        query.push(" ORDER BY bucket DESC", []);
        firsts(&query.rows(self.lent).await?)
    }

    /// The hours of `days` that do, and lie between `from` and `to`.
    async fn hours(&self, days: &[i64], from: Timestamp, to: Timestamp) -> Result<Vec<i64>, Failure> {
        let mut query = Query::new("SELECT bucket FROM unnest(");
        query.push("?::int8[]) AS day", [Box::new(days.to_vec()) as _]);
        let ends = [DAY_MS - HOUR_MS, HOUR_MS].map(number);
        query.push(" CROSS JOIN LATERAL generate_series(day, day + ?::int8, ?::int8) AS bucket", ends);
        self.held_in(&mut query, Span::Hour);
        let ends = [from.as_millis(), to.as_millis()].map(number);
        query.push(" WHERE bucket >= ? AND bucket < ? ORDER BY bucket DESC", ends);
        firsts(&query.rows(self.lent).await?)
    }

    /// Leaves of each `bucket` those whose sums hold the combination. With a limit each is looked up in the index by itself.
    fn held_in<'q>(&'q self, query: &mut Query<'q>, span: Span) {
        let Combination { key, token, model, ended } = self.combination;
        query.push(" CROSS JOIN LATERAL (SELECT 1 FROM api_request_stats WHERE granularity = ?", [text(span.as_str())]);
        query.push(" AND bucket_start = bucket", []);
        query.narrow(" AND key_id = ?", key.map(number));
        query.narrow(" AND token_id = ?", token.map(number));
        query.narrow(" AND model = ?", model.map(text));
        query.push(ended.condition(), []);
        query.push(" LIMIT 1) AS held", []);
    }

    /// The newest of each of these hours. Calls are found by their ids, which begin with their time.
    async fn of_hours(&self, hours: &[i64], limit: u32) -> Result<Vec<StoredRecord>, Failure> {
        let ends = |end: i64| hours.iter().map(move |hour| first_call(Timestamp::from_millis(hour + end)));
        let ends: [Vec<Uuid>; 2] = [ends(0).collect(), ends(HOUR_MS).collect()];
        let mut query = Query::new(columns!());
        query.push("unnest(?::uuid[], ?::uuid[]) AS hour (first, after)", ends.map(|ends| Box::new(ends) as _));
        query.push(
            " CROSS JOIN LATERAL (SELECT * FROM api_request_log
              WHERE call_id >= hour.first AND call_id < hour.after AND outcome IS NOT NULL",
            [],
        );
        query.push(" AND id + 0 >= ? AND id + 0 < ?", [self.rows.start, self.rows.end].map(number));
        query.narrow_by(self.filter);
        // The sums with nothing keep the database from walking through all rows in their order.
        query.push(" ORDER BY id + 0 DESC LIMIT ?) AS call", [number(limit.into())]);
        collect(&query.rows(self.lent).await?, read)
    }
}
