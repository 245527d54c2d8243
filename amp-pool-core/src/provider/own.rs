//! Providers of operators: what one has to be before keys may belong to it.

use std::fmt;

use http::HeaderName;

use super::{Provider, Surface};
use crate::{
    balance::{Probe, ProbeError},
    classify::{RuleError, RuleSpec},
    format::Format,
    time::Timestamp,
};

/// How many providers operators may have of their own: all of them are read with each change.
pub const MOST_PROVIDERS: usize = 200;
const LONGEST_ID: usize = 64;
const LONGEST_NAME: usize = 200;
/// How many entries a list of a provider has at most.
const MOST_ENTRIES: usize = 100;

/// Headers that carry credentials, which belong to keys, and those that frame or route a request.
const NOT_FIXED: [&str; 16] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "accept-encoding",
];

/// A provider as its operator wrote it. Its id is what keys name.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     provider::{OwnProvider, Provider},
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// // A vendor is data, in the shape of the presets.
/// let house: Provider = serde_json::from_str(r#"{
///     "id": "house", "name": "Our gateway", "base_url": "https://llm.example.com", "auth": "bearer", "models": [],
///     "formats": {"chat": {"root": "/v1"}}
/// }"#)?;
/// house.check()?;
/// let kept: OwnProvider = pool.handle().add_provider(house).await?;
/// assert_eq!(pool.handle().provider("house").map(|provider| provider.name.clone()), Some(kept.provider.name));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnProvider {
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// What the operator wrote.
    pub provider: Provider,
}

/// Why a provider is not taken.
///
/// ```
/// use amp_pool_core::provider::{Presets, Provider, ProviderError};
///
/// let openai = Presets::builtin().get("openai").ok_or("it is there")?;
/// let nameless = Provider { id: "no good name".into(), ..Provider::clone(openai) };
/// let error: ProviderError = nameless.check().err().ok_or("it can not be kept")?;
/// assert_eq!(error.field, "id");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderError {
    /// The field that is wrong.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

impl std::error::Error for ProviderError {}

fn wrong<T>(field: &'static str, message: impl Into<String>) -> Result<T, ProviderError> {
    Err(ProviderError { field, message: message.into() })
}

impl Provider {
    /// Whether keys can belong to it. To be asked when it is written; whether its id is free is for others to say.
    ///
    /// ```
    /// use amp_pool_core::provider::Provider;
    ///
    /// let relay: Provider = serde_json::from_str(
    ///     r#"{"id": "relay", "name": "Relay", "base_url": "https://relay.example", "auth": "bearer", "models": ["*"],
    ///         "formats": {"chat": {"root": "/v1"}}}"#,
    /// )?;
    /// assert_eq!(relay.check(), Ok(()));
    /// assert_eq!(Provider { id: "a relay".into(), ..relay }.check().map_err(|error| error.field), Err("id"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), ProviderError> {
        check_names(self)?;
        check_formats(self)?;
        if self.models.len() > MOST_ENTRIES {
            return wrong("models", format!("a provider lists at most {MOST_ENTRIES}"));
        }
        if self.betas.as_ref().is_some_and(|betas| betas.len() > MOST_ENTRIES) {
            return wrong("betas", format!("a provider lists at most {MOST_ENTRIES}"));
        }
        check_headers(self)?;
        for rule in &self.rules {
            let spec = RuleSpec { name: "rule".into(), provider: None, enabled: true, position: 0, rule: rule.clone() };
            spec.check().or_else(|RuleError { field, message }| wrong("rules", format!("`{field}`: {message}")))?;
        }
        if self.rules.len() > MOST_ENTRIES || self.balance.len() > MOST_ENTRIES {
            let field = if self.rules.len() > MOST_ENTRIES { "rules" } else { "balance" };
            return wrong(field, format!("a provider lists at most {MOST_ENTRIES}"));
        }
        let probes = self.balance.iter().try_for_each(Probe::check);
        probes.or_else(|error: ProbeError| wrong("balance", error.to_string()))
    }
}

fn check_names(provider: &Provider) -> Result<(), ProviderError> {
    let plain = |id: &str| {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        !id.is_empty() && id.len() <= LONGEST_ID && id.chars().all(legal)
    };
    if !plain(&provider.id) {
        return wrong("id", format!("an id has 1 to {LONGEST_ID} letters a to z, digits, dots, dashes or underscores"));
    }
    let name = &provider.name;
    if name.trim().is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return wrong("name", format!("a name has 1 to {LONGEST_NAME} characters and no control ones"));
    }
    if provider.aliases.len() > MOST_ENTRIES || !provider.aliases.iter().all(|alias| plain(alias)) {
        return wrong("aliases", "an alias is written as an id is");
    }
    let is_start = |text: &String| {
        HeaderName::try_from(text.as_str())
            .is_ok_and(|start| !NOT_FIXED.iter().any(|name| name.starts_with(start.as_str())))
    };
    if provider.passes.len() > MOST_ENTRIES || !provider.passes.iter().all(is_start) {
        return wrong(
            "passes",
            "each entry is how names of headers begin, and none that carry credentials or frame a request",
        );
    }
    Ok(())
}

