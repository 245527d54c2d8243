//! What has to be the same in both databases. The words are the same for both, too.

use super::{Agreed, Failure};
use crate::store::{StoreError, postgres::pool::Lent};

/// A count or sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Total {
    what: String,
    sql: String,
    unit: Unit,
    pub(super) value: i128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Count,
    NanoUsd,
}

/// What is summed: in words, its table and column, its unit.
const SUMS: [(&str, &str, &str, Unit); 13] = [
    ("tokens of calls", "api_request_log", "total_tokens", Unit::Count),
    ("cost of calls, USD", "api_request_log", "cost", Unit::NanoUsd),
    ("output tokens of attempts", "api_request_attempts", "output_tokens", Unit::Count),
    ("cost of attempts, USD", "api_request_attempts", "cost", Unit::NanoUsd),
    ("adjusted cost, USD", "api_request_adjustments", "cost", Unit::NanoUsd),
    ("calls in statistics", "api_request_stats", "requests", Unit::Count),
    ("output tokens in statistics", "api_request_stats", "output_tokens", Unit::Count),
    ("cost in statistics, USD", "api_request_stats", "cost", Unit::NanoUsd),
    ("spent of budgets, USD", "budget_periods", "spent", Unit::NanoUsd),
    ("held of budgets, USD", "budget_periods", "held", Unit::NanoUsd),
    ("amount of holds, USD", "budget_holds", "amount", Unit::NanoUsd),
    ("cost of holds, USD", "budget_holds", "cost", Unit::NanoUsd),
    ("corrections of budgets, USD", "budget_adjustments", "amount", Unit::NanoUsd),
];

/// In two halves, each of which both databases can sum: a sum of 64 bits may be more than that.
fn sum(table: &str, column: &str) -> String {
    format!(
        "SELECT CAST(coalesce(sum({column} >> 32), 0) AS TEXT), CAST(coalesce(sum({column} & 4294967295), 0) AS TEXT)
         FROM {table}"
    )
}

fn questions(tables: &[String]) -> impl Iterator<Item = (String, String, Unit)> {
    let counts = tables.iter().map(|table| {
        (format!("rows of {table}"), format!("SELECT '0', CAST(count(*) AS TEXT) FROM {table}"), Unit::Count)
    });
    counts.chain(SUMS.map(|(what, table, column, unit)| (what.to_owned(), sum(table, column), unit)))
}

/// Asks for all of them. `ask` gives the two texts of a row.
pub(super) fn all(
    tables: &[String],
    ask: impl Fn(&str) -> Result<Vec<String>, StoreError>,
) -> Result<Vec<Total>, StoreError> {
    let total = |(what, sql, unit): (String, String, Unit)| {
        let value = whole(&ask(&sql)?)?;
        Ok(Total { what, sql, unit, value })
    };
    questions(tables).map(total).collect()
}

/// Asks the copy for the same.
pub(super) async fn of_copy(of_source: &[Total], lent: &Lent) -> Result<Vec<i128>, Failure> {
    let mut found = Vec::with_capacity(of_source.len());
    for total in of_source {
        let rows = lent.query_once(&total.sql, &[]).await?;
        let halves = rows.first().map(|row| Ok::<_, Failure>([row.try_get(0)?, row.try_get(1)?])).transpose()?;
        found.push(whole(&halves.unwrap_or_default())?);
    }
    Ok(found)
}

/// Gives what agrees, if everything does.
pub(super) fn compare(of_source: &[Total], of_copy: &[i128]) -> Result<Vec<Agreed>, Failure> {
    for (total, found) in of_source.iter().zip(of_copy) {
        if *found != total.value {
            let (what, value, found) = (&total.what, total.unit.told(total.value), total.unit.told(*found));
            return Err(Failure::corrupt(format!("{what}: {value} in SQLite and {found} in PostgreSQL")));
        }
    }
    Ok(told(of_source))
}

/// As people read it.
pub(super) fn told(totals: &[Total]) -> Vec<Agreed> {
    totals.iter().map(|total| Agreed { what: total.what.clone(), value: total.unit.told(total.value) }).collect()
}

fn whole(halves: &[String]) -> Result<i128, StoreError> {
    let wrong = || StoreError::Corrupt("a sum is no number".into());
    let [high, low] = halves else { return Err(wrong()) };
    let read = |text: &str| text.parse::<i128>().map_err(|_| wrong());
    Ok((read(high)? << 32) + read(low)?)
}

impl Unit {
    fn told(self, value: i128) -> String {
        const NANOS: u128 = 1_000_000_000;
        match self {
            Self::Count => value.to_string(),
            Self::NanoUsd => {
                let (sign, value) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
                format!("{sign}{}.{:09}", value / NANOS, value % NANOS)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_make_a_whole_beyond_64_bits_and_below_zero() {
        let check = |high: &str, low: &str, expected: i128| {
            assert_eq!(whole(&[high.to_owned(), low.to_owned()]).unwrap(), expected);
        };
        check("0", "7", 7);
        check("-1", "4294967295", -1);
        check("4294967294", "8589934590", 2 * i128::from(i64::MAX));
        assert!(whole(&[]).is_err());
    }

    #[test]
    fn money_is_told_to_the_last_nano() {
        assert_eq!(Unit::NanoUsd.told(-1), "-0.000000001");
        assert_eq!(Unit::NanoUsd.told(12_345_678_901), "12.345678901");
        assert_eq!(Unit::Count.told(12), "12");
    }
}
