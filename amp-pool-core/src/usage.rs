//! What an answer used.
//!
//! Counts are disjoint, whatever the provider's convention: a token is fresh input, read from a cache, written to one of
//! two caches, or output. `reasoning` is the only part that lies inside another (output).

use serde::{Deserialize, Serialize};

mod terms;

pub use terms::{ServiceTerms, Tier, UnknownTerms};

/// Tokens of one attempt, in disjoint classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Usage {
    /// Input that no cache held.
    pub uncached_input: u64,
    /// Input read from a prompt cache.
    pub cache_read: u64,
    /// Input written to the short-lived (five minutes, default) cache.
    pub cache_write_5m: u64,
    /// Input written to the one-hour cache.
    pub cache_write_1h: u64,
    /// Everything the model wrote, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning, when the provider tells.
    pub reasoning: Option<u64>,
}

impl Usage {
    /// The whole prompt, cached parts included.
    #[must_use]
    pub fn input(&self) -> u64 {
        self.uncached_input.saturating_add(self.cache_read).saturating_add(self.cache_write())
    }

    /// What both used together. Reasoning that only one told is told.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            uncached_input: self.uncached_input.saturating_add(other.uncached_input),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write_5m: self.cache_write_5m.saturating_add(other.cache_write_5m),
            cache_write_1h: self.cache_write_1h.saturating_add(other.cache_write_1h),
            output: self.output.saturating_add(other.output),
            reasoning: self
                .reasoning
                .map_or(other.reasoning, |told| Some(told.saturating_add(other.reasoning.unwrap_or(0)))),
        }
    }

    /// Input written to any cache.
    #[must_use]
    pub fn cache_write(&self) -> u64 {
        self.cache_write_5m.saturating_add(self.cache_write_1h)
    }

    /// Input and output.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input().saturating_add(self.output)
    }
}

/// How far the numbers of a [`Usage`] can be trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum UsageSource {
    /// Nothing was reported and nothing was received.
    #[default]
    None,
    /// Counted by us from what came, because the provider's numbers did not arrive.
    Estimated,
    /// The provider's own final numbers.
    Final,
}
