//! `kill -9` of the database under load: what was acknowledged is in the books, once, and nothing is held any more.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod postgres_server;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use amp_pool_core::{
    budget::{Claim, Period, Scope, Window},
    format::Format,
    id::{AttemptId, CallId, KeyId, TokenId},
    keys::PriceFactor,
    ledger::Ledger,
    money::NanoUsd,
    secret::Secret,
    store::{
        Attempt, Booking, BudgetStore as _, Durability, Entry, GroupBy, Hold, HoldAnswer, Opened, Record,
        RecordStore as _, TotalsFilter,
        postgres::{PostgresOptions, PostgresStore},
    },
    testkit::calls,
    time::Timestamp,
    usage::{ServiceTerms, Usage, UsageSource},
};
use postgres_server::PostgresServer;

const NOW: Timestamp = Timestamp::from_millis(1_795_395_600_000);
/// Enough to meet the server in the middle of something; `AMP_POOL_CRASH_ROUNDS` for more.
const ROUNDS: u64 = 3;
const CLIENTS: u64 = 24;
const HELD: NanoUsd = NanoUsd(1_000);

fn period() -> Period {
    Period { scope: Scope::Token(TokenId(1)), window: Window::Total, start: 0 }
}

fn call(n: u64) -> CallId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.to_be_bytes());
    CallId::new(NOW, &random)
}

fn opened(n: u64) -> Opened {
    Opened {
        call: call(n),
        create_time: NOW,
        token: Some(TokenId(1)),
        model: format!("model-{}", n % 5),
        format: Format::Chat,
        endpoint: "chat_completions",
        stream: false,
    }
}

fn cost(n: u64) -> NanoUsd {
    NanoUsd(i64::try_from(1 + n % 97).unwrap())
}

fn record(n: u64) -> Record {
    let attempt = Attempt {
        id: AttemptId(call(n).0),
        key: KeyId(1 + i64::try_from(n % 3).unwrap()),
        provider: "openai".into(),
        upstream_format: Format::Chat,
        upstream_model: "m".into(),
        chosen_by: None,
        candidates: 1,
        served: true,
        verdict: "answer",
        http_status: Some(200),
        error_message: None,
        create_time: NOW,
        latency_ms: 3,
        first_byte_ms: Some(1),
        usage: Usage { uncached_input: 10, output: 5, ..Usage::default() },
        usage_source: UsageSource::Final,
        terms: ServiceTerms::default(),
        price_factor: PriceFactor::ONE,
        cost: Some(cost(n)),
        saved: None,
        price_version: None,
        evidence: None,
        decided_by: None,
    };
    Record {
        latency_ms: 4,
        first_byte_ms: Some(1),
        booking: Booking { holds: true, charged: cost(n), charges: Vec::new() },
        ..calls::settled(opened(n), vec![attempt])
    }
}

fn hold(n: u64) -> Entry {
    let claims = vec![Claim { period: period(), limit: NanoUsd(i64::MAX) }];
    Entry::Held(Hold { call: call(n), n: 0, create_time: NOW, worst: HELD, least: HELD, claims })
}

/// What a node acknowledged: calls, each with what it cost.
type Seen = Arc<Mutex<BTreeMap<u64, NanoUsd>>>;

struct Load {
    store: PostgresStore,
    ledger: Ledger,
    numbers: Arc<AtomicU64>,
    seen: Seen,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// One call after another: opened, held for, settled, as the pool does it.
    async fn run(self: Arc<Self>) {
        while !self.stop.load(Ordering::Relaxed) {
            let n = self.numbers.fetch_add(1, Ordering::Relaxed);
            let Ok(slot) = self.ledger.open(opened(n)) else {
                // Refused while the books can not be written: nothing was taken in.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let held = self.hold(n).await;
            assert!(matches!(held, HoldAnswer::Held { .. }), "{held:?}");
            slot.settle_durably(Box::new(record(n))).await.unwrap();
            assert_eq!(self.seen.lock().unwrap().insert(n, cost(n)), None);
        }
    }

    /// Its fate may be unknown; it is handed in until it is answered.
    async fn hold(&self, n: u64) -> HoldAnswer {
        loop {
            if let Ok(answers) = self.store.commit([hold(n)].into()).await {
                return answers[0];
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn node(url: &str, dir: &tempfile::TempDir, name: &str) -> PostgresOptions {
    PostgresOptions {
        url: Secret::new(url),
        master_key_file: dir.path().join("master.key"),
        node: name.to_owned(),
        connections: 8,
        durability: Durability::Full,
        echo: false,
    }
}

/// Waits for so many more calls.
async fn reach(seen: &Seen, more: usize) {
    let count = || seen.lock().unwrap().len();
    let goal = count() + more;
    while count() < goal {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9_of_the_database() {
    let rounds = std::env::var("AMP_POOL_CRASH_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    let (server, dir) = (PostgresServer::start(&[]), tempfile::tempdir().unwrap());
    let url = server.database();
    let (numbers, seen, stop) = (Arc::<AtomicU64>::default(), Seen::default(), Arc::<AtomicBool>::default());
    let (mut clients, mut nodes) = (Vec::new(), Vec::new());
    for name in ["a", "b"] {
        let store = PostgresStore::open(node(&url, &dir, name), NOW).await.unwrap();
        let ledger = Ledger::start(Arc::new(store.clone()), 4_096);
        let (numbers, seen, stop) = (numbers.clone(), seen.clone(), stop.clone());
        let load = Arc::new(Load { store, ledger, numbers, seen, stop });
        clients.extend((0..CLIENTS / 2).map(|_| tokio::spawn(load.clone().run())));
        nodes.push(load);
    }
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        reach(&seen, 30).await;
        tokio::time::sleep(Duration::from_millis(400 + 137 * round % 500)).await;
        server.kill();
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.start_again();
        let start = std::time::Instant::now();
        reach(&seen, 1).await;
        slowest = slowest.max(start.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    for load in &nodes {
        load.ledger.flush().await;
    }

    let seen = seen.lock().unwrap().clone();
    eprintln!("{rounds} rounds, {} calls acknowledged, slowest return {slowest:?}", seen.len());
    let spent: NanoUsd = seen.values().fold(NanoUsd::ZERO, |sum, cost| sum.saturating_add(*cost));
    let tally = nodes[0].store.tallies(vec![period()]).await.unwrap()[0];
    assert_eq!((tally.spent, tally.held), (spent, NanoUsd::ZERO));
    let sums = &nodes[1].store.totals(TotalsFilter::span(NOW, NOW.plus_millis(1)), GroupBy::Nothing).await.unwrap()[0];
    assert_eq!((sums.requests, sums.cost), (seen.len() as u64, spent));
    let count = |sql: &str| server.sql(&url, sql);
    assert_eq!(
        count("SELECT count(*), count(DISTINCT call_id), sum(cost) FROM api_request_log"),
        format!("{0}|{0}|{1}", seen.len(), spent.0)
    );
    assert_eq!(count("SELECT count(*) FROM api_request_log WHERE outcome IS NULL"), "0");
    assert_eq!(count("SELECT count(*) FROM budget_holds WHERE state <> 'settled'"), "0");
    assert_eq!(count("SELECT count(*) FROM api_request_attempts"), seen.len().to_string());
}
