//! Balances in a running pool: who is asked, how often, through what, and what that does to a key.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    io::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use amp_pool_core::{
    Handle, Pool,
    balance::{Amount, ProbeChoice, RefusalKind},
    caller::TokenSpec,
    handle::ChangeError,
    id::KeyId,
    keys::{Egress, KeySpec, KeyState},
    prober::{FigureSource, Schedule},
    secret::Secret,
    store::{Store, memory::MemoryStore},
    testkit::{Reply, Script},
    time::{Clock, Timestamp},
    transport::{Answer, Outgoing, Transport},
};
use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use serde_json::json;
use tower::ServiceExt as _;

const TOKEN: &str = "amp-test-token-0123456789";
const HOUR: Duration = Duration::from_secs(60 * 60);

/// An upstream with one script for calls and one for balances. Clones share it.
#[derive(Clone, Default)]
struct Upstream {
    calls: Script,
    balances: Script,
    egresses: Arc<Mutex<Vec<Arc<Egress>>>>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Transport for Upstream {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'static, Answer> {
        if outgoing.request.uri().path().starts_with("/v1/chat/") {
            return self.calls.send(outgoing);
        }
        self.egresses.lock().unwrap().push(outgoing.egress.clone());
        let (answer, running, most) = (self.balances.send(outgoing), self.running.clone(), self.most.clone());
        Box::pin(async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            answer.await
        })
    }
}

/// A wall clock that a test moves, and that moves with paused time.
#[derive(Clone)]
struct TestClock(Arc<AtomicI64>, tokio::time::Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.1.elapsed().as_millis()).unwrap();
        Timestamp::from_millis(self.0.load(Ordering::SeqCst) + passed)
    }
}

struct Bench {
    pool: Pool,
    upstream: Upstream,
    store: Arc<dyn Store>,
    clock: TestClock,
}

impl Bench {
    async fn new(upstream: Upstream, schedule: Schedule) -> Self {
        Self::over(upstream, schedule, Arc::new(MemoryStore::new())).await
    }

    async fn over(upstream: Upstream, schedule: Schedule, store: Arc<dyn Store>) -> Self {
        let clock = TestClock(Arc::new(AtomicI64::new(1_795_395_600_000)), tokio::time::Instant::now());
        let builder = Pool::builder().transport(upstream.clone()).store(store.clone()).clock(clock.clone());
        let pool = builder.balances(schedule).build().await.unwrap();
        Self { pool, upstream, store, clock }
    }

    fn handle(&self) -> Handle {
        self.pool.handle()
    }

    async fn key(&self, provider: &str) -> KeyId {
        self.add(KeySpec::new("a", provider, Secret::new("sk-a"))).await
    }

    async fn add(&self, spec: KeySpec) -> KeyId {
        self.handle().add_key(spec).await.unwrap().key.id
    }

    fn state(&self, key: KeyId) -> (KeyState, String) {
        let status = self.handle().key(key).unwrap().status;
        (status.state, status.reason.unwrap_or_default())
    }

    fn asked(&self) -> usize {
        self.upstream.balances.sent().len()
    }

    async fn chat(&self) -> u16 {
        let known = self.handle().tokens().len();
        if known == 0 {
            self.handle().add_token_with(TokenSpec::named("test"), Secret::new(TOKEN)).await.unwrap();
        }
        let request = http::Request::post("/v1/chat/completions")
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(json!({"model": "deepseek-chat", "messages": []}).to_string())))
            .unwrap();
        let answer = self.pool.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        answer.into_body().collect().await.unwrap();
        self.handle().flush().await;
        status
    }
}

fn amount(text: &str) -> Option<Amount> {
    Some(text.parse().unwrap())
}

fn deepseek(balance: &str) -> Reply {
    let info = json!([{"currency": "USD", "total_balance": balance}]);
    Reply::json(200, &json!({"is_available": balance != "0", "balance_infos": info}))
}

/// Answers to questions for a balance, the last again and again.
fn telling(replies: impl IntoIterator<Item = Reply>) -> Upstream {
    let balances = replies.into_iter().fold(Script::new(), |script, reply| script.on("sk-a", reply));
    Upstream { balances, calls: Script::new().on("sk-a", Reply::chat("hello")), ..Upstream::default() }
}

