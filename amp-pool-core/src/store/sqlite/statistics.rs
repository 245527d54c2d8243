//! Sums per hour and day as rows of `api_request_stats`.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params, types::ValueRef};

use super::{
    Failure,
    fields::{Fields, each, int},
    repeated::{maybe, number},
    sums,
};
use crate::{
    money::NanoUsd,
    store::{
        GroupBy, StoredRecord, Totals, TotalsFilter,
        adjustments::Shift,
        rollup::{Asked, Group, Part, Piece, cut, pieces},
        rows::Row,
    },
    time::Timestamp,
};

// A sum that would leave 64 bits stays as it is: a strict table refuses what SQLite would make of it.
const SHIFT: &str = "
    UPDATE api_request_stats SET
        update_time = max(update_time, ?1),
        cost        = iif(typeof(cost + ?8) = 'integer', cost + ?8, cost),
        unpriced    = unpriced + ?9,
        saved       = iif(typeof(saved + ?10) = 'integer', saved + ?10, saved),
        saved_known = saved_known + ?11
    WHERE granularity = ?2 AND bucket_start = ?3 AND key_id = ?4 AND model = ?5 AND provider = ?6 AND token_id = ?7";

/// Changes what is summed of a call that turned out to cost something else.
pub(super) fn shift(tx: &Transaction<'_>, row: &StoredRecord, by: Shift, now: Timestamp) -> Result<(), Failure> {
    let Shift { cost, unpriced, saved, saved_known } = by;
    let row = Row::of(row);
    sums::set_back(tx, row.create_time.hour())?;
    for Group { span, start, key, token, model, provider } in Group::both(&row) {
        let (now, start) = (now.as_millis(), start.as_millis());
        let name = params![now, span.as_str(), start, key, model, provider, token, cost, unpriced, saved, saved_known];
        tx.prepare_cached(SHIFT)?.execute(name)?;
    }
    Ok(())
}

/// The columns of sums, as [`read`] takes them.
macro_rules! sum_columns {
    () => {
        "requests, errors, uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, \
         output_tokens, reasoning_tokens, cost, unpriced, latency_ms, first_byte_ms, first_bytes, cached, saved_known, \
         saved, latency_histogram, first_byte_histogram"
    };
}
pub(super) use sum_columns;

macro_rules! select_by {
    ($group:literal) => {
        concat!(
            "SELECT ",
            $group,
            ", ",
            sum_columns!(),
            " FROM api_request_stats ",
            "WHERE granularity = ?1 AND bucket_start >= ?2 AND bucket_start < ?3 AND (?4 IS NULL OR key_id = ?4) ",
            "AND (?5 IS NULL OR model = ?5) AND (?6 IS NULL OR provider = ?6) AND (?7 IS NULL OR token_id = ?7)"
        )
    };
}

fn select(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Nothing => select_by!("NULL"),
        GroupBy::Key => select_by!("nullif(key_id, 0)"),
        GroupBy::Model => select_by!("model"),
        GroupBy::Provider => select_by!("provider"),
        GroupBy::Token => select_by!("nullif(token_id, 0)"),
        GroupBy::Hour | GroupBy::Day => select_by!("bucket_start"),
    }
}

const EVERY: &str = concat!(
    "SELECT granularity, bucket_start, key_id, token_id, model, provider, ",
    sum_columns!(),
    " FROM api_request_stats"
);

/// The rows of an hour or a day.
pub(super) const OF_BUCKET: &str = concat!(
    "SELECT key_id, token_id, model, provider, ",
    sum_columns!(),
    " FROM api_request_stats WHERE granularity = ?1 AND bucket_start = ?2"
);

/// Shows every row: its span, where it begins, key and token, model and provider, and its sums.
pub(super) fn each_row(
    tx: &Transaction<'_>,
    mut show: impl FnMut(&str, Timestamp, [i64; 2], [String; 2], &Totals),
) -> Result<(), Failure> {
    each(tx, EVERY, &[], |row| {
        let (span, start): (String, _) = (row.take()?, row.time()?);
        let (ids, names) = ([row.take()?, row.take()?], [row.take()?, row.take()?]);
        show(&span, start, ids, names, &read(row)?);
        Ok(())
    })
}

/// Sums of sums. Added up here and not in SQLite, whose `sum` fails where ours stops at the largest number.
pub(super) fn totals(tx: &Transaction<'_>, filter: &TotalsFilter, by: GroupBy) -> Result<Vec<Totals>, Failure> {
    let mut sums = Sums::default();
    if by == GroupBy::Nothing {
        sums.numbers.insert(None, Totals::default());
    }
    let asked = Part::asked(filter, by);
    let until = if asked.is_some() { sums::until(tx)? } else { Timestamp::default() };
    for piece in pieces(filter.from, filter.to, by).into_iter().flatten() {
        let [added_up, rest] = cut(piece, until);
        if let Some((piece, asked)) = added_up.zip(asked.as_ref()) {
            sums.add_sums(tx, asked, by, piece)?;
        }
        if let Some(piece) = rest {
            sums.add_combinations(tx, filter, by, piece)?;
        }
    }
    Ok(sums.into_rows())
}

