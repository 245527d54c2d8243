//! Who makes a call, and the tokens clients show.
//!
//! A client token is 256 random bits; only its SHA-256 is kept, and it is looked up by that, so that comparison time
//! says nothing and a stolen database opens nothing.

use std::{fmt, net::IpAddr, sync::Arc};

use http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest as _, Sha256};

use crate::{
    budget::Budget,
    id::{GroupId, TokenId},
    keys::Caps,
    provider::ModelPattern,
    secret::Secret,
    time::Timestamp,
};

mod allowance;
mod forwarded;
mod net;
mod turnstile;

pub use allowance::{Allowance, Allowances};
pub use forwarded::{ForwardedHeader, ForwardedHeaderError, TrustedProxies};
pub use net::{IpNet, IpNetError};
pub use turnstile::{Full, Left, Pass, Turnstile};

/// What every client token begins with.
pub const TOKEN_PREFIX: &str = "amp-";

/// Who makes a call. A host application may make its own.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The client token it showed, if it came by one of ours.
    pub token: Option<TokenId>,
    /// What people call it.
    pub name: String,
    /// Models it may use. Empty: all.
    pub models: Vec<ModelPattern>,
    /// Whether its calls are refused rather than translated with a loss.
    pub strict_translation: bool,
    /// Where it may call from. Empty: from anywhere.
    pub ip_allow: Vec<IpNet>,
    /// What it may ask for and spend: its own, and what it shares with others.
    pub allowances: Vec<Arc<Allowance>>,
}

impl Caller {
    /// A caller that may use every model.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Whether it may use `model`.
    #[must_use]
    pub fn may_use(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| pattern.matches(model))
    }

    /// Whether it may call from `peer`. Where nobody knows the address, only those may who may from anywhere.
    #[must_use]
    pub fn may_call_from(&self, peer: Option<IpAddr>) -> bool {
        self.ip_allow.is_empty() || peer.is_some_and(|peer| self.ip_allow.iter().any(|net| net.contains(peer)))
    }
}

/// The address a request came from. A host puts it among the extensions of its requests; without it, client tokens that are
/// bound to addresses open nothing.
///
/// ```
/// use std::net::IpAddr;
///
/// use amp_pool_core::caller::{Caller, Peer};
///
/// // A host tells where a request came from.
/// let peer = Peer(IpAddr::from([10, 1, 2, 3]));
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(peer);
///
/// let caller = Caller { ip_allow: vec!["10.0.0.0/8".parse()?], ..Caller::named("office") };
/// let from = request.extensions().get::<Peer>().map(|peer| peer.0);
/// assert!(caller.may_call_from(from));
/// assert!(!caller.may_call_from(None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// A client token as its operator wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSpec {
    /// What people call it.
    pub name: String,
    /// A token that is off opens nothing.
    pub enabled: bool,
    /// It opens nothing from here on.
    pub expires_at: Option<Timestamp>,
    /// Models it may use. Empty: all.
    pub models: Vec<ModelPattern>,
    /// Whether its calls are refused rather than translated with a loss.
    pub strict_translation: bool,
    /// Where it may be shown from. Empty: from anywhere.
    pub ip_allow: Vec<IpNet>,
    /// What it may ask for at most.
    pub limits: Caps,
    /// What it may spend.
    pub budget: Option<Budget>,
    /// The group it belongs to, whose limits and budget it shares.
    pub group: Option<GroupId>,
    /// Free text.
    pub memo: String,
}

impl TokenSpec {
    /// A token that may use every model and never ends.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            enabled: true,
            expires_at: None,
            models: Vec::new(),
            strict_translation: false,
            ip_allow: Vec::new(),
            limits: Caps::default(),
            budget: None,
            group: None,
            memo: String::new(),
        }
    }
}

