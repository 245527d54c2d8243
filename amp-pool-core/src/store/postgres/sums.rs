//! Sums of sums as rows of `api_request_sums`.
//!
//! They are made of the rows of an hour or a day when that is over, beside the calls, and never changed by a call: one that
//! changes sums of an hour that was added up already sets the end of what is added up back to it.

use std::collections::HashMap;

use tokio_postgres::types::ToSql;

use super::{
    Failure,
    columns::Columns,
    fields::{Fields, collect, firsts, text},
    pool::Lent,
    statistics,
};
use crate::{
    store::{
        Totals,
        audit::Auditor,
        rollup::{Asked, Part, Piece, Span, SumsOfSums, due},
    },
    time::Timestamp,
};

/// All nodes add up the same; one of them at a time is enough.
const ALONE: &str = "SELECT pg_try_advisory_xact_lock(4702958233187)";
// Whoever has changed sums ends with `SET_BACK`: who has come so far and not committed yet is waited for, and who has not
// waits and then sees what was moved. So no row is missed, for as long as it takes to see whether anything has changed, and
// to commit. The sums themselves are not locked: that would wait for who cleans them up, with all writers behind it. What
// is lost in a crash is made again, so no disk is waited for.
const LOCK: &str = "
    SET LOCAL lock_timeout = '200ms'; SET LOCAL synchronous_commit = off;
    LOCK TABLE api_request_sums_until IN SHARE ROW EXCLUSIVE MODE";
const UNTIL: &str = "SELECT until FROM api_request_sums_until";
const MOVE: &str = "UPDATE api_request_sums_until SET until = $1";
pub(super) const SET_BACK: &str = "UPDATE api_request_sums_until SET until = $1 WHERE until > $1";
const NEXT_HOUR: &str =
    "SELECT min(bucket_start) FROM api_request_stats WHERE granularity = 'hour' AND bucket_start >= $1";
const DAYS: &str = "
    SELECT DISTINCT bucket_start FROM api_request_stats
    WHERE granularity = 'day' AND bucket_start >= $1 AND bucket_start < $2";
const REMOVE: &str =
    "DELETE FROM api_request_sums WHERE granularity = $1 AND bucket_start = $2 AND part = $3 AND name = ANY($4)";
const WRITE: &str = "
    INSERT INTO api_request_sums
        (granularity, bucket_start, part, name, requests, errors, uncached_input_tokens, cache_read_tokens,
         cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, cost, unpriced, latency_ms,
         first_byte_ms, first_bytes, cached, saved_known, saved, latency_histogram, first_byte_histogram)
    SELECT $1, $2, part, name, requests, errors, uncached, cache_read, cache_5m, cache_1h, output, reasoning, cost,
         unpriced, latency, first_byte, first_bytes, cached, saved_known, saved, latencies::int8[], first::int8[]
    FROM unnest(
         $3::text[], $4::text[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], $9::int8[], $10::int8[], $11::int8[],
         $12::int8[], $13::int8[], $14::int8[], $15::int8[], $16::int8[], $17::int8[], $18::int8[], $19::int8[],
         $20::int8[], $21::text[], $22::text[])
    AS new (part, name, requests, errors, uncached, cache_read, cache_5m, cache_1h, output, reasoning, cost, unpriced,
         latency, first_byte, first_bytes, cached, saved_known, saved, latencies, first)";

/// The end of what is added up.
pub(super) async fn until(tx: &Lent) -> Result<Timestamp, Failure> {
    let found = firsts(&tx.query(UNTIL, &[]).await?)?;
    Ok(Timestamp::from_millis(found.first().copied().unwrap_or(0)))
}

/// Sums of this hour have changed.
pub(super) async fn set_back(tx: &Lent, hour: Timestamp) -> Result<(), Failure> {
    tx.execute(SET_BACK, &[&hour.as_millis()]).await.map(drop)
}

