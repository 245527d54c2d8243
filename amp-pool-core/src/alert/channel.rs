//! Where people are told.

use std::{collections::BTreeMap, fmt};

use http::Uri;

use super::{Preset, letter};
use crate::{
    id::ChannelId,
    keys::{Egress, ProxyUrl},
    secret::Secret,
    time::Timestamp,
};

const LONGEST_VALUE: usize = 4_000;
const LONGEST_TEMPLATE: usize = 20_000;
/// A secret of fewer characters is no secret, and to hide it would spoil every text.
const SHORTEST_SECRET: usize = 6;

/// A channel as its operator wrote it.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelSpec {
    /// What people call it.
    pub name: String,
    /// The service: the name of a [`Preset`].
    pub kind: String,
    /// One that is off tells nobody.
    pub enabled: bool,
    /// What may be shown: `chat_id`, `host`, …
    pub settings: BTreeMap<String, String>,
    /// What may not: addresses, tokens, passwords.
    pub secrets: BTreeMap<String, Secret>,
}

/// A channel as it is stored.
#[derive(Clone)]
pub struct Channel {
    /// Its row.
    pub id: ChannelId,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// What its operator wrote.
    pub spec: ChannelSpec,
}

/// What is wrong with a channel. Never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelError {
    /// The field: `kind`, `settings.chat_id`, `secrets.url`, …
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

impl std::error::Error for ChannelError {}

impl ChannelError {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// How a channel of e-mail sends.
pub struct Mail {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the line is kept private.
    pub security: Security,
    /// Who signs in, and with what. `None`: nobody does.
    pub login: Option<(String, Secret)>,
    /// Who writes.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
}

/// How the line to a mail server is kept private.
///
/// ```
/// use amp_pool_core::alert::{ChannelSpec, Security};
///
/// let spec = ChannelSpec::new("ops", "email")
///     .with("host", "mail.example.com")
///     .with("from", "pool@example.com")
///     .with("to", "ada@example.com, bob@example.com");
/// let mail = spec.mail()?;
/// assert_eq!((mail.security, mail.port), (Security::StartTls, 587));
/// assert_eq!(mail.to.len(), 2);
///
/// // A password never goes over an open line.
/// let open = spec.with("security", "none").with("username", "pool").with_secret("password", "secret");
/// assert_eq!(open.mail().err().map(|error| error.field).as_deref(), Some("settings.security"));
/// # Ok::<(), amp_pool_core::alert::ChannelError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Security {
    /// It begins in the clear and is sealed before anything is said (port 587).
    #[default]
    StartTls,
    /// It is sealed from the start (port 465).
    Tls,
    /// Not at all (port 25). Nobody signs in over such a line, unless it leads to this machine.
    None,
}

impl ChannelSpec {
    /// A channel of a kind, with nothing said yet.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: impl Into<String>) -> Self {
        let (settings, secrets) = (BTreeMap::new(), BTreeMap::new());
        Self { name: name.into(), kind: kind.into(), enabled: true, settings, secrets }
    }

    /// The same, with a setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// The same, with a secret.
    #[must_use]
    pub fn with_secret(mut self, name: &str, value: impl Into<Box<str>>) -> Self {
        self.secrets.insert(name.to_owned(), Secret::new(value));
        self
    }

    /// The host it leads to, which tells channels apart.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        let preset = Preset::of(&self.kind)?;
        let url = self.secrets.get("url").map(Secret::expose).or(preset.base.as_deref());
        let of_url = || url?.parse::<Uri>().ok()?.host().map(str::to_owned);
        self.settings.get("host").cloned().or_else(of_url)
    }

    /// Whether it can be used.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), ChannelError> {
        let length = self.name.trim().chars().count();
        if !(1..=100).contains(&length) {
            return Err(ChannelError::new("name", "a channel has a name of 1 to 100 characters"));
        }
        let known = || Preset::all().map(|(kind, _)| kind).collect::<Vec<_>>().join(", ");
        let preset = Preset::of(&self.kind).ok_or_else(|| ChannelError::new("kind", format!("one of {}", known())))?;
        self.check_names(preset)?;
        self.check_values(preset)?;
        match preset.mail {
            true => self.mail().map(drop),
            false => self.egress().map(drop).and_then(|()| letter::check(self, preset)),
        }
    }

    /// How its requests leave: through its own proxy, if it has one.
    ///
    /// # Errors
    /// When that has no address.
    pub fn egress(&self) -> Result<Egress, ChannelError> {
        let wrong = |error| ChannelError::new("secrets.proxy", format!("{error}"));
        let proxy = self.value("proxy").map(|proxy| proxy.parse::<ProxyUrl>().map_err(wrong)).transpose()?;
        Ok(Egress { proxy, ..Egress::default() })
    }

    fn check_names(&self, preset: &Preset) -> Result<(), ChannelError> {
        let is_known = |name: &String, secret| preset.field(name).is_some_and(|field| field.secret == secret);
        let stray = |part: &str, name| {
            let place = format!("{part}.{name}");
            Err(ChannelError::new(place, format!("a channel of kind `{}` has no such field here", self.kind)))
        };
        if let Some(name) = self.settings.keys().find(|name| !is_known(name, false)) {
            return stray("settings", name);
        }
        self.secrets.keys().find(|name| !is_known(name, true)).map_or(Ok(()), |name| stray("secrets", name))
    }

    fn check_values(&self, preset: &Preset) -> Result<(), ChannelError> {
        for field in &preset.fields {
            let part = if field.secret { "secrets" } else { "settings" };
            let value = self.value(&field.name).unwrap_or_default();
            let longest = if field.name == "template" { LONGEST_TEMPLATE } else { LONGEST_VALUE };
            let wrong = match () {
                () if field.needed && value.trim().is_empty() => "it is needed",
                () if value.len() > longest => "it is too long",
                () if field.name != "template" && value.chars().any(char::is_control) => "it has a control character",
                () => continue,
            };
            return Err(ChannelError::new(format!("{part}.{}", field.name), wrong));
        }
        Ok(())
    }

    /// What is said under a name, if anything is.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let said = self.settings.get(name).map(String::as_str).or_else(|| self.secrets.get(name).map(Secret::expose));
        said.filter(|value| !value.is_empty())
    }

    /// How mail is sent.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn mail(&self) -> Result<Mail, ChannelError> {
        let wrong = |name: &str, message: &str| ChannelError::new(format!("settings.{name}"), message);
        let text = |name: &str| self.value(name).unwrap_or_default().trim().to_owned();
        let security = match self.value("security").unwrap_or("starttls") {
            "starttls" => Security::StartTls,
            "tls" => Security::Tls,
            "none" => Security::None,
            _ => return Err(wrong("security", "one of `starttls`, `tls`, `none`")),
        };
        let port = match self.value("port") {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong("port", "from 1 to 65535"))?,
            None => security.usual_port(),
        };
        let to: Vec<_> = text("to").split(',').map(|to| to.trim().to_owned()).filter(|to| !to.is_empty()).collect();
        if to.iter().chain([&text("from")]).any(|address| !address.contains('@')) {
            return Err(wrong("to", "addresses are written `name@host`, with commas between them; so is `from`"));
        }
        let login = self.value("username").map(|name| (name.to_owned(), self.password()));
        if security == Security::None && login.is_some() && !is_this_machine(&text("host")) {
            return Err(wrong("security", "a password does not go over an open line"));
        }
        Ok(Mail { host: text("host"), port, security, login, from: text("from"), to })
    }

    fn password(&self) -> Secret {
        self.secrets.get("password").cloned().unwrap_or_else(|| Secret::new(""))
    }

    /// A text in which none of its secrets is to be seen, nor a part of an address by which somebody could be told
    /// something in our name.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let is_long = |part: &&str| part.len() >= SHORTEST_SECRET;
        let mut parts: Vec<&str> = self.secrets.values().map(Secret::expose).filter(is_long).collect();
        let url = self.secrets.get("url").map(Secret::expose).unwrap_or_default();
        let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
        parts.extend(path.split(['/', '?', '&', '=']).filter(is_long));
        // The longest first: a part must not spoil the whole.
        parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.len()));
        parts.iter().fold(text.to_owned(), |text, part| text.replace(part, "[redacted]"))
    }
}

