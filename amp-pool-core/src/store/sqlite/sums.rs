//! Sums of sums as rows of `api_request_sums`.
//!
//! They are made of the rows of an hour or a day when that is over, beside the calls, and never changed by a call: one that
//! changes sums of an hour that was added up already sets the end of what is added up back to it.

use rusqlite::{ToSql, Transaction, params};

use super::{
    Failure,
    fields::{Fields, collect, each},
    repeated::{Repeated, number},
    statistics,
};
use crate::{
    store::{
        Totals,
        audit::Auditor,
        rollup::{Asked, Piece, Span, SumsOfSums, due},
    },
    time::Timestamp,
};

const UNTIL: &str = "SELECT until FROM api_request_sums_until";
const MOVE: &str = "UPDATE api_request_sums_until SET until = ?1";
const SET_BACK: &str = "UPDATE api_request_sums_until SET until = ?1 WHERE until > ?1";
const NEXT_HOUR: &str =
    "SELECT min(bucket_start) FROM api_request_stats WHERE granularity = 'hour' AND bucket_start >= ?1";
const DAYS: &str = "
    SELECT DISTINCT bucket_start FROM api_request_stats
    WHERE granularity = 'day' AND bucket_start >= ?1 AND bucket_start < ?2";
const WRITE: &str = concat!(
    "INSERT OR REPLACE INTO api_request_sums (granularity, bucket_start, part, name, ",
    statistics::sum_columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)"
);

/// The end of what is added up.
pub(super) fn until(tx: &Transaction<'_>) -> Result<Timestamp, Failure> {
    Ok(Timestamp::from_millis(tx.prepare_cached(UNTIL)?.query_row([], |row| row.get(0))?))
}

/// Sums of this hour are about to change, or have.
pub(super) fn set_back(tx: &Transaction<'_>, hour: Timestamp) -> Result<(), Failure> {
    tx.prepare_cached(SET_BACK)?.execute([hour.as_millis()])?;
    Ok(())
}

/// Adds up the next hour that is due, and the days that end with it. Says whether there may be more to do.
pub(super) fn sum_up(tx: &Transaction<'_>, now: Timestamp) -> Result<bool, Failure> {
    let (due, until) = (due(now), until(tx)?);
    if until >= due {
        return Ok(false);
    }
    let next: Option<i64> = tx.query_row(NEXT_HOUR, [until.as_millis()], |row| row.get(0))?;
    let hour = next.map(Timestamp::from_millis).filter(|hour| *hour < due);
    let end = hour.map_or(due, |hour| Span::Hour.after(hour));
    if let Some(hour) = hour {
        write(tx, Span::Hour, hour)?;
    }
    let days = [until.day().as_millis(), end.day().as_millis()];
    for day in collect(tx, DAYS, &[&days[0], &days[1]], |row| Ok(Timestamp::from_millis(row.take()?)))? {
        write(tx, Span::Day, day)?;
    }
    tx.execute(MOVE, [end.as_millis()])?;
    Ok(end < due)
}

fn write(tx: &Transaction<'_>, span: Span, start: Timestamp) -> Result<(), Failure> {
    let mut write = Repeated::new(tx, WRITE);
    for (part, name, sums) in of_bucket(tx, span, start)?.iter() {
        let names = [span.as_str().into(), number(start.as_millis()), part.as_str().into(), name.into()];
        write.run(names.into_iter().chain(statistics::values(sums, &statistics::spread(sums))))?;
    }
    Ok(())
}

/// What the rows of an hour or a day come to.
fn of_bucket(tx: &Transaction<'_>, span: Span, start: Timestamp) -> Result<SumsOfSums, Failure> {
    let mut sums = SumsOfSums::default();
    each(tx, statistics::OF_BUCKET, &[&span.as_str(), &start.as_millis()], |row| {
        let (ids, names) = ([row.take()?, row.take()?], [row.take()?, row.take()?]);
        sums.add(ids, names, &statistics::read(row)?);
        Ok(())
    })?;
    Ok(sums)
}

