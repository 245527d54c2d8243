//! Alerts, from what goes wrong to what a channel is told. Time is virtual: a look every 15 seconds costs nothing.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use amp_pool_core::{
    Pool,
    alert::{AlertKind, AlertRuleSpec, ChannelSpec, Level, SplitBy},
    budget::{Budget, Window},
    caller::TokenSpec,
    id::{ChannelId, KeyId},
    keys::KeySpec,
    money::NanoUsd,
    secret::Secret,
    store::{DeliveryState, Page, Store, memory::MemoryStore},
    testkit::{Reply, Script, Sent},
    time::{Clock, Timestamp},
};
use bench::{Bench, TOKEN};
use serde_json::{Value, json};

const EVERY: Duration = Duration::from_secs(15);
const HOOK: &str = "https://hooks.example.com/services/T0/B0/0123456789abcdef";
const ALL: Page = Page { before: None, limit: 100 };

/// The wall clock of virtual time.
struct Virtual(tokio::time::Instant);

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        let since = i64::try_from(self.0.elapsed().as_millis()).unwrap();
        Timestamp::from_millis(1_795_392_000_000 + since)
    }
}

struct Site {
    bench: Bench,
    store: Arc<MemoryStore>,
    began: tokio::time::Instant,
}

impl Site {
    /// A pool with one key, whose channel is answered by `answer`.
    async fn new(upstream: Script, answer: impl FnMut(&Sent) -> Reply + Send + 'static) -> Self {
        let (store, began) = (Arc::new(MemoryStore::new()), tokio::time::Instant::now());
        let upstream = upstream.otherwise(answer);
        let bench = open(&store, &upstream, began).await;
        bench.handle().add_token_with(TokenSpec::named("test"), Secret::new(TOKEN)).await.unwrap();
        bench.handle().add_key(KeySpec::new("k", "openai", Secret::new("k"))).await.unwrap();
        bench.handle().add_channel(ChannelSpec::new("ops", "webhook").with_secret("url", HOOK)).await.unwrap();
        Self { bench, store, began }
    }

    async fn quiet(upstream: Script) -> Self {
        Self::new(upstream, |_| Reply::json(200, &json!({}))).await
    }

    async fn key(&self) -> KeyId {
        self.bench.handle().keys()[0].key.id
    }

    async fn channel(&self) -> ChannelId {
        self.bench.handle().channels().await.unwrap()[0].id
    }

    async fn rule(&self, kind: AlertKind, change: impl FnOnce(&mut AlertRuleSpec)) {
        let mut spec = AlertRuleSpec {
            for_seconds: Some(0),
            channels: vec![self.channel().await],
            ..AlertRuleSpec::new("rule", kind)
        };
        change(&mut spec);
        self.bench.handle().add_alert_rule(spec).await.unwrap();
    }

    /// What the channel was told so far: what happened, and to whom.
    fn told(&self) -> Vec<(String, String)> {
        self.messages().iter().map(|message| (text(&message["event"]), text(&message["items"][0]["subject"]))).collect()
    }

    fn messages(&self) -> Vec<Value> {
        let to_hook = |sent: &Sent| sent.uri == HOOK;
        let body = |sent: &Sent| serde_json::from_slice(&sent.body.clone().into_bytes()).unwrap();
        self.bench.upstream.sent().iter().filter(|sent| to_hook(sent)).map(body).collect()
    }

