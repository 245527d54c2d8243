//! The table: medians of floor and pool, and the ratio of the two within a round.

use std::{
    fmt::{self, Display, Formatter},
    num::NonZero,
};

use crate::{
    books::Made,
    drive::{Pair, Sample},
    load::Latency,
    plan::{Kind, Phase, Plan},
};

const MEGABYTE: f64 = 1024.0 * 1024.0;

/// Everything that was measured.
pub(crate) struct Report {
    plan: Plan,
    idle: Pair<u64>,
    results: Vec<Results>,
    made: Made,
}

/// One phase over all rounds.
struct Results {
    phase: Phase,
    rounds: Vec<Pair<Sample>>,
}

impl Report {
    /// `idle` is the memory of the two, in bytes, before any load.
    pub(crate) fn new(plan: &Plan, idle: Pair<u64>) -> Self {
        let results = plan.phases().into_iter().map(|phase| Results { phase, rounds: Vec::new() }).collect();
        Self { plan: plan.clone(), idle, results, made: Made::default() }
    }

    pub(crate) fn add(&mut self, phase: Phase, round: Pair<Sample>) {
        if let Some(results) = self.results.iter_mut().find(|results| results.phase.kind == phase.kind) {
            results.rounds.push(round);
        }
    }

    /// The books agree with `made`.
    pub(crate) fn close(&mut self, made: Made) {
        self.made = made;
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Plan { rounds, keys, format, budget, .. } = &self.plan;
        let budget = if *budget { "a budget, " } else { "" };
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        writeln!(
            f,
            "\n{format:?}, {keys} keys, {budget}SQLite in full durability, {processors} processors, {rounds} rounds"
        )?;
        writeln!(f, "\n{:<58}{:>15}{:>15}   pool / floor (min to max)", "medians", "floor", "pool")?;
        for results in &self.results {
            write!(f, "{results}")?;
        }
        writeln!(f, "before any load")?;
        row(f, "resident, MB", 1, &[Pair { floor: megabytes(self.idle.floor), pool: megabytes(self.idle.pool) }])?;
        let Made { calls, tokens } = self.made;
        writeln!(
            f,
            "\nthe books show the {calls} calls that were made of the pool, all done, and their {tokens} tokens"
        )
    }
}

impl Display for Results {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title())?;
        self.row(f, self.unit(), 4, |sample| per(sample, sample.tally.calls) * 1e3)?;
        match self.phase.kind {
            Kind::Json => self.latency(f, "latency p50 / p99, ms", 1, |sample| sample.tally.whole),
            Kind::Paced => self.latency(f, "latency p50 / p99, ms", 2, |sample| sample.tally.whole),
            Kind::Burst => {
                self.row(f, "processor µs per event", 2, |sample| per(sample, sample.tally.events) * 1e6)?;
                self.latency(f, "whole stream p50 / p99, ms", 1, |sample| sample.tally.whole)
            }
            Kind::Slow => {
                self.row(f, "processor µs per event", 2, |sample| per(sample, sample.tally.events) * 1e6)?;
                let most_open = self.rounds.iter().map(|round| round.pool.tally.most_open).max().unwrap_or_default();
                let label = format!("resident with {most_open} open streams, MB");
                self.row(f, &label, 1, |sample| megabytes(sample.resident))?;
                self.latency(f, "first event p50 / p99, ms", 1, |sample| sample.tally.first_byte)
            }
        }
    }
}

impl Results {
    fn title(&self) -> String {
        let Phase { kind, ask, connections, calls, rate } = self.phase;
        let (events, pace) = ask.stream.map_or((0, 0), |stream| (stream.events, stream.pace_ms));
        match kind {
            Kind::Json => format!("{calls} JSON calls on {connections} connections"),
            Kind::Paced => format!("{calls} JSON calls at {} a second", rate.unwrap_or_default()),
            Kind::Burst => format!("{calls} streams of {events} events on {connections} connections"),
            Kind::Slow => format!("{calls} streams at once of {events} events, {pace} ms apart"),
        }
    }

    fn unit(&self) -> &'static str {
        match self.phase.kind {
            Kind::Json | Kind::Paced => "processor seconds per 1000 calls",
            Kind::Burst | Kind::Slow => "processor seconds per 1000 streams",
        }
    }

    fn row(&self, f: &mut Formatter<'_>, label: &str, digits: usize, of: impl Fn(&Sample) -> f64) -> fmt::Result {
        let values: Vec<_> =
            self.rounds.iter().map(|round| Pair { floor: of(&round.floor), pool: of(&round.pool) }).collect();
        row(f, label, digits, &values)
    }

    // Latency under a closed loop says as much about the machine as about the proxy: no ratio.
    fn latency(
        &self,
        f: &mut Formatter<'_>,
        label: &str,
        digits: usize,
        of: impl Fn(&Sample) -> Latency,
    ) -> fmt::Result {
        let both = |side: fn(&Pair<Sample>) -> &Sample| {
            let at =
                |percentile: fn(Latency) -> f64| median(self.rounds.iter().map(|round| percentile(of(side(round)))));
            format!("{:.digits$} / {:.digits$}", at(|latency| latency.p50_ms), at(|latency| latency.p99_ms))
        };
        writeln!(f, "  {label:<56}{:>15}{:>15}", both(|round| &round.floor), both(|round| &round.pool))
    }
}

fn row(f: &mut Formatter<'_>, label: &str, digits: usize, values: &[Pair<f64>]) -> fmt::Result {
    let floor = median(values.iter().map(|pair| pair.floor));
    let pool = median(values.iter().map(|pair| pair.pool));
    let ratios = sorted(values.iter().map(|pair| pair.pool / pair.floor));
    let (min, max) = (ratios.first().copied().unwrap_or(f64::NAN), ratios.last().copied().unwrap_or(f64::NAN));
    let ratio = middle(&ratios);
    writeln!(f, "  {label:<56}{floor:>15.digits$}{pool:>15.digits$}   {ratio:.2} ({min:.2} to {max:.2})")
}

fn per(sample: &Sample, count: u64) -> f64 {
    sample.processor_time.as_secs_f64() / count as f64
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MEGABYTE
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    middle(&sorted(values))
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
