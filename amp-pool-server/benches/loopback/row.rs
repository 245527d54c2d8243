//! A row of the table: the medians of each proxy, and how the pool stands to the others within a round.

use std::fmt::{self, Display, Formatter};

use crate::proxy::Each;

const LABEL: usize = 54;
const WIDTH: usize = 11;

/// One figure of every round.
pub(crate) struct Row {
    pub(crate) label: String,
    /// Behind the point.
    pub(crate) digits: usize,
    pub(crate) rounds: Vec<Each<f64>>,
    pub(crate) beside: Beside,
}

/// What else is told of the rounds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Pool to floor, and to another build.
    Ratio,
    /// And by how much the pool is above each of the others.
    Added,
    /// Under a closed loop a latency says as much about the machine as about the proxy.
    Nothing,
}

/// What stands above the columns.
pub(crate) fn head<T>(each: &Each<T>) -> String {
    let columns: String = each.columns().map(|(name, _)| format!("{name:>WIDTH$}")).collect();
    let (wide, other) = (LABEL + 2, if each.other.is_some() { ", pool / other (min to max)" } else { "" });
    format!("{:<wide$}{columns}   pool / floor (min to max){other}", "medians")
}

impl Display for Row {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { label, digits, .. } = self;
        write!(f, "  {label:<LABEL$}")?;
        for place in 0..self.places() {
            let median = self.median(|each| each.columns().nth(place).map(|(_, figure)| *figure));
            write!(f, "{median:>WIDTH$.digits$}")?;
        }
        if self.beside != Beside::Nothing {
            write!(f, "   {}", self.ratio(|each| Some(each.floor)))?;
        }
        if self.beside != Beside::Nothing && self.has(|each| each.other) {
            write!(f, ", {}", self.ratio(|each| each.other))?;
        }
        if self.beside == Beside::Added {
            self.added(f)?;
        }
        writeln!(f)
    }
}

impl Row {
    fn places(&self) -> usize {
        self.rounds.first().map_or(0, |each| each.columns().count())
    }

    fn has(&self, of: impl Fn(&Each<f64>) -> Option<f64>) -> bool {
        self.rounds.iter().any(|each| of(each).is_some())
    }

    fn median(&self, of: impl Fn(&Each<f64>) -> Option<f64>) -> f64 {
        middle(&sorted(self.rounds.iter().filter_map(of)))
    }

    /// How the pool stands to another within a round.
    fn ratio(&self, other: impl Fn(&Each<f64>) -> Option<f64>) -> String {
        let ratios = sorted(self.rounds.iter().filter_map(|each| Some(each.pool / other(each)?)));
        let (min, max) = (ratios.first().copied().unwrap_or(f64::NAN), ratios.last().copied().unwrap_or(f64::NAN));
        format!("{:.2} ({min:.2} to {max:.2})", middle(&ratios))
    }

    fn added(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.digits;
        write!(f, ", {:+.digits$}", self.median(|each| Some(each.pool - each.floor)))?;
        if self.has(|each| each.nginx) {
            write!(f, ", to nginx {:+.digits$}", self.median(|each| Some(each.pool - each.nginx?)))?;
        }
        Ok(())
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> f64 {
    match sorted {
        [] => f64::NAN,
        values if values.len() % 2 == 1 => values[values.len() / 2],
        values => f64::midpoint(values[values.len() / 2 - 1], values[values.len() / 2]),
    }
}
