//! Tools and the choice among them.

use super::report;
use crate::format::{
    Format, Losses, Reject,
    canonical::{CustomTool, FunctionTool, Json, NativeTool, Tool, ToolChoice, ToolKind, ToolRef, WebSearch},
    responses::fields::Fields,
};

/// Tools that the provider runs, or that only its own clients can answer.
const HOSTED: [&str; 12] = [
    "file_search",
    "code_interpreter",
    "mcp",
    "image_generation",
    "local_shell",
    "shell",
    "apply_patch",
    "tool_search",
    "computer",
    "computer_use",
    "computer_use_preview",
    "computer-preview",
];

/// Adds the tools that `holder` lists, those of namespaces among them.
pub(super) fn list(holder: &mut Fields, losses: &mut Losses, out: &mut Vec<Tool>) -> Result<(), Reject> {
    let path = holder.at("tools");
    for (at, json) in holder.list("tools")?.iter().enumerate() {
        read(Fields::of(format!("{path}[{at}]"), json)?, json, None, losses, out)?;
    }
    Ok(())
}

fn read(
    mut tool: Fields,
    raw: &Json,
    namespace: Option<&str>,
    losses: &mut Losses,
    out: &mut Vec<Tool>,
) -> Result<(), Reject> {
    let kind = tool.needed("type")?;
    let namespace = namespace.map(str::to_owned);
    match kind.as_str() {
        "function" => out.push(function(tool, namespace)?),
        "custom" => out.push(custom(tool, namespace, losses)?),
        "namespace" => return inner(tool, losses, out),
        _ if kind.starts_with("web_search") => out.push(web_search(tool, losses)?),
        _ if HOSTED.contains(&kind.as_str()) => {
            let name = tool.text("name").ok().flatten();
            out.push(Tool::Hosted(NativeTool { format: Format::Responses, kind, name, raw: raw.clone() }));
        }
        _ => return Err(tool.wrong("type", &format!("is the unknown `{kind}`"))),
    }
    Ok(())
}

/// The tools of a namespace. What is said of the whole has a place nowhere else.
fn inner(mut tool: Fields, losses: &mut Losses, out: &mut Vec<Tool>) -> Result<(), Reject> {
    let (name, path) = (tool.needed("name")?, tool.at("tools"));
    for (at, json) in tool.list("tools")?.iter().enumerate() {
        read(Fields::of(format!("{path}[{at}]"), json)?, json, Some(&name), losses, out)?;
    }
    report(tool, losses)
}

fn function(mut tool: Fields, namespace: Option<String>) -> Result<Tool, Reject> {
    Ok(Tool::Function(FunctionTool {
        name: tool.needed("name")?,
        namespace,
        description: tool.text("description")?,
        schema: tool.take("parameters"),
        strict: tool.flag("strict")?,
        cache: None,
        extra: tool.rest(),
    }))
}

fn custom(mut tool: Fields, namespace: Option<String>, losses: &mut Losses) -> Result<Tool, Reject> {
    let (name, description) = (tool.needed("name")?, tool.text("description")?);
    let mut format = tool.object("format")?;
    let kind = format.as_mut().map(|format| format.needed("type")).transpose()?;
    let grammar = format.filter(|_| kind.as_deref() == Some("grammar")).map(|format| Json::object(format.rest()));
    report(tool, losses)?;
    Ok(Tool::Custom(CustomTool { name, namespace, description, grammar }))
}

fn web_search(mut tool: Fields, losses: &mut Losses) -> Result<Tool, Reject> {
    let mut search = WebSearch {
        user_location: tool.take("user_location"),
        context_size: tool.text("search_context_size")?,
        ..WebSearch::default()
    };
    if let Some(mut filters) = tool.object("filters")? {
        search.allowed_domains = filters.value("allowed_domains", "list of strings")?.unwrap_or_default();
        search.blocked_domains = filters.value("blocked_domains", "list of strings")?.unwrap_or_default();
    }
    report(tool, losses)?;
    Ok(Tool::WebSearch(search))
}

/// What the model must do with the tools.
pub(super) fn choice(fields: &mut Fields) -> Result<Option<ToolChoice>, Reject> {
    let Some(json) = fields.take("tool_choice") else { return Ok(None) };
    if let Some(word) = json.as_text() {
        return match word.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" => Ok(Some(ToolChoice::Required)),
            other => Err(fields.wrong("tool_choice", &format!("is the unknown `{other}`"))),
        };
    }
    let mut choice = Fields::of("tool_choice", &json)?;
    if choice.peek("type").and_then(Json::as_text).as_deref() == Some("allowed_tools") {
        return allowed(&mut choice).map(Some);
    }
    let tool = named(&mut choice)?;
    Ok(Some(tool.map_or(ToolChoice::Hosted(json), ToolChoice::Tool)))
}

fn allowed(choice: &mut Fields) -> Result<ToolChoice, Reject> {
    let is_required = choice.text("mode")?.as_deref() == Some("required");
    let mut tools = Vec::new();
    for json in choice.list("tools")? {
        let tool = named(&mut Fields::of("tool_choice.tools", &json)?)?;
        tools.push(tool.ok_or_else(|| choice.wrong("tools", "names a tool that can not be translated"))?);
    }
    Ok(ToolChoice::Allowed { is_required, tools })
}

/// A tool by name. `None`: one that the provider runs.
fn named(tool: &mut Fields) -> Result<Option<ToolRef>, Reject> {
    let kind = match tool.needed("type")?.as_str() {
        "function" => ToolKind::Function,
        "custom" => ToolKind::Custom,
        _ => return Ok(None),
    };
    Ok(Some(ToolRef { kind, name: tool.needed("name")?, namespace: tool.text("namespace")? }))
}
