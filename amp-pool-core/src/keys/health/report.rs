//! What of a key's fitness outlives the process, and how it is told.
//!
//! Whoever changes a [`Health`] that is watched rings a bell, once until somebody comes for the [`Report`]. Ends are told as
//! what is left of them: the clock on the wall may be set while nobody runs.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use super::{
    Condition, Health, KeyState, MODELS_KEPT, Memory,
    trouble::{Trial, Trouble},
};
use crate::{id::KeyId, keys::Key, time::Timestamp};

/// How many events wait to be told. Of more, the oldest are left out.
const MOST_NEWS: usize = 32;
/// An event that comes so soon after one like it is the same one, going on.
pub(crate) const SAME_WITHIN: Duration = Duration::from_secs(10 * 60);

/// Whose fitness it is, by a name that outlives the process.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// The key it belongs to, and goes with. `None`: an account of several.
    pub key: Option<KeyId>,
    /// Its name. Another credential makes another one.
    pub name: Arc<str>,
}

impl Subject {
    /// The key itself.
    #[must_use]
    pub fn key(key: &Key) -> Self {
        Self { key: Some(key.id), name: format!("key:{}:{}", key.id, key.fingerprint).into() }
    }

    /// The account that the key belongs to: one that was named, or its own.
    #[must_use]
    pub fn account(key: &Key) -> Self {
        let spec = &key.spec;
        match &spec.account {
            None => Self { key: Some(key.id), name: format!("own:{}:{}", key.id, key.fingerprint).into() },
            Some(account) => {
                let parts = serde_json::json!([spec.provider, spec.base_url, account]);
                Self { key: None, name: format!("account:{parts}").into() }
            }
        }
    }
}

/// What is to be kept of somebody's fitness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose it is.
    pub subject: Subject,
    /// All that troubles it, in place of what was kept before.
    pub troubles: Vec<KeptTrouble>,
    /// What has happened since the last report, oldest first.
    pub events: Vec<HealthEvent>,
}

/// A trouble as it is kept.
///
/// ```
/// use std::{
///     sync::Arc,
///     time::{Duration, Instant},
/// };
///
/// use amp_pool_core::{
///     id::KeyId,
///     keys::{Bell, Health, Key, KeySpec, KeptHealth, KeptTrouble, KeyState, Lesson, Moment, Standings},
///     secret::Secret,
///     time::Timestamp,
/// };
///
/// /// A host would write news down.
/// struct Silent;
/// impl Bell for Silent {
///     fn ring(&self, _: Arc<Health>) {}
/// }
///
/// let (now, wall) = (Instant::now(), Timestamp::from_millis(0));
/// let moment = Moment { now, wall };
/// let spec = KeySpec::new("mine", "openai", Secret::new("sk-a"));
/// let key = Key { id: KeyId(1), create_time: wall, update_time: wall, fingerprint: "1".into(), spec };
///
/// let health = Standings::going_on(Vec::new(), moment, Arc::new(Silent)).of(&key, now).health;
/// let wait = Some(Duration::from_secs(3600));
/// health.learn("gpt-4o", Lesson::Blocked { wait, reason: "suspended".into() }, now);
/// let report = health.report(moment).ok_or("it is one that is kept")?;
/// let KeptTrouble { state, reason, left, .. } = &report.troubles[0];
/// assert_eq!((*state, reason.as_str()), (KeyState::Disabled, "suspended"));
/// assert!(*left <= Duration::from_secs(3600));
///
/// // A process that begins ten minutes later knows of it.
/// let later = Moment { now, wall: wall.plus_millis(600_000) };
/// let kept = KeptHealth { subject: report.subject, troubles: report.troubles, at: wall };
/// let health = Standings::going_on(vec![kept], later, Arc::new(Silent)).of(&key, now).health;
/// assert!(health.condition(now).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTrouble {
    /// The model. `None`: all of them.
    pub model: Option<String>,
    /// The state; never `ready` or `probing`.
    pub state: KeyState,
    /// When it began.
    pub since: Timestamp,
    /// How long it was to last from the time of the report on.
    pub left: Duration,
    /// Why, in words.
    pub reason: String,
    /// How many failures there were in a row.
    pub failures: u32,
    /// Whether the credential was refused before.
    pub refused: bool,
    /// Whether behind its end one call is to find out.
    pub on_trial: bool,
}

