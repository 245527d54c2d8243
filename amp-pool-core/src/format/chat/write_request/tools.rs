//! Tools, as this upstream takes them.

use std::borrow::Cow;

use serde::Serialize;

use super::{Writer, is_openai};
use crate::format::{
    Field, Reject,
    canonical::{CustomTool, FunctionTool, Json, Tool, ToolChoice, ToolKind, ToolRef},
    transcode::{openai, schema},
};

/// A tool. Chat writes nearly everything under the name of its type.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Written<'a> {
    Function { function: Function<'a> },
    Custom { custom: Custom<'a> },
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: Cow<'a, Json>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

#[derive(Debug, Serialize)]
struct Custom<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Grammar<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Grammar<'a> {
    Grammar { grammar: &'a Json },
}

/// `tool_choice`
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Tool(Named<'a>),
    Some(Allowed<'a>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Named<'a> {
    Function { function: Name<'a> },
    Custom { custom: Name<'a> },
}

#[derive(Debug, Serialize)]
struct Name<'a> {
    name: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Allowed<'a> {
    AllowedTools { allowed_tools: List<'a> },
}

#[derive(Debug, Serialize)]
struct List<'a> {
    mode: &'static str,
    tools: Vec<Named<'a>>,
}

/// Writes the tools and what is said about them. Without tools nothing may be said.
pub(super) fn write(writer: &mut Writer<'_>) -> Result<(), Reject> {
    let request = writer.request;
    let mut tools = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        tools.extend(writer.tool(tool)?);
    }
    if tools.is_empty() {
        return Ok(());
    }
    writer.body.add("tools", &tools);
    if let Some(choice) = &request.tool_choice {
        let choice = writer.choice(choice)?;
        writer.body.add("tool_choice", &choice);
    }
    match request.parallel_tools {
        Some(parallel) if writer.dialect().parallel_flag_ok => writer.body.add("parallel_tool_calls", &parallel),
        Some(false) => writer.losses.dropped(Field::ParallelTools, "")?,
        _ => {}
    }
    Ok(())
}

impl<'a> Writer<'a> {
    fn tool(&mut self, tool: &'a Tool) -> Result<Option<Written<'a>>, Reject> {
        match tool {
            Tool::Function(function) => self.function(function).map(Some),
            Tool::Custom(custom) => Ok(Some(custom_tool(custom))),
            Tool::Typed(_) | Tool::Hosted(_) | Tool::WebSearch(_) => {
                self.losses.dropped(Field::Tools, "not a tool of this upstream").map(|()| None)
            }
        }
    }

    fn function(&mut self, tool: &'a FunctionTool) -> Result<Written<'a>, Reject> {
        for (name, _) in &tool.extra {
            self.losses.dropped(format!("tools[].{name}"), "")?;
        }
        if tool.cache.is_some() {
            self.losses.dropped(Field::CacheMarks, "not at tools")?;
        }
        let parameters = schema::whole(tool);
        let strict = self.dialect().strict_ok && openai::strict(tool.strict, &parameters);
        if tool.strict == Some(true) && !strict {
            self.losses.dropped(Field::StrictTools, "the schema or the upstream can not be strict")?;
        }
        let description = tool.description.as_deref().filter(|text| !text.is_empty());
        Ok(Written::Function { function: Function { name: &tool.name, description, parameters, strict } })
    }

    fn choice(&self, choice: &'a ToolChoice) -> Result<Choice<'a>, Reject> {
        Ok(match choice {
            ToolChoice::Auto => Choice::Word("auto"),
            // The tools are still sent: they are part of the cached prefix.
            ToolChoice::None => Choice::Word("none"),
            ToolChoice::Required => Choice::Word("required"),
            ToolChoice::Tool(tool) => Choice::Tool(self.named(tool)),
            ToolChoice::Allowed { is_required, tools } => {
                let mode = if *is_required { "required" } else { "auto" };
                let tools = tools.iter().map(|tool| self.named(tool)).collect();
                Choice::Some(Allowed::AllowedTools { allowed_tools: List { mode, tools } })
            }
            ToolChoice::Hosted(_) => {
                return Err(self.losses.reject(Field::ToolChoice, "the tool can not be called here"));
            }
        })
    }

    fn named(&self, tool: &'a ToolRef) -> Named<'a> {
        let name = Name { name: &tool.name };
        match tool.kind {
            ToolKind::Custom if is_openai(self.dialect()) => Named::Custom { custom: name },
            ToolKind::Custom | ToolKind::Function => Named::Function { function: name },
        }
    }
}

fn custom_tool(tool: &CustomTool) -> Written<'_> {
    let description = tool.description.as_deref().filter(|text| !text.is_empty());
    let format = tool.grammar.as_ref().map(|grammar| Grammar::Grammar { grammar });
    Written::Custom { custom: Custom { name: &tool.name, description, format } }
}
