//! Token counts as OpenAI and the servers like it write them.
//!
//! Chat says prompt and completion, Responses and the newer endpoints say input and output; the cached part of the prompt
//! has a different place with nearly every provider. All of them count the cached part within the whole.

use serde::Deserialize;

use super::{
    loose::{Loose, Tokens},
    plain::Plain,
};
use crate::usage::Usage;

type Count = Loose<Tokens>;

/// A `usage` object in any of the known spellings.
#[derive(Clone, Copy, Deserialize, Default)]
#[serde(default)]
pub(super) struct OpenAiTokens {
    prompt_tokens: Count,
    input_tokens: Count,
    completion_tokens: Count,
    output_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: Loose<InputDetails>,
    input_tokens_details: Loose<InputDetails>,
    completion_tokens_details: Loose<OutputDetails>,
    output_tokens_details: Loose<OutputDetails>,
    /// Moonshot.
    cached_tokens: Count,
    /// DeepSeek.
    prompt_cache_hit_tokens: Count,
    /// Mistral.
    num_cached_tokens: Count,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Count,
    cache_write_tokens: Count,
    /// DashScope.
    cache_creation_input_tokens: Count,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Count,
}

impl InputDetails {
    fn field(&mut self, name: &[u8]) -> Option<&mut Count> {
        match name {
            b"cached_tokens" => Some(&mut self.cached_tokens),
            b"cache_write_tokens" => Some(&mut self.cache_write_tokens),
            b"cache_creation_input_tokens" => Some(&mut self.cache_creation_input_tokens),
            _ => None,
        }
    }
}

impl OutputDetails {
    fn field(&mut self, name: &[u8]) -> Option<&mut Count> {
        if name == b"reasoning_tokens" { Some(&mut self.reasoning_tokens) } else { None }
    }
}

impl OpenAiTokens {
    /// Reads an object that is written as nearly all servers write it, many times faster than a parser of all of JSON
    /// does. Gives what stands behind it as well. `None` when anything unusual is in it, which says nothing about it.
    pub(super) fn plain(json: &[u8]) -> Option<(Self, &[u8])> {
        let (mut plain, mut tokens) = (Plain::new(json), Self::default());
        plain.object(|plain, name| match name {
            b"prompt_tokens_details" => details(plain, &mut tokens.prompt_tokens_details, InputDetails::field),
            b"input_tokens_details" => details(plain, &mut tokens.input_tokens_details, InputDetails::field),
            b"completion_tokens_details" => details(plain, &mut tokens.completion_tokens_details, OutputDetails::field),
            b"output_tokens_details" => details(plain, &mut tokens.output_tokens_details, OutputDetails::field),
            _ => count(plain, tokens.field(name)),
        })?;
        Some((tokens, plain.rest()))
    }

    fn field(&mut self, name: &[u8]) -> Option<&mut Count> {
        match name {
            b"prompt_tokens" => Some(&mut self.prompt_tokens),
            b"input_tokens" => Some(&mut self.input_tokens),
            b"completion_tokens" => Some(&mut self.completion_tokens),
            b"output_tokens" => Some(&mut self.output_tokens),
            b"total_tokens" => Some(&mut self.total_tokens),
            b"cached_tokens" => Some(&mut self.cached_tokens),
            b"prompt_cache_hit_tokens" => Some(&mut self.prompt_cache_hit_tokens),
            b"num_cached_tokens" => Some(&mut self.num_cached_tokens),
            _ => None,
        }
    }

