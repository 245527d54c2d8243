//! Which key a call goes to: conversations, limits, strategies, and what is held against whom.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;

use std::{sync::Arc, time::Duration};

use amp_pool_core::{
    format::Format,
    handle::Question,
    keys::{Caps, KeySpec, KeyState},
    route::{By, RouteCandidate, RouteSpec, Strategy},
    secret::Secret,
    service::Limits,
    testkit::{Reply, Script, Sent},
};
use bench::{Bench, Got};
use futures::future::join_all;
use serde_json::json;

fn key(name: &str) -> KeySpec {
    KeySpec::new(name, "openai", Secret::new(name))
}

fn claude(name: &str) -> KeySpec {
    KeySpec::new(name, "anthropic", Secret::new(name))
}

/// Keys by their names, all alike.
fn keys<const N: usize>(names: [&str; N]) -> [KeySpec; N] {
    names.map(key)
}

async fn bench(upstream: Script, keys: impl IntoIterator<Item = KeySpec>) -> Bench {
    Bench::of_keys(&upstream, keys, Limits::default()).await
}

/// A turn of the conversation that begins with `first`.
async fn turn(bench: &Bench, first: &str, more: usize) -> Got {
    let mut messages = vec![json!({"role": "user", "content": first})];
    messages.extend((0..more).map(|n| json!({"role": "assistant", "content": n.to_string()})));
    bench.post("/v1/chat/completions", &json!({"model": "gpt-4o-mini", "messages": messages})).await
}