/// A change of somebody's fitness.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     caller::TokenSpec,
///     keys::{HealthEvent, KeySpec, KeyState},
///     secret::Secret,
///     store::{Page, StoredHealthEvent},
///     testkit::{Reply, Script},
/// };
/// # use bytes::Bytes;
/// # use http_body_util::{BodyExt as _, Full};
/// # use tower::ServiceExt as _;
///
/// let upstream = Script::new().on("sk-a", Reply::error(429, "insufficient_quota", "insufficient_quota", "no money left"));
/// let pool = Pool::builder().transport(upstream).build().await?;
/// let key = pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?.key.id;
/// # let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;
/// # let request = http::Request::post("/v1/chat/completions")
/// #     .header("authorization", format!("Bearer {}", token.expose()))
/// #     .body(Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[]}"#)))?;
/// # let Ok(answer) = pool.clone().oneshot(request).await;
/// # answer.into_body().collect().await.map_err(|error| error.to_string())?;
/// # pool.handle().close().await;
///
/// // After a call that the upstream refused for want of money, in the history of the key's account:
/// let history: Vec<StoredHealthEvent> = pool.handle().health_history(key, Page { before: None, limit: 10 }).await?;
/// let HealthEvent { state, times, .. } = history[0].event;
/// assert_eq!((state, times), (KeyState::OutOfCredit, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthEvent {
    /// The model. `None`: all of them.
    pub model: Option<String>,
    /// The state that began.
    pub state: KeyState,
    /// When it began.
    pub at: Timestamp,
    /// When it happened last, where it happened several times.
    pub last: Timestamp,
    /// When it was to end. `None`: it has no end.
    pub until: Option<Timestamp>,
    /// Why, in words.
    pub reason: String,
    /// How often it happened.
    pub times: u32,
}

impl HealthEvent {
    /// Whether `next` is the same, going on, so that it needs no place of its own in a history: it came before this had
    /// ended, or soon after it happened last.
    #[must_use]
    pub fn is_continued_by(&self, next: &Self) -> bool {
        let gap = next.at.as_millis().saturating_sub(self.last.as_millis());
        let is_soon = u128::try_from(gap.max(0)).is_ok_and(|gap| gap <= SAME_WITHIN.as_millis());
        let had_not_ended = self.until.is_some_and(|until| next.at <= until);
        self.model == next.model && self.state == next.state && (is_soon || had_not_ended)
    }

    /// Goes on as `next`.
    pub fn go_on(&mut self, next: Self) {
        (self.last, self.until, self.reason) = (next.last, next.until, next.reason);
        self.times = self.times.saturating_add(next.times);
    }
}

/// Is rung where there is news. It must neither block nor ask the health it is rung for.
pub trait Bell: Send + Sync {
    /// `health` has news.
    fn ring(&self, health: Arc<Health>);
}

/// Who is told of changes.
pub(super) struct Watch {
    pub(super) subject: Subject,
    pub(super) me: Weak<Health>,
    pub(super) bell: Arc<dyn Bell>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.subject).finish()
    }
}

impl Watch {
    pub(super) fn ring(&self) {
        if let Some(health) = self.me.upgrade() {
            self.bell.ring(health);
        }
    }
}

/// What has happened and was not told yet.
#[derive(Debug, Default)]
pub(super) struct News {
    events: VecDeque<Event>,
    /// Somebody has been called to fetch it.
    pub(super) is_rung: bool,
}

#[derive(Debug)]
struct Event {
    model: Option<Box<str>>,
    state: KeyState,
    at: Instant,
    last: Instant,
    until: Option<Instant>,
    reason: String,
    times: u32,
}

impl News {
    /// What holds now.
    pub(super) fn begins(&mut self, model: Option<&str>, condition: &Condition) {
        let Condition { state, since, until, reason } = condition.clone();
        self.add(model, state, since, Some(until), reason);
    }

    /// All is well again.
    pub(super) fn ends(&mut self, model: Option<&str>, reason: &str, now: Instant) {
        self.add(model, KeyState::Ready, now, None, reason.to_owned());
    }

