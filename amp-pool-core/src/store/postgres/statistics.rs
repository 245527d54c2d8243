//! Sums per hour and day as rows of `api_request_stats`.

use std::collections::BTreeMap;

use tokio_postgres::types::ToSql;

use super::{
    Failure,
    columns::{Cell, Columns, maybe, number},
    fields::{Fields, int, text},
    pool::Lent,
    sums,
};
use crate::{
    money::NanoUsd,
    store::{
        GroupBy, Histogram, StoredRecord, Totals, TotalsFilter,
        adjustments::Shift,
        rollup::{Group, Part, Piece, cut, earliest_hour, pieces, roll_up},
        rows::Row,
    },
    time::Timestamp,
};

macro_rules! merged {
    ($column:literal) => {
        concat!(
            $column,
            " = (SELECT array_agg((bin << 48) | count ORDER BY bin) FROM (
                 SELECT part >> 48 AS bin, least(sum(part & 281474976710655), 281474976710655)::int8 AS count
                 FROM unnest(row.",
            $column,
            " || excluded.",
            $column,
            ") AS part GROUP BY 1) AS bins)"
        )
    };
}

macro_rules! add {
    ($($sum:literal),*) => {
        concat!(
            "INSERT INTO api_request_stats AS row
                (create_time, update_time, granularity, bucket_start, key_id, model, provider, token_id, requests, errors,
                 uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
                 reasoning_tokens, cost, unpriced, latency_ms, first_byte_ms, first_bytes, cached, saved_known, saved,
                 latency_histogram, first_byte_histogram)
             SELECT $1, $1, granularity, bucket_start, key_id, model, provider, token_id, requests, errors,
                 uncached, cache_read, cache_5m, cache_1h, output, reasoning, cost, unpriced, latency, first_byte,
                 first_bytes, cached, saved_known, saved, latencies::int8[], first::int8[]
             FROM unnest(
                 $2::text[], $3::int8[], $4::int8[], $5::text[], $6::text[], $7::int8[], $8::int8[], $9::int8[],
                 $10::int8[], $11::int8[], $12::int8[], $13::int8[], $14::int8[],
                 $15::int8[], $16::int8[], $17::int8[], $18::int8[], $19::int8[], $20::int8[], $21::int8[], $22::int8[],
                 $23::int8[], $24::text[], $25::text[])
             AS new (granularity, bucket_start, key_id, model, provider, token_id, requests, errors,
                 uncached, cache_read, cache_5m, cache_1h, output, reasoning, cost, unpriced, latency, first_byte,
                 first_bytes, cached, saved_known, saved, latencies, first)
             ON CONFLICT (granularity, bucket_start, key_id, model, provider, token_id) DO UPDATE SET
                 update_time = greatest(row.update_time, excluded.update_time),
                 requests = row.requests + excluded.requests,
                 errors = row.errors + excluded.errors,
                 unpriced = row.unpriced + excluded.unpriced,
                 first_bytes = row.first_bytes + excluded.first_bytes,
                 cached = row.cached + excluded.cached,
                 saved_known = row.saved_known + excluded.saved_known,
                 reasoning_tokens = CASE WHEN row.reasoning_tokens IS NULL OR excluded.reasoning_tokens IS NULL
                     THEN coalesce(row.reasoning_tokens, excluded.reasoning_tokens)
                     ELSE least(row.reasoning_tokens, 9223372036854775807 - excluded.reasoning_tokens)
                         + excluded.reasoning_tokens END,
                 cost = least(row.cost, 9223372036854775807 - greatest(excluded.cost, 0)) + excluded.cost,
                 saved = least(row.saved, 9223372036854775807 - greatest(excluded.saved, 0)) + excluded.saved",
            $(",\n", $sum, " = least(row.", $sum, ", 9223372036854775807 - excluded.", $sum, ") + excluded.", $sum,)*
            ",\n", merged!("latency_histogram"), ",\n", merged!("first_byte_histogram")
        )
    };
}

// A sum that would leave 64 bits stops at the largest number: an overflow would be refused, and then no batch could be
// written any more.
pub(super) const ADD: &str = add!(
    "uncached_input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "latency_ms",
    "first_byte_ms"
);

const SHIFT: &str = "
    UPDATE api_request_stats SET
        update_time = greatest(update_time, $1), cost = cost + $8, unpriced = unpriced + $9, saved = saved + $10,
        saved_known = saved_known + $11
    WHERE granularity = $2 AND bucket_start = $3 AND key_id = $4 AND model = $5 AND provider = $6 AND token_id = $7";

/// Changes what is summed of a call that turned out to cost something else.
pub(super) async fn shift(tx: &Lent, row: &StoredRecord, by: Shift, now: Timestamp) -> Result<(), Failure> {
    let Shift { cost, unpriced, saved, saved_known } = by;
    let row = Row::of(row);
    for Group { span, start, key, token, model, provider } in Group::both(&row) {
        let (model, provider) = (text(&model), text(&provider));
        let (now, start, span) = (now.as_millis(), start.as_millis(), span.as_str());
        let values: [&(dyn ToSql + Sync); 11] =
            [&now, &span, &start, &key, &model, &provider, &token, &cost, &unpriced, &saved, &saved_known];
        tx.execute(SHIFT, &values).await?;
    }
    sums::set_back(tx, row.create_time.hour()).await
}

/// Settled calls, summed. In an order that is the same for everybody: two nodes that add to the same rows wait for each
/// other, and never in a ring.
pub(super) struct Groups<'a> {
    sums: BTreeMap<Group<'a>, Totals>,
    /// How latencies and first bytes of each group spread, as they are sent.
    spreads: Vec<[String; 2]>,
    now: i64,
    /// The hour in which the first of the calls began.
    hour: i64,
}

