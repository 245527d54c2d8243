//! Looking for a page of the log.

use std::{borrow::Cow, ops::Range};

use tokio_postgres::types::ToSql;

use super::{
    super::{
        Failure,
        fields::{self, collect, firsts},
        notes,
        pool::Lent,
    },
    hours, read,
};
use crate::store::{
    RecordFilter, StoredRecord,
    combination::{Combination, FEW_BLOCKS},
    names::{Name, OPEN, SHIFT},
};

/// So many blocks of an error are looked through before sums are asked: those know that there was one, and not which.
const FEW_BLOCKS_OF_AN_ERROR: i64 = 512;

/// The newest of `rows` that `filter` lets through.
pub(super) async fn page(
    lent: &Lent,
    filter: &RecordFilter,
    rows: &Range<i64>,
    limit: u32,
) -> Result<Vec<StoredRecord>, Failure> {
    if filter.status.as_deref() == Some(OPEN) {
        return query_open(filter, rows, limit).run(lent).await;
    }
    let (names, floor) = rarest_first(lent, filter, rows).await?;
    let combination = Combination::asked(filter).zip(floor);
    let Some((combination, floor)) = combination else { return query(filter, &names, rows, limit).run(lent).await };
    let mut found = query(filter, &names, &(floor..rows.end), limit).run(lent).await?;
    let left = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
    if left > 0 && rows.start < floor {
        let search = hours::Search { lent, filter, combination, rows: rows.start..floor };
        found.extend(search.page(left).await?);
    }
    Ok(found)
}

const FEW_FROM: &str = "
    SELECT block FROM api_request_log_blocks WHERE kind = $1 AND name = $2 AND block BETWEEN $3 AND $4
    ORDER BY block DESC LIMIT 1 OFFSET $5";

/// The names that `filter` asks for, that of the fewest blocks first, and the first row of its newest blocks. `None`: it
/// has only few.
async fn rarest_first<'a>(
    lent: &Lent,
    filter: &'a RecordFilter,
    rows: &Range<i64>,
) -> Result<(Vec<Name<'a>>, Option<i64>), Failure> {
    let names: Vec<_> = Name::asked(filter).collect();
    if names.len() < 2 && Combination::asked(filter).is_none() {
        return Ok((names, None));
    }
    let few = if filter.error_type.is_some() { FEW_BLOCKS_OF_AN_ERROR } else { FEW_BLOCKS };
    let mut sorted = Vec::with_capacity(names.len());
    for name in names {
        let values: [&(dyn ToSql + Sync); 5] =
            [&name.kind(), &notes::value(name), &(rows.start >> SHIFT), &((rows.end - 1) >> SHIFT), &(few - 1)];
        sorted.push((firsts::<i64>(&lent.query(FEW_FROM, &values).await?)?.pop(), name));
    }
    // Of those that reach back as far the first stays the first.
    sorted.sort_by_key(|(block, _)| *block);
    let floor = sorted.first().and_then(|(block, _)| *block).map(|block| (block << SHIFT).max(rows.start));
    Ok((sorted.into_iter().map(|(_, name)| name).collect(), floor))
}

pub(super) type Value<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// A statement and what is bound to it, in order. Its text is made of parts of this program and nothing else.
pub(super) struct Query<'a> {
    sql: String,
    values: Vec<Value<'a>>,
}

