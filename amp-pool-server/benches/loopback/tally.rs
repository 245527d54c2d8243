//! What a load has seen.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What was seen. Only answers that were right to their end count as calls.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) errors: u64,
    /// The first error of any connection, in words.
    pub(crate) error: Option<String>,
    /// The most calls whose answer had begun and not ended at one time.
    pub(crate) most_open: usize,
    /// Until the head of the answer was there.
    pub(crate) head: Latency,
    /// Until something of its body was there.
    pub(crate) first_byte: Latency,
    /// Until its end.
    pub(crate) whole: Latency,
    /// From the sending of each event to its arrival, where events tell when they were sent.
    pub(crate) delay: Latency,
}

/// What one call took.
pub(crate) struct Timing {
    pub(crate) head: Duration,
    pub(crate) first_byte: Duration,
    pub(crate) whole: Duration,
    pub(crate) bytes: usize,
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Latency {
    pub(crate) fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        let at = |percent: usize| times.get(times.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3);
        Self { p50_ms: at(50), p99_ms: at(99) }
    }
}
