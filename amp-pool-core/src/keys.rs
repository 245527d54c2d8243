//! Upstream keys: what an operator wrote, how fit each is, and which is next.
//!
//! Pure: callers pass `now`, nothing here waits or writes. Keeping keys is the store's work.
//!
//! # When a key rests, and when it comes back
//!
//! Fitness is kept for each key and model, for the key as a whole, for the account that keys share, and for the line that
//! leads to the upstream. A call may take a key when all of them let it.
//!
//! ```text
//!                  limited, overloaded, failing                     its time has come
//!         ┌────────────────────────────────────────► cooling ────────────────────────┐
//!         │        no money left, or a reported balance of none                      ▼
//!       ready ─────────────────────────────────────► out_of_credit ───────────────► probing
//!         ▲        credential refused twice                            a re-check    │  │
//!         ├────────────────────────────────────────► disabled ──────────────────────►│  │
//!         │                                                                          │  │
//!         │  one real call was answered: everything is forgotten                     │  │
//!         └──────────────────────────────────────────────────────────────────────────┘  │
//!                  it failed again: the pause doubles, up to a limit, and begins anew ◄─┘
//! ```
//!
//! | What came | What rests | For how long |
//! |---|---|---|
//! | a limit (429) | this model of the key | as the upstream asked, else a pause that doubles |
//! | no money | the account | until the upstream says, else it is tried again after a while |
//! | a refused credential | the key | a moment; at the second refusal it is disabled, and checked again later |
//! | an unknown model | this model of the key | a pause that doubles |
//! | an overload, a 5xx | this model of the key | as the upstream asked, else a pause that doubles |
//! | no connection, DNS, TLS, a proxy | the line, which keys share | a moment |
//! | a client's own mistake | nobody | |
//! | an operator's budget that is spent | the key | until it begins anew |
//!
//! What is left of each pause outlives the process. `Handle::reset_key` ends all of a key's.

#[cfg(feature = "pool")]
mod discretion;
mod funds;
mod gauge;
mod health;
mod line;
mod live;
mod purse;
mod room;
mod slice;
mod standings;
mod told;

use std::{fmt, str::FromStr};

use http::{HeaderMap, HeaderValue};

use crate::{
    balance::BalanceSpec, budget::Budget, format::Format, id::KeyId, money::NanoUsd, provider::ModelPattern,
    secret::Secret, time::Timestamp,
};

pub use funds::{Funds, Left, Measure};
pub(crate) use gauge::Gauge;
pub use gauge::{Told, WINDOW};
pub use health::{
    Bell, Condition, Health, HealthEvent, KeptHealth, KeptTrouble, KeyState, Lesson, Moment, Report, Subject,
};
pub use line::{Complaint, Line};
#[cfg(feature = "pool")]
pub(crate) use live::OUR_USER_AGENT;
#[cfg(feature = "pool")]
pub(crate) use live::on_the_wall;
pub use live::{KeyStatus, LiveKey, LiveKeyError, Manner, ModelStatus};
pub use purse::Purse;
pub use room::{Caps, Level, Resource, Room, Rooms};
pub use slice::{Slice, Slices};
pub use standings::{Account, Standing, Standings};
pub use told::{refused_for, told};

