//! Steps of Anthropic's own tools, with a text for those who do not know them.

use serde::Deserialize;

use crate::format::{
    canonical::{HostedPart, Json},
    loose::{Loose, LooseList, Text},
};

/// Whether a block of this `type` is a step of a tool that Anthropic runs, or another part that only Messages knows.
pub(super) fn is_hosted(kind: &str) -> bool {
    matches!(kind, "server_tool_use" | "mcp_tool_use" | "compaction" | "fallback")
        || (kind.ends_with("_tool_result") && kind != "tool_result")
}

/// A block as it came, with what can be read of it.
pub(super) fn part(kind: &str, raw: Json) -> HostedPart {
    let text = serde_json::from_str::<Block<'_>>(raw.get()).ok().and_then(|block| block.text(kind));
    HostedPart { kind: kind.to_owned(), text, raw }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow)]
    name: Loose<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow)]
    content: Content<'a>,
}

#[derive(Deserialize, Default)]
#[serde(transparent)]
struct Content<'a>(#[serde(borrow)] Option<&'a serde_json::value::RawValue>);

/// Something found, or a text.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Found<'a> {
    #[serde(borrow)]
    title: Loose<Text<'a>>,
    #[serde(borrow)]
    url: Loose<Text<'a>>,
    #[serde(borrow)]
    text: Loose<Text<'a>>,
    #[serde(borrow)]
    stdout: Loose<Text<'a>>,
}

impl Block<'_> {
    fn text(&self, kind: &str) -> Option<String> {
        match kind {
            "server_tool_use" | "mcp_tool_use" => {
                let name = self.name.0.as_ref()?;
                let input = self.input.map(|input| Json::from(input).compact()).unwrap_or_default();
                Some(format!("[{} {input}]", name.0))
            }
            "fallback" => None,
            _ => self.content.text(),
        }
    }
}

impl Content<'_> {
    fn text(&self) -> Option<String> {
        let raw = self.0?.get();
        if let Ok(text) = serde_json::from_str::<Text<'_>>(raw) {
            return Some(text.0.into_owned()).filter(|text| !text.trim().is_empty());
        }
        let items = serde_json::from_str::<LooseList<'_>>(raw).ok().and_then(|list| list.0);
        let found: Vec<String> = match items {
            Some(items) => items.iter().filter_map(|item| line(item.get())).collect(),
            None => line(raw).into_iter().collect(),
        };
        (!found.is_empty()).then(|| found.join("\n"))
    }
}

fn line(raw: &str) -> Option<String> {
    let found = serde_json::from_str::<Found<'_>>(raw).ok()?;
    let words = [found.title.0, found.url.0, found.text.0, found.stdout.0];
    let words: Vec<String> = words.into_iter().flatten().map(|text| text.0.into_owned()).collect();
    Some(words.join(" ")).filter(|line| !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_in_words() {
        let check = |kind: &str, raw: &str, expected: Option<&str>| {
            assert_eq!(part(kind, Json::parse(raw).unwrap()).text.as_deref(), expected, "{raw}");
        };
        check(
            "server_tool_use",
            r#"{"name":"web_search","input":{"query": "x"}}"#,
            Some(r#"[web_search {"query":"x"}]"#),
        );
        let results = r#"{"content":[{"title":"A","url":"https://a","encrypted_content":"x"},{"title":"B"}]}"#;
        check("web_search_tool_result", results, Some("A https://a\nB"));
        check("mcp_tool_result", r#"{"content":[{"type":"text","text":"ok"}]}"#, Some("ok"));
        check("bash_code_execution_tool_result", r#"{"content":{"stdout":"1","return_code":0}}"#, Some("1"));
        check("compaction", r#"{"content":"summary"}"#, Some("summary"));
        check("web_search_tool_result", r#"{"content":{"error_code":"unavailable"}}"#, None);
        check("fallback", "{}", None);
    }
}