impl Security {
    const fn usual_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spec: &ChannelSpec, expected: Option<&str>) {
        let found = spec.check().err();
        assert_eq!(found.as_ref().map(|error| &*error.field), expected, "{found:?}");
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        let slack = ChannelSpec::new("ops", "slack");
        check(&slack, Some("secrets.url"));
        check(&slack.clone().with_secret("url", "https://hooks.slack.com/services/T/B/x"), None);
        check(&slack.clone().with_secret("url", "ftp://hooks.slack.com"), Some("secrets.url"));
        check(&slack.clone().with_secret("url", "https://me:pw@hooks.slack.com"), Some("secrets.url"));
        check(&slack.clone().with_secret("url", "https://h/\n"), Some("secrets.url"));
        check(&slack.clone().with("url", "https://hooks.slack.com"), Some("settings.url"));
        check(&slack.with_secret("token", "t"), Some("secrets.token"));
        let ntfy = ChannelSpec::new("ops", "ntfy").with_secret("topic", "t");
        check(&ntfy.clone().with_secret("proxy", "socks5h://u:p@127.0.0.1:1080"), None);
        check(&ntfy.with_secret("proxy", "127.0.0.1:1080"), Some("secrets.proxy"));
        check(&ChannelSpec::new("ops", "pigeon"), Some("kind"));
        check(&ChannelSpec::new(" ", "slack"), Some("name"));
        check(&ChannelSpec::new("ops", "telegram").with_secret("token", "1:a"), Some("settings.chat_id"));
    }

    #[test]
    fn mail_is_sent_over_a_line_that_fits() {
        let mail = |security: &str| {
            let spec = ChannelSpec::new("ops", "email").with("host", "smtp.example.com").with("security", security);
            spec.with("from", "pool@example.com").with("to", "a@example.com, b@example.com")
        };
        for (security, port) in [("starttls", 587), ("tls", 465), ("none", 25)] {
            check(&mail(security), None);
            let found = mail(security).mail().unwrap();
            assert_eq!((found.port, found.to.len()), (port, 2));
        }
        check(&mail("ssl"), Some("settings.security"));
        check(&mail("tls").with("port", "0"), Some("settings.port"));
        check(&mail("tls").with("to", "nobody"), Some("settings.to"));
        check(&mail("none").with("username", "u").with_secret("password", "p"), Some("settings.security"));
        check(&mail("none").with("host", "127.0.0.1").with("username", "u").with_secret("password", "p"), None);
    }

    #[test]
    fn no_part_of_a_secret_is_shown() {
        let spec = ChannelSpec::new("ops", "slack")
            .with_secret("url", "https://hooks.slack.com/services/T012345/xoxsecret?key=qwertyuiop");
        let text = "no such hook https://hooks.slack.com/services/T012345/xoxsecret?key=qwertyuiop, or xoxsecret, or qwertyuiop";
        assert_eq!(spec.hide(text), "no such hook [redacted], or [redacted], or [redacted]");
        assert_eq!(spec.host().as_deref(), Some("hooks.slack.com"));
        assert_eq!(ChannelSpec::new("ops", "ntfy").host().as_deref(), Some("ntfy.sh"));
    }
}
