//! The grammar of Chat streams.
//!
//! Python's helper adds up repeated texts and can not join lists whose members have no index; Node's throws on a missing
//! role or finish, and on calls that are not numbered from 0 without gaps.

use serde_json::Value;

use super::{Told, ensure, frames};

/// Holds a whole stream to the grammar.
pub(crate) fn check(stream: &[u8], include_usage: bool) -> Result<Told, String> {
    let mut checker = Checker { include_usage, ..Checker::default() };
    for (name, data) in frames(stream)? {
        ensure(name.is_none(), "a named event")?;
        checker.event(&data).map_err(|why| format!("{why}: {data}"))?;
    }
    ensure(checker.is_over, "no end")?;
    Ok(checker.told)
}

#[derive(Default)]
struct Checker {
    include_usage: bool,
    head: Option<[Value; 4]>,
    has_role: bool,
    has_annotations: bool,
    calls: usize,
    is_finished: bool,
    has_usage: bool,
    is_over: bool,
    told: Told,
}

impl Checker {
    fn event(&mut self, data: &str) -> Result<(), String> {
        ensure(!self.is_over, "something behind the end")?;
        if data == "[DONE]" {
            self.is_over = true;
            return ensure(self.is_finished, "done without a finish");
        }
        let chunk: Value = serde_json::from_str(data).map_err(|error| error.to_string())?;
        if chunk.get("error").is_some() {
            (self.is_over, self.told.has_failed) = (true, true);
            return ensure(chunk["error"]["message"].is_string() && !self.is_finished, "an odd error");
        }
        self.chunk(&chunk)
    }

    fn chunk(&mut self, chunk: &Value) -> Result<(), String> {
        let head = ["id", "object", "created", "model"].map(|name| chunk[name].clone());
        ensure(head[0].is_string() && head[1] == "chat.completion.chunk" && head[2].is_i64(), "an odd head")?;
        ensure(*self.head.get_or_insert_with(|| head.clone()) == head, "a head that changed")?;
        ensure(chunk.get("usage").is_some() == self.include_usage, "usage for whom it is not")?;
        ensure(!self.has_usage, "something behind the usage")?;
        let choices = chunk["choices"].as_array().ok_or("no choices")?;
        match choices.as_slice() {
            [] => {
                self.has_usage = true;
                ensure(self.is_finished && chunk["usage"].is_object(), "an empty chunk that is not the usage")
            }
            [choice] => {
                ensure(chunk["usage"].is_null(), "usage beside a choice")?;
                self.choice(choice)
            }
            _ => Err("several choices".into()),
        }
    }

    fn choice(&mut self, choice: &Value) -> Result<(), String> {
        ensure(choice["index"] == 0, "a choice that is not 0")?;
        ensure(!self.is_finished, "something behind the finish")?;
        let delta = choice["delta"].as_object().ok_or("no delta")?;
        ensure(delta.contains_key("role") != self.has_role, "the role not once and first")?;
        self.has_role = true;
        for name in ["content", "refusal", "reasoning_content"] {
            let value = delta.get(name);
            let is_right = value.is_none_or(|value| value.as_str().is_some_and(|text| !text.is_empty()));
            ensure(is_right || delta.contains_key("role"), "an empty text")?;
        }
        self.told.text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        if delta.contains_key("annotations") {
            ensure(!self.has_annotations, "annotations in two pieces")?;
            self.has_annotations = true;
        }
        if let Some(calls) = delta.get("tool_calls") {
            self.call(calls)?;
        }
        if !choice["finish_reason"].is_null() {
            self.is_finished = true;
            let words = ["stop", "length", "tool_calls", "content_filter", "function_call"];
            let word = choice["finish_reason"].as_str().unwrap_or_default();
            ensure(words.contains(&word) && delta.is_empty(), "an odd finish")?;
        }
        Ok(())
    }

    fn call(&mut self, calls: &Value) -> Result<(), String> {
        let [call] = calls.as_array().map(Vec::as_slice).unwrap_or_default() else { return Err("not one call".into()) };
        let index = call["index"].as_u64().and_then(|index| usize::try_from(index).ok()).ok_or("no index")?;
        let kind = if call.get("custom").is_some() { "custom" } else { "function" };
        let input = if kind == "custom" { &call["custom"]["input"] } else { &call["function"]["arguments"] };
        let is_first = index == self.calls;
        ensure(index <= self.calls, "a gap in the calls")?;
        if is_first {
            self.calls += 1;
            self.told.calls.push(String::new());
        }
        self.told.calls[index].push_str(input.as_str().unwrap_or_default());
        if is_first {
            let is_named = [&call["id"], &call[kind]["name"]]
                .iter()
                .all(|text| text.as_str().is_some_and(|text| !text.is_empty()));
            return ensure(is_named && call["type"] == kind, "a call that begins without id, type or name");
        }
        let is_bare = call.get("id").is_none() && call.get("type").is_none() && call[kind].get("name").is_none();
        ensure(is_bare, "a call that begins again")
    }
}
