//! A store in memory.
//!
//! For tests, and for programs that bring their keys with them and keep no books. It behaves as the stores on disk do,
//! as far as a process that never ends can tell.

mod alerts;
mod users;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    BalanceStore, BudgetStore, CallBodies, ConfigStore, Configuration, Entry, Extent, FailurePage, FailurePlace,
    Forgotten, GroupBy, HealthStore, HoldAnswer, NewBalance, Page, RecordFilter, RecordStore, RetentionStore,
    StoreError, StoreFuture, StoredBalance, StoredFailure, StoredHealthEvent, StoredHold, StoredRecord, TokenSecret,
    Totals, TotalsFilter, balances::surplus, fingerprint, rollup::Span, rows,
};
use crate::{
    budget::{Period, Tally},
    caller::{ClientToken, GroupSpec, TokenGroup, TokenSpec},
    classify::{OwnRule, RuleSpec},
    id::{CallId, GroupId, KeyId, RouteId, RuleId, TokenId},
    keys::{KeptHealth, Key, KeySpec, Report},
    price::PriceRow,
    provider::{OwnProvider, Provider},
    route::{Route, RouteSpec},
    time::Timestamp,
};

mod adjustments;
mod bodies;
mod budgets;
mod forgotten;
mod health;
mod prices;

use budgets::Budgets;
use forgotten::{Group, Sums};
use health::Healths;

