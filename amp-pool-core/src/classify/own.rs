//! Rules of operators: what they say about answers, before what the program knows.

use std::{collections::HashMap, fmt, sync::Arc};

use http::HeaderName;

use super::{DecidedBy, Judgement, Rule, Signal, Verdict, rule};
use crate::{id::RuleId, time::Timestamp};

/// How many rules there may be: each failure is held against all of its provider's.
pub const MOST_RULES: usize = 200;
/// How many words a condition may list, and how long each may be.
const MOST_WORDS: usize = 50;
const LONGEST_WORD: usize = 500;
const LONGEST_NAME: usize = 200;
/// Nothing rests longer by a rule: after that somebody is to look again.
const LONGEST_WAIT_SECONDS: u64 = 32 * 86_400;

/// A rule as its operator wrote it.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     classify::{OwnRule, Rule, RuleSpec, Verdict},
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// // A relay that says with a status of its own that a key has no money.
/// let no_money = Rule::meaning(Verdict::OutOfCredit { wait: None });
/// let rule = Rule { status: vec![418], pattern: vec!["^no points left".parse()?], ..no_money };
/// let spec = RuleSpec { name: "points".into(), provider: Some("custom".into()), position: 0, enabled: true, rule };
/// let kept: OwnRule = pool.handle().add_rule(spec.clone()).await?;
/// assert_eq!(pool.handle().rules()[0].id, kept.id);
///
/// let wrong = RuleSpec { name: String::new(), ..spec }.check().err().ok_or("it has no name")?;
/// assert_eq!(wrong.field, "name");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSpec {
    /// What people call it.
    pub name: String,
    /// For answers of this provider. `None`: of all.
    pub provider: Option<String>,
    /// A rule that is off is not asked.
    pub enabled: bool,
    /// Rules are asked from the lowest position to the highest, and those of one position in the order they were made.
    /// The first that matches decides.
    pub position: i32,
    /// What to look for, and what it means.
    pub rule: Rule,
}

/// A rule as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRule {
    /// Its row.
    pub id: RuleId,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub update_time: Timestamp,
    /// What the operator wrote.
    pub spec: RuleSpec,
}

/// Why a rule is not taken.
///
/// ```
/// use amp_pool_core::classify::{Rule, RuleError, RuleSpec, Verdict};
///
/// // A rule that matches everything would judge every failure.
/// let rule = Rule::meaning(Verdict::Rotate);
/// let spec = RuleSpec { name: "all".into(), provider: None, position: 0, enabled: true, rule };
/// let error: RuleError = spec.check().err().ok_or("it has no condition")?;
/// assert!(!error.message.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The field that is wrong.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

impl std::error::Error for RuleError {}

fn wrong<T>(field: &'static str, message: impl Into<String>) -> Result<T, RuleError> {
    Err(RuleError { field, message: message.into() })
}

impl RuleSpec {
    /// Whether it can be used. To be asked when it is written; whether its provider is known is for others to say.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), RuleError> {
        if self.name.trim().is_empty() || self.name.chars().count() > LONGEST_NAME {
            return wrong("name", format!("a rule needs a name of at most {LONGEST_NAME} characters"));
        }
        check_conditions(&self.rule)?;
        check_meaning(&self.rule)
    }
}

fn check_conditions(rule: &Rule) -> Result<(), RuleError> {
    let Rule { status, code, text, pattern, body, header, .. } = rule;
    if let Some(status) = status.iter().find(|status| !(100..600).contains(*status)) {
        return wrong("status", format!("{status} is no HTTP status; an error inside a stream counts as 200"));
    }
    check_words("code", code)?;
    check_words("text", text)?;
    for (field, count) in [("status", status.len()), ("pattern", pattern.len())] {
        if count > MOST_WORDS {
            return wrong(field, format!("a condition lists at most {MOST_WORDS}"));
        }
    }
    if header.as_ref().is_some_and(|name| HeaderName::try_from(name.as_str()).is_err()) {
        return wrong("header", "this is no name of a header");
    }
    if status.is_empty() && !rule.reads_more_than_the_status() && body.is_none() {
        return wrong("status", "a rule needs a condition: `status`, `code`, `text`, `pattern`, `body` or `header`");
    }
    Ok(())
}

fn check_words(field: &'static str, words: &[String]) -> Result<(), RuleError> {
    if words.len() > MOST_WORDS {
        return wrong(field, format!("a condition lists at most {MOST_WORDS}"));
    }
    let is_word = |word: &String| !word.trim_start_matches('^').trim().is_empty() && word.len() <= LONGEST_WORD;
    match words.iter().find(|word| !is_word(word)) {
        Some(_) => wrong(field, format!("each entry has 1 to {LONGEST_WORD} bytes")),
        None => Ok(()),
    }
}

