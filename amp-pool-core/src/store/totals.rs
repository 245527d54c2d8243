//! Sums of calls.

use super::Histogram;
use crate::{
    id::{KeyId, TokenId},
    money::NanoUsd,
    time::Timestamp,
    usage::Usage,
};

/// Which calls to sum. Every field narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TotalsFilter {
    /// Not before the hour, or the day, that this lies in.
    pub from: Timestamp,
    /// Before.
    pub to: Timestamp,
    /// Of the key that served them, else the last one tried.
    pub key: Option<KeyId>,
    /// Of this client token.
    pub token: Option<TokenId>,
    /// For this model, as clients wrote it.
    pub model: Option<String>,
    /// Of that key's provider.
    pub provider: Option<String>,
}

impl TotalsFilter {
    /// All calls from `from` to `to`.
    #[must_use]
    pub fn span(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to, ..Self::default() }
    }
}

/// What sums are split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// One sum.
    Nothing,
    /// Per key.
    Key,
    /// Per model.
    Model,
    /// Per provider.
    Provider,
    /// Per client token.
    Token,
    /// Per hour.
    Hour,
    /// Per day.
    Day,
}

/// One row of sums.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// The value of what was split by: a row id, a name, or the start of the hour or day in milliseconds. Empty for
    /// none.
    pub group: String,
    /// Settled calls.
    pub requests: u64,
    /// Those that did not end as `done`.
    pub errors: u64,
    /// What they used.
    pub usage: Usage,
    /// What they cost, as far as prices are known.
    pub cost: NanoUsd,
    /// Calls without a known price.
    pub unpriced: u64,
    /// Calls that read from a prompt cache.
    pub cached: u64,
    /// Those among them of which is known what that saved.
    pub saved_known: u64,
    /// What it saved, as far as that is known.
    pub saved: NanoUsd,
    /// Sum of latencies.
    pub latency_ms: u64,
    /// Sum of times to the first byte, and of how many calls.
    pub first_byte_ms: u64,
    /// Calls that have a first byte.
    pub first_bytes: u64,
    /// How latencies spread, in milliseconds. Holds fewer calls than `requests` where older sums have none.
    pub latency: Histogram,
    /// How times to the first byte spread, in milliseconds.
    pub first_byte: Histogram,
}