    /// The counts in disjoint classes, or `None` when the object holds no counts.
    pub(super) fn usage(self) -> Option<Usage> {
        let completion = self.completion_tokens.count().or(self.output_tokens.count());
        let total = self.total_tokens.count();
        let prompt = self.prompt_tokens.count().or(self.input_tokens.count());
        if (prompt, completion, total) == (None, None, None) {
            return None;
        }
        let completion = completion.unwrap_or(0);
        let prompt = prompt.or(total.map(|total| total.saturating_sub(completion))).unwrap_or(0);
        let reasoning = self.reasoning();
        let output = output(prompt, completion, reasoning, total);
        let (cache_read, cache_write_5m) = (self.cache_read(), self.cache_write());
        let uncached_input = prompt.saturating_sub(cache_read).saturating_sub(cache_write_5m);
        let reasoning = reasoning.map(|reasoning| reasoning.min(output));
        Some(Usage { uncached_input, cache_read, cache_write_5m, cache_write_1h: 0, output, reasoning })
    }

    fn input_details(&self) -> Option<&InputDetails> {
        self.prompt_tokens_details.0.as_ref().or(self.input_tokens_details.0.as_ref())
    }

    fn cache_read(&self) -> u64 {
        self.input_details()
            .and_then(|details| details.cached_tokens.count())
            .or(self.cached_tokens.count())
            .or(self.prompt_cache_hit_tokens.count())
            .or(self.num_cached_tokens.count())
            .unwrap_or(0)
    }

    fn cache_write(&self) -> u64 {
        self.input_details()
            .and_then(|details| details.cache_write_tokens.count().or(details.cache_creation_input_tokens.count()))
            .unwrap_or(0)
    }

    fn reasoning(&self) -> Option<u64> {
        let details = self.completion_tokens_details.0.as_ref().or(self.output_tokens_details.0.as_ref());
        details.and_then(|details| details.reasoning_tokens.count())
    }
}

/// Reads a member that is a count, or skips one that is not known. A name that comes twice is unusual.
fn count(plain: &mut Plain<'_>, field: Option<&mut Count>) -> Option<()> {
    match field {
        Some(Loose(Some(_))) => None,
        Some(field) => {
            *field = Loose(plain.count()?.map(Tokens));
            Some(())
        }
        None => plain.skip(),
    }
}

fn details<T: Default>(
    plain: &mut Plain<'_>,
    member: &mut Loose<T>,
    field: for<'a> fn(&'a mut T, &[u8]) -> Option<&'a mut Count>,
) -> Option<()> {
    if member.0.is_some() {
        return None;
    }
    let mut details = T::default();
    if !plain.null() {
        plain.object(|plain, name| count(plain, field(&mut details, name)))?;
        *member = Loose(Some(details));
    }
    Some(())
}