/// A key as its operator wrote it.
///
/// ```
/// use amp_pool_core::{
///     keys::{Caps, Egress, KeySpec},
///     secret::Secret,
/// };
///
/// let mut key = KeySpec::new("mine", "openai", Secret::new("sk-example"));
/// key.priority = 10;
/// key.limits = Caps { rpm: Some(60), ..Caps::default() };
/// key.models = vec!["gpt-4o*".parse()?];
/// key.egress = Egress {
///     proxy: Some("socks5h://user:secret@127.0.0.1:1080".parse()?),
///     user_agent: Some(http::HeaderValue::from_static("our-app/1.0")),
///     ..Egress::default()
/// };
/// // What is secret of a proxy is not printed; the credential can not be at all.
/// assert!(!format!("{:?}", key.egress.proxy).contains("secret"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct KeySpec {
    /// What people call it.
    pub name: String,
    /// The preset it belongs to: `openai`, `anthropic`, `custom`, …
    pub provider: String,
    /// The credential itself.
    pub api_key: Secret,
    /// How its traffic leaves.
    pub egress: Egress,
    /// Overrides the preset's base URL.
    pub base_url: Option<String>,
    /// Overrides the formats the preset says its upstream speaks.
    pub formats: Option<Vec<Format>>,
    /// A key that is off is never tried. Only people set this.
    pub enabled: bool,
    /// Keys of a higher priority are tried first.
    pub priority: i32,
    /// Share among keys of one priority. At least 1.
    pub weight: u32,
    /// Models it serves. Empty: what the preset says.
    pub models: Vec<ModelPattern>,
    /// Models it never serves.
    pub models_denied: Vec<ModelPattern>,
    /// What it may be sent at most, where its operator set a limit.
    pub limits: Caps,
    /// What may be spent on it, where its operator set a budget.
    pub budget: Option<Budget>,
    /// The upstream account it belongs to, when several keys share one account's limits.
    pub account: Option<String>,
    /// What was paid in, for a computed balance.
    pub total_balance: Option<NanoUsd>,
    /// How its balance is asked for, and when that stops it.
    pub balance: BalanceSpec,
    /// What this upstream charges as a share of the list price.
    pub price_factor: PriceFactor,
    /// Free labels.
    pub tags: Vec<String>,
    /// Free text.
    pub memo: String,
}

impl KeySpec {
    /// A key with nothing but what is needed.
    #[must_use]
    pub fn new(name: impl Into<String>, provider: impl Into<String>, api_key: Secret) -> Self {
        Self {
            name: name.into(),
            provider: provider.into(),
            api_key,
            egress: Egress::default(),
            base_url: None,
            formats: None,
            enabled: true,
            priority: 0,
            weight: 1,
            models: Vec::new(),
            models_denied: Vec::new(),
            limits: Caps::default(),
            budget: None,
            account: None,
            total_balance: None,
            balance: BalanceSpec::default(),
            price_factor: PriceFactor::ONE,
            tags: Vec::new(),
            memo: String::new(),
        }
    }
}

/// A key as it is stored.
#[derive(Clone)]
pub struct Key {
    /// Its row.
    pub id: KeyId,
    /// When it was added.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// Tells equal credentials without showing them: a keyed hash of provider, base URL and credential, in hexadecimal.
    pub fingerprint: String,
    /// What the operator wrote.
    pub spec: KeySpec,
}

/// How a key's traffic leaves: through which proxy, under which User-Agent, with which headers of its own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Egress {
    /// The proxy. `None`: a direct connection.
    pub proxy: Option<ProxyUrl>,
    /// Sent instead of our own User-Agent.
    pub user_agent: Option<HeaderValue>,
    /// Added to every request, over what the client sent.
    pub headers: HeaderMap,
}

/// The address of an egress proxy, with its credentials.
///
/// `http://`, `https://`, `socks5://` (names resolved here) or `socks5h://` (names resolved by the proxy).
///
/// ```
/// use amp_pool_core::keys::ProxyUrl;
///
/// let proxy: ProxyUrl = "socks5h://user:pass@127.0.0.1:1080".parse()?;
/// assert_eq!(proxy.to_string(), "socks5h://…@127.0.0.1:1080");
/// assert!("ftp://127.0.0.1".parse::<ProxyUrl>().is_err());
/// # Ok::<(), amp_pool_core::keys::ProxyUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Secret);

/// Why a text is no proxy address. Never shows the address: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyUrlError {
    /// None of the four schemes.
    Scheme,
    /// No host, or a port that is no number, or something behind the authority.
    Address,
}