impl<'a> Query<'a> {
    pub(super) fn new(sql: &str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new() }
    }

    /// Adds `text`, each `?` of it standing for the next of `values`.
    pub(super) fn push(&mut self, text: &str, values: impl IntoIterator<Item = Value<'a>>) {
        let mut parts = text.split('?');
        self.sql.push_str(parts.next().unwrap_or_default());
        for (part, value) in parts.zip(values) {
            self.values.push(value);
            self.sql.push_str(&format!("${}{part}", self.values.len()));
        }
    }

    pub(super) fn narrow(&mut self, condition: &str, value: Option<Value<'a>>) {
        if let Some(value) = value {
            self.push(condition, [value]);
        }
    }

    /// All that `filter` says of a row.
    pub(super) fn narrow_by(&mut self, filter: &'a RecordFilter) {
        self.narrow(" AND create_time >= ?", filter.from.map(|from| number(from.as_millis())));
        self.narrow(" AND create_time < ?", filter.to.map(|to| number(to.as_millis())));
        self.narrow(" AND key_id = ?", filter.key.map(|key| number(key.0)));
        self.narrow(" AND token_id = ?", filter.token.map(|token| number(token.0)));
        self.narrow(" AND model = ?", filter.model.as_deref().map(text));
        self.narrow(" AND error_type = ?", filter.error_type.as_deref().map(text));
        self.narrow(" AND status = ?", filter.status.as_deref().map(text));
    }

    pub(super) async fn rows(&self, lent: &Lent) -> Result<Vec<tokio_postgres::Row>, Failure> {
        let values: Vec<_> = self.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
        lent.query_once(&self.sql, &values).await
    }

    pub(super) async fn run(&self, lent: &Lent) -> Result<Vec<StoredRecord>, Failure> {
        collect(&self.rows(lent).await?, read)
    }
}

pub(super) fn number<'a>(number: i64) -> Value<'a> {
    Box::new(number)
}

pub(super) fn text<'a>(text: &'a str) -> Value<'a> {
    Box::new(fields::text(text))
}

fn name<'a>(name: Name<'a>) -> [Value<'a>; 2] {
    let value: Cow<'a, str> = notes::value(name);
    [Box::new(name.kind()), Box::new(value)]
}

/// Only the blocks of `rows` that hold all of `names` are read, from the newest.
fn by_blocks<'a>(rows: &Range<i64>, names: &[Name<'a>]) -> Option<Query<'a>> {
    let (first, others) = names.split_first()?;
    let mut query = Query::new(columns!());
    query.push("(SELECT block FROM api_request_log_blocks AS noted WHERE kind = ? AND name = ?", name(*first));
    query.push(" AND block BETWEEN ? AND ?", [number(rows.start >> SHIFT), number((rows.end - 1) >> SHIFT)]);
    for also in others {
        let same = " AND EXISTS (SELECT 1 FROM api_request_log_blocks AS also
                                 WHERE also.kind = ? AND also.name = ? AND also.block = noted.block)";
        query.push(same, name(*also));
    }
    // Blocks first, then their rows, both from the newest: the last rows of a page end the search.
    query.push(
        " ORDER BY block DESC) AS noted CROSS JOIN LATERAL
          (SELECT * FROM api_request_log WHERE id BETWEEN noted.block * 256 AND noted.block * 256 + 255",
        [],
    );
    Some(query)
}

fn query<'a>(filter: &'a RecordFilter, names: &[Name<'a>], rows: &Range<i64>, limit: u32) -> Query<'a> {
    let blocks = by_blocks(rows, names);
    let end = if blocks.is_some() { " ORDER BY id DESC) AS call LIMIT ?" } else { " ORDER BY id DESC LIMIT ?" };
    let mut query = blocks.unwrap_or_else(|| Query::new(select!("WHERE TRUE")));
    query.push(" AND id >= ? AND id < ?", [number(rows.start), number(rows.end)]);
    query.narrow_by(filter);
    query.push(end, [number(limit.into())]);
    query
}

/// Few calls are open, so those are found by their own index, and sorted. The sums with nothing keep the database from
/// walking through all rows in their order instead.
pub(super) fn query_open<'a>(filter: &'a RecordFilter, rows: &Range<i64>, limit: u32) -> Query<'a> {
    let mut query = Query::new(select!("WHERE outcome IS NULL"));
    query.push(" AND id + 0 >= ? AND id + 0 < ?", [number(rows.start), number(rows.end)]);
    query.narrow_by(filter);
    query.push(" ORDER BY id + 0 DESC LIMIT ?", [number(limit.into())]);
    query
}
