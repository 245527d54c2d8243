//! What is wrong now, and who knows it already.
//!
//! Nothing is told twice: a trouble is told when it has lasted long enough, again after a while if the rule wants that,
//! and once when it is over. In quiet hours events are noted and not told; what still lasts when they end is told then.

use std::collections::BTreeMap;

use super::{AlertKind, AlertRule, AlertRuleSpec, Observation, Severity, Subject, rule::Look};
use crate::{id::AlertRuleId, time::Timestamp};

/// What happened to a subject of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It became bad.
    Fired,
    /// It is still bad.
    Repeated,
    /// It is good again, or gone.
    Cleared,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fired, Self::Repeated, Self::Cleared];

    /// The name in JSON and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Repeated => "repeated",
            Self::Cleared => "cleared",
        }
    }
}

/// Something to note, and to tell unless it is quiet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertEvent {
    /// By which rule.
    pub rule: AlertRuleId,
    /// What people call that.
    pub rule_name: String,
    /// What it looks at.
    pub kind: AlertKind,
    /// How bad it is.
    pub severity: Severity,
    /// What happened.
    pub event: EventKind,
    /// To what.
    pub subject: Subject,
    /// Since when it has been bad.
    pub since: Timestamp,
    /// In words.
    pub detail: String,
    /// Whether nobody is told.
    pub quiet: bool,
}

/// Where a trouble is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It is bad, and not yet long enough. Kept in memory only.
    Pending,
    /// It is bad.
    Firing,
    /// It is over, but who was told of it has not heard so: the hours are quiet.
    Settled,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Firing, Self::Settled];

    /// The name in JSON and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Settled => "settled",
        }
    }
}

/// A trouble that has to be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertState {
    /// Whose.
    pub rule: AlertRuleId,
    /// Of what.
    pub subject: Subject,
    /// Where it is in its life.
    pub phase: Phase,
    /// Since when it has been bad.
    pub since: Timestamp,
    /// When somebody was last told. `None`: nobody knows of it.
    pub told_at: Option<Timestamp>,
    /// How it was when it was last looked at, in words.
    pub detail: String,
}

/// What a look at the world has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// What happened, in the order of the subjects.
    pub events: Vec<AlertEvent>,
    /// What is to be kept now, in place of what was kept of the same rule and subject.
    pub kept: Vec<AlertState>,
    /// What need not be kept any more.
    pub gone: Vec<(AlertRuleId, String)>,
}

impl Step {
    /// Adds what another look has changed.
    pub fn join(&mut self, other: Self) {
        self.events.extend(other.events);
        self.kept.extend(other.kept);
        self.gone.extend(other.gone);
    }

    /// Whether nothing has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.kept.is_empty() && self.gone.is_empty()
    }
}

/// All troubles there are.
///
/// ```
/// use amp_pool_core::{
///     alert::{
///         AlertEvent, AlertKind, AlertRule, AlertRuleSpec, AlertState, Board, EventKind, Observation, Phase, Reading, Step,
///         Subject,
///     },
///     id::AlertRuleId,
///     time::Timestamp,
/// };
///
/// let at = |seconds: i64| Timestamp::from_millis(1000 * seconds);
/// let mut spec = AlertRuleSpec::new("a key is down", AlertKind::KeyDown);
/// spec.for_seconds = Some(60);
/// spec.clear_seconds = Some(0);
/// let rule = AlertRule { id: AlertRuleId(1), create_time: at(0), update_time: at(0), spec };
/// let seen = |reading| {
///     let subject = Subject { id: "key:7".into(), name: "mine".into() };
///     [Observation { subject, reading, detail: "out of credit".into() }]
/// };
///
/// // Bad for a minute it fires, good again it clears; in between nothing is said.
/// let mut board = Board::default();
/// let first: Step = board.step(&rule, &seen(Reading::Bad), at(0));
/// assert!(first.events.is_empty());
/// let fired = board.step(&rule, &seen(Reading::Bad), at(60));
/// assert_eq!(fired.events.iter().map(|event: &AlertEvent| event.event).collect::<Vec<_>>(), [EventKind::Fired]);
/// let states: Vec<AlertState> = board.states();
/// assert_eq!(states[0].phase, Phase::Firing);
/// let cleared = board.step(&rule, &seen(Reading::Good), at(120));
/// assert_eq!(cleared.events[0].event, EventKind::Cleared);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Board(BTreeMap<(AlertRuleId, String), Trouble>);

