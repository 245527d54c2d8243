//! `/api/keys`: upstream keys. Credentials go in and never come out.

mod input;
mod list;
mod output;

use std::collections::HashMap;

use amp_pool_core::{
    handle::{Handle, KeyView},
    id::KeyId,
    prober::Figure,
    store::{GroupBy, Totals, TotalsFilter},
    time::{Clock as _, SystemClock},
};
use axum::{Json, extract::State};
use http::StatusCode;

use super::{
    List, Problem,
    input::{Input, Params, Row},
};

pub(super) use input::{Limits, name};
use {
    input::KeyInput,
    list::{Facts, KeyParams},
    output::{HealthOut, KeyOut},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<KeyParams>,
) -> Result<Json<List<KeyOut>>, Problem> {
    let (wish, beside, keys) = (params.wish()?, Beside::read(&handle).await?, handle.keys());
    let page = wish.page(&keys, &Facts { today: &beside.today, balances: &beside.balances });
    let items = page.keys.into_iter().map(|view| beside.written(view)).collect();
    Ok(Json(List::page_of(page.total, items, page.next)))
}

pub(crate) async fn add(
    State(handle): State<Handle>,
    Input(input): Input<KeyInput>,
) -> Result<(StatusCode, Json<KeyOut>), Problem> {
    let view = handle.add_key(input.into_new()?).await?;
    Ok((StatusCode::CREATED, Json(Beside::read(&handle).await?.written(&view))))
}

pub(crate) async fn show(State(handle): State<Handle>, Row(id): Row) -> Result<Json<KeyOut>, Problem> {
    let view = find(&handle, id)?;
    Ok(Json(Beside::read(&handle).await?.written(&view)))
}

pub(crate) async fn change(
    State(handle): State<Handle>,
    Row(id): Row,
    Input(input): Input<KeyInput>,
) -> Result<Json<KeyOut>, Problem> {
    let known = find(&handle, id)?;
    let view = handle.change_key(known.key.id, input.onto(known.key.spec.clone())?).await?;
    Ok(Json(Beside::read(&handle).await?.written(&view)))
}

pub(crate) async fn remove(State(handle): State<Handle>, Row(id): Row) -> Result<StatusCode, Problem> {
    handle.remove_key(KeyId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn reset(State(handle): State<Handle>, Row(id): Row) -> Result<Json<KeyOut>, Problem> {
    let view = handle.reset_key(KeyId(id))?;
    Ok(Json(Beside::read(&handle).await?.written(&view)))
}

pub(crate) async fn health(State(handle): State<Handle>, Row(id): Row) -> Result<Json<HealthOut>, Problem> {
    let view = find(&handle, id)?;
    Ok(Json(HealthOut::new(view.key.id, view.status)))
}

fn find(handle: &Handle, id: i64) -> Result<KeyView, Problem> {
    handle.key(KeyId(id)).ok_or_else(Problem::not_found)
}

/// What stands beside keys when they are shown.
struct Beside {
    /// What each did since midnight, UTC.
    today: HashMap<String, Totals>,
    balances: HashMap<KeyId, Figure>,
}

impl Beside {
    async fn read(handle: &Handle) -> Result<Self, Problem> {
        let start = SystemClock.now().day();
        let today = handle.totals(TotalsFilter::span(start, start.plus_millis(DAY_MS)), GroupBy::Key).await?;
        let today = today.into_iter().map(|totals| (totals.group.clone(), totals)).collect();
        Ok(Self { today, balances: handle.balances().await? })
    }

    fn written(&self, view: &KeyView) -> KeyOut {
        let balance = self.balances.get(&view.key.id).cloned().unwrap_or_default();
        KeyOut::new(view, self.today.get(&view.key.id.to_string()), balance)
    }
}
