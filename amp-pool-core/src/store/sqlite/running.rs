//! Settled calls on their way into the rows of `api_request_stats`.
//!
//! The writer knows how the rows of this hour and day stand, and writes the new sums over the old ones: nothing is searched,
//! read or added up in the database.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{Transaction, params};

use super::{
    Failure,
    fields::Fields,
    repeated::{Repeated, number},
    statistics, sums,
};
use crate::{
    store::{
        Totals,
        rollup::{Group, earliest_hour},
        rows::Row,
    },
    time::Timestamp,
};

const READ: &str = concat!(
    "SELECT id, update_time, ",
    statistics::sum_columns!(),
    " FROM api_request_stats
     WHERE granularity = ?1 AND bucket_start = ?2 AND key_id = ?3 AND model = ?4 AND provider = ?5 AND token_id = ?6"
);

const BEGIN: &str = concat!(
    "INSERT INTO api_request_stats (granularity, bucket_start, key_id, model, provider, token_id, create_time, update_time, ",
    statistics::sum_columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL)"
);

const WRITE: &str = concat!(
    "UPDATE api_request_stats SET (update_time, ",
    statistics::sum_columns!(),
    ") = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19) WHERE id = ?20"
);

/// So many rows are known at most, some two kilobytes each.
const MOST: usize = 1_024;

/// Rows of sums, as the last batch left them.
#[derive(Default)]
pub(super) struct RunningSums {
    places: HashMap<Group<'static>, usize, RandomState>,
    sums: Vec<RunningSum>,
    /// The end of the hours that are added up.
    added_up: Option<Timestamp>,
}

struct RunningSum {
    id: i64,
    update_time: Timestamp,
    sums: Totals,
}

impl RunningSums {
    /// Counts settled calls, each into its hour and its day.
    pub(super) fn add(&mut self, tx: &Transaction<'_>, settled: &[Row<'_>]) -> Result<(), Failure> {
        let Some(hour) = earliest_hour(settled) else { return Ok(()) };
        if self.sums.len() > MOST {
            *self = Self::default();
        }
        let mut changed = Vec::with_capacity(2 * settled.len());
        for row in settled {
            for group in Group::both(row) {
                let place = self.place(tx, group, row.update_time)?;
                self.sums[place].count(row);
                changed.push(place);
            }
        }
        changed.sort_unstable();
        changed.dedup();
        let mut write = Repeated::new(tx, WRITE);
        changed.into_iter().try_for_each(|place| self.sums[place].write(&mut write))?;
        self.set_back(tx, hour)
    }

    /// Sums of this hour have changed.
    fn set_back(&mut self, tx: &Transaction<'_>, hour: Timestamp) -> Result<(), Failure> {
        let until = self.added_up.map_or_else(|| sums::until(tx), Ok)?;
        if hour < until {
            sums::set_back(tx, hour)?;
        }
        self.added_up = Some(until.min(hour));
        Ok(())
    }

    /// Where the row of a group is known. It is read or begun when it was not.
    fn place(&mut self, tx: &Transaction<'_>, group: Group<'_>, now: Timestamp) -> Result<usize, Failure> {
        // Seen as one for names that live as short as these.
        let places: &HashMap<Group<'_>, usize, RandomState> = &self.places;
        if let Some(place) = places.get(&group) {
            return Ok(*place);
        }
        let sum = RunningSum::read(tx, &group)?.map_or_else(|| RunningSum::begin(tx, &group, now), Ok)?;
        let place = self.sums.len();
        self.sums.push(sum);
        self.places.insert(group.into_owned(), place);
        Ok(place)
    }
}

impl RunningSum {
    fn read(tx: &Transaction<'_>, group: &Group<'_>) -> Result<Option<Self>, Failure> {
        let Group { span, start, key, token, model, provider } = group;
        let name = params![span.as_str(), start.as_millis(), key, model, provider, token];
        let mut statement = tx.prepare_cached(READ)?;
        let mut rows = statement.query(name)?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let sums = statistics::read(&mut Fields::after(row, 2).forgiving())?;
        Ok(Some(Self { id: row.get(0)?, update_time: Timestamp::from_millis(row.get(1)?), sums }))
    }

    fn begin(tx: &Transaction<'_>, group: &Group<'_>, now: Timestamp) -> Result<Self, Failure> {
        let Group { span, start, key, token, model, provider } = group;
        let name = params![span.as_str(), start.as_millis(), key, model, provider, token, now.as_millis()];
        let id = tx.prepare_cached(BEGIN)?.insert(name)?;
        Ok(Self { id, update_time: now, sums: Totals::default() })
    }

    fn count(&mut self, row: &Row<'_>) {
        self.update_time = self.update_time.max(row.update_time);
        self.sums.count(row);
    }

    fn write(&self, statement: &mut Repeated<'_>) -> Result<(), Failure> {
        let Self { id, update_time, sums } = self;
        let spread = statistics::spread(sums);
        let sums = statistics::values(sums, &spread);
        statement.run([number(update_time.as_millis())].into_iter().chain(sums).chain([number(*id)]))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::tests::check_that_none_makes_a_table;

    #[test]
    fn what_is_run_for_each_batch_makes_no_table() {
        check_that_none_makes_a_table(&[READ, BEGIN, WRITE]);
    }
}
