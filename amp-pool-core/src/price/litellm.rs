//! Price lists in the shape of LiteLLM's `model_prices_and_context_window.json`.
//!
//! Its prices are USD for a **single** token, as binary fractions are printed: read by their digits, and rounded where they
//! are finer than a nano-dollar for a million tokens. Of its thousands of rows those are taken whose price is the maker's
//! own, or that of a host whose models are listed apart.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{BookError, List, ListRow, Multipliers, OneOrMany, Sheet, SheetOffPeak, SheetStep, SheetTariff, Window};
use crate::money::PerMillion;

/// Its providers, and ours.
const PROVIDERS: [(&str, &str); 15] = [
    ("openai", "openai"),
    ("text-completion-openai", "openai"),
    ("anthropic", "anthropic"),
    ("gemini", "gemini"),
    ("deepseek", "deepseek"),
    ("dashscope", "qwen"),
    ("moonshot", "moonshot"),
    ("zai", "zai"),
    ("minimax", "minimax"),
    ("xai", "xai"),
    ("mistral", "mistral"),
    ("groq", "groq"),
    ("cerebras", "cerebras"),
    ("deepinfra", "deepinfra"),
    ("together_ai", "together_ai"),
];

/// What is priced by the token.
const MODES: [&str; 4] = ["chat", "responses", "completion", "embedding"];

/// A row that explains the others.
const SAMPLE: &str = "sample_spec";

type Entry<'a> = BTreeMap<String, &'a RawValue>;

/// Reads a list. Rows of providers that are none of ours, and of models that are not priced by the token, are left out.
///
/// # Errors
/// [`BookError`] when it is no object of objects. What is wrong with a row stands in its place.
pub(super) fn read(json: &str) -> Result<List, BookError> {
    let entries: BTreeMap<String, &RawValue> = serde_json::from_str(json).map_err(BookError::of_list)?;
    let entries = entries.into_iter().filter(|(key, _)| key != SAMPLE);
    Ok(List { date: String::new(), rows: entries.filter_map(|(key, entry)| row(&key, entry)).collect() })
}

fn row(key: &str, entry: &RawValue) -> Option<Result<ListRow, BookError>> {
    let entry: Entry<'_> = serde_json::from_str(entry.get()).ok()?;
    let provider: String = member(&entry, "litellm_provider")?;
    let (_, family) = PROVIDERS.iter().find(|(theirs, _)| *theirs == provider)?;
    let mode: String = member(&entry, "mode")?;
    if !MODES.contains(&&*mode)
        || !entry.keys().any(|name| name.ends_with("_cost_per_token")) && !entry.contains_key("tiered_pricing")
    {
        return None;
    }
    let id = key.strip_prefix(&*provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(key);
    let sheet = Reader { entry: &entry, family }.sheet();
    let row = |sheet: Sheet| ListRow { family: (*family).to_owned(), id: id.to_owned(), aliases: Vec::new(), sheet };
    Some(sheet.map_err(|why| BookError::of(key, why)).and_then(|sheet| {
        sheet.price("").map_err(|error| BookError::of(key, error))?;
        Ok(row(sheet))
    }))
}

/// A member, if it is there and of this type.
fn member<T: DeserializeOwned>(entry: &Entry<'_>, name: &str) -> Option<T> {
    serde_json::from_str(entry.get(name)?.get()).ok()
}

struct Reader<'a> {
    entry: &'a Entry<'a>,
    family: &'a str,
}

