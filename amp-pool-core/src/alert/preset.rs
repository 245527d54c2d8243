//! What is known of the services that tell people: `presets.json`. A new one is an entry there, and no code.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Severity;

static PRESETS: LazyLock<BTreeMap<String, Preset>> = LazyLock::new(|| {
    // A test reads them; a program cannot be built with others.
    serde_json::from_str(include_str!("presets.json")).unwrap_or_default()
});

/// What one service takes, and how it answers.
///
/// ```
/// use amp_pool_core::alert::{ChannelSpec, Field, Preset};
///
/// // A form for a new channel asks for what its preset names.
/// let telegram = Preset::of("telegram").ok_or("it is known")?;
/// let needed = telegram.fields.iter().filter(|field| field.needed);
/// let hidden: Vec<_> = needed.map(|Field { name, secret, .. }| (name.as_str(), *secret)).collect();
/// assert_eq!(hidden, [("token", true), ("chat_id", false)]);
/// let spec = ChannelSpec::new("ops", "telegram").with_secret("token", "123:abc").with("chat_id", "-42");
/// assert!(spec.check().is_ok());
/// assert!(Preset::all().any(|(kind, preset)| kind == "email" && preset.mail));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// What people call it.
    pub title: String,
    /// What a channel of this kind has to say.
    pub fields: Vec<Field>,
    /// Whether it is reached by SMTP.
    #[serde(default)]
    pub mail: bool,
    /// Where it is when a channel does not say so.
    #[serde(default)]
    pub(super) base: Option<String>,
    /// What follows the address.
    #[serde(default)]
    pub(super) path: String,
    /// JSON in whose texts `{{name}}` stands for a value.
    #[serde(default)]
    pub(super) body: Value,
    /// The field that is shown as a bearer.
    #[serde(default)]
    pub(super) bearer: Option<String>,
    #[serde(default)]
    pub(super) sign: Option<Scheme>,
    #[serde(default)]
    pub(super) escape: Escape,
    /// Values that depend on how bad it is.
    #[serde(default)]
    pub(super) by_severity: BTreeMap<String, BTreeMap<Severity, Value>>,
    /// What an answer says when all is well.
    #[serde(default)]
    pub(super) good: Option<Good>,
    /// Where an answer has its code.
    #[serde(default)]
    pub(super) code_at: Option<String>,
    /// Codes after which it is worth another try.
    #[serde(default)]
    pub(super) again: Vec<i64>,
    /// Where an answer says for how many seconds to wait.
    #[serde(default)]
    pub(super) wait_at: Option<String>,
    /// Where an answer says what is wrong.
    #[serde(default)]
    pub(super) says_at: Option<String>,
    /// Bytes of text that it takes.
    pub(super) longest: usize,
}

/// Something that a channel says.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ChannelField"))]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Whether it is never shown again.
    #[serde(default)]
    pub secret: bool,
    /// Whether nothing works without it.
    #[serde(default)]
    pub needed: bool,
}

/// How a request shows that it is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scheme {
    Dingtalk,
    Feishu,
    Standard,
}

/// What keeps a text from being more than text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Escape {
    #[default]
    None,
    /// `&lt;` for `<`.
    Entities,
    /// Other brackets: there is no way to write them.
    Brackets,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Good {
    pub(super) at: String,
    pub(super) is: Value,
}

impl Preset {
    /// The preset of a kind of channel.
    #[must_use]
    pub fn of(kind: &str) -> Option<&'static Self> {
        PRESETS.get(kind)
    }

    /// All of them, by the names of their kinds.
    pub fn all() -> impl Iterator<Item = (&'static str, &'static Self)> {
        PRESETS.iter().map(|(kind, preset)| (&**kind, preset))
    }

    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Escape {
    pub(super) fn text(self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Entities => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
            Self::Brackets => text.replace('<', "‹").replace('>', "›"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_known_as_a_whole() {
        let read: BTreeMap<String, Preset> = serde_json::from_str(include_str!("presets.json")).unwrap();
        let names: Vec<_> = read.keys().map(String::as_str).collect();
        let expected =
            ["bark", "dingtalk", "discord", "email", "feishu", "ntfy", "slack", "telegram", "webhook", "wecom"];
        assert_eq!(names, expected);
        for (kind, preset) in read {
            let has_address = preset.base.is_some() || preset.field("url").is_some_and(|url| url.needed);
            assert!(has_address || preset.mail, "{kind}");
            for values in preset.by_severity.values() {
                assert_eq!(values.len(), 3, "{kind}");
            }
        }
    }
}