    fn add(&mut self, model: Option<&str>, state: KeyState, at: Instant, until: Option<Instant>, reason: String) {
        let of_model = |event: &&mut Event| event.model.as_deref() == model;
        if let Some(before) = self.events.iter_mut().rev().find(of_model).filter(|before| before.state == state) {
            (before.last, before.until, before.reason) = (at, until, reason);
            before.times = before.times.saturating_add(1);
            return;
        }
        if self.events.len() >= MOST_NEWS {
            self.events.pop_front();
        }
        self.events.push_back(Event { model: model.map(Into::into), state, at, last: at, until, reason, times: 1 });
    }
}

/// The same moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// On the monotonic clock.
    pub now: Instant,
    /// On the wall.
    pub wall: Timestamp,
}

impl Moment {
    /// A moment before or after, on the wall.
    #[must_use]
    pub fn on_the_wall(self, at: Instant) -> Timestamp {
        let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        match at.checked_duration_since(self.now) {
            Some(ahead) => self.wall.plus_millis(millis(ahead)),
            None => self.wall.plus_millis(-millis(self.now.saturating_duration_since(at))),
        }
    }

    /// A moment of the past; now, where this machine's clock does not reach back so far.
    fn back_at(self, at: Timestamp) -> Instant {
        let past = self.wall.as_millis().saturating_sub(at.as_millis());
        let past = Duration::from_millis(u64::try_from(past).unwrap_or(0));
        self.now.checked_sub(past).unwrap_or(self.now)
    }
}

impl News {
    fn told(&mut self, moment: Moment) -> Vec<HealthEvent> {
        self.is_rung = false;
        let told = |event: Event| HealthEvent {
            model: event.model.map(Into::into),
            state: event.state,
            at: moment.on_the_wall(event.at),
            last: moment.on_the_wall(event.last),
            until: event.until.map(|until| moment.on_the_wall(until)),
            reason: event.reason,
            times: event.times,
        };
        self.events.drain(..).map(told).collect()
    }
}

impl Memory {
    /// All that troubles it.
    fn kept(&self, moment: Moment) -> Vec<KeptTrouble> {
        let models = self.models.iter().map(|(model, trouble)| (Some(&**model), trouble));
        let all = std::iter::once((None, &self.whole)).chain(models);
        all.filter_map(|(model, trouble)| KeptTrouble::of(model, trouble, moment)).collect()
    }

    pub(super) fn report(&mut self, subject: &Subject, moment: Moment) -> Report {
        let (troubles, events) = (self.kept(moment), self.news.told(moment));
        Report { subject: subject.clone(), troubles, events }
    }

    /// What was kept, `age` ago by the clock on the wall.
    pub(super) fn restored(kept: Vec<KeptTrouble>, age: Duration, moment: Moment) -> Self {
        let mut memory = Self::default();
        for kept in kept {
            let (model, trouble) = (kept.model.clone(), kept.restored(age, moment));
            match model {
                _ if trouble.is_over(moment.now) => {}
                Some(model) => drop(memory.models.insert(model.into(), trouble)),
                None => memory.whole = trouble,
            }
        }
        memory
    }
}

impl Memory {
    /// Goes by what other processes have reported, `age` ago. In silence: who has reported it has told it.
    pub(super) fn heed(&mut self, kept: Vec<KeptTrouble>, age: Duration, moment: Moment) {
        let mut heard = Self::restored(kept, age, moment);
        // What this process has seen end is not taken up again from an older report.
        let is_news = |trouble: &Trouble| {
            let since = trouble.condition.as_ref().map(|condition| condition.since);
            since.is_some_and(|since| self.ended.is_none_or(|ended| since > ended))
        };
        if !is_news(&heard.whole) {
            heard.whole = Trouble::default();
        }
        heard.models.retain(|_, trouble| is_news(trouble));
        self.whole.heed(std::mem::take(&mut heard.whole));
        self.models.retain(|model, trouble| {
            trouble.heed(heard.models.remove(model).unwrap_or_default());
            trouble.condition.is_some()
        });
        let room = MODELS_KEPT.saturating_sub(self.models.len());
        let hinted = |(model, trouble)| (model, Trouble { hinted: true, ..trouble });
        self.models.extend(heard.models.into_iter().take(room).map(hinted));
    }
}

