//! Items of a conversation, as turns, and the tools that come up in it.

use super::{content, tools};
use crate::format::{
    Losses, Reject,
    canonical::{
        Call, HostedPart, Input, Part, Proof, ProofKind, Role, Text, Thought, ThoughtKind, Tool, ToolResult, Turn,
    },
    tree::{Object, Value},
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
pub(super) fn conversation(body: Object<'_>, losses: &mut Losses) -> Result<Conversation, Reject> {
    let mut read = Conversation::default();
    let input = body.need("input")?;
    if let Some(text) = input.as_text() {
        read.turns.push(Turn::new(Role::User, vec![Text::new(text).into()]));
        return Ok(read);
    }
    if !input.is_list() {
        return Err(input.wrong("is neither text nor a list of items"));
    }
    for item in input.objects()? {
        take(item?, losses, &mut read)?;
    }
    if read.turns.is_empty() { Err(input.wrong("is empty")) } else { Ok(read) }
}

/// Takes the next item. Its `id` is left behind: nobody but its maker could resolve it.
fn take(item: Object<'_>, losses: &mut Losses, read: &mut Conversation) -> Result<(), Reject> {
    let kind = item.word("type")?.unwrap_or("message".into());
    let turns = &mut read.turns;
    match &*kind {
        "message" => message(item, losses, turns)?,
        "additional_tools" => return tools::list(item, losses, &mut read.tools),
        "reasoning" => said(turns, Part::Thought(thought(item)?)),
        "function_call" => said(turns, Part::Call(function(item)?)),
        "custom_tool_call" => said(turns, Part::Call(custom(item)?)),
        "function_call_output" | "custom_tool_call_output" => {
            turns.push(Turn::new(Role::User, vec![Part::Result(output(item, losses)?)]));
        }
        "item_reference" => {
            let why = "items of type `item_reference` can not be translated; send the item itself";
            return Err(Reject::unsupported(item.path(), why));
        }
        // It goes on whole, or is told in words.
        kind if HOSTED.contains(&kind) => {
            said(turns, Part::Hosted(hosted(kind, item)?));
            return Ok(());
        }
        _ => {
            return Err(Reject::unsupported(item.path(), format!("items of type `{kind}` can not be translated")));
        }
    }
    report(item, losses)
}

/// Members by which the provider that made an item knows it. They say nothing to anybody else.
const OWN: [&str; 4] = ["id", "status", "created_by", "caller"];

/// Reports the members of an item that nobody took.
fn report(item: Object<'_>, losses: &mut Losses) -> Result<(), Reject> {
    let mut rest = item.rest().map(Value::name).filter(|name| !OWN.contains(&&**name));
    rest.try_for_each(|name| losses.dropped(format!("input[].{name}"), ""))
}

/// Adds to what the model says: to its turn, if it is the one who speaks.
fn said(turns: &mut Vec<Turn>, part: Part) {
    match turns.last_mut() {
        Some(turn) if turn.role == Role::Assistant => turn.parts.push(part),
        _ => turns.push(Turn::new(Role::Assistant, vec![part])),
    }
}

fn message(item: Object<'_>, losses: &mut Losses, turns: &mut Vec<Turn>) -> Result<(), Reject> {
    let role = match &*item.need_word("role")? {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        "developer" => Role::Developer,
        other => return Err(item.wrong("role", &format!("is the unknown `{other}`"))),
    };
    let phase = content::phase(item)?;
    let mut parts = content::parts(item, "content", losses)?;
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
fn thought(item: Object<'_>) -> Result<Thought, Reject> {
    let (summary, content) = (paragraphs(item, "summary")?, paragraphs(item, "content")?);
    let is_raw = summary.is_empty() && !content.is_empty();
    let kind = if is_raw { ThoughtKind::Raw } else { ThoughtKind::Summary };
    let data = item.text("encrypted_content")?;
    let proof = data.map(|data| Proof { kind: ProofKind::Encrypted, data, issuer: None });
    Ok(Thought { paragraphs: if is_raw { content } else { summary }, kind, proof })
}

fn paragraphs(item: Object<'_>, name: &str) -> Result<Vec<String>, Reject> {
    item.objects(name)?.map(|part| part?.need_text("text")).collect()
}

fn function(item: Object<'_>) -> Result<Call, Reject> {
    let arguments = item.text("arguments")?.unwrap_or_default();
    call(item, Input::Json(arguments))
}

fn custom(item: Object<'_>) -> Result<Call, Reject> {
    let input = item.text("input")?.unwrap_or_default();
    call(item, Input::Text(input))
}

fn call(item: Object<'_>, input: Input) -> Result<Call, Reject> {
    let (id, name) = (item.need_text("call_id")?, item.need_text("name")?);
    Ok(Call { id, name, namespace: item.text("namespace")?, input, proof: None, cache: None })
}

fn output(item: Object<'_>, losses: &mut Losses) -> Result<ToolResult, Reject> {
    let content = content::parts(item, "output", losses)?;
    Ok(ToolResult { call: item.need_text("call_id")?, content, is_error: false, cache: None })
}

/// A search can be told in a line. Other steps say nothing to a model that has not made them.
fn hosted(kind: &str, item: Object<'_>) -> Result<HostedPart, Reject> {
    let query = match item.object("action")? {
        Some(action) if kind == "web_search_call" => action.text("query")?,
        _ => None,
    };
    let text = query.map(|query| format!("[searched the web for: {query}]"));
    Ok(HostedPart { kind: kind.to_owned(), text, raw: item.value().json() })
}
