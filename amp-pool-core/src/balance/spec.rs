//! What an operator says about the balance of a key.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Decimal, Probe, ProbeError};
use crate::{money::Amount, secret::Secret};

/// What an operator says about the balance of a key. The default leaves everything to its provider.
///
/// ```
/// use amp_pool_core::{
///     balance::{BalanceSpec, ProbeChoice},
///     keys::KeySpec,
///     secret::Secret,
/// };
///
/// let mut key = KeySpec::new("mine", "custom", Secret::new("sk-example"));
/// key.balance = BalanceSpec::read(r#"{"probe": "off", "minimum": "5"}"#)?;
/// assert!(key.balance.probe.is_off());
/// assert_eq!(key.balance.minimum, Some("5".parse()?));
/// // Without more ado a provider's own way is taken.
/// assert!(matches!(BalanceSpec::default().probe, ProbeChoice::Auto));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BalanceSpec {
    /// How the upstream is asked.
    pub probe: ProbeChoice,
    /// Values that a probe needs besides the credential, by name: an admin key, a team. All of them count as secret.
    pub values: BTreeMap<String, Secret>,
    /// The key stops when its *reported* balance is down to this, in the unit that is reported.
    pub minimum: Option<Amount>,
    /// What one unit of the reported currency is worth in USD, where the operator wants to see dollars.
    pub usd_rate: Option<Decimal>,
}

/// How an upstream is asked for a balance.
///
/// Written as `null`, as the id of a known probe, or as a probe.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ProbeChoice {
    /// As its provider knows.
    #[default]
    Auto,
    /// By the known probe of that id; `off`: not at all.
    Named(String),
    /// By a probe of the operator's own.
    Own(Box<Probe>),
}

impl ProbeChoice {
    /// Not at all.
    #[must_use]
    pub fn off() -> Self {
        Self::Named("off".into())
    }

    /// Whether nothing is asked.
    #[must_use]
    pub fn is_off(&self) -> bool {
        matches!(self, Self::Named(name) if name == "off")
    }

    /// Whether its probe can be used. To be asked when it is written.
    ///
    /// # Errors
    /// What is wrong with the operator's own probe.
    pub fn check(&self) -> Result<(), ProbeError> {
        if let Self::Own(probe) = self { probe.check() } else { Ok(()) }
    }
}

impl<'de> Deserialize<'de> for ProbeChoice {
    /// By hand, so that it is told what is wrong inside of a probe.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::Auto),
            Value::String(id) => Ok(Self::Named(id)),
            written => serde_json::from_value(written).map(Self::Own).map_err(de::Error::custom),
        }
    }
}

/// What was kept of a spec cannot be understood. Does not quote it: it holds secrets.
///
/// ```
/// use amp_pool_core::balance::{BalanceSpec, SpecError};
///
/// let read = BalanceSpec::read(r#"{"values": {"admin_key": "sk-admin", "team"#);
/// assert_eq!(read.err(), Some(SpecError));
/// assert!(!SpecError.to_string().contains("sk-admin"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecError;

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what is kept about the balance of a key cannot be understood")
    }
}

impl std::error::Error for SpecError {}

#[derive(Serialize)]
struct Written<'a> {
    probe: &'a ProbeChoice,
    values: BTreeMap<&'a str, &'a str>,
    minimum: Option<Amount>,
    usd_rate: Option<Decimal>,
}

#[derive(Deserialize)]
struct Kept {
    #[serde(default)]
    probe: ProbeChoice,
    #[serde(default)]
    values: BTreeMap<String, Secret>,
    #[serde(default)]
    minimum: Option<Amount>,
    #[serde(default)]
    usd_rate: Option<Decimal>,
}

impl BalanceSpec {
    /// Whether everything is left to the provider.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// All of it as JSON, secrets included, for stores that seal what they keep. `None` for the default.
    #[must_use]
    pub fn expose(&self) -> Option<Zeroizing<String>> {
        let values = self.values.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        let Self { probe, minimum, usd_rate, .. } = self;
        let written = Written { probe, values, minimum: *minimum, usd_rate: *usd_rate };
        if self.is_default() { None } else { serde_json::to_string(&written).ok().map(Zeroizing::new) }
    }

    /// Reads what [`expose`](Self::expose) wrote.
    ///
    /// # Errors
    /// [`SpecError`] when it is something else.
    pub fn read(json: &str) -> Result<Self, SpecError> {
        let Kept { probe, values, minimum, usd_rate } = serde_json::from_str(json).map_err(|_| SpecError)?;
        Ok(Self { probe, values, minimum, usd_rate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let probe =
            r#"{"kind": "balance", "steps": [{"url": "{base}/x"}], "amount": "/left", "currency": {"at": "/c"}}"#;
        let specs =
            [ProbeChoice::Auto, ProbeChoice::off(), ProbeChoice::Own(Box::new(serde_json::from_str(probe).unwrap()))];
        for probe in specs {
            let values = BTreeMap::from([("admin_key".to_owned(), Secret::new("sk-admin"))]);
            let minimum = Some("5".parse().unwrap());
            let spec = BalanceSpec { probe, values, minimum, usd_rate: "0.14".parse().ok() };
            assert!(BalanceSpec::read(&spec.expose().unwrap()) == Ok(spec.clone()), "{:?}", spec.probe);
        }
        assert!(BalanceSpec::default().expose().is_none());
        assert!(BalanceSpec::read("5").is_err());
    }
}
