//! Translated calls over a scripted upstream.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;

use std::time::Duration;

use amp_pool_core::{
    caller::TokenSpec,
    format::{Format, LossKind, Policy},
    keys::KeySpec,
    route::RouteSpec,
    secret::Secret,
    service::Limits,
    store::{Outcome, Side, StoredRecord},
    testkit::{Reply, Script, Sent},
};
use bench::{Bench, Got, asking, body_of, candidate, only_speaking, pairs, read, whole};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn every_client_is_served_over_every_upstream() {
    for (client, upstream_format) in pairs() {
        for stream in [false, true] {
            let reply =
                if stream { Reply::words(upstream_format, &["hel", "lo"]) } else { whole(upstream_format, "hello") };
            let upstream = Script::new().on("a", reply);
            let bench = only_speaking(&upstream, upstream_format).await;
            let (path, body) = asking(client, stream);

            let got = bench.post(path, &body).await;
            let record = bench.only_record().await;
            let what = format!("{client} over {upstream_format}, stream {stream}: {}", got.text());

            assert_eq!(got.status, 200, "{what}");
            let (kind, words) =
                if stream { ("text/event-stream", ["hel", "lo"]) } else { ("application/json", ["hello"; 2]) };
            assert_eq!(got.headers["content-type"], kind, "{what}");
            assert!(words.iter().all(|word| got.text().contains(word)), "{what}");
            assert!(!got.text().contains("\"error\":{"), "{what}");
            assert_eq!(upstream.sent()[0].uri.path(), asking(upstream_format, stream).0, "{what}");
            let upstreams = record.upstream_format.as_deref();
            assert_eq!(
                (record.format.as_str(), upstreams),
                (client.as_str(), Some(upstream_format.as_str())),
                "{what}"
            );
            assert_eq!((record.usage.input(), record.usage.output), (10, 5), "{what}");
            assert_eq!(record.outcome, Some(Outcome::Done), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_translated_stream_that_breaks_off_ends_in_an_error_of_the_clients_format() {
    for (client, upstream_format) in pairs() {
        let broken = Reply::words(upstream_format, &["hel", "lo"]).cut_after(4).then_break();
        let bench = only_speaking(&Script::new().on("a", broken), upstream_format).await;
        let (path, body) = asking(client, true);

        let got = bench.post(path, &body).await;
        let record = bench.only_record().await;
        let what = format!("{client} over {upstream_format}: {}", got.text());

        assert!(got.text().contains("error"), "{what}");
        for end in ["[DONE]", "message_stop", "response.completed"] {
            assert!(!got.text().contains(end), "{what}");
        }
        assert_eq!((record.outcome, record.estimated), (Some(Outcome::Cut), true), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_translated_is_refused_before_anything_is_sent() {
    let upstream = Script::new().on("a", Reply::message("never"));
    let bench = only_speaking(&upstream, Format::Messages).await;
    let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": [{"type": "hologram"}]}]});

    let got = bench.post("/v1/chat/completions", &body).await;

    assert_eq!(got.status, 400, "{}", got.text());
    assert!(got.json()["error"]["param"].as_str().unwrap().starts_with("messages"), "{}", got.text());
    assert_eq!(upstream.sent().len(), 0);
    assert_eq!(bench.only_record().await.outcome, Some(Outcome::Failed));
}

#[tokio::test(start_paused = true)]
async fn the_code_of_a_refusal_reaches_the_client() {
    let bench = only_speaking(&Script::new().on("a", Reply::message("never")), Format::Chat).await;

    let stored = json!({"model": "gpt-4o-mini", "input": "hi", "previous_response_id": "resp_1"});
    let got = bench.post("/v1/responses", &stored).await;
    assert_eq!(got.json()["error"]["code"], "unsupported_parameter", "{}", got.text());

    let hi = json!([{"role": "user", "content": "hi"}]);
    let threaded = json!({"model": "gpt-4o-mini", "max_tokens": 9, "messages": hi, "thread": {"id": "t"}});
    let got = bench.post("/v1/messages", &threaded).await;
    assert_eq!(got.json()["error"]["details"]["error_code"], "thread_unsupported_request", "{}", got.text());
}

#[tokio::test(start_paused = true)]
async fn a_translated_call_without_a_word_is_refused() {
    let bench = only_speaking(&Script::new().on("a", Reply::message("never")), Format::Messages).await;

    let got = bench.post("/v1/chat/completions", &json!({"model": "gpt-4o-mini", "messages": []})).await;

    assert_eq!((got.status, &got.json()["error"]["param"]), (400, &json!("messages")), "{}", got.text());
    assert_eq!(bench.upstream.sent().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_on_a_translated_answer_is_booked_with_what_came() {
    let slow = Reply::words(Format::Messages, &["hello", "world"]).cut_after(4).then_hang();
    let bench = only_speaking(&Script::new().on("a", slow), Format::Messages).await;
    let (path, body) = asking(Format::Chat, false);

    let call = bench.post(path, &body);
    assert!(tokio::time::timeout(Duration::from_secs(5), call).await.is_err());
    let record = bench.only_record().await;

    assert_eq!((record.outcome, record.estimated, record.usage.input()), (Some(Outcome::HungUp), true, 10));
    assert!(record.usage.output >= 2);
}

#[tokio::test(start_paused = true)]
async fn a_whole_translated_answer_that_breaks_off_is_an_error_and_booked_as_cut() {
    for (client, upstream_format) in pairs() {
        let cut = Reply::words(upstream_format, &["hel", "lo"]).cut_after(4).then_break();
        let bench = only_speaking(&Script::new().on("a", cut), upstream_format).await;
        let (path, body) = asking(client, false);

        let got = bench.post(path, &body).await;
        let record = bench.only_record().await;

        assert!(got.status >= 500, "{client} over {upstream_format}: {} {}", got.status, got.text());
        assert_eq!((record.outcome, record.estimated), (Some(Outcome::Cut), true), "{client} over {upstream_format}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_told_beside_the_answer() {
    let bench = only_speaking(&Script::new().on("a", Reply::message("hello")), Format::Messages).await;
    let turns = json!([{"role": "user", "content": "hi"}]);
    let body = json!({"model": "gpt-4o-mini", "messages": turns, "seed": 7});

    let got = bench.post("/v1/chat/completions", &body).await;

    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.headers["x-amp-dropped"].to_str().unwrap().contains("seed"));
}

/// Words that Messages has no place for.
fn seeded(stream: bool) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "seed": 7, "stream": stream})
}

#[tokio::test(start_paused = true)]
async fn a_strict_token_refuses_what_would_be_lost_before_anything_is_sent() {
    let upstream = Script::new().on("a", Reply::message("hello"));
    let bench = only_speaking(&upstream, Format::Messages).await;
    let token = bench.handle().tokens().remove(0);
    let strict = TokenSpec { strict_translation: true, ..token.spec };
    bench.handle().change_token(token.id, strict).await.unwrap();

    let got = bench.post("/v1/chat/completions", &seeded(false)).await;
    assert_eq!(got.status, 400);
    assert_eq!(got.json()["error"]["param"], "seed");
    assert!(upstream.sent().is_empty());
    let record = bench.only_record().await;
    assert_eq!((record.outcome, record.http_status), (Some(Outcome::Failed), Some(400)));
}

#[tokio::test(start_paused = true)]
async fn a_strict_route_refuses_what_would_be_lost_and_others_do_not() {
    let upstream = Script::new().on("a", Reply::message("hello"));
    let bench = only_speaking(&upstream, Format::Messages).await;
    let mut route = RouteSpec { model: "m".into(), candidates: vec![candidate("m", None, 0)], ..RouteSpec::default() };
    route.translation.strict = true;
    let route = bench.handle().add_route(route).await.unwrap();
    let body = json!({"model": "m", "max_output_tokens": 50, "input": "hi", "truncation": "auto"});

    let got = bench.post("/v1/responses", &body).await;
    assert_eq!((got.status, &got.json()["error"]["param"]), (400, &json!("truncation")));
    bench.handle().change_route(route.id, RouteSpec { translation: Policy::default(), ..route.spec }).await.unwrap();
    let got = bench.post("/v1/responses", &body).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.headers["x-amp-dropped"], "truncation");
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_translated_goes_to_a_key_that_needs_no_translation() {
    let upstream = Script::new().on("a", Reply::message("hello")).on("b", Reply::chat("hello"));
    let bench = Bench::new(&upstream, &[]).await;
    for (name, format, priority) in [("a", Format::Messages, 1), ("b", Format::Chat, 0)] {
        let mut spec = KeySpec::new(name, "custom", Secret::new(name));
        spec.base_url = Some("https://upstream.example".into());
        (spec.formats, spec.priority) = (Some(vec![format]), priority);
        bench.handle().add_key(spec).await.unwrap();
    }
    let mut body = seeded(false);
    body["n"] = json!(2);

    assert_eq!(bench.post("/v1/chat/completions", &body).await.status, 200);
    assert_eq!(upstream.keys_tried(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn losses_of_both_ways_are_in_the_books_and_beside_a_whole_answer() {
    let cited = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
                    {"type": "text", "text": "hello"}],
        "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 10, "output_tokens": 5},
    });
    let upstream = Script::new().on("a", Reply::json(200, &cited));
    let bench = only_speaking(&upstream, Format::Messages).await;
    let got = bench.post("/v1/chat/completions", &seeded(false)).await;

    let dropped = got.headers["x-amp-dropped"].to_str().unwrap();
    assert!(dropped.starts_with("seed") && dropped.contains("answer: server_tool_use"), "{dropped}");
    let losses = bench.only_record().await.losses;
    let told: Vec<_> = losses.iter().map(|loss| (loss.side, loss.kind, loss.field.as_str())).collect();
    assert!(told.contains(&(Side::Request, LossKind::Dropped, "seed")), "{told:?}");
    assert!(told.contains(&(Side::Answer, LossKind::Dropped, "answer: server_tool_use")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn losses_of_a_stream_are_in_the_books() {
    let step = json!({"type": "web_search_call", "id": "ws_1", "status": "completed"});
    let done = json!({"type": "response.output_item.done", "output_index": 1, "item": step});
    let mut pieces = Reply::words(Format::Responses, &["a"]).bytes().to_vec();
    let at = pieces.windows(8).rposition(|part| part == b"event: r").unwrap();
    pieces.splice(at..at, format!("data: {done}\n\n").into_bytes());
    let upstream = Script::new().on("a", Reply::stream([pieces]));
    let bench = only_speaking(&upstream, Format::Responses).await;

    assert!(bench.post("/v1/chat/completions", &seeded(true)).await.text().ends_with("data: [DONE]\n\n"));
    let losses = bench.only_record().await.losses;
    assert!(
        losses.iter().any(|loss| loss.side == Side::Answer && loss.field == "answer: web_search_call"),
        "{losses:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_translated_loses_nothing() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = Bench::new(&upstream, &[("a", "openai", 0)]).await;
    bench.chat().await;

    assert_eq!(bench.only_record().await.losses, []);
}

/// A stream that is silent for `silence` in the middle.
fn with_silence(format: Format, silence: Duration) -> Reply {
    let words = Reply::words(format, &["a", "b"]);
    let text = String::from_utf8(words.bytes().to_vec()).unwrap();
    let events: Vec<String> = text.split_inclusive("\n\n").map(str::to_owned).collect();
    let (before, after) = events.split_at(events.len() / 2);
    let reply = Reply::stream([before.concat()]).pause(silence);
    reply.piece(after.concat())
}

#[tokio::test(start_paused = true)]
async fn a_translated_stream_says_that_it_is_there_when_the_upstream_is_silent() {
    for (client, upstream_format) in pairs() {
        let upstream = Script::new().on("a", with_silence(upstream_format, Duration::from_secs(50)));
        let bench = only_speaking(&upstream, upstream_format).await;
        let (path, body) = asking(client, true);
        let got = bench.post(path, &body).await;

        let sign = if client == Format::Messages { "event: ping\n" } else { ": ka\n\n" };
        // A Messages stream has one ping of its own behind its beginning.
        let signs = got.text().matches(sign).count() - usize::from(client == Format::Messages);
        assert_eq!(signs, 3, "{client:?} over {upstream_format:?}: {}", got.text());
        assert!(!got.text().contains("fell silent"), "{}", got.text());
    }
}

#[tokio::test(start_paused = true)]
async fn trap_062_a_long_silence_is_broken_by_an_event_that_codex_sees() {
    let upstream = Script::new().on("a", with_silence(Format::Chat, Duration::from_secs(80)));
    let bench = only_speaking(&upstream, Format::Chat).await;
    let (path, body) = asking(Format::Responses, true);
    let got = bench.post(path, &body).await;

    assert_eq!(got.text().matches(": ka\n\n").count(), 5);
    assert_eq!(got.text().matches("event: keepalive\n").count(), 2, "{}", got.text());
    assert!(got.text().contains("response.completed"));
}

#[tokio::test(start_paused = true)]
async fn bytes_that_go_as_they_came_get_no_signs_of_life() {
    let reply = with_silence(Format::Messages, Duration::from_secs(80));
    let upstream = Script::new().on("a", reply.clone());
    let bench = Bench::new(&upstream, &[("a", "anthropic", 0)]).await;
    let (path, body) = body_of(Format::Messages, true);

    assert_eq!(bench.post(path, &body).await.body, reply.bytes());
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_do_not_keep_a_dead_upstream_alive() {
    let stream = Reply::words(Format::Messages, &["a"]).cut_after(3).then_hang();
    let upstream = Script::new().on("a", stream);
    let bench = only_speaking(&upstream, Format::Messages).await;
    let (path, body) = asking(Format::Chat, true);
    let started = tokio::time::Instant::now();
    let got = bench.post(path, &body).await;

    assert!(got.text().contains("fell silent"), "{}", got.text());
    assert_eq!(started.elapsed().as_secs(), Limits::default().idle.as_secs());
}

#[tokio::test(start_paused = true)]
async fn an_upstreams_refusal_of_a_translated_call_comes_in_the_clients_format() {
    let refusal = Reply::error(400, "invalid_request_error", "context_length_exceeded", "maximum context length is 9");
    let bench = only_speaking(&Script::new().on("a", refusal), Format::Chat).await;
    let (path, body) = asking(Format::Messages, false);

    let got = bench.post(path, &body).await;

    assert_eq!((got.status, &got.json()["type"]), (400, &json!("error")), "{}", got.text());
    assert_eq!(got.json()["error"]["type"], "invalid_request_error");
}

#[tokio::test(start_paused = true)]
async fn tokens_are_counted_here_where_no_upstream_counts_them() {
    let bench = only_speaking(&Script::new(), Format::Chat).await;
    let turns = json!([{"role": "user", "content": "a few words to be counted"}]);

    let got = bench.post("/v1/messages/count_tokens", &json!({"model": "gpt-4o-mini", "messages": turns})).await;

    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.json()["input_tokens"].as_u64().unwrap() > 4);
    assert_eq!(bench.records().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn tokens_of_responses_are_counted_by_who_can_and_else_here() {
    let body = json!({"model": "gpt-4o-mini", "input": "a few words to be counted", "instructions": "be brief"});
    let counted = json!({"object": "response.input_tokens", "input_tokens": 11});
    let openai = Script::new().on("a", Reply::json(200, &counted));
    let bench = Bench::new(&openai, &[("a", "openai", 0)]).await;
    let got = bench.post("/v1/responses/input_tokens", &body).await;
    assert_eq!((got.status, got.json()), (200, counted));
    assert_eq!(openai.sent()[0].uri.path(), "/v1/responses/input_tokens");

    // A server like OpenAI's seldom has it.
    for format in [Format::Responses, Format::Chat, Format::Messages] {
        let upstream = Script::new();
        let bench = only_speaking(&upstream, format).await;
        let got = bench.post("/v1/responses/input_tokens", &body).await;
        assert_eq!((got.status, &got.json()["object"]), (200, &json!("response.input_tokens")), "{}", got.text());
        assert!(got.json()["input_tokens"].as_u64().unwrap() > 8);
        assert_eq!((upstream.sent().len(), bench.records().await.len()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_speaks_the_clients_format_goes_before_one_that_needs_translation() {
    let upstream = Script::new().on("other", Reply::message("x")).on("native", Reply::chat("x"));
    let bench = Bench::new(&upstream, &[]).await;
    for (name, format) in [("other", Format::Messages), ("native", Format::Chat)] {
        let mut spec = KeySpec::new(name, "custom", Secret::new(name));
        spec.base_url = Some("https://upstream.example".into());
        spec.formats = Some(vec![format]);
        bench.handle().add_key(spec).await.unwrap();
    }
    for _ in 0..4 {
        bench.post("/v1/chat/completions", &asking(Format::Chat, false).1).await;
    }
    assert_eq!(upstream.keys_tried(), ["native"; 4]);
}

/// What was sent, as JSON.
fn sent(sent: &Sent) -> Value {
    serde_json::from_slice(&sent.body.clone().into_bytes()).unwrap()
}

fn events(events: &[Value]) -> String {
    events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())).collect()
}

fn verdicts(record: &StoredRecord) -> Vec<(&str, bool)> {
    record.attempts.iter().map(|attempt| (attempt.verdict.as_str(), attempt.served)).collect()
}

/// A refusal as Anthropic writes it.
fn refused(message: &str) -> Reply {
    Reply::json(400, &json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}}))
}

const SIGNATURE: &str = "messages.1.content.0: Invalid `signature` in `thinking` block";

/// A history with reasoning that was signed somewhere.
fn thoughtful() -> Value {
    let thought = json!({"type": "thinking", "thinking": "hm", "signature": "c2ln"});
    json!({"model": "claude-sonnet-4-5", "max_tokens": 99, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "ho"}]},
        {"role": "user", "content": "and?"},
    ]})
}

#[tokio::test(start_paused = true)]
async fn trap_052_a_history_begun_elsewhere_is_asked_once_more_without_its_reasoning() {
    let upstream = Script::new().on("a", refused(SIGNATURE)).on("a", Reply::message("hello"));
    let bench = Bench::new(&upstream, &[("a", "anthropic", 0)]).await;
    let got = bench.post("/v1/messages", &thoughtful()).await;

    assert_eq!(got.status, 200, "{}", got.text());
    let [first, second] = &upstream.sent()[..] else { panic!("sent twice") };
    assert_eq!(sent(first)["messages"][1]["content"][0]["type"], "thinking");
    assert_eq!(sent(second)["messages"][1]["content"], json!([{"type": "text", "text": "ho"}]));
    let record = bench.only_record().await;
    assert_eq!(verdicts(&record), [("caller_fault", false), ("answer", true)]);
    assert_eq!(record.outcome, Some(Outcome::Done));
}

#[tokio::test(start_paused = true)]
async fn trap_052_a_translated_history_is_asked_once_more_too() {
    let code = json!({"error": {"message": "could not be verified", "code": "invalid_encrypted_content"}});
    let upstream = Script::new().on("a", Reply::json(400, &code)).on("a", Reply::words(Format::Responses, &["hello"]));
    let bench = only_speaking(&upstream, Format::Responses).await;
    let got = bench.post("/v1/messages", &thoughtful()).await;

    assert_eq!((got.status, &got.json()["content"][0]["text"]), (200, &json!("hello")), "{}", got.text());
    assert!(sent(&upstream.sent()[0])["include"].is_array());
    assert_eq!(sent(&upstream.sent()[1])["include"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn trap_053_nothing_is_asked_twice_that_would_be_refused_twice() {
    let plain = json!({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    for (reply, body) in [
        (refused(SIGNATURE), plain),
        (refused("The request signature we calculated does not match"), thoughtful()),
        (Reply::json(422, &json!({"error": {"message": SIGNATURE}})), thoughtful()),
    ] {
        let upstream = Script::new().on("a", reply);
        let bench = Bench::new(&upstream, &[("a", "anthropic", 0)]).await;
        let got = bench.post("/v1/messages", &body).await;

        assert!((400..500).contains(&got.status));
        assert_eq!(upstream.keys_tried(), ["a"], "{}", got.text());
    }
    let upstream = Script::new().on("a", refused(SIGNATURE));
    let bench = Bench::new(&upstream, &[("a", "anthropic", 0)]).await;
    assert_eq!(bench.post("/v1/messages", &thoughtful()).await.status, 400);
    assert_eq!(upstream.keys_tried(), ["a", "a"], "and never a third time");
}

/// A Messages answer that thinks and calls.
fn thinking_call() -> Reply {
    Reply::json(
        200,
        &json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "thinking", "thinking": "hm", "signature": "c2lnbmVk"},
                        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}],
            "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 10, "output_tokens": 5},
        }),
    )
}

/// The next request of a Chat client that got `first`: it returns the message as far as Chat has places for it.
fn next_step(first: &Got) -> Value {
    let said = first.json()["choices"][0]["message"].clone();
    let id = said["tool_calls"][0]["id"].clone();
    let said = json!({"role": "assistant", "content": said["content"], "tool_calls": said["tool_calls"]});
    json!({"model": "m", "max_tokens": 99, "messages": [
        {"role": "user", "content": "hi"}, said, {"role": "tool", "tool_call_id": id, "content": "done"},
    ], "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]})
}

#[tokio::test(start_paused = true)]
async fn trap_054_a_chat_clients_thoughts_go_back_signed_to_who_signed_them() {
    let upstream = Script::new().on("a", thinking_call()).on("a", Reply::message("hello"));
    let bench = only_speaking(&upstream, Format::Messages).await;
    let (path, body) = asking(Format::Chat, false);
    let first = bench.post(path, &body).await;
    assert_eq!(bench.post(path, &next_step(&first)).await.status, 200);

    let again = sent(&upstream.sent()[1]);
    assert_eq!(
        again["messages"][1]["content"][0],
        json!({"type": "thinking", "thinking": "hm", "signature": "c2lnbmVk"}),
        "{again}"
    );
    assert_eq!(again["messages"][1]["content"][1]["type"], "tool_use");
}

#[tokio::test(start_paused = true)]
async fn what_one_client_token_made_the_model_think_is_not_told_to_another() {
    let upstream = Script::new().on("a", thinking_call()).on("a", Reply::message("hello"));
    let bench = only_speaking(&upstream, Format::Messages).await;
    let (path, body) = asking(Format::Chat, false);
    let first = bench.post(path, &body).await;
    bench.handle().add_token_with(TokenSpec::named("other"), Secret::new("amp-other-token-0123456789")).await.unwrap();
    let request = http::Request::post(path)
        .header("authorization", "Bearer amp-other-token-0123456789")
        .body(http_body_util::Full::new(bytes::Bytes::from(next_step(&first).to_string())))
        .unwrap();
    let answer = tower::ServiceExt::oneshot(bench.pool.clone(), request).await.unwrap();

    assert_eq!(read(answer).await.status, 200);
    assert!(!sent(&upstream.sent()[1]).to_string().contains("c2lnbmVk"));
}

#[tokio::test(start_paused = true)]
async fn trap_061_the_thought_signature_of_a_call_is_kept_for_clients_that_have_no_place_for_it() {
    let call = json!({
        "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "c2ln"}},
    });
    let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let answer = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "gemini-3-pro",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    });
    let upstream = Script::new().on("a", Reply::json(200, &answer)).on("a", Reply::chat("hello"));
    let bench = Bench::new(&upstream, &[("a", "gemini", 0)]).await;
    let tools = json!([{"name": "f", "input_schema": {"type": "object"}}]);
    let user = json!({"role": "user", "content": "hi"});
    let body = json!({"model": "gemini-3-pro", "max_tokens": 99, "tools": tools, "messages": [user]});
    let first = bench.post("/v1/messages", &body).await.json();
    let result = json!({"type": "tool_result", "tool_use_id": first["content"][0]["id"], "content": "done"});
    let turns =
        json!([user, {"role": "assistant", "content": first["content"]}, {"role": "user", "content": [result]}]);
    let body = json!({"model": "gemini-3-pro", "max_tokens": 99, "tools": tools, "messages": turns});
    assert_eq!(bench.post("/v1/messages", &body).await.status, 200);

    let again = sent(&upstream.sent()[1]);
    let signature = &again["messages"][1]["tool_calls"][0]["extra_content"]["google"]["thought_signature"];
    assert_eq!(signature, "c2ln", "{again}");
}

#[tokio::test(start_paused = true)]
async fn trap_055_a_tool_loop_that_lost_its_reasoning_is_sent_with_an_empty_one() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = Bench::new(&upstream, &[]).await;
    let mut spec = KeySpec::new("a", "deepseek", Secret::new("a"));
    spec.formats = Some(vec![Format::Chat]);
    bench.handle().add_key(spec).await.unwrap();
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}});
    let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"});
    let body = json!({"model": "deepseek-chat", "max_tokens": 99, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ], "tools": [{"name": "f", "input_schema": {"type": "object"}}]});
    assert_eq!(bench.post("/v1/messages", &body).await.status, 200);

    assert_eq!(sent(&upstream.sent()[0])["messages"][1]["reasoning_content"], "");
}

#[tokio::test(start_paused = true)]
async fn trap_060_tools_of_a_model_that_takes_none_on_chat_go_to_responses() {
    let upstream = Script::new().on("a", Reply::words(Format::Responses, &["hello"])).on("a", Reply::chat("hello"));
    let bench = Bench::new(&upstream, &[("a", "openai", 0)]).await;
    let turns = json!([{"role": "user", "content": "hi"}]);
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    let with = json!({"model": "gpt-5.6", "messages": turns, "tools": tools});
    let got = bench.post("/v1/chat/completions", &with).await;
    assert_eq!((got.status, &got.json()["choices"][0]["message"]["content"]), (200, &json!("hello")));

    for body in [
        json!({"model": "gpt-5.6", "messages": turns}),
        json!({"model": "gpt-5.6", "messages": turns, "tools": tools, "reasoning_effort": "none"}),
        json!({"model": "gpt-5.4", "messages": turns, "tools": tools}),
        json!({"model": "gpt-4o", "messages": turns, "tools": tools}),
    ] {
        assert_eq!(bench.post("/v1/chat/completions", &body).await.status, 200);
    }
    let paths: Vec<_> = upstream.sent().iter().map(|sent| sent.uri.path().to_owned()).collect();
    let chat = "/v1/chat/completions";
    assert_eq!(paths, ["/v1/responses", chat, chat, chat, chat]);
}

#[tokio::test(start_paused = true)]
async fn trap_072_a_whole_answer_is_put_together_of_a_stream() {
    for (client, upstream_format) in pairs() {
        let reply = Reply::words(upstream_format, &["hel", "lo"]);
        let upstream = Script::new().on("a", reply.clone()).on("a", reply.cut_after(3).then_break());
        let bench = only_speaking(&upstream, upstream_format).await;
        let (path, body) = asking(client, false);
        let got = bench.post(path, &body).await;
        assert!(
            got.status == 200 && got.text().contains("hello"),
            "{client:?} over {upstream_format:?}: {}",
            got.text()
        );
        assert_eq!(got.headers["content-type"], "application/json");
        assert_eq!(sent(&upstream.sent()[0])["stream"], true);

        // What breaks off in the middle is an error with a status of its own.
        let got = bench.post(path, &body).await;
        assert_eq!(got.status, 502, "{client:?} over {upstream_format:?}: {}", got.text());
        let record = bench.records().await.remove(0);
        assert_eq!((record.outcome, record.http_status), (Some(Outcome::Cut), Some(502)));
    }
}

#[tokio::test(start_paused = true)]
async fn trap_072_an_upstream_that_takes_its_time_is_waited_for() {
    let upstream = Script::new().on("a", with_silence(Format::Chat, Duration::from_secs(200)));
    let bench = only_speaking(&upstream, Format::Chat).await;
    let (path, body) = asking(Format::Messages, false);

    assert_eq!(bench.post(path, &body).await.status, 200);
}

/// Reads the first piece of a stream and hangs up.
async fn hang_up(bench: &Bench, path: &str, body: &Value) {
    let mut answer = bench.start("POST", path, body.to_string().as_bytes()).await;
    answer.body_mut().frame().await.unwrap().unwrap();
    drop(answer);
}

fn draining() -> Limits {
    let mut limits = Limits::default();
    limits.drain = Duration::from_secs(30);
    limits
}

/// A stream whose end comes `after` its first words.
fn slow_end(format: Format, after: Duration) -> Reply {
    with_silence(format, after)
}

#[tokio::test(start_paused = true)]
async fn trap_083_a_client_that_hangs_up_does_not_take_the_usage_along() {
    for format in [Format::Chat, Format::Responses] {
        let upstream = Script::new().on("a", slow_end(format, Duration::from_secs(20)));
        let bench = Bench::with_limits(&upstream, &[("a", "openai", 0)], draining()).await;
        let (path, body) = body_of(format, true);
        hang_up(&bench, path, &body).await;
        assert_eq!(bench.only_record().await.outcome, None, "it is read on");
        tokio::time::sleep(Duration::from_secs(21)).await;

        let record = bench.only_record().await;
        assert_eq!((record.outcome, record.estimated), (Some(Outcome::HungUp), false), "{format:?}");
        assert_eq!((record.usage.input(), record.usage.output), (10, 5));
    }
}

#[tokio::test(start_paused = true)]
async fn trap_083_draining_is_bounded_and_messages_streams_are_left_at_once() {
    let upstream = Script::new().on("a", slow_end(Format::Chat, Duration::from_secs(1000)));
    let bench = Bench::with_limits(&upstream, &[("a", "openai", 0)], draining()).await;
    let (path, body) = body_of(Format::Chat, true);
    for _ in 0..20 {
        hang_up(&bench, path, &body).await;
    }
    let ended = bench.records().await.iter().filter(|record| record.outcome.is_some()).count();
    assert_eq!(ended, 4, "of one token, sixteen are drained at once");
    tokio::time::sleep(Duration::from_secs(31)).await;
    let records = bench.records().await;
    assert!(records.iter().all(|record| record.outcome == Some(Outcome::HungUp) && record.estimated));

    let upstream = Script::new().on("a", slow_end(Format::Messages, Duration::from_secs(5)));
    let bench = Bench::with_limits(&upstream, &[("a", "anthropic", 0)], draining()).await;
    let (path, body) = body_of(Format::Messages, true);
    hang_up(&bench, path, &body).await;
    let record = bench.only_record().await;
    assert_eq!((record.outcome, record.estimated), (Some(Outcome::HungUp), true));
}

/// A Messages stream with one text that ends for `reason`.
fn said(text: &str, reason: &str) -> Reply {
    let start = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
                       "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 10, "output_tokens": 1}});
    Reply::stream([events(&[
        json!({"type": "message_start", "message": start}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ])])
}

/// A pool whose route lets Messages upstreams search the web, and a call that asks for it.
async fn searching(upstream: &Script) -> Bench {
    let bench = only_speaking(upstream, Format::Messages).await;
    let mut route = RouteSpec { model: "m".into(), candidates: vec![candidate("m", None, 0)], ..RouteSpec::default() };
    route.translation.web_search = true;
    bench.handle().add_route(route).await.unwrap();
    bench
}

fn search(stream: bool) -> Value {
    json!({"model": "m", "input": "hi", "tools": [{"type": "web_search"}], "max_output_tokens": 99, "stream": stream})
}

#[tokio::test(start_paused = true)]
async fn trap_095_a_turn_that_pauses_is_continued_and_is_one_answer() {
    for stream in [false, true] {
        let upstream = Script::new().on("a", said("so ", "pause_turn")).on("a", said("far", "end_turn"));
        let bench = searching(&upstream).await;
        let got = bench.post("/v1/responses", &search(stream)).await;

        assert_eq!(got.status, 200, "{}", got.text());
        let answer = match stream {
            false => got.json(),
            true => {
                let last = got.text().rsplit("data: ").next().unwrap();
                serde_json::from_str::<Value>(last.trim()).unwrap()["response"].clone()
            }
        };
        assert_eq!(got.text().matches("\"response.created\"").count(), usize::from(stream));
        assert_eq!(answer["status"], "completed");
        let items = answer["output"].as_array().unwrap().iter();
        let parts = items.flat_map(|item| item["content"].as_array().unwrap().iter());
        assert_eq!(parts.map(|part| part["text"].as_str().unwrap()).collect::<String>(), "so far", "{answer}");
        assert_eq!((&answer["usage"]["input_tokens"], &answer["usage"]["output_tokens"]), (&json!(20), &json!(10)));
        let again = sent(&upstream.sent()[1]);
        let turn = json!({"role": "assistant", "content": [{"type": "text", "text": "so "}]});
        assert_eq!(again["messages"].as_array().unwrap().last(), Some(&turn));

        let record = bench.only_record().await;
        assert_eq!(verdicts(&record), [("answer", true), ("answer", true)]);
        assert_eq!((record.usage.input(), record.usage.output), (20, 10));
        assert_eq!(record.outcome, Some(Outcome::Done));
    }
}

#[tokio::test(start_paused = true)]
async fn trap_095_a_turn_is_not_continued_for_ever() {
    let upstream = Script::new().on("a", said("x", "pause_turn"));
    let bench = searching(&upstream).await;
    let got = bench.post("/v1/responses", &search(true)).await;

    assert_eq!(upstream.sent().len(), 11);
    assert!(got.text().contains("event: response.completed\n"), "{}", got.text());
}

#[tokio::test(start_paused = true)]
async fn trap_095_a_turn_that_can_not_be_continued_ends_in_an_error() {
    let upstream = Script::new().on("a", said("so ", "pause_turn")).on("a", Reply::broken());
    let bench = searching(&upstream).await;
    let got = bench.post("/v1/responses", &search(true)).await;

    assert!(got.text().contains("event: response.failed\n"), "{}", got.text());
    assert_eq!(bench.only_record().await.outcome, Some(Outcome::Cut));
}

#[tokio::test(start_paused = true)]
async fn trap_084_what_the_counting_of_the_upstream_refuses_is_left_out_of_the_count() {
    let upstream = Script::new().on("a", Reply::json(200, &json!({"input_tokens": 12})));
    let bench = Bench::new(&upstream, &[("a", "anthropic", 0)]).await;
    let tools = json!([{"type": "web_search_20250305", "name": "web_search"}, {"name": "f", "input_schema": {}}]);
    let body = json!({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}], "tools": tools});
    let got = bench.post("/v1/messages/count_tokens", &body).await;

    assert_eq!((got.status, &got.json()["input_tokens"]), (200, &json!(12)));
    assert_eq!(sent(&upstream.sent()[0])["tools"], json!([{"name": "f", "input_schema": {}}]));
}
