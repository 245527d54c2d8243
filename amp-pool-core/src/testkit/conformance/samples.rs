//! Things to store, with every field filled.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue};

use crate::{
    balance::{Amount, BalanceSpec, ProbeChoice},
    budget::{Budget, Ceiling, Unpriced, Window},
    caller::{GroupSpec, TokenDigest, TokenSpec},
    classify::{DecidedBy, Evidence, Rule, RuleSpec, Shape, Until, Verdict},
    format::{Format, LossKind, Policy},
    id::{AttemptId, CallId, GroupId, KeyId, RuleId, TokenId},
    keys::{Caps, Egress, KeySpec, PriceFactor},
    money::{NanoUsd, PerMillion},
    provider::{Presets, Provider},
    route::{RouteCandidate, RouteSpec, Strategy},
    secret::Secret,
    store::{
        Attempt, Booking, Entry, Opened, Outcome, Page, Record, RecordedChoice, RecordedHindrance, RecordedLoss, Side,
        TokenSecret,
    },
    time::Timestamp,
    usage::{ServiceTerms, Usage, UsageSource},
};

/// 2026-11-23, 01:00 UTC: the start of an hour.
pub(super) const HOUR: Timestamp = Timestamp::from_millis(1_795_395_600_000);

/// A page that holds everything a check makes.
pub(super) const ALL: Page = Page { before: None, limit: 1_000 };

/// `minutes` after the hour.
pub(super) fn at(minutes: i64) -> Timestamp {
    HOUR.plus_millis(minutes * 60_000)
}

pub(super) fn plain_key(credential: &str) -> KeySpec {
    KeySpec::new("plain", "openai", Secret::new(credential))
}

pub(super) fn full_key(credential: &str) -> KeySpec {
    let mut headers = HeaderMap::new();
    headers.append("x-team", HeaderValue::from_static("a"));
    headers.append("x-team", HeaderValue::from_static("b"));
    headers.append("authorization", HeaderValue::from_static("Basic dTpw"));
    KeySpec {
        name: "team “A”".into(),
        provider: "custom".into(),
        api_key: Secret::new(credential),
        egress: Egress {
            proxy: Some("socks5h://user:pass@127.0.0.1:1080".parse().unwrap()),
            user_agent: Some(HeaderValue::from_static("agent/1")),
            headers,
        },
        base_url: Some("https://host/v1".into()),
        formats: Some(vec![Format::Messages, Format::Chat]),
        enabled: false,
        priority: -3,
        weight: u32::MAX,
        models: vec!["claude-*".parse().unwrap(), "gpt-5".parse().unwrap()],
        limits: Caps { rpm: Some(60), tpm: Some(100_000), concurrency: Some(4) },
        budget: Some(full_budget()),
        models_denied: vec!["*-preview".parse().unwrap()],
        account: Some("account".into()),
        total_balance: Some(NanoUsd(i64::MAX)),
        balance: BalanceSpec {
            probe: ProbeChoice::Named("billing".into()),
            values: BTreeMap::from([("admin_key".to_owned(), Secret::new("sk-admin"))]),
            minimum: Some(Amount(-1)),
            usd_rate: "0.14".parse().ok(),
        },
        price_factor: "0.25".parse().unwrap(),
        tags: vec!["a \"quoted\" tag".into(), String::new()],
        memo: "it's\nall here; -- '".into(),
    }
}

pub(super) fn full_token() -> TokenSpec {
    TokenSpec {
        name: "ci".into(),
        enabled: false,
        expires_at: Some(at(90)),
        models: vec!["gpt-*".parse().unwrap()],
        strict_translation: true,
        ip_allow: vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
        limits: Caps { rpm: Some(60), tpm: None, concurrency: Some(2) },
        budget: Some(full_budget()),
        group: Some(GroupId(7)),
        memo: "for the build".into(),
    }
}

pub(super) fn full_budget() -> Budget {
    Budget {
        limit: NanoUsd(5_000_000_001),
        window: Window::Month,
        zone: "Asia/Shanghai".parse().unwrap(),
        hard: true,
        max_output: Some(2_000),
        unpriced: Unpriced::Ceiling(Ceiling { input: PerMillion(1), output: PerMillion(2) }),
    }
}

pub(super) fn full_group(name: &str) -> GroupSpec {
    let limits = Caps { rpm: None, tpm: Some(u32::MAX), concurrency: Some(1) };
    GroupSpec { name: name.into(), limits, budget: Some(full_budget()), memo: "a team".into() }
}

pub(super) fn token_secret(token: &str) -> TokenSecret {
    TokenSecret { digest: TokenDigest::of(token), hint: format!("…{token}") }
}

pub(super) fn route(model: &str) -> RouteSpec {
    let candidate = |model: &str, provider: Option<&str>, tier| RouteCandidate {
        model: model.into(),
        provider: provider.map(Into::into),
        tier,
        weight: 2,
    };
    let candidates = vec![candidate("gpt-5-mini", Some("openai"), 0), candidate("claude-haiku", None, 1)];
    let mut translation = Policy::default();
    (translation.web_search, translation.automatic_cache) = (true, false);
    RouteSpec { model: model.into(), candidates, translation, strategy: Strategy::FillFirst }
}

fn random(n: u16) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    bytes
}

/// The `n`th call, admitted `n` minutes after the hour.
pub(super) fn opened(n: u16) -> Opened {
    let create_time = at(n.into());
    Opened {
        call: CallId::new(create_time, &random(n)),
        create_time,
        token: Some(TokenId(1 + i64::from(n % 2))),
        model: format!("model-{}", n % 3),
        format: Format::Messages,
        endpoint: "messages",
        stream: n.is_multiple_of(2),
    }
}

