//! Fitness of one key, or of one way to an upstream.
//!
//! Pure: callers pass `now`. Fitness is a timed state, kept for the whole and for single models: a limit on one model
//! says nothing about the others. A later deadline is never replaced by an earlier one; success clears everything.
//!
//! Deadlines are on the monotonic clock, so that nobody can turn a pause into a year by setting the machine's clock.

mod report;
mod trouble;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

pub use report::{Bell, HealthEvent, KeptHealth, KeptTrouble, Moment, Report, Subject};
use report::{News, Watch};
use trouble::{RECHECK, Trial, Trouble};

/// How many single models one key remembers. A client chooses model names, so there is a bound.
const MODELS_KEPT: usize = 256;

/// In which state a key is, or a key for one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// May be tried.
    Ready,
    /// Rests until a deadline.
    Cooling,
    /// Its account has no money; it is tried again after a while.
    OutOfCredit,
    /// Switched off, by people or by a proven bad credential; the latter is checked again after a while.
    Disabled,
    /// One call finds out whether it is fit again.
    Probing,
    /// What its operator allows to be spent on it is spent.
    OutOfBudget,
}

impl KeyState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Ready, Self::Cooling, Self::OutOfCredit, Self::Disabled, Self::Probing, Self::OutOfBudget];

    /// The name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Cooling => "cooling",
            Self::OutOfCredit => "out_of_credit",
            Self::Disabled => "disabled",
            Self::Probing => "probing",
            Self::OutOfBudget => "out_of_budget",
        }
    }
}

/// A state with its end and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The state.
    pub state: KeyState,
    /// When it began.
    pub since: Instant,
    /// When it ends.
    pub until: Instant,
    /// Why, in words.
    pub reason: String,
}

