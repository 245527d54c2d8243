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
    /// Pool to floor.
    Ratio,
    /// And by how much the pool is above each of the others.
    Added,
    /// Under a closed loop a latency says as much about the machine as about the proxy.
    Nothing,
}

/// What stands above the columns.
pub(crate) fn head(has_nginx: bool) -> String {
    let nginx = if has_nginx { format!("{:>WIDTH$}", "nginx") } else { String::new() };
    let wide = LABEL + 2;
    format!("{:<wide$}{:>WIDTH$}{nginx}{:>WIDTH$}   pool / floor (min to max)", "medians", "floor", "pool")
}

impl Display for Row {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { label, digits, .. } = self;
        write!(f, "  {label:<LABEL$}{:>WIDTH$.digits$}", self.median(|each| Some(each.floor)))?;
        if self.has_nginx() {
            write!(f, "{:>WIDTH$.digits$}", self.median(|each| each.nginx))?;
        }
        write!(f, "{:>WIDTH$.digits$}", self.median(|each| Some(each.pool)))?;
        if self.beside != Beside::Nothing {
            self.ratio(f)?;
        }
        if self.beside == Beside::Added {
            self.added(f)?;
        }
        writeln!(f)
    }
}

impl Row {
    fn has_nginx(&self) -> bool {
        self.rounds.iter().any(|each| each.nginx.is_some())
    }

    fn median(&self, of: impl Fn(&Each<f64>) -> Option<f64>) -> f64 {
        middle(&sorted(self.rounds.iter().filter_map(of)))
    }

    fn ratio(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ratios = sorted(self.rounds.iter().map(|each| each.pool / each.floor));
        let (min, max) = (ratios.first().copied().unwrap_or(f64::NAN), ratios.last().copied().unwrap_or(f64::NAN));
        write!(f, "   {:.2} ({min:.2} to {max:.2})", middle(&ratios))
    }

    fn added(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.digits;
        write!(f, ", {:+.digits$}", self.median(|each| Some(each.pool - each.floor)))?;
        if self.has_nginx() {
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
