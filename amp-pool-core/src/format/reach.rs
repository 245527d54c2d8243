//! How far a request can go: what bounds the tokens it makes the upstream read and write.
//!
//! Only those who have to know the most that a call can cost ask for it, so it reads the whole body. What it does not
//! understand it takes for more, never for less.

use std::{borrow::Cow, fmt, ops::Range};

use bytes::Bytes;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Format, Splice, peek::each_member};

/// Tokens that an upstream may put before a prompt without being told to: templates, and instructions for tools.
const PREAMBLE: u64 = 1_024;

/// The most tokens that an image is counted for by any of the models we know.
const IMAGE: u64 = 50_000;

/// The window of a model that nobody told us of.
const WINDOW: u64 = 1_000_000;

/// What a request says of its size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// How many answers it wants at once.
    pub choices: u64,
    /// The most it wants written for each, if it says so.
    pub max_output: Option<u64>,
    /// How much of that it wants thought at most, where the rest has to be more.
    pub thinking: u64,
    /// Whether it makes the upstream go on by itself, with tools that run there: nothing bounds what that reads.
    pub is_endless: bool,
    /// Whether it refers to what is not in it: files, earlier answers.
    refers: bool,
    images: u64,
    bytes: u64,
    /// Where its limits of output stand.
    limits: Vec<Range<usize>>,
    /// Where a member can be added, and what has to stand behind it.
    first_member: usize,
    comma: &'static str,
}

impl Reach {
    /// How far `body` can go, which is a request in `format`.
    ///
    /// ```
    /// use amp_pool_core::format::{Format, Reach};
    ///
    /// let reach = Reach::of(Format::Chat, br#"{"model": "m", "n": 2, "max_tokens": 100}"#);
    /// assert_eq!((reach.choices, reach.max_output), (2, Some(100)));
    /// assert!(reach.input(None) < 2_000);
    /// ```
    #[must_use]
    pub fn of(format: Format, body: &[u8]) -> Self {
        let mut reach = Self { choices: 1, bytes: body.len() as u64, ..Self::default() };
        let text = std::str::from_utf8(body).unwrap_or_default();
        let read = reach.read_top(format, text).and_then(|()| serde_json::from_str::<Deep>(text));
        match read {
            Ok(deep) => reach.join(&deep),
            Err(_) => reach.refers = true,
        }
        reach
    }

    /// The most tokens that it can make a model read whose window is `window` tokens long.
    ///
    /// A token is at least a byte of what was written, in every tokenizer there is.
    #[must_use]
    pub fn input(&self, window: Option<u64>) -> u64 {
        if self.refers || self.is_endless {
            return window.unwrap_or(WINDOW).max(self.written());
        }
        // More than the window is refused, and costs nothing.
        window.map_or(self.written(), |window| self.written().min(window))
    }

    fn written(&self) -> u64 {
        self.bytes.saturating_add(self.images.saturating_mul(IMAGE)).saturating_add(PREAMBLE)
    }

    /// The edits that let the request want no more than `tokens` written; `name` is what that limit is called where it
    /// does not say one.
    #[must_use]
    pub fn cap(&self, tokens: u64, name: &str) -> Vec<Splice> {
        let put = |range: Range<usize>, text: String| Splice { range, with: Bytes::from(text) };
        if self.limits.is_empty() {
            let text = format!("\"{name}\":{tokens}{}", self.comma);
            return vec![put(self.first_member..self.first_member, text)];
        }
        self.limits.iter().map(|range| put(range.clone(), tokens.to_string())).collect()
    }

    fn read_top(&mut self, format: Format, text: &str) -> serde_json::Result<()> {
        self.first_member = text.find('{').map_or(0, |brace| brace + 1);
        each_member(text, |name, value| {
            self.comma = ",";
            self.take_member(format, text, &name, value);
        })
    }

    fn take_member(&mut self, format: Format, text: &str, name: &str, value: &str) {
        let number = || serde_json::from_str::<u64>(value).ok();
        match name {
            _ if limits_of(format).contains(&name) => {
                let start = value.as_ptr().addr() - text.as_ptr().addr();
                self.limits.push(start..start + value.len());
                self.max_output = self.max_output.max(number());
            }
            "n" | "best_of" => self.choices = self.choices.max(number().unwrap_or(1)),
            "thinking" => self.thinking = budget_of(value),
            "previous_response_id" | "conversation" | "container" => self.refers |= value != "null",
            // Of Responses it is a template that is kept at the upstream, elsewhere a text.
            "prompt" => self.refers |= value.starts_with('{'),
            "mcp_servers" | "web_search_options" => self.is_endless |= value != "null",
            _ => {}
        }
    }

    fn join(&mut self, Deep { refers, is_endless, images }: &Deep) {
        self.refers |= refers;
        self.is_endless |= is_endless;
        self.images = *images;
    }
}

/// What limits of output are called. Whatever else a client writes, its upstream does not read.
fn limits_of(format: Format) -> &'static [&'static str] {
    match format {
        Format::Chat => &["max_completion_tokens", "max_tokens"],
        Format::Messages => &["max_tokens"],
        Format::Responses => &["max_output_tokens"],
    }
}

fn budget_of(thinking: &str) -> u64 {
    #[derive(serde::Deserialize)]
    struct Thinking {
        #[serde(default)]
        budget_tokens: Option<u64>,
    }
    serde_json::from_str::<Thinking>(thinking).ok().and_then(|thinking| thinking.budget_tokens).unwrap_or(0)
}

