//! What the model may call.

use super::{CacheMark, Json, request::Member};
use crate::format::Format;

/// A tool.
///
/// ```
/// use amp_pool_core::format::canonical::{
///     CustomTool, FunctionTool, Json, Tool, ToolChoice, ToolKind, ToolRef, WebSearch,
/// };
///
/// let schema = Json::of(&serde_json::json!({"type": "object", "properties": {"city": {"type": "string"}}}));
/// let weather = FunctionTool { name: "weather".into(), schema: Some(schema), ..FunctionTool::default() };
/// let tools = [
///     Tool::Function(weather),
///     Tool::Custom(CustomTool { name: "shell".into(), ..CustomTool::default() }),
///     Tool::WebSearch(WebSearch { max_uses: Some(3), ..WebSearch::default() }),
/// ];
/// assert_eq!(tools[0].name(), Some("weather"));
/// let choice = ToolChoice::Tool(ToolRef { kind: ToolKind::Function, name: "weather".into(), namespace: None });
/// assert_ne!(choice, ToolChoice::Auto);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tool {
    /// Called with JSON, answered by the client.
    Function(FunctionTool),
    /// Called with free text, answered by the client.
    Custom(CustomTool),
    /// A provider's typed tool that the client answers: `bash_20250124`, `text_editor_…`, `computer_…`.
    Typed(NativeTool),
    /// Web search by the provider: the one hosted tool that is carried between formats.
    WebSearch(WebSearch),
    /// Another tool that the provider runs itself: code execution, MCP, file search.
    Hosted(NativeTool),
}

impl Tool {
    /// The name the model calls it by, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Function(tool) => Some(&tool.name),
            Self::Custom(tool) => Some(&tool.name),
            Self::Typed(tool) | Self::Hosted(tool) => tool.name.as_deref(),
            Self::WebSearch(_) => None,
        }
    }
}

/// A tool that is called with JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionTool {
    /// Its name, as the client knows it.
    pub name: String,
    /// Its namespace, Responses only.
    pub namespace: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// The schema of its arguments, whole and as it came. `None`: it takes none.
    pub schema: Option<Json>,
    /// Whether the arguments must follow the schema. `None`: the client said nothing.
    pub strict: Option<bool>,
    /// The prompt up to here is worth caching.
    pub cache: Option<CacheMark>,
    /// Members that only the client's format has: `defer_loading`, `input_examples`, …
    pub extra: Vec<Member>,
}

/// A tool that is called with free text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomTool {
    /// Its name, as the client knows it.
    pub name: String,
    /// Its namespace, Responses only.
    pub namespace: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// The grammar of its input: the inner object of Chat and the flat one of Responses are made one,
    /// `{"syntax": "lark", "definition": "…"}`. `None`: any text.
    pub grammar: Option<Json>,
}

/// A tool that only one format has.
///
/// ```
/// use amp_pool_core::format::{
///     Format,
///     canonical::{Json, NativeTool, Tool},
/// };
///
/// let raw = Json::parse(r#"{"type": "bash_20250124", "name": "bash"}"#)?;
/// let bash = NativeTool { format: Format::Messages, kind: "bash_20250124".into(), name: Some("bash".into()), raw };
/// // The client runs it, as any function. One that the provider runs would be `Tool::Hosted`.
/// let tool = Tool::Typed(bash);
/// assert_eq!(tool.name(), Some("bash"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeTool {
    /// The format it is from.
    pub format: Format,
    /// Its `type`.
    pub kind: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The whole tool as it came.
    pub raw: Json,
}

/// Web search by the provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebSearch {
    /// Look only there.
    pub allowed_domains: Vec<String>,
    /// Do not look there.
    pub blocked_domains: Vec<String>,
    /// Where the user is, as it came: the three formats write it alike.
    pub user_location: Option<Json>,
    /// How many searches at most.
    pub max_uses: Option<u64>,
    /// `search_context_size`.
    pub context_size: Option<String>,
}

/// What the model must do with its tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// What it likes.
    Auto,
    /// Call none. The tools are still sent: they are part of the cached prefix.
    None,
    /// Call at least one.
    Required,
    /// Call this one.
    Tool(ToolRef),
    /// Choose among these.
    Allowed {
        /// Whether it must call one of them.
        is_required: bool,
        /// The tools.
        tools: Vec<ToolRef>,
    },
    /// Call a tool that the provider runs, as it came.
    Hosted(Json),
}

/// A tool by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRef {
    /// The kind it was named as.
    pub kind: ToolKind,
    /// Its name.
    pub name: String,
    /// Its namespace, Responses only.
    pub namespace: Option<String>,
}

/// How a tool is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToolKind {
    /// With JSON.
    Function,
    /// With free text.
    Custom,
}
