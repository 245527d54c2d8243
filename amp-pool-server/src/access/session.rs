//! What a browser holds of a session: an id in a cookie that no script can read, and a token that a script has to show.

use std::fmt;

use amp_pool_core::{caller::TokenDigest, secret::Secret, user::SessionDigest};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::LONGEST_MS;
use crate::{admin::Problem, hex::hex};

const NAME: &str = "amp_session";
const CSRF: &str = "x-csrf-token";

/// 256 random bits. Kept nowhere but in the browser: the store has its digest.
pub(crate) struct SessionId(Secret);

impl SessionId {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        random().map(Self)
    }

    /// The one that a request's cookies hold, if it could be one of ours.
    pub(super) fn shown(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let value = pairs.into_iter().find(|(name, _)| *name == NAME)?.1;
        let ours = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        ours.then(|| Self(Secret::new(value)))
    }

    pub(super) fn digest(&self) -> SessionDigest {
        SessionDigest::of(self.0.expose())
    }

    /// Follows from the id, which other sites' pages can make a browser send but can not read.
    pub(super) fn csrf(&self) -> Secret {
        Secret::new(hex(&Sha256::digest(format!("csrf {}", self.0.expose()))))
    }

    /// A request that changes something has to show what only our own page can know.
    pub(super) fn check_csrf(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let shown = headers.get(CSRF).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if TokenDigest::of(shown) == TokenDigest::of(self.csrf().expose()) {
            return Ok(());
        }
        let message = "this needs the header `x-csrf-token` with the `csrf_token` of `/api/auth/me`";
        Err(Problem::new(StatusCode::FORBIDDEN, "csrf", message))
    }
}

/// What a browser is to keep.
pub(crate) enum Cookie {
    Keep(SessionId),
    Forget,
}

impl Cookie {
    /// The value of `Set-Cookie`. `headers`: the request's, which tell whether the browser came by TLS.
    pub(crate) fn header(&self, headers: &HeaderMap) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
        let secure = if came_by_tls(headers) { "; Secure" } else { "" };
        let mut value = HeaderValue::try_from(format!("{self}; Path=/api; HttpOnly; SameSite=Strict{secure}"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep(SessionId(id)) => write!(f, "{NAME}={}; Max-Age={}", id.expose(), LONGEST_MS / 1000),
            Self::Forget => write!(f, "{NAME}=; Max-Age=0"),
        }
    }
}

/// As far as a proxy says so. Who lies about it makes their own browser stricter.
fn came_by_tls(headers: &HeaderMap) -> bool {
    let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok()).unwrap_or_default();
    proto.split(',').next().is_some_and(|first| first.trim().eq_ignore_ascii_case("https"))
}

/// 256 random bits as text.
pub(crate) fn random() -> Result<Secret, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(Secret::new(hex(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cookie: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        SessionId::shown(&headers).map(|SessionId(id)| id.expose().to_owned())
    }

    #[test]
    fn a_session_is_found_among_other_cookies() {
        let id = "0a".repeat(32);
        assert_eq!(shown(&format!("a=b; amp_session={id}; c")), Some(id.clone()));
        assert_eq!(shown(&format!("amp_session={id}x")), None);
        assert_eq!(shown(&format!("my_amp_session={id}")), None);
        assert_eq!(shown("amp_session="), None);
    }

    #[test]
    fn a_cookie_is_out_of_reach_for_scripts_and_other_sites() {
        let mut headers = HeaderMap::new();
        let id = || Cookie::Keep(SessionId(Secret::new("ab".repeat(32))));
        let plain = id().header(&headers).unwrap();
        let expected = "; Max-Age=604800; Path=/api; HttpOnly; SameSite=Strict";
        assert_eq!(plain.to_str().unwrap(), format!("amp_session={}{expected}", "ab".repeat(32)));
        headers.insert("x-forwarded-proto", "https, http".parse().unwrap());
        assert!(id().header(&headers).unwrap().to_str().unwrap().ends_with("; Secure"));
    }

    #[test]
    fn only_the_right_token_shows_that_our_own_page_asks() {
        let id = SessionId::new().unwrap();
        let check = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CSRF, value.parse().unwrap());
            id.check_csrf(&headers).is_ok()
        };
        assert!(check(id.csrf().expose()));
        assert!(!check("") && !check(id.0.expose()) && !check(SessionId::new().unwrap().csrf().expose()));
        assert!(id.check_csrf(&HeaderMap::new()).is_err());
    }
}
