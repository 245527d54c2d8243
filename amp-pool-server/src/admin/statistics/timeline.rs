//! Sums one after the other: by the hour, or by the day of some time zone.

use amp_pool_core::{
    handle::Handle,
    store::{GroupBy, Totals, TotalsFilter},
    time::{Clock as _, SystemClock, Timestamp},
};
use axum::extract::State;
use jiff::{ToSpan as _, Zoned, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HOUR_MS, Shape, Span, SpanParams, SumsOut, TableOut};
use crate::{
    admin::{Problem, input::Params},
    openapi::{As, Table},
};

/// A timeline has no more points than this.
const MOST_POINTS: usize = 10_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimelineParams {
    /// How long a row of a timeline is.
    #[schemars(extend("enum" = ["hour", "day"]))]
    granularity: Option<String>,
    /// Whose midnights part days: `Asia/Shanghai`.
    time_zone: Option<String>,
    // Written out: serde can not flatten and refuse unknown fields at once.
    /// From when on.
    #[schemars(with = "Timestamp")]
    from: Option<String>,
    /// Until when, not included.
    #[schemars(with = "Timestamp")]
    to: Option<String>,
    /// Only of this key.
    #[schemars(with = "i64")]
    key_id: Option<String>,
    /// Only of this client token.
    #[schemars(with = "i64")]
    token_id: Option<String>,
    /// Only of this model.
    model: Option<String>,
    /// Only of this provider.
    provider: Option<String>,
    /// How it is written.
    #[schemars(extend("enum" = ["json", "csv"]))]
    format: Option<String>,
}

/// The sums of an hour or a day.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TimelineRow {
    time: Timestamp,
    #[serde(flatten)]
    sums: SumsOut,
}

/// One row per hour or day, also for those in which nothing happened.
pub(crate) async fn timeline(
    State(handle): State<Handle>,
    shape: Shape,
    Params(params): Params<TimelineParams>,
) -> Result<As<Table<TableOut<TimelineRow>>>, Problem> {
    let shape = shape.or(params.format.as_deref())?;
    let (steps, filter) = params.read()?;
    let mut points = steps.points(&filter)?;
    let span = Span::from(&filter);
    for hour in handle.totals(filter, steps.kept_by()).await? {
        let at = Timestamp::from_millis(hour.group.parse().unwrap_or_default());
        let place = points.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        if let Some((_, sums)) = points.get_mut(place) {
            sums.merge(&hour);
        }
    }
    let row = |(time, sums): &(Timestamp, Totals)| TimelineRow { time: *time, sums: sums.into() };
    shape.answer("timeline", &["time"], span, points.iter().map(row).collect()).map(As::new)
}

impl TimelineParams {
    /// What is asked for, in whole steps. Without a beginning, from the start of today.
    fn read(self) -> Result<(Steps, TotalsFilter), Problem> {
        let Self { granularity, time_zone, from, to, key_id, token_id, model, provider, format } = self;
        let steps = Steps::read(granularity.as_deref() == Some("day"), time_zone.as_deref())?;
        let today = steps.start_of_today()?;
        let from = from.filter(|from| !from.is_empty()).unwrap_or_else(|| today.to_string());
        let from = Some(from);
        let filter = SpanParams { from, to, granularity, key_id, token_id, model, provider, format }.filter()?;
        let (from, to) = (steps.start(filter.from)?, steps.end(filter.to)?);
        Ok((steps, TotalsFilter { from, to, ..filter }))
    }
}

/// How a time is cut up.
enum Steps {
    Hours(TimeZone),
    Days(TimeZone),
}

