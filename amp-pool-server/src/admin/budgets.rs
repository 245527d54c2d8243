//! `/api/budgets`: every budget there is, and how much of it is used; and how one looks beside what it belongs to.

use amp_pool_core::{
    budget::{Budget, Scope},
    handle::{BudgetView, Handle},
    money::NanoUsd,
    time::Timestamp,
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;

use super::{List, Problem, input::Params, page::PageParams};
use crate::openapi::BudgetScope;

/// A budget as it was written, and what is used of it in its present window.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BudgetUse")]
pub(crate) struct BudgetOut {
    #[serde(flatten)]
    budget: Budget,
    spent: NanoUsd,
    held: NanoUsd,
    remaining: NanoUsd,
    resets_at: Option<Timestamp>,
}

impl From<BudgetView> for BudgetOut {
    fn from(BudgetView { budget, tally, resets_at, .. }: BudgetView) -> Self {
        let remaining = tally.left(budget.limit);
        Self { budget, spent: tally.spent, held: tally.held, remaining, resets_at }
    }
}

/// The budget of each of `things`, in their order, where it has one.
pub(crate) async fn beside<T>(
    handle: &Handle,
    things: &[T],
    budget_of: impl Fn(&T) -> Option<(Scope, Budget)>,
) -> Result<Vec<Option<BudgetOut>>, Problem> {
    let budgets: Vec<_> = things.iter().map(budget_of).collect();
    let mut views = handle.budgets(budgets.iter().flatten().cloned().collect()).await?.into_iter();
    Ok(budgets.iter().map(|budget| budget.as_ref().and_then(|_| views.next()).map(BudgetOut::from)).collect())
}

/// A budget in the list of all.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ScopedBudget")]
pub(crate) struct ScopedOut {
    #[schemars(with = "BudgetScope")]
    scope: &'static str,
    /// Of the client token, the group or the key; `null` for the site.
    id: Option<i64>,
    name: Option<String>,
    #[serde(flatten)]
    budget: BudgetOut,
}

pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<ScopedOut>>, Problem> {
    let (names, budgets): (Vec<_>, Vec<_>) = all(&handle).map(|(scope, name, budget)| (name, (scope, budget))).unzip();
    let views = handle.budgets(budgets).await?.into_iter().zip(names);
    let out = |(view, name): (BudgetView, Option<String>)| ScopedOut {
        scope: view.scope.kind(),
        id: (view.scope != Scope::Site).then(|| view.scope.id()),
        name,
        budget: view.into(),
    };
    // In the order of `all`.
    let place = |budget: &ScopedOut| (ORDER.iter().position(|scope| *scope == budget.scope), budget.id);
    Ok(Json(params.page(views.map(out).collect(), place)?))
}

const ORDER: [&str; 4] = ["site", "group", "token", "key"];

fn all(handle: &Handle) -> impl Iterator<Item = (Scope, Option<String>, Budget)> {
    let site = handle.site_budget().map(|budget| (Scope::Site, None, budget));
    let groups = handle.groups().into_iter();
    let groups = groups.filter_map(|group| Some((Scope::Group(group.id), Some(group.spec.name), group.spec.budget?)));
    let tokens = handle.tokens().into_iter();
    let tokens = tokens.filter_map(|token| Some((Scope::Token(token.id), Some(token.spec.name), token.spec.budget?)));
    let keys = handle.keys().into_iter().map(|view| view.key);
    let keys = keys.filter_map(|key| Some((Scope::Key(key.id), Some(key.spec.name.clone()), key.spec.budget.clone()?)));
    site.into_iter().chain(groups).chain(tokens).chain(keys)
}
