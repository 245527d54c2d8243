//! Tools, as this upstream takes them.

use super::{Body, Writer, is_openai};
use crate::format::{
    Field, Reject,
    canonical::{CustomTool, FunctionTool, Json, Tool, ToolChoice, ToolKind, ToolRef},
    transcode::{openai, schema},
};

/// Writes the tools and what is said about them. Without tools nothing may be said.
pub(super) fn write(writer: &mut Writer<'_>) -> Result<(), Reject> {
    let mut tools = Vec::new();
    for tool in &writer.request.tools {
        tools.extend(writer.tool(tool)?);
    }
    if tools.is_empty() {
        return Ok(());
    }
    writer.body.add("tools", &tools);
    if let Some(choice) = &writer.request.tool_choice {
        let choice = writer.choice(choice)?;
        writer.body.add("tool_choice", &choice);
    }
    match writer.request.parallel_tools {
        Some(parallel) if writer.dialect().parallel_flag_ok => writer.body.add("parallel_tool_calls", &parallel),
        Some(false) => writer.losses.dropped(Field::ParallelTools, "")?,
        _ => {}
    }
    Ok(())
}

impl Writer<'_> {
    fn tool(&mut self, tool: &Tool) -> Result<Option<Json>, Reject> {
        match tool {
            Tool::Function(function) => self.function(function).map(Some),
            Tool::Custom(custom) => Ok(Some(custom_tool(custom))),
            Tool::Typed(_) | Tool::Hosted(_) | Tool::WebSearch(_) => {
                self.losses.dropped(Field::Tools, "not a tool of this upstream").map(|()| None)
            }
        }
    }

    fn function(&mut self, tool: &FunctionTool) -> Result<Json, Reject> {
        for (name, _) in &tool.extra {
            self.losses.dropped(format!("tools[].{name}"), "")?;
        }
        if tool.cache.is_some() {
            self.losses.dropped(Field::CacheMarks, "not at tools")?;
        }
        let parameters = schema::of_arguments(tool.schema.as_ref(), self.dialect().schema_without_id);
        let is_strict = self.dialect().strict_ok && openai::strict(tool.strict, &parameters);
        if tool.strict == Some(true) && !is_strict {
            self.losses.dropped(Field::StrictTools, "the schema or the upstream can not be strict")?;
        }
        let mut inner = named(&tool.name, tool.description.as_deref());
        inner.add("parameters", &parameters);
        inner.add_some("strict", is_strict.then_some(&true));
        Ok(typed("function", &inner.json()))
    }

    fn choice(&self, choice: &ToolChoice) -> Result<Json, Reject> {
        Ok(match choice {
            ToolChoice::Auto => Json::of(&"auto"),
            // The tools are still sent: they are part of the cached prefix.
            ToolChoice::None => Json::of(&"none"),
            ToolChoice::Required => Json::of(&"required"),
            ToolChoice::Tool(tool) => self.reference(tool),
            ToolChoice::Allowed { is_required, tools } => self.allowed(*is_required, tools),
            ToolChoice::Hosted(_) => {
                return Err(self.losses.reject(Field::ToolChoice, "the tool can not be called here"));
            }
        })
    }

    fn reference(&self, tool: &ToolRef) -> Json {
        let is_custom = tool.kind == ToolKind::Custom && is_openai(self.dialect());
        typed(if is_custom { "custom" } else { "function" }, &named(&tool.name, None).json())
    }

    fn allowed(&self, is_required: bool, tools: &[ToolRef]) -> Json {
        let tools: Vec<Json> = tools.iter().map(|tool| self.reference(tool)).collect();
        let mut inner = Body::default();
        inner.add("mode", if is_required { "required" } else { "auto" });
        inner.add("tools", &tools);
        typed("allowed_tools", &inner.json())
    }
}

fn custom_tool(tool: &CustomTool) -> Json {
    let mut inner = named(&tool.name, tool.description.as_deref());
    if let Some(grammar) = &tool.grammar {
        inner.add("format", &typed("grammar", grammar));
    }
    typed("custom", &inner.json())
}

/// `{"type": kind, kind: inner}`, which is how Chat writes nearly everything.
pub(super) fn typed(kind: &str, inner: &Json) -> Json {
    let mut outer = Body::default();
    outer.add("type", kind);
    outer.add(kind, inner);
    outer.json()
}

fn named(name: &str, description: Option<&str>) -> Body {
    let mut body = Body::default();
    body.add("name", name);
    body.add_some("description", description.filter(|text| !text.is_empty()));
    body
}
