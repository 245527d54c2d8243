//! Base URLs as operators write them, and the roots that are made of them.

use std::fmt;

use http::{Uri, uri::Authority};

/// Why a text is no base URL. Never shows it: it may hold a password.
///
/// ```
/// use amp_pool_core::provider::{BaseUrlError, Presets};
///
/// let openai = Presets::builtin().get("openai").ok_or("it is there")?;
/// assert_eq!(openai.base(Some("ftp://host")), Err(BaseUrlError::Scheme));
/// assert_eq!(openai.base(Some("https://me:secret@host")), Err(BaseUrlError::UserInfo));
/// assert_eq!(openai.base(None)?, "https://api.openai.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseUrlError {
    /// Neither the key nor its provider has one.
    Missing,
    /// Neither `http://` nor `https://`.
    Scheme,
    /// A user name or password is in it.
    UserInfo,
    /// A query or fragment is in it.
    Query,
    /// It has no host, or is no URL at all.
    Address,
}

impl fmt::Display for BaseUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "this provider has no address of its own: the key needs a base URL",
            Self::Scheme => "a base URL starts with `http://` or `https://`",
            Self::UserInfo => "a base URL holds no user name or password: the credential goes into the key's own field",
            Self::Query => "a base URL has no `?` and no `#`",
            Self::Address => "a base URL is written `https://host`, `https://host:port` or `https://host/path`",
        })
    }
}

impl std::error::Error for BaseUrlError {}

/// What stands in place of `/v1`: `base` and `root`, or `base` itself when it names a version of its own.
///
/// `own_roots` are all roots of the provider: whoever pastes `https://openrouter.ai/api/v1` means the same as by
/// `https://openrouter.ai`.
pub(super) fn root(base: &str, own_roots: &[&str], root: &str) -> Result<String, BaseUrlError> {
    let base = base.trim();
    check(base)?;
    let (origin, path) = base.split_at(end_of_origin(base));
    let path = without_endpoint(path.trim_end_matches('/'));
    Ok(match without_root(path, own_roots) {
        Some(prefix) => [origin, prefix, root].concat(),
        None if names_a_version(path) => [origin, path].concat(),
        None => [origin, path, root].concat(),
    })
}

fn end_of_origin(base: &str) -> usize {
    let authority = base.find("://").map_or(0, |at| at + 3);
    base[authority..].find('/').map_or(base.len(), |at| authority + at)
}

fn check(base: &str) -> Result<(), BaseUrlError> {
    let (scheme, rest) = base.split_once("://").ok_or(BaseUrlError::Scheme)?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(BaseUrlError::Scheme);
    }
    if rest.contains(['?', '#']) {
        return Err(BaseUrlError::Query);
    }
    if rest.split('/').next().is_some_and(|authority| authority.contains('@')) {
        return Err(BaseUrlError::UserInfo);
    }
    let uri: Uri = base.parse().map_err(|_| BaseUrlError::Address)?;
    let whole = uri.authority().is_some_and(has_whole_address) && super::upstream::is_plain(uri.path());
    whole.then_some(()).ok_or(BaseUrlError::Address)
}

/// A host, and behind it nothing or a port that is a number.
fn has_whole_address(authority: &Authority) -> bool {
    let host = authority.host();
    !host.is_empty() && (authority.as_str() == host || authority.port_u16().is_some())
}

fn without_endpoint(path: &str) -> &str {
    let endpoints = ["/chat/completions", "/messages", "/responses"];
    endpoints.iter().find_map(|endpoint| path.strip_suffix(endpoint)).unwrap_or(path)
}

/// `path` without the longest root it ends in, be that written with its `/v1` or without.
fn without_root<'a>(path: &'a str, own_roots: &[&str]) -> Option<&'a str> {
    let bare = own_roots.iter().map(|root| root.strip_suffix("/v1").unwrap_or(root)).filter(|root| !root.is_empty());
    let known = own_roots.iter().copied().chain(bare).chain(["/v1"]);
    known.filter_map(|root| path.strip_suffix(root)).min_by_key(|prefix| prefix.len())
}

/// Whether the last segment is like `v4`, `v1beta` or `v1beta1`.
fn names_a_version(path: &str) -> bool {
    let behind_v = path.rsplit('/').next().and_then(|segment| segment.strip_prefix('v'));
    behind_v.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && !rest.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: &str, expected: Result<&str, BaseUrlError>) {
        let own_roots = ["/api/paas/v4", "/api/anthropic/v1"];
        assert_eq!(
            root(base, &own_roots, "/api/anthropic/v1").as_deref(),
            expected.as_ref().map(|root| *root),
            "{base}"
        );
    }

    #[test]
    fn one_address_in_every_spelling_is_one_root() {
        for base in [
            "https://api.z.ai",
            "https://api.z.ai/",
            "https://api.z.ai/v1",
            "https://api.z.ai/v1/",
            " https://api.z.ai ",
            "https://api.z.ai/api/paas/v4",
            "https://api.z.ai/api/paas/v4/chat/completions",
            "https://api.z.ai/api/anthropic",
            "https://api.z.ai/api/anthropic/v1/messages",
        ] {
            check(base, Ok("https://api.z.ai/api/anthropic/v1"));
        }
    }

    #[test]
    fn another_version_is_the_root_itself() {
        check("https://h/coding/v4", Ok("https://h/coding/v4"));
        check("https://h/v1beta/", Ok("https://h/v1beta"));
        check("http://[::1]:11434/v2", Ok("http://[::1]:11434/v2"));
        check("http://v2:8000", Ok("http://v2:8000/api/anthropic/v1"));
        check("http://v4", Ok("http://v4/api/anthropic/v1"));
        check("http://v1", Ok("http://v1/api/anthropic/v1"));
        check("https://h/very", Ok("https://h/very/api/anthropic/v1"));
    }

    #[test]
    fn what_is_no_base_url_is_refused_with_the_reason() {
        check("api.z.ai", Err(BaseUrlError::Scheme));
        check("ftp://api.z.ai", Err(BaseUrlError::Scheme));
        check("https://user:pass@api.z.ai", Err(BaseUrlError::UserInfo));
        check("https://api.z.ai?key=1", Err(BaseUrlError::Query));
        check("https://api.z.ai/#v1", Err(BaseUrlError::Query));
        for base in ["https://", "https:///v1", "https://h:port", "https://h:", "https://h /x", "https://h/../x"] {
            check(base, Err(BaseUrlError::Address));
        }
    }
}