impl Reader<'_> {
    fn sheet(&self) -> Result<Sheet, String> {
        let base = cells(self.entry, "")?;
        let (base, long_context) = match member::<Vec<Box<RawValue>>>(self.entry, "tiered_pricing") {
            Some(tiers) => tiered(&tiers)?,
            None => (base, self.steps("")?),
        };
        Ok(Sheet {
            input: base.input,
            // What only reads, as an embedding does, writes for nothing.
            output: base.output.or(base.input.map(|_| PerMillion(0))),
            cache_read: base.cache_read,
            cache_write_5m: base.cache_write_5m,
            cache_write_1h: base.cache_write_1h,
            reasoning: base.reasoning,
            long_context,
            batch: self.tariff("_batches")?,
            priority: self.tariff("_priority")?,
            flex: self.tariff("_flex")?,
            off_peak: self.off_peak()?,
            multipliers: self.multipliers(),
            context_window: member(self.entry, "max_input_tokens"),
            max_output: member(self.entry, "max_output_tokens"),
        })
    }

    fn tariff(&self, suffix: &str) -> Result<Option<SheetTariff>, String> {
        let tariff = SheetTariff { long_context: self.steps(suffix)?, ..cells(self.entry, suffix)? };
        Ok((tariff != SheetTariff::default()).then_some(tariff))
    }

    /// The steps of prices whose names end with `suffix`.
    fn steps(&self, suffix: &str) -> Result<Option<Vec<SheetStep>>, String> {
        let threshold = |name: &String| {
            let (_, rest) = name.strip_suffix(suffix)?.strip_suffix("k_tokens")?.rsplit_once("_above_")?;
            rest.parse::<u64>().ok()
        };
        let mut thresholds: Vec<u64> = self.entry.keys().filter_map(threshold).collect();
        thresholds.sort_unstable();
        thresholds.dedup();
        let step = |thousands: &u64| {
            let cells = cells(self.entry, &format!("_above_{thousands}k_tokens{suffix}"))?;
            Ok(step(self.above(thousands.saturating_mul(1_000)), &cells))
        };
        let steps = thresholds.iter().map(step).collect::<Result<Vec<_>, String>>()?;
        Ok((!steps.is_empty()).then_some(steps))
    }

    /// xAI counts the threshold itself as long, everybody else what lies above it.
    fn above(&self, threshold: u64) -> u64 {
        if self.family == "xai" { threshold.saturating_sub(1) } else { threshold }
    }

    fn off_peak(&self) -> Result<Option<SheetOffPeak>, String> {
        let Some(off_peak) = member::<Box<RawValue>>(self.entry, "off_peak_pricing") else { return Ok(None) };
        let entry: Entry<'_> = serde_json::from_str(off_peak.get()).map_err(|error| error.to_string())?;
        let hours: Hours = serde_json::from_str(off_peak.get()).map_err(|error| error.to_string())?;
        let cells = cells(&entry, "")?;
        let windows_utc = hours.windows();
        if windows_utc.is_empty() {
            return Ok(None);
        }
        let SheetTariff { input, output, cache_read, cache_write_5m, cache_write_1h, reasoning, .. } = cells;
        Ok(Some(SheetOffPeak { input, output, cache_read, cache_write_5m, cache_write_1h, reasoning, windows_utc }))
    }

    fn multipliers(&self) -> Option<Multipliers> {
        member::<Multipliers>(self.entry, "provider_specific_entry").filter(|found| *found != Multipliers::default())
    }
}

#[derive(Deserialize)]
struct Hours {
    #[serde(default)]
    hours_utc: Option<OneOrMany>,
    #[serde(default)]
    weekdays: Option<Vec<u8>>,
    #[serde(default)]
    windows: Vec<Hours>,
}

impl Hours {
    fn windows(self) -> Vec<Window> {
        let own = self.hours_utc.map(|hours| Window { hours, iso_weekdays: self.weekdays });
        own.into_iter().chain(self.windows.into_iter().flat_map(Self::windows)).collect()
    }
}

/// Prices by ranges of prompts, the first of which begins at 0.
fn tiered(tiers: &[Box<RawValue>]) -> Result<(SheetTariff, Option<Vec<SheetStep>>), String> {
    let read = |tier: &RawValue| {
        let entry: Entry<'_> = serde_json::from_str(tier.get()).map_err(|error| error.to_string())?;
        let range: Vec<f64> = member(&entry, "range").ok_or("a tier without a range")?;
        let start =
            range.first().copied().filter(|start| (0.0..1e12).contains(start)).ok_or("a tier without a start")?;
        // A whole number of tokens, checked above.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok::<_, String>((start as u64, cells(&entry, "")?))
    };
    let mut tiers = tiers.iter().map(|tier| read(tier)).collect::<Result<Vec<_>, _>>()?;
    tiers.sort_by_key(|(start, _)| *start);
    let mut tiers = tiers.into_iter();
    let (_, base) = tiers.next().ok_or("no tiers")?;
    let steps: Vec<_> = tiers.map(|(start, cells)| step(start, &cells)).collect();
    Ok((base, (!steps.is_empty()).then_some(steps)))
}

fn step(above_input_tokens: u64, cells: &SheetTariff) -> SheetStep {
    let SheetTariff { input, output, cache_read, cache_write_5m, cache_write_1h, reasoning, .. } = *cells;
    SheetStep { above_input_tokens, input, output, cache_read, cache_write_5m, cache_write_1h, reasoning }
}

/// The prices whose names end with `suffix`.
fn cells(entry: &Entry<'_>, suffix: &str) -> Result<SheetTariff, String> {
    let price = |name: &str| {
        let Some(raw) = entry.get(&format!("{name}{suffix}")).filter(|raw| raw.get() != "null") else {
            return Ok(None);
        };
        per_million(raw.get()).map(Some).ok_or_else(|| format!("`{name}{suffix}` is no price for a token"))
    };
    Ok(SheetTariff {
        input: price("input_cost_per_token")?,
        output: price("output_cost_per_token")?,
        cache_read: price("cache_read_input_token_cost")?,
        cache_write_5m: price("cache_creation_input_token_cost")?,
        cache_write_1h: price("cache_creation_input_token_cost_above_1hr")?,
        reasoning: price("output_cost_per_reasoning_token")?,
        long_context: None,
    })
}

