//! The grammar of Responses streams.
//!
//! Python refuses a response that changes its id; indexes of items and parts must be the next free ones; Codex builds its
//! history of done items only, and needs a terminal event. The terminal event repeats the items.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Told, ensure, frames};

/// Members without which the SDKs' types can not be made.
const REQUIRED: [&str; 11] = [
    "instructions",
    "metadata",
    "parallel_tool_calls",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
    "error",
    "incomplete_details",
    "usage",
    "output",
];

/// Holds a whole stream to the grammar.
pub(crate) fn check(stream: &[u8]) -> Result<Told, String> {
    let checker = read(stream)?;
    ensure(checker.is_over, "no end")?;
    Ok(checker.told)
}

/// Holds a stream that may not have ended yet to the grammar.
pub(crate) fn check_beginning(stream: &[u8]) -> Result<(), String> {
    read(stream).map(|_| ())
}

fn read(stream: &[u8]) -> Result<Checker, String> {
    let mut checker = Checker::default();
    for (name, data) in frames(stream)? {
        let line: Value = serde_json::from_str(&data).map_err(|error| error.to_string())?;
        let kind = name.ok_or("an event without a name")?;
        ensure(line["type"] == *kind, "a name that is not the type")?;
        checker.event(&kind, &line).map_err(|why| format!("{why}: {line}"))?;
    }
    Ok(checker)
}

#[derive(Default)]
struct Checker {
    number: u64,
    id: Option<Value>,
    items: Vec<Item>,
    /// The error came; only the failed response may follow.
    is_failing: bool,
    is_over: bool,
    told: Told,
}

struct Item {
    added: Value,
    done: Option<Value>,
    /// What each part said, by its index.
    parts: BTreeMap<u64, String>,
}

impl Checker {
    fn event(&mut self, kind: &str, line: &Value) -> Result<(), String> {
        ensure(!self.is_over, "something behind the end")?;
        ensure(!self.is_failing || kind == "response.failed", "something behind the error")?;
        ensure(line["sequence_number"] == self.number, "a gap in the numbers")?;
        self.number += 1;
        if let Some(response) = line.get("response") {
            self.response(response)?;
        }
        match kind {
            "response.created" => ensure(self.number == 1 && is_running(line), "a second beginning"),
            "response.in_progress" => ensure(self.number == 2 && is_running(line), "out of its place"),
            "response.output_item.added" => self.add(line),
            "response.output_item.done" => self.end_item(line),
            "response.completed" | "response.incomplete" => self.end(kind, line),
            "response.failed" => {
                (self.is_over, self.told.has_failed) = (true, true);
                ensure(line["response"]["status"] == "failed", "status")?;
                ensure(line["response"]["error"]["code"].is_string(), "an error without a code")
            }
            "error" => {
                self.is_failing = true;
                ensure(line["error"]["message"].is_string() || line["message"].is_string(), "an error without words")
            }
            "keepalive" => Ok(()),
            _ => self.part(kind, line),
        }
    }

    fn response(&mut self, response: &Value) -> Result<(), String> {
        ensure(response["id"].as_str().is_some_and(|id| !id.is_empty()), "a response without an id")?;
        ensure(*self.id.get_or_insert_with(|| response["id"].clone()) == response["id"], "another response")?;
        REQUIRED.iter().try_for_each(|name| ensure(response.get(name).is_some(), name))
    }

    fn add(&mut self, line: &Value) -> Result<(), String> {
        ensure(self.id.is_some(), "before the beginning")?;
        ensure(line["output_index"] == self.items.len(), "not the next item")?;
        let item = &line["item"];
        ensure(item["id"].as_str().is_some_and(|id| !id.is_empty()), "an item without an id")?;
        ensure(self.items.iter().all(|other| other.added["id"] != item["id"]), "an id twice")?;
        ensure(item["status"] == "in_progress", "status")?;
        if let Some(call) = item.get("call_id") {
            ensure(call.as_str().is_some_and(|id| !id.is_empty()), "a call without its id")?;
            ensure(self.items.iter().all(|other| other.added.get("call_id") != Some(call)), "a call id twice")?;
        }
        self.items.push(Item { added: item.clone(), done: None, parts: BTreeMap::new() });
        Ok(())
    }

