//! How a provider deviates.

use serde::{Deserialize, Serialize};

use crate::format::canonical::Effort;

/// A row of `dialects.json`. What a row does not say is as [`Dialect::default`] has it: what is safest to guess of a
/// server that calls itself compatible.
///
/// ```
/// use amp_pool_core::format::{
///     canonical::Effort,
///     capability::{Dialect, MaxTokensField, Model},
/// };
///
/// let openai: &Dialect = Dialect::find("openai");
/// assert!(openai.json_schema_ok && openai.max_tokens_field == MaxTokensField::MaxCompletionTokens);
/// // Nobody is without a row: a provider that is not known gets the one that is safest to guess.
/// assert_eq!(Dialect::find("a relay of somebody").nearest(Effort::High), Some(Effort::High));
/// let model: Option<&Model> = Model::find("gpt-5");
/// assert!(model.is_some());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialect {
    /// The provider's id in the presets.
    pub provider: String,
    /// What the limit of output is called in Chat.
    pub max_tokens_field: MaxTokensField,
    /// Whether it knows the role `developer`.
    pub developer_role: bool,
    /// Whether it takes only one system message, at the beginning.
    pub single_system: bool,
    /// Whether an assistant message with calls may have `content: null`.
    pub null_content_ok: bool,
    /// Whether content may be a list where it is only text.
    pub array_content_ok: bool,
    /// Whether a `tool` message may hold images.
    pub tool_media: bool,
    /// Whether a stream may be asked for its usage.
    pub include_usage_ok: bool,
    /// Where answers carry reasoning. All known places are read whatever this says; it tells which one wins.
    pub reasoning_field_in: ReasoningField,
    /// Where history carries reasoning.
    pub reasoning_field_out: ReasoningField,
    /// When history must carry it.
    pub replay_reasoning: ReplayReasoning,
    /// How thinking is switched.
    pub thinking_switch: ThinkingSwitch,
    /// The efforts it takes. Empty: all, as the model says.
    pub effort_values: Vec<Effort>,
    /// Whether a tool may be forced.
    pub forced_choice: ForcedChoice,
    /// Whether it takes `parallel_tool_calls`.
    pub parallel_flag_ok: bool,
    /// Whether it takes `strict` at tools.
    pub strict_ok: bool,
    /// Whether it takes a JSON schema for the answer.
    pub json_schema_ok: bool,
    /// Whether it takes `json_object`.
    pub json_object_ok: bool,
    /// How the beginning of the answer is given.
    pub prefill_shape: PrefillShape,
    /// How many stop sequences it takes.
    pub stop_max: usize,
    /// Which ids of calls it takes.
    pub tool_id_rule: IdRule,
    /// How long names of tools may be.
    pub tool_name_max: usize,
    /// Whether `$ref` in schemas must be written out.
    pub schema_inline_refs: bool,
    /// Whether `$schema` and `$id` must be taken out of schemas.
    pub schema_without_id: bool,
    /// Whether images may be given by address.
    pub image_url_ok: bool,
    /// Whether it takes PDFs.
    pub pdf_ok: bool,
    /// Whether it takes custom tools on Chat.
    pub custom_tools: bool,
    /// Whether it takes `top_k` on Chat.
    pub top_k: bool,
    /// Whether each call of a turn needs its own reasoning item before it (Responses).
    pub reasoning_per_call: bool,
    /// Whether its streams break official SDKs and are normalised on the way, also without translation.
    pub repair_stream: bool,
    /// Whether marks of what to cache are taken: Messages `cache_control` or what the format has.
    pub cache_marks: bool,
    /// Whether Messages takes `cache_control` at the top of the body.
    pub automatic_cache: bool,
    /// Whether it counts the tokens of Responses requests for us (`/v1/responses/input_tokens`).
    pub count_tokens: bool,
    /// Whether it checks signatures of thoughts (Messages): ours must never reach it.
    pub checks_signatures: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            provider: String::new(),
            max_tokens_field: MaxTokensField::MaxTokens,
            developer_role: false,
            single_system: true,
            null_content_ok: true,
            array_content_ok: true,
            tool_media: false,
            include_usage_ok: true,
            reasoning_field_in: ReasoningField::ReasoningContent,
            reasoning_field_out: ReasoningField::None,
            replay_reasoning: ReplayReasoning::Never,
            thinking_switch: ThinkingSwitch::Effort,
            effort_values: Vec::new(),
            forced_choice: ForcedChoice::Yes,
            parallel_flag_ok: true,
            strict_ok: true,
            json_schema_ok: true,
            json_object_ok: true,
            prefill_shape: PrefillShape::None,
            stop_max: 4,
            tool_id_rule: IdRule::Words,
            tool_name_max: 64,
            schema_inline_refs: false,
            schema_without_id: false,
            image_url_ok: true,
            pdf_ok: true,
            custom_tools: false,
            top_k: false,
            reasoning_per_call: false,
            repair_stream: false,
            cache_marks: false,
            automatic_cache: false,
            count_tokens: false,
            checks_signatures: false,
        }
    }
}

