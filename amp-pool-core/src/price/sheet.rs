//! Prices as they are written: in price lists, in the admin API, in the store.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;

use super::{Hours, OffPeak, Price, Rates, Step, Tariff};
use crate::{keys::PriceFactor, money::PerMillion, usage::Tier};

/// A price as it is written, in USD per million tokens, as numbers or as decimal texts. What is left out, or `null`, is not
/// listed: a cache costs as much as fresh input then, and reasoning as much as other output.
///
/// ```
/// use amp_pool_core::{keys::PriceFactor, money::NanoUsd, price::Sheet, usage::Usage};
///
/// let sheet: Sheet = serde_json::from_str(r#"{"input": "3", "output": 15, "batch": {"input": 1.5, "output": 7.5}}"#)?;
/// let usage = Usage { uncached_input: 1_000, ..Usage::default() };
/// assert_eq!(sheet.price("mine")?.cost(&usage, PriceFactor::ONE)?, NanoUsd(3_000_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A price without one of the two is refused:
///
/// ```
/// use amp_pool_core::price::Sheet;
///
/// let sheet: Sheet = serde_json::from_str(r#"{"input": 3}"#)?;
/// assert_eq!(sheet.price("mine").unwrap_err().field(), "output");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PriceSheet", deny_unknown_fields))]
#[serde(default)]
#[allow(missing_docs)] // The classes of `Rates`, each where it is listed.
pub struct Sheet {
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub input: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub output: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<PerMillion>,
    /// Other rates for long prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_context: Option<Vec<SheetStep>>,
    /// Other rates of this tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<SheetTariff>,
    /// Other rates of this tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<SheetTariff>,
    /// Other rates of this tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flex: Option<SheetTariff>,
    /// Other rates for some hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_peak: Option<SheetOffPeak>,
    /// Factors on all rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multipliers: Option<Multipliers>,
    /// How much the model takes, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// How much it writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
}

/// Rates of a tier. Those that are left out are the standard ones.
///
/// ```
/// use amp_pool_core::{
///     money::PerMillion,
///     price::{Multipliers, OneOrMany, Sheet, SheetOffPeak, SheetStep, SheetTariff, Window},
///     usage::Tier,
/// };
///
/// let per_million = |usd: &str| usd.parse::<PerMillion>().map(Some);
/// let sheet = Sheet {
///     input: per_million("3")?,
///     output: per_million("15")?,
///     batch: Some(SheetTariff { input: per_million("1.5")?, output: per_million("7.5")?, ..SheetTariff::default() }),
///     // A prompt above 200,000 tokens costs twice as much as a whole.
///     long_context: Some(vec![SheetStep {
///         above_input_tokens: 200_000,
///         input: per_million("6")?,
///         ..SheetStep::default()
///     }]),
///     off_peak: Some(SheetOffPeak {
///         input: per_million("1")?,
///         windows_utc: vec![Window { hours: OneOrMany::One("16:30-00:30".into()), iso_weekdays: None }],
///         ..SheetOffPeak::default()
///     }),
///     multipliers: Some(Multipliers { us: Some("1.1".parse()?), fast: None }),
///     ..Sheet::default()
/// };
/// let price = sheet.price("mine")?;
/// assert_eq!(Some(price.rates_for(200_000).input), per_million("3")?);
/// assert_eq!(Some(price.rates_for(200_001).input), per_million("6")?);
/// assert!(price.tiers.iter().any(|(tier, _)| *tier == Tier::Batch));
/// assert_eq!(price.us, "1.1".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // As in `Sheet`.
pub struct SheetTariff {
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub input: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub output: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<PerMillion>,
    /// Left out: long prompts cost as many times more as they do on the usual terms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_context: Option<Vec<SheetStep>>,
}

/// Rates for prompts above a length. Those that are left out stay as they are below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // As in `Sheet`.
pub struct SheetStep {
    /// The longest prompt for which they do not hold, in tokens, cached parts included.
    pub above_input_tokens: u64,
    #[serde(default, deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub input: Option<PerMillion>,
    #[serde(default, deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub output: Option<PerMillion>,
    #[serde(default, deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<PerMillion>,
    #[serde(default, deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<PerMillion>,
    #[serde(default, deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<PerMillion>,
    #[serde(default, deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<PerMillion>,
}

/// Rates for some hours. Those that are left out are the usual ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // As in `Sheet`.
pub struct SheetOffPeak {
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub input: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub output: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<PerMillion>,
    #[serde(deserialize_with = "decimal", skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<PerMillion>,
    /// The hours, UTC.
    pub windows_utc: Vec<Window>,
}