/// USD for a token, as decimal digits with or without an exponent, as nano-dollars for a million: 10¹⁵ times as many.
fn per_million(text: &str) -> Option<PerMillion> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{part}");
    if digits.is_empty() || digits.len() > 25 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: i128 = digits.parse().ok()?;
    let shift = exponent.checked_add(15)?.checked_sub(i32::try_from(part.len()).ok()?)?;
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    let nanos = match power {
        Some(power) if shift >= 0 => digits.checked_mul(power)?,
        Some(power) => (digits + power / 2) / power,
        // Less than anything that counts; or, above, more than there is money.
        None if shift < 0 => 0,
        None => return None,
    };
    i64::try_from(nanos).ok().map(PerMillion)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        keys::PriceFactor,
        money::NanoUsd,
        price::{Billing, Price},
        usage::Usage,
    };

    #[test]
    fn a_price_for_a_token_is_read_by_its_digits() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(per_million(text), expected.map(PerMillion), "{text}");
        };
        check("3e-06", Some(3_000_000_000));
        check("1.25e-08", Some(12_500_000));
        check("0.000015", Some(15_000_000_000));
        check("2.9999999999999997e-07", Some(300_000_000));
        check("0.0", Some(0));
        check("1", Some(1_000_000_000_000_000));
        check("1e-60", Some(0));
        for wrong in ["", "-1e-6", "1e60", "1e", "e-6", "NaN", "\"3e-06\"", "1e9999999999"] {
            check(wrong, None);
        }
    }

    fn price(json: &str) -> (String, Price) {
        let row = read(json).unwrap().rows.pop().unwrap().unwrap();
        let price = row.sheet.price("x").unwrap();
        (format!("{} {}", row.family, row.id), price)
    }

    #[test]
    fn steps_tiers_and_caches_are_taken() {
        let (name, price) = price(
            r#"{"sample_spec": {"mode": "one of"}, "gemini/gemini-9": {"litellm_provider": "gemini", "mode": "chat",
                "input_cost_per_token": 2e-06, "input_cost_per_token_above_200k_tokens": 4e-06,
                "output_cost_per_token": 1.2e-05, "input_cost_per_token_batches": 1e-06,
                "input_cost_per_token_above_200k_tokens_priority": 9e-06, "input_cost_per_token_priority": 8e-06,
                "cache_creation_input_token_cost": 3e-06, "cache_creation_input_token_cost_above_1hr": 5e-06,
                "max_input_tokens": 1000, "max_output_tokens": 10, "provider_specific_entry": {"us": 1.1}}}"#,
        );
        assert_eq!(name, "gemini gemini-9");
        let cost = |terms: &str, uncached_input| {
            let usage = Usage { uncached_input, ..Usage::default() };
            let billing = Billing { terms: terms.parse().unwrap(), ..Billing::default() };
            price.cost(&usage, billing).unwrap().0
        };
        assert_eq!([cost("", 200_000), cost("", 200_001)], [400_000_000, 800_004_000]);
        assert_eq!([cost("batch", 1), cost("us", 10), cost("priority", 1)], [1_000, 22_000, 8_000]);
        assert_eq!(cost("priority", 200_001), 1_800_009_000);
        let written = Usage { cache_write_5m: 1, cache_write_1h: 1, ..Usage::default() };
        assert_eq!(price.cost(&written, PriceFactor::ONE), Ok(NanoUsd(8_000)));
        assert_eq!((price.window, price.max_output), (Some(1_000), Some(10)));
    }

    #[test]
    fn ranges_and_hours_are_taken() {
        let (name, price) = price(
            r#"{"dashscope/qwen-x": {"litellm_provider": "dashscope", "mode": "chat", "tiered_pricing": [
                {"range": [0, 32000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
                {"range": [32000.0, 128000], "input_cost_per_token": 3e-06, "output_cost_per_token": 4e-06}],
                "off_peak_pricing": {"hours_utc": "14:00-00:00", "input_cost_per_token": 1e-07}}}"#,
        );
        assert_eq!(name, "qwen qwen-x");
        let rates = |input| price.rates_for(input).input.0;
        assert_eq!([rates(32_000), rates(32_001)], [1_000_000_000, 3_000_000_000]);
        let at = Billing { at: Some("2026-11-28T15:00:00Z".parse().unwrap()), ..Billing::default() };
        assert_eq!(price.rates_at(1, &at).input.0, 100_000_000);
    }

    #[test]
    fn what_is_not_priced_by_the_token_or_is_nobody_s_of_ours_is_left_out() {
        let list = read(
            r#"{"dall-e": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_pixel": 1},
                "azure/gpt-5": {"litellm_provider": "azure", "mode": "chat", "input_cost_per_token": 1e-6},
                "free-form": {"litellm_provider": "openai", "mode": "chat"}, "odd": [],
                "embed": {"litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 2e-08},
                "bad": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": "much"}}"#,
        );
        let rows = list.unwrap().rows;
        let names: Vec<_> =
            rows.iter().map(|row| row.as_ref().map(|row| &*row.id).map_err(ToString::to_string)).collect();
        assert_eq!(names, [Err("row `bad…` of the price list cannot be read".into()), Ok("embed")]);
        assert!(read("[]").is_err());
    }
}
