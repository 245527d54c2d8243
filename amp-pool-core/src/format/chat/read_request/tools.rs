//! The tools of a Chat request, and the choice among them.

use super::{object, parts::cache_mark, read as value_of, take};
use crate::format::{
    Reject,
    canonical::{CustomTool, FunctionTool, Json, Member, Tool, ToolChoice, ToolKind, ToolRef, WebSearch},
};

/// Reads `tools`.
pub(super) fn read(tools: &Json) -> Result<Vec<Tool>, Reject> {
    let tools: Vec<Json> = value_of("tools", tools)?;
    tools.iter().enumerate().map(|(at, tool)| read_tool(&format!("tools[{at}]"), tool)).collect()
}

/// Reads `functions`, which tools were before there were others.
pub(super) fn read_functions(functions: &Json) -> Result<Vec<Tool>, Reject> {
    let functions: Vec<Json> = value_of("functions", functions)?;
    functions.iter().enumerate().map(|(at, tool)| function(&format!("functions[{at}]"), tool)).collect()
}

fn read_tool(at: &str, tool: &Json) -> Result<Tool, Reject> {
    let mut members = object(at, tool)?;
    let kind = take(&mut members, "type").and_then(|kind| kind.as_text());
    let inner = |name: &str, members: &mut Vec<Member>| {
        take(members, name).ok_or_else(|| Reject::field(format!("{at}.{name}"), format!("`{at}.{name}` is missing")))
    };
    let mut tool = match kind.as_deref() {
        Some("function") | None => function(&format!("{at}.function"), &inner("function", &mut members)?)?,
        Some("custom") => custom(&format!("{at}.custom"), &inner("custom", &mut members)?)?,
        Some(kind) => {
            return Err(Reject::field(format!("{at}.type"), format!("`{kind}` is no tool that is known here")));
        }
    };
    if let Tool::Function(function) = &mut tool {
        function.cache = take(&mut members, "cache_control").and_then(|mark| cache_mark(&mark));
        function.extra.extend(members);
    }
    Ok(tool)
}

fn function(at: &str, tool: &Json) -> Result<Tool, Reject> {
    let mut members = object(at, tool)?;
    let (name, description) = names(at, &mut members)?;
    Ok(Tool::Function(FunctionTool {
        name,
        namespace: None,
        description,
        schema: take(&mut members, "parameters"),
        strict: take(&mut members, "strict").map(|strict| value_of(&format!("{at}.strict"), &strict)).transpose()?,
        cache: None,
        extra: members,
    }))
}

fn custom(at: &str, tool: &Json) -> Result<Tool, Reject> {
    let mut members = object(at, tool)?;
    let (name, description) = names(at, &mut members)?;
    let format = take(&mut members, "format").map(|format| object(&format!("{at}.format"), &format)).transpose()?;
    let grammar = format.and_then(|mut format| take(&mut format, "grammar"));
    Ok(Tool::Custom(CustomTool { name, namespace: None, description, grammar }))
}

fn names(at: &str, members: &mut Vec<Member>) -> Result<(String, Option<String>), Reject> {
    let name =
        take(members, "name").ok_or_else(|| Reject::field(format!("{at}.name"), format!("`{at}.name` is missing")))?;
    let description = take(members, "description");
    let description = description.map(|text| value_of(&format!("{at}.description"), &text)).transpose()?;
    Ok((value_of(&format!("{at}.name"), &name)?, description))
}

/// Reads `web_search_options`.
pub(super) fn web_search(at: &str, options: &Json) -> Result<WebSearch, Reject> {
    let mut members = object(at, options)?;
    let location = take(&mut members, "user_location").map(|location| object(at, &location)).transpose()?;
    let context_size = take(&mut members, "search_context_size").map(|size| value_of(at, &size)).transpose()?;
    Ok(WebSearch { user_location: location.map(flat), context_size, ..WebSearch::default() })
}

/// Where others write the place beside its type, Chat writes it below.
fn flat(mut location: Vec<Member>) -> Json {
    let place = take(&mut location, "approximate").and_then(|place| place.members()).unwrap_or_default();
    location.extend(place);
    Json::object(location)
}

/// Reads `tool_choice`.
pub(super) fn choice(choice: &Json) -> Result<ToolChoice, Reject> {
    if let Some(word) = choice.as_text() {
        return word_of("tool_choice", &word);
    }
    let mut members = object("tool_choice", choice)?;
    match take(&mut members, "type").and_then(|kind| kind.as_text()).as_deref() {
        Some("allowed_tools") => allowed(take(&mut members, "allowed_tools")),
        _ => reference(choice).map(ToolChoice::Tool),
    }
}

/// Reads `function_call`, which the choice was before there were other tools.
pub(super) fn function_choice(choice: &Json) -> Result<ToolChoice, Reject> {
    if let Some(word) = choice.as_text() {
        return word_of("function_call", &word);
    }
    let name = take(&mut object("function_call", choice)?, "name").and_then(|name| name.as_text());
    let name = name.ok_or_else(|| Reject::field("function_call", "`function_call.name` is missing"))?;
    Ok(ToolChoice::Tool(ToolRef { kind: ToolKind::Function, name, namespace: None }))
}

fn word_of(at: &'static str, word: &str) -> Result<ToolChoice, Reject> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        _ => Err(Reject::field(at, format!("`{word}` is no choice that is known here"))),
    }
}

fn allowed(choice: Option<Json>) -> Result<ToolChoice, Reject> {
    let at = "tool_choice.allowed_tools";
    let choice = choice.ok_or_else(|| Reject::field(at, format!("`{at}` is missing")))?;
    let mut members = object(at, &choice)?;
    let is_required = take(&mut members, "mode").and_then(|mode| mode.as_text()).as_deref() == Some("required");
    let tools: Vec<Json> =
        take(&mut members, "tools").map(|tools| value_of(at, &tools)).transpose()?.unwrap_or_default();
    let tools = tools.iter().map(reference).collect::<Result<_, _>>()?;
    Ok(ToolChoice::Allowed { is_required, tools })
}

fn reference(tool: &Json) -> Result<ToolRef, Reject> {
    let mut members = object("tool_choice", tool)?;
    let mut named =
        |place: &str| take(&mut members, place)?.members().and_then(|mut inner| take(&mut inner, "name")?.as_text());
    let found = named("function").map(|name| (ToolKind::Function, name));
    let found = found.or_else(|| named("custom").map(|name| (ToolKind::Custom, name)));
    let (kind, name) = found.ok_or_else(|| Reject::field("tool_choice", "`tool_choice` names no tool"))?;
    Ok(ToolRef { kind, name, namespace: None })
}
