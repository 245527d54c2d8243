//! What every database keeps in the same shape, whatever its types are.

pub(super) mod alerts;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Outcome, RecordedLoss, Side, StoreError, vault::Vault};
use crate::{
    balance::BalanceSpec,
    format::LossKind,
    id::KeyId,
    keys::{KeptHealth, KeptTrouble, KeySpec, KeyState, PriceFactor, ProxyUrl, Subject},
    price::Origin,
    route::RouteCandidate,
    secret::Secret,
    time::Timestamp,
    usage::ServiceTerms,
};

const API_KEY: &str = "api_keys.api_key";
const PROXY_IP: &str = "api_keys.proxy_ip";
const HEADERS: &str = "api_keys.headers";
const BALANCE: &str = "api_keys.balance";

/// The columns of a key that are sealed.
pub(super) struct SealedKey {
    pub(super) api_key: Vec<u8>,
    pub(super) proxy_ip: Option<Vec<u8>>,
    pub(super) headers: Option<Vec<u8>>,
    pub(super) balance: Option<Vec<u8>>,
}

/// What was in them.
pub(super) struct OpenedKey {
    pub(super) api_key: Secret,
    pub(super) proxy: Option<ProxyUrl>,
    pub(super) headers: HeaderMap,
    pub(super) balance: BalanceSpec,
}

impl SealedKey {
    /// Seals what is secret in `spec`, for the row `id` and no other.
    pub(super) fn seal(vault: &Vault, id: KeyId, spec: &KeySpec) -> Result<Self, StoreError> {
        let seal = |column, plain: &str| vault.seal(column, id.0, plain.as_bytes());
        Ok(Self {
            api_key: seal(API_KEY, spec.api_key.expose())?,
            proxy_ip: spec.egress.proxy.as_ref().map(|proxy| seal(PROXY_IP, proxy.expose())).transpose()?,
            headers: headers_json(&spec.egress.headers)?.map(|text| seal(HEADERS, &text)).transpose()?,
            balance: spec.balance.expose().map(|text| seal(BALANCE, &text)).transpose()?,
        })
    }

    /// Opens the columns of the row `id`.
    pub(super) fn open(&self, vault: &Vault, id: KeyId) -> Result<OpenedKey, StoreError> {
        let open = |column, sealed: &Vec<u8>| open(vault, column, id, sealed);
        let maybe = |column, sealed: &Option<Vec<u8>>| sealed.as_ref().map(|sealed| open(column, sealed)).transpose();
        Ok(OpenedKey {
            api_key: open(API_KEY, &self.api_key)?,
            proxy: maybe(PROXY_IP, &self.proxy_ip)?.map(|text| text.expose().parse().map_err(corrupt)).transpose()?,
            headers: maybe(HEADERS, &self.headers)?.map(|text| headers(&text)).transpose()?.unwrap_or_default(),
            balance: maybe(BALANCE, &self.balance)?.map(|text| balance(&text)).transpose()?.unwrap_or_default(),
        })
    }
}

fn open(vault: &Vault, column: &str, id: KeyId, sealed: &[u8]) -> Result<Secret, StoreError> {
    let plain = vault.open(column, id.0, sealed)?;
    Ok(Secret::new(std::str::from_utf8(&plain).map_err(corrupt)?))
}

fn balance(text: &Secret) -> Result<BalanceSpec, StoreError> {
    BalanceSpec::read(text.expose()).map_err(corrupt)
}

/// The value of a header, from where it is stored.
pub(super) fn header_value(text: String) -> Result<HeaderValue, StoreError> {
    HeaderValue::try_from(text).map_err(corrupt)
}

/// The value of a header, as it is stored.
pub(super) fn header_text(value: &HeaderValue) -> Result<&str, StoreError> {
    let text = std::str::from_utf8(value.as_bytes());
    text.map_err(|_| StoreError::Invalid("a header value has to be UTF-8 text".into()))
}

