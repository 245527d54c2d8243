//! Asks upstreams for balances: on a schedule and on demand, through each key's own egress.
//!
//! What was learned is kept by the store; what is known now stands on a board in memory, and only a balance that an upstream
//! reported may stop a key. A question that fails leaves the last good answer where it is, with its age.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::Instant,
};

use crate::{
    balance::{Amount, Decimal, Kind, Probe, ProbeChoice, Reading, Refusal, RefusalKind, Told},
    id::KeyId,
    keys::{Key, KeyState, Left, Lesson, LiveKey},
    money::NanoUsd,
    provider::{Presets, Provider},
    route::Catalog,
    store::{BalanceSource, NewBalance, Store, StoreError, StoredBalance},
    time::Clock,
    transport::Transport,
};

mod ask;
mod board;
mod books;
mod schedule;
mod view;

pub use board::Trouble;
pub use books::Spent;
pub use schedule::Schedule;
pub use view::{BalanceView, Burn, Computed, Figure, FigureSource, ManualBalance};

use board::Board;
use books::Books;

/// The preset whose probes every key can name: relays of all kinds.
const SHELF: &str = "custom";
/// How soon the loop looks at its keys again, whatever it waits for.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How soon a key without credit is asked for again.
const SOON: Duration = Duration::from_secs(10 * 60);
/// A key that a balance stopped is tried again after this at the earliest, should no balance come any more.
const SHORTEST_STOP: Duration = Duration::from_secs(60 * 60);

/// Asks upstreams for balances.
pub(crate) struct Prober {
    transport: Arc<dyn Transport>,
    store: Arc<dyn Store>,
    catalog: Arc<ArcSwap<Catalog>>,
    presets: &'static Presets,
    clock: Arc<dyn Clock>,
    schedule: Schedule,
    board: Board,
    books: Books,
    /// How many questions may be under way.
    places: Semaphore,
    changed: Arc<Notify>,
}

/// What a prober works with.
pub(crate) struct Tools {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalog: Arc<ArcSwap<Catalog>>,
    pub(crate) presets: &'static Presets,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Prober {
    /// A prober that knows what the store has kept. It asks nobody yet.
    pub(crate) async fn new(tools: Tools, schedule: Schedule) -> Result<Arc<Self>, StoreError> {
        let Tools { transport, store, catalog, presets, clock } = tools;
        let board = Board::new(store.latest_balances().await?);
        let (books, places) = (Books::new(store.clone()), Semaphore::new(schedule.at_once.max(1)));
        let changed = Arc::default();
        Ok(Arc::new(Self { transport, store, catalog, presets, clock, schedule, board, books, places, changed }))
    }

    /// Begins the schedule, if there is one. It ends with the last owner of the prober.
    pub(crate) fn start(self: &Arc<Self>) {
        for live in self.catalog.load().keys() {
            self.stop_again(live);
        }
        if self.schedule.every.is_some() {
            tokio::spawn(watch(Arc::downgrade(self), self.changed.clone()));
        }
    }

    /// What the operator said of a key has changed: what is due is looked at anew.
    pub(crate) fn look_again(&self, key: KeyId) {
        self.board.look_again(key);
        self.changed.notify_one();
    }

    /// Whether an upstream can be asked by the probe of that id for keys of `provider`.
    pub(crate) fn knows(&self, provider: Option<&Provider>, id: &str) -> bool {
        self.find(provider, id).is_some()
    }

