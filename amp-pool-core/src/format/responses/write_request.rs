//! Responses requests, written.
//!
//! Writes a settled request: items without ids, a thought before what it led to or not at all, explicit `strict`,
//! `store: false` and `reasoning.encrypted_content`, at least 16 tokens.

mod content;
mod items;
#[cfg(test)]
mod tests;
mod tools;

use crate::format::{
    Field, Losses, Reject,
    body::Body,
    canonical::{Effort, Reasoning, Request, ServiceTier, Structured, Thinking},
    capability::Thinks,
    transcode::{Translation, WayBack, openai, thinks},
};

/// The least that may be asked for.
const OUTPUT_MIN: u64 = 16;

/// What a schema is called that has no name.
const SCHEMA_NAME: &str = "response";

/// Writes the body for this upstream.
///
/// # Errors
/// [`Reject`] when the upstream can not be asked for this, or something is lost on a strict route.
pub(in crate::format) fn write_request(
    request: &Request,
    translation: &Translation,
    losses: &mut Losses,
    _back: &mut WayBack,
) -> Result<Vec<u8>, Reject> {
    let mut body = Body::with_capacity(openai::size(request));
    body.add("model", &request.model);
    items::write(request, translation, losses, &mut body)?;
    tools::write(request, translation, losses, &mut body)?;
    limits(request, translation, losses, &mut body)?;
    body.add_filled("text", &shape(request, losses)?);
    body.add_filled("reasoning", &reasoning(request, translation, losses)?);
    let logprobs = openai::logprobs(request, translation, losses)?;
    include(logprobs, translation, &mut body);
    identity(request, translation, losses, &mut body)?;
    store(request, losses, &mut body)?;
    body.add("stream", &request.stream);
    Ok(body.into_bytes())
}

/// The limit of output, and how tokens are picked.
fn limits(request: &Request, translation: &Translation, losses: &mut Losses, body: &mut Body) -> Result<(), Reject> {
    let max_output = match request.max_output {
        Some(0) => return Err(losses.reject(Field::MaxOutput, "the upstream can not be asked for no output at all")),
        Some(few @ ..OUTPUT_MIN) => {
            losses.adjusted(Field::MaxOutput, format!("raised from {few} to {OUTPUT_MIN}"))?;
            Some(OUTPUT_MIN)
        }
        enough => enough,
    };
    body.add_some("max_output_tokens", max_output);
    let sampling = openai::sampling(request, translation, losses)?;
    body.add_some("temperature", sampling.temperature);
    body.add_some("top_p", sampling.top_p);
    if sampling.top_k.is_some() {
        losses.dropped(Field::TopK, "")?;
    }
    if !request.stop.is_empty() {
        losses.dropped(Field::Stop, "")?;
    }
    Ok(())
}

/// The shape and the length of the answer.
fn shape(request: &Request, losses: &mut Losses) -> Result<Body, Reject> {
    let mut text = Body::default();
    match &request.structured {
        None => {}
        Some(Structured::Object) => text.add_object("format", &Body::of("json_object")),
        Some(Structured::Schema { name, description, schema, strict }) => {
            // A schema without a name is of a format that guarantees every schema it takes.
            let asked = strict.or(name.is_none().then_some(true));
            let is_strict = openai::strict(asked, schema);
            if asked == Some(true) && !is_strict {
                losses.adjusted(Field::Structured, "not within the strict subset, so it is not enforced")?;
            }
            let mut format = Body::of("json_schema");
            format.add("name", name.as_deref().unwrap_or(SCHEMA_NAME));
            format.add_some("description", description.as_ref());
            format.add_json("schema", schema);
            format.add("strict", &is_strict);
            text.add_object("format", &format);
        }
    }
    text.add_some("verbosity", request.verbosity.as_ref());
    Ok(text)
}

/// How much to think. A summary is asked for where the model thinks, the client spoke of reasoning, and may see it: some
/// organisations are refused one, and a call that never wanted it must not fail over that.
fn reasoning(request: &Request, translation: &Translation, losses: &mut Losses) -> Result<Body, Reject> {
    let mut reasoning = Body::default();
    let effort = openai::effort(request, translation, losses)?;
    reasoning.add_some("effort", effort);
    let is_shown = translation.policy.show_reasoning && !request.reasoning.is_hidden;
    if is_shown && is_spoken_of(&request.reasoning) && effort != Some(Effort::None) && thinks(request, translation) {
        reasoning.add("summary", request.reasoning.summary.as_deref().unwrap_or("auto"));
    }
    Ok(reasoning)
}

fn is_spoken_of(reasoning: &Reasoning) -> bool {
    let is_on = reasoning.thinking.is_some_and(|thinking| thinking != Thinking::Disabled);
    reasoning.effort.is_some() || reasoning.summary.is_some() || is_on
}

/// Encrypted reasoning is all that can be given back where nothing is stored; models that never think refuse the word.
fn include(logprobs: Option<u64>, translation: &Translation, body: &mut Body) {
    let mut include = Vec::new();
    if translation.model_row().is_none_or(|row| row.thinks != Thinks::Never) {
        include.push("reasoning.encrypted_content");
    }
    if logprobs.is_some() {
        include.push("message.output_text.logprobs");
    }
    if !include.is_empty() {
        body.add("include", &include);
    }
    body.add_some("top_logprobs", logprobs.filter(|count| *count > 0));
}

/// Who asks, what is cached for whom, and in which queue.
fn identity(request: &Request, translation: &Translation, losses: &mut Losses, body: &mut Body) -> Result<(), Reject> {
    body.add_some("safety_identifier", openai::told_user(request, losses)?);
    body.add_some("prompt_cache_key", openai::cache_key(request, translation.client));
    body.add_some("prompt_cache_retention", request.cache.retention.as_ref());
    body.add_some("prompt_cache_options", request.cache.options.as_ref());
    body.add_some("service_tier", request.service_tier.as_ref().map(tier));
    body.add_some("metadata", request.metadata.as_ref());
    Ok(())
}

fn tier(tier: &ServiceTier) -> &str {
    match tier {
        ServiceTier::Auto => "auto",
        ServiceTier::Standard => "default",
        ServiceTier::Priority => "priority",
        ServiceTier::Other(name) => name,
    }
}

/// What is stored lies in an account of the pool, where the client could not find it again.
fn store(request: &Request, losses: &mut Losses, body: &mut Body) -> Result<(), Reject> {
    if request.store == Some(true) {
        losses.dropped(Field::Store, "")?;
    }
    body.add("store", &false);
    Ok(())
}
