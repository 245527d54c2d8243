//! Providers as data: where each is, how it is spoken to, what it serves.
//!
//! What is known of a vendor stands in `provider/presets.json` and nowhere in the code. A [`Provider`] and the base URL
//! of a key make one [`Upstream`] per format, once; from then on a URL costs one allocation. Operators may bring
//! providers of their own in the same shape ([`OwnProvider`]).

use http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::{
    balance::Probe,
    classify::{Judgement, Rule, Signal, Verdict, classify, judge},
    format::{Format, capability::Dialect},
    secret::Secret,
};

mod auth;
mod base;
mod fixed;
mod own;
mod pattern;
mod presets;
mod upstream;

pub use auth::{Auth, CredentialError};
pub use base::BaseUrlError;
pub use own::{MOST_PROVIDERS, OwnProvider, ProviderError};
pub use pattern::{ModelPattern, PatternError};
pub use presets::Presets;
pub use upstream::Upstream;

/// What is known of one vendor, or of a kind of server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ProviderDefinition"))]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The name in settings and records: `openai`, `custom`, …
    pub id: String,
    /// The name for people.
    pub name: String,
    /// Where it is. `None`: every key says so itself.
    #[serde(default)]
    pub base_url: Option<String>,
    /// How the credential is carried, where a format does not say otherwise.
    pub auth: Auth,
    /// Whether a key may be without a credential.
    #[serde(default)]
    pub credential_optional: bool,
    /// What it serves, where a format does not say otherwise.
    pub models: Vec<ModelPattern>,
    /// How it speaks each format.
    pub formats: Formats,
    /// Sent with every request that does not have them.
    #[serde(default, with = "fixed")]
    #[cfg_attr(feature = "schema", schemars(with = "std::collections::BTreeMap<String, String>"))]
    pub headers: HeaderMap,
    /// Whether Chat streams may ask for `stream_options.include_usage`.
    #[serde(default = "yes")]
    pub include_usage_ok: bool,
    /// Whether its streams break official SDKs and are mended on the way. `None`: as it is known of its dialect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair_stream: Option<bool>,
    /// Where Google's own format is spoken. The pool passes that on as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub google: Option<Surface>,
    /// What clients of the Amp layout call it, beside its id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// How the names of headers begin that clients may say to it, beside those that every upstream gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<String>,
    /// Which betas a client may ask it for in `anthropic-beta` and `openai-beta`, `*` for any run of characters. Many
    /// refuse a whole call for one they do not know. `None`: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub betas: Option<Vec<ModelPattern>>,
    /// What its errors mean, where that is its own.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// How it is asked for the balance of a key, the best way first. Without any, what is left is for us to count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub balance: Vec<Probe>,
}

fn yes() -> bool {
    true
}

/// How a provider speaks each of the three formats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ProviderFormats"))]
#[serde(deny_unknown_fields)]
pub struct Formats {
    /// OpenAI Chat Completions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<Surface>,
    /// Anthropic Messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Surface>,
    /// OpenAI Responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responses: Option<Surface>,
}

impl Formats {
    /// How `format` is spoken, if it is.
    #[must_use]
    pub fn get(&self, format: Format) -> Option<&Surface> {
        match format {
            Format::Chat => self.chat.as_ref(),
            Format::Messages => self.messages.as_ref(),
            Format::Responses => self.responses.as_ref(),
        }
    }

    fn surfaces(&self) -> impl Iterator<Item = &Surface> {
        Format::ALL.into_iter().filter_map(|format| self.get(format))
    }
}

/// How a provider speaks one format.
///
/// ```
/// use amp_pool_core::{
///     format::Format,
///     provider::{Branch, Formats, Presets, Provider, Surface},
/// };
///
/// let openai: &Provider = Presets::builtin().get("openai").ok_or("no preset")?;
/// let chat: &Surface = openai.formats.get(Format::Chat).ok_or("it speaks Chat")?;
/// // A relay of one's own that speaks Chat alone, with its newest models behind another root.
/// let branch = Branch { root: "/beta/v1".into(), models: vec!["next-*".parse()?] };
/// let chat = Surface { root: "/openai/v1".into(), branches: vec![branch], ..chat.clone() };
/// let relay = Provider {
///     id: "relay".into(),
///     base_url: Some("https://relay.example".into()),
///     formats: Formats { chat: Some(chat), ..Formats::default() },
///     ..openai.clone()
/// };
/// assert_eq!(relay.formats().collect::<Vec<_>>(), [Format::Chat]);
/// let upstream = relay.upstream(Format::Chat, None)?;
/// let path = "/v1/chat/completions";
/// assert_eq!(upstream.url(path).as_deref(), Some("https://relay.example/openai/v1/chat/completions"));
/// let next = upstream.branch_url("next-1", path);
/// assert_eq!(next.as_deref(), Some("https://relay.example/beta/v1/chat/completions"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// What stands behind the base URL in place of `/v1`.
    pub root: String,
    /// How the credential is carried, if not as the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// What is served in this format, if not as the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<ModelPattern>>,
    /// Sent with every request in this format that does not have them.
    #[serde(default, with = "fixed")]
    #[cfg_attr(feature = "schema", schemars(with = "std::collections::BTreeMap<String, String>"))]
    pub headers: HeaderMap,
    /// Models that stand behind another root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<Branch>,
    /// Spoken only for keys that name the format: it is the vendor's own translation and loses more than ours.
    #[serde(default)]
    pub opt_in: bool,
}

