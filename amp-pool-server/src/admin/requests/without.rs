//! What a reader of the log leaves out.

use std::str::FromStr;

use amp_pool_core::{
    id::{KeyId, TokenId},
    store::StoredRecord,
};

use crate::admin::Problem;

/// Values that no row may have. Nothing is left out by an empty list.
#[derive(Default)]
pub(super) struct Without {
    pub(super) keys: Vec<KeyId>,
    pub(super) tokens: Vec<TokenId>,
    pub(super) models: Vec<String>,
    pub(super) error_types: Vec<String>,
}

impl Without {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.tokens.is_empty() && self.models.is_empty() && self.error_types.is_empty()
    }

    /// Whether `row` has none of the values. What it does not have at all it has not.
    pub(super) fn lets(&self, row: &StoredRecord) -> bool {
        !row.key.is_some_and(|key| self.keys.contains(&key))
            && !row.token.is_some_and(|token| self.tokens.contains(&token))
            && !self.models.contains(&row.model)
            && !row.error_type.as_ref().is_some_and(|kind| self.error_types.contains(kind))
    }
}

/// A parameter of one or more values with commas between.
pub(super) fn many<T: FromStr>(name: &'static str, text: Option<String>) -> Result<Vec<T>, Problem> {
    let text = text.unwrap_or_default();
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let wrong = |part: &str| {
        Problem::field(name, format!("`{name}` can not be `{}`", part.chars().take(40).collect::<String>()))
    };
    parts.map(|part| part.parse().map_err(|_| wrong(part))).collect()
}
