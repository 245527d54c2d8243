//! Several pools on one PostgreSQL are one pool.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;
mod postgres_server;

use std::time::{Duration, Instant};

use amp_pool_core::{
    Pool, PoolBuilder,
    alert::{AlertKind, AlertRuleSpec, ChannelSpec},
    budget::{Budget, Scope, Window},
    caller::TokenSpec,
    keys::{Caps, KeySpec, KeyState},
    money::NanoUsd,
    secret::Secret,
    service::Limits,
    store::{
        Durability,
        postgres::{PostgresOptions, PostgresStore},
    },
    testkit::{Reply, Script},
    time::{Clock as _, SystemClock},
};
use bench::{Bench, TOKEN};
use futures::future::join_all;
use postgres_server::PostgresServer;
use serde_json::json;
use tempfile::TempDir;

/// What [`Reply::chat`] costs: 10 tokens in at $0.15, 5 out at $0.60 a million.
const COST: NanoUsd = NanoUsd(4_500);
const CALLS: usize = 300;
const AFFORDABLE: i64 = 25;
/// Longer than it takes until all have asked.
const THINKING: Duration = Duration::from_secs(4);

async fn node(url: &str, dir: &TempDir, name: &str, upstream: &Script) -> Bench {
    node_with(url, dir, name, upstream, |builder| builder).await
}

async fn node_with(
    url: &str,
    dir: &TempDir,
    name: &str,
    upstream: &Script,
    with: impl FnOnce(PoolBuilder) -> PoolBuilder,
) -> Bench {
    let options = PostgresOptions {
        url: Secret::new(url),
        master_key_file: dir.path().join("master.key"),
        node: name.to_owned(),
        connections: 8,
        durability: Durability::Full,
        echo: false,
    };
    let store = PostgresStore::open(options, SystemClock.now()).await.unwrap();
    let builder = Pool::builder().store(std::sync::Arc::new(store)).transport(upstream.clone());
    let pool = with(builder.limits(Limits::default())).build().await.unwrap();
    Bench { pool, upstream: upstream.clone() }
}

