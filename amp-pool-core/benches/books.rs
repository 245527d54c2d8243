//! Large books: what statistics and pages of the log cost, and whether forgetting is in anybody's way.
//!
//! `AMP_POOL_BOOKS_CALLS` says how many calls are in them (a million), over a year; `AMP_POOL_BOOKS_DIR` where they are kept,
//! so that they need not be made anew; `AMP_POOL_BOOKS_STORE` is `sqlite` or `postgres`. See `BENCHES.md`.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "../tests/postgres_server/mod.rs"]
mod postgres_server;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use amp_pool_core::{
    classify::{Evidence, Shape},
    id::{KeyId, TokenId},
    ledger::Ledger,
    money::NanoUsd,
    retention::{REST, STEP},
    secret::Secret,
    store::{
        Attempt, Durability, Entry, FailurePage, GroupBy, Opened, Outcome, Page, Record, RecordFilter, Store,
        TotalsFilter,
        postgres::{PostgresOptions, PostgresStore, import::import},
        sqlite::{SqliteOptions, SqliteStore},
    },
    testkit::calls,
    time::Timestamp,
    usage::Usage,
};
use postgres_server::PostgresServer;

/// 2026-11-23, 01:00 UTC: the books end here.
const END: Timestamp = Timestamp::from_millis(1_795_395_600_000);
const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
const DAYS: i64 = 365;

/// Calls of one batch while the books are made.
const BATCH: u64 = 4_096;
/// How often each question is asked. The answer in the middle counts: others may be at work on the machine.
const TIMES: usize = 7;

const PROVIDERS: [&str; 4] = ["openai", "anthropic", "deepseek", "openrouter"];
const KEYS: u64 = 20;
const MODELS: u64 = 12;
const TOKENS: u64 = 30;
const ERRORS: [&str; 4] = ["rate_limited", "overloaded", "client_gone", "out_of_credit"];

/// So many calls lie between two of a key for a model that others serve.
const STRAY: u64 = 100_003;

/// A number that looks like chance and is the same each time.
fn mixed(n: u64, salt: u64) -> u64 {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x ^= x >> 32;
    x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 29)
}

fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap()
}

/// The `n`th call: few tokens make most of them, each asks for some of the models, and each model is served by the keys of
/// one provider. One in fifty fails, of these one in a hundred for want of credit.
fn record(n: u64, at: Timestamp) -> Record {
    let token = (mixed(n, 1) % TOKENS).min(mixed(n, 2) % TOKENS);
    let model = (token + mixed(n, 3) % 3) % MODELS;
    // One key meets a model of others now and then.
    let (model, key) =
        if n.is_multiple_of(STRAY) { (2, 1) } else { (model, model % 4 + 4 * (mixed(n, 4) % (KEYS / 4))) };
    let provider = PROVIDERS[usize::try_from(model % 4).unwrap()];
    let opened = Opened {
        token: Some(TokenId(1 + int(token))),
        model: format!("model-{model}"),
        stream: n.is_multiple_of(2),
        ..calls::opened(mixed(n, 5), at)
    };
    let latency_ms = 300 + mixed(n, 6) % 900 * (1 + mixed(n, 7) % 20);
    let usage = Usage { uncached_input: mixed(n, 8) % 4_000, output: mixed(n, 9) % 900, ..Usage::default() };
    let attempt = Attempt {
        key: KeyId(1 + int(key)),
        provider: provider.into(),
        latency_ms,
        first_byte_ms: Some(200 + mixed(n, 10) % 800),
        usage,
        cost: Some(NanoUsd(int(usage.output * 15_000))),
        price_version: Some("2026-11-01".into()),
        ..calls::attempt(&opened)
    };
    let record = Record {
        latency_ms: latency_ms + 2,
        first_byte_ms: attempt.first_byte_ms,
        ..calls::settled(opened, vec![attempt])
    };
    if n.is_multiple_of(50) { failed(record, n / 50) } else { record }
}

fn failed(mut record: Record, n: u64) -> Record {
    let kind = if n.is_multiple_of(100) { ERRORS[3] } else { ERRORS[usize::try_from(n % 3).unwrap()] };
    let evidence = Evidence {
        status: 429,
        codes: vec!["rate_limit_exceeded".into()],
        text: "rate limit reached for requests per minute".into(),
        body: Shape::default(),
        headers: vec!["retry-after".into()],
        wait_ms: Some(1_000),
    };
    for attempt in &mut record.attempts {
        (attempt.served, attempt.verdict, attempt.http_status) = (false, "rate_limited", Some(429));
        attempt.evidence = Some(Box::new(evidence.clone()));
    }
    (record.outcome, record.http_status) = (Outcome::Failed, 429);
    (record.error_type, record.error_message) = (Some(kind.into()), Some("the upstream has no room".into()));
    record
}

