//! What a browser holds of a login under way.
//!
//! One secret, in a cookie that no script reads and no other site sends but by a visit. All that goes to the issuer follows from
//! it and does not lead back to it: who sees the addresses of a login can neither redeem its code nor end it elsewhere.

use std::fmt;

use amp_pool_core::{caller::TokenDigest, secret::Secret};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, InvalidHeaderValue},
};
use sha2::{Digest as _, Sha256};

use crate::{access::random, hex::hex};

/// How long a login may take, in seconds.
pub(super) const LASTS: i64 = 600;
/// Longer is no page of ours.
const LONGEST_PATH: usize = 400;
/// With this prefix a browser takes it from no neighbour's page and no plain connection.
const BY_TLS: &str = "__Host-amp_oidc";
const PLAIN: &str = "amp_oidc";

/// A login that a browser has begun.
pub(crate) struct Ticket {
    seed: Secret,
    /// When, in seconds since 1970.
    pub(super) begun: i64,
    /// The page to show in the end.
    pub(crate) next: String,
}

impl Ticket {
    pub(super) fn new(next: &str, now: i64) -> Result<Self, getrandom::Error> {
        Ok(Self { seed: random()?, begun: now, next: ours(next).to_owned() })
    }

    /// The one that a request's cookies hold, if its time is not over.
    pub(super) fn shown(headers: &HeaderMap, by_tls: bool, now: i64) -> Option<Self> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let ticket = Self::read(pairs.find(|(name, _)| *name == name_of(by_tls))?.1)?;
        (0..=LASTS).contains(&(now - ticket.begun)).then_some(ticket)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let (seed, begun, next) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let is_ours = seed.len() == 64 && seed.bytes().all(|byte| byte.is_ascii_hexdigit());
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        is_ours.then(|| Self { seed: Secret::new(seed), begun, next: ours(&next).to_owned() })
    }

    pub(super) fn state(&self) -> String {
        // Of all that the cookie holds, so that the issuer brings back whether it is still the same.
        self.derive(&format!("state {} {}", self.begun, self.next))
    }

    pub(super) fn nonce(&self) -> String {
        self.derive("nonce")
    }

    pub(super) fn verifier(&self) -> String {
        self.derive("verifier")
    }

    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier()))
    }

    fn derive(&self, what: &str) -> String {
        hex(&Sha256::digest(format!("{} {what}", self.seed.expose())))
    }

    /// Digests are compared, so the time it takes says nothing.
    pub(super) fn is_answered_by(&self, state: &str) -> bool {
        TokenDigest::of(&self.state()) == TokenDigest::of(state)
    }

    pub(super) fn cookie(&self, by_tls: bool) -> Result<HeaderValue, InvalidHeaderValue> {
        let mut value = HeaderValue::try_from(set(by_tls, self, LASTS))?;
        value.set_sensitive(true);
        Ok(value)
    }

    pub(super) fn no_cookie(by_tls: bool) -> HeaderValue {
        HeaderValue::try_from(set(by_tls, &"", 0)).unwrap_or(HeaderValue::from_static(""))
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.seed.expose(), self.begun, URL_SAFE_NO_PAD.encode(&self.next))
    }
}

fn name_of(by_tls: bool) -> &'static str {
    if by_tls { BY_TLS } else { PLAIN }
}

/// `Lax`, since the issuer's page leads here; `Strict` would leave it at home.
fn set(by_tls: bool, value: &dyn fmt::Display, seconds: i64) -> String {
    let secure = if by_tls { "; Secure" } else { "" };
    format!("{}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}", name_of(by_tls))
}

/// A page of our own, or the first one: nobody is led elsewhere by a link to a login. A browser takes `//` and `/\` for the
/// beginning of another host.
fn ours(next: &str) -> &str {
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let here = next.starts_with('/') && !next.starts_with("//");
    if plain && here && next.len() <= LONGEST_PATH { next } else { "/" }
}