/// What the limit of output is called in Chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// `max_tokens`
    MaxTokens,
    /// `max_completion_tokens`
    MaxCompletionTokens,
}

/// Where Chat carries reasoning.
///
/// ```
/// use amp_pool_core::format::capability::{
///     Dialect, ForcedChoice, IdRule, PrefillShape, ReasoningField, ReplayReasoning, ThinkingSwitch,
/// };
///
/// // What a request to DeepSeek has to look like.
/// let deepseek = Dialect::find("deepseek");
/// assert_eq!(deepseek.reasoning_field_out, ReasoningField::ReasoningContent);
/// assert_eq!(deepseek.replay_reasoning, ReplayReasoning::EmptyOk);
/// assert_eq!(deepseek.thinking_switch, ThinkingSwitch::ThinkingTypeAndEffort);
/// assert_eq!(deepseek.forced_choice, ForcedChoice::NotThinking);
/// assert_eq!(deepseek.prefill_shape, PrefillShape::Prefix);
/// // Most take the ids of calls that others made.
/// assert_eq!(deepseek.tool_id_rule, IdRule::Words);
/// assert_eq!(Dialect::find("mistral").tool_id_rule, IdRule::NineAlphanumerics);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningField {
    /// Nowhere.
    None,
    /// `reasoning_content`
    ReasoningContent,
    /// `reasoning`
    Reasoning,
    /// `reasoning_details`, which goes back unchanged.
    ReasoningDetails,
    /// `<think>` inside the content.
    ThinkTag,
}

/// When history must carry reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayReasoning {
    /// Never: it is refused.
    Never,
    /// On turns with calls.
    ToolTurns,
    /// On all turns, as far as it is known.
    Always,
    /// On turns with calls, empty where it is not known.
    EmptyOk,
}

/// How thinking is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingSwitch {
    /// Not at all.
    None,
    /// `reasoning_effort`
    Effort,
    /// `thinking: {"type": "enabled" | "disabled"}`
    ThinkingType,
    /// The same beside `reasoning_effort`.
    ThinkingTypeAndEffort,
    /// `enable_thinking` and `thinking_budget`
    EnableThinking,
    /// `reasoning: {"effort" | "max_tokens"}`
    ReasoningObject,
}

/// Whether a tool may be forced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForcedChoice {
    /// It may.
    #[default]
    Yes,
    /// Not together with thinking of any kind.
    NotThinking,
    /// Not together with a thinking budget.
    NotWithBudget,
    /// Never.
    No,
}

/// How the beginning of an answer is given on Chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrefillShape {
    /// It can not be.
    None,
    /// `prefix: true` at the last message.
    Prefix,
    /// `partial: true` at the last message.
    Partial,
}

/// Which ids of calls are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdRule {
    /// Letters, digits, `_` and `-`, as long as the format allows.
    Words,
    /// Exactly nine letters or digits.
    NineAlphanumerics,
}