#[derive(Debug, Clone)]
struct Trouble {
    name: String,
    phase: Phase,
    since: Timestamp,
    told_at: Option<Timestamp>,
    calm_since: Option<Timestamp>,
    detail: String,
}

impl Board {
    /// A board on which stands what was kept.
    #[must_use]
    pub fn of(kept: impl IntoIterator<Item = AlertState>) -> Self {
        let trouble = |state: AlertState| {
            let AlertState { rule, subject, phase, since, told_at, detail } = state;
            ((rule, subject.id), Trouble { name: subject.name, phase, since, told_at, calm_since: None, detail })
        };
        Self(kept.into_iter().map(trouble).collect())
    }

    /// Everything on it, those that are not told yet as well.
    #[must_use]
    pub fn states(&self) -> Vec<AlertState> {
        self.0.iter().map(|((rule, id), trouble)| trouble.state(*rule, id)).collect()
    }

    /// The rules that have anything on it.
    #[must_use]
    pub fn rules(&self) -> Vec<AlertRuleId> {
        let mut rules: Vec<_> = self.0.keys().map(|(rule, _)| *rule).collect();
        rules.dedup();
        rules
    }

    /// Takes in what `rule` sees at `now`: everything it sees. What it saw before and sees no more is gone.
    pub fn step(&mut self, rule: &AlertRule, seen: &[Observation], now: Timestamp) -> Step {
        let mut turn = Turn { rule, now, is_quiet: rule.spec.is_quiet(now), step: Step::default() };
        let mut missing: Vec<_> = self.of_rule(rule.id);
        missing.retain(|id| !seen.iter().any(|seen| seen.subject.id == *id));
        for observation in seen {
            let place = (rule.id, observation.subject.id.clone());
            let before = self.0.remove(&place);
            if let Some(after) = turn.take(before, observation) {
                self.0.insert(place, after);
            }
        }
        for id in missing {
            let place = (rule.id, id);
            let Some(before) = self.0.remove(&place) else { continue };
            if let Some(after) = turn.miss(before, &place.1) {
                self.0.insert(place, after);
            }
        }
        turn.step
    }

    /// Forgets a rule that is gone or switched off. Nobody is told: somebody did it.
    pub fn retire(&mut self, rule: AlertRuleId) -> Step {
        let gone: Vec<_> = self.of_rule(rule).into_iter().map(|id| (rule, id)).collect();
        for place in &gone {
            self.0.remove(place);
        }
        Step { gone, ..Step::default() }
    }

    fn of_rule(&self, rule: AlertRuleId) -> Vec<String> {
        let range = (rule, String::new())..(AlertRuleId(rule.0.saturating_add(1)), String::new());
        self.0.range(range).map(|((_, id), _)| id.clone()).collect()
    }
}

impl Trouble {
    fn new(observation: &Observation, now: Timestamp) -> Self {
        Self {
            name: observation.subject.name.clone(),
            phase: Phase::Pending,
            since: now,
            told_at: None,
            calm_since: None,
            detail: observation.detail.clone(),
        }
    }

    fn state(&self, rule: AlertRuleId, id: &str) -> AlertState {
        let Self { name, phase, since, told_at, detail, .. } = self.clone();
        AlertState { rule, subject: Subject { id: id.to_owned(), name }, phase, since, told_at, detail }
    }
}

/// One rule's look at the world.
struct Turn<'a> {
    rule: &'a AlertRule,
    now: Timestamp,
    is_quiet: bool,
    step: Step,
}

