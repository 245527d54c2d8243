//! Stores against a model of budgets that is too simple to be wrong.
//!
//! Random steps (hold, settle, void, hang-up, duplicate, crash, recover) go to a store in batches, as the ledger hands them
//! in, and to the model one by one. After each commit the two have to say the same, and nothing is above its limit but by
//! what calls cost beyond what was held for them.
//!
//! `AMP_POOL_MODEL_STEPS` says how many steps are taken; `make test-model` takes a million.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chance;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures::StreamExt as _;

use amp_pool_core::{
    budget::{Claim, Period, Scope, Tally, Window},
    format::Format,
    id::{AttemptId, CallId, GroupId, KeyId, TokenId},
    keys::PriceFactor,
    money::NanoUsd,
    store::{
        Attempt, Booking, Charge, Entry, Hold, HoldAnswer, Opened, Outcome, Record, Store,
        memory::MemoryStore,
        sqlite::{Durability, SqliteOptions, SqliteStore, audit},
    },
    testkit::calls,
    time::Timestamp,
    usage::{ServiceTerms, Usage, UsageSource},
};
use chance::Chance;

const START: Timestamp = Timestamp::from_millis(1_795_395_600_000);
const LIMIT: i64 = 1_000;

impl Chance {
    fn cost(&mut self, most: i64) -> i64 {
        i64::try_from(self.below(u64::try_from(most).unwrap() + 1)).unwrap()
    }
}

fn period(scope: Scope, day: i64) -> Period {
    Period { scope, window: Window::Day, start: day * 86_400_000 }
}

/// What one call has in the model.
#[derive(Clone)]
struct Call {
    opened: Opened,
    periods: Vec<Period>,
    held: Vec<(u32, i64)>,
    is_open: bool,
}

/// Budgets as a child would keep them: a list of numbers.
#[derive(Default)]
struct Model {
    tallies: BTreeMap<Period, (i64, i64)>,
    /// What calls did cost beyond what was held, by period.
    over: HashMap<Period, i64>,
    calls: HashMap<CallId, Call>,
}

impl Model {
    fn hold(&mut self, hold: &Hold) -> HoldAnswer {
        let left = |model: &Self, claim: &Claim| {
            let (spent, held) = model.tallies.get(&claim.period).copied().unwrap_or_default();
            (LIMIT - spent - held).max(0)
        };
        let answer = |model: &Self, amount| {
            let left = hold.claims.iter().map(|claim| left(model, claim)).min().unwrap();
            HoldAnswer::Held { amount: NanoUsd(amount), left: NanoUsd(left) }
        };
        let call = &self.calls[&hold.call];
        if let Some((_, amount)) = call.held.iter().find(|(n, _)| *n == hold.n) {
            return answer(self, *amount);
        }
        if !call.is_open {
            return HoldAnswer::Ended;
        }
        for (at, claim) in hold.claims.iter().enumerate() {
            let left = left(self, claim);
            if left < hold.least.0 || left == 0 {
                return HoldAnswer::Short { at, left: NanoUsd(left) };
            }
        }
        let amount = hold.claims.iter().map(|claim| left(self, claim)).min().unwrap().min(hold.worst.0);
        for claim in &hold.claims {
            self.tallies.entry(claim.period).or_default().1 += amount;
        }
        self.calls.get_mut(&hold.call).unwrap().held.push((hold.n, amount));
        answer(self, amount)
    }

    fn settle(&mut self, call: CallId, cost: i64, charges: &[Charge]) {
        let call = self.calls.get_mut(&call).unwrap();
        if !std::mem::take(&mut call.is_open) {
            return;
        }
        let held: i64 = call.held.iter().map(|(_, amount)| amount).sum();
        for period in call.periods.iter().filter(|_| !call.held.is_empty()) {
            let tally = self.tallies.entry(*period).or_default();
            *tally = (tally.0 + cost, tally.1 - held);
            *self.over.entry(*period).or_default() += (cost - held).max(0);
        }
        for charge in charges {
            self.tallies.entry(charge.period).or_default().0 += charge.cost.0;
        }
    }

    fn recover(&mut self) {
        let open: Vec<_> = self.calls.values().filter(|call| call.is_open).map(|call| call.opened.call).collect();
        for call in open {
            let held = self.calls[&call].held.iter().map(|(_, amount)| amount).sum();
            self.settle(call, held, &[]);
        }
    }
}

