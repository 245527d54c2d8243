//! Messages requests, written.
//!
//! The top of the body, and what of limits and sampling the model takes. The conversation is written by `turns` and
//! `blocks`, thinking by `thinking`, the shape of the answer by `structured`, tools by `tools`, marks for caching by
//! `marks`. Nothing here needs a beta of the provider's.

mod blocks;
mod marks;
mod structured;
mod thinking;
mod tools;
mod turns;

use serde::Serialize;

use self::{
    blocks::Block,
    marks::Mark,
    structured::Shape,
    thinking::{OutputConfig, Plan},
    turns::Message,
};
use crate::format::{
    Field, Losses, Place, Reject,
    canonical::{Request, Sampling, ServiceTier},
    transcode::{Translation, WayBack, openai},
};

/// The limit of output where nobody told us how much the model writes: every model can do so much.
const MAX_OUTPUT: u64 = 8_192;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<tools::Written<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<tools::Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<thinking::Written>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    output_config: OutputConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Mark>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: &'a str,
}

/// Writes the body for this upstream.
///
/// # Errors
/// [`Reject`] when the upstream can not be asked for this, or something is lost on a strict route.
pub(in crate::format) fn write_request(
    request: &Request,
    translation: &Translation,
    losses: &mut Losses,
    back: &mut WayBack,
) -> Result<Vec<u8>, Reject> {
    unsayable(request, losses)?;
    let row = translation.model_row();
    let max_tokens = request.max_output.or(row.and_then(|row| row.max_output)).unwrap_or(MAX_OUTPUT);
    let plan = Plan::of(request, translation, max_tokens, losses)?;
    let shape = Shape::of(request, translation, &plan, losses)?;
    let sampling = sampling(request.sampling, translation, &plan, losses)?;
    let (system, messages) = turns::write(request, translation, &plan, losses)?;
    let mut body = Body {
        model: &request.model,
        max_tokens,
        system,
        messages,
        tools: tools::write(request, translation, losses)?,
        tool_choice: tools::choice(request),
        thinking: plan.thinking,
        output_config: OutputConfig { effort: plan.effort, format: None },
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        stop_sequences: &request.stop,
        metadata: request.user.as_deref().map(|user_id| Metadata { user_id }),
        service_tier: service_tier(request, losses)?,
        cache_control: None,
        stream: request.stream,
    };
    shape.apply(&mut body, back);
    marks::settle(&mut body, request, translation, losses)?;
    let mut out = Vec::with_capacity(openai::size(request));
    // Strings, numbers and JSON under fixed names: writing them to memory has no way to fail.
    let _never_fails = serde_json::to_writer(&mut out, &body);
    Ok(out)
}

/// Says what Messages has no place for.
fn unsayable(request: &Request, losses: &mut Losses) -> Result<(), Reject> {
    if request.logprobs.is_some() {
        return Err(losses.reject(Field::Logprobs, "the upstream tells no probabilities of tokens"));
    }
    let hints = &request.cache;
    let lost: [(bool, Place); 6] = [
        (request.verbosity.is_some(), Field::Verbosity.into()),
        (request.metadata.is_some(), Field::Metadata.into()),
        (request.store == Some(true), Field::Store.into()),
        (hints.key.is_some(), Field::CacheKey.into()),
        (hints.retention.is_some(), "prompt_cache_retention".into()),
        (hints.options.is_some(), Field::CacheHints.into()),
    ];
    for (_, place) in lost.into_iter().filter(|(is_there, _)| *is_there) {
        losses.dropped(place, "")?;
    }
    Ok(())
}

/// What of the sampling the model takes.
fn sampling(asked: Sampling, translation: &Translation, plan: &Plan, losses: &mut Losses) -> Result<Sampling, Reject> {
    let Sampling { mut temperature, mut top_p, mut top_k } = asked;
    if let Some(hot) = temperature.as_mut().filter(|temperature| **temperature > 1.0) {
        // Not scaled: at the same number models of both makers are about equally bold.
        *hot = 1.0;
        losses.adjusted(Field::Temperature, "clamped to 1")?;
    }
    let row = translation.model_row();
    let takes = row.is_none_or(|row| if plan.is_on() { row.sampling } else { row.sampling_without_thinking });
    if !takes {
        // These values say what is done anyway, and pass.
        drop_unless(&mut temperature, |value| value >= 1.0, Field::Temperature, losses)?;
        drop_unless(&mut top_p, |value| value >= 0.99, Field::TopP, losses)?;
        drop_unless(&mut top_k, |_| false, Field::TopK, losses)?;
    }
    if temperature.is_some() && row.is_some_and(|row| !row.temperature_with_top_p) {
        drop_unless(&mut top_p, |_| false, Field::TopP, losses)?;
    }
    Ok(Sampling { temperature, top_p, top_k })
}

fn drop_unless<T: Copy>(
    value: &mut Option<T>,
    passes: impl Fn(T) -> bool,
    field: Field,
    losses: &mut Losses,
) -> Result<(), Reject> {
    match value.take_if(|value| !passes(*value)) {
        Some(_) => losses.dropped(field, "the model does not take it"),
        None => Ok(()),
    }
}

fn service_tier(request: &Request, losses: &mut Losses) -> Result<Option<&'static str>, Reject> {
    Ok(match &request.service_tier {
        None => None,
        Some(ServiceTier::Auto) => Some("auto"),
        Some(ServiceTier::Standard) => Some("standard_only"),
        Some(ServiceTier::Priority) => {
            losses.adjusted(Field::ServiceTier, "sent as auto")?;
            Some("auto")
        }
        Some(ServiceTier::Other(_)) => {
            losses.dropped(Field::ServiceTier, "")?;
            None
        }
    })
}
