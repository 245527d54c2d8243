//! Where Chat answers tell what they used.
//!
//! The last numbers win, whether they come in a chunk of their own, on the last chunk with text, or again on every chunk.
//! They are never added up.

use std::sync::LazyLock;

use memchr::memmem;
use serde::Deserialize;

use crate::{
    format::{
        Event, Failure,
        glance::{Speech, Value, each_member},
        loose::{Loose, LooseList, Text},
        meter::{Ending, Tally},
        tail,
        tokens::OpenAiTokens,
    },
    usage::{ServiceTerms, Tier, Usage},
};

/// Reads one chunk.
pub(in crate::format) fn event(event: &Event<'_>, tally: &mut Tally) {
    if event.data.trim_ascii() == b"[DONE]" {
        tally.end(Ending::Finished);
    } else {
        chunk(event, tally);
    }
    // Numbers that are told while text still comes are not the last ones.
    tally.is_final = tally.said_last_word || tally.has_ended();
}

/// Reads a whole answer.
pub(in crate::format) fn whole(json: &[u8], tally: &mut Tally) {
    tally.told = usage(json);
    tally.terms = terms(json);
    tally.is_final = true;
}

static SERVICE_TIER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("\"service_tier\""));

/// The terms that a whole answer names: beside its usage, as nearly all do, or elsewhere. One that does not name any is not
/// looked into.
fn terms(json: &[u8]) -> ServiceTerms {
    match tail::text(json, &SERVICE_TIER) {
        Some(tier) => ServiceTerms::said(Some(tier), None, None),
        None => terms_in_order(json),
    }
}

fn terms_in_order(json: &[u8]) -> ServiceTerms {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Answer<'a> {
        #[serde(borrow)]
        service_tier: Loose<Text<'a>>,
    }

    let names_it = SERVICE_TIER.find(json).is_some();
    let answer: Answer<'_> = names_it.then(|| serde_json::from_slice(json).ok()).flatten().unwrap_or_default();
    ServiceTerms::said(answer.service_tier.0.as_ref().map(|tier| &*tier.0), None, None)
}

fn chunk(event: &Event<'_>, tally: &mut Tally) {
    let glance = Glance::at(&event.data);
    tally.chars = tally.chars.saturating_add(glance.speech.chars());
    tally.said_last_word |= glance.has_finish_reason;
    tally.terms.tier = glance.tier.or(tally.terms.tier);
    if glance.may_have_usage {
        tally.told = usage(&event.data).or(tally.told);
    }
    if (glance.may_be_error || event.name == Some(b"error"))
        && let Some(failure) = Failure::in_event(event)
    {
        tally.fail(failure);
    }
}

/// What a look at the names of a chunk's members says.
#[derive(Default)]
struct Glance {
    speech: Speech,
    may_have_usage: bool,
    may_be_error: bool,
    has_finish_reason: bool,
    tier: Option<Tier>,
}