/// What is to be remembered after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lesson {
    /// A call that was sent at `sent` was answered.
    Fit {
        /// When it was sent. What was learned later than that is not forgotten.
        sent: Instant,
    },
    /// One model rests: for `wait`, or for a pause that doubles with each failure in a row.
    RestModel {
        /// How long the upstream asked us to wait.
        wait: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// Everything rests, in the same way.
    Rest {
        /// How long the upstream asked us to wait.
        wait: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// The account has no money.
    NoCredit {
        /// When it will have some again, if the upstream said so.
        wait: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// The account has money again, by an answer to a question that was sent at `sent`. Ends nothing but the want of it.
    Credit {
        /// When it was sent. What was learned later than that is not forgotten.
        sent: Instant,
    },
    /// The upstream has shut the key out, and needs not say so twice.
    Blocked {
        /// Until when, if that is known.
        wait: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// The credential was refused. Once is a glitch; twice in a row is proof.
    Refused {
        /// Why.
        reason: String,
    },
}

/// What came back takes twice as many calls at a time after each step.
const RAMP_STEP: Duration = Duration::from_secs(1);
const RAMP_STEPS: u32 = 6;

/// The fitness of one key, or of one way to an upstream.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use amp_pool_core::keys::{Condition, Health, KeyState, Lesson};
///
/// let (health, now) = (Health::default(), Instant::now());
/// let wait = Some(Duration::from_secs(30));
/// health.learn("gpt-4o", Lesson::RestModel { wait, reason: "429: slow down".into() }, now);
///
/// // It rests for the one model, and for as long as was asked.
/// let rest: Condition = health.hindrance("gpt-4o", now).ok_or("it rests")?;
/// assert_eq!((rest.state, rest.reason.as_str()), (KeyState::Cooling, "429: slow down"));
/// assert!(health.hindrance("gpt-4o-mini", now).is_none());
/// assert!(health.hindrance("gpt-4o", now + Duration::from_secs(3600)).is_none());
///
/// // A key without money rests as a whole.
/// health.learn("gpt-4o", Lesson::NoCredit { wait: None, reason: "insufficient_quota".into() }, now);
/// assert!(health.hindrance("gpt-4o-mini", now).is_some());
/// health.reset(now);
/// assert!(health.condition(now).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Health {
    /// Nothing is remembered: the common case is answered without the lock.
    troubled: AtomicBool,
    memory: Mutex<Memory>,
    /// Who is told of changes, if anyone.
    watch: Option<Watch>,
}

#[derive(Debug, Default)]
pub(in crate::keys) struct Memory {
    whole: Trouble,
    models: HashMap<Box<str>, Trouble>,
    /// Since when it is fit again.
    back: Option<Instant>,
    /// When this process last saw a trouble end.
    ended: Option<Instant>,
    news: News,
}

impl Health {
    /// A fitness of `subject` that begins with what is remembered of it, and rings `bell` where it changes.
    pub(super) fn watched(subject: Subject, memory: Memory, bell: Arc<dyn Bell>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            troubled: AtomicBool::new(memory.is_troubled()),
            memory: Mutex::new(memory),
            watch: Some(Watch { subject, me: me.clone(), bell }),
        })
    }

    /// Whose it is, where anybody is told of its changes.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        self.watch.as_ref().map(|watch| &watch.subject)
    }

    /// What is to be kept of it. What has happened is told once. `None` where nobody is told of its changes.
    #[must_use]
    pub fn report(&self, moment: Moment) -> Option<Report> {
        let watch = self.watch.as_ref()?;
        Some(self.memory().report(&watch.subject, moment))
    }

    /// Goes by what other processes know of it: a later end counts here as well. What this process knows by hearsay alone is
    /// over when it is not said any more. Nobody is told: who has reported it was.
    pub(super) fn heed(&self, kept: Option<KeptHealth>, moment: Moment) {
        let (age, kept) = kept.map_or_else(Default::default, |kept| (kept.age(moment), kept.troubles));
        if kept.is_empty() && !self.troubled.load(Ordering::Acquire) {
            return;
        }
        let mut memory = self.memory();
        memory.heed(kept, age, moment);
        self.troubled.store(memory.is_troubled(), Ordering::Release);
    }

    /// What keeps `model` from being tried at `now`, if anything does.
    #[must_use]
    pub fn hindrance(&self, model: &str, now: Instant) -> Option<Condition> {
        if !self.troubled.load(Ordering::Acquire) {
            return None;
        }
        let memory = self.memory();
        let single = memory.models.get(model).and_then(|trouble| trouble.at(now));
        memory.whole.at(now).or(single)
    }

    /// What keeps everything from being tried at `now`.
    #[must_use]
    pub fn condition(&self, now: Instant) -> Option<Condition> {
        if !self.troubled.load(Ordering::Acquire) {
            return None;
        }
        self.memory().whole.at(now)
    }

    /// What keeps single models from being tried at `now`.
    #[must_use]
    pub fn model_conditions(&self, now: Instant) -> Vec<(Box<str>, Condition)> {
        let memory = self.memory();
        let mut found: Vec<_> =
            memory.models.iter().filter_map(|(model, t)| Some((model.clone(), t.at(now)?))).collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    /// Remembers how a call for `model` went.
    pub fn learn(&self, model: &str, lesson: Lesson, now: Instant) {
        match lesson {
            Lesson::Fit { sent } => self.clear(model, sent, now),
            Lesson::RestModel { wait, reason } => {
                self.change(|memory| memory.rest_model(model, wait, reason, now));
            }
            Lesson::Rest { wait, reason } => {
                self.change(|memory| memory.rest(KeyState::Cooling, wait, reason, now));
            }
            Lesson::NoCredit { wait, reason } => {
                self.change(|memory| memory.rest(KeyState::OutOfCredit, wait.or(Some(RECHECK)), reason, now));
            }
            Lesson::Blocked { wait, reason } => {
                self.change(|memory| memory.rest(KeyState::Disabled, wait.or(Some(RECHECK)), reason, now));
            }
            Lesson::Credit { sent } => self.credit(sent, now),
            Lesson::Refused { reason } => self.change(|memory| memory.refuse(reason, now)),
        }
    }

    /// A call for `model` is about to be sent. If what happened before needs a proof, this call is it, and until it has
    /// brought news nobody else is sent.
    pub fn try_out(&self, model: &str, now: Instant) {
        if !self.troubled.load(Ordering::Acquire) {
            return;
        }
        let mut memory = self.memory();
        memory.whole.begin_trial(now);
        if let Some(single) = memory.models.get_mut(model) {
            single.begin_trial(now);
        }
    }

    /// How many calls at a time it takes at `now`, while it comes back from trouble.
    #[must_use]
    pub fn ramp(&self, now: Instant) -> Option<u32> {
        if !self.troubled.load(Ordering::Acquire) {
            return None;
        }
        let back = self.memory().back?;
        let steps = now.saturating_duration_since(back).as_secs() / RAMP_STEP.as_secs();
        u32::try_from(steps).ok().filter(|steps| *steps < RAMP_STEPS).map(|steps| 2 << steps)
    }

    /// Forgets everything.
    pub fn reset(&self, now: Instant) {
        let mut memory = self.memory();
        let was_troubled = memory.is_troubled();
        *memory = Memory { news: std::mem::take(&mut memory.news), ended: Some(now), ..Memory::default() };
        self.troubled.store(false, Ordering::Release);
        if was_troubled {
            memory.news.ends(None, "reset by an operator", now);
            self.tell(memory);
        }
    }

    fn clear(&self, model: &str, sent: Instant, now: Instant) {
        if !self.troubled.load(Ordering::Acquire) {
            return;
        }
        let mut memory = self.memory();
        let is_news = memory.clear(model, sent, now);
        self.troubled.store(memory.is_troubled(), Ordering::Release);
        if is_news {
            self.tell(memory);
        }
    }

    fn credit(&self, sent: Instant, now: Instant) {
        let mut memory = self.memory();
        let wanted = memory.whole.condition.as_ref().is_some_and(|condition| condition.state == KeyState::OutOfCredit);
        if wanted && memory.whole.is_before(sent) {
            memory.whole = Trouble::default();
            memory.ended = Some(now);
            self.troubled.store(memory.is_troubled(), Ordering::Release);
            memory.news.ends(None, "its balance is above the minimum", now);
            self.tell(memory);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Memory)) {
        let mut memory = self.memory();
        change(&mut memory);
        self.troubled.store(true, Ordering::Release);
        self.tell(memory);
    }

    /// Calls whoever is told, unless somebody is on the way. The lock is let go first: who comes will ask for it.
    fn tell(&self, mut memory: MutexGuard<'_, Memory>) {
        let Some(watch) = &self.watch else { return };
        let was_rung = std::mem::replace(&mut memory.news.is_rung, true);
        drop(memory);
        if !was_rung {
            watch.ring();
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Every change is complete in itself, so a poisoned lock holds nothing half-done.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Whether there is anything that a choice has to look at.
    fn is_troubled(&self) -> bool {
        self.whole.condition.is_some() || !self.models.is_empty() || self.back.is_some()
    }

    fn rest(&mut self, state: KeyState, wait: Option<Duration>, reason: String, now: Instant) {
        if self.whole.rest(state, wait, reason, now) {
            self.whole_begins();
        }
    }

    fn refuse(&mut self, reason: String, now: Instant) {
        if self.whole.refuse(reason, now) {
            self.whole_begins();
        }
    }

    fn whole_begins(&mut self) {
        if let Some(condition) = &self.whole.condition {
            self.news.begins(None, condition);
        }
    }

    fn rest_model(&mut self, model: &str, wait: Option<Duration>, reason: String, now: Instant) {
        if self.models.len() >= MODELS_KEPT && !self.models.contains_key(model) {
            self.models.retain(|_, trouble| trouble.at(now).is_some());
        }
        if self.models.len() >= MODELS_KEPT && !self.models.contains_key(model) {
            // So many models rest that the key as a whole does.
            return self.rest(KeyState::Cooling, wait, reason, now);
        }
        let trouble = self.models.entry(model.into()).or_default();
        if trouble.rest(KeyState::Cooling, wait, reason, now)
            && let Some(condition) = &trouble.condition
        {
            self.news.begins(Some(model), condition);
        }
    }

    /// A call for `model` was answered. Whether that ended anything that had no end of its own.
    fn clear(&mut self, model: &str, sent: Instant, now: Instant) -> bool {
        let mut is_news = false;
        if self.whole.condition.is_some() && self.whole.is_before(sent) {
            // Where nobody was sure of the end, the others come one after another.
            if self.whole.trial != Trial::None {
                self.back = Some(now);
            }
            is_news |= !self.whole.is_over(now);
            self.whole = Trouble::default();
            if is_news {
                self.news.ends(None, ANSWERED, now);
            }
        }
        if let Some(trouble) = self.models.get(model).filter(|trouble| trouble.is_before(sent)) {
            if !trouble.is_over(now) {
                is_news = true;
                self.news.ends(Some(model), ANSWERED, now);
            }
            self.models.remove(model);
        }
        if is_news {
            self.ended = Some(now);
        }
        self.back = self.back.filter(|back| now.saturating_duration_since(*back) < RAMP_STEP * RAMP_STEPS);
        is_news
    }
}

const ANSWERED: &str = "a call was answered";

#[cfg(test)]
mod tests {
    use super::*;

    use super::trouble::TRIAL;

    const M: &str = "gpt-5";

    fn rest(seconds: u64) -> Lesson {
        Lesson::RestModel { wait: Some(Duration::from_secs(seconds)), reason: "limited".into() }
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_limit_on_one_model_leaves_the_others_fit() {
        let (health, now) = (Health::default(), Instant::now());
        health.learn(M, rest(30), now);

        assert_eq!(health.hindrance(M, now + secs(29)).unwrap().until, now + secs(30));
        assert_eq!(health.hindrance(M, now + secs(30)), None);
        assert_eq!(health.hindrance("gpt-4o", now), None);
    }

    #[test]
    fn a_shorter_pause_never_replaces_a_longer_one() {
        let (health, now) = (Health::default(), Instant::now());
        health.learn(M, rest(30), now);
        health.learn(M, rest(1), now);

        assert_eq!(health.hindrance(M, now).unwrap().until, now + secs(30));
    }

    #[test]
    fn pauses_double_until_success() {
        let (health, now) = (Health::default(), Instant::now());
        let unknown = || Lesson::Rest { wait: None, reason: String::new() };
        let until = |health: &Health| health.hindrance(M, now).unwrap().until - now;

        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            health.learn(M, unknown(), now);
            assert_eq!(until(&health), secs(expected));
        }
        health.learn(M, Lesson::Fit { sent: now }, now);
        assert_eq!(health.hindrance(M, now), None);
        health.learn(M, unknown(), now);
        assert_eq!(until(&health), secs(1));
    }

    #[test]
    fn an_answer_to_an_older_call_does_not_end_a_younger_pause() {
        let (health, now) = (Health::default(), Instant::now());
        health.learn(M, rest(30), now + secs(1));
        health.learn(M, Lesson::Fit { sent: now }, now + secs(2));

        assert!(health.hindrance(M, now + secs(2)).is_some());
    }

    #[test]
    fn one_refusal_is_a_glitch_and_two_in_a_row_disable() {
        let (health, now) = (Health::default(), Instant::now());
        let refused = || Lesson::Refused { reason: "401".into() };

        health.learn(M, refused(), now);
        assert_eq!(health.condition(now).unwrap().state, KeyState::Cooling);
        health.learn(M, refused(), now + secs(20));
        assert_eq!(health.condition(now + secs(20)).unwrap().state, KeyState::Disabled);
        assert_eq!(health.condition(now + secs(20) + RECHECK), None);
    }

    #[test]
    fn money_ends_the_want_of_it_and_nothing_else() {
        let (health, now) = (Health::default(), Instant::now());
        let broke = || Lesson::NoCredit { wait: None, reason: "402".into() };

        health.learn("", broke(), now + secs(1));
        health.learn("", Lesson::Credit { sent: now }, now + secs(2));
        assert!(health.condition(now + secs(2)).is_some(), "the balance is older than the refusal");
        health.learn("", Lesson::Credit { sent: now + secs(3) }, now + secs(4));
        assert_eq!(health.condition(now + secs(4)), None);

        health.learn(M, Lesson::Rest { wait: Some(secs(30)), reason: String::new() }, now);
        health.learn("", Lesson::Credit { sent: now + secs(5) }, now + secs(5));
        assert!(health.condition(now + secs(6)).is_some());
    }

    #[test]
    fn after_a_guessed_pause_one_call_finds_out_for_all() {
        let (health, now) = (Health::default(), Instant::now());
        health.learn(M, Lesson::Rest { wait: None, reason: "reset".into() }, now);
        let later = now + secs(1);
        assert_eq!(health.hindrance(M, later), None);
        health.try_out(M, later);

        assert_eq!(health.hindrance(M, later).unwrap().state, KeyState::Probing);
        assert_eq!(health.hindrance(M, later + TRIAL), None, "a trial without news is none");
        health.learn(M, Lesson::Fit { sent: later }, later);
        assert_eq!(health.hindrance(M, later), None);
    }

    #[test]
    fn what_the_upstream_dated_needs_no_trial() {
        let (health, now) = (Health::default(), Instant::now());
        health.learn(M, rest(30), now);
        health.try_out(M, now + secs(30));

        assert_eq!(health.hindrance(M, now + secs(30)), None);
    }

    #[test]
    fn what_comes_back_takes_more_step_by_step() {
        let (health, now) = (Health::default(), Instant::now());
        assert_eq!(health.ramp(now), None);
        health.learn(M, Lesson::NoCredit { wait: None, reason: String::new() }, now);
        let back = now + RECHECK;
        health.try_out(M, back);
        health.learn(M, Lesson::Fit { sent: back }, back);

        let steps: Vec<_> = (0..7).map(|s| health.ramp(back + secs(s))).collect();
        assert_eq!(steps, [Some(2), Some(4), Some(8), Some(16), Some(32), Some(64), None]);
    }

    #[test]
    fn a_client_that_invents_models_does_not_fill_the_memory() {
        let (health, now) = (Health::default(), Instant::now());
        for n in 0..10 * MODELS_KEPT {
            health.learn(&format!("model-{n}"), rest(30), now);
        }
        assert_eq!(health.model_conditions(now).len(), MODELS_KEPT);
    }
}
