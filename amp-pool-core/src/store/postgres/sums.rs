//! Sums of sums as rows of `api_request_sums`.
//!
//! They are made of the rows of an hour or a day when that is over, beside the calls, and never changed by a call: one that
//! changes sums of an hour that was added up already sets the end of what is added up back to it.

use tokio_postgres::types::ToSql;

use super::{
    Failure,
    columns::Columns,
    fields::{Fields, firsts, text},
    pool::Lent,
    statistics,
};
use crate::{
    store::{
        Totals,
        rollup::{Asked, Part, Piece, Span, SumsOfSums, due},
    },
    time::Timestamp,
};

/// All nodes add up the same; one of them at a time is enough.
const ALONE: &str = "SELECT pg_try_advisory_xact_lock(4702958233187)";
// Whoever has written sums and not committed yet is waited for, and whoever wants to waits: no row is missed.
const LOCK: &str = "LOCK TABLE api_request_stats IN SHARE MODE";
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
pub(super) async fn sum_up(tx: &Lent, now: Timestamp) -> Result<bool, Failure> {
    let due = due(now);
    if until(tx).await? >= due || firsts::<bool>(&tx.query(ALONE, &[]).await?)? != [true] {
        return Ok(false);
    }
    tx.batch(LOCK).await?;
    let until = until(tx).await?;
    let next: Vec<Option<i64>> = firsts(&tx.query(NEXT_HOUR, &[&until.as_millis()]).await?)?;
    let hour = next.into_iter().flatten().next().map(Timestamp::from_millis).filter(|hour| *hour < due);
    let end = hour.map_or(due, |hour| Span::Hour.after(hour));
    if let Some(hour) = hour {
        write(tx, Span::Hour, hour).await?;
    }
    let days: Vec<i64> = firsts(&tx.query(DAYS, &[&until.day().as_millis(), &end.day().as_millis()]).await?)?;
    for day in days {
        write(tx, Span::Day, Timestamp::from_millis(day)).await?;
    }
    tx.execute(MOVE, &[&end.as_millis()]).await?;
    Ok(end < due)
}

async fn write(tx: &Lent, span: Span, start: Timestamp) -> Result<(), Failure> {
    let (span, start) = (span.as_str(), start.as_millis());
    let mut sums = SumsOfSums::default();
    for row in &tx.query(statistics::OF_BUCKET, &[&span, &start]).await? {
        let mut row = Fields::of(row);
        let (ids, names) = ([row.take()?, row.take()?], [row.take()?, row.take()?]);
        sums.add(ids, names, &statistics::read_sums(&mut row)?);
    }
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
