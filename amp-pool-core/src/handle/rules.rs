//! Rules of operators for verdicts, and what they would have changed, by a handle.

use std::{sync::Arc, time::Duration};

use super::{ChangeError, Handle};
use crate::{
    classify::{MOST_RULES, OwnRule, OwnRulesByProvider, RuleError, RuleSpec, Signal, Verdict, classify},
    id::{KeyId, RuleId},
    provider::Presets,
    store::{FailurePage, FailurePlace, StoredFailure},
    time::Timestamp,
};

/// So many failures are read at a time, and looked at in one trial.
const READ_AT_ONCE: u32 = 500;
const MOST_LOOKED_AT: u64 = 5_000;

/// A change of rules that is tried on failures of the past, without making it.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     classify::{Rule, RuleSpec, Verdict},
///     handle::{Trial, TrialResult},
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let rule = Rule { status: vec![402], ..Rule::meaning(Verdict::OutOfCredit { wait: None }) };
/// let spec = RuleSpec { name: "no money".into(), provider: None, position: 0, enabled: true, rule };
/// let trial = Trial {
///     spec: Some(spec),
///     replaces: None,
///     provider: None,
///     key: None,
///     from: None,
///     to: None,
///     before: None,
///     limit: 100,
/// };
/// // How the failures in the books would be judged with the rule. Nothing changes.
/// let TrialResult { looked_at, changed, .. } = pool.handle().try_rule(&trial).await?;
/// assert_eq!((looked_at, changed.len()), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Trial {
    /// The rule as it would be. `None`: `replaces` would be removed.
    pub spec: Option<RuleSpec>,
    /// The rule whose place it would take. `None`: it would be a new one.
    pub replaces: Option<RuleId>,
    /// Only failures from then on.
    pub from: Option<Timestamp>,
    /// Only failures before.
    pub to: Option<Timestamp>,
    /// Only failures of this key.
    pub key: Option<KeyId>,
    /// Only failures at this provider.
    pub provider: Option<String>,
    /// Only failures that are older than this one.
    pub before: Option<FailurePlace>,
    /// At most so many results.
    pub limit: u32,
}

/// What a trial found, from the newest failure back.
#[derive(Debug, Clone, Default)]
pub struct TrialResult {
    /// Failures that would have been judged differently.
    pub changed: Vec<Rejudged>,
    /// Failures that were looked at, as far as the filter let them through.
    pub looked_at: u64,
    /// Those of which the rule would have decided, differently or not.
    pub decided: u64,
    /// Where to go on. `None`: there are no older failures.
    pub next: Option<FailurePlace>,
}

/// A failure that would have been judged differently.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     caller::TokenSpec,
///     classify::{Rule, RuleSpec, Verdict},
///     handle::{Rejudged, Trial},
///     keys::KeySpec,
///     secret::Secret,
///     testkit::{Reply, Script},
/// };
/// # use bytes::Bytes;
/// # use http_body_util::{BodyExt as _, Full};
/// # use tower::ServiceExt as _;
///
/// let upstream = Script::new().on("sk-a", Reply::error(403, "forbidden", "moody", "not today"));
/// let pool = Pool::builder().transport(upstream).build().await?;
/// pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?;
/// # let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;
/// # let request = http::Request::post("/v1/chat/completions")
/// #     .header("authorization", format!("Bearer {}", token.expose()))
/// #     .body(Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[]}"#)))?;
/// # let Ok(answer) = pool.clone().oneshot(request).await;
/// # answer.into_body().collect().await.map_err(|error| error.to_string())?;
///
/// // After a call: what a rule would have made of its failure.
/// let rule = Rule { code: vec!["moody".into()], ..Rule::meaning(Verdict::OutOfCredit { wait: None }) };
/// let spec = RuleSpec { name: "moody".into(), provider: None, position: 0, enabled: true, rule };
/// let trial = Trial {
///     spec: Some(spec),
///     replaces: None,
///     provider: None,
///     key: None,
///     from: None,
///     to: None,
///     before: None,
///     limit: 100,
/// };
/// let found = pool.handle().try_rule(&trial).await?;
/// let Rejudged { old, new, by_trial, failure, .. } = &found.changed[0];
/// assert_ne!(old, new.as_str());
/// assert_eq!((new.as_str(), *by_trial, failure.evidence.status), ("out_of_credit", true, 403));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rejudged {
    /// The failure as it stands in the books.
    pub failure: StoredFailure,
    /// What it was taken for.
    pub old: String,
    /// For how long, if for any time. `None`: that can not be told from what is kept.
    pub old_wait: Option<Option<Duration>>,
    /// What it would be taken for.
    pub new: Verdict,
    /// The rule that would decide. `None`: the one on trial, or none at all if `by_trial` says so.
    pub rule: Option<RuleId>,
    /// Whether the rule on trial would decide.
    pub by_trial: bool,
}

/// Rules for verdicts.
impl Handle {
    /// All rules, by row.
    #[must_use]
    pub fn rules(&self) -> Vec<OwnRule> {
        self.0.configuration.load().rules.clone()
    }

    /// Adds a rule. It holds for answers from then on.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] naming the field.
    pub async fn add_rule(&self, spec: RuleSpec) -> Result<OwnRule, ChangeError> {
        self.check_rule(&spec)?;
        if self.0.configuration.load().rules.len() >= MOST_RULES {
            let message = format!("there are {MOST_RULES} rules already; remove one first");
            return Err(ChangeError::Invalid { field: "name", message });
        }
        self.change(self.0.store.insert_rule(spec, self.now())).await
    }

