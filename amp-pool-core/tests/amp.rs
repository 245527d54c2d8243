//! Amp: keys of it as upstreams, and clients that speak its layout.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;

use amp_pool_core::{
    keys::{KeySpec, KeyState},
    secret::Secret,
    service::Limits,
    testkit::{Reply, Script, Sent},
    usage::Usage,
};
use bench::Bench;
use serde_json::{Value, json};

fn key(name: &str, provider: &str) -> KeySpec {
    KeySpec::new(name, provider, Secret::new(name))
}

async fn bench(upstream: &Script, keys: impl IntoIterator<Item = KeySpec>) -> Bench {
    Bench::of_keys(upstream, keys, Limits::default()).await
}

/// What reached the upstream of one key of Amp for a call.
async fn sent(path: &str, headers: &[(&str, &str)], body: &Value) -> Sent {
    let upstream = Script::new().otherwise(|_| Reply::json(200, &json!({})));
    let bench = bench(&upstream, [key("sgamp_1", "amp")]).await;
    let got = bench.post_with(headers, path, body).await;
    assert_eq!(got.status, 200, "{}", got.text());
    upstream.sent().remove(0)
}

#[tokio::test(start_paused = true)]
async fn each_model_is_asked_for_at_its_place_with_both_headers() {
    for (path, model, expected) in [
        ("/v1/messages", "claude-opus-4-8", "anthropic/v1/messages"),
        ("/v1/chat/completions", "gpt-5", "openai/v1/chat/completions"),
        ("/v1/responses", "gpt-5.3-codex", "openai/v1/responses"),
        ("/v1/chat/completions", "grok-4.6", "xai/v1/chat/completions"),
        ("/v1/chat/completions", "accounts/fireworks/models/glm-5", "fireworks/v1/chat/completions"),
        ("/v1/chat/completions", "moonshotai/Kimi-K2.5", "baseten/v1/chat/completions"),
        ("/v1/chat/completions", "openai/gpt-oss-120b", "groq/chat/completions"),
        ("/v1/chat/completions", "kimi-k3", "kimi/chat/completions"),
        ("/v1/chat/completions", "gpt-oss-120b", "cerebras/v1/chat/completions"),
        ("/v1/embeddings", "gpt-embed", "openai/v1/embeddings"),
    ] {
        let sent = sent(path, &[], &json!({"model": model, "messages": [], "max_tokens": 9})).await;
        assert_eq!(sent.uri, *format!("https://ampcode.com/api/provider/{expected}"), "{model}");
        assert_eq!(
            (&sent.headers["authorization"], &sent.headers["x-api-key"]),
            (&"Bearer sgamp_1".parse::<http::HeaderValue>().unwrap(), &"sgamp_1".parse::<http::HeaderValue>().unwrap())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_its_own_client_says_of_itself_is_passed_on_and_said_for_others() {
    let body = json!({"model": "claude-opus-4-8", "messages": [], "max_tokens": 9});
    let own = [("x-amp-client-application", "CLI Execute Mode"), ("x-amp-thread-id", "T-1"), ("cookie", "a=b")];
    let said = sent("/api/provider/anthropic/v1/messages", &own, &body).await;
    let of = |name: &str| said.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(of("x-amp-client-application"), Some("CLI Execute Mode"));
    assert_eq!((of("x-amp-thread-id"), of("cookie")), (Some("T-1"), None));
    assert_eq!((of("x-amp-feature"), of("x-amp-client-type")), (Some("amp.chat"), Some("cli")));
    assert_eq!(of("anthropic-version"), Some("2023-06-01"));

    let upstream = Script::new().on("a", Reply::message("hello"));
    let bench = bench(&upstream, [key("a", "anthropic")]).await;
    bench.post_with(&own, "/v1/messages", &body).await;
    assert!(upstream.sent()[0].headers.keys().all(|name| !name.as_str().starts_with("x-amp")));
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_is_gone_is_the_upstreams_trouble_and_no_bad_key() {
    let gone = Reply::json(404, &json!({"error": "Not Found"}));
    let upstream = Script::new().on("sgamp_1", gone).on("a", Reply::message("hello"));
    let bench = bench(&upstream, [KeySpec { priority: 1, ..key("sgamp_1", "amp") }, key("a", "anthropic")]).await;
    let body = json!({"model": "claude-opus-4-8", "messages": [], "max_tokens": 9});
    assert_eq!(bench.post("/v1/messages", &body).await.status, 200);

    let view = bench.handle().keys().remove(0);
    let reason = view.status.reason.unwrap();
    assert_eq!(view.status.state, KeyState::Cooling);
    assert!(
        reason.starts_with("the way to the upstream: upstream_fault: this upstream no longer offers the API"),
        "{reason}"
    );
}

/// The same reply as a gzip file, of which nothing is said, in two pieces.
fn packed(status: u16, plain: &Reply) -> Reply {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, &plain.bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let (before, behind) = packed.split_at(20);
    let length = packed.len().to_string();
    let reply = Reply::json(status, &json!(0)).cut_after(0).header("content-length", &length);
    reply.piece(before.to_vec()).piece(behind.to_vec())
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_packed_without_a_word_is_read_as_any_other() {
    let plain = Reply::message("hello");
    let upstream = Script::new().on("sgamp_1", packed(200, &plain));
    let bench = bench(&upstream, [key("sgamp_1", "amp")]).await;
    let body = json!({"model": "claude-opus-4-8", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9});

    let got = bench.post("/v1/messages", &body).await;
    assert_eq!((got.status, got.text().as_bytes()), (200, &*plain.bytes()));
    let got = bench.post("/v1/chat/completions", &body).await;
    assert_eq!(got.json()["choices"][0]["message"]["content"], "hello");
    let usage = Usage { uncached_input: 10, output: 5, ..Usage::default() };
    assert!(bench.records().await.iter().all(|record| record.usage == usage && !record.estimated));
}

#[tokio::test(start_paused = true)]
async fn a_packed_error_is_judged_by_what_it_says_and_a_damaged_answer_is_none() {
    let broke = json!({"error": {"code": "insufficient-credits", "message": "no"}});
    let body = json!({"model": "claude-opus-4-8", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9});
    for (reply, state) in [
        (packed(400, &Reply::json(400, &broke)), KeyState::OutOfCredit),
        (packed(200, &Reply::message("hello")).cut_after(1), KeyState::Cooling),
    ] {
        let upstream = Script::new().on("sgamp_1", reply).on("a", Reply::message("hello"));
        let bench = bench(&upstream, [KeySpec { priority: 1, ..key("sgamp_1", "amp") }, key("a", "anthropic")]).await;
        assert_eq!(bench.post("/v1/messages", &body).await.json()["content"][0]["text"], "hello");
        assert_eq!(bench.handle().keys()[0].status.state, state);
    }
}

#[tokio::test(start_paused = true)]
async fn clients_of_its_layout_are_served_as_all_others() {
    let upstream = Script::new().on("a", Reply::message("hello")).on("o", Reply::chat("hello"));
    let bench = bench(&upstream, [key("a", "anthropic"), key("o", "openai")]).await;
    for (path, model, host) in [
        ("/api/provider/anthropic/v1/messages", "claude-opus-4-8", "api.anthropic.com"),
        ("/api/provider/openai/v1/chat/completions", "gpt-5", "api.openai.com"),
        ("/api/provider/openai/chat/completions", "gpt-5", "api.openai.com"),
    ] {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9});
        let got = bench.post(path, &body).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        assert_eq!(upstream.sent().pop().unwrap().uri.host(), Some(host));
    }
    let models = bench::read(bench.start("GET", "/api/provider/openai/v1/models", b"").await).await;
    assert_eq!(models.json()["object"], "list");
    let endpoints: Vec<_> = bench.records().await.into_iter().map(|record| record.endpoint).collect();
    assert_eq!(endpoints, ["chat_completions", "chat_completions", "messages"]);
    assert_eq!(bench.post("/api/provider/openai/v1/chat/completions", &json!({"model": "none"})).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn keys_of_the_provider_that_was_named_come_first_and_others_behind_them() {
    let upstream = Script::new().on("o", Reply::chat("hello")).on("r", Reply::chat("hello"));
    let relay = KeySpec { priority: 9, base_url: Some("https://relay.example".into()), ..key("r", "custom") };
    let bench = bench(&upstream, [relay, key("o", "openai")]).await;
    let body = json!({"model": "gpt-5", "messages": []});
    bench.post("/v1/chat/completions", &body).await;
    bench.post("/api/provider/openai/v1/chat/completions", &body).await;
    bench.post("/api/provider/xai/v1/chat/completions", &body).await;
    assert_eq!(bench.asked(), ["r", "o", "r"]);

    let _ = upstream.clone().on("o", Reply::limited().retry_after_secs(60));
    bench.post("/api/provider/openai/v1/chat/completions", &body).await;
    assert_eq!(bench.asked()[3..], ["o"]);
    bench.post("/api/provider/openai/v1/chat/completions", &body).await;
    assert_eq!(bench.asked()[4..], ["o", "r"]);
}

const GOOGLE: &str = "/api/provider/google/v1beta1/publishers/google/models/gemini-3-pro";

fn generated() -> Value {
    json!({"candidates": [{"content": {"parts": [{"text": "hello"}]}, "finishReason": "STOP"}],
           "usageMetadata": {"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 5,
                             "thoughtsTokenCount": 2, "totalTokenCount": 17}})
}

#[tokio::test(start_paused = true)]
async fn googles_own_format_is_passed_on_to_who_speaks_it_and_counted() {
    let stream = Reply::stream([format!("data: {}\r\n\r\n", generated())]);
    let upstream = Script::new().on("sgamp_1", Reply::json(200, &generated())).on("g", stream);
    let amp = KeySpec { priority: 1, ..key("sgamp_1", "amp") };
    let bench = bench(&upstream, [amp, key("g", "gemini"), key("o", "openai")]).await;
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});

    let whole = bench.post(&format!("{GOOGLE}:generateContent"), &body).await;
    assert_eq!((whole.status, whole.json()), (200, generated()));
    bench
        .handle()
        .change_key(bench.handle().keys()[0].key.id, KeySpec { enabled: false, ..key("sgamp_1", "amp") })
        .await
        .unwrap();
    let streamed = bench.post(&format!("{GOOGLE}:streamGenerateContent?alt=sse"), &body).await;
    assert_eq!(streamed.status, 200, "{}", streamed.text());

    let urls: Vec<_> = upstream.sent().iter().map(|sent| sent.uri.to_string()).collect();
    let own = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse";
    assert_eq!(urls, [format!("https://ampcode.com{GOOGLE}:generateContent"), own.to_owned()]);
    assert_eq!(upstream.sent()[1].headers["x-goog-api-key"], "g");
    let usage = Usage { uncached_input: 6, cache_read: 4, output: 7, reasoning: Some(2), ..Usage::default() };
    for record in bench.records().await {
        assert_eq!((record.usage, &*record.model, &*record.endpoint), (usage, "gemini-3-pro", "google"));
        assert_eq!(record.outcome.map(amp_pool_core::store::Outcome::as_str), Some("done"));
    }
    let unknown = bench.post(&GOOGLE.replace("gemini-3-pro", "gpt-5:generateContent"), &body).await;
    assert_eq!(unknown.status, 404);
}
