//! How much is measured, and in which phases.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::ask::{Ask, Format, Script, Stream};

// What all slow streams together bring, unless told otherwise: more streams are slower ones.
const SLOW_EVENTS_A_SECOND: usize = 10_000;
// A proxy holds two for each call, and what it needs for itself.
const DESCRIPTORS_BESIDE: u64 = 64;

/// The sizes of a run. Each can be given as an option or in the environment.
#[derive(Clone, Args)]
pub(crate) struct Plan {
    /// Rounds; each measures every proxy once per phase
    #[arg(long, env = "LOOPBACK_ROUNDS", default_value_t = 5)]
    pub(crate) rounds: usize,
    /// JSON calls per round
    #[arg(long, env = "LOOPBACK_CALLS", default_value_t = 10_000)]
    calls: usize,
    /// Connections that make them, each the next call when it has the answer to the last
    #[arg(long, env = "LOOPBACK_CONNECTIONS", default_value_t = 64)]
    connections: usize,
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
    /// Events with content in each of them [default: 40; 20 where there are more than 1000 streams]
    #[arg(long, env = "LOOPBACK_SLOW_EVENTS")]
    slow_events: Option<usize>,
    /// Milliseconds between two of these [default: 100; more where there are more than 1000 streams, so that all of
    /// them bring 10000 events a second]
    #[arg(long, env = "LOOPBACK_PACE_MS")]
    pace_ms: Option<u64>,
    /// Keys in the pool, all of the mock
    #[arg(long, env = "LOOPBACK_KEYS", default_value_t = 10)]
    pub(crate) keys: usize,
    /// Give the client token a budget, so that each call has its money held first
    #[arg(long)]
    pub(crate) budget: bool,
    /// Count system calls as well, in one more round under strace
    #[arg(long)]
    pub(crate) system_calls: bool,
    /// The wire format of the calls
    #[arg(long, env = "LOOPBACK_FORMAT", value_enum, default_value_t = Format::Chat)]
    pub(crate) format: Format,
    /// The server to measure, built by other means
    #[arg(long, env = "LOOPBACK_SERVER", default_value = env!("CARGO_BIN_EXE_amp-pool-server"), hide_default_value = true)]
    pub(crate) server: PathBuf,
    /// Another build of it, measured in the same rounds: of two runs the machine says more than the builds
    #[arg(long, env = "LOOPBACK_OTHER")]
    pub(crate) other: Option<PathBuf>,
    /// How durable a record is before the end of its answer goes out
    #[arg(long, env = "LOOPBACK_DURABILITY", default_value = "full")]
    pub(crate) durability: String,
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
    /// The same for a client of Chat Completions, from an upstream that speaks Messages
    Translated,
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
            slow_events: Some(self.slow_events().min(10)),
            ..self
        }
    }

    pub(crate) fn phases(&self) -> Vec<Phase> {
        let phase = |kind, connections: usize, calls: usize, stream| Phase {
            kind,
            ask: self.ask(kind, stream),
            connections: connections.min(calls),
            calls,
            rate: (kind == Kind::Paced).then_some(self.rate.max(1)),
        };
        let burst = Stream { events: self.events, pace_ms: 0 };
        let slow = Stream { events: self.slow_events(), pace_ms: self.pace_ms() };
        let all = [
            phase(Kind::Json, self.connections.max(1), self.calls, None),
            phase(Kind::Paced, 64, self.paced, None),
            phase(Kind::Burst, 16, self.streams, Some(burst)),
            phase(Kind::Translated, 16, self.streams, Some(burst)),
            phase(Kind::Slow, self.slow, self.slow, Some(slow)),
        ];
        all.into_iter().filter(|phase| phase.calls > 0 && self.wants(phase.kind)).collect()
    }

    fn ask(&self, kind: Kind, stream: Option<Stream>) -> Ask {
        let (client, format) = match kind {
            Kind::Translated => (Format::Chat, Format::Messages),
            _ => (self.format, self.format),
        };
        Ask { client, script: Script { format, stream } }
    }

    fn slow_events(&self) -> usize {
        self.slow_events.unwrap_or(if self.slow > 1_000 { 20 } else { 40 })
    }

    fn pace_ms(&self) -> u64 {
        let pace = self.slow.max(1_000) * 1_000 / SLOW_EVENTS_A_SECOND;
        self.pace_ms.unwrap_or(pace as u64)
    }

    /// The most connections at once.
    pub(crate) fn connections(&self) -> usize {
        self.phases().iter().map(|phase| phase.connections).max().unwrap_or_default()
    }

    /// How many files a proxy has to hold open at once.
    pub(crate) fn descriptors(&self) -> u64 {
        2 * self.connections() as u64 + DESCRIPTORS_BESIDE
    }

    /// How many connections there may be where a process may have so many files open.
    pub(crate) fn connections_with(descriptors: u64) -> u64 {
        descriptors.saturating_sub(DESCRIPTORS_BESIDE) / 2
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

    /// The same for a proxy that can not translate.
    pub(crate) fn untranslated(self) -> Self {
        Self { ask: self.ask.untranslated(), ..self }
    }
}
