//! How much is measured, and in which phases.

use clap::{Args, ValueEnum};

use crate::ask::{Ask, Format, Stream};

/// The sizes of a run. Each can be given as an option or in the environment.
#[derive(Clone, Args)]
pub(crate) struct Plan {
    /// Rounds; each measures floor and pool once per phase
    #[arg(long, env = "LOOPBACK_ROUNDS", default_value_t = 5)]
    pub(crate) rounds: usize,
    /// JSON calls per round, on 64 connections
    #[arg(long, env = "LOOPBACK_CALLS", default_value_t = 10_000)]
    calls: usize,
    /// JSON calls per round at a fixed rate
    #[arg(long, env = "LOOPBACK_PACED", default_value_t = 2_000)]
    paced: usize,
    /// That rate, in calls a second
    #[arg(long, env = "LOOPBACK_RATE", default_value_t = 500)]
    rate: u32,
    /// Streams per round that come as fast as they can, on 16 connections
    #[arg(long, env = "LOOPBACK_STREAMS", default_value_t = 400)]
    streams: usize,
    /// Events with content in each of them
    #[arg(long, env = "LOOPBACK_EVENTS", default_value_t = 200)]
    events: usize,
    /// Slow streams, all open at once
    #[arg(long, env = "LOOPBACK_SLOW", default_value_t = 1_000)]
    slow: usize,
    /// Events with content in each of them
    #[arg(long, env = "LOOPBACK_SLOW_EVENTS", default_value_t = 40)]
    slow_events: usize,
    /// Milliseconds between two of these
    #[arg(long, env = "LOOPBACK_PACE_MS", default_value_t = 100)]
    pace_ms: u64,
    /// Keys in the pool, all of the mock
    #[arg(long, env = "LOOPBACK_KEYS", default_value_t = 10)]
    pub(crate) keys: usize,
    /// Give the client token a budget, so that each call has its money held first
    #[arg(long)]
    pub(crate) budget: bool,
    /// The wire format of the calls
    #[arg(long, env = "LOOPBACK_FORMAT", value_enum, default_value_t = Format::Chat)]
    pub(crate) format: Format,
    /// Only these phases
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
}

/// What a phase is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// Small whole answers, the next one when one is done
    Json,
    /// The same at a fixed rate, whatever comes back
    Paced,
    /// Streams as fast as they can be flushed
    Burst,
    /// Many streams open at once, each slow
    Slow,
}

/// One load on one proxy.
#[derive(Clone, Copy)]
pub(crate) struct Phase {
    pub(crate) kind: Kind,
    pub(crate) ask: Ask,
    pub(crate) connections: usize,
    pub(crate) calls: usize,
    /// Calls a second. `None`: each connection makes the next call when it has the answer to the last.
    pub(crate) rate: Option<u32>,
}

impl Plan {
    /// The same in small: to see that the bench works, not to measure.
    pub(crate) fn shrunk(self) -> Self {
        Self {
            rounds: self.rounds.min(1),
            calls: self.calls.min(500),
            paced: self.paced.min(200),
            streams: self.streams.min(32),
            slow: self.slow.min(100),
            slow_events: self.slow_events.min(10),
            ..self
        }
    }

    pub(crate) fn phases(&self) -> Vec<Phase> {
        let phase = |kind, connections: usize, calls: usize, stream| Phase {
            kind,
            ask: Ask { format: self.format, stream },
            connections: connections.min(calls),
            calls,
            rate: (kind == Kind::Paced).then_some(self.rate.max(1)),
        };
        let burst = Stream { events: self.events, pace_ms: 0 };
        let slow = Stream { events: self.slow_events, pace_ms: self.pace_ms };
        let all = [
            phase(Kind::Json, 64, self.calls, None),
            phase(Kind::Paced, 64, self.paced, None),
            phase(Kind::Burst, 16, self.streams, Some(burst)),
            phase(Kind::Slow, self.slow, self.slow, Some(slow)),
        ];
        all.into_iter().filter(|phase| phase.calls > 0 && self.wants(phase.kind)).collect()
    }

    fn wants(&self, kind: Kind) -> bool {
        self.only.is_empty() || self.only.contains(&kind)
    }
}

impl Phase {
    /// A tenth of it, so that connections, caches and statements exist before anything is measured.
    pub(crate) fn warm_up(self) -> Self {
        let calls = self.calls.div_ceil(10);
        Self { calls, connections: self.connections.min(calls), ..self }
    }
}
