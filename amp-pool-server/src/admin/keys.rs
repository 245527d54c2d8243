//! `/api/keys`: upstream keys. Credentials go in and never come out.

mod bulk;
mod export;
mod failures;
mod import;
mod input;
mod list;
mod output;
mod prefixes;
mod trial;
mod way;

use std::collections::HashMap;

use amp_pool_core::{
    budget::Scope,
    handle::{BudgetView, Handle, KeyView},
    id::KeyId,
    keys::KeySpec,
    prober::Figure,
    store::{GroupBy, Page, Totals, TotalsFilter},
    time::{Clock as _, SystemClock},
    user::Role,
};
use axum::{Json, extract::State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    List, Problem,
    budgets::BudgetOut,
    input::{Input, Params, Row, optional},
};
use crate::access::Who;

pub(crate) use bulk::bulk;
pub(crate) use export::{export, export_secrets};
pub(crate) use failures::failures;
pub(crate) use import::{Shape, import, import_file};
pub(super) use input::{Limits, name};
pub(crate) use trial::trial;
pub(crate) use way::way;
use {
    input::KeyInput,
    list::{Facts, KeyParams},
    output::{HealthOut, KeyOut},
};

/// Events of a history on a page.
const EVENTS: u32 = 50;
const MOST_EVENTS: u32 = 400;
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
    who: Who,
    Row(id): Row,
    Input(input): Input<KeyInput>,
) -> Result<Json<KeyOut>, Problem> {
    let known = find(&handle, id)?;
    let has_credential = input.has_credential();
    let spec = input.onto(known.key.spec.clone())?;
    if who.role < Role::Admin && !has_credential {
        stay_at_home(&spec, &known.key.spec)?;
    }
    let view = handle.change_key(known.key.id, spec).await?;
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

/// Which page of a key's history.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthParams {
    /// How many at most.
    #[schemars(with = "u32")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

pub(crate) async fn health(
    State(handle): State<Handle>,
    Row(id): Row,
    Params(HealthParams { limit, cursor }): Params<HealthParams>,
) -> Result<Json<HealthOut>, Problem> {
    let view = find(&handle, id)?;
    let limit: u32 = optional("limit", limit)?.unwrap_or(EVENTS).clamp(1, MOST_EVENTS);
    // One more than asked for tells whether there is a next page.
    let page = Page { before: optional("cursor", cursor)?, limit: limit + 1 };
    let mut history = handle.health_history(view.key.id, page).await?;
    let more = history.len() > limit as usize;
    history.truncate(limit as usize);
    let next = history.last().filter(|_| more).map(|event| event.id.to_string());
    Ok(Json(HealthOut::new(view.key.id, view.status, history, next)))
}

/// Who may not see a credential may not send it to another place either: it could be read there.
fn stay_at_home(spec: &KeySpec, known: &KeySpec) -> Result<(), Problem> {
    let moved = [
        ("provider", spec.provider != known.provider),
        ("base_url", spec.base_url != known.base_url),
        ("proxy_ip", spec.egress.proxy != known.egress.proxy),
        ("balance_probe", spec.balance.probe != known.balance.probe),
    ];
    match moved.into_iter().find(|(_, moved)| *moved) {
        Some((field, _)) => Err(Problem::not_yours(
            field,
            format!("`{field}` says where the credential goes; give `api_key` as well, or ask an admin"),
        )),
        None => Ok(()),
    }
}

fn find(handle: &Handle, id: i64) -> Result<KeyView, Problem> {
    handle.key(KeyId(id)).ok_or_else(Problem::not_found)
}

/// What stands beside keys when they are shown.
struct Beside {
    /// What each did since midnight, UTC.
    today: HashMap<String, Totals>,
    balances: HashMap<KeyId, Figure>,
    budgets: HashMap<KeyId, BudgetView>,
}

impl Beside {
    async fn read(handle: &Handle) -> Result<Self, Problem> {
        let start = SystemClock.now().day();
        let today = handle.totals(TotalsFilter::span(start, start.plus_millis(DAY_MS)), GroupBy::Key).await?;
        let today = today.into_iter().map(|totals| (totals.group.clone(), totals)).collect();
        let keys = handle.keys().into_iter().map(|view| view.key);
        let budgets = keys.filter_map(|key| Some((Scope::Key(key.id), key.spec.budget.clone()?))).collect();
        let budgets = handle.budgets(budgets).await?.into_iter().map(|view| (KeyId(view.scope.id()), view)).collect();
        Ok(Self { today, balances: handle.balances().await?, budgets })
    }

    fn written(&self, view: &KeyView) -> KeyOut {
        let balance = self.balances.get(&view.key.id).cloned().unwrap_or_default();
        let budget = self.budgets.get(&view.key.id).cloned().map(BudgetOut::from);
        KeyOut::new(view, self.today.get(&view.key.id.to_string()), balance, budget)
    }
}

#[cfg(test)]
pub(super) fn read_new(body: &[u8]) -> Result<(), Problem> {
    super::input::parse::<KeyInput>(body)?.into_new().map(drop)
}

#[cfg(test)]
pub(super) use {
    bulk::read_bulk,
    export::read_export,
    import::{read_list, read_table, read_text},
    trial::read_trial,
};
