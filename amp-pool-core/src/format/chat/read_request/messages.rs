//! The messages of a Chat request.

use super::{object, parts, read as value_of, take};
use crate::format::{
    Losses, Reject,
    canonical::{Call, Input, Json, Member, Part, Proof, ProofKind, Role, Thought, ThoughtKind, ToolResult, Turn},
};

/// Reads `messages`, a turn for each.
pub(super) fn read(messages: &Json, losses: &mut Losses) -> Result<Vec<Turn>, Reject> {
    let messages: Vec<Json> = value_of("messages", messages)?;
    let mut reader = Messages { legacy: Legacy::default(), losses };
    messages.iter().enumerate().map(|(at, message)| reader.turn(&format!("messages[{at}]"), message)).collect()
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
    fn turn(&mut self, at: &str, message: &Json) -> Result<Turn, Reject> {
        let mut members = object(at, message)?;
        let role = take(&mut members, "role").and_then(|role| role.as_text()).unwrap_or_default();
        let content = take(&mut members, "content");
        let content = content.map(|content| parts::content(&format!("{at}.content"), &content, self.losses));
        let content = content.transpose()?.unwrap_or_default();
        let (role, parts) = match &*role {
            "system" => (Role::System, self.only_text(at, content)?),
            "developer" => (Role::Developer, self.only_text(at, content)?),
            "user" => (Role::User, content),
            "assistant" => (Role::Assistant, self.assistant(at, content, &mut members)?),
            "tool" => (Role::User, vec![result(required(at, "tool_call_id", &mut members)?, content)]),
            "function" => {
                let name = required(at, "name", &mut members)?;
                (Role::User, vec![result(self.legacy.answered(&name), content)])
            }
            _ => return Err(Reject::field(format!("{at}.role"), format!("`{role}` is no role that is known here"))),
        };
        for (name, _) in members {
            self.losses.dropped(format!("messages[].{name}"), "")?;
        }
        Ok(Turn::new(role, parts))
    }

    fn only_text(&self, at: &str, content: Vec<Part>) -> Result<Vec<Part>, Reject> {
        if content.iter().all(|part| matches!(part, Part::Text(_))) {
            return Ok(content);
        }
        Err(Reject::field(format!("{at}.content"), "this message can only hold text"))
    }

    /// The thought first, then what was said, then the calls.
    fn assistant(&mut self, at: &str, content: Vec<Part>, members: &mut Vec<Member>) -> Result<Vec<Part>, Reject> {
        if take(members, "audio").is_some() {
            return Err(Reject::unsupported(format!("{at}.audio"), "spoken answers can not be carried"));
        }
        // What was said of the sources is no part of what the model is told again.
        take(members, "annotations");
        let mut parts: Vec<Part> = thought(at, members)?.into_iter().map(Part::Thought).collect();
        parts.extend(content);
        if let Some(refusal) = take(members, "refusal") {
            parts.push(Part::Refusal(value_of(&format!("{at}.refusal"), &refusal)?));
        }
        let calls = take(members, "tool_calls").map(|calls| value_of::<Vec<Json>>(&format!("{at}.tool_calls"), &calls));
        for (index, json) in calls.transpose()?.unwrap_or_default().iter().enumerate() {
            parts.push(Part::Call(call(&format!("{at}.tool_calls[{index}]"), json)?));
        }
        if let Some(function) = take(members, "function_call") {
            let at = format!("{at}.function_call");
            let (name, input) = function_of(&at, &function)?;
            parts.push(Part::Call(made(self.legacy.call(&name), name, input)));
        }
        Ok(parts)
    }
}

fn required(at: &str, name: &str, members: &mut Vec<Member>) -> Result<String, Reject> {
    let at = format!("{at}.{name}");
    let value = take(members, name).ok_or_else(|| Reject::field(at.clone(), format!("`{at}` is missing")))?;
    value_of(&at, &value)
}

fn result(call: String, content: Vec<Part>) -> Part {
    Part::Result(ToolResult { call, content, is_error: false, cache: None })
}

/// The reasoning of a message, under whichever names it came back.
fn thought(at: &str, members: &mut Vec<Member>) -> Result<Option<Thought>, Reject> {
    let mut text = |name: &str| -> Result<Option<String>, Reject> {
        take(members, name).map(|text| value_of(&format!("{at}.{name}"), &text)).transpose()
    };
    let (content, reasoning) = (text("reasoning_content")?, text("reasoning")?);
    let said = content.or(reasoning).filter(|text| !text.is_empty());
    let details = take(members, "reasoning_details").map(|details| details.get().to_owned());
    let proof = details.map(|data| Proof { kind: ProofKind::Details, data, issuer: None });
    let is_there = said.is_some() || proof.is_some();
    let thought = Thought { paragraphs: said.into_iter().collect(), kind: ThoughtKind::Raw, proof };
    Ok(is_there.then_some(thought))
}

fn call(at: &str, call: &Json) -> Result<Call, Reject> {
    let mut members = object(at, call)?;
    let id = take(&mut members, "id").and_then(|id| id.as_text()).unwrap_or_default();
    if let Some(custom) = take(&mut members, "custom") {
        let mut custom = object(at, &custom)?;
        let input = Input::Text(required(&format!("{at}.custom"), "input", &mut custom)?);
        return Ok(made(id, required(&format!("{at}.custom"), "name", &mut custom)?, input));
    }
    let place = format!("{at}.function");
    let function = take(&mut members, "function");
    let function = function.ok_or_else(|| Reject::field(place.clone(), format!("`{place}` is missing")))?;
    let (name, input) = function_of(&place, &function)?;
    Ok(Call { proof: signature(&mut members), ..made(id, name, input) })
}

fn made(id: String, name: String, input: Input) -> Call {
    Call { id, name, namespace: None, input, proof: None, cache: None }
}

/// Name and arguments. Arguments are a text; some clients write the object itself, which is taken as it stands.
fn function_of(at: &str, function: &Json) -> Result<(String, Input), Reject> {
    let mut members = object(at, function)?;
    let name = required(at, "name", &mut members)?;
    let arguments = take(&mut members, "arguments");
    let text = arguments.map(|json| json.as_text().unwrap_or_else(|| json.get().to_owned()));
    Ok((name, Input::Json(text.unwrap_or_default())))
}

/// What Gemini wants back with a call.
fn signature(members: &mut Vec<Member>) -> Option<Proof> {
    let mut google = take(&mut take(members, "extra_content")?.members()?, "google")?.members()?;
    let data = take(&mut google, "thought_signature")?.as_text()?;
    Some(Proof { kind: ProofKind::CallSignature, data, issuer: None })
}
