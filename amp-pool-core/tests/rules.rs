//! Rules of operators in a running pool: what they do to answers, and what they would have done to those of the past.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;

use std::time::Duration;

use amp_pool_core::{
    classify::{Rule, RuleSpec, Verdict},
    handle::{ChangeError, Trial, TrialResult},
    keys::KeyState,
    store::StoredAttempt,
    testkit::{Reply, Script},
};
use bench::Bench;
use serde_json::{Value, json};

fn rule(rule: &Value) -> RuleSpec {
    let rule: Rule = serde_json::from_value(rule.clone()).unwrap();
    RuleSpec { name: "own".into(), provider: None, enabled: true, position: 0, rule }
}

/// What a relay answers that is not known to anybody.
fn suspended() -> Reply {
    Reply::json(403, &json!({"error": {"message": "Account suspended for 3 days", "type": "relay_error"}}))
}

async fn pool(replies: &[Reply]) -> Bench {
    let upstream = replies.iter().fold(Script::new(), |script, reply| script.on("a", reply.clone()));
    Bench::new(&upstream.on("b", Reply::chat("hello")), &[("a", "openai", 1), ("b", "openai", 0)]).await
}

async fn state_after(replies: &[Reply], spec: RuleSpec) -> (KeyState, u16) {
    let bench = pool(replies).await;
    bench.handle().add_rule(spec).await.unwrap();
    let status = bench.chat().await.status;
    (bench.handle().keys()[0].status.state, status)
}

