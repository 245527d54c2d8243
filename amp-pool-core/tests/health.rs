//! The fitness of keys over the end of a process: nothing is forgotten, nothing lasts longer, and people are told why.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use amp_pool_core::{
    Pool,
    caller::TokenSpec,
    id::KeyId,
    keys::{KeySpec, KeyState, KeyStatus},
    secret::Secret,
    store::{
        HealthStore as _, Page, Store,
        memory::MemoryStore,
        sqlite::{Durability, SqliteOptions, SqliteStore},
    },
    testkit::{Reply, Script},
    time::{Clock, Timestamp},
};
use bench::{Bench, TOKEN};

/// The clock on the wall, which goes on while no process runs.
#[derive(Clone)]
struct Wall(Arc<AtomicI64>);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Wall {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_795_395_600_000)))
    }

    fn goes_on(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A process over a store that may have been used before.
async fn process(store: &Arc<dyn Store>, wall: &Wall, upstream: &Script) -> Bench {
    let pool = Pool::builder().transport(upstream.clone()).store(store.clone()).clock(wall.clone());
    Bench { pool: pool.build().await.unwrap(), upstream: upstream.clone() }
}

/// The first process: a key `a` that is tried first, and `b`.
async fn first(store: &Arc<dyn Store>, wall: &Wall, upstream: &Script) -> Bench {
    let bench = process(store, wall, upstream).await;
    bench.handle().add_token_with(TokenSpec::named("test"), Secret::new(TOKEN)).await.unwrap();
    for (name, priority) in [("a", 1), ("b", 0)] {
        let mut spec = KeySpec::new(name, "openai", Secret::new(name));
        spec.priority = priority;
        bench.handle().add_key(spec).await.unwrap();
    }
    bench
}

fn status(bench: &Bench) -> KeyStatus {
    bench.handle().keys().remove(0).status
}

fn until(bench: &Bench, wall: &Wall) -> Option<i64> {
    status(bench).until.map(|until| (until.as_millis() - wall.now().as_millis()) / 1000)
}

fn upstream(reply: Reply) -> Script {
    Script::new().on("a", reply).on("b", Reply::chat("hello"))
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

fn page() -> Page {
    Page { before: None, limit: 100 }
}

async fn history(bench: &Bench) -> Vec<(&'static str, u32)> {
    let id = bench.handle().keys()[0].key.id;
    let events = bench.handle().health_history(id, page()).await.unwrap();
    events.iter().map(|row| (row.event.state.as_str(), row.event.times)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_pause_outlives_the_process_and_is_not_longer_for_it() {
    let (store, wall) = (memory(), Wall::new());
    let before = first(&store, &wall, &upstream(Reply::limited().retry_after_secs(300))).await;
    before.chat().await;
    before.handle().close().await;
    drop(before);

    wall.goes_on(secs(100));
    let after = process(&store, &wall, &upstream(Reply::chat("hello"))).await;
    assert_eq!(status(&after).models[0].state, KeyState::Cooling);
    assert_eq!(until(&after, &wall), Some(200));
    after.chat().await;
    assert_eq!(after.upstream.keys_tried(), ["b"]);

    tokio::time::advance(secs(201)).await;
    after.chat().await;
    assert_eq!(after.upstream.keys_tried(), ["b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_does_not_make_a_pause_longer() {
    let (store, wall) = (memory(), Wall::new());
    let before = first(&store, &wall, &upstream(Reply::limited().retry_after_secs(300))).await;
    before.chat().await;
    before.handle().close().await;
    wall.0.fetch_sub(86_400_000, Ordering::SeqCst);

    let after = process(&store, &wall, &upstream(Reply::chat("hello"))).await;
    assert_eq!(until(&after, &wall), Some(300));
}

#[tokio::test(start_paused = true)]
async fn an_empty_account_stays_so_and_is_tried_by_one_call_when_its_time_has_come() {
    let (store, wall) = (memory(), Wall::new());
    let broke = Reply::error(429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota");
    let before = first(&store, &wall, &upstream(broke)).await;
    before.chat().await;
    before.handle().close().await;

    wall.goes_on(secs(1_800));
    let after = process(&store, &wall, &upstream(Reply::chat("hello"))).await;
    assert_eq!((status(&after).state, until(&after, &wall)), (KeyState::OutOfCredit, Some(1_800)));
    let reason = status(&after).reason.unwrap();
    assert!(reason.starts_with("out_of_credit: 429"), "{reason}");

    tokio::time::advance(secs(1_801)).await;
    wall.goes_on(secs(1_801));
    after.chat().await;
    assert_eq!(after.upstream.keys_tried(), ["a"]);
    assert_eq!(status(&after).state, KeyState::Ready);
    assert_eq!(history(&after).await, [("ready", 1), ("out_of_credit", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_before_the_restart_and_one_after_it_are_two_in_a_row() {
    let (store, wall) = (memory(), Wall::new());
    let before = first(&store, &wall, &upstream(Reply::refused())).await;
    before.chat().await;
    assert_eq!(status(&before).state, KeyState::Cooling);
    before.handle().close().await;

    let after = process(&store, &wall, &upstream(Reply::refused())).await;
    tokio::time::advance(secs(16)).await;
    after.chat().await;
    assert_eq!(status(&after).state, KeyState::Disabled);
    after.handle().close().await;

    wall.goes_on(secs(60));
    let third = process(&store, &wall, &upstream(Reply::chat("hello"))).await;
    assert_eq!(status(&third).state, KeyState::Disabled);
    assert_eq!(history(&third).await, [("disabled", 1), ("cooling", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_reset_ends_what_is_kept_as_well() {
    let (store, wall) = (memory(), Wall::new());
    let before = first(&store, &wall, &upstream(Reply::limited().retry_after_secs(300))).await;
    before.chat().await;
    let id = before.handle().keys()[0].key.id;
    before.handle().reset_key(id).unwrap();
    let events = before.handle().health_history(id, page()).await.unwrap();
    assert_eq!((events[0].event.state, &*events[0].event.reason), (KeyState::Ready, "reset by an operator"));
    before.handle().close().await;

    let after = process(&store, &wall, &upstream(Reply::chat("hello"))).await;
    assert_eq!(status(&after).state, KeyState::Ready);
}

#[tokio::test(start_paused = true)]
async fn another_credential_begins_with_a_clean_slate() {
    let (store, wall) = (memory(), Wall::new());
    let before = first(&store, &wall, &upstream(Reply::limited().retry_after_secs(300))).await;
    before.chat().await;
    before.handle().close().await;

    let after = process(&store, &wall, &upstream(Reply::chat("hello"))).await;
    let key = after.handle().keys().remove(0).key;
    let spec = KeySpec { api_key: Secret::new("another"), ..key.spec.clone() };
    let changed = after.handle().change_key(key.id, spec).await.unwrap();
    assert_eq!(changed.status.state, KeyState::Ready);
}

#[tokio::test(start_paused = true)]
async fn keys_of_one_account_share_what_is_kept_of_it() {
    let (store, wall) = (memory(), Wall::new());
    let before = first(&store, &wall, &upstream(Reply::limited().retry_after_secs(300))).await;
    for view in before.handle().keys() {
        let spec = KeySpec { account: Some("org".into()), ..view.key.spec.clone() };
        before.handle().change_key(view.key.id, spec).await.unwrap();
    }
    assert_eq!(before.chat().await.status, 429);
    before.handle().close().await;

    let after = process(&store, &wall, &upstream(Reply::chat("hello"))).await;
    let states: Vec<_> = after.handle().keys().iter().map(|view| view.status.state).collect();
    assert_eq!(states, [KeyState::Cooling, KeyState::Cooling]);
    let other = after.handle().keys()[1].key.id;
    assert_eq!(after.handle().health_history(other, page()).await.unwrap().len(), 1);
    assert!(after.handle().health_history(KeyId(99), page()).await.is_err());
}

#[tokio::test]
async fn what_changed_is_in_the_file_soon_without_being_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let options = SqliteOptions {
            path: dir.path().join("amp_pool.db"),
            master_key_file: dir.path().join("master.key"),
            durability: Durability::Full,
            echo: false,
        };
        Arc::new(SqliteStore::open(options, Timestamp::from_millis(0)).unwrap())
    };
    let (store, wall) = (open(), Wall::new());
    let shared: Arc<dyn Store> = store.clone();
    let bench = first(&shared, &wall, &upstream(Reply::limited().retry_after_secs(300))).await;
    bench.chat().await;
    let deadline = std::time::Instant::now() + secs(10);
    while store.health(wall.now()).await.unwrap().is_empty() {
        assert!(std::time::Instant::now() < deadline, "nothing was written");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // As after `kill -9`: nobody closes anything, another process opens the same files.
    let again: Arc<dyn Store> = open();
    let after = process(&again, &wall, &upstream(Reply::chat("hello"))).await;
    assert_eq!(status(&after).models[0].state, KeyState::Cooling);
}
