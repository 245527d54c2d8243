//! Where Messages answers tell what they used.
//!
//! A stream tells first numbers at its start and cumulative ones later: each field that comes replaces the older one, also
//! by a smaller number. Nothing is added up but the passes that are billed beside the answer.

use serde_json::value::RawValue;

use super::{
    line::{Delta, Line, Message},
    tokens::{Told, terms},
};
use crate::format::{
    Event, Failure,
    glance::{Speech, Value, each_member},
    meter::{Ending, Tally},
    tail,
};

/// Keeps the newest number of every field.
#[derive(Debug, Default)]
pub(in crate::format) struct Counter {
    told: Told,
    /// The output was told by something later than the first numbers.
    has_output: bool,
    has_stop_reason: bool,
    has_stopped: bool,
}

impl Counter {
    pub(in crate::format) fn event(&mut self, event: &Event<'_>, tally: &mut Tally) {
        let glance = Glance::at(&event.data);
        tally.chars = tally.chars.saturating_add(glance.speech.chars());
        if (glance.may_matter || event.name.is_some_and(matters))
            && let Ok(line) = serde_json::from_slice::<Line<'_>>(&event.data)
        {
            self.read(event, &line, tally);
        }
        if (glance.may_be_error || event.name == Some(b"error"))
            && let Some(failure) = Failure::in_event(event)
        {
            tally.fail(failure);
        }
        tally.is_final = self.is_final(tally.chars);
    }

    pub(in crate::format) fn whole(&mut self, json: &[u8], tally: &mut Tally) {
        let in_order = || serde_json::from_slice::<Message<'_>>(json).ok()?.usage;
        self.take_usage(tail::usage(json).or_else(in_order), tally);
        tally.is_final = true;
    }

    fn read(&mut self, event: &Event<'_>, line: &Line<'_>, tally: &mut Tally) {
        match line.kind(event) {
            b"message_start" => {
                if line.message.is_none() {
                    return;
                }
                let message = Message::of(line.message);
                self.take_usage(message.usage, tally);
                // A message that is complete at its start has told its output there.
                self.has_output = message.stop_reason.0.is_some();
                self.has_stop_reason = message.stop_reason.0.is_some();
            }
            b"message_delta" => {
                self.has_output |= self.take_usage(line.usage, tally);
                self.has_stop_reason |= Delta::of(line.delta).stop_reason.0.is_some();
            }
            b"message_stop" => {
                self.has_stopped = true;
                tally.end(Ending::Finished);
            }
            _ => {}
        }
    }

    /// Takes what `usage` tells, and says whether it told the output.
    fn take_usage(&mut self, usage: Option<&RawValue>, tally: &mut Tally) -> bool {
        let Some(tells_output) = usage.and_then(|raw| self.told.take(raw)) else { return false };
        tally.told = Some(self.told.usage());
        tally.terms = usage.map(terms).unwrap_or_default().or(tally.terms);
        tells_output
    }

    /// A message that says nothing and stops has no better numbers than its first ones.
    fn is_final(&self, chars: u64) -> bool {
        let is_over = self.has_stop_reason || self.has_stopped;
        (self.has_output && is_over) || (self.has_stopped && chars == 0)
    }
}

#[derive(Default)]
struct Glance {
    speech: Speech,
    may_matter: bool,
    may_be_error: bool,
}

impl Glance {
    fn at(data: &[u8]) -> Self {
        let mut glance = Self::default();
        each_member(data, |name, value| match (name, value) {
            (b"type", Value::Text(kind)) => {
                glance.may_matter |= matters(kind);
                glance.may_be_error |= kind == b"error";
            }
            (b"error", Value::Other) => glance.may_be_error = true,
            (name, Value::Text(text)) => glance.speech.hear(name, text),
            _ => {}
        });
        glance
    }
}

