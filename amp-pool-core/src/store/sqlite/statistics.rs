//! Sums per hour and day as rows of `api_request_stats`.

use rusqlite::{ToSql, Transaction};

use super::{
    Failure,
    fields::{Fields, each, int},
    repeated::{Repeated, maybe, number},
};
use crate::{
    money::NanoUsd,
    store::{
        GroupBy, Totals,
        rollup::{Group, Span, roll_up},
        rows::Row,
    },
    time::Timestamp,
};

// Numbered as below: the same values are bound to both. A sum that would leave 64 bits stops at the largest number: SQLite
// would make a float of it, which a strict table refuses, and then no batch could be written any more.
const ADD: &str = "
    UPDATE api_request_stats SET
        update_time           = max(update_time, ?1),
        requests              = requests + ?8,
        errors                = errors + ?9,
        uncached_input_tokens = min(uncached_input_tokens, 0x7fffffffffffffff - ?10) + ?10,
        cache_read_tokens     = min(cache_read_tokens, 0x7fffffffffffffff - ?11) + ?11,
        cache_write_5m_tokens = min(cache_write_5m_tokens, 0x7fffffffffffffff - ?12) + ?12,
        cache_write_1h_tokens = min(cache_write_1h_tokens, 0x7fffffffffffffff - ?13) + ?13,
        output_tokens         = min(output_tokens, 0x7fffffffffffffff - ?14) + ?14,
        reasoning_tokens      = coalesce(min(reasoning_tokens, 0x7fffffffffffffff - ?15) + ?15, reasoning_tokens, ?15),
        cost                  = min(cost, 0x7fffffffffffffff - max(?16, 0)) + ?16,
        unpriced              = unpriced + ?17,
        latency_ms            = min(latency_ms, 0x7fffffffffffffff - ?18) + ?18,
        first_byte_ms         = min(first_byte_ms, 0x7fffffffffffffff - ?19) + ?19,
        first_bytes           = first_bytes + ?20,
        cached                = cached + ?21,
        saved_known           = saved_known + ?22,
        saved                 = min(saved, 0x7fffffffffffffff - max(?23, 0)) + ?23
    WHERE granularity = ?2 AND bucket_start = ?3 AND key_id = ?4 AND model = ?5 AND provider = ?6 AND token_id = ?7";

const BEGIN: &str = "
    INSERT INTO api_request_stats
        (create_time, update_time, granularity, bucket_start, key_id, model, provider, token_id, requests, errors,
         uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
         reasoning_tokens, cost, unpriced, latency_ms, first_byte_ms, first_bytes, cached, saved_known, saved)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
            ?23)";

/// Counts settled calls. Nearly always the row is there, and an upsert that meets one costs twice as much as an update.
pub(super) fn add(tx: &Transaction<'_>, settled: &[Row<'_>]) -> Result<(), Failure> {
    let now = settled.iter().map(|row| row.update_time).max().unwrap_or_default();
    let mut add = Repeated::prepare(tx, ADD)?;
    for (group, sums) in &roll_up(settled) {
        if !write(&mut add, group, sums, now)? {
            write(&mut Repeated::prepare(tx, BEGIN)?, group, sums, now)?;
        }
    }
    Ok(())
}

fn write(statement: &mut Repeated<'_>, group: &Group<'_>, sums: &Totals, now: Timestamp) -> Result<bool, Failure> {
    let usage = &sums.usage;
    let changed = statement.run([
        number(now.as_millis()),
        group.span.as_str().into(),
        number(group.start.as_millis()),
        number(group.key),
        group.model.into(),
        group.provider.into(),
        number(group.token),
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
    ])?;
    Ok(changed == 1)
}

macro_rules! select_by {
    ($group:literal) => {
        concat!(
            "SELECT ",
            $group,
            ", requests, errors, uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, ",
            "cache_write_1h_tokens, output_tokens, reasoning_tokens, cost, unpriced, latency_ms, first_byte_ms, ",
            "first_bytes, cached, saved_known, saved FROM api_request_stats ",
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
        cached: row.count()?,
        saved_known: row.count()?,
        saved: NanoUsd(row.take()?),
    })
}