fn check_meaning(rule: &Rule) -> Result<(), RuleError> {
    let Rule { verdict, wait_seconds, fixed_wait, until, utc_offset_hours, .. } = rule;
    let waits = verdict.waiting(Some(std::time::Duration::ZERO)).wait().is_some();
    if *verdict == Verdict::Answer {
        return wrong("verdict", "a failure can not be called an answer");
    }
    if !waits && (wait_seconds.is_some() || until.is_some()) {
        return wrong("wait_seconds", format!("`{verdict}` knows no wait"));
    }
    if wait_seconds.is_some_and(|wait| wait > LONGEST_WAIT_SECONDS) {
        return wrong("wait_seconds", format!("nothing waits longer than {LONGEST_WAIT_SECONDS} seconds"));
    }
    if *fixed_wait && wait_seconds.is_none() {
        return wrong("fixed_wait", "a fixed wait needs `wait_seconds`");
    }
    if !(-12..=14).contains(utc_offset_hours) {
        return wrong("utc_offset_hours", "zones lie between -12 and 14 hours from UTC");
    }
    Ok(())
}

/// The rules of operators for the answers of one provider, in their order. Cloning it is cheap.
///
/// ```
/// use amp_pool_core::{
///     classify::{DecidedBy, OwnRule, OwnRules, Rule, RuleSpec, Signal, Verdict},
///     id::RuleId,
///     time::Timestamp,
/// };
///
/// let now = Timestamp::from_millis(0);
/// let rule = Rule { status: vec![418], ..Rule::meaning(Verdict::Rotate) };
/// let spec = RuleSpec { name: "teapot".into(), provider: None, position: 0, enabled: true, rule };
/// let rules = OwnRules::of(&[OwnRule { id: RuleId(1), create_time: now, update_time: now, spec }], "openai");
///
/// let headers = http::HeaderMap::new();
/// let judged = rules.judgement(&Signal::response(http::StatusCode::IM_A_TEAPOT, &headers, b"", now)).ok_or("it matches")?;
/// assert_eq!(judged.verdict, Verdict::Rotate);
/// assert!(matches!(judged.by, Some(DecidedBy::Operator { rule_id: RuleId(1), .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct OwnRules(Arc<[OwnRule]>);