/// Adds up the next hour that is due, and the days that end with it. Says whether there may be more to do.
///
/// Writers go on meanwhile. Only at the end they are kept away, and what was added up has to be what there is: else
/// nothing is written, and the next step finds the change. So it is where they let nobody in for too long.
pub(super) async fn sum_up(tx: Lent, now: Timestamp) -> Result<bool, Failure> {
    let due = due(now);
    if until(&tx).await? >= due || firsts::<bool>(&tx.query(ALONE, &[]).await?)? != [true] {
        return Ok(false);
    }
    let next = Next::look(&tx, due).await?;
    for (span, start) in next.buckets() {
        write(&tx, span, start).await?;
    }
    let is_alone = match tx.batch(LOCK).await {
        Err(failure) if failure.is_kept_out() => false,
        locked => locked.map(|()| true)?,
    };
    if !is_alone || Next::look(&tx, due).await? != next {
        tx.undo().await?;
        return Ok(true);
    }
    tx.execute(MOVE, &[&next.end.as_millis()]).await?;
    tx.commit().await?;
    Ok(next.end < due)
}

/// What is to be added up next, and what it is made of, in numbers that every change of a row changes.
#[derive(PartialEq)]
struct Next {
    until: Timestamp,
    hour: Option<Timestamp>,
    days: Vec<Timestamp>,
    end: Timestamp,
    rows: Vec<[i64; 6]>,
}

const ROWS: &str = "
    SELECT id, requests, cost, unpriced, saved, saved_known FROM api_request_stats
    WHERE granularity = $1 AND bucket_start = $2 ORDER BY id";

impl Next {
    async fn look(tx: &Lent, due: Timestamp) -> Result<Self, Failure> {
        let until = until(tx).await?;
        let next: Vec<Option<i64>> = firsts(&tx.query(NEXT_HOUR, &[&until.as_millis()]).await?)?;
        let hour = next.into_iter().flatten().next().map(Timestamp::from_millis).filter(|hour| *hour < due);
        let end = hour.map_or(due, |hour| Span::Hour.after(hour));
        let days = tx.query(DAYS, &[&until.day().as_millis(), &end.day().as_millis()]).await?;
        let days = firsts(&days)?.into_iter().map(Timestamp::from_millis).collect();
        let mut next = Self { until, hour, days, end, rows: Vec::new() };
        for (span, start) in next.buckets().collect::<Vec<_>>() {
            let rows = tx.query(ROWS, &[&span.as_str(), &start.as_millis()]).await?;
            next.rows.extend(collect(&rows, |row| {
                Ok([row.take()?, row.take()?, row.take()?, row.take()?, row.take()?, row.take()?])
            })?);
        }
        Ok(next)
    }

    fn buckets(&self) -> impl Iterator<Item = (Span, Timestamp)> {
        let hour = self.hour.map(|hour| (Span::Hour, hour));
        hour.into_iter().chain(self.days.iter().map(|day| (Span::Day, *day)))
    }
}

async fn write(tx: &Lent, span: Span, start: Timestamp) -> Result<(), Failure> {
    let sums = of_bucket(tx, span, start).await?;
    let (span, start) = (span.as_str(), start.as_millis());
    for part in Part::EACH {
        let names: Vec<&str> = sums.iter().filter(|(of, ..)| *of == part).map(|(_, name, _)| name).collect();
        tx.execute(REMOVE, &[&span, &start, &part.as_str(), &names]).await?;
    }
    let spreads: Vec<_> = sums.iter().map(|(.., sums)| statistics::spread(sums)).collect();
    let mut columns = Columns::default();
    for ((part, name, sums), [latencies, first_bytes]) in sums.iter().zip(&spreads) {
        let names = [part.as_str().into(), name.into()];
        columns.push::<20>(statistics::sums_row(names, sums, latencies, first_bytes));
    }
    tx.query(WRITE, &columns.values(&[&span, &start])).await?;
    Ok(())
}

/// What the rows of an hour or a day come to.
async fn of_bucket(tx: &Lent, span: Span, start: Timestamp) -> Result<SumsOfSums, Failure> {
    let mut sums = SumsOfSums::default();
    for row in &tx.query(statistics::OF_BUCKET, &[&span.as_str(), &start.as_millis()]).await? {
        let mut row = Fields::of(row);
        let (ids, names) = ([row.take()?, row.take()?], [row.take()?, row.take()?]);
        sums.add(ids, names, &statistics::read_sums(&mut row)?);
    }
    Ok(sums)
}

const OF_ONE: &str = concat!(
    "SELECT bucket_start, name, ",
    statistics::sum_columns!(),
    " FROM api_request_sums
     WHERE part = $1 AND granularity = $2 AND bucket_start >= $3 AND bucket_start < $4 AND name = $5"
);