/// Keeps everything until it is dropped.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use amp_pool_core::{keys::KeySpec, secret::Secret, store::{ConfigStore, memory::MemoryStore}, time::Timestamp};
///
/// let store = MemoryStore::new();
/// let spec = KeySpec::new("team A", "openai", Secret::new("sk-1"));
/// let key = store.insert_key(spec.clone(), Timestamp::from_millis(0)).await?;
///
/// assert_eq!(store.load().await?.keys[0].id, key.id);
/// assert!(store.insert_key(spec, Timestamp::from_millis(0)).await.is_err(), "the credential is there already");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryStore {
    fingerprints: [u8; 32],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_id: i64,
    keys: BTreeMap<KeyId, Key>,
    tokens: BTreeMap<TokenId, ClientToken>,
    groups: BTreeMap<GroupId, TokenGroup>,
    routes: BTreeMap<RouteId, Route>,
    rules: BTreeMap<RuleId, OwnRule>,
    /// In the order in which they were made.
    providers: Vec<OwnProvider>,
    settings: BTreeMap<String, String>,
    /// In the order they were written.
    prices: Vec<PriceRow>,
    records: BTreeMap<i64, StoredRecord>,
    rows_of_calls: HashMap<CallId, i64>,
    forgotten: Sums,
    forgotten_before: Option<Timestamp>,
    budgets: Budgets,
    bodies: BTreeMap<CallId, CallBodies>,
    /// In the order they were kept.
    balances: Vec<StoredBalance>,
    people: users::People,
    alerts: alerts::Alerts,
    healths: Healths,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        let mut fingerprints = [0; 32];
        // Without random bytes the fingerprints still tell keys apart; they live no longer than the keys beside them.
        let _ = getrandom::fill(&mut fingerprints);
        Self { fingerprints, state: Mutex::default() }
    }

    /// Runs `work` on the state. It either changes all it is to change or nothing, so a poisoned lock means no harm.
    fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut State) -> Result<T, StoreError>) -> StoreFuture<'_, T> {
        let result = work(&mut self.lock());
        Box::pin(std::future::ready(result))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConfigStore for MemoryStore {
    fn load(&self) -> StoreFuture<'_, Configuration> {
        self.run(|state| Ok(state.configuration()))
    }

    fn insert_key(&self, spec: KeySpec, now: Timestamp) -> StoreFuture<'_, Key> {
        let fingerprint = fingerprint::of_spec(&self.fingerprints, &spec);
        self.run(|state| {
            let id = KeyId(state.next_id());
            state.put_key(Key { id, create_time: now, update_time: now, fingerprint, spec })
        })
    }

    fn update_key(&self, id: KeyId, spec: KeySpec, now: Timestamp) -> StoreFuture<'_, Key> {
        let fingerprint = fingerprint::of_spec(&self.fingerprints, &spec);
        self.run(|state| {
            let create_time = state.keys.get(&id).ok_or(StoreError::NotFound)?.create_time;
            state.put_key(Key { id, create_time, update_time: now, fingerprint, spec })
        })
    }

    fn delete_key(&self, id: KeyId) -> StoreFuture<'_, ()> {
        self.run(|state| {
            found(state.keys.remove(&id))?;
            state.balances.retain(|row| row.balance.key != id);
            state.healths.forget(id);
            Ok(())
        })
    }

    fn insert_token(&self, spec: TokenSpec, secret: TokenSecret, now: Timestamp) -> StoreFuture<'_, ClientToken> {
        self.run(|state| {
            let TokenSecret { digest, hint } = secret;
            let id = TokenId(state.next_id());
            state.put_token(ClientToken { id, create_time: now, update_time: now, digest, hint, spec })
        })
    }

    fn update_token(&self, id: TokenId, spec: TokenSpec, now: Timestamp) -> StoreFuture<'_, ClientToken> {
        self.run(|state| {
            let token = state.tokens.get(&id).ok_or(StoreError::NotFound)?.clone();
            state.put_token(ClientToken { update_time: now, spec, ..token })
        })
    }

    fn rotate_token(&self, id: TokenId, secret: TokenSecret, now: Timestamp) -> StoreFuture<'_, ClientToken> {
        self.run(|state| {
            let TokenSecret { digest, hint } = secret;
            let token = state.tokens.get(&id).ok_or(StoreError::NotFound)?.clone();
            state.put_token(ClientToken { update_time: now, digest, hint, ..token })
        })
    }

    fn delete_token(&self, id: TokenId) -> StoreFuture<'_, ()> {
        self.run(|state| found(state.tokens.remove(&id)))
    }

    fn insert_group(&self, spec: GroupSpec, now: Timestamp) -> StoreFuture<'_, TokenGroup> {
        self.run(|state| {
            let id = GroupId(state.next_id());
            state.put_group(TokenGroup { id, create_time: now, update_time: now, spec })
        })
    }

    fn update_group(&self, id: GroupId, spec: GroupSpec, now: Timestamp) -> StoreFuture<'_, TokenGroup> {
        self.run(|state| {
            let create_time = state.groups.get(&id).ok_or(StoreError::NotFound)?.create_time;
            state.put_group(TokenGroup { id, create_time, update_time: now, spec })
        })
    }

    fn delete_group(&self, id: GroupId) -> StoreFuture<'_, ()> {
        self.run(|state| {
            let is_used = state.tokens.values().any(|token| token.spec.group == Some(id));
            free(is_used, "a client token of this group")?;
            found(state.groups.remove(&id))
        })
    }

    fn insert_route(&self, spec: RouteSpec, now: Timestamp) -> StoreFuture<'_, Route> {
        self.run(|state| {
            let id = RouteId(state.next_id());
            state.put_route(Route { id, create_time: now, update_time: now, spec })
        })
    }

    fn update_route(&self, id: RouteId, spec: RouteSpec, now: Timestamp) -> StoreFuture<'_, Route> {
        self.run(|state| {
            let create_time = state.routes.get(&id).ok_or(StoreError::NotFound)?.create_time;
            state.put_route(Route { id, create_time, update_time: now, spec })
        })
    }

    fn delete_route(&self, id: RouteId) -> StoreFuture<'_, ()> {
        self.run(|state| found(state.routes.remove(&id)))
    }

    fn insert_rule(&self, spec: RuleSpec, now: Timestamp) -> StoreFuture<'_, OwnRule> {
        self.run(|state| {
            let id = RuleId(state.next_id());
            let rule = OwnRule { id, create_time: now, update_time: now, spec };
            state.rules.insert(id, rule.clone());
            Ok(rule)
        })
    }

    fn update_rule(&self, id: RuleId, spec: RuleSpec, now: Timestamp) -> StoreFuture<'_, OwnRule> {
        self.run(|state| {
            let rule = state.rules.get_mut(&id).ok_or(StoreError::NotFound)?;
            (rule.update_time, rule.spec) = (now, spec);
            Ok(rule.clone())
        })
    }

    fn delete_rule(&self, id: RuleId) -> StoreFuture<'_, ()> {
        self.run(|state| found(state.rules.remove(&id)))
    }

    fn insert_provider(&self, provider: Provider, now: Timestamp) -> StoreFuture<'_, OwnProvider> {
        self.run(|state| {
            let taken = state.providers.iter().any(|known| known.provider.id == provider.id);
            free(taken, &format!("a provider `{}`", provider.id))?;
            let made = OwnProvider { create_time: now, update_time: now, provider };
            state.providers.push(made.clone());
            Ok(made)
        })
    }

    fn update_provider(&self, provider: Provider, now: Timestamp) -> StoreFuture<'_, OwnProvider> {
        self.run(|state| {
            let known = state.providers.iter_mut().find(|known| known.provider.id == provider.id);
            let known = known.ok_or(StoreError::NotFound)?;
            (known.update_time, known.provider) = (now, provider);
            Ok(known.clone())
        })
    }

    fn delete_provider(&self, id: String) -> StoreFuture<'_, ()> {
        self.run(|state| {
            let is_used = state.keys.values().any(|key| key.spec.provider == id);
            free(is_used, "a key of this provider")?;
            let place = state.providers.iter().position(|known| known.provider.id == id);
            place.map(|at| drop(state.providers.remove(at))).ok_or(StoreError::NotFound)
        })
    }

    fn put_setting(&self, name: String, value: Option<String>, _now: Timestamp) -> StoreFuture<'_, ()> {
        self.run(|state| {
            match value {
                Some(value) => state.settings.insert(name, value),
                None => state.settings.remove(&name),
            };
            Ok(())
        })
    }
}