impl OwnRules {
    /// Those of `rules` that hold for `provider`.
    #[must_use]
    pub fn of<'r>(rules: impl IntoIterator<Item = &'r OwnRule>, provider: &str) -> Self {
        let holds =
            |rule: &&OwnRule| rule.spec.enabled && rule.spec.provider.as_deref().is_none_or(|only| only == provider);
        let mut found: Vec<_> = rules.into_iter().filter(holds).collect();
        found.sort_by_key(|rule| (rule.spec.position, rule.id));
        Self(found.into_iter().cloned().collect())
    }

    /// What they say about an answer, and which of them decided. `None`: nothing.
    #[must_use]
    pub fn judge(&self, signal: &Signal<'_>) -> Option<(RuleId, Verdict)> {
        let (own, verdict) = self.decide(signal)?;
        Some((own.id, verdict))
    }

    /// The same, to be written down.
    #[must_use]
    pub fn judgement(&self, signal: &Signal<'_>) -> Option<Judgement> {
        let (own, verdict) = self.decide(signal)?;
        let by = DecidedBy::Operator { rule_id: own.id, name: own.spec.name.clone() };
        Some(Judgement { verdict, by: Some(by) })
    }

    fn decide(&self, signal: &Signal<'_>) -> Option<(&OwnRule, Verdict)> {
        let Signal { heard, now } = signal;
        let own = self.0.iter().find(|own| own.spec.rule.matches(heard)).filter(|_| !heard.is_answer())?;
        Some((own, rule::verdict(&own.spec.rule, heard, *now)))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Rules by provider, each list made once.
///
/// ```
/// use amp_pool_core::{
///     classify::{OwnRule, OwnRulesByProvider, Rule, RuleSpec, Verdict},
///     id::RuleId,
///     time::Timestamp,
/// };
///
/// let now = Timestamp::from_millis(0);
/// let spec = RuleSpec {
///     name: "groq is moody".into(),
///     provider: Some("groq".into()),
///     enabled: true,
///     position: 0,
///     rule: Rule { status: vec![418], ..Rule::meaning(Verdict::Rotate) },
/// };
/// let rule = OwnRule { id: RuleId(1), create_time: now, update_time: now, spec };
/// // A thousand keys of one provider share one list.
/// let mut rules = OwnRulesByProvider::new(vec![rule]);
/// assert!(!rules.of("groq").is_empty());
/// assert!(rules.of("openai").is_empty());
/// ```
#[derive(Debug, Default)]
pub struct OwnRulesByProvider {
    rules: Vec<OwnRule>,
    made: HashMap<String, OwnRules>,
}

impl OwnRulesByProvider {
    /// Lists of `rules`.
    #[must_use]
    pub fn new(rules: Vec<OwnRule>) -> Self {
        Self { rules, made: HashMap::new() }
    }

    /// Those that hold for `provider`.
    pub fn of(&mut self, provider: &str) -> OwnRules {
        if let Some(made) = self.made.get(provider) {
            return made.clone();
        }
        let made = OwnRules::of(&self.rules, provider);
        self.made.insert(provider.to_owned(), made.clone());
        made
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn own(id: i64, position: i32, provider: Option<&str>, rule: &str) -> OwnRule {
        let spec = RuleSpec {
            name: format!("rule {id}"),
            provider: provider.map(str::to_owned),
            enabled: true,
            position,
            rule: serde_json::from_str(rule).unwrap(),
        };
        OwnRule { id: RuleId(id), create_time: NOW, update_time: NOW, spec }
    }

    fn judged(rules: &[OwnRule], provider: &str, status: u16, body: &str) -> Option<(i64, String)> {
        let headers = HeaderMap::new();
        let signal = Signal::response(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes(), NOW);
        OwnRules::of(rules, provider).judge(&signal).map(|(id, verdict)| (id.0, verdict.to_string()))
    }

    #[test]
    fn the_first_by_position_and_then_by_age_decides() {
        let rules = [
            own(1, 5, None, r#"{"status": [403], "verdict": "rotate"}"#),
            own(2, 0, Some("openai"), r#"{"text": ["suspended"], "verdict": "blocked"}"#),
            own(3, 0, None, r#"{"pattern": ["^suspend(ed)? for \\d+ days"], "verdict": "out_of_credit"}"#),
        ];
        let body = r#"{"error": {"message": "Suspended for 3 days"}}"#;
        assert_eq!(judged(&rules, "openai", 403, body), Some((2, "blocked".into())));
        assert_eq!(judged(&rules, "groq", 403, body), Some((3, "out_of_credit".into())));
        assert_eq!(judged(&rules, "groq", 403, "{}"), Some((1, "rotate".into())));
        assert_eq!(judged(&rules, "groq", 500, "{}"), None);
        assert_eq!(judged(&rules, "groq", 200, "suspended for 3 days"), None, "an answer is not judged");
    }

    #[test]
    fn a_rule_that_is_off_is_not_asked() {
        let mut rule = own(1, 0, None, r#"{"status": [403], "verdict": "rotate"}"#);
        rule.spec.enabled = false;
        assert_eq!(judged(&[rule], "openai", 403, "{}"), None);
    }

    #[test]
    fn a_fixed_wait_holds_whatever_the_answer_asks_for() {
        let body = r#"{"error": {"message": "try again in 5s"}}"#;
        let wait = |rule: &str| {
            let headers = HeaderMap::new();
            let signal = Signal::response(StatusCode::TOO_MANY_REQUESTS, &headers, body.as_bytes(), NOW);
            OwnRules::of(&[own(1, 0, None, rule)], "x").judge(&signal).unwrap().1.wait().unwrap().as_secs()
        };
        let rule = |fixed: bool| {
            format!(r#"{{"status": [429], "verdict": "key_limited", "wait_seconds": 60, "fixed_wait": {fixed}}}"#)
        };
        assert_eq!((wait(&rule(false)), wait(&rule(true))), (5, 60));
    }

    fn check(rule: &str, field: &str) {
        let refused = own(1, 0, None, rule).spec.check().unwrap_err();
        assert_eq!(refused.field, field, "{rule}: {refused}");
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_named() {
        check(r#"{"verdict": "rotate"}"#, "status");
        check(r#"{"status": [99], "verdict": "rotate"}"#, "status");
        check(r#"{"text": ["^"], "verdict": "rotate"}"#, "text");
        check(r#"{"code": [""], "verdict": "rotate"}"#, "code");
        check(r#"{"header": "not a name", "verdict": "rotate"}"#, "header");
        check(r#"{"status": [403], "verdict": "answer"}"#, "verdict");
        check(r#"{"status": [403], "verdict": "rotate", "wait_seconds": 5}"#, "wait_seconds");
        check(r#"{"status": [403], "verdict": "blocked", "wait_seconds": 99999999}"#, "wait_seconds");
        check(r#"{"status": [403], "verdict": "blocked", "fixed_wait": true}"#, "fixed_wait");
        check(r#"{"status": [403], "verdict": "blocked", "utc_offset_hours": 20}"#, "utc_offset_hours");
        let mut nameless = own(1, 0, None, r#"{"status": [403], "verdict": "rotate"}"#).spec;
        assert_eq!(nameless.check(), Ok(()));
        nameless.name = " ".into();
        assert_eq!(nameless.check().unwrap_err().field, "name");
    }

    #[test]
    fn a_pattern_can_not_be_made_to_take_long() {
        let hostile = own(1, 0, None, r#"{"pattern": ["(a+)+$"], "verdict": "rotate"}"#);
        let body = format!("{}!", "a".repeat(1_999));
        assert_eq!(judged(&[hostile], "x", 500, &body), None);
    }
}