pub(super) fn attempt(n: u16, key: i64, served: bool) -> Attempt {
    Attempt {
        id: AttemptId::new(at(n.into()), &random(n)),
        key: KeyId(key),
        provider: format!("provider-{key}"),
        upstream_format: Format::Chat,
        upstream_model: "upstream".into(),
        chosen_by: served.then_some("home"),
        candidates: 3,
        served,
        verdict: if served { "answer" } else { "rate_limited" },
        http_status: (key != 2).then_some(if served { 200 } else { 429 }),
        error_message: (!served).then(|| "slow down".into()),
        create_time: at(n.into()).plus_millis(5),
        latency_ms: 40,
        first_byte_ms: served.then_some(7),
        usage: Usage {
            uncached_input: 10 + u64::from(n),
            cache_read: 20,
            cache_write_5m: 3,
            cache_write_1h: 4,
            output: 50,
            reasoning: (n.is_multiple_of(2)).then_some(6),
        },
        usage_source: if served { UsageSource::Final } else { UsageSource::Estimated },
        terms: if served { ServiceTerms::said(Some("priority"), None, Some("us")) } else { ServiceTerms::default() },
        price_factor: PriceFactor::from_millionths(1_000_000 + u32::from(n)),
        cost: Some(NanoUsd(1_000 + i64::from(n))),
        saved: Some(NanoUsd(500 + i64::from(n))),
        price_version: Some("2026-11".into()),
        evidence: (!served).then(|| Box::new(evidence(n))),
        decided_by: (!served).then(|| Box::new(decided_by(n))),
    }
}

fn choice(key: i64) -> RecordedChoice {
    let why = |reason: Option<&str>| RecordedHindrance {
        key_id: KeyId(key),
        why: "cooling".into(),
        until: reason.map(|_| at(3)),
        reason: reason.map(Into::into),
    };
    RecordedChoice {
        after_attempts: 1,
        outcome: "strategy".into(),
        candidates: 3,
        passed_over: BTreeMap::from([("cooling".into(), 2)]),
        first: vec![why(Some("rate_limited: \"slow\" down")), why(None)],
        despite: Some(why(None)),
        waited_ms: Some(1200),
    }
}

fn decided_by(n: u16) -> DecidedBy {
    match n % 3 {
        0 => DecidedBy::Status,
        1 => DecidedBy::Operator { rule_id: RuleId(i64::from(n)), name: "\"own\"".into() },
        _ => {
            let rule = Rule { text: vec!["slow".into()], ..Rule::meaning(Verdict::RateLimited { wait: None }) };
            DecidedBy::Provider { rule }
        }
    }
}

pub(super) fn evidence(n: u16) -> Evidence {
    Evidence {
        status: 429,
        codes: vec!["rate_limit_exceeded".into(), format!("code-{n}")],
        text: "slow \"down\"".into(),
        body: Shape::Json,
        headers: vec!["retry-after".into()],
        wait_ms: Some(1_500),
    }
}

/// A rule with everything filled.
pub(super) fn rule(name: &str) -> RuleSpec {
    let rule = Rule {
        status: vec![403, 429],
        code: vec!["suspended".into()],
        text: vec!["^out of".into()],
        pattern: vec!["for \\d+ days".parse().unwrap()],
        body: Some(Shape::Json),
        header: Some("retry-after".into()),
        wait_seconds: Some(60),
        fixed_wait: true,
        until: Some(Until::NextMonth),
        utc_offset_hours: 8,
        ..Rule::meaning(Verdict::OutOfCredit { wait: None })
    };
    RuleSpec { name: name.into(), provider: Some("openai".into()), enabled: false, position: -3, rule }
}

/// A provider with much of what one can have.
pub(super) fn provider(id: &str) -> Provider {
    let custom = Presets::builtin().get("custom").unwrap();
    let (base_url, rules) = (Some("https://relay.example".into()), vec![rule("a").rule]);
    Provider { id: id.into(), name: "A \"relay\"".into(), base_url, rules, ..(**custom).clone() }
}

fn loss(side: Side, kind: LossKind, field: &str) -> RecordedLoss {
    RecordedLoss { side, kind, field: field.into(), note: format!("not of {field}") }
}

/// The `n`th call, answered by the second key that was tried.
pub(super) fn record(n: u16) -> Record {
    Record {
        opened: opened(n),
        outcome: Outcome::Done,
        http_status: 200,
        error_type: None,
        error_message: None,
        latency_ms: 120 + u64::from(n),
        first_byte_ms: Some(30),
        attempts: vec![attempt(n, 1, false), attempt(n, 2, true)],
        choices: vec![choice(3), RecordedChoice { outcome: "full".into(), ..RecordedChoice::default() }],
        losses: vec![loss(Side::Request, LossKind::Dropped, "seed"), loss(Side::Answer, LossKind::Adjusted, "stop")],
        booking: Booking::default(),
    }
}

/// The `n`th call, for which no key was left.
pub(super) fn failure(n: u16) -> Record {
    Record {
        outcome: Outcome::Failed,
        http_status: 429,
        error_type: Some("rate_limited".into()),
        error_message: Some("every key is limited".into()),
        first_byte_ms: None,
        attempts: Vec::new(),
        choices: vec![choice(9)],
        losses: Vec::new(),
        ..record(n)
    }
}

pub(super) fn open_entry(n: u16) -> Entry {
    Entry::Opened(opened(n))
}

pub(super) fn settle_entry(record: &Record) -> Entry {
    Entry::Settled(Box::new(record.clone()))
}
