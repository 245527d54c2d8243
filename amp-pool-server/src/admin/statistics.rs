//! `/api/statistics`: the books, summed.

use std::collections::BTreeMap;

use amp_pool_core::{
    handle::Handle,
    id::{KeyId, TokenId},
    keys::KeyState,
    money::NanoUsd,
    store::{GroupBy, Histogram, Totals, TotalsFilter},
    time::{Clock as _, SystemClock, Timestamp},
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Problem,
    input::{Params, check_span, optional},
    requests::TokensOut,
};
use crate::openapi::{As, Table};

const HOUR_MS: i64 = 60 * 60 * 1000;

mod hours;
mod shape;
mod timeline;

use shape::Shape;

pub(crate) use {hours::hours, timeline::timeline};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpanParams {
    /// From when on.
    #[schemars(with = "Timestamp")]
    from: Option<String>,
    /// Until when, not included.
    #[schemars(with = "Timestamp")]
    to: Option<String>,
    /// Means something to a timeline alone; links carry it from there to the other tables.
    #[schemars(extend("enum" = ["hour", "day"]))]
    granularity: Option<String>,
    /// Only of this key.
    #[schemars(with = "i64")]
    key_id: Option<String>,
    /// Only of this client token.
    #[schemars(with = "i64")]
    token_id: Option<String>,
    /// Only of this model.
    model: Option<String>,
    /// Only of this provider.
    provider: Option<String>,
    /// How it is written.
    #[schemars(extend("enum" = ["json", "csv"]))]
    format: Option<String>,
}

/// Whole hours or days: sums are kept in no smaller pieces.
#[derive(Clone, Copy, Serialize, JsonSchema)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

impl SpanParams {
    /// From the start of today until now, unless told otherwise; widened to whole hours.
    fn filter(self) -> Result<TotalsFilter, Problem> {
        if !matches!(self.granularity.as_deref(), None | Some("" | "hour" | "day")) {
            return Err(Problem::field("granularity", "`granularity` is `hour` or `day`"));
        }
        let now = SystemClock.now();
        let from = optional("from", self.from)?.unwrap_or_else(|| now.day());
        let to = optional("to", self.to)?.unwrap_or_else(|| now.plus_millis(1));
        check_span(from, to)?;
        Ok(TotalsFilter {
            from: from.hour(),
            to: to.plus_millis(HOUR_MS - 1).hour(),
            key: optional("key_id", self.key_id)?.map(KeyId),
            token: optional("token_id", self.token_id)?.map(TokenId),
            model: optional("model", self.model)?,
            provider: optional("provider", self.provider)?,
        })
    }
}

impl From<&TotalsFilter> for Span {
    fn from(filter: &TotalsFilter) -> Self {
        Self { from: filter.from, to: filter.to }
    }
}

/// One row of sums.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Sums")]
pub(crate) struct SumsOut {
    requests: u64,
    errors: u64,
    #[serde(flatten)]
    tokens: TokensOut,
    cost: NanoUsd,
    unpriced_requests: u64,
    #[serde(flatten)]
    cache: CacheOut,
    average_latency_ms: Option<u64>,
    average_first_byte_ms: Option<u64>,
    latency_ms: QuantilesOut,
    first_byte_ms: QuantilesOut,
}

/// What half, nineteen of twenty and ninety-nine of a hundred took at most, within a sixteenth. `None`: nothing was measured.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Quantiles")]
struct QuantilesOut {
    p50: Option<u64>,
    p95: Option<u64>,
    p99: Option<u64>,
}

impl From<&Histogram> for QuantilesOut {
    fn from(times: &Histogram) -> Self {
        Self { p50: times.quantile(0.5), p95: times.quantile(0.95), p99: times.quantile(0.99) }
    }
}

impl From<&Totals> for SumsOut {
    fn from(totals: &Totals) -> Self {
        Self {
            requests: totals.requests,
            errors: totals.errors,
            tokens: totals.usage.into(),
            cost: totals.cost,
            unpriced_requests: totals.unpriced,
            cache: totals.into(),
            average_latency_ms: totals.latency_ms.checked_div(totals.requests),
            average_first_byte_ms: totals.first_byte_ms.checked_div(totals.first_bytes),
            latency_ms: (&totals.latency).into(),
            first_byte_ms: (&totals.first_byte).into(),
        }
    }
}

