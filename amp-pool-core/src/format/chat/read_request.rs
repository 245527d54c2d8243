//! Chat requests, read.
//!
//! Gives every message a turn of its own, in the client's order: a `tool` (or legacy `function`) message becomes a user
//! turn with one result; tool calls, `reasoning_content` and refusals become parts of the assistant's turn, the thought
//! first, then text, then calls. `system` and `developer` messages stay where they are. `n` above 1, audio output and
//! file ids are refused; what only Chat has goes to `extra`.

use crate::format::{
    Losses, Reject,
    canonical::{Effort, Request, ServiceTier, Structured, Tool},
    tree::{Object, Tree, Value},
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
    let tree = Tree::of_body(body)?;
    let body = tree.root().object()?;
    let mut request = Request::default();
    let mut more = More::default();
    for value in body.rest() {
        member(&mut request, &mut more, value, losses)?;
    }
    more.settle(&mut request);
    if request.model.is_empty() {
        return Err(body.wrong("model", "is missing"));
    }
    Ok(request)
}

/// Members that have to be seen together.
#[derive(Default)]
struct More<'t> {
    logprobs: bool,
    top_logprobs: Option<Value<'t>>,
    old_limit: Option<Value<'t>>,
    old_user: Option<Value<'t>>,
}

impl More<'_> {
    /// Of two names for one thing the newer one counts, and the other is told as dropped.
    fn settle(self, request: &mut Request) {
        match (self.logprobs, self.top_logprobs) {
            (true, top) => request.logprobs = Some(top.and_then(Value::parse).unwrap_or(0)),
            (false, top) => top.into_iter().for_each(|top| unknown(request, top)),
        }
        match (request.max_output, self.old_limit) {
            (None, old) => request.max_output = old.and_then(Value::parse),
            (Some(_), old) => old.into_iter().for_each(|old| unknown(request, old)),
        }
        match (&request.user, self.old_user) {
            (None, old) => request.user = old.and_then(Value::parse),
            (Some(_), old) => old.into_iter().for_each(|old| unknown(request, old)),
        }
    }
}

fn unknown(request: &mut Request, value: Value<'_>) {
    request.extra.push((value.name().into_owned(), value.json()));
}

fn member<'t>(request: &mut Request, more: &mut More<'t>, value: Value<'t>, losses: &mut Losses) -> Result<(), Reject> {
    match &*value.name() {
        "model" => request.model = value.text()?,
        "messages" => request.turns = messages::read(value, losses)?,
        "tools" => request.tools.extend(tools::read(value)?),
        "functions" => request.tools.extend(tools::read_functions(value)?),
        "web_search_options" => request.tools.push(Tool::WebSearch(tools::web_search(value.object()?)?)),
        "tool_choice" => request.tool_choice = Some(tools::choice(value)?),
        "function_call" => request.tool_choice = Some(tools::function_choice(value)?),
        "parallel_tool_calls" => request.parallel_tools = Some(value.flag()?),
        "max_completion_tokens" => request.max_output = Some(value.count()?),
        "max_tokens" => {
            value.count()?;
            more.old_limit = Some(value);
        }
        "temperature" => request.sampling.temperature = Some(value.number()?),
        "top_p" => request.sampling.top_p = Some(value.number()?),
        "top_k" => request.sampling.top_k = Some(value.count()?),
        "stop" => request.stop = stop(value)?,
        "reasoning_effort" => request.reasoning.effort = Some(effort(value)?),
        _ => return option(request, more, value),
    }
    Ok(())
}

/// Members beside the question itself: how the answer comes, who asks, and what can not be carried.
fn option<'t>(request: &mut Request, more: &mut More<'t>, value: Value<'t>) -> Result<(), Reject> {
    match &*value.name() {
        "verbosity" => request.verbosity = Some(value.text()?),
        "response_format" => request.structured = structured(value.object()?)?,
        "stream" => request.stream = value.flag()?,
        "stream_options" => stream_options(request, value.object()?)?,
        "logprobs" => more.logprobs = value.flag()?,
        "top_logprobs" => {
            value.count()?;
            more.top_logprobs = Some(value);
        }
        "safety_identifier" => request.user = Some(value.text()?),
        "user" => {
            value.said()?;
            more.old_user = Some(value);
        }
        "prompt_cache_key" => request.cache.key = Some(value.text()?),
        "prompt_cache_retention" => request.cache.retention = Some(value.text()?),
        "prompt_cache_options" => request.cache.options = Some(value.json()),
        "service_tier" => request.service_tier = Some(service_tier(&value.said()?)),
        "metadata" => request.metadata = Some(value.json()),
        "store" => request.store = Some(value.flag()?),
        "n" if value.count()? > 1 => {
            return Err(Reject::unsupported("n", "only one choice can be made here"));
        }
        "modalities" => modalities(value)?,
        "audio" => return Err(Reject::unsupported("audio", "answers can not be spoken here")),
        "n" => {}
        name if says_nothing(name, value) => {}
        _ => unknown(request, value),
    }
    Ok(())
}

/// Values that clients send by habit, and that mean the same as nothing.
fn says_nothing(name: &str, value: Value<'_>) -> bool {
    match name {
        "presence_penalty" | "frequency_penalty" => value.parse() == Some(0.0),
        "logit_bias" => value.is_object() && value.children().next().is_none(),
        _ => false,
    }
}

/// One text or a list of them. Empty ones mean nothing; ones of space do: an answer of one line ends at its line end.
fn stop(value: Value<'_>) -> Result<Vec<String>, Reject> {
    let mut stop = match value.as_text() {
        Some(one) => vec![one.into_owned()],
        None => value.texts()?,
    };
    stop.retain(|text| !text.is_empty());
    Ok(stop)
}

fn effort(value: Value<'_>) -> Result<Effort, Reject> {
    let name = value.said()?;
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

fn stream_options(request: &mut Request, options: Object<'_>) -> Result<(), Reject> {
    for value in options.rest() {
        match &*value.name() {
            "include_usage" => request.include_usage = value.flag()?,
            // Our own streams hide nothing behind padding.
            "include_obfuscation" if value.raw() == "false" => {}
            name => request.extra.push((format!("stream_options.{name}"), value.json())),
        }
    }
    Ok(())
}

fn modalities(value: Value<'_>) -> Result<(), Reject> {
    if value.texts()?.iter().all(|modality| modality == "text") {
        return Ok(());
    }
    Err(Reject::unsupported("modalities", "answers can only be text here"))
}

fn structured(format: Object<'_>) -> Result<Option<Structured>, Reject> {
    match &*format.word("type")?.unwrap_or_default() {
        "text" => Ok(None),
        "json_object" => Ok(Some(Structured::Object)),
        "json_schema" => schema(format.need("json_schema")?.object()?).map(Some),
        kind => Err(Reject::field("response_format.type", format!("`{kind}` is no shape that is known here"))),
    }
}

fn schema(format: Object<'_>) -> Result<Structured, Reject> {
    Ok(Structured::Schema {
        schema: format.need("schema")?.json(),
        name: format.text("name")?,
        description: format.text("description")?,
        strict: format.flag("strict")?,
    })
}
