//! What is the same in both databases: an audit finds the same lies in either, and all of one becomes the other.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;
mod chance;
mod postgres_server;
mod random_pages;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use amp_pool_core::{
    Pool,
    alert::{AlertKind, AlertRuleSpec, ChannelSpec},
    budget::{Budget, Window},
    caller::{GroupSpec, TokenSpec},
    handle::{PriceNote, ReRate},
    keys::KeySpec,
    money::NanoUsd,
    price::Sheet,
    secret::Secret,
    store::{
        Audit, Durability, Entry, GroupBy, Page, RecordFilter, Store, StoreError, TotalsFilter,
        memory::MemoryStore,
        postgres::{
            self, PostgresOptions, PostgresStore,
            import::{Imported, import, look},
        },
        sqlite::{self, SqliteOptions, SqliteStore},
    },
    testkit::{Reply, Script},
    time::{Clock as _, SystemClock, Timestamp},
    user::UserSpec,
};
use bench::{Bench, TOKEN};
use postgres_server::PostgresServer;
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

/// Milliseconds of a copy, from when it began or from where it stood.
const BROKEN_OFF_AFTER: [u64; 4] = [0, 60, 250, 600];

fn now() -> Timestamp {
    SystemClock.now()
}

fn sqlite_store(dir: &Path) -> Result<SqliteStore, StoreError> {
    let (path, master_key_file) = (dir.join("amp_pool.db"), dir.join("master.key"));
    SqliteStore::open(SqliteOptions { path, master_key_file, durability: Durability::Normal, echo: false }, now())
}

async fn postgres_store(url: &str, dir: &Path, node: &str) -> Result<PostgresStore, StoreError> {
    let (url, master_key_file, node) = (Secret::new(url), dir.join("master.key"), node.to_owned());
    let options =
        PostgresOptions { url, master_key_file, node, connections: 4, durability: Durability::Full, echo: false };
    PostgresStore::open(options, now()).await
}

/// Three calls of all budgets, rated again since; a key that was refused; people, rules and bodies.
async fn fill(store: Arc<dyn Store>) {
    let broke = Reply::error(402, "billing", "insufficient_quota", "no money");
    let upstream = Script::new().on("k", Reply::chat("hello")).on("broke", broke);
    let builder = Pool::builder().store(store.clone()).transport(upstream.clone());
    let bench = Bench { pool: builder.build().await.unwrap(), upstream };
    let handle = bench.handle();
    let budget = |window| Some(Budget::of(NanoUsd(900_000_000_000), window));
    let limits = Default::default();
    let group = GroupSpec { name: "g".into(), limits, budget: budget(Window::Month), memo: String::new() };
    let group = Some(handle.add_group(group).await.unwrap().id);
    let spec = TokenSpec { budget: budget(Window::Total), group, ..TokenSpec::named("t\0") };
    handle.add_token_with(spec, Secret::new(TOKEN)).await.unwrap();
    let mut key = KeySpec { budget: budget(Window::Week), ..KeySpec::new("k", "openai", Secret::new("k")) };
    key.egress.proxy = Some("socks5h://user:pass@127.0.0.1:1".parse().unwrap());
    handle.add_key(key).await.unwrap();
    handle
        .put_setting("site_budget".into(), Some(json!({"limit": "900", "window": "total"}).to_string()))
        .await
        .unwrap();
    handle.put_setting("bodies".into(), Some(json!({"of": "all"}).to_string())).await.unwrap();
    let body = json!({"model": "gpt-4o-mini", "messages": [], "max_tokens": 50});
    for _ in 0..3 {
        assert_eq!(bench.post("/v1/chat/completions", &body).await.status, 200);
    }
    let broke = KeySpec { priority: 1, ..KeySpec::new("broke", "openai", Secret::new("broke")) };
    let price = r#"{"input": "7", "output": "9"}"#;
    let note = PriceNote {
        provider: None,
        model: "gpt-4o-mini".into(),
        valid_from: Some(Timestamp::from_millis(0)),
        who: "ada".into(),
        note: String::new(),
    };
    handle.set_price(note, serde_json::from_str::<Sheet>(price).unwrap()).await.unwrap();
    let rated = ReRate {
        from: Timestamp::from_millis(0),
        to: now().plus_millis(1_000_000),
        model: None,
        dry_run: false,
        who: "ada".into(),
        note: String::new(),
    };
    assert_eq!(handle.re_rate(rated).await.unwrap().adjusted, 3);
    handle.add_key(broke).await.unwrap();
    assert_eq!(bench.chat().await.status, 200, "the next key answers");
    let hook = ChannelSpec::new("ops", "webhook").with_secret("url", "https://hook.example.com/");
    let channels = vec![handle.add_channel(hook).await.unwrap().id];
    let rule = AlertRuleSpec { channels, ..AlertRuleSpec::new("rule", AlertKind::KeyDown) };
    handle.add_alert_rule(rule).await.unwrap();
    let ada = UserSpec::admin("ada");
    store.insert_user(ada, Some(Secret::new("$argon2id$")), now()).await.unwrap();
    while store.sum_up(now().plus_millis(2 * 86_400_000)).await.unwrap() {}
    handle.close().await;
}

