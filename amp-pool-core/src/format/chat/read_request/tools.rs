//! The tools of a Chat request, and the choice among them.

use super::parts::cache_mark;
use crate::format::{
    Reject,
    canonical::{CustomTool, FunctionTool, Json, Member, Tool, ToolChoice, ToolKind, ToolRef, WebSearch},
    tree::{Object, Value},
};

/// Reads `tools`.
pub(super) fn read(tools: Value<'_>) -> Result<Vec<Tool>, Reject> {
    tools.objects()?.map(|tool| read_tool(tool?)).collect()
}

/// Reads `functions`, which tools were before there were others.
pub(super) fn read_functions(functions: Value<'_>) -> Result<Vec<Tool>, Reject> {
    functions.objects()?.map(|tool| function(tool?).map(Tool::Function)).collect()
}

fn read_tool(tool: Object<'_>) -> Result<Tool, Reject> {
    let kind = tool.take("type").and_then(Value::as_text);
    match kind.as_deref() {
        Some("function") | None => {
            let mut function = function(tool.need("function")?.object()?)?;
            function.cache = tool.take("cache_control").and_then(cache_mark);
            function.extra.extend(tool.members());
            Ok(Tool::Function(function))
        }
        Some("custom") => custom(tool.need("custom")?.object()?),
        Some(kind) => Err(Reject::field(tool.path_of("type"), format!("`{kind}` is no tool that is known here"))),
    }
}

fn function(tool: Object<'_>) -> Result<FunctionTool, Reject> {
    Ok(FunctionTool {
        name: tool.need_text("name")?,
        namespace: None,
        description: tool.text("description")?,
        schema: tool.json("parameters"),
        strict: tool.flag("strict")?,
        cache: None,
        extra: tool.members(),
    })
}

fn custom(tool: Object<'_>) -> Result<Tool, Reject> {
    let (name, description) = (tool.need_text("name")?, tool.text("description")?);
    let grammar = tool.object("format")?.and_then(|format| format.json("grammar"));
    Ok(Tool::Custom(CustomTool { name, namespace: None, description, grammar }))
}

/// Reads `web_search_options`.
pub(super) fn web_search(options: Object<'_>) -> Result<WebSearch, Reject> {
    let user_location = options.object("user_location")?.map(flat);
    Ok(WebSearch { user_location, context_size: options.text("search_context_size")?, ..WebSearch::default() })
}

/// Where others write the place beside its type, Chat writes it below.
fn flat(location: Object<'_>) -> Json {
    let place = location.take("approximate");
    let member = |member: Value<'_>| -> Member { (member.name().into_owned(), member.json()) };
    let place = place.filter(|place| place.is_object()).into_iter().flat_map(Value::children).map(member);
    let mut all = location.members();
    all.extend(place);
    Json::object(all)
}

/// Reads `tool_choice`.
pub(super) fn choice(choice: Value<'_>) -> Result<ToolChoice, Reject> {
    if let Some(word) = choice.as_text() {
        return word_of("tool_choice", &word);
    }
    let choice = choice.object()?;
    match choice.look("type").is_some_and(|kind| kind.says("allowed_tools")) {
        true => allowed(choice.need("allowed_tools")?.object()?),
        false => reference(choice).map(ToolChoice::Tool),
    }
}

/// Reads `function_call`, which the choice was before there were other tools.
pub(super) fn function_choice(choice: Value<'_>) -> Result<ToolChoice, Reject> {
    if let Some(word) = choice.as_text() {
        return word_of("function_call", &word);
    }
    let name = choice.object()?.need_text("name")?;
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

fn allowed(choice: Object<'_>) -> Result<ToolChoice, Reject> {
    let is_required = choice.look("mode").is_some_and(|mode| mode.says("required"));
    let tools = choice.objects("tools")?.map(|tool| reference(tool?)).collect::<Result<_, _>>()?;
    Ok(ToolChoice::Allowed { is_required, tools })
}

fn reference(tool: Object<'_>) -> Result<ToolRef, Reject> {
    let named = |place: &str| Some(tool.look(place)?.member("name")?.as_text()?.into_owned());
    let found = named("function").map(|name| (ToolKind::Function, name));
    let found = found.or_else(|| named("custom").map(|name| (ToolKind::Custom, name)));
    let (kind, name) = found.ok_or_else(|| Reject::field(tool.path(), format!("`{}` names no tool", tool.path())))?;
    Ok(ToolRef { kind, name, namespace: None })
}
