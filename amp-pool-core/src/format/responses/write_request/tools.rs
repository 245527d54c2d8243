//! Tools and the choice among them.

use crate::format::{
    Field, Losses, Reject,
    canonical::{CustomTool, FunctionTool, Json, Request, Tool, ToolChoice, ToolKind, ToolRef, WebSearch},
    responses::body::Body,
    transcode::{Translation, openai},
};

pub(super) fn write(
    request: &Request,
    translation: &Translation,
    losses: &mut Losses,
    body: &mut Body,
) -> Result<(), Reject> {
    let mut tools = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        tools.push(match tool {
            Tool::Function(tool) => function(tool, translation, losses)?,
            Tool::Custom(tool) => custom(tool),
            Tool::WebSearch(tool) => web_search(tool, losses)?,
            Tool::Typed(tool) | Tool::Hosted(tool) => {
                return Err(losses.reject(Field::Tools, format!("the upstream has no tool `{}`", tool.kind)));
            }
        });
    }
    if tools.is_empty() {
        return Ok(());
    }
    body.add("tools", &tools);
    body.add_some("tool_choice", request.tool_choice.as_ref().map(choice));
    match request.parallel_tools {
        Some(false) if !translation.dialect.parallel_flag_ok => losses.dropped(Field::ParallelTools, ""),
        Some(_) if !translation.dialect.parallel_flag_ok => Ok(()),
        parallel => {
            body.add_some("parallel_tool_calls", parallel);
            Ok(())
        }
    }
}

/// `strict` is always said: where it is missing the provider rewrites the schema, and refuses what it can not rewrite.
fn function(tool: &FunctionTool, translation: &Translation, losses: &mut Losses) -> Result<Json, Reject> {
    let parameters = tool.schema.clone().unwrap_or_else(|| Json::object(Vec::new()));
    let is_strict = translation.dialect.strict_ok && openai::strict(tool.strict, &parameters);
    if tool.strict == Some(true) && !is_strict {
        losses.dropped(Field::StrictTools, "")?;
    }
    if tool.cache.is_some() {
        losses.dropped(Field::CacheMarks, "")?;
    }
    for (name, _) in &tool.extra {
        losses.dropped(format!("tools[].{name}"), "")?;
    }
    let mut body = Body::of("function");
    body.add("name", &tool.name);
    body.add_some("description", tool.description.as_ref());
    body.add("parameters", &parameters);
    body.add("strict", &is_strict);
    Ok(body.json())
}

fn custom(tool: &CustomTool) -> Json {
    let mut body = Body::of("custom");
    body.add("name", &tool.name);
    body.add_some("description", tool.description.as_ref());
    if let Some(grammar) = &tool.grammar {
        let mut format = Body::of("grammar");
        format.0.extend(grammar.members().unwrap_or_default());
        body.add_object("format", format);
    }
    body.json()
}

fn web_search(tool: &WebSearch, losses: &mut Losses) -> Result<Json, Reject> {
    let (mut body, mut filters) = (Body::default(), Body::default());
    for (name, domains) in [("allowed_domains", &tool.allowed_domains), ("blocked_domains", &tool.blocked_domains)] {
        filters.add_some(name, (!domains.is_empty()).then_some(domains));
    }
    body.add("type", "web_search");
    body.add_object("filters", filters);
    body.add_some("user_location", tool.user_location.as_ref());
    body.add_some("search_context_size", tool.context_size.as_ref());
    if tool.max_uses.is_some() {
        losses.dropped("tools[].max_uses", "")?;
    }
    Ok(body.json())
}

fn choice(choice: &ToolChoice) -> Json {
    match choice {
        ToolChoice::Auto => Json::of(&"auto"),
        ToolChoice::None => Json::of(&"none"),
        ToolChoice::Required => Json::of(&"required"),
        ToolChoice::Tool(tool) => named(tool),
        ToolChoice::Allowed { is_required, tools } => {
            let mut body = Body::of("allowed_tools");
            body.add("mode", if *is_required { "required" } else { "auto" });
            body.add("tools", &tools.iter().map(named).collect::<Vec<_>>());
            body.json()
        }
        // Search is the only tool of a provider that gets here.
        ToolChoice::Hosted(_) => Body::of("web_search").json(),
    }
}

fn named(tool: &ToolRef) -> Json {
    let mut body = Body::of(match tool.kind {
        ToolKind::Function => "function",
        ToolKind::Custom => "custom",
    });
    body.add("name", &tool.name);
    body.json()
}
