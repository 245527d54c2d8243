//! Rows of a price list as they are written, and the prices they mean.

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::{Price, Rates, Step};
use crate::money::PerMillion;

/// A price list: rows of today, and of models that are gone but still in old records.
#[derive(Deserialize)]
pub(super) struct List<'a> {
    #[serde(rename = "_meta")]
    pub(super) meta: Meta,
    #[serde(borrow)]
    pub(super) models: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) recently_retired: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Meta {
    pub(super) extracted_on: String,
}

/// Whose row it is. Read apart from the numbers, because those are read as text.
#[derive(Deserialize)]
pub(super) struct Title {
    pub(super) id: String,
    pub(super) family: String,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
}

#[derive(Deserialize)]
struct Steps<'a> {
    #[serde(borrow)]
    long_context: Option<Vec<&'a RawValue>>,
}

/// How much the model takes and gives.
#[derive(Deserialize)]
struct Bounds {
    #[serde(default)]
    context_window: Option<u64>,
    #[serde(default)]
    max_output: Option<u64>,
}

#[derive(Deserialize)]
struct Threshold {
    above_input_tokens: u64,
}

/// The numbers of a row or of a step, as far as they are written.
#[derive(Clone, Copy, Deserialize)]
struct Cells {
    #[serde(default, deserialize_with = "decimal")]
    input: Option<PerMillion>,
    #[serde(default, deserialize_with = "decimal")]
    output: Option<PerMillion>,
    #[serde(default, deserialize_with = "decimal")]
    cache_read: Option<PerMillion>,
    #[serde(default, deserialize_with = "decimal")]
    cache_write_5m: Option<PerMillion>,
    #[serde(default, deserialize_with = "decimal")]
    cache_write_1h: Option<PerMillion>,
    #[serde(default, deserialize_with = "decimal")]
    reasoning: Option<PerMillion>,
}

/// Reads a number by its digits: a detour over binary fractions would change it.
fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PerMillion>, D::Error> {
    let Some(digits) = Option::<&RawValue>::deserialize(deserializer)? else { return Ok(None) };
    let price: PerMillion = digits.get().parse().map_err(de::Error::custom)?;
    if price < PerMillion(0) { Err(de::Error::custom("a price is not negative")) } else { Ok(Some(price)) }
}

impl Cells {
    /// What a step leaves open stays as it is.
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
    fn rates(self) -> Option<Rates> {
        let plain = Rates::plain(self.input?, self.output?);
        let short = self.cache_write_5m.unwrap_or(plain.input);
        Some(Rates {
            cache_read: self.cache_read.unwrap_or(plain.cache_read),
            cache_write_5m: short,
            cache_write_1h: self.cache_write_1h.unwrap_or(short),
            reasoning: self.reasoning.unwrap_or(plain.reasoning),
            ..plain
        })
    }
}

/// Reads one row.
pub(super) fn read(row: &RawValue, version: &str) -> serde_json::Result<(Title, Price)> {
    let title: Title = serde_json::from_str(row.get())?;
    let base: Cells = serde_json::from_str(row.get())?;
    let Steps { long_context } = serde_json::from_str(row.get())?;
    let steps = long_context.unwrap_or_default();
    let mut long_context = steps.iter().map(|step| read_step(step, base, &title)).collect::<Result<Vec<_>, _>>()?;
    long_context.sort_by_key(|step| step.from_input);
    let rates = base.rates().ok_or_else(incomplete)?;
    let Bounds { context_window: window, max_output } = serde_json::from_str(row.get())?;
    Ok((title, Price { version: version.to_owned(), rates, long_context, window, max_output }))
}

fn read_step(step: &RawValue, base: Cells, title: &Title) -> serde_json::Result<Step> {
    let Threshold { above_input_tokens: threshold } = serde_json::from_str(step.get())?;
    let cells: Cells = serde_json::from_str(step.get())?;
    // xAI counts the threshold itself as long, everybody else what lies above it.
    let from_input = if title.family == "xai" { threshold } else { threshold.saturating_add(1) };
    Ok(Step { from_input, rates: cells.over(base).rates().ok_or_else(incomplete)? })
}

fn incomplete() -> serde_json::Error {
    de::Error::custom("a row needs `input` and `output`")
}
