//! Tells equal credentials without showing them.
//!
//! A plain hash of a credential could be tried against guesses by whoever reads the database; a keyed one can not. Where
//! the key comes from is the store's business.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::keys::KeySpec;

/// How many hexadecimal digits a fingerprint has: 128 bits are enough to never meet by chance.
const DIGITS: usize = 32;

/// The fingerprint of a credential at the place it is good for.
pub(super) fn fingerprint(key: &[u8; 32], provider: &str, base_url: Option<&str>, credential: &str) -> String {
    let place = if base_url.is_some() { b"at" } else { b"of" };
    let url = base_url.unwrap_or_default();
    let hash = keyed_hash(key, &[provider.as_bytes(), place, url.as_bytes(), credential.as_bytes()]);
    let mut text = hex(&hash);
    text.truncate(DIGITS);
    text
}

/// The fingerprint of the credential in `spec`.
pub(super) fn of_spec(key: &[u8; 32], spec: &KeySpec) -> String {
    fingerprint(key, &spec.provider, spec.base_url.as_deref(), spec.api_key.expose())
}

/// HMAC-SHA-256 over `parts`, each with its length before it, so that no two lists of parts read the same.
pub(super) fn keyed_hash(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC fills a short key up with zeros; doing it here leaves no length that could be wrong.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_same_in_every_version() {
        let now = fingerprint(&[7; 32], "openai", Some("https://h/v1"), "sk-1");
        assert_eq!(now, "f9ebf53831eb3313a9f98ba97216f1a7", "stored fingerprints would no longer meet their keys");
    }

    #[test]
    fn a_fingerprint_differs_with_each_of_its_parts() {
        let key = [7; 32];
        let all = [
            fingerprint(&key, "openai", None, "sk-1"),
            fingerprint(&key, "openai", None, "sk-2"),
            fingerprint(&key, "openai", Some(""), "sk-1"),
            fingerprint(&key, "openai", Some("sk-1"), ""),
            fingerprint(&key, "azure", None, "sk-1"),
            fingerprint(&[8; 32], "openai", None, "sk-1"),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();

        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|text| text.len() == DIGITS));
    }
}