#[tokio::test(start_paused = true)]
async fn a_rule_decides_before_what_the_program_knows() {
    let judged = async |verdict: &str| {
        state_after(&[suspended()], rule(&json!({"text": ["suspended"], "verdict": verdict}))).await
    };
    assert_eq!(judged("out_of_credit").await, (KeyState::OutOfCredit, 200));
    assert_eq!(judged("blocked").await, (KeyState::Disabled, 200));
    assert_eq!(judged("key_limited").await, (KeyState::Cooling, 200));
    assert_eq!(judged("rotate").await, (KeyState::Ready, 200));
    assert_eq!(judged("caller_fault").await, (KeyState::Ready, 403), "the answer is the caller's");
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_reads_the_status_alone_decides_all_the_same() {
    let known = Reply::error(403, "invalid_request_error", "account_deactivated", "deactivated");
    let spec = rule(&json!({"status": [403], "verdict": "rotate"}));
    assert_eq!(state_after(&[known], spec).await, (KeyState::Ready, 200));
}

#[tokio::test(start_paused = true)]
async fn a_rule_cools_for_as_long_as_it_says() {
    let bench = pool(&[Reply::limited().retry_after_secs(1)]).await;
    let spec = rule(&json!({"status": [429], "verdict": "key_limited", "wait_seconds": 600, "fixed_wait": true}));
    bench.handle().add_rule(spec).await.unwrap();
    bench.chat().await;
    tokio::time::advance(Duration::from_secs(599)).await;
    assert_eq!(bench.handle().keys()[0].status.state, KeyState::Cooling);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(bench.handle().keys()[0].status.state, KeyState::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_another_provider_a_rule_that_is_off_and_one_that_went_say_nothing() {
    let plain = || rule(&json!({"text": ["suspended"], "verdict": "blocked"}));
    let other = RuleSpec { provider: Some("groq".into()), ..plain() };
    assert_eq!(state_after(&[suspended()], other).await, (KeyState::Cooling, 200));
    assert_eq!(state_after(&[suspended()], RuleSpec { enabled: false, ..plain() }).await, (KeyState::Cooling, 200));

    let bench = pool(&[suspended()]).await;
    let made = bench.handle().add_rule(plain()).await.unwrap();
    bench.handle().remove_rule(made.id).await.unwrap();
    bench.chat().await;
    assert_eq!(bench.handle().keys()[0].status.state, KeyState::Cooling);
    assert_eq!(bench.handle().remove_rule(made.id).await, Err(ChangeError::NotFound));
}

#[tokio::test(start_paused = true)]
async fn an_error_inside_a_stream_is_judged_by_rules_too() {
    let error = "data: {\"error\":{\"message\":\"Account suspended for 3 days\",\"code\":\"relay_error\"}}\n\n";
    let bench = pool(&[Reply::stream([error])]).await;
    let spec = rule(&json!({"status": [200], "code": ["relay_error"], "verdict": "blocked"}));
    bench.handle().add_rule(spec).await.unwrap();
    assert_eq!(bench.chat_stream().await.status, 200);
    assert_eq!(bench.handle().keys()[0].status.state, KeyState::Disabled);
}

/// What decided each attempt of the last call, as the books say it: where the rule is from, and what it is known by.
async fn decided(bench: &Bench) -> Vec<(Value, Value)> {
    bench.handle().flush().await;
    let last = bench.records().await.swap_remove(0);
    let told = |attempt: &StoredAttempt| {
        let by = serde_json::to_value(&attempt.decided_by).unwrap();
        (by["source"].clone(), if by["name"].is_null() { by["rule"]["verdict"].clone() } else { by["name"].clone() })
    };
    last.attempts.iter().map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn the_books_say_which_rule_decided() {
    let none = (Value::Null, Value::Null);
    for (provider, reply, by) in [
        ("openai", Reply::limited().retry_after_secs(1), ("generic", json!("rate_limited"))),
        ("amp", Reply::error(402, "x", "insufficient-credits", "no"), ("provider", json!("out_of_credit"))),
        ("openai", Reply::error(500, "x", "y", "z"), ("status", Value::Null)),
    ] {
        let upstream = Script::new().on("a", reply).on("b", Reply::chat("hello"));
        let bench = Bench::new(&upstream, &[("a", provider, 1), ("b", "openai", 0)]).await;
        bench.chat().await;
        assert_eq!(decided(&bench).await, [(by.0.into(), by.1), none.clone()]);
    }

    let bench = pool(&[suspended()]).await;
    let spec = rule(&json!({"text": ["suspended"], "verdict": "rotate"}));
    bench.handle().add_rule(RuleSpec { name: "a relay's words".into(), ..spec }).await.unwrap();
    bench.chat().await;
    assert_eq!(decided(&bench).await, [("operator".into(), "a relay's words".into()), none]);
}

fn trial(spec: Option<RuleSpec>) -> Trial {
    Trial { spec, replaces: None, from: None, to: None, key: None, provider: None, before: None, limit: 50 }
}

fn shown(result: &TrialResult) -> Vec<(&str, &'static str, bool)> {
    result.changed.iter().map(|found| (&*found.old, found.new.as_str(), found.by_trial)).collect()
}

/// Three failures in the books: two of the relay's, and a limit.
async fn with_failures() -> Bench {
    let bench = pool(&[suspended(), Reply::limited().retry_after_secs(30), suspended()]).await;
    for _ in 0..3 {
        bench.chat().await;
        bench.handle().reset_key(bench.handle().keys()[0].key.id).unwrap();
    }
    bench.handle().flush().await;
    bench
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_tried_on_what_is_in_the_books_before_it_is_made() {
    let bench = with_failures().await;
    let spec = rule(&json!({"pattern": ["suspended for \\d+ days"], "verdict": "blocked"}));
    let result = bench.handle().try_rule(&trial(Some(spec))).await.unwrap();

    let change = ("model_unavailable", "blocked", true);
    assert_eq!(shown(&result), [change, change]);
    assert_eq!((result.looked_at, result.decided, result.next), (3, 2, None));
    assert!(bench.handle().rules().is_empty(), "nothing was made");
}

#[tokio::test(start_paused = true)]
async fn results_come_by_pages_and_no_failure_twice() {
    let bench = with_failures().await;
    let spec = || Some(rule(&json!({"status": [403, 429], "verdict": "rotate"})));
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = Trial { before, limit: 1, ..trial(spec()) };
        let result = bench.handle().try_rule(&page).await.unwrap();
        found.extend(result.changed.iter().map(|changed| changed.failure.place));
        before = result.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), 3);
    assert!(found.windows(2).all(|pair| pair[0] > pair[1]));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_would_be_another_is_a_change() {
    let bench = with_failures().await;
    let limited = |wait: u64| {
        rule(&json!({"status": [429], "verdict": "rate_limited", "wait_seconds": wait, "fixed_wait": true}))
    };
    let result = bench.handle().try_rule(&trial(Some(limited(5)))).await.unwrap();
    let found = &result.changed[0];
    let secs = |wait: Option<Duration>| wait.map(|wait| wait.as_secs());
    assert_eq!((secs(found.old_wait.flatten()), secs(found.new.wait())), (Some(30), Some(5)));
    assert_eq!(shown(&bench.handle().try_rule(&trial(Some(limited(30)))).await.unwrap()), []);
}

#[tokio::test(start_paused = true)]
async fn what_would_be_if_a_rule_went_is_told_as_well() {
    let bench = pool(&[suspended()]).await;
    let made = bench.handle().add_rule(rule(&json!({"text": ["suspended"], "verdict": "blocked"}))).await.unwrap();
    bench.chat().await;
    bench.handle().flush().await;
    let result = bench.handle().try_rule(&Trial { replaces: Some(made.id), ..trial(None) }).await.unwrap();
    assert_eq!(shown(&result), [("blocked", "model_unavailable", false)]);

    let milder = rule(&json!({"text": ["suspended"], "verdict": "rotate"}));
    let result = bench.handle().try_rule(&Trial { replaces: Some(made.id), ..trial(Some(milder)) }).await.unwrap();
    assert_eq!(shown(&result), [("blocked", "rotate", true)]);
}

#[tokio::test(start_paused = true)]
async fn what_was_the_caller_s_fault_can_be_tried_too() {
    let bench = pool(&[Reply::error(400, "invalid_request_error", "relay_glitch", "not your fault")]).await;
    assert_eq!(bench.chat().await.status, 400);
    bench.handle().flush().await;
    let spec = rule(&json!({"code": ["relay_glitch"], "verdict": "rotate"}));
    let result = bench.handle().try_rule(&trial(Some(spec.clone()))).await.unwrap();
    assert_eq!(shown(&result), [("caller_fault", "rotate", true)]);

    bench.handle().add_rule(spec).await.unwrap();
    assert_eq!(bench.chat().await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn no_secret_of_an_answer_is_kept_for_trials() {
    let planted = "sk-planted-0123456789abcdef";
    let body = json!({"error": {"message": format!("Incorrect API key provided: {planted}"), "code": planted}});
    let bench = pool(&[Reply::json(401, &body).header("x-echo", planted)]).await;
    bench.chat().await;
    let record = bench.only_record().await;
    let kept = serde_json::to_string(&record.attempts[0].evidence).unwrap();
    assert!(kept.contains("incorrect api key") && kept.contains("x-echo"), "{kept}");
    assert!(!kept.contains("planted"), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_rule_is_named() {
    let bench = pool(&[]).await;
    let field = async |spec: RuleSpec| match bench.handle().add_rule(spec).await {
        Err(ChangeError::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let plain = || rule(&json!({"status": [403], "verdict": "rotate"}));
    assert_eq!(field(RuleSpec { provider: Some("nobody".into()), ..plain() }).await, "provider");
    assert_eq!(field(RuleSpec { name: String::new(), ..plain() }).await, "name");
    let anything = RuleSpec { rule: Rule::meaning(Verdict::Rotate), ..plain() };
    assert_eq!(field(anything).await, "status");
}