impl<'a> Groups<'a> {
    pub(super) fn of(settled: &[Row<'a>]) -> Self {
        let now = settled.iter().map(|row| row.update_time).max().unwrap_or_default().as_millis();
        let sums = roll_up(settled);
        let spreads = sums.values().map(spread).collect();
        let hour = earliest_hour(settled).map_or(i64::MAX, Timestamp::as_millis);
        Self { sums, spreads, now, hour }
    }

    /// The earliest hour whose sums change.
    pub(super) fn hour(&self) -> i64 {
        self.hour
    }

    /// When the last of the calls ended.
    pub(super) fn now(&self) -> i64 {
        self.now
    }

    pub(super) fn columns(&self) -> Columns<'_> {
        let mut columns = Columns::default();
        for ((group, sums), [latencies, first_bytes]) in self.sums.iter().zip(&self.spreads) {
            columns.push(stats_row(group, sums, latencies, first_bytes));
        }
        columns
    }
}

/// As the text of an array: arrays of arrays do not travel.
pub(super) fn array(histogram: &Histogram) -> String {
    let parts = histogram.bins().map(|(bin, count)| (i64::from(bin) << 48 | int(count.min(MOST))).to_string());
    format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
}

/// The most that a bin can count, beside its number in 64 bits.
const MOST: u64 = (1 << 48) - 1;

fn histogram(parts: Option<Vec<i64>>) -> Result<Histogram, Failure> {
    let mut histogram = Histogram::default();
    for part in parts.unwrap_or_default() {
        let bin = u8::try_from(part >> 48).map_err(Failure::corrupt)?;
        histogram.put_bin(bin, part.unsigned_abs() & MOST);
    }
    Ok(histogram)
}

fn stats_row<'a>(group: &'a Group<'_>, sums: &Totals, latencies: &'a str, first_bytes: &'a str) -> [Cell<'a>; 24] {
    let names = [
        group.span.as_str().into(),
        number(group.start.as_millis()),
        number(group.key),
        (&*group.model).into(),
        (&*group.provider).into(),
        number(group.token),
    ];
    sums_row(names, sums, latencies, first_bytes)
}

/// Sums behind what they are sums of, in the order in which [`read_sums`] takes them.
pub(super) fn sums_row<'a, const NAMES: usize, const CELLS: usize>(
    names: [Cell<'a>; NAMES],
    sums: &Totals,
    latencies: &'a str,
    first_bytes: &'a str,
) -> [Cell<'a>; CELLS] {
    let usage = &sums.usage;
    let sums = [
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
        latencies.into(),
        first_bytes.into(),
    ];
    let mut cells = names.into_iter().chain(sums);
    std::array::from_fn(|_| cells.next().unwrap_or(Cell::Number(None)))
}

/// How latencies and first bytes spread, as they are sent.
pub(super) fn spread(sums: &Totals) -> [String; 2] {
    [array(&sums.latency), array(&sums.first_byte)]
}

/// The columns of sums, as [`read_sums`] takes them.
macro_rules! sum_columns {
    () => {
        "requests, errors, uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, \
         output_tokens, reasoning_tokens, cost, unpriced, latency_ms, first_byte_ms, first_bytes, cached, saved_known, \
         saved, latency_histogram, first_byte_histogram"
    };
}
pub(super) use sum_columns;

/// The rows of an hour or a day.
pub(super) const OF_BUCKET: &str = concat!(
    "SELECT key_id, token_id, model, provider, ",
    sum_columns!(),
    " FROM api_request_stats WHERE granularity = $1 AND bucket_start = $2"
);

// Hour by hour or day by day: with the whole time at once the index is read through, of which a key is a twentieth.
macro_rules! select_by {
    ($group:literal) => {
        concat!(
            "SELECT ",
            $group,
            ", ",
            sum_columns!(),
            " FROM generate_series($2::int8, $3::int8 - 1, $8::int8) AS bucket CROSS JOIN LATERAL (
                 SELECT * FROM api_request_stats
                 WHERE granularity = $1 AND bucket_start = bucket AND ($4::int8 IS NULL OR key_id = $4)
                     AND ($5::text IS NULL OR model = $5) AND ($6::text IS NULL OR provider = $6)
                     AND ($7::int8 IS NULL OR token_id = $7)
                 OFFSET 0) AS of_bucket"
        )
    };
}