fn answering(names: &[&str]) -> Script {
    names.iter().fold(Script::new(), |script, name| script.on(name, Reply::chat("hello")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_that_come_at_once_do_not_pass_what_an_operator_allows() {
    let narrow = KeySpec { limits: Caps { rpm: Some(5), ..Caps::default() }, ..claude("a") };
    let answer = |_: &Sent| Reply::words(Format::Messages, &["hello"]);
    let bench = Arc::new(bench(Script::new().otherwise(answer), [narrow]).await);
    // Between the choice of a key and its place is the translation: a long one.
    let content = "so much to say ".repeat(20_000);
    let body = Arc::new(json!({"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": content}]}));
    let call = |_| {
        let (bench, body) = (bench.clone(), body.clone());
        tokio::spawn(async move { bench.post("/v1/chat/completions", &body).await.status })
    };
    let statuses = join_all((0..40).map(call)).await;

    let served = statuses.iter().filter(|status| *status.as_ref().unwrap() == 200).count();
    assert_eq!((served, bench.asked().len()), (5, 5));
}

#[tokio::test(start_paused = true)]
async fn a_conversation_stays_on_the_key_where_it_began() {
    let bench = bench(answering(&["a", "b", "c"]), keys(["a", "b", "c"])).await;
    for first in ["one", "two", "three", "four", "five"] {
        let begun = bench.asked().len();
        for nth in 0..6 {
            turn(&bench, first, nth).await;
        }
        let asked = &bench.asked()[begun..];
        assert!(asked.iter().all(|key| *key == asked[0]), "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn first_turns_are_spread_by_weight() {
    let heavy = KeySpec { weight: 3, ..key("heavy") };
    let bench = bench(answering(&["heavy", "light"]), [heavy, key("light")]).await;
    for _ in 0..8 {
        turn(&bench, "the same words", 0).await;
    }
    let light = bench.asked().iter().filter(|key| *key == "light").count();
    assert_eq!(light, 2);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_leaves_a_key_that_rests_and_stays_where_it_went() {
    let a = [Reply::chat("hello"), Reply::limited().retry_after_secs(30), Reply::chat("hello")];
    let upstream = a.into_iter().fold(answering(&["b"]), |script, reply| script.on("a", reply));
    let bench = bench(upstream, keys(["a", "b"])).await;
    for nth in 0..2 {
        turn(&bench, "one", nth).await;
    }
    tokio::time::advance(Duration::from_secs(31)).await;
    turn(&bench, "one", 2).await;

    assert_eq!(bench.asked(), ["a", "a", "b", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_client_names_has_one_key_whatever_it_says() {
    let bench = bench(answering(&["a", "b", "c"]), keys(["a", "b", "c"])).await;
    for words in ["one", "two", "three", "four"] {
        let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": words}]});
        bench.post_with(&[("x-amp-session", "s-1")], "/v1/chat/completions", &body).await;
    }
    let asked = bench.asked();
    assert!(asked.iter().all(|key| *key == asked[0]), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_goes_on_from_an_answer_goes_where_that_answer_is() {
    let answer =
        |id: &str| Reply::json(200, &json!({"id": id, "object": "response", "status": "completed", "output": []}));
    let upstream = Script::new().on("a", answer("resp_a")).on("b", answer("resp_b"));
    let bench = bench(upstream, keys(["a", "b"])).await;
    for words in ["one", "two"] {
        bench.post("/v1/responses", &json!({"model": "gpt-5-mini", "input": words})).await;
    }
    for id in ["resp_b", "resp_a", "resp_b"] {
        let body = json!({"model": "gpt-5-mini", "previous_response_id": id, "input": "more"});
        bench.post("/v1/responses", &body).await;
    }
    assert_eq!(bench.asked()[2..], ["b", "a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_allows_is_never_passed_and_the_caller_hears_when_to_come_back() {
    let limited = |name| KeySpec { limits: Caps { rpm: Some(2), ..Caps::default() }, ..key(name) };
    let bench = bench(answering(&["a", "b"]), [limited("a"), limited("b")]).await;
    for n in 0..4 {
        assert_eq!(turn(&bench, &n.to_string(), 0).await.status, 200);
    }
    let refused = turn(&bench, "5", 0).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.headers["retry-after"], "65");
    assert!(refused.text().contains("requests"));
    assert_eq!(bench.asked().len(), 4);

    tokio::time::advance(Duration::from_secs(65)).await;
    assert_eq!(turn(&bench, "6", 0).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn calls_at_a_time_are_counted_to_the_end_of_the_answer() {
    let one = KeySpec { limits: Caps { concurrency: Some(1), ..Caps::default() }, ..key("a") };
    let slow = Reply::words(amp_pool_core::format::Format::Chat, &["hello"])
        .pause(Duration::from_secs(5))
        .piece("data: [DONE]\n\n");
    let bench = bench(Script::new().on("a", slow), [one]).await;
    let body = json!({"model": "gpt-4o-mini", "messages": [], "stream": true});
    let stream = bench.start("POST", "/v1/chat/completions", body.to_string().as_bytes()).await;
    assert_eq!(turn(&bench, "two", 0).await.status, 429);
    drop(stream);
    assert_eq!(bench.start("POST", "/v1/chat/completions", body.to_string().as_bytes()).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_says_it_has_nothing_left_is_not_asked() {
    let spent = Reply::chat("hello")
        .header("x-ratelimit-limit-requests", "60")
        .header("x-ratelimit-remaining-requests", "0")
        .header("x-ratelimit-reset-requests", "20s");
    let upstream = Script::new().on("a", spent).on("b", Reply::chat("hello"));
    let bench = bench(upstream, [KeySpec { priority: 1, ..key("a") }, key("b")]).await;
    for n in 0..3 {
        turn(&bench, &n.to_string(), 0).await;
    }
    tokio::time::advance(Duration::from_secs(21)).await;
    turn(&bench, "4", 0).await;

    assert_eq!(bench.asked(), ["a", "b", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn keys_of_one_account_rest_together() {
    let of = |name| KeySpec { account: Some("org".into()), ..key(name) };
    let upstream = Script::new()
        .on("a", Reply::limited().retry_after_secs(30))
        .on("b", Reply::chat("hello"))
        .on("other", Reply::chat("hello"));
    let bench = bench(upstream, [of("a"), of("b"), KeySpec { priority: -1, ..key("other") }]).await;
    turn(&bench, "one", 0).await;

    assert_eq!(bench.asked(), ["a", "other"]);
    assert_eq!((bench.state("b"), bench.state("other")), (KeyState::Cooling, KeyState::Ready));
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_refuses_every_credential_disables_none() {
    let names: Vec<_> = (0..12).map(|n| format!("k{n}")).collect();
    let refusing = names.iter().fold(Script::new(), |script, name| script.on(name, Reply::refused()));
    let bench = bench(refusing, names.iter().map(|name| key(name))).await;
    for n in 0..10 {
        assert_ne!(turn(&bench, &n.to_string(), 0).await.status, 200);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(names.iter().all(|name| bench.state(name) != KeyState::Disabled));
    for name in &names {
        let _ = bench.upstream.clone().on(name, Reply::chat("hello"));
    }
    // Each still refuses once more.
    let mut answered = 0;
    for n in 0..20 {
        answered += u32::from(turn(&bench, &n.to_string(), 0).await.status == 200);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(answered >= 12, "{answered} of 20 in the time in which it has to heal");
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_fails_gets_hardly_more_calls_than_its_callers_make() {
    let names: Vec<_> = (0..30).map(|n| format!("k{n}")).collect();
    let failing = names.iter().fold(Script::new(), |script, name| script.on(name, Reply::broken()));
    let bench = bench(failing, names.iter().map(|name| key(name))).await;
    for n in 0..200 {
        assert_ne!(turn(&bench, &n.to_string(), 0).await.status, 200);
    }
    let calls = bench.asked().len();
    assert!((200..=200 + 40 + 10).contains(&calls), "{calls} calls for 200");
}

#[tokio::test(start_paused = true)]
async fn a_strategy_decides_among_equals() {
    let bench = bench(answering(&["a", "b"]), keys(["a", "b"])).await;
    let candidates = vec![RouteCandidate { model: "gpt-4o-mini".into(), provider: None, tier: 0, weight: 1 }];
    let strategy = Strategy::FillFirst;
    let route = RouteSpec { model: "fast".into(), candidates, strategy, ..RouteSpec::default() };
    bench.handle().add_route(route).await.unwrap();
    for n in 0..3 {
        let body = json!({"model": "fast", "messages": [{"role": "user", "content": n.to_string()}]});
        bench.post("/v1/chat/completions", &body).await;
    }
    assert_eq!(bench.asked(), ["a", "a", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_plain_choice_leaves_one_word_in_the_books() {
    let bench = bench(answering(&["a", "b"]), keys(["a", "b"])).await;
    turn(&bench, "one", 0).await;
    turn(&bench, "one", 1).await;

    let chosen: Vec<_> = bench.records().await.into_iter().map(|record| (record.attempts, record.choices)).collect();
    let by = |n: usize| (chosen[n].0[0].chosen_by.as_deref(), chosen[n].0[0].candidates);
    // The newest first.
    assert_eq!([by(1), by(0)], [(Some("strategy"), Some(2)), (Some("home"), Some(2))]);
    assert!(chosen.iter().all(|(_, choices)| choices.is_empty()), "{chosen:?}");
}

#[tokio::test(start_paused = true)]
async fn the_books_say_who_was_passed_over_and_why() {
    let upstream = answering(&["b", "c"]).on("a", Reply::limited().retry_after_secs(30));
    let full = KeySpec { limits: Caps { rpm: Some(1), ..Caps::default() }, priority: 1, ..key("b") };
    let bench = bench(upstream, [KeySpec { priority: 2, ..key("a") }, full, key("c")]).await;
    turn(&bench, "one", 0).await;
    turn(&bench, "two", 0).await;

    let newest = bench.records().await.remove(0);
    let [choice] = newest.choices.as_slice() else { panic!("{newest:?}") };
    assert_eq!((choice.after_attempts, &*choice.outcome, choice.candidates), (0, "strategy", 3));
    let counts: Vec<_> = choice.passed_over.iter().map(|(why, count)| (&**why, *count)).collect();
    assert_eq!(counts, [("cooling", 1), ("full", 1)]);
    let [cooling, full] = choice.first.as_slice() else { panic!("{choice:?}") };
    let names = |id| bench.handle().key(id).unwrap().key.spec.name.clone();
    assert_eq!((names(cooling.key_id), &*cooling.why, cooling.until.is_some()), ("a".into(), "cooling", true));
    assert!(cooling.reason.as_deref().unwrap().starts_with("rate_limited"), "{cooling:?}");
    assert_eq!((names(full.key_id), &*full.why, full.until), ("b".into(), "full", None));
}

#[tokio::test(start_paused = true)]
async fn the_books_say_why_nobody_was_asked() {
    let bench = bench(answering(&[]).on("a", Reply::limited().retry_after_secs(30)), keys(["a"])).await;
    turn(&bench, "one", 0).await;
    turn(&bench, "two", 0).await;

    let outcomes: Vec<_> = bench.records().await.into_iter().map(|record| record.choices[0].outcome.clone()).collect();
    assert_eq!(outcomes, ["resting", "exhausted"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_asked_although_its_line_is_in_trouble_is_told_apart() {
    let upstream = Script::new().on("a", Reply::broken()).on("a", Reply::chat("hello"));
    let bench = bench(upstream, keys(["a"])).await;
    turn(&bench, "one", 0).await;
    assert_eq!(turn(&bench, "two", 0).await.status, 200);

    let choice = bench.records().await.remove(0).choices.remove(0);
    assert_eq!(choice.despite.map(|despite| despite.why.into_owned()).as_deref(), Some("line"));
    assert!(choice.passed_over.is_empty() && choice.first.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_would_happen_is_told_without_a_call() {
    let upstream = answering(&["b"]).on("a", Reply::limited().retry_after_secs(30));
    let off = KeySpec { enabled: false, ..key("off") };
    let denied = KeySpec { models_denied: vec!["gpt-4o*".parse().unwrap()], ..key("denied") };
    let other = KeySpec::new("other", "anthropic", Secret::new("other"));
    let first = KeySpec { priority: 1, ..key("a") };
    let bench = bench(upstream, [first, key("b"), off, denied, other]).await;
    let ask = || bench.handle().explain(&Question::new("gpt-4o-mini", Format::Messages));
    let name = |id| bench.handle().key(id).unwrap().key.spec.name.clone();
    let before = ask();
    assert_eq!(name(before.choice.unwrap().key), "a");

    turn(&bench, "one", 0).await;
    let asked = bench.asked().len();
    let after = ask();
    let chosen = after.choice.unwrap();
    assert_eq!((name(chosen.key), chosen.by, chosen.despite), ("b".into(), By::Strategy, None));
    assert_ne!(chosen.upstream_format, Format::Messages);
    let states: Vec<_> = after.candidates.iter().map(|c| (&*c.name, c.hindrance.as_ref().map(|h| h.state))).collect();
    assert_eq!(states, [("a", Some("cooling")), ("b", None)]);
    let excluded: Vec<_> = after.excluded.iter().map(|key| (&*key.name, key.why)).collect();
    assert_eq!(excluded, [("off", "disabled"), ("denied", "model_denied"), ("other", "model")]);
    assert_eq!(bench.asked().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn what_would_be_refused_is_told_with_when_to_come_back() {
    let bench = bench(answering(&[]).on("a", Reply::limited().retry_after_secs(30)), keys(["a"])).await;
    turn(&bench, "one", 0).await;
    let refused = bench.handle().explain(&Question::new("gpt-4o-mini", Format::Chat)).choice.unwrap_err();
    assert_eq!((refused.outcome, refused.status), ("resting", 429));
    assert_eq!(refused.error.retry_after(), Some(Duration::from_secs(30)));

    let unknown = bench.handle().explain(&Question::new("claude-opus", Format::Chat)).choice.unwrap_err();
    assert_eq!((unknown.outcome, unknown.status), ("unknown_model", 404));
}

#[tokio::test(start_paused = true)]
async fn a_named_conversation_is_foreseen_where_it_is() {
    let bench = bench(answering(&["a", "b", "c"]), keys(["a", "b", "c"])).await;
    let body = json!({"model": "gpt-4o-mini", "messages": []});
    bench.post_with(&[("x-amp-session", "s-1")], "/v1/chat/completions", &body).await;
    let token = bench.handle().tokens()[0].id;
    let session = Some("s-1".to_owned());
    let question = Question { token: Some(token), session, ..Question::new("gpt-4o-mini", Format::Chat) };
    let chosen = bench.handle().explain(&question).choice.unwrap();
    let name = bench.handle().key(chosen.key).unwrap().key.spec.name.clone();
    assert_eq!((vec![name], chosen.by), (bench.asked(), By::Home));
}