/// Its address, and what stands behind it for each format.
fn check_formats(provider: &Provider) -> Result<(), ProviderError> {
    let surfaces: Vec<&Surface> = Format::ALL.into_iter().filter_map(|format| provider.formats.get(format)).collect();
    if surfaces.iter().all(|surface| surface.opt_in) {
        return wrong("formats", "a provider speaks at least one format without being asked to");
    }
    let roots = surfaces
        .iter()
        .flat_map(|surface| surface.branches.iter().map(|branch| branch.root.as_str()).chain([surface.root.as_str()]));
    for root in roots {
        let legal = |c: char| c.is_ascii_alphanumeric() || "/._-~".contains(c);
        let climbs = root.split('/').any(|part| part == "..");
        if !(root.is_empty() || root.starts_with('/')) || root.ends_with('/') || !root.chars().all(legal) || climbs {
            return wrong("formats", "a `root` is empty, or a path such as `/v1` without a `/` at its end");
        }
    }
    match provider.base_url.as_deref().map(|base| provider.base(Some(base))) {
        Some(Err(error)) => wrong("base_url", error.to_string()),
        Some(Ok(_)) | None => Ok(()),
    }
}

fn is_not_fixed(name: &HeaderName) -> bool {
    NOT_FIXED.contains(&name.as_str())
}

fn check_headers(provider: &Provider) -> Result<(), ProviderError> {
    let own = Format::ALL.into_iter().filter_map(|format| Some(("formats", &provider.formats.get(format)?.headers)));
    for (field, headers) in own.chain([("headers", &provider.headers)]) {
        if headers.len() > MOST_ENTRIES {
            return wrong(field, format!("there are at most {MOST_ENTRIES} headers"));
        }
        if let Some(name) = headers.keys().find(|name| is_not_fixed(name)) {
            return wrong(field, format!("`{name}` cannot be fixed: credentials belong to keys"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(change: &Value, expected: Option<&str>) {
        let mut written = json!({
            "id": "relay", "name": "Relay", "base_url": "https://relay.example/v1/", "auth": "bearer",
            "models": ["*"], "formats": {"chat": {"root": "/v1"}},
        });
        let fields = change.as_object().unwrap().clone();
        written.as_object_mut().unwrap().extend(fields);
        let provider: Provider = serde_json::from_value(written).unwrap();
        assert_eq!(provider.check().err().map(|error| error.field), expected, "{change}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        check(&json!({}), None);
        check(&json!({"base_url": null}), None);
        check(&json!({"id": "My relay"}), Some("id"));
        check(&json!({"name": " "}), Some("name"));
        check(&json!({"base_url": "ftp://relay.example"}), Some("base_url"));
        check(&json!({"base_url": "https://user:pass@relay.example"}), Some("base_url"));
        check(&json!({"formats": {}}), Some("formats"));
        check(&json!({"formats": {"chat": {"root": "/v1", "opt_in": true}}}), Some("formats"));
        check(&json!({"formats": {"chat": {"root": "v1"}}}), Some("formats"));
        check(&json!({"formats": {"chat": {"root": "/../v1"}}}), Some("formats"));
        check(&json!({"formats": {"chat": {"root": "/v1?x"}}}), Some("formats"));
        check(&json!({"headers": {"x-relay": "1"}}), None);
        check(&json!({"headers": {"authorization": "Bearer x"}}), Some("headers"));
        check(&json!({"formats": {"chat": {"root": "", "headers": {"host": "x"}}}}), Some("formats"));
        check(&json!({"rules": [{"status": [42], "verdict": "blocked"}]}), Some("rules"));
        check(&json!({"balance": [{"kind": "balance", "steps": []}]}), Some("balance"));
        check(&json!({"aliases": ["a b"]}), Some("aliases"));
        check(&json!({"passes": ["x-relay-"]}), None);
        check(&json!({"passes": ["authorization"]}), Some("passes"));
        check(&json!({"passes": ["x-"]}), Some("passes"));
        check(&json!({"betas": []}), None);
        check(&json!({"betas": vec!["a-*"; 101]}), Some("betas"));
    }
}
