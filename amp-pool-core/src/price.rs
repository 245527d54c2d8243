//! What usage costs.
//!
//! Exact: prices are read as decimal text and kept in nano-dollars per million tokens, sums are made in 128 bits and
//! rounded once per attempt. An unknown price is `None`, never nothing; what is free has a price of 0.
//!
//! Not priced yet: service tiers (batch, priority, flex), off-peak hours and regional factors. Their rows are in the
//! data; usage does not say yet which of them applied.

use std::fmt;

use crate::{
    keys::PriceFactor,
    money::{NanoUsd, PerMillion},
    usage::Usage,
};

mod book;
mod row;

pub use book::{BookError, Override, PriceBook};

/// The prices of one model at one provider, and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Names the row, so that a record can say what it was priced with: `seed:2026-11-22`.
    pub version: String,
    /// What each class of tokens costs.
    pub rates: Rates,
    /// Other rates for long prompts, by rising threshold.
    pub long_context: Vec<Step>,
    /// The most tokens that the model reads and writes together, where that is known.
    pub window: Option<u64>,
    /// The most tokens that it writes, where that is known.
    pub max_output: Option<u64>,
}

/// Prices per class of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Input that no cache held.
    pub input: PerMillion,
    /// Input read from a cache.
    pub cache_read: PerMillion,
    /// Input written to the short-lived cache.
    pub cache_write_5m: PerMillion,
    /// Input written to the one-hour cache.
    pub cache_write_1h: PerMillion,
    /// Output.
    pub output: PerMillion,
    /// The part of the output that is reasoning, where it is told.
    pub reasoning: PerMillion,
}

/// Rates that hold for **all** tokens of a request whose prompt, cached parts included, is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The shortest prompt that they hold for, in tokens.
    pub from_input: u64,
    /// What each class of tokens costs then.
    pub rates: Rates,
}

impl Rates {
    /// Rates of which only two are known: caches cost as much as fresh input, reasoning as much as other output.
    #[must_use]
    pub fn plain(input: PerMillion, output: PerMillion) -> Self {
        Self { input, cache_read: input, cache_write_5m: input, cache_write_1h: input, output, reasoning: output }
    }

    /// The most that so many tokens can cost, in nano-dollars times a million. `None`: it does not fit.
    fn worst(&self, input: u64, output: u64) -> Option<i128> {
        let read = self.input.max(self.cache_read).max(self.cache_write_5m).max(self.cache_write_1h);
        read.times(input).checked_add(self.output.max(self.reasoning).times(output))
    }

    /// The sum over all classes, in nano-dollars times a million. `None`: it does not fit.
    fn times(&self, usage: &Usage) -> Option<i128> {
        // A provider that reports more reasoning than output has one of the two wrong; the output is what it bills.
        let reasoning = usage.reasoning.unwrap_or(0).min(usage.output);
        let classes = [
            self.input.times(usage.uncached_input),
            self.cache_read.times(usage.cache_read),
            self.cache_write_5m.times(usage.cache_write_5m),
            self.cache_write_1h.times(usage.cache_write_1h),
            self.output.times(usage.output - reasoning),
            self.reasoning.times(reasoning),
        ];
        classes.into_iter().try_fold(0_i128, i128::checked_add)
    }
}

impl Price {
    /// One set of rates for prompts of every length.
    #[must_use]
    pub fn flat(version: impl Into<String>, rates: Rates) -> Self {
        Self { version: version.into(), rates, long_context: Vec::new(), window: None, max_output: None }
    }

    /// The rates for a prompt of `input` tokens, cached parts included.
    #[must_use]
    pub fn rates_for(&self, input: u64) -> &Rates {
        let reached = self.long_context.iter().rev().find(|step| step.from_input <= input);
        reached.map_or(&self.rates, |step| &step.rates)
    }