impl BudgetStore for MemoryStore {
    fn tallies(&self, periods: Vec<Period>) -> StoreFuture<'_, Vec<Tally>> {
        self.run(|state| Ok(periods.iter().map(|period| state.budgets.tally(period)).collect()))
    }

    fn holds(&self, call: CallId) -> StoreFuture<'_, Vec<StoredHold>> {
        self.run(|state| Ok(state.budgets.holds(call)))
    }
}

impl BalanceStore for MemoryStore {
    fn put_balance(&self, balance: NewBalance, now: Timestamp) -> StoreFuture<'_, ()> {
        self.run(|state| {
            state.put_balance(balance, now);
            Ok(())
        })
    }

    fn latest_balances(&self) -> StoreFuture<'_, Vec<StoredBalance>> {
        self.run(|state| {
            let named = |row: &StoredBalance| ((row.balance.key, row.balance.source.as_str()), row.clone());
            let latest: BTreeMap<_, _> = state.balances.iter().map(named).collect();
            Ok(latest.into_values().collect())
        })
    }

    fn balances(&self, key: KeyId, from: Timestamp, to: Timestamp) -> StoreFuture<'_, Vec<StoredBalance>> {
        self.run(|state| {
            let fits = |row: &&StoredBalance| row.balance.key == key && row.update_time >= from && row.create_time < to;
            Ok(state.balances.iter().filter(fits).cloned().collect())
        })
    }
}

impl HealthStore for MemoryStore {
    fn put_health(&self, reports: Arc<[Report]>, now: Timestamp) -> StoreFuture<'_, ()> {
        self.run(|state| {
            reports.iter().for_each(|report| state.healths.put(report, now));
            Ok(())
        })
    }

    fn health(&self, now: Timestamp) -> StoreFuture<'_, Vec<KeptHealth>> {
        self.run(|state| Ok(state.healths.troubles(now)))
    }

    fn health_events(&self, subjects: Vec<Arc<str>>, page: Page) -> StoreFuture<'_, Vec<StoredHealthEvent>> {
        self.run(|state| Ok(state.healths.events(&subjects, page)))
    }
}

impl RecordStore for MemoryStore {
    fn commit(&self, batch: Arc<[Entry]>) -> StoreFuture<'_, Vec<HoldAnswer>> {
        self.run(|state| Ok(batch.iter().filter_map(|entry| state.write(entry)).collect()))
    }

    fn recover(&self, now: Timestamp) -> StoreFuture<'_, u64> {
        self.run(|state| {
            state.budgets.recover(now);
            let open = state.records.values_mut().filter(|row| row.outcome.is_none());
            Ok(open.map(|row| rows::interrupt(row, now)).fold(0, |count, ()| count + 1))
        })
    }

    fn list(&self, filter: RecordFilter, page: Page) -> StoreFuture<'_, Vec<StoredRecord>> {
        self.run(|state| {
            let rows = state.records.values().rev();
            let rows = rows.filter(|row| page.before.is_none_or(|id| row.id < id)).filter(|row| fits(row, &filter));
            let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
            Ok(rows
                .take(limit)
                .map(|row| StoredRecord {
                    attempts: Vec::new(),
                    choices: Vec::new(),
                    losses: Vec::new(),
                    ..row.clone()
                })
                .collect())
        })
    }

    fn failures(&self, page: FailurePage) -> StoreFuture<'_, Vec<StoredFailure>> {
        self.run(|state| {
            let in_time = |row: &&StoredRecord| {
                page.from.is_none_or(|from| from <= row.create_time) && page.to.is_none_or(|to| row.create_time < to)
            };
            let failures = state.records.values().rev().filter(in_time).flat_map(failures);
            let failures = failures.filter(|failure| page.before.is_none_or(|before| failure.place < before));
            Ok(failures.take(usize::try_from(page.limit).unwrap_or(usize::MAX)).collect())
        })
    }

    fn get(&self, call: CallId) -> StoreFuture<'_, Option<StoredRecord>> {
        self.run(|state| Ok(state.row_of(call).and_then(|id| state.records.get(&id)).cloned()))
    }

    fn totals(&self, filter: TotalsFilter, by: GroupBy) -> StoreFuture<'_, Vec<Totals>> {
        self.run(|state| {
            let span = if by == GroupBy::Day { Span::Day } else { Span::Hour };
            Ok(state.sum(&filter, span, by))
        })
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl RetentionStore for MemoryStore {
    fn forget(&self, before: Timestamp, most: u32, _now: Timestamp) -> StoreFuture<'_, Forgotten> {
        self.run(|state| Ok(state.forget(before, usize::try_from(most).unwrap_or(usize::MAX))))
    }

    /// Sums are made anew for each question.
    fn sum_up(&self, _now: Timestamp) -> StoreFuture<'_, bool> {
        Box::pin(std::future::ready(Ok(false)))
    }

    fn extent(&self) -> StoreFuture<'_, Extent> {
        self.run(|state| {
            let settled = state.records.values().filter(|row| row.outcome.is_some());
            let oldest = settled.map(|row| row.create_time).min();
            Ok(Extent { bytes: None, oldest, forgotten_before: state.forgotten_before })
        })
    }
}

