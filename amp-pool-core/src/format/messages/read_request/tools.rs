//! Tools of a Messages request, and the choice among them.

use super::mark;
use crate::format::{
    Format, Reject,
    canonical::{FunctionTool, NativeTool, Request, Tool, ToolChoice, ToolKind, ToolRef, WebSearch},
    tree::{Object, Value},
};

/// Beginnings of the types that the client answers.
const TYPED: [&str; 4] = ["bash_", "text_editor_", "memory_", "computer_"];

pub(super) fn read(body: Object<'_>) -> Result<Vec<Tool>, Reject> {
    body.objects("tools")?.map(|tool| one(tool?)).collect()
}

fn one(tool: Object<'_>) -> Result<Tool, Reject> {
    let kind = tool.word("type")?.unwrap_or("custom".into());
    if kind == "custom" {
        return function(tool);
    }
    if kind.starts_with("web_search_") {
        return web_search(tool);
    }
    let (name, kind, raw) = (tool.text("name")?, kind.into_owned(), tool.value().json());
    let native = NativeTool { format: Format::Messages, name, raw, kind };
    let is_typed = TYPED.iter().any(|beginning| native.kind.starts_with(beginning));
    Ok(if is_typed { Tool::Typed(native) } else { Tool::Hosted(native) })
}

fn function(tool: Object<'_>) -> Result<Tool, Reject> {
    Ok(Tool::Function(FunctionTool {
        name: tool.need_text("name")?,
        namespace: None,
        description: tool.text("description")?,
        schema: tool.json("input_schema"),
        strict: tool.flag("strict")?,
        cache: mark(tool)?,
        extra: tool.members(),
    }))
}

fn web_search(tool: Object<'_>) -> Result<Tool, Reject> {
    Ok(Tool::WebSearch(WebSearch {
        allowed_domains: tool.texts("allowed_domains")?,
        blocked_domains: tool.texts("blocked_domains")?,
        user_location: tool.json("user_location"),
        max_uses: tool.count("max_uses")?,
        context_size: None,
    }))
}

/// Reads the choice. The tools have been read.
pub(super) fn choice(body: Object<'_>, request: &mut Request) -> Result<(), Reject> {
    let Some(choice) = body.object("tool_choice")? else { return Ok(()) };
    request.parallel_tools = choice.flag("disable_parallel_tool_use")?.map(|is_single| !is_single);
    request.tool_choice = Some(match &*choice.need_word("type")? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => named(choice.need_text("name")?, choice.value(), &request.tools),
        other => return Err(Reject::field("tool_choice.type", format!("unknown choice `{other}`"))),
    });
    Ok(())
}

fn named(name: String, choice: Value<'_>, tools: &[Tool]) -> ToolChoice {
    let is_hosted = tools.iter().any(|tool| match tool {
        Tool::WebSearch(_) => name == "web_search",
        Tool::Hosted(tool) => tool.name.as_deref() == Some(&*name),
        _ => false,
    });
    if is_hosted {
        return ToolChoice::Hosted(choice.json());
    }
    ToolChoice::Tool(ToolRef { kind: ToolKind::Function, name, namespace: None })
}