    /// Replaces a rule.
    ///
    /// # Errors
    /// As [`add_rule`](Self::add_rule), and [`ChangeError::NotFound`].
    pub async fn change_rule(&self, id: RuleId, spec: RuleSpec) -> Result<OwnRule, ChangeError> {
        self.check_rule(&spec)?;
        self.change(self.0.store.update_rule(id, spec, self.now())).await
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`].
    pub async fn remove_rule(&self, id: RuleId) -> Result<(), ChangeError> {
        self.change(self.0.store.delete_rule(id)).await
    }

    /// Holds a change of rules against failures in the books: which would have been judged differently?
    ///
    /// Looks at 5,000 failures at most; [`TrialResult::next`] says where to go on.
    ///
    /// # Errors
    /// As [`change_rule`](Self::change_rule).
    pub async fn try_rule(&self, trial: &Trial) -> Result<TrialResult, ChangeError> {
        let mut bench = Bench::new(self, trial)?;
        let (mut result, mut before, mut read) = (TrialResult::default(), trial.before, 0);
        loop {
            let page = FailurePage { from: trial.from, to: trial.to, before, limit: READ_AT_ONCE };
            let failures = self.0.store.failures(page).await?;
            let is_last = failures.len() < READ_AT_ONCE as usize;
            for failure in failures {
                (before, read) = (Some(failure.place), read + 1);
                bench.look(failure, &mut result);
                if result.changed.len() >= trial.limit as usize {
                    result.next = before;
                    return Ok(result);
                }
            }
            if is_last || read >= MOST_LOOKED_AT {
                result.next = before.filter(|_| !is_last);
                return Ok(result);
            }
        }
    }

    fn check_rule(&self, spec: &RuleSpec) -> Result<(), ChangeError> {
        spec.check().map_err(|RuleError { field, message }| ChangeError::Invalid { field, message })?;
        match spec.provider.as_deref().filter(|id| self.provider(id).is_none()) {
            Some(id) => {
                Err(ChangeError::Invalid { field: "provider", message: format!("there is no provider `{id}`") })
            }
            None => Ok(()),
        }
    }
}

/// Stands for a rule that has no row yet: behind all others of its position.
const ON_TRIAL: RuleId = RuleId(i64::MAX);

/// What a trial is held with: the rules as they are, and as they would be.
struct Bench<'t> {
    providers: Arc<Presets>,
    trial: &'t Trial,
    now: OwnRulesByProvider,
    then: OwnRulesByProvider,
    on_trial: RuleId,
}

impl<'t> Bench<'t> {
    fn new(handle: &Handle, trial: &'t Trial) -> Result<Self, ChangeError> {
        if let Some(spec) = &trial.spec {
            handle.check_rule(spec)?;
        }
        let (now, on_trial) = (handle.rules(), trial.replaces.unwrap_or(ON_TRIAL));
        if trial.replaces.is_some_and(|id| !now.iter().any(|rule| rule.id == id)) {
            return Err(ChangeError::NotFound);
        }
        let at = handle.now();
        let mut then: Vec<_> = now.iter().filter(|rule| rule.id != on_trial).cloned().collect();
        let own = |spec: &RuleSpec| OwnRule { id: on_trial, create_time: at, update_time: at, spec: spec.clone() };
        then.extend(trial.spec.as_ref().map(own));
        let (now, then) = (OwnRulesByProvider::new(now), OwnRulesByProvider::new(then));
        Ok(Self { providers: handle.0.providers.load_full(), trial, now, then, on_trial })
    }

    fn is_wanted(&self, failure: &StoredFailure) -> bool {
        let (trial, attempt) = (self.trial, &failure.attempt);
        trial.from.is_none_or(|from| from <= attempt.create_time)
            && trial.to.is_none_or(|to| attempt.create_time < to)
            && trial.key.is_none_or(|key| key == attempt.key)
            && trial.provider.as_ref().is_none_or(|provider| *provider == attempt.provider)
    }

    fn look(&mut self, failure: StoredFailure, result: &mut TrialResult) {
        if !self.is_wanted(&failure) {
            return;
        }
        result.looked_at += 1;
        let Some(rejudged) = self.judge(failure) else { return };
        result.decided += u64::from(rejudged.by_trial);
        if rejudged.is_another() {
            result.changed.push(rejudged);
        }
    }

    /// What a failure would be taken for. `None`: rules of operators have nothing to do with it, now or then.
    fn judge(&mut self, failure: StoredFailure) -> Option<Rejudged> {
        let provider = failure.attempt.provider.as_str();
        let signal = Signal::kept(&failure.evidence, failure.attempt.create_time);
        let (now, then) = (self.now.of(provider).judge(&signal), self.then.of(provider).judge(&signal));
        if now.is_none() && then.is_none() {
            return None;
        }
        let known = self.providers.get(provider);
        let built_in = || known.map_or_else(|| classify(&[], &signal), |known| known.classify(&signal));
        let as_judged_now = now.map_or_else(built_in, |(_, verdict)| verdict);
        let (rule, new) = then.map_or_else(|| (None, built_in()), |(id, verdict)| (Some(id), verdict));
        let by_trial = rule == Some(self.on_trial);
        let old = failure.attempt.verdict.clone();
        // The books keep the name of a verdict; its wait is known where the rules still give that name.
        let old_wait = (as_judged_now.as_str() == old).then(|| as_judged_now.wait());
        let rule = rule.filter(|id| *id != ON_TRIAL);
        drop(signal);
        Some(Rejudged { failure, old, old_wait, new, rule, by_trial })
    }
}

impl Rejudged {
    fn is_another(&self) -> bool {
        self.old != self.new.as_str() || self.old_wait.is_some_and(|wait| wait != self.new.wait())
    }
}