impl State {
    /// Ids count on over all tables and are never given twice, whatever was removed.
    fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    fn configuration(&self) -> Configuration {
        Configuration {
            keys: self.keys.values().cloned().collect(),
            tokens: self.tokens.values().cloned().collect(),
            groups: self.groups.values().cloned().collect(),
            routes: self.routes.values().cloned().collect(),
            rules: self.rules.values().cloned().collect(),
            providers: self.providers.clone(),
            settings: self.settings.clone(),
        }
    }

    fn sum(&self, filter: &TotalsFilter, span: Span, by: GroupBy) -> Vec<Totals> {
        let mut kept = Sums::default();
        let settled = self.records.values().filter(|row| row.outcome.is_some());
        settled.filter(|row| forgotten::is_counted(*row, filter, span)).for_each(|row| kept.add(row));
        let mut groups = BTreeMap::<Value<'_>, Totals>::new();
        if by == GroupBy::Nothing {
            groups.insert(Value::None, Totals::default());
        }
        for (group, sums) in kept.counted(filter, span).chain(self.forgotten.counted(filter, span)) {
            groups.entry(value(group, by)).or_default().merge(sums);
        }
        groups.into_iter().map(|(value, sums)| Totals { group: value.to_string(), ..sums }).collect()
    }

    /// Removes calls and keeps their sums.
    fn forget(&mut self, before: Timestamp, most: usize) -> Forgotten {
        let old = self.records.values().filter(|row| row.outcome.is_some() && row.create_time < before);
        let mut old: Vec<_> = old.map(|row| (row.call, row.id)).collect();
        old.sort_unstable();
        let more = old.len() >= most;
        old.truncate(most);
        for (call, id) in &old {
            self.rows_of_calls.remove(call);
            self.budgets.forget(*call);
            self.bodies.remove(call);
            self.records.remove(id).iter().for_each(|row| self.forgotten.add(row));
        }
        if !old.is_empty() {
            self.forgotten_before = self.forgotten_before.max(Some(before));
        }
        Forgotten { calls: old.len() as u64, more }
    }

    fn put_key(&mut self, key: Key) -> Result<Key, StoreError> {
        let taken = self.keys.values().any(|other| other.id != key.id && other.fingerprint == key.fingerprint);
        free(taken, "a key with this credential")?;
        self.keys.insert(key.id, key.clone());
        Ok(key)
    }

    fn put_token(&mut self, token: ClientToken) -> Result<ClientToken, StoreError> {
        let taken = self.tokens.values().any(|other| other.id != token.id && other.digest == token.digest);
        free(taken, "this client token")?;
        self.tokens.insert(token.id, token.clone());
        Ok(token)
    }

    fn put_group(&mut self, group: TokenGroup) -> Result<TokenGroup, StoreError> {
        let taken = self.groups.values().any(|other| other.id != group.id && other.spec.name == group.spec.name);
        free(taken, "a group of this name")?;
        self.groups.insert(group.id, group.clone());
        Ok(group)
    }