    fn find<'a>(&self, provider: Option<&'a Provider>, id: &str) -> Option<&'a Probe> {
        let shelf = self.presets.get(SHELF).map(|shelf| &**shelf);
        let owners = provider.into_iter().chain(shelf);
        owners.flat_map(|owner| &owner.balance).find(|probe| probe.id == id)
    }

    /// The probes to try for a key, the best first.
    fn probes<'a>(&'a self, live: &'a LiveKey) -> Vec<&'a Probe> {
        let spec = &live.key.spec.balance;
        match &spec.probe {
            choice if choice.is_off() => Vec::new(),
            ProbeChoice::Own(probe) => vec![probe],
            ProbeChoice::Named(id) => self.find(Some(&live.provider), id).into_iter().collect(),
            ProbeChoice::Auto => {
                let has = |probe: &&Probe| probe.needs().iter().all(|name| spec.values.contains_key(name));
                live.provider.balance.iter().filter(|probe| probe.by_default).filter(has).collect()
            }
        }
    }

    /// The same on the schedule: where nobody chose a probe, one that has to prove itself first waits for that.
    fn scheduled<'a>(&'a self, live: &'a LiveKey) -> Vec<&'a Probe> {
        let chosen = live.key.spec.balance.probe != ProbeChoice::Auto;
        let answered = self.board.reported(live).map(|known| known.balance.reading.probe.clone());
        let wanted = |probe: &&Probe| chosen || probe.scheduled || answered.as_ref() == Some(&probe.id);
        self.probes(live).into_iter().filter(wanted).collect()
    }

    /// The balance at which a key stops, if it does.
    fn minimum(&self, live: &LiveKey, reading: &Reading) -> Option<Amount> {
        let by_probe = || self.probes(live).into_iter().find(|probe| probe.id == reading.probe)?.stop_at;
        live.key.spec.balance.minimum.or_else(by_probe)
    }
}

/// Asking.
impl Prober {
    /// Asks for the balance of a key now. Who comes while somebody is asking waits for that answer.
    pub(crate) async fn refresh(&self, live: &Arc<LiveKey>) {
        let came = Instant::now();
        let turn = self.board.turn(live);
        let _turn = turn.lock().await;
        if self.board.asked_since(live, came) {
            return;
        }
        self.ask_by(live, &self.probes(live)).await;
    }

    async fn ask_by(&self, live: &Arc<LiveKey>, probes: &[&Probe]) {
        let Ok(_place) = self.places.acquire().await else { return };
        let sent = Instant::now();
        match self.ask(live, probes).await {
            _ if !self.is_current(live) => {}
            Ok(told) => self.told(live, told, sent).await,
            Err(refusal) => self.refused(live, refusal),
        }
    }

    async fn ask(&self, live: &LiveKey, probes: &[&Probe]) -> Result<Told, Refusal> {
        let mut second_best = None;
        let mut first_refusal = None;
        for probe in probes {
            match self.walk(live, probe).await {
                // A probe for what is left that found less, a sum of costs say, is good for want of a better one.
                Ok(told) if told.reading.kind == probe.kind && told.reading.is_answer() => return Ok(told),
                Ok(told) => _ = second_best.get_or_insert(told),
                Err(refusal) if refusal.kind.leaves_hope() => _ = first_refusal.get_or_insert(refusal),
                Err(refusal) => return second_best.ok_or(refusal),
            }
        }
        second_best.ok_or_else(|| first_refusal.unwrap_or_else(|| self.nothing_to_ask(live)))
    }

    fn nothing_to_ask(&self, live: &LiveKey) -> Refusal {
        let spec = &live.key.spec.balance;
        let by_default = live.provider.balance.iter().filter(|probe| probe.by_default);
        let needs = by_default.flat_map(Probe::needs).find(|name| !spec.values.contains_key(name));
        match needs {
            _ if spec.probe.is_off() => Refusal::new(RefusalKind::NotOffered, "asking for the balance is switched off"),
            Some(name) => Refusal::new(
                RefusalKind::Incomplete,
                format!("{} tells a balance only with `{name}`; ordinary keys can not ask", live.provider.name),
            ),
            None => Refusal::new(
                RefusalKind::NotOffered,
                format!("{} tells no balance; what is left is counted from our own books", live.provider.name),
            ),
        }
    }
}