    fn item(&mut self, line: &Value) -> Result<&mut Item, String> {
        let at = line["output_index"].as_u64().and_then(|at| usize::try_from(at).ok()).ok_or("no output_index")?;
        let item = self.items.get_mut(at).ok_or("of an item that is not there")?;
        ensure(item.done.is_none(), "behind the end of its item")?;
        ensure(line.get("item_id").is_none_or(|id| *id == item.added["id"]), "another item")?;
        Ok(item)
    }

    fn part(&mut self, kind: &str, line: &Value) -> Result<(), String> {
        let at = line["content_index"].as_u64().or(line["summary_index"].as_u64()).unwrap_or(0);
        let text = |name: &str| line[name].as_str().ok_or_else(|| name.to_owned());
        ensure(line["item_id"].is_string(), "item_id")?;
        let item = self.item(line)?;
        let begun = item.parts.get_mut(&at);
        match kind {
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                ensure(begun.is_none(), "a part twice")?;
                ensure(at == 0 || item.parts.contains_key(&(at - 1)), "a gap in the parts")?;
                item.parts.insert(at, String::new());
            }
            "response.output_text.delta"
            | "response.refusal.delta"
            | "response.reasoning_summary_text.delta"
            | "response.reasoning_text.delta" => begun.ok_or("no such part")?.push_str(text("delta")?),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                item.parts.entry(0).or_default().push_str(text("delta")?);
            }
            "response.output_text.done" | "response.reasoning_summary_text.done" | "response.reasoning_text.done" => {
                ensure(*begun.ok_or("no such part")? == text("text")?, "done says something else")?;
            }
            "response.refusal.done" => {
                ensure(*begun.ok_or("no such part")? == text("refusal")?, "done says something else")?;
            }
            "response.custom_tool_call_input.done" => {
                ensure(begun.is_some_and(|said| line["input"] == **said), "done says something else")?;
            }
            "response.function_call_arguments.done" => {
                let said = begun.map_or("{}", |said| said);
                ensure(said == text("arguments")?, "done says something else")?;
            }
            "response.content_part.done"
            | "response.reasoning_summary_part.done"
            | "response.output_text.annotation.added" => ensure(begun.is_some(), "no such part")?,
            _ => return Err("unknown event".into()),
        }
        Ok(())
    }

    fn end_item(&mut self, line: &Value) -> Result<(), String> {
        let item = self.item(line)?;
        let done = &line["item"];
        ensure(done["id"] == item.added["id"] && done["type"] == item.added["type"], "another item")?;
        ensure(done["status"] != "in_progress", "status")?;
        item.done = Some(done.clone());
        self.tell(done);
        Ok(())
    }

    fn tell(&mut self, done: &Value) {
        let parts = done["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        if done["type"] == "message" {
            self.told.text.extend(parts.iter().filter_map(|part| part["text"].as_str()));
        }
        let input = done.get("arguments").or(done.get("input")).and_then(Value::as_str);
        if let (Some(input), "completed") = (input, done["status"].as_str().unwrap_or_default()) {
            self.told.calls.push(input.to_owned());
        }
    }

    fn end(&mut self, kind: &str, line: &Value) -> Result<(), String> {
        self.is_over = true;
        let items: Option<Vec<Value>> = self.items.iter().map(|item| item.done.clone()).collect();
        ensure(line["response"]["output"] == Value::Array(items.ok_or("an open item")?), "other items")?;
        let usage = &line["response"]["usage"];
        let counts =
            [&usage["input_tokens_details"]["cached_tokens"], &usage["output_tokens_details"]["reasoning_tokens"]];
        ensure(usage.is_null() || counts.iter().all(|count| count.is_u64()), "usage without its details")?;
        ensure(kind.strip_prefix("response.") == line["response"]["status"].as_str(), "status")
    }
}

fn is_running(line: &Value) -> bool {
    line["response"]["status"] == "in_progress"
}
