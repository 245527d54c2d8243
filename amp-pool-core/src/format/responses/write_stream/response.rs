//! The answer as a whole, as it stands in the events that begin and end it.

use crate::{
    format::{Problem, body::Body, canonical::Spent, problem::failed_code, transcode::WayBack},
    usage::Usage,
};

/// How an answer stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum State<'a> {
    InProgress,
    Completed,
    /// For this reason.
    Incomplete(&'static str),
    Failed(&'a Problem<'a>),
}

/// Members that SDKs insist on, as they are when the client said nothing.
const DEFAULTS: [(&str, &str); 7] = [
    ("instructions", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("temperature", "1.0"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_p", "1.0"),
];

/// The object.
pub(super) fn object(
    back: &WayBack,
    state: State<'_>,
    output: impl IntoIterator<Item = Body>,
    spent: Option<&Spent>,
) -> Body {
    let mut body = Body::default();
    body.add("id", &back.ids.answer("resp_"));
    body.add("object", "response");
    body.add("created_at", &(back.created.as_millis() / 1_000));
    body.add(
        "status",
        match state {
            State::InProgress => "in_progress",
            State::Completed => "completed",
            State::Incomplete(_) => "incomplete",
            State::Failed(_) => "failed",
        },
    );
    body.add("background", &false);
    add_or_null(&mut body, "error", error(state));
    add_or_null(&mut body, "incomplete_details", incomplete(state));
    body.add("model", &back.model);
    body.add_objects("output", output);
    body.add("previous_response_id", &());
    body.add("store", &false);
    echo(back, spent, &mut body);
    add_or_null(&mut body, "usage", spent.map(|spent| usage(&spent.usage)));
    body
}

fn add_or_null(body: &mut Body, name: &str, object: Option<Body>) {
    match object {
        Some(object) => body.add_object(name, &object),
        None => body.add(name, &()),
    }
}

fn error(state: State<'_>) -> Option<Body> {
    let State::Failed(problem) = state else { return None };
    let mut error = Body::default();
    error.add("code", failed_code(problem));
    error.add("message", problem.message);
    Some(error)
}

fn incomplete(state: State<'_>) -> Option<Body> {
    let State::Incomplete(reason) = state else { return None };
    let mut details = Body::default();
    details.add("reason", reason);
    Some(details)
}

/// What the client asked for, said again. Of the queue it is told which one served it.
fn echo(back: &WayBack, spent: Option<&Spent>, body: &mut Body) {
    let served = spent.and_then(|spent| spent.service_tier.as_deref());
    let is_echoed = |name: &str| back.echo.iter().any(|(echoed, _)| echoed == name);
    for (name, value) in DEFAULTS {
        if !is_echoed(name) {
            body.add_text(name, value);
        }
    }
    body.extend(back.echo.iter().filter(|(name, _)| name != "service_tier" || served.is_none()));
    body.add_some("service_tier", served.map(|tier| if tier == "standard" { "default" } else { tier }));
}

/// Clients read both details, and take nothing but whole numbers.
fn usage(usage: &Usage) -> Body {
    let (mut read, mut thought, mut body) = (Body::default(), Body::default(), Body::default());
    read.add("cached_tokens", &usage.cache_read);
    read.add("cache_write_tokens", &usage.cache_write());
    thought.add("reasoning_tokens", &usage.reasoning.unwrap_or(0));
    body.add("input_tokens", &usage.input());
    body.add_object("input_tokens_details", &read);
    body.add("output_tokens", &usage.output);
    body.add_object("output_tokens_details", &thought);
    body.add("total_tokens", &usage.total());
    body
}