fn batch(calls: impl Iterator<Item = Record>) -> Arc<[Entry]> {
    calls.flat_map(|record| [Entry::Opened(record.opened.clone()), Entry::Settled(Box::new(record))]).collect()
}

async fn count(store: &dyn Store) -> u64 {
    let all = TotalsFilter::span(Timestamp::from_millis(0), END.plus_millis(DAY_MS));
    store.totals(all, GroupBy::Nothing).await.unwrap()[0].requests
}

/// Brings the books to `calls`, evenly over the year.
async fn fill(store: &dyn Store, calls: u64) {
    let (start, began) = (END.plus_millis(-DAYS * DAY_MS), Instant::now());
    let at = |n: u64| {
        start.plus_millis(
            i64::try_from(u128::from(n) * u128::from((DAYS * DAY_MS).unsigned_abs()) / u128::from(calls)).unwrap(),
        )
    };
    let before = count(store).await;
    let mut next = before;
    while next < calls {
        let end = (next + BATCH).min(calls);
        store.commit(batch((next..end).map(|n| record(n, at(n))))).await.unwrap();
        if next / 1_000_000 != end / 1_000_000 {
            println!("{end} calls after {:.0?}", began.elapsed());
        }
        next = end;
    }
    println!("made {} calls in {:.1?}", calls.saturating_sub(before), began.elapsed());
    let (began, mut steps, mut longest) = (Instant::now(), 0, Duration::ZERO);
    loop {
        let step = Instant::now();
        let more = store.sum_up(END).await.unwrap();
        (steps, longest) = (steps + 1, longest.max(step.elapsed()));
        if !more {
            break;
        }
    }
    println!("added up in {steps} steps and {:.1?}, the longest of {longest:.2?}", began.elapsed());
}

/// Asks the same some times over; half of the answers have to come within `most`.
async fn ask<T>(what: &str, most: Duration, question: impl AsyncFn() -> T) -> bool {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let began = Instant::now();
        std::hint::black_box(question().await);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let (half, slowest) = (times[TIMES / 2], times[TIMES - 1]);
    let met = half <= most;
    println!("{} {what}: {half:.2?} (median), {slowest:.2?} (slowest)", if met { "  " } else { "✗ " });
    met
}

/// The statistics as the UI asks for them, and each split over each span.
async fn statistics(store: &dyn Store) -> bool {
    const MOST: Duration = Duration::from_millis(100);
    let mut met = true;
    for (span, days) in [("day", 1), ("week", 7), ("month", 30), ("year", DAYS)] {
        let whole = TotalsFilter::span(END.plus_millis(-days * DAY_MS), END);
        for by in [
            GroupBy::Nothing,
            GroupBy::Key,
            GroupBy::Model,
            GroupBy::Provider,
            GroupBy::Token,
            GroupBy::Hour,
            GroupBy::Day,
        ] {
            if by == GroupBy::Hour && days > 30 {
                continue;
            }
            met &= ask(&format!("statistics of a {span} by {by:?}"), MOST, async || {
                store.totals(whole.clone(), by).await.unwrap()
            })
            .await;
        }
        let of_key = TotalsFilter { key: Some(KeyId(3)), ..whole.clone() };
        met &= ask(&format!("one key's days of a {span}"), MOST, async || {
            store.totals(of_key.clone(), GroupBy::Day).await.unwrap()
        })
        .await;
        met &= ask(&format!("one key's models in a {span}"), MOST, async || {
            store.totals(of_key.clone(), GroupBy::Model).await.unwrap()
        })
        .await;
        let of_token = TotalsFilter { token: Some(TokenId(25)), ..whole };
        met &= ask(&format!("one token's keys in a {span}"), MOST, async || {
            store.totals(of_token.clone(), GroupBy::Key).await.unwrap()
        })
        .await;
    }
    met
}