/// Learning.
impl Prober {
    /// Whether the key still is what was asked with: meanwhile it may have got another credential, or have gone.
    fn is_current(&self, live: &LiveKey) -> bool {
        let same = |other: &Arc<LiveKey>| other.key.id == live.key.id && other.key.fingerprint == live.key.fingerprint;
        self.catalog.load().keys().iter().any(same)
    }

    async fn told(&self, live: &Arc<LiveKey>, told: Told, sent: Instant) {
        let now = self.clock.now();
        let spent = self.books.spent(now).await;
        let booked = spent.map(|spent| spent.get(&live.key.id).copied().unwrap_or_default().cost);
        let kept = NewBalance {
            key: live.key.id,
            fingerprint: live.key.fingerprint.clone(),
            source: BalanceSource::Reported,
            reading: told.reading,
            booked: *booked.as_ref().unwrap_or(&NanoUsd::ZERO),
            raw: Some(told.raw),
        };
        // Without our own figure the row would be wrong for ever. The answer itself is good all the same.
        let kept_in_store = match booked {
            Ok(_) => self.store.put_balance(kept.clone(), now).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept_in_store {
            tracing::warn!(key = %live.key.id, %error, "a balance was not kept");
        }
        let known = StoredBalance { id: 0, create_time: now, update_time: now, balance: kept };
        let before = self.board.report(live, known.clone());
        let stopped = self.judge(live, &known.balance.reading, before.as_deref(), sent);
        self.board.plan(live, self.schedule.after_answer(stopped));
    }

    /// Stops a key that is down to its minimum, and lets one go on that is above again. Says whether it stopped.
    fn judge(&self, live: &LiveKey, reading: &Reading, before: Option<&StoredBalance>, sent: Instant) -> bool {
        let now = Instant::now().into_std();
        live.account.funds.set(left_by(live, reading));
        let minimum = self.minimum(live, reading);
        if let Some(minimum) = minimum.filter(|minimum| reading.is_down_to(*minimum)) {
            let wait = Some(self.schedule.stop());
            live.account.health.learn("", Lesson::NoCredit { wait, reason: down_to(reading, minimum) }, now);
            self.board.set_stopped(live, true);
            return true;
        }
        let was_stopped = self.board.set_stopped(live, false);
        // The upstream's own refusals are believed until there is more than before: limits of spending are no balance.
        if was_stopped || before.is_some_and(|before| rose(&before.balance.reading, reading)) {
            live.account.health.learn("", Lesson::Credit { sent: sent.into_std() }, now);
        }
        false
    }

    /// A balance that was known before the process began counts, and stops a key, as it did then.
    fn stop_again(&self, live: &LiveKey) {
        let Some(known) = self.board.reported(live) else { return };
        let age = self.clock.now().as_millis().saturating_sub(known.update_time.as_millis());
        let age = Duration::from_millis(u64::try_from(age).unwrap_or_default());
        let left = self.schedule.stop().saturating_sub(age);
        let reading = &known.balance.reading;
        live.account.funds.set(left_by(live, reading));
        let Some(minimum) = self.minimum(live, reading).filter(|minimum| reading.is_down_to(*minimum)) else { return };
        if !left.is_zero() {
            let lesson = Lesson::NoCredit { wait: Some(left), reason: down_to(reading, minimum) };
            live.account.health.learn("", lesson, Instant::now().into_std());
            self.board.set_stopped(live, true);
        }
    }

    fn refused(&self, live: &LiveKey, refusal: Refusal) {
        tracing::debug!(key = %live.key.id, kind = refusal.kind.as_str(), "no balance was told");
        let (kind, wait) = (refusal.kind, refusal.wait);
        let failures = self.board.trouble(live, Trouble { refusal, at: self.clock.now() });
        self.board.plan(live, self.schedule.after_refusal(kind, wait, failures));
    }
}

/// Whether there is more of the same money than before.
fn rose(before: &Reading, now: &Reading) -> bool {
    let comparable = now.kind == Kind::Balance && before.kind == now.kind && before.currency == now.currency;
    comparable && before.amount.zip(now.amount).is_some_and(|(before, now)| now > before)
}

fn down_to(reading: &Reading, minimum: Amount) -> String {
    let currency = reading.currency.as_deref().unwrap_or("units");
    match reading.amount {
        _ if reading.usable == Some(false) => "the upstream says that the key can not be used for want of money".into(),
        Some(amount) => format!("its balance is {} {currency}, the minimum {}", short(amount), short(minimum)),
        None => "its balance is down to the minimum".into(),
    }
}

fn short(amount: Amount) -> String {
    let text = amount.to_string();
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The schedule.
impl Prober {
    /// The keys whose time has come. Each is planned anew at once, so that it is taken once.
    fn due(&self, now: Instant) -> Vec<Arc<LiveKey>> {
        let catalog = self.catalog.load();
        let keys = || catalog.keys().iter().filter(|live| live.key.spec.enabled);
        self.board.keep(&catalog.keys().iter().map(|live| live.key.id).collect());
        keys().filter(|live| self.is_due(live, now)).cloned().collect()
    }

    fn is_due(&self, live: &LiveKey, now: Instant) -> bool {
        let first = || self.schedule.first(self.board.age(live, self.clock.now()));
        let soon = is_out_of_credit(live, now).then_some(SOON);
        // Last, and only for who is due: it costs most.
        self.board.is_due(live, now, first, soon) && !self.scheduled(live).is_empty()
    }

    fn sleep(&self, now: Instant) -> Instant {
        let next = self.board.next_due().unwrap_or(now + LONGEST_SLEEP);
        // Never without a pause, whatever is due.
        next.clamp(now + Duration::from_millis(50), now + LONGEST_SLEEP)
    }

    async fn refresh_scheduled(&self, live: &Arc<LiveKey>) {
        let came = Instant::now();
        let turn = self.board.turn(live);
        let _turn = turn.lock().await;
        if !self.board.asked_since(live, came) {
            self.ask_by(live, &self.scheduled(live)).await;
        }
    }
}

/// What a reading says is left, in dollars too where that can be told.
fn left_by(live: &LiveKey, reading: &Reading) -> Option<Left> {
    let (amount, unit) = (reading.amount?, reading.currency.as_deref());
    Some(Left { amount, unit: unit.map(Into::into), usd: in_dollars(&live.key, amount, unit) })
}

const USD: &str = "USD";

/// An amount in dollars: as it is, or at the rate that the key's operator gave.
fn in_dollars(key: &Key, amount: Amount, unit: Option<&str>) -> Option<Amount> {
    if unit == Some(USD) {
        return Some(amount);
    }
    key.spec.balance.usd_rate.and_then(|rate| Decimal::from(amount).amount(rate, Decimal::ONE))
}

fn is_out_of_credit(live: &LiveKey, now: Instant) -> bool {
    live.account.health.condition(now.into_std()).is_some_and(|condition| condition.state == KeyState::OutOfCredit)
}

impl Drop for Prober {
    fn drop(&mut self) {
        // Wakes the schedule, which finds nobody and ends.
        self.changed.notify_one();
    }
}

async fn watch(prober: std::sync::Weak<Prober>, changed: Arc<Notify>) {
    let mut questions = JoinSet::new();
    let mut wake = Instant::now();
    loop {
        let Some(owned) = prober.upgrade() else { return };
        let now = Instant::now();
        // A question that has ended moves the alarm, and is no reason to look at all keys.
        let due = if wake <= now { owned.due(now) } else { Vec::new() };
        for live in due {
            let asker = owned.clone();
            questions.spawn(async move { asker.refresh_scheduled(&live).await });
        }
        wake = owned.sleep(now);
        drop(owned);
        tokio::select! {
            () = tokio::time::sleep_until(wake) => {}
            () = changed.notified() => wake = Instant::now(),
            Some(_) = questions.join_next(), if !questions.is_empty() => {}
        }
    }
}