const OF_ONE: &str = concat!(
    "SELECT bucket_start, name, ",
    statistics::sum_columns!(),
    " FROM api_request_sums
     WHERE part = ?1 AND granularity = ?2 AND bucket_start >= ?3 AND bucket_start < ?4 AND name = ?5"
);

// The names of a part first, from one to the next, then the rows of each: the order of a cross join is kept.
const OF_EACH: &str = concat!(
    "WITH RECURSIVE names (name) AS (
         SELECT min(name) FROM api_request_sums WHERE part = ?1
         UNION ALL
         SELECT (SELECT min(name) FROM api_request_sums WHERE part = ?1 AND name > names.name)
         FROM names WHERE names.name IS NOT NULL)
     SELECT bucket_start, sums.name, ",
    statistics::sum_columns!(),
    " FROM names CROSS JOIN api_request_sums AS sums
     WHERE sums.part = ?1 AND sums.name = names.name AND granularity = ?2 AND bucket_start >= ?3 AND bucket_start < ?4"
);

/// Shows each row of a piece that is added up: when it begins, its name, and its sums.
pub(super) fn each_row(
    tx: &Transaction<'_>,
    (part, name): &Asked,
    (span, from, to): Piece,
    mut show: impl FnMut(Timestamp, &str, Totals),
) -> Result<(), Failure> {
    let (part, span, from, to) = (part.as_str(), span.as_str(), from.as_millis(), to.as_millis());
    let mut statement = tx.prepare_cached(if name.is_some() { OF_ONE } else { OF_EACH })?;
    let mut rows = match name {
        Some(name) => statement.query(params![part, span, from, to, name])?,
        None => statement.query(params![part, span, from, to])?,
    };
    while let Some(row) = rows.next()? {
        let sums = statistics::read(&mut Fields::after(row, 2))?;
        show(Timestamp::from_millis(row.get(0)?), row.get_ref(1)?.as_str().map_err(Failure::corrupt)?, sums);
    }
    Ok(())
}

const BUCKETS: &str = "
    SELECT DISTINCT granularity, bucket_start FROM api_request_stats
    WHERE granularity = 'hour' AND bucket_start < ?1 OR granularity = 'day' AND bucket_start < ?2
    ORDER BY 1, 2";
const KEPT: &str = concat!(
    "SELECT ",
    statistics::sum_columns!(),
    " FROM api_request_sums WHERE part = ?1 AND name = ?2 AND granularity = ?3 AND bucket_start = ?4"
);
const COUNT: &str = "
    SELECT count(*) FROM api_request_sums
    WHERE granularity = 'hour' AND bucket_start < ?1 OR granularity = 'day' AND bucket_start < ?2";

/// Compares all that is added up with the rows that it was made of.
pub(super) fn audit(tx: &Transaction<'_>, auditor: &mut Auditor) -> Result<(), Failure> {
    let until = until(tx)?;
    let ends = [until.as_millis(), until.day().as_millis()];
    let buckets = collect(tx, BUCKETS, &[&ends[0], &ends[1]], |row| Ok((row.take::<String>()?, row.time()?)))?;
    let mut seen = 0_u64;
    for (span, start) in buckets {
        let span = if span == Span::Hour.as_str() { Span::Hour } else { Span::Day };
        for (part, name, sums) in of_bucket(tx, span, start)?.iter() {
            let place: [&dyn ToSql; 4] = [&part.as_str(), &name, &span.as_str(), &start.as_millis()];
            let kept = collect(tx, KEPT, &place, statistics::read)?.pop();
            seen += u64::from(kept.is_some());
            auditor.sum_of_sums((span, start, part, name), kept.as_ref(), sums);
        }
    }
    let kept: i64 = tx.query_row(COUNT, ends, |row| row.get(0))?;
    auditor.sums_of_nothing(kept.unsigned_abs().saturating_sub(seen));
    Ok(())
}
