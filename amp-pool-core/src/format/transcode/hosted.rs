//! Tools that run at the client's own provider, and tools whose shape only it knows.
//!
//! What runs there is left out of a request that makes sense without it, and refuses one that does not. Typed tools, which
//! the client runs, are written as functions where their shape is known.

use super::Translation;
use crate::format::{
    Field, Format, Losses, Reject,
    canonical::{FunctionTool, Json, NativeTool, Request, Tool, ToolChoice},
};

/// Leaves only tools that the upstream can be told of.
pub(super) fn fit(request: &mut Request, translation: &Translation, losses: &mut Losses) -> Result<(), Reject> {
    let searches = translation.policy.web_search && translation.upstream != Format::Chat;
    let forced = forced(request);
    // Chat has no list of hosted tools: there the search is what the whole call is for.
    let needs_all = translation.client == Format::Chat || !request.tools.iter().any(|tool| is_kept(tool, searches));
    let mut kept = Vec::with_capacity(request.tools.len());
    for tool in std::mem::take(&mut request.tools) {
        let is_forced = forced.as_ref().is_some_and(|name| is_called(&tool, name));
        match tool {
            Tool::Typed(tool) => {
                losses.adjusted(format!("tools.{}", tool.kind), "sent as a function")?;
                let unknown = || losses.reject(Field::Tools, format!("the tool `{}` can not be translated", tool.kind));
                kept.push(Tool::Function(known(&tool).ok_or_else(unknown)?));
            }
            tool if is_kept(&tool, searches) => kept.push(tool),
            tool => leave(&tool, needs_all || is_forced, losses)?,
        }
    }
    request.tools = kept;
    match forced.filter(|name| !request.tools.iter().any(|tool| is_called(tool, name))) {
        Some(name) => Err(losses.reject(Field::ToolChoice, format!("there is no tool `{name}` to be called"))),
        None => Ok(()),
    }
}

/// The hosted tool that must be called, by its name or its type.
fn forced(request: &Request) -> Option<String> {
    let Some(ToolChoice::Hosted(choice)) = &request.tool_choice else { return None };
    let members = choice.members().unwrap_or_default();
    let said = |name: &str| members.iter().find(|(member, _)| member == name)?.1.as_text();
    said("type").filter(|kind| kind != "tool").or_else(|| said("name"))
}

fn is_called(tool: &Tool, name: &str) -> bool {
    match tool {
        Tool::WebSearch(_) => name.starts_with("web_search"),
        Tool::Hosted(tool) => tool.kind == name || tool.name.as_deref() == Some(name),
        _ => false,
    }
}

fn is_kept(tool: &Tool, searches: bool) -> bool {
    match tool {
        Tool::WebSearch(_) => searches,
        Tool::Hosted(_) => false,
        _ => true,
    }
}

/// Leaves a tool out, if the call makes sense without it.
fn leave(tool: &Tool, is_needed: bool, losses: &mut Losses) -> Result<(), Reject> {
    let (field, kind) = match tool {
        Tool::Hosted(tool) => (Field::Tools, &*tool.kind),
        _ => (Field::WebSearch, "web_search"),
    };
    if is_needed {
        return Err(losses.reject(field, format!("the upstream has no tool `{kind}`")));
    }
    losses.dropped(format!("tools.{kind}"), "")
}

/// A typed tool of Messages as a function.
fn known(tool: &NativeTool) -> Option<FunctionTool> {
    let (name, description, schema) = if tool.kind.starts_with("bash_") {
        ("bash", BASH, BASH_SCHEMA)
    } else if tool.kind.starts_with("text_editor_") {
        ("str_replace_based_edit_tool", EDITOR, EDITOR_SCHEMA)
    } else {
        return None;
    };
    let name = tool.name.clone().unwrap_or_else(|| name.to_owned());
    let description = Some(description.to_owned());
    Some(FunctionTool { name, description, schema: Json::parse(schema).ok(), ..FunctionTool::default() })
}

const BASH: &str = "Runs a command in a persistent bash session and returns what it prints.";
const BASH_SCHEMA: &str = r#"{"type":"object","properties":{"command":{"type":"string","description":"The command to run."},"restart":{"type":"boolean","description":"True to restart the session."}}}"#;
const EDITOR: &str = "Views, creates and edits text files.";
const EDITOR_SCHEMA: &str = r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert","undo_edit"]},"path":{"type":"string","description":"Absolute path of the file or folder."},"file_text":{"type":"string","description":"Content of the file to create."},"old_str":{"type":"string","description":"Text to replace; it must occur exactly once."},"new_str":{"type":"string","description":"Text to put in its place."},"insert_line":{"type":"integer","description":"Line after which to insert."},"insert_text":{"type":"string","description":"Text to insert."},"view_range":{"type":"array","items":{"type":"integer"},"description":"First and last line to view."}},"required":["command","path"]}"#;
