//! Items of a conversation, as turns, and the tools that come up in it.

use super::{content, tools};
use crate::format::{
    Losses, Reject,
    canonical::{
        Call, HostedPart, Input, Json, Part, Proof, ProofKind, Role, Text, Thought, ThoughtKind, Tool, ToolResult, Turn,
    },
    responses::fields::Fields,
};

/// Steps of tools that the provider ran. They need no answer, so an answer can be given without knowing them.
const HOSTED: [&str; 10] = [
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "mcp_approval_response",
    "tool_search_call",
    "tool_search_output",
];

/// What has been said, and with what.
#[derive(Default)]
pub(super) struct Conversation {
    pub(super) turns: Vec<Turn>,
    /// Tools that the client offers here and not beside the conversation.
    pub(super) tools: Vec<Tool>,
}

/// The conversation.
pub(super) fn conversation(fields: &mut Fields, losses: &mut Losses) -> Result<Conversation, Reject> {
    let mut read = Conversation::default();
    let input = fields.take("input").ok_or_else(|| fields.wrong("input", "is missing"))?;
    if let Some(text) = input.as_text() {
        read.turns.push(Turn::new(Role::User, vec![Text::new(text).into()]));
        return Ok(read);
    }
    let items: Vec<Json> =
        serde_json::from_str(input.get()).map_err(|_| fields.wrong("input", "is neither text nor a list of items"))?;
    for (at, item) in items.iter().enumerate() {
        take(Fields::of(format!("input[{at}]"), item)?, item, losses, &mut read)?;
    }
    if read.turns.is_empty() { Err(fields.wrong("input", "is empty")) } else { Ok(read) }
}

/// Takes the next item. Its `id` is left behind: nobody but its maker could resolve it.
fn take(mut item: Fields, raw: &Json, losses: &mut Losses, read: &mut Conversation) -> Result<(), Reject> {
    let kind = item.text("type")?.unwrap_or_else(|| "message".to_owned());
    let turns = &mut read.turns;
    match kind.as_str() {
        "message" => message(&mut item, turns)?,
        "additional_tools" => tools::list(&mut item, losses, &mut read.tools)?,
        "reasoning" => said(turns, Part::Thought(thought(&mut item)?)),
        "function_call" => said(turns, Part::Call(function(&mut item)?)),
        "custom_tool_call" => said(turns, Part::Call(custom(&mut item)?)),
        "function_call_output" | "custom_tool_call_output" => {
            turns.push(Turn::new(Role::User, vec![Part::Result(output(&mut item)?)]));
        }
        _ if HOSTED.contains(&kind.as_str()) => said(turns, Part::Hosted(hosted(&kind, &mut item, raw)?)),
        _ => {
            let path = item.path().to_owned();
            return Err(Reject::unsupported(path, format!("items of type `{kind}` can not be translated")));
        }
    }
    Ok(())
}

/// Adds to what the model says: to its turn, if it is the one who speaks.
fn said(turns: &mut Vec<Turn>, part: Part) {
    match turns.last_mut() {
        Some(turn) if turn.role == Role::Assistant => turn.parts.push(part),
        _ => turns.push(Turn::new(Role::Assistant, vec![part])),
    }
}

fn message(item: &mut Fields, turns: &mut Vec<Turn>) -> Result<(), Reject> {
    let role = match item.needed("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        "developer" => Role::Developer,
        other => return Err(item.wrong("role", &format!("is the unknown `{other}`"))),
    };
    let phase = content::phase(item)?;
    let mut parts = content::parts(item, "content")?;
    if role != Role::Assistant {
        turns.push(Turn::new(role, parts));
        return Ok(());
    }
    for part in &mut parts {
        if let Part::Text(text) = part {
            text.phase = phase;
        }
    }
    parts.into_iter().for_each(|part| said(turns, part));
    Ok(())
}

/// A summary is what its maker shows; where there is none the reasoning itself may be.
fn thought(item: &mut Fields) -> Result<Thought, Reject> {
    let (summary, content) = (paragraphs(item, "summary")?, paragraphs(item, "content")?);
    let is_raw = summary.is_empty() && !content.is_empty();
    let kind = if is_raw { ThoughtKind::Raw } else { ThoughtKind::Summary };
    let data = item.text("encrypted_content")?;
    let proof = data.map(|data| Proof { kind: ProofKind::Encrypted, data, issuer: None });
    Ok(Thought { paragraphs: if is_raw { content } else { summary }, kind, proof })
}

fn paragraphs(item: &mut Fields, name: &str) -> Result<Vec<String>, Reject> {
    let path = item.at(name);
    let parts = item.list(name)?;
    parts.iter().map(|part| Fields::of(path.clone(), part)?.needed("text")).collect()
}

fn function(item: &mut Fields) -> Result<Call, Reject> {
    let arguments = item.text("arguments")?.unwrap_or_default();
    call(item, Input::Json(arguments))
}

fn custom(item: &mut Fields) -> Result<Call, Reject> {
    let input = item.text("input")?.unwrap_or_default();
    call(item, Input::Text(input))
}

fn call(item: &mut Fields, input: Input) -> Result<Call, Reject> {
    let (id, name) = (item.needed("call_id")?, item.needed("name")?);
    Ok(Call { id, name, namespace: item.text("namespace")?, input, proof: None, cache: None })
}

fn output(item: &mut Fields) -> Result<ToolResult, Reject> {
    let content = content::parts(item, "output")?;
    Ok(ToolResult { call: item.needed("call_id")?, content, is_error: false, cache: None })
}

/// A search can be told in a line. Other steps say nothing to a model that has not made them.
fn hosted(kind: &str, item: &mut Fields, raw: &Json) -> Result<HostedPart, Reject> {
    let query = match item.object("action")? {
        Some(mut action) if kind == "web_search_call" => action.text("query")?,
        _ => None,
    };
    let text = query.map(|query| format!("[searched the web for: {query}]"));
    Ok(HostedPart { kind: kind.to_owned(), text, raw: raw.clone() })
}