/// What a cookie may hold, for those who send whatever they like.
#[cfg(test)]
pub(crate) fn read(text: &[u8]) -> Result<(), crate::admin::Problem> {
    let ticket = std::str::from_utf8(text).ok().and_then(Ticket::read);
    let ticket = ticket.ok_or_else(|| crate::admin::Problem::invalid("this is no ticket"))?;
    assert!(ticket.cookie(true).is_ok() && ours(&ticket.next) == ticket.next && ticket.state().len() == 64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cookie: &str, by_tls: bool, now: i64) -> Option<Ticket> {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, cookie.parse().unwrap());
        Ticket::shown(&headers, by_tls, now)
    }

    fn pair(ticket: &Ticket, by_tls: bool) -> String {
        ticket.cookie(by_tls).unwrap().to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_ticket_comes_back_until_its_time_is_over() {
        let ticket = Ticket::new("/keys?q=a.b", 1_000).unwrap();
        let cookie = format!("a=b; {}; c=d", pair(&ticket, false));
        let found = shown(&cookie, false, 1_600).unwrap();
        assert_eq!(
            (found.state(), found.nonce(), found.verifier()),
            (ticket.state(), ticket.nonce(), ticket.verifier())
        );
        assert_eq!((found.next.as_str(), found.begun), ("/keys?q=a.b", 1_000));
        assert!(shown(&cookie, false, 1_601).is_none() && shown(&cookie, false, 999).is_none());
        assert!(shown(&cookie, true, 1_001).is_none(), "by TLS it has another name");
        for broken in ["amp_oidc=", "amp_oidc=x.1000.Lw", "amp_oidc=1.2", &format!("amp_oidc={}.x.Lw", "0".repeat(64))]
        {
            assert!(shown(broken, false, 1_001).is_none(), "{broken}");
        }
    }

    #[test]
    fn what_stands_in_a_ticket_can_not_be_changed_on_the_way() {
        let ticket = Ticket::new("/keys", 1_000).unwrap();
        let state = ticket.state();
        assert!(ticket.is_answered_by(&state));
        assert!(
            !Ticket { next: "/models".into(), ..Ticket::read(&ticket.to_string()).unwrap() }.is_answered_by(&state)
        );
        assert!(!Ticket { begun: 1_001, ..Ticket::read(&ticket.to_string()).unwrap() }.is_answered_by(&state));
        assert!(!Ticket::new("/keys", 1_000).unwrap().is_answered_by(&state));
        let values = [state, ticket.nonce(), ticket.verifier(), ticket.challenge(), ticket.seed.expose().to_owned()];
        let distinct: std::collections::BTreeSet<_> = values.iter().collect();
        assert_eq!(distinct.len(), values.len());
    }

    #[test]
    fn the_cookie_is_out_of_reach_for_scripts_and_by_tls_for_neighbours() {
        let ticket = Ticket::new("/", 1_000).unwrap();
        let plain = ticket.cookie(false).unwrap();
        assert!(plain.to_str().unwrap().ends_with("; Max-Age=600; Path=/; HttpOnly; SameSite=Lax"), "{plain:?}");
        let by_tls = ticket.cookie(true).unwrap();
        let by_tls = by_tls.to_str().unwrap();
        assert!(by_tls.starts_with("__Host-amp_oidc=") && by_tls.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"));
        assert_eq!(Ticket::no_cookie(false), "amp_oidc=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn a_login_leads_to_a_page_of_ours() {
        for good in ["/", "/keys", "/requests?q=a%20b&x=//y", "/a//b"] {
            assert_eq!(ours(good), good);
        }
        let long = format!("/{}", "a".repeat(400));
        for evil in
            ["", "keys", "//evil.example", "/\\evil.example", "https://evil.example", "/a b", "/\r\nx: y", &long]
        {
            assert_eq!(ours(evil), "/", "{evil}");
        }
    }
}