/// Hours on some days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "OffPeakWindow"))]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// `16:30-00:30`, one or a list.
    pub hours: OneOrMany,
    /// 1 is Monday, 7 is Sunday. Left out: every day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iso_weekdays: Option<Vec<u8>>,
}

/// A text, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// A list.
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

/// Factors on all rates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PriceMultipliers"))]
#[serde(default, deny_unknown_fields)]
pub struct Multipliers {
    /// Where the model runs in the United States only.
    #[serde(deserialize_with = "factor", skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub us: Option<PriceFactor>,
    /// In its fast mode.
    #[serde(deserialize_with = "factor", skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub fast: Option<PriceFactor>,
}

#[allow(clippy::ref_option)] // Serde's signature.
fn as_text<S: serde::Serializer>(factor: &Option<PriceFactor>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&factor.unwrap_or_default())
}

/// The digits of a number, or of a text that holds one: a detour over binary fractions would change them.
fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de str>, D::Error> {
    let raw = Option::<&RawValue>::deserialize(deserializer)?;
    Ok(raw.map(|raw| raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw.get())))
}

fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PerMillion>, D::Error> {
    let Some(digits) = digits(deserializer)? else { return Ok(None) };
    let price: PerMillion = digits.parse().map_err(de::Error::custom)?;
    if price < PerMillion(0) { Err(de::Error::custom("a price is not negative")) } else { Ok(Some(price)) }
}

fn factor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PriceFactor>, D::Error> {
    digits(deserializer)?.map(|digits| digits.parse().map_err(de::Error::custom)).transpose()
}

impl Sheet {
    /// The price that is written, by the name `version`.
    ///
    /// # Errors
    /// [`SheetError`] with the field that is missing or wrong.
    pub fn price(&self, version: impl Into<String>) -> Result<Price, SheetError> {
        let cells = self.cells();
        let standard = Tariff { rates: cells.rates()?, long_context: steps(self.long_context.as_deref(), cells)? };
        let named = [(Tier::Batch, &self.batch), (Tier::Flex, &self.flex), (Tier::Priority, &self.priority)];
        let written = named.into_iter().filter_map(|(tier, sheet)| Some((tier, sheet.as_ref()?)));
        let tiers = written.map(|(tier, sheet)| Ok((tier, sheet.tariff(cells, &standard)?)));
        let factors = self.multipliers.clone().unwrap_or_default();
        Ok(Price {
            version: version.into(),
            tiers: tiers.collect::<Result<_, SheetError>>()?,
            off_peak: self.off_peak.as_ref().map(|sheet| sheet.off_peak(cells, &standard)).transpose()?,
            rates: standard.rates,
            long_context: standard.long_context,
            fast: factors.fast.unwrap_or_default(),
            us: factors.us.unwrap_or_default(),
            window: self.context_window,
            max_output: self.max_output,
        })
    }
}

impl SheetTariff {
    fn tariff(&self, base: Cells, standard: &Tariff) -> Result<Tariff, SheetError> {
        let cells = self.cells().over(base);
        let rates = cells.rates()?;
        match &self.long_context {
            Some(own) => Ok(Tariff { rates, long_context: steps(Some(own), cells)? }),
            None => Ok(Tariff { rates, long_context: alike(&rates, standard) }),
        }
    }
}

impl SheetOffPeak {
    fn off_peak(&self, base: Cells, standard: &Tariff) -> Result<OffPeak, SheetError> {
        let rates = self.cells().over(base).rates()?;
        let hours = self.windows_utc.iter().map(Window::hours).collect::<Result<Vec<_>, _>>()?.concat();
        Ok(OffPeak { tariff: Tariff { rates, long_context: alike(&rates, standard) }, hours })
    }
}

impl Window {
    fn hours(&self) -> Result<Vec<Hours>, SheetError> {
        let written = match &self.hours {
            OneOrMany::One(one) => std::slice::from_ref(one),
            OneOrMany::Many(many) => many,
        };
        let read = |text: &String| {
            let hours: Hours = text.parse().ok()?;
            self.iso_weekdays.as_ref().map_or(Some(hours), |days| hours.on(days))
        };
        let wrong =
            || SheetError::new("off_peak", "hours are written like `16:30-00:30`, days of the week from 1 to 7");
        written.iter().map(|text| read(text).ok_or_else(wrong)).collect()
    }
}