/// What prompt caches were good for.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CacheSums")]
struct CacheOut {
    /// Calls that read from a cache.
    cached_requests: u64,
    /// Tokens read from caches as a share of all prompt tokens, in four decimals; `None` without any.
    cache_hit_rate: Option<String>,
    /// What the cached tokens would have cost more when fresh, as far as prices are known; `None` where none is.
    cache_saved: Option<NanoUsd>,
    /// Calls that read from a cache, and nobody knows what that saved.
    cache_saved_unknown_requests: u64,
}

impl From<&Totals> for CacheOut {
    fn from(totals: &Totals) -> Self {
        let (read, prompt) = (totals.usage.cache_read, totals.usage.input());
        // Sums from before savings were counted have tokens and no calls.
        let is_known = totals.saved_known > 0 || read == 0;
        Self {
            cached_requests: totals.cached,
            cache_hit_rate: share(read, prompt),
            cache_saved: is_known.then_some(totals.saved),
            cache_saved_unknown_requests: totals.cached.saturating_sub(totals.saved_known),
        }
    }
}

/// `part` of `whole` in four decimals, rounded down.
fn share(part: u64, whole: u64) -> Option<String> {
    let parts = (u128::from(part) * 10_000).checked_div(whole.into())?;
    Some(format!("{}.{:04}", parts / 10_000, parts % 10_000))
}

/// The sums of all, and how the keys are.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Overview")]
pub(crate) struct OverviewOut {
    #[serde(flatten)]
    span: Span,
    #[serde(flatten)]
    sums: SumsOut,
    keys: KeyCounts,
}

#[derive(Default, Serialize, JsonSchema)]
struct KeyCounts {
    total: usize,
    ready: usize,
    cooling: usize,
    out_of_credit: usize,
    out_of_budget: usize,
    disabled: usize,
}

pub(crate) async fn overview(
    State(handle): State<Handle>,
    Params(params): Params<SpanParams>,
) -> Result<Json<OverviewOut>, Problem> {
    let filter = params.filter()?;
    let span = Span::from(&filter);
    let totals = handle.totals(filter, GroupBy::Nothing).await?;
    let sums = totals.first().map_or_else(|| SumsOut::from(&Totals::default()), SumsOut::from);
    Ok(Json(OverviewOut { span, sums, keys: count_keys(&handle) }))
}

fn count_keys(handle: &Handle) -> KeyCounts {
    let mut counts = KeyCounts::default();
    for view in handle.keys() {
        counts.total += 1;
        match view.status.state {
            // A probing key takes calls, one of them finds out whether it is well.
            KeyState::Ready | KeyState::Probing => counts.ready += 1,
            KeyState::Cooling => counts.cooling += 1,
            KeyState::OutOfCredit => counts.out_of_credit += 1,
            KeyState::OutOfBudget => counts.out_of_budget += 1,
            KeyState::Disabled => counts.disabled += 1,
        }
    }
    counts
}

/// A table of sums.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}Table")]
pub(crate) struct TableOut<T> {
    #[serde(flatten)]
    span: Span,
    items: Vec<T>,
}

/// A row of a stored thing, with the name it has now; `None` for what is gone or was never there.
#[derive(Serialize, JsonSchema)]
pub(crate) struct KeyRow {
    key_id: Option<i64>,
    name: Option<String>,
    provider: Option<String>,
    #[serde(flatten)]
    sums: SumsOut,
}

pub(crate) async fn keys(
    State(handle): State<Handle>,
    shape: Shape,
    Params(params): Params<SpanParams>,
) -> Result<As<Table<TableOut<KeyRow>>>, Problem> {
    const WHAT: What = What { file: "keys", names: &["key_id", "name", "provider"] };
    let known: BTreeMap<i64, _> = handle.keys().into_iter().map(|view| (view.key.id.0, view.key)).collect();
    table(&handle, (shape, WHAT), params, GroupBy::Key, |totals| {
        let key_id = row_id(totals);
        let key = key_id.and_then(|id| known.get(&id));
        let (name, provider) = (key.map(|key| key.spec.name.clone()), key.map(|key| key.spec.provider.clone()));
        KeyRow { key_id, name, provider, sums: totals.into() }
    })
    .await
}

