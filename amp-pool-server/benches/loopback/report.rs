//! The table: medians of every proxy, phase by phase.

use std::{
    fmt::{self, Display, Formatter},
    num::NonZero,
};

use crate::{
    books::Made,
    plan::{Kind, Phase, Plan},
    proxy::{Each, Sample},
    row::{self, Beside, Row},
    tally::{Latency, Tally},
    trace::Counts,
};

const MEGABYTE: f64 = 1024.0 * 1024.0;

/// Everything that was measured.
pub(crate) struct Report {
    plan: Plan,
    idle: Each<u64>,
    results: Vec<Results>,
    made: Made,
}

/// One phase over all rounds.
struct Results {
    phase: Phase,
    rounds: Vec<Each<Sample>>,
    /// Of one round, where they were asked for.
    system_calls: Option<Each<Counts>>,
}

impl Report {
    /// `idle` is the memory of each, in bytes, before any load.
    pub(crate) fn new(plan: &Plan, idle: Each<u64>) -> Self {
        let results = plan.phases().into_iter().map(Results::new).collect();
        Self { plan: plan.clone(), idle, results, made: Made::default() }
    }

    pub(crate) fn add(&mut self, phase: Phase, round: Each<Sample>) {
        if let Some(results) = self.of(phase) {
            results.rounds.push(round);
        }
    }

    /// The system calls of one round.
    pub(crate) fn count(&mut self, phase: Phase, counts: Each<Counts>) {
        if let Some(results) = self.of(phase) {
            results.system_calls = Some(counts);
        }
    }

    fn of(&mut self, phase: Phase) -> Option<&mut Results> {
        self.results.iter_mut().find(|results| results.phase.kind == phase.kind)
    }

    /// The books agree with `made`.
    pub(crate) fn close(&mut self, made: Made) {
        self.made = made;
    }

    fn title(&self) -> String {
        let Plan { rounds, keys, format, budget, durability, .. } = &self.plan;
        let budget = if *budget { "a budget, " } else { "" };
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        format!(
            "{format:?}, {keys} keys, {budget}SQLite in {durability} durability, {processors} processors, {rounds} rounds"
        )
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}\n\n{}", self.title(), row::head(&self.idle))?;
        self.results.iter().try_for_each(|results| write!(f, "{results}"))?;
        let rounds = vec![self.idle.map(|bytes| megabytes(*bytes))];
        write!(
            f,
            "before any load\n{}",
            Row { label: "resident, MB".into(), digits: 1, rounds, beside: Beside::Ratio }
        )?;
        if self.idle.nginx.is_none() {
            writeln!(f, "\nnginx is not on the path: it was left out")?;
        }
        let Made { calls, tokens } = self.made;
        writeln!(f, "\nthe books show the {calls} calls that were made, all done, and their {tokens} tokens")
    }
}

impl Display for Results {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title())?;
        self.processor(f)?;
        match self.phase.kind {
            Kind::Json => self.answer(f, 2, Beside::Nothing),
            Kind::Paced => self.answer(f, 3, Beside::Added),
            Kind::Burst | Kind::Translated => self.latency(f, "whole stream", 1, Beside::Nothing, |tally| tally.whole),
            Kind::Slow => {
                self.resident(f)?;
                self.latency(f, "first event", 2, Beside::Added, |tally| tally.first_byte)?;
                self.latency(f, "event late", 3, Beside::Added, |tally| tally.delay)
            }
        }?;
        self.system_calls.iter().try_for_each(|counts| self.counts(f, counts))
    }
}

impl Results {
    fn new(phase: Phase) -> Self {
        Self { phase, rounds: Vec::new(), system_calls: None }
    }

    fn title(&self) -> String {
        let Phase { kind, ask, connections, calls, rate } = self.phase;
        let (events, pace) = ask.script.stream.map_or((0, 0), |stream| (stream.events, stream.pace_ms));
        match kind {
            Kind::Json => format!("{calls} JSON calls on {connections} connections"),
            Kind::Paced => format!("{calls} JSON calls at {} a second", rate.unwrap_or_default()),
            Kind::Burst => format!("{calls} streams of {events} events on {connections} connections"),
            Kind::Translated => format!("{calls} streams of {events} events of Messages, from the pool as Chat"),
            Kind::Slow => format!("{calls} streams at once of {events} events, {pace} ms apart"),
        }
    }

    fn processor(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.phase.ask.script.stream.is_none() {
            return self.row(f, "processor µs per call", 1, Beside::Ratio, |sample| per(sample, sample.tally.calls));
        }
        self.row(f, "processor ms per stream", 3, Beside::Ratio, |sample| per(sample, sample.tally.calls) / 1e3)?;
        self.row(f, "processor µs per event", 2, Beside::Ratio, |sample| per(sample, sample.tally.events))
    }

    // The end of an answer may wait for the books.
    fn answer(&self, f: &mut Formatter<'_>, digits: usize, beside: Beside) -> fmt::Result {
        self.latency(f, "head of the answer", digits, beside, |tally| tally.head)?;
        self.latency(f, "its end", digits, beside, |tally| tally.whole)
    }

    fn resident(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let most_open = self.rounds.iter().map(|round| round.pool.tally.most_open).max().unwrap_or_default();
        let label = format!("resident with {most_open} open streams, MB");
        self.row(f, &label, 1, Beside::Ratio, |sample| megabytes(sample.resident))
    }

    fn counts(&self, f: &mut Formatter<'_>, counts: &Each<Counts>) -> fmt::Result {
        let unit = if self.phase.ask.script.stream.is_some() { "event" } else { "call" };
        let calls = self.phase.calls as u64 * self.phase.ask.script.events().max(1);
        let row = |f: &mut Formatter<'_>, what: &str, of: fn(&Counts) -> u64| {
            let rounds = vec![counts.map(|counts| of(counts) as f64 / calls as f64)];
            write!(f, "{}", Row { label: format!("{what} per {unit}"), digits: 2, rounds, beside: Beside::Ratio })
        };
        row(f, "system calls that read", |counts| counts.reads)?;
        row(f, "that write", |counts| counts.writes)?;
        row(f, "that wait for sockets", |counts| counts.waits)?;
        row(f, "that wait for threads or wake them", |counts| counts.wakes)?;
        row(f, "all system calls", |counts| counts.all)
    }

    fn latency(
        &self,
        f: &mut Formatter<'_>,
        label: &str,
        digits: usize,
        beside: Beside,
        of: impl Fn(&Tally) -> Latency,
    ) -> fmt::Result {
        self.row(f, &format!("{label}, p50, ms"), digits, beside, |sample| of(&sample.tally).p50_ms)?;
        self.row(f, &format!("{label}, p99, ms"), digits, beside, |sample| of(&sample.tally).p99_ms)
    }

    fn row(
        &self,
        f: &mut Formatter<'_>,
        label: &str,
        digits: usize,
        beside: Beside,
        of: impl Fn(&Sample) -> f64,
    ) -> fmt::Result {
        let rounds = self.rounds.iter().map(|round| round.map(&of)).collect();
        write!(f, "{}", Row { label: label.into(), digits, rounds, beside })
    }
}

/// Microseconds of processor time.
fn per(sample: &Sample, count: u64) -> f64 {
    sample.processor_time.as_secs_f64() * 1e6 / count as f64
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MEGABYTE
}
