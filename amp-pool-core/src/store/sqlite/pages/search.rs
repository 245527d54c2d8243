//! Looking for a page of the log.

use std::ops::Range;

use rusqlite::{
    ToSql, Transaction, params,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    super::{
        Failure,
        blocks::{Name, SHIFT, value},
        fields::collect,
        repeated::number,
    },
    hours, read,
};
use crate::store::{
    RecordFilter, StoredRecord,
    combination::{Combination, FEW_BLOCKS},
    names::OPEN,
};

/// The newest of `rows` that `filter` lets through.
pub(super) fn page(
    tx: &Transaction<'_>,
    filter: &RecordFilter,
    rows: &Range<i64>,
    limit: u32,
) -> Result<Vec<StoredRecord>, Failure> {
    if filter.status.as_deref() == Some(OPEN) {
        return of_open(tx, filter, rows, limit);
    }
    if filter.error_type.is_some() {
        return query(filter, &[], rows, limit).run(tx);
    }
    let (names, floor) = rarest_first(tx, filter, rows)?;
    let combination = Combination::asked(filter).zip(floor);
    let Some((combination, floor)) = combination else { return of_blocks(tx, filter, &names, rows, limit) };
    let mut found = of_blocks(tx, filter, &names, &(floor..rows.end), limit)?;
    let left = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
    if left > 0 && rows.start < floor {
        let search = hours::Search { tx, filter, names: &names, combination, rows: rows.start..floor };
        found.extend(search.page(left)?);
    }
    Ok(found)
}

/// The newest of `rows`, read by the blocks that hold all of `names`.
pub(super) fn of_blocks(
    tx: &Transaction<'_>,
    filter: &RecordFilter,
    names: &[Name<'_>],
    rows: &Range<i64>,
    limit: u32,
) -> Result<Vec<StoredRecord>, Failure> {
    query(filter, names, rows, limit).run(tx)
}

/// The newest of `rows` whose calls have not ended.
pub(super) fn of_open(
    tx: &Transaction<'_>,
    filter: &RecordFilter,
    rows: &Range<i64>,
    limit: u32,
) -> Result<Vec<StoredRecord>, Failure> {
    query_open(filter, rows, limit).run(tx)
}

const FEW_FROM: &str = "
    SELECT block FROM api_request_log_blocks WHERE kind = ?1 AND name = ?2 AND block BETWEEN ?3 AND ?4
    ORDER BY block DESC LIMIT 1 OFFSET ?5";

/// The names that `filter` asks for, that of the fewest blocks first, and the first row of its newest blocks. `None`: it
/// has only few.
fn rarest_first<'a>(
    tx: &Transaction<'_>,
    filter: &'a RecordFilter,
    rows: &Range<i64>,
) -> Result<(Vec<Name<'a>>, Option<i64>), Failure> {
    let mut names: Vec<_> = Name::asked(filter).collect();
    if names.len() < 2 && Combination::asked(filter).is_none() {
        return Ok((names, None));
    }
    let mut few_from = tx.prepare_cached(FEW_FROM)?;
    let mut sorted = Vec::with_capacity(names.len());
    for name in names.drain(..) {
        let values = params![
            name.kind(),
            ToSqlOutput::Borrowed(value(name)),
            rows.start >> SHIFT,
            (rows.end - 1) >> SHIFT,
            FEW_BLOCKS - 1
        ];
        let mut found = few_from.query(values)?;
        let block = found.next()?.map(|row| row.get::<_, i64>(0)).transpose()?;
        sorted.push((block, name));
    }
    // Of those that reach back as far the first stays the first.
    sorted.sort_by_key(|(block, _)| *block);
    let floor = sorted.first().and_then(|(block, _)| *block).map(|block| (block << SHIFT).max(rows.start));
    Ok((sorted.into_iter().map(|(_, name)| name).collect(), floor))
}

