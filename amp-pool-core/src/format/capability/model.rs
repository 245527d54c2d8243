//! What a model can take.

use serde::{Deserialize, Serialize};

use crate::format::canonical::Effort;

/// A row of `models.json`. What a row does not say is usual.
///
/// ```
/// use amp_pool_core::format::capability::{MidSystem, Model, ThinkingKind, Thinks};
///
/// let sonnet: &Model = Model::find("claude-sonnet-5-20260101").ok_or("its name begins as one we know")?;
/// assert_eq!(sonnet.thinks, Thinks::ByDefault);
/// assert!(sonnet.thinking.contains(&ThinkingKind::Disabled), "so it can be told not to");
/// // It would answer as if a system turn inside of the conversation were not there.
/// assert_eq!(sonnet.mid_system, MidSystem::Ignored);
/// assert!(Model::find("a model of one's own").is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Beginnings of names it is for. The longest one that fits wins.
    pub prefixes: Vec<String>,
    /// The efforts it takes. Empty: it takes no effort at all.
    #[serde(default)]
    pub efforts: Vec<Effort>,
    /// The most effort it takes while its thinking is switched off.
    #[serde(default)]
    pub effort_when_disabled: Option<Effort>,
    /// Messages `thinking` types it takes.
    #[serde(default)]
    pub thinking: Vec<ThinkingKind>,
    /// When it thinks.
    #[serde(default)]
    pub thinks: Thinks,
    /// Whether it takes `temperature`, `top_p` and `top_k` (Messages), and all that OpenAI calls sampling, also while it
    /// thinks.
    #[serde(default = "yes")]
    pub sampling: bool,
    /// Whether it takes sampling while it does not think.
    #[serde(default = "yes")]
    pub sampling_without_thinking: bool,
    /// Whether `temperature` and `top_p` may stand together.
    #[serde(default = "yes")]
    pub temperature_with_top_p: bool,
    /// Whether a tool may be forced.
    #[serde(default)]
    pub forced_choice: super::ForcedChoice,
    /// What it does with a system turn inside the conversation.
    #[serde(default)]
    pub mid_system: MidSystem,
    /// Whether the last turn may be the assistant's.
    #[serde(default)]
    pub prefill: bool,
    /// Whether it takes a JSON schema for its answer.
    #[serde(default = "yes")]
    pub structured: bool,
    /// Whether it takes stop sequences.
    #[serde(default = "yes")]
    pub stop: bool,
    /// Whether Chat takes tools for it while it thinks; if not, effort `none` must be sent with them.
    #[serde(default = "yes")]
    pub chat_tools_while_thinking: bool,
    /// Whether it takes a system or developer message.
    #[serde(default = "yes")]
    pub system: bool,
    /// Whether it takes marks at parts of the prompt that are worth caching, on OpenAI endpoints.
    #[serde(default)]
    pub cache_breakpoints: bool,
    /// The most tokens it writes.
    #[serde(default)]
    pub max_output: Option<u64>,
}

fn yes() -> bool {
    true
}

/// A `type` of Messages `thinking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingKind {
    /// As it sees fit.
    Adaptive,
    /// With a budget.
    Enabled,
    /// Off.
    Disabled,
}

/// When a model thinks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinks {
    /// It can not.
    #[default]
    Never,
    /// When asked to.
    Asked,
    /// Unless asked not to.
    ByDefault,
    /// Whatever it is asked.
    Always,
}

/// What a model does with a system turn inside the conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MidSystem {
    /// Follows it.
    Honoured,
    /// Answers as if it were not there, and does not say so.
    Ignored,
    /// Refuses the request.
    #[default]
    Refused,
}
