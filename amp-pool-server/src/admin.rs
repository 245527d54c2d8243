//! The admin API: one file per noun, and here what all of them need.
//!
//! Who may come in has been decided before any of this runs.

pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod balances;
pub(crate) mod budgets;
pub(crate) mod config;
pub(crate) mod explain;
pub(crate) mod groups;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod prices;
pub(crate) mod providers;
pub(crate) mod requests;
pub(crate) mod routes;
pub(crate) mod rules;
pub(crate) mod statistics;
pub(crate) mod tokens;
pub(crate) mod users;

#[cfg(test)]
mod hostile;
mod input;
mod page;
mod problem;
mod table;

use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use problem::{Problem, ProblemOut};
pub(crate) use requests::Live;
pub(crate) use table::csv_text;

/// A page of a list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub(crate) struct List<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
}

impl<T> List<T> {
    /// A list that is one page.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { total: Some(items.len()), items, next_cursor: None }
    }

    /// A page, with where the next one begins.
    pub(crate) fn page(items: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { items, next_cursor, total: None }
    }

    /// A page of a list of `total` items.
    pub(crate) fn page_of(total: usize, items: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { total: Some(total), items, next_cursor }
    }
}
