//! Filling in what stands between braces.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::alert::{ChannelError, ChannelSpec, Message, Preset, preset::Escape};

/// What can be filled in.
pub(super) struct Words<'a> {
    pub(super) channel: &'a ChannelSpec,
    pub(super) message: &'a Message,
    pub(super) preset: &'a Preset,
}

impl Words<'_> {
    /// The same JSON, with `{{name}}` in its texts replaced. A text that is nothing else becomes the value, of whatever kind.
    pub(super) fn fill(&self, template: &Value) -> Result<Value, ChannelError> {
        Ok(match template {
            Value::String(text) => self.fill_text(text)?,
            Value::Array(values) => values.iter().map(|value| self.fill(value)).collect::<Result<Vec<_>, _>>()?.into(),
            Value::Object(members) => {
                let filled = members.iter().map(|(name, value)| Ok((name.clone(), self.fill(value)?)));
                Value::Object(filled.collect::<Result<_, ChannelError>>()?)
            }
            other => other.clone(),
        })
    }

    /// A part of an address, with `{{name}}` replaced by what is safe there.
    pub(super) fn fill_path(&self, path: &str) -> Result<String, ChannelError> {
        self.replaced(path, |value| escape(&plain(value)))
    }

    fn fill_text(&self, text: &str) -> Result<Value, ChannelError> {
        let whole = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).filter(|name| !name.contains('{'));
        match whole {
            Some(name) => self.word(name.trim()),
            None => Ok(self.replaced(text, plain)?.into()),
        }
    }

    fn replaced(&self, text: &str, write: impl Fn(&Value) -> String) -> Result<String, ChannelError> {
        let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, from)) = rest.split_once("{{") {
            let Some((name, after)) = from.split_once("}}") else { break };
            filled.push_str(before);
            filled.push_str(&write(&self.word(name.trim())?));
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn word(&self, name: &str) -> Result<Value, ChannelError> {
        let message = self.message;
        let text = |text: &str| Value::from(self.escape().text(text));
        Ok(match name {
            "title" => text(&message.title),
            "text" => text(&self.cut(message.text())),
            "lines" => text(&self.cut(message.list())),
            "severity" => message.severity.as_str().into(),
            "event" => message.event.clone().into(),
            "rule" => text(&message.rule),
            "kind" => message.kind.clone().into(),
            "count" => message.count.into(),
            "time" => message.time.to_string().into(),
            "id" => message.id.clone().into(),
            "message" => self.whole(),
            name => self.own_word(name).ok_or_else(|| unknown(name))?,
        })
    }

    /// What the channel or its preset says.
    fn own_word(&self, name: &str) -> Option<Value> {
        let said = self.channel.value(name).filter(|_| name != "template");
        let tone = self.message.tone();
        said.map(Value::from).or_else(|| self.preset.by_severity.get(name)?.get(&tone).cloned())
    }

    fn whole(&self) -> Value {
        let mut whole = json!(self.message);
        if let Value::Object(members) = &mut whole {
            members.insert("text".into(), self.message.text().into());
        }
        whole
    }

    fn escape(&self) -> Escape {
        self.preset.escape
    }

    fn cut(&self, mut text: String) -> String {
        const MARK: &str = "…";
        if text.len() > self.preset.longest {
            let most = self.preset.longest.saturating_sub(MARK.len());
            let end = (0..=most).rev().find(|at| text.is_char_boundary(*at));
            text.truncate(end.unwrap_or_default());
            text.push_str(MARK);
        }
        text
    }
}

fn unknown(name: &str) -> ChannelError {
    let name: String = name.chars().take(40).collect();
    ChannelError::new("settings.template", format!("nothing is known as `{name}`"))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A text as a part of an address (RFC 3986 §2.3). The colon is left, which tokens have and paths may.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