/// A statement and what is bound to it, in order. Its text is made of parts of this program and nothing else.
struct Query<'a> {
    sql: String,
    values: Vec<ToSqlOutput<'a>>,
}

impl<'a> Query<'a> {
    /// Every row; of those with an error of a type every one in their index, which knows the key, the token and the model too.
    /// Sums know that there was an error, and not which; and of one type are few.
    fn by_row(filter: &RecordFilter) -> Self {
        let sql = match filter.error_type {
            Some(_) => select!("INDEXED BY api_request_log_errors WHERE true"),
            None => select!("WHERE true"),
        };
        Self { sql: sql.to_owned(), values: Vec::new() }
    }

    /// Only the blocks of `rows` that hold all of `names` are read, from the newest. `None` when there are no names.
    fn by_blocks(rows: &Range<i64>, names: &[Name<'a>]) -> Option<Self> {
        let (first, others) = names.split_first()?;
        let mut query = Self { sql: BY_BLOCKS.to_owned(), values: Vec::new() };
        query.push("", [first.kind().into(), value(*first)]);
        query.push("", [number(rows.start >> SHIFT), number((rows.end - 1) >> SHIFT)]);
        for name in others {
            query.push(ALSO, [name.kind().into(), value(*name)]);
        }
        Some(query)
    }

    fn push(&mut self, text: &str, values: impl IntoIterator<Item = ValueRef<'a>>) {
        self.sql.push_str(text);
        self.values.extend(values.into_iter().map(ToSqlOutput::Borrowed));
    }

    fn narrow(&mut self, condition: &str, value: Option<impl Into<ValueRef<'a>>>) {
        if let Some(value) = value {
            self.push(condition, [value.into()]);
        }
    }

    /// All that `filter` says of a row, but for how its call ended.
    fn narrow_by(&mut self, filter: &'a RecordFilter) {
        self.narrow(" AND create_time >= ?", filter.from.map(|from| number(from.as_millis())));
        self.narrow(" AND create_time < ?", filter.to.map(|to| number(to.as_millis())));
        self.narrow(" AND key_id = ?", filter.key.map(|key| number(key.0)));
        self.narrow(" AND token_id = ?", filter.token.map(|token| number(token.0)));
        self.narrow(" AND model = ?", filter.model.as_deref());
        self.narrow(" AND error_type = ?", filter.error_type.as_deref());
    }

    fn run(&self, tx: &Transaction<'_>) -> Result<Vec<StoredRecord>, Failure> {
        let values: Vec<_> = self.values.iter().map(|value| value as &dyn ToSql).collect();
        collect(tx, &self.sql, &values, read)
    }
}

// The order of a cross join is kept: blocks first, then their rows, both from the newest, so that nothing is sorted.
const BY_BLOCKS: &str = concat!(
    columns!(),
    "api_request_log_blocks AS noted CROSS JOIN api_request_log
        ON id BETWEEN noted.block << 8 AND noted.block << 8 | 255
     WHERE noted.kind = ? AND noted.name = ? AND noted.block BETWEEN ? AND ?"
);
const ALSO: &str = " AND EXISTS (SELECT 1 FROM api_request_log_blocks AS also
                                  WHERE also.kind = ? AND also.name = ? AND also.block = noted.block)";

fn query<'a>(filter: &'a RecordFilter, names: &[Name<'a>], rows: &Range<i64>, limit: u32) -> Query<'a> {
    let blocks = Query::by_blocks(rows, names);
    let (range, order) = match blocks {
        // The plus leaves the bounds of the block to be those that rows are searched by.
        Some(_) => (" AND +id >= ? AND +id < ?", " ORDER BY noted.block DESC, id DESC"),
        None => (" AND id >= ? AND id < ?", " ORDER BY id DESC"),
    };
    let mut query = blocks.unwrap_or_else(|| Query::by_row(filter));
    query.push(range, [number(rows.start), number(rows.end)]);
    query.narrow_by(filter);
    query.narrow(" AND status = ?", filter.status.as_deref());
    query.push(order, []);
    query.push(" LIMIT ?", [number(limit)]);
    query
}

/// Few calls are open, so those are found by their own index, and sorted.
fn query_open<'a>(filter: &'a RecordFilter, rows: &Range<i64>, limit: u32) -> Query<'a> {
    let mut query = Query { sql: super::OPEN.to_owned(), values: Vec::new() };
    query.push(" AND +id >= ? AND +id < ?", [number(rows.start), number(rows.end)]);
    query.narrow_by(filter);
    query.push(" ORDER BY +id DESC LIMIT ?", [number(limit)]);
    query
}

