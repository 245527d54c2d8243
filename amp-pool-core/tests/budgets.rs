//! What callers may ask for and spend: nothing is sent that is not held, and everything that was is settled once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{net::IpAddr, time::Duration};

use amp_pool_core::{
    Handle, Pool,
    budget::{Budget, Ceiling, Scope, Unpriced, Window},
    caller::{GroupSpec, Peer, TokenSpec},
    format::Format,
    id::TokenId,
    keys::{Caps, KeySpec, KeyState},
    money::NanoUsd,
    secret::Secret,
    store::StoredRecord,
    testkit::{Reply, Script},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::ServiceExt as _;

mod bench;

use bench::{Bench, Got, TOKEN, read};

/// What [`Reply::chat`] costs: 10 tokens in at $0.15, 5 out at $0.60 a million.
const COST: NanoUsd = NanoUsd(4_500);

fn usd(text: &str) -> NanoUsd {
    text.parse().unwrap()
}

fn day(limit: &str) -> Budget {
    Budget::of(usd(limit), Window::Day)
}

fn hard(limit: &str) -> Budget {
    Budget { hard: true, ..day(limit) }
}

/// A pool with one key of OpenAI's, and a client token that may spend `budget`.
async fn spending(upstream: &Script, budget: Budget) -> Bench {
    let bench = Bench::new(upstream, &[("a", "openai", 0)]).await;
    change(&bench, |spec| spec.budget = Some(budget)).await;
    bench
}

async fn change(bench: &Bench, change: impl FnOnce(&mut TokenSpec)) -> TokenId {
    let token = bench.handle().tokens().remove(0);
    let mut spec = token.spec;
    change(&mut spec);
    bench.handle().change_token(token.id, spec).await.unwrap().id
}

/// What is spent and held of the budget of the only token.
async fn used(handle: &Handle) -> (NanoUsd, NanoUsd) {
    handle.flush().await;
    let token = handle.tokens().remove(0);
    let budgets = handle.budgets(vec![(Scope::Token(token.id), token.spec.budget.unwrap())]).await.unwrap();
    (budgets[0].tally.spent, budgets[0].tally.held)
}

fn asking(max_tokens: Option<u64>) -> Value {
    let mut body = json!({"model": "gpt-4o-mini", "messages": []});
    if let Some(tokens) = max_tokens {
        body["max_tokens"] = tokens.into();
    }
    body
}

async fn chat(bench: &Bench, max_tokens: Option<u64>) -> Got {
    bench.post("/v1/chat/completions", &asking(max_tokens)).await
}

fn header<'a>(got: &'a Got, name: &str) -> &'a str {
    got.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

