//! Sealed thoughts by name.
//!
//! A file says `ampr1.{name}` where a client would carry the sealed thought `name` of `seals.json`. The seal is made here
//! a second time, by the description and not by the code of the pool: conversations outlive versions.

use std::{collections::BTreeMap, fs, path::Path};

use amp_pool_core::format::canonical::Json;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "ampr1.";

/// The thoughts of `seals.json`.
pub(super) struct Seals(BTreeMap<String, Json>);

impl Seals {
    pub(super) fn read(root: &Path) -> Self {
        Self(serde_json::from_str(&fs::read_to_string(root.join("seals.json")).unwrap()).unwrap())
    }

    /// Replaces names by what is sealed.
    pub(super) fn unfold(&self, text: &str) -> Result<String, String> {
        let mut parts = text.split("ampr1.{");
        let mut unfolded = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').ok_or("a name without an end")?;
            let contents = self.0.get(name).ok_or_else(|| format!("`{name}` is not in seals.json"))?;
            unfolded.push_str(&sealed(&contents.compact()));
            unfolded.push_str(rest);
        }
        Ok(unfolded)
    }
}

/// `ampr1.<contents>.<mac>`
fn sealed(contents: &str) -> String {
    let contents = URL_SAFE_NO_PAD.encode(contents);
    let key = mac(b"secret", &[b"amp thought seal\0", b"tenant"]);
    let tag = mac(&key, &[contents.as_bytes()]);
    format!("{PREFIX}{contents}.{}", URL_SAFE_NO_PAD.encode(&tag[..16]))
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// Shows sealed thoughts as what they contain, for people who look at a difference.
pub(super) fn shown(text: &str) -> String {
    let mut parts = text.split(PREFIX);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(part.len());
        let (token, rest) = part.split_at(end);
        let contents = token.split('.').next().and_then(|contents| URL_SAFE_NO_PAD.decode(contents).ok());
        shown.push_str(PREFIX);
        shown
            .push_str(&contents.map_or_else(|| token.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned()));
        shown.push_str(rest);
    }
    shown
}
