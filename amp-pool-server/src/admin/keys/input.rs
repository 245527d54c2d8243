//! A key as an operator writes it.

use std::collections::BTreeMap;

use amp_pool_core::{
    balance::{Amount, BalanceSpec, Decimal, ProbeChoice},
    budget::Budget,
    format::Format,
    keys::{Caps, Egress, KeySpec, PriceFactor, PriceFactorError, ProxyUrl, ProxyUrlError},
    money::NanoUsd,
    provider::ModelPattern,
    secret::Secret,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{super::input::given, Problem, output::MASK, prefixes};
use crate::openapi::Null;

/// Headers that frame or route a request. An operator's value would break or misdirect it.
const NOT_OURS_TO_SET: [&str; 10] = [
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

/// Every field may be left out: a new key then has the default, a known one keeps what it has.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-needed" = ["name", "provider"]))]
pub(crate) struct KeyInput {
    #[serde(deserialize_with = "given")]
    name: Option<String>,
    #[serde(deserialize_with = "given")]
    provider: Option<String>,
    #[serde(deserialize_with = "given")]
    api_key: Option<Secret>,
    #[serde(deserialize_with = "given")]
    ua: Option<String>,
    #[serde(deserialize_with = "given")]
    proxy_ip: Option<String>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<String>")]
    base_url: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Vec<Format>>")]
    formats: Option<Option<Vec<Format>>>,
    #[serde(deserialize_with = "given")]
    enabled: Option<bool>,
    #[serde(deserialize_with = "given")]
    priority: Option<i32>,
    #[serde(deserialize_with = "given")]
    weight: Option<u32>,
    #[serde(deserialize_with = "given")]
    models: Option<Vec<ModelPattern>>,
    #[serde(deserialize_with = "given")]
    models_denied: Option<Vec<ModelPattern>>,
    #[serde(deserialize_with = "given")]
    limits: Option<Limits>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Budget>")]
    budget: Option<Option<Budget>>,
    #[serde(deserialize_with = "given")]
    headers: Option<BTreeMap<String, String>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<String>")]
    account: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<NanoUsd>")]
    total_balance: Option<Option<NanoUsd>>,
    #[serde(deserialize_with = "given")]
    balance_probe: Option<ProbeChoice>,
    #[serde(deserialize_with = "given")]
    balance_values: Option<BTreeMap<String, Secret>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Amount>")]
    balance_minimum: Option<Option<Amount>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Decimal>")]
    balance_usd_rate: Option<Option<Decimal>>,
    #[serde(deserialize_with = "given")]
    price_factor: Option<String>,
    #[serde(deserialize_with = "given")]
    tags: Option<Vec<String>>,
    #[serde(deserialize_with = "given")]
    memo: Option<String>,
}

/// Rates and concurrency: at most so many a minute, and so many at a time. `null`: as many as the upstream takes.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    rpm: Option<u32>,
    tpm: Option<u32>,
    concurrency: Option<u32>,
}

impl Limits {
    /// What is allowed.
    pub(crate) fn caps(self) -> Result<Caps, Problem> {
        let caps = Caps { rpm: self.rpm, tpm: self.tpm, concurrency: self.concurrency };
        if [caps.rpm, caps.tpm, caps.concurrency].contains(&Some(0)) {
            return Err(Problem::field("limits", "a limit is at least 1; to stop what it is for, switch that off"));
        }
        Ok(caps)
    }
}

impl From<Caps> for Limits {
    fn from(Caps { rpm, tpm, concurrency }: Caps) -> Self {
        Self { rpm, tpm, concurrency }
    }
}

impl KeyInput {
    /// Whether a credential is given.
    pub(super) fn has_credential(&self) -> bool {
        self.api_key.is_some()
    }

    /// Fills in what an import gives for all keys, and a name where there is none.
    pub(super) fn with_defaults(mut self, provider: Option<&str>, tags: &[String], enabled: Option<bool>) -> Self {
        self.provider = self.provider.or_else(|| {
            let credential = self.api_key.as_ref().map(Secret::expose).unwrap_or_default();
            provider.or_else(|| prefixes::provider_of(credential)).map(str::to_owned)
        });
        self.enabled = self.enabled.or(enabled);
        if !tags.is_empty() {
            let own = self.tags.get_or_insert_default();
            own.extend(tags.iter().filter(|tag| !own.contains(tag)).cloned().collect::<Vec<_>>());
        }
        let hint = self.api_key.as_ref().map(Secret::hint).unwrap_or_default();
        let provider = self.provider.clone().unwrap_or_default();
        self.name.get_or_insert_with(|| format!("{provider} {hint}").trim().to_owned());
        self
    }

    /// A new key.
    pub(super) fn into_new(mut self) -> Result<KeySpec, Problem> {
        let name = self.name.take().ok_or_else(|| Problem::missing("name"))?;
        let provider = self.provider.take().ok_or_else(|| Problem::missing("provider"))?;
        // Some providers need none; the pool knows which.
        let api_key = self.api_key.take().unwrap_or_else(|| Secret::new(""));
        self.onto(KeySpec::new(name, provider, api_key))
    }

    /// What was written, over what was there. Whether it makes a key is the pool's to say.
    pub(super) fn onto(self, spec: KeySpec) -> Result<KeySpec, Problem> {
        Ok(KeySpec {
            name: name(self.name.unwrap_or(spec.name))?,
            provider: self.provider.unwrap_or(spec.provider),
            api_key: self.api_key.unwrap_or(spec.api_key),
            egress: egress(self.ua, self.proxy_ip, self.headers, spec.egress)?,
            base_url: self.base_url.map_or(spec.base_url, |url| url.filter(|url| !url.is_empty())),
            formats: formats(self.formats.unwrap_or(spec.formats))?,
            enabled: self.enabled.unwrap_or(spec.enabled),
            priority: self.priority.unwrap_or(spec.priority),
            weight: self.weight.unwrap_or(spec.weight),
            models: self.models.unwrap_or(spec.models),
            models_denied: self.models_denied.unwrap_or(spec.models_denied),
            limits: self.limits.map_or(Ok(spec.limits), Limits::caps)?,
            budget: self.budget.unwrap_or(spec.budget),
            account: self.account.map_or(spec.account, |account| account.filter(|account| !account.is_empty())),
            total_balance: self.total_balance.unwrap_or(spec.total_balance),
            balance: BalanceSpec {
                probe: self.balance_probe.unwrap_or(spec.balance.probe),
                values: match self.balance_values {
                    Some(written) => read_values(written, &spec.balance.values)?,
                    None => spec.balance.values,
                },
                minimum: self.balance_minimum.unwrap_or(spec.balance.minimum),
                usd_rate: self.balance_usd_rate.unwrap_or(spec.balance.usd_rate),
            },
            price_factor: self.price_factor.map_or(Ok(spec.price_factor), |text| price_factor(&text))?,
            tags: self.tags.unwrap_or(spec.tags),
            memo: self.memo.unwrap_or(spec.memo),
        })
    }
}

/// A name that people can read.
pub(crate) fn name(text: String) -> Result<String, Problem> {
    let readable = !text.trim().is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control);
    if readable { Ok(text) } else { Err(Problem::field("name", "a name has 1 to 200 characters and no control ones")) }
}