/// What stands at any depth.
#[derive(Default)]
struct Deep {
    refers: bool,
    is_endless: bool,
    images: u64,
}

/// Members whose value stands for something that is not there.
const REFERENCES: [&str; 4] = ["file_id", "file_url", "vector_store_ids", "file_data"];

/// Types of parts that may hold more than their bytes tell.
const DENSE: [&str; 3] = ["document", "input_file", "file"];

/// Beginnings of the types of tools that run at the upstream.
const SERVER_TOOLS: [&str; 9] = [
    "web_search",
    "web_fetch",
    "code_execution",
    "code_interpreter",
    "file_search",
    "mcp",
    "image_generation",
    "tool_search",
    "advisor",
];

impl Deep {
    fn name(&mut self, name: &str) {
        self.refers |= REFERENCES.contains(&name);
        self.images += u64::from(name == "image_url");
    }

    fn kind(&mut self, kind: &str) {
        self.refers |= DENSE.contains(&kind);
        self.images += u64::from(matches!(kind, "image" | "input_image"));
        self.is_endless |= SERVER_TOOLS.iter().any(|tool| kind.starts_with(tool));
    }
}

impl<'de> de::Deserialize<'de> for Deep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut deep = Self::default();
        Walk { deep: &mut deep, is_kind: false }.deserialize(deserializer)?;
        Ok(deep)
    }
}

struct Walk<'a> {
    deep: &'a mut Deep,
    /// Whether the value stands under `type`.
    is_kind: bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            self.deep.name(&name);
            map.next_value_seed(Walk { deep: self.deep, is_kind: name == "type" })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Walk { deep: self.deep, is_kind: false })?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.is_kind {
            self.deep.kind(text);
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::splice;

    fn reach(body: &str) -> Reach {
        Reach::of(Format::Chat, body.as_bytes())
    }

    fn check(format: Format, body: &'static str, tokens: u64, name: &str, expected: &str) {
        let cap = Reach::of(format, body.as_bytes()).cap(tokens, name);
        let capped = splice(&Bytes::from_static(body.as_bytes()), cap).into_bytes();
        assert_eq!(capped, expected, "{body}");
        serde_json::from_slice::<serde_json::Value>(&capped).unwrap();
    }

    #[test]
    fn a_limit_is_put_where_there_is_none_and_replaced_where_there_is_one() {
        check(Format::Chat, r#"{"model":"m"}"#, 9, "max_tokens", r#"{"max_tokens":9,"model":"m"}"#);
        check(Format::Chat, "{}", 9, "max_tokens", r#"{"max_tokens":9}"#);
        check(Format::Chat, r#"{"max_tokens": null}"#, 9, "max_tokens", r#"{"max_tokens": 9}"#);
        let both = r#"{"max_tokens": 100, "max_completion_tokens":50}"#;
        check(Format::Chat, both, 9, "max_tokens", r#"{"max_tokens": 9, "max_completion_tokens":9}"#);
        // A limit of another format is none here.
        let other = r#"{"max_tokens":5}"#;
        check(Format::Responses, other, 9, "max_output_tokens", r#"{"max_output_tokens":9,"max_tokens":5}"#);
    }

    #[test]
    fn of_several_limits_the_largest_is_feared() {
        assert_eq!(reach(r#"{"max_tokens":100,"max_completion_tokens":5}"#).max_output, Some(100));
        assert_eq!(reach(r#"{"max_output_tokens":5}"#).max_output, None);
    }

    #[test]
    fn text_is_bounded_by_its_bytes() {
        let body = r#"{"messages":[{"role":"user","content":"hello"}]}"#;
        assert_eq!(reach(body).input(Some(200_000)), body.len() as u64 + PREAMBLE);
        assert_eq!(reach(body).input(Some(10)), 10, "more than its window no model reads");
    }

    #[test]
    fn what_is_not_in_the_body_is_bounded_by_the_window() {
        for body in [
            r#"{"previous_response_id":"r"}"#,
            r#"{"input":[{"type":"input_file","file_id":"f"}]}"#,
            r#"{"input":[{"\u0066ile_id":"f"}]}"#,
            r#"{"messages":[{"content":[{"type":"document","source":{}}]}]}"#,
            r#"{"prompt":{"id":"p"}}"#,
            "not json",
        ] {
            assert_eq!(reach(body).input(Some(200_000)), 200_000, "{body}");
            assert!(!reach(body).is_endless, "{body}");
        }
        assert_eq!(reach(r#"{"previous_response_id":null}"#).input(Some(200_000)), 29 + PREAMBLE);
    }

    #[test]
    fn an_image_counts_for_more_than_its_address() {
        let body = r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://x"}}]}]}"#;
        assert_eq!(reach(body).input(None), body.len() as u64 + PREAMBLE + IMAGE);
    }

    #[test]
    fn tools_that_run_at_the_upstream_have_no_bound() {
        assert!(reach(r#"{"tools":[{"type":"web_search_20250305"}]}"#).is_endless);
        assert!(reach(r#"{"mcp_servers":[{}]}"#).is_endless);
        assert!(!reach(r#"{"tools":[{"type":"function","function":{"name":"web_search"}}]}"#).is_endless);
    }

    #[test]
    fn deep_nesting_is_taken_for_the_worst() {
        let body = format!("{}1{}", r#"{"a":"#.repeat(5_000), "}".repeat(5_000));
        assert_eq!(reach(&body).input(Some(200_000)), 200_000);
    }
}
