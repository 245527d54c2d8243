//! How a credential is carried.

use std::fmt;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, InvalidHeaderValue},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::secret::Secret;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const API_KEY: HeaderName = HeaderName::from_static("api-key");
const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// The headers that carry a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// `authorization: Bearer …`
    Bearer,
    /// `x-api-key: …`
    XApiKey,
    /// `api-key: …`
    ApiKey,
    /// `x-goog-api-key: …`
    XGoogApiKey,
    /// `authorization` and `x-api-key`, for gateways that look at either.
    Both,
    /// None: the upstream asks for nothing.
    None,
}

impl Auth {
    /// Puts `credential` into `headers`, marked as sensitive, in place of whatever credential is there. An empty one puts
    /// nothing.
    ///
    /// # Errors
    /// [`CredentialError`] when it cannot stand in a header; no credential is in `headers` then.
    pub fn apply(self, credential: &Secret, headers: &mut HeaderMap) -> Result<(), CredentialError> {
        for carrier in [AUTHORIZATION, X_API_KEY, API_KEY, X_GOOG_API_KEY] {
            headers.remove(carrier);
        }
        if credential.expose().is_empty() {
            return Ok(());
        }
        check(credential)?;
        if matches!(self, Self::Bearer | Self::Both) {
            let bearer = Zeroizing::new(format!("Bearer {}", credential.expose()));
            headers.insert(AUTHORIZATION, sensitive(&bearer)?);
        }
        match self {
            Self::XApiKey | Self::Both => _ = headers.insert(X_API_KEY, sensitive(credential.expose())?),
            Self::ApiKey => _ = headers.insert(API_KEY, sensitive(credential.expose())?),
            Self::XGoogApiKey => _ = headers.insert(X_GOOG_API_KEY, sensitive(credential.expose())?),
            Self::Bearer | Self::None => {}
        }
        Ok(())
    }
}

/// Whether `credential` can stand in a header: visible ASCII, and no spaces, which only come by copying.
pub(super) fn check(credential: &Secret) -> Result<(), CredentialError> {
    let legal = credential.expose().bytes().all(|byte| byte.is_ascii_graphic());
    legal.then_some(()).ok_or(CredentialError::Characters)
}

fn sensitive(value: &str) -> Result<HeaderValue, CredentialError> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Why a credential cannot be sent. Never shows it.
///
/// ```
/// use amp_pool_core::{
///     provider::{CredentialError, Presets},
///     secret::Secret,
/// };
///
/// let openai = Presets::builtin().get("openai").ok_or("it is there")?;
/// assert_eq!(openai.check_credential(&Secret::new("")), Err(CredentialError::Empty));
/// assert_eq!(openai.check_credential(&Secret::new("sk-a b")), Err(CredentialError::Characters));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialError {
    /// There is none.
    Empty,
    /// It has spaces, line breaks or characters outside of ASCII.
    Characters,
}

impl From<InvalidHeaderValue> for CredentialError {
    fn from(_: InvalidHeaderValue) -> Self {
        Self::Characters
    }
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "this provider needs a credential",
            Self::Characters => "a credential has no spaces, line breaks or characters outside of ASCII",
        })
    }
}

impl std::error::Error for CredentialError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(auth: Auth, expected: &[(&str, &str)]) {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer client-1"));
        headers.insert(X_API_KEY, HeaderValue::from_static("client-1"));
        headers.insert(X_GOOG_API_KEY, HeaderValue::from_static("client-1"));
        auth.apply(&Secret::new("sk-1"), &mut headers).unwrap();

        assert!(headers.values().all(HeaderValue::is_sensitive), "{auth:?}");
        let sent: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(sent, expected, "{auth:?}");
    }

    #[test]
    fn a_credential_replaces_the_client_s_in_the_carrier_of_its_provider() {
        check(Auth::Bearer, &[("authorization", "Bearer sk-1")]);
        check(Auth::XApiKey, &[("x-api-key", "sk-1")]);
        check(Auth::ApiKey, &[("api-key", "sk-1")]);
        check(Auth::Both, &[("authorization", "Bearer sk-1"), ("x-api-key", "sk-1")]);
        check(Auth::None, &[]);
    }

    #[test]
    fn an_illegal_credential_sends_none() {
        for text in ["sk 1", "sk-1\n", "ключ", "Bearer sk-1", "sk-1\u{7f}"] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer client-1"));
            let applied = Auth::Bearer.apply(&Secret::new(text), &mut headers);
            assert_eq!((applied, headers.len()), (Err(CredentialError::Characters), 0), "{text:?}");
        }
    }

    #[test]
    fn an_empty_credential_is_not_sent() {
        let mut headers = HeaderMap::new();
        assert_eq!(Auth::Both.apply(&Secret::new(""), &mut headers), Ok(()));
        assert!(headers.is_empty());
    }
}
