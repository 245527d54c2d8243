//! What upstreams answer, and what it means: a table of answers as vendors give them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::{collections::BTreeMap, time::Duration};

use amp_pool_core::{
    classify::{Evidence, Signal, Verdict},
    provider::{Presets, Provider},
    time::Timestamp,
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

const NOW: &str = "2026-11-23T12:00:00Z";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// A preset.
    provider: String,
    /// The status of a response; none for an error event inside a stream.
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The body: JSON, or a string for the bytes as they are. Of an event: `type`, `code`, `message`.
    body: Value,
    verdict: String,
    /// In seconds.
    wait: Option<f64>,
}

impl Case {
    fn judge(&self) -> Verdict {
        self.with(|signal| preset(&self.provider).classify(signal))
    }

    fn with<T>(&self, judge: impl FnOnce(&Signal<'_>) -> T) -> T {
        let now: Timestamp = NOW.parse().unwrap();
        let Some(status) = self.status else { return judge(&self.event(now)) };
        let lines = self.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let headers: HeaderMap = lines.collect();
        let body = self.body.as_str().map_or_else(|| self.body.to_string(), str::to_owned);
        judge(&Signal::response(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes(), now))
    }

    fn event(&self, now: Timestamp) -> Signal<'_> {
        let part = |name: &str| self.body[name].as_str();
        Signal::event(part("type"), part("code"), part("message").unwrap_or_default(), now)
    }
}

/// What nothing that is built in says: only operators know such things. `tests/rules.rs` has them.
const OPERATORS_ALONE: [Verdict; 3] =
    [Verdict::KeyLimited { wait: None }, Verdict::Blocked { wait: None }, Verdict::Rotate];

fn preset(id: &str) -> &'static Provider {
    Presets::builtin().get(id).unwrap_or_else(|| panic!("no preset `{id}`"))
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("data/verdicts.json")).unwrap()
}

#[test]
fn every_answer_means_what_its_vendor_means_by_it() {
    let judged = |case: &Case| (case.judge().to_string(), case.judge().wait());
    let expected = |case: &Case| (case.verdict.clone(), case.wait.map(Duration::from_secs_f64));
    let tell = |case: &Case| {
        format!(
            "{} {:?} {}\n  is {:?}\n  not {:?}",
            case.provider,
            case.status,
            case.body,
            expected(case),
            judged(case)
        )
    };
    let wrong: Vec<_> = cases().iter().filter(|case| judged(case) != expected(case)).map(tell).collect();

    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases().len(), wrong.join("\n"));
}

/// An answer that is judged by what is kept of it means what it meant when it came.
#[test]
fn what_is_kept_of_an_answer_is_judged_alike() {
    let now: Timestamp = NOW.parse().unwrap();
    let again = |case: &Case| case.with(|signal| Some((signal.evidence()?, preset(&case.provider))));
    for case in cases() {
        let Some((evidence, provider)) = again(&case) else {
            assert_eq!(case.verdict, "answer", "{}", case.body);
            continue;
        };
        let json = serde_json::to_string(&evidence).unwrap();
        assert_eq!(serde_json::from_str::<Evidence>(&json).unwrap(), evidence);
        assert_eq!(provider.classify(&Signal::kept(&evidence, now)), case.judge(), "{} {}", case.provider, case.body);
    }
}

#[test]
fn every_verdict_and_every_preset_with_rules_has_a_case() {
    let cases = cases();
    for verdict in Verdict::ALL.iter().filter(|verdict| !OPERATORS_ALONE.contains(verdict)) {
        assert!(cases.iter().any(|case| case.verdict == verdict.as_str()), "{verdict}");
    }
    for provider in Presets::builtin().iter().filter(|provider| !provider.rules.is_empty()) {
        assert!(cases.iter().any(|case| case.provider == provider.id), "{}", provider.id);
    }
}

#[test]
fn only_an_answer_and_the_caller_s_own_fault_stay_on_their_key() {
    let staying: Vec<_> = Verdict::ALL.into_iter().filter(|verdict| !verdict.retries_on_another_key()).collect();
    assert_eq!(staying, [Verdict::Answer, Verdict::CallerFault]);
}

#[test]
fn a_client_cannot_spoil_a_key_with_words_that_the_upstream_quotes() {
    for words in
        ["insufficient balance", "Incorrect API key provided", "out of credits", "organization_spend_limit_exceeded"]
    {
        let body = format!(r#"{{"error":{{"type":"invalid_request_error","message":"Invalid value: '{words}'"}}}}"#);
        let headers = HeaderMap::new();
        let signal = Signal::response(StatusCode::BAD_REQUEST, &headers, body.as_bytes(), NOW.parse().unwrap());
        for provider in Presets::builtin().iter() {
            assert_eq!(provider.classify(&signal), Verdict::CallerFault, "{} {words}", provider.id);
        }
    }
}

#[test]
fn no_body_makes_judging_fail() {
    let headers = HeaderMap::new();
    for body in
        ["", "{", "[]", "[[]]", "null", "1", "\"x\"", "{\"error\":[]}", "{\"error\":{\"details\":[1]}}", "\u{feff}{}"]
    {
        for provider in Presets::builtin().iter() {
            let judge =
                |status| provider.classify(&Signal::response(status, &headers, body.as_bytes(), NOW.parse().unwrap()));
            assert_eq!(judge(StatusCode::TOO_MANY_REQUESTS), Verdict::RateLimited { wait: None }, "{body}");
            assert_eq!(judge(StatusCode::OK), Verdict::Answer, "{body}");
        }
    }
}
