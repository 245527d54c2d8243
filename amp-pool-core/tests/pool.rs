//! The whole stack over a scripted upstream: what clients get, what upstreams see, what the books say.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;

use std::{sync::Arc, time::Duration};

use amp_pool_core::{
    Pool,
    caller::TokenSpec,
    format::Format,
    keys::{KeySpec, KeyState},
    money::NanoUsd,
    route::{RouteCandidate, RouteSpec},
    secret::Secret,
    service::Limits,
    store::{ConfigStore as _, GroupBy, Outcome, TotalsFilter, memory::MemoryStore},
    testkit::{Reply, Script},
    time::Timestamp,
};
use bench::{Bench, Got, TOKEN, body_of, candidate, provider_of, read};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::ServiceExt as _;

#[tokio::test(start_paused = true)]
async fn bytes_leave_and_come_back_in_the_same_allocation() {
    let reply = Reply::chat("hello");
    let upstream = Script::new().on("a", reply.clone());
    let bench = Bench::new(&upstream, &[("a", "openai", 0)]).await;
    let body = Bytes::from_static(br#"{ "model":"gpt-4o-mini", "messages":[], "temperature":1.0, "\u0078":1 }"#);
    let request = http::Request::post("/v1/chat/completions?beta=true")
        .header("x-api-key", TOKEN)
        .body(Full::new(body.clone()))
        .unwrap();

    let mut response = bench.pool.clone().oneshot(request).await.unwrap();
    let mut come_back = Vec::new();
    while let Some(frame) = response.body_mut().frame().await {
        come_back.push(frame.unwrap().into_data().unwrap());
    }

    let sent = upstream.sent().remove(0);
    assert_eq!(sent.uri, "https://api.openai.com/v1/chat/completions?beta=true");
    assert_eq!(
        sent.body.slices().map(|slice| (slice.as_ptr(), slice.len())).collect::<Vec<_>>(),
        [(body.as_ptr(), body.len())]
    );
    let theirs = reply.bytes();
    assert_eq!(come_back, [theirs]);
}

#[tokio::test(start_paused = true)]
async fn frames_of_an_answer_are_not_copied() {
    let pieces: Vec<Bytes> = (0..4)
        .map(|n| Bytes::from(format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{n}\"}}}}]}}\n\n")))
        .collect();
    let mut all = pieces.clone();
    all.push(Bytes::from_static(b"data: [DONE]\n\n"));
    let upstream = Script::new().on("a", Reply::stream(all.clone()));
    let bench = Bench::new(&upstream, &[("a", "openai", 0)]).await;
    let body =
        json!({"model": "gpt-4o-mini", "messages": [], "stream": true, "stream_options": {"include_usage": true}});
    let mut response = bench.start("POST", "/v1/chat/completions", body.to_string().as_bytes()).await;

    let mut pointers = Vec::new();
    while let Some(frame) = response.body_mut().frame().await {
        pointers.push(frame.unwrap().into_data().unwrap().as_ptr());
    }
    assert_eq!(pointers, all.iter().map(|piece| piece.as_ptr()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn every_format_is_passed_through_and_booked_to_the_nano_dollar() {
    for format in Format::ALL {
        for stream in [false, true] {
            let reply = match (format, stream) {
                (_, true) => Reply::words(format, &["a", "b"]),
                (Format::Chat, _) => Reply::chat("ab"),
                (Format::Messages, _) => Reply::message("ab"),
                (Format::Responses, _) => Reply::json(
                    200,
                    &json!({
                        "id": "resp_1", "object": "response", "status": "completed", "output": [],
                        "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
                                  "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15},
                    }),
                ),
            };
            let upstream = Script::new().on("a", reply.clone());
            let bench = Bench::new(&upstream, &[("a", provider_of(format), 0)]).await;
            let (path, body) = body_of(format, stream);

            let got = bench.post(path, &body).await;
            let record = bench.only_record().await;

            assert_eq!(got.status, 200, "{format} {stream}");
            assert_eq!((record.usage.input(), record.usage.output), (10, 5), "{format} {stream}");
            let cost = match format {
                Format::Chat => 10 * 150 + 5 * 600,
                Format::Messages => 10 * 3_000 + 5 * 15_000,
                Format::Responses => 10 * 250 + 5 * 2_000,
            };
            assert_eq!(record.cost, Some(NanoUsd(cost)), "{format} {stream}");
            assert_eq!((record.outcome, record.http_status), (Some(Outcome::Done), Some(200)));
            assert_eq!(got.headers["x-request-id"], record.call.to_string().as_str());
            if !(stream && format == Format::Chat) {
                assert_eq!(got.body, reply.bytes(), "{format} {stream}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn usage_is_asked_for_and_hidden_again_from_a_client_that_did_not_ask() {
    let reply = Reply::words(Format::Chat, &["hello"]);
    let upstream = Script::new().on("a", reply.clone());
    let bench = Bench::new(&upstream, &[("a", "openai", 0)]).await;

    let got = bench.chat_stream().await;
    let sent = upstream.sent().remove(0).body.into_bytes();

    assert_eq!(serde_json::from_slice::<Value>(&sent).unwrap()["stream_options"], json!({"include_usage": true}));
    let all = String::from_utf8(reply.bytes().to_vec()).unwrap();
    let usage = all.split_inclusive("\n\n").find(|event| event.contains("\"choices\":[]")).unwrap();
    assert_eq!(got.text(), all.replace(usage, ""));
    assert_eq!(bench.only_record().await.usage.total(), 15);
}

#[tokio::test(start_paused = true)]
async fn an_alias_is_replaced_in_place_and_nothing_else() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = Bench::new(&upstream, &[("a", "openai", 0)]).await;
    let candidates = vec![RouteCandidate { model: "gpt-4o-mini".into(), provider: None, tier: 0, weight: 1 }];
    bench.handle().add_route(RouteSpec { model: "fast".into(), candidates, ..RouteSpec::default() }).await.unwrap();

    let body = br#"{"temperature": 1.0, "model": "fast", "messages": [ ]}"#;
    read(bench.start("POST", "/v1/chat/completions", body).await).await;

    let sent = upstream.sent().remove(0).body.into_bytes();
    assert_eq!(sent, r#"{"temperature": 1.0, "model": "gpt-4o-mini", "messages": [ ]}"#);
    let record = bench.only_record().await;
    assert_eq!((record.model.as_str(), record.upstream_model.as_deref()), ("fast", Some("gpt-4o-mini")));
}

#[tokio::test(start_paused = true)]
async fn another_key_answers_when_one_fails_before_the_first_byte() {
    let overloaded =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n";
    let cases = [
        (Reply::limited(), "rate_limited"),
        (Reply::refused(), "bad_credential"),
        (Reply::broken(), "upstream_fault"),
        (Reply::error(429, "insufficient_quota", "insufficient_quota", "no money"), "out_of_credit"),
        (Reply::reset(), "network"),
        (Reply::hang(), "network"),
        (Reply::stream([overloaded]), "overloaded"),
        (Reply::stream(Vec::<Bytes>::new()), "upstream_fault"),
    ];
    for (reply, verdict) in cases {
        for format in Format::ALL {
            let upstream = Script::new().on("bad", reply.clone()).on("good", Reply::words(format, &["hello"]));
            let provider = provider_of(format);
            let bench = Bench::new(&upstream, &[("bad", provider, 1), ("good", provider, 0)]).await;
            let (path, body) = body_of(format, true);

            let got = bench.post(path, &body).await;
            let record = bench.only_record().await;

            assert!(got.text().contains("hello"), "{format} {verdict}");
            assert_eq!(upstream.keys_tried(), ["bad", "good"], "{format} {verdict}");
            assert_eq!(Bench::verdicts(&record), [verdict, "answer"], "{format}");
            assert_eq!(record.usage.total(), 15, "{format} {verdict}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_tried_again_after_the_first_byte() {
    for format in Format::ALL {
        for broken in [
            Reply::words(format, &["hel", "lo"]).cut_after(3),
            Reply::words(format, &["hel", "lo"]).cut_after(3).then_break(),
        ] {
            let upstream = Script::new().on("bad", broken).on("good", Reply::words(format, &["never"]));
            let provider = provider_of(format);
            let bench = Bench::new(&upstream, &[("bad", provider, 1), ("good", provider, 0)]).await;
            let (path, body) = body_of(format, true);

            let got = bench.post(path, &body).await;
            let record = bench.only_record().await;

            assert_eq!(upstream.keys_tried(), ["bad"], "{format}");
            assert!(got.text().contains("error"), "{format}: {}", got.text());
            assert!(!got.text().contains("[DONE]") && !got.text().contains("message_stop"), "{format}");
            assert_eq!((record.outcome, record.estimated), (Some(Outcome::Cut), true), "{format}");
            assert!(record.cost.unwrap() > NanoUsd::ZERO, "{format}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_limited_key_cools_for_as_long_as_the_upstream_asked() {
    let upstream = Script::new().on("a", Reply::limited().retry_after_secs(30)).on("b", Reply::chat("hello"));
    let bench = Bench::new(&upstream, &[("a", "openai", 1), ("b", "openai", 0)]).await;

    bench.chat().await;
    bench.chat().await;
    assert_eq!(upstream.keys_tried(), ["a", "b", "b"]);
    let status = &bench.handle().keys()[0].status;
    assert_eq!((status.state, status.models[0].state), (KeyState::Cooling, KeyState::Cooling));
    assert!(status.reason.as_deref().unwrap().starts_with("for `gpt-4o-mini`: rate_limited: 429"));

    tokio::time::advance(Duration::from_secs(31)).await;
    bench.chat().await;
    assert_eq!(upstream.keys_tried()[3], "a");
}

#[tokio::test(start_paused = true)]
async fn when_every_key_rests_the_caller_is_told_for_how_long_and_no_upstream_is_asked() {
    let upstream = Script::new().on("a", Reply::limited().retry_after_secs(30));
    let bench = Bench::new(&upstream, &[("a", "openai", 0)]).await;

    let first = bench.chat().await;
    let second = bench.chat().await;

    for got in [&first, &second] {
        assert_eq!((got.status, &got.headers["retry-after"]), (429, &"30".parse().unwrap()));
        assert_eq!(got.headers["x-should-retry"], "false");
        assert_eq!(got.json()["error"]["code"], "rate_limit_exceeded");
    }
    assert_eq!(upstream.keys_tried().len(), 1);
    assert_eq!(bench.records().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_clients_own_mistake_is_passed_on_as_it_is_and_counts_against_nobody() {
    let reply = Reply::error(400, "invalid_request_error", "context_length_exceeded", "too long");
    let upstream = Script::new().on("a", reply.clone()).on("b", Reply::chat("never"));
    let bench = Bench::new(&upstream, &[("a", "openai", 1), ("b", "openai", 0)]).await;

    let got = bench.chat().await;

    assert_eq!((got.status, &got.body), (400, &reply.bytes()));
    assert_eq!(upstream.keys_tried(), ["a"]);
    assert_eq!(bench.handle().keys()[0].status.state, KeyState::Ready);
    let record = bench.only_record().await;
    assert_eq!((record.outcome, record.cost), (Some(Outcome::Failed), Some(NanoUsd::ZERO)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_is_booked_with_what_it_got() {
    let upstream = Script::new().on("a", Reply::words(Format::Messages, &["hello", "world"]).cut_after(4).then_hang());
    let bench = Bench::new(&upstream, &[("a", "anthropic", 0)]).await;
    let (path, body) = body_of(Format::Messages, true);

    let mut response = bench.start("POST", path, body.to_string().as_bytes()).await;
    for _ in 0..4 {
        response.body_mut().frame().await.unwrap().unwrap();
    }
    drop(response);
    let record = bench.only_record().await;

    assert_eq!((record.outcome, record.estimated), (Some(Outcome::HungUp), true));
    assert_eq!(record.usage.input(), 10);
    assert!(record.usage.output >= 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_before_any_answer_is_booked() {
    let upstream = Script::new().on("a", Reply::hang());
    let bench = Bench::new(&upstream, &[("a", "openai", 0)]).await;

    let call = bench.chat();
    let _ = tokio::time::timeout(Duration::from_secs(5), call).await.map(|_| panic!("it hangs"));
    let record = bench.only_record().await;

    assert_eq!(record.outcome, Some(Outcome::HungUp));
    assert_eq!(record.attempts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_upstream_ends_at_the_idle_limit_with_an_error_event() {
    let upstream = Script::new().on("a", Reply::words(Format::Responses, &["hello"]).cut_after(3).then_hang());
    let bench = Bench::new(&upstream, &[("a", "openai", 0)]).await;
    let (path, body) = body_of(Format::Responses, true);

    let got = bench.post(path, &body).await;

    assert!(got.text().contains("response.failed"), "{}", got.text());
    assert_eq!(bench.only_record().await.outcome, Some(Outcome::Cut));
}

#[tokio::test(start_paused = true)]
async fn the_shares_of_keys_follow_their_weights() {
    let upstream = Script::new().on("a", Reply::chat("x")).on("b", Reply::chat("x"));
    let bench = Bench::new(&upstream, &[("a", "openai", 0), ("b", "openai", 0)]).await;
    let mut heavy = bench.handle().keys()[0].key.spec.clone();
    heavy.weight = 3;
    bench.handle().change_key(bench.handle().keys()[0].key.id, heavy).await.unwrap();

    for _ in 0..8 {
        bench.chat().await;
    }
    assert_eq!(upstream.keys_tried().iter().filter(|key| *key == "a").count(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_translated_is_refused_where_nobody_speaks_its_format() {
    let bench = Bench::new(&Script::new(), &[("a", "anthropic", 0)]).await;
    let got = bench.post("/v1/completions", &json!({"model": "claude-sonnet-4-5", "prompt": "hi"})).await;

    assert_eq!(got.status, 501);
    assert!(got.json()["error"]["message"].as_str().unwrap().contains("messages"), "{}", got.text());
    assert_eq!(bench.records().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn bad_requests_name_the_field_and_open_no_record() {
    let bench = Bench::new(&Script::new(), &[("a", "openai", 0), ("b", "anthropic", 0)]).await;
    let cases: [(&str, &[u8], u16, &str); 7] = [
        ("/v1/chat/completions", b"{\"model\":", 400, "JSON"),
        ("/v1/chat/completions", b"{\"messages\":[]}", 400, "`model` is missing"),
        ("/v1/chat/completions", b"{\"model\":\"gpt-4o-mini\",\"model\":\"b\"}", 400, "model"),
        ("/v1/chat/completions", b"{\"model\":7}", 400, "model"),
        ("/v1/chat/completions", b"{\"model\":\"nobody-serves-this\"}", 404, "nobody-serves-this"),
        ("/v1/messages", b"[]", 400, "object"),
        ("/v1/responses", b"{\"model\":\"nobody-serves-this\"}", 404, "nobody-serves-this"),
    ];
    for (path, body, status, named) in cases {
        let got = read(bench.start("POST", path, body).await).await;
        let body = got.json();
        assert_eq!(got.status, status, "{path} {body}");
        assert!(body["error"]["message"].as_str().unwrap().contains(named), "{path} {body}");
        assert_eq!(body["type"] == "error", path == "/v1/messages", "{path} {body}");
    }
    assert_eq!(bench.records().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_refused() {
    let limits = {
        let mut limits = Limits::default();
        limits.body = 100;
        limits
    };
    let bench = Bench::with_limits(&Script::new(), &[("a", "openai", 0)], limits).await;
    let got = read(bench.start("POST", "/v1/chat/completions", &[b' '; 101]).await).await;
    assert_eq!(got.status, 413);
}

fn gzip(body: &[u8]) -> Bytes {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap().into()
}

async fn post_encoded(bench: &Bench, encoding: &str, body: Bytes) -> Got {
    let request = http::Request::post("/v1/chat/completions")
        .header("x-api-key", TOKEN)
        .header("content-encoding", encoding)
        .body(Full::new(body))
        .unwrap();
    read(bench.pool.clone().oneshot(request).await.unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn a_compressed_request_is_sent_on_as_what_was_in_it() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = Bench::new(&upstream, &[("a", "openai", 0)]).await;
    let body = br#"{"model":"gpt-4o-mini","messages":[]}"#;

    assert_eq!(post_encoded(&bench, "gzip", gzip(body)).await.status, 200);
    let sent = upstream.sent().remove(0);
    assert_eq!((sent.body.into_bytes().as_ref(), sent.headers.get("content-encoding")), (&body[..], None));
}

#[tokio::test(start_paused = true)]
async fn a_compressed_request_is_refused_when_it_is_none_or_too_large_or_strange() {
    let limits = {
        let mut limits = Limits::default();
        limits.body = 1000;
        limits
    };
    let bench = Bench::with_limits(&Script::new(), &[("a", "openai", 0)], limits).await;
    for (encoding, body, status) in [
        ("gzip", Bytes::from_static(b"{}"), 400),
        ("gzip", gzip(&[b' '; 1001]), 413),
        ("br", Bytes::from_static(b"{}"), 400),
    ] {
        let got = post_encoded(&bench, encoding, body).await;
        assert_eq!(got.status, status, "{encoding}: {}", got.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_refused_before_its_body_is_read() {
    let bench = Bench::new(&Script::new(), &[("a", "openai", 0)]).await;
    let body = http_body_util::StreamBody::new(futures::stream::poll_fn(
        |_| -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> { panic!("the body was read") },
    ));
    let request = http::Request::post("/v1/messages").header("x-api-key", "amp-wrong").body(body).unwrap();
    let got = read(bench.pool.clone().oneshot(request).await.unwrap()).await;

    assert_eq!((got.status, &got.json()["error"]["type"]), (401, &json!("authentication_error")));
}

#[tokio::test(start_paused = true)]
async fn models_are_listed_in_the_callers_shape() {
    let bench = Bench::new(&Script::new(), &[("a", "openai", 0), ("b", "anthropic", 0)]).await;
    let open_ai = read(bench.start("GET", "/v1/models", b"").await).await.json();
    let ids: Vec<_> = open_ai["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();

    assert_eq!(open_ai["object"], "list");
    assert!(ids.contains(&"gpt-4o-mini") && ids.contains(&"claude-sonnet-4-5"), "{ids:?}");

    let request = http::Request::get("/v1/models/claude-sonnet-4-5")
        .header("x-api-key", TOKEN)
        .header("anthropic-version", "2023-06-01")
        .body(Full::new(Bytes::new()))
        .unwrap();
    let one = read(bench.pool.clone().oneshot(request).await.unwrap()).await.json();
    assert_eq!((&one["type"], &one["id"]), (&json!("model"), &json!("claude-sonnet-4-5")));
    assert_eq!(bench.records().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_an_upstream_lists_is_listed_where_its_key_takes_any_name() {
    let list = Reply::json(200, &json!({"data": [{"id": "house-1"}, {"id": "house-2"}]}));
    let upstream = Script::new().on("relay", list.clone()).on("vendor", list);
    let mut relay = KeySpec::new("relay", "custom", Secret::new("relay"));
    relay.base_url = Some("https://relay.example".into());
    relay.models_denied = vec!["house-2".parse().unwrap()];
    let keys = [relay.clone(), KeySpec::new("vendor", "anthropic", Secret::new("vendor"))];
    let bench = Bench::of_keys(&upstream, keys, Limits::default()).await;
    let listed = async || {
        let list = read(bench.start("GET", "/v1/models", b"").await).await.json();
        let ids = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned());
        ids.filter(|id| id.starts_with("house")).collect::<Vec<_>>()
    };
    assert!(listed().await.is_empty(), "nobody has asked");
    for view in bench.handle().keys() {
        bench.handle().try_key(view.key.id).await.unwrap();
    }
    assert_eq!(listed().await, ["house-1"], "the other is denied to one key and no name of the other's vendor");
    let one = read(bench.start("GET", "/v1/models/house-1", b"").await).await.json();
    assert_eq!((&one["id"], &one["owned_by"]), (&json!("house-1"), &json!("custom")));

    let id = bench.handle().keys()[0].key.id;
    relay.base_url = Some("https://another.example".into());
    bench.handle().change_key(id, relay).await.unwrap();
    assert!(listed().await.is_empty(), "that was another upstream's list");
}

#[tokio::test(start_paused = true)]
async fn a_client_is_told_which_key_answered_where_that_is_wanted() {
    let refusal = Reply::json(400, &json!({"error": {"message": "no", "type": "invalid_request_error"}}));
    let upstream = Script::new().on("a", Reply::json(500, &json!({}))).on("b", Reply::chat("x")).on("c", refusal);
    for (names_keys, model, expected) in
        [(true, "gpt-4o-mini", Some("b")), (true, "o3", Some("c")), (false, "gpt-4o-mini", None)]
    {
        let pool = Pool::builder().transport(upstream.clone()).naming_keys(names_keys).build().await.unwrap();
        let bench = Bench { pool, upstream: upstream.clone() };
        bench.handle().add_token_with(TokenSpec::named("test"), Secret::new(TOKEN)).await.unwrap();
        for (name, priority, models) in [("a", 1, "gpt-*"), ("b", 0, "gpt-*"), ("c", 0, "o3")] {
            let mut spec = KeySpec::new(name, "openai", Secret::new(name));
            (spec.priority, spec.models) = (priority, vec![models.parse().unwrap()]);
            bench.handle().add_key(spec).await.unwrap();
        }
        let got = bench.post("/v1/chat/completions", &json!({"model": model, "messages": []})).await;
        let named = |id: &http::HeaderValue| {
            let keys = bench.handle().keys();
            keys.into_iter().find(|view| id == view.key.id.to_string().as_str()).unwrap().key.spec.name.clone()
        };
        assert_eq!(got.headers.get("x-amp-key").map(named).as_deref(), expected, "{model}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_limited_to_models_sees_and_uses_only_those() {
    let bench = Bench::new(&Script::new().on("a", Reply::chat("x")), &[("a", "openai", 0)]).await;
    let id = bench.handle().tokens()[0].id;
    let mut spec = TokenSpec::named("test");
    spec.models = vec!["gpt-4o*".parse().unwrap()];
    bench.handle().change_token(id, spec).await.unwrap();

    let got = bench.post("/v1/responses", &json!({"model": "gpt-5-mini", "input": "x"})).await;
    assert_eq!(got.status, 403);
    assert_eq!(bench.chat().await.status, 200);
    let listed = read(bench.start("GET", "/v1/models", b"").await).await.json();
    assert!(listed["data"].as_array().unwrap().iter().all(|m| m["id"].as_str().unwrap().starts_with("gpt-4o")));
}

#[tokio::test(start_paused = true)]
async fn unknown_endpoints_are_passed_on_as_they_are() {
    let reply =
        Reply::json(200, &json!({"object": "list", "data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}}));
    let upstream = Script::new().on("a", reply.clone());
    let bench = Bench::new(&upstream, &[("a", "openai", 0)]).await;

    let got = bench.post("/v1/embeddings?x=1", &json!({"model": "text-embedding-3-small", "input": "hi"})).await;
    let listed = read(bench.start("GET", "/v1/files?limit=2", b"").await).await;

    assert_eq!((got.status, listed.status), (200, 200));
    let uris: Vec<_> = upstream.sent().iter().map(|sent| sent.uri.to_string()).collect();
    assert_eq!(uris, ["https://api.openai.com/v1/embeddings?x=1", "https://api.openai.com/v1/files?limit=2"]);
    assert_eq!(bench.records().await.iter().map(|record| record.usage.input()).collect::<Vec<_>>(), [8, 8]);
}

#[tokio::test(start_paused = true)]
async fn the_books_add_up_to_the_records() {
    let upstream = Script::new().on("a", Reply::limited()).on("b", Reply::chat("hello"));
    let bench = Bench::new(&upstream, &[("a", "openai", 0), ("b", "openai", 0)]).await;
    let calls = (0..20).map(|_| bench.chat());
    futures::future::join_all(calls).await;

    let records = bench.records().await;
    let end = Timestamp::from_millis(i64::MAX / 2);
    let sums =
        bench.handle().totals(TotalsFilter::span(Timestamp::from_millis(0), end), GroupBy::Nothing).await.unwrap();

    assert_eq!(records.len(), 20);
    assert_eq!(sums[0].requests, 20);
    assert_eq!(sums[0].cost, records.iter().filter_map(|record| record.cost).sum());
    assert_eq!(sums[0].usage.total(), records.iter().map(|record| record.usage.total()).sum::<u64>());
}

#[tokio::test(start_paused = true)]
async fn a_draining_pool_refuses_new_calls_and_finishes_old_ones() {
    let upstream = Script::new().on(
        "a",
        Reply::words(Format::Chat, &["hello"]).cut_after(2).pause(Duration::from_secs(1)).piece("data: [DONE]\n\n"),
    );
    let bench = Arc::new(Bench::new(&upstream, &[("a", "openai", 0)]).await);
    let body = json!({"model": "gpt-4o-mini", "messages": [], "stream": true}).to_string();
    let old = bench.start("POST", "/v1/chat/completions", body.as_bytes()).await;

    bench.handle().start_draining();
    let refused = bench.chat().await;
    assert_eq!((refused.status, bench.handle().is_ready()), (503, false));
    assert!(read(old).await.text().ends_with("data: [DONE]\n\n"));
    assert_eq!(bench.only_record().await.outcome, Some(Outcome::Done));
    assert_eq!(bench.upstream.keys_tried(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_stored_key_that_can_not_be_put_in_service_is_shown_with_the_reason() {
    let store = Arc::new(MemoryStore::new());
    store.insert_key(KeySpec::new("old", "gone", Secret::new("sk-1")), Timestamp::from_millis(0)).await.unwrap();
    let pool = Pool::builder().store(store).transport(Script::new()).build().await.unwrap();

    let view = pool.handle().keys().remove(0);
    assert_eq!(view.status.state, KeyState::Disabled);
    assert_eq!(view.status.reason.as_deref(), Some("there is no provider `gone`"));
    assert_eq!(pool.handle().key(view.key.id).unwrap().status, view.status);
}

#[tokio::test(start_paused = true)]
async fn a_later_tier_is_tried_when_nobody_is_left_before_it() {
    let upstream = Script::new().on("first", Reply::broken()).on("second", Reply::chat("hello"));
    let bench = Bench::new(&upstream, &[("second", "openrouter", 9), ("first", "openai", 0)]).await;
    let tiers =
        vec![candidate("gpt-4o-mini", Some("openai"), 0), candidate("openai/gpt-4o-mini", Some("openrouter"), 1)];
    bench
        .handle()
        .add_route(RouteSpec { model: "fast".into(), candidates: tiers, ..RouteSpec::default() })
        .await
        .unwrap();

    let got = bench.post("/v1/chat/completions", &json!({"model": "fast", "messages": []})).await;

    assert_eq!(got.status, 200);
    assert_eq!(upstream.keys_tried(), ["first", "second"]);
    assert_eq!(bench.only_record().await.upstream_model.as_deref(), Some("openai/gpt-4o-mini"));
}

#[tokio::test(start_paused = true)]
async fn a_name_with_a_provider_before_it_goes_to_that_provider() {
    let upstream = Script::new().on("a", Reply::chat("x")).on("b", Reply::chat("x"));
    let bench = Bench::new(&upstream, &[("a", "openai", 9), ("b", "groq", 0)]).await;

    bench.post("/v1/chat/completions", &json!({"model": "groq/llama-3.3-70b-versatile", "messages": []})).await;

    let sent = upstream.sent().remove(0);
    assert_eq!((sent.key.as_str(), sent.uri.host()), ("b", Some("api.groq.com")));
    assert_eq!(sent.body.into_bytes(), r#"{"messages":[],"model":"llama-3.3-70b-versatile"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_not_asked_for_what_it_was_denied_and_one_that_is_off_not_at_all() {
    let upstream = Script::new().on("a", Reply::chat("x")).on("b", Reply::chat("x")).on("c", Reply::chat("x"));
    let bench = Bench::new(&upstream, &[("a", "openai", 9), ("b", "openai", 5), ("c", "openai", 0)]).await;
    let change = |place: usize, change: fn(&mut KeySpec)| {
        let view = bench.handle().keys().remove(place);
        let mut spec = view.key.spec.clone();
        change(&mut spec);
        let handle = bench.handle();
        async move { handle.change_key(view.key.id, spec).await.unwrap() }
    };
    change(0, |spec| spec.models_denied = vec!["gpt-4o*".parse().unwrap()]).await;
    change(1, |spec| spec.enabled = false).await;

    bench.chat().await;
    assert_eq!(upstream.keys_tried(), ["c"]);
    assert_eq!(bench.handle().keys()[1].status.reason.as_deref(), Some("switched off by its operator"));
}

#[tokio::test(start_paused = true)]
async fn a_path_that_climbs_leads_nowhere_and_counts_against_nobody() {
    let bench = Bench::new(&Script::new().on("a", Reply::chat("x")), &[("a", "openai", 0)]).await;

    let got = read(bench.start("GET", "/v1/files/%2e%2e/%2e%2e/admin", b"").await).await;

    assert_eq!((got.status, bench.upstream.keys_tried().len()), (400, 0));
    assert_eq!(bench.handle().keys()[0].status.state, KeyState::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_no_upstream_has_is_unknown_to_the_caller_and_rests_at_the_keys() {
    let missing = Reply::error(404, "invalid_request_error", "model_not_found", "The model does not exist");
    let upstream = Script::new().on("a", missing.clone()).on("b", missing);
    let bench = Bench::new(&upstream, &[("a", "openai", 1), ("b", "openai", 0)]).await;

    let got = bench.chat().await;

    assert_eq!((got.status, &got.json()["error"]["code"]), (404, &json!("model_not_found")));
    assert_eq!(upstream.keys_tried(), ["a", "b"]);
    assert_eq!(Bench::verdicts(&bench.only_record().await), ["model_unavailable", "model_unavailable"]);
    assert!(bench.handle().keys().iter().all(|key| key.status.models[0].model == "gpt-4o-mini"));
}

#[tokio::test(start_paused = true)]
async fn of_several_failures_the_caller_is_told_the_one_that_passes_first() {
    let upstream =
        Script::new().on("a", Reply::broken()).on("b", Reply::limited().retry_after_secs(7)).on("c", Reply::refused());
    let bench = Bench::new(&upstream, &[("a", "openai", 2), ("b", "openai", 1), ("c", "openai", 0)]).await;

    let got = bench.chat().await;

    assert_eq!((got.status, &got.headers["retry-after"]), (429, &"7".parse().unwrap()));
    assert_eq!(upstream.keys_tried(), ["a", "b", "c"]);
}

/// A Chat stream that tells its role with each word, as some servers do.
fn repeating() -> Reply {
    let chunk = |word: &str| {
        let delta = json!({"role": "assistant", "content": word});
        format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]}))
    };
    Reply::stream([chunk("a"), chunk("b"), "data: [DONE]\n\n".to_owned()])
}

#[tokio::test(start_paused = true)]
async fn trap_093_streams_that_break_sdks_are_mended_where_their_provider_is_known_for_it() {
    for (provider, roles) in [("openrouter", 1), ("openai", 2)] {
        let upstream = Script::new().on("a", repeating());
        let bench = Bench::new(&upstream, &[]).await;
        let mut spec = KeySpec::new("a", provider, Secret::new("a"));
        spec.models = vec!["*".parse().unwrap()];
        bench.handle().add_key(spec).await.unwrap();
        let got = bench.chat_stream().await;

        assert_eq!(got.text().matches("\"role\"").count(), roles, "{provider}: {}", got.text());
        assert!(got.text().ends_with("data: [DONE]\n\n"));
        assert_eq!(bench.only_record().await.outcome, Some(Outcome::Done));
    }
}

/// A Messages stream that is an error.
fn overloaded() -> Reply {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    Reply::stream([format!("event: error\ndata: {error}\n\n")])
}

#[tokio::test(start_paused = true)]
async fn trap_066_an_overload_inside_a_good_stream_lets_another_key_answer() {
    let upstream = Script::new().on("a", overloaded()).on("b", Reply::words(Format::Messages, &["hello"]));
    let bench = Bench::new(&upstream, &[("a", "anthropic", 1), ("b", "anthropic", 0)]).await;
    let (path, body) = body_of(Format::Messages, true);
    let got = bench.post(path, &body).await;

    assert!(got.status == 200 && got.text().contains("hello") && !got.text().contains("overloaded"), "{}", got.text());
    assert_eq!(upstream.keys_tried(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn trap_071_a_client_is_told_not_to_try_again_what_was_tried_on_every_key() {
    let upstream = Script::new().on("a", Reply::broken()).on("b", Reply::broken());
    let bench = Bench::new(&upstream, &[("a", "openai", 0), ("b", "openai", 0)]).await;
    let got = bench.chat().await;

    assert_eq!(upstream.keys_tried().len(), 2);
    assert_eq!((got.status, &got.headers["x-should-retry"]), (502, &http::HeaderValue::from_static("false")));
}

#[tokio::test(start_paused = true)]
async fn trap_069_a_base_url_that_names_its_endpoint_is_not_doubled() {
    for base in ["https://relay.example", "https://relay.example/v1/", "https://relay.example/v1/messages"] {
        let upstream = Script::new().on("a", Reply::message("hello"));
        let bench = Bench::new(&upstream, &[]).await;
        let mut spec = KeySpec::new("a", "custom", Secret::new("a"));
        (spec.base_url, spec.formats) = (Some(base.into()), Some(vec![Format::Messages]));
        bench.handle().add_key(spec).await.unwrap();
        let (path, body) = body_of(Format::Messages, false);
        bench.post(path, &body).await;

        assert_eq!(upstream.sent()[0].uri, "https://relay.example/v1/messages", "{base}");
    }
}

#[tokio::test(start_paused = true)]
async fn trap_098_an_alias_is_one_model_in_the_body_in_the_count_and_in_the_books() {
    let upstream = Script::new().on("a", Reply::message("hello"));
    let bench = Bench::new(&upstream, &[("a", "anthropic", 0)]).await;
    let candidates = vec![candidate("claude-haiku-4-5", None, 0)];
    bench.handle().add_route(RouteSpec { model: "fast".into(), candidates, ..RouteSpec::default() }).await.unwrap();
    let body = json!({"model": "fast", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    bench.post("/v1/messages", &body).await;
    bench.post("/v1/messages/count_tokens", &body).await;

    for sent in upstream.sent() {
        let body: Value = serde_json::from_slice(&sent.body.into_bytes()).unwrap();
        assert_eq!(body["model"], "claude-haiku-4-5");
    }
    let records = bench.records().await;
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!((&*record.model, record.upstream_model.as_deref()), ("fast", Some("claude-haiku-4-5")));
        assert!(record.cost.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn trap_101_a_token_is_taken_from_either_carrier_and_the_upstream_gets_its_own() {
    for (name, value) in [("x-api-key", TOKEN.to_owned()), ("authorization", format!("Bearer {TOKEN}"))] {
        let upstream = Script::new().on("a", Reply::message("hello"));
        let bench = Bench::new(&upstream, &[("a", "anthropic", 0)]).await;
        let (path, body) = body_of(Format::Messages, false);
        let request = http::Request::post(path).header(name, value);
        let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
        let got = read(bench.pool.clone().oneshot(request).await.unwrap()).await;

        assert_eq!(got.status, 200, "{name}");
        let headers = &upstream.sent()[0].headers;
        assert_eq!(headers["x-api-key"], "a");
        assert!(!headers.contains_key("authorization"));
    }
}

#[tokio::test(start_paused = true)]
async fn trap_102_a_clients_version_of_messages_stays_and_ours_is_the_one_whose_rules_we_write_by() {
    for (path, body, expected) in [
        ("/v1/messages", body_of(Format::Messages, false).1, "2026-10-21"),
        (
            "/v1/chat/completions",
            json!({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]}),
            "2023-06-01",
        ),
    ] {
        let upstream = Script::new().on("a", Reply::message("hello"));
        let bench = Bench::new(&upstream, &[("a", "anthropic", 0)]).await;
        let request = http::Request::post(path).header("x-api-key", TOKEN).header("anthropic-version", "2026-10-21");
        let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
        assert_eq!(read(bench.pool.clone().oneshot(request).await.unwrap()).await.status, 200);

        assert_eq!(upstream.sent()[0].headers["anthropic-version"], expected, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn trap_068_betas_of_one_format_are_not_named_to_another() {
    let upstream = Script::new().on("a", Reply::words(Format::Responses, &["hello"])).on("b", Reply::message("hello"));
    for (key, provider, expected) in [("a", "openai", None), ("b", "anthropic", Some("context-1m-2025-08-07"))] {
        let bench = Bench::new(&upstream, &[(key, provider, 0)]).await;
        let model = if key == "a" { "gpt-4o-mini" } else { "claude-sonnet-4-5" };
        let body = json!({"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
        let request = http::Request::post("/v1/messages").header("x-api-key", TOKEN);
        let request = request.header("anthropic-beta", "context-1m-2025-08-07");
        let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
        assert_eq!(read(bench.pool.clone().oneshot(request).await.unwrap()).await.status, 200);

        let sent = upstream.sent().pop().unwrap();
        assert_eq!(sent.headers.get("anthropic-beta").map(|beta| beta.to_str().unwrap()), expected, "{provider}");
    }
}

/// What a client gets of a stream whose last event is cut in two anywhere.
async fn said_in_pieces(key: &str, first: &str, last: &str, at: usize) -> String {
    let (one, other) = last.split_at(at);
    let pieces = [first, one, other].into_iter().filter(|piece| !piece.is_empty()).map(str::to_owned);
    let upstream = Script::new().on(key, Reply::stream(pieces));
    let bench = Bench::new(&upstream, &[(key, "openai", 0)]).await;
    let (path, body) = body_of(Format::Chat, true);
    bench.post(path, &body).await.text().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_an_upstream_repeats_in_pieces_goes_to_nobody() {
    let key = "sk-planted-sk-0123456789";
    let word = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"task\"},\"finish_reason\":null}]}\n\n";
    let error =
        format!("data: {{\"error\":{{\"message\":\"no such key: {key}, task\",\"type\":\"server_error\"}}}}\n\n");
    let whole = said_in_pieces(key, word, &error, 0).await;
    assert!(whole.contains("no such key: [redacted], task"), "{whole}");
    for at in 1..error.len() {
        assert_eq!(said_in_pieces(key, word, &error, at).await, whole, "cut at {at}");
    }
    let good = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ask-plant s\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    for at in 0..good.len() {
        assert_eq!(said_in_pieces(key, word, good, at).await, format!("{word}{good}"), "cut at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_a_whole_answer_repeats_goes_to_nobody() {
    let key = "sk-planted-sk-0123456789";
    let answer = Reply::chat(&format!("I was asked with {key}, a task, sk-planted-sk and {key}"));
    let said = String::from_utf8(answer.bytes().to_vec()).unwrap();
    let expected = said.replace(key, &"*".repeat(key.len()));
    let got = async |reply: Reply, path: &str, body: Value| {
        let upstream = Script::new().on(key, reply);
        let mut spec = KeySpec::new(key, "openai", Secret::new(key));
        spec.formats = Some(vec![Format::Chat]);
        let bench = Bench::of_keys(&upstream, [spec], Limits::default()).await;
        let response = bench.start("POST", path, body.to_string().as_bytes()).await;
        let length = http_body::Body::size_hint(response.body()).exact();
        let got = read(response).await;
        let booked = bench.records().await.remove(0);
        assert_eq!((booked.usage.output, booked.outcome), (5, Some(Outcome::Done)));
        (got.text().to_owned(), length)
    };
    let chat = || json!({"model": "gpt-4o-mini", "messages": []});
    for at in 0..said.len() {
        let (one, other) = said.split_at(at);
        let pieces: Vec<String> =
            [one, other].into_iter().filter(|piece| !piece.is_empty()).map(str::to_owned).collect();
        let known = pieces.iter().cloned().fold(answer.clone().cut_after(0), Reply::piece);
        let (text, length) = got(known.clone(), "/v1/chat/completions", chat()).await;
        assert_eq!((text, length), (expected.clone(), Some(said.len() as u64)), "cut at {at}");
        let unknown = Reply::stream(pieces).header("content-type", "application/json");
        assert_eq!(got(unknown, "/v1/chat/completions", chat()).await.0, expected, "cut at {at}, of no known length");
    }
    let message = json!({"model": "gpt-4o-mini", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    let translated = got(answer, "/v1/messages", message).await.0;
    assert!(!translated.contains(key) && translated.contains("********"), "{translated}");
}

#[tokio::test(start_paused = true)]
async fn what_people_call_the_key_of_a_machine_of_their_own_may_be_said() {
    let bench =
        Bench::new(&Script::new().on("sk-no-key", Reply::chat("api_key=sk-no-key")), &[("sk-no-key", "openai", 0)])
            .await;
    assert!(bench.chat().await.text().contains("api_key=sk-no-key"));
}
