//! How many calls per second reach the disk, by the size of the batches they come in.
//!
//! Each call is opened and settled in the same batch, with one attempt; each batch is one synced transaction. On PostgreSQL
//! also as it comes: many writers over one ledger.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/postgres_server/mod.rs"]
mod postgres_server;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use amp_pool_core::{
    format::Format,
    id::{AttemptId, CallId, KeyId, TokenId},
    keys::PriceFactor,
    ledger::Ledger,
    money::NanoUsd,
    secret::Secret,
    store::{
        Attempt, Booking, Durability, Entry, Opened, Outcome, Record, RecordStore as _,
        postgres::{PostgresOptions, PostgresStore},
        sqlite::{SqliteOptions, SqliteStore},
    },
    time::Timestamp,
    usage::{ServiceTerms, Usage, UsageSource},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use postgres_server::PostgresServer;

/// 2026-11-23, 01:00 UTC.
const START: i64 = 1_795_395_600_000;

fn record(n: u64) -> Record {
    let now = Timestamp::from_millis(START + i64::try_from(n / 20).unwrap());
    let mut random = [0; 10];
    // Ids of one millisecond come in any order, as random ones do.
    random[2..].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let key = KeyId(1 + i64::try_from(n % 8).unwrap());
    let attempt = Attempt {
        id: AttemptId::new(now, &random),
        key,
        provider: "anthropic".into(),
        upstream_format: Format::Messages,
        upstream_model: "claude-sonnet-4-5-20250929".into(),
        chosen_by: None,
        candidates: 1,
        served: true,
        verdict: "answer",
        http_status: Some(200),
        error_message: None,
        create_time: now,
        latency_ms: 1_500,
        first_byte_ms: Some(400),
        usage: Usage { uncached_input: 1_000, cache_read: 20_000, output: 700, ..Usage::default() },
        usage_source: UsageSource::Final,
        terms: ServiceTerms::default(),
        price_factor: PriceFactor::ONE,
        cost: Some(NanoUsd(19_500_000)),
        saved: Some(NanoUsd(0)),
        price_version: Some("2026-11-01".into()),
        evidence: None,
        decided_by: None,
    };
    let opened = Opened {
        call: CallId::new(now, &random),
        create_time: now,
        token: Some(TokenId(1 + i64::try_from(n % 4).unwrap())),
        model: "claude-sonnet-4-5".into(),
        format: Format::Messages,
        endpoint: "messages",
        stream: true,
    };
    Record {
        opened,
        outcome: Outcome::Done,
        http_status: 200,
        error_type: None,
        error_message: None,
        latency_ms: 1_510,
        first_byte_ms: Some(410),
        attempts: vec![attempt],
        choices: Vec::new(),
        losses: Vec::new(),
        booking: Booking::default(),
    }
}

fn batch(from: u64, calls: u64) -> Arc<[Entry]> {
    let records = (from..from + calls).map(record);
    records.flat_map(|record| [Entry::Opened(record.opened.clone()), Entry::Settled(Box::new(record))]).collect()
}

fn ledger(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut group = criterion.benchmark_group("ledger");
    group.sample_size(20).measurement_time(Duration::from_secs(5));
    for calls in [1, 16, 256] {
        let dir = tempfile::tempdir().unwrap();
        let (path, master_key_file) = (dir.path().join("bench.db"), dir.path().join("master.key"));
        let options = SqliteOptions { path, master_key_file, durability: Durability::Full, echo: false };
        let store = SqliteStore::open(options, Timestamp::from_millis(START)).unwrap();
        let next = AtomicU64::new(0);
        group.throughput(Throughput::Elements(calls));
        group.bench_function(format!("commit/{calls}"), |bencher| {
            bencher.iter_batched(
                || batch(next.fetch_add(calls, Ordering::Relaxed), calls),
                |batch| runtime.block_on(store.commit(batch)).unwrap(),
                criterion::BatchSize::SmallInput,
            );
        });
    }
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
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = runtime.block_on(postgres(&dir));
    let mut group = criterion.benchmark_group("postgres");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    let next = AtomicU64::new(0);
    for calls in [1, 16, 256] {
        group.throughput(Throughput::Elements(calls));
        group.bench_function(format!("commit/{calls}"), |bencher| {
            bencher.iter_batched(
                || batch(next.fetch_add(calls, Ordering::Relaxed), calls),
                |batch| runtime.block_on(store.commit(batch)).unwrap(),
                criterion::BatchSize::SmallInput,
            );
        });
    }
    let ledger = runtime.block_on(async { Ledger::start(Arc::new(store), 16_384) });
    group.throughput(Throughput::Elements(WRITERS));
    group.bench_function(format!("writers/{WRITERS}"), |bencher| {
        bencher.iter_custom(|rounds| runtime.block_on(write_at_once(&ledger, &next, rounds)));
    });
    group.finish();
}

const WRITERS: u64 = 64;

/// Each writer opens a call, settles it and waits until it is durable, `rounds` times.
async fn write_at_once(ledger: &Ledger, next: &AtomicU64, rounds: u64) -> Duration {
    let start = Instant::now();
    let writers = (0..WRITERS).map(|_| {
        let (ledger, from) = (ledger.clone(), next.fetch_add(rounds, Ordering::Relaxed));
        tokio::spawn(async move {
            for n in from..from + rounds {
                let record = record(n);
                let slot = ledger.open(record.opened.clone()).unwrap();
                slot.settle_durably(Box::new(record)).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    start.elapsed()
}

criterion_group!(benches, ledger, on_postgres);
criterion_main!(benches);
