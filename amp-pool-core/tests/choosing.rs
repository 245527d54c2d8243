//! Which key a call goes to: conversations, limits, strategies, and what is held against whom.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use amp_pool_core::{
    Handle, Pool,
    caller::TokenSpec,
    keys::{Caps, KeySpec, KeyState},
    route::{RouteCandidate, RouteSpec, Strategy},
    secret::Secret,
    service::PoolBody,
    testkit::{Reply, Script},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const TOKEN: &str = "amp-test-token-0123456789";

struct Bench {
    pool: Pool,
    upstream: Script,
}

fn key(name: &str) -> KeySpec {
    KeySpec::new(name, "openai", Secret::new(name))
}

/// Keys by their names, all alike.
fn keys<const N: usize>(names: [&str; N]) -> [KeySpec; N] {
    names.map(key)
}

impl Bench {
    async fn new(upstream: Script, keys: impl IntoIterator<Item = KeySpec>) -> Self {
        let pool = Pool::builder().transport(upstream.clone()).build().await.unwrap();
        pool.handle().add_token_with(TokenSpec::named("test"), Secret::new(TOKEN)).await.unwrap();
        for key in keys {
            pool.handle().add_key(key).await.unwrap();
        }
        Self { pool, upstream }
    }

    fn handle(&self) -> Handle {
        self.pool.handle()
    }

    fn state(&self, name: &str) -> KeyState {
        self.handle().keys().into_iter().find(|view| view.key.spec.name == name).unwrap().status.state
    }

