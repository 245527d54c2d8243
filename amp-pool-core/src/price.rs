//! What usage costs.
//!
//! Exact: prices are read as decimal text and kept in nano-dollars per million tokens, sums are made in 128 bits and
//! rounded once per attempt. An unknown price is `None`, never nothing; what is free has a price of 0.
//!
//! A price has rates for the usual terms, and others for long prompts, for tiers of service and for hours off the peak.

use std::fmt;

use crate::{
    keys::PriceFactor,
    money::{NanoUsd, PerMillion},
    time::Timestamp,
    usage::{ServiceTerms, Tier, Usage},
};

mod book;
mod list;
mod litellm;
mod off_peak;
mod row;
mod sheet;

pub use book::{Listed, Override, PriceBook};
pub use list::{BookError, List, ListRow, read_list};
pub use off_peak::{Hours, OffPeak};
pub use row::{Origin, PriceRow, PriceSpec};
pub use sheet::{Multipliers, OneOrMany, Sheet, SheetError, SheetOffPeak, SheetStep, SheetTariff, Window};

/// The prices of one model at one provider, and where they come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Price {
    /// Names the row, so that a record can say what it was priced with: `seed:2026-11-22`, `row:17`.
    pub version: String,
    /// What each class of tokens costs.
    pub rates: Rates,
    /// Other rates for long prompts, by rising threshold.
    pub long_context: Vec<Step>,
    /// Other rates for tiers of service. One that is not here costs as much as the standard one.
    pub tiers: Vec<(Tier, Tariff)>,
    /// Other rates for some hours, where the tier has none of its own.
    pub off_peak: Option<OffPeak>,
    /// How many times as much all of it costs in the fast mode.
    pub fast: PriceFactor,
    /// How many times as much it costs in the United States only.
    pub us: PriceFactor,
    /// The most tokens that the model reads and writes together, where that is known.
    pub window: Option<u64>,
    /// The most tokens that it writes, where that is known.
    pub max_output: Option<u64>,
}

/// Rates, and other ones for long prompts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tariff {
    /// What each class of tokens costs.
    pub rates: Rates,
    /// Other rates for long prompts, by rising threshold.
    pub long_context: Vec<Step>,
}

/// What a cost depends on beside the tokens.
///
/// A [`PriceFactor`] alone makes one for the usual terms at the peak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Billing {
    /// How many times the price the key pays.
    pub factor: PriceFactor,
    /// The terms of the call.
    pub terms: ServiceTerms,
    /// When it was sent. `None`: at the peak.
    pub at: Option<Timestamp>,
}