/// Another place of the same base, for some models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// What stands behind the base URL in place of `/v1`.
    pub root: String,
    /// What is served there.
    pub models: Vec<ModelPattern>,
}

impl Provider {
    /// Whether a client of the Amp layout means it by `name`.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.id == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// Whether its streams break official SDKs and are mended on the way.
    #[must_use]
    pub fn repairs_stream(&self) -> bool {
        self.repair_stream.unwrap_or_else(|| Dialect::find(&self.id).repair_stream)
    }

    /// The formats its keys are used in unless they name their own.
    pub fn formats(&self) -> impl Iterator<Item = Format> {
        let spoken = |format: &Format| self.formats.get(*format).is_some_and(|surface| !surface.opt_in);
        Format::ALL.into_iter().filter(spoken)
    }

    /// How and where a key's requests in `format` go.
    ///
    /// `base_url` is the key's own address in place of the preset's. A trailing `/`, a trailing `/v1`, a root of this
    /// provider and the path of an endpoint are understood and cut off; a base that ends in another version (`/v4`,
    /// `/v1beta`) is taken as the root itself. A format that the provider is not known to speak is spoken where its
    /// other formats are: a key that names it knows better.
    ///
    /// ```
    /// use amp_pool_core::{format::Format, provider::Presets};
    ///
    /// let openai = Presets::builtin().get("openai").ok_or("no preset")?;
    /// let upstream = openai.upstream(Format::Chat, Some("https://relay.example/v1/"))?;
    /// let url = upstream.url("/v1/chat/completions?beta=true");
    /// assert_eq!(url.as_deref(), Some("https://relay.example/v1/chat/completions?beta=true"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BaseUrlError`] when there is no address, or it is no base URL.
    pub fn upstream(&self, format: Format, base_url: Option<&str>) -> Result<Upstream, BaseUrlError> {
        let surface = self.formats.get(format).or_else(|| self.formats.surfaces().next());
        self.behind(surface.cloned().unwrap_or_else(Surface::plain), base_url)
    }

    /// The same for Google's own format. `None`: it does not speak that.
    ///
    /// # Errors
    /// As [`upstream`](Self::upstream).
    pub fn google_upstream(&self, base_url: Option<&str>) -> Result<Option<Upstream>, BaseUrlError> {
        self.google.clone().map(|surface| self.behind(surface, base_url)).transpose()
    }

    fn behind(&self, surface: Surface, base_url: Option<&str>) -> Result<Upstream, BaseUrlError> {
        let own_roots: Vec<_> = self.roots().collect();
        let base = base_url.or(self.base_url.as_deref()).ok_or(BaseUrlError::Missing)?;
        let root = |root: &str| base::root(base, &own_roots, root);
        let branch = |branch: &Branch| Ok((branch.models.clone(), root(&branch.root)?));
        let mut headers = self.headers.clone();
        headers.extend(surface.headers);
        Ok(Upstream::new(
            root(&surface.root)?,
            surface.auth.unwrap_or(self.auth),
            surface.models.unwrap_or_else(|| self.models.clone()),
            headers,
            surface.branches.iter().map(branch).collect::<Result<_, _>>()?,
        ))
    }

    /// All roots behind its base.
    fn roots(&self) -> impl Iterator<Item = &str> {
        let surfaces = self.formats.surfaces().chain(&self.google);
        surfaces.flat_map(|surface| surface.branches.iter().map(|branch| &*branch.root).chain([&*surface.root]))
    }

    /// The address in front of all its roots: what `{base}` stands for in a [`Probe`].
    ///
    /// ```
    /// use amp_pool_core::provider::Presets;
    ///
    /// let custom = Presets::builtin().get("custom").ok_or("no preset")?;
    /// assert_eq!(custom.base(Some("https://relay.example/pool/v1/"))?, "https://relay.example/pool");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`upstream`](Self::upstream).
    pub fn base(&self, base_url: Option<&str>) -> Result<String, BaseUrlError> {
        let own_roots: Vec<_> = self.roots().collect();
        base::root(base_url.or(self.base_url.as_deref()).ok_or(BaseUrlError::Missing)?, &own_roots, "")
    }

    /// The URL of a path that stands behind the same base as all roots. `None`: there is no base, or the path climbs.
    #[must_use]
    pub fn beside(&self, base_url: Option<&str>, path_and_query: &str) -> Option<String> {
        let path = path_and_query.split('?').next().unwrap_or_default();
        let is_plain = path.starts_with('/') && upstream::is_plain(path);
        is_plain.then(|| self.base(base_url).ok()).flatten().map(|base| base + path_and_query)
    }

    /// Whether `credential` can be sent to this provider at all. To be asked when a key is entered.
    ///
    /// # Errors
    /// [`CredentialError`] when it is empty and must not be, or cannot stand in a header.
    pub fn check_credential(&self, credential: &Secret) -> Result<(), CredentialError> {
        if credential.expose().is_empty() && !self.credential_optional && self.auth != Auth::None {
            return Err(CredentialError::Empty);
        }
        auth::check(credential)
    }

    /// What an answer of this provider means.
    #[must_use]
    pub fn classify(&self, signal: &Signal<'_>) -> Verdict {
        classify(&self.rules, signal)
    }

    /// The same, with what decided.
    #[must_use]
    pub fn judge(&self, signal: &Signal<'_>) -> Judgement {
        judge(&self.rules, signal)
    }
}

impl Surface {
    fn plain() -> Self {
        Self {
            root: "/v1".into(),
            auth: None,
            models: None,
            headers: HeaderMap::new(),
            branches: Vec::new(),
            opt_in: false,
        }
    }
}