#[cfg(test)]
mod tests {
    use super::{super::tests::plan, *};
    use crate::{
        id::{KeyId, TokenId},
        time::Timestamp,
    };

    fn check(filter: &RecordFilter, expected: &str) {
        let names: Vec<_> = Name::asked(filter).collect();
        let Query { sql, values } = query(filter, &names, &(1..9), 5);
        let plan = plan(&sql, rusqlite::params_from_iter(values));
        assert!(plan.contains(expected), "{filter:?}: {plan}");
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{filter:?}: {plan}");
    }

    #[test]
    fn every_page_is_read_in_its_order_and_no_further_than_it_must() {
        let filter = RecordFilter::default;
        let at = Some(Timestamp::from_millis(1));
        let by_block = "SEARCH noted USING PRIMARY KEY (kind=? AND name=? AND block>? AND block<?); \
                        SEARCH api_request_log USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
        check(&filter(), "USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)");
        check(&RecordFilter { from: at, to: at, ..filter() }, "USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)");
        check(&RecordFilter { key: Some(KeyId(1)), ..filter() }, by_block);
        check(&RecordFilter { token: Some(TokenId(1)), from: at, ..filter() }, by_block);
        check(&RecordFilter { model: Some("m".into()), ..filter() }, by_block);
        let both = RecordFilter { key: Some(KeyId(1)), model: Some("m".into()), ..filter() };
        check(&both, "SEARCH also EXISTS USING PRIMARY KEY (kind=? AND name=? AND block=?)");
        check(&RecordFilter { status: Some("error".into()), ..filter() }, by_block);
    }

    #[test]
    fn errors_of_a_type_are_found_by_their_index_alone() {
        let all = RecordFilter {
            error_type: Some("e".into()),
            key: Some(KeyId(1)),
            token: Some(TokenId(1)),
            model: Some("m".into()),
            ..Default::default()
        };
        let found = "SEARCH api_request_log USING INDEX api_request_log_errors (error_type=? AND id>? AND id<?)";
        for filter in [RecordFilter { error_type: all.error_type.clone(), ..Default::default() }, all] {
            let Query { sql, values } = query(&filter, &[], &(1..9), 5);
            assert_eq!(plan(&sql, rusqlite::params_from_iter(values)), found, "{filter:?}");
        }
    }

    #[test]
    fn open_calls_are_found_by_their_own_index() {
        let at = Some(Timestamp::from_millis(1));
        let filter = RecordFilter { from: at, token: Some(TokenId(1)), model: Some("m".into()), ..Default::default() };
        let Query { sql, values } = query_open(&filter, &(1..9), 5);
        let plan = plan(&sql, rusqlite::params_from_iter(values));
        assert!(
            plan.starts_with("SEARCH api_request_log USING INDEX api_request_log_open")
                || plan.starts_with("SCAN api_request_log USING INDEX api_request_log_open"),
            "{plan}"
        );
    }

    #[test]
    fn where_a_name_is_in_few_blocks_is_found_in_its_notes() {
        let plan = plan(FEW_FROM, params!["key", 1, 0, 9, 15]);
        assert_eq!(plan, "SEARCH api_request_log_blocks USING PRIMARY KEY (kind=? AND name=? AND block>? AND block<?)");
    }
}
