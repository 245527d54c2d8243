//! Tools, and the choice among them.

mod root;

use std::borrow::Cow;

use serde::Serialize;

use super::{marks::Mark, structured::clean};
use crate::format::{
    Field, Losses, Reject,
    canonical::{FunctionTool, Json, Request, Tool, ToolChoice, WebSearch},
    transcode::{Translation, schema},
};

/// How many strict tools are taken in one request.
const STRICT_MAX: usize = 20;

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Written<'a> {
    Function(Function<'a>),
    WebSearch(Search<'a>),
}

#[derive(Debug, Serialize)]
pub(super) struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    input_schema: Cow<'a, Json>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Mark>,
}

#[derive(Debug, Serialize)]
pub(super) struct Search<'a> {
    r#type: &'static str,
    name: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    allowed_domains: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    blocked_domains: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    user_location: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_uses: Option<u64>,
}

impl Written<'_> {
    /// A tool that stands for the shape of the answer.
    pub(super) fn shape(name: &'static str, input_schema: Json) -> Self {
        let description = Some("Gives the answer.".into());
        let input_schema = Cow::Owned(input_schema);
        Self::Function(Function { name, description, input_schema, strict: false, cache_control: None })
    }

    /// Where a mark for caching may stand.
    pub(super) fn mark(&mut self) -> Option<&mut Option<Mark>> {
        match self {
            Self::Function(tool) => Some(&mut tool.cache_control),
            Self::WebSearch(_) => None,
        }
    }
}

/// `tool_choice`
#[derive(Debug, Serialize)]
pub(super) struct Choice<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

impl Choice<'_> {
    /// Forces the tool that stands for the shape of the answer.
    pub(super) fn shape(name: &'static str) -> Self {
        Self { r#type: "tool", name: Some(name), disable_parallel_tool_use: true }
    }
}

/// Writes the choice. Whether calls may be parallel stands in it, so it may be there for that alone.
pub(super) fn choice(request: &Request) -> Option<Choice<'_>> {
    let is_single = request.parallel_tools == Some(false);
    let (kind, name) = match &request.tool_choice {
        None if is_single => ("auto", None),
        None => return None,
        Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required | ToolChoice::Allowed { is_required: true, .. }) => ("any", None),
        Some(ToolChoice::Allowed { .. }) => ("auto", None),
        Some(ToolChoice::Tool(tool)) => ("tool", Some(&*tool.name)),
        // Of hosted tools only the search is carried.
        Some(ToolChoice::Hosted(_)) => ("tool", Some("web_search")),
    };
    Some(Choice { r#type: kind, name, disable_parallel_tool_use: is_single && kind != "none" })
}

/// Writes the tools.
pub(super) fn write<'a>(
    request: &'a Request,
    translation: &Translation,
    losses: &mut Losses,
) -> Result<Vec<Written<'a>>, Reject> {
    let (mut written, mut strict) = (Vec::with_capacity(request.tools.len()), 0);
    for tool in &request.tools {
        written.push(match tool {
            Tool::Function(tool) => Written::Function(function(tool, translation, &mut strict, losses)?),
            Tool::WebSearch(search) => Written::WebSearch(web_search(search, losses)?),
            Tool::Custom(_) | Tool::Typed(_) | Tool::Hosted(_) => {
                let name = tool.name().unwrap_or_default();
                return Err(losses.reject(Field::Tools, format!("the tool `{name}` can not be translated")));
            }
        });
    }
    Ok(written)
}

fn function<'a>(
    tool: &'a FunctionTool,
    translation: &Translation,
    strict: &mut usize,
    losses: &mut Losses,
) -> Result<Function<'a>, Reject> {
    for (name, _) in &tool.extra {
        losses.dropped(format!("tools[].{name}"), "")?;
    }
    let (input_schema, is_changed) = root::plain(schema::whole(tool));
    if is_changed && tool.strict == Some(true) {
        let message = format!("the schema of the strict tool `{}` has alternatives at its root", tool.name);
        return Err(losses.reject(Field::Tools, message));
    }
    if is_changed {
        losses.adjusted(Field::Tools, "alternatives at the root of a schema are described in words")?;
    }
    let is_strict = is_strict(tool, &input_schema, translation, *strict, losses)?;
    *strict += usize::from(is_strict);
    Ok(Function {
        name: &tool.name,
        description: tool.description.as_deref().map(Cow::Borrowed),
        input_schema,
        strict: is_strict,
        cache_control: Mark::of(tool.cache),
    })
}

/// Whether strictness is asked for and can be had.
fn is_strict(
    tool: &FunctionTool,
    schema: &Json,
    translation: &Translation,
    before: usize,
    losses: &mut Losses,
) -> Result<bool, Reject> {
    if tool.strict != Some(true) {
        return Ok(false);
    }
    let can_be = translation.dialect.strict_ok && schema::is_strict(schema) && clean(schema) == *schema;
    if can_be && before < STRICT_MAX {
        return Ok(true);
    }
    losses.dropped(Field::StrictTools, "the upstream can not hold to it")?;
    Ok(false)
}

fn web_search<'a>(search: &'a WebSearch, losses: &mut Losses) -> Result<Search<'a>, Reject> {
    if search.context_size.is_some() {
        losses.dropped(Field::SearchContext, "")?;
    }
    Ok(Search {
        r#type: "web_search_20250305",
        name: "web_search",
        allowed_domains: &search.allowed_domains,
        blocked_domains: &search.blocked_domains,
        user_location: search.user_location.as_ref(),
        max_uses: search.max_uses,
    })
}