/// The rates as far as they are written.
#[derive(Clone, Copy, Default)]
struct Cells {
    input: Option<PerMillion>,
    output: Option<PerMillion>,
    cache_read: Option<PerMillion>,
    cache_write_5m: Option<PerMillion>,
    cache_write_1h: Option<PerMillion>,
    reasoning: Option<PerMillion>,
}

macro_rules! cells {
    ($($sheet:ty),*) => {$(
        impl $sheet {
            fn cells(&self) -> Cells {
                let Self { input, output, cache_read, cache_write_5m, cache_write_1h, reasoning, .. } = *self;
                Cells { input, output, cache_read, cache_write_5m, cache_write_1h, reasoning }
            }
        }
    )*};
}

cells!(Sheet, SheetTariff, SheetStep, SheetOffPeak);

impl Cells {
    /// What these leave open is as in `base`.
    fn over(self, base: Self) -> Self {
        Self {
            input: self.input.or(base.input),
            output: self.output.or(base.output),
            cache_read: self.cache_read.or(base.cache_read),
            cache_write_5m: self.cache_write_5m.or(base.cache_write_5m),
            cache_write_1h: self.cache_write_1h.or(base.cache_write_1h),
            reasoning: self.reasoning.or(base.reasoning),
        }
    }

    /// What is not listed costs as much as what it would have been without a cache, or without reasoning.
    fn rates(self) -> Result<Rates, SheetError> {
        let missing = |field| SheetError::new(field, "a price has an `input` and an `output`");
        let input = self.input.ok_or_else(|| missing("input"))?;
        let plain = Rates::plain(input, self.output.ok_or_else(|| missing("output"))?);
        let short = self.cache_write_5m.unwrap_or(plain.input);
        Ok(Rates {
            cache_read: self.cache_read.unwrap_or(plain.cache_read),
            cache_write_5m: short,
            cache_write_1h: self.cache_write_1h.unwrap_or(short),
            reasoning: self.reasoning.unwrap_or(plain.reasoning),
            ..plain
        })
    }
}

fn steps(written: Option<&[SheetStep]>, base: Cells) -> Result<Vec<Step>, SheetError> {
    let step = |step: &SheetStep| {
        let from_input = step.above_input_tokens.saturating_add(1);
        Ok(Step { from_input, rates: step.cells().over(base).rates()? })
    };
    let mut steps = written.unwrap_or_default().iter().map(step).collect::<Result<Vec<_>, SheetError>>()?;
    steps.sort_by_key(|step| step.from_input);
    Ok(steps)
}

/// Steps that make `rates` as many times dearer as those of `standard` make its own.
fn alike(rates: &Rates, standard: &Tariff) -> Vec<Step> {
    let step = |Step { from_input, rates: long }: &Step| Step {
        from_input: *from_input,
        rates: rates.times_as(long, &standard.rates),
    };
    standard.long_context.iter().map(step).collect()
}

impl Rates {
    fn times_as(&self, long: &Self, short: &Self) -> Self {
        Self {
            input: times_as(self.input, long.input, short.input),
            cache_read: times_as(self.cache_read, long.cache_read, short.cache_read),
            cache_write_5m: times_as(self.cache_write_5m, long.cache_write_5m, short.cache_write_5m),
            cache_write_1h: times_as(self.cache_write_1h, long.cache_write_1h, short.cache_write_1h),
            output: times_as(self.output, long.output, short.output),
            reasoning: times_as(self.reasoning, long.reasoning, short.reasoning),
        }
    }
}

/// `rate` × `long` / `short`, rounded up. From what was free, nothing follows.
fn times_as(rate: PerMillion, long: PerMillion, short: PerMillion) -> PerMillion {
    if short.0 == 0 {
        return rate.max(long);
    }
    let (product, short) = (i128::from(rate.0) * i128::from(long.0), i128::from(short.0));
    let rounded = product.div_euclid(short) + i128::from(product.rem_euclid(short) != 0);
    PerMillion(i64::try_from(rounded).unwrap_or(i64::MAX))
}

/// Why what is written is no price.
///
/// ```
/// use amp_pool_core::price::{Sheet, SheetError};
///
/// let sheet: Sheet = serde_json::from_str(
///     r#"{"input": 3, "output": 15, "off_peak": {"windows_utc": [{"hours": "late"}]}}"#,
/// )?;
/// let error: SheetError = sheet.price("mine").unwrap_err();
/// assert_eq!(error.field(), "off_peak");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetError {
    field: &'static str,
    message: &'static str,
}

impl SheetError {
    fn new(field: &'static str, message: &'static str) -> Self {
        Self { field, message }
    }

    /// The field that is missing or wrong.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for SheetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for SheetError {}
