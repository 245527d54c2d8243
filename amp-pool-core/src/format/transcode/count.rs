//! How many tokens a request has, as far as can be told without the model's tokenizer.

use super::codec;
use crate::format::{
    Format, Losses, Reject,
    canonical::{Json, Part, Request, Source, Tool},
};

/// Tokens of an image whose size is not known.
const IMAGE: u64 = 1_600;

/// Tokens of what surrounds a turn.
const TURN: u64 = 4;

/// Answers a client who counts tokens without asking anybody: the body `{"input_tokens": n}`, for Responses with the name of
/// its type.
///
/// Everything counts: system text, tools, calls, results, thoughts, images. The number is a little too high rather than too
/// low, so that a client compacts in time.
///
/// # Errors
/// [`Reject`] when the body can not be read.
///
/// ```
/// use amp_pool_core::format::{Format, count_tokens};
///
/// let counted = count_tokens(Format::Responses, br#"{"model": "m", "input": "a few words"}"#)?;
/// assert_eq!(counted, br#"{"object":"response.input_tokens","input_tokens":8}"#);
/// assert!(count_tokens(Format::Messages, b"{").is_err());
/// # Ok::<_, amp_pool_core::format::Reject>(())
/// ```
pub fn count_tokens(client: Format, body: &[u8]) -> Result<Vec<u8>, Reject> {
    let request = codec::read_request(client, body, &mut Losses::new(client))?;
    let object = if client == Format::Responses { "\"object\":\"response.input_tokens\"," } else { "" };
    Ok(format!("{{{object}\"input_tokens\":{}}}", tokens(&request)).into_bytes())
}

/// An estimate of the tokens of a request.
pub(super) fn tokens(request: &Request) -> u64 {
    let mut count = Count::default();
    request.instructions.iter().for_each(|text| count.text(&text.text));
    for turn in &request.turns {
        count.tokens += TURN;
        count.parts(&turn.parts);
    }
    request.tools.iter().for_each(|tool| count.tool(tool));
    count.total()
}

/// Characters, and what is no text.
#[derive(Default)]
struct Count {
    chars: u64,
    tokens: u64,
}

impl Count {
    fn text(&mut self, text: &str) {
        // Letters of other scripts are about a token each, so they count by their bytes.
        self.chars = self.chars.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
    }

    fn json(&mut self, json: Option<&Json>) {
        json.into_iter().for_each(|json| self.text(json.get()));
    }

    fn parts(&mut self, parts: &[Part]) {
        parts.iter().for_each(|part| self.part(part));
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Text(text) => self.text(&text.text),
            Part::Refusal(text) => self.text(text),
            Part::Image(_) => self.tokens += IMAGE,
            Part::Document(document) => self.source(&document.source),
            // About 10 tokens a second, and a second has at least 8 kB.
            Part::Audio(audio) => self.tokens += u64::try_from(audio.data.len() / 800).unwrap_or(0),
            Part::SearchResult(result) => result.content.iter().for_each(|text| self.text(&text.text)),
            Part::Thought(thought) => thought.paragraphs.iter().for_each(|text| self.text(text)),
            Part::Call(call) => {
                self.tokens += TURN;
                self.text(&call.name);
                self.text(call.input.as_str());
            }
            Part::Result(result) => {
                self.tokens += TURN;
                self.parts(&result.content);
            }
            Part::Hosted(hosted) => self.text(hosted.raw.get()),
        }
    }

    fn source(&mut self, source: &Source) {
        match source {
            // A page of a PDF is an image and its text, and has about 50 kB.
            Source::Base64 { data, .. } => {
                self.tokens += 2 * IMAGE * u64::try_from(1 + data.len() / 70_000).unwrap_or(1);
            }
            Source::Url(_) | Source::File(_) => self.tokens += 2 * IMAGE,
            Source::Text(text) => self.text(text),
            Source::Parts(parts) => self.parts(parts),
        }
    }

    fn tool(&mut self, tool: &Tool) {
        self.tokens += TURN;
        match tool {
            Tool::Function(tool) => {
                self.text(&tool.name);
                self.text(tool.description.as_deref().unwrap_or_default());
                self.json(tool.schema.as_ref());
            }
            Tool::Custom(tool) => {
                self.text(&tool.name);
                self.text(tool.description.as_deref().unwrap_or_default());
                self.json(tool.grammar.as_ref());
            }
            Tool::Typed(tool) | Tool::Hosted(tool) => self.text(tool.raw.get()),
            Tool::WebSearch(_) => self.tokens += 300,
        }
    }

    /// 3.5 characters a token.
    fn total(&self) -> u64 {
        self.chars.saturating_mul(2).div_ceil(7).saturating_add(self.tokens).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::canonical::{Call, FunctionTool, Input, Role, Text, Thought, ToolResult, Turn};

    fn of(parts: Vec<Part>) -> u64 {
        tokens(&Request { turns: vec![Turn::new(Role::User, parts)], ..Request::default() })
    }

    #[test]
    fn everything_that_is_sent_counts() {
        let long = "1234567".repeat(100);
        let text = || Part::Text(Text::new(long.clone()));
        let input = Input::Json(long.clone());
        let call = Call { id: "c".into(), name: "f".into(), namespace: None, input, proof: None, cache: None };
        let result = ToolResult { call: "c".into(), content: vec![text()], is_error: false, cache: None };
        let thought = Thought { paragraphs: vec![long.clone()], ..Thought::default() };

        for part in [text(), Part::Call(call), Part::Result(result), Part::Thought(thought)] {
            assert!((204..=209).contains(&of(vec![part.clone()])), "{part:?}");
        }
        let tool = FunctionTool { name: "f".into(), description: Some(long.clone()), ..FunctionTool::default() };
        let request = Request {
            instructions: vec![Text::new(long.clone())],
            tools: vec![Tool::Function(tool)],
            ..Request::default()
        };
        assert_eq!(tokens(&request), 405);
        assert_eq!(tokens(&Request::default()), 1);
    }
}