/// xAI leaves reasoning out of the completion; its total gives that away.
fn output(prompt: u64, completion: u64, reasoning: Option<u64>, total: Option<u64>) -> u64 {
    let reasoning = reasoning.unwrap_or(0);
    let with_reasoning = completion.saturating_add(reasoning);
    if total == Some(prompt.saturating_add(with_reasoning)) { with_reasoning } else { completion }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_in_every_dialect() {
        let check = |json: &str, [uncached_input, cache_read, cache_write_5m, output]: [u64; 4], reasoning| {
            let usage = serde_json::from_str::<OpenAiTokens>(json).unwrap().usage();
            let expected = Usage { uncached_input, cache_read, cache_write_5m, cache_write_1h: 0, output, reasoning };
            assert_eq!(usage, Some(expected), "{json}");
            if let Some((plain, rest)) = OpenAiTokens::plain(json.as_bytes()) {
                assert_eq!((plain.usage(), rest.len()), (usage, 0), "{json}");
            }
        };
        check(r#"{"prompt_tokens":10,"completion_tokens":3,"total_tokens":13}"#, [10, 0, 0, 3], None);
        check(
            r#"{"prompt_tokens":10,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},
                "completion_tokens_details":{"reasoning_tokens":1}}"#,
            [4, 4, 2, 3],
            Some(1),
        );
        check(r#"{"prompt_tokens":10,"cached_tokens":4}"#, [6, 4, 0, 0], None);
        check(r#"{"prompt_tokens":10,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6}"#, [6, 4, 0, 0], None);
        check(r#"{"prompt_tokens":10,"num_cached_tokens":4}"#, [6, 4, 0, 0], None);
        check(r#"{"prompt_tokens":10,"prompt_tokens_details":null,"num_cached_tokens":4}"#, [6, 4, 0, 0], None);
        check(
            r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":0},"cached_tokens":4}"#,
            [10, 0, 0, 0],
            None,
        );
        check(r#"{"prompt_tokens":10,"prompt_tokens_details":{"cache_creation_input_tokens":4}}"#, [6, 0, 4, 0], None);
        // Reasoning beside the completion, within it, and more than it.
        check(
            r#"{"prompt_tokens":10,"completion_tokens":3,"total_tokens":20,
                "completion_tokens_details":{"reasoning_tokens":7}}"#,
            [10, 0, 0, 10],
            Some(7),
        );
        check(
            r#"{"prompt_tokens":10,"completion_tokens":9,"total_tokens":19,
                "completion_tokens_details":{"reasoning_tokens":7}}"#,
            [10, 0, 0, 9],
            Some(7),
        );
        check(
            r#"{"prompt_tokens":10,"completion_tokens":3,"total_tokens":13,
                "completion_tokens_details":{"reasoning_tokens":7}}"#,
            [10, 0, 0, 3],
            Some(3),
        );
        // More cached than there was.
        check(r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":12}}"#, [0, 12, 0, 0], None);
        // Embeddings, images, Responses.
        check(r#"{"prompt_tokens":8,"total_tokens":8}"#, [8, 0, 0, 0], None);
        check(r#"{"total_tokens":8}"#, [8, 0, 0, 0], None);
        check(
            r#"{"input_tokens":10,"output_tokens":3,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":1},
                "output_tokens_details":{"reasoning_tokens":0}}"#,
            [5, 4, 1, 3],
            Some(0),
        );
        // Odd types cost only themselves.
        check(
            r#"{"prompt_tokens":10.0,"completion_tokens":-3,"prompt_tokens_details":[],"cached_tokens":"4"}"#,
            [10, 0, 0, 0],
            None,
        );
    }

    #[test]
    fn only_what_is_written_plainly_is_read_without_a_parser() {
        let check = |json: &str, is_plain: bool| {
            assert_eq!(OpenAiTokens::plain(json.as_bytes()).is_some(), is_plain, "{json}");
        };
        check(r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0}}"#, true);
        check("{\n  \"prompt_tokens\" : 10 ,\n  \"queue_time\": null, \"tier\": \"a\", \"ok\": true }", true);
        check(r#"{"prompt_tokens":10,"prompt_tokens":11}"#, false);
        check(r#"{"prompt_tokens":10,"prompt_tokens_details":{},"prompt_tokens_details":{}}"#, false);
        check(r#"{"prompt_tokens":10.0}"#, false);
        check(r#"{"prompt_tokens":-1}"#, false);
        check(r#"{"prompt_tokens":01}"#, false);
        check(r#"{"prompt_tokens":1e3}"#, false);
        check(r#"{"prompt_tokens":"10"}"#, false);
        check(r#"{"prompt_tokens":99999999999999999999}"#, false);
        check(r#"{"prompt_tokens":10,"cost":0.25}"#, false);
        check(r#"{"prompt_tokens":10,"\u0061":1}"#, false);
        check(r#"{"prompt_tokens":10,}"#, false);
        check(r#"{"prompt_tokens":10"#, false);
        check(r#"{"a":{"b":{"c":{"d":{}}}}}"#, false);
        check("", false);
    }

    #[test]
    fn an_object_without_counts_is_no_usage() {
        for json in ["{}", r#"{"prompt_tokens":null}"#, r#"{"type":"duration","seconds":3}"#] {
            assert_eq!(serde_json::from_str::<OpenAiTokens>(json).unwrap().usage(), None, "{json}");
        }
    }
}
