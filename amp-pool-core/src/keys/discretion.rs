//! What an upstream said, without the secrets of the key to which it said it.
//!
//! Whatever looks like a credential is left out of records anyway. Here what *is* one is left out, whatever it looks like: a
//! relay may repeat the key it was shown, and its words go on to a client who must not see it.

use std::{borrow::Cow, fmt::Write as _};

use bytes::Bytes;
use memchr::memmem::{self, Finder};

use super::{KeySpec, LiveKey};

const REDACTED: &[u8] = b"[redacted]";
/// Shorter ones are words that anybody may use.
const SHORTEST: usize = 8;
/// In a good answer even those may be meant: what people call the key of a machine of their own stands in examples.
const SHORTEST_ECHOED: usize = 20;

impl LiveKey {
    /// `said` without this key's credential, the values of its own headers, and the credentials of its proxy.
    pub(crate) fn unsaid(&self, said: Bytes) -> Bytes {
        let found = |secret: &Cow<'_, str>| memmem::find(&said, secret.as_bytes()).is_some();
        let secrets: Vec<_> = secrets(&self.key.spec).filter(found).collect();
        if secrets.is_empty() {
            return said;
        }
        let without = secrets.iter().fold(said.to_vec(), |said, secret| replaced(&said, secret.as_bytes()));
        without.into()
    }

    /// The same of a piece of more, and beside it the end of the piece where that may be the beginning of a secret.
    pub(crate) fn unsaid_piece(&self, said: Bytes) -> (Bytes, Bytes) {
        let mut said = self.unsaid(said);
        let begun = secrets(&self.key.spec).map(|secret| begun(&said, secret.as_bytes())).max().unwrap_or_default();
        let rest = said.split_off(said.len() - begun);
        (said, rest)
    }

    /// A piece of a good answer without this key's credential, and beside it the end of the piece where that may be the beginning
    /// of one, unless it is the last. As long as it was: its length may have been told. One search, and no copy where nothing is
    /// found; an upstream that hides it in other words or letters is not caught.
    pub(crate) fn unechoed_piece(&self, mut said: Bytes, is_last: bool) -> (Bytes, Bytes) {
        let Some(echo) = &self.echo else { return (said, Bytes::new()) };
        let secret = echo.needle();
        if let Some(first) = echo.find(&said) {
            tracing::warn!(key = %self.key.id, "the upstream of this key repeated its credential in an answer; it was left out");
            said = starred(&said, first, secret).into();
        }
        let begun = if is_last { 0 } else { begun(&said, secret) };
        let rest = said.split_off(said.len() - begun);
        (said, rest)
    }

    /// The same of a text.
    pub(crate) fn unsaid_text(&self, said: String) -> String {
        secrets(&self.key.spec).fold(said, |said, secret| {
            if said.contains(&*secret) { said.replace(&*secret, "[redacted]") } else { said }
        })
    }
}

/// What an upstream must not repeat in a good answer, ready to be searched for: making it so costs more than most searches.
pub(super) fn echo(spec: &KeySpec) -> Option<Finder<'static>> {
    let secret = spec.api_key.expose().as_bytes();
    (secret.len() >= SHORTEST_ECHOED).then(|| Finder::new(secret).into_owned())
}

/// Everything secret in a key, in each way in which an upstream might write it.
fn secrets(spec: &KeySpec) -> impl Iterator<Item = Cow<'_, str>> {
    let headers = spec.egress.headers.values().filter_map(|value| value.to_str().ok());
    let proxy = spec.egress.proxy.as_ref().and_then(|proxy| proxy.expose().split_once("://")?.1.rsplit_once('@'));
    let password = proxy.and_then(|(credentials, _)| Some(credentials.split_once(':')?.1));
    let plain = [spec.api_key.expose()].into_iter().chain(headers).chain(password);
    // The longest first: one may be a part of another.
    let mut plain: Vec<_> = plain.filter(|secret| secret.len() >= SHORTEST).collect();
    plain.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    plain.into_iter().flat_map(|secret| {
        let json = serde_json::to_string(secret).ok().and_then(|text| Some(text.get(1..text.len() - 1)?.to_owned()));
        let escaped = [Some(percent(secret)), json].into_iter().flatten().filter(move |text| text.as_str() != secret);
        std::iter::once(Cow::Borrowed(secret)).chain(escaped.map(Cow::Owned))
    })
}