/// The sums of a model.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ModelRow {
    model: String,
    #[serde(flatten)]
    sums: SumsOut,
}

pub(crate) async fn models(
    State(handle): State<Handle>,
    shape: Shape,
    Params(params): Params<SpanParams>,
) -> Result<As<Table<TableOut<ModelRow>>>, Problem> {
    const WHAT: What = What { file: "models", names: &["model"] };
    let row = |totals: &Totals| ModelRow { model: totals.group.clone(), sums: totals.into() };
    table(&handle, (shape, WHAT), params, GroupBy::Model, row).await
}

/// The sums of a provider.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProviderRow {
    provider: Option<String>,
    #[serde(flatten)]
    sums: SumsOut,
}

pub(crate) async fn providers(
    State(handle): State<Handle>,
    shape: Shape,
    Params(params): Params<SpanParams>,
) -> Result<As<Table<TableOut<ProviderRow>>>, Problem> {
    const WHAT: What = What { file: "providers", names: &["provider"] };
    table(&handle, (shape, WHAT), params, GroupBy::Provider, |totals| ProviderRow {
        provider: Some(totals.group.clone()).filter(|name| !name.is_empty()),
        sums: totals.into(),
    })
    .await
}

/// The sums of a client token.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenRow {
    token_id: Option<i64>,
    name: Option<String>,
    #[serde(flatten)]
    sums: SumsOut,
}

pub(crate) async fn tokens(
    State(handle): State<Handle>,
    shape: Shape,
    Params(params): Params<SpanParams>,
) -> Result<As<Table<TableOut<TokenRow>>>, Problem> {
    const WHAT: What = What { file: "tokens", names: &["token_id", "name"] };
    let names: BTreeMap<i64, _> = handle.tokens().into_iter().map(|token| (token.id.0, token.spec.name)).collect();
    table(&handle, (shape, WHAT), params, GroupBy::Token, |totals| {
        let token_id = row_id(totals);
        TokenRow { token_id, name: token_id.and_then(|id| names.get(&id).cloned()), sums: totals.into() }
    })
    .await
}

/// What a table is called as a file, and what stands before its sums.
struct What {
    file: &'static str,
    names: &'static [&'static str],
}

async fn table<T: Serialize>(
    handle: &Handle,
    (shape, what): (Shape, What),
    params: SpanParams,
    by: GroupBy,
    row: impl Fn(&Totals) -> T,
) -> Result<As<Table<TableOut<T>>>, Problem> {
    let shape = shape.or(params.format.as_deref())?;
    let filter = params.filter()?;
    let span = Span::from(&filter);
    let totals = handle.totals(filter, by).await?;
    shape.answer(what.file, what.names, span, totals.iter().map(row).collect()).map(As::new)
}

/// The row that sums belong to. Stores write 0 or nothing for "none".
fn row_id(totals: &Totals) -> Option<i64> {
    totals.group.parse().ok().filter(|id| *id != 0)
}

#[cfg(test)]
mod tests {
    use amp_pool_core::usage::Usage;

    use super::*;

    fn check(totals: &Totals, rate: Option<&str>, saved: Option<i64>, unknown: u64) {
        let CacheOut { cache_hit_rate, cache_saved, cache_saved_unknown_requests, .. } = totals.into();
        assert_eq!(cache_hit_rate.as_deref(), rate);
        assert_eq!((cache_saved, cache_saved_unknown_requests), (saved.map(NanoUsd), unknown));
    }

    #[test]
    fn what_a_cache_saved_is_unknown_where_no_price_is_known() {
        let usage = |uncached_input, cache_read| Usage { uncached_input, cache_read, ..Usage::default() };
        check(&Totals::default(), None, Some(0), 0);
        check(&Totals { usage: usage(3, 0), ..Totals::default() }, Some("0.0000"), Some(0), 0);
        let some = Totals { usage: usage(1, 2), cached: 3, saved_known: 2, saved: NanoUsd(9), ..Totals::default() };
        check(&some, Some("0.6666"), Some(9), 1);
        check(&Totals { saved_known: 0, saved: NanoUsd(0), ..some }, Some("0.6666"), None, 3);
        check(&Totals { usage: usage(0, u64::MAX), cached: 1, ..Totals::default() }, Some("1.0000"), None, 1);
    }
}
