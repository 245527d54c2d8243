//! The admin API: one file per noun, and here what all of them need.
//!
//! Who may come in has been decided before any of this runs.

pub(crate) mod balances;
pub(crate) mod config;
pub(crate) mod keys;
pub(crate) mod providers;
pub(crate) mod requests;
pub(crate) mod routes;
pub(crate) mod statistics;
pub(crate) mod tokens;

mod input;
mod problem;

use http::{HeaderMap, header::AUTHORIZATION};
use serde::Serialize;

use amp_pool_core::{caller::TokenDigest, secret::Secret};

pub(crate) use problem::Problem;

/// What opens the admin API.
pub(crate) struct AdminToken(TokenDigest);

impl AdminToken {
    pub(crate) fn new(token: &Secret) -> Self {
        Self(TokenDigest::of(token.expose()))
    }

    /// Whether a request shows the token. Digests are compared, so the time it takes says nothing about the token.
    pub(crate) fn opens_for(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, token)) = shown.and_then(|value| value.split_once(' ')) else { return false };
        scheme.eq_ignore_ascii_case("bearer") && TokenDigest::of(token.trim()) == self.0
    }
}

/// A page of a list.
#[derive(Serialize)]
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
