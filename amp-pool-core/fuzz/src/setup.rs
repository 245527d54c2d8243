//! Who translates for whom, chosen by the first byte of an input.

use amp_pool_core::{
    format::{Format, Policy, SealKey, Translation, canonical::Issuer, capability::Dialect},
    id::CallId,
    time::Timestamp,
};

/// Providers and models that differ in what they take, per format that they speak.
fn upstreams(format: Format) -> &'static [(&'static str, &'static str)] {
    match format {
        Format::Chat => &[
            ("openai", "gpt-4.1"),
            ("openai", "gpt-5.1"),
            ("openai", "o3"),
            ("deepseek", "deepseek-v4"),
            ("moonshot", "kimi-k3"),
            ("minimax", "minimax-m2"),
            ("openrouter", "some/model"),
            ("mistral", "mistral-large"),
            ("vllm", "local"),
            ("gemini", "gemini-3-pro"),
            ("custom", "m"),
        ],
        Format::Messages => &[
            ("anthropic", "claude-sonnet-4-5"),
            ("anthropic", "claude-opus-5"),
            ("anthropic", "claude-sonnet-5"),
            ("anthropic", "claude-fable-5"),
            ("anthropic", "claude-3-haiku"),
            ("deepseek", "deepseek-v4"),
            ("custom", "m"),
        ],
        Format::Responses => &[
            ("openai", "gpt-5.1"),
            ("openai", "gpt-4.1"),
            ("openai", "gpt-5.6"),
            ("deepseek", "deepseek-v4"),
            ("custom", "m"),
        ],
    }
}

/// The first byte of an input and the rest. A digit stands for its value, so that corpus files can be read.
pub(crate) fn split(data: &[u8]) -> (usize, &[u8]) {
    match data.split_first() {
        Some((first @ b'0'..=b'9', rest)) => (usize::from(first - b'0'), rest),
        Some((first, rest)) => (usize::from(*first), rest),
        None => (0, data),
    }
}

/// A translation between two formats, one of many by `pick`.
pub(crate) fn translation(client: Format, upstream: Format, pick: usize) -> Translation {
    let upstreams = upstreams(upstream);
    let (provider, model) = upstreams[pick % upstreams.len()];
    let seal = SealKey::derive(b"secret", "tenant");
    let issuer = Issuer { format: upstream, provider: provider.into(), account: seal.tag("account") };
    let mut policy = Policy::default();
    policy.web_search = pick % 2 == 1;
    policy.commentary_as_reasoning = pick % 3 == 1;
    Translation {
        client,
        upstream,
        call: CallId::new(Timestamp::from_millis(1_000), &[7; 10]),
        created: Timestamp::from_millis(1_000),
        model: model.into(),
        asked_model: "asked".into(),
        dialect: Dialect::find(provider),
        issuer,
        seal,
        policy,
    }
}