fn matters(kind: &[u8]) -> bool {
    matches!(kind, b"message_start" | b"message_delta" | b"message_stop")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::{
        format::{Ending, Format, Meter},
        usage::{ServiceTerms, Usage, UsageSource},
    };

    const START: &str = r#"{"type":"message_start","message":{"content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":30,"cache_read_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":1}}}"#;
    const TEXT: &str = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"12345678"}}"#;
    const STOP: &str = r#"{"type":"message_stop"}"#;

    fn meter(lines: &[&str]) -> Meter {
        let mut meter = Meter::stream(Format::Messages);
        meter.expect_input(100);
        for line in lines {
            meter.feed(&Bytes::from(format!("data: {line}\n\n")));
        }
        meter.finish();
        meter
    }

    fn delta(usage: &str) -> String {
        format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn"}},"usage":{usage}}}"#)
    }

    fn usage([uncached_input, cache_read, cache_write_5m, cache_write_1h, output]: [u64; 5]) -> Usage {
        Usage { uncached_input, cache_read, cache_write_5m, cache_write_1h, output, reasoning: None }
    }

    #[test]
    fn later_numbers_replace_earlier_ones_field_by_field() {
        let check = |newer: &str, expected: [u64; 5]| {
            let meter = meter(&[START, TEXT, &delta(newer), STOP]);
            assert_eq!((meter.source(), meter.usage()), (UsageSource::Final, usage(expected)), "{newer}");
        };
        check(r#"{"output_tokens":7}"#, [10, 5, 10, 20, 7]);
        check(r#"{"output_tokens":7,"input_tokens":null}"#, [10, 5, 10, 20, 7]);
        check(r#"{"output_tokens":0,"input_tokens":3,"cache_read_input_tokens":0}"#, [3, 0, 10, 20, 0]);
        check(r#"{"output_tokens":7,"cache_creation_input_tokens":50}"#, [10, 5, 30, 20, 7]);
        check(r#"{"output_tokens":7,"cache_creation_input_tokens":15}"#, [10, 5, 0, 15, 7]);
        check(r#"{"output_tokens":7,"input_tokens":"many","cache_creation":[1]}"#, [10, 5, 10, 20, 7]);
    }

    #[test]
    fn the_terms_that_were_billed_are_told_with_the_numbers() {
        let start =
            START.replace(r#""output_tokens":1}"#, r#""output_tokens":1,"service_tier":"batch","speed":"fast"}"#);
        let last = delta(r#"{"output_tokens":7,"service_tier":"priority","inference_geo":"us"}"#);
        assert_eq!(meter(&[START, TEXT, STOP]).terms(), ServiceTerms::default());
        assert_eq!(meter(&[&start, TEXT, STOP]).terms().to_string(), "batch+fast");
        assert_eq!(meter(&[&start, TEXT, &last, STOP]).terms().to_string(), "priority+fast+us");
    }

    #[test]
    fn passes_beside_the_answer_are_billed_too() {
        let newer = r#"{"input_tokens":3,"output_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"iterations":[{"type":"compaction","input_tokens":100,"output_tokens":20},{"type":"message","input_tokens":3,"output_tokens":7},{"type":"advisor_message","input_tokens":1,"output_tokens":2,"cache_read_input_tokens":4}]}"#;
        let meter = meter(&[START, TEXT, &delta(newer), STOP]);

        assert_eq!(meter.usage(), usage([104, 4, 0, 0, 29]));
    }

    #[test]
    fn thinking_is_a_part_of_the_output() {
        let meter =
            meter(&[START, &delta(r#"{"output_tokens":7,"output_tokens_details":{"thinking_tokens":4}}"#), STOP]);

        assert_eq!((meter.usage().output, meter.usage().reasoning), (7, Some(4)));
    }

    #[test]
    fn a_message_without_final_numbers_is_estimated() {
        let check = |lines: &[&str], source, expected: [u64; 5], ending| {
            let meter = meter(lines);
            assert_eq!((meter.source(), meter.usage(), meter.ending()), (source, usage(expected), ending), "{lines:?}");
        };
        let empty = r#"{"type":"message_start","message":{"usage":{"input_tokens":0,"output_tokens":0}}}"#;
        let complete = START.replace(r#""stop_reason":null"#, r#""stop_reason":"tool_use""#);
        let guessed = UsageSource::Estimated;
        check(&[START, TEXT], guessed, [10, 5, 10, 20, 3], Ending::Open);
        check(&[START, TEXT, STOP], guessed, [10, 5, 10, 20, 3], Ending::Finished);
        check(&[empty, TEXT], guessed, [100, 0, 0, 0, 3], Ending::Open);
        check(&[TEXT], guessed, [100, 0, 0, 0, 3], Ending::Open);
        check(&[START], guessed, [10, 5, 10, 20, 1], Ending::Open);
        check(&[START, STOP], UsageSource::Final, [10, 5, 10, 20, 1], Ending::Finished);
        check(&[empty, STOP], UsageSource::Final, [0; 5], Ending::Finished);
        check(&[&complete, STOP], UsageSource::Final, [10, 5, 10, 20, 1], Ending::Finished);
        check(&[r#"{"type":"message_start"}"#, STOP], UsageSource::None, [0; 5], Ending::Finished);
        check(&[r#"{"type":"ping"}"#], UsageSource::None, [0; 5], Ending::Open);
    }

    #[test]
    fn an_error_ends_the_stream() {
        let meter =
            meter(&[START, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, STOP]);

        assert_eq!(meter.ending(), Ending::Failed);
        assert_eq!(meter.failure().and_then(|failure| failure.kind.as_deref()), Some("overloaded_error"));
    }

    #[test]
    fn a_type_deep_inside_ends_nothing() {
        let tool =
            r#"{"type":"content_block_start","content_block":{"type":"tool_use","input":{"type":"message_stop"}}}"#;

        assert_eq!(meter(&[START, tool]).ending(), Ending::Open);
    }

    #[test]
    fn the_name_of_the_event_serves_where_the_type_is_missing() {
        let mut meter = Meter::stream(Format::Messages);
        meter.feed(&Bytes::from_static(b"event: message_stop\ndata: {}\n\n"));

        assert_eq!((meter.ending(), meter.terminal_at()), (Ending::Finished, Some(0)));
    }

    #[test]
    fn a_whole_message_tells_its_numbers_once() {
        let mut meter = Meter::whole(Format::Messages);
        meter.feed(&Bytes::from_static(br#"{"type":"message","usage":{"input_tokens":3,"output_tokens":4}}"#));
        meter.finish();

        assert_eq!((meter.usage(), meter.ending()), (usage([3, 0, 0, 0, 4]), Ending::Finished));
    }
}