#[tokio::test(start_paused = true)]
async fn a_balance_is_asked_for_on_demand_and_known_from_then_on() {
    let bench = Bench::new(telling([deepseek("12.5")]), Schedule::default()).await;
    let key = bench.key("deepseek").await;
    assert_eq!(bench.handle().balance(key).await.unwrap().figure.source, FigureSource::None);

    let view = bench.handle().refresh_balance(key).await.unwrap();

    assert_eq!((view.figure.amount, view.figure.usd), (amount("12.5"), amount("12.5")));
    assert_eq!(view.figure.source, FigureSource::Reported);
    assert_eq!(view.figure.at, Some(bench.clock.now()));
    assert_eq!(bench.handle().balances().await.unwrap()[&key], view.figure);
    tokio::time::sleep(48 * HOUR).await;
    assert_eq!(bench.asked(), 1, "without a schedule nobody is asked again");
}

#[tokio::test(start_paused = true)]
async fn questions_leave_through_the_keys_own_egress() {
    let bench = Bench::new(telling([deepseek("1")]), Schedule::default()).await;
    let mut spec = KeySpec::new("a", "deepseek", Secret::new("sk-a"));
    spec.egress.proxy = Some("socks5h://user:pass@127.0.0.1:1080".parse().unwrap());
    spec.egress.user_agent = Some("agent/7".parse().unwrap());
    spec.egress.headers.insert("x-team", "blue".parse().unwrap());
    let expected = spec.egress.clone();
    let key = bench.add(spec).await;
    bench.handle().refresh_balance(key).await.unwrap();

    let sent = bench.upstream.balances.sent().remove(0);
    assert_eq!(sent.uri, "https://api.deepseek.com/user/balance");
    assert_eq!(sent.headers["authorization"], "Bearer sk-a");
    assert_eq!(
        (&sent.headers["user-agent"], &sent.headers["x-team"]),
        (&"agent/7".parse().unwrap(), &"blue".parse().unwrap())
    );
    assert!(*bench.upstream.egresses.lock().unwrap()[0] == expected);
}

#[tokio::test(start_paused = true)]
async fn a_keys_own_headers_stay_with_its_own_host() {
    let upstream = Upstream {
        balances: Script::new().on("sk-admin", Reply::json(200, &json!({"object": "page", "data": []}))),
        ..Upstream::default()
    };
    let bench = Bench::new(upstream, Schedule::default()).await;
    let mut spec = KeySpec::new("a", "openai", Secret::new("sk-a"));
    spec.base_url = Some("https://relay.example".into());
    spec.egress.headers.insert("x-relay-secret", "blue".parse().unwrap());
    spec.balance.values.insert("admin_key".into(), Secret::new("sk-admin"));
    let key = bench.add(spec).await;
    let view = bench.handle().refresh_balance(key).await.unwrap();

    assert_eq!(view.reported.unwrap().balance.reading.spent, amount("0"));
    let sent = bench.upstream.balances.sent().remove(0);
    assert_eq!(sent.uri.host(), Some("api.openai.com"));
    assert!(!sent.headers.contains_key("x-relay-secret"));
}

#[tokio::test(start_paused = true)]
async fn the_schedule_asks_again_and_again_with_a_little_disorder() {
    let bench = Bench::new(telling([deepseek("5")]), Schedule::every(HOUR)).await;
    bench.key("deepseek").await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(bench.asked(), 1, "a new key is asked for soon");

    tokio::time::sleep(10 * HOUR).await;
    assert!((9..=12).contains(&bench.asked()), "{}", bench.asked());
}

