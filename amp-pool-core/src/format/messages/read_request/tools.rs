//! Tools of a Messages request, and the choice among them.

use super::object::Object;
use crate::format::{
    Format, Reject,
    canonical::{FunctionTool, Json, NativeTool, Request, Tool, ToolChoice, ToolKind, ToolRef, WebSearch},
};

/// Beginnings of the types that the client answers.
const TYPED: [&str; 4] = ["bash_", "text_editor_", "memory_", "computer_"];

pub(super) fn read(body: &mut Object) -> Result<Vec<Tool>, Reject> {
    body.objects("tools")?.into_iter().map(|(raw, tool)| one(raw, tool)).collect()
}

fn one(raw: Json, mut tool: Object) -> Result<Tool, Reject> {
    let kind = tool.text("type")?.unwrap_or_else(|| "custom".to_owned());
    if kind == "custom" {
        return function(tool);
    }
    if kind.starts_with("web_search_") {
        return web_search(tool);
    }
    let native = NativeTool { format: Format::Messages, name: tool.text("name")?, raw, kind };
    let is_typed = TYPED.iter().any(|beginning| native.kind.starts_with(beginning));
    Ok(if is_typed { Tool::Typed(native) } else { Tool::Hosted(native) })
}

fn function(mut tool: Object) -> Result<Tool, Reject> {
    Ok(Tool::Function(FunctionTool {
        name: tool.need_text("name")?,
        namespace: None,
        description: tool.text("description")?,
        schema: tool.take("input_schema"),
        strict: tool.value("strict", "a boolean")?,
        cache: tool.mark()?,
        extra: tool.rest(),
    }))
}

fn web_search(mut tool: Object) -> Result<Tool, Reject> {
    let domains = "a list of strings";
    Ok(Tool::WebSearch(WebSearch {
        allowed_domains: tool.value("allowed_domains", domains)?.unwrap_or_default(),
        blocked_domains: tool.value("blocked_domains", domains)?.unwrap_or_default(),
        user_location: tool.take("user_location"),
        max_uses: tool.count("max_uses")?,
        context_size: None,
    }))
}

/// Reads the choice. The tools have been read.
pub(super) fn choice(body: &mut Object, request: &mut Request) -> Result<(), Reject> {
    let path = body.path("tool_choice");
    let Some(raw) = body.take("tool_choice") else { return Ok(()) };
    let mut choice = Object::of(&raw, path)?;
    let is_single: Option<bool> = choice.value("disable_parallel_tool_use", "a boolean")?;
    request.parallel_tools = is_single.map(|is_single| !is_single);
    request.tool_choice = Some(match &*choice.need_text("type")? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => named(choice.need_text("name")?, raw, &request.tools),
        other => return Err(Reject::field("tool_choice.type", format!("unknown choice `{other}`"))),
    });
    Ok(())
}

fn named(name: String, raw: Json, tools: &[Tool]) -> ToolChoice {
    let is_hosted = tools.iter().any(|tool| match tool {
        Tool::WebSearch(_) => name == "web_search",
        Tool::Hosted(tool) => tool.name.as_deref() == Some(&*name),
        _ => false,
    });
    if is_hosted {
        return ToolChoice::Hosted(raw);
    }
    ToolChoice::Tool(ToolRef { kind: ToolKind::Function, name, namespace: None })
}
