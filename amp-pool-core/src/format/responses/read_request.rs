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

use crate::format::{
    Losses, Reject,
    canonical::{
        CacheHints, Effort, Json, Member, Reasoning, Request, Sampling, ServiceTier, Structured, Text, compact,
    },
    tree::{Object, Tree},
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

/// Why they are refused, and what to do.
const KEPT: &str = "is known only to the provider that keeps it; send the whole conversation in `input`, or ask a model whose \
                    keys speak Responses";

const ENCRYPTED: &str = "reasoning.encrypted_content";
const LOGPROBS: &str = "message.output_text.logprobs";

/// Reads a body. Its limits of size have been checked, and that no member is there twice.
///
/// # Errors
/// [`Reject`] when it is no request of this format, or holds what no translation can carry.
pub(in crate::format) fn read_request(body: &[u8], losses: &mut Losses) -> Result<Request, Reject> {
    let tree = Tree::of_body(body)?;
    let body = tree.root().object()?;
    let echo = echo(body);
    refuse_state(body)?;
    let include = include(body, losses)?;
    stream_options(body, losses)?;
    let (structured, verbosity) = shape(body, losses)?;
    let mut tools = Vec::new();
    tools::list(body, losses, &mut tools)?;
    let conversation = items::conversation(body, losses)?;
    // Agents send theirs inside of the conversation. Other formats know one place for tools.
    tools.extend(conversation.tools);
    Ok(Request {
        model: body.need_text("model")?,
        instructions: body.text("instructions")?.map(Text::new).into_iter().collect(),
        turns: conversation.turns,
        tools,
        tool_choice: tools::choice(body)?,
        parallel_tools: body.flag("parallel_tool_calls")?,
        max_output: body.count("max_output_tokens")?,
        sampling: sampling(body)?,
        reasoning: reasoning(body, losses)?,
        structured,
        verbosity,
        stream: body.flag("stream")?.unwrap_or_default(),
        include_usage: true,
        logprobs: logprobs(body, &include)?,
        include,
        user: user(body)?,
        cache: cache(body)?,
        service_tier: body.text("service_tier")?.map(tier),
        metadata: body.json("metadata"),
        store: body.flag("store")?,
        stop: Vec::new(),
        extra: body.members(),
        echo,
    })
}

fn echo(body: Object<'_>) -> Vec<Member> {
    let members = ECHOED.into_iter().filter_map(|name| {
        let value = body.look(name)?;
        Some((name.to_owned(), Json::of_valid(&compact(value.raw()))))
    });
    members.collect()
}

/// Refuses what would need state at the provider. What asks for nothing unusual is taken out.
fn refuse_state(body: Object<'_>) -> Result<(), Reject> {
    for name in STATEFUL {
        if body.take(name).is_some() {
            return Err(Reject::unsupported(name, format!("`{name}` {KEPT}")));
        }
    }
    if body.flag("background")? == Some(true) {
        return Err(Reject::unsupported("background", "no answer is made in the background; ask for a stream"));
    }
    if body.look("truncation").is_some_and(|truncation| truncation.says("disabled")) {
        body.take("truncation");
    }
    Ok(())
}

/// What is to be told besides, as far as it can be. Sources of hosted tools and the like are known to no other format.
fn include(body: Object<'_>, losses: &mut Losses) -> Result<Vec<String>, Reject> {
    let (known, unknown): (Vec<_>, Vec<_>) =
        body.texts("include")?.into_iter().partition(|name| name == ENCRYPTED || name == LOGPROBS);
    unknown.into_iter().try_for_each(|name| losses.dropped(format!("include.{name}"), ""))?;
    Ok(known)
}

/// Our own streams hide nothing behind padding, and that is all that can be chosen.
fn stream_options(body: Object<'_>, losses: &mut Losses) -> Result<(), Reject> {
    let Some(options) = body.object("stream_options")? else { return Ok(()) };
    if options.look("include_obfuscation").is_some_and(|padding| padding.raw() == "false") {
        options.take("include_obfuscation");
    }
    report(options, losses)
}

/// The shape and the length of the answer.
fn shape(body: Object<'_>, losses: &mut Losses) -> Result<(Option<Structured>, Option<String>), Reject> {
    let Some(text) = body.object("text")? else { return Ok((None, None)) };
    let verbosity = text.text("verbosity")?;
    let structured = text.object("format")?.map(structured).transpose()?.flatten();
    report(text, losses)?;
    Ok((structured, verbosity))
}

fn structured(format: Object<'_>) -> Result<Option<Structured>, Reject> {
    match &*format.need_word("type")? {
        "text" => Ok(None),
        "json_object" => Ok(Some(Structured::Object)),
        "json_schema" => Ok(Some(Structured::Schema {
            name: format.text("name")?,
            description: format.text("description")?,
            schema: format.need("schema")?.json(),
            strict: format.flag("strict")?,
        })),
        other => Err(format.wrong("type", &format!("is the unknown `{other}`"))),
    }
}

/// Reports the members of a nested object that nobody took.
fn report(object: Object<'_>, losses: &mut Losses) -> Result<(), Reject> {
    for member in object.rest() {
        losses.dropped(member.path(), "")?;
    }
    Ok(())
}

fn sampling(body: Object<'_>) -> Result<Sampling, Reject> {
    Ok(Sampling { temperature: body.number("temperature")?, top_p: body.number("top_p")?, top_k: None })
}

fn reasoning(body: Object<'_>, losses: &mut Losses) -> Result<Reasoning, Reject> {
    let Some(asked) = body.object("reasoning")? else { return Ok(Reasoning::default()) };
    let effort = match asked.word("effort")? {
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
fn logprobs(body: Object<'_>, include: &[String]) -> Result<Option<u64>, Reject> {
    if !include.iter().any(|name| name == LOGPROBS) {
        return Ok(None);
    }
    Ok(Some(body.count("top_logprobs")?.unwrap_or(0)))
}

/// Of two names for one thing the newer one counts; the other stays what nobody took, and is told.
fn user(body: Object<'_>) -> Result<Option<String>, Reject> {
    match body.text("safety_identifier")? {
        Some(identifier) => Ok(Some(identifier)),
        None => body.text("user"),
    }
}

fn cache(body: Object<'_>) -> Result<CacheHints, Reject> {
    Ok(CacheHints {
        key: body.text("prompt_cache_key")?,
        retention: body.text("prompt_cache_retention")?,
        options: body.json("prompt_cache_options"),
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
