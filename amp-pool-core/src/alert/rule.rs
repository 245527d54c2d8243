//! A rule as its operator wrote it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AlertKind, Level, QuietHours, Severity, Side, observe::Reading};
use crate::{
    id::{AlertRuleId, ChannelId},
    provider::ModelPattern,
    time::Timestamp,
};

/// How far back error rates look, in minutes, at most and usually.
pub(super) const LONGEST_WINDOW: u16 = 60;
const USUAL_WINDOW: u16 = 5;
const USUAL_LEAST_CALLS: u32 = 20;
const USUAL_REPEAT: u32 = 4 * 60 * 60;
/// Nobody waits longer for anything.
const LONGEST_WAIT: u32 = 30 * 24 * 60 * 60;
const SHORTEST_REPEAT: u32 = 60;
const MOST_NAMES: usize = 100;

/// When people are to be told, of what, and how.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     alert::{AlertKind, AlertRule, AlertRuleSpec, Channel, ChannelSpec, QuietHours, Severity},
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let spec = ChannelSpec::new("ops", "webhook").with_secret("url", "https://hooks.example.com/T0");
/// let channel: Channel = pool.handle().add_channel(spec).await?;
///
/// let mut spec = AlertRuleSpec::new("money runs out", AlertKind::BalanceLow);
/// spec.threshold = Some("5".parse()?);
/// spec.severity = Severity::Critical;
/// spec.channels = vec![channel.id];
/// spec.quiet_hours = Some(QuietHours { from: "22:00".parse()?, to: "07:00".parse()?, zone: "Europe/Berlin".parse()? });
/// let rule: AlertRule = pool.handle().add_alert_rule(spec.clone()).await?;
/// assert_eq!(pool.handle().alert_rules().await?[0].id, rule.id);
///
/// // A rule that can not be kept says which field it is.
/// spec.threshold = None;
/// spec.name = String::new();
/// assert_eq!(spec.check().err().map(|problem| problem.field), Some("name"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertRuleSpec {
    /// What people call it.
    pub name: String,
    /// What it looks at.
    pub kind: AlertKind,
    /// A rule that is off says nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
    /// The level at which it is bad. `None`: the usual one of the kind.
    #[serde(default)]
    pub threshold: Option<Level>,
    /// The level beyond which it is good again. `None`: a tenth of the threshold away from it.
    #[serde(default)]
    pub clear_at: Option<Level>,
    /// For how many seconds it has to be bad. `None`: as is usual for the kind.
    #[serde(default)]
    pub for_seconds: Option<u32>,
    /// For how many seconds it has to be good again. `None`: as long as it has to be bad.
    #[serde(default)]
    pub clear_seconds: Option<u32>,
    /// After how many seconds it is said again while it lasts. `None`: it is said once.
    #[serde(default)]
    pub repeat_seconds: Option<u32>,
    /// When it keeps quiet. What begins then and lasts is told when they are over.
    #[serde(default)]
    pub quiet_hours: Option<QuietHours>,
    /// Of what it speaks, by patterns of ids (`key:7`, `model:gpt-*`) or names. Empty: of everything.
    #[serde(default)]
    pub only: Vec<ModelPattern>,
    /// The currency of balances. `None`: US dollars, into which others are turned where a rate is known.
    #[serde(default)]
    pub currency: Option<String>,
    /// What error rates are split by.
    #[serde(default)]
    pub split_by: SplitBy,
    /// Over how many minutes error rates are taken. `None`: five.
    #[serde(default)]
    pub window_minutes: Option<u16>,
    /// How many calls make an error rate. `None`: twenty.
    #[serde(default)]
    pub least_calls: Option<u32>,
    /// Who is told. Empty: nobody; it is noted all the same.
    #[serde(default)]
    pub channels: Vec<ChannelId>,
}

fn yes() -> bool {
    true
}

/// What error rates are split by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AlertSplit"))]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// Calls, all together.
    #[default]
    Pool,
    /// Calls, by the model that was asked for.
    Model,
    /// Attempts, by provider: those count that were made good elsewhere, too.
    Provider,
    /// Attempts, by key.
    Key,
}

/// A rule as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRule {
    /// Its row.
    pub id: AlertRuleId,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// What its operator wrote.
    pub spec: AlertRuleSpec,
}

/// What is wrong with a rule.
///
/// ```
/// use amp_pool_core::alert::{AlertKind, AlertRuleSpec, RuleProblem};
///
/// let mut rule = AlertRuleSpec::new("", AlertKind::KeyDown);
/// let problem: RuleProblem = rule.check().err().ok_or("it has no name")?;
/// assert_eq!(problem.field, "name");
/// rule.name = "a key is down".into();
/// assert_eq!(rule.check(), Ok(()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

impl std::error::Error for RuleProblem {}