/// A filled SQLite database, and what opens it.
async fn filled_sqlite() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fill(Arc::new(sqlite_store(dir.path()).unwrap())).await;
    dir
}

/// One lie of each kind, and how the finding begins. `CALL_1` is the row of the first call: PostgreSQL leaves numbers out.
const LIES: [(&str, &str); 23] = [
    ("UPDATE api_request_log SET cost = cost + 1 WHERE id = CALL_1", "call "),
    ("UPDATE api_request_log SET output_tokens = output_tokens + 1 WHERE id = CALL_2", "call "),
    ("UPDATE api_request_log SET attempts = 2 WHERE id = CALL_1", "call "),
    ("UPDATE api_request_attempts SET cost = cost - 1 WHERE request_id = CALL_1", "call "),
    ("DELETE FROM api_request_attempts WHERE request_id = CALL_2", "call "),
    ("UPDATE api_request_attempts SET request_id = 999 WHERE request_id = CALL_2", "attempt 999"),
    ("UPDATE api_request_attempts SET request_id = -7 WHERE request_id = CALL_2", "attempt -7"),
    ("UPDATE api_request_stats SET cost = cost + 1 WHERE granularity = 'day'", "statistics day"),
    ("UPDATE api_request_stats SET requests = requests - 1 WHERE granularity = 'hour'", "statistics hour"),
    ("DELETE FROM api_request_stats WHERE granularity = 'day'", "statistics day"),
    ("UPDATE api_request_sums SET cost = cost + 1 WHERE granularity = 'hour' AND part = 'key'", "statistics hour"),
    ("DELETE FROM api_request_sums WHERE granularity = 'day' AND part = 'model'", "statistics day"),
    ("UPDATE api_request_sums SET name = 'nobody' WHERE part = 'provider'", "statistics of nothing"),
    ("UPDATE budget_periods SET spent = spent - 1 WHERE scope = 'token'", "budget of token"),
    ("UPDATE budget_periods SET held = held + 1 WHERE scope = 'site'", "budget of site"),
    ("UPDATE budget_holds SET cost = cost + 1 WHERE id = 1", "hold of call"),
    ("UPDATE budget_holds SET state = 'held', cost = 0 WHERE id = 2", "hold of call"),
    ("DELETE FROM budget_holds WHERE id = 3", "budget of"),
    ("DELETE FROM budget_periods WHERE scope = 'group'", "hold of call"),
    ("UPDATE api_request_adjustments SET call_cost = call_cost + 1 WHERE id = 1", "adjustment "),
    ("UPDATE api_request_adjustments SET cost = cost + 1 WHERE id = 2", "adjustment "),
    ("DELETE FROM api_request_adjustments WHERE id = 3", "statistics day"),
    ("UPDATE budget_adjustments SET amount = amount + 1 WHERE id = 1", "budget of"),
];

/// The book that nothing is written in is cut off from the call by this.
const LOST: [&str; 2] = [
    "UPDATE budget_adjustments SET call_id = x'00000000000000000000000000000000' WHERE id = 2",
    "UPDATE budget_adjustments SET call_id = '00000000-0000-0000-0000-000000000000' WHERE id = 2",
];

fn lies(engine: usize) -> impl Iterator<Item = (String, &'static str)> {
    let row = |n: usize| format!("(SELECT id FROM api_request_log ORDER BY id LIMIT 1 OFFSET {})", n - 1);
    let lies = LIES.into_iter().chain([(LOST[engine], "adjustment of a budget")]);
    lies.map(move |(lie, beginning)| (lie.replace("CALL_1", &row(1)).replace("CALL_2", &row(2)), beginning))
}

