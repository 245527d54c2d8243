//! `GET /api/statistics/keys/hours`: how each key did, hour by hour, for a list of many keys at a glance.

use std::collections::BTreeMap;

use amp_pool_core::{
    handle::Handle,
    store::{GroupBy, StoreError, Totals, TotalsFilter},
    time::{Clock as _, SystemClock, Timestamp},
};
use axum::{Json, extract::State};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HOUR_MS, Span, TableOut, row_id};
use crate::admin::{
    Problem,
    input::{Params, optional},
};

const HOURS: i64 = 24;
const MOST_HOURS: i64 = 72;
/// Sums that are read at a time.
const SIDE_BY_SIDE: usize = 4;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoursParams {
    /// How many.
    #[schemars(with = "u32")]
    hours: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct KeyHours {
    key_id: i64,
    /// Those in which something was asked of it, the oldest first.
    hours: Vec<HourOut>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Hour")]
pub(crate) struct HourOut {
    time: Timestamp,
    requests: u64,
    errors: u64,
}

/// The last hours, with the one that runs, of every key that was asked anything in them.
pub(crate) async fn hours(
    State(handle): State<Handle>,
    Params(HoursParams { hours }): Params<HoursParams>,
) -> Result<Json<TableOut<KeyHours>>, Problem> {
    let count: i64 = optional("hours", hours)?.unwrap_or(HOURS).clamp(1, MOST_HOURS);
    let to = SystemClock.now().hour().plus_millis(HOUR_MS);
    let starts: Vec<_> = (1..=count).rev().map(|back| to.plus_millis(-back * HOUR_MS)).collect();
    let sums = stream::iter(starts.clone()).map(|start| hour(&handle, start)).buffered(SIDE_BY_SIDE);
    let mut keys: BTreeMap<i64, Vec<HourOut>> = BTreeMap::new();
    for (time, totals) in sums.try_collect::<Vec<_>>().await? {
        for sum in totals {
            let Some(key) = row_id(&sum) else { continue };
            keys.entry(key).or_default().push(HourOut { time, requests: sum.requests, errors: sum.errors });
        }
    }
    let span = Span { from: starts.first().copied().unwrap_or(to), to };
    Ok(Json(TableOut { span, items: keys.into_iter().map(|(key_id, hours)| KeyHours { key_id, hours }).collect() }))
}

async fn hour(handle: &Handle, start: Timestamp) -> Result<(Timestamp, Vec<Totals>), StoreError> {
    let span = TotalsFilter::span(start, start.plus_millis(HOUR_MS));
    Ok((start, handle.totals(span, GroupBy::Key).await?))
}
