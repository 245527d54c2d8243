//! Where Responses answers tell what they used.
//!
//! The terminal event does, whichever it is. Everything before it repeats what was said, so only deltas are listened to.

use serde::Deserialize;

use crate::{
    format::{
        Event, Failure,
        glance::{Value, chars, each_member},
        loose::{Loose, Text},
        meter::{Ending, Tally},
        tokens::OpenAiTokens,
    },
    usage::ServiceTerms,
};

/// Reads one event.
pub(in crate::format) fn event(event: &Event<'_>, tally: &mut Tally) {
    let mut may_be_terminal = event.name.is_some_and(is_terminal);
    each_member(&event.data, |name, value| match (name, value) {
        (b"delta", Value::Text(text)) => tally.chars = tally.chars.saturating_add(chars(text)),
        (b"type", Value::Text(kind)) => may_be_terminal |= is_terminal(kind),
        _ => {}
    });
    if may_be_terminal {
        terminal(event, tally);
    }
}

/// Reads a whole answer.
pub(in crate::format) fn whole(json: &[u8], tally: &mut Tally) {
    if let Ok(response) = serde_json::from_slice::<Response<'_>>(json) {
        tally.is_pending = response.is_pending();
        response.take_usage(tally);
    }
}

fn terminal(event: &Event<'_>, tally: &mut Tally) {
    let line = serde_json::from_slice::<Line<'_>>(&event.data).unwrap_or_default();
    let kind = line.kind.0.as_ref().map(|kind| kind.0.as_bytes());
    match kind.or(event.name) {
        Some(b"response.completed" | b"response.incomplete") => tally.end(Ending::Finished),
        Some(b"response.failed" | b"error") => {
            tally.fail(Failure::in_event(event).unwrap_or_else(|| Failure::unread(&event.data)));
        }
        _ => return,
    }
    if let Some(response) = line.response.0 {
        response.take_usage(tally);
    }
}

fn is_terminal(kind: &[u8]) -> bool {
    matches!(kind, b"response.completed" | b"response.incomplete" | b"response.failed" | b"error")
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Loose<Text<'a>>,
    #[serde(borrow)]
    response: Loose<Response<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    status: Loose<Text<'a>>,
    #[serde(borrow)]
    service_tier: Loose<Text<'a>>,
    usage: Loose<OpenAiTokens>,
}

impl Response<'_> {
    /// Whether the answer is still being made in the background.
    fn is_pending(&self) -> bool {
        self.status.0.as_ref().is_some_and(|status| status.is("queued") || status.is("in_progress"))
    }

    /// Null means unknown and not zero.
    fn take_usage(self, tally: &mut Tally) {
        tally.terms = ServiceTerms::said(self.service_tier.0.as_ref().map(|tier| &*tier.0), None, None);
        if let Some(usage) = self.usage.0.and_then(OpenAiTokens::usage) {
            tally.told = Some(usage);
            tally.is_final = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::{
        format::{Ending, Format, Meter},
        usage::{Tier, UsageSource},
    };

    const CREATED: &str =
        r#"{"type":"response.created","response":{"status":"in_progress","error":null,"usage":null}}"#;
    const TEXT: &str = r#"{"type":"response.output_text.delta","item_id":"m","delta":"1234567"}"#;
    const DONE: &str = r#"{"type":"response.output_text.done","text":"1234567"}"#;

    fn meter(lines: &[&str]) -> Meter {
        let mut meter = Meter::stream(Format::Responses);
        meter.expect_input(100);
        for line in lines {
            meter.feed(&Bytes::from(format!("data: {line}\n\n")));
        }
        meter.finish();
        meter
    }

    #[test]
    fn the_terminal_event_names_the_tier_that_was_billed() {
        let created = CREATED.replace("\"error\":null", "\"service_tier\":\"auto\"");
        let completed = terminal("completed", "null").replace("\"error\":null", "\"service_tier\":\"priority\"");
        assert_eq!(meter(&[&created, TEXT, &completed]).terms().tier, Some(Tier::Priority));
    }

    fn terminal(kind: &str, usage: &str) -> String {
        format!(r#"{{"type":"response.{kind}","response":{{"status":"{kind}","error":null,"usage":{usage}}}}}"#)
    }

    #[test]
    fn any_terminal_event_tells_the_numbers() {
        let check = |kind, usage, ending, source, input, output| {
            let meter = meter(&[CREATED, TEXT, DONE, &terminal(kind, usage), "[DONE]"]);
            let seen = (meter.ending(), meter.source(), meter.usage().input(), meter.usage().output);
            assert_eq!(seen, (ending, source, input, output), "{kind} {usage}");
        };
        let usage = r#"{"input_tokens":9,"output_tokens":5,"total_tokens":14}"#;
        check("completed", usage, Ending::Finished, UsageSource::Final, 9, 5);
        check("incomplete", usage, Ending::Finished, UsageSource::Final, 9, 5);
        check("failed", usage, Ending::Failed, UsageSource::Final, 9, 5);
        check("failed", "null", Ending::Failed, UsageSource::Estimated, 100, 2);
        check("completed", "null", Ending::Finished, UsageSource::Estimated, 100, 2);
        check("in_progress", usage, Ending::Open, UsageSource::Estimated, 100, 2);
    }

    #[test]
    fn the_first_error_is_the_failure_and_later_numbers_still_count() {
        let error = r#"{"type":"error","sequence_number":3,"error":{"type":"t","code":"c","message":"first"}}"#;
        let failed = r#"{"type":"response.failed","response":{"error":{"code":"d","message":"second"},"usage":{"input_tokens":9,"output_tokens":1}}}"#;
        let meter = meter(&[CREATED, error, failed]);

        assert_eq!((meter.ending(), meter.source(), meter.usage().input()), (Ending::Failed, UsageSource::Final, 9));
        assert_eq!(meter.failure().map(|failure| &*failure.message), Some("first"));
    }

    #[test]
    fn a_stream_that_only_began_used_nothing_that_is_known() {
        let meter = meter(&[CREATED]);

        assert_eq!((meter.source(), meter.ending()), (UsageSource::None, Ending::Open));
    }

    #[test]
    fn a_response_in_the_background_has_used_nothing_yet() {
        let mut meter = Meter::whole(Format::Responses);
        meter.expect_input(100);
        meter.feed(&Bytes::from_static(br#"{"object":"response","status":"queued","usage":null}"#));
        meter.finish();

        assert_eq!((meter.usage().total(), meter.source()), (0, UsageSource::None));
    }

    #[test]
    fn a_whole_response_is_read() {
        let mut meter = Meter::whole(Format::Responses);
        meter.feed(&Bytes::from_static(
            br#"{"object":"response","error":null,"service_tier":"flex","usage":{"input_tokens":3,"output_tokens":4}}"#,
        ));
        meter.finish();

        assert_eq!((meter.usage().total(), meter.source()), (7, UsageSource::Final));
        assert_eq!(meter.terms().tier, Some(Tier::Flex));
    }
}