    async fn begin(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> http::Response<PoolBody> {
        let mut request = http::Request::post(path).header("authorization", format!("Bearer {TOKEN}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::from(body.to_string()));
        self.pool.clone().oneshot(request.body(body).unwrap()).await.unwrap()
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> http::Response<Bytes> {
        let (head, body) = self.begin(path, headers, body).await.into_parts();
        http::Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    /// A turn of the conversation that begins with `first`.
    async fn turn(&self, first: &str, more: usize) -> http::Response<Bytes> {
        let mut messages = vec![json!({"role": "user", "content": first})];
        messages.extend((0..more).map(|n| json!({"role": "assistant", "content": n.to_string()})));
        self.post("/v1/chat/completions", &[], &json!({"model": "gpt-4o-mini", "messages": messages})).await
    }

    /// The keys that were asked, by their names.
    fn asked(&self) -> Vec<String> {
        self.upstream.keys_tried()
    }
}

fn answering(names: &[&str]) -> Script {
    names.iter().fold(Script::new(), |script, name| script.on(name, Reply::chat("hello")))
}

#[tokio::test(start_paused = true)]
async fn a_conversation_stays_on_the_key_where_it_began() {
    let bench = Bench::new(answering(&["a", "b", "c"]), keys(["a", "b", "c"])).await;
    for first in ["one", "two", "three", "four", "five"] {
        let begun = bench.asked().len();
        for turn in 0..6 {
            bench.turn(first, turn).await;
        }
        let asked = &bench.asked()[begun..];
        assert!(asked.iter().all(|key| *key == asked[0]), "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn first_turns_are_spread_by_weight() {
    let heavy = KeySpec { weight: 3, ..key("heavy") };
    let bench = Bench::new(answering(&["heavy", "light"]), [heavy, key("light")]).await;
    for _ in 0..8 {
        bench.turn("the same words", 0).await;
    }
    let light = bench.asked().iter().filter(|key| *key == "light").count();
    assert_eq!(light, 2);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_leaves_a_key_that_rests_and_stays_where_it_went() {
    let a = [Reply::chat("hello"), Reply::limited().retry_after_secs(30), Reply::chat("hello")];
    let upstream = a.into_iter().fold(answering(&["b"]), |script, reply| script.on("a", reply));
    let bench = Bench::new(upstream, keys(["a", "b"])).await;
    for turn in 0..2 {
        bench.turn("one", turn).await;
    }
    tokio::time::advance(Duration::from_secs(31)).await;
    bench.turn("one", 2).await;

    assert_eq!(bench.asked(), ["a", "a", "b", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_client_names_has_one_key_whatever_it_says() {
    let bench = Bench::new(answering(&["a", "b", "c"]), keys(["a", "b", "c"])).await;
    for words in ["one", "two", "three", "four"] {
        let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": words}]});
        bench.post("/v1/chat/completions", &[("x-amp-session", "s-1")], &body).await;
    }
    let asked = bench.asked();
    assert!(asked.iter().all(|key| *key == asked[0]), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_goes_on_from_an_answer_goes_where_that_answer_is() {
    let answer =
        |id: &str| Reply::json(200, &json!({"id": id, "object": "response", "status": "completed", "output": []}));
    let upstream = Script::new().on("a", answer("resp_a")).on("b", answer("resp_b"));
    let bench = Bench::new(upstream, keys(["a", "b"])).await;
    for words in ["one", "two"] {
        bench.post("/v1/responses", &[], &json!({"model": "gpt-5-mini", "input": words})).await;
    }
    for id in ["resp_b", "resp_a", "resp_b"] {
        let body = json!({"model": "gpt-5-mini", "previous_response_id": id, "input": "more"});
        bench.post("/v1/responses", &[], &body).await;
    }
    assert_eq!(bench.asked()[2..], ["b", "a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_allows_is_never_passed_and_the_caller_hears_when_to_come_back() {
    let limited = |name| KeySpec { limits: Caps { rpm: Some(2), ..Caps::default() }, ..key(name) };
    let bench = Bench::new(answering(&["a", "b"]), [limited("a"), limited("b")]).await;
    for n in 0..4 {
        assert_eq!(bench.turn(&n.to_string(), 0).await.status(), 200);
    }
    let refused = bench.turn("5", 0).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "65");
    assert!(String::from_utf8_lossy(refused.body()).contains("requests"));
    assert_eq!(bench.asked().len(), 4);

    tokio::time::advance(Duration::from_secs(65)).await;
    assert_eq!(bench.turn("6", 0).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn calls_at_a_time_are_counted_to_the_end_of_the_answer() {
    let one = KeySpec { limits: Caps { concurrency: Some(1), ..Caps::default() }, ..key("a") };
    let slow = Reply::words(amp_pool_core::format::Format::Chat, &["hello"])
        .pause(Duration::from_secs(5))
        .piece("data: [DONE]\n\n");
    let bench = Bench::new(Script::new().on("a", slow), [one]).await;
    let body = json!({"model": "gpt-4o-mini", "messages": [], "stream": true});
    let stream = bench.begin("/v1/chat/completions", &[], &body).await;
    assert_eq!(bench.turn("two", 0).await.status(), 429);
    drop(stream);
    assert_eq!(bench.begin("/v1/chat/completions", &[], &body).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_says_it_has_nothing_left_is_not_asked() {
    let spent = Reply::chat("hello")
        .header("x-ratelimit-limit-requests", "60")
        .header("x-ratelimit-remaining-requests", "0")
        .header("x-ratelimit-reset-requests", "20s");
    let upstream = Script::new().on("a", spent).on("b", Reply::chat("hello"));
    let bench = Bench::new(upstream, [KeySpec { priority: 1, ..key("a") }, key("b")]).await;
    for n in 0..3 {
        bench.turn(&n.to_string(), 0).await;
    }
    tokio::time::advance(Duration::from_secs(21)).await;
    bench.turn("4", 0).await;

    assert_eq!(bench.asked(), ["a", "b", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn keys_of_one_account_rest_together() {
    let of = |name| KeySpec { account: Some("org".into()), ..key(name) };
    let upstream = Script::new()
        .on("a", Reply::limited().retry_after_secs(30))
        .on("b", Reply::chat("hello"))
        .on("other", Reply::chat("hello"));
    let bench = Bench::new(upstream, [of("a"), of("b"), KeySpec { priority: -1, ..key("other") }]).await;
    bench.turn("one", 0).await;

    assert_eq!(bench.asked(), ["a", "other"]);
    assert_eq!((bench.state("b"), bench.state("other")), (KeyState::Cooling, KeyState::Ready));
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_refuses_every_credential_disables_none() {
    let names: Vec<_> = (0..12).map(|n| format!("k{n}")).collect();
    let refusing = names.iter().fold(Script::new(), |script, name| script.on(name, Reply::refused()));
    let bench = Bench::new(refusing, names.iter().map(|name| key(name))).await;
    for n in 0..10 {
        assert_ne!(bench.turn(&n.to_string(), 0).await.status(), 200);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(names.iter().all(|name| bench.state(name) != KeyState::Disabled));
    for name in &names {
        let _ = bench.upstream.clone().on(name, Reply::chat("hello"));
    }
    // Each still refuses once more.
    let mut answered = 0;
    for n in 0..20 {
        answered += u32::from(bench.turn(&n.to_string(), 0).await.status() == 200);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(answered >= 12, "{answered} of 20 in the time in which it has to heal");
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_fails_gets_hardly_more_calls_than_its_callers_make() {
    let names: Vec<_> = (0..30).map(|n| format!("k{n}")).collect();
    let failing = names.iter().fold(Script::new(), |script, name| script.on(name, Reply::broken()));
    let bench = Bench::new(failing, names.iter().map(|name| key(name))).await;
    for n in 0..200 {
        assert_ne!(bench.turn(&n.to_string(), 0).await.status(), 200);
    }
    let calls = bench.asked().len();
    assert!((200..=200 + 40 + 10).contains(&calls), "{calls} calls for 200");
}

#[tokio::test(start_paused = true)]
async fn a_strategy_decides_among_equals() {
    let bench = Bench::new(answering(&["a", "b"]), keys(["a", "b"])).await;
    let candidates = vec![RouteCandidate { model: "gpt-4o-mini".into(), provider: None, tier: 0, weight: 1 }];
    let strategy = Strategy::FillFirst;
    let route = RouteSpec { model: "fast".into(), candidates, strategy, ..RouteSpec::default() };
    bench.handle().add_route(route).await.unwrap();
    for n in 0..3 {
        let body = json!({"model": "fast", "messages": [{"role": "user", "content": n.to_string()}]});
        bench.post("/v1/chat/completions", &[], &body).await;
    }
    assert_eq!(bench.asked(), ["a", "a", "a"]);
}