/// How a reading looks to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Bad,
    /// No longer bad enough to begin, not yet good enough to end.
    Between,
    Good,
    Unknown,
}

impl AlertRuleSpec {
    /// A rule of `kind` in which everything is as usual.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: AlertKind) -> Self {
        Self {
            name: name.into(),
            kind,
            enabled: true,
            severity: Severity::default(),
            threshold: None,
            clear_at: None,
            for_seconds: None,
            clear_seconds: None,
            repeat_seconds: Some(USUAL_REPEAT),
            quiet_hours: None,
            only: Vec::new(),
            currency: None,
            split_by: SplitBy::default(),
            window_minutes: None,
            least_calls: None,
            channels: Vec::new(),
        }
    }

    /// The level at which it is bad. `None`: there is none.
    #[must_use]
    pub fn threshold(&self) -> Option<Level> {
        self.threshold.or(self.kind.usual_threshold())
    }

    /// The level beyond which it is good again.
    #[must_use]
    pub fn clear_at(&self) -> Option<Level> {
        let usual = |threshold: Level| match self.kind.side() {
            Side::Below => Level(threshold.0.saturating_add(threshold.tenth().0.abs())),
            Side::Above => Level(threshold.0.saturating_sub(threshold.tenth().0.abs())),
            Side::State => threshold,
        };
        self.clear_at.or(self.threshold().map(usual))
    }

    /// For how many seconds it has to be bad.
    #[must_use]
    pub fn for_seconds(&self) -> u32 {
        self.for_seconds.unwrap_or(self.kind.usual_patience())
    }

    /// For how many seconds it has to be good again.
    #[must_use]
    pub fn clear_seconds(&self) -> u32 {
        self.clear_seconds.unwrap_or_else(|| self.for_seconds())
    }

    /// Over how many minutes error rates are taken.
    #[must_use]
    pub fn window_minutes(&self) -> u16 {
        self.window_minutes.unwrap_or(USUAL_WINDOW)
    }

    /// How many calls make an error rate.
    #[must_use]
    pub fn least_calls(&self) -> u32 {
        self.least_calls.unwrap_or(USUAL_LEAST_CALLS)
    }

    /// Whether it keeps quiet at `now`.
    #[must_use]
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        self.quiet_hours.as_ref().is_some_and(|quiet| quiet.covers(now))
    }

    /// Whether it speaks of the subject with this id and name.
    #[must_use]
    pub fn is_about(&self, id: &str, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|pattern| pattern.matches(id) || pattern.matches(name))
    }

    /// What a reading means for it.
    pub(super) fn look(&self, reading: &Reading) -> Look {
        let (level, threshold, clear_at) = match (reading, self.threshold(), self.clear_at()) {
            (Reading::Bad, ..) => return Look::Bad,
            (Reading::Good, ..) => return Look::Good,
            (Reading::Level(level), Some(threshold), Some(clear_at)) => (*level, threshold, clear_at),
            _ => return Look::Unknown,
        };
        let (is_bad, is_good) = match self.kind.side() {
            Side::Below => (level <= threshold, level > clear_at),
            Side::Above => (level >= threshold, level < clear_at),
            Side::State => return Look::Unknown,
        };
        match (is_bad, is_good) {
            (true, _) => Look::Bad,
            (false, true) => Look::Good,
            (false, false) => Look::Between,
        }
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// The first field that does not.
    pub fn check(&self) -> Result<(), RuleProblem> {
        let length = self.name.trim().chars().count();
        ensure((1..=100).contains(&length), "name", "a rule has a name of 1 to 100 characters")?;
        self.check_levels()?;
        self.check_waits()?;
        self.check_scope()
    }

    fn check_levels(&self) -> Result<(), RuleProblem> {
        let side = self.kind.side();
        let has_level = self.threshold.is_some() || self.clear_at.is_some();
        ensure(side != Side::State || !has_level, "threshold", "this kind has no threshold: it is bad or it is not")?;
        let (Some(threshold), Some(clear_at)) = (self.threshold(), self.clear_at()) else { return Ok(()) };
        ensure(threshold >= Level::whole(0), "threshold", "a threshold is not negative")?;
        let is_percent = self.kind.unit() == super::Unit::Percent;
        ensure(!is_percent || threshold <= Level::whole(1_000), "threshold", "a threshold in percent is at most 1000")?;
        match side {
            Side::Below => ensure(clear_at >= threshold, "clear_at", "it is not below the threshold"),
            _ => ensure(clear_at <= threshold, "clear_at", "it is not above the threshold"),
        }
    }

    fn check_waits(&self) -> Result<(), RuleProblem> {
        let is_short = |seconds: Option<u32>| seconds.is_none_or(|seconds| seconds <= LONGEST_WAIT);
        ensure(is_short(self.for_seconds), "for_seconds", "at most thirty days")?;
        ensure(is_short(self.clear_seconds), "clear_seconds", "at most thirty days")?;
        let repeat = self.repeat_seconds.unwrap_or(USUAL_REPEAT);
        ensure((SHORTEST_REPEAT..=LONGEST_WAIT).contains(&repeat), "repeat_seconds", "from a minute to thirty days")
    }

    fn check_scope(&self) -> Result<(), RuleProblem> {
        ensure(self.only.len() <= MOST_NAMES, "only", "at most 100 patterns")?;
        ensure(self.channels.len() <= MOST_NAMES, "channels", "at most 100 channels")?;
        let is_code = |code: &str| (1..=20).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric());
        ensure(self.currency.as_deref().is_none_or(is_code), "currency", "a code such as `CNY`")?;
        let window = self.window_minutes();
        ensure((1..=LONGEST_WINDOW).contains(&window), "window_minutes", "from 1 to 60 minutes")?;
        ensure(self.least_calls() >= 1, "least_calls", "at least 1")
    }
}

