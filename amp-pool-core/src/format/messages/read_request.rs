//! Messages requests, read.
//!
//! The top of the body. Turns and their blocks are in `turns`, tools and the choice among them in `tools`. What only
//! Anthropic can do for a client is refused when the answer would be wrong without it, and else left in `extra`.

mod object;
mod parts;
mod tools;
mod turns;

use self::object::Object;
use crate::format::{
    Losses, Reject,
    canonical::{Effort, Json, Request, ServiceTier, Structured, Text, Thinking},
};

/// The first system block of Claude Code may be this and the version of it. It is a note to Anthropic's books and not to
/// the model; elsewhere it would only defeat the prompt cache, because it is another one in every call.
const BILLING: &str = "x-anthropic-billing-header:";

/// Reads a body. Its limits of size have been checked, and that no member is there twice.
///
/// # Errors
/// [`Reject`] when it is no request of this format, or holds what no translation can carry.
pub(in crate::format) fn read_request(body: &[u8], losses: &mut Losses) -> Result<Request, Reject> {
    let json = std::str::from_utf8(body).ok().and_then(|text| Json::parse(text).ok());
    let json = json.ok_or_else(|| Reject::body("the body is no JSON"))?;
    let mut body = Object::of(&json, "")?;
    refuse(&mut body)?;
    let mut request = Request {
        model: body.text("model")?.unwrap_or_default(),
        instructions: system(&mut body)?,
        turns: turns::read(&body.need("messages")?, losses)?,
        tools: tools::read(&mut body)?,
        max_output: body.count("max_tokens")?,
        stop: stop(&mut body, losses)?,
        stream: body.value("stream", "a boolean")?.unwrap_or_default(),
        include_usage: true,
        user: metadata(&mut body, losses)?,
        service_tier: body.text("service_tier")?.map(service_tier),
        ..Request::default()
    };
    request.sampling.temperature = body.value("temperature", "a number")?;
    request.sampling.top_p = body.value("top_p", "a number")?;
    request.sampling.top_k = body.count("top_k")?;
    request.cache.automatic = body.mark()?;
    tools::choice(&mut body, &mut request)?;
    thinking(&mut body, &mut request)?;
    output(&mut body, &mut request, losses)?;
    if request.max_output == Some(0) {
        return Err(Reject::unsupported("max_tokens", "a call without output can not be translated"));
    }
    request.extra = body.rest();
    Ok(request)
}

/// Refuses what lives at Anthropic and nowhere else.
fn refuse(body: &mut Object) -> Result<(), Reject> {
    for name in ["mcp_servers", "container"] {
        if body.take(name).is_some_and(|value| value.compact() != "[]") {
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

fn system(body: &mut Object) -> Result<Vec<Text>, Reject> {
    let Some(system) = body.take("system") else { return Ok(Vec::new()) };
    let mut texts = parts::texts(&system, "system")?;
    if texts.first().is_some_and(|text| text.text.starts_with(BILLING)) {
        texts.remove(0);
    }
    Ok(texts)
}

fn stop(body: &mut Object, losses: &mut Losses) -> Result<Vec<String>, Reject> {
    let mut stops: Vec<String> = body.value("stop_sequences", "a list of strings")?.unwrap_or_default();
    let count = stops.len();
    stops.retain(|stop| !stop.trim().is_empty());
    if stops.len() < count {
        losses.dropped("stop_sequences", "one was only space")?;
    }
    Ok(stops)
}

fn metadata(body: &mut Object, losses: &mut Losses) -> Result<Option<String>, Reject> {
    let Some(mut metadata) = body.object("metadata")? else { return Ok(None) };
    let user = metadata.text("user_id")?;
    for (name, _) in metadata.rest() {
        losses.dropped(format!("metadata.{name}"), "")?;
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

fn thinking(body: &mut Object, request: &mut Request) -> Result<(), Reject> {
    let Some(mut thinking) = body.object("thinking")? else { return Ok(()) };
    request.reasoning.is_hidden = thinking.text("display")?.is_some_and(|display| display == "omitted");
    request.reasoning.thinking = Some(match &*thinking.need_text("type")? {
        "disabled" => Thinking::Disabled,
        "adaptive" => Thinking::Adaptive,
        "enabled" => Thinking::Budget(thinking.count("budget_tokens")?.unwrap_or(1_024)),
        other => return Err(Reject::field("thinking.type", format!("unknown kind of thinking `{other}`"))),
    });
    Ok(())
}

fn output(body: &mut Object, request: &mut Request, losses: &mut Losses) -> Result<(), Reject> {
    let Some(mut output) = body.object("output_config")? else { return Ok(()) };
    if let Some(effort) = output.text("effort")? {
        let known = Effort::of(&effort);
        let unknown = || Reject::field("output_config.effort", format!("unknown effort `{effort}`"));
        request.reasoning.effort = Some(known.ok_or_else(unknown)?);
    }
    if let Some(mut format) = output.object("format")? {
        let kind = format.need_text("type")?;
        if kind != "json_schema" {
            return Err(Reject::field("output_config.format.type", format!("unknown format `{kind}`")));
        }
        let schema = format.need("schema")?;
        request.structured = Some(Structured::Schema { name: None, description: None, schema, strict: None });
    }
    for (name, _) in output.rest() {
        losses.dropped(format!("output_config.{name}"), "")?;
    }
    Ok(())
}
