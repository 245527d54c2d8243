//! What is known of keys and of what they share, for as long as the process runs.
//!
//! A configuration is made anew with each change; this outlives it. A key's fitness belongs to its credential, limits and
//! money to its account, and a line (upstream and proxy) to all keys that take it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{
    Funds, Health, Key, Line, Purse, Rooms,
    health::{Bell, KeptHealth, Memory, Moment, Subject},
};
use crate::id::KeyId;

/// What is known of a key and what it shares with others.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Fitness of the key itself.
    pub health: Arc<Health>,
    /// Its account.
    pub account: Account,
    /// Fitness of the way to its upstream.
    pub link: Arc<Line>,
    /// What is spent of its budget.
    pub purse: Arc<Purse>,
}

impl Standing {
    /// That of a key of which nothing is known and which shares nothing.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            health: Arc::default(),
            account: Account::new(Arc::default(), now),
            link: Arc::new(Line::new(now)),
            purse: Arc::default(),
        }
    }
}

/// What is known of an upstream account: the keys of one account share its limits and its money.
///
/// ```
/// use std::{sync::Arc, time::Instant};
///
/// use amp_pool_core::{
///     id::KeyId,
///     keys::{Account, Key, KeySpec, Standings},
///     secret::Secret,
///     time::Timestamp,
/// };
///
/// let at = Timestamp::from_millis(0);
/// let key = |id: i64, account: &str| {
///     let mut spec = KeySpec::new(format!("key {id}"), "openai", Secret::new(format!("sk-{id}")));
///     spec.account = Some(account.into());
///     Key { id: KeyId(id), create_time: at, update_time: at, fingerprint: id.to_string(), spec }
/// };
/// // Two keys of one account share its limits and its money; a refusal of one keeps calls away from both.
/// let (standings, now) = (Standings::default(), Instant::now());
/// let [first, second, other]: [Account; 3] =
///     [key(1, "org"), key(2, "org"), key(3, "else")].map(|key| standings.of(&key, now).account);
/// assert!(Arc::ptr_eq(&first.rooms, &second.rooms) && Arc::ptr_eq(&first.health, &second.health));
/// assert!(!Arc::ptr_eq(&first.funds, &other.funds));
/// ```
#[derive(Debug, Clone)]
pub struct Account {
    /// Its fitness: limits reached, money gone.
    pub health: Arc<Health>,
    /// How much more it takes.
    pub rooms: Arc<Rooms>,
    /// How much money it has left.
    pub funds: Arc<Funds>,
}

impl Account {
    fn new(health: Arc<Health>, now: Instant) -> Self {
        Self { health, rooms: Arc::new(Rooms::new(now)), funds: Arc::default() }
    }
}

/// What is known of all keys.
///
/// Learned limits are not among what outlives the process: they are of the last minutes, and are learned anew from the
/// headers of the first answers or from one refusal that another key absorbs. A limit of yesterday would keep calls away
/// from a key that could take them.
#[derive(Default)]
pub struct Standings {
    known: Mutex<Known>,
    /// Who is told of changes, if anyone.
    bell: Option<Arc<dyn Bell>>,
}

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<(KeyId, String), Arc<Health>>,
    accounts: HashMap<Upstream<Owner>, Account>,
    lines: HashMap<Upstream<Option<Box<str>>>, Arc<Line>>,
    purses: HashMap<KeyId, Arc<Purse>>,
    /// What was remembered from before, by the name of whom it is of, until somebody asks for that.
    before: HashMap<Arc<str>, Memory>,
}

/// Something at a provider, and at its own base URL if it has one.
type Upstream<T> = (String, Option<String>, T);

/// Whose an account is: that of a name, or that of one credential alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Owner {
    Named(String),
    Key(KeyId, String),
}

impl Standings {
    /// What is known goes on from what was `kept`, and `bell` is rung where fitness changes.
    #[must_use]
    pub fn going_on(kept: Vec<KeptHealth>, moment: Moment, bell: Arc<dyn Bell>) -> Self {
        let before = kept.into_iter().map(|kept| (kept.subject.name.clone(), kept.restored(moment))).collect();
        Self { known: Mutex::new(Known { before, ..Known::default() }), bell: Some(bell) }
    }

    /// That of `key`.
    #[must_use]
    pub fn of(&self, key: &Key, now: Instant) -> Standing {
        let spec = &key.spec;
        let own = || (key.id, key.fingerprint.clone());
        let owner = spec.account.clone().map_or_else(|| Owner::Key(key.id, key.fingerprint.clone()), Owner::Named);
        let proxy = spec.egress.proxy.as_ref().map(|proxy| proxy.expose().into());
        let at = |what| (spec.provider.clone(), spec.base_url.clone(), what);
        let line = (spec.provider.clone(), spec.base_url.clone(), proxy);
        let mut known = self.known();
        let Known { keys, accounts, lines, purses, before } = &mut *known;
        let mut health = |subject: Subject| match &self.bell {
            Some(bell) => {
                Health::watched(subject.clone(), before.remove(&subject.name).unwrap_or_default(), bell.clone())
            }
            None => Arc::default(),
        };
        Standing {
            health: keys.entry(own()).or_insert_with(|| health(Subject::key(key))).clone(),
            account: accounts
                .entry(at(owner))
                .or_insert_with(|| Account::new(health(Subject::account(key)), now))
                .clone(),
            link: lines.entry(line).or_insert_with(|| Arc::new(Line::new(now))).clone(),
            purse: purses.entry(key.id).or_default().clone(),
        }
    }

