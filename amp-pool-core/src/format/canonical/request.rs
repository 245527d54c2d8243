//! What a client asks for.

use serde::{Deserialize, Serialize};

use super::{Json, Part, Text, Tool, ToolChoice};

/// A request of any format.
///
/// Only what at least two formats can say has a field of its own. Everything else that stands at the top of a body is
/// in [`extra`](Self::extra) and is reported as dropped.
///
/// ```
/// use amp_pool_core::format::canonical::{
///     Call, FunctionTool, Input, Part, Request, Role, Text, Tool, ToolResult, Turn,
/// };
///
/// let text = |text: &str| Part::Text(Text { text: text.into(), ..Text::default() });
/// let input = Input::Json(r#"{"city":"Oslo"}"#.into());
/// let call = Call { id: "c1".into(), name: "weather".into(), input, namespace: None, cache: None, proof: None };
/// let result = ToolResult { call: "c1".into(), content: vec![text("rain")], is_error: false, cache: None };
/// let request = Request {
///     model: "claude-sonnet-4-5".into(),
///     max_output: Some(1024),
///     tools: vec![Tool::Function(FunctionTool { name: "weather".into(), ..FunctionTool::default() })],
///     turns: vec![
///         Turn { role: Role::User, parts: vec![text("Is it raining?")] },
///         Turn { role: Role::Assistant, parts: vec![Part::Call(call)] },
///         Turn { role: Role::User, parts: vec![Part::Result(result)] },
///     ],
///     ..Request::default()
/// };
/// assert_eq!(request.turns.len(), 3);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// The model, as the upstream is to see it.
    pub model: String,
    /// System text that stands outside the conversation: Messages `system`, Responses `instructions`. One per source
    /// block. System and developer messages of Chat and Responses are turns, wherever they stand.
    pub instructions: Vec<Text>,
    /// The conversation, oldest first.
    pub turns: Vec<Turn>,
    /// The tools, in the client's order.
    pub tools: Vec<Tool>,
    /// What the model must do with the tools. `None`: the client said nothing.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several calls may come in one turn. `None`: the client said nothing.
    pub parallel_tools: Option<bool>,
    /// The largest output in tokens, reasoning included.
    pub max_output: Option<u64>,
    /// How tokens are picked.
    pub sampling: Sampling,
    /// Texts that end the answer. Never one that is empty or only space.
    pub stop: Vec<String>,
    /// How much the model thinks, and how much of it is shown.
    pub reasoning: Reasoning,
    /// The shape the answer must have.
    pub structured: Option<Structured>,
    /// How long the answer is to be: `low`, `medium`, `high`.
    pub verbosity: Option<String>,
    /// Whether the answer is wanted as a stream.
    pub stream: bool,
    /// Whether a Chat stream ends with a chunk of usage. Other formats always tell it: true.
    pub include_usage: bool,
    /// Responses `include`, and what amounts to it.
    pub include: Vec<String>,
    /// The end user, opaque and perhaps longer than a target allows.
    pub user: Option<String>,
    /// What the client says about prompt caching as a whole. Marks at single parts stand there.
    pub cache: CacheHints,
    /// Which queue the request goes to.
    pub service_tier: Option<ServiceTier>,
    /// Free pairs of names and values, an object. Not the Messages `metadata`, of which only the user is known.
    pub metadata: Option<Json>,
    /// Whether the provider is to keep the answer.
    pub store: Option<bool>,
    /// How many alternatives per token to tell, and that the chosen one's probability is wanted. `Some(0)`: only that.
    pub logprobs: Option<u64>,
    /// Members that only the client's format has, known or not, in their order.
    pub extra: Vec<Member>,
    /// Request parameters that a Responses answer repeats, as the client wrote them. Empty for other clients.
    pub echo: Vec<Member>,
}

/// A member of the body: its name and its value as it came.
pub type Member = (String, Json);

/// What one side says before the other speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

impl Turn {
    /// A turn of these parts.
    #[must_use]
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts }
    }
}

/// Who speaks. Tool results are parts of a user's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Whoever runs the model.
    System,
    /// Whoever wrote the application; below the system.
    Developer,
    /// The person, or the program that acts for one.
    User,
    /// The model.
    Assistant,
}

/// How tokens are picked. Nothing set: as the model likes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 2; Messages knows it up to 1.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// A count of tokens.
    pub top_k: Option<u64>,
}

