//! The messages of a Chat request.

use std::borrow::Cow;

use super::parts;
use crate::format::{
    Losses, Reject,
    canonical::{Call, Input, Part, Proof, ProofKind, Role, Thought, ThoughtKind, ToolResult, Turn},
    tree::{Object, Value},
};

/// Reads `messages`, a turn for each.
pub(super) fn read(messages: Value<'_>, losses: &mut Losses) -> Result<Vec<Turn>, Reject> {
    let mut reader = Messages { legacy: Legacy::default(), losses };
    messages.objects()?.map(|message| reader.turn(message?)).collect()
}

struct Messages<'a> {
    legacy: Legacy,
    losses: &'a mut Losses,
}

/// Calls from before calls had ids: each is answered by the next `function` message of its name.
#[derive(Default)]
struct Legacy {
    calls: usize,
    open: Vec<(String, String)>,
}

impl Legacy {
    fn call(&mut self, name: &str) -> String {
        let id = format!("call_{}", self.calls);
        self.calls += 1;
        self.open.push((name.to_owned(), id.clone()));
        id
    }

    /// The id of the call that a result of this name answers. Without one the result has no call, which is seen later.
    fn answered(&mut self, name: &str) -> String {
        let at = self.open.iter().position(|(open, _)| open == name);
        at.map_or_else(|| format!("call_of_{name}"), |at| self.open.remove(at).1)
    }
}

impl Messages<'_> {
    fn turn(&mut self, message: Object<'_>) -> Result<Turn, Reject> {
        let role = message.word("role")?.unwrap_or_default();
        let content = message.take("content").map(|content| parts::content(content, self.losses));
        let content = content.transpose()?.unwrap_or_default();
        let (role, parts) = match &*role {
            "system" => (Role::System, only_text(message, content)?),
            "developer" => (Role::Developer, only_text(message, content)?),
            "user" => (Role::User, content),
            "assistant" => (Role::Assistant, self.assistant(message, content)?),
            "tool" => (Role::User, vec![result(message.need_text("tool_call_id")?, content)]),
            "function" => (Role::User, vec![result(self.legacy.answered(&message.need_word("name")?), content)]),
            _ => {
                let why = format!("`{role}` is no role that is known here");
                return Err(Reject::field(message.path_of("role"), why));
            }
        };
        for member in message.rest() {
            self.losses.dropped(format!("messages[].{}", member.name()), "")?;
        }
        Ok(Turn::new(role, parts))
    }

    /// The thought first, then what was said, then the calls.
    fn assistant(&mut self, message: Object<'_>, mut content: Vec<Part>) -> Result<Vec<Part>, Reject> {
        if message.take("audio").is_some() {
            return Err(Reject::unsupported(message.path_of("audio"), "spoken answers can not be carried"));
        }
        // What was said of the sources is no part of what the model is told again.
        message.take("annotations");
        if let Some(thought) = thought(message)? {
            content.insert(0, Part::Thought(thought));
        }
        content.extend(message.text("refusal")?.map(Part::Refusal));
        for call in message.objects("tool_calls")? {
            content.push(Part::Call(read_call(call?)?));
        }
        if let Some(function) = message.object("function_call")? {
            let (name, input) = function_of(function)?;
            content.push(Part::Call(made(self.legacy.call(&name), name, input)));
        }
        Ok(content)
    }
}

fn only_text(message: Object<'_>, content: Vec<Part>) -> Result<Vec<Part>, Reject> {
    if content.iter().all(|part| matches!(part, Part::Text(_))) {
        return Ok(content);
    }
    Err(Reject::field(message.path_of("content"), "this message can only hold text"))
}

fn result(call: String, content: Vec<Part>) -> Part {
    Part::Result(ToolResult { call, content, is_error: false, cache: None })
}

/// The reasoning of a message, under whichever names it came back.
fn thought(message: Object<'_>) -> Result<Option<Thought>, Reject> {
    let (content, reasoning) = (message.text("reasoning_content")?, message.text("reasoning")?);
    let said = content.or(reasoning).filter(|text| !text.is_empty());
    let details = message.take("reasoning_details").map(|details| details.raw().to_owned());
    let proof = details.map(|data| Proof { kind: ProofKind::Details, data, issuer: None });
    let is_there = said.is_some() || proof.is_some();
    let thought = Thought { paragraphs: said.into_iter().collect(), kind: ThoughtKind::Raw, proof };
    Ok(is_there.then_some(thought))
}

fn read_call(call: Object<'_>) -> Result<Call, Reject> {
    let id = call.take("id").and_then(Value::as_text).map(Cow::into_owned).unwrap_or_default();
    if let Some(custom) = call.object("custom")? {
        let input = Input::Text(custom.need_text("input")?);
        return Ok(made(id, custom.need_text("name")?, input));
    }
    let (name, input) = function_of(call.need("function")?.object()?)?;
    Ok(Call { proof: signature(call), ..made(id, name, input) })
}

fn made(id: String, name: String, input: Input) -> Call {
    Call { id, name, namespace: None, input, proof: None, cache: None }
}

/// Name and arguments. Arguments are a text; some clients write the object itself, which is taken as it stands.
fn function_of(function: Object<'_>) -> Result<(String, Input), Reject> {
    let name = function.need_text("name")?;
    let text =
        function.take("arguments").map(|arguments| arguments.as_text().unwrap_or(Cow::Borrowed(arguments.raw())));
    Ok((name, Input::Json(text.map(Cow::into_owned).unwrap_or_default())))
}

/// What Gemini wants back with a call.
fn signature(call: Object<'_>) -> Option<Proof> {
    let data = call.take("extra_content")?.member("google")?.member("thought_signature")?.as_text()?.into_owned();
    Some(Proof { kind: ProofKind::CallSignature, data, issuer: None })
}