fn expect(audit: &Audit, lie: &str, beginning: &str) {
    let found: Vec<_> = audit.findings.iter().map(ToString::to_string).collect();
    assert!(found.iter().any(|finding| finding.starts_with(beginning)), "{lie}: {found:?}");
}

fn expect_the_truth(audit: &Audit) {
    assert!(audit.agrees(), "{:?}", audit.findings);
    let Audit { calls, open, attempts, budgets, holds, .. } = audit;
    assert_eq!((*calls, *open, *attempts, *budgets, *holds), (4, 0, 5, 4, 16));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_finds_every_lie_in_sqlite() {
    let dir = filled_sqlite().await;
    let (truth, doctored) = (dir.path().join("amp_pool.db"), dir.path().join("doctored.db"));
    expect_the_truth(&sqlite::audit(&truth).unwrap());
    for (lie, beginning) in lies(0) {
        fs::copy(&truth, &doctored).unwrap();
        let changed = Connection::open(&doctored).unwrap().execute(&lie, []).unwrap();
        assert!(changed > 0, "{lie} changes nothing");
        expect(&sqlite::audit(&doctored).unwrap(), &lie, beginning);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_finds_every_lie_in_postgresql() {
    let (server, dir) = (PostgresServer::shared(), tempfile::tempdir().unwrap());
    let truth = server.database();
    fill(Arc::new(postgres_store(&truth, dir.path(), "a").await.unwrap())).await;
    expect_the_truth(&postgres::audit(&Secret::new(&*truth)).await.unwrap());
    let name = server.sql(&truth, "SELECT current_database()");
    for (lie, beginning) in lies(1) {
        let doctored = server.copy_of(&name);
        let changed = server.sql(&doctored, &format!("WITH lie AS ({lie} RETURNING 1) SELECT count(*) FROM lie"));
        assert_ne!(changed, "0", "{lie} changes nothing");
        expect(&postgres::audit(&Secret::new(&*doctored)).await.unwrap(), &lie, beginning);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_tells_what_it_can_not_read() {
    let (server, dir) = (PostgresServer::shared(), tempfile::tempdir().unwrap());
    let empty = postgres::audit(&Secret::new(server.database())).await;
    assert!(empty.unwrap_err().to_string().contains("version 0"));
    let url = server.database();
    drop(postgres_store(&url, dir.path(), "a").await.unwrap());
    server.sql(&url, "INSERT INTO schema_migrations VALUES (9999, 'later', '', 0)");
    assert!(matches!(postgres::audit(&Secret::new(&*url)).await, Err(StoreError::Newer { found: 9999, .. })));
}

/// A place that a SQLite database is copied to.
struct Copy {
    from: TempDir,
    to: String,
}

impl Copy {
    async fn of_filled() -> Self {
        Self { from: filled_sqlite().await, to: PostgresServer::shared().database() }
    }

    fn file(&self) -> PathBuf {
        self.from.path().join("amp_pool.db")
    }

    fn key(&self) -> PathBuf {
        self.from.path().join("master.key")
    }

    async fn import(&self) -> Result<Imported, StoreError> {
        import(&self.file(), &Secret::new(&*self.to), &self.key(), now()).await
    }

    fn sql(&self, sql: &str) -> String {
        PostgresServer::shared().sql(&self.to, sql)
    }
}

fn value(imported: &Imported, what: &str) -> String {
    imported.agreed.iter().find(|agreed| agreed.what == what).unwrap().value.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_of_a_sqlite_database_becomes_a_postgresql_one() {
    let copy = Copy::of_filled().await;
    let more = "CREATE TABLE of_another (x); UPDATE api_request_log SET error_type = 'odd' WHERE id = 1";
    Connection::open(copy.file()).unwrap().execute_batch(more).unwrap();
    let before = fs::read(copy.file()).unwrap();
    let imported = copy.import().await.unwrap();

    assert!(!imported.resumed);
    assert_eq!(imported.left_out, ["of_another"]);
    assert_eq!(value(&imported, "rows of api_request_log"), "4");
    assert_ne!(value(&imported, "adjusted cost, USD"), "0.000000000");
    assert_eq!(imported.agreed, look(&copy.file(), &copy.key()).await.unwrap().agreed);
    assert_eq!(fs::read(copy.file()).unwrap(), before, "the source is only read");
    let ours = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let tables: i64 = Connection::open(copy.file()).unwrap().query_row(ours, [], |row| row.get(0)).unwrap();
    let counted = imported.agreed.iter().filter(|agreed| agreed.what.starts_with("rows of ")).count();
    assert_eq!(i64::try_from(counted).unwrap(), tables - 2, "all but the history of migrations and the stranger");

    let old: Arc<dyn Store> = Arc::new(sqlite_store(copy.from.path()).unwrap());
    let new: Arc<dyn Store> = Arc::new(postgres_store(&copy.to, copy.from.path(), "a").await.unwrap());
    let told_by_old = told(&old).await;
    assert!(told_by_old.contains("failed: [[1]]"), "{told_by_old}");
    assert_eq!(told_by_old, told(&new).await.replace('\u{fffd}', "\\0"));
    let audit = postgres::audit(&Secret::new(&*copy.to)).await.unwrap();
    expect_the_truth(&audit);
    let last = old.load().await.unwrap().keys.last().unwrap().id;
    let next = new.insert_key(KeySpec::new("n", "openai", Secret::new("n")), now()).await.unwrap();
    assert!(next.id > last, "an id is never given twice");
    fill_more(new).await;
    expect_more(&postgres::audit(&Secret::new(&*copy.to)).await.unwrap());
}

/// What a store holds, as text: configuration with its secrets, calls, sums, people, prices.
async fn told(store: &Arc<dyn Store>) -> String {
    let configuration = store.load().await.unwrap();
    let key = |key: &amp_pool_core::keys::Key| {
        let egress = &key.spec.egress;
        let proxy = egress.proxy.as_ref().map(|proxy| proxy.expose().to_owned());
        format!("{} {} {} {proxy:?} {:?}", key.id, key.fingerprint, key.spec.api_key.expose(), key.spec.budget)
    };
    let keys: Vec<_> = configuration.keys.iter().map(key).collect();
    let mut calls = Vec::new();
    for row in store.list(RecordFilter::default(), Page { before: None, limit: 100 }).await.unwrap() {
        calls.push((store.get(row.call).await.unwrap(), store.bodies(row.call).await.unwrap()));
        calls.last_mut().unwrap().0.as_mut().unwrap().id = row.id;
    }
    let errors: BTreeSet<_> = calls.iter().filter_map(|(call, _)| call.as_ref().unwrap().error_type.clone()).collect();
    let mut failed = Vec::new();
    for error in errors {
        let filter = RecordFilter { error_type: Some(error), ..Default::default() };
        let page = store.list(filter, Page { before: None, limit: 100 }).await.unwrap();
        failed.push(page.iter().map(|row| row.id).collect::<Vec<_>>());
    }
    let span = TotalsFilter::span(Timestamp::from_millis(0), now().plus_millis(86_400_000));
    let sums = store.totals(span, GroupBy::Model).await.unwrap();
    let user = |user: amp_pool_core::user::User| (user.id, user.spec.username, user.password.is_some());
    let users: Vec<_> = store.users().await.unwrap().into_iter().map(user).collect();
    let prices = store.prices(None).await.unwrap();
    let health = store.health(now()).await.unwrap();
    format!(
        "{keys:?}\n{:?}\n{:?}\n{:?}\n{calls:?}\nfailed: {failed:?}\n{sums:?}\n{users:?}\n{prices:?}\n{health:?}",
        configuration.tokens, configuration.groups, configuration.settings
    )
}

async fn fill_more(store: Arc<dyn Store>) {
    let upstream = Script::new().on("k", Reply::chat("hello"));
    let builder = Pool::builder().store(store).transport(upstream.clone());
    let bench = Bench { pool: builder.build().await.unwrap(), upstream };
    assert_eq!(bench.chat().await.status, 200, "the same client token and key serve");
    bench.handle().close().await;
}

fn expect_more(audit: &Audit) {
    assert!(audit.agrees(), "{:?}", audit.findings);
    assert_eq!((audit.calls, audit.holds), (5, 20));
}

/// Many calls, so that a copy takes a while.
async fn many_calls(dir: &Path) {
    let store = sqlite_store(dir).unwrap();
    for batch in 0..20_u16 {
        let entries = (0..500).map(|n| {
            let mut record = amp_pool_core::testkit::conformance::sample(batch * 500 + n);
            record.opened.model = format!("model-{}", n % 7);
            Entry::Settled(Box::new(record))
        });
        amp_pool_core::store::RecordStore::commit(&store, entries.collect()).await.unwrap();
    }
    amp_pool_core::store::RecordStore::close(&store).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_broken_off_goes_on_and_nobody_serves_from_half_of_it() {
    let (from, to) = (tempfile::tempdir().unwrap(), PostgresServer::shared().database());
    many_calls(from.path()).await;
    let copy = Copy { from, to };
    let begun = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'unfinished_import'";
    for after in BROKEN_OFF_AFTER {
        let (file, to, key) = (copy.file(), Secret::new(&*copy.to), copy.key());
        let copying = tokio::spawn(async move { import(&file, &to, &key, now()).await });
        while copy.sql(begun) != "1" && !copying.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(after)).await;
        copying.abort();
        assert!(copying.await.is_err(), "it was whole after {after} ms");
        let opened = postgres_store(&copy.to, copy.from.path(), "a").await;
        assert!(opened.err().unwrap().to_string().contains("half a copy"), "half a copy is served from");
        let audited = postgres::audit(&Secret::new(&*copy.to)).await;
        assert!(audited.unwrap_err().to_string().contains("half a copy"));
    }
    let imported = loop {
        match copy.import().await {
            // The one before is on its way out.
            Err(StoreError::Conflict { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            imported => break imported.unwrap(),
        }
    };
    assert!(imported.resumed);
    assert_eq!(value(&imported, "rows of api_request_log"), "10000");
    assert_eq!(value(&imported, "calls in statistics"), "20000", "by hour and by day");
    let again = copy.import().await.unwrap_err();
    assert!(again.to_string().contains("holds something already"), "{again}");
    assert!(postgres_store(&copy.to, copy.from.path(), "a").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_copied_is_left_as_it_is() {
    let (server, copy) = (PostgresServer::shared(), Copy::of_filled().await);
    let refuses = async |copy: &Copy, why: &str| {
        let refused = copy.import().await.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    };
    let source = fs::read(copy.file()).unwrap();
    let empty = server.dump(&copy.to);

    let set = |version: i64| {
        Connection::open(copy.file()).unwrap().pragma_update(None, "user_version", version).unwrap();
    };
    let known: i64 =
        Connection::open(copy.file()).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    set(9_999);
    let newer = fs::read(copy.file()).unwrap();
    assert!(matches!(copy.import().await, Err(StoreError::Newer { found: 9_999, .. })));
    assert_eq!(fs::read(copy.file()).unwrap(), newer, "untouched");
    set(3);
    refuses(&copy, "is brought to").await;
    set(known);
    let right = fs::read(copy.key()).unwrap();
    fs::write(copy.key(), "0".repeat(64)).unwrap();
    assert!(matches!(copy.import().await, Err(StoreError::WrongMasterKey)));
    fs::write(copy.key(), right).unwrap();
    assert_eq!(server.dump(&copy.to), empty, "nothing was made");

    let other = tempfile::tempdir().unwrap();
    drop(postgres_store(&copy.to, other.path(), "a").await.unwrap());
    let used = copy.sql("SELECT wrapped_key FROM vault");
    refuses(&copy, "holds something already").await;
    assert_eq!(copy.sql("SELECT wrapped_key FROM vault"), used);
    let copy = Copy { to: server.database(), ..copy };
    fs::write(copy.file(), &source).unwrap();
    copy.sql("CREATE TABLE unfinished_import AS SELECT 1 AS id, 0 AS create_time, 0 AS update_time, 'other' AS source");
    refuses(&copy, "half a copy of another database").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_any_filter_are_those_of_a_plain_look_at_each_row() {
    let (dir, url) = (tempfile::tempdir().unwrap(), PostgresServer::shared().database());
    random_pages::are_those_of_a_plain_look(&MemoryStore::new()).await;
    random_pages::are_those_of_a_plain_look(&sqlite_store(dir.path()).unwrap()).await;
    random_pages::are_those_of_a_plain_look(&postgres_store(&url, dir.path(), "a").await.unwrap()).await;
}
