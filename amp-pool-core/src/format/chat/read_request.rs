//! Chat requests, read.
//!
//! Gives every message a turn of its own, in the client's order: a `tool` (or legacy `function`) message becomes a user
//! turn with one result; tool calls, `reasoning_content` and refusals become parts of the assistant's turn, the thought
//! first, then text, then calls. `system` and `developer` messages stay where they are. `n` above 1, audio output and
//! file ids are refused; what only Chat has goes to `extra`.

use serde::de::DeserializeOwned;

use crate::format::{
    Losses, Reject,
    canonical::{Effort, Json, Member, Request, ServiceTier, Structured, Tool},
};

mod messages;
mod parts;
#[cfg(test)]
mod tests;
mod tools;

/// Reads a body. Its limits of size have been checked, and that no member is there twice.
///
/// # Errors
/// [`Reject`] when it is no request of this format, or holds what no translation can carry.
pub(in crate::format) fn read_request(body: &[u8], losses: &mut Losses) -> Result<Request, Reject> {
    let members = serde_json::from_slice::<Json>(body).ok().and_then(|json| json.members());
    let members = members.ok_or_else(|| Reject::body("the body is not a JSON object"))?;
    let mut request = Request::default();
    let mut more = More::default();
    for (name, value) in members.into_iter().filter(|(_, value)| !is_null(value)) {
        member(&mut request, &mut more, name, value, losses)?;
    }
    more.settle(&mut request);
    if request.model.is_empty() {
        return Err(Reject::field("model", "`model` is missing"));
    }
    Ok(request)
}

/// Members that have to be seen together.
#[derive(Default)]
struct More {
    logprobs: bool,
    top_logprobs: Option<Member>,
    old_limit: Option<Member>,
    old_user: Option<Member>,
}

impl More {
    /// Of two names for one thing the newer one counts, and the other is told as dropped.
    fn settle(self, request: &mut Request) {
        let number = |member: &Member| read::<u64>(&member.0, &member.1).ok();
        match (self.logprobs, self.top_logprobs) {
            (true, top) => request.logprobs = Some(top.as_ref().and_then(number).unwrap_or(0)),
            (false, top) => request.extra.extend(top),
        }
        match (request.max_output, self.old_limit) {
            (None, old) => request.max_output = old.as_ref().and_then(number),
            (Some(_), old) => request.extra.extend(old),
        }
        match (&request.user, self.old_user) {
            (None, old) => request.user = old.and_then(|(_, user)| user.as_text()),
            (Some(_), old) => request.extra.extend(old),
        }
    }
}

fn member(
    request: &mut Request,
    more: &mut More,
    name: String,
    value: Json,
    losses: &mut Losses,
) -> Result<(), Reject> {
    let at = &*name;
    match at {
        "model" => request.model = read(at, &value)?,
        "messages" => request.turns = messages::read(&value, losses)?,
        "tools" => request.tools.extend(tools::read(&value)?),
        "functions" => request.tools.extend(tools::read_functions(&value)?),
        "web_search_options" => request.tools.push(Tool::WebSearch(tools::web_search(at, &value)?)),
        "tool_choice" => request.tool_choice = Some(tools::choice(&value)?),
        "function_call" => request.tool_choice = Some(tools::function_choice(&value)?),
        "parallel_tool_calls" => request.parallel_tools = Some(read(at, &value)?),
        "max_completion_tokens" => request.max_output = Some(read(at, &value)?),
        "max_tokens" => {
            read::<u64>(at, &value)?;
            more.old_limit = Some((name, value));
        }
        "temperature" => request.sampling.temperature = Some(read(at, &value)?),
        "top_p" => request.sampling.top_p = Some(read(at, &value)?),
        "top_k" => request.sampling.top_k = Some(read(at, &value)?),
        "stop" => request.stop = stop(&value)?,
        "reasoning_effort" => request.reasoning.effort = Some(effort(&value)?),
        _ => return option(request, more, name, value),
    }
    Ok(())
}

/// Members beside the question itself: how the answer comes, who asks, and what can not be carried.
fn option(request: &mut Request, more: &mut More, name: String, value: Json) -> Result<(), Reject> {
    let at = &*name;
    match at {
        "verbosity" => request.verbosity = Some(read(at, &value)?),
        "response_format" => request.structured = structured(&value)?,
        "stream" => request.stream = read(at, &value)?,
        "stream_options" => stream_options(request, &value)?,
        "logprobs" => more.logprobs = read(at, &value)?,
        "top_logprobs" => {
            read::<u64>(at, &value)?;
            more.top_logprobs = Some((name, value));
        }
        "safety_identifier" => request.user = Some(read(at, &value)?),
        "user" => {
            read::<String>(at, &value)?;
            more.old_user = Some((name, value));
        }
        "prompt_cache_key" => request.cache.key = Some(read(at, &value)?),
        "prompt_cache_retention" => request.cache.retention = Some(read(at, &value)?),
        "prompt_cache_options" => request.cache.options = Some(value),
        "service_tier" => request.service_tier = Some(service_tier(&read::<String>(at, &value)?)),
        "metadata" => request.metadata = Some(value),
        "store" => request.store = Some(read(at, &value)?),
        "n" if read::<u64>(at, &value)? > 1 => {
            return Err(Reject::unsupported(at.to_owned(), "only one choice can be made here"));
        }
        "modalities" => modalities(&value)?,
        "audio" => return Err(Reject::unsupported("audio", "answers can not be spoken here")),
        "n" => {}
        _ if says_nothing(at, &value) => {}
        _ => request.extra.push((name, value)),
    }
    Ok(())
}