fn ensure(holds: bool, field: &'static str, message: &str) -> Result<(), RuleProblem> {
    if holds { Ok(()) } else { Err(RuleProblem { field, message: message.into() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(text: &str) -> Level {
        text.parse().unwrap()
    }

    #[test]
    fn a_level_that_is_bad_is_not_good_again_at_once() {
        let low = AlertRuleSpec::new("low", AlertKind::BalanceLow);
        let used = AlertRuleSpec::new("used", AlertKind::BudgetUsed);
        let check = |rule: &AlertRuleSpec, at: &str, expected| {
            assert_eq!(rule.look(&Reading::Level(level(at))), expected, "{at}");
        };
        check(&low, "5", Look::Bad);
        check(&low, "5.5", Look::Between);
        check(&low, "5.51", Look::Good);
        check(&low, "-1", Look::Bad);
        check(&used, "80", Look::Bad);
        check(&used, "72", Look::Between);
        check(&used, "71.9", Look::Good);
    }

    #[test]
    fn what_makes_no_sense_is_named_by_its_field() {
        type Change = fn(&mut AlertRuleSpec);
        let check = |kind, change: Change, expected: Option<&'static str>| {
            let mut rule = AlertRuleSpec::new("rule", kind);
            change(&mut rule);
            assert_eq!(rule.check().err().map(|problem| problem.field), expected, "{rule:?}");
        };
        for kind in AlertKind::ALL {
            check(kind, |_| {}, None);
        }
        check(AlertKind::KeyDown, |rule| rule.name = " ".into(), Some("name"));
        check(AlertKind::KeyDown, |rule| rule.threshold = Some(Level(1)), Some("threshold"));
        check(AlertKind::BalanceLow, |rule| rule.threshold = Some(Level(-1)), Some("threshold"));
        check(AlertKind::BalanceLow, |rule| rule.clear_at = Some(Level(1)), Some("clear_at"));
        check(AlertKind::BudgetUsed, |rule| rule.clear_at = Some(Level::whole(81)), Some("clear_at"));
        check(AlertKind::ErrorRate, |rule| rule.window_minutes = Some(0), Some("window_minutes"));
        check(AlertKind::ErrorRate, |rule| rule.least_calls = Some(0), Some("least_calls"));
        check(AlertKind::ErrorRate, |rule| rule.repeat_seconds = Some(1), Some("repeat_seconds"));
        check(AlertKind::ErrorRate, |rule| rule.for_seconds = Some(u32::MAX), Some("for_seconds"));
        check(AlertKind::BalanceLow, |rule| rule.currency = Some("¥".into()), Some("currency"));
    }

    #[test]
    fn a_rule_speaks_of_what_it_names() {
        let only = vec!["key:7".parse().unwrap(), "team*".parse().unwrap()];
        let rule = AlertRuleSpec { only, ..AlertRuleSpec::new("rule", AlertKind::KeyDown) };
        for (id, name, expected) in [("key:7", "x", true), ("key:70", "x", false), ("key:1", "team A", true)] {
            assert_eq!(rule.is_about(id, name), expected, "{id} {name}");
        }
    }

    #[test]
    fn a_stored_rule_is_read_back() {
        let rule = AlertRuleSpec {
            threshold: Some(level("2.5")),
            quiet_hours: serde_json::from_str(r#"{"from":"22:00","to":"07:00","zone":"Europe/Berlin"}"#).unwrap(),
            only: vec!["key:*".parse().unwrap()],
            channels: vec![ChannelId(3)],
            ..AlertRuleSpec::new("rule", AlertKind::BalanceLow)
        };
        let text = serde_json::to_string(&rule).unwrap();
        assert_eq!(serde_json::from_str::<AlertRuleSpec>(&text).unwrap(), rule);
        let old = r#"{"name":"old","kind":"key_down"}"#;
        assert!(serde_json::from_str::<AlertRuleSpec>(old).unwrap().enabled);
    }
}
