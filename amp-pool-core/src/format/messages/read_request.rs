//! Messages requests, read.
//!
//! The top of the body. Turns and their blocks are in `turns`, tools and the choice among them in `tools`. What only
//! Anthropic can do for a client is refused when the answer would be wrong without it, and else left in `extra`.

mod parts;
mod tools;
mod turns;

use crate::format::{
    Losses, Reject,
    canonical::{CacheMark, Effort, Request, ServiceTier, Structured, Text, Thinking},
    tree::{Object, Tree},
};

/// The first system block of Claude Code may be this and the version of it. It is a note to Anthropic's books and not to
/// the model; elsewhere it would only defeat the prompt cache, because it is another one in every call.
const BILLING: &str = "x-anthropic-billing-header:";

/// Reads a body. Its limits of size have been checked, and that no member is there twice.
///
/// # Errors
/// [`Reject`] when it is no request of this format, or holds what no translation can carry.
pub(in crate::format) fn read_request(body: &[u8], losses: &mut Losses) -> Result<Request, Reject> {
    let tree = Tree::of_body(body)?;
    let body = tree.root().object()?;
    refuse(body)?;
    let mut request = Request {
        model: body.text("model")?.unwrap_or_default(),
        instructions: system(body, losses)?,
        turns: turns::read(body.need("messages")?, losses)?,
        tools: tools::read(body)?,
        max_output: body.count("max_tokens")?,
        stop: stop(body, losses)?,
        stream: body.flag("stream")?.unwrap_or_default(),
        include_usage: true,
        user: metadata(body, losses)?,
        service_tier: body.text("service_tier")?.map(service_tier),
        ..Request::default()
    };
    request.sampling.temperature = body.number("temperature")?;
    request.sampling.top_p = body.number("top_p")?;
    request.sampling.top_k = body.count("top_k")?;
    request.cache.automatic = mark(body)?;
    tools::choice(body, &mut request)?;
    thinking(body, &mut request)?;
    output(body, &mut request, losses)?;
    if request.max_output == Some(0) {
        return Err(Reject::unsupported("max_tokens", "a call without output can not be translated"));
    }
    request.extra = body.members();
    Ok(request)
}

/// Refuses what lives at Anthropic and nowhere else.
fn refuse(body: Object<'_>) -> Result<(), Reject> {
    for name in ["mcp_servers", "container"] {
        if body.take(name).is_some_and(|value| !value.is_list() || value.children().next().is_some()) {
            return Err(Reject::unsupported(name, format!("`{name}` can not be translated")));
        }
    }
    for name in ["thread", "thread_id"] {
        if body.take(name).is_some() {
            // SDKs know this code, and send the whole history then.
            let message = "threads are kept by the provider and can not be translated; send the whole history";
            return Err(Reject::field(name, message).with_code("thread_unsupported_request"));
        }
    }
    Ok(())
}

fn system(body: Object<'_>, losses: &mut Losses) -> Result<Vec<Text>, Reject> {
    let Some(system) = body.take("system") else { return Ok(Vec::new()) };
    let mut texts = parts::texts(system, "system[]", losses)?;
    if let Some(first) = texts.first_mut().filter(|text| text.text.starts_with(BILLING)) {
        // It is a line. Whatever stands behind it in the same text is for the model.
        match first.text.split_once('\n') {
            Some((_, rest)) => first.text = rest.trim_start_matches('\n').to_owned(),
            None => drop(texts.remove(0)),
        }
    }
    Ok(texts)
}

fn stop(body: Object<'_>, losses: &mut Losses) -> Result<Vec<String>, Reject> {
    let mut stops = body.texts("stop_sequences")?;
    let count = stops.len();
    stops.retain(|stop| !stop.trim().is_empty());
    if stops.len() < count {
        losses.dropped("stop_sequences", "one was only space")?;
    }
    Ok(stops)
}

fn metadata(body: Object<'_>, losses: &mut Losses) -> Result<Option<String>, Reject> {
    let Some(metadata) = body.object("metadata")? else { return Ok(None) };
    let user = metadata.text("user_id")?;
    for member in metadata.rest() {
        losses.dropped(format!("metadata.{}", member.name()), "")?;
    }
    Ok(user)
}

fn service_tier(tier: String) -> ServiceTier {
    match &*tier {
        "auto" => ServiceTier::Auto,
        "standard_only" => ServiceTier::Standard,
        _ => ServiceTier::Other(tier),
    }
}

/// Takes the mark of what is worth caching.
fn mark(object: Object<'_>) -> Result<Option<CacheMark>, Reject> {
    let Some(mark) = object.object("cache_control")? else { return Ok(None) };
    let is_long = mark.word("ttl")?.is_some_and(|ttl| ttl == "1h");
    Ok(Some(if is_long { CacheMark::Hour } else { CacheMark::Short }))
}

fn thinking(body: Object<'_>, request: &mut Request) -> Result<(), Reject> {
    let Some(thinking) = body.object("thinking")? else { return Ok(()) };
    request.reasoning.is_hidden = thinking.word("display")?.is_some_and(|display| display == "omitted");
    request.reasoning.thinking = Some(match &*thinking.need_word("type")? {
        "disabled" => Thinking::Disabled,
        "adaptive" => Thinking::Adaptive,
        "enabled" => Thinking::Budget(thinking.count("budget_tokens")?.unwrap_or(1_024)),
        other => return Err(Reject::field("thinking.type", format!("unknown kind of thinking `{other}`"))),
    });
    Ok(())
}

fn output(body: Object<'_>, request: &mut Request, losses: &mut Losses) -> Result<(), Reject> {
    let Some(output) = body.object("output_config")? else { return Ok(()) };
    if let Some(effort) = output.word("effort")? {
        let known = Effort::of(&effort);
        let unknown = || Reject::field("output_config.effort", format!("unknown effort `{effort}`"));
        request.reasoning.effort = Some(known.ok_or_else(unknown)?);
    }
    if let Some(format) = output.object("format")? {
        let kind = format.need_word("type")?;
        if kind != "json_schema" {
            return Err(Reject::field("output_config.format.type", format!("unknown format `{kind}`")));
        }
        let schema = format.need("schema")?.json();
        request.structured = Some(Structured::Schema { name: None, description: None, schema, strict: None });
    }
    for member in output.rest() {
        losses.dropped(format!("output_config.{}", member.name()), "")?;
    }
    Ok(())
}