// From one name of a part to the next, and the rows of each.
const OF_EACH: &str = concat!(
    "WITH RECURSIVE names (name) AS (
         SELECT min(name) FROM api_request_sums WHERE part = $1
         UNION ALL
         SELECT (SELECT min(name) FROM api_request_sums WHERE part = $1 AND name > names.name)
         FROM names WHERE names.name IS NOT NULL)
     SELECT bucket_start, of_name.name, ",
    statistics::sum_columns!(),
    " FROM names CROSS JOIN LATERAL (
         SELECT * FROM api_request_sums AS sums
         WHERE sums.part = $1 AND sums.name = names.name AND granularity = $2 AND bucket_start >= $3
             AND bucket_start < $4) AS of_name"
);

/// Shows each row of a piece that is added up: when it begins, its name, and its sums.
pub(super) async fn each_row(
    tx: &Lent,
    (part, name): &Asked,
    (span, from, to): Piece,
    mut show: impl FnMut(i64, &str, &Totals),
) -> Result<(), Failure> {
    let (part, span, from, to) = (part.as_str(), span.as_str(), from.as_millis(), to.as_millis());
    let name = name.as_deref().map(text);
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&part, &span, &from, &to];
    values.extend(name.as_ref().map(|name| name as &(dyn ToSql + Sync)));
    for row in &tx.query(if name.is_some() { OF_ONE } else { OF_EACH }, &values).await? {
        let mut row = Fields::of(row);
        let (start, name): (i64, &str) = (row.take()?, row.take()?);
        show(start, name, &statistics::read_sums(&mut row)?);
    }
    Ok(())
}

const BUCKETS: &str = "
    SELECT DISTINCT granularity, bucket_start FROM api_request_stats
    WHERE granularity = 'hour' AND bucket_start < $1 OR granularity = 'day' AND bucket_start < $2
    ORDER BY 1, 2";
const KEPT: &str = concat!(
    "SELECT sums.part, sums.name, ",
    statistics::sum_columns!(),
    " FROM unnest($3::text[], $4::text[]) AS asked (part, name)
     JOIN api_request_sums AS sums ON sums.part = asked.part AND sums.name = asked.name
     WHERE granularity = $1 AND bucket_start = $2"
);
const COUNT: &str = "
    SELECT count(*) FROM api_request_sums
    WHERE granularity = 'hour' AND bucket_start < $1 OR granularity = 'day' AND bucket_start < $2";

/// Compares all that is added up with the rows that it was made of.
pub(super) async fn audit(tx: &Lent, auditor: &mut Auditor) -> Result<(), Failure> {
    let until = until(tx).await?;
    let ends = [until.as_millis(), until.day().as_millis()];
    let buckets = tx.query(BUCKETS, &[&ends[0], &ends[1]]).await?;
    let mut seen = 0_u64;
    for (span, start) in collect(&buckets, |row| Ok((row.take::<String>()?, row.time()?)))? {
        let span = if span == Span::Hour.as_str() { Span::Hour } else { Span::Day };
        let sums = of_bucket(tx, span, start).await?;
        let mut kept = kept(tx, span, start, &sums).await?;
        for (part, name, sums) in sums.iter() {
            let kept = kept.remove(&(part.as_str().to_owned(), name.to_owned()));
            seen += u64::from(kept.is_some());
            auditor.sum_of_sums((span, start, part, name), kept.as_ref(), sums);
        }
    }
    let kept: Vec<i64> = firsts(&tx.query(COUNT, &[&ends[0], &ends[1]]).await?)?;
    auditor.sums_of_nothing(kept.iter().sum::<i64>().unsigned_abs().saturating_sub(seen));
    Ok(())
}

type Kept = HashMap<(String, String), Totals>;

/// What is kept of those parts and names of an hour or a day that `sums` has.
async fn kept(tx: &Lent, span: Span, start: Timestamp, sums: &SumsOfSums) -> Result<Kept, Failure> {
    let (parts, names): (Vec<_>, Vec<_>) = sums.iter().map(|(part, name, _)| (part.as_str(), text(name))).unzip();
    let rows = tx.query(KEPT, &[&span.as_str(), &start.as_millis(), &parts, &names]).await?;
    let rows = collect(&rows, |row| Ok(((row.take()?, row.take()?), statistics::read_sums(row)?)))?;
    Ok(rows.into_iter().collect())
}
