//! What is known at one moment, for rules to look at.

use super::Level;
use crate::{budget::Scope, id::KeyId, keys::KeyState, money::NanoUsd};

/// Everything that rules look at. What was not looked up is `None`, and changes nothing.
///
/// ```
/// use amp_pool_core::{
///     alert::{self, AlertKind, AlertRuleSpec, Facts, KeyFact, Observation, Reading, StoreFact, Traffic},
///     id::KeyId,
///     keys::KeyState,
///     time::Timestamp,
/// };
///
/// let key = KeyFact {
///     id: KeyId(7),
///     name: "mine".into(),
///     provider: "openai".into(),
///     state: KeyState::OutOfCredit,
///     reason: Some("insufficient_quota".into()),
///     balance: None,
///     usd: None,
///     days_left: None,
/// };
/// let store = StoreFact { is_writing: true, trouble: None };
/// let facts = Facts { keys: Some(vec![key]), store: Some(store), ..Facts::default() };
/// let rule = AlertRuleSpec::new("a key is down", AlertKind::KeyDown);
/// let (traffic, now) = (Traffic::default(), Timestamp::from_millis(0));
/// let seen: Vec<Observation> = alert::observe(&rule, &facts, &traffic, now).ok_or("it could look")?;
/// assert!(matches!(seen[0].reading, Reading::Bad));
///
/// // Who has no facts has seen nothing, which is not the same as that all is well.
/// assert!(alert::observe(&rule, &Facts::default(), &traffic, now).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Which process this is, where several share a store. Empty where there is only one.
    pub node: String,
    /// Keys that are switched on.
    pub keys: Option<Vec<KeyFact>>,
    /// Budgets.
    pub budgets: Option<Vec<BudgetFact>>,
    /// Models that callers can name.
    pub models: Option<Vec<ModelFact>>,
    /// The books.
    pub store: Option<StoreFact>,
    /// Whether balances of `keys` were looked up.
    pub has_balances: bool,
}

/// A key that is switched on.
#[derive(Debug, Clone)]
pub struct KeyFact {
    /// Its row.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub provider: String,
    /// Its state as a whole.
    pub state: KeyState,
    /// Why it is in it.
    pub reason: Option<String>,
    /// What is left, and in which currency.
    pub balance: Option<(Level, String)>,
    /// What is left in US dollars, where that is known.
    pub usd: Option<Level>,
    /// For how many days that lasts.
    pub days_left: Option<Level>,
}

/// A budget.
///
/// ```
/// use amp_pool_core::{
///     alert::{self, AlertKind, AlertRuleSpec, BudgetFact, Facts, Level, ModelFact, Reading, Traffic},
///     budget::Scope,
///     time::Timestamp,
/// };
///
/// let (traffic, now) = (Traffic::default(), Timestamp::from_millis(0));
/// let budget = BudgetFact { scope: Scope::Site, name: "all".into(), limit: "100".parse()?, used: "85".parse()? };
/// let model = ModelFact { model: "gpt-5".into(), keys: 2, is_served: false };
/// let facts = Facts { budgets: Some(vec![budget]), models: Some(vec![model]), ..Facts::default() };
///
/// let rule = AlertRuleSpec::new("much is spent", AlertKind::BudgetUsed);
/// let seen = alert::observe(&rule, &facts, &traffic, now).ok_or("it could look")?;
/// assert!(matches!(seen[0].reading, Reading::Level(level) if level == Level::whole(85)));
/// let rule = AlertRuleSpec::new("nobody answers", AlertKind::NoKeyForModel);
/// let seen = alert::observe(&rule, &facts, &traffic, now).ok_or("it could look")?;
/// assert!(matches!(seen[0].reading, Reading::Bad));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct BudgetFact {
    /// Whose it is.
    pub scope: Scope,
    /// What people call that.
    pub name: String,
    /// What may be spent.
    pub limit: NanoUsd,
    /// What is spent and held.
    pub used: NanoUsd,
}

/// A model that callers can name.
#[derive(Debug, Clone)]
pub struct ModelFact {
    /// Its name.
    pub model: String,
    /// How many keys serve it.
    pub keys: usize,
    /// Whether one of them is fit.
    pub is_served: bool,
}

/// How the books are.
#[derive(Debug, Clone)]
pub struct StoreFact {
    /// Whether the last transaction was written.
    pub is_writing: bool,
    /// Why something could not be read, if so.
    pub trouble: Option<String>,
}