/// Until it is so, for as long as a change of another node may take.
async fn eventually(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_changes_is_in_force_on_the_other() {
    let (url, dir) = (PostgresServer::shared().database(), tempfile::tempdir().unwrap());
    let upstream = Script::new().on("k", Reply::chat("hello"));
    let (a, b) = (node(&url, &dir, "a", &upstream).await, node(&url, &dir, "b", &upstream).await);

    let token = a.handle().add_token_with(TokenSpec::named("test"), Secret::new(TOKEN)).await.unwrap();
    a.handle().add_key(KeySpec::new("k", "openai", Secret::new("k"))).await.unwrap();
    let took =
        eventually("a key and a token", || !b.handle().keys().is_empty() && !b.handle().tokens().is_empty()).await;
    eprintln!("a key and a token are in force on the other node after {took:?}");
    assert_eq!(b.chat().await.status, 200);

    a.handle().remove_token(token.id).await.unwrap();
    eventually("the token is gone", || b.handle().tokens().is_empty()).await;
    assert_eq!(b.chat().await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_holds_over_two_nodes() {
    let (url, dir) = (PostgresServer::shared().database(), tempfile::tempdir().unwrap());
    let upstream = Script::new().on("k", Reply::chat("hello").after(THINKING));
    let (a, b) = (node(&url, &dir, "a", &upstream).await, node(&url, &dir, "b", &upstream).await);
    let plenty = Budget::of(NanoUsd(1_000_000_000), Window::Total);
    let spec = TokenSpec { budget: Some(plenty.clone()), ..TokenSpec::named("test") };
    let token = a.handle().add_token_with(spec, Secret::new(TOKEN)).await.unwrap();
    a.handle().add_key(KeySpec::new("k", "openai", Secret::new("k"))).await.unwrap();
    let body = json!({"model": "gpt-4o-mini", "messages": [], "max_tokens": 5});
    let left =
        a.post("/v1/chat/completions", &body).await.headers["x-amp-budget-remaining"].to_str().unwrap().to_owned();
    let worst = plenty.limit.0 - left.parse::<NanoUsd>().unwrap().0;
    // As much as so many calls can cost, beside what the first one did.
    let budget = Budget::of(NanoUsd(COST.0 + worst * AFFORDABLE), Window::Total);
    let limit = budget.limit;
    let spec = TokenSpec { budget: Some(budget.clone()), ..TokenSpec::named("test") };
    a.handle().change_token(token.id, spec).await.unwrap();
    let in_force = || b.handle().tokens().first().is_some_and(|token| token.spec.budget.as_ref() == Some(&budget));
    eventually("a key and a budget", || !b.handle().keys().is_empty() && in_force()).await;

    let used = async || a.handle().budgets(vec![(Scope::Token(token.id), budget.clone())]).await.unwrap()[0].tally;
    let calls = join_all((0..CALLS).map(|n| {
        let node = if n % 2 == 0 { &a } else { &b };
        node.post("/v1/chat/completions", &body)
    }));
    let mut calls = std::pin::pin!(calls);
    let mut samples = 0;
    let answers = loop {
        tokio::select! {
            answers = &mut calls => break answers,
            tally = used() => {
                assert!(tally.spent.saturating_add(tally.held) <= limit, "{tally:?} of {limit}");
                samples += 1;
            }
        }
    };
    a.handle().flush().await;
    b.handle().flush().await;

    let count = |status| answers.iter().filter(|got| got.status == status).count();
    let (served, refused, tally) = (count(200), count(429), used().await);
    eprintln!("{served} served, {refused} refused, {samples} samples, {} of {limit} spent", tally.spent);
    assert_eq!(served + refused, CALLS);
    let served = i64::try_from(served).unwrap();
    assert!(served >= AFFORDABLE && refused > 0, "{served} were served and {refused} refused");
    assert_eq!((tally.spent, tally.held), (NanoUsd(COST.0 * (served + 1)), NanoUsd::ZERO));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_a_minute_holds_over_two_nodes() {
    const LIMIT: u32 = 21;
    let (url, dir) = (PostgresServer::shared().database(), tempfile::tempdir().unwrap());
    let upstream = Script::new().on("k", Reply::chat("hello"));
    let (a, b) = (node(&url, &dir, "a", &upstream).await, node(&url, &dir, "b", &upstream).await);
    let limits = Caps { rpm: Some(LIMIT), ..Caps::default() };
    a.handle().add_token_with(TokenSpec { limits, ..TokenSpec::named("test") }, Secret::new(TOKEN)).await.unwrap();
    a.handle().add_key(KeySpec::new("k", "openai", Secret::new("k"))).await.unwrap();
    eventually("a key", || !b.handle().keys().is_empty() && !b.handle().tokens().is_empty()).await;
    // The first node has learned by now that it is not alone.
    tokio::time::sleep(Duration::from_millis(2_500)).await;

    let ask = async |node: &Bench| {
        let answers = join_all((0..40).map(|_| node.chat())).await;
        u32::try_from(answers.iter().filter(|got| got.status == 200).count()).unwrap()
    };
    let (by_a, by_b) = tokio::join!(ask(&a), ask(&b));

    assert_eq!((by_a, by_b), (11, 10), "together they let through what one would");
    assert_eq!(a.handle().tokens()[0].spec.limits, limits, "what was written is shown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_one_node_has_found_wanting_is_avoided_by_the_other() {
    let (url, dir) = (PostgresServer::shared().database(), tempfile::tempdir().unwrap());
    let upstream = Script::new()
        .on("broke", Reply::error(402, "billing", "insufficient_quota", "no money"))
        .on("limited", Reply::limited().retry_after_secs(900))
        .on("good", Reply::chat("hello"));
    let (a, b) = (node(&url, &dir, "a", &upstream).await, node(&url, &dir, "b", &upstream).await);
    a.handle().add_token_with(TokenSpec::named("test"), Secret::new(TOKEN)).await.unwrap();
    for (name, priority) in [("broke", 2), ("limited", 1), ("good", 0)] {
        a.handle().add_key(KeySpec { priority, ..KeySpec::new(name, "openai", Secret::new(name)) }).await.unwrap();
    }
    eventually("the keys", || b.handle().keys().len() == 3 && !b.handle().tokens().is_empty()).await;
    let rests = |bench: &Bench, name: &str| {
        let key = bench.handle().keys().into_iter().find(|view| view.key.spec.name == name).unwrap();
        key.status.state != KeyState::Ready || !key.status.models.is_empty()
    };

    assert_eq!(a.chat().await.status, 200);
    assert_eq!(upstream.keys_tried(), ["broke", "limited", "good"]);
    let took = eventually("b has heard of it", || rests(&b, "broke") && rests(&b, "limited")).await;
    eprintln!("what one node learned of a key is known to the other after {took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(b.chat().await.status, 200);
    assert_eq!(upstream.keys_tried()[3..], ["good"], "the other node asks neither");
    let broke = b.handle().keys()[0].clone();
    assert_eq!(broke.status.state, KeyState::OutOfCredit);
    assert!(broke.status.reason.as_deref().is_some_and(|reason| reason.contains("no money")));

    a.handle().reset_key(broke.key.id).unwrap();
    eventually("it was taken back", || !rests(&b, "broke")).await;
    assert!(rests(&b, "limited"));
    // Nobody announces this: it is found by looking.
    PostgresServer::shared().sql(&url, "DELETE FROM api_key_health");
    eventually("it is looked for", || !rests(&b, "limited")).await;
    assert!(rests(&a, "limited"), "who has learned it goes by it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_calls_are_refused_and_what_was_taken_in_is_kept() {
    let (server, dir) = (PostgresServer::start(&[]), tempfile::tempdir().unwrap());
    let url = server.database();
    let upstream = Script::new().on("k", Reply::chat("hello"));
    let pool = node(&url, &dir, "a", &upstream).await;
    pool.handle().add_token_with(TokenSpec::named("test"), Secret::new(TOKEN)).await.unwrap();
    pool.handle().add_key(KeySpec::new("k", "openai", Secret::new("k"))).await.unwrap();
    assert_eq!(pool.chat().await.status, 200);

    server.kill();
    let waiting = async { pool.chat().await.status };
    let others = async {
        eventually("the books are not written", || !pool.handle().is_ready()).await;
        let refused = pool.chat().await;
        assert_eq!((refused.status, refused.headers.contains_key("retry-after")), (503, true), "{}", refused.text());
        server.start_again();
    };
    let (taken_in, ()) = tokio::join!(waiting, others);

    assert_eq!(taken_in, 200, "its answer ends when it is in the books");
    eventually("the books are written again", || pool.handle().is_ready()).await;
    assert_eq!(pool.chat().await.status, 200);
    assert_eq!(pool.records().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_one_tells_what_both_see_and_each_what_it_alone_sees() {
    let (url, dir) = (PostgresServer::shared().database(), tempfile::tempdir().unwrap());
    let broke = Reply::error(402, "billing", "insufficient_quota", "no money");
    let upstream = Script::new().on("k", broke).otherwise(|_| Reply::json(200, &json!({})));
    let watching = |builder: PoolBuilder| builder.alerts(Duration::from_millis(100));
    let a = node_with(&url, &dir, "a", &upstream, watching).await;
    let b = node_with(&url, &dir, "b", &upstream, watching).await;
    a.handle().add_token_with(TokenSpec::named("test"), Secret::new(TOKEN)).await.unwrap();
    a.handle().add_key(KeySpec::new("k", "openai", Secret::new("k"))).await.unwrap();
    eventually("a key", || !b.handle().keys().is_empty() && !b.handle().tokens().is_empty()).await;
    let hook = ChannelSpec::new("ops", "webhook").with_secret("url", "https://hook.example.com/");
    let channels = vec![a.handle().add_channel(hook).await.unwrap().id];
    let rule = |kind| AlertRuleSpec {
        for_seconds: Some(0),
        least_calls: Some(1),
        channels: channels.clone(),
        ..AlertRuleSpec::new("rule", kind)
    };
    a.handle().add_alert_rule(rule(AlertKind::KeyDown)).await.unwrap();
    b.handle().add_alert_rule(rule(AlertKind::ErrorRate)).await.unwrap();
    join_all([a.chat(), b.chat()]).await;

    let told = || {
        let sent = upstream.sent().into_iter().filter(|sent| sent.uri.host() == Some("hook.example.com"));
        let subject = |body: serde_json::Value| body["items"][0]["subject"].as_str().unwrap().to_owned();
        let mut subjects: Vec<_> =
            sent.map(|sent| subject(serde_json::from_slice(&sent.body.into_bytes()).unwrap())).collect();
        subjects.sort_unstable();
        subjects
    };
    eventually("both nodes and the key are told of", || told().len() >= 3).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;

    assert_eq!(told(), ["key:1", "pool@a", "pool@b"]);
    assert_eq!(a.handle().alert_states().await.unwrap().len(), 3);
}