/// A list of name and value, `None` when there are none: a name may stand there twice, and the order is the operator's.
fn headers_json(headers: &HeaderMap) -> Result<Option<Zeroizing<String>>, StoreError> {
    let pairs = headers.iter().map(|(name, value)| Ok((name.as_str(), header_text(value)?)));
    let pairs = pairs.collect::<Result<Vec<_>, StoreError>>()?;
    if pairs.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(&pairs).map_err(|error| StoreError::Invalid(error.to_string()))?;
    Ok(Some(Zeroizing::new(text)))
}

fn headers(text: &Secret) -> Result<HeaderMap, StoreError> {
    let mut headers = HeaderMap::new();
    // The cause is not passed on: it could quote a value.
    let pairs: Vec<(String, String)> =
        serde_json::from_str(text.expose()).map_err(|_| corrupt("the sealed headers of a key are no list of pairs"))?;
    for (name, value) in pairs {
        headers.append(HeaderName::try_from(name).map_err(corrupt)?, header_value(value)?);
    }
    Ok(headers)
}

/// A candidate of a route as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Candidate {
    model: String,
    provider: Option<String>,
    tier: u32,
    weight: u32,
}

impl Candidate {
    pub(super) fn of(candidate: &RouteCandidate) -> Self {
        let RouteCandidate { model, provider, tier, weight } = candidate.clone();
        Self { model, provider, tier, weight }
    }

    pub(super) fn into_route(self) -> RouteCandidate {
        let Self { model, provider, tier, weight } = self;
        RouteCandidate { model, provider, tier, weight }
    }
}

/// How a stored call ended.
pub(super) fn outcome(name: &str) -> Result<Outcome, StoreError> {
    let known = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == name);
    known.ok_or_else(|| corrupt(format!("`{name}` is no outcome of a call")))
}

/// A stored loss.
pub(super) fn loss(side: &str, kind: &str, field: String, note: String) -> Result<RecordedLoss, StoreError> {
    let side = Side::ALL.into_iter().find(|known| known.as_str() == side);
    let kind = LossKind::ALL.into_iter().find(|known| known.as_str() == kind);
    let (Some(side), Some(kind)) = (side, kind) else { return Err(corrupt("a loss of no known kind")) };
    Ok(RecordedLoss { side, kind, field, note })
}

/// Where a price is from.
pub(super) fn origin(name: &str) -> Result<Origin, StoreError> {
    Origin::named(name).ok_or_else(|| corrupt(format!("a price of the origin `{name}`")))
}

/// Terms of service as they are stored. `None`: the usual ones.
pub(super) fn terms(terms: ServiceTerms) -> Option<&'static str> {
    Some(terms.as_str()).filter(|text| !text.is_empty())
}

/// Terms of service, from where they are stored.
pub(super) fn stored_terms(text: Option<&str>) -> Result<ServiceTerms, StoreError> {
    text.map_or(Ok(ServiceTerms::default()), |text| text.parse().map_err(corrupt))
}

/// A price factor, from where it is stored.
pub(super) fn price_factor(millionths: Option<i64>) -> Result<Option<PriceFactor>, StoreError> {
    millionths.map(|parts| u32::try_from(parts).map(PriceFactor::from_millionths).map_err(corrupt)).transpose()
}

fn corrupt(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Corrupt(what.into())
}

/// The state of a key.
pub(super) fn key_state(name: &str) -> Result<KeyState, StoreError> {
    let known = KeyState::ALL.into_iter().find(|state| state.as_str() == name);
    known.ok_or_else(|| corrupt(format!("`{name}` is no state of a key")))
}

/// Troubles that stand together because they are of one subject.
pub(super) fn by_subject(rows: Vec<(Subject, Timestamp, KeptTrouble)>) -> Vec<KeptHealth> {
    let mut found = Vec::<KeptHealth>::new();
    for (subject, at, trouble) in rows {
        match found.last_mut().filter(|last| last.subject == subject) {
            Some(last) => last.troubles.push(trouble),
            None => found.push(KeptHealth { subject, at, troubles: vec![trouble] }),
        }
    }
    found
}