impl fmt::Display for ProxyUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "a proxy starts with `http://`, `https://`, `socks5://` or `socks5h://`",
            Self::Address => "a proxy is written `scheme://user:password@host:port`, credentials optional",
        })
    }
}

impl std::error::Error for ProxyUrlError {}

impl ProxyUrl {
    /// The whole address, credentials included.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl FromStr for ProxyUrl {
    type Err = ProxyUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(ProxyUrlError::Scheme)?;
        if !["http", "https", "socks5", "socks5h"].contains(&scheme) {
            return Err(ProxyUrlError::Scheme);
        }
        let authority: http::uri::Authority =
            rest.strip_suffix('/').unwrap_or(rest).parse().map_err(|_| ProxyUrlError::Address)?;
        if !has_whole_address(&authority) {
            return Err(ProxyUrlError::Address);
        }
        Ok(Self(Secret::new(text)))
    }
}

/// Whether there is a host, and behind it nothing or a port.
fn has_whole_address(authority: &http::uri::Authority) -> bool {
    let address = authority.as_str().rsplit('@').next().unwrap_or_default();
    match address.strip_prefix(authority.host()) {
        _ if authority.host().is_empty() => false,
        Some("") => true,
        Some(port) => port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()),
        None => false,
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.expose().split_once("://").unwrap_or_default();
        match rest.rsplit_once('@') {
            Some((_, address)) => write!(f, "{scheme}://…@{address}"),
            None => write!(f, "{scheme}://{rest}"),
        }
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an upstream charges as a share of the list price, in steps of a millionth: `1` is the list price, `0.5` half of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceFactor(u32);

impl Default for PriceFactor {
    fn default() -> Self {
        Self::ONE
    }
}

impl PriceFactor {
    /// The list price.
    pub const ONE: Self = Self(1_000_000);
    /// Parts of one.
    pub const SCALE: i128 = 1_000_000;

    /// The factor in millionths.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// From millionths.
    #[must_use]
    pub const fn from_millionths(millionths: u32) -> Self {
        Self(millionths)
    }
}

impl fmt::Display for PriceFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A text that is no price factor.
///
/// ```
/// use amp_pool_core::keys::{PriceFactor, PriceFactorError};
///
/// let error: PriceFactorError = "-1".parse::<PriceFactor>().err().ok_or("it is none")?;
/// assert!(error.to_string().contains("from 0 to 1000"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceFactorError;

impl fmt::Display for PriceFactorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a price factor is a decimal number from 0 to 1000 with at most six decimals")
    }
}

impl std::error::Error for PriceFactorError {}

impl FromStr for PriceFactor {
    type Err = PriceFactorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nanos = text.parse::<NanoUsd>().map_err(|_| PriceFactorError)?.0;
        let whole = nanos % 1_000 == 0 && (0..=1_000_000_000_000).contains(&nanos);
        whole.then_some(()).and_then(|()| u32::try_from(nanos / 1_000).ok()).map(Self).ok_or(PriceFactorError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_factor_keeps_its_writing() {
        for text in ["0", "1", "0.5", "1.000001", "1000"] {
            assert_eq!(text.parse::<PriceFactor>().unwrap().to_string(), text);
        }
        for text in ["-1", "1001", "0.0000001", "half"] {
            assert_eq!(text.parse::<PriceFactor>(), Err(PriceFactorError), "{text}");
        }
    }

    #[test]
    fn a_proxy_is_checked_when_it_is_written() {
        for text in ["127.0.0.1:1080", "ftp://h:1", "http://", "http://h:port", "http://h:1/path", "http://h:"] {
            assert!(text.parse::<ProxyUrl>().is_err(), "{text}");
        }
        for text in ["http://h:1", "https://h", "socks5://u:p@[::1]:1080", "socks5h://h:1/"] {
            assert!(text.parse::<ProxyUrl>().is_ok(), "{text}");
        }
    }
}
