//! What upstreams say of balances, and what is read of it: tables of answers as vendors give them, one file for each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use amp_pool_core::{
    balance::{Place, Probe, Reading, Refusal, RefusalKind, Run, Told},
    provider::{Presets, Provider},
    secret::Secret,
};
use http::{HeaderMap, Request, StatusCode};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

const NOW: &str = "2026-11-23T12:00:00Z";
const KEY: &str = "sk-test-0123456789";
const ANYWHERE: &str = "https://relay.example";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows.
    case: String,
    /// A probe of the provider, or one of its own. Without it: the provider's first.
    #[serde(default)]
    probe: Value,
    base_url: Option<String>,
    #[serde(default)]
    values: BTreeMap<String, Secret>,
    /// Every request, as method and URL.
    asked: Option<Vec<String>>,
    /// Headers of the last request.
    #[serde(default)]
    sent: BTreeMap<String, String>,
    answers: Vec<Answer>,
    /// What was read, without what is unknown.
    reading: Option<Value>,
    refusal: Option<String>,
    /// In seconds.
    wait: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// JSON, or a string for the bytes as they are.
    body: Value,
}

impl Answer {
    fn bytes(&self) -> Vec<u8> {
        self.body.as_str().map_or_else(|| self.body.to_string(), str::to_owned).into_bytes()
    }

    fn headers(&self) -> HeaderMap {
        self.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }
}

fn preset(id: &str) -> &'static Provider {
    Presets::builtin().get(id).unwrap()
}

/// Runs a probe against `answers`, each given once; a request more is answered by nothing.
fn run(
    provider: &Provider,
    probe: &Probe,
    base_url: Option<&str>,
    values: &BTreeMap<String, Secret>,
    answers: &[(StatusCode, HeaderMap, Vec<u8>)],
) -> (Vec<Request<String>>, Result<Told, Refusal>) {
    let key = Secret::new(KEY);
    let base = provider.base(base_url.or(provider.base_url.is_none().then_some(ANYWHERE))).unwrap();
    let place = Place { base: &base, key: &key, values, now: NOW.parse().unwrap() };
    let mut asked = Vec::new();
    let mut run = Run::new(probe, place, &provider.rules);
    let mut walk = || {
        while let Some(request) = run.ask()? {
            asked.push(request);
            let (status, headers, body) = answers.get(asked.len() - 1).unwrap_or_else(|| panic!("asked too much"));
            run.hear(*status, headers, body)?;
        }
        Ok(())
    };
    let walked: Result<(), Refusal> = walk();
    (asked, walked.and_then(|()| run.read()))
}

impl Case {
    fn probe(&self, provider: &Provider) -> Probe {
        match &self.probe {
            Value::Null => provider.balance[0].clone(),
            Value::String(id) => provider.balance.iter().find(|probe| probe.id == *id).unwrap().clone(),
            own => serde_json::from_value(own.clone()).unwrap(),
        }
    }

    fn check(&self, provider: &Provider) {
        let said: Vec<_> = self
            .answers
            .iter()
            .map(|answer| {
                (StatusCode::from_u16(answer.status.unwrap_or(200)).unwrap(), answer.headers(), answer.bytes())
            })
            .collect();
        let probe = self.probe(provider);
        probe.check().unwrap();
        let (asked, told) = run(provider, &probe, self.base_url.as_deref(), &self.values, &said);
        let lines: Vec<_> = asked.iter().map(|request| format!("{} {}", request.method(), request.uri())).collect();
        let what = format!("{}: {}", provider.id, self.case);
        if let Some(expected) = &self.asked {
            assert_eq!(lines, *expected, "{what}");
        }
        for (name, value) in &self.sent {
            assert_eq!(asked.last().unwrap().headers()[name], value, "{what}");
        }
        let refusal = told.as_ref().err().map(|refusal| refusal.kind.as_str().to_owned());
        assert_eq!(refusal, self.refusal, "{what}: {told:?}");
        if let Some(seconds) = self.wait {
            assert_eq!(told.as_ref().unwrap_err().wait, Some(Duration::from_secs(seconds)), "{what}");
        }
        if let Ok(told) = told {
            assert_eq!(known(&told.reading), *self.reading.as_ref().unwrap(), "{what}");
        }
    }
}