    /// What `usage` costs at `factor` times this price.
    ///
    /// Rounded up to a whole nano-dollar, once: the books never hold less than was used, and at most a nano-dollar more.
    ///
    /// ```
    /// use amp_pool_core::{keys::PriceFactor, money::NanoUsd, price::PriceBook, usage::Usage};
    ///
    /// let price = PriceBook::builtin().find("anthropic", "claude-sonnet-4-5").ok_or("no price")?;
    /// let usage = Usage { uncached_input: 1_000, output: 100, ..Usage::default() };
    /// assert_eq!(price.cost(&usage, PriceFactor::ONE)?, NanoUsd(4_500_000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::Overflow`] when the sum does not fit in 64 bits of nano-dollars.
    pub fn cost(&self, usage: &Usage, factor: PriceFactor) -> Result<NanoUsd, PriceError> {
        let exact = self.rates_for(usage.input()).times(usage);
        exact.and_then(|sum| scale(sum, factor)).ok_or(PriceError::Overflow { tokens: usage.total() })
    }

    /// What a prompt cache saved: the tokens that were read from it at the price of fresh input, less what they cost.
    ///
    /// Rounded down to a whole nano-dollar, once: never more is claimed than was saved. What writing to the cache cost
    /// stands with the call that wrote.
    ///
    /// ```
    /// use amp_pool_core::{keys::PriceFactor, money::NanoUsd, price::PriceBook, usage::Usage};
    ///
    /// let price = PriceBook::builtin().find("anthropic", "claude-sonnet-4-5").ok_or("no price")?;
    /// let usage = Usage { cache_read: 1_000, ..Usage::default() };
    /// assert_eq!(price.saved(&usage, PriceFactor::ONE)?, NanoUsd(2_700_000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`cost`](Self::cost).
    pub fn saved(&self, usage: &Usage, factor: PriceFactor) -> Result<NanoUsd, PriceError> {
        let Rates { input, cache_read, .. } = self.rates_for(usage.input());
        let exact = input.times(usage.cache_read).checked_sub(cache_read.times(usage.cache_read));
        let scaled = exact.and_then(|sum| sum.checked_mul(i128::from(factor.millionths())));
        let rounded = scaled.and_then(|sum| i64::try_from(sum.div_euclid(UNIT)).ok());
        rounded.map(NanoUsd).ok_or(PriceError::Overflow { tokens: usage.cache_read })
    }

    /// The most that a call can cost which reads up to `input` tokens and writes up to `output`, whatever caches do.
    ///
    /// ```
    /// use amp_pool_core::{keys::PriceFactor, money::NanoUsd, price::PriceBook};
    ///
    /// let price = PriceBook::builtin().find("anthropic", "claude-sonnet-4-5").ok_or("no price")?;
    /// // $6 for a million tokens written to the one-hour cache, $15 for a million of output.
    /// assert_eq!(price.worst(1_000, 100, PriceFactor::ONE)?, NanoUsd(7_500_000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::Overflow`] when the sum does not fit in 64 bits of nano-dollars.
    pub fn worst(&self, input: u64, output: u64, factor: PriceFactor) -> Result<NanoUsd, PriceError> {
        let steps = self.long_context.iter().filter(|step| step.from_input <= input).map(|step| &step.rates);
        let mut all = std::iter::once(&self.rates).chain(steps).map(|rates| rates.worst(input, output));
        let worst = all.try_fold(0, |worst, sum| sum.map(|sum| sum.max(worst)));
        worst.and_then(|sum| scale(sum, factor)).ok_or(PriceError::Overflow { tokens: input.saturating_add(output) })
    }
}

/// A sum in nano-dollars times a million at `factor` times its price, rounded up. `None`: it does not fit.
fn scale(sum: i128, factor: PriceFactor) -> Option<NanoUsd> {
    let scaled = sum.checked_mul(i128::from(factor.millionths()))?;
    i64::try_from(divide_up(scaled)).ok().map(NanoUsd)
}

/// A million tokens, and a million parts of the factor.
const UNIT: i128 = 1_000_000 * PriceFactor::SCALE;

fn divide_up(sum: i128) -> i128 {
    sum.div_euclid(UNIT) + i128::from(sum.rem_euclid(UNIT) != 0)
}

/// Why a call could not be priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceError {
    /// The sum does not fit in 64 bits of nano-dollars.
    Overflow {
        /// How many tokens were to be priced.
        tokens: u64,
    },
}

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Overflow { tokens } = self;
        write!(f, "cost of {tokens} tokens does not fit")
    }
}

impl std::error::Error for PriceError {}

#[cfg(test)]
mod tests;
