//! `/api/keys/{id}/balance`: what a key has left, as its upstream, our own books and a person say.

mod output;

use amp_pool_core::{
    balance::Amount,
    handle::Handle,
    id::KeyId,
    time::{Clock as _, SystemClock, Timestamp},
    user::Role,
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    List, Problem,
    input::{Input, Params, Row, check_span, given, optional},
    page::PageParams,
};
use crate::{access::Who, openapi::Null};
use output::{BalanceOut, HistoryOut};

const USUAL_SPAN_MS: i64 = 30 * 24 * 60 * 60 * 1000;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ShowParams {
    /// Whether the upstream is asked first.
    #[schemars(with = "bool")]
    refresh: Option<String>,
}

/// What is known; with `refresh=true` after asking the upstream.
pub(crate) async fn show(
    State(handle): State<Handle>,
    who: Who,
    Row(id): Row,
    Params(params): Params<ShowParams>,
) -> Result<Json<BalanceOut>, Problem> {
    let refresh = optional::<bool>("refresh", params.refresh)?.unwrap_or_default();
    // It sends requests with the key, which who only looks must not.
    if refresh && who.role < Role::Operator {
        return Err(Problem::forbidden(Role::Operator));
    }
    let view = if refresh { handle.refresh_balance(KeyId(id)).await? } else { handle.balance(KeyId(id)).await? };
    Ok(Json(BalanceOut::new(view, SystemClock.now())))
}

/// The same as `refresh=true`, for clients that take care not to change anything by a GET.
pub(crate) async fn refresh(State(handle): State<Handle>, Row(id): Row) -> Result<Json<BalanceOut>, Problem> {
    let view = handle.refresh_balance(KeyId(id)).await?;
    Ok(Json(BalanceOut::new(view, SystemClock.now())))
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "BalanceInput")]
pub(crate) struct ManualInput {
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Amount>")]
    amount: Option<Option<Amount>>,
    #[serde(deserialize_with = "given")]
    currency: Option<String>,
}

/// Takes what a person says that there is now; `null` takes it back.
pub(crate) async fn say(
    State(handle): State<Handle>,
    Row(id): Row,
    Input(input): Input<ManualInput>,
) -> Result<Json<BalanceOut>, Problem> {
    let amount = input.amount.ok_or_else(|| Problem::missing("amount"))?;
    let said = amount.map(|amount| (amount, input.currency.unwrap_or_else(|| "USD".into())));
    let view = handle.say_balance(KeyId(id), said).await?;
    Ok(Json(BalanceOut::new(view, SystemClock.now())))
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HistoryParams {
    /// From when on.
    #[schemars(with = "Timestamp")]
    from: Option<String>,
    /// Until when, not included.
    #[schemars(with = "Timestamp")]
    to: Option<String>,
    /// How many at most.
    #[schemars(with = "u32")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What is kept of it, oldest first; of the last thirty days unless it says otherwise.
pub(crate) async fn history(
    State(handle): State<Handle>,
    Row(id): Row,
    Params(params): Params<HistoryParams>,
) -> Result<Json<List<HistoryOut>>, Problem> {
    let to = optional::<Timestamp>("to", params.to)?.unwrap_or_else(|| SystemClock.now().plus_millis(1));
    let from = optional::<Timestamp>("from", params.from)?.unwrap_or_else(|| to.plus_millis(-USUAL_SPAN_MS));
    check_span(from, to)?;
    let rows = handle.balance_history(KeyId(id), from, to).await?;
    let mut rows: Vec<_> = rows.into_iter().map(HistoryOut::from).collect();
    rows.sort_by_key(HistoryOut::place);
    let page = PageParams { limit: params.limit, cursor: params.cursor };
    Ok(Json(page.page(rows, HistoryOut::place)?))
}

#[cfg(test)]
pub(super) fn read(body: &[u8]) -> Result<(), Problem> {
    super::input::parse::<ManualInput>(body).map(drop)
}