/// How much the model thinks, and how much of it is shown.
///
/// ```
/// use amp_pool_core::format::canonical::{
///     CacheHints, CacheMark, Effort, Json, Reasoning, Request, Sampling, ServiceTier, Structured, Thinking,
/// };
///
/// // Some formats say how hard to think, others how long: what is missing is made of what is there.
/// let reasoning = Reasoning { thinking: Some(Thinking::Budget(16_000)), ..Reasoning::default() };
/// assert!(reasoning.wanted() > Some(Effort::None));
///
/// let request = Request {
///     model: "gpt-5".into(),
///     reasoning: Reasoning { effort: Effort::of("low"), ..reasoning },
///     sampling: Sampling { temperature: Some(0.2), ..Sampling::default() },
///     structured: Some(Structured::Schema {
///         name: Some("city".into()),
///         description: None,
///         schema: Json::parse(r#"{"type":"object"}"#)?,
///         strict: Some(true),
///     }),
///     cache: CacheHints { automatic: Some(CacheMark::Hour), ..CacheHints::default() },
///     service_tier: Some(ServiceTier::Priority),
///     ..Request::default()
/// };
/// assert_eq!(request.reasoning.wanted(), Some(Effort::Low));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// How hard. Wins over a budget.
    pub effort: Option<Effort>,
    /// The switch of Messages. Chat and Responses have none: `effort: none` says the same.
    pub thinking: Option<Thinking>,
    /// Responses `reasoning.summary`: `auto`, `concise`, `detailed`.
    pub summary: Option<String>,
    /// The client wants no text of the reasoning (Messages `display: omitted`).
    pub is_hidden: bool,
}

impl Reasoning {
    /// The effort that was asked for, a budget turned into one. `None`: the client left it to the model, also by asking
    /// for adaptive thinking without an effort.
    #[must_use]
    pub fn wanted(&self) -> Option<Effort> {
        let by_switch = self.thinking.and_then(|thinking| match thinking {
            Thinking::Disabled => Some(Effort::None),
            Thinking::Adaptive => None,
            Thinking::Budget(..=1_024) => Some(Effort::Minimal),
            Thinking::Budget(..=4_096) => Some(Effort::Low),
            Thinking::Budget(..=16_384) => Some(Effort::Medium),
            Thinking::Budget(..32_768) => Some(Effort::High),
            Thinking::Budget(_) => Some(Effort::Xhigh),
        });
        self.effort.or(by_switch)
    }
}

/// How hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Not at all.
    None,
    /// As good as not.
    Minimal,
    /// A little.
    Low,
    /// As usual.
    Medium,
    /// Much.
    High,
    /// More.
    Xhigh,
    /// As much as it can.
    Max,
}

impl Effort {
    /// All of them, rising.
    pub const ALL: [Self; 7] = [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max];

    /// The name in all three formats.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.as_str() == name)
    }
}

/// The switch of Messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Thinking {
    /// Off.
    Disabled,
    /// As the model sees fit.
    Adaptive,
    /// At most so many tokens.
    Budget(u64),
}

/// The shape an answer must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Structured {
    /// Any one JSON object.
    Object,
    /// What a schema describes.
    Schema {
        /// Up to 64 characters. Messages has none.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The schema, whole.
        schema: Json,
        /// Whether the provider must guarantee it.
        strict: Option<bool>,
    },
}

/// What a client says about prompt caching as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheHints {
    /// Calls with the same key are likely to share a prefix.
    pub key: Option<String>,
    /// `in_memory` or `24h`.
    pub retention: Option<String>,
    /// `prompt_cache_options`, as it came.
    pub options: Option<Json>,
    /// Messages `cache_control` at the top: cache the longest prefix.
    pub automatic: Option<super::CacheMark>,
}

/// Which queue a request goes to, or was served from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceTier {
    /// The provider's choice.
    Auto,
    /// The standard one: `default`, `standard_only`, `standard`.
    Standard,
    /// The fast one.
    Priority,
    /// Another: `flex`, `scale`, `batch`, …
    Other(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_an_effort_and_an_effort_wins() {
        let check = |thinking, effort, expected| {
            let reasoning = Reasoning { thinking, effort, ..Reasoning::default() };
            assert_eq!(reasoning.wanted(), expected, "{thinking:?} {effort:?}");
        };
        check(None, None, None);
        check(None, Some(Effort::High), Some(Effort::High));
        check(Some(Thinking::Adaptive), None, None);
        check(Some(Thinking::Disabled), None, Some(Effort::None));
        check(Some(Thinking::Budget(1_024)), None, Some(Effort::Minimal));
        check(Some(Thinking::Budget(4_096)), None, Some(Effort::Low));
        check(Some(Thinking::Budget(10_000)), None, Some(Effort::Medium));
        check(Some(Thinking::Budget(32_000)), None, Some(Effort::High));
        check(Some(Thinking::Budget(32_768)), None, Some(Effort::Xhigh));
        check(Some(Thinking::Budget(32_768)), Some(Effort::Low), Some(Effort::Low));
    }
}