/// A value of a member, or why it is none.
pub(super) fn read<T: DeserializeOwned>(at: &str, value: &Json) -> Result<T, Reject> {
    serde_json::from_str(value.get())
        .map_err(|error| Reject::field(at.to_owned(), format!("`{at}` is not right: {error}")))
}

/// The members of an object, without those that are null.
pub(super) fn object(at: &str, value: &Json) -> Result<Vec<Member>, Reject> {
    let mut members =
        value.members().ok_or_else(|| Reject::field(at.to_owned(), format!("`{at}` is not an object")))?;
    members.retain(|(_, value)| !is_null(value));
    Ok(members)
}

/// Takes a member out.
pub(super) fn take(members: &mut Vec<Member>, name: &str) -> Option<Json> {
    let at = members.iter().position(|(member, _)| member == name)?;
    Some(members.remove(at).1)
}

fn is_null(value: &Json) -> bool {
    value.get() == "null"
}

/// Values that clients send by habit, and that mean the same as nothing.
fn says_nothing(name: &str, value: &Json) -> bool {
    match name {
        "presence_penalty" | "frequency_penalty" => {
            serde_json::from_str(value.get()).is_ok_and(|number: f64| number == 0.0)
        }
        "logit_bias" => value.members().is_some_and(|members| members.is_empty()),
        _ => false,
    }
}

/// One text or a list of them. Empty ones mean nothing; ones of space do: an answer of one line ends at its line end.
fn stop(value: &Json) -> Result<Vec<String>, Reject> {
    let mut stop = match value.as_text() {
        Some(one) => vec![one],
        None => read("stop", value)?,
    };
    stop.retain(|text: &String| !text.is_empty());
    Ok(stop)
}

fn effort(value: &Json) -> Result<Effort, Reject> {
    let name: String = read("reasoning_effort", value)?;
    let unknown = || Reject::field("reasoning_effort", format!("`{name}` is no effort that is known here"));
    Effort::of(&name).ok_or_else(unknown)
}

fn service_tier(name: &str) -> ServiceTier {
    match name {
        "auto" => ServiceTier::Auto,
        "default" => ServiceTier::Standard,
        "priority" => ServiceTier::Priority,
        other => ServiceTier::Other(other.to_owned()),
    }
}

fn stream_options(request: &mut Request, value: &Json) -> Result<(), Reject> {
    for (name, value) in object("stream_options", value)? {
        match &*name {
            "include_usage" => request.include_usage = read("stream_options.include_usage", &value)?,
            // Our own streams hide nothing behind padding.
            "include_obfuscation" if value.get() == "false" => {}
            _ => request.extra.push((format!("stream_options.{name}"), value)),
        }
    }
    Ok(())
}

fn modalities(value: &Json) -> Result<(), Reject> {
    let modalities: Vec<String> = read("modalities", value)?;
    if modalities.iter().all(|modality| modality == "text") {
        return Ok(());
    }
    Err(Reject::unsupported("modalities", "answers can only be text here"))
}

fn structured(value: &Json) -> Result<Option<Structured>, Reject> {
    let mut members = object("response_format", value)?;
    let kind = take(&mut members, "type").and_then(|kind| kind.as_text()).unwrap_or_default();
    match &*kind {
        "text" => Ok(None),
        "json_object" => Ok(Some(Structured::Object)),
        "json_schema" => schema(take(&mut members, "json_schema")).map(Some),
        _ => Err(Reject::field("response_format.type", format!("`{kind}` is no shape that is known here"))),
    }
}

fn schema(value: Option<Json>) -> Result<Structured, Reject> {
    let at = "response_format.json_schema";
    let value = value.ok_or_else(|| Reject::field(at, format!("`{at}` is missing")))?;
    let mut members = object(at, &value)?;
    let schema = take(&mut members, "schema").ok_or_else(|| Reject::field(at, format!("`{at}.schema` is missing")))?;
    let text = |value: Json| read::<String>(at, &value);
    Ok(Structured::Schema {
        name: take(&mut members, "name").map(text).transpose()?,
        description: take(&mut members, "description").map(text).transpose()?,
        schema,
        strict: take(&mut members, "strict").map(|strict| read(at, &strict)).transpose()?,
    })
}