/// Rows are read in the order of time and summed in that of what they are split by.
#[derive(Default)]
struct Sums {
    numbers: BTreeMap<Option<i64>, Totals>,
    names: BTreeMap<String, Totals>,
}

impl Sums {
    /// Adds the rows of combinations.
    fn add_combinations(
        &mut self,
        tx: &Transaction<'_>,
        filter: &TotalsFilter,
        by: GroupBy,
        (span, from, to): Piece,
    ) -> Result<(), Failure> {
        let TotalsFilter { key, token, model, provider, .. } = filter;
        let (key, token) = (key.map(|key| key.0), token.map(|token| token.0));
        let values = params![span.as_str(), from.as_millis(), to.as_millis(), key, model, provider, token];
        let mut statement = tx.prepare_cached(select(by))?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            let part = read(&mut Fields::after(row, 1))?;
            self.add(row.get_ref(0)?, part)?;
        }
        Ok(())
    }

    /// Adds rows that were added up before.
    fn add_sums(&mut self, tx: &Transaction<'_>, asked: &Asked, by: GroupBy, piece: Piece) -> Result<(), Failure> {
        sums::each_row(tx, asked, piece, |start, name, part| match by {
            GroupBy::Nothing => self.numbers.entry(None).or_default().merge(&part),
            GroupBy::Hour | GroupBy::Day => self.numbers.entry(Some(start.as_millis())).or_default().merge(&part),
            // 0 stands for none.
            GroupBy::Key | GroupBy::Token => {
                let id = name.parse().ok().filter(|id| *id != 0);
                self.numbers.entry(id).or_default().merge(&part);
            }
            GroupBy::Model | GroupBy::Provider => self.add_named(name, part),
        })
    }

    fn add(&mut self, group: ValueRef<'_>, part: Totals) -> Result<(), Failure> {
        match group {
            ValueRef::Text(_) => self.add_named(group.as_str().map_err(Failure::corrupt)?, part),
            ValueRef::Integer(number) => self.numbers.entry(Some(number)).or_default().merge(&part),
            _ => self.numbers.entry(None).or_default().merge(&part),
        }
        Ok(())
    }

    /// A name is copied only when it is met for the first time.
    fn add_named(&mut self, name: &str, part: Totals) {
        match self.names.get_mut(name) {
            Some(sum) => sum.merge(&part),
            None => drop(self.names.insert(name.to_owned(), part)),
        }
    }

    fn into_rows(self) -> Vec<Totals> {
        let text = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
        let numbers = self.numbers.into_iter().map(|(number, sums)| Totals { group: text(number), ..sums });
        numbers.chain(self.names.into_iter().map(|(group, sums)| Totals { group, ..sums })).collect()
    }
}

/// How latencies and first bytes spread, as they are stored.
pub(super) fn spread(sums: &Totals) -> [Vec<u8>; 2] {
    [sums.latency.to_bytes(), sums.first_byte.to_bytes()]
}

/// What is stored in the columns of [`sum_columns!`].
pub(super) fn values<'a>(sums: &Totals, [latencies, first_bytes]: &'a [Vec<u8>; 2]) -> [ValueRef<'a>; 18] {
    let usage = &sums.usage;
    [
        number(int(sums.requests)),
        number(int(sums.errors)),
        number(int(usage.uncached_input)),
        number(int(usage.cache_read)),
        number(int(usage.cache_write_5m)),
        number(int(usage.cache_write_1h)),
        number(int(usage.output)),
        maybe(usage.reasoning.map(int)),
        number(sums.cost.0),
        number(int(sums.unpriced)),
        number(int(sums.latency_ms)),
        number(int(sums.first_byte_ms)),
        number(int(sums.first_bytes)),
        number(int(sums.cached)),
        number(int(sums.saved_known)),
        number(sums.saved.0),
        ValueRef::Blob(latencies),
        ValueRef::Blob(first_bytes),
    ]
}

/// Reads the columns of [`sum_columns!`].
pub(super) fn read(row: &mut Fields<'_>) -> Result<Totals, Failure> {
    Ok(Totals {
        group: String::new(),
        requests: row.count()?,
        errors: row.count()?,
        usage: row.usage()?,
        cost: NanoUsd(row.take()?),
        unpriced: row.count()?,
        latency_ms: row.count()?,
        first_byte_ms: row.count()?,
        first_bytes: row.count()?,
        cached: row.count()?,
        saved_known: row.count()?,
        saved: NanoUsd(row.take()?),
        latency: row.histogram()?,
        first_byte: row.histogram()?,
    })
}
