//! What a case leaves unsaid.

use amp_pool_core::{
    format::{
        Format, Policy, Problem, Reject, SealKey, Translation, canonical::Issuer, capability::Dialect, error_body,
    },
    id::CallId,
    time::Timestamp,
};
use serde::Deserialize;

/// `case.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    /// The upstream's model. `None`: the one that [`model`] names.
    model: Option<String>,
    /// What the client calls it.
    asked_model: String,
    /// The upstream's dialect. `None`: the one that [`provider`] names.
    provider: Option<String>,
    /// The status that the answer comes under.
    pub(super) status: u16,
    /// The status that the client gets.
    pub(super) answered: u16,
    /// Whether nothing may be lost.
    strict: bool,
    web_search: bool,
    automatic_cache: bool,
    show_reasoning: bool,
    commentary_as_reasoning: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let Policy { strict, web_search, automatic_cache, show_reasoning, commentary_as_reasoning, .. } =
            Policy::default();
        Self {
            model: None,
            asked_model: "asked".into(),
            provider: None,
            status: 200,
            answered: 200,
            strict,
            web_search,
            automatic_cache,
            show_reasoning,
            commentary_as_reasoning,
        }
    }
}

impl Settings {
    /// A translation in which nothing depends on when and where it is made.
    pub(super) fn translation(&self, client: Format, upstream: Format) -> Translation {
        let provider = self.provider.as_deref().unwrap_or_else(|| provider(upstream));
        Translation {
            client,
            upstream,
            call: CallId::new(Timestamp::from_millis(0), &[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            created: Timestamp::from_millis(1_000_000_000_000),
            model: self.model.clone().unwrap_or_else(|| model(upstream).into()),
            asked_model: self.asked_model.clone(),
            dialect: Dialect::find(provider),
            issuer: Issuer { format: upstream, provider: provider.into(), account: "account".into() },
            seal: SealKey::derive(b"secret", "tenant"),
            policy: self.policy(),
        }
    }

    /// The request that an answer answers.
    pub(super) fn ask(&self, client: Format) -> &'static str {
        match client {
            Format::Chat => r#"{"model": "asked", "messages": [{"role": "user", "content": "hi"}]}"#,
            Format::Messages => {
                r#"{"model": "asked", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}"#
            }
            Format::Responses => r#"{"model": "asked", "input": "hi"}"#,
        }
    }

    fn policy(&self) -> Policy {
        let mut policy = Policy::default();
        policy.strict = self.strict;
        policy.web_search = self.web_search;
        policy.automatic_cache = self.automatic_cache;
        policy.show_reasoning = self.show_reasoning;
        policy.commentary_as_reasoning = self.commentary_as_reasoning;
        policy
    }
}

fn model(upstream: Format) -> &'static str {
    match upstream {
        Format::Chat => "gpt-4.1",
        Format::Messages => "claude-sonnet-4-5",
        Format::Responses => "gpt-5.1",
    }
}

fn provider(upstream: Format) -> &'static str {
    match upstream {
        Format::Chat | Format::Responses => "openai",
        Format::Messages => "anthropic",
    }
}

/// The body under status 400 that a refused client reads.
pub(super) fn problem(client: Format, reject: &Reject) -> Vec<u8> {
    let Reject { field, message, code } = reject;
    let problem =
        Problem { status: 400, kind: "bad_request", message, field: field.as_deref(), code: *code, call: "call" };
    error_body(client, &problem)
}