impl KeptTrouble {
    fn of(model: Option<&str>, trouble: &Trouble, moment: Moment) -> Option<Self> {
        if trouble.is_over(moment.now) {
            return None;
        }
        let condition = trouble.condition.as_ref()?;
        Some(Self {
            model: model.map(str::to_owned),
            state: condition.state,
            since: moment.on_the_wall(condition.since),
            left: condition.until.saturating_duration_since(moment.now),
            reason: condition.reason.clone(),
            failures: trouble.in_a_row,
            refused: trouble.refused,
            on_trial: trouble.trial != Trial::None,
        })
    }

    fn restored(self, age: Duration, moment: Moment) -> Trouble {
        let condition = Condition {
            state: self.state,
            since: moment.back_at(self.since),
            until: moment.now + self.left.saturating_sub(age),
            reason: self.reason,
        };
        Trouble {
            in_a_row: self.failures,
            refused: self.refused,
            condition: Some(condition),
            trial: if self.on_trial { Trial::Due } else { Trial::None },
            hinted: false,
        }
    }
}

/// What a store has kept of somebody's fitness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptHealth {
    /// Whose it is.
    pub subject: Subject,
    /// When it was reported.
    pub at: Timestamp,
    /// What troubled it then.
    pub troubles: Vec<KeptTrouble>,
}

impl KeptHealth {
    pub(in crate::keys) fn restored(self, moment: Moment) -> Memory {
        let age = self.age(moment);
        Memory::restored(self.troubles, age, moment)
    }