#[tokio::test(start_paused = true)]
async fn no_more_questions_are_under_way_than_there_are_places() {
    let mut upstream = Upstream::default();
    for n in 0..40 {
        upstream.balances = upstream.balances.on(&format!("sk-{n}"), deepseek("5"));
    }
    let mut schedule = Schedule::every(HOUR);
    schedule.at_once = 3;
    let bench = Bench::new(upstream, schedule).await;
    for n in 0..40 {
        bench.add(KeySpec::new(format!("{n}"), "deepseek", Secret::new(format!("sk-{n}")))).await;
    }
    tokio::time::sleep(Duration::from_secs(120)).await;

    assert_eq!(bench.asked(), 40);
    assert_eq!(bench.upstream.most.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_somebody_asks_waits_for_that_answer() {
    let bench = Bench::new(telling([deepseek("5")]), Schedule::default()).await;
    let key = bench.key("deepseek").await;
    let handle = bench.handle();
    let ask = || handle.refresh_balance(key);
    let (a, b, c) = tokio::join!(ask(), ask(), ask());

    for view in [a, b, c] {
        assert_eq!(view.unwrap().figure.amount, amount("5"));
    }
    assert_eq!(bench.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reported_balance_stops_a_key_and_a_higher_one_lets_it_go_on() {
    let bench = Bench::new(telling([deepseek("0"), deepseek("7")]), Schedule::every(HOUR)).await;
    let key = bench.key("deepseek").await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(bench.state(key).0, KeyState::OutOfCredit);
    assert!(bench.state(key).1.contains("want of money"), "{}", bench.state(key).1);
    assert!(bench.handle().balance(key).await.unwrap().stopped);
    assert_eq!(bench.chat().await, 503);
    assert_eq!(bench.upstream.calls.sent().len(), 0);

    // Money that is gone is looked for sooner than the schedule says.
    tokio::time::sleep(Duration::from_secs(12 * 60)).await;
    assert_eq!(bench.state(key).0, KeyState::Ready);
    assert_eq!(bench.chat().await, 200);
}

#[tokio::test(start_paused = true)]
async fn an_operators_minimum_counts_and_a_lower_one_lets_the_key_go_on() {
    let bench = Bench::new(telling([deepseek("4.5")]), Schedule::default()).await;
    let mut spec = KeySpec::new("a", "deepseek", Secret::new("sk-a"));
    spec.balance.minimum = amount("5");
    let key = bench.add(spec.clone()).await;
    bench.handle().refresh_balance(key).await.unwrap();
    assert_eq!(bench.state(key), (KeyState::OutOfCredit, "its balance is 4.5 USD, the minimum 5".into()));

    spec.balance.minimum = amount("1");
    bench.handle().change_key(key, spec).await.unwrap();
    bench.handle().refresh_balance(key).await.unwrap();
    assert_eq!(bench.state(key).0, KeyState::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_balance_that_nobody_trusts_stops_no_key() {
    let zero = Reply::json(200, &json!({"code": 20000, "data": {"totalBalance": "0"}}));
    let bench = Bench::new(telling([zero]), Schedule::default()).await;
    let key = bench.key("siliconflow").await;
    let view = bench.handle().refresh_balance(key).await.unwrap();

    assert_eq!((view.figure.amount, view.minimum), (amount("0"), None));
    assert_eq!(bench.state(key).0, KeyState::Ready);
}

#[tokio::test(start_paused = true)]
async fn neither_a_computed_nor_a_manual_balance_stops_a_key() {
    let bench = Bench::new(telling([Reply::error(500, "e", "e", "oops")]), Schedule::every(HOUR)).await;
    let mut spec = KeySpec::new("a", "deepseek", Secret::new("sk-a"));
    (spec.total_balance, spec.balance.minimum) = (Some("0".parse().unwrap()), amount("5"));
    let key = bench.add(spec).await;
    bench.handle().say_balance(key, Some(("-3".parse().unwrap(), "USD".into()))).await.unwrap();
    tokio::time::sleep(2 * HOUR).await;

    assert_eq!(bench.state(key).0, KeyState::Ready);
    assert_eq!(bench.chat().await, 200);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_wants_money_is_believed_until_the_balance_rises() {
    let mut upstream = telling([deepseek("5"), deepseek("5"), deepseek("9")]);
    upstream.calls =
        Script::new().on("sk-a", Reply::error(402, "unknown_error", "invalid_request_error", "Insufficient Balance"));
    let bench = Bench::new(upstream, Schedule::default()).await;
    let key = bench.key("deepseek").await;
    bench.handle().refresh_balance(key).await.unwrap();
    bench.chat().await;
    assert_eq!(bench.state(key).0, KeyState::OutOfCredit);

    bench.handle().refresh_balance(key).await.unwrap();
    assert_eq!(bench.state(key).0, KeyState::OutOfCredit, "the same balance as before proves nothing");
    bench.handle().refresh_balance(key).await.unwrap();
    assert_eq!(bench.state(key).0, KeyState::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_first_balance_after_a_sum_of_costs_is_no_rise() {
    let mut upstream = telling([Reply::json(200, &json!({"spent": 3})), Reply::json(200, &json!({"left": 5}))]);
    upstream.calls = Script::new().on("sk-a", Reply::error(402, "e", "insufficient_balance", "Insufficient Balance"));
    let bench = Bench::new(upstream, Schedule::default()).await;
    let mut spec = KeySpec::new("a", "custom", Secret::new("sk-a"));
    spec.base_url = Some("https://relay.example".into());
    let probe = json!({"kind": "balance", "steps": [{"url": "{base}/left"}], "amount": "/left", "spent": "/spent"});
    spec.balance.probe = serde_json::from_value(probe).unwrap();
    let key = bench.add(spec).await;
    bench.handle().refresh_balance(key).await.unwrap();
    bench.chat().await;

    assert_eq!(bench.handle().refresh_balance(key).await.unwrap().figure.amount, amount("5"));
    assert_eq!(bench.state(key).0, KeyState::OutOfCredit);
}

#[tokio::test(start_paused = true)]
async fn a_failed_question_keeps_the_last_answer_and_its_age() {
    let bench = Bench::new(
        telling([deepseek("5"), Reply::reset(), Reply::json(200, &json!({"new": "shape"}))]),
        Schedule::default(),
    )
    .await;
    let key = bench.key("deepseek").await;
    let first = bench.handle().refresh_balance(key).await.unwrap();
    tokio::time::sleep(HOUR).await;

    for kind in [RefusalKind::Unreachable, RefusalKind::Unreadable] {
        let view = bench.handle().refresh_balance(key).await.unwrap();
        assert_eq!(view.figure, first.figure);
        assert_eq!(view.trouble.unwrap().refusal.kind, kind);
    }
    let raw = bench.handle().balance(key).await.unwrap().trouble.unwrap().refusal.raw.unwrap();
    assert_eq!(raw, r#"{"new":"shape"}"#);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_answer_is_no_balance_and_never_zero() {
    let bench = Bench::new(telling([Reply::json(200, &json!({"balance_infos": "soon"}))]), Schedule::default()).await;
    let key = bench.key("deepseek").await;
    let view = bench.handle().refresh_balance(key).await.unwrap();

    assert_eq!((view.figure.amount, view.figure.source), (None, FigureSource::None));
    assert_eq!(view.trouble.unwrap().refusal.kind, RefusalKind::Unreadable);
}

#[tokio::test(start_paused = true)]
async fn a_silent_upstream_is_not_waited_for() {
    for reply in [Reply::hang(), Reply::json(200, &json!({})).cut_after(0).then_hang()] {
        let bench = Bench::new(telling([reply]), Schedule::default()).await;
        let key = bench.key("deepseek").await;
        let began = tokio::time::Instant::now();
        let view = bench.handle().refresh_balance(key).await.unwrap();

        assert_eq!(view.trouble.unwrap().refusal.kind, RefusalKind::Unreachable);
        assert!(began.elapsed() < Duration::from_secs(25));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_compressed_without_a_word_is_read() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(deepseek("3").bytes().as_ref()).unwrap();
    let reply = Reply::stream([packed.finish().unwrap()]);
    let bench = Bench::new(telling([reply]), Schedule::default()).await;
    let key = bench.key("deepseek").await;

    assert_eq!(bench.handle().refresh_balance(key).await.unwrap().figure.amount, amount("3"));
}

#[tokio::test(start_paused = true)]
async fn what_was_paid_in_and_what_a_person_said_shrink_by_our_own_books() {
    let bench = Bench::new(telling([]), Schedule::default()).await;
    let mut spec = KeySpec::new("a", "openai", Secret::new("sk-a"));
    (spec.total_balance, spec.models) = (Some("2".parse().unwrap()), vec!["*".parse().unwrap()]);
    let key = bench.add(spec).await;
    assert_eq!(bench.chat().await, 200);
    let before = bench.handle().balance(key).await.unwrap();
    let computed = before.computed.unwrap();
    assert_eq!((before.figure.source, before.figure.amount), (FigureSource::Computed, Some(computed.left)));
    assert_eq!(computed.left.0, computed.total.0 - computed.booked.0);

    bench.handle().say_balance(key, Some(("10".parse().unwrap(), "USD".into()))).await.unwrap();
    assert_eq!(bench.chat().await, 200);
    let after = bench.handle().balance(key).await.unwrap();
    let cost = after.computed.unwrap().booked.0 - computed.booked.0;
    assert_eq!(after.figure.source, FigureSource::Manual);
    assert_eq!(after.manual.unwrap().left.unwrap().0, 10_000_000_000 - cost);

    let taken_back = bench.handle().say_balance(key, None).await.unwrap();
    assert_eq!((taken_back.manual, taken_back.figure.source), (None, FigureSource::Computed));
}

#[tokio::test(start_paused = true)]
async fn history_tells_how_fast_money_goes_and_how_long_it_lasts() {
    let bench =
        Bench::new(telling([deepseek("10"), deepseek("8"), deepseek("20"), deepseek("18")]), Schedule::default()).await;
    let key = bench.key("deepseek").await;
    for _ in 0..4 {
        bench.handle().refresh_balance(key).await.unwrap();
        tokio::time::sleep(8 * HOUR).await;
    }
    let view = bench.handle().balance(key).await.unwrap();
    let all = bench.handle().balance_history(key, Timestamp::from_millis(0), bench.clock.now()).await.unwrap();
    let amounts: Vec<_> = all.iter().map(|row| row.balance.reading.amount.unwrap().to_string()).collect();

    assert_eq!(amounts, ["10.000000000", "8.000000000", "20.000000000", "18.000000000"]);
    let per_day = view.burn.reported_per_day.unwrap().0;
    assert!((3_990_000_000..=4_000_000_000).contains(&per_day), "{per_day}");
    assert_eq!(view.burn.days_left, Some(4.5));
    assert_eq!(view.burn.booked_per_day, amount("0"));
}

#[tokio::test(start_paused = true)]
async fn a_restart_remembers_balances_and_what_they_stopped() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let bench = Bench::over(telling([deepseek("0")]), Schedule::default(), store.clone()).await;
    let key = bench.key("deepseek").await;
    bench.handle().refresh_balance(key).await.unwrap();
    bench.handle().say_balance(key, Some(("3".parse().unwrap(), "USD".into()))).await.unwrap();

    let again = Bench::over(telling([deepseek("0")]), Schedule::default(), bench.store.clone()).await;
    let view = again.handle().balance(key).await.unwrap();
    assert_eq!((view.figure.amount, view.manual.unwrap().amount.0), (amount("0"), 3_000_000_000));
    assert_eq!(again.state(key).0, KeyState::OutOfCredit);
    assert_eq!(again.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn another_credential_begins_without_a_balance() {
    let bench = Bench::new(telling([deepseek("5")]), Schedule::default()).await;
    let key = bench.key("deepseek").await;
    bench.handle().refresh_balance(key).await.unwrap();
    bench.handle().change_key(key, KeySpec::new("a", "deepseek", Secret::new("sk-b"))).await.unwrap();

    let view = bench.handle().refresh_balance(key).await.unwrap();
    assert_eq!((view.figure.amount, view.reported), (None, None));
    assert_eq!(view.trouble.unwrap().refusal.kind, RefusalKind::BadKey);
    assert_eq!(bench.state(key).0, KeyState::Ready, "a question for a balance proves nothing about calls");
}

#[tokio::test(start_paused = true)]
async fn the_next_probe_is_tried_where_one_does_not_answer_its_question() {
    let unlimited = Reply::json(200, &json!({"data": {"limit": null, "limit_remaining": null, "usage": 25.5}}));
    let credits = Reply::json(200, &json!({"data": {"total_credits": 100.5, "total_usage": 25.75}}));
    let forbidden = Reply::error(403, "forbidden", "403", "Only management keys can fetch credits");
    let bench = Bench::new(telling([unlimited.clone(), credits, unlimited, forbidden]), Schedule::default()).await;
    let key = bench.key("openrouter").await;

    assert_eq!(bench.handle().refresh_balance(key).await.unwrap().figure.amount, amount("74.75"));
    let reading = bench.handle().refresh_balance(key).await.unwrap().reported.unwrap().balance.reading.clone();
    assert_eq!((reading.amount, reading.spent), (None, amount("25.5")), "what it spent is better than nothing");
}

#[tokio::test(start_paused = true)]
async fn a_relay_is_asked_on_demand_and_from_then_on_by_what_answered() {
    let none = || Reply::json(404, &json!({"error": {"message": "Invalid URL"}}));
    let grants = Reply::json(200, &json!({"total_granted": 10, "total_used": 2.5, "total_available": 7.5}));
    let mut upstream = telling([none(), none(), grants]);
    upstream.balances = upstream.balances.on("", none());
    let bench = Bench::new(upstream, Schedule::every(HOUR)).await;
    let mut spec = KeySpec::new("a", "custom", Secret::new("sk-a"));
    spec.base_url = Some("https://relay.example/v1".into());
    let key = bench.add(spec).await;
    tokio::time::sleep(5 * HOUR).await;
    assert_eq!(bench.asked(), 0, "a server of no known kind is left alone");

    assert_eq!(bench.handle().refresh_balance(key).await.unwrap().figure.amount, amount("7.5"));
    let tried = bench.asked();
    tokio::time::sleep(3 * HOUR).await;
    let later: Vec<_> =
        bench.upstream.balances.sent().split_off(tried).into_iter().map(|sent| sent.uri.path().to_owned()).collect();
    assert!(later.len() >= 2 && later.iter().all(|path| path == "/dashboard/billing/credit_grants"), "{later:?}");
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_tells_nothing_is_not_asked() {
    let bench = Bench::new(telling([]), Schedule::every(HOUR)).await;
    let openai = bench.key("openai").await;
    let off = bench
        .add({
            let mut spec = KeySpec::new("b", "deepseek", Secret::new("sk-b"));
            spec.balance.probe = ProbeChoice::off();
            spec
        })
        .await;
    tokio::time::sleep(30 * HOUR).await;
    let why = |view: amp_pool_core::prober::BalanceView| view.trouble.unwrap().refusal;

    let view = bench.handle().refresh_balance(openai).await.unwrap();
    assert_eq!(view.missing, ["admin_key"]);
    assert_eq!(why(view).kind, RefusalKind::Incomplete);
    assert_eq!(why(bench.handle().refresh_balance(off).await.unwrap()).kind, RefusalKind::NotOffered);
    assert_eq!(bench.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_rate_gives_dollars_and_without_one_there_are_none() {
    let yuan = Reply::json(
        200,
        &json!({"is_available": true, "balance_infos": [{"currency": "CNY", "total_balance": "100"}]}),
    );
    let bench = Bench::new(telling([yuan]), Schedule::default()).await;
    let mut spec = KeySpec::new("a", "deepseek", Secret::new("sk-a"));
    let key = bench.add(spec.clone()).await;
    let figure = bench.handle().refresh_balance(key).await.unwrap().figure;
    assert_eq!((figure.amount, figure.currency.as_deref(), figure.usd), (amount("100"), Some("CNY"), None));

    spec.balance.usd_rate = "0.1404".parse().ok();
    bench.handle().change_key(key, spec).await.unwrap();
    assert_eq!(bench.handle().balance(key).await.unwrap().figure.usd, amount("14.04"));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_work_is_refused_at_entry() {
    let bench = Bench::new(telling([]), Schedule::default()).await;
    let check = async |change: fn(&mut KeySpec), expected: &str| {
        let mut spec = KeySpec::new("a", "openai", Secret::new("sk-a"));
        change(&mut spec);
        match bench.handle().add_key(spec).await {
            Err(ChangeError::Invalid { field, .. }) => assert_eq!(field, expected),
            _ => panic!("{expected} was taken"),
        }
    };
    check(|spec| spec.balance.probe = ProbeChoice::Named("guess".into()), "balance_probe").await;
    let empty: fn(&mut KeySpec) = |spec| {
        let probe = json!({"kind": "balance", "steps": [], "amount": "/x"});
        spec.balance.probe = ProbeChoice::Own(serde_json::from_value::<Box<_>>(probe).unwrap());
    };
    check(empty, "balance_probe").await;
    check(|spec| _ = spec.balance.values.insert("Admin Key".into(), Secret::new("x")), "balance_values").await;
    check(|spec| spec.balance.usd_rate = "0".parse().ok(), "balance_usd_rate").await;
    let named = KeySpec {
        balance: amp_pool_core::balance::BalanceSpec {
            probe: ProbeChoice::Named("billing".into()),
            ..Default::default()
        },
        ..KeySpec::new("a", "openai", Secret::new("sk-a"))
    };
    assert!(bench.handle().add_key(named).await.is_ok(), "relays answer for keys of any provider");
    assert!(matches!(bench.handle().refresh_balance(KeyId(99)).await, Err(ChangeError::NotFound)));
}

#[tokio::test(start_paused = true)]
async fn the_schedule_ends_with_its_pool() {
    let bench = Bench::new(telling([deepseek("5")]), Schedule::every(HOUR)).await;
    bench.key("deepseek").await;
    let upstream = bench.upstream.clone();
    drop(bench);
    tokio::time::sleep(5 * HOUR).await;

    assert_eq!(upstream.balances.sent().len(), 0);
}
