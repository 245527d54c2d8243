//! Tools and the choice among them.

use crate::format::{
    Field, Losses, Reject,
    body::Body,
    canonical::{CustomTool, FunctionTool, Request, Tool, ToolChoice, ToolKind, ToolRef, WebSearch},
    transcode::{Translation, openai, schema},
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
    body.add_objects("tools", tools);
    if let Some(asked) = &request.tool_choice {
        choice(asked, body);
    }
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
fn function(tool: &FunctionTool, translation: &Translation, losses: &mut Losses) -> Result<Body, Reject> {
    let parameters = schema::whole(tool);
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
    body.add_json("parameters", &parameters);
    body.add("strict", &is_strict);
    Ok(body)
}

fn custom(tool: &CustomTool) -> Body {
    let mut body = Body::of("custom");
    body.add("name", &tool.name);
    body.add_some("description", tool.description.as_ref());
    if let Some(grammar) = &tool.grammar {
        let mut format = Body::of("grammar");
        format.extend(&grammar.members().unwrap_or_default());
        body.add_object("format", &format);
    }
    body
}

fn web_search(tool: &WebSearch, losses: &mut Losses) -> Result<Body, Reject> {
    let (mut body, mut filters) = (Body::default(), Body::default());
    for (name, domains) in [("allowed_domains", &tool.allowed_domains), ("blocked_domains", &tool.blocked_domains)] {
        filters.add_some(name, (!domains.is_empty()).then_some(domains));
    }
    body.add("type", "web_search");
    body.add_filled("filters", &filters);
    body.add_some("user_location", tool.user_location.as_ref());
    body.add_some("search_context_size", tool.context_size.as_ref());
    if tool.max_uses.is_some() {
        losses.dropped("tools[].max_uses", "")?;
    }
    Ok(body)
}

fn choice(choice: &ToolChoice, body: &mut Body) {
    let name = "tool_choice";
    match choice {
        ToolChoice::Auto => body.add(name, "auto"),
        ToolChoice::None => body.add(name, "none"),
        ToolChoice::Required => body.add(name, "required"),
        ToolChoice::Tool(tool) => body.add_object(name, &named(tool)),
        ToolChoice::Allowed { is_required, tools } => {
            let mut allowed = Body::of("allowed_tools");
            allowed.add("mode", if *is_required { "required" } else { "auto" });
            allowed.add_objects("tools", tools.iter().map(named));
            body.add_object(name, &allowed);
        }
        // Search is the only tool of a provider that gets here.
        ToolChoice::Hosted(_) => body.add_object(name, &Body::of("web_search")),
    }
}

fn named(tool: &ToolRef) -> Body {
    let mut body = Body::of(match tool.kind {
        ToolKind::Function => "function",
        ToolKind::Custom => "custom",
    });
    body.add("name", &tool.name);
    body
}
