//! Configurations: one JSON object for a pool or a server.
//!
//! Beside `keys` and `tokens`, its members are the server's settings, each under the name of its flag with `_` for `-`, such
//! as `data_dir`. What it brings is added once; keys and tokens that are there already stay as they are.

use amp_pool_core::{
    caller::{TokenDigest, TokenSpec},
    handle::{ChangeError, Handle},
    keys::KeySpec,
    provider::ModelPattern,
    secret::Secret,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::status::Failure;

/// What a program writes of a pool or a server.
#[derive(Default)]
pub(crate) struct Config {
    keys: Vec<KeyConfig>,
    tokens: Vec<TokenConfig>,
    /// By name, as text.
    pub(crate) settings: Vec<(String, String)>,
}

/// A key. More than this can be said of it by the admin API.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyConfig {
    name: String,
    provider: String,
    api_key: String,
    base_url: Option<String>,
    #[serde(default)]
    models: Vec<ModelPattern>,
    #[serde(default)]
    priority: i32,
    weight: Option<u32>,
    proxy: Option<String>,
    user_agent: Option<String>,
}

/// A client token that is known already.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenConfig {
    name: String,
    secret: String,
}

impl Config {
    /// From JSON; from nothing, a pool in memory without keys.
    pub(crate) fn read(text: &str) -> Result<Self, Failure> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let mut members: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| Failure::config(format!("no JSON object: {error}")))?;
        let keys = list(&mut members, "keys")?;
        let tokens = list(&mut members, "tokens")?;
        let settings = members.into_iter().filter(|(_, value)| !value.is_null());
        Ok(Self { keys, tokens, settings: settings.map(setting).collect::<Result<_, _>>()? })
    }

    /// The value of a setting that it names.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Adds to a pool what it brings and the pool does not have.
    pub(crate) async fn plant(self, handle: &Handle) -> Result<(), Failure> {
        for (at, key) in self.keys.into_iter().enumerate() {
            plant_key(handle, key.spec(at)?).await.map_err(|error| refused("keys", at, &error))?;
        }
        for (at, token) in self.tokens.into_iter().enumerate() {
            plant_token(handle, token).await.map_err(|error| refused("tokens", at, &error))?;
        }
        Ok(())
    }
}

fn list<T: DeserializeOwned>(members: &mut Map<String, Value>, name: &str) -> Result<Vec<T>, Failure> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            let read = |(at, item)| {
                serde_json::from_value(item).map_err(|error| Failure::config(format!("{name}[{at}]: {error}")))
            };
            items.into_iter().enumerate().map(read).collect()
        }
        Some(_) => Err(Failure::config(format!("`{name}` has to be a list"))),
    }
}

fn setting((name, value): (String, Value)) -> Result<(String, String), Failure> {
    let value = match value {
        Value::String(text) => text,
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        _ => return Err(Failure::config(format!("`{name}` has to be a text, a number or a boolean"))),
    };
    Ok((name, value))
}

impl KeyConfig {
    fn spec(self, at: usize) -> Result<KeySpec, Failure> {
        let wrong = |field: &str, why: String| Failure::config(format!("keys[{at}]: `{field}`: {why}"));
        let mut spec = KeySpec::new(self.name, self.provider, Secret::new(self.api_key));
        spec.base_url = self.base_url;
        spec.priority = self.priority;
        spec.weight = self.weight.unwrap_or(1);
        spec.models = self.models;
        let proxy = self.proxy.map(|proxy| proxy.parse()).transpose();
        spec.egress.proxy =
            proxy.map_err(|error: amp_pool_core::keys::ProxyUrlError| wrong("proxy", error.to_string()))?;
        let agent = self.user_agent.map(http::HeaderValue::try_from).transpose();
        spec.egress.user_agent = agent.map_err(|error| wrong("user_agent", error.to_string()))?;
        Ok(spec)
    }
}

async fn plant_key(handle: &Handle, spec: KeySpec) -> Result<(), ChangeError> {
    let is_this = |known: &KeySpec| known.provider == spec.provider && known.api_key == spec.api_key;
    if handle.keys().iter().any(|view| is_this(&view.key.spec)) {
        return Ok(());
    }
    handle.add_key(spec).await.map(drop)
}

async fn plant_token(handle: &Handle, token: TokenConfig) -> Result<(), ChangeError> {
    let digest = TokenDigest::of(&token.secret);
    if handle.tokens().iter().any(|known| known.digest == digest) {
        return Ok(());
    }
    handle.add_token_with(TokenSpec::named(token.name), Secret::new(token.secret)).await.map(drop)
}

fn refused(list: &str, at: usize, error: &ChangeError) -> Failure {
    match error {
        ChangeError::Unavailable(_) => Failure::unavailable(error),
        _ => Failure::config(format!("{list}[{at}]: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = Config::read(text).map_or_else(|failure| failure.message, |_| String::new());
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        check("", "");
        check("{}", "");
        check(r#"{"port": 0, "data_dir": "x", "db_echo": false, "keys": null}"#, "");
        check("{", "no JSON object: EOF while parsing an object at line 1 column 1");
        check(r#"{"keys": {}}"#, "`keys` has to be a list");
        check(r#"{"keys": [{"name": "a"}]}"#, "keys[0]: missing field `provider`");
        check(
            r#"{"tokens": [{"name": "a", "secret": "s", "more": 1}]}"#,
            "tokens[0]: unknown field `more`, expected `name` or `secret`",
        );
        check(r#"{"data_dir": []}"#, "`data_dir` has to be a text, a number or a boolean");
    }
}
