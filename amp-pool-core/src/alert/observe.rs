//! What a rule sees.

use std::collections::BTreeMap;

use super::{AlertKind, AlertRuleSpec, BudgetFact, Count, Facts, KeyFact, Level, ModelFact, SplitBy, Traffic};
use crate::{keys::KeyState, time::Timestamp};

/// Of what a rule speaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// Its stable name: `key:7`, `model:gpt-5`, `pool`.
    pub id: String,
    /// What people call it.
    pub name: String,
}

impl Subject {
    fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into() }
    }

    /// The same, as one process sees it.
    fn seen_by(self, node: &str) -> Self {
        if node.is_empty() {
            return self;
        }
        Self { id: format!("{}@{node}", self.id), name: format!("{} (node {node})", self.name) }
    }
}

/// How a subject is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// As a number that thresholds are for.
    Level(Level),
    /// Bad.
    Bad,
    /// Good.
    Good,
    /// Nobody can tell now. It stays what it was.
    Unknown,
}

/// What a rule sees of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Of what.
    pub subject: Subject,
    /// How it is.
    pub reading: Reading,
    /// The same in words.
    pub detail: String,
}

impl Observation {
    fn new(subject: Subject, reading: Reading, detail: impl Into<String>) -> Self {
        Self { subject, reading, detail: detail.into() }
    }
}

/// Everything that `rule` sees. `None`: it could not look.
#[must_use]
pub fn observe(rule: &AlertRuleSpec, facts: &Facts, traffic: &Traffic, now: Timestamp) -> Option<Vec<Observation>> {
    let mut seen: Vec<Observation> = match rule.kind {
        AlertKind::BalanceLow => balances(facts)?.iter().map(|key| balance(rule, key)).collect(),
        AlertKind::DaysLeftLow => balances(facts)?.iter().map(days_left).collect(),
        AlertKind::KeyDown => facts.keys.as_ref()?.iter().map(key_down).collect(),
        AlertKind::PoolDegraded => providers(facts.keys.as_ref()?),
        AlertKind::BudgetUsed => facts.budgets.as_ref()?.iter().map(budget).collect(),
        AlertKind::NoKeyForModel => facts.models.as_ref()?.iter().map(model).collect(),
        AlertKind::StoreTrouble => vec![store(facts)?],
        AlertKind::ErrorRate => errors(rule, facts, traffic, now),
    };
    seen.retain(|seen| rule.is_about(&seen.subject.id, &seen.subject.name));
    Some(seen)
}

fn balances(facts: &Facts) -> Option<&Vec<KeyFact>> {
    facts.keys.as_ref().filter(|_| facts.has_balances)
}

fn key_subject(key: &KeyFact) -> Subject {
    Subject::new(format!("key:{}", key.id), format!("key {} ({})", key.name, key.provider))
}

fn balance(rule: &AlertRuleSpec, key: &KeyFact) -> Observation {
    let (level, unit) = match rule.currency.as_deref().filter(|unit| *unit != "USD") {
        None => (key.usd, "USD"),
        Some(unit) => (key.balance.as_ref().filter(|(_, own)| own == unit).map(|(level, _)| *level), unit),
    };
    match level {
        Some(level) => Observation::new(key_subject(key), Reading::Level(level), format!("{level} {unit} left")),
        None => Observation::new(key_subject(key), Reading::Unknown, "the balance is not known"),
    }
}

fn days_left(key: &KeyFact) -> Observation {
    match key.days_left {
        Some(days) => Observation::new(key_subject(key), Reading::Level(days), format!("lasts {days} days")),
        // Nothing goes, or nobody knows. What was low before may have been paid in since.
        None if key.usd.is_some() || key.balance.is_some() => {
            Observation::new(key_subject(key), Reading::Good, "lasts as long as nothing is spent")
        }
        None => Observation::new(key_subject(key), Reading::Unknown, "the balance is not known"),
    }
}