/// As it stands in a query.
fn percent(secret: &str) -> String {
    secret.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'-' | b'.' | b'_' | b'~' => text.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => text.push(byte.into()),
            // Writing to a string cannot fail.
            byte => drop(write!(text, "%{byte:02X}")),
        }
        text
    })
}

fn replaced(said: &[u8], secret: &[u8]) -> Vec<u8> {
    let (mut clean, mut rest) = (Vec::with_capacity(said.len()), said);
    while let Some(at) = memmem::find(rest, secret) {
        clean.extend_from_slice(&rest[..at]);
        clean.extend_from_slice(REDACTED);
        rest = &rest[at + secret.len()..];
    }
    clean.extend_from_slice(rest);
    clean
}

/// With a star for each byte of `secret`, which stands at `first` and maybe further on.
fn starred(said: &[u8], first: usize, secret: &[u8]) -> Vec<u8> {
    let (mut starred, mut at) = (said.to_vec(), Some(first));
    while let Some(start) = at {
        let end = start + secret.len();
        if let Some(found) = starred.get_mut(start..end) {
            found.fill(b'*');
        }
        at = said.get(end..).and_then(|rest| memmem::find(rest, secret)).map(|next| end + next);
    }
    starred
}

/// How much of the end of `said` is the beginning of `secret`.
fn begun(said: &[u8], secret: &[u8]) -> usize {
    let longest = secret.len().saturating_sub(1).min(said.len());
    let Some((first, end)) = secret.first().zip(said.get(said.len() - longest..)) else { return 0 };
    let mut ends = memchr::memchr_iter(*first, end).filter_map(|at| end.get(at..));
    ends.find(|rest| secret.starts_with(rest)).map_or(0, <[u8]>::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn check(said: &str, expected: &str) {
        let mut spec = KeySpec::new("a", "custom", Secret::new("word\"by+word"));
        spec.egress.headers.insert("x-org", "planted-org".parse().unwrap());
        spec.egress.headers.insert("x-team", "blue".parse().unwrap());
        spec.egress.proxy = Some("http://user:hunter-two@127.0.0.1:1".parse().unwrap());
        let said = said.to_owned();
        let found = secrets(&spec).fold(said.into_bytes(), |said, secret| replaced(&said, secret.as_bytes()));
        assert_eq!(String::from_utf8_lossy(&found), expected);
    }

    #[test]
    fn what_is_secret_is_left_out_however_it_is_written() {
        check("no such key word\"by+word.", "no such key [redacted].");
        check(r#"{"error":"no such key word\"by+word"}"#, r#"{"error":"no such key [redacted]"}"#);
        check("/v1?key=word%22by%2Bword&a=b", "/v1?key=[redacted]&a=b");
        check("planted-org has no money, planted-org", "[redacted] has no money, [redacted]");
        check("user:hunter-two is no user", "user:[redacted] is no user");
    }

    #[test]
    fn the_beginning_of_a_secret_is_seen_at_the_end_of_a_piece() {
        for (said, expected) in
            [("who is sk-1", 4), ("sk-12", 5), ("s", 1), ("sk-123", 0), ("task", 2), ("", 0), ("sk-1 ", 0)]
        {
            assert_eq!(begun(said.as_bytes(), b"sk-123"), expected, "{said}");
        }
        assert_eq!(begun(b"ababa", b"ababab"), 5);
    }

    #[test]
    fn a_star_stands_for_each_byte_of_what_is_echoed() {
        for (said, expected) in [("sk-1", "****"), ("a sk-1, sk-1sk-12", "a ****, ********2"), ("sk-1sk-", "****sk-")] {
            let first = memmem::find(said.as_bytes(), b"sk-1").unwrap();
            assert_eq!(starred(said.as_bytes(), first, b"sk-1"), expected.as_bytes());
        }
    }

    #[test]
    fn what_anybody_may_say_stays() {
        check("the team blue has a word by word", "the team blue has a word by word");
    }
}
