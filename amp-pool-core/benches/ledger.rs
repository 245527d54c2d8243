//! How many calls per second reach the disk, by the size of the batches they come in.
//!
//! Each call is opened and settled in the same batch, with one attempt; each batch is one synced transaction. And as it
//! comes: many writers over one ledger, each of which waits until its call is durable; of these the spread of the waits is
//! told as well.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/postgres_server/mod.rs"]
mod postgres_server;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use amp_pool_core::{
    budget::{Budget, Claim, Scope, Window},
    format::Format,
    id::{KeyId, TokenId},
    ledger::Ledger,
    money::NanoUsd,
    secret::Secret,
    store::{
        Attempt, Booking, Durability, Entry, Hold, HoldAnswer, Opened, Record, RecordStore,
        postgres::{PostgresOptions, PostgresStore},
        sqlite::{SqliteOptions, SqliteStore},
    },
    testkit::calls,
    time::Timestamp,
    usage::Usage,
};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use postgres_server::PostgresServer;
use tokio::runtime::Runtime;

/// 2026-11-23, 01:00 UTC.
const START: i64 = 1_795_395_600_000;

fn record(n: u64) -> Record {
    let now = Timestamp::from_millis(START + i64::try_from(n / 20).unwrap());
    // Ids of one millisecond come in any order, as random ones do.
    let opened = Opened {
        token: Some(TokenId(1 + i64::try_from(n % 4).unwrap())),
        model: "claude-sonnet-4-5".into(),
        format: Format::Messages,
        endpoint: "messages",
        stream: true,
        ..calls::opened(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), now)
    };
    let attempt = Attempt {
        key: KeyId(1 + i64::try_from(n % 8).unwrap()),
        provider: "anthropic".into(),
        upstream_model: "claude-sonnet-4-5-20250929".into(),
        latency_ms: 1_500,
        first_byte_ms: Some(400),
        usage: Usage { uncached_input: 1_000, cache_read: 20_000, output: 700, ..Usage::default() },
        cost: Some(NanoUsd(19_500_000)),
        price_version: Some("2026-11-01".into()),
        ..calls::attempt(&opened)
    };
    Record { latency_ms: 1_510, first_byte_ms: Some(410), ..calls::settled(opened, vec![attempt]) }
}

fn batch(from: u64, calls: u64) -> Arc<[Entry]> {
    let records = (from..from + calls).map(record);
    records.flat_map(|record| [Entry::Opened(record.opened.clone()), Entry::Settled(Box::new(record))]).collect()
}

fn sqlite(dir: &tempfile::TempDir) -> SqliteStore {
    let (path, master_key_file) = (dir.path().join("bench.db"), dir.path().join("master.key"));
    let options = SqliteOptions { path, master_key_file, durability: Durability::Full, echo: false };
    SqliteStore::open(options, Timestamp::from_millis(START)).unwrap()
}

fn on_sqlite(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("sqlite");
    group.sample_size(20).measurement_time(Duration::from_secs(5));
    for calls in [1, 16, 256] {
        let dir = tempfile::tempdir().unwrap();
        let (store, next) = (sqlite(&dir), AtomicU64::new(0));
        commits(&mut group, &runtime, &store, (&next, calls));
    }
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(sqlite(&dir));
    let (ledger, next) = (runtime.block_on(async { Ledger::start(store, 16_384) }), AtomicU64::new(0));
    writers(&mut group, &runtime, (&ledger, &next), false);
    writers(&mut group, &runtime, (&ledger, &next), true);
    group.finish();
}

async fn postgres(dir: &tempfile::TempDir) -> PostgresStore {
    let options = PostgresOptions {
        url: Secret::new(PostgresServer::shared().database()),
        master_key_file: dir.path().join("master.key"),
        node: "bench".into(),
        connections: 4,
        durability: Durability::Full,
        echo: false,
    };
    PostgresStore::open(options, Timestamp::from_millis(START)).await.unwrap()
}

