//! Proofs on their way through a client of another format, and ids.
//!
//! A proof that another format's client carries is wrapped: `ampr1.<contents>.<mac>`. The key is the tenant's, so nobody
//! can bring in a proof of another's conversation; what does not verify counts as foreign.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::base64;
use crate::{
    format::canonical::{Issuer, Proof, ProofKind, ThoughtKind},
    id::CallId,
};

const PREFIX: &str = "ampr1.";

/// What thoughts are sealed with. One per tenant.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl SealKey {
    /// The key of `tenant`, made of a secret of the installation.
    #[must_use]
    pub fn derive(secret: &[u8], tenant: &str) -> Self {
        let mut mac = keyed(secret);
        mac.update(b"amp thought seal\0");
        mac.update(tenant.as_bytes());
        Self(mac.finalize().into_bytes().into())
    }

    /// A tag for `account`, which tells it from others and does not tell its name.
    #[must_use]
    pub fn tag(&self, account: &str) -> String {
        let mut mac = keyed(&self.0);
        mac.update(b"account\0");
        mac.update(account.as_bytes());
        base64::encode(&mac.finalize().into_bytes()[..9])
    }

    /// Wraps a thought.
    pub(super) fn wrap(&self, sealed: &Sealed) -> String {
        // Strings and numbers under fixed names: writing them to memory has no way to fail.
        let contents = base64::encode(&serde_json::to_vec(sealed).unwrap_or_default());
        let mut mac = keyed(&self.0);
        mac.update(contents.as_bytes());
        format!("{PREFIX}{contents}.{}", base64::encode(&mac.finalize().into_bytes()[..16]))
    }

    /// Unwraps what [`wrap`](Self::wrap) made with the same key.
    pub(super) fn unwrap(&self, data: &str) -> Option<Sealed> {
        let (contents, tag) = data.strip_prefix(PREFIX)?.rsplit_once('.')?;
        let mut mac = keyed(&self.0);
        mac.update(contents.as_bytes());
        mac.verify_truncated_left(&base64::decode(tag).filter(|tag| tag.len() == 16)?).ok()?;
        serde_json::from_slice(&base64::decode(contents)?).ok()
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // Keys longer than a block are hashed first, as the standard has it; keys of any length are taken.
    Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&[0; 64].into()))
}

/// What a wrapped proof holds: all that is needed to give the thought back as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealed {
    pub(super) issuer: Issuer,
    pub(super) kind: ProofKind,
    pub(super) shape: ThoughtKind,
    pub(super) text: Vec<String>,
    pub(super) data: String,
}

impl Sealed {
    /// The proof as its issuer made it.
    pub(super) fn proof(self) -> Proof {
        Proof { kind: self.kind, data: self.data, issuer: Some(self.issuer) }
    }
}

/// Makes the ids of one answer: unique in it, the same whenever it is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::format) struct Ids(CallId);

impl Ids {
    pub(super) fn of(call: CallId) -> Self {
        Self(call)
    }

    /// The id of the call, as clients see it in `x-request-id`.
    pub(in crate::format) fn call(self) -> String {
        self.0.to_string()
    }

    /// The id of the answer: `chatcmpl-…`, `msg_…`, `resp_…`.
    pub(in crate::format) fn answer(self, prefix: &str) -> String {
        format!("{prefix}{}", self.0.0.simple())
    }

    /// The id of the item at `index` of the answer: `rs_…`, `msg_…`, `fc_…`, `ctc_…`.
    pub(in crate::format) fn item(self, prefix: &str, index: u32) -> String {
        format!("{prefix}{}{index:03}", self.0.0.simple())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{format::Format, time::Timestamp};

    fn sealed() -> Sealed {
        let issuer = Issuer { format: Format::Messages, provider: "anthropic".into(), account: "a".into() };
        let text = vec!["hm \"é\"".into()];
        Sealed { issuer, kind: ProofKind::Signature, shape: ThoughtKind::Summary, text, data: "sig==".into() }
    }

    #[test]
    fn what_was_wrapped_is_unwrapped_by_the_same_tenant_only() {
        let key = SealKey::derive(b"secret", "tenant-1");
        let wrapped = key.wrap(&sealed());

        assert_eq!(key.unwrap(&wrapped), Some(sealed()));
        assert_eq!(SealKey::derive(b"secret", "tenant-2").unwrap(&wrapped), None);
        assert_eq!(SealKey::derive(b"other", "tenant-1").unwrap(&wrapped), None);
    }

    #[test]
    fn a_changed_wrapping_counts_as_foreign() {
        let key = SealKey::derive(b"secret", "tenant-1");
        let wrapped = key.wrap(&sealed());

        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.unwrap(&String::from_utf8(changed).unwrap()), None, "at {at}");
        }
        assert_eq!(key.unwrap("ampr1."), None);
        assert_eq!(key.unwrap("ErcBCkgIARABGAIi"), None);
    }

    #[test]
    fn an_id_can_be_told_from_the_others_and_made_again() {
        let ids = || Ids::of(CallId::new(Timestamp::from_millis(1), &[7; 10]));

        assert_eq!(ids().item("fc_", 1), ids().item("fc_", 1));
        assert_ne!(ids().item("fc_", 1), ids().item("fc_", 11));
        assert!(ids().answer("chatcmpl-").starts_with("chatcmpl-0"));
    }
}