/// A client token as it is stored.
///
/// ```
/// use amp_pool_core::{
///     caller::{Caller, ClientToken, TokenDigest, TokenSpec},
///     id::TokenId,
///     time::Timestamp,
/// };
///
/// let now = Timestamp::from_millis(0);
/// let (models, expires_at) = (vec!["gpt-*".parse()?], Some(Timestamp::from_millis(60_000)));
/// let spec = TokenSpec { models, expires_at, ..TokenSpec::named("ada") };
/// // The token itself is kept by nobody.
/// let (id, digest, hint) = (TokenId(1), TokenDigest::of("amp-1"), "amp-…".to_owned());
/// let token = ClientToken { id, create_time: now, update_time: now, digest, hint, spec };
/// assert!(token.is_valid(now) && !token.is_valid(Timestamp::from_millis(60_001)));
///
/// let caller: Caller = token.caller(Vec::new());
/// assert!(caller.may_use("gpt-4o") && !caller.may_use("claude-sonnet-4-5"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientToken {
    /// Its row. Rotating the secret keeps it.
    pub id: TokenId,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// What it is looked up by.
    pub digest: TokenDigest,
    /// The part that may be shown.
    pub hint: String,
    /// What the operator wrote.
    pub spec: TokenSpec,
}

impl ClientToken {
    /// Whether it opens anything at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.spec.enabled && self.spec.expires_at.is_none_or(|end| now < end)
    }

    /// The caller that shows it, and what it may.
    #[must_use]
    pub fn caller(&self, allowances: Vec<Arc<Allowance>>) -> Caller {
        let TokenSpec { name, models, strict_translation, ip_allow, .. } = self.spec.clone();
        Caller { token: Some(self.id), name, models, strict_translation, ip_allow, allowances }
    }
}

/// Client tokens that share limits and a budget, as their operator wrote it.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     budget::{Budget, Window},
///     caller::{GroupSpec, TokenGroup, TokenSpec},
///     keys::Caps,
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// // What all of its tokens together may do and spend.
/// let group: TokenGroup = pool.handle().add_group(GroupSpec {
///     name: "interns".into(),
///     memo: String::new(),
///     limits: Caps { rpm: Some(600), ..Caps::default() },
///     budget: Some(Budget::of("100".parse()?, Window::Week)),
/// }).await?;
/// let (token, _) = pool.handle().add_token(TokenSpec { group: Some(group.id), ..TokenSpec::named("ada") }).await?;
/// assert_eq!(token.spec.group, Some(group.id));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSpec {
    /// What people call it. No two groups are called the same.
    pub name: String,
    /// What its tokens may ask for at most, all together.
    pub limits: Caps,
    /// What its tokens may spend, all together.
    pub budget: Option<Budget>,
    /// Free text.
    pub memo: String,
}

/// A group of client tokens as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenGroup {
    /// Its row.
    pub id: GroupId,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// What the operator wrote.
    pub spec: GroupSpec,
}

/// SHA-256 of a client token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest(pub [u8; 32]);

impl TokenDigest {
    /// The digest of a token as a client shows it.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenDigest({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// Writes 32 random bytes as a client token.
#[must_use]
pub fn write_token(random: &[u8; 32]) -> Secret {
    use fmt::Write as _;
    let mut text = String::with_capacity(TOKEN_PREFIX.len() + 64);
    text.push_str(TOKEN_PREFIX);
    for byte in random {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Secret::new(text)
}

/// The token a request shows, from whichever header carries it: `Authorization: Bearer`, `x-api-key`, `api-key`, and
/// `x-goog-api-key` for Google's clients.
#[must_use]
pub fn shown_token(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    bearer.or_else(|| OTHER_CARRIERS.iter().find_map(|name| headers.get(*name)?.to_str().ok().map(str::trim)))
}

/// Where a token stands that is no bearer.
const OTHER_CARRIERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &'static str, value: &'static str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        assert_eq!(shown_token(&headers), expected, "{name}: {value}");
    }

    #[test]
    fn a_token_is_found_in_each_of_its_carriers() {
        check("authorization", "Bearer amp-1", Some("amp-1"));
        check("authorization", "bearer  amp-1 ", Some("amp-1"));
        check("authorization", "Basic amp-1", None);
        check("x-api-key", "amp-1", Some("amp-1"));
        check("x-goog-api-key", "amp-1", Some("amp-1"));
        check("api-key", "amp-1", Some("amp-1"));
    }

    #[test]
    fn a_token_ends_when_it_says() {
        let at = Timestamp::from_millis;
        let mut spec = TokenSpec::named("ci");
        spec.expires_at = Some(at(10));
        let digest = TokenDigest::of("amp-1");
        let token =
            ClientToken { id: TokenId(1), create_time: at(0), update_time: at(0), digest, hint: String::new(), spec };

        assert!(token.is_valid(at(9)));
        assert!(!token.is_valid(at(10)));
    }
}
