//! A translation in which nothing depends on when and where it is made.

use crate::{
    format::{Format, Policy, SealKey, Translation, canonical::Issuer, capability::Dialect},
    id::CallId,
    time::Timestamp,
};

/// A translation for a client to a provider's model, which is known by the same name on both sides.
///
/// ```
/// use amp_pool_core::{format::Format, testkit};
///
/// let translation = testkit::translation(Format::Chat, Format::Messages, "anthropic", "claude-sonnet-4-5");
/// let sent = translation.request(br#"{"model": "m", "messages": [{"role": "user", "content": "hi"}]}"#)?;
/// assert_eq!(sent.path, "/v1/messages");
/// # Ok::<_, amp_pool_core::format::Reject>(())
/// ```
#[must_use]
pub fn translation(client: Format, upstream: Format, provider: &str, model: &str) -> Translation {
    let seal = SealKey::derive(b"secret", "tenant");
    Translation {
        client,
        upstream,
        call: CallId::new(Timestamp::from_millis(1_000), &[7; 10]),
        created: Timestamp::from_millis(1_000),
        model: model.into(),
        asked_model: model.into(),
        dialect: Dialect::find(provider),
        issuer: Issuer { format: upstream, provider: provider.into(), account: seal.tag("account") },
        seal,
        policy: Policy::default(),
    }
}