/// A reading without what is unknown or goes without saying.
fn known(reading: &Reading) -> Value {
    let mut value = serde_json::to_value(reading).unwrap();
    value.as_object_mut().unwrap().remove("probe");
    if reading.complete {
        value.as_object_mut().unwrap().remove("complete");
    }
    plain(value)
}

fn plain(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let told = |value: &Value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty());
            members.into_iter().filter(|(_, value)| told(value)).map(|(name, value)| (name, plain(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(plain).collect(),
        // Amounts have nine decimals.
        Value::String(text) if text.len() > 10 && text.rfind('.') == Some(text.len() - 10) => {
            Value::String(text.trim_end_matches('0').trim_end_matches('.').to_owned())
        }
        other => other,
    }
}

fn tables() -> Vec<(String, Vec<Case>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/balance");
    let read = |path: &Path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let cases = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name, cases)
    };
    fs::read_dir(folder).unwrap().map(|entry| read(&entry.unwrap().path())).collect()
}

#[test]
fn every_answer_of_the_tables_is_read_as_it_is_meant() {
    let tables = tables();
    for (name, cases) in &tables {
        cases.iter().for_each(|case| case.check(preset(name)));
    }
    assert!(tables.iter().map(|(_, cases)| cases.len()).sum::<usize>() >= 80);
}

#[test]
fn every_probe_of_every_provider_has_an_answer_in_the_tables() {
    let tables = tables();
    for provider in Presets::builtin().iter() {
        for probe in &provider.balance {
            probe.check().unwrap();
            let named = |case: &&Case| case.reading.is_some() && case.probe(provider).id == probe.id;
            let cases = tables.iter().filter(|(name, _)| *name == provider.id).flat_map(|(_, cases)| cases);
            assert!(cases.filter(named).count() > 0, "{} {}", provider.id, probe.id);
        }
    }
}

/// Every probe, with something for each value that it needs.
fn probes() -> impl Iterator<Item = (&'static Provider, &'static Probe, BTreeMap<String, Secret>)> {
    Presets::builtin().iter().flat_map(|provider| {
        provider.balance.iter().map(move |probe| {
            let names = probe.needs().into_iter().chain(["unused".to_owned()]);
            let values = names.map(|name| (name, Secret::new("value-0123456789"))).collect();
            (&**provider, probe, values)
        })
    })
}