fn key_down(key: &KeyFact) -> Observation {
    let reading = match key.state {
        KeyState::Disabled | KeyState::OutOfCredit | KeyState::OutOfBudget => Reading::Bad,
        // The next call tells.
        KeyState::Probing => Reading::Unknown,
        KeyState::Ready | KeyState::Cooling => Reading::Good,
    };
    let why = key.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    Observation::new(key_subject(key), reading, format!("{}{why}", key.state.as_str().replace('_', " ")))
}

fn providers(keys: &[KeyFact]) -> Vec<Observation> {
    let mut counts = BTreeMap::<&str, (u64, u64)>::new();
    for key in keys {
        let (fit, all) = counts.entry(&key.provider).or_default();
        *fit += u64::from(key.state == KeyState::Ready);
        *all += 1;
    }
    let seen = |(provider, (fit, all)): (&str, (u64, u64))| {
        let subject = Subject::new(format!("provider:{provider}"), format!("provider {provider}"));
        Observation::new(subject, Reading::Level(Level::percent(fit, all)), format!("{fit} of {all} keys are fit"))
    };
    counts.into_iter().map(seen).collect()
}

fn budget(budget: &BudgetFact) -> Observation {
    let BudgetFact { scope, name, limit, used } = budget;
    let part = |money: i64| u64::try_from(money).unwrap_or(0);
    // Of nothing, everything is used.
    let percent = if limit.0 <= 0 { Level::whole(100) } else { Level::percent(part(used.0), part(limit.0)) };
    let detail = format!("{} of {} USD are spent and held", Level(used.0), Level(limit.0));
    let subject = Subject::new(format!("budget:{}:{}", scope.kind(), scope.id()), format!("budget of {name}"));
    Observation::new(subject, Reading::Level(percent), detail)
}

fn model(model: &ModelFact) -> Observation {
    let ModelFact { model, keys, is_served } = model;
    let subject = Subject::new(format!("model:{model}"), format!("model {model}"));
    match is_served {
        true => Observation::new(subject, Reading::Good, "a key is fit"),
        false => Observation::new(subject, Reading::Bad, format!("none of {keys} keys is fit")),
    }
}

fn store(facts: &Facts) -> Option<Observation> {
    let store = facts.store.as_ref()?;
    let subject = Subject::new("store", "the books").seen_by(&facts.node);
    let why = store.trouble.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    Some(match (store.is_writing, &store.trouble) {
        (false, _) => {
            Observation::new(subject, Reading::Bad, format!("cannot be written; calls are refused meanwhile{why}"))
        }
        (true, Some(_)) => Observation::new(subject, Reading::Bad, format!("cannot be read{why}")),
        (true, None) => Observation::new(subject, Reading::Good, "are written"),
    })
}

fn errors(rule: &AlertRuleSpec, facts: &Facts, traffic: &Traffic, now: Timestamp) -> Vec<Observation> {
    let minutes = rule.window_minutes();
    let counts = traffic.counts(rule.split_by, minutes, now);
    let seen = |(name, count): (String, Count)| error_rate(rule, facts, &name, count);
    counts.into_iter().map(seen).collect()
}

fn error_rate(rule: &AlertRuleSpec, facts: &Facts, name: &str, count: Count) -> Observation {
    let Count { all, failed } = count;
    let (subject, what) = match rule.split_by {
        SplitBy::Pool => (Subject::new("pool", "the pool"), "calls"),
        SplitBy::Model => (Subject::new(format!("model:{name}"), format!("model {name}")), "calls"),
        SplitBy::Provider => (Subject::new(format!("provider:{name}"), format!("provider {name}")), "attempts"),
        SplitBy::Key => (named_key(facts, name), "attempts"),
    };
    let reading = match all >= u64::from(rule.least_calls()) {
        true => Reading::Level(Level::percent(failed, all)),
        false if failed == 0 => Reading::Good,
        false => Reading::Unknown,
    };
    let detail = format!("{failed} of {all} {what} failed in {} minutes", rule.window_minutes());
    Observation::new(subject.seen_by(&facts.node), reading, detail)
}