fn select(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Nothing => select_by!("0::int8, NULL::text"),
        GroupBy::Key => select_by!("key_id, NULL::text"),
        GroupBy::Token => select_by!("token_id, NULL::text"),
        GroupBy::Hour | GroupBy::Day => select_by!("bucket_start, NULL::text"),
        GroupBy::Model => select_by!("0::int8, model"),
        GroupBy::Provider => select_by!("0::int8, provider"),
    }
}

/// What is summed, by what it is split by: a number, or a name.
type Split = BTreeMap<(i64, String), Totals>;

/// Sums of sums, in the order of what they are split by.
pub(super) async fn totals(tx: &Lent, filter: &TotalsFilter, by: GroupBy) -> Result<Vec<Totals>, Failure> {
    let mut split = Split::new();
    if by == GroupBy::Nothing {
        split.insert((0, String::new()), Totals::default());
    }
    let asked = Part::asked(filter, by);
    let until = if asked.is_some() { sums::until(tx).await? } else { Timestamp::default() };
    for piece in pieces(filter.from, filter.to, by).into_iter().flatten() {
        let [added_up, rest] = cut(piece, until);
        if let Some((piece, asked)) = added_up.zip(asked.as_ref()) {
            sums::each_row(tx, asked, piece, |start, name, part| {
                split.entry(place(start, name, by)).or_default().merge(part);
            })
            .await?;
        }
        if let Some(piece) = rest {
            add_combinations(tx, &mut split, filter, by, piece).await?;
        }
    }
    Ok(split.into_iter().map(|(group, sums)| Totals { group: shown(group, by), ..sums }).collect())
}

/// Adds the rows of combinations.
async fn add_combinations(
    tx: &Lent,
    split: &mut Split,
    filter: &TotalsFilter,
    by: GroupBy,
    (span, from, to): Piece,
) -> Result<(), Failure> {
    let (key, token) = (filter.key.map(|key| key.0), filter.token.map(|token| token.0));
    let (model, provider) = (filter.model.as_deref().map(text), filter.provider.as_deref().map(text));
    let values: [&(dyn ToSql + Sync); 8] =
        [&span.as_str(), &from.as_millis(), &to.as_millis(), &key, &model, &provider, &token, &span.millis()];
    for row in &tx.query(select(by), &values).await? {
        let (group, part) = read(&mut Fields::of(row))?;
        split.entry(group).or_default().merge(&part);
    }
    Ok(())
}

/// Where sums of a name that begin at `start` belong.
fn place(start: i64, name: &str, by: GroupBy) -> (i64, String) {
    match by {
        GroupBy::Nothing => (0, String::new()),
        GroupBy::Hour | GroupBy::Day => (start, String::new()),
        GroupBy::Key | GroupBy::Token => (name.parse().unwrap_or(0), String::new()),
        GroupBy::Model | GroupBy::Provider => (0, name.to_owned()),
    }
}

/// 0 stands for none, but for times.
fn shown((number, name): (i64, String), by: GroupBy) -> String {
    if number != 0 || matches!(by, GroupBy::Hour | GroupBy::Day) { number.to_string() } else { name }
}

/// The rows behind one, in their order.
pub(super) const BEHIND: &str = "
    SELECT id, granularity, bucket_start, key_id, token_id, model, provider,
           requests, errors, uncached_input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
           output_tokens, reasoning_tokens, cost, unpriced, latency_ms, first_byte_ms, first_bytes, cached, saved_known, saved,
           latency_histogram, first_byte_histogram
    FROM api_request_stats WHERE id > $1 ORDER BY id LIMIT $2";

/// A row of sums, with what they are of.
pub(super) struct Named {
    pub(super) id: i64,
    pub(super) span: String,
    pub(super) start: Timestamp,
    /// The key and the client token; 0 for none.
    pub(super) ids: [i64; 2],
    /// The model and the provider.
    pub(super) names: [String; 2],
    pub(super) sums: Totals,
}

/// Reads a row of [`BEHIND`].
pub(super) fn read_named(row: &mut Fields<'_>) -> Result<Named, Failure> {
    Ok(Named {
        id: row.take()?,
        span: row.take()?,
        start: row.time()?,
        ids: [row.take()?, row.take()?],
        names: [row.take()?, row.take()?],
        sums: read_sums(row)?,
    })
}

fn read(row: &mut Fields<'_>) -> Result<((i64, String), Totals), Failure> {
    let group = (row.take()?, row.take::<Option<String>>()?.unwrap_or_default());
    Ok((group, read_sums(row)?))
}

/// Reads the columns of [`sum_columns!`].
pub(super) fn read_sums(row: &mut Fields<'_>) -> Result<Totals, Failure> {
    Ok(Totals {
        group: String::new(),
        requests: row.number()?,
        errors: row.number()?,
        usage: row.usage()?,
        cost: NanoUsd(row.take()?),
        unpriced: row.number()?,
        latency_ms: row.number()?,
        first_byte_ms: row.number()?,
        first_bytes: row.number()?,
        cached: row.number()?,
        saved_known: row.number()?,
        saved: NanoUsd(row.take()?),
        latency: histogram(row.take()?)?,
        first_byte: histogram(row.take()?)?,
    })
}