/// Pages of the log with each filter, the newest and one in the middle of the year.
async fn pages(store: &dyn Store) -> bool {
    const MOST: Duration = Duration::from_millis(50);
    let none = RecordFilter::default;
    let key = Some(KeyId(9));
    let three = |error: &str| RecordFilter { token: Some(TokenId(20)), key, error_type: Some(error.into()), ..none() };
    let filters = [
        ("nothing", none()),
        ("a key", RecordFilter { key: Some(KeyId(7)), ..none() }),
        ("the rarest token", RecordFilter { token: Some(TokenId(int(TOKENS))), ..none() }),
        ("a model", RecordFilter { model: Some("model-5".into()), ..none() }),
        ("successes", RecordFilter { status: Some("success".into()), ..none() }),
        ("errors", RecordFilter { status: Some("error".into()), ..none() }),
        ("a rare error", RecordFilter { error_type: Some(ERRORS[3].into()), ..none() }),
        ("a token that never was", RecordFilter { token: Some(TokenId(999)), ..none() }),
        (
            "a key and a model that never met",
            RecordFilter { key: Some(KeyId(1)), model: Some("model-1".into()), ..none() },
        ),
        (
            "a key and a model that meet every few days",
            RecordFilter { key: Some(KeyId(2)), model: Some("model-2".into()), ..none() },
        ),
        (
            "a token and a model that never met",
            RecordFilter { token: Some(TokenId(1)), model: Some("model-5".into()), ..none() },
        ),
        (
            "a token, a key and errors",
            RecordFilter { token: Some(TokenId(20)), key, status: Some("error".into()), ..none() },
        ),
        ("a key and a rare error", RecordFilter { token: None, ..three(ERRORS[3]) }),
        ("a token, a key and a common error", three(ERRORS[0])),
        ("calls that have not ended", RecordFilter { status: Some("open".into()), ..none() }),
        ("a token, a key and an error", three(ERRORS[3])),
    ];
    let middle = END.plus_millis(-DAYS / 2 * DAY_MS);
    let times = [
        ("", None, None),
        (", of a day long ago", Some(middle), Some(middle.plus_millis(DAY_MS))),
        (", of half a year", Some(middle), None),
        (", before the middle", None, Some(middle)),
    ];
    let mut met = true;
    for (what, filter) in &filters {
        for (when, from, to) in times {
            let filter = RecordFilter { from, to, ..filter.clone() };
            let page = Page { before: None, limit: 100 };
            met &=
                ask(&format!("page of {what}{when}"), MOST, async || store.list(filter.clone(), page).await.unwrap())
                    .await;
        }
    }
    for (when, from, to) in times {
        let page = FailurePage { from, to, before: None, limit: 100 };
        met &= ask(&format!("page of failures{when}"), MOST, async || store.failures(page).await.unwrap()).await;
    }
    let last = store.list(none(), Page { before: None, limit: 1 }).await.unwrap()[0].call;
    met & ask("one call", MOST, async || store.get(last).await.unwrap()).await
}

/// Calls that come evenly, so many a second, until it is over. Gives how long each took to be durable.
async fn serve(ledger: &Ledger, next: &Arc<AtomicU64>, a_second: u32, over: &AtomicBool) -> Vec<Duration> {
    let waits = Arc::new(Mutex::new(Vec::new()));
    let mut tick = tokio::time::interval(Duration::from_secs(1) / a_second);
    while !over.load(Ordering::Relaxed) {
        tick.tick().await;
        let n = next.fetch_add(1, Ordering::Relaxed);
        let (record, waits) = (record(n, END.plus_millis(int(n % 1_000))), waits.clone());
        let slot = ledger.open(record.opened.clone()).unwrap();
        let durable = slot.settle_durably(Box::new(record));
        let settled = Instant::now();
        tokio::spawn(async move {
            durable.await.unwrap();
            waits.lock().unwrap().push(settled.elapsed());
        });
    }
    ledger.flush().await;
    let mut waits = std::mem::take(&mut *waits.lock().unwrap());
    waits.sort_unstable();
    waits
}

