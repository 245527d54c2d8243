//! Responses requests, read.
//!
//! Items in their order: reasoning, assistant text and calls that follow one another are one assistant turn; outputs are
//! user turns with one result; developer and system messages stay where they are. Tools that are offered inside of the
//! conversation join those beside it. Ids of items are not kept. What needs state at the provider is refused with
//! `unsupported_parameter`; the request's parameters are kept for the echo.

mod content;
mod items;
#[cfg(test)]
mod tests;
mod tools;

use super::fields::Fields;
use crate::format::{
    Losses, Reject,
    canonical::{CacheHints, Effort, Member, Reasoning, Request, Sampling, ServiceTier, Structured, Text},
};

/// What an answer repeats of its request, as far as the client said it. `store` is not among them: nothing is stored.
const ECHOED: [&str; 16] = [
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "truncation",
    "user",
];

/// Members that name something which only the client's own provider holds.
const STATEFUL: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

const ENCRYPTED: &str = "reasoning.encrypted_content";
const LOGPROBS: &str = "message.output_text.logprobs";

/// Reads a body. Its limits of size have been checked, and that no member is there twice.
///
/// # Errors
/// [`Reject`] when it is no request of this format, or holds what no translation can carry.
pub(in crate::format) fn read_request(body: &[u8], losses: &mut Losses) -> Result<Request, Reject> {
    let mut fields = Fields::body(body)?;
    let echo = echo(&fields);
    refuse_state(&mut fields)?;
    let include = include(&mut fields, losses)?;
    let (structured, verbosity) = shape(&mut fields, losses)?;
    let mut tools = Vec::new();
    tools::list(&mut fields, losses, &mut tools)?;
    let conversation = items::conversation(&mut fields, losses)?;
    // Agents send theirs inside of the conversation. Other formats know one place for tools.
    tools.extend(conversation.tools);
    Ok(Request {
        model: fields.needed("model")?,
        instructions: fields.text("instructions")?.map(Text::new).into_iter().collect(),
        turns: conversation.turns,
        tools,
        tool_choice: tools::choice(&mut fields)?,
        parallel_tools: fields.flag("parallel_tool_calls")?,
        max_output: fields.value("max_output_tokens", "number of tokens")?,
        sampling: sampling(&mut fields)?,
        reasoning: reasoning(&mut fields, losses)?,
        structured,
        verbosity,
        stream: fields.flag("stream")?.unwrap_or_default(),
        include_usage: true,
        logprobs: logprobs(&mut fields, &include)?,
        include,
        user: user(&mut fields)?,
        cache: cache(&mut fields)?,
        service_tier: fields.text("service_tier")?.map(tier),
        metadata: fields.take("metadata"),
        store: fields.flag("store")?,
        stop: Vec::new(),
        extra: fields.rest(),
        echo,
    })
}

fn echo(fields: &Fields) -> Vec<Member> {
    let members = ECHOED.into_iter().filter_map(|name| Some((name.to_owned(), fields.peek(name)?.compacted())));
    members.collect()
}

/// Refuses what would need state at the provider. What asks for nothing unusual is taken out.
fn refuse_state(fields: &mut Fields) -> Result<(), Reject> {
    for name in STATEFUL {
        if fields.take(name).is_some() {
            return Err(Reject::unsupported(name, format!("`{name}` is known only to the provider that keeps it")));
        }
    }
    if fields.flag("background")? == Some(true) {
        return Err(Reject::unsupported("background", "no answer is made in the background"));
    }
    if fields.peek("truncation").is_some_and(|truncation| truncation.get() == "\"disabled\"") {
        fields.take("truncation");
    }
    Ok(())
}

/// What is to be told besides, as far as it can be. Sources of hosted tools and the like are known to no other format.
fn include(fields: &mut Fields, losses: &mut Losses) -> Result<Vec<String>, Reject> {
    let include: Vec<String> = fields.value("include", "list of strings")?.unwrap_or_default();
    let (known, unknown): (Vec<_>, Vec<_>) =
        include.into_iter().partition(|name| name == ENCRYPTED || name == LOGPROBS);
    unknown.into_iter().try_for_each(|name| losses.dropped(format!("include.{name}"), ""))?;
    Ok(known)
}

/// The shape and the length of the answer.
fn shape(fields: &mut Fields, losses: &mut Losses) -> Result<(Option<Structured>, Option<String>), Reject> {
    let Some(mut text) = fields.object("text")? else { return Ok((None, None)) };
    let verbosity = text.text("verbosity")?;
    let structured = text.object("format")?.map(structured).transpose()?.flatten();
    report(text, losses)?;
    Ok((structured, verbosity))
}

fn structured(mut format: Fields) -> Result<Option<Structured>, Reject> {
    match format.needed("type")?.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(Structured::Object)),
        "json_schema" => Ok(Some(Structured::Schema {
            name: format.text("name")?,
            description: format.text("description")?,
            schema: format.take("schema").ok_or_else(|| format.wrong("schema", "is missing"))?,
            strict: format.flag("strict")?,
        })),
        other => Err(format.wrong("type", &format!("is the unknown `{other}`"))),
    }
}

/// Reports the members of a nested object that nobody took.
fn report(fields: Fields, losses: &mut Losses) -> Result<(), Reject> {
    let path = fields.path().to_owned();
    fields.rest().into_iter().try_for_each(|(name, _)| losses.dropped(format!("{path}.{name}"), ""))
}

fn sampling(fields: &mut Fields) -> Result<Sampling, Reject> {
    let temperature = fields.value("temperature", "number")?;
    Ok(Sampling { temperature, top_p: fields.value("top_p", "number")?, top_k: None })
}

fn reasoning(fields: &mut Fields, losses: &mut Losses) -> Result<Reasoning, Reject> {
    let Some(mut asked) = fields.object("reasoning")? else { return Ok(Reasoning::default()) };
    let effort = match asked.text("effort")? {
        Some(name) => {
            Some(Effort::of(&name).ok_or_else(|| asked.wrong("effort", &format!("is the unknown `{name}`")))?)
        }
        None => None,
    };
    let summary = asked.text("summary")?;
    report(asked, losses)?;
    Ok(Reasoning { effort, summary, ..Reasoning::default() })
}

/// Alternatives are told only to who asked for probabilities; without that the number stays what nobody took.
fn logprobs(fields: &mut Fields, include: &[String]) -> Result<Option<u64>, Reject> {
    if !include.iter().any(|name| name == LOGPROBS) {
        return Ok(None);
    }
    Ok(Some(fields.value("top_logprobs", "count")?.unwrap_or(0)))
}

/// Of two names for one thing the newer one counts; the other stays what nobody took, and is told.
fn user(fields: &mut Fields) -> Result<Option<String>, Reject> {
    match fields.text("safety_identifier")? {
        Some(identifier) => Ok(Some(identifier)),
        None => fields.text("user"),
    }
}

fn cache(fields: &mut Fields) -> Result<CacheHints, Reject> {
    Ok(CacheHints {
        key: fields.text("prompt_cache_key")?,
        retention: fields.text("prompt_cache_retention")?,
        options: fields.take("prompt_cache_options"),
        automatic: None,
    })
}

fn tier(name: String) -> ServiceTier {
    match name.as_str() {
        "auto" => ServiceTier::Auto,
        "default" => ServiceTier::Standard,
        "priority" => ServiceTier::Priority,
        _ => ServiceTier::Other(name),
    }
}