    /// A clock that was set back has let no time pass: what rests is not let go too early, nor kept for longer.
    pub(super) fn age(&self, moment: Moment) -> Duration {
        let age = moment.wall.as_millis().saturating_sub(self.at.as_millis());
        Duration::from_millis(u64::try_from(age).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::{
        super::{Lesson, trouble::RECHECK},
        *,
    };

    const M: &str = "gpt-5";

    #[derive(Default)]
    struct Rung(Mutex<Vec<Arc<Health>>>);

    impl Bell for Rung {
        fn ring(&self, health: Arc<Health>) {
            self.0.lock().unwrap().push(health);
        }
    }

    fn subject() -> Subject {
        Subject { key: Some(KeyId(1)), name: "key:1:f".into() }
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn moment(now: Instant, wall_ms: i64) -> Moment {
        Moment { now, wall: Timestamp::from_millis(wall_ms) }
    }

    fn rest(wait: Option<u64>) -> Lesson {
        Lesson::RestModel { wait: wait.map(secs), reason: "limited".into() }
    }

    fn watched(bell: &Arc<Rung>) -> Arc<Health> {
        Health::watched(subject(), Memory::default(), bell.clone())
    }

    /// The same health after a restart: `later` by the clock on the wall, whatever the monotonic clock says.
    fn restarted(health: &Health, now: Instant, later_ms: i64) -> Arc<Health> {
        let report = health.report(moment(now, 1_000)).unwrap();
        let kept = KeptHealth { subject: report.subject, at: Timestamp::from_millis(1_000), troubles: report.troubles };
        let then = moment(now, 1_000 + later_ms);
        Health::watched(subject(), kept.restored(then), Arc::<Rung>::default())
    }

    #[test]
    fn a_pause_goes_on_after_a_restart_and_is_neither_longer_nor_forgotten() {
        let (bell, now) = (Arc::default(), Instant::now());
        let health = watched(&bell);
        health.learn(M, rest(Some(30)), now);
        let until = |later_ms| restarted(&health, now, later_ms).hindrance(M, now).map(|c| c.until - now);

        assert_eq!(until(10_000), Some(secs(20)));
        assert_eq!(until(30_000), None);
        assert_eq!(until(-3_600_000), Some(secs(30)), "the clock was set back");
        let again = restarted(&health, now, 10_000);
        again.learn(M, rest(Some(1)), now);
        assert_eq!(again.hindrance(M, now).unwrap().until, now + secs(20), "an earlier end");
        assert_eq!(again.hindrance("gpt-4o", now), None);
    }

    #[test]
    fn what_was_to_be_proven_is_to_be_proven_after_a_restart() {
        let (bell, now) = (Arc::default(), Instant::now());
        let health = watched(&bell);
        health.learn(M, Lesson::NoCredit { wait: None, reason: "402".into() }, now);
        let back = now + RECHECK;
        health.try_out(M, back);
        assert_eq!(health.hindrance(M, back).unwrap().state, KeyState::Probing);

        let again = restarted(&health, back, 0);
        assert_eq!(again.hindrance(M, back), None, "its trial went down with the process");
        again.try_out(M, back);
        assert_eq!(again.hindrance(M, back).unwrap().state, KeyState::Probing);
    }

    #[test]
    fn a_refused_credential_is_still_refused_once_after_a_restart() {
        let (bell, now) = (Arc::default(), Instant::now());
        let refused = || Lesson::Refused { reason: "401".into() };
        let health = watched(&bell);
        health.learn(M, refused(), now);

        let again = restarted(&health, now, 0);
        again.learn(M, refused(), now);
        assert_eq!(again.condition(now).unwrap().state, KeyState::Disabled);
    }

    #[test]
    fn one_bell_rings_until_somebody_comes() {
        let (bell, now): (Arc<Rung>, _) = (Arc::default(), Instant::now());
        let health = watched(&bell);
        for _ in 0..3 {
            health.learn(M, rest(Some(30)), now);
        }
        assert_eq!(bell.0.lock().unwrap().len(), 1);
        let report = health.report(moment(now, 0)).unwrap();
        assert_eq!((report.events.len(), report.events[0].times), (1, 3));

        health.learn(M, Lesson::Fit { sent: now }, now + secs(1));
        assert_eq!(bell.0.lock().unwrap().len(), 2);
        let report = health.report(moment(now, 0)).unwrap();
        assert_eq!((report.troubles.len(), report.events[0].state), (0, KeyState::Ready));
        assert_eq!(report.events[0].at, Timestamp::from_millis(1_000));
    }

    #[test]
    fn an_answer_to_a_key_that_is_well_is_no_news() {
        let (bell, now): (Arc<Rung>, _) = (Arc::default(), Instant::now());
        let health = watched(&bell);
        health.learn(M, Lesson::Fit { sent: now }, now);
        health.learn(M, rest(Some(30)), now);
        let _ = health.report(moment(now, 0));
        health.learn(M, Lesson::Fit { sent: now + secs(30) }, now + secs(31));

        assert_eq!(bell.0.lock().unwrap().len(), 1, "the end of its pause had been told");
    }

    #[test]
    fn news_that_nobody_fetches_does_not_fill_the_memory() {
        let (bell, now) = (Arc::default(), Instant::now());
        let health = watched(&bell);
        for n in 0..100 {
            health.learn(&format!("model-{n}"), rest(Some(30)), now);
        }
        let report = health.report(moment(now, 0)).unwrap();
        assert_eq!((report.events.len(), report.troubles.len()), (MOST_NEWS, 100));
    }

    #[test]
    fn an_event_goes_on_until_it_has_ended_or_some_time_has_passed() {
        let event = |state, at: i64, until: Option<i64>| HealthEvent {
            model: None,
            state,
            at: Timestamp::from_millis(at),
            last: Timestamp::from_millis(at),
            until: until.map(Timestamp::from_millis),
            reason: String::new(),
            times: 1,
        };
        let soon = i64::try_from(SAME_WITHIN.as_millis()).unwrap();
        let empty = event(KeyState::OutOfCredit, 0, Some(10 * soon));
        assert!(empty.is_continued_by(&event(KeyState::OutOfCredit, 10 * soon, None)));
        assert!(!empty.is_continued_by(&event(KeyState::OutOfCredit, 10 * soon + 1, None)));
        assert!(!empty.is_continued_by(&event(KeyState::Disabled, 1, None)));
        let short = event(KeyState::Cooling, 0, Some(1));
        assert!(short.is_continued_by(&event(KeyState::Cooling, soon, None)));
        assert!(!short.is_continued_by(&event(KeyState::Cooling, soon + 1, None)));
    }

    #[test]
    fn a_reset_is_told() {
        let (bell, now): (Arc<Rung>, _) = (Arc::default(), Instant::now());
        let health = watched(&bell);
        health.reset(now);
        assert_eq!(bell.0.lock().unwrap().len(), 0, "there was nothing to forget");
        health.learn(M, rest(Some(30)), now);
        health.reset(now);
        let report = health.report(moment(now, 0)).unwrap();
        let states: Vec<_> = report.events.iter().map(|event| event.state).collect();
        assert_eq!((report.troubles.len(), states), (0, vec![KeyState::Cooling, KeyState::Ready]));
    }
}