fn on_postgres(criterion: &mut Criterion) {
    let runtime = runtime();
    let dir = tempfile::tempdir().unwrap();
    let store = runtime.block_on(postgres(&dir));
    let mut group = criterion.benchmark_group("postgres");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    let next = AtomicU64::new(0);
    for calls in [1, 16, 256] {
        commits(&mut group, &runtime, &store, (&next, calls));
    }
    let ledger = runtime.block_on(async { Ledger::start(Arc::new(store), 16_384) });
    writers(&mut group, &runtime, (&ledger, &next), false);
    writers(&mut group, &runtime, (&ledger, &next), true);
    group.finish();
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// One batch of `calls` after the other.
fn commits(group: &mut Group<'_>, runtime: &Runtime, store: &impl RecordStore, (next, calls): (&AtomicU64, u64)) {
    group.throughput(Throughput::Elements(calls));
    group.bench_function(format!("commit/{calls}"), |bencher| {
        bencher.iter_batched(
            || batch(next.fetch_add(calls, Ordering::Relaxed), calls),
            |batch| runtime.block_on(store.commit(batch)).unwrap(),
            criterion::BatchSize::SmallInput,
        );
    });
}

const WRITERS: u64 = 64;

/// Many writers at once, and how long each of their calls waited to be durable. `held`: money is held for them before.
fn writers(group: &mut Group<'_>, runtime: &Runtime, books: (&Ledger, &AtomicU64), held: bool) {
    let waits = Arc::new(Mutex::new(Vec::new()));
    let before = ticks();
    group.throughput(Throughput::Elements(WRITERS));
    let what = if held { "writers with a budget" } else { "writers" };
    group.bench_function(format!("{what}/{WRITERS}"), |bencher| {
        bencher.iter_custom(|rounds| runtime.block_on(write_at_once(books, rounds, &waits, held)));
    });
    let mut waits = waits.lock().unwrap();
    waits.sort_unstable();
    let quantile = |of_thousand: usize| waits.get(waits.len().saturating_sub(1) * of_thousand / 1_000);
    if let (Some(half), Some(most), Some(worst)) = (quantile(500), quantile(990), quantile(1_000)) {
        println!(
            "a settlement is durable after {half:?} (p50), {most:?} (p99), {worst:?} (the longest of {})",
            waits.len()
        );
        let (ticks, calls) = (ticks().saturating_sub(before), u64::try_from(waits.len()).unwrap());
        println!("{} µs of processor time a call, in this process", ticks * 10_000 / calls);
    }
}

/// Processor time of this process in hundredths of a second, where the system tells: it says the same on a busy machine.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// Holds money for a call in the one budget that all of them have.
async fn hold(ledger: &Ledger, record: &mut Record) {
    let Opened { call, create_time, .. } = record.opened;
    let limit = NanoUsd(i64::MAX);
    let (period, _) = Budget::of(limit, Window::Month).period(Scope::Site, create_time);
    let (least, worst) = (NanoUsd(1_000_000), NanoUsd(40_000_000));
    let claims = vec![Claim { period, limit }];
    let answer = ledger.hold(Hold { call, n: 0, create_time, claims, least, worst }).unwrap().await.unwrap();
    assert!(matches!(answer, HoldAnswer::Held { .. }), "{answer:?}");
    record.booking = Booking { holds: true, charged: record.cost().unwrap_or_default(), charges: Vec::new() };
}

/// Each writer opens a call, settles it and waits until it is durable, `rounds` times.
async fn write_at_once(
    (ledger, next): (&Ledger, &AtomicU64),
    rounds: u64,
    waits: &Arc<Mutex<Vec<Duration>>>,
    held: bool,
) -> Duration {
    let start = Instant::now();
    let writers = (0..WRITERS).map(|_| {
        let (ledger, from, waits) = (ledger.clone(), next.fetch_add(rounds, Ordering::Relaxed), waits.clone());
        tokio::spawn(async move {
            let mut own = Vec::new();
            for n in from..from + rounds {
                let mut record = record(n);
                let slot = ledger.open(record.opened.clone()).unwrap();
                if held {
                    hold(&ledger, &mut record).await;
                }
                let settled = Instant::now();
                slot.settle_durably(Box::new(record)).await.unwrap();
                own.push(settled.elapsed());
            }
            waits.lock().unwrap().append(&mut own);
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    start.elapsed()
}

criterion_group!(benches, on_sqlite, on_postgres);
criterion_main!(benches);