impl Turn<'_> {
    /// What becomes of a trouble, or of none, by what is seen.
    fn take(&mut self, before: Option<Trouble>, seen: &Observation) -> Option<Trouble> {
        let (id, look) = (&seen.subject.id, self.spec().look(&seen.reading));
        let before = before.and_then(|trouble| self.tell_settled(trouble, id));
        let Some(mut trouble) = before else {
            let begins = (look == Look::Bad).then(|| Trouble::new(seen, self.now))?;
            return Some(self.wait(begins, id));
        };
        if look != Look::Unknown {
            trouble.detail.clone_from(&seen.detail);
            trouble.name.clone_from(&seen.subject.name);
        }
        match (trouble.phase, look) {
            (Phase::Pending, Look::Bad) => Some(self.wait(trouble, id)),
            (Phase::Pending, Look::Unknown) => Some(trouble),
            (Phase::Pending, Look::Good | Look::Between) => None,
            (Phase::Firing, Look::Good) => self.calm(trouble, id),
            (Phase::Firing, _) => Some(self.last(trouble, look, id)),
            (Phase::Settled, Look::Bad) => Some(self.fire(trouble, id)),
            (Phase::Settled, _) => Some(trouble),
        }
    }

    /// What becomes of a trouble whose subject is no longer there.
    fn miss(&mut self, trouble: Trouble, id: &str) -> Option<Trouble> {
        let mut trouble = self.tell_settled(trouble, id)?;
        match trouble.phase {
            Phase::Pending => None,
            Phase::Settled => Some(trouble),
            Phase::Firing => {
                trouble.detail = "is no longer there".into();
                self.clear(trouble, id)
            }
        }
    }

    /// What is over and was told as long as it lasted is told as over, once somebody wants to hear it.
    fn tell_settled(&mut self, trouble: Trouble, id: &str) -> Option<Trouble> {
        if trouble.phase != Phase::Settled || self.is_quiet {
            return Some(trouble);
        }
        self.note(EventKind::Cleared, &trouble, id, false);
        self.forget(id);
        None
    }

    /// It is bad: is it long enough?
    fn wait(&mut self, trouble: Trouble, id: &str) -> Trouble {
        let is_long = self.has_passed(trouble.since, self.spec().for_seconds());
        if is_long { self.fire(trouble, id) } else { trouble }
    }

    fn fire(&mut self, mut trouble: Trouble, id: &str) -> Trouble {
        if trouble.phase == Phase::Settled {
            trouble.since = self.now;
        }
        trouble.phase = Phase::Firing;
        trouble.calm_since = None;
        self.note(EventKind::Fired, &trouble, id, self.is_quiet);
        self.told(trouble, id)
    }

    /// It lasts: is it time to say so again?
    fn last(&mut self, mut trouble: Trouble, look: Look, id: &str) -> Trouble {
        if look != Look::Unknown {
            trouble.calm_since = None;
        }
        let is_due = match (trouble.told_at, self.spec().repeat_seconds) {
            (None, _) => true,
            (Some(told), Some(repeat)) => self.has_passed(told, repeat),
            (Some(_), None) => false,
        };
        if self.is_quiet || !is_due {
            return trouble;
        }
        self.note(EventKind::Repeated, &trouble, id, false);
        self.told(trouble, id)
    }

    /// It is good: is it long enough?
    fn calm(&mut self, mut trouble: Trouble, id: &str) -> Option<Trouble> {
        let since = *trouble.calm_since.get_or_insert(self.now);
        let is_long = self.has_passed(since, self.spec().clear_seconds());
        if is_long { self.clear(trouble, id) } else { Some(trouble) }
    }

    fn clear(&mut self, mut trouble: Trouble, id: &str) -> Option<Trouble> {
        // Who was never told need not hear that it is over.
        let is_known = trouble.told_at.is_some();
        self.note(EventKind::Cleared, &trouble, id, self.is_quiet || !is_known);
        if !self.is_quiet || !is_known {
            self.forget(id);
            return None;
        }
        trouble.phase = Phase::Settled;
        self.keep(&trouble, id);
        Some(trouble)
    }

    fn told(&mut self, mut trouble: Trouble, id: &str) -> Trouble {
        if !self.is_quiet {
            trouble.told_at = Some(self.now);
        }
        self.keep(&trouble, id);
        trouble
    }

    fn has_passed(&self, since: Timestamp, seconds: u32) -> bool {
        self.now.as_millis().saturating_sub(since.as_millis()) >= i64::from(seconds) * 1000
    }

    fn note(&mut self, event: EventKind, trouble: &Trouble, id: &str, quiet: bool) {
        let AlertRuleSpec { name, kind, severity, .. } = self.spec();
        let event = AlertEvent {
            rule: self.rule.id,
            rule_name: name.clone(),
            kind: *kind,
            severity: *severity,
            event,
            subject: Subject { id: id.to_owned(), name: trouble.name.clone() },
            since: trouble.since,
            detail: trouble.detail.clone(),
            quiet,
        };
        self.step.events.push(event);
    }

    fn keep(&mut self, trouble: &Trouble, id: &str) {
        self.step.kept.push(trouble.state(self.rule.id, id));
    }

    fn forget(&mut self, id: &str) {
        self.step.gone.push((self.rule.id, id.to_owned()));
    }

    fn spec(&self) -> &AlertRuleSpec {
        &self.rule.spec
    }
}

#[cfg(test)]
mod tests;
