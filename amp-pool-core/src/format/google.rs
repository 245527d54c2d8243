//! Where answers of Google's own format tell what they used.
//!
//! The pool does not translate that format; it passes it on, and counts. Numbers grow from chunk to chunk and the last
//! ones win. A stream has no last event: the chunk with a reason to finish is its last word.

use serde::Deserialize;

use super::{Event, Failure, loose::Loose, meter::Tally};
use crate::usage::Usage;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Chunk {
    usage_metadata: Loose<Tokens>,
    candidates: Vec<Candidate>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Candidate {
    finish_reason: Loose<String>,
}

/// `promptTokenCount` holds what was cached; `candidatesTokenCount` does not hold what was thought.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Tokens {
    prompt_token_count: Loose<u64>,
    tool_use_prompt_token_count: Loose<u64>,
    cached_content_token_count: Loose<u64>,
    candidates_token_count: Loose<u64>,
    thoughts_token_count: Loose<u64>,
}

impl Tokens {
    fn usage(&self) -> Usage {
        let of = |count: &Loose<u64>| count.0.unwrap_or_default();
        let (cached, thoughts) = (of(&self.cached_content_token_count), of(&self.thoughts_token_count));
        let read = of(&self.prompt_token_count).saturating_add(of(&self.tool_use_prompt_token_count));
        Usage {
            uncached_input: read.saturating_sub(cached),
            cache_read: cached,
            output: of(&self.candidates_token_count).saturating_add(thoughts),
            reasoning: self.thoughts_token_count.0,
            ..Usage::default()
        }
    }
}

/// Reads one chunk of a stream.
pub(super) fn event(event: &Event<'_>, tally: &mut Tally) {
    if let Some(failure) = Failure::in_event(event) {
        return tally.fail(failure);
    }
    let Ok(chunk) = serde_json::from_slice::<Chunk>(&event.data) else { return };
    tally.said_last_word |= chunk.is_last();
    tally.told = chunk.usage_metadata.0.as_ref().map(Tokens::usage).or(tally.told);
    tally.is_final = tally.said_last_word;
}

/// Reads a whole answer: an object, or the array of chunks that a stream is without `alt=sse`.
pub(super) fn whole(json: &[u8], tally: &mut Tally) {
    let chunks = match serde_json::from_slice::<Chunk>(json) {
        Ok(chunk) => vec![chunk],
        Err(_) => serde_json::from_slice::<Vec<Chunk>>(json).unwrap_or_default(),
    };
    tally.told = chunks.iter().rev().find_map(|chunk| chunk.usage_metadata.0.as_ref()).map(Tokens::usage);
    tally.is_final = tally.told.is_some();
}

impl Chunk {
    fn is_last(&self) -> bool {
        self.candidates
            .iter()
            .any(|candidate| candidate.finish_reason.0.as_ref().is_some_and(|reason| !reason.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::{
        format::{Ending, Meter},
        usage::{Usage, UsageSource},
    };

    fn usage() -> Usage {
        Usage { uncached_input: 70, cache_read: 30, output: 15, reasoning: Some(5), ..Usage::default() }
    }

    const METADATA: &str = r#""usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":30,
        "candidatesTokenCount":10,"thoughtsTokenCount":5,"totalTokenCount":115}"#;

    #[test]
    fn a_stream_ends_with_its_last_word() {
        let mut meter = Meter::google(true);
        let chunk = |finish: &str, usage: &str| {
            let usage = usage.replace('\n', "");
            Bytes::from(format!("data: {{\"candidates\":[{{\"content\":{{}}{finish}}}],{usage}}}\r\n\r\n"))
        };
        meter.feed(&chunk("", r#""usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":1}"#));
        assert_eq!(meter.ending(), Ending::Open);
        meter.feed(&chunk(r#","finishReason":"STOP""#, METADATA));
        meter.finish();

        assert_eq!((meter.usage(), meter.source(), meter.ending()), (usage(), UsageSource::Final, Ending::Finished));
    }

    #[test]
    fn a_stream_that_breaks_off_is_open() {
        let mut meter = Meter::google(true);
        meter.feed(&Bytes::from_static(b"data: {\"candidates\":[{\"content\":{}}]}\n\n"));
        meter.finish();
        assert_eq!(meter.ending(), Ending::Open);
    }

    #[test]
    fn a_whole_answer_tells_its_numbers_as_object_and_as_array() {
        for body in [format!("{{{METADATA}}}"), format!("[{{\"candidates\":[]}},{{{METADATA}}}]")] {
            let mut meter = Meter::google(false);
            meter.feed(&Bytes::from(body));
            meter.finish();
            assert_eq!(
                (meter.usage(), meter.source(), meter.ending()),
                (usage(), UsageSource::Final, Ending::Finished)
            );
        }
    }

    #[test]
    fn an_error_is_one() {
        let mut meter = Meter::google(false);
        meter.feed(&Bytes::from_static(br#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}"#));
        meter.finish();
        assert_eq!(meter.ending(), Ending::Failed);
    }
}