fn sent(bench: &Bench) -> Value {
    let sent = bench.upstream.sent().pop().expect("something was sent");
    serde_json::from_slice(&sent.body.into_bytes()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_holds_what_it_can_cost_and_spends_what_it_did() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = spending(&upstream, day("1")).await;

    let begun = bench.start("POST", "/v1/chat/completions", asking(Some(100)).to_string().as_bytes()).await;
    assert!(begun.headers()["x-amp-budget-remaining"].to_str().unwrap() < "1");
    read(begun).await;

    assert_eq!(used(&bench.handle()).await, (COST, NanoUsd::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_put_into_a_request_that_has_none_and_the_client_is_told() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = spending(&upstream, day("1")).await;
    let got = chat(&bench, None).await;

    assert_eq!(sent(&bench)["max_completion_tokens"], 16_384);
    assert_eq!(header(&got, "x-amp-adjusted"), "max_completion_tokens (limited to 16384 by the budget)");
    assert_eq!(bench.only_record().await.losses[0].field, "max_completion_tokens");
}

#[tokio::test(start_paused = true)]
async fn a_request_with_a_limit_leaves_as_it_came() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = spending(&upstream, day("1")).await;
    let got = chat(&bench, Some(100)).await;

    assert_eq!(bench.upstream.sent()[0].body.clone().into_bytes(), asking(Some(100)).to_string());
    assert_eq!(header(&got, "x-amp-adjusted"), "");
}

#[tokio::test(start_paused = true)]
async fn what_a_budget_does_not_cover_is_not_sent() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = spending(&upstream, day("0.0002")).await;
    let got = chat(&bench, Some(1_000)).await;

    assert_eq!((got.status, &got.json()["error"]["code"]), (429, &json!("insufficient_quota")));
    assert_eq!(header(&got, "x-should-retry"), "false");
    assert_eq!(header(&got, "x-amp-budget-remaining"), "0.0002");
    let wait: u64 = header(&got, "retry-after").parse().unwrap();
    assert!((1..=86_400).contains(&wait));
    assert!(got.text().contains("begins anew at"), "{}", got.text());
    assert!(bench.upstream.sent().is_empty());
    let record = bench.only_record().await;
    assert_eq!((record.error_type.as_deref(), record.http_status), (Some("out_of_budget"), Some(429)));
    assert_eq!(used(&bench.handle()).await, (NanoUsd::ZERO, NanoUsd::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_messages_client_is_told_by_a_bill() {
    let bench = Bench::new(&Script::new().on("a", Reply::message("hello")), &[("a", "anthropic", 0)]).await;
    change(&bench, |spec| spec.budget = Some(Budget::of(NanoUsd::ZERO, Window::Total))).await;
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": []});
    let got = bench.post("/v1/messages", &body).await;

    assert_eq!((got.status, &got.json()["error"]["type"]), (402, &json!("billing_error")));
    assert_eq!(header(&got, "retry-after"), "", "what never begins anew is not waited for");
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_ours_shrinks_to_what_is_left() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = spending(&upstream, day("0.003")).await;
    let got = chat(&bench, None).await;

    let tokens = sent(&bench)["max_completion_tokens"].as_u64().unwrap();
    assert!((1_024..16_384).contains(&tokens), "{tokens}");
    assert_eq!(header(&got, "x-amp-adjusted"), format!("max_completion_tokens (cut short to {tokens} by the budget)"));
}

#[tokio::test(start_paused = true)]
async fn a_hard_budget_cuts_what_the_client_asked_for() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = spending(&upstream, hard("0.001")).await;
    let got = chat(&bench, Some(100_000)).await;

    assert_eq!(got.status, 200);
    let tokens = sent(&bench)["max_tokens"].as_u64().unwrap();
    assert!((16..2_000).contains(&tokens), "{tokens}");
    // Tokens are paid at $0.60 a million: what was asked for fits into what was there.
    assert!(NanoUsd(i64::try_from(tokens).unwrap() * 600) < usd("0.001"));
}

#[tokio::test(start_paused = true)]
async fn a_hard_budget_refuses_what_has_no_bound() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = spending(&upstream, hard("100")).await;
    let searching = json!({"model": "gpt-4o-mini", "messages": [], "web_search_options": {}});
    let got = bench.post("/v1/chat/completions", &searching).await;
    assert_eq!((got.status, &got.json()["error"]["code"]), (403, &json!("cost_unbounded")));
    let got = bench.post("/v1/images/generations", &json!({"model": "gpt-4o-mini"})).await;
    assert_eq!(got.status, 403);

    assert!(bench.upstream.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn many_answers_at_once_are_paid_for() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = spending(&upstream, day("0.001")).await;
    let body = json!({"model": "gpt-4o-mini", "messages": [], "max_tokens": 1_000, "n": 2});
    assert_eq!(bench.post("/v1/chat/completions", &body).await.status, 429);
    assert_eq!(chat(&bench, Some(1_000)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_translated_request_is_limited_too() {
    let bench = Bench::new(&Script::new().on("a", Reply::message("hello")), &[("a", "anthropic", 0)]).await;
    change(&bench, |spec| spec.budget = Some(day("1"))).await;
    let body = json!({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]});
    let got = bench.post("/v1/chat/completions", &body).await;

    assert_eq!((got.status, sent(&bench)["max_tokens"].as_u64()), (200, Some(16_384)));
    assert!(header(&got, "x-amp-adjusted").contains("limited to 16384 by the budget"));
}

fn unpriced(policy: Unpriced) -> Budget {
    Budget { unpriced: policy, ..day("1") }
}

async fn ask_for_the_unknown(policy: Unpriced) -> (Got, Bench) {
    let bench = spending(&Script::new().on("a", Reply::chat("hello")), unpriced(policy)).await;
    let mut key = KeySpec::new("b", "openai", Secret::new("b"));
    key.models = vec!["gpt-nobody-knows".parse().unwrap()];
    bench
        .handle()
        .add_key(KeySpec { api_key: Secret::new("a"), base_url: Some("https://b.example".into()), ..key })
        .await
        .unwrap();
    let body = json!({"model": "gpt-nobody-knows", "messages": [], "max_tokens": 9});
    (bench.post("/v1/chat/completions", &body).await, bench)
}

#[tokio::test(start_paused = true)]
async fn what_has_no_price_is_refused_flagged_or_counted_at_a_ceiling() {
    let (got, bench) = ask_for_the_unknown(Unpriced::Refuse).await;
    assert_eq!((got.status, &got.json()["error"]["code"]), (403, &json!("price_unknown")));
    assert!(bench.upstream.sent().is_empty());

    let (got, bench) = ask_for_the_unknown(Unpriced::Flag).await;
    assert_eq!((got.status, bench.only_record().await.cost), (200, None));
    assert_eq!(used(&bench.handle()).await, (NanoUsd::ZERO, NanoUsd::ZERO));

    let ceiling = Ceiling { input: "1".parse().unwrap(), output: "2".parse().unwrap() };
    let (got, bench) = ask_for_the_unknown(Unpriced::Ceiling(ceiling)).await;
    assert_eq!((got.status, bench.only_record().await.cost), (200, None));
    assert_eq!(used(&bench.handle()).await, (NanoUsd(20_000), NanoUsd::ZERO), "10 tokens at $1, 5 at $2 a million");
}

#[tokio::test(start_paused = true)]
async fn tokens_of_a_group_share_its_budget() {
    let bench = Bench::new(&Script::new().on("a", Reply::chat("hello")), &[("a", "openai", 0)]).await;
    let spec =
        GroupSpec { name: "g".into(), limits: Caps::default(), budget: Some(day("0.0003")), memo: String::new() };
    let group = bench.handle().add_group(spec).await.unwrap();
    change(&bench, |spec| spec.group = Some(group.id)).await;
    assert_eq!(chat(&bench, Some(100)).await.status, 200);
    let more = GroupSpec { budget: Some(day("0.000001")), ..group.spec };
    bench.handle().change_group(group.id, more).await.unwrap();

    let refused = chat(&bench, Some(100)).await;
    assert_eq!(refused.status, 429);
    assert!(refused.text().contains("group"), "{}", refused.text());
}

#[tokio::test(start_paused = true)]
async fn the_budget_of_the_site_is_everybodys() {
    let bench = Bench::new(&Script::new().on("a", Reply::chat("hello")), &[("a", "openai", 0)]).await;
    let set = async |value: &str| bench.handle().put_setting("site_budget".into(), Some(value.into())).await;
    assert!(set(r#"{"limit": "1", "window": "year"}"#).await.is_err());
    set(r#"{"limit": "0.000001", "window": "month"}"#).await.unwrap();

    let refused = chat(&bench, Some(9)).await;
    assert_eq!(refused.status, 429);
    assert!(refused.text().contains("the budget of this server"), "{}", refused.text());
    set(r#"{"limit": "1", "window": "month"}"#).await.unwrap();
    assert_eq!(chat(&bench, Some(9)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_pays_for_what_came() {
    let words = ["hello", " world", " and", " more"];
    let upstream = Script::new().on("a", Reply::words(Format::Chat, &words));
    let bench = spending(&upstream, day("1")).await;
    let body = json!({"model": "gpt-4o-mini", "messages": [], "stream": true, "max_tokens": 100});
    let mut answer = bench.start("POST", "/v1/chat/completions", body.to_string().as_bytes()).await;
    answer.body_mut().frame().await.unwrap().unwrap();
    drop(answer);

    let record = bench.only_record().await;
    let (spent, held) = used(&bench.handle()).await;
    assert!(record.estimated && spent > NanoUsd::ZERO);
    assert_eq!((Some(spent), held), (record.cost, NanoUsd::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_before_the_answer_pays_for_its_question() {
    let upstream = Script::new().on("a", Reply::hang());
    let bench = spending(&upstream, day("1")).await;
    let body = json!({"model": "gpt-4o-mini", "max_tokens": 9, "messages": [{"role": "user", "content": "tell me"}]});
    let body = body.to_string();
    let asked = bench.start("POST", "/v1/chat/completions", body.as_bytes());
    assert!(tokio::time::timeout(Duration::from_secs(1), asked).await.is_err());

    let record = bench.only_record().await;
    let (spent, held) = used(&bench.handle()).await;
    assert!(record.estimated && spent > NanoUsd::ZERO, "{record:?}");
    assert_eq!((Some(spent), held), (record.cost, NanoUsd::ZERO));
}

#[tokio::test(start_paused = true)]
async fn every_attempt_of_a_call_is_paid_for() {
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\
                 \"role\":\"assistant\",\"content\":[],\"model\":\"claude-sonnet-4-5\",\"usage\":{\"input_tokens\":1000,\
                 \"output_tokens\":1}}}\n\n";
    let error =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"no\"}}\n\n";
    let upstream =
        Script::new().on("a", Reply::stream([start, error])).on("b", Reply::words(Format::Messages, &["hi"]));
    let bench = Bench::new(&upstream, &[("a", "anthropic", 1), ("b", "anthropic", 0)]).await;
    change(&bench, |spec| spec.budget = Some(day("1"))).await;
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [], "stream": true});
    let got = bench.post("/v1/messages", &body).await;

    assert_eq!(got.status, 200);
    let record = bench.only_record().await;
    assert_eq!(record.attempts.len(), 2);
    let costs: Vec<_> = record.attempts.iter().map(|attempt| attempt.cost.unwrap()).collect();
    assert_eq!(used(&bench.handle()).await, (costs.iter().copied().sum(), NanoUsd::ZERO));
}

#[tokio::test(start_paused = true)]
async fn another_secret_is_the_same_budget() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = spending(&upstream, day("1")).await;
    chat(&bench, Some(9)).await;
    let id = bench.handle().tokens()[0].id;
    bench.handle().rotate_token(id).await.unwrap();

    assert_eq!(used(&bench.handle()).await, (COST, NanoUsd::ZERO));
    assert_eq!(chat(&bench, Some(9)).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn requests_over_the_limit_are_refused_until_there_is_room() {
    let bench = Bench::new(&Script::new().on("a", Reply::chat("hello")), &[("a", "openai", 0)]).await;
    change(&bench, |spec| spec.limits.rpm = Some(2)).await;
    let first = chat(&bench, None).await;
    assert_eq!((first.status, header(&first, "x-ratelimit-limit-requests")), (200, "2"));
    assert_eq!(header(&first, "x-ratelimit-remaining-requests"), "1");
    chat(&bench, None).await;

    let refused = chat(&bench, None).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (429, &json!("rate_limit_exceeded")));
    assert_eq!(header(&refused, "x-ratelimit-remaining-requests"), "0");
    let wait: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((1..=65).contains(&wait), "{wait}");
    tokio::time::advance(Duration::from_secs(wait)).await;
    assert_eq!(chat(&bench, None).await.status, 200);
    assert_eq!(bench.records().await.len(), 3, "a refusal at the door is in no book");
}

#[tokio::test(start_paused = true)]
async fn a_messages_client_reads_its_limits_in_its_own_words() {
    let bench = Bench::new(&Script::new().on("a", Reply::message("hello")), &[("a", "anthropic", 0)]).await;
    change(&bench, |spec| spec.limits = Caps { rpm: Some(5), tpm: Some(1_000), concurrency: None }).await;
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": []});
    let got = bench.post("/v1/messages", &body).await;

    assert_eq!(header(&got, "anthropic-ratelimit-requests-limit"), "5");
    assert_eq!(header(&got, "anthropic-ratelimit-requests-remaining"), "4");
    assert_eq!(header(&got, "anthropic-ratelimit-tokens-limit"), "1000");
    assert!(header(&got, "anthropic-ratelimit-requests-reset").ends_with('Z'));
}

#[tokio::test(start_paused = true)]
async fn a_place_is_taken_until_the_answer_has_ended() {
    let upstream = Script::new().on("a", Reply::words(Format::Chat, &["a", "b", "c"]));
    let bench = Bench::new(&upstream, &[("a", "openai", 0)]).await;
    change(&bench, |spec| spec.limits.concurrency = Some(1)).await;
    let body = json!({"model": "gpt-4o-mini", "messages": [], "stream": true}).to_string();
    let begin = || bench.start("POST", "/v1/chat/completions", body.as_bytes());

    let first = begin().await;
    assert_eq!((first.status().as_u16(), begin().await.status().as_u16()), (200, 429));
    read(first).await;
    let second = begin().await;
    assert_eq!(second.status(), 200);
    drop(second);
    assert_eq!(begin().await.status(), 200, "whoever hangs up gives its place back");
}

#[tokio::test(start_paused = true)]
async fn tokens_are_limited_as_they_turned_out() {
    let bench = Bench::new(&Script::new().on("a", Reply::chat("hello")), &[("a", "openai", 0)]).await;
    change(&bench, |spec| spec.limits.tpm = Some(38)).await;

    let statuses = [chat(&bench, None).await.status, chat(&bench, None).await.status, chat(&bench, None).await.status];
    assert_eq!(statuses, [200, 200, 429], "15 tokens each");
}

async fn from(pool: &Pool, peer: Option<&str>) -> u16 {
    let mut request = http::Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Full::new(Bytes::from(asking(None).to_string())))
        .unwrap();
    if let Some(peer) = peer {
        request.extensions_mut().insert(Peer(peer.parse::<IpAddr>().unwrap()));
    }
    pool.clone().oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_bound_to_addresses_opens_nothing_elsewhere() {
    let bench = Bench::new(&Script::new().on("a", Reply::chat("hello")), &[("a", "openai", 0)]).await;
    change(&bench, |spec| spec.ip_allow = vec!["10.0.0.0/8".parse().unwrap()]).await;

    assert_eq!(from(&bench.pool, Some("10.1.2.3")).await, 200);
    assert_eq!(from(&bench.pool, Some("192.0.2.1")).await, 403);
    assert_eq!(from(&bench.pool, None).await, 403, "nobody knows where it comes from");
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_budget_is_used_up_is_left_out_until_it_begins_anew() {
    let upstream = Script::new().on("a", Reply::chat("hello")).on("b", Reply::chat("hello"));
    let bench = Bench::new(&upstream, &[("a", "openai", 1), ("b", "openai", 0)]).await;
    let key = bench.handle().keys().remove(0).key;
    let budget = Budget::of(COST, Window::Month);
    bench.handle().change_key(key.id, KeySpec { budget: Some(budget.clone()), ..key.spec.clone() }).await.unwrap();
    for _ in 0..3 {
        chat(&bench, None).await;
    }

    assert_eq!(bench.upstream.keys_tried(), ["a", "b", "b"]);
    let status = bench.handle().key(key.id).unwrap().status;
    assert_eq!(status.state, KeyState::OutOfBudget);
    assert!(status.reason.unwrap().contains("a month is used up") && status.until.is_some());
    bench.handle().flush().await;
    let view = bench.handle().budgets(vec![(Scope::Key(key.id), budget)]).await.unwrap().remove(0);
    assert_eq!((view.tally.spent, view.tally.held), (COST, NanoUsd::ZERO));

    let more = Some(Budget::of(NanoUsd(COST.0 + 1), Window::Month));
    bench.handle().change_key(key.id, KeySpec { budget: more, ..key.spec.clone() }).await.unwrap();
    chat(&bench, None).await;
    assert_eq!(bench.upstream.keys_tried().pop().unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_call_is_refused_when_the_budget_of_every_key_is_used_up() {
    let bench = Bench::new(&Script::new().on("a", Reply::chat("hello")), &[("a", "openai", 1)]).await;
    let key = bench.handle().keys().remove(0).key;
    let budget = Some(Budget::of(NanoUsd(1), Window::Total));
    bench.handle().change_key(key.id, KeySpec { budget, ..key.spec.clone() }).await.unwrap();
    chat(&bench, None).await;

    let refused = chat(&bench, None).await;
    assert_eq!((refused.status, header(&refused, "retry-after")), (503, ""));
    assert!(refused.text().contains("the budget of every key"), "{}", refused.text());
}

/// Calls that come together never pass the limit, and nothing of them stays held.
#[tokio::test]
async fn of_many_calls_at_once_only_those_get_through_that_the_budget_covers() {
    let bench = spending(&Script::new().on("a", Reply::chat("hello")), day("0.0030")).await;
    let calls = (0..300).map(|_| chat(&bench, Some(100)));
    let answers = futures::future::join_all(calls).await;

    let served = answers.iter().filter(|got| got.status == 200).count();
    let refused = answers.iter().filter(|got| got.status == 429).count();
    assert_eq!(served + refused, 300);
    assert!(refused > 0 && served > 0);
    let (spent, held) = used(&bench.handle()).await;
    assert_eq!((spent, held), (NanoUsd(COST.0 * i64::try_from(served).unwrap()), NanoUsd::ZERO));
    let booked: NanoUsd = bench.handle_records().await.iter().filter_map(|record| record.cost).sum();
    assert_eq!(booked, spent);
}

impl Bench {
    async fn handle_records(&self) -> Vec<StoredRecord> {
        use amp_pool_core::store::{Page, RecordFilter};
        self.handle().records(RecordFilter::default(), Page { before: None, limit: 1_000 }).await.unwrap()
    }
}
