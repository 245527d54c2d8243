//! Plain calls for books, for the tests of every floor from here up: `testkit::calls` shows them to others.

use super::{Attempt, Booking, Opened, Outcome, Record};
use crate::{
    format::Format,
    id::{AttemptId, CallId, KeyId},
    keys::PriceFactor,
    money::NanoUsd,
    time::Timestamp,
    usage::{ServiceTerms, Usage, UsageSource},
};

/// The `n`th call, admitted at `at`: whole answer wanted, in the format of Chat, by nobody that is known.
#[must_use]
pub fn opened(n: u64, at: Timestamp) -> Opened {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    Opened {
        call: CallId::new(at, &random),
        create_time: at,
        token: None,
        model: "m".into(),
        format: Format::Chat,
        endpoint: "chat_completions",
        stream: false,
    }
}

/// An attempt of `call` that gave its answer, for 15 tokens and nothing.
#[must_use]
pub fn attempt(call: &Opened) -> Attempt {
    Attempt {
        id: AttemptId(call.call.0),
        key: KeyId(1),
        provider: "openai".into(),
        upstream_format: call.format,
        upstream_model: call.model.clone(),
        chosen_by: None,
        candidates: 1,
        served: true,
        verdict: "answer",
        http_status: Some(200),
        error_message: None,
        create_time: call.create_time,
        latency_ms: 1,
        first_byte_ms: None,
        usage: Usage { uncached_input: 10, output: 5, ..Usage::default() },
        usage_source: UsageSource::Final,
        terms: ServiceTerms::default(),
        price_factor: PriceFactor::ONE,
        cost: Some(NanoUsd::ZERO),
        saved: Some(NanoUsd::ZERO),
        price_version: None,
        evidence: None,
        decided_by: None,
    }
}

/// `opened` with a good end after a millisecond.
#[must_use]
pub fn settled(opened: Opened, attempts: Vec<Attempt>) -> Record {
    Record {
        opened,
        outcome: Outcome::Done,
        http_status: 200,
        error_type: None,
        error_message: None,
        latency_ms: 1,
        first_byte_ms: None,
        attempts,
        choices: Vec::new(),
        losses: Vec::new(),
        booking: Booking::default(),
    }
}