/// Half a minute of calls, while old ones are forgotten or not. Gives the wait of ninety-nine in a hundred.
async fn waits(store: &Arc<dyn Store>, ledger: &Ledger, next: &Arc<AtomicU64>, forgetting: bool) -> Duration {
    let over = AtomicBool::new(false);
    let end = async {
        let until = Instant::now() + Duration::from_secs(30);
        let (mut forgotten, mut steps, mut longest) = (0, 0, Duration::ZERO);
        while Instant::now() < until {
            if !forgetting {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            let began = Instant::now();
            forgotten += store.forget(END.plus_millis(-10 * DAY_MS), STEP, END).await.unwrap().calls;
            (steps, longest) = (steps + 1, longest.max(began.elapsed()));
            tokio::time::sleep(began.elapsed() * REST).await;
        }
        over.store(true, Ordering::Relaxed);
        if forgetting {
            println!("   forgot {forgotten} calls in {steps} steps, the longest of {longest:.2?}");
        }
    };
    let (waits, ()) = tokio::join!(serve(ledger, next, 500, &over), end);
    let quantile = |of_hundred: usize| waits[(waits.len() - 1) * of_hundred / 100];
    let what = if forgetting { "while forgetting" } else { "in peace" };
    println!(
        "   {} calls {what}: durable after {:.2?} (p50), {:.2?} (p99), {:.2?} (longest)",
        waits.len(),
        quantile(50),
        quantile(99),
        quantile(100)
    );
    quantile(99)
}

/// Whether forgetting leaves the wait of ninety-nine in a hundred calls below twice what it is else. In turns.
async fn retention(store: Arc<dyn Store>, calls: u64) -> bool {
    let (ledger, next) = (Ledger::start(store.clone(), 16_384), Arc::new(AtomicU64::new(calls + int_of(&store).await)));
    let (mut peace, mut forgetting) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        peace.push(waits(&store, &ledger, &next, false).await);
        forgetting.push(waits(&store, &ledger, &next, true).await);
    }
    peace.sort_unstable();
    forgetting.sort_unstable();
    let met = forgetting[1] < peace[1] * 2;
    println!(
        "{} p99 while forgetting: {:.2} times that in peace",
        if met { "  " } else { "✗ " },
        forgetting[1].as_secs_f64() / peace[1].as_secs_f64()
    );
    met
}

/// How many calls earlier runs have added.
async fn int_of(store: &Arc<dyn Store>) -> u64 {
    let later = TotalsFilter::span(END, END.plus_millis(DAY_MS));
    store.totals(later, GroupBy::Nothing).await.unwrap()[0].requests
}

async fn open(dir: &Path) -> Arc<dyn Store> {
    let (path, master_key_file) = (dir.join("books.db"), dir.join("master.key"));
    if std::env::var("AMP_POOL_BOOKS_STORE").as_deref() != Ok("postgres") {
        let options = SqliteOptions { path, master_key_file, durability: Durability::Full, echo: false };
        return Arc::new(SqliteStore::open(options, END).unwrap());
    }
    let options = PostgresOptions {
        url: Secret::new(PostgresServer::shared().database()),
        master_key_file,
        node: "bench".into(),
        connections: 4,
        durability: Durability::Full,
        echo: false,
    };
    Arc::new(PostgresStore::open(options, END).await.unwrap())
}

/// Brings the books of `dir` to PostgreSQL.
async fn bring(dir: &Path, calls: u64) {
    let (file, key) = (dir.join("books.db"), dir.join("master.key"));
    let to = Secret::new(PostgresServer::shared().database());
    let began = Instant::now();
    let brought = import(&file, &to, &key, END).await.unwrap();
    let took = began.elapsed();
    println!("imported {calls} calls in {took:.1?}, {:.0} a second", calls as f64 / took.as_secs_f64());
    for agreed in brought.agreed.iter().filter(|agreed| !agreed.value.starts_with('0')) {
        println!("   {}: {}", agreed.what, agreed.value);
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    // What `cargo test` asks of benches is whether they are built.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let calls = std::env::var("AMP_POOL_BOOKS_CALLS").map_or(1_000_000, |text| text.parse().unwrap());
    let own = tempfile::tempdir().unwrap();
    let dir = std::env::var_os("AMP_POOL_BOOKS_DIR").map_or(own.path().to_owned(), Into::into);
    std::fs::create_dir_all(&dir).unwrap();
    let store = open(&dir).await;
    fill(&*store, calls).await;
    if let Ok(found) = std::fs::metadata(dir.join("books.db")) {
        println!("{} bytes a call", found.len() / calls);
    }
    if std::env::var_os("AMP_POOL_BOOKS_IMPORT").is_some() {
        store.close().await.unwrap();
        return bring(&dir, calls).await;
    }
    let met = [statistics(&*store).await, pages(&*store).await, retention(store, calls).await];
    println!("statistics, pages, retention: {met:?}");
}
