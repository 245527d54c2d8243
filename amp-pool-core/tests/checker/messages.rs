//! The grammar of Messages streams.
//!
//! The SDKs dispatch on the name of an event and throw on a second start; `content_block_stop` acts on the last block, so
//! blocks must not overlap; Claude Code refuses a delta that does not fit its block, and runs a tool twice that is closed
//! twice.

use std::collections::HashSet;

use serde_json::Value;

use super::{Told, ensure as must, frames};

/// What a legal stream told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Stream {
    pub(crate) blocks: u64,
    pub(crate) signatures: Vec<String>,
    pub(crate) first_input: u64,
    pub(crate) told: Told,
    open: Option<Open>,
    ids: HashSet<String>,
    stop_reason: Option<String>,
    /// Calls whose input is no object.
    half: u64,
    has_started: bool,
    is_over: bool,
}

#[derive(Debug, PartialEq)]
struct Open {
    kind: String,
    input: String,
    has_words: bool,
    has_signature: bool,
}

/// Holds a whole stream to the grammar.
pub(crate) fn check(stream: &[u8]) -> Result<Stream, String> {
    let mut checked = Stream::default();
    for (name, data) in frames(stream)? {
        let json: Value = serde_json::from_str(&data).map_err(|error| error.to_string())?;
        let name = name.unwrap_or_default();
        must(json["type"] == *name, "a name that is not the type")?;
        checked.event(&name, &json).map_err(|why| format!("{why}: {json}"))?;
    }
    if checked.is_over { Ok(checked) } else { Err("no end".into()) }
}

impl Stream {
    fn event(&mut self, name: &str, json: &Value) -> Result<(), String> {
        must(!self.is_over, "after the end")?;
        must(self.has_started || name == "message_start" || name == "error", "before the start")?;
        match name {
            "message_start" => self.start(&json["message"]),
            "ping" => Ok(()),
            "content_block_start" => self.block(json),
            "content_block_delta" => self.delta(json),
            "content_block_stop" => self.stop(json),
            "message_delta" => self.end(json),
            "message_stop" => {
                self.is_over = true;
                must(self.stop_reason.is_some(), "no message_delta")
            }
            "error" => {
                (self.is_over, self.told.has_failed) = (true, true);
                must(json["error"]["type"].is_string() && json["error"]["message"].is_string(), "shape of the error")
            }
            _ => Err("unknown event".into()),
        }
    }

    fn start(&mut self, message: &Value) -> Result<(), String> {
        must(!std::mem::replace(&mut self.has_started, true), "a second start")?;
        must(message["id"].as_str().is_some_and(|id| id.starts_with("msg_")), "id")?;
        must(
            message["role"] == "assistant" && message["type"] == "message" && message["model"].is_string(),
            "message",
        )?;
        must(message["content"] == Value::Array(Vec::new()) && message["stop_reason"].is_null(), "content")?;
        self.first_input = message["usage"]["input_tokens"].as_u64().ok_or("usage")?;
        must(self.first_input > 0, "no input")?;
        must(message["usage"]["output_tokens"].is_u64(), "usage")
    }

    fn block(&mut self, json: &Value) -> Result<(), String> {
        must(self.open.is_none(), "two blocks are open")?;
        must(self.stop_reason.is_none(), "a block behind message_delta")?;
        must(json["index"] == self.blocks, "index")?;
        let block = &json["content_block"];
        let kind = block["type"].as_str().ok_or("type")?.to_owned();
        match &*kind {
            "text" => must(block["text"] == "", "text")?,
            "thinking" => must(block["thinking"] == "" && block["signature"] == "", "thinking")?,
            "redacted_thinking" => must(block["data"].as_str().is_some_and(|data| !data.is_empty()), "data")?,
            "tool_use" => {
                must(block["input"] == serde_json::json!({}), "input")?;
                must(block["name"].as_str().is_some_and(|name| !name.is_empty()), "name")?;
                let id = block["id"].as_str().filter(|id| !id.is_empty()).ok_or("id")?;
                must(self.ids.insert(id.to_owned()), "an id twice")?;
            }
            _ => return Err("unknown block".into()),
        }
        self.open = Some(Open { kind, input: String::new(), has_words: false, has_signature: false });
        Ok(())
    }

    fn delta(&mut self, json: &Value) -> Result<(), String> {
        must(json["index"] == self.blocks, "index")?;
        let open = self.open.as_mut().ok_or("no block is open")?;
        let delta = &json["delta"];
        let text = |name: &str| delta[name].as_str().ok_or_else(|| name.to_owned());
        must(!open.has_signature, "behind the signature")?;
        match (&*open.kind, delta["type"].as_str().ok_or("type")?) {
            ("text", "text_delta") => {
                open.has_words |= !text("text")?.is_empty();
                self.told.text.push_str(text("text")?);
            }
            ("thinking", "thinking_delta") => open.has_words |= !text("thinking")?.is_empty(),
            ("thinking", "signature_delta") => {
                open.has_signature = true;
                must(!text("signature")?.is_empty(), "an empty signature")?;
                self.signatures.push(text("signature")?.to_owned());
            }
            ("tool_use", "input_json_delta") => open.input.push_str(text("partial_json")?),
            _ => return Err("a delta that does not fit".into()),
        }
        Ok(())
    }

    fn stop(&mut self, json: &Value) -> Result<(), String> {
        must(json["index"] == self.blocks, "index")?;
        let open = self.open.take().ok_or("no block is open")?;
        self.blocks += 1;
        let is_said = matches!(&*open.kind, "tool_use" | "redacted_thinking") || open.has_words;
        must(is_said, "an empty block")?;
        if open.kind == "tool_use" {
            self.call(open.input);
        }
        Ok(())
    }

    fn call(&mut self, input: String) {
        let input = if input.is_empty() { "{}".to_owned() } else { input };
        if serde_json::from_str::<Value>(&input).is_ok_and(|it| it.is_object()) {
            self.told.calls.push(input);
        } else {
            self.half += 1;
        }
    }

    fn end(&mut self, json: &Value) -> Result<(), String> {
        must(self.open.is_none(), "a block is open")?;
        must(self.stop_reason.is_none(), "a second message_delta")?;
        let reason = json["delta"]["stop_reason"].as_str().ok_or("stop_reason")?;
        must(
            self.half == 0 || matches!(reason, "max_tokens" | "refusal" | "model_context_window_exceeded"),
            "half a call",
        )?;
        must(json["delta"].get("stop_sequence").is_some(), "stop_sequence")?;
        for count in ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"] {
            must(json["usage"][count].is_u64(), count)?;
        }
        self.stop_reason = Some(reason.to_owned());
        Ok(())
    }
}