impl From<PriceFactor> for Billing {
    fn from(factor: PriceFactor) -> Self {
        Self { factor, ..Self::default() }
    }
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
///
/// ```
/// use amp_pool_core::price::{Price, Rates, Step};
///
/// let mut price = Price::flat("mine", Rates::plain("3".parse()?, "15".parse()?));
/// price.long_context = vec![Step { from_input: 200_001, rates: Rates::plain("6".parse()?, "22.5".parse()?) }];
/// assert_eq!(price.rates_for(200_000).input, "3".parse()?);
/// // One token more, and each of them costs twice as much.
/// assert_eq!(price.rates_for(200_001).input, "6".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
        Self { version: version.into(), rates, ..Self::default() }
    }

    /// Whether it asks for the same as `other`, by whatever name.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        let named = Self { version: other.version.clone(), ..self.clone() };
        named == *other
    }

    /// The usual rates for a prompt of `input` tokens, cached parts included.
    #[must_use]
    pub fn rates_for(&self, input: u64) -> &Rates {
        reached(&self.rates, &self.long_context, input)
    }

    /// The rates for a prompt of `input` tokens on the terms of `billing`.
    #[must_use]
    pub fn rates_at(&self, input: u64, billing: &Billing) -> &Rates {
        match self.tariff(billing) {
            Some(Tariff { rates, long_context }) => reached(rates, long_context, input),
            None => self.rates_for(input),
        }
    }

    /// The tier's, else that of the hour. `None`: the usual one.
    fn tariff(&self, billing: &Billing) -> Option<&Tariff> {
        let tier = billing.terms.tier.unwrap_or_default();
        let of_tier = self.tiers.iter().find(|(of, _)| *of == tier).map(|(_, tariff)| tariff);
        let is_off_peak =
            |off_peak: &&OffPeak| tier == Tier::Standard && billing.at.is_some_and(|at| off_peak.holds_at(at));
        of_tier.or_else(|| self.off_peak.as_ref().filter(is_off_peak).map(|off_peak| &off_peak.tariff))
    }

    /// How many times the rates it is, as factors of which all but the first are mostly 1.
    fn factors(&self, billing: &Billing) -> [PriceFactor; 3] {
        let of = |applies: Option<bool>, factor| if applies == Some(true) { factor } else { PriceFactor::ONE };
        [billing.factor, of(billing.terms.fast, self.fast), of(billing.terms.us, self.us)]
    }

    /// What `usage` costs on the terms of `billing`; a [`PriceFactor`] stands for the usual ones.
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
    /// On other terms:
    ///
    /// ```
    /// use amp_pool_core::{money::NanoUsd, price::{Billing, PriceBook}, usage::{ServiceTerms, Usage}};
    ///
    /// let price = PriceBook::builtin().find("openai", "gpt-5").ok_or("no price")?;
    /// let usage = Usage { uncached_input: 1_000, output: 100, ..Usage::default() };
    /// let flex = Billing { terms: ServiceTerms::said(Some("flex"), None, None), ..Billing::default() };
    /// assert_eq!(price.cost(&usage, flex)?, NanoUsd(1_125_000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::Overflow`] when the sum does not fit in 64 bits of nano-dollars.
    pub fn cost(&self, usage: &Usage, billing: impl Into<Billing>) -> Result<NanoUsd, PriceError> {
        let billing = billing.into();
        let exact = self.rates_at(usage.input(), &billing).times(usage);
        exact.and_then(|sum| scale(sum, self.factors(&billing))).ok_or(PriceError::Overflow { tokens: usage.total() })
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
    pub fn saved(&self, usage: &Usage, billing: impl Into<Billing>) -> Result<NanoUsd, PriceError> {
        let billing = billing.into();
        let Rates { input, cache_read, .. } = self.rates_at(usage.input(), &billing);
        let exact = input.times(usage.cache_read).checked_sub(cache_read.times(usage.cache_read));
        let scaled = exact.and_then(|sum| scaled(sum, self.factors(&billing)));
        let rounded = scaled.and_then(|(sum, unit)| i64::try_from(sum.div_euclid(unit)).ok());
        rounded.map(NanoUsd).ok_or(PriceError::Overflow { tokens: usage.cache_read })
    }

    /// The most that a call can cost which reads up to `input` tokens and writes up to `output`, whatever caches do and
    /// whatever hour it is.
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
    pub fn worst(&self, input: u64, output: u64, billing: impl Into<Billing>) -> Result<NanoUsd, PriceError> {
        let billing = billing.into();
        let tier = billing.terms.tier.unwrap_or_default();
        let of_tier = self.tiers.iter().filter(|(of, _)| *of == tier).map(|(_, tariff)| tariff);
        let tariffs = of_tier.chain(self.off_peak.as_ref().map(|off_peak| &off_peak.tariff));
        let others = tariffs.flat_map(|tariff| reachable(&tariff.rates, &tariff.long_context, input));
        // A provider that is short of capacity serves a call on the usual terms, and bills those.
        let all = reachable(&self.rates, &self.long_context, input).chain(others);
        let worst = all.map(|rates| rates.worst(input, output)).try_fold(0, |worst, sum| sum.map(|sum| sum.max(worst)));
        let scaled = worst.and_then(|sum| scale(sum, self.factors(&billing)));
        scaled.ok_or(PriceError::Overflow { tokens: input.saturating_add(output) })
    }
}

/// The rates of the highest step that a prompt reaches.
fn reached<'a>(rates: &'a Rates, steps: &'a [Step], input: u64) -> &'a Rates {
    steps.iter().rev().find(|step| step.from_input <= input).map_or(rates, |step| &step.rates)
}

/// All rates that a prompt of up to `input` tokens can meet.
fn reachable<'a>(rates: &'a Rates, steps: &'a [Step], input: u64) -> impl Iterator<Item = &'a Rates> {
    let steps = steps.iter().filter(move |step| step.from_input <= input).map(|step| &step.rates);
    std::iter::once(rates).chain(steps)
}

/// A sum in nano-dollars times a million at `factors` times its price, rounded up. `None`: it does not fit.
fn scale(sum: i128, factors: [PriceFactor; 3]) -> Option<NanoUsd> {
    let (sum, unit) = scaled(sum, factors)?;
    i64::try_from(sum.div_euclid(unit) + i128::from(sum.rem_euclid(unit) != 0)).ok().map(NanoUsd)
}

/// The same exactly: so many parts, and how many of them make a nano-dollar. A factor of 1 needs no room.
fn scaled(sum: i128, factors: [PriceFactor; 3]) -> Option<(i128, i128)> {
    let mut factors = factors.into_iter().filter(|factor| *factor != PriceFactor::ONE);
    factors.try_fold((sum, TOKENS), |(sum, unit), factor| {
        Some((sum.checked_mul(i128::from(factor.millionths()))?, unit * PriceFactor::SCALE))
    })
}

/// Prices are for so many tokens.
const TOKENS: i128 = 1_000_000;

/// Why a call could not be priced.
///
/// ```
/// use amp_pool_core::{
///     keys::PriceFactor,
///     price::{Price, PriceError, Rates},
///     usage::Usage,
/// };
///
/// let price = Price::flat("ours", Rates::plain("100".parse()?, "100".parse()?));
/// let absurd = Usage { output: u64::MAX, ..Usage::default() };
/// assert!(matches!(price.cost(&absurd, PriceFactor::default()), Err(PriceError::Overflow { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
