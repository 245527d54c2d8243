//! What models and providers can take, as data.
//!
//! Names age; the tables stand in `capability/*.json` and nowhere in the code. Both lookups always answer: what is not
//! known gets the row that is safest to guess.

use std::sync::LazyLock;

use serde::Deserialize;

use super::canonical::Effort;

mod dialect;
mod model;

pub use dialect::{
    Dialect, ForcedChoice, IdRule, MaxTokensField, PrefillShape, ReasoningField, ReplayReasoning, ThinkingSwitch,
};
pub use model::{MidSystem, Model, ThinkingKind, Thinks};

#[cfg(test)]
mod tests;

/// Reads a table. One that is wrong is found by the tests, which read them all.
fn table<T: for<'de> Deserialize<'de> + Default>(json: &str) -> T {
    serde_json::from_str(json).unwrap_or_default()
}

static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| table(include_str!("capability/models.json")));
static DIALECTS: LazyLock<Vec<Dialect>> = LazyLock::new(|| table(include_str!("capability/dialects.json")));

impl Model {
    /// What `model` can take: the row with the longest prefix of its name, whatever path stands before the name.
    /// `None`: a model nobody told us of, which the dialect decides for.
    ///
    /// ```
    /// use amp_pool_core::format::capability::Model;
    ///
    /// let model = Model::find("anthropic/claude-opus-4-5-20251101").ok_or("unknown")?;
    /// assert_eq!(model.max_output, Some(64_000));
    /// assert_eq!(Model::find("llama-4"), None);
    /// # Ok::<_, &str>(())
    /// ```
    #[must_use]
    pub fn find(model: &str) -> Option<&'static Self> {
        let name = model.rsplit('/').next().unwrap_or(model);
        let prefix_of =
            |row: &&Self| row.prefixes.iter().filter(|prefix| name.starts_with(*prefix)).map(String::len).max();
        let rows = MODELS.iter().filter_map(|row| prefix_of(&row).map(|length| (length, row)));
        rows.max_by_key(|(length, _)| *length).map(|(_, row)| row)
    }

    /// The nearest effort it takes: the next lower one, else the lowest. `None` when it takes none.
    #[must_use]
    pub fn nearest(&self, effort: Effort) -> Option<Effort> {
        nearest(&self.efforts, effort)
    }
}

/// What the limit of output is called in Chat for `model`, which is served by `provider`. A server nobody told us of may
/// stand before OpenAI, whose models that think refuse the old name wherever they are; others know it best.
#[must_use]
pub fn chat_limit_name(provider: &str, model: &str) -> &'static str {
    let dialect = Dialect::find(provider);
    let is_known = !dialect.provider.is_empty();
    let is_openai = Model::find(model).is_some_and(|row| row.thinks != Thinks::Never && row.thinking.is_empty());
    match dialect.max_tokens_field {
        MaxTokensField::MaxTokens if is_known || !is_openai => "max_tokens",
        MaxTokensField::MaxTokens | MaxTokensField::MaxCompletionTokens => "max_completion_tokens",
    }
}

impl Dialect {
    /// How the provider of this id speaks, or what is safest to guess.
    #[must_use]
    pub fn find(provider: &str) -> &'static Self {
        static UNKNOWN: LazyLock<Dialect> = LazyLock::new(Dialect::default);
        DIALECTS.iter().find(|dialect| dialect.provider == provider).unwrap_or(&UNKNOWN)
    }

    /// The nearest effort it takes. As asked when it does not say.
    #[must_use]
    pub fn nearest(&self, effort: Effort) -> Option<Effort> {
        if self.effort_values.is_empty() { Some(effort) } else { nearest(&self.effort_values, effort) }
    }
}

/// The highest of `taken` up to `effort`, else the lowest that thinks. `none` is matched only by `none`, and `xhigh` is
/// better served by `max` than by `high`.
fn nearest(taken: &[Effort], effort: Effort) -> Option<Effort> {
    let not_none = |taken: &&Effort| **taken != Effort::None;
    let effort = if effort == Effort::Xhigh && !taken.contains(&effort) { Effort::Max } else { effort };
    if taken.contains(&effort) {
        return Some(effort);
    }
    let below = taken.iter().filter(not_none).filter(|taken| **taken < effort).max();
    below.or_else(|| taken.iter().filter(not_none).min()).copied()
}
