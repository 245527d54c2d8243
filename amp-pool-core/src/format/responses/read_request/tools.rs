//! Tools and the choice among them.

use super::report;
use crate::format::{
    Format, Losses, Reject,
    canonical::{CustomTool, FunctionTool, Json, NativeTool, Tool, ToolChoice, ToolKind, ToolRef, WebSearch},
    tree::Object,
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
pub(super) fn list(holder: Object<'_>, losses: &mut Losses, out: &mut Vec<Tool>) -> Result<(), Reject> {
    holder.objects("tools")?.try_for_each(|tool| read(tool?, None, losses, out))
}

fn read(tool: Object<'_>, namespace: Option<&str>, losses: &mut Losses, out: &mut Vec<Tool>) -> Result<(), Reject> {
    let kind = tool.need_word("type")?;
    let namespace = namespace.map(str::to_owned);
    match &*kind {
        "function" => out.push(function(tool, namespace)?),
        "custom" => out.push(custom(tool, namespace, losses)?),
        "namespace" => return inner(tool, losses, out),
        _ if kind.starts_with("web_search") => out.push(web_search(tool, losses)?),
        _ if HOSTED.contains(&&*kind) => {
            let name = tool.text("name").ok().flatten();
            let (kind, raw) = (kind.into_owned(), tool.value().json());
            out.push(Tool::Hosted(NativeTool { format: Format::Responses, kind, name, raw }));
        }
        _ => return Err(tool.wrong("type", &format!("is the unknown `{kind}`"))),
    }
    Ok(())
}

/// The tools of a namespace. What is said of the whole has a place nowhere else.
fn inner(tool: Object<'_>, losses: &mut Losses, out: &mut Vec<Tool>) -> Result<(), Reject> {
    let name = tool.need_word("name")?;
    tool.objects("tools")?.try_for_each(|tool| read(tool?, Some(&name), losses, out))?;
    report(tool, losses)
}

fn function(tool: Object<'_>, namespace: Option<String>) -> Result<Tool, Reject> {
    Ok(Tool::Function(FunctionTool {
        name: tool.need_text("name")?,
        namespace,
        description: tool.text("description")?,
        schema: tool.json("parameters"),
        strict: tool.flag("strict")?,
        cache: None,
        extra: tool.members(),
    }))
}

fn custom(tool: Object<'_>, namespace: Option<String>, losses: &mut Losses) -> Result<Tool, Reject> {
    let (name, description) = (tool.need_text("name")?, tool.text("description")?);
    let grammar = match tool.object("format")? {
        Some(format) if format.need_word("type")? == "grammar" => Some(Json::object(format.members())),
        _ => None,
    };
    report(tool, losses)?;
    Ok(Tool::Custom(CustomTool { name, namespace, description, grammar }))
}

fn web_search(tool: Object<'_>, losses: &mut Losses) -> Result<Tool, Reject> {
    let mut search = WebSearch {
        user_location: tool.json("user_location"),
        context_size: tool.text("search_context_size")?,
        ..WebSearch::default()
    };
    if let Some(filters) = tool.object("filters")? {
        search.allowed_domains = filters.texts("allowed_domains")?;
        search.blocked_domains = filters.texts("blocked_domains")?;
    }
    report(tool, losses)?;
    Ok(Tool::WebSearch(search))
}

/// What the model must do with the tools.
pub(super) fn choice(body: Object<'_>) -> Result<Option<ToolChoice>, Reject> {
    let Some(choice) = body.take("tool_choice") else { return Ok(None) };
    if let Some(word) = choice.as_text() {
        return match &*word {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" => Ok(Some(ToolChoice::Required)),
            other => Err(choice.wrong(&format!("is the unknown `{other}`"))),
        };
    }
    let object = choice.object()?;
    if object.look("type").is_some_and(|kind| kind.says("allowed_tools")) {
        return allowed(object).map(Some);
    }
    let tool = named(object)?;
    Ok(Some(tool.map_or_else(|| ToolChoice::Hosted(choice.json()), ToolChoice::Tool)))
}

fn allowed(choice: Object<'_>) -> Result<ToolChoice, Reject> {
    let is_required = choice.look("mode").is_some_and(|mode| mode.says("required"));
    let one =
        |tool: Object<'_>| named(tool)?.ok_or_else(|| choice.wrong("tools", "names a tool that can not be translated"));
    let tools = choice.objects("tools")?.map(|tool| one(tool?)).collect::<Result<_, _>>()?;
    Ok(ToolChoice::Allowed { is_required, tools })
}

/// A tool by name. `None`: one that the provider runs.
fn named(tool: Object<'_>) -> Result<Option<ToolRef>, Reject> {
    let kind = match &*tool.need_word("type")? {
        "function" => ToolKind::Function,
        "custom" => ToolKind::Custom,
        _ => return Ok(None),
    };
    Ok(Some(ToolRef { kind, name: tool.need_text("name")?, namespace: tool.text("namespace")? }))
}