    fn put_route(&mut self, route: Route) -> Result<Route, StoreError> {
        let taken = self.routes.values().any(|other| other.id != route.id && other.spec.model == route.spec.model);
        free(taken, "a route for this model")?;
        self.routes.insert(route.id, route.clone());
        Ok(route)
    }

    fn put_balance(&mut self, balance: NewBalance, now: Timestamp) {
        let id = self.next_id();
        let of_these = |row: &StoredBalance| (row.balance.key, row.balance.source) == (balance.key, balance.source);
        if let Some(newest) = self.balances.iter_mut().rfind(|row| of_these(row)) {
            if newest.is_continued_by(&balance) {
                (newest.update_time, newest.balance) = (now, balance);
                return;
            }
            newest.balance.raw = None;
        }
        let times = self.balances.iter().rev().filter(|row| of_these(row)).map(|row| (row.id, row.update_time));
        let times: Vec<_> = [(id, now)].into_iter().chain(times).collect();
        let gone = surplus(&times, now);
        self.balances.retain(|row| !gone.contains(&row.id));
        self.balances.push(StoredBalance { id, create_time: now, update_time: now, balance });
    }

    fn row_of(&self, call: CallId) -> Option<i64> {
        self.rows_of_calls.get(&call).copied()
    }

    fn write(&mut self, entry: &Entry) -> Option<HoldAnswer> {
        match entry {
            Entry::Held(hold) => return Some(self.budgets.hold(hold, self.is_open(hold.call))),
            Entry::Opened(call) if self.row_of(call.call).is_none() => {
                self.put_record(rows::opened(call).kept(Vec::new()));
            }
            Entry::Settled(record) if self.is_open(record.opened.call) => {
                let attempts = record.attempts.iter().map(rows::attempt).collect();
                let (choices, losses) = (record.choices.clone(), record.losses.clone());
                self.budgets.settle(record);
                self.put_record(StoredRecord { choices, losses, ..rows::settled(record).kept(attempts) });
            }
            Entry::Opened(_) | Entry::Settled(_) => {}
        }
        None
    }

    /// Whether a call may still be settled.
    fn is_open(&self, call: CallId) -> bool {
        self.row_of(call).and_then(|id| self.records.get(&id)).is_none_or(|row| row.outcome.is_none())
    }

    fn put_record(&mut self, row: StoredRecord) {
        let id = self.row_of(row.call).unwrap_or_else(|| self.next_id());
        self.rows_of_calls.insert(row.call, id);
        self.records.insert(id, StoredRecord { id, ..row });
    }
}

/// The failures of a call, the last first.
fn failures(row: &StoredRecord) -> impl Iterator<Item = StoredFailure> + '_ {
    row.attempts.iter().enumerate().rev().filter_map(|(n, attempt)| {
        let place = FailurePlace { request: row.id, n: u32::try_from(n).unwrap_or(u32::MAX) };
        let evidence = attempt.evidence.as_deref()?.clone();
        Some(StoredFailure { place, call: row.call, attempt: attempt.clone(), evidence })
    })
}

fn found<T>(removed: Option<T>) -> Result<(), StoreError> {
    removed.map(drop).ok_or(StoreError::NotFound)
}

fn free(taken: bool, what: &str) -> Result<(), StoreError> {
    if taken { Err(StoreError::Conflict { what: what.to_owned() }) } else { Ok(()) }
}

fn fits(row: &StoredRecord, filter: &RecordFilter) -> bool {
    filter.from.is_none_or(|from| from <= row.create_time)
        && filter.to.is_none_or(|to| row.create_time < to)
        && (filter.key.is_none() || filter.key == row.key)
        && (filter.token.is_none() || filter.token == row.token)
        && filter.model.as_ref().is_none_or(|model| *model == row.model)
        && filter.status.as_ref().is_none_or(|status| status == row.status())
        && (filter.error_type.is_none() || filter.error_type == row.error_type)
}

/// What sums are ordered by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Value<'a> {
    None,
    Number(i64),
    Name(&'a str),
}

fn value(group: &Group, by: GroupBy) -> Value<'_> {
    match by {
        GroupBy::Nothing => Value::None,
        GroupBy::Key => group.key.map_or(Value::None, |key| Value::Number(key.0)),
        GroupBy::Token => group.token.map_or(Value::None, |token| Value::Number(token.0)),
        GroupBy::Model => Value::Name(&group.model),
        GroupBy::Provider => Value::Name(group.provider.as_deref().unwrap_or_default()),
        GroupBy::Hour => Value::Number(group.hour.as_millis()),
        GroupBy::Day => Value::Number(group.hour.day().as_millis()),
    }
}

impl std::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}