fn named_key(facts: &Facts, id: &str) -> Subject {
    let known = facts.keys.iter().flatten().find(|key| key.id.to_string() == id);
    known.map_or_else(|| Subject::new(format!("key:{id}"), format!("key {id}")), key_subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{budget::Scope, id::KeyId, money::NanoUsd};

    fn key(id: i64, state: KeyState) -> KeyFact {
        KeyFact {
            id: KeyId(id),
            name: format!("k{id}"),
            provider: "deepseek".into(),
            state,
            reason: None,
            balance: Some((Level::whole(35), "CNY".into())),
            usd: None,
            days_left: None,
        }
    }

    fn seen(kind: AlertKind, change: impl FnOnce(&mut AlertRuleSpec), facts: &Facts) -> Vec<(String, Reading)> {
        let mut rule = AlertRuleSpec::new("rule", kind);
        change(&mut rule);
        let seen = observe(&rule, facts, &Traffic::default(), Timestamp::from_millis(0)).unwrap();
        seen.into_iter().map(|seen| (seen.subject.id, seen.reading)).collect()
    }

    #[test]
    fn what_was_not_looked_up_is_not_seen() {
        let rule = AlertRuleSpec::new("rule", AlertKind::BalanceLow);
        let facts = Facts { keys: Some(vec![key(1, KeyState::Ready)]), ..Facts::default() };
        assert_eq!(observe(&rule, &facts, &Traffic::default(), Timestamp::default()), None);
    }

    #[test]
    fn a_balance_counts_in_its_own_currency_or_not_at_all() {
        let facts = Facts { keys: Some(vec![key(1, KeyState::Ready)]), has_balances: true, ..Facts::default() };
        assert_eq!(seen(AlertKind::BalanceLow, |_| {}, &facts), [("key:1".into(), Reading::Unknown)]);
        let yuan = |rule: &mut AlertRuleSpec| rule.currency = Some("CNY".into());
        assert_eq!(seen(AlertKind::BalanceLow, yuan, &facts), [("key:1".into(), Reading::Level(Level::whole(35)))]);
    }

    #[test]
    fn resting_is_not_being_out() {
        for (state, expected) in [
            (KeyState::Ready, Reading::Good),
            (KeyState::Cooling, Reading::Good),
            (KeyState::Probing, Reading::Unknown),
            (KeyState::Disabled, Reading::Bad),
            (KeyState::OutOfCredit, Reading::Bad),
            (KeyState::OutOfBudget, Reading::Bad),
        ] {
            let facts = Facts { keys: Some(vec![key(1, state)]), ..Facts::default() };
            assert_eq!(seen(AlertKind::KeyDown, |_| {}, &facts), [("key:1".into(), expected)], "{state:?}");
        }
    }

    #[test]
    fn a_provider_is_as_fit_as_its_keys() {
        let keys = vec![key(1, KeyState::Ready), key(2, KeyState::Cooling), key(3, KeyState::Disabled)];
        let facts = Facts { keys: Some(keys), ..Facts::default() };
        let third = Reading::Level(Level::percent(1, 3));
        assert_eq!(seen(AlertKind::PoolDegraded, |_| {}, &facts), [("provider:deepseek".into(), third)]);
    }

    #[test]
    fn a_budget_is_used_by_what_is_held_as_well() {
        let fact = |limit, used| BudgetFact {
            scope: Scope::Site,
            name: "the site".into(),
            limit: NanoUsd(limit),
            used: NanoUsd(used),
        };
        let facts = Facts { budgets: Some(vec![fact(200, 150), fact(0, 0)]), ..Facts::default() };
        let readings: Vec<_> = seen(AlertKind::BudgetUsed, |_| {}, &facts).into_iter().map(|seen| seen.1).collect();
        assert_eq!(readings, [Reading::Level(Level::whole(75)), Reading::Level(Level::whole(100))]);
    }

    #[test]
    fn each_process_speaks_of_its_own_books() {
        let store = StoreFact { is_writing: false, trouble: None };
        let facts = Facts { node: "b".into(), store: Some(store), ..Facts::default() };
        assert_eq!(seen(AlertKind::StoreTrouble, |_| {}, &facts), [("store@b".into(), Reading::Bad)]);
    }

    use crate::alert::StoreFact;
}