/// What steps are made of.
struct Walk {
    chance: Chance,
    model: Model,
    next: u64,
    /// Calls that run.
    running: Vec<CallId>,
    /// Entries that were handed in lately, and may come again.
    past: Vec<Entry>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        Self { chance: Chance(seed), model: Model::default(), next: 0, running: Vec::new(), past: Vec::new() }
    }

    fn step(&mut self, batch: &mut Vec<Entry>) {
        match self.chance.below(100) {
            0..40 => self.begin(batch),
            40..50 => self.hold_more(batch),
            50..90 => self.end(batch),
            // Somebody hands in again what he handed in before.
            _ if !self.past.is_empty() => {
                let at = usize::try_from(self.chance.below(self.past.len() as u64)).unwrap();
                batch.push(self.past[at].clone());
            }
            _ => {}
        }
    }

    fn begin(&mut self, batch: &mut Vec<Entry>) {
        self.next += 1;
        let create_time = START.plus_millis(i64::try_from(self.next * 60_000).unwrap());
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.next.to_be_bytes());
        let token = 1 + i64::try_from(self.chance.below(3)).unwrap();
        let opened = Opened {
            call: CallId::new(create_time, &random),
            create_time,
            token: Some(TokenId(token)),
            model: "m".into(),
            format: Format::Chat,
            endpoint: "chat_completions",
            stream: false,
        };
        let day = create_time.as_millis() / 86_400_000;
        let scopes = [Scope::Token(TokenId(token)), Scope::Group(GroupId(token % 2)), Scope::Site];
        let periods =
            scopes[..1 + usize::try_from(self.chance.below(3)).unwrap()].iter().map(|scope| period(*scope, day));
        let call = Call { opened: opened.clone(), periods: periods.collect(), held: Vec::new(), is_open: true };
        self.model.calls.insert(opened.call, call);
        self.running.push(opened.call);
        batch.push(Entry::Opened(opened.clone()));
        batch.push(self.ask(opened.call, 0));
    }

    fn ask(&mut self, call: CallId, n: u32) -> Entry {
        let Call { opened, periods, .. } = self.model.calls[&call].clone();
        let worst = 1 + self.chance.cost(60);
        let least = if self.chance.below(3) == 0 { self.chance.cost(worst) } else { worst };
        let claims = periods.into_iter().map(|period| Claim { period, limit: NanoUsd(LIMIT) }).collect();
        let (worst, least) = (NanoUsd(worst), NanoUsd(least));
        Entry::Held(Hold { call, n, create_time: opened.create_time, worst, least, claims })
    }

    fn any_running(&mut self) -> Option<usize> {
        let count = self.running.len() as u64;
        (count > 0).then(|| usize::try_from(self.chance.below(count)).unwrap())
    }

    fn hold_more(&mut self, batch: &mut Vec<Entry>) {
        let Some(at) = self.any_running() else { return };
        let n = 1 + u32::try_from(self.chance.below(3)).unwrap();
        let entry = self.ask(self.running[at], n);
        batch.push(entry);
    }

    /// A call ends: with a cost, never sent at all, or by a client that hung up.
    fn end(&mut self, batch: &mut Vec<Entry>) {
        let Some(at) = self.any_running() else { return };
        let call = self.running.swap_remove(at);
        let opened = self.model.calls[&call].opened.clone();
        let kind = self.chance.below(10);
        let cost = match kind {
            0 => 0,
            1 => self.chance.cost(90),
            _ => self.chance.cost(30),
        };
        let mut attempts = Vec::new();
        let mut charges = Vec::new();
        if kind > 0 {
            attempts.push(attempt(&opened, cost, kind == 2));
            charges.push(Charge { period: period(Scope::Key(KeyId(1)), 0), cost: NanoUsd(cost) });
        }
        let outcome = [Outcome::Failed, Outcome::Done, Outcome::HungUp][usize::try_from(kind.min(2)).unwrap()];
        let booking = Booking { holds: true, charged: NanoUsd(cost), charges };
        batch.push(Entry::Settled(Box::new(record(opened, outcome, attempts, booking))));
    }

    /// What the model says of a batch: the answers to its holds.
    fn apply(&mut self, batch: &[Entry]) -> Vec<HoldAnswer> {
        let mut answers = Vec::new();
        for entry in batch {
            match entry {
                Entry::Held(hold) => answers.push(self.model.hold(hold)),
                Entry::Settled(record) => {
                    self.model.settle(record.opened.call, record.booking.charged.0, &record.booking.charges);
                }
                Entry::Opened(_) => {}
            }
        }
        self.past.extend(batch.iter().cloned());
        let old = self.past.len().saturating_sub(200);
        self.past.drain(..old);
        answers
    }
}