    async fn chat(&self, times: usize) {
        for _ in 0..times {
            self.bench.chat().await;
        }
        self.bench.handle().flush().await;
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn open(store: &Arc<MemoryStore>, upstream: &Script, began: tokio::time::Instant) -> Bench {
    let store: Arc<dyn Store> = store.clone();
    let builder = Pool::builder().store(store).transport(upstream.clone()).clock(Virtual(began)).alerts(EVERY);
    Bench { pool: builder.build().await.unwrap(), upstream: upstream.clone() }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn events(kinds: &[(&str, &str)]) -> Vec<(String, String)> {
    kinds.iter().map(|(event, subject)| ((*event).to_owned(), (*subject).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_out_is_told_once_and_once_more_when_it_is_back() {
    let site = Site::quiet(Script::new().on("k", Reply::error(402, "billing", "insufficient_quota", "no money"))).await;
    site.rule(AlertKind::KeyDown, |rule| rule.for_seconds = Some(60)).await;
    site.chat(1).await;
    pass(45).await;
    assert_eq!(site.told(), [], "it has to last");

    pass(600).await;
    let subject = format!("key:{}", site.key().await);
    assert_eq!(site.told(), events(&[("fired", &subject)]));
    assert_eq!(site.bench.handle().alert_states().await.unwrap()[0].subject.id, subject);

    site.bench.handle().reset_key(site.key().await).unwrap();
    pass(600).await;
    assert_eq!(site.told(), events(&[("fired", &subject), ("cleared", &subject)]));
    assert_eq!(site.bench.handle().alert_states().await.unwrap(), []);
    let noted = site.bench.handle().alert_events(None, ALL).await.unwrap();
    assert_eq!(noted.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_restart_tells_nothing_again() {
    let site = Site::quiet(Script::new()).await;
    site.bench.handle().say_balance(site.key().await, Some(("1".parse().unwrap(), "USD".into()))).await.unwrap();
    site.rule(AlertKind::BalanceLow, |_| {}).await;
    pass(600).await;
    assert_eq!(site.told().len(), 1);
    let Site { bench, store, began } = site;
    bench.handle().close().await;
    let upstream = bench.upstream.clone();
    drop(bench);
    pass(60).await;

    let site = Site { bench: open(&store, &upstream, began).await, store, began };
    pass(600).await;
    assert_eq!(site.told().len(), 1, "who was told knows");
    site.bench.handle().say_balance(site.key().await, Some(("100".parse().unwrap(), "USD".into()))).await.unwrap();
    pass(600).await;
    let subject = format!("key:{}", site.key().await);
    assert_eq!(site.told(), events(&[("fired", &subject), ("cleared", &subject)]));
    assert_eq!((site.began, site.store.alert_count().await), (began, 2));
}

trait Count {
    async fn alert_count(&self) -> usize;
}

impl Count for Arc<MemoryStore> {
    async fn alert_count(&self) -> usize {
        amp_pool_core::store::AlertStore::alert_events(&**self, None, ALL).await.unwrap().len()
    }
}

#[tokio::test(start_paused = true)]
async fn errors_count_that_are_not_the_callers_own() {
    let upstream = Script::new().on("k", Reply::error(400, "invalid_request_error", "bad", "your own mistake"));
    let site = Site::quiet(upstream).await;
    site.rule(AlertKind::ErrorRate, |_| {}).await;
    site.rule(AlertKind::ErrorRate, |rule| rule.split_by = SplitBy::Provider).await;
    site.chat(30).await;
    pass(30).await;
    assert_eq!(site.told(), []);
}

#[tokio::test(start_paused = true)]
async fn many_errors_are_told_until_they_are_past() {
    let site = Site::quiet(Script::new().on("k", Reply::broken())).await;
    site.rule(AlertKind::ErrorRate, |rule| rule.least_calls = Some(5)).await;
    site.rule(AlertKind::PoolDegraded, |_| {}).await;
    site.chat(4).await;
    pass(20).await;
    assert!(!site.told().iter().any(|(_, subject)| subject == "pool"), "too few to tell");
    site.chat(4).await;
    pass(20).await;
    assert!(site.told().contains(&("fired".into(), "pool".into())), "{:?}", site.told());
    pass(600).await;
    assert!(site.told().contains(&("cleared".into(), "pool".into())), "{:?}", site.told());
}

#[tokio::test(start_paused = true)]
async fn a_budget_and_a_model_are_told_of() {
    let site = Site::quiet(Script::new().on("k", Reply::chat("hello"))).await;
    site.rule(AlertKind::BudgetUsed, |rule| rule.threshold = Some(Level::whole(30))).await;
    site.rule(AlertKind::NoKeyForModel, |rule| rule.only = vec!["model:gpt-4o-mini".parse().unwrap()]).await;
    let token = site.bench.handle().tokens()[0].clone();
    // A call costs 4,500.
    let budget = Some(Budget::of(NanoUsd(1_000_000), Window::Total));
    let spec = TokenSpec { budget, ..TokenSpec::named("test") };
    site.bench.handle().change_token(token.id, spec.clone()).await.unwrap();
    pass(60).await;
    assert_eq!(site.told(), []);

    let body = json!({"model": "gpt-4o-mini", "messages": [], "max_tokens": 1});
    for _ in 0..80 {
        assert_eq!(site.bench.post("/v1/chat/completions", &body).await.status, 200);
    }
    let key = site.bench.handle().keys()[0].key.clone();
    site.bench
        .handle()
        .change_key(key.id, KeySpec { models_denied: vec!["gpt-4o-mini".parse().unwrap()], ..key.spec.clone() })
        .await
        .unwrap();
    pass(60).await;
    let budget_of = format!("budget:token:{}", token.id);
    assert_eq!(site.told(), events(&[("fired", &budget_of)]), "a model that nobody serves can not be named");

    site.bench.handle().change_key(key.id, key.spec.clone()).await.unwrap();
    let more = TokenSpec { budget: Some(Budget::of(NanoUsd(100_000_000), Window::Total)), ..spec };
    site.bench.handle().change_token(token.id, more).await.unwrap();
    pass(60).await;
    assert_eq!(site.told(), events(&[("fired", &budget_of), ("cleared", &budget_of)]));
}

#[tokio::test(start_paused = true)]
async fn a_model_without_a_fit_key_is_told_of() {
    let site = Site::quiet(Script::new().on("k", Reply::error(402, "billing", "insufficient_quota", "no money"))).await;
    site.rule(AlertKind::NoKeyForModel, |rule| rule.only = vec!["model:gpt-4o*".parse().unwrap()]).await;
    site.chat(1).await;
    pass(30).await;
    let messages = site.messages();
    assert_eq!(messages.len(), 1, "many models are one message");
    assert!(messages[0]["count"].as_u64().unwrap() > 1, "{messages:?}");
    site.bench.handle().reset_key(site.key().await).unwrap();
    pass(30).await;
    assert_eq!(text(&site.messages()[1]["event"]), "cleared");
}

/// A site where a balance is low, told to a channel that is answered by `answer`.
async fn low(answer: impl FnMut(&Sent) -> Reply + Send + 'static) -> Site {
    let site = Site::new(Script::new(), answer).await;
    site.bench.handle().say_balance(site.key().await, Some(("1".parse().unwrap(), "USD".into()))).await.unwrap();
    site.rule(AlertKind::BalanceLow, |rule| rule.threshold = Some(Level::whole(2))).await;
    site
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_fails_is_tried_again_with_the_same_id() {
    let tries = AtomicUsize::new(0);
    let site = low(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::broken(),
        1 => Reply::reset(),
        _ => Reply::json(200, &json!({})),
    })
    .await;
    pass(900).await;

    let sent = site.bench.upstream.sent();
    let ids: Vec<_> = sent.iter().filter_map(|sent| sent.headers.get("webhook-id")).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let delivery = &site.bench.handle().alert_deliveries(None, ALL).await.unwrap()[0];
    assert_eq!((delivery.state, delivery.tries, delivery.detail.clone()), (DeliveryState::Sent, 3, None));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_asks_for_patience_gets_it() {
    let tries = AtomicUsize::new(0);
    let site = low(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::limited().retry_after_secs(300),
        _ => Reply::json(200, &json!({})),
    })
    .await;
    pass(300).await;
    assert_eq!(site.messages().len(), 1);
    let waits = &site.bench.handle().alert_deliveries(None, ALL).await.unwrap()[0];
    assert_eq!(waits.state, DeliveryState::Pending);
    assert!(waits.detail.as_deref().unwrap().starts_with("HTTP 429"), "{waits:?}");
    pass(60).await;
    assert_eq!(site.messages().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_refuses_is_not_asked_again_and_its_secrets_stay_secret() {
    let site = low(|_| Reply::error(404, "x", "x", "no hook 0123456789abcdef here")).await;
    pass(3 * 3600).await;
    assert_eq!(site.messages().len(), 1);
    let failed = &site.bench.handle().alert_deliveries(None, ALL).await.unwrap()[0];
    let why = failed.detail.as_deref().unwrap();
    assert_eq!(failed.state, DeliveryState::Failed);
    assert!(why.starts_with("HTTP 404: ") && !why.contains("0123456789abcdef"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_rule_without_channels_is_noted_and_told_nobody() {
    let site = low(|_| Reply::json(200, &json!({}))).await;
    let rule = site.bench.handle().alert_rules().await.unwrap().remove(0);
    site.bench.handle().change_alert_rule(rule.id, AlertRuleSpec { channels: vec![], ..rule.spec }).await.unwrap();
    site.bench.handle().remove_channel(site.channel().await).await.unwrap();
    pass(600).await;
    assert_eq!((site.messages().len(), site.bench.handle().alert_events(None, ALL).await.unwrap().len()), (0, 1));

    site.bench.handle().remove_alert_rule(rule.id).await.unwrap();
    pass(60).await;
    assert_eq!(site.bench.handle().alert_states().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_not_asked_to_tells_nothing() {
    let pool = Pool::builder().transport(Script::new()).build().await.unwrap();
    pool.handle().add_key(KeySpec::new("k", "openai", Secret::new("k"))).await.unwrap();
    pool.handle()
        .say_balance(pool.handle().keys()[0].key.id, Some(("1".parse().unwrap(), "USD".into())))
        .await
        .unwrap();
    pool.handle().add_alert_rule(AlertRuleSpec::new("rule", AlertKind::BalanceLow)).await.unwrap();
    pass(3600).await;
    assert_eq!(pool.handle().alert_events(None, ALL).await.unwrap(), []);
    let mail = ChannelSpec::new("m", "email").with("host", "h").with("from", "a@b").with("to", "c@d");
    let refused = pool.handle().add_channel(mail).await.err().unwrap();
    assert_eq!(refused.to_string(), "`kind`: this host sends no e-mail");
}