fn formats(formats: Option<Vec<Format>>) -> Result<Option<Vec<Format>>, Problem> {
    if formats.as_ref().is_some_and(Vec::is_empty) {
        return Err(Problem::field("formats", "name at least one format, or null for what the provider speaks"));
    }
    Ok(formats)
}

fn price_factor(text: &str) -> Result<PriceFactor, Problem> {
    text.parse().map_err(|error: PriceFactorError| Problem::field("price_factor", error.to_string()))
}

fn egress(
    ua: Option<String>,
    proxy: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    known: Egress,
) -> Result<Egress, Problem> {
    Ok(Egress {
        proxy: proxy.map_or(Ok(known.proxy.clone()), |text| read_proxy(&text, known.proxy))?,
        user_agent: ua.map_or(Ok(known.user_agent), |text| read_user_agent(&text))?,
        headers: match headers {
            Some(written) => read_headers(written, &known.headers)?,
            None => known.headers,
        },
    })
}

/// An address as it is read back, its password masked, keeps the one that is known.
fn read_proxy(text: &str, known: Option<ProxyUrl>) -> Result<Option<ProxyUrl>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    if known.as_ref().is_some_and(|proxy| proxy.to_string() == text) {
        return Ok(known);
    }
    text.parse().map(Some).map_err(|error: ProxyUrlError| Problem::field("proxy_ip", error.to_string()))
}

fn read_user_agent(text: &str) -> Result<Option<HeaderValue>, Problem> {
    let wrong = |_| Problem::field("ua", "a User-Agent has visible ASCII characters and spaces only");
    if text.is_empty() { Ok(None) } else { HeaderValue::from_str(text).map(Some).map_err(wrong) }
}

/// A value as it is read back keeps the one that is known.
fn read_values(
    written: BTreeMap<String, Secret>,
    known: &BTreeMap<String, Secret>,
) -> Result<BTreeMap<String, Secret>, Problem> {
    let kept = |(name, value): (String, Secret)| {
        let value = match known.get(&name) {
            _ if value.expose() != MASK => value,
            Some(known) => known.clone(),
            None => return Err(Problem::field("balance_values", format!("`{name}` has no value that could be kept"))),
        };
        Ok((name, value))
    };
    written.into_iter().map(kept).collect()
}

fn read_headers(written: BTreeMap<String, String>, known: &HeaderMap) -> Result<HeaderMap, Problem> {
    written.into_iter().map(|(name, value)| read_header(&name, &value, known)).collect()
}

fn read_header(name: &str, value: &str, known: &HeaderMap) -> Result<(HeaderName, HeaderValue), Problem> {
    let wrong = |message: String| Problem::field("headers", message);
    let parsed = HeaderName::try_from(name).map_err(|_| wrong(format!("`{name}` is no header name")))?;
    if NOT_OURS_TO_SET.contains(&parsed.as_str()) {
        return Err(wrong(format!("`{parsed}` cannot be set")));
    }
    let value = match (value, known.get(&parsed)) {
        (MASK, Some(known)) => known.clone(),
        (MASK, None) => return Err(wrong(format!("`{parsed}` has no value that could be kept"))),
        (text, _) => HeaderValue::from_str(text).map_err(|_| wrong(format!("the value of `{parsed}` is not legal")))?,
    };
    Ok((parsed, value))
}