    /// Goes by what is kept of all of them by now, by whichever process.
    pub fn heed(&self, kept: Vec<KeptHealth>, moment: Moment) {
        let mut heard: HashMap<_, _> = kept.into_iter().map(|kept| (kept.subject.name.clone(), kept)).collect();
        let mut known = self.known();
        let Known { keys, accounts, before, .. } = &mut *known;
        for health in keys.values().chain(accounts.values().map(|account| &account.health)) {
            let Some(subject) = health.subject() else { continue };
            health.heed(heard.remove(&subject.name), moment);
        }
        // Whom nobody has asked for yet goes on from this.
        *before = heard.into_iter().map(|(name, kept)| (name, kept.restored(moment))).collect();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        keys::{KeySpec, Lesson},
        secret::Secret,
        time::Timestamp,
    };

    fn key(id: i64, account: Option<&str>) -> Key {
        let now = Timestamp::from_millis(0);
        let spec = KeySpec { account: account.map(str::to_owned), ..KeySpec::new("k", "openai", Secret::new("sk")) };
        Key { id: KeyId(id), create_time: now, update_time: now, fingerprint: "f".into(), spec }
    }

    #[test]
    fn keys_of_one_account_share_limits_and_keys_of_one_line_its_trouble() {
        let (standings, now) = (Standings::default(), Instant::now());
        let [a, b, alone] = [key(1, Some("org")), key(2, Some("org")), key(3, None)].map(|k| standings.of(&k, now));

        assert!(Arc::ptr_eq(&a.account.rooms, &b.account.rooms));
        assert!(!Arc::ptr_eq(&a.account.rooms, &alone.account.rooms));
        assert!(!Arc::ptr_eq(&a.health, &b.health));
        assert!(Arc::ptr_eq(&a.link, &alone.link));
        assert!(Arc::ptr_eq(&standings.of(&key(1, Some("org")), now).health, &a.health));
    }

    struct Deaf;

    impl Bell for Deaf {
        fn ring(&self, _: Arc<Health>) {}
    }

    #[test]
    fn what_others_report_counts_here_until_they_take_it_back_or_it_is_seen_to_be_over() {
        let now = Instant::now();
        let moment = |later: u64| {
            let wall = Timestamp::from_millis(i64::try_from(1_000 * later).unwrap());
            Moment { now: now + Duration::from_secs(later), wall }
        };
        let node = || Standings::going_on(Vec::new(), moment(0), Arc::new(Deaf));
        let (a, b) = (node(), node());
        let (there, here) = (a.of(&key(1, None), now), b.of(&key(1, None), now));
        let kept = |later| {
            let report = there.health.report(moment(later)).unwrap();
            vec![KeptHealth { subject: report.subject, at: moment(later).wall, troubles: report.troubles }]
        };
        let state = |later| here.health.hindrance("m", moment(later).now).map(|condition| condition.until - now);
        let rest = |seconds| Lesson::Rest { wait: Some(Duration::from_secs(seconds)), reason: "limited".into() };

        there.health.learn("m", rest(30), now);
        let report = kept(5);
        b.heed(report.clone(), moment(6));
        assert_eq!(state(6), Some(Duration::from_secs(30)), "the end is the same");
        b.heed(Vec::new(), moment(7));
        assert_eq!(state(7), None, "it was taken back");

        here.health.learn("m", rest(60), now);
        b.heed(report.clone(), moment(8));
        b.heed(Vec::new(), moment(9));
        assert_eq!(state(9), Some(Duration::from_secs(60)), "what it has learned itself stays, and a later end holds");
        here.health.learn("m", Lesson::Fit { sent: moment(9).now }, moment(10).now);
        b.heed(report, moment(11));
        assert_eq!(state(11), None, "it has seen that end");
        there.health.learn("m", rest(90), moment(12).now);
        b.heed(kept(12), moment(12));
        assert_eq!(state(12), Some(Duration::from_secs(102)), "a new trouble");
        assert!(
            here.health.report(moment(12)).unwrap().events.iter().all(|event| event.until != Some(moment(102).wall))
        );

        let later = b.of(&key(2, None), now);
        assert_eq!(later.health.condition(now), None);
        there.health.learn("m", rest(90), moment(12).now);
        let mut unknown = kept(12);
        unknown[0].subject = Subject::key(&key(3, None));
        b.heed(unknown, moment(12));
        assert!(
            b.of(&key(3, None), moment(12).now).health.condition(moment(12).now).is_some(),
            "a key that comes later"
        );
    }

    #[test]
    fn what_was_kept_of_an_account_holds_for_each_of_its_keys_and_for_no_other_credential() {
        let now = Instant::now();
        let moment = Moment { now, wall: Timestamp::from_millis(0) };
        let standings = Standings::going_on(Vec::new(), moment, Arc::new(Deaf));
        let rest = |reason: &str| Lesson::Rest { wait: Some(Duration::from_secs(30)), reason: reason.into() };
        let (grouped, alone) = (standings.of(&key(1, Some("org")), now), standings.of(&key(3, None), now));
        grouped.account.health.learn("", rest("limited"), now);
        alone.health.learn("", rest("refused"), now);
        let keep = |health: &Health| {
            let report = health.report(moment).unwrap();
            KeptHealth { subject: report.subject, at: moment.wall, troubles: report.troubles }
        };

        let kept = vec![keep(&grouped.account.health), keep(&alone.health)];
        let after = Standings::going_on(kept, moment, Arc::new(Deaf));
        let of = |key: Key| after.of(&key, now);
        assert_eq!(of(key(2, Some("org"))).account.health.condition(now).unwrap().reason, "limited");
        assert_eq!(of(key(2, Some("org"))).health.condition(now), None);
        assert_eq!(of(Key { fingerprint: "g".into(), ..key(3, None) }).health.condition(now), None);
        assert_eq!(of(key(3, None)).health.condition(now).unwrap().reason, "refused");
    }
}