fn attempt(opened: &Opened, cost: i64, estimated: bool) -> Attempt {
    Attempt {
        id: AttemptId::new(opened.create_time, &[7; 10]),
        key: KeyId(1),
        provider: "p".into(),
        upstream_format: Format::Chat,
        upstream_model: "m".into(),
        served: true,
        verdict: "answer",
        http_status: Some(200),
        error_message: None,
        usage: Usage { output: 1, ..Usage::default() },
        usage_source: if estimated { UsageSource::Estimated } else { UsageSource::Final },
        terms: ServiceTerms::default(),
        price_factor: PriceFactor::ONE,
        cost: Some(NanoUsd(cost)),
        chosen_by: None,
        candidates: 1,
        create_time: opened.create_time,
        latency_ms: 1,
        first_byte_ms: None,
        saved: None,
        price_version: None,
        evidence: None,
        decided_by: None,
    }
}

fn record(opened: Opened, outcome: Outcome, attempts: Vec<Attempt>, booking: Booking) -> Record {
    Record { outcome, booking, ..calls::settled(opened, attempts) }
}

async fn compare(store: &dyn Store, model: &Model) {
    let periods: Vec<_> = model.tallies.keys().copied().collect();
    let tallies = store.tallies(periods.clone()).await.unwrap();
    for (period, Tally { spent, held }) in periods.iter().zip(tallies) {
        assert_eq!((spent.0, held.0), model.tallies[period], "{period:?}");
        let over = model.over.get(period).copied().unwrap_or_default();
        let is_held = !matches!(period.scope, Scope::Key(_));
        assert!(!is_held || spent.0 + held.0 <= LIMIT + over, "{period:?} is above its limit");
    }
}

/// Takes `steps`; `crash` gives the store as it is found after the process has ended.
async fn walk(seed: u64, steps: u64, mut store: Arc<dyn Store>, crash: impl Fn(Arc<dyn Store>) -> Arc<dyn Store>) {
    let mut walk = Walk::new(seed);
    let (mut done, mut crashes, mut commits) = (0, 0, 0);
    while done < steps {
        let mut batch = Vec::new();
        for _ in 0..=walk.chance.below(200) {
            walk.step(&mut batch);
            done += 1;
        }
        let answers = store.commit(batch.clone().into()).await.unwrap();
        assert_eq!(answers, walk.apply(&batch), "seed {seed}, step {done}");
        commits += 1;
        if walk.chance.below(20) == 0 {
            store = crash(store);
            store.recover(START).await.unwrap();
            walk.model.recover();
            walk.running.clear();
            crashes += 1;
        }
        compare(&*store, &walk.model).await;
    }
    store.recover(START).await.unwrap();
    walk.model.recover();
    compare(&*store, &walk.model).await;
    assert!(walk.model.tallies.values().all(|(_, held)| *held == 0), "nothing is held at the end");
    eprintln!("seed {seed}: {done} steps, {commits} commits, {crashes} crashes, {} calls", walk.next);
}

fn steps(usual: u64) -> u64 {
    std::env::var("AMP_POOL_MODEL_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(usual)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_in_memory_keeps_budgets_as_the_model_does() {
    let steps = steps(20_000);
    // It looks at all its calls with each question.
    let walks = steps.div_ceil(WALK / 5);
    let walks = (1_001..1_001 + walks)
        .map(|seed| tokio::spawn(walk(seed, steps / walks, Arc::new(MemoryStore::new()), |store| store)));
    futures::stream::iter(walks).buffer_unordered(2).for_each(async |walked| walked.unwrap()).await;
}

/// Steps of one walk. What it looks at after each commit, and what is checked after each crash, grows with it; of walks
/// there may be as many as wanted, two at a time.
const WALK: u64 = 50_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_in_sqlite_keeps_budgets_as_the_model_does() {
    let steps = steps(12_000);
    let walks = steps.div_ceil(WALK);
    let walks = (0..walks).map(|walk| tokio::spawn(walk_in_sqlite(4 + walk, steps / walks)));
    futures::stream::iter(walks).buffer_unordered(2).for_each(async |walked| walked.unwrap()).await;
}

async fn walk_in_sqlite(seed: u64, steps: u64) {
    let dir = tempfile::tempdir().unwrap();
    let (path, master_key_file) = (dir.path().join("amp_pool.db"), dir.path().join("master.key"));
    let options = SqliteOptions { path: path.clone(), master_key_file, durability: Durability::Normal, echo: false };
    let open = || Arc::new(SqliteStore::open(options.clone(), START).unwrap()) as Arc<dyn Store>;
    walk(seed, steps, open(), |store| {
        // Without a word to it: what it has not written by now is lost.
        drop(store);
        open()
    })
    .await;

    let audit = audit(&path).unwrap();
    assert!(audit.agrees(), "{:#?}", audit.findings);
    assert!(audit.holds > 1_000 && audit.open == 0, "{audit:?}");
}