impl Steps {
    fn read(by_day: bool, zone: Option<&str>) -> Result<Self, Problem> {
        let zone = match zone {
            None | Some("" | "UTC") => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| unknown_zone(name))?,
        };
        Ok(if by_day { Self::Days(zone) } else { Self::Hours(zone) })
    }

    /// The rows that sums are kept in. Days of another zone than UTC are made of hours; where an hour of UTC lies in two
    /// of them, as in zones of half hours, it counts to the one in which it begins.
    fn kept_by(&self) -> GroupBy {
        match self {
            Self::Days(zone) if *zone == TimeZone::UTC => GroupBy::Day,
            Self::Hours(_) | Self::Days(_) => GroupBy::Hour,
        }
    }

    fn start_of_today(&self) -> Result<Timestamp, Problem> {
        let (Self::Hours(zone) | Self::Days(zone)) = self;
        day_of(SystemClock.now(), zone)?.start_of_day().map(|day| timestamp(&day)).map_err(out_of_range)
    }

    /// The start of the step that `at` lies in.
    fn start(&self, at: Timestamp) -> Result<Timestamp, Problem> {
        match self {
            Self::Hours(_) => Ok(at.hour()),
            Self::Days(zone) => day_of(at, zone)?.start_of_day().map(|day| timestamp(&day)).map_err(out_of_range),
        }
    }

    /// The start of the step behind the one that starts at `start`.
    fn next(&self, start: Timestamp) -> Result<Timestamp, Problem> {
        match self {
            Self::Hours(_) => Ok(start.plus_millis(HOUR_MS)),
            Self::Days(zone) => {
                let tomorrow = day_of(start, zone)?.checked_add(1.day()).and_then(|day| day.start_of_day());
                tomorrow.map(|day| timestamp(&day)).map_err(out_of_range)
            }
        }
    }

    /// `at`, or the end of the step that it lies in.
    fn end(&self, at: Timestamp) -> Result<Timestamp, Problem> {
        let start = self.start(at)?;
        if start == at { Ok(at) } else { self.next(start) }
    }

    /// The starts of all steps of a time, with nothing summed yet.
    fn points(&self, filter: &TotalsFilter) -> Result<Vec<(Timestamp, Totals)>, Problem> {
        let mut points = Vec::new();
        let mut start = filter.from;
        while start < filter.to {
            if points.len() == MOST_POINTS {
                return Err(Problem::field("from", format!("this would be more than {MOST_POINTS} points")));
            }
            points.push((start, Totals::default()));
            start = self.next(start)?;
        }
        Ok(points)
    }
}

fn unknown_zone(name: &str) -> Problem {
    let name: String = name.chars().take(40).collect();
    Problem::field("time_zone", format!("`{name}` is no time zone; they are named like `Asia/Shanghai`"))
}

fn out_of_range(_: jiff::Error) -> Problem {
    Problem::field("from", "this time is out of range")
}

fn day_of(at: Timestamp, zone: &TimeZone) -> Result<Zoned, Problem> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).map_err(out_of_range)?;
    Ok(at.to_zoned(zone.clone()))
}

fn timestamp(day: &Zoned) -> Timestamp {
    Timestamp::from_millis(day.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(zone: &str, from: &str, to: &str, expected: &[&str]) {
        let steps = Steps::read(true, Some(zone)).unwrap();
        let (from, to) = (steps.start(from.parse().unwrap()).unwrap(), steps.end(to.parse().unwrap()).unwrap());
        let points = steps.points(&TotalsFilter::span(from, to)).unwrap();
        let starts: Vec<_> = points.iter().map(|(start, _)| start.to_string().replace(":00.000Z", "")).collect();
        assert_eq!(starts, expected, "{zone}");
    }

    #[test]
    fn days_are_those_of_the_zone() {
        check("UTC", "2026-03-01T05:00:00Z", "2026-03-02T00:00:00Z", &["2026-03-01T00:00"]);
        let shanghai = &["2026-02-28T16:00", "2026-03-01T16:00"];
        check("Asia/Shanghai", "2026-03-01T05:00:00Z", "2026-03-01T17:00:00Z", shanghai);
        // The day that is an hour short.
        let berlin = &["2026-03-27T23:00", "2026-03-28T23:00", "2026-03-29T22:00"];
        check("Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-29T23:00:00Z", berlin);
    }
}