impl Glance {
    fn at(chunk: &[u8]) -> Self {
        let mut glance = Self::default();
        each_member(chunk, |name, value| match (name, value) {
            (b"usage", Value::Other) => glance.may_have_usage = true,
            // Some servers write an empty reason where others write null.
            (b"finish_reason", Value::Text([_, ..])) => glance.has_finish_reason = true,
            (b"error", Value::Text(_) | Value::Other) | (b"base_resp", Value::Other) => glance.may_be_error = true,
            (b"service_tier", Value::Text(tier)) => glance.tier = std::str::from_utf8(tier).ok().and_then(Tier::said),
            (name, Value::Text(text)) => glance.speech.hear(name, text),
            _ => {}
        });
        glance
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Chunk {
    usage: Loose<OpenAiTokens>,
    x_groq: Loose<Holder>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Choices<'a> {
    #[serde(borrow)]
    choices: LooseList<'a>,
}

/// An object that has `usage` inside: a choice of old Moonshot, `x_groq`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Holder {
    usage: Loose<OpenAiTokens>,
}

/// What a chunk or an answer tells it used, wherever in it that stands.
pub(super) fn usage(json: &[u8]) -> Option<Usage> {
    let told = tail::last(json);
    // What most chunks of a stream say: nothing here, and nothing elsewhere.
    if told.is_some_and(is_null) && says_null(json) {
        return None;
    }
    told.and_then(|told| last(json, told)).and_then(OpenAiTokens::usage).or_else(|| usage_in_order(json))
}

/// The numbers at the end, where nearly all servers tell them.
fn last(json: &[u8], told: &[u8]) -> Option<OpenAiTokens> {
    match OpenAiTokens::plain(told) {
        Some((tokens, rest)) => tail::closes_one(rest).then_some(tokens),
        None => serde_json::from_str(tail::usage(json)?.get()).ok(),
    }
}

fn is_null(value: &[u8]) -> bool {
    value.trim_ascii_start().starts_with(b"null")
}

/// Whether the only `usage` there is is null.
fn says_null(json: &[u8]) -> bool {
    let is_null = tail::usage(json).is_some_and(|usage| usage.get() == "null");
    is_null && memmem::find(json, b"\"usage\"") == memmem::rfind(json, b"\"usage\"")
}

/// The same for answers that tell it elsewhere, or before a long rest.
fn usage_in_order(json: &[u8]) -> Option<Usage> {
    let Chunk { usage, x_groq } = serde_json::from_slice(json).ok()?;
    let in_choice = || {
        // A second pass, for the few servers that put it there.
        let Choices { choices } = serde_json::from_slice(json).ok()?;
        serde_json::from_str::<Holder>(choices.0.as_ref()?.first()?.get()).ok()?.usage.0
    };
    let in_groq = || x_groq.0?.usage.0;
    usage.0.and_then(OpenAiTokens::usage).or_else(|| in_choice()?.usage()).or_else(|| in_groq()?.usage())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::{
        format::{Ending, Format, Meter},
        usage::{Tier, UsageSource},
    };

    const TEXT: &str = r#"{"choices":[{"index":0,"delta":{"content":"1234567"},"finish_reason":null}],"usage":null}"#;
    const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#;
    const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}}"#;
    const DONE: &str = "[DONE]";

    fn meter(lines: &[&str]) -> Meter {
        let mut meter = Meter::stream(Format::Chat);
        meter.expect_input(100);
        for line in lines {
            meter.feed(&Bytes::from(format!("data: {line}\n\n")));
        }
        meter.finish();
        meter
    }

    #[test]
    fn the_last_numbers_win_wherever_they_stand() {
        let check = |lines: &[&str], source, input, output, ending| {
            let meter = meter(lines);
            let usage = meter.usage();
            assert_eq!((meter.source(), usage.input(), usage.output, meter.ending()), (source, input, output, ending));
        };
        let (told, guessed) = (UsageSource::Final, UsageSource::Estimated);
        check(&[TEXT, STOP, USAGE, DONE], told, 9, 5, Ending::Finished);
        check(&[TEXT, USAGE, STOP], told, 9, 5, Ending::Finished);
        let on_finish = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":8}}"#;
        check(&[TEXT, on_finish], told, 8, 0, Ending::Finished);
        let in_choice = r#"{"choices":[{"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":7}}]}"#;
        check(&[TEXT, in_choice, DONE], told, 7, 0, Ending::Finished);
        let in_groq =
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"prompt_tokens":6}}}"#;
        check(&[TEXT, in_groq, USAGE, DONE], told, 9, 5, Ending::Finished);
        check(&[TEXT, in_groq, DONE], told, 6, 0, Ending::Finished);
        let so_far =
            r#"{"choices":[{"delta":{"content":"1234567"}}],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#;
        check(&[so_far, so_far, USAGE, DONE], told, 9, 5, Ending::Finished);
        check(&[so_far, so_far], guessed, 9, 4, Ending::Open);
        check(&[TEXT, r#"{"choices":[],"usage":{}}"#, DONE], guessed, 100, 2, Ending::Finished);
        check(&[TEXT, TEXT], guessed, 100, 4, Ending::Open);
        let empty_reason = r#"{"choices":[{"delta":{"content":"1234567"},"finish_reason":""}]}"#;
        check(&[empty_reason], guessed, 100, 2, Ending::Open);
        check(&[TEXT, STOP], guessed, 100, 2, Ending::Finished);
        check(&[], UsageSource::None, 0, 0, Ending::Open);
        check(&[STOP, DONE], UsageSource::None, 0, 0, Ending::Finished);
    }

    #[test]
    fn an_error_wins_over_what_follows_and_its_numbers_count() {
        let error = r#"{"error":{"code":502,"message":"gone"},"choices":[{"delta":{},"finish_reason":"error"}],"usage":{"prompt_tokens":3}}"#;
        let meter = meter(&[TEXT, error, DONE]);

        assert_eq!((meter.ending(), meter.source(), meter.usage().input()), (Ending::Failed, UsageSource::Final, 3));
        assert_eq!(meter.failure().map(|failure| &*failure.message), Some("gone"));
    }

    #[test]
    fn an_event_named_error_fails_the_stream() {
        let mut meter = Meter::stream(Format::Chat);
        meter.feed(&Bytes::from_static(b"event: error\ndata: tool call is broken\n\n"));

        assert_eq!(meter.ending(), Ending::Failed);
        assert_eq!(meter.failure().unwrap().message, "tool call is broken");
    }

    #[test]
    fn the_tier_that_an_answer_names_is_heard() {
        let chunk = |tier: &str| format!(r#"{{"choices":[{{"delta":{{"content":"1"}}}}],"service_tier":{tier}}}"#);
        let check =
            |lines: &[&str], expected: Option<Tier>| assert_eq!(meter(lines).terms().tier, expected, "{lines:?}");
        check(&[&chunk("\"default\""), STOP, USAGE, DONE], Some(Tier::Standard));
        check(&[&chunk("\"auto\""), &chunk("\"priority\""), &chunk("null"), DONE], Some(Tier::Priority));
        check(&[TEXT, r#"{"choices":[{"delta":{"content":"\"service_tier\":\"flex\""}}]}"#], None);

        let whole = |json: &str| {
            let mut whole = Meter::whole(Format::Chat);
            whole.feed(&Bytes::from(json.to_owned()));
            whole.finish();
            (whole.terms().tier, whole.usage().input())
        };
        assert_eq!(whole(r#"{"usage":{"prompt_tokens":9},"service_tier":"flex","choices":[]}"#), (Some(Tier::Flex), 9));
        let long = "x".repeat(5_000);
        let first = format!(r#"{{"service_tier" : "fl\u0065x","choices":["{long}"],"usage":{{"prompt_tokens":9}}}}"#);
        assert_eq!(whole(&first), (Some(Tier::Flex), 9));
        let quoted =
            r#"{"service_tier":"flex","choices":[{"service_tier":"priority"},"\"service_tier\":\"default\""]}"#;
        assert_eq!(whole(quoted), (Some(Tier::Flex), 0));
        assert_eq!(whole(r#"{"choices":[{"service_tier":"priority"}],"service_tier":null}"#), (None, 0));
    }

    #[test]
    fn words_about_usage_and_errors_are_only_words() {
        let text = r#"{"choices":[{"delta":{"content":"{\"usage\":{\"prompt_tokens\":1},\"error\":\"x\",\"finish_reason\":\"y\"}"}}]}"#;
        let meter = meter(&[text]);

        assert_eq!((meter.source(), meter.ending(), meter.failure()), (UsageSource::Estimated, Ending::Open, None));
    }
}
