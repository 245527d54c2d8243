//! `/api/models/{id}`: what a model costs, what it did cost, and what an operator says it costs.

use std::collections::BTreeMap;

use amp_pool_core::{
    handle::{Handle, PriceNote},
    id::PriceId,
    money::PerMillion,
    price::{Price, PriceRow, Rates, Sheet, Step, Tariff},
    time::Timestamp,
    usage::Tier,
};
use axum::{Json, extract::State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    super::{
        Problem,
        input::{Input, Name, Params, given},
    },
    ModelOut, all,
};
use crate::access::Who;

/// Members of a price. Lists may have more; who writes one by hand should be told of a slip.
const MEMBERS: [&str; 14] = [
    "input",
    "output",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
    "long_context",
    "batch",
    "priority",
    "flex",
    "off_peak",
    "multipliers",
    "context_window",
    "max_output",
];

/// In USD per million tokens.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Rates")]
pub(super) struct RatesOut {
    input: PerMillion,
    cache_read: PerMillion,
    cache_write_5m: PerMillion,
    cache_write_1h: PerMillion,
    output: PerMillion,
    reasoning: PerMillion,
}

impl From<Rates> for RatesOut {
    fn from(rates: Rates) -> Self {
        let Rates { input, cache_read, cache_write_5m, cache_write_1h, output, reasoning } = rates;
        Self { input, cache_read, cache_write_5m, cache_write_1h, output, reasoning }
    }
}

/// The price in force, worked out: nothing in it is left open.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Price")]
pub(in crate::admin) struct PriceOut {
    #[serde(flatten)]
    rates: RatesOut,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    long_context: Vec<StepOut>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tiers: BTreeMap<&'static str, TariffOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    off_peak: Option<TariffOut>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    multipliers: BTreeMap<&'static str, String>,
    context_window: Option<u64>,
    max_output: Option<u64>,
    /// Which row of which list it is.
    version: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PriceStep")]
struct StepOut {
    above_input_tokens: u64,
    #[serde(flatten)]
    rates: RatesOut,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tariff")]
struct TariffOut {
    #[serde(flatten)]
    rates: RatesOut,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    long_context: Vec<StepOut>,
}

impl From<Step> for StepOut {
    fn from(Step { from_input, rates }: Step) -> Self {
        Self { above_input_tokens: from_input.saturating_sub(1), rates: rates.into() }
    }
}

impl From<Tariff> for TariffOut {
    fn from(Tariff { rates, long_context }: Tariff) -> Self {
        Self { rates: rates.into(), long_context: long_context.into_iter().map(Into::into).collect() }
    }
}

impl From<Price> for PriceOut {
    fn from(price: Price) -> Self {
        let named = |(tier, tariff): (Tier, Tariff)| (tier.as_str(), tariff.into());
        let factors =
            [("fast", price.fast), ("us", price.us)].into_iter().filter(|(_, factor)| *factor != Default::default());
        Self {
            rates: price.rates.into(),
            long_context: price.long_context.into_iter().map(Into::into).collect(),
            tiers: price.tiers.into_iter().map(named).collect(),
            off_peak: price.off_peak.map(|off_peak| off_peak.tariff.into()),
            multipliers: factors.map(|(name, factor)| (name, factor.to_string())).collect(),
            context_window: price.window,
            max_output: price.max_output,
            version: price.version,
        }
    }
}

/// A price as it was written down.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PriceRow")]
pub(crate) struct PriceRowOut {
    id: PriceId,
    create_time: Timestamp,
    /// The name by which requests know it.
    version: String,
    /// `own` goes before `list`.
    origin: &'static str,
    provider: Option<String>,
    model: String,
    valid_from: Timestamp,
    /// `null`: from then on there was none of this origin.
    price: Option<Sheet>,
    source: String,
    who: String,
    note: String,
}

impl From<PriceRow> for PriceRowOut {
    fn from(row: PriceRow) -> Self {
        Self {
            id: row.id,
            create_time: row.create_time,
            version: row.version(),
            origin: row.spec.origin.as_str(),
            provider: row.spec.provider,
            model: row.spec.model,
            valid_from: row.spec.valid_from,
            price: row.spec.sheet,
            source: row.spec.source,
            who: row.spec.who,
            note: row.spec.note,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ModelDetail")]
pub(crate) struct OneModelOut {
    model: String,
    /// The model at each provider that serves it.
    items: Vec<ModelOut>,
    /// Every price that was written for it while the pool runs, the newest first. Before those, the list that came with the
    /// program holds.
    history: Vec<PriceRowOut>,
}

pub(crate) async fn show(State(handle): State<Handle>, Name(model): Name) -> Result<Json<OneModelOut>, Problem> {
    let items: Vec<_> = all(&handle).into_iter().filter(|item| item.model == model).collect();
    let history: Vec<_> = handle.price_history(&model).await?.into_iter().map(Into::into).collect();
    if items.is_empty() && history.is_empty() {
        return Err(Problem::not_found());
    }
    Ok(Json(OneModelOut { model, items, history }))
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PriceInput {
    /// Only for this provider. `null`: for all.
    provider: Option<String>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Sheet")]
    price: Option<Box<RawValue>>,
    /// Since when it holds. `null`: from now on.
    valid_from: Option<Timestamp>,
    #[serde(deserialize_with = "given")]
    note: Option<String>,
}

/// Writes another price. What was priced with the one before keeps it.
pub(crate) async fn set(
    State(handle): State<Handle>,
    who: Who,
    Name(model): Name,
    Input(input): Input<PriceInput>,
) -> Result<Json<PriceRowOut>, Problem> {
    let price = input.price.ok_or_else(|| Problem::missing("price"))?;
    let sheet = read(&price)?;
    let note = PriceNote {
        provider: input.provider,
        model,
        valid_from: input.valid_from,
        who: who.name,
        note: input.note.unwrap_or_default(),
    };
    Ok(Json(handle.set_price(note, sheet).await?.into()))
}

fn read(price: &RawValue) -> Result<Sheet, Problem> {
    let wrong = |error: serde_json::Error| Problem::field("price", format!("`price`: {error}"));
    let members: BTreeMap<String, serde::de::IgnoredAny> = serde_json::from_str(price.get()).map_err(wrong)?;
    let unknown = members.keys().find(|name| !MEMBERS.contains(&name.as_str()));
    if let Some(name) = unknown {
        return Err(Problem::field("price", format!("`price` has no member `{name}`")));
    }
    serde_json::from_str(price.get()).map_err(wrong)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveParams {
    /// That of this provider only. Left out: that of all.
    provider: Option<String>,
}

/// Takes the operator's own price back: from now on that of the lists holds, if there is one.
pub(crate) async fn remove(
    State(handle): State<Handle>,
    who: Who,
    Name(model): Name,
    Params(params): Params<RemoveParams>,
) -> Result<StatusCode, Problem> {
    let provider = params.provider.filter(|provider| !provider.is_empty());
    let note = PriceNote { provider, model, valid_from: None, who: who.name, note: String::new() };
    handle.remove_price(note).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
pub(in crate::admin) fn read_price(body: &[u8]) -> Result<(), Problem> {
    let input = crate::admin::input::parse::<PriceInput>(body)?;
    let sheet = read(&input.price.ok_or_else(|| Problem::missing("price"))?)?;
    sheet.price("").map(drop).map_err(|error| Problem::field("price", error.to_string()))
}