/// What each probe makes of one answer, given to all of its requests.
fn each(status: u16, headers: &[(&'static str, &str)], body: &[u8], check: impl Fn(&str, Result<Told, Refusal>)) {
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let answers = vec![(StatusCode::from_u16(status).unwrap(), headers, body.to_vec()); 20];
    for (provider, probe, values) in probes() {
        let told = run(provider, probe, None, &values, &answers).1;
        check(&format!("{} {}: {status} {}", provider.id, probe.id, String::from_utf8_lossy(body)), told);
    }
}

fn refusal_of_each(status: u16, headers: &[(&'static str, &str)], body: &str, expected: RefusalKind) {
    each(status, headers, body.as_bytes(), |what, told| assert_eq!(told.unwrap_err().kind, expected, "{what}"));
}

#[test]
fn failures_mean_the_same_for_every_probe() {
    refusal_of_each(401, &[], "", RefusalKind::BadKey);
    refusal_of_each(429, &[("retry-after", "30")], "{}", RefusalKind::RateLimited);
    refusal_of_each(404, &[], "not here", RefusalKind::NotOffered);
    refusal_of_each(302, &[("location", "/login")], "", RefusalKind::NotOffered);
    refusal_of_each(500, &[], r#"{"error":{"message":"oops"}}"#, RefusalKind::Unreachable);
    refusal_of_each(502, &[("content-type", "text/html")], "<html>bad gateway", RefusalKind::Unreachable);
    refusal_of_each(200, &[("content-type", "text/html")], "<!doctype html>", RefusalKind::NotOffered);
    refusal_of_each(200, &[], "", RefusalKind::Unreadable);
    refusal_of_each(200, &[], "null", RefusalKind::Unreadable);
    refusal_of_each(200, &[], "{\"data\":", RefusalKind::Unreadable);
}

#[test]
fn nonsense_is_never_an_amount() {
    let bodies = [
        json!({}),
        json!([]),
        json!({"data": {}}),
        json!({"code": "404"}),
        json!({"data": null, "code": 0, "success": true, "ok": true, "base_resp": {"status_code": 0}}),
        json!({"code": 0, "data": {"available_balance": "n/a", "totalBalance": {}, "limit_remaining": [], "quota": true}}),
        json!({"balance": "", "availableBalance": "1e400", "total_available": "∞", "total_remaining": "NaN"}),
        json!({"balance_infos": [{"total_balance": null}, {}], "total": {"val": false}, "model_remains": [{}]}),
        json!({"ok": true, "result": {"displayText": {"amount": 5}}}),
    ];
    for body in bodies {
        each(200, &[], body.to_string().as_bytes(), |what, told| {
            let amount = told.ok().and_then(|told| told.reading.amount);
            assert_eq!(amount, None, "{what}");
        });
    }
}

#[test]
fn a_secret_that_an_upstream_repeats_is_nowhere() {
    for status in [200, 401, 403, 418, 500] {
        let body =
            json!({"error": {"message": format!("bad key {KEY}, admin value-0123456789")}, "echo": KEY}).to_string();
        each(status, &[], body.as_bytes(), |what, told| {
            let shown = format!("{told:?}");
            assert!(!shown.contains(KEY) && !shown.contains("value-0123456789"), "{what}: {shown}");
        });
    }
}

fn amp(text: &str) -> Result<Told, Refusal> {
    let body = json!({"ok": true, "result": {"displayText": text}}).to_string().into_bytes();
    let provider = preset("amp");
    run(provider, &provider.balance[0], None, &BTreeMap::new(), &[(StatusCode::OK, HeaderMap::new(), body)]).1
}

proptest! {
    #[test]
    fn no_text_of_amp_breaks_the_reader(text in "(\\PC|[\\n\u{1b}$%])*") {
        let _ = amp(&text);
    }

    #[test]
    fn words_of_amp_in_any_order_never_make_money_of_nothing(
        words in prop::collection::vec(prop::sample::select(vec![
            "Amp Free: ", "Individual credits: ", "Workspace w: ", "$", "-", "/", "1", ",", ".", "x", " remaining", " of ",
            "agent usage ", "%", "(", ")", "\n", "**", "resets upon renewal in ", " days", "99999999999",
        ]), 0..30)
    ) {
        let text = words.concat();
        if let Ok(told) = amp(&text) {
            let digits = text.bytes().any(|byte| byte.is_ascii_digit());
            prop_assert!(digits || told.reading.amount.is_none(), "{}: {:?}", text, told.reading);
            if let Some(amount) = told.reading.amount {
                let counted: i64 = told.reading.purses.iter().filter(|p| p.counts).map(|p| p.amount.unwrap().0).sum();
                prop_assert_eq!(amount.0, counted);
            }
        }
    }

    #[test]
    fn an_amount_is_read_in_every_spelling_of_amp(cents in -10_000_000_i64..10_000_000, place in 0..4_usize) {
        let dollars = format!("{}{}.{:02}", if cents < 0 { "-$" } else { "$" }, grouped(cents.abs() / 100), cents.abs() % 100);
        let line = [
            format!("Individual credits: {dollars} remaining"),
            format!("Amp Free: {dollars}/$1,000,000 remaining (replenishes +$0.42/hour)"),
            format!("**{dollars}** remaining"),
            format!("Amp Gigawatt Subscription: agent usage {dollars} of $200 remaining (6%), resets upon renewal in 1 days"),
        ][place].clone();
        let told = amp(&line).unwrap();
        prop_assert_eq!(told.reading.amount.map(|amount| amount.0), Some(cents * 10_000_000), "{}", line);
        prop_assert!(told.reading.complete, "{:?}", told.reading);
    }
}

fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let parts: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
    parts.join(",")
}
