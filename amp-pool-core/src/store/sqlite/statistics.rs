//! Sums per hour and day as rows of `api_request_stats`.

use rusqlite::{Statement, ToSql, Transaction, params};

use super::{
    Failure,
    fields::{Fields, each, int},
};
use crate::{
    money::NanoUsd,
    store::{
        GroupBy, StoredRecord, Totals,
        rollup::{Group, Span, roll_up},
    },
    time::Timestamp,
};

// A sum that would leave 64 bits stops at the largest number: SQLite would make a float of it, which a strict table
// refuses, and then no batch could be written any more.
const ADD: &str = "
    INSERT INTO api_request_stats
        (create_time, update_time, granularity, bucket_start, key_id, model, provider, token_id, requests, errors,
         uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
         reasoning_tokens, cost, unpriced, latency_ms, first_byte_ms, first_bytes)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
    ON CONFLICT (granularity, bucket_start, key_id, model, provider, token_id) DO UPDATE SET
        update_time           = max(update_time, excluded.update_time),
        requests              = requests + excluded.requests,
        errors                = errors + excluded.errors,
        uncached_input_tokens = min(uncached_input_tokens, 0x7fffffffffffffff - excluded.uncached_input_tokens)
                                + excluded.uncached_input_tokens,
        cache_read_tokens     = min(cache_read_tokens, 0x7fffffffffffffff - excluded.cache_read_tokens)
                                + excluded.cache_read_tokens,
        cache_write_5m_tokens = min(cache_write_5m_tokens, 0x7fffffffffffffff - excluded.cache_write_5m_tokens)
                                + excluded.cache_write_5m_tokens,
        cache_write_1h_tokens = min(cache_write_1h_tokens, 0x7fffffffffffffff - excluded.cache_write_1h_tokens)
                                + excluded.cache_write_1h_tokens,
        output_tokens         = min(output_tokens, 0x7fffffffffffffff - excluded.output_tokens)
                                + excluded.output_tokens,
        reasoning_tokens      = coalesce(min(reasoning_tokens, 0x7fffffffffffffff - excluded.reasoning_tokens)
                                         + excluded.reasoning_tokens, reasoning_tokens, excluded.reasoning_tokens),
        cost                  = min(cost, 0x7fffffffffffffff - max(excluded.cost, 0)) + excluded.cost,
        unpriced              = unpriced + excluded.unpriced,
        latency_ms            = min(latency_ms, 0x7fffffffffffffff - excluded.latency_ms) + excluded.latency_ms,
        first_byte_ms         = min(first_byte_ms, 0x7fffffffffffffff - excluded.first_byte_ms) + excluded.first_byte_ms,
        first_bytes           = first_bytes + excluded.first_bytes";

/// Counts settled calls.
pub(super) fn add(tx: &Transaction<'_>, settled: &[StoredRecord]) -> Result<(), Failure> {
    let now = settled.iter().map(|row| row.update_time).max().unwrap_or_default();
    let mut statement = tx.prepare_cached(ADD)?;
    roll_up(settled).iter().try_for_each(|(group, sums)| add_group(&mut statement, group, sums, now))
}

fn add_group(statement: &mut Statement<'_>, group: &Group<'_>, sums: &Totals, now: Timestamp) -> Result<(), Failure> {
    let usage = &sums.usage;
    statement.execute(params![
        now.as_millis(),
        group.span.as_str(),
        group.start.as_millis(),
        group.key,
        group.model,
        group.provider,
        group.token,
        int(sums.requests),
        int(sums.errors),
        int(usage.uncached_input),
        int(usage.cache_read),
        int(usage.cache_write_5m),
        int(usage.cache_write_1h),
        int(usage.output),
        usage.reasoning.map(int),
        sums.cost.0,
        int(sums.unpriced),
        int(sums.latency_ms),
        int(sums.first_byte_ms),
        int(sums.first_bytes),
    ])?;
    Ok(())
}

macro_rules! select_by {
    ($group:literal) => {
        concat!(
            "SELECT ",
            $group,
            ", requests, errors, uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, ",
            "cache_write_1h_tokens, output_tokens, reasoning_tokens, cost, unpriced, latency_ms, first_byte_ms, ",
            "first_bytes FROM api_request_stats ",
            "WHERE granularity = ?1 AND bucket_start >= ?2 AND bucket_start < ?3 ORDER BY 1"
        )
    };
}

/// Sums of sums. Added up here and not in SQLite, whose `sum` fails where ours stops at the largest number.
pub(super) fn totals(
    tx: &Transaction<'_>,
    from: Timestamp,
    to: Timestamp,
    by: GroupBy,
) -> Result<Vec<Totals>, Failure> {
    let span = if by == GroupBy::Day { Span::Day } else { Span::Hour };
    let sql = match by {
        GroupBy::Nothing => select_by!("''"),
        GroupBy::Key => select_by!("nullif(key_id, 0)"),
        GroupBy::Model => select_by!("model"),
        GroupBy::Provider => select_by!("provider"),
        GroupBy::Token => select_by!("nullif(token_id, 0)"),
        GroupBy::Hour | GroupBy::Day => select_by!("bucket_start"),
    };
    let range: [&dyn ToSql; 3] = [&span.as_str(), &span.start_of(from).as_millis(), &to.as_millis()];
    let mut sums = if by == GroupBy::Nothing { vec![Totals::default()] } else { Vec::new() };
    each(tx, sql, &range, |row| {
        let part = read(row)?;
        match sums.last_mut() {
            Some(last) if last.group == part.group => last.merge(&part),
            _ => sums.push(part),
        }
        Ok(())
    })?;
    Ok(sums)
}

fn read(row: &mut Fields<'_>) -> Result<Totals, Failure> {
    Ok(Totals {
        group: row.name()?,
        requests: row.count()?,
        errors: row.count()?,
        usage: row.usage()?,
        cost: NanoUsd(row.take()?),
        unpriced: row.count()?,
        latency_ms: row.count()?,
        first_byte_ms: row.count()?,
        first_bytes: row.count()?,
    })
}
